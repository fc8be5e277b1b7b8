"""Sums, lines and levels of many groups of rows at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sklearn_tde.preprocessing._feature_groups._curves import Curves, taken
from sklearn_tde.preprocessing._start import EDGE, ROUNDING


@dataclass(frozen=True)
class Lines:
    """Weighted straight lines through groups of points; NaN where the group has too few.

    Attributes
    ----------
    slope, slope_err : ndarray of shape (n_groups,)
        Change of y per unit of x, and its error; two points are enough.
    chi2 : ndarray of shape (n_groups,)
        Sum of the squares of the residuals over their errors, per degree of freedom; three
        points at least.
    curvature, chi2_bent : ndarray of shape (n_groups,)
        Coefficient of x squared of the parabola through the points, and its chi2 per degree of
        freedom; four points at least.
    """

    slope: np.ndarray
    slope_err: np.ndarray
    chi2: np.ndarray
    curvature: np.ndarray
    chi2_bent: np.ndarray


def fit_lines(
    group: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    y_err: np.ndarray,
    n_groups: int,
    *,
    min_span: float = 0.5,
    prior: float = np.inf,
) -> Lines:
    """Fit a line to the points of each group, weighted by their inverse variances.

    The points are those of the rows in use: select them first. The sums are taken about the means,
    so nothing is lost to large x. Where x spans less than `min_span` there is no slope. The slope
    has a prior of mean 0 and standard deviation `prior`, so that it is no larger than the points
    can tell; chi2 is that of the line without it.
    """
    n = np.bincount(group, minlength=n_groups)
    weight = y_err**-2.0
    x_mean = weighted_mean(group, x, weight, n_groups)
    y_mean = weighted_mean(group, y, weight, n_groups)
    dx, dy = x - x_mean[group], y - y_mean[group]
    sxx = sums(group, weight * dx * dx, n_groups)
    sxx[(n < 2) | (span(group, x, n_groups) < min_span - EDGE)] = np.nan
    slope = sums(group, weight * dx * dy, n_groups) / sxx
    residual = dy - slope[group] * dx
    chi2 = sums(group, weight * residual**2, n_groups) / at_least_one(n - 2)
    # Across x the parabola is made independent of the line.
    across = dx * dx - weighted_mean(group, dx * dx, weight, n_groups)[group]
    across -= (sums(group, weight * across * dx, n_groups) / sxx)[group] * dx
    bend = sums(group, weight * across * across, n_groups)
    # Points at two times only leave rounding errors.
    bend[bend <= 1e-6 * sums(group, weight * dx**4, n_groups)] = np.nan
    curvature = sums(group, weight * across * residual, n_groups) / bend
    residual = residual - curvature[group] * across
    chi2_bent = sums(group, weight * residual**2, n_groups) / at_least_one(n - 3)
    curvature[n < 4] = np.nan
    precision = sxx + prior**-2.0
    slope = slope * (sxx / precision)
    return Lines(slope, precision**-0.5, chi2, curvature, chi2_bent)


def sums(group: np.ndarray, values: np.ndarray, n_groups: int) -> np.ndarray:
    """Return the sum of the values of each group, one row after the other."""
    # Of no rows np.bincount makes whole numbers.
    return np.bincount(group, values, n_groups).astype(np.float64, copy=False)


def at_least_one(n: np.ndarray) -> np.ndarray:
    """Return counts as numbers to divide by, NaN where they are less than 1."""
    return np.where(n >= 1, n, np.nan)


def weighted_mean(
    group: np.ndarray, values: np.ndarray, weight: np.ndarray, n_groups: int
) -> np.ndarray:
    """Return the weighted mean of each group, NaN where it has no row."""
    return sums(group, weight * values, n_groups) / sums(group, weight, n_groups)


def mean(group: np.ndarray, values: np.ndarray, n_groups: int) -> np.ndarray:
    """Return the mean of each group, NaN where it has no row."""
    return weighted_mean(group, values, np.ones(len(values)), n_groups)


def deviation(group: np.ndarray, values: np.ndarray, n_groups: int) -> np.ndarray:
    """Return the standard deviation of each group (over n), NaN where it has no row."""
    centre = mean(group, values, n_groups)
    return np.sqrt(mean(group, (values - centre[group]) ** 2, n_groups))


def largest(group: np.ndarray, values: np.ndarray, n_groups: int) -> np.ndarray:
    """Return the largest value of each group, NaN where it has no row."""
    out = np.full(n_groups, -np.inf)
    np.maximum.at(out, group, values)
    out[out == -np.inf] = np.nan
    return out


def smallest(group: np.ndarray, values: np.ndarray, n_groups: int) -> np.ndarray:
    """Return the smallest value of each group, NaN where it has no row."""
    return -largest(group, -values, n_groups)


def span(group: np.ndarray, values: np.ndarray, n_groups: int) -> np.ndarray:
    """Return the largest less the smallest value of each group, NaN where it has no row."""
    return largest(group, values, n_groups) - smallest(group, values, n_groups)


def neighbours(curves: Curves, band: int, usable: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest usable row of a band at or before, and at or after, each row.

    Both are of the row's own object; -1 where there is none.
    """
    n_rows = len(curves.position)
    rows = np.arange(n_rows)
    chosen = usable & (curves.band == band)
    before = np.maximum.accumulate(np.where(chosen, rows, -1))
    after = np.minimum.accumulate(np.where(chosen, rows, n_rows)[::-1])[::-1]
    before = np.where(before >= curves.offsets[curves.position], before, -1)
    after = np.where(after < curves.offsets[curves.position + 1], after, -1)
    return before, after


def flux_near(
    curves: Curves,
    rows: np.ndarray,
    band: int,
    usable: np.ndarray,
    *,
    reach: float,
    max_gap: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return a band's flux and error at the times of rows, NaN where it was not observed.

    Between two usable points at most `max_gap` days apart the flux is interpolated linearly;
    otherwise the nearer point serves if it is at most `reach` days away.
    """
    before, after = neighbours(curves, band, usable)
    return flux_between(
        curves, curves.since[rows], before[rows], after[rows], reach=reach, max_gap=max_gap
    )


def flux_between(
    curves: Curves,
    since: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    *,
    reach: float,
    max_gap: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return flux and error at times, from the rows before and after them; see `flux_near`."""
    to_before = since - taken(curves.since, before)
    to_after = taken(curves.since, after) - since
    gap = to_before + to_after
    inside = gap <= max_gap + EDGE
    # Not a comparison with NaN, which is false where either is missing.
    nearer_before = ~(to_after < to_before)
    nearest = np.where((before >= 0) & (nearer_before | (after < 0)), before, after)
    distance = np.fmin(to_before, to_after)
    weight = np.where(gap > 0, to_before / gap, 0.0)
    flux, err = (taken(values, before) for values in (curves.flux, curves.flux_err))
    flux_2, err_2 = (taken(values, after) for values in (curves.flux, curves.flux_err))
    value = flux + weight * (flux_2 - flux)
    error = np.hypot((1.0 - weight) * err, weight * err_2)
    near = distance <= reach + EDGE
    value = np.where(inside, value, np.where(near, taken(curves.flux, nearest), np.nan))
    error = np.where(inside, error, np.where(near, taken(curves.flux_err, nearest), np.nan))
    return value, error


def first_row(group: np.ndarray, rows: np.ndarray, n_groups: int) -> np.ndarray:
    """Return the first of the rows of each group, -1 where it has none."""
    found = np.full(n_groups, -1)
    # Of several values for one group the last remains.
    found[group[rows[::-1]]] = rows[::-1]
    return found


def last_row(group: np.ndarray, rows: np.ndarray, n_groups: int) -> np.ndarray:
    """Return the last of the rows of each group, -1 where it has none."""
    found = np.full(n_groups, -1)
    found[group[rows]] = rows
    return found


def crossing(curves: Curves, level: float, *, rising: bool) -> np.ndarray:
    """Return the days between each band's peak and its crossing of a fraction of the peak flux.

    The smoothed flux is followed from the peak outwards, backwards in time if `rising`, to the
    first row of the flare below the level, and interpolated linearly between that row and the
    one before it on the way. Shape (n_objects, n_bands), NaN where it stays above.
    """
    rows = curves.by_band[curves.is_flare[curves.by_band]]
    group, phase = curves.group[rows], curves.band_phase[rows]
    relative = curves.smooth_flux[rows] / curves.peak_flux.ravel()[group]
    # The unit of flux, which rounds the ratio, does not decide.
    below = relative < level * (1.0 - ROUNDING)
    places = np.arange(len(rows))
    if rising:
        outer = last_row(group, places[below & (phase < 0)], curves.n_groups)
        inner = np.where(outer >= 0, outer + 1, -1)
    else:
        outer = first_row(group, places[below & (phase > 0)], curves.n_groups)
        inner = np.where(outer >= 0, outer - 1, -1)
    # The peak lies on the way, so the inner row is one of the same band and object.
    y_outer, y_inner = taken(relative, outer), taken(relative, inner)
    x_outer, x_inner = taken(phase, outer), taken(phase, inner)
    days = x_inner + (x_outer - x_inner) * (y_inner - level) / (y_inner - y_outer)
    return curves.per_band(np.abs(days))


def running_smallest(group: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return where the smallest value so far of each row's group stands; `group` ascends."""
    n = len(values)
    order = np.argsort(values, kind="stable")
    rank = np.empty(n, dtype=np.int64)
    rank[order] = np.arange(n)
    # Whole numbers that fall by more than all ranks from group to group: each starts anew.
    return order[np.minimum.accumulate(rank - group * n) + group * n]
