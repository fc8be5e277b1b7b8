"""Class labels, checked the same way wherever they come in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def refuse_missing_labels(y: Any) -> None:
    """Name the first object without a label."""
    labels = np.asarray(y, dtype=object)
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
    dtype = getattr(y, "dtype", None)
    if not isinstance(dtype, pd.api.extensions.ExtensionDtype) and dtype != np.dtype(object):
        return y
    labels = np.asarray(y, dtype=object)
    if labels.ndim != 1:
        return y
    is_text = np.array([isinstance(label, str) for label in labels], dtype=bool)
    if is_text.all():
        return labels
    if is_text.any():
        text, other = int(is_text.argmax()), int(is_text.argmin())
        raise ValueError(
            f"y mixes strings with other types: {labels[text]!r} at position {text}, "
            f"{labels[other]!r} at position {other}; expected labels of one type."
        )
    return np.array(labels.tolist())
