"""Flat, checked access to a nested column, and the way back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from nested_pandas import NestedFrame
from nested_pandas.series.ext_array import NestedExtensionArray

from sklearn_tde._photometry import cause, missing_values, refuse_rounded_times, shown

#: Name of the nested column.
LIGHT_CURVE = "light_curve"
#: Fields that every light curve has.
FIELDS = ("time", "band", "flux", "flux_err")
_NUMERIC_FIELDS = ("time", "flux", "flux_err")
#: Where a long table keeps, in its attrs, what packing it again would have to be told.
ATTRS = "sklearn_tde"
#: The entries of that note.
NOTES = ("object_id", "observation_columns", "object_columns")
#: No light curve in days has times beyond this; those of Unix, in seconds, do.
MAX_TIME = 1e9
#: No flux in microjansky, nor its inverse, is beyond this; between, sums of squares stay finite.
MAX_FLUX = 1e50
_STRING_TYPES = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)


@dataclass(frozen=True)
class FlatLightCurves:
    """Observations of all objects in flat columns, sorted by time within each object.

    Attributes
    ----------
    time : ndarray of shape (n_observations,), dtype float64
        Days.
    band : ndarray of shape (n_observations,), dtype int16
        Position of the observation's band in `bands`.
    flux, flux_err : ndarray of shape (n_observations,), dtype float64
        Microjansky.
    offsets : ndarray of shape (n_objects + 1,), dtype int64
        The observations of object ``i`` are rows ``offsets[i]`` to ``offsets[i + 1] - 1``.
    bands : tuple of str
        The band names that `band` points to.
    index : pandas.Index of length n_objects
        Names of the objects.
    """

    time: np.ndarray
    band: np.ndarray
    flux: np.ndarray
    flux_err: np.ndarray
    offsets: np.ndarray
    bands: tuple[str, ...]
    index: pd.Index

    @property
    def n_objects(self) -> int:
        """Number of objects, those without observations included."""
        return len(self.offsets) - 1

    @property
    def n_observations(self) -> np.ndarray:
        """Number of observations of each object, shape (n_objects,)."""
        return np.diff(self.offsets)

    @property
    def object_position(self) -> np.ndarray:
        """Position of the object that each observation belongs to, shape (n_observations,)."""
        return np.repeat(np.arange(self.n_objects), self.n_observations)


def sequence_of_names(names: Any, argument: str) -> tuple[str, ...]:
    """Return the names given for an argument as a tuple, refusing a string and other types."""
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise TypeError(f"{argument}: expected a sequence of names; got {shown(names)}.")
    names = tuple(names)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"{argument}: expected a sequence of names; one is {shown(name)}.")
    return names


def some_objects(flat: FlatLightCurves, begin: int, end: int) -> FlatLightCurves:
    """Return the objects from `begin` to before `end`, sharing memory."""
    offsets = flat.offsets[begin : end + 1]
    rows = slice(offsets[0], offsets[-1])
    columns = (getattr(flat, name)[rows] for name in FIELDS)
    return FlatLightCurves(*columns, offsets - offsets[0], flat.bands, flat.index[begin:end])


@dataclass(frozen=True)
class FlatStruct:
    """The fields of a nested column as flat Arrow arrays, and where each object begins."""

    fields: dict[str, pa.Array]
    offsets: np.ndarray


def nested_column(X: pd.DataFrame) -> pd.Series:
    """Return the nested column of a frame that has it."""
    # What NestedFrame does beyond this takes as long again, which a single object feels.
    return pd.DataFrame.__getitem__(X, LIGHT_CURVE)


def flat_struct(series: pd.Series) -> FlatStruct:
    """Flatten a nested column, however it was sliced, repeated, concatenated or nulled."""
    chunks = series.array.list_array.chunks
    if not chunks:
        empty = {name: pa.array([], kind) for name, kind in series.dtype.column_dtypes.items()}
        return FlatStruct(empty, np.zeros(1, dtype=np.int64))
    lists = chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks)
    offsets = lists.offsets.to_numpy()
    structs = lists.values.slice(offsets[0], offsets[-1] - offsets[0])
    fields = dict(zip(series.dtype.column_dtypes, structs.flatten(), strict=True))
    offsets = offsets - offsets[0]
    if lists.null_count:
        # Rows hidden under a missing object are still among the values.
        missing, n = lists.is_null().to_numpy(zero_copy_only=False), np.diff(offsets)
        visible = pa.array(np.repeat(~missing, n))
        fields = {name: values.filter(visible) for name, values in fields.items()}
        np.cumsum(np.where(missing, 0, n), out=offsets[1:])
    return FlatStruct(fields, offsets)


def flattened(X: pd.DataFrame, bands: Sequence[str] | None) -> FlatLightCurves:
    """Return the checked observations of a frame with a nested column, sorted by time."""
    flat, order = validated(flat_struct(nested_column(X)), X.index, bands)
    if order is None:
        return flat
    columns = (getattr(flat, name)[order] for name in FIELDS)
    return FlatLightCurves(*columns, flat.offsets, flat.bands, flat.index)


def validated(
    struct: FlatStruct, index: pd.Index, bands: Sequence[str] | None = None
) -> tuple[FlatLightCurves, np.ndarray | None]:
    """Check the observations; also return the order that sorts them by time, if they are not."""
    bands = None if bands is None else sequence_of_names(bands, "bands")
    numbers = _checked_numbers(struct, index)
    codes, names = _checked_bands(struct, index, numbers["time"], bands)
    flat = FlatLightCurves(
        numbers["time"], codes, numbers["flux"], numbers["flux_err"], struct.offsets, names, index
    )
    order, time = None, flat.time
    later = time[1:] > time[:-1]
    cuts = struct.offsets[(struct.offsets > 0) & (struct.offsets < len(time))]
    later[cuts - 1] = True
    if later.all():
        return flat, None
    position = flat.object_position
    if ((np.diff(time) < 0) & (np.diff(position) == 0)).any():
        order = np.lexsort((time, position))
        time, codes = time[order], codes[order]
    repeated = repeated_rows(time, codes, position)
    if repeated.any():
        row = int(np.flatnonzero(repeated)[0])
        raise ValueError(
            f"object {shown(index[position[row]])}: time {shown(time[row])} occurs more than "
            f"once in band {shown(names[codes[row]])}; expected one observation per band and "
            "time. Drop or average the duplicates (pack_light_curves(..., duplicates='drop'))."
        )
    return flat, order


def _checked_numbers(struct: FlatStruct, index: pd.Index) -> dict[str, np.ndarray]:
    """Return times, fluxes and errors as float64, refusing what none of them can be."""
    numbers = {}
    for field in _NUMERIC_FIELDS:
        values = struct.fields[field]
        if pa.types.is_decimal(values.type) or pa.types.is_null(values.type):
            values = values.cast(pa.float64())
        if not (pa.types.is_floating(values.type) or pa.types.is_integer(values.type)):
            raise TypeError(f"X: field {field!r} has the type {values.type}; expected numbers.")
        numbers[field] = values.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
        if field == "time":
            dtype = np.dtype(values.type.to_pandas_dtype())
            refuse_rounded_times(numbers[field], dtype, "X: field 'time'")
        largest, unit = (MAX_TIME, "days") if field == "time" else (MAX_FLUX, "microjansky")
        least = 1.0 / MAX_FLUX if field == "flux_err" else -largest
        if _all_between(numbers[field], least, largest):
            continue
        # Not a comparison that NaN would pass.
        bad = ~(np.abs(numbers[field]) <= largest)
        expected = f"a finite number of {unit}, of {largest:g} at most in size"
        if not bad.any():
            bad = numbers[field] < least
            expected = f"a one-sigma error greater than 0 ({least:g} at least)"
        row = int(np.flatnonzero(bad)[0])
        _refuse(struct, index, row, field, shown(numbers[field][row]), expected, numbers)
    return numbers


def _all_between(values: np.ndarray, least: float, largest: float) -> bool:
    """Whether no value is NaN or beyond the limits."""
    return not len(values) or bool(values.min() >= least and values.max() <= largest)


def _refuse(
    struct: FlatStruct,
    index: pd.Index,
    row: int,
    field: str,
    found: str,
    expected: str,
    numbers: Mapping[str, np.ndarray],
) -> None:
    """Raise the error that names object, field and observation of a row of the flat columns."""
    position = int(np.searchsorted(struct.offsets, row, side="right")) - 1
    when = "" if field == "time" else f" (time {shown(numbers['time'][row])})"
    raise ValueError(
        f"object {shown(index[position])}: {field} is {found} at observation "
        f"{row - struct.offsets[position]}{when}; expected {expected}."
    )


def _checked_bands(
    struct: FlatStruct, index: pd.Index, time: np.ndarray, bands: Sequence[str] | None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return every observation's band as its position in the names, and the names."""
    values = struct.fields["band"]
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    if not (_is_string(kind) or pa.types.is_null(kind)):
        raise TypeError(f"X: field 'band' has the type {kind}; expected strings.")
    codes, names = _decode_bands(values, bands)
    if len(names) > np.iinfo(codes.dtype).max:
        raise ValueError(
            f"X: field 'band' has {len(names)} different values; expected the names of bands."
        )
    if codes.min(initial=0) < 0:
        row = int(np.flatnonzero(codes < 0)[0])
        found = values[row].as_py()
        expected = "a band name"
        if bands is not None:
            listed = ", ".join(map(shown, bands))
            expected = (
                f"one of {listed} (name bands with band_names when packing, and leave out the rows "
                "of those that are not wanted)"
            )
        found = "missing" if found is None else shown(found)
        _refuse(struct, index, row, "band", found, expected, {"time": time})
    return codes, names


def _is_string(kind: pa.DataType) -> bool:
    return any(is_kind(kind) for is_kind in _STRING_TYPES)


def _decode_bands(
    values: pa.Array, bands: Sequence[str] | None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the position of every observation's band in `bands`, -1 where it is not there."""
    if pa.types.is_null(values.type):
        return np.full(len(values), -1, dtype=np.int16), tuple(bands or ())
    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    # A blank is what files hold where a name is missing.
    words = [word if word and word.strip() else None for word in values.dictionary.to_pylist()]
    indices = values.indices.fill_null(len(words)).to_numpy(zero_copy_only=False)
    if bands is None:
        used = np.unique(indices)
        bands = tuple(sorted({words[i] for i in used if i < len(words)} - {None}))
    position = {band: k for k, band in enumerate(bands)}
    lookup = [-1 if word is None else position.get(word, -1) for word in words]
    return np.array([*lookup, -1]).astype(np.int16)[indices], tuple(bands)


def repeated_rows(time: np.ndarray, band: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Mark all but the first of the rows of one object, band and time; sorted by time."""
    repeated = np.zeros(len(time), dtype=bool)
    same = (np.diff(time) == 0) & (np.diff(position) == 0)
    if same.any():
        # Only rows that share their time with a neighbour can be duplicates.
        rows = np.flatnonzero(np.append(same, False) | np.insert(same, 0, False))
        moment = np.cumsum(~np.insert(same, 0, False))[rows]
        order = np.lexsort((band[rows], moment))
        moment, band = moment[order], band[rows][order]
        twice = (moment[1:] == moment[:-1]) & (band[1:] == band[:-1])
        repeated[rows[order[1:][twice]]] = True
    return repeated


def build_frame(
    columns: Mapping[str, np.ndarray],
    bands: Sequence[str],
    offsets: np.ndarray,
    objects: pd.DataFrame,
) -> NestedFrame:
    """Build a NestedFrame from flat columns, the band given as codes into `bands`."""
    return nested_frame(FlatStruct(arrow_fields(columns, bands), offsets), objects)


def arrow_fields(columns: Mapping[str, np.ndarray], bands: Sequence[str]) -> dict[str, pa.Array]:
    """Return flat columns as Arrow has them, the band given as codes into `bands`."""
    narrow = pa.int8() if len(bands) < 128 else pa.int32()
    codes = np.asarray(columns["band"])
    values = {}
    for name, column in columns.items():
        if name == "band":
            indices = pa.array(codes, type=narrow, mask=codes < 0)
            values[name] = pa.DictionaryArray.from_arrays(indices, pa.array(bands, pa.string()))
        elif name in FIELDS:
            # Not `from_pandas`: a NaN is an error to be named, not a missing value.
            values[name] = pa.array(np.asarray(column, dtype=np.float64))
        else:
            values[name] = _further_field(column, name)
    return values


def nested_frame(struct: FlatStruct, objects: pd.DataFrame) -> NestedFrame:
    """Put the table of objects beside their observations."""
    if LIGHT_CURVE in objects.columns:
        raise ValueError(
            f"objects: column {LIGHT_CURVE!r} has the name of the nested column of observations; "
            "rename it or leave it out."
        )
    X = NestedFrame(objects.copy(deep=False))
    X.insert(0, LIGHT_CURVE, nested_array(struct.fields, struct.offsets))
    return X


def _further_field(column: Any, name: str) -> pa.Array:
    """Return a further field of the light curve as Arrow has it."""
    where = f"table: column {name!r} cannot be kept with the observations"
    hint = "expected values of one type; leave it out of observation_columns, or convert it"
    if column.dtype == object:
        # Arrow does not raise over every mixture, it ends the program over some.
        present = column[~missing_values(column, where)]
        kinds = {float if isinstance(value, Real) else type(value) for value in present}
        if len(kinds) > 1:
            found = ", ".join(sorted(kind.__name__ for kind in kinds))
            raise TypeError(f"{where}: it holds values of the types {found}; {hint}.")
    try:
        return pa.array(column, from_pandas=True)
    # What is no type of Arrow, names that are no text: its errors have many types.
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"{where}: {cause(error)}; {hint}.") from error


def nested_array(values: Mapping[str, pa.Array], offsets: np.ndarray) -> NestedExtensionArray:
    """Build the nested column directly in Arrow, as nested-pandas stores it."""
    structs = pa.StructArray.from_arrays(list(values.values()), names=list(values))
    lists = pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), structs)
    return NestedExtensionArray(lists, validate=False)
