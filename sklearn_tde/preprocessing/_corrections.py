"""What dust and redshift do to the observations of an object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real

import numpy as np
import pandas as pd

from sklearn_tde._photometry import shown
from sklearn_tde.preprocessing._context import context_values

#: Magnitudes of Milky Way extinction per magnitude of E(B-V).
_EXTINCTION = {"u": 4.145, "g": 3.28, "r": 2.18, "i": 1.684, "z": 1.323, "y": 1.088}
#: What E(B-V) and a redshift can be; numbers beyond stand for missing ones.
_EBV = (0.0, 20.0)
_REDSHIFT = (-0.1, 20.0)


def extinction_ratios(
    extinction: bool | Mapping[str, float], bands: Sequence[str]
) -> np.ndarray | None:
    """Return A / E(B-V) of each band, shape (n_bands,), or None where nothing is corrected."""
    if isinstance(extinction, Mapping):
        ratios = extinction
    elif extinction:
        ratios = _EXTINCTION
    else:
        return None
    for band in bands:
        if band not in ratios:
            raise ValueError(
                f"extinction: there is no ratio A / E(B-V) for the band {band!r}; expected a dict "
                "with one number for every band."
            )
        if not isinstance(ratios[band], Real) or not 0.0 <= ratios[band] < np.inf:
            raise ValueError(
                f"extinction: the ratio of the band {band!r} is {shown(ratios[band])}; expected a "
                "number of 0 or more."
            )
    return np.array([ratios[band] for band in bands], dtype=np.float64)


def transmissions(X: pd.DataFrame, ratios: np.ndarray) -> np.ndarray:
    """Return the part of the light that dust lets through, shape (n_objects, n_bands)."""
    return 10.0 ** (-0.4 * ratios * _column(X, "ebv", _EBV)[:, None])


def redshifts(X: pd.DataFrame) -> np.ndarray:
    """Return the redshift of every object."""
    return _column(X, "redshift", _REDSHIFT)


def _column(X: pd.DataFrame, name: str, limits: tuple[float, float]) -> np.ndarray:
    values = context_values(X, (name,), "column")[:, 0]
    bad = (values < limits[0]) | (values > limits[1])
    if bad.any():
        raise ValueError(
            f"object {shown(X.index[bad][0])}: {name} is {values[bad][0]}; expected "
            f"{limits[0]:g} to {limits[1]:g}."
        )
    return values
