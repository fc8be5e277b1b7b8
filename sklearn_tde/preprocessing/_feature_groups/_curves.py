"""Light curves as the groups of features read them, and what several groups need of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sklearn_tde.light_curves import FlatLightCurves
from sklearn_tde.preprocessing._feature_groups._surface import (
    WAVELENGTHS,
    Surface,
    fit_surface,
)
from sklearn_tde.preprocessing._start import EDGE, ROUNDING, start_times

#: Days before t = 0 that still belong to the rise of the flare.
LEAD = 30.0
#: Signal-to-noise ratio from which on a flux has a magnitude.
MAGNITUDE_SNR = 3.0
#: Days to either side over which fluxes are averaged to find the peak and crossings of levels.
SMOOTHING = 2.5
#: Neighbours on either side in that average: time series of many points per night stay cheap.
MAX_NEIGHBOURS = 32
#: Magnitudes added in quadrature to the error of a magnitude: no point counts for all others.
MAGNITUDE_FLOOR = 0.02
#: Magnitudes per relative change of the flux.
POGSON = 2.5 / np.log(10.0)
#: Detections in a band from which on its peak can be the reference of the object.
_ENOUGH_DETECTIONS = 3


@dataclass(frozen=True)
class Curves:
    """Observations of a batch of objects in flat columns, and what is derived from them.

    A value per object and band is an array of shape (n_objects, n_bands), NaN where the band has
    no detection between t = 0 and the end of the window.

    Attributes
    ----------
    position : ndarray of shape (n_rows,), dtype int64
        Position of the object of each row. Rows are sorted by object, time and band.
    since : ndarray of shape (n_rows,), dtype float64
        Days since t = 0, of the source's frame if so asked.
    band : ndarray of shape (n_rows,), dtype int16
        Position of the row's band in `bands`.
    flux, flux_err : ndarray of shape (n_rows,), dtype float64
        Flux and its error, corrected for extinction if so asked.
    offsets : ndarray of shape (n_objects + 1,), dtype int64
        The rows of object ``i`` are ``offsets[i]`` to ``offsets[i + 1] - 1``.
    bands : tuple of str
        Names of the bands, from blue to red.
    duration : float
        Days after t = 0 at which the window ends.
    detection_snr : float
        Signal-to-noise ratio of a detection.
    redshift : ndarray of shape (n_objects,) or None
        Redshift of each object if days are those of the source.
    """

    position: np.ndarray
    since: np.ndarray
    band: np.ndarray
    flux: np.ndarray
    flux_err: np.ndarray
    offsets: np.ndarray
    bands: tuple[str, ...]
    duration: float
    detection_snr: float
    redshift: np.ndarray | None = None

    @property
    def n_objects(self) -> int:
        """Number of objects, those without rows included."""
        return len(self.offsets) - 1

    @property
    def n_bands(self) -> int:
        """Number of bands."""
        return len(self.bands)

    @property
    def n_groups(self) -> int:
        """Number of pairs of an object and a band."""
        return self.n_objects * self.n_bands

    @cached_property
    def group(self) -> np.ndarray:
        """Object and band of each row: ``position * n_bands + band``."""
        return self.position * self.n_bands + self.band

    @cached_property
    def by_band(self) -> np.ndarray:
        """Rows in the order of object, band and time."""
        return np.argsort(self.group, kind="stable")

    @cached_property
    def snr(self) -> np.ndarray:
        """Signal-to-noise ratio of each row."""
        return self.flux / self.flux_err

    @cached_property
    def is_detection(self) -> np.ndarray:
        """Whether each row is a detection."""
        return at_least(self.snr, self.detection_snr)

    @cached_property
    def is_main(self) -> np.ndarray:
        """Whether each row lies in the window, from t = 0 to `duration`."""
        return between(self.since, 0.0, self.duration)

    @cached_property
    def is_flare(self) -> np.ndarray:
        """Whether each row lies in the window or up to 30 days before it, where the flare rises."""
        return between(self.since, -LEAD, self.duration)

    @cached_property
    def has_magnitude(self) -> np.ndarray:
        """Whether each row is of the flare, and of 3 sigma at least."""
        return self.is_flare & at_least(self.snr, MAGNITUDE_SNR)

    @cached_property
    def _smoothed(self) -> tuple[np.ndarray, np.ndarray]:
        return _smooth(self.by_band, self.group, self.since, self.flux, self.flux_err)

    @property
    def smooth_flux(self) -> np.ndarray:
        """Mean flux of the band within 2.5 days of each row, weighted by the inverse variances."""
        return self._smoothed[0]

    @property
    def smooth_flux_err(self) -> np.ndarray:
        """Error of `smooth_flux`."""
        return self._smoothed[1]

    @cached_property
    def n_detections(self) -> np.ndarray:
        """Detections in the window, shape (n_objects, n_bands)."""
        rows = self.is_main & self.is_detection
        return self.per_band(np.bincount(self.group[rows], minlength=self.n_groups))

    @cached_property
    def peak_row(self) -> np.ndarray:
        """Row of the peak, shape (n_objects, n_bands), -1 where there is none.

        It is the detection in the window with the largest smoothed flux, the first of equals.
        """
        bright = self.is_main & self.is_detection & (self.smooth_flux > 0.0)
        rows = self.by_band[bright[self.by_band]]
        return self.per_band(first_largest(self.group, self.smooth_flux, rows, self.n_groups))

    @cached_property
    def peak_time(self) -> np.ndarray:
        """Days from t = 0 to the peak, shape (n_objects, n_bands)."""
        return taken(self.since, self.peak_row)

    @cached_property
    def peak_flux(self) -> np.ndarray:
        """Smoothed flux at the peak, shape (n_objects, n_bands)."""
        return taken(self.smooth_flux, self.peak_row)

    @cached_property
    def peak_flux_err(self) -> np.ndarray:
        """Error of `peak_flux`, shape (n_objects, n_bands)."""
        return taken(self.smooth_flux_err, self.peak_row)

    @cached_property
    def reference_band(self) -> np.ndarray:
        """Band whose peak is that of the object, shape (n_objects,), -1 without any detection.

        It is the first of `bands` with three detections in the window; where no band has so
        many, the first of those that have the most.
        """
        enough = np.minimum(self.n_detections, _ENOUGH_DETECTIONS)
        return np.where(enough.any(axis=1), np.argmax(enough, axis=1), -1)

    @cached_property
    def reference_time(self) -> np.ndarray:
        """Days from t = 0 to the peak in the reference band, shape (n_objects,), or NaN."""
        return self._of_reference(self.peak_time)

    @cached_property
    def scale(self) -> np.ndarray:
        """Smoothed flux at the peak in the reference band, shape (n_objects,), or NaN."""
        return self._of_reference(self.peak_flux)

    @cached_property
    def phase(self) -> np.ndarray:
        """Days since the reference peak of each row's object, or NaN."""
        return self.since - self.reference_time[self.position]

    @cached_property
    def band_phase(self) -> np.ndarray:
        """Days since the peak in each row's own band, or NaN."""
        return self.since - self.peak_time.ravel()[self.group]

    @cached_property
    def magnitude(self) -> np.ndarray:
        """Magnitudes below the peak of the row's own band, NaN where `has_magnitude` is false."""
        ratio = self.flux / self.peak_flux.ravel()[self.group]
        return -2.5 * np.log10(np.where(self.has_magnitude, ratio, np.nan))

    @cached_property
    def magnitude_err(self) -> np.ndarray:
        """Error of `magnitude`, 0.02 mag added in quadrature."""
        snr = np.where(self.has_magnitude, self.snr, np.nan)
        return np.hypot(POGSON / snr, MAGNITUDE_FLOOR)

    @cached_property
    def surface(self) -> Surface:
        """Smooth flux in time and wavelength, of the bands whose wavelength is known."""
        wavelengths = np.array([WAVELENGTHS.get(band, np.nan) for band in self.bands])
        used = np.isfinite(wavelengths[self.band])
        return fit_surface(
            self.position[used],
            self.since[used],
            self.flux[used],
            self.flux_err[used],
            self.is_detection[used],
            wavelengths[self.band[used]],
            wavelengths[np.isfinite(wavelengths)],
            self.redshift,
            self.n_objects,
        )

    def per_band(self, values: np.ndarray) -> np.ndarray:
        """Give values of the groups the shape (n_objects, n_bands)."""
        return values.reshape(self.n_objects, self.n_bands)

    def _of_reference(self, values: np.ndarray) -> np.ndarray:
        chosen = values[np.arange(self.n_objects), self.reference_band]
        return np.where(self.reference_band >= 0, chosen, np.nan)


def make_curves(
    flat: FlatLightCurves,
    *,
    start: str,
    duration: float,
    detection_snr: float,
    redshift: np.ndarray | None = None,
    transmission: np.ndarray | None = None,
) -> Curves:
    """Return the curves of a batch, with the clock of each object started.

    `redshift`, shape (n_objects,), turns days into days of the source; fluxes are divided by
    `transmission`, shape (n_objects, n_bands).
    """
    position = flat.object_position
    since = flat.time - start_times(flat, start, detection_snr)[position]
    if redshift is not None:
        since = since / (1.0 + redshift[position])
    columns = [position, since, flat.band, flat.flux, flat.flux_err]
    # Rows of one time come in any order; sums must not depend on it.
    tied = (np.diff(flat.time) == 0) & (np.diff(position) == 0) & (np.diff(flat.band) < 0)
    if tied.any():
        order = np.lexsort((flat.band, flat.time, position))
        columns = [column[order] for column in columns]
    position, since, band, flux, flux_err = columns
    if transmission is not None:
        passed = transmission[position, band]
        flux, flux_err = flux / passed, flux_err / passed
    return Curves(
        position,
        since,
        band,
        flux,
        flux_err,
        flat.offsets,
        flat.bands,
        duration,
        detection_snr,
        redshift,
    )


def at_least(values: np.ndarray, limit: float) -> np.ndarray:
    """Whether values reach a limit; the unit of flux, which rounds them, does not decide it."""
    return values >= limit * (1.0 - ROUNDING)


def between(days: np.ndarray, begin: float, end: float) -> np.ndarray:
    """Whether times lie in an interval, edges included; the zero point of time does not decide."""
    return (days >= begin - EDGE) & (days <= end + EDGE)


def taken(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the values of rows of any shape, NaN for row -1."""
    return np.append(values, np.nan)[rows]


def first_largest(
    group: np.ndarray, values: np.ndarray, rows: np.ndarray, n_groups: int
) -> np.ndarray:
    """Return each group's row of the largest value, the first one of equals, -1 without rows.

    `rows` are in the order of their groups, or of the groups' rows at least. Values that differ
    by rounding only are equal.
    """
    largest = np.full(n_groups, -np.inf)
    np.maximum.at(largest, group[rows], values[rows])
    limit = largest[group[rows]]
    candidates = rows[values[rows] >= limit - ROUNDING * np.abs(limit)][::-1]
    found = np.full(n_groups, -1)
    # Of several values for one group the last remains, which is its first row.
    found[group[candidates]] = candidates
    return found


def _smooth(
    order: np.ndarray, group: np.ndarray, since: np.ndarray, flux: np.ndarray, flux_err: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the running weighted mean of each band and its error."""
    group, since = group[order], since[order]
    # In units of the row's own error nothing overflows.
    weight = flux_err[order] ** -2.0
    product = flux[order] * weight
    total, weights = product.copy(), weight.copy()
    near = np.arange(len(order))
    for lag in range(1, MAX_NEIGHBOURS + 1):
        # Beyond a row that is too far away all are.
        near = near[near + lag < len(order)]
        far = near + lag
        close = (group[far] == group[near]) & (since[far] - since[near] <= SMOOTHING + EDGE)
        near = near[close]
        if not len(near):
            break
        far = near + lag
        total[near] += product[far]
        weights[near] += weight[far]
        total[far] += product[near]
        weights[far] += weight[near]
    mean, error = np.empty(len(order)), np.empty(len(order))
    mean[order] = total / weights
    error[order] = weights**-0.5
    return mean, error
