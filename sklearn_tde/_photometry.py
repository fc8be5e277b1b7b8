"""Units and signs of photometry, stated once, at the boundary of the package."""

from __future__ import annotations

import numpy as np
import pandas as pd

#: AB magnitude of a source of one microjansky.
MICROJANSKY_ZERO_POINT = 23.9
#: Significance at which surveys quote a limiting magnitude.
LIMIT_SNR = 5.0

_POSITIVE = frozenset({"t", "true", "1", "1.0", "+1", "+", "y", "yes", "positive"})
_NEGATIVE = frozenset({"f", "false", "0", "0.0", "-1", "-1.0", "-", "n", "no", "negative"})


def magnitude_to_flux(magnitude: np.ndarray, zero_point: float) -> np.ndarray:
    """Return the flux in microjansky of magnitudes whose value at 1 microjansky is `zero_point`."""
    return 10.0 ** (-0.4 * (np.asarray(magnitude, dtype=np.float64) - zero_point))


def magnitude_error_to_flux_error(flux: np.ndarray, magnitude_error: np.ndarray) -> np.ndarray:
    """Propagate a one-sigma magnitude error to first order: sigma_f = f ln(10) / 2.5 sigma_m."""
    return np.abs(flux) * (np.log(10.0) / 2.5) * np.asarray(magnitude_error, dtype=np.float64)


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
                f"column {name!r}: {spelling!r} is no sign of a difference flux; expected one of "
                "t, true, 1 (positive) or f, false, 0, -1 (negative)."
            )
    return lookup[codes]
