"""The largest difference of two results, and the error that tells it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

#: How later observations may differ, by the names of the results that `refuse_differences` takes.
LATER = {
    "whole": "with what was observed later",
    "missing": "where the light curve ends there",
    "huge": "with later observations of huge flux",
    "faint": "with later observations far below zero",
    "elsewhere": "with later observations in other bands and at other times",
}


def refuse_differences(
    results: dict[str, np.ndarray],
    expected: np.ndarray,
    tolerance: float,
    describe: Callable[[int, int, int], str],
    compared: np.ndarray | None = None,
) -> None:
    """Raise AssertionError where a result differs from what is expected.

    Parameters
    ----------
    results : dict of ndarray of shape (n_rows, n_steps, n_features)
        By a key of `LATER`. NaN and infinities equal themselves; so does a step that only one of
        two results has, if it is NaN.
    expected : ndarray of shape (n_rows, n_steps, n_features)
        What they should be.
    tolerance : float
        Largest difference, as a fraction of what is expected where that is larger than 1.
    describe : callable
        Given row, step and feature of the largest difference, names object and value.
    compared : ndarray of shape (n_rows, n_steps) or None, default=None
        Where to compare. None: everywhere.
    """
    for kind, found in results.items():
        found, wanted = _same_number_of_steps(found, expected)
        same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))
        if compared is not None:
            outside = np.ones(same.shape[:2], dtype=bool)
            outside[:, : compared.shape[1]] = ~compared
            same |= outside[:, :, None]
        with np.errstate(invalid="ignore", over="ignore"):
            difference = np.where(same, 0.0, np.abs(found - wanted))
            excess = difference / np.fmax(np.abs(wanted), 1.0)
        # What is missing on one side, or infinite, is not near anything.
        excess = np.where(np.isfinite(excess), excess, np.inf)
        if excess.size and excess.max() > tolerance:
            worst = tuple(map(int, np.unravel_index(np.argmax(excess), excess.shape)))
            raise AssertionError(
                f"{describe(*worst)} is {wanted[worst]:.7g} as far as was known then, and "
                f"{found[worst]:.7g} {LATER[kind]}: a difference of {difference[worst]:.3g} "
                f"(tolerance {tolerance:g}). It depends on what comes later."
            )


def _same_number_of_steps(*arrays: np.ndarray) -> list[np.ndarray]:
    """Fill arrays with NaN up to the longest one."""
    n_steps = max(array.shape[1] for array in arrays)
    filled = []
    for array in arrays:
        wide = np.full((len(array), n_steps, array.shape[2]), np.nan)
        wide[:, : array.shape[1]] = array
        filled.append(wide)
    return filled
