"""From copies in flat columns back to a frame of light curves, and their labels."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from nested_pandas import NestedFrame
from sklearn.utils.validation import column_or_1d

from sklearn_tde._flat import FIELDS, LIGHT_CURVE, flat_struct, nested_array
from sklearn_tde.light_curves import FlatLightCurves
from sklearn_tde.sampling._copies import Copies


def labels_at(y: Any, rows: np.ndarray, index: pd.Index) -> Any:
    """Return labels at the given rows, in the type in which they came."""
    if isinstance(y, pd.Series):
        taken = y.iloc[rows]
        taken.index = index
        return taken
    if isinstance(y, pd.api.extensions.ExtensionArray | pd.Index):
        return y.take(rows)
    taken = column_or_1d(y)[rows]
    return taken.tolist() if isinstance(y, list) else taken


def as_flat(copies: Copies, parents: FlatLightCurves) -> FlatLightCurves:
    """Return the copies as light curves of their own, named by their position."""
    return FlatLightCurves(
        copies.time,
        parents.band[copies.row],
        copies.flux,
        copies.flux_err,
        np.concatenate([[0], np.cumsum(copies.count())]),
        parents.bands,
        pd.RangeIndex(copies.n_copies),
    )


def assembled(
    X: NestedFrame, flat: FlatLightCurves, copies: Copies, rows: np.ndarray
) -> NestedFrame:
    """Return the objects of X and the copies after them."""
    struct = flat_struct(X[LIGHT_CURVE])
    source = pa.array(np.concatenate([np.arange(len(flat.time)), copies.row]))
    fields = {}
    for name, values in struct.fields.items():
        if name in FIELDS and name != "band":
            new = np.concatenate([getattr(flat, name), getattr(copies, name)])
            fields[name] = pa.array(new)
        else:
            fields[name] = values.take(source)
    lengths = np.concatenate([flat.n_observations, copies.count()])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    result = pd.DataFrame(X).drop(columns=LIGHT_CURVE).iloc[rows]
    result.index = names_of_copies(X.index, rows)
    nested = pd.Series(nested_array(fields, offsets), index=result.index)
    result.insert(X.columns.get_loc(LIGHT_CURVE), LIGHT_CURVE, nested)
    return NestedFrame(result)


def names_of_copies(index: pd.Index, rows: np.ndarray) -> pd.Index:
    """Name objects and copies: copies as their parents, then "~" and the next free number."""
    parents = index.take(rows[len(index) :])
    if not all(isinstance(name, str) for name in index):
        index = pd.Index([str(name) for name in index], name=index.name)
    used, number, names = set(index), Counter(), []
    for parent in map(str, parents):
        name = None
        while name is None or name in used:
            number[parent] += 1
            name = f"{parent}~{number[parent]}"
        used.add(name)
        names.append(name)
    return index.append(pd.Index(names, dtype=index.dtype, name=index.name))
