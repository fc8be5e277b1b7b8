"""Reading a long table of observations: its columns, units, signs and objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from sklearn_tde._flat import ATTRS, FIELDS, MAX_TIME, NOTES, sequence_of_names
from sklearn_tde._photometry import (
    MAX_MAGNITUDE,
    cause,
    factorized,
    factorized_bands,
    first_object,
    missing_values,
    read_fluxes,
    read_numbers,
    read_times,
    refuse_unknown_times,
    shown,
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
    observation_columns: Sequence[str] | None,
) -> LongTable:
    """Read the columns of `pack_light_curves`, in microjansky; see there for the parameters."""
    table = _as_table(table)
    if mag is not None and mag_err is None:
        raise ValueError(f"mag={mag!r} needs mag_err, the column with the error of the magnitude.")
    named = {"object_id": object_id, "time": time, "band": band}
    named |= {"flux": flux, "flux_err": flux_err} if mag is None else {}
    named |= {"mag": mag, "mag_err": mag_err, "limiting_mag": limiting_mag, "sign": sign}
    _check_arguments(named, zero_point, band_names, objects)
    value, error = (flux, flux_err) if mag is None else (mag, mag_err)
    object_id, unpacked = _unpacked_names(table, object_id)
    named["object_id"] = object_id
    used = [name for name in named.values() if name is not None]
    object_columns, observation_columns = _further_columns(
        table, used, unpacked, objects, object_columns, observation_columns
    )
    table = _in_native_byte_order(table)
    if objects is not None:
        objects = _in_native_byte_order(objects)

    ids = _object_ids(table, object_id)
    if objects is None and unpacked is None and not len(table):
        raise ValueError("table: it has no rows; expected at least one observation.")
    numbers = {name: _numbers(table, name, name == time) for name in (time, value, error)}
    names = table[band]
    no_band = missing_values(names, f"table: column {band!r}")
    placeholder = np.isnan(numbers[time]) & np.isnan(numbers[value]) & no_band
    position, listed = _place(ids, objects, object_id, placeholder)
    columns = _object_columns(table, object_columns, position, listed)

    if placeholder.any():
        keep = ~placeholder
        table, position, ids, names = table[keep], position[keep], ids[keep], names[keep]
        numbers = {name: column[keep] for name, column in numbers.items()}
    fluxes, errors = read_fluxes(
        [(value, numbers[value]), (error, numbers[error])],
        ids,
        zero_point,
        is_magnitude=mag is not None,
        sign=None if sign is None else table[sign],
        limit=None if limiting_mag is None else (limiting_mag, _numbers(table, limiting_mag)),
    )
    refuse_unknown_times(numbers[time], ids, MAX_TIME)
    codes, bands = _bands(names, ids, band_names)
    observations = {"time": numbers[time], "band": codes, "flux": fluxes, "flux_err": errors}
    for name in observation_columns:
        whole = isinstance(table[name].array, pd.arrays.IntegerArray)
        observations[name] = table[name].array if whole else table[name].to_numpy()
    return LongTable(observations, bands, position, columns)


def _check_arguments(
    roles: Mapping[str, Any], zero_point: Any, band_names: Any, objects: Any
) -> None:
    """Refuse arguments of a wrong type before they fail somewhere else."""
    required = {"time", "band", *({"flux", "flux_err"} & roles.keys())}
    for role, name in roles.items():
        if not isinstance(name, str) and (name is not None or role in required):
            raise TypeError(f"{role}: expected the name of a column; got {shown(name)}.")
    if not isinstance(zero_point, Real) or isinstance(zero_point, bool):
        raise TypeError(f"zero_point: expected a magnitude, such as 23.9; got {shown(zero_point)}.")
    if not abs(zero_point) <= 2 * MAX_MAGNITUDE:
        raise ValueError(
            f"zero_point: expected a finite magnitude; got {shown(zero_point)} (at most "
            f"{2 * MAX_MAGNITUDE:g} in size)."
        )
    if objects is not None and not isinstance(objects, pd.DataFrame):
        raise TypeError(
            f"objects: expected a DataFrame with one row per object; got {type(objects).__name__}."
        )
    if band_names is None:
        return
    if not isinstance(band_names, Mapping):
        raise TypeError(
            "band_names: expected a mapping from the values of the column of bands to names; got "
            f"{type(band_names).__name__}."
        )
    for raw, name in band_names.items():
        if not isinstance(name, str):
            raise TypeError(
                f"band_names: {shown(raw)} stands for {shown(name)}; expected the name of a band, "
                "a string."
            )


def _unpacked_names(table: pd.DataFrame, object_id: Any) -> tuple[Any, list[str] | None]:
    """Return the column of names and the further fields that `unpack_light_curves` noted.

    The fields are None where the table does not come from there. Columns may have been added
    and taken away since: a note on a column that is gone is void, and an ``object_id`` that was
    added is what the default means.
    """
    notes = _notes(table)
    if notes is None:
        return object_id, None
    was_there = "object_id" not in table.columns or "object_id" in notes["object_columns"]
    if object_id == "object_id" and was_there and notes["object_id"] in table.columns:
        object_id = notes["object_id"]
    return object_id, [name for name in notes["observation_columns"] if name in table.columns]


def _notes(table: pd.DataFrame) -> Mapping[str, Any] | None:
    """Return what `unpack_light_curves` noted, None if it did not, or others wrote over it."""
    notes = table.attrs.get(ATTRS)
    if not isinstance(notes, Mapping) or not set(NOTES).issubset(notes):
        return None
    lists = (notes["observation_columns"], notes["object_columns"])
    return notes if all(isinstance(names, list) for names in lists) else None


def _further_columns(
    table: pd.DataFrame,
    used: Sequence[str],
    unpacked: Sequence[str] | None,
    objects: pd.DataFrame | None,
    object_columns: Any,
    observation_columns: Any,
) -> tuple[Sequence, Sequence[str]]:
    """Return the columns that belong to the object, and the further fields of the light curve."""
    if object_columns is not None:
        object_columns = sequence_of_names(object_columns, "object_columns")
    if observation_columns is None:
        elsewhere = {*used, *(object_columns or ())}
        observation_columns = [name for name in unpacked or () if name not in elsewhere]
    observation_columns = sequence_of_names(observation_columns, "observation_columns")
    for name in observation_columns:
        if name in FIELDS:
            raise ValueError(
                f"observation_columns: {name!r} is a field that every light curve has; rename the "
                "column to keep it as well."
            )
    _require_columns(table, [*used, *observation_columns, *(object_columns or ())])
    if object_columns is None:
        named = {*used, *observation_columns}
        rest = [name for name in table.columns if name not in named]
        object_columns = rest if objects is None else ()
    return object_columns, observation_columns


def _in_native_byte_order(table: pd.DataFrame) -> pd.DataFrame:
    """Convert columns that come big-endian from a FITS file, which pandas cannot select from."""
    foreign = [
        position
        for position, dtype in enumerate(table.dtypes)
        if isinstance(dtype, np.dtype) and not dtype.isnative
    ]
    if foreign:
        table = table.copy(deep=False)
        for position in foreign:
            column = table.iloc[:, position].to_numpy()
            table.isetitem(position, column.astype(column.dtype.newbyteorder("=")))
    return table


def _as_table(table: Any) -> pd.DataFrame:
    """Return the table as a DataFrame, refusing what is none."""
    if isinstance(table, pd.DataFrame):
        return table
    try:
        found = _converted(table)
    # Columns of different lengths, and whatever a foreign table fails with.
    except Exception as error:
        raise ValueError(f"table: it cannot be read as a DataFrame: {cause(error)}") from error
    if isinstance(found, pd.DataFrame):
        return found
    raise TypeError(
        "table: expected a DataFrame with one row per observation (or a mapping of columns, a "
        f"structured array, a table with to_pandas()); got {type(table).__name__}. For one "
        "light curve per entry use check_light_curves."
    )


def _converted(table: Any) -> Any:
    """Convert what has a known way to become a DataFrame."""
    if hasattr(table, "to_pandas"):
        return table.to_pandas()
    if isinstance(table, np.ndarray) and table.dtype.names is not None:
        # Column by column, because pandas cannot read masked records.
        return pd.DataFrame({name: table[name] for name in table.dtype.names})
    return pd.DataFrame(table) if isinstance(table, Mapping) else None


def require_plain_columns(table: pd.DataFrame, role: str) -> None:
    """Refuse columns that share a name, or have names of several parts."""
    if table.columns.nlevels > 1:
        raise ValueError(f"{role}: its columns have {table.columns.nlevels} levels; expected one.")
    twice = table.columns[table.columns.duplicated()]
    if len(twice):
        raise ValueError(f"{role}: column {shown(twice[0])} occurs more than once.")


def _require_columns(table: pd.DataFrame, names: Sequence[str]) -> None:
    require_plain_columns(table, "table")
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise ValueError(
            f"table: column {missing[0]!r} is missing; it has the columns "
            f"{', '.join(map(str, table.columns)) or '(none)'}. Other names are given by argument."
        )


def _numbers(table: pd.DataFrame, name: str, is_time: bool = False) -> np.ndarray:
    """Return a numeric column as float64, a missing value as NaN."""
    column = table[name]
    where = f"table: column {name!r}"
    is_number = isinstance(column.dtype, np.dtype) and column.dtype.kind in "fiu"
    # A column without any value has whatever type its reader chose.
    if not is_number and missing_values(column, where).all():
        return np.full(len(column), np.nan)
    return (read_times if is_time else read_numbers)(column, where)


def _object_ids(table: pd.DataFrame, object_id: str | None) -> pd.Series:
    if object_id is None:
        return pd.Series(0, index=table.index)
    ids = table[object_id]
    missing = missing_values(ids, f"table: column {object_id!r}")
    if missing.any():
        raise ValueError(
            f"table: {object_id} is missing in row {int(np.flatnonzero(missing)[0])}; expected "
            "the name of the object."
        )
    return ids


def _place(
    ids: pd.Series, objects: pd.DataFrame | None, object_id: str | None, placeholder: np.ndarray
) -> tuple[np.ndarray, pd.DataFrame]:
    """Return the position of each row's object, and the table of objects."""
    if objects is None:
        position, names = factorized(ids, f"table: column {ids.name!r}")
        listed = pd.DataFrame(index=pd.Index(names, name=object_id))
    else:
        listed = listed_objects(objects, object_id)
        factorized(ids, f"table: column {ids.name!r}")
        position = listed.index.get_indexer(pd.Index(ids))
        if (position < 0).any():
            raise ValueError(
                f"table: object {first_object(ids, position < 0)} has "
                "observations but no row in the table of objects; add it, or leave its "
                "observations out (load_light_curves does with unlisted='drop')."
            )
    observed = np.zeros(len(listed), dtype=bool)
    observed[position[~placeholder]] = True
    mixed = placeholder & observed[position]
    if mixed.any():
        raise ValueError(
            f"object {first_object(ids, mixed)}: time, band and flux are missing "
            "in one of its rows; expected that only of an object without observations."
        )
    return position, listed


def listed_objects(objects: pd.DataFrame, object_id: str | None) -> pd.DataFrame:
    """Return the table of objects with their names in the index, each once."""
    require_plain_columns(objects, "objects")
    if object_id is not None and object_id in objects.columns:
        objects = objects.set_index(object_id)
    if objects.index.nlevels > 1:
        raise ValueError(
            f"objects: its index has {objects.index.nlevels} levels; expected the names of the "
            "objects."
        )
    codes, _ = factorized(objects.index, "objects: the column of names")
    repeated = pd.Series(codes).duplicated().to_numpy()
    if repeated.any():
        raise ValueError(
            f"objects: {shown(objects.index[repeated][0])} is listed more than once; expected one "
            "row per object."
        )
    return objects


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
            f"object {shown(listed.index[first < 0][0])} has no row to take the column "
            f"{names[0]!r} from; move the column to the table of objects, or leave it out with "
            "object_columns=()."
        )
    varying = []
    for name in names:
        if name in listed.columns:
            raise ValueError(f"column {name!r} is in the table of observations and of objects.")
        codes = factorized(table[name], f"table: column {name!r}")[0]
        if (codes != codes[first][position]).any():
            varying.append(name)
    if varying:
        codes = pd.factorize(table[varying[0]])[0]
        row = int(np.flatnonzero(codes != codes[first][position])[0])
        raise ValueError(
            f"object {shown(listed.index[position[row]])}: column {varying[0]!r} has more than one "
            "value. Name the columns of the object in object_columns=(...), and those to keep "
            "with the observations in observation_columns=(...); or drop those that vary: "
            f"table.drop(columns={varying})."
        )
    listed = listed.copy(deep=False)
    for name in names:
        listed[name] = table[name].array.take(first)
    return listed


def _bands(
    column: pd.Series, ids: pd.Series, band_names: Mapping[Any, str] | None
) -> tuple[np.ndarray, list[str]]:
    """Return the bands as codes, and the names that the codes point to."""
    if band_names is None:
        hint = 'a name; give the names in band_names, such as {1: "g", 2: "r"}'
        codes, values = factorized_bands(column, lambda row: shown(ids.iloc[row]), hint)
    else:
        codes, values = factorized(column, f"table: column {column.name!r}")
        unknown = [value for value in values if value not in band_names]
        if unknown:
            bad = codes == list(values).index(unknown[0])
            raise ValueError(
                f"object {first_object(ids, bad)}: band is {shown(unknown[0])}; expected one of "
                f"{', '.join(map(shown, band_names))}, as in band_names."
            )
        values = [band_names[value] for value in values]
    # Two raw values may stand for one band, and codes must not.
    names = sorted(set(values))
    lookup = np.array([names.index(value) for value in values] + [-1], dtype=np.int64)
    return lookup[codes], names
