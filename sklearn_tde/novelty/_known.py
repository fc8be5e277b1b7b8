"""Of how many objects too little is known to say that they are like others."""

from __future__ import annotations

import numpy as np

#: Share of the training objects of which less is known than of what goes without a warning.
_LITTLE = 0.01


def count_known(table: np.ndarray) -> np.ndarray:
    """Return the number of features that are known of each object.

    Parameters
    ----------
    table : ndarray of shape (n_objects, n_features)
        Features, NaN where they are not defined.

    Returns
    -------
    n_known : ndarray of shape (n_objects,), dtype int64
        0 of an object without any.
    """
    return (~np.isnan(table)).sum(axis=1)


def least_of(n_known: np.ndarray) -> int:
    """Return the number of features that almost all training objects have.

    Parameters
    ----------
    n_known : ndarray of shape (n_training,)
        Number of features that are known of each.

    Returns
    -------
    least : int
        At most one in a hundred has fewer.
    """
    return int(np.quantile(n_known, _LITTLE, method="lower"))


def too_little(n_known: np.ndarray, passes: np.ndarray, least: int, n_features: int) -> str:
    """Say of how many objects little is known, if more pass than chance makes them.

    Parameters
    ----------
    n_known : ndarray of shape (n_objects,)
        Number of features that are known of each.
    passes : ndarray of shape (n_objects,), dtype bool
        Whether each is not flagged.
    least : int
        What `least_of` returns.
    n_features : int
        Number of features that there are.

    Returns
    -------
    message : str
        What to warn of; empty if there is nothing.
    """
    n_objects, n_blank = len(n_known), int((n_known == 0).sum())
    n_little = int((passes & (n_known < least)).sum())
    found = []
    if n_blank:
        found.append(
            f"no feature is known of {n_blank} of {n_objects} objects: their score is NaN, and "
            "they are flagged."
        )
    expected = _LITTLE * n_objects
    if n_little > expected + 3 * np.sqrt(expected):
        found.append(
            f"{n_little} of {n_objects} objects pass, but have fewer than {least} of {n_features} "
            f"features, which {1 - _LITTLE:.0%} of the training objects have. What is not known "
            "counts as typical: it says little that they pass. To score young light curves, train "
            "with sampler=PartialLightCurveSampler()."
        )
    return f"X: {' '.join(found)}" if found else ""
