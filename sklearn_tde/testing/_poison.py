"""Light curves whose later observations are others than they were."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
from nested_pandas import NestedFrame

from sklearn_tde._flat import (
    FIELDS,
    LIGHT_CURVE,
    arrow_fields,
    flat_struct,
    nested_array,
    nested_column,
)
from sklearn_tde._prefixes import select_observations
from sklearn_tde.light_curves import FlatLightCurves, flatten_light_curves

#: How many times the largest flux a poisoned one is: huge, and yet within float32.
_HUGE = 1e9


def poisons(
    X: NestedFrame, later: np.ndarray, random_state: np.random.RandomState
) -> dict[str, NestedFrame]:
    """Return light curves that differ from `X` in some of their observations alone.

    Parameters
    ----------
    X : NestedFrame of shape (n_objects, n_columns)
        Light curves as `check_light_curves` returns them.
    later : ndarray of shape (n_observations,), dtype bool
        The observations that are changed, in the order of ``flatten_light_curves(X)``: of each
        object the last ones, or all.
    random_state : RandomState
        Draws by how much.

    Returns
    -------
    poisoned : dict of NestedFrame
        By what the later observations are: "missing", "huge" detections, "faint" and far below
        zero, or "elsewhere": in other bands and at later times. Further numbers are missing.
    """
    flat = flatten_light_curves(X)
    largest = max(np.abs(flat.flux).max(initial=1.0), flat.flux_err.max(initial=1.0))
    flux = _HUGE * largest * (1.0 + random_state.random_sample(len(flat.flux)))
    sound = {name: getattr(flat, name) for name in FIELDS}
    huge = {"flux": flux, "flux_err": flux / 1e3}
    faint = {"flux": -flux, "flux_err": flux}
    elsewhere = {"band": (flat.band + 1) % len(flat.bands), "time": _stretched(flat, later)}
    if len(flat.bands) == 1:
        del elsewhere["band"]
    poisoned = {"missing": select_observations(X, ~later)}
    for name, change in (("huge", huge), ("faint", faint), ("elsewhere", elsewhere)):
        columns = {
            field: np.where(later, change[field], values) if field in change else values
            for field, values in sound.items()
        }
        poisoned[name] = _with_columns(X, columns, flat.bands, later)
    return poisoned


def _stretched(flat: FlatLightCurves, later: np.ndarray) -> np.ndarray:
    """Return times that are more than twice as far after the last one that stays."""
    row, position = np.arange(len(flat.time)), flat.object_position
    last = np.maximum.accumulate(np.where(later, -1, row))
    # An object of which all observations are later is stretched from the first one.
    last = flat.time[np.maximum(last, flat.offsets[:-1][position])]
    # An observation of the same moment, in a band that the other one comes to, would collide.
    return last + 2.0 * (flat.time - last) + 0.01


def _with_columns(
    X: NestedFrame, columns: dict[str, np.ndarray], bands: tuple[str, ...], later: np.ndarray
) -> NestedFrame:
    """Return the light curves with other observations; further fields lose later numbers."""
    struct = flat_struct(nested_column(X))
    fields = arrow_fields(columns, bands)
    for name, values in struct.fields.items():
        if name not in FIELDS:
            if pa.types.is_floating(values.type):
                values = values.to_numpy(zero_copy_only=False)
                values = pa.array(np.where(later, np.nan, values), from_pandas=True)
            fields[name] = values
    poisoned = NestedFrame(X.copy(deep=False))
    poisoned[LIGHT_CURVE] = pd.Series(nested_array(fields, struct.offsets), index=X.index)
    return poisoned
