"""Copies of light curves in flat columns, changed in bulk."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sklearn_tde.datasets._colors import redshift_to_distance

#: Boone (2019): a copy is at most this many times as far in redshift as its parent.
LARGEST_REDSHIFT_RATIO = 5.0
#: How often a redshift at which too little is detected is drawn again, nearer to the parent's.
N_TRIES = 8
#: Detections that a copy at a higher redshift must have, unless its parent has fewer.
MIN_DETECTIONS = 2
#: Below this significance an error is mostly that of the sky.
FAINT_SNR = 10.0


@dataclass(frozen=True)
class Copies:
    """Observations of copies in flat columns, sorted by time within each copy.

    Attributes
    ----------
    row : ndarray of shape (n_observations,), dtype int64
        Row of the observation among those of the parents.
    position : ndarray of shape (n_observations,), dtype int64
        Position of the copy that the observation belongs to, ascending.
    time, flux, flux_err : ndarray of shape (n_observations,), dtype float64
        Days and microjansky.
    n_copies : int
        Number of copies, those without observations included.
    """

    row: np.ndarray
    position: np.ndarray
    time: np.ndarray
    flux: np.ndarray
    flux_err: np.ndarray
    n_copies: int

    def __getitem__(self, kept: np.ndarray) -> Copies:
        """Return the observations that a mask keeps; every copy stays."""
        columns = ("row", "position", "time", "flux", "flux_err")
        return replace(self, **{name: getattr(self, name)[kept] for name in columns})

    @property
    def snr(self) -> np.ndarray:
        """Flux in units of its error, shape (n_observations,)."""
        return self.flux / self.flux_err

    def count(self, marked: np.ndarray | None = None) -> np.ndarray:
        """Count the (marked) observations of each copy, shape (n_copies,)."""
        position = self.position if marked is None else self.position[marked]
        return np.bincount(position, minlength=self.n_copies)


def copy_rows(offsets: np.ndarray, parents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the parent's row and the position of the copy for every observation of the copies."""
    lengths = np.diff(offsets)[parents]
    position = np.repeat(np.arange(len(parents)), lengths)
    before = np.cumsum(lengths) - lengths
    row = np.arange(len(position)) - np.repeat(before - offsets[parents], lengths)
    return row, position


def kept_with_brightest(copies: Copies, keep: np.ndarray) -> np.ndarray:
    """Return `keep` with the most significant observation of every copy that would be empty."""
    lost = (copies.count() > 0) & (copies.count(keep) == 0)
    if not lost.any():
        return keep
    rows = np.flatnonzero(lost[copies.position])
    rows = rows[np.lexsort((copies.snr[rows], copies.position[rows]))]
    last = np.append(np.diff(copies.position[rows]) != 0, True)
    keep = keep.copy()
    keep[rows[last]] = True
    return keep


def truncated(
    copies: Copies, start: np.ndarray, share: float, random_state: np.random.RandomState
) -> np.ndarray:
    """Mark what is left when a share of the copies ends early, at any observation since `start`."""
    cut = random_state.random_sample(copies.n_copies) < share
    depth = random_state.random_sample(copies.n_copies)
    total = copies.count()
    before = copies.count(copies.time < start[copies.position])
    last = before + np.floor(depth * (total - before)).astype(np.int64)
    rank = np.arange(len(copies.row)) - np.repeat(np.cumsum(total) - total, total)
    return ~cut[copies.position] | (rank <= last[copies.position])


def thinned(copies: Copies, drop: float, random_state: np.random.RandomState) -> np.ndarray:
    """Mark what is left when each copy loses a share of its observations, 0 to `drop`."""
    share = drop * random_state.random_sample(copies.n_copies)
    return random_state.random_sample(len(copies.row)) >= share[copies.position]


def draw_redshifts(
    redshift: np.ndarray, factor: float, random_state: np.random.RandomState
) -> np.ndarray:
    """Draw a redshift at or above each, evenly in log(1 + z); the same where it is unknown."""
    known = np.isfinite(redshift) & (redshift > 0)
    z = np.where(known, redshift, 0.0)
    largest = np.minimum(np.log1p(z) + np.log(factor), np.log1p(LARGEST_REDSHIFT_RATIO * z))
    drawn = np.log1p(z) + random_state.random_sample(len(z)) * (largest - np.log1p(z))
    return np.where(known, np.expm1(drawn), redshift)


def moved(
    copies: Copies, old: np.ndarray, new: np.ndarray, sky: np.ndarray, detection_snr: float
) -> tuple[Copies, np.ndarray, np.ndarray]:
    """Return the copies as seen from higher redshifts, without the noise that they then need.

    Parameters
    ----------
    copies : Copies
        As seen from the redshifts `old`.
    old, new : ndarray of shape (n_copies,)
        Redshifts; where `new` is not above `old`, the copy stays as it is.
    sky : ndarray of shape (n_observations,)
        Error of a source of no flux.
    detection_snr : float
        Significance of a detection. Where too few would be left, the copy comes nearer, if need
        be back to its parent.

    Returns
    -------
    copies : Copies
        Times since the first observation dilated, fluxes dimmed, errors those of the survey at
        the fainter flux.
    redshift : ndarray of shape (n_copies,)
        The redshifts they have come to.
    variance : ndarray of shape (n_observations,)
        Variance of the noise that dimming has taken away with the flux.
    """
    enough = np.minimum(copies.count(copies.snr >= detection_snr), MIN_DETECTIONS)
    for left in range(N_TRIES, -1, -1):
        seen, fading = _seen_from(copies, old, new, sky)
        lost = (new > old) & (seen.count(seen.snr >= detection_snr) < enough)
        if not lost.any():
            break
        nearer = np.sqrt((1.0 + old) * (1.0 + new)) - 1.0 if left > 1 else old
        new = np.where(lost, nearer, new)
    variance = seen.flux_err**2 - (fading * copies.flux_err) ** 2
    return seen, new, np.maximum(variance, 0.0)


def _seen_from(
    copies: Copies, old: np.ndarray, new: np.ndarray, sky: np.ndarray
) -> tuple[Copies, np.ndarray]:
    """Return the copies at other redshifts and the factor on each flux, shape (n_observations,).

    The spectrum is taken as flat in frequency: colours stay.
    """
    far = new > old
    stretch, fading = np.ones(copies.n_copies), np.ones(copies.n_copies)
    stretch[far] = (1.0 + new[far]) / (1.0 + old[far])
    farther = redshift_to_distance(new[far]) - redshift_to_distance(old[far])
    fading[far] = np.minimum(stretch[far] * 10.0 ** (-0.4 * farther), 1.0)
    position = copies.position
    first = np.full(copies.n_copies, np.inf)
    np.minimum.at(first, position, copies.time)
    time = first[position] + (copies.time - first[position]) * stretch[position]
    factor = fading[position]
    # Photon noise falls with the flux, that of the sky stays.
    background = np.minimum(sky, copies.flux_err) ** 2
    error = np.sqrt(background + (copies.flux_err**2 - background) * factor)
    same = ~far[position]
    seen = replace(
        copies,
        time=np.where(same, copies.time, time),
        flux=copies.flux * factor,
        flux_err=np.where(same, copies.flux_err, error),
    )
    return seen, factor


def survey_depth(
    flux: np.ndarray, flux_err: np.ndarray, band: np.ndarray, n_bands: int
) -> np.ndarray:
    """Return the error of a source of no flux in each band, shape (n_bands,).

    The median error of the observations below 10 sigma; without any, the smallest error.
    """
    sky = np.zeros(n_bands)
    for code in range(n_bands):
        errors = flux_err[band == code]
        faint = flux_err[(band == code) & (flux < FAINT_SNR * flux_err)]
        if len(errors):
            sky[code] = np.median(faint) if len(faint) else errors.min()
    return sky
