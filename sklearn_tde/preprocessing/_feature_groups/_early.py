"""The first days, as in tdescore's photometry-only features.

Where that program pads a missing value with 0 or 1, it is NaN here; and its misfit of the month
divides residuals by their errors, where that program divides only the model.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from sklearn_tde.preprocessing._feature_groups._curves import Curves, between, taken
from sklearn_tde.preprocessing._feature_groups._grouped import (
    at_least_one,
    first_row,
    last_row,
    smallest,
    span,
    sums,
    weighted_mean,
)
from sklearn_tde.preprocessing._scales import grouped_median
from sklearn_tde.preprocessing._start import EDGE

#: Days after t = 0.
INFANT, WEEK, MONTH = 1.5, 7.0, 30.0
#: Days that the points of the month must span.
_MIN_SPAN = 0.5


def names(bands: tuple[str, ...]) -> list[str]:
    """Return the names of the features."""
    pairs = [f"{blue}_{red}" for blue, red in pairwise(bands)]
    return [
        "infant_n_detections",
        *(f"infant_has_{band}" for band in bands),
        "limit_delay",
        "limit_rise",
        "limit_rate",
        *(f"week_rise_{band}" for band in bands),
        *(f"week_color_{pair}" for pair in pairs),
        "month_rate",
        "month_intercept",
        "month_chi2",
        *(f"month_color_{pair}" for pair in pairs),
    ]


def compute(curves: Curves) -> np.ndarray:
    """Return the features, shape (n_objects, n_features)."""
    columns = [*_infant(curves), *_limit(curves), *_week(curves), *_month(curves)]
    return np.column_stack(columns)


def _detected(curves: Curves, days: float) -> np.ndarray:
    """Return the detections of the first days, as rows in the order of object and time."""
    return np.flatnonzero(
        curves.is_detection & curves.has_magnitude & between(curves.since, 0.0, days)
    )


def _magnitude(curves: Curves, rows: np.ndarray) -> np.ndarray:
    """Return magnitudes below the peak of the object."""
    return -2.5 * np.log10(curves.flux[rows] / curves.scale[curves.position[rows]])


def _infant(curves: Curves) -> list[np.ndarray]:
    rows = _detected(curves, INFANT)
    counts = curves.per_band(np.bincount(curves.group[rows], minlength=curves.n_groups))
    counts = counts.astype(float)
    counts[curves.reference_band < 0] = np.nan
    return [counts.sum(axis=1), *np.minimum(counts, 1.0).T]


def _limit(curves: Curves) -> list[np.ndarray]:
    """Return the rise from the last limit to the first detection, in the same band."""
    rows = _detected(curves, curves.duration)
    first = first_row(curves.position, rows, curves.n_objects)
    wanted = np.append(curves.band, -1)[first]
    begin = taken(curves.since, first)
    undetected = ~curves.is_detection & (curves.band == wanted[curves.position])
    undetected &= curves.since < begin[curves.position]
    last = last_row(curves.position, np.flatnonzero(undetected), curves.n_objects)
    delay = begin - taken(curves.since, last)
    limit = curves.detection_snr * taken(curves.flux_err, last)
    rise = 2.5 * np.log10(taken(curves.flux, first) / limit)
    return [delay, rise, rise / delay]


def _week(curves: Curves) -> list[np.ndarray]:
    rows = _detected(curves, WEEK)
    rows = rows[np.argsort(curves.group[rows], kind="stable")]
    group, magnitude = curves.group[rows], _magnitude(curves, rows)
    rise = span(group, magnitude, curves.n_groups)
    rise[np.bincount(group, minlength=curves.n_groups) < 2] = np.nan
    median = curves.per_band(grouped_median(group, magnitude, curves.n_groups))
    return [*curves.per_band(rise).T, *-np.diff(median, axis=1).T]


def _month(curves: Curves) -> list[np.ndarray]:
    """Fit one slope to all bands, and a magnitude at t = 0 to each."""
    rows = _detected(curves, MONTH)
    position, group, n_groups = curves.position[rows], curves.group[rows], curves.n_groups
    since, magnitude = curves.since[rows], _magnitude(curves, rows)
    weight = curves.magnitude_err[rows] ** -2.0
    centres = [weighted_mean(group, values, weight, n_groups) for values in (since, magnitude)]
    dx, dy = since - centres[0][group], magnitude - centres[1][group]
    sxx = sums(position, weight * dx * dx, curves.n_objects)
    longest = curves.per_band(span(group, since, n_groups))
    sxx[~(longest >= _MIN_SPAN - EDGE).any(axis=1)] = np.nan
    slope = sums(position, weight * dx * dy, curves.n_objects) / sxx
    at_zero = curves.per_band(centres[1]) - slope[:, None] * curves.per_band(centres[0])
    residual = weight * (dy - slope[position] * dx) ** 2
    present = np.isfinite(at_zero)
    free = np.bincount(position, minlength=curves.n_objects) - present.sum(axis=1) - 1
    chi2 = sums(position, residual, curves.n_objects) / at_least_one(free)
    brightest = curves.per_band(smallest(group, magnitude, n_groups))
    first = np.arange(curves.n_objects), np.argmax(present, axis=1)
    intercept = brightest[first] - at_zero[first]
    return [-slope, intercept, chi2, *-np.diff(at_zero, axis=1).T]
