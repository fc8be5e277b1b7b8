"""Prediction of many objects in parts of constant memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from sklearn_tde._containers import as_nested_frame

#: Objects predicted at a time: what the steps make of them stays small, whatever the size of X.
CHUNK = 4096


def by_chunks(method: Callable[[Any], np.ndarray], X: Any) -> np.ndarray:
    """Return what a method says of every object, asked for some of the objects at a time."""
    try:
        n_objects = len(X)
    except TypeError:
        # The first step refuses what has no length, and says why.
        n_objects = 0
    if n_objects <= CHUNK:
        return method(X)
    if isinstance(X, pd.DataFrame | pd.Series):
        rows = X.iloc
    elif isinstance(X, np.ndarray) and X.dtype.kind in "biuf":
        # The steps after a gridder take an array.
        rows = X
    else:
        # Objects without a name are called by their place in the whole.
        rows = as_nested_frame(X).iloc
    results = []
    for begin in range(0, n_objects, CHUNK):
        try:
            results.append(method(rows[begin : begin + CHUNK]))
        except ValueError as error:
            if begin:
                error.add_note(f'"Position" in this message counts from object {begin} of X.')
            raise
    return np.concatenate(results)
