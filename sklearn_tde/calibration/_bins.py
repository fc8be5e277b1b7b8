"""Bins of the objects, within each of which sets of classes hold the true one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from sklearn_tde._photometry import shown
from sklearn_tde.ensemble._ages import days_known

_DAYS = (7.5, 15.0, 30.0)
#: Bins of the age, youngest first.
AGES = np.array(["under 7.5 days", "7.5 to 15 days", "15 to 30 days", "over 30 days"])


def bins_of(bins: str | Callable[[Any], Any] | None, X: Any, n_objects: int) -> np.ndarray:
    """Return the bin of each object.

    Parameters
    ----------
    bins : {"age"}, callable or None
        The parameter of the classifier.
    X : array-like of length n_objects
        The objects; not looked at if `bins` is None.
    n_objects : int
        Number of objects.

    Returns
    -------
    found : ndarray of shape (n_objects,)
        Integers or strings.
    """
    if bins is None:
        return np.zeros(n_objects, dtype=int)
    found = np.asarray(AGES[np.digitize(days_known(X), _DAYS)] if bins == "age" else bins(X))
    if found.shape != (n_objects,):
        raise ValueError(
            f"bins returned an array of shape {found.shape} for {n_objects} objects; expected "
            "one bin for each."
        )
    if found.dtype.kind not in "biuUOT" or pd.isna(found).any():
        raise TypeError(
            f"bins returned {shown(found)}; expected an integer or a string for each object."
        )
    return found


def names_of(bins: str | Callable[[Any], Any] | None, found: np.ndarray) -> np.ndarray:
    """Return the bins that there are: all of the age, also where no object is so old.

    Parameters
    ----------
    bins : {"age"}, callable or None
        The parameter of the classifier.
    found : ndarray of shape (n_objects,)
        The bin of each calibration object.

    Returns
    -------
    names : ndarray of shape (n_bins,)
        In the order of the age, or sorted.
    """
    return AGES.copy() if isinstance(bins, str) else pd.factorize(found, sort=True)[1]


def coded(found: np.ndarray, names: np.ndarray) -> tuple[np.ndarray, str]:
    """Return the position of each bin among those of `fit`, and what to warn of.

    Parameters
    ----------
    found : ndarray of shape (n_objects,)
        The bin of each object.
    names : ndarray of shape (n_bins,)
        The bins of `fit`.

    Returns
    -------
    codes : ndarray of shape (n_objects,)
        Positions, -1 for a bin that `fit` has not met.
    message : str
        Names such bins; empty if there is none.
    """
    codes = pd.Index(names).get_indexer(found)
    is_new = codes < 0
    if not is_new.any():
        return codes, ""
    new = pd.unique(found[is_new]).tolist()
    more = f" and {len(new) - 5} more" if len(new) > 5 else ""
    return codes, (
        f"bins: {is_new.sum()} of {len(found)} objects are in bins that fit has not met, "
        f"{', '.join(map(repr, new[:5]))}{more}. All objects of a class stand in for those of "
        "the bin, and the share is not promised there."
    )
