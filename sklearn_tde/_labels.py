"""Class labels, checked the same way wherever they come in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sklearn_tde._photometry import cause, shown

_PLAIN = ("string", "integer", "boolean", "floating")


def as_objects(values: Any, parameter: str) -> np.ndarray:
    """Return labels or groups as an array of objects, refusing what holds more than one value."""
    try:
        array = np.asarray(values, dtype=object)
    # Whatever keeps something from becoming an array, it holds no labels.
    except Exception as error:
        raise TypeError(
            f"{parameter} cannot be read as one value per object: {cause(error)}"
        ) from error
    # One look in bulk is enough where all are of a plain type.
    if array.ndim == 1 and pd.api.types.infer_dtype(array, skipna=True) not in _PLAIN:
        for position, value in enumerate(array):
            if not pd.api.types.is_scalar(value) or pd.api.types.is_list_like(value):
                raise TypeError(
                    f"{parameter} holds {shown(value)} at position {position}; expected text or "
                    "a number for each object."
                )
    return array


def refuse_missing_labels(y: Any) -> None:
    """Name the first object without a label."""
    labels = as_objects(y, "y")
    if labels.ndim == 1:
        missing = pd.isna(labels)
        if missing.any():
            raise ValueError(
                f"y: the label of {int(missing.sum())} of {len(labels)} objects is missing, the "
                f"first at position {int(np.flatnonzero(missing)[0])}; expected a class for each."
            )


def plain_labels(y: Any) -> Any:
    """Return labels of pandas' own types, or held as objects, as an array of what they are.

    Without it nullable integers and booleans become floats, and numbers held as objects are
    refused. Strings stay objects; anything else is returned as it came.
    """
    dtype, is_list = getattr(y, "dtype", None), isinstance(y, list | tuple)
    is_extension = isinstance(dtype, pd.api.extensions.ExtensionDtype)
    if not (is_list or is_extension or dtype == np.dtype(object)):
        return y
    labels = np.asarray(y, dtype=object)
    if labels.ndim != 1:
        return y
    is_text = np.array([isinstance(label, str) for label in labels], dtype=bool)
    if is_text.any() and not is_text.all():
        text, other = int(is_text.argmax()), int(is_text.argmin())
        raise ValueError(
            f"y mixes strings with other types: {labels[text]!r} at position {text}, "
            f"{labels[other]!r} at position {other}; expected labels of one type."
        )
    if is_list:
        return y
    return labels if is_text.all() else np.array(labels.tolist())
