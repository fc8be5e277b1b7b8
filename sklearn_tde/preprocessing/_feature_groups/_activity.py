"""All observations, noise included: one flare, or an object that varies for years.

Phases are days since the peak of the Gaussian process, the brightest of the whole light curve.
"""

from __future__ import annotations

import numpy as np

from sklearn_tde.preprocessing._feature_groups._curves import MAGNITUDE_SNR, Curves, at_least
from sklearn_tde.preprocessing._feature_groups._gaussian_process import known
from sklearn_tde.preprocessing._feature_groups._grouped import (
    largest,
    mean,
    smallest,
    span,
    sums,
    weighted_mean,
)
from sklearn_tde.preprocessing._start import EDGE

#: Phases of the intervals of which something is said.
INTERVALS = {
    "before_100": (-np.inf, -100.0),
    "before_40": (-np.inf, -40.0),
    "100_200": (100.0, 200.0),
    "after_200": (200.0, np.inf),
}
#: Phases between which the flare is.
_FLARE = (-60.0, 200.0)
_KINDS = ("n_points", "chi2", "max_snr", "min_snr", "skewness", "flux_ratio", "mean_snr")
_ALL = (
    "negative_fraction",
    "hole_fraction",
    "significant_fraction",
    "skewness",
    "kurtosis",
    "flare_share",
    "n_detections",
    "log_span",
)
#: Points from which on an interval has statistics.
_ENOUGH = 3


def names(bands: tuple[str, ...]) -> list[str]:
    """Return the names of the features."""
    if not known(bands):
        return []
    per_band = [f"activity_{kind}_{band}" for band in bands for kind in ("skewness", "kurtosis")]
    of_intervals = [f"activity_{kind}_{key}" for key in INTERVALS for kind in _KINDS]
    return [*(f"activity_{kind}" for kind in _ALL), *of_intervals, *per_band]


def compute(curves: Curves) -> np.ndarray:
    """Return the features, shape (n_objects, n_features)."""
    n, position, snr = curves.n_objects, curves.position, curves.snr
    if not names(curves.bands):
        return np.empty((n, 0))
    phase = curves.since - curves.surface.peak_time[position]
    strong = at_least(np.abs(snr), MAGNITUDE_SNR)
    in_flare = (phase > _FLARE[0]) & (phase < _FLARE[1]) & strong & (snr > 0.0)
    # In units of the largest of the object nothing overflows.
    flux = curves.flux / largest(position, np.abs(curves.flux), n)[position]
    found = curves.is_detection
    columns = [
        mean(position, (snr < 0.0).astype(float), n),
        mean(position, (strong & (snr < 0.0)).astype(float), n),
        mean(position, (strong & (snr > 0.0)).astype(float), n),
        *_moments(position, snr, n),
        sums(position[in_flare], flux[in_flare], n)
        / sums(position[strong], np.abs(flux[strong]), n),
        np.bincount(position[found], minlength=n).astype(float),
        np.log1p(span(position[found], curves.since[found], n)),
    ]
    for begin, end in INTERVALS.values():
        columns += _interval(curves, (phase > begin + EDGE) & (phase < end - EDGE))
    table = np.column_stack(columns)
    table[np.bincount(position, minlength=n) == 0] = np.nan
    by_band = np.stack(_moments(curves.group, flux, curves.n_groups), axis=1)
    return np.concatenate([table, by_band.reshape(n, -1)], axis=1)


def _interval(curves: Curves, rows: np.ndarray) -> list[np.ndarray]:
    """Return the statistics of some rows of each object."""
    n = curves.n_objects
    position, snr, error = curves.position[rows], curves.snr[rows], curves.flux_err[rows]
    number = np.bincount(position, minlength=n)
    level = curves.surface.peak_flux.mean(axis=1)
    weight = (smallest(position, error, n)[position] / error) ** 2
    average = weighted_mean(position, curves.flux[rows] / level[position], weight, n)
    columns = [
        np.log(mean(position, snr**2, n)),
        largest(position, snr, n),
        smallest(position, snr, n),
        _moments(position, snr, n)[0],
        average,
        sums(position, snr, n) / np.sqrt(number),
    ]
    columns = [np.where(number >= _ENOUGH, column, np.nan) for column in columns]
    return [np.where(np.isfinite(level), number.astype(float), np.nan), *columns]


def _moments(group: np.ndarray, values: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return skewness and kurtosis of each group, of three points or more."""
    centred = values - mean(group, values, n)[group]
    centred = centred / largest(group, np.abs(centred), n)[group]
    second, third, fourth = (mean(group, centred**k, n) for k in (2, 3, 4))
    few = np.bincount(group, minlength=n) < _ENOUGH
    return tuple(np.where(few, np.nan, m) for m in (third / second**1.5, fourth / second**2))
