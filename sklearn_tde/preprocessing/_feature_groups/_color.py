"""Colours of neighbouring bands, in magnitudes, and how they change."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from sklearn_tde.preprocessing._feature_groups._curves import (
    MAGNITUDE_FLOOR,
    POGSON,
    Curves,
    between,
)
from sklearn_tde.preprocessing._feature_groups._grouped import (
    deviation,
    fit_lines,
    flux_near,
    largest,
    smallest,
    span,
    sums,
    weighted_mean,
)
from sklearn_tde.preprocessing._start import EDGE

#: Phases of the reference peak between which colours are fitted with a line.
RATES = {"rise": (-30.0, 0.0), "0_30": (0.0, 30.0), "0_60": (0.0, 60.0), "all": (-np.inf, np.inf)}
#: Standard deviation of the prior of a rate, in magnitudes per day: two noisy points tell little.
PRIOR = 0.03
#: Phases between which they are averaged.
MEANS = {"rise": (-30.0, 0.0), "0_20": (0.0, 20.0), "20_40": (20.0, 40.0), "40_80": (40.0, 80.0)}
#: Days to either side of the peak that count as at the peak.
AT_PEAK = 5.0
#: Points of both bands make a colour if they are so many days apart, ...
REACH = 3.0
#: ... or if one lies between two of the other band that are so many days apart.
MAX_GAP = 10.0
#: Days of the windows in which the scatter is measured, and points of each band that they need.
WINDOW = 10.0
WINDOW_POINTS = 3

_OTHERS = ("peaks", "change", "chi2", "range", "scatter")


def names(bands: tuple[str, ...]) -> list[str]:
    """Return the names of the features."""
    rates = [name for key in RATES for name in (f"rate_{key}", f"rate_{key}_err")]
    suffixes = ["peak", "peak_err", *rates, *(f"mean_{key}" for key in MEANS), *_OTHERS]
    return [f"color_{blue}_{red}_{suffix}" for blue, red in pairwise(bands) for suffix in suffixes]


def compute(curves: Curves) -> np.ndarray:
    """Return the features, shape (n_objects, n_features)."""
    tables = [_of_pair(curves, blue) for blue in range(curves.n_bands - 1)]
    return np.concatenate(tables, axis=1) if tables else np.empty((curves.n_objects, 0))


def _of_pair(curves: Curves, blue: int) -> np.ndarray:
    """Return the features of a band and the next one."""
    n = curves.n_objects
    rows, color, error = matched_colors(curves, blue, blue + 1)
    position, phase = curves.position[rows], curves.phase[rows]
    weight = error**-2.0
    columns = []
    used = between(phase, -AT_PEAK, AT_PEAK)
    columns.append(weighted_mean(position[used], color[used], weight[used], n))
    columns.append(sums(position[used], weight[used], n) ** -0.5)
    for begin, end in RATES.values():
        used = between(phase, begin, end)
        lines = fit_lines(position[used], phase[used], color[used], error[used], n, prior=PRIOR)
        columns += [lines.slope, lines.slope_err]
    for begin, end in MEANS.values():
        used = between(phase, begin, end)
        columns.append(weighted_mean(position[used], color[used], weight[used], n))
    columns.append(-2.5 * np.log10(curves.peak_flux[:, blue] / curves.peak_flux[:, blue + 1]))

    middle = (smallest(position, phase, n) + largest(position, phase, n)) / 2
    late = phase > middle[position] + EDGE
    halves = [weighted_mean(position[h], color[h], weight[h], n) for h in (late, ~late)]
    columns.append(halves[0] - halves[1])
    centre = weighted_mean(position, color, weight, n)
    residual = ((color - centre[position]) / error) ** 2
    number = np.bincount(position, minlength=n)
    columns.append(sums(position, residual, n) / np.where(number > 1, number - 1, np.nan))
    columns += _windowed(curves, blue, position, phase, color, weight)
    return np.column_stack(columns)


def matched_colors(
    curves: Curves, blue: int, red: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows, and the colour and its error at their times, of points of 3 sigma.

    The rows are those of the band with fewer points (the red one of equals); the other band is
    interpolated, or its nearest point taken.
    """
    number = [
        np.bincount(curves.position[curves.has_magnitude & (curves.band == band)], minlength=len(n))
        for n in [curves.offsets[1:]]
        for band in (blue, red)
    ]
    anchor = np.where(number[0] < number[1], blue, red)[curves.position]
    rows = np.flatnonzero(curves.has_magnitude & (curves.band == anchor))
    is_blue = curves.band[rows] == blue
    flux, flux_err = curves.flux[rows], curves.flux_err[rows]
    ratio, relative = np.empty(len(rows)), np.empty(len(rows))
    for chosen, other in ((is_blue, red), (~is_blue, blue)):
        value, error = flux_near(
            curves, rows[chosen], other, curves.has_magnitude, reach=REACH, max_gap=MAX_GAP
        )
        ratio[chosen] = flux[chosen] / value
        relative[chosen] = np.hypot(flux_err[chosen] / flux[chosen], error / value)
    color = np.where(is_blue, -2.5, 2.5) * np.log10(ratio)
    known = np.isfinite(color) & np.isfinite(curves.phase[rows])
    error = np.hypot(POGSON * relative, MAGNITUDE_FLOOR)
    return rows[known], color[known], error[known]


def _windowed(
    curves: Curves,
    blue: int,
    position: np.ndarray,
    phase: np.ndarray,
    color: np.ndarray,
    weight: np.ndarray,
) -> list[np.ndarray]:
    """Return the range of the colour, and its scatter where both bands are well observed.

    Both are of windows of ten days, counted from the reference peak.
    """
    n = curves.n_objects
    window, cells = _numbered(position, np.floor((phase + EDGE) / WINDOW))
    means = weighted_mean(window, color, weight, len(cells))
    spread = span(cells, means, n)
    spread[np.bincount(cells, minlength=n) < 2] = np.nan

    used = curves.has_magnitude & np.isfinite(curves.phase)
    used &= (curves.band == blue) | (curves.band == blue + 1)
    owner, is_red = curves.position[used], (curves.band[used] > blue).astype(np.int64)
    window, cells = _numbered(owner, np.floor((curves.phase[used] + EDGE) / WINDOW))
    group = 2 * window + is_red
    enough = (np.bincount(group, minlength=2 * len(cells)) >= WINDOW_POINTS).reshape(-1, 2)
    magnitude = -2.5 * np.log10(curves.flux[used] / curves.scale[owner])
    per_band = sums(group, magnitude, 2 * len(cells)).reshape(-1, 2)
    per_band /= np.maximum(np.bincount(group, minlength=2 * len(cells)).reshape(-1, 2), 1)
    enough = enough.all(axis=1)
    colors, cells = (per_band[:, 0] - per_band[:, 1])[enough], cells[enough]
    scatter = deviation(cells, colors, n)
    scatter[np.bincount(cells, minlength=n) < 2] = np.nan
    return [spread, scatter]


def _numbered(position: np.ndarray, window: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number the windows of all objects; also return the object of each. `position` ascends."""
    if not len(position):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    # Time ascends within an object, and so do its windows.
    new = np.append(True, (np.diff(position) != 0) | (np.diff(window) != 0))
    return np.cumsum(new) - 1, position[new]
