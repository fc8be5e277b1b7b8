"""The largest difference of two results, and the error that tells it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from nested_pandas import NestedFrame

#: How later observations may differ, by the names of the results that `refuse_differences` takes.
LATER = {
    "whole": "with what was observed later",
    "missing": "where the light curve ends there",
    "huge": "with later observations of huge flux",
    "faint": "with later observations far below zero",
    "elsewhere": "with later observations in other bands and at other times",
}
#: What is at fault where an object alone has other results than among others.
_OTHERS = (
    "It depends on the other objects that are given with it, for alone the object has another "
    "result; a reason may be padding up to the longest of them: expected zeros or NaN after the "
    "steps. Whether it also depends on what comes later is only seen once that is mended."
)


def refuse_differences(
    results: dict[str, np.ndarray],
    expected: np.ndarray,
    tolerance: float,
    describe: Callable[[int, int, int], str],
    depends_on_others: Callable[[int], bool],
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
    depends_on_others : callable
        Given the row, says whether its object has other results when it is given alone.
    compared : ndarray of shape (n_rows, n_steps) or None, default=None
        Where to compare. None: everywhere.
    """
    for kind, found in results.items():
        found, wanted = _same_number_of_steps(found, expected)
        difference, excess = _differences(found, wanted)
        if compared is not None:
            excess[:, compared.shape[1] :] = 0.0
            excess[:, : compared.shape[1]][~compared] = 0.0
        if excess.size and excess.max() > tolerance:
            worst = tuple(map(int, np.unravel_index(np.argmax(excess), excess.shape)))
            cause = _OTHERS if depends_on_others(worst[0]) else "It depends on what comes later."
            raise AssertionError(
                f"{describe(*worst)} is {wanted[worst]:.7g} as far as was known then, and "
                f"{found[worst]:.7g} {LATER[kind]}: a difference of {difference[worst]:.3g} "
                f"(tolerance {tolerance:g}). {cause}"
            )


def changed_by_others(
    cases: Sequence[tuple[Callable[[NestedFrame], np.ndarray], NestedFrame]], tolerance: float
) -> Callable[[int], bool]:
    """Return what says whether an object has other results alone than among the others.

    Parameters
    ----------
    cases : sequence of (callable, NestedFrame of shape (n_rows, n_columns))
        What returns results of shape (n_rows, n_steps, n_features), and for what.
    tolerance : float
        As in `refuse_differences`.

    Returns
    -------
    depends_on_others : callable
        Given the position of a row, whether one of its results differs.
    """

    def depends_on_others(row: int) -> bool:
        for steps, X in cases:
            among, alone = steps(X)[[row]], steps(X.iloc[[row]])
            padding = among[:, alone.shape[1] :]
            padding[padding == 0] = np.nan
            among, alone = _same_number_of_steps(among, alone)
            if _differences(among, alone)[1].max(initial=0.0) > tolerance:
                return True
        return False

    return depends_on_others


def _differences(found: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the differences, also as fractions of what is wanted where that is larger than 1."""
    same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.where(same, 0.0, np.abs(found - wanted))
        excess = difference / np.fmax(np.abs(wanted), 1.0)
    # What is missing on one side, or infinite, is not near anything.
    return difference, np.where(np.isfinite(excess), excess, np.inf)


def _same_number_of_steps(*arrays: np.ndarray) -> list[np.ndarray]:
    """Fill arrays with NaN up to the longest one."""
    n_steps = max(array.shape[1] for array in arrays)
    filled = []
    for array in arrays:
        wide = np.full((len(array), n_steps, array.shape[2]), np.nan)
        wide[:, : array.shape[1]] = array
        filled.append(wide)
    return filled
