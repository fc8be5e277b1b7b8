"""Light curves from tables in files."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from nested_pandas import NestedFrame

from sklearn_tde._flat import sequence_of_names
from sklearn_tde._long_table import listed_objects, require_plain_columns
from sklearn_tde._photometry import cause, factorized, shown, shown_path
from sklearn_tde.light_curves import pack_light_curves

__all__ = ["load_light_curves"]

_CSV = (".csv", ".csv.gz", ".csv.bz2", ".csv.xz", ".csv.zip")
_PARQUET = (".parquet", ".pq", ".parq")

_DEFAULT_LABEL = "label"


def load_light_curves(
    observations: str | Path | pd.DataFrame,
    objects: str | Path | pd.DataFrame | None = None,
    *,
    label: str | None = _DEFAULT_LABEL,
    missing_labels: str = "raise",
    unlisted: str = "raise",
    object_id: str = "object_id",
    time: str = "time",
    band: str = "band",
    flux: str = "flux",
    flux_err: str = "flux_err",
    mag: str | None = None,
    mag_err: str | None = None,
    limiting_mag: str | None = None,
    sign: str | None = None,
    zero_point: float = 23.9,
    band_names: Mapping[Any, str] | None = None,
    object_columns: Sequence[str] | None = None,
    observation_columns: Sequence[str] = (),
    duplicates: str = "raise",
) -> tuple[NestedFrame, np.ndarray | None]:
    """Load light curves and labels from CSV or Parquet files, or from DataFrames.

    Parameters
    ----------
    observations : str, Path or DataFrame
        Long table, one row per observation. Files end in ``.csv`` (also compressed, such as
        ``.csv.gz``) or ``.parquet``.
    objects : str, Path, DataFrame or None, default=None
        One row per object. Its columns become columns of `X`, its order the order of `X`; an
        object without observations stays, with an empty light curve.
    label : str or None, default="label"
        Column with the labels, in `objects` or, if there is no such table, in `observations` with
        one value per object. It is returned as `y`, not left in `X`, and blanks around a label are
        removed. The default may be absent, any other name may not. None: there are no labels.
    missing_labels : {"raise", "drop"}, default="raise"
        What to do with objects without a label when others have one: refuse them, or leave these
        objects out. For unlabelled objects to be scored, use ``label=None``.
    unlisted : {"raise", "drop"}, default="raise"
        What to do with observations of an object that is not in the table `objects`: refuse them,
        or leave them out, so that the table of objects chooses.
    object_id : str, default="object_id"
        Column with the name of the object, in both tables. CSV files are read with names as
        strings, so that leading zeros stay.
    time : str, default="time"
        Column with the time in days.
    band : str, default="band"
        Column with the band.
    flux : str, default="flux"
        Column with the difference flux, in the unit of `zero_point`.
    flux_err : str, default="flux_err"
        Column with the one-sigma error of the flux.
    mag : str or None, default=None
        Column with the magnitude of the difference flux, to be used in place of `flux`.
    mag_err : str or None, default=None
        Column with the one-sigma error of the magnitude; needed with `mag`.
    limiting_mag : str or None, default=None
        Column with the 5-sigma limiting magnitude. A row whose flux or magnitude is missing becomes
        an upper limit: flux 0 with an error of a fifth of the limiting flux.
    sign : str or None, default=None
        Column with the sign of the difference flux (``isdiffpos`` in ZTF alerts).
    zero_point : float, default=23.9
        AB magnitude of a flux of 1: 23.9 for microjansky, 31.4 for nanojansky.
    band_names : mapping or None, default=None
        From the values in the column `band` to names, such as ``{1: "g", 2: "r"}``.
    object_columns : sequence of str or None, default=None
        Columns of `observations` that belong to the object. None: every column that no other
        argument names, or none if `objects` is given.
    observation_columns : sequence of str, default=()
        Columns of `observations` to keep as further fields of the light curve.
    duplicates : {"raise", "drop"}, default="raise"
        What to do with several observations of one object in one band at the same time.

    Returns
    -------
    X : NestedFrame of shape (n_objects, 1 + n_object_columns)
        One row per object, fluxes in microjansky.
    y : ndarray of shape (n_objects,) or None
        Labels: integers if all are, else objects of dtype object. None if there are none.

    Raises
    ------
    FileNotFoundError
        If a file does not exist.
    ValueError
        If a file cannot be read, a column is missing, an object is listed twice or not at all, a
        label is missing or the labels stand in a table that they are not taken from, or a value
        is out of its range. The message names the object and the field.
    TypeError
        If an argument is neither path nor table, or the names of the objects are numbers in one
        table and strings in the other.

    See Also
    --------
    sklearn_tde.light_curves.pack_light_curves : What is done with the table, and to its units.
    load_alerce_detections : Detections from the ALeRCE broker.
    make_transients : Simulated light curves.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_tde.datasets import load_light_curves
    >>> observations = pd.DataFrame(
    ...     {
    ...         "name": ["AT2020a", "AT2020a", "AT2020b"],
    ...         "time": [59000.1, 59003.2, 59001.0],
    ...         "band": ["g", "r", "g"],
    ...         "flux": [110.0, 95.0, 60.0],
    ...         "flux_err": [9.0, 10.0, 8.0],
    ...     }
    ... )
    >>> objects = pd.DataFrame({"name": ["AT2020b", "AT2020a"], "type": ["SN Ia", "TDE"]})
    >>> X, y = load_light_curves(observations, objects, object_id="name", label="type")
    >>> list(X.index), list(y)
    (['AT2020b', 'AT2020a'], ['SN Ia', 'TDE'])
    """
    if missing_labels not in ("raise", "drop"):
        raise ValueError(f"missing_labels must be 'raise' or 'drop'; got {missing_labels!r}.")
    if unlisted not in ("raise", "drop"):
        raise ValueError(f"unlisted must be 'raise' or 'drop'; got {unlisted!r}.")
    for argument, name in (("object_id", object_id), ("label", label)):
        if not isinstance(name, str | None):
            raise TypeError(f"{argument}: expected the name of a column; got {shown(name)}.")
    observation_columns = sequence_of_names(observation_columns, "observation_columns")
    if object_columns is not None:
        object_columns = sequence_of_names(object_columns, "object_columns")
    table = _read_table(observations, "observations", object_id)
    if objects is not None:
        objects = _read_objects(objects, object_id)
        if object_id in table.columns:
            table = _checked_against(table, objects, object_id, unlisted)
    named = [object_id, time, band, flux, flux_err, mag, mag_err, limiting_mag, sign]
    if label is not None and label not in [*named, *observation_columns]:
        _check_label_is_read(table, objects, label, object_columns)
    X = pack_light_curves(
        table,
        object_id=object_id,
        time=time,
        band=band,
        flux=flux,
        flux_err=flux_err,
        mag=mag,
        mag_err=mag_err,
        limiting_mag=limiting_mag,
        sign=sign,
        zero_point=zero_point,
        band_names=band_names,
        objects=objects,
        object_columns=object_columns,
        observation_columns=observation_columns,
        duplicates=duplicates,
    )
    return _split_labels(X, label, missing_labels)


def _read_table(source: Any, role: str, object_id: str) -> pd.DataFrame:
    """Return the table behind a path; a DataFrame is returned as it is."""
    if not isinstance(source, pd.DataFrame):
        source = _read_file(source, role, object_id)
    require_plain_columns(source, role)
    return source


def _read_file(source: Any, role: str, object_id: str) -> pd.DataFrame:
    if not isinstance(source, str | Path):
        raise TypeError(f"{role}: expected a path or a DataFrame; got {type(source).__name__}.")
    path = Path(source)
    name = path.name.lower()
    if not name.endswith(_CSV + _PARQUET):
        raise ValueError(
            f"{role}: {shown_path(path)} has no known ending; expected one of "
            f"{', '.join(_CSV + _PARQUET)}."
        )
    kind = "CSV" if name.endswith(_CSV) else "Parquet"
    try:
        if not path.exists():
            raise FileNotFoundError(f"{role}: there is no file {str(path)!r}.")
        return _read_csv(path, object_id) if kind == "CSV" else pd.read_parquet(path)
    except FileNotFoundError:
        raise
    # The readers raise errors of many libraries; whichever it is, the file is at fault.
    except Exception as error:
        raise ValueError(
            f"{role}: {shown_path(path)} cannot be read as {kind}: {cause(error)}"
        ) from error


def _read_csv(path: Path, object_id: str) -> pd.DataFrame:
    with warnings.catch_warnings():
        # Rows that are longer than the header would lose their last value, with a warning.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        # In pieces, a column could get several types.
        return pd.read_csv(path, dtype={object_id: str}, index_col=False, low_memory=False)


def _read_objects(source: Any, object_id: str) -> pd.DataFrame:
    """Return the table of objects with their names in the index."""
    table = _read_table(source, "objects", object_id)
    if object_id not in table.columns and table.index.name != object_id:
        raise ValueError(
            f"objects: column {object_id!r} is missing; it has the columns "
            f"{', '.join(map(str, table.columns)) or '(none)'}. Other names are given by argument."
        )
    table = listed_objects(table, object_id)
    missing = table.index.isna()
    if missing.any():
        raise ValueError(
            f"objects: {object_id} is missing in row {int(np.flatnonzero(missing)[0])}; expected "
            "the name of the object."
        )
    return table


def _checked_against(
    table: pd.DataFrame, objects: pd.DataFrame, object_id: str, unlisted: str
) -> pd.DataFrame:
    """Return the observations, of listed objects alone if the others are to be dropped."""
    ids = table[object_id]
    if ids.dtype == object:
        factorized(ids, f"observations: column {object_id!r}")
    if len(ids) and len(objects):
        is_number = [_holds_numbers(names) for names in (ids, objects.index)]
        if is_number[0] != is_number[1]:
            kinds = ["numbers" if number else "strings" for number in is_number]
            raise TypeError(
                f"{object_id}: the names of the objects are {kinds[0]} in the observations and "
                f"{kinds[1]} in the objects table; expected the same in both (CSV files give "
                "strings)."
            )
    return table[ids.isin(objects.index)] if unlisted == "drop" else table


def _holds_numbers(ids: pd.Series | pd.Index) -> bool:
    values = ids.dtype.categories if isinstance(ids.dtype, pd.CategoricalDtype) else ids
    if values.dtype == object:
        return pd.api.types.infer_dtype(values) in ("integer", "floating", "mixed-integer-float")
    return pd.api.types.is_numeric_dtype(values.dtype)


def _check_label_is_read(
    table: pd.DataFrame,
    objects: pd.DataFrame | None,
    label: str,
    object_columns: Sequence[str] | None,
) -> None:
    """Refuse labels in the observations that would be left out with the other columns."""
    if label not in table.columns or (objects is not None and label in objects.columns):
        return
    taken = objects is None if object_columns is None else label in object_columns
    if not taken:
        hint = "" if objects is None else "move it to the objects table, "
        raise ValueError(
            f"label: the column {label!r} is in the observations, from which it is not taken; "
            f"{hint}name it in object_columns, or use label=None to load no labels."
        )


def _split_labels(
    X: NestedFrame, label: str | None, missing_labels: str
) -> tuple[NestedFrame, np.ndarray | None]:
    """Take the column of labels out of X."""
    if label is None:
        return X, None
    if label not in X.columns:
        if label == _DEFAULT_LABEL:
            return X, None
        raise ValueError(
            f"label: there is no column {label!r}; the objects have the columns "
            f"{', '.join(name for name in X.columns if name != 'light_curve') or '(none)'}."
        )
    labels = X[label]
    missing = labels.isna().to_numpy() | (labels.astype(str).str.strip() == "").to_numpy()
    X = X[[name for name in X.columns if name != label]]
    if missing.any():
        if missing_labels == "raise":
            names = [repr(name) for name in X.index[missing][:5]]
            more = ", ..." if missing.sum() > 5 else ""
            raise ValueError(
                f"label: {label!r} is missing for {int(missing.sum())} of {len(X)} objects: "
                f"{', '.join(names)}{more}. Use missing_labels='drop' to leave them out, or "
                "label=None to load the objects without labels."
            )
        X, labels = X[~missing], labels[~missing]
    return X, _as_labels(labels)


def _as_labels(labels: pd.Series) -> np.ndarray:
    """Labels as booleans or integers where they are some, else as objects."""
    if isinstance(labels.dtype, pd.CategoricalDtype):
        labels = labels.astype(labels.dtype.categories.dtype)
    labels = labels.infer_objects()
    if pd.api.types.is_bool_dtype(labels.dtype):
        return labels.to_numpy(dtype=bool)
    if pd.api.types.is_integer_dtype(labels.dtype):
        # Never through floats, which merge neighbours above 2**53.
        return labels.to_numpy(dtype=getattr(labels.dtype, "numpy_dtype", labels.dtype))
    if pd.api.types.is_numeric_dtype(labels.dtype):
        values = labels.to_numpy(dtype=np.float64)
        # A missing value elsewhere in the column turns whole numbers into floats.
        if (values == np.rint(values)).all():
            return values.astype(np.int64)
        return values
    values = labels.to_numpy(dtype=object, copy=True)
    values[:] = [value.strip() if isinstance(value, str) else value for value in values]
    return values
