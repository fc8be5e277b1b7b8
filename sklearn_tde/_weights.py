"""Weights of objects, checked the same way wherever they come in."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import _check_sample_weight

from sklearn_tde._photometry import cause


def read_sample_weight(sample_weight: Any) -> np.ndarray:
    """Return weights as an array of floats of whatever shape, refusing what holds no numbers."""
    try:
        return np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"sample_weight cannot be read as numbers: {cause(error)}; expected one finite number "
            "of 0 or more per object."
        ) from error


def check_sample_weight(sample_weight: Any, objects: Any) -> np.ndarray:
    """Return the weight of each object, scaled so that the largest is at least 0.5 and below 1.

    Only ratios matter, and the sum of the largest or smallest floats there are would be infinite
    or rounded. The scale is a power of two, which changes no ratio. All weights may be 0.
    """
    if sample_weight is not None:
        sample_weight = read_sample_weight(sample_weight)
        if sample_weight.ndim == 0:
            sample_weight = np.full(len(objects), sample_weight)
    weight = _check_sample_weight(
        sample_weight,
        objects,
        dtype=np.float64,
        ensure_non_negative=True,
        allow_all_zero_weights=True,
    )
    _, exponent = np.frexp(weight.max(initial=0.0))
    return np.ldexp(weight, -exponent)
