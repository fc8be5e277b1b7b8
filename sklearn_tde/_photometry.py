"""Numbers, units and signs of photometry, read once, at the boundary of the package."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

#: AB magnitude of a source of one microjansky.
MICROJANSKY_ZERO_POINT = 23.9
#: Significance at which surveys quote a limiting magnitude.
LIMIT_SNR = 5.0
#: Days to which times may be rounded by the type they are stored in: MJD in float32 is rounded to
#: 0.004, a Julian date to 0.25.
MAX_TIME_ROUNDING = 0.01

_KINDS_OF_NUMBERS = ("integer", "floating", "mixed-integer-float", "decimal", "empty")
_POSITIVE = frozenset({"t", "true", "1", "1.0", "+1", "+", "y", "yes", "positive"})
_NEGATIVE = frozenset({"f", "false", "0", "0.0", "-1", "-1.0", "-", "n", "no", "negative"})


def shown(value: Any) -> str:
    """Spell a value for a message, without the name of the type that NumPy wraps it in."""
    return repr(value.item() if isinstance(value, np.generic) else value)


def read_numbers(values: Any, where: str) -> np.ndarray:
    """Return values as float64 in native byte order, missing and masked ones as NaN.

    What merely converts to numbers (times of the calendar, truth values, strings, the real part
    of complex numbers) is refused; `where` names the values in the message.
    """
    try:
        # np.asarray does the same with a Series, ten times slower.
        array = values.to_numpy() if isinstance(values, pd.Series) else np.asarray(values)
    except ValueError as error:
        raise TypeError(f"{where} holds no numbers: {error}") from error
    if array.dtype == object:
        floats = _objects_to_floats(array, where)
    elif array.dtype.kind in "fiu":
        floats = array.astype(np.float64, copy=False)
    else:
        raise TypeError(f"{where} is {array.dtype}; expected numbers.")
    if isinstance(values, np.ma.MaskedArray):
        floats = np.where(np.ma.getmaskarray(values), np.nan, floats)
    return floats


def _objects_to_floats(values: np.ndarray, where: str) -> np.ndarray:
    """Convert Python numbers, with NaN for None, NA and NaT."""
    missing = pd.isna(values)
    if pd.api.types.infer_dtype(values.ravel(), skipna=True) not in _KINDS_OF_NUMBERS:
        for value in values[~missing]:
            if not isinstance(value, Real | Decimal) or isinstance(value, bool | np.bool_):
                raise TypeError(f"{where} holds no numbers: {shown(value)}.")
    floats = np.full(values.shape, np.nan)
    floats[~missing] = values[~missing].astype(np.float64)
    return floats


def read_times(values: Any, where: str) -> np.ndarray:
    """Return times as `read_numbers` does, refusing those that their type has rounded."""
    times = read_numbers(values, where)
    dtype = values.dtype if hasattr(values, "dtype") else np.asarray(values).dtype
    refuse_rounded_times(times, getattr(dtype, "numpy_dtype", dtype), where)
    return times


def refuse_rounded_times(times: np.ndarray, dtype: Any, where: str) -> None:
    """Refuse times so large that the floating-point type they were stored in has rounded them."""
    if not isinstance(dtype, np.dtype) or dtype.kind != "f" or dtype.itemsize >= 8:
        return
    largest = np.abs(times[np.isfinite(times)]).max(initial=0.0)
    rounding = float(np.spacing(largest.astype(dtype.newbyteorder("="))))
    if rounding > MAX_TIME_ROUNDING:
        raise ValueError(
            f"{where} is {dtype.name}, which rounds times such as {float(largest):.10g} to "
            f"{rounding:.2g} days; read it as float64, or subtract a zero point in float64 before "
            f"it becomes {dtype.name}."
        )


def magnitude_to_flux(magnitude: np.ndarray, zero_point: float) -> np.ndarray:
    """Return the flux in microjansky of magnitudes whose value at 1 microjansky is `zero_point`."""
    return 10.0 ** (-0.4 * (np.asarray(magnitude, dtype=np.float64) - zero_point))


def magnitude_error_to_flux_error(flux: np.ndarray, magnitude_error: np.ndarray) -> np.ndarray:
    """Propagate a one-sigma magnitude error to first order: sigma_f = f ln(10) / 2.5 sigma_m."""
    return np.abs(flux) * (np.log(10.0) / 2.5) * np.asarray(magnitude_error, dtype=np.float64)


def read_fluxes(
    numbers: Sequence[tuple[str, np.ndarray]],
    ids: pd.Series,
    zero_point: float,
    *,
    is_magnitude: bool,
    sign: pd.Series | None,
    limit: tuple[str, np.ndarray] | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return flux and error in microjansky, signed, with limits entered as flux 0.

    `numbers` holds the columns of the value and of its error, with their names in the user's
    table; `limit` the name and the values of the limiting magnitude; `ids` the names of objects.
    """
    (name, value), (error_name, error) = numbers
    limit_name, limits = (None, np.full(len(value), np.nan)) if limit is None else limit
    unknown = np.isnan(value)
    limited = unknown & np.isfinite(limits)
    _refuse_missing(unknown & ~limited, ids, name, limit_name)
    _refuse_missing(np.isnan(error) & ~limited, ids, error_name)
    if is_magnitude:
        value = magnitude_to_flux(value, zero_point)
        error = magnitude_error_to_flux_error(value, error)
    elif zero_point != MICROJANSKY_ZERO_POINT:
        scale = 10.0 ** (-0.4 * (zero_point - MICROJANSKY_ZERO_POINT))
        value, error = value * scale, error * scale
    if sign is not None:
        value = _signed(value, sign, ids, name)
    if limited.any():
        limits = magnitude_to_flux(limits, zero_point if is_magnitude else MICROJANSKY_ZERO_POINT)
        value = np.where(limited, 0.0, value)
        error = np.where(limited, limits / LIMIT_SNR, error)
    return value, error


def _refuse_missing(
    bad: np.ndarray, ids: pd.Series, name: str, limit_name: str | None = None
) -> None:
    if bad.any():
        what = f"{name} is" if limit_name is None else f"both {name} and {limit_name} are"
        raise ValueError(
            f"object {first_object(ids, bad)}: {what} missing (NaN) in row {first_row(ids, bad)!r} "
            "of the table; expected a finite number."
        )


def _signed(value: np.ndarray, sign: pd.Series, ids: pd.Series, name: str) -> np.ndarray:
    """Give fluxes their sign; what is missing, such as a limit, needs none."""
    signs = decode_sign(sign, str(sign.name))
    bad = np.isnan(signs) & ~np.isnan(value)
    if bad.any():
        raise ValueError(
            f"object {first_object(ids, bad)}: {sign.name} is missing; expected the sign of the "
            "difference flux."
        )
    bad = value < 0
    if bad.any():
        raise ValueError(
            f"object {first_object(ids, bad)}: {name} is negative although sign={sign.name!r} is "
            "given; expected fluxes without sign."
        )
    return value * signs


def first_object(ids: pd.Series, bad: np.ndarray) -> str:
    """Name the object of the first row that is bad."""
    return shown(ids.iloc[int(np.flatnonzero(bad)[0])])


def first_row(ids: pd.Series, bad: np.ndarray) -> Any:
    """Return the index of the first row that is bad."""
    label = ids.index[int(np.flatnonzero(bad)[0])]
    return label.item() if isinstance(label, np.generic) else label


def decode_sign(values: pd.Series, name: str) -> np.ndarray:
    """Return +1.0 or -1.0 for every spelling of ``isdiffpos`` found in alert archives.

    ``t``, ``true``, ``1``, ``True`` are a source brighter than in the reference image; ``f``,
    ``false``, ``0``, ``-1``, ``False`` a fainter one. A missing value is NaN, for the caller
    to judge; any other spelling raises ValueError.
    """
    codes, spellings = pd.factorize(values, use_na_sentinel=True)
    lookup = np.full(len(spellings) + 1, np.nan)
    for position, spelling in enumerate(spellings):
        text = str(spelling).strip().lower()
        if text in _POSITIVE:
            lookup[position] = 1.0
        elif text in _NEGATIVE:
            lookup[position] = -1.0
        else:
            raise ValueError(
                f"column {name!r}: {shown(spelling)} is no sign of a difference flux; expected "
                "one of t, true, 1 (positive) or f, false, 0, -1 (negative)."
            )
    return lookup[codes]
