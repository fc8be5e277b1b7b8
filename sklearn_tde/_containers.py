"""Coercion of containers with one entry per object into flat columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

_FIELDS = ("time", "band", "flux", "flux_err")
#: Spelling of the fields in the dictionaries of the reference study.
_BAND_FIELDS = {"time": "t", "flux": "y", "flux_err": "e"}
_EXPECTED = (
    "expected a NestedFrame with a nested column 'light_curve', or a sequence with one table per "
    "object (DataFrame, structured array or mapping) that has the columns time, band, flux, "
    "flux_err"
)

Coerced = tuple[dict[str, np.ndarray], list[str], np.ndarray, pd.DataFrame]


def coerce_to_frame(X: Any) -> Coerced:
    """Return flat columns, band names, offsets and the table of objects of a foreign container."""
    if isinstance(X, pd.DataFrame):
        return _from_frame(X)
    if isinstance(X, pd.Series):
        return _from_entries(X.tolist(), X.index)
    if isinstance(X, np.ndarray):
        if X.dtype != object:
            hint = (
                "one structured array is one object: put it in a list"
                if X.dtype.names
                else ("numbers alone do not say what they measure")
            )
            raise TypeError(f"X: got an array of {X.dtype} ({hint}); {_EXPECTED}.")
        if X.ndim == 2:
            return _from_entries(_table_column(X), pd.RangeIndex(len(X)))
        return _from_entries(list(X), pd.RangeIndex(len(X)))
    if isinstance(X, Sequence) and not isinstance(X, (str, bytes)):
        return _from_entries(list(X), pd.RangeIndex(len(X)))
    raise TypeError(f"X: got {type(X).__name__}; {_EXPECTED}.")


def _from_frame(X: pd.DataFrame) -> Coerced:
    """A DataFrame with a column of tables, or with list columns."""
    if "light_curve" in X.columns:
        columns, bands, offsets, _ = _from_entries(X["light_curve"].tolist(), X.index)
        return columns, bands, offsets, X.drop(columns="light_curve")
    missing = [name for name in _FIELDS if name not in X.columns]
    if missing:
        raise ValueError(f"X: column 'light_curve' is missing; {_EXPECTED}.")
    if len(X) and not np.ndim(X["time"].iloc[0]):
        raise ValueError(
            "X: its column 'time' holds single numbers, so it has one row per observation; pack "
            "it with pack_light_curves(X) first."
        )
    entries = [
        dict(zip(_FIELDS, row, strict=True))
        for row in zip(*(X[name] for name in _FIELDS), strict=True)
    ]
    columns, bands, offsets, _ = _from_entries(entries, X.index)
    return columns, bands, offsets, X.drop(columns=list(_FIELDS))


def _table_column(X: np.ndarray) -> list:
    """Find the tables among the columns of an object array, as bagging makes it."""
    for column in range(X.shape[1]):
        if any(_is_table(entry) for entry in X[:, column]):
            return list(X[:, column])
    raise TypeError(f"X: no column of the object array holds light curves; {_EXPECTED}.")


def _is_table(entry: Any) -> bool:
    is_record_array = isinstance(entry, np.ndarray) and entry.dtype.names is not None
    return isinstance(entry, (pd.DataFrame, Mapping)) or is_record_array


def _from_entries(entries: list, index: pd.Index) -> Coerced:
    tables, properties = [], []
    for name, entry in zip(index, entries, strict=True):
        if entry is None or entry is pd.NA or (isinstance(entry, float) and np.isnan(entry)):
            table, extra = {}, {}
        elif not _is_table(entry):
            raise TypeError(f"object {name!r}: got {type(entry).__name__}; {_EXPECTED}.")
        elif isinstance(entry, Mapping) and not any(field in entry for field in _FIELDS):
            table, extra = _from_bands(entry, name)
        else:
            table, extra = _from_columns(entry, name), {}
        tables.append(table)
        properties.append(extra)
    offsets = np.zeros(len(tables) + 1, dtype=np.int64)
    np.cumsum([len(table["time"]) if table else 0 for table in tables], out=offsets[1:])
    columns = {
        field: np.concatenate([np.empty(0)] + [t[field] for t in tables if t])
        for field in ("time", "flux", "flux_err")
    }
    spelled = [np.asarray(t["band"], dtype=object) for t in tables if t]
    spelled = np.concatenate(spelled) if spelled else np.empty(0, dtype=object)
    columns["band"], bands = pd.factorize(spelled, use_na_sentinel=True)
    for band in bands:
        if not isinstance(band, str):
            row = int(np.flatnonzero(columns["band"] == list(bands).index(band))[0])
            name = index[int(np.searchsorted(offsets, row, side="right")) - 1]
            raise TypeError(f"object {name!r}: band is {band!r}; expected a string.")
    objects = (
        pd.DataFrame(properties, index=index) if any(properties) else pd.DataFrame(index=index)
    )
    return {name: columns[name] for name in _FIELDS}, list(bands), offsets, objects


def _from_columns(entry: Any, name: Any) -> dict[str, np.ndarray]:
    """One object's table of columns."""
    present = entry.dtype.names if isinstance(entry, np.ndarray) else list(entry)
    missing = [field for field in _FIELDS if field not in present]
    if missing:
        raise ValueError(
            f"object {name!r}: field {missing[0]!r} is missing; expected the fields "
            f"{', '.join(_FIELDS)}, found {', '.join(map(str, present))}."
        )
    table = {field: _numbers(entry[field], name, field) for field in ("time", "flux", "flux_err")}
    band = np.asarray(entry["band"])
    # A band given once holds for the whole table.
    table["band"] = np.full(len(table["time"]), band[()], dtype=object) if band.ndim == 0 else band
    return _same_length(table, name, "")


def _from_bands(entry: Mapping, name: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """One object of the reference study: a mapping from bands to t, y, e, beside a label."""
    curves = {key: value for key, value in entry.items() if isinstance(value, Mapping)}
    extra = {key: value for key, value in entry.items() if not isinstance(value, Mapping)}
    tables = []
    for band, curve in curves.items():
        missing = [key for key in _BAND_FIELDS.values() if key not in curve]
        if missing:
            raise ValueError(
                f"object {name!r}: band {band!r} lacks {missing[0]!r}; expected t (days), "
                "y (flux) and e (its error)."
            )
        table = {
            f: _numbers(curve[key], name, f"{key} of band {band!r}")
            for f, key in _BAND_FIELDS.items()
        }
        table["band"] = np.full(len(table["time"]), band, dtype=object)
        tables.append(_same_length(table, name, f" in band {band!r}"))
    if not tables:
        if any(np.ndim(value) for value in extra.values()):
            raise ValueError(
                f"object {name!r}: it has the entries {', '.join(map(repr, extra))}; expected the "
                f"fields {', '.join(_FIELDS)}, or bands with t, y and e."
            )
        return {}, extra
    return {field: np.concatenate([table[field] for table in tables]) for field in _FIELDS}, extra


def _numbers(values: Any, name: Any, field: str) -> np.ndarray:
    try:
        values = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"object {name!r}: {field} holds no numbers: {error}") from error
    if values.ndim != 1:
        raise ValueError(
            f"object {name!r}: {field} has {values.ndim} dimensions; expected one value per "
            "observation."
        )
    return values


def _same_length(table: dict[str, np.ndarray], name: Any, where: str) -> dict[str, np.ndarray]:
    for field in table:
        if len(table[field]) != len(table["time"]):
            raise ValueError(
                f"object {name!r}: {field}{where} has {len(table[field])} values for "
                f"{len(table['time'])} times; expected the same number."
            )
    return table
