"""Reading a long table of observations: its columns, units, signs and objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sklearn_tde._photometry import (
    LIMIT_SNR,
    MICROJANSKY_ZERO_POINT,
    decode_sign,
    magnitude_error_to_flux_error,
    magnitude_to_flux,
)


@dataclass(frozen=True)
class LongTable:
    """Observations in flat columns, the object each belongs to, and the table of objects."""

    observations: dict[str, np.ndarray]
    bands: list[str]
    position: np.ndarray
    objects: pd.DataFrame


def read_long_table(
    table: Any,
    *,
    object_id: str | None,
    time: str,
    band: str,
    flux: str,
    flux_err: str,
    mag: str | None,
    mag_err: str | None,
    limiting_mag: str | None,
    sign: str | None,
    zero_point: float,
    band_names: Mapping[Any, str] | None,
    objects: pd.DataFrame | None,
    object_columns: Sequence[str] | None,
    observation_columns: Sequence[str],
) -> LongTable:
    """Read the columns of `pack_light_curves`, in microjansky; see there for the parameters."""
    table = _as_table(table)
    if mag is not None and mag_err is None:
        raise ValueError(f"mag={mag!r} needs mag_err, the column with the error of the magnitude.")
    value, error = (flux, flux_err) if mag is None else (mag, mag_err)
    used = [object_id, time, band, value, error, limiting_mag, sign]
    used = [name for name in used if name is not None]
    _require_columns(table, [*used, *observation_columns, *(object_columns or ())])
    if object_columns is None and objects is not None:
        object_columns = ()
    elif object_columns is None:
        named = {*used, *observation_columns}
        object_columns = [name for name in table.columns if name not in named]

    ids = _object_ids(table, object_id)
    numbers = {name: _numbers(table, name) for name in (time, value, error)}
    placeholder = np.isnan(numbers[time]) & np.isnan(numbers[value]) & table[band].isna().to_numpy()
    position, listed = _place(ids, objects, object_id, placeholder)
    columns = _object_columns(table, object_columns, position, listed)

    keep = ~placeholder
    table, position, ids = table[keep], position[keep], ids[keep]
    numbers = {name: column[keep] for name, column in numbers.items()}
    fluxes, errors = _fluxes(
        table, ids, numbers[value], numbers[error], value, mag, limiting_mag, sign, zero_point
    )
    codes, bands = _bands(table[band], ids, band_names)
    observations = {"time": numbers[time], "band": codes, "flux": fluxes, "flux_err": errors}
    for name in observation_columns:
        observations[name] = table[name].to_numpy()
    return LongTable(observations, bands, position, columns)


def _as_table(table: Any) -> pd.DataFrame:
    """Return the table as a DataFrame, refusing what is none."""
    if isinstance(table, pd.DataFrame):
        return table
    if hasattr(table, "to_pandas"):
        return table.to_pandas()
    is_record_array = isinstance(table, np.ndarray) and table.dtype.names is not None
    if isinstance(table, Mapping) or is_record_array:
        return pd.DataFrame(table)
    raise TypeError(
        "table: expected a DataFrame with one row per observation (or a mapping of columns, a "
        f"structured array, a table with to_pandas()); got {type(table).__name__}. For one "
        "light curve per entry use check_light_curves."
    )


def _require_columns(table: pd.DataFrame, names: Sequence[str]) -> None:
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise ValueError(
            f"table: column {missing[0]!r} is missing; it has the columns "
            f"{', '.join(map(str, table.columns)) or '(none)'}. Other names are given by argument."
        )
    twice = table.columns[table.columns.duplicated()]
    if len(twice):
        raise ValueError(f"table: column {twice[0]!r} occurs more than once.")


def _numbers(table: pd.DataFrame, name: str) -> np.ndarray:
    """Return a numeric column as float64, a missing value as NaN."""
    column = table[name]
    if column.isna().all():
        return np.full(len(column), np.nan)
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        if column.dtype != object:
            raise TypeError(f"table: column {name!r} is {column.dtype}; expected numbers.")
        try:
            # Missing values alone turn a column of numbers into one of objects.
            return pd.to_numeric(column).to_numpy(dtype=np.float64, na_value=np.nan)
        except (TypeError, ValueError) as error:
            raise TypeError(f"table: column {name!r} holds no numbers: {error}") from error
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _object_ids(table: pd.DataFrame, object_id: str | None) -> pd.Series:
    if object_id is None:
        return pd.Series(0, index=table.index)
    missing = table[object_id].isna().to_numpy()
    if missing.any():
        raise ValueError(
            f"table: {object_id} is missing in row {int(np.flatnonzero(missing)[0])}; expected "
            "the name of the object."
        )
    return table[object_id]


def _place(
    ids: pd.Series, objects: pd.DataFrame | None, object_id: str | None, placeholder: np.ndarray
) -> tuple[np.ndarray, pd.DataFrame]:
    """Return the position of each row's object, and the table of objects."""
    if objects is None:
        if len(ids) == 0:
            raise ValueError("table: it has no rows; expected at least one observation.")
        position, names = pd.factorize(ids)
        listed = pd.DataFrame(index=pd.Index(names, name=object_id))
    else:
        listed = objects
        if object_id is not None and object_id in objects.columns:
            listed = objects.set_index(object_id)
        repeated = listed.index.duplicated()
        if repeated.any():
            raise ValueError(
                f"objects: {listed.index[repeated][0]!r} is listed more than once; expected one "
                "row per object."
            )
        position = listed.index.get_indexer(pd.Index(ids))
        if (position < 0).any():
            raise ValueError(
                f"table: object {ids.iloc[int(np.flatnonzero(position < 0)[0])]!r} has "
                "observations but no row in the table of objects."
            )
    observed = np.zeros(len(listed), dtype=bool)
    observed[position[~placeholder]] = True
    mixed = placeholder & observed[position]
    if mixed.any():
        raise ValueError(
            f"object {ids.iloc[int(np.flatnonzero(mixed)[0])]!r}: time, band and flux are missing "
            "in one of its rows; expected that only of an object without observations."
        )
    return position, listed


def _object_columns(
    table: pd.DataFrame, names: Sequence[str], position: np.ndarray, listed: pd.DataFrame
) -> pd.DataFrame:
    """Add to `listed` the columns of the long table that have one value per object."""
    if not len(names):
        return listed
    first = np.full(len(listed), -1)
    first[position[::-1]] = np.arange(len(position))[::-1]
    if (first < 0).any():
        raise ValueError(
            f"object {listed.index[first < 0][0]!r} has no row to take the column "
            f"{names[0]!r} from; move the column to the table of objects, or leave it out with "
            "object_columns=()."
        )
    varying = []
    for name in names:
        if name in listed.columns:
            raise ValueError(f"column {name!r} is in the table of observations and of objects.")
        codes = pd.factorize(table[name], use_na_sentinel=True)[0]
        if (codes != codes[first][position]).any():
            varying.append(name)
    if varying:
        codes = pd.factorize(table[varying[0]])[0]
        row = int(np.flatnonzero(codes != codes[first][position])[0])
        raise ValueError(
            f"object {listed.index[position[row]]!r}: column {varying[0]!r} has more than one "
            "value. Name the columns of the object in object_columns=(...), and those to keep "
            "with the observations in observation_columns=(...). Columns that vary: "
            f"{', '.join(map(repr, varying))}."
        )
    added = {name: table[name].array.take(first) for name in names}
    return listed.assign(**added)


def _fluxes(
    table: pd.DataFrame,
    ids: pd.Series,
    value: np.ndarray,
    error: np.ndarray,
    name: str,
    mag: str | None,
    limiting_mag: str | None,
    sign: str | None,
    zero_point: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return flux and error in microjansky, signed, with limits entered as flux 0."""
    unknown = np.isnan(value)
    if mag is not None:
        value = magnitude_to_flux(value, zero_point)
        error = magnitude_error_to_flux_error(value, error)
        scale = 1.0
    else:
        scale = (
            1.0
            if zero_point == MICROJANSKY_ZERO_POINT
            else 10.0 ** (-0.4 * (zero_point - MICROJANSKY_ZERO_POINT))
        )
        value, error = value * scale, error * scale
    if sign is not None:
        signs = decode_sign(table[sign], sign)
        bad = np.isnan(signs) & ~unknown
        if bad.any():
            raise ValueError(
                f"object {ids.iloc[int(np.flatnonzero(bad)[0])]!r}: {sign} is missing; expected "
                "the sign of the difference flux."
            )
        bad = (value < 0) & ~unknown
        if bad.any():
            raise ValueError(
                f"object {ids.iloc[int(np.flatnonzero(bad)[0])]!r}: {name} is negative although "
                f"sign={sign!r} is given; expected fluxes without sign."
            )
        value = np.where(unknown, value, value * signs)
    if limiting_mag is not None:
        limits = _numbers(table, limiting_mag)
        limited = unknown & np.isfinite(limits)
        value = np.where(limited, 0.0, value)
        error = np.where(
            limited,
            magnitude_to_flux(limits, zero_point if mag is not None else MICROJANSKY_ZERO_POINT)
            / LIMIT_SNR,
            error,
        )
        unknown = unknown & ~limited
    if unknown.any():
        what = name if limiting_mag is None else f"both {name} and {limiting_mag}"
        verb = "is" if limiting_mag is None else "are"
        raise ValueError(
            f"object {ids.iloc[int(np.flatnonzero(unknown)[0])]!r}: {what} {verb} missing (NaN); "
            "expected a finite number."
        )
    return value, error


def _bands(
    column: pd.Series, ids: pd.Series, band_names: Mapping[Any, str] | None
) -> tuple[np.ndarray, list[str]]:
    """Return the bands as codes, and the names that the codes point to."""
    codes, values = pd.factorize(column, use_na_sentinel=True)
    if band_names is not None:
        unknown = [value for value in values if value not in band_names]
        if unknown:
            row = int(np.flatnonzero(codes == list(values).index(unknown[0]))[0])
            raise ValueError(
                f"object {ids.iloc[row]!r}: band is {unknown[0]!r}; expected one of "
                f"{', '.join(map(repr, band_names))}, as in band_names."
            )
        values = [band_names[value] for value in values]
    elif any(not isinstance(value, str) for value in values):
        bad = next(value for value in values if not isinstance(value, str))
        raise TypeError(
            f'band: {bad!r} is no name; give the names in band_names, such as {{1: "g", 2: "r"}}.'
        )
    # Two raw values may stand for one band, and codes must not.
    names = sorted(set(values))
    lookup = np.array([names.index(value) for value in values] + [-1], dtype=np.int64)
    return lookup[codes], names
