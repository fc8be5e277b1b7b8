"""Copies that an ensemble made of its training objects, which calibrate as well."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone


def copied_again(sampler: Any, X: Any, y: np.ndarray, parents: np.ndarray) -> Any:
    """Return the objects with their copies, which an ensemble does not keep.

    Parameters
    ----------
    sampler : sampler
        `sampler_` of the ensemble.
    X : array-like of length n_objects
        The objects that it was trained on.
    y : ndarray of shape (n_objects,)
        Their labels.
    parents : ndarray of shape (n_samples,)
        Position of the object that each sample of the ensemble is, or is a copy of.

    Returns
    -------
    X : of length n_samples
        The samples.
    """
    sampler = clone(sampler)
    X, _ = sampler.fit_resample(X, y)
    if not np.array_equal(sampler.sample_indices_, parents):
        raise ValueError(
            f"sampler={sampler!r} of the estimator makes other copies of the same objects each "
            "time, and their bins cannot be known; expected one whose copies depend on its "
            "parameters alone, such as random_state."
        )
    return X
