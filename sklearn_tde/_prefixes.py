"""Light curves with some of their observations, such as those up to a date."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
from nested_pandas import NestedFrame

from sklearn_tde._flat import LIGHT_CURVE, flat_struct, nested_array, nested_column


def select_observations(X: NestedFrame, keep: np.ndarray) -> NestedFrame:
    """Return the light curves with the observations that a mask keeps.

    Parameters
    ----------
    X : NestedFrame of shape (n_objects, n_columns)
        Light curves as `check_light_curves` returns them.
    keep : ndarray of shape (n_observations,), dtype bool
        In the order of ``flatten_light_curves(X)``.

    Returns
    -------
    X_kept : NestedFrame of shape (n_objects, n_columns)
        The same objects, those that lose all observations included, with every field of the
        light curve and every other column. A missing light curve becomes an empty one.
    """
    struct = flat_struct(nested_column(X))
    keep = np.asarray(keep, dtype=bool)
    n = int(struct.offsets[-1])
    if keep.shape != (n,):
        raise ValueError(f"keep has the shape {keep.shape}; expected ({n},), one per observation.")
    before = np.concatenate([[0], np.cumsum(keep)])
    mask = pa.array(keep)
    fields = {name: values.filter(mask) for name, values in struct.fields.items()}
    kept = NestedFrame(X.copy(deep=False))
    nested = nested_array(fields, before[struct.offsets])
    kept[LIGHT_CURVE] = pd.Series(nested, index=kept.index)
    return kept


def take_prefixes(X: NestedFrame, objects: np.ndarray, lengths: np.ndarray) -> NestedFrame:
    """Return objects, as often as asked for, each with its first observations.

    Parameters
    ----------
    X : NestedFrame of shape (n_objects, n_columns)
        Light curves as `check_light_curves` returns them.
    objects : ndarray of shape (n_rows,), dtype int
        Position in `X` of the object of every row of the result.
    lengths : ndarray of shape (n_rows,), dtype int
        How many of its observations it has there, the earliest ones.

    Returns
    -------
    X_taken : NestedFrame of shape (n_rows, n_columns)
        The names of the objects repeat as `objects` does.
    """
    struct = flat_struct(nested_column(X))
    offsets = np.zeros(len(objects) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    shift = struct.offsets[:-1][objects] - offsets[:-1]
    source = pa.array(np.arange(offsets[-1]) + np.repeat(shift, lengths))
    fields = {name: values.take(source) for name, values in struct.fields.items()}
    # Taking the nested column along with the others would copy every observation of it.
    others = pd.DataFrame(X).drop(columns=LIGHT_CURVE).iloc[objects]
    nested = pd.Series(nested_array(fields, offsets), index=others.index)
    others.insert(X.columns.get_loc(LIGHT_CURVE), LIGHT_CURVE, nested)
    return NestedFrame(others)


def prefix_lengths(offsets: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """Count the observations that a mask keeps of each object, shape (n_objects,)."""
    return np.diff(np.concatenate([[0], np.cumsum(keep)])[offsets])
