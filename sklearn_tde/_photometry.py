"""Numbers, units and signs of photometry, read once, at the boundary of the package."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

#: Magnitudes beyond this size, such as 99 or -999, are how archives write a missing one.
MAX_MAGNITUDE = 50.0
#: Longest spelling of a value in a message.
_LONGEST_SPELLING = 80
_KINDS_OF_NUMBERS = ("integer", "floating", "mixed-integer-float", "decimal", "empty")
_POSITIVE = frozenset({"t", "true", "1", "1.0", "+1", "+", "y", "yes", "positive"})
_NEGATIVE = frozenset({"f", "false", "0", "0.0", "-1", "-1.0", "-", "n", "no", "negative"})


def shown(value: Any) -> str:
    """Spell a value for a message: on one line, not too long, without NumPy's name of its type."""
    try:
        text = repr(value.item() if isinstance(value, np.generic) else value)
    # Foreign objects, and integers of thousands of digits, may have no spelling.
    except Exception:
        return f"a value of type {type(value).__name__}"
    text = text.replace("\n", " ")
    return text if len(text) <= _LONGEST_SPELLING else f"{text[: _LONGEST_SPELLING - 3]}..."


def shown_path(path: Any) -> str:
    """Spell a path for a message: of a very long one the end, which names the file."""
    text = str(path)
    if len(text) > 4 * _LONGEST_SPELLING:
        text = f"...{text[3 - 4 * _LONGEST_SPELLING :]}"
    return repr(text)


def cause(error: Exception) -> str:
    """Spell the error of another library for a message: on one line, not too long."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 3 * _LONGEST_SPELLING else f"{text[: 3 * _LONGEST_SPELLING]}..."


def as_array(values: Any, where: str, dtype: Any = None) -> np.ndarray:
    """Return values as an array; `where` names them in the message if they make none."""
    if isinstance(values, list | tuple):
        # NumPy warns where it meets the constant of a masked value.
        values = [np.nan if value is np.ma.masked else value for value in values]
    try:
        # np.asarray does the same with a Series, ten times slower.
        return (
            values.to_numpy(dtype) if isinstance(values, pd.Series) else np.asarray(values, dtype)
        )
    # Ragged lists, tensors that track gradients: whatever it is, the values are at fault.
    except Exception as error:
        raise TypeError(
            f"{where} cannot be read as one value per observation: {cause(error)}"
        ) from error


def factorized(values: Any, where: str) -> tuple[np.ndarray, Any]:
    """Return codes and distinct values, -1 for a missing one; `where` names the values."""
    try:
        return pd.factorize(values, use_na_sentinel=True)
    # Lists have no hash, signalling NaNs no order, half a surrogate pair no spelling.
    except (TypeError, ArithmeticError, UnicodeError) as error:
        raise TypeError(
            f"{where} holds values that cannot be told apart, such as lists: {cause(error)}."
        ) from error


def factorized_bands(
    bands: Any, owner: Callable[[int], str], expected: str
) -> tuple[np.ndarray, list[str]]:
    """Return codes and names of bands, -1 for a missing one.

    The first that is no name is refused; `owner` names the object of a row in the message, and
    `expected` says what should be there.
    """
    try:
        codes, names = pd.factorize(bands, use_na_sentinel=True)
    except (TypeError, ArithmeticError):
        # Without a hash there are no codes, but then some value is no name.
        is_bad = [not (is_name(band) or _is_missing(band)) for band in bands]
    else:
        wrong = [code for code, name in enumerate(names) if not is_name(name)]
        if not wrong:
            return codes, list(names)
        is_bad = codes == wrong[0]
    row = int(np.argmax(is_bad))
    band = bands.iloc[row] if isinstance(bands, pd.Series) else bands[row]
    raise TypeError(f"object {owner(row)}: band is {shown(band)}; expected {expected}.")


def is_name(value: Any) -> bool:
    """Whether a value is a string that can be written to a file."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_missing(value: Any) -> bool:
    # No other number than a signalling NaN raises when it is compared.
    is_decimal = isinstance(value, Decimal)
    return not is_decimal and pd.api.types.is_scalar(value) and bool(pd.isna(value))


def missing_values(values: Any, where: str) -> np.ndarray:
    """Mark None, NaN, NA, NaT and masked values; `where` names the values."""
    try:
        missing = np.asarray(pd.isna(values))
    except ArithmeticError as error:
        raise TypeError(
            f"{where} holds a number that cannot be compared: {cause(error)}"
        ) from error
    if values.dtype == object:
        masked = [value is np.ma.masked for value in np.ravel(np.asarray(values))]
        missing = missing | np.array(masked, dtype=bool).reshape(missing.shape)
    return missing


def read_numbers(values: Any, where: str) -> np.ndarray:
    """Return values as float64 in native byte order, missing and masked ones as NaN.

    What merely converts to numbers (times of the calendar, truth values, strings, the real part
    of complex numbers) is refused; `where` names the values in the message.
    """
    array = as_array(values, where)
    if array.dtype == object:
        floats = _objects_to_floats(array, where)
    elif array.dtype.kind in "fiu":
        # What is too large for float64 becomes infinite, which is refused with its object.
        with np.errstate(over="ignore"):
            floats = array.astype(np.float64, copy=False)
    else:
        raise TypeError(f"{where} is {array.dtype}; expected numbers.")
    if isinstance(values, np.ma.MaskedArray):
        floats = np.where(np.ma.getmaskarray(values), np.nan, floats)
    return floats


def _objects_to_floats(values: np.ndarray, where: str) -> np.ndarray:
    """Convert Python numbers, with NaN for what is missing."""
    missing = missing_values(values, where)
    if pd.api.types.infer_dtype(values.ravel(), skipna=True) not in _KINDS_OF_NUMBERS:
        for position in np.flatnonzero(~missing):
            value = values.flat[position]
            if not isinstance(value, Real | Decimal) or isinstance(value, bool | np.bool_):
                raise TypeError(f"{where} holds no numbers: {shown(value)} at position {position}.")
    floats = np.full(values.shape, np.nan)
    try:
        with np.errstate(over="ignore"):
            floats[~missing] = values[~missing].astype(np.float64)
    except OverflowError:
        floats[~missing] = [_to_float(value) for value in values[~missing]]
    return floats


def _to_float(value: Any) -> float:
    """Convert a number, one that is too large for float64 to infinity."""
    try:
        return float(value)
    except OverflowError:
        return np.inf if value > 0 else -np.inf


def read_times(values: Any, where: str) -> np.ndarray:
    """Return times as `read_numbers` does, refusing those that their type has rounded."""
    times = read_numbers(values, where)
    dtype = values.dtype if hasattr(values, "dtype") else as_array(values, where).dtype
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
    # What is too bright for float64 becomes infinite, which is refused with its object.
    with np.errstate(over="ignore"):
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
    limit_zero_point = zero_point if is_magnitude else MICROJANSKY_ZERO_POINT
    if is_magnitude:
        _refuse_impossible(value, ids, name)
    # What is too large for float64 becomes infinite, which is refused with its object.
    with np.errstate(over="ignore", invalid="ignore"):
        if is_magnitude:
            value = magnitude_to_flux(value, zero_point)
            error = magnitude_error_to_flux_error(value, error)
        elif zero_point != MICROJANSKY_ZERO_POINT:
            scale = 10.0 ** (-0.4 * (zero_point - MICROJANSKY_ZERO_POINT))
            value, error = value * scale, error * scale
    if sign is not None:
        value = _signed(value, sign, ids, name)
    if limited.any():
        _refuse_impossible(np.where(limited, limits, 0.0), ids, limit_name)
        value = np.where(limited, 0.0, value)
        limits = magnitude_to_flux(np.where(limited, limits, 0.0), limit_zero_point)
        error = np.where(limited, limits / LIMIT_SNR, error)
    return value, error


def _refuse_impossible(magnitude: np.ndarray, ids: pd.Series, name: str | None) -> None:
    """Refuse magnitudes that no source has, before they become fluxes of next to nothing."""
    bad = np.abs(magnitude) > MAX_MAGNITUDE
    if bad.any():
        raise ValueError(
            f"object {first_object(ids, bad)}: {name} is {shown(magnitude[bad][0])} in row "
            f"{first_row(ids, bad)} of the table; expected a magnitude of {MAX_MAGNITUDE:g} at "
            "most in size, and a missing one as NaN."
        )


def _refuse_missing(
    bad: np.ndarray, ids: pd.Series, name: str, limit_name: str | None = None
) -> None:
    if bad.any():
        what = f"{name} is" if limit_name is None else f"both {name} and {limit_name} are"
        raise ValueError(
            f"object {first_object(ids, bad)}: {what} missing (NaN) in row {first_row(ids, bad)} "
            "of the table; expected a finite number."
        )


def refuse_unknown_times(times: np.ndarray, ids: pd.Series, largest: float) -> None:
    """Refuse times that are missing or out of range, as long as the rows are those of the user."""
    # Not a comparison that NaN would pass.
    bad = ~(np.abs(times) <= largest)
    if bad.any():
        raise ValueError(
            f"object {first_object(ids, bad)}: time is {shown(times[bad][0])} in row "
            f"{first_row(ids, bad)} of the table; expected a finite number of days, of "
            f"{largest:g} at most in size."
        )


def _signed(value: np.ndarray, sign: pd.Series, ids: pd.Series, name: str) -> np.ndarray:
    """Give fluxes their sign; what is missing, such as a limit, needs none."""
    signs = decode_sign(sign, ids)
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


def first_row(ids: pd.Series, bad: np.ndarray) -> str:
    """Spell the index of the first row that is bad."""
    return shown(ids.index[int(np.flatnonzero(bad)[0])])


def decode_sign(values: pd.Series, ids: pd.Series) -> np.ndarray:
    """Return +1.0 or -1.0 for every spelling of ``isdiffpos`` found in alert archives.

    ``t``, ``true``, ``1``, ``True`` are a source brighter than in the reference image; ``f``,
    ``false``, ``0``, ``-1``, ``False`` a fainter one. A missing value is NaN, for the caller
    to judge; any other spelling raises ValueError with the name of its object, among `ids`.
    """
    codes, spellings = factorized(values, f"table: column {values.name!r}")
    lookup = np.full(len(spellings) + 1, np.nan)
    for code, spelling in enumerate(spellings):
        text = str(spelling).strip().lower()
        if text in _POSITIVE:
            lookup[code] = 1.0
        elif text in _NEGATIVE:
            lookup[code] = -1.0
        else:
            raise ValueError(
                f"object {first_object(ids, codes == code)}: {values.name} is {shown(spelling)}, "
                "which is no sign of a difference flux; expected one of t, true, 1 (positive) or "
                "f, false, 0, -1 (negative)."
            )
    return lookup[codes]
