"""Second maxima and rises after the peak, in each band."""

from __future__ import annotations

import numpy as np

from sklearn_tde.preprocessing._feature_groups._curves import Curves, at_least, between
from sklearn_tde.preprocessing._feature_groups._grouped import (
    largest,
    running_smallest,
    sums,
    weighted_mean,
)
from sklearn_tde.preprocessing._start import EDGE

#: Days since the peak before, at and after the second maximum of a type Ia supernova in red bands.
SHOULDER = ((8.0, 18.0), (20.0, 32.0), (34.0, 48.0))
#: Days of the bins among which maxima are counted.
BIN = 10.0
#: By how many errors a maximum must exceed both its neighbours.
SIGNIFICANCE = 3.0

_KINDS = ("shoulder", "shoulder_snr", "rebrightening", "rebrightening_snr", "n_maxima")


def names(bands: tuple[str, ...]) -> list[str]:
    """Return the names of the features."""
    return [f"{kind}_{band}" for band in bands for kind in _KINDS]


def compute(curves: Curves) -> np.ndarray:
    """Return the features, shape (n_objects, n_features)."""
    columns = [*_shoulder(curves), *_rebrightening(curves), _n_maxima(curves)]
    return np.stack(columns, axis=1).reshape(curves.n_objects, -1)


def _shoulder(curves: Curves) -> tuple[np.ndarray, np.ndarray]:
    """Return by how much the middle window is brighter than the line through the outer ones."""
    n, points = curves.n_groups, []
    for begin, end in SHOULDER:
        used = curves.has_magnitude & between(curves.band_phase, begin, end)
        group, weight = curves.group[used], curves.magnitude_err[used] ** -2.0
        points.append(
            (
                weighted_mean(group, curves.band_phase[used], weight, n),
                weighted_mean(group, curves.magnitude[used], weight, n),
                1.0 / sums(group, weight, n),
            )
        )
    (x_1, y_1, v_1), (x_2, y_2, v_2), (x_3, y_3, v_3) = points
    share = (x_2 - x_1) / (x_3 - x_1)
    excess = (1.0 - share) * y_1 + share * y_3 - y_2
    variance = (1.0 - share) ** 2 * v_1 + share**2 * v_3 + v_2
    return excess, excess / np.sqrt(variance)


def _rebrightening(curves: Curves) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest rise of the smoothed flux after the peak, over the peak and its error."""
    rows = curves.by_band[(curves.is_main & (curves.band_phase >= 0.0))[curves.by_band]]
    group, n = curves.group[rows], curves.n_groups
    flux, error = curves.smooth_flux[rows], curves.smooth_flux_err[rows]
    lowest = running_smallest(group, flux)
    rise = flux - flux[lowest]
    relative = largest(group, rise / curves.peak_flux.ravel()[group], n)
    return relative, largest(group, rise / np.hypot(error, error[lowest]), n)


def _n_maxima(curves: Curves) -> np.ndarray:
    """Count the ten-day bins that are brighter than both their neighbours by three errors."""
    rows = curves.by_band[(curves.is_flare & np.isfinite(curves.band_phase))[curves.by_band]]
    group, n = curves.group[rows], curves.n_groups
    # The peak is in the middle of its bin.
    number = np.floor((curves.band_phase[rows] + EDGE) / BIN + 0.5)
    new = np.append(True, (np.diff(group) != 0) | (np.diff(number) != 0))[: len(rows)]
    cell, owner = np.cumsum(new) - 1, group[new]
    weight = curves.flux_err[rows] ** -2.0
    flux = weighted_mean(cell, curves.flux[rows], weight, len(owner))
    variance = 1.0 / sums(cell, weight, len(owner))
    step = np.diff(flux) / np.sqrt(variance[1:] + variance[:-1])
    same = np.diff(owner) == 0
    up, down = (same & at_least(sign * step, SIGNIFICANCE) for sign in (1.0, -1.0))
    peaks = np.bincount(owner[1:-1][up[:-1] & down[1:]], minlength=n).astype(float)
    peaks[np.isnan(curves.peak_flux.ravel())] = np.nan
    return peaks
