"""Interpolation of many light curves at once on one regular grid."""

from __future__ import annotations

import numpy as np

from sklearn_tde.preprocessing._start import EDGE


# The gridder refuses what float32 cannot hold, with the name of the object.
@np.errstate(over="ignore")
def grid_curves(
    out: np.ndarray,
    position: np.ndarray,
    band: np.ndarray,
    time: np.ndarray,
    flux: np.ndarray,
    flux_err: np.ndarray,
    *,
    grid: np.ndarray,
    n_bands: int,
    mask: str,
    scale: str | None,
    log_flux: bool,
    colors: bool,
    gap_inflation: float,
) -> None:
    """Write flux, error and mask of every band into `out`, (n_objects, n_steps, n_features).

    The observations are in flat columns, ordered by object and time; `position` and `band` say
    where each belongs.
    """
    n_objects, n_steps = out.shape[:2]
    n_curves = n_objects * n_bands
    if not len(time):
        return
    curve = position * n_bands + band
    order = np.argsort(curve, kind="stable")
    curve, x, f, e = curve[order], time[order], flux[order], flux_err[order]
    counts = np.bincount(curve, minlength=n_curves)
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])

    f_grid, e_grid = _interpolate(curve, x, f, e, counts, first, grid)
    if mask == "observed":
        step = _nearest_step(x, grid)
        # Observations outside the grid may shape the interpolation, but no step shows them.
        shown = (step >= 0) & (step < n_steps)
        cell = (curve * n_steps + step)[shown]
        weight = 1.0 / e[shown] ** 2
        total = np.bincount(cell, weight, n_curves * n_steps).reshape(n_curves, n_steps)
        seen = total > 0
        sums = np.bincount(cell, weight * f[shown], n_curves * n_steps)
        sums = sums.reshape(n_curves, n_steps)
        f_grid[seen] = sums[seen] / total[seen]
        e_grid[seen] = 1.0 / np.sqrt(total[seen])
    else:
        filled = counts > 0
        begin, end = np.full(n_curves, np.inf), np.full(n_curves, -np.inf)
        begin[filled] = x[first[filled]]
        end[filled] = x[first[filled] + counts[filled] - 1]
        seen = (grid >= begin[:, None] - EDGE) & (grid <= end[:, None] + EDGE)
    if gap_inflation:
        e_grid *= 1.0 + gap_inflation * _days_to_nearest(curve, x, counts, first, grid) * ~seen

    by_band = (n_objects, n_bands, n_steps)
    f_grid, e_grid = f_grid.reshape(by_band), e_grid.reshape(by_band)
    if scale is not None:
        divisor = (
            _median_scale(position, flux, flux_err, n_objects)[:, None, None]
            if scale == "median"
            else _running_scale(position, time, flux, flux_err, n_objects, grid, mask)[:, None, :]
        )
        f_grid /= divisor
        e_grid /= divisor
    if log_flux:
        f_grid = np.sign(f_grid) * np.log1p(np.abs(f_grid))
    at = 1 + n_bands
    out[:, :, 1:at] = f_grid.transpose(0, 2, 1)
    if colors:
        both = (counts > 0).reshape(n_objects, n_bands, 1)
        difference = (f_grid[:, :-1] - f_grid[:, 1:]) * (both[:, :-1] & both[:, 1:])
        out[:, :, at : at + n_bands - 1] = difference.transpose(0, 2, 1)
        at += n_bands - 1
    out[:, :, at : at + n_bands] = e_grid.transpose(0, 2, 1)
    out[:, :, -n_bands:] = seen.reshape(by_band).transpose(0, 2, 1)


def _nearest_step(time: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Return the nearest step of each time, half way the later one; outside the grid too."""
    return np.floor((time - grid[0] + EDGE) / (grid[1] - grid[0]) + 0.5).astype(np.int64)


def _last_before(curve: np.ndarray, x: np.ndarray, n_curves: int, grid: np.ndarray) -> np.ndarray:
    """Count the observations of each curve at or before each step, (n_curves, n_steps)."""
    n_steps = len(grid)
    # The first step at or after each observation; those after the grid fall off its end.
    reached = np.searchsorted(grid, x, side="left")
    cell = curve * (n_steps + 1) + reached
    per_step = np.bincount(cell, minlength=n_curves * (n_steps + 1))
    return np.cumsum(per_step.reshape(n_curves, n_steps + 1)[:, :-1], axis=1)


def _neighbours(
    curve: np.ndarray, x: np.ndarray, counts: np.ndarray, first: np.ndarray, grid: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of the observations on both sides of each step, ends repeated."""
    before = _last_before(curve, x, len(counts), grid)
    # A curve without observations points at any row; the caller blanks it.
    last = np.maximum(counts - 1, 0)[:, None]
    left = first[:, None] + np.clip(before - 1, 0, last)
    right = first[:, None] + np.clip(before, 0, last)
    return np.minimum(left, len(x) - 1), np.minimum(right, len(x) - 1)


def _interpolate(
    curve: np.ndarray,
    x: np.ndarray,
    f: np.ndarray,
    e: np.ndarray,
    counts: np.ndarray,
    first: np.ndarray,
    grid: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Interpolate flux and error of every curve linearly, constant beyond its ends."""
    left, right = _neighbours(curve, x, counts, first, grid)
    x_left = x[left]
    gap = x[right] - x_left
    fraction = np.divide(grid - x_left, gap, out=np.zeros(left.shape), where=gap > 0)
    f_left, e_left = f[left], e[left]
    f_grid = f_left + fraction * (f[right] - f_left)
    e_grid = e_left + fraction * (e[right] - e_left)
    empty = counts == 0
    f_grid[empty] = 0.0
    e_grid[empty] = 0.0
    return f_grid, e_grid


def _days_to_nearest(
    curve: np.ndarray, x: np.ndarray, counts: np.ndarray, first: np.ndarray, grid: np.ndarray
) -> np.ndarray:
    """Return the days from each step to the nearest observation of the curve."""
    left, right = _neighbours(curve, x, counts, first, grid)
    return np.minimum(np.abs(grid - x[left]), np.abs(x[right] - grid))


def _median_scale(
    position: np.ndarray, flux: np.ndarray, flux_err: np.ndarray, n_objects: int
) -> np.ndarray:
    """Return the median of each object's positive fluxes, else of its absolute ones.

    It is the median error at least: a flux in the noise, divided by itself, is no signal. An
    object without observations has 1.
    """
    scale = _grouped_median(position[flux > 0], flux[flux > 0], n_objects)
    missing = np.isnan(scale)
    if missing.any():
        used = missing[position] & (flux != 0)
        absolute = _grouped_median(position[used], np.abs(flux[used]), n_objects)
        scale = np.where(missing, absolute, scale)
    scale = np.fmax(scale, _grouped_median(position, flux_err, n_objects))
    return np.where(np.isnan(scale), 1.0, scale)


def _grouped_median(group: np.ndarray, values: np.ndarray, n_groups: int) -> np.ndarray:
    """Return the median of the values of each group, NaN where it has none."""
    order = np.lexsort((values, group))
    values = values[order]
    counts = np.bincount(group, minlength=n_groups)
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    median = np.full(n_groups, np.nan)
    filled = counts > 0
    low = first[filled] + (counts[filled] - 1) // 2
    high = first[filled] + counts[filled] // 2
    median[filled] = (values[low] + values[high]) / 2
    return median


def _running_scale(
    position: np.ndarray,
    time: np.ndarray,
    flux: np.ndarray,
    flux_err: np.ndarray,
    n_objects: int,
    grid: np.ndarray,
    mask: str,
) -> np.ndarray:
    """Return the mean of the positive fluxes up to each step, shape (n_objects, n_steps).

    An observation counts from the step that shows it: the nearest one for observed masks,
    otherwise the first at or after it. Before the first positive flux the absolute ones serve;
    the mean error so far is the least that it can be. Before any observation it is that of the
    first: nothing observed is there to be scaled.
    """
    n_steps = len(grid)
    at_or_after = np.searchsorted(grid, time - EDGE)
    step = _nearest_step(time, grid) if mask == "observed" else at_or_after
    cell = position * (n_steps + 1) + np.clip(step, 0, n_steps)

    def running_mean(values: np.ndarray, used: np.ndarray) -> np.ndarray:
        size = n_objects * (n_steps + 1)
        number = np.bincount(cell[used], minlength=size).reshape(n_objects, -1)[:, :-1]
        total = np.bincount(cell[used], values[used], size).reshape(n_objects, -1)[:, :-1]
        number = np.cumsum(number, axis=1)
        with np.errstate(invalid="ignore"):
            return np.where(number > 0, np.cumsum(total, axis=1) / number, np.nan)

    mean = running_mean(flux, flux > 0)
    mean = np.where(np.isnan(mean), running_mean(np.abs(flux), flux != 0), mean)
    mean = np.fmax(mean, running_mean(flux_err, np.ones(len(flux), dtype=bool)))
    first = np.argmax(~np.isnan(mean), axis=1)
    mean = np.where(np.isnan(mean), mean[np.arange(n_objects), first][:, None], mean)
    return np.where(np.isnan(mean), 1.0, mean)
