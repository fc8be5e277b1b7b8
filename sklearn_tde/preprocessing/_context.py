"""Columns of the objects as numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sklearn_tde._photometry import shown


def context_values(
    X: pd.DataFrame, names: Sequence[str], kind: str = "context column"
) -> np.ndarray:
    """Return the object-level columns, shape (n_objects, n_names); `kind` is for messages."""
    values = np.empty((len(X), len(names)))
    for k, name in enumerate(names):
        if name not in X.columns:
            raise ValueError(
                f"X: the {kind} {name!r} is missing; it has the columns "
                f"{', '.join(map(repr, X.columns))}."
            )
        if not pd.api.types.is_numeric_dtype(X[name].dtype):
            raise TypeError(f"X: the {kind} {name!r} is {X[name].dtype}; expected numbers.")
        values[:, k] = X[name].to_numpy(dtype=np.float64, na_value=np.nan)
        # The features are float32.
        bad = ~(np.abs(values[:, k]) <= np.finfo(np.float32).max)
        if bad.any():
            raise ValueError(
                f"object {shown(X.index[bad][0])}: {name} is {values[bad, k][0]}; expected a "
                f"finite number. Give one to the {int(bad.sum())} of {len(X)} objects without, or "
                "leave them out."
            )
    return values
