"""What `fit` is given per object besides the labels: weights and groups, checked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sklearn_tde._weights import check_sample_weight, read_sample_weight


def check_weights(
    sample_weight: Any, X: np.ndarray, codes: np.ndarray, classes: np.ndarray
) -> np.ndarray:
    """Return the weights of the objects; two classes or more have some.

    Parameters
    ----------
    sample_weight : array-like of shape (n_objects,) or None
        What `fit` was given. None: 1 for all.
    X : ndarray of shape (n_objects, n_steps, n_features)
        The objects.
    codes : ndarray of shape (n_objects,)
        Class codes.
    classes : ndarray of shape (n_classes,)
        Labels of the codes.

    Returns
    -------
    weight : ndarray of shape (n_objects,), dtype float64
        The weights, 1 on average over the objects that have any.
    """
    if sample_weight is not None:
        remedy = "leave one of the two out (class_weight needs neither)"
        _check_length("sample_weight", read_sample_weight(sample_weight), len(X), remedy)
    weight = check_sample_weight(sample_weight, X)
    left = np.unique(codes[weight > 0])
    if not left.size:
        raise ValueError(
            "sample_weight is zero for every object; expected two classes with weight or more."
        )
    if len(left) < 2:
        raise ValueError(
            f"sample_weight is 0 for every object but those of one class, "
            f"{classes.tolist()[left[0]]!r}; expected two classes with weight or more."
        )
    return weight * (np.count_nonzero(weight) / weight.sum())


def check_groups(groups: Any, n_objects: int) -> np.ndarray | None:
    """Return the groups as codes in the order of their first appearance.

    Parameters
    ----------
    groups : array-like of shape (n_objects,) or None
        What `fit` was given: names or numbers.
    n_objects : int
        Number of objects.

    Returns
    -------
    codes : ndarray of shape (n_objects,) or None
        None without groups.
    """
    if groups is None:
        return None
    groups = np.asarray(groups, dtype=object)
    if groups.ndim != 1:
        raise ValueError(
            f"groups has {groups.ndim} dimensions; expected one, with a group per object."
        )
    remedy = "fit the classifier by itself, with groups=sampler.sample_indices_"
    _check_length("groups", groups, n_objects, remedy)
    codes, _ = pd.factorize(groups)
    if (codes < 0).any():
        raise ValueError(
            f"groups is missing (NaN or None) at position {int(np.argmax(codes < 0))}; expected a "
            "group for each object."
        )
    return codes


def _check_length(name: str, values: np.ndarray, n_objects: int, remedy: str) -> None:
    # Any other shape is refused by what reads the values.
    if values.ndim == 1 and len(values) != n_objects:
        raise ValueError(
            f"{name} has {len(values)} values for {n_objects} objects; expected one per object. "
            f"A sampler before the classifier changes the objects but not their {name}: {remedy}."
        )
