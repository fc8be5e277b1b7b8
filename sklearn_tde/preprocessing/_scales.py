"""What the fluxes of an object are divided by."""

from __future__ import annotations

import numpy as np

#: Groups of up to so many values are sorted together; those of up to four times as many, and so on.
_SMALLEST_TABLE = 16


def median_scale(
    position: np.ndarray, flux: np.ndarray, flux_err: np.ndarray, n_objects: int
) -> np.ndarray:
    """Return the median of each object's positive fluxes, else of its absolute ones.

    It is the median error at least: a flux in the noise, divided by itself, is no signal. An
    object without observations has 1. `position` ascends.
    """
    positive = flux > 0
    scale = grouped_median(position[positive], flux[positive], n_objects)
    missing = np.isnan(scale)
    if missing.any():
        used = missing[position] & (flux != 0)
        absolute = grouped_median(position[used], np.abs(flux[used]), n_objects)
        scale = np.where(missing, absolute, scale)
    # The median error counts only where half of the errors are larger than the scale.
    larger = np.bincount(position[~(flux_err <= scale[position])], minlength=n_objects)
    noisy = 2 * larger >= np.bincount(position, minlength=n_objects)
    if noisy.any():
        used = noisy[position]
        scale = np.fmax(scale, grouped_median(position[used], flux_err[used], n_objects))
    return np.where(np.isnan(scale), 1.0, scale)


def grouped_median(group: np.ndarray, values: np.ndarray, n_groups: int) -> np.ndarray:
    """Return the median of the values of each group, NaN where it has none; `group` ascends."""
    counts = np.bincount(group, minlength=n_groups)
    median = np.full(n_groups, np.nan)
    widest, narrower, width = counts.max(initial=0), 0, _SMALLEST_TABLE
    # Rows of a table are sorted much faster than one long column, but its widest one is the
    # width of all.
    while narrower < widest:
        rows = np.flatnonzero((counts > narrower) & (counts <= width))
        if len(rows):
            n = counts[rows]
            table = np.full((len(rows), n.max()), np.inf)
            chosen = np.zeros(n_groups, dtype=bool)
            chosen[rows] = True
            table[np.arange(table.shape[1]) < n[:, None]] = values[chosen[group]]
            table.sort(axis=1)
            row = np.arange(len(rows))
            median[rows] = (table[row, (n - 1) // 2] + table[row, n // 2]) / 2
        narrower, width = width, 4 * width
    return median


def running_scale(
    position: np.ndarray,
    step: np.ndarray,
    flux: np.ndarray,
    flux_err: np.ndarray,
    n_objects: int,
    n_steps: int,
) -> np.ndarray:
    """Return the mean of the positive fluxes up to each step, shape (n_objects, n_steps).

    An observation counts from its `step` on. Before the first positive flux the absolute ones
    serve; the mean error so far is the least that it can be. Before any observation it is that of
    the first: nothing observed is there to be scaled.
    """
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


def signed_log(flux: np.ndarray) -> np.ndarray:
    """Return sign(f) log(1 + abs(f))."""
    return np.copysign(np.log1p(np.abs(flux)), flux)
