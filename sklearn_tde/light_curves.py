"""The container of light curves: what X is, packed, checked and flattened.

X is a :class:`nested_pandas.NestedFrame` with one row per object. Its index holds the names of
the objects and its nested column ``light_curve`` the observations, with the fields ``time``
(float64, days), ``band`` (string, stored as a categorical), ``flux`` and ``flux_err`` (float64,
microjansky). Every other column belongs to the object and rides along.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from nested_pandas import NestedDtype, NestedFrame

from sklearn_tde._containers import as_nested_frame
from sklearn_tde._flat import (
    LIGHT_CURVE,
    FlatLightCurves,
    FlatStruct,
    arrow_fields,
    flat_struct,
    flattened,
    nested_array,
    nested_column,
    nested_frame,
    repeated_rows,
    validated,
)
from sklearn_tde._long_table import read_long_table
from sklearn_tde._photometry import shown
from sklearn_tde._unpacking import unpacked_frame

__all__ = [
    "FlatLightCurves",
    "check_light_curves",
    "flatten_light_curves",
    "pack_light_curves",
    "unpack_light_curves",
]


def pack_light_curves(
    table: Any,
    *,
    object_id: str | None = "object_id",
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
    objects: pd.DataFrame | None = None,
    object_columns: Sequence[str] | None = None,
    observation_columns: Sequence[str] | None = None,
    duplicates: str = "raise",
) -> NestedFrame:
    """Pack a long table of observations into one row per object.

    Parameters
    ----------
    table : DataFrame, or anything that converts to one
        One row per observation, in any order. A row whose time, band and flux are all missing
        stands for an object without observations. Tables of Arrow, Polars and Astropy are
        converted with their own ``to_pandas``.
    object_id : str or None, default="object_id"
        Column with the name of the object. None: the whole table is one object, named 0. In a
        table of `unpack_light_curves` the default stands for the column that it wrote.
    time : str, default="time"
        Column with the time in days. Only differences are used, any zero point will do. Julian
        dates in float32, which rounds them to a quarter of a day, are refused; it rounds MJD
        to 0.004 days.
    band : str, default="band"
        Column with the name of the band.
    flux : str, default="flux"
        Column with the difference flux, which may be negative. Not read when `mag` is given.
    flux_err : str, default="flux_err"
        Column with the one-sigma error of the flux, greater than 0. Not read when `mag` is given.
    mag : str or None, default=None
        Column with the magnitude of the difference flux (``magpsf`` in ZTF alerts, not
        ``magpsf_corr``, which contains the host galaxy), to be used in place of `flux`.
    mag_err : str or None, default=None
        Column with the one-sigma error of the magnitude; needed with `mag`.
    limiting_mag : str or None, default=None
        Column with the 5-sigma limiting magnitude. A row whose flux or magnitude is missing
        becomes an upper limit: flux 0 with an error of a fifth of the limiting flux. Its error
        may be missing too.
    sign : str or None, default=None
        Column with the sign of the difference flux, ``isdiffpos`` in ZTF alerts: t, true or 1
        for positive; f, false, 0 or -1 for negative. The fluxes are then expected unsigned.
    zero_point : float, default=23.9
        Magnitude of a flux of 1. For fluxes it states their unit, and they are scaled to
        microjansky: 23.9 for microjansky, 31.4 for nanojansky, 27.5 for SNANA's FLUXCAL.
        For magnitudes it is the magnitude of 1 microjansky, 23.9 in the AB system.
    band_names : mapping or None, default=None
        From the values in the column `band` to names, such as ``{1: "g", 2: "r"}`` for the
        ``fid`` of ZTF. A value that it lacks is an error. None: the values are the names.
    objects : DataFrame or None, default=None
        One row per object, identified by a column `object_id` or else by the index. Its
        columns become columns of the result, its order the order of the result, and an object
        without rows in `table` stays, empty. An observation of an unlisted object is an error.
    object_columns : sequence of str or None, default=None
        Columns of `table` that belong to the object, and therefore have one value per object.
        None: every column that no other argument names, or none if `objects` is given. The rest
        is left out.
    observation_columns : sequence of str or None, default=None
        Columns of `table` to keep as further fields of the light curve. None: those that were
        such fields, in a table of `unpack_light_curves`, which notes them in its ``attrs``;
        otherwise none.
    duplicates : {"raise", "drop"}, default="raise"
        What to do with several observations of one object in one band at the same time:
        refuse them, or keep the first of each in the order of the table.

    Returns
    -------
    X : NestedFrame of shape (n_objects, 1 + n_object_columns)
        Objects in the order of first appearance (or of `objects`), observations in the order
        of time, in microjansky.

    Raises
    ------
    ValueError
        If there is no row, a column is missing, an object lacks a name, a value is missing,
        infinite, of the wrong sign or beyond 1e9 days, 1e50 microjansky or 50 magnitudes, an error
        is not positive, a band is unknown, or observations are duplicated. The message names the
        object and the field.
    TypeError
        If `table` is no table, a column is not numeric, or an argument is of a wrong type.
        Strings, truth values, complex numbers and dates are no numbers.

    See Also
    --------
    unpack_light_curves : The way back.
    check_light_curves : For containers that already have one entry per object.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_tde import pack_light_curves
    >>> table = pd.DataFrame(
    ...     {
    ...         "object_id": ["AT2020a", "AT2020a", "AT2020b"],
    ...         "time": [59000.1, 59003.2, 59001.0],
    ...         "band": ["g", "r", "g"],
    ...         "flux": [110.0, 95.0, 60.0],
    ...         "flux_err": [9.0, 10.0, 8.0],
    ...     }
    ... )
    >>> X = pack_light_curves(table)
    >>> X["light_curve"].iloc[0].shape
    (2, 4)
    >>> list(X.index)
    ['AT2020a', 'AT2020b']

    ZTF alerts, in magnitudes:

    >>> alerts = pd.DataFrame(
    ...     {"jd": [2459000.6], "fid": [1], "magpsf": [18.9], "sigmapsf": [0.1], "isdiffpos": "t"}
    ... )
    >>> X = pack_light_curves(
    ...     alerts,
    ...     object_id=None,
    ...     time="jd",
    ...     band="fid",
    ...     mag="magpsf",
    ...     mag_err="sigmapsf",
    ...     sign="isdiffpos",
    ...     band_names={1: "g", 2: "r"},
    ... )
    >>> round(float(X["light_curve"].iloc[0]["flux"].iloc[0]), 3)
    100.0
    """
    if duplicates not in ("raise", "drop"):
        raise ValueError(f"duplicates must be 'raise' or 'drop'; got {duplicates!r}.")
    long = read_long_table(
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
    )
    columns, position = long.observations, long.position
    # Sorting six million rows takes seconds; most tables come sorted.
    step = np.diff(position)
    times = columns["time"]
    if (step < 0).any() or ((times[1:] < times[:-1]) & (step == 0)).any():
        order = np.lexsort((columns["time"], position))
        position = position[order]
        columns = {name: values.take(order) for name, values in columns.items()}
    else:
        # Arrow takes over memory, and the user may write into the table again.
        columns = {name: values.copy() for name, values in columns.items()}
    if duplicates == "drop":
        repeated = repeated_rows(columns["time"], columns["band"], position)
        if repeated.any():
            position = position[~repeated]
            columns = {name: values[~repeated] for name, values in columns.items()}
    n_objects = len(long.objects)
    offsets = np.zeros(n_objects + 1, dtype=np.int64)
    np.cumsum(np.bincount(position, minlength=n_objects), out=offsets[1:])
    struct = FlatStruct(arrow_fields(columns, long.bands), offsets)
    X = nested_frame(struct, long.objects)
    validated(struct, X.index)
    return X


def unpack_light_curves(X: Any) -> pd.DataFrame:
    """Unpack light curves into a long table with one row per observation.

    Parameters
    ----------
    X : NestedFrame of shape (n_objects, n_columns), or any container of `check_light_curves`
        The light curves.

    Returns
    -------
    table : DataFrame
        The name of the object (a column named as the index of `X`, or ``object_id``), the
        fields of the light curve and the columns of the object, repeated. An object without
        observations has one row in which the fields of the light curve are missing.

    Raises
    ------
    ValueError
        If two rows of `X` have the same name, and would become one object, if another column
        of `X` is nested, or if a column of the object, a field of the light curve and the index
        share a name.

    See Also
    --------
    pack_light_curves : The way back.

    Notes
    -----
    ``pack_light_curves(unpack_light_curves(X))`` equals `X`, even without rows. The name of the
    index and the further fields of the light curve are noted in ``table.attrs["sklearn_tde"]``
    for that; where the attrs are lost, as in a CSV file, name them in `object_id` and
    `observation_columns`. What `pack_light_curves` makes by its own rules stays so: an index
    without a name is named ``object_id``, ``light_curve`` is the first column, numbers are
    float64 and categorical further fields are strings.

    Examples
    --------
    >>> from sklearn_tde import make_transients, unpack_light_curves
    >>> X, y = make_transients(n_tde=2, n_sn_ia=3, random_state=0)
    >>> table = unpack_light_curves(X)
    >>> list(table.columns)[:5]
    ['object_id', 'time', 'band', 'flux', 'flux_err']
    """
    X = check_light_curves(X)
    repeated = X.index.duplicated()
    if repeated.any():
        raise ValueError(
            f"X: the name {shown(X.index[repeated][0])} stands for more than one row; in "
            "a long table they would become one object. Give the rows unique names "
            "(X.reset_index(drop=True))."
        )
    nested = [c for c in X.columns if c != LIGHT_CURVE and isinstance(X[c].dtype, NestedDtype)]
    if nested:
        raise ValueError(f"X: column {nested[0]!r} is nested too; leave it out before unpacking.")
    return unpacked_frame(X)


def check_light_curves(X: Any, *, bands: Sequence[str] | None = None) -> NestedFrame:
    """Check light curves and bring them into the one form that the package works on.

    Parameters
    ----------
    X : NestedFrame, NestedSeries, DataFrame, ndarray or list
        The light curves, one entry per object:

        - a NestedFrame with a nested column ``light_curve``, or that column alone;
        - a DataFrame with a column ``light_curve`` of tables, or with list columns ``time``,
          ``band``, ``flux`` and ``flux_err``;
        - a list, or an object array of shape (n_objects,) or (n_objects, n_columns), of tables
          with these columns: DataFrames, structured arrays, mappings from names to arrays.
          Single values in a mapping, such as a redshift, become object columns; further columns
          of a table, with one value per observation, are left out. A structured array of shape
          (n_objects, n_observations) has one object per row;
        - a list of mappings ``{"g": {"t": ..., "y": ..., "e": ...}, "r": {...}}`` from bands to
          times, fluxes and errors. Other entries, such as a label, become object columns.

        Times are in days, fluxes in microjansky. An object may have no observations. Of an
        object array with several columns, as bagging makes it, only the light curves are kept,
        which must be the first column: the names of the other columns are lost in it.
    bands : sequence of str or None, default=None
        The bands that may occur. None: any.

    Returns
    -------
    X : NestedFrame of shape (n_objects, n_columns)
        The same objects at the same positions, the observations in the order of time. It is
        the input itself if that is a NestedFrame in which nothing had to be changed; the input
        is never modified.

    Raises
    ------
    TypeError
        If `X` is none of these containers, a field is not numeric (strings, truth values,
        complex numbers and dates are not), or `bands` is no sequence of names.
    ValueError
        If a field is missing, a value is missing (masked, NaN or None), infinite or beyond 1e9
        days or 1e50 microjansky, an error is not positive, a band is unknown, one object has two
        observations in one band at the same time, or float32 has rounded the times by more than
        0.01 days, as it does Julian dates.

    See Also
    --------
    pack_light_curves : For a table with one row per observation.

    Examples
    --------
    >>> from sklearn_tde import check_light_curves
    >>> X = check_light_curves([{"g": {"t": [1.0, 0.0], "y": [60.0, 50.0], "e": [5.0, 5.0]}}])
    >>> X["light_curve"].iloc[0]["time"].tolist()
    [0.0, 1.0]
    """
    X = as_nested_frame(X)
    struct = flat_struct(nested_column(X))
    _, order = validated(struct, X.index, bands)
    if order is None and isinstance(X, NestedFrame):
        return X
    X = NestedFrame(X.copy(deep=False))
    if order is not None:
        values = {name: column.take(pa.array(order)) for name, column in struct.fields.items()}
        X[LIGHT_CURVE] = pd.Series(nested_array(values, struct.offsets), index=X.index)
    return X


def flatten_light_curves(X: Any, *, bands: Sequence[str] | None = None) -> FlatLightCurves:
    """Return checked light curves as flat columns and offsets, to work on them in bulk.

    Parameters
    ----------
    X : NestedFrame of shape (n_objects, n_columns), or any container of `check_light_curves`
        The light curves.
    bands : sequence of str or None, default=None
        The bands that may occur, in the order that the codes follow. None: those that occur,
        sorted by name.

    Returns
    -------
    flat : FlatLightCurves
        Columns sorted by time within each object. They may share memory with `X`: do not
        write into them.

    Raises
    ------
    TypeError, ValueError
        As `check_light_curves`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tde import flatten_light_curves, make_transients
    >>> X, y = make_transients(n_tde=2, n_sn_ia=3, random_state=0)
    >>> flat = flatten_light_curves(X, bands=("g", "r"))
    >>> brightest = np.maximum.reduceat(flat.flux, flat.offsets[:-1])
    >>> brightest.shape
    (5,)
    """
    return flattened(as_nested_frame(X), bands)
