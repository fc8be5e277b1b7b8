"""Steps of a regular grid of times."""

from __future__ import annotations

import numpy as np

from sklearn_tde.preprocessing._start import EDGE


def nearest_step(time: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Return the nearest step of each time, half way the later one; outside the grid too."""
    return np.floor((time - grid[0] + EDGE) / (grid[1] - grid[0]) + 0.5).astype(np.int64)


def first_step_from(time: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Return the first step at or after each time, `n_steps` where there is none.

    It is ``np.searchsorted(grid, time)``, without the search.
    """
    step = np.ceil((time - grid[0]) / (grid[1] - grid[0]))
    step = np.clip(step, 0, len(grid)).astype(np.int64)
    # Rounding misses by one step at most. Step k is at k + 1 here.
    edges = np.concatenate([[-np.inf], grid, [np.inf]])
    step -= edges[step] >= time
    step += edges[step + 1] < time
    return step
