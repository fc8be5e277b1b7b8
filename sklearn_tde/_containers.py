"""Coercion of containers with one entry per object into flat columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from nested_pandas import NestedDtype, NestedFrame

from sklearn_tde._flat import FIELDS, LIGHT_CURVE, build_frame
from sklearn_tde._photometry import as_array, factorized_bands, read_numbers, read_times, shown

#: Spelling of the fields in the dictionaries of the reference study.
_BAND_FIELDS = {"time": "t", "flux": "y", "flux_err": "e"}
_EXPECTED = (
    "expected a NestedFrame with a nested column 'light_curve', or a sequence with one table per "
    "object (DataFrame, structured array or mapping) that has the columns time, band, flux, "
    "flux_err"
)

Coerced = tuple[dict[str, np.ndarray], list[str], np.ndarray, pd.DataFrame]


def as_nested_frame(X: Any) -> pd.DataFrame:
    """Return `X` as a frame with a nested column, naming what is missing."""
    if isinstance(X, pd.DataFrame) and X.columns.nlevels > 1:
        raise ValueError(f"X: its columns have {X.columns.nlevels} levels; expected one.")
    if isinstance(X, pd.Series) and isinstance(X.dtype, NestedDtype):
        X = NestedFrame({LIGHT_CURVE: X})
    # The types say it all without taking the column, which is slow.
    dtype = X.dtypes.get(LIGHT_CURVE) if isinstance(X, pd.DataFrame) else None
    if not isinstance(dtype, NestedDtype):
        X = build_frame(*_coerce(X))
        dtype = X.dtypes[LIGHT_CURVE]
    found = dtype.column_dtypes
    missing = [name for name in FIELDS if name not in found]
    if missing:
        raise ValueError(
            f"X: column {LIGHT_CURVE!r} lacks the field {missing[0]!r}; expected the fields "
            f"{', '.join(FIELDS)}, found {', '.join(found)}."
        )
    return X


def _coerce(X: Any) -> Coerced:
    """Return flat columns, bands, offsets and the table of objects of a foreign container."""
    if isinstance(X, pd.DataFrame):
        return _from_frame(X)
    if isinstance(X, pd.Series):
        return _from_entries(X.tolist(), X.index)
    if isinstance(X, np.ndarray):
        if X.dtype.names and X.ndim == 2:
            # What np.asarray makes of structured arrays of one length.
            return _from_entries(list(X), pd.RangeIndex(len(X)))
        if X.dtype != object:
            hint = (
                "one structured array is one object: put it in a list"
                if X.dtype.names
                else ("numbers alone do not say what they measure")
            )
            raise TypeError(f"X: got an array of {X.dtype} ({hint}); {_EXPECTED}.")
        if X.ndim not in (1, 2):
            raise TypeError(f"X: got an array of {X.ndim} dimensions; {_EXPECTED}.")
        if X.ndim == 2:
            return _from_entries(_table_column(X), pd.RangeIndex(len(X)))
        return _from_entries(list(X), pd.RangeIndex(len(X)))
    if isinstance(X, Sequence) and not isinstance(X, (str, bytes)):
        return _from_entries(list(X), pd.RangeIndex(len(X)))
    raise TypeError(f"X: got {type(X).__name__}; {_EXPECTED}.")


def _from_frame(X: pd.DataFrame) -> Coerced:
    """A DataFrame with a column of tables, or with list columns."""
    for name in (LIGHT_CURVE, *FIELDS):
        if np.sum(X.columns == name) > 1:
            raise ValueError(f"X: column {name!r} occurs more than once; expected it once.")
    if LIGHT_CURVE in X.columns:
        columns, bands, offsets, beside = _from_entries(X[LIGHT_CURVE].tolist(), X.index)
        return columns, bands, offsets, _joined(_without(X, [LIGHT_CURVE]), beside)
    missing = [name for name in FIELDS if name not in X.columns]
    if missing:
        raise ValueError(f"X: column 'light_curve' is missing; {_EXPECTED}.")
    first = X["time"].iloc[0] if len(X) else None
    if _is_single(first) and not pd.isna(first):
        raise ValueError(
            "X: its column 'time' holds single numbers, so it has one row per observation; pack "
            "it with pack_light_curves(X) first."
        )
    entries = [
        dict(zip(FIELDS, row, strict=True))
        for row in zip(*(X[name] for name in FIELDS), strict=True)
    ]
    columns, bands, offsets, _ = _from_entries(entries, X.index)
    return columns, bands, offsets, _without(X, FIELDS)


def _without(X: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    return X.loc[:, ~X.columns.isin(names)]


def _joined(X: pd.DataFrame, beside: pd.DataFrame) -> pd.DataFrame:
    """Add the scalar entries of the tables to the columns of `X`, by position."""
    X = X.copy(deep=False)
    for name in beside.columns:
        if name in X.columns:
            raise ValueError(
                f"X: {name!r} is a column of X and also an entry of its light curves; rename one."
            )
        X[name] = beside[name].array
    return X


def _table_column(X: np.ndarray) -> list:
    """Return the light curves, the first column of an object array, as bagging makes it."""
    columns = [k for k in range(X.shape[1]) if any(_is_table(entry) for entry in X[:, k])]
    if not len(X):
        return []
    if not columns:
        raise TypeError(
            "X: no column of the object array holds light curves. List columns lose their names in "
            "an array, as bagging makes it: give the estimator outside check_light_curves(X) in "
            f"place of X; {_EXPECTED}."
        )
    if columns[0]:
        raise TypeError(
            f"X: column {columns[0]} of the object array holds light curves and column 0 something "
            "else, which would be ignored. Expected light curves first: bagging keeps the order "
            "of X; what StackingClassifier(passthrough=True) adds cannot be read "
            "(passthrough=False)."
        )
    return list(X[:, 0])


def _is_table(entry: Any) -> bool:
    is_record_array = isinstance(entry, np.ndarray) and entry.dtype.names is not None
    return isinstance(entry, (pd.DataFrame, Mapping)) or is_record_array


def _from_entries(entries: list, index: pd.Index) -> Coerced:
    columns, lengths, properties = _at_once(entries) or _one_by_one(entries, index)
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    columns["band"], bands = factorized_bands(
        columns["band"],
        lambda row: shown(index[int(np.searchsorted(offsets, row, side="right")) - 1]),
        "a string",
    )
    objects = (
        pd.DataFrame(properties, index=index) if any(properties) else pd.DataFrame(index=index)
    )
    return {name: columns[name] for name in FIELDS}, bands, offsets, objects


def _at_once(entries: list) -> tuple[dict[str, np.ndarray], list[int], list[dict]] | None:
    """Read DataFrames with the same columns and types together, which is twice as fast.

    None where anything is odd: one by one, the object can be named.
    """
    if not entries or not all(isinstance(entry, pd.DataFrame) for entry in entries):
        return None
    dtypes = entries[0].dtypes
    if not dtypes.index.is_unique or dtypes.index.nlevels > 1:
        return None
    if not all(entry.dtypes.equals(dtypes) for entry in entries):
        return None
    if not all(field in dtypes.index for field in FIELDS):
        return None
    table = pd.concat(entries, ignore_index=True)
    numbers = [table[field].to_numpy() for field in ("time", "flux", "flux_err")]
    if numbers[0].dtype.itemsize < 8 or any(column.dtype.kind not in "fiu" for column in numbers):
        return None
    where = (f"X: {field}" for field in ("time", "flux", "flux_err"))
    time, flux, flux_err = map(read_numbers, numbers, where)
    columns = {"time": time, "band": _names_of_bands(table["band"], "X: band")}
    columns |= {"flux": flux, "flux_err": flux_err}
    return columns, [len(entry) for entry in entries], []


def _one_by_one(
    entries: list, index: pd.Index
) -> tuple[dict[str, np.ndarray], list[int], list[dict]]:
    """Read any tables, with what they say of the objects."""
    tables, properties = [], []
    for name, entry in zip(index, entries, strict=True):
        if entry is None or entry is pd.NA or (isinstance(entry, float) and np.isnan(entry)):
            table, extra = {}, {}
        elif not _is_table(entry):
            raise TypeError(f"object {shown(name)}: got {type(entry).__name__}; {_EXPECTED}.")
        elif isinstance(entry, Mapping) and not any(field in entry for field in FIELDS):
            table, extra = _from_bands(entry, name)
        else:
            table, extra = _from_columns(entry, name), _scalars(entry)
        tables.append(table)
        properties.append(extra)
    empty = {field: np.empty(0, object if field == "band" else np.float64) for field in FIELDS}
    columns = {
        field: np.concatenate([empty[field]] + [table[field] for table in tables if table])
        for field in FIELDS
    }
    return columns, [len(table["time"]) if table else 0 for table in tables], properties


def _from_columns(entry: Any, name: Any) -> dict[str, np.ndarray]:
    """One object's table of columns."""
    present = entry.dtype.names if isinstance(entry, np.ndarray) else list(entry)
    missing = [field for field in FIELDS if field not in present]
    if missing:
        raise ValueError(
            f"object {shown(name)}: field {missing[0]!r} is missing; expected the fields "
            f"{', '.join(FIELDS)}, found {', '.join(map(str, present))}."
        )
    table = {
        field: _numbers(entry[field], name, field, is_time=field == "time")
        for field in ("time", "flux", "flux_err")
    }
    band = _names_of_bands(entry["band"], f"object {shown(name)}: band")
    # A band given once holds for the whole table.
    table["band"] = np.full(len(table["time"]), band[()], dtype=object) if band.ndim == 0 else band
    _one_dimensional(table["band"], name, "band")
    return _same_length(table, name, {field: field for field in FIELDS})


def _scalars(entry: Any) -> dict[str, Any]:
    """What a mapping says of the object, beside its columns."""
    if not isinstance(entry, Mapping):
        return {}
    return {key: value for key, value in entry.items() if key not in FIELDS and _is_single(value)}


def _is_single(value: Any) -> bool:
    # Tensors pass for scalars in pandas, because they compute like numbers.
    return pd.api.types.is_scalar(value) and not pd.api.types.is_list_like(value)


def _names_of_bands(values: Any, where: str) -> np.ndarray:
    """Return bands as objects: an array of strings would spell a missing one as 'nan'."""
    if isinstance(values, np.ma.MaskedArray):
        return np.where(np.ma.getmaskarray(values), None, values.data.astype(object))
    return as_array(values, where, object)


def _from_bands(entry: Mapping, name: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """One object of the reference study: a mapping from bands to t, y, e, beside a label."""
    curves = {key: value for key, value in entry.items() if isinstance(value, Mapping)}
    extra = {key: value for key, value in entry.items() if not isinstance(value, Mapping)}
    tables = []
    for band, curve in curves.items():
        if not isinstance(band, str):
            raise TypeError(f"object {shown(name)}: band is {shown(band)}; expected a string.")
        missing = [key for key in _BAND_FIELDS.values() if key not in curve]
        if missing:
            raise ValueError(
                f"object {shown(name)}: band {shown(band)} lacks {missing[0]!r}; expected t "
                "(days), y (flux) and e (its error)."
            )
        spelled = {f: f"{key} of band {shown(band)}" for f, key in _BAND_FIELDS.items()}
        table = {
            f: _numbers(curve[key], name, spelled[f], is_time=f == "time")
            for f, key in _BAND_FIELDS.items()
        }
        table = _same_length(table, name, spelled)
        table["band"] = np.full(len(table["time"]), band, dtype=object)
        tables.append(table)
    if not tables:
        if any(np.ndim(value) for value in extra.values()):
            raise ValueError(
                f"object {shown(name)}: it has the entries {', '.join(map(repr, extra))}; expected "
                f"the fields {', '.join(FIELDS)}, or bands with t, y and e."
            )
        return {}, extra
    return {field: np.concatenate([table[field] for table in tables]) for field in FIELDS}, extra


def _numbers(values: Any, name: Any, field: str, is_time: bool) -> np.ndarray:
    read = read_times if is_time else read_numbers
    return _one_dimensional(read(values, f"object {shown(name)}: {field}"), name, field)


def _one_dimensional(values: np.ndarray, name: Any, field: str) -> np.ndarray:
    if values.ndim != 1:
        raise ValueError(
            f"object {shown(name)}: {field} has {values.ndim} dimensions; expected one value per "
            "observation."
        )
    return values


def _same_length(
    table: dict[str, np.ndarray], name: Any, spelled: Mapping[str, str]
) -> dict[str, np.ndarray]:
    """Return the columns of a table if they have one length; `spelled` is what to call them."""
    for field in table:
        if len(table[field]) != len(table["time"]):
            raise ValueError(
                f"object {shown(name)}: {spelled[field]} has {len(table[field])} values, "
                f"{spelled['time']} has {len(table['time'])}; expected the same number."
            )
    return table
