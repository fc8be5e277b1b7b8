"""From a nested frame to a long table, with one row per observation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from sklearn_tde._flat import ATTRS, FIELDS, LIGHT_CURVE, flat_struct, nested_column

#: Whole numbers that may be missing, by their type in Arrow.
_NULLABLE = {
    pa.from_numpy_dtype(dtype.numpy_dtype): dtype
    for dtype in map(
        pd.api.types.pandas_dtype,
        ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64"),
    )
}


def unpacked_frame(X: pd.DataFrame) -> pd.DataFrame:
    """Return a checked nested frame as a long table, with notes for the way back in its attrs."""
    struct = flat_struct(nested_column(X))
    counts = np.diff(struct.offsets)
    rows = np.repeat(np.arange(len(X)), np.maximum(counts, 1))
    # Row in the flat columns, or missing where an empty object only marks its place.
    source = np.full(len(rows), np.nan)
    source[np.repeat(counts > 0, np.maximum(counts, 1))] = np.arange(counts.sum())
    source = pa.array(source, from_pandas=True, type=pa.int64())
    name = "object_id" if X.index.name is None else X.index.name
    properties = [column for column in X.columns if column != LIGHT_CURVE]
    _refuse_shared_names(name, list(struct.fields), properties)
    data: dict[Any, Any] = {name: X.index.take(rows)}
    for field, values in struct.fields.items():
        data[field] = _to_pandas(values.take(source))
    for column in properties:
        data[column] = X[column].array.take(rows)
    table = pd.DataFrame(data)
    table.attrs[ATTRS] = {
        "object_id": name,
        "observation_columns": [field for field in struct.fields if field not in FIELDS],
        "object_columns": properties,
    }
    return table


def _refuse_shared_names(index: Any, fields: list[str], properties: list) -> None:
    """Refuse what would overwrite a column of the long table."""
    taken = {index: "the name of its index"}
    for names, kind in ((fields, "a field of the light curve"), (properties, "another column")):
        for name in names:
            if name in taken:
                raise ValueError(
                    f"X: {name!r} is also {taken[name]}, and a long table holds one column of "
                    "that name; rename one of them before unpacking."
                )
            taken[name] = kind


def _to_pandas(values: pa.Array) -> pd.Series:
    # Otherwise the row of an empty object would turn whole numbers into floats.
    types = _NULLABLE.get if values.null_count else None
    return values.to_pandas(types_mapper=types)
