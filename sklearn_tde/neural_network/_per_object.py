"""What `fit` is given per object besides the labels: weights and groups, checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_tde._labels import check_length
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
        check_length("sample_weight", read_sample_weight(sample_weight), len(X), remedy)
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
