"""Interpolation of many light curves at once on one regular grid."""

from __future__ import annotations

import numpy as np

from sklearn_tde.preprocessing._nodes import Nodes
from sklearn_tde.preprocessing._scales import median_scale, running_scale, signed_log
from sklearn_tde.preprocessing._start import EDGE
from sklearn_tde.preprocessing._steps import first_step_from, nearest_step


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
    where each belongs. The features have to be zero before.
    """
    if not len(time):
        return
    n_objects = len(out)
    # Band by band, because the values of a channel are written together.
    of_band = [np.flatnonzero(band == k) for k in range(n_bands)]
    rows = np.concatenate(of_band)
    x, f, e = time[rows], flux[rows], flux_err[rows]
    channel = np.repeat(np.arange(n_bands), [len(part) for part in of_band])
    owner = position[rows]
    curve = channel * n_objects + owner
    shown = nearest_step(x, grid) if mask == "observed" else None
    # A scale that runs, and errors that grow, change where the curve itself is constant.
    everywhere = scale == "running" or gap_inflation > 0
    nodes = Nodes.between(curve, x, shown, grid, n_objects * n_bands, everywhere=everywhere)
    f_nodes, e_nodes = nodes.interpolate(f), nodes.interpolate(e)
    if shown is None:
        seen = nodes.covered()
    else:
        seen = nodes.put_averages(shown, f, e, f_nodes, e_nodes)
    if gap_inflation:
        growth = 1.0 + gap_inflation * nodes.days_to_nearest()
        growth[seen] = 1.0
        e_nodes *= growth
    node_owner = owner[nodes.left]
    if scale is not None:
        observations = (position, time, flux, flux_err)
        divisor = _divisor(scale, mask, grid, *observations, n_objects)
        divisor = divisor[node_owner, nodes.step if divisor.shape[1] > 1 else 0]
        f_nodes /= divisor
        e_nodes /= divisor
    if log_flux:
        f_nodes = signed_log(f_nodes)
    _write(
        out,
        nodes.expand(f_nodes).reshape(n_bands, n_objects, -1),
        nodes.expand(e_nodes).reshape(n_bands, n_objects, -1),
        nodes.filled.reshape(n_bands, n_objects) if colors else None,
    )
    out[node_owner[seen], nodes.step[seen], channel[nodes.left[seen]] - n_bands] = 1.0


def _divisor(
    scale: str,
    mask: str,
    grid: np.ndarray,
    position: np.ndarray,
    time: np.ndarray,
    flux: np.ndarray,
    flux_err: np.ndarray,
    n_objects: int,
) -> np.ndarray:
    """Return the scale of each object, shape (n_objects, n_steps), or with 1 for all steps."""
    if scale == "median":
        return median_scale(position, flux, flux_err, n_objects)[:, None]
    # An observation counts from the step that shows it.
    step = nearest_step(time, grid) if mask == "observed" else first_step_from(time - EDGE, grid)
    return running_scale(position, step, flux, flux_err, n_objects, len(grid))


def _write(
    out: np.ndarray, flux: np.ndarray, flux_err: np.ndarray, filled: np.ndarray | None
) -> None:
    """Write the channels of flux, color and error; colors where `filled` says that both exist.

    One at a time, because NumPy copies into a channel twice as fast as into several.
    """
    n_bands = len(flux)
    for k in range(n_bands):
        out[:, :, 1 + k] = flux[k]
    at = 1 + n_bands
    if filled is not None:
        for k in range(n_bands - 1):
            difference = flux[k] - flux[k + 1]
            difference[~(filled[k] & filled[k + 1])] = 0.0
            out[:, :, at + k] = difference
        at += n_bands - 1
    for k in range(n_bands):
        out[:, :, at + k] = flux_err[k]
