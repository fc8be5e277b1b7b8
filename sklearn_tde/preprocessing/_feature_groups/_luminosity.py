"""Absolute magnitudes of the peak, by the Gaussian process: need redshifts, not host galaxies.

The cosmology is flat with 70 km/s/Mpc and a matter density of 0.3.
"""

from __future__ import annotations

import numpy as np

from sklearn_tde._photometry import MICROJANSKY_ZERO_POINT
from sklearn_tde.preprocessing._feature_groups._curves import Curves
from sklearn_tde.preprocessing._feature_groups._gaussian_process import FAINTEST, known
from sklearn_tde.preprocessing._feature_groups._surface import REST_WAVELENGTHS

_SPEED_OF_LIGHT = 299792.458  # km / s
_HUBBLE = 70.0  # km / s / Mpc
_OMEGA_MATTER = 0.3
#: Redshifts between which the distance is summed up: finer than photometric errors.
_REDSHIFTS = np.linspace(0.0, 20.0, 20001)


def names(bands: tuple[str, ...]) -> list[str]:
    """Return the names of the features."""
    bands = known(bands)
    kinds = [*bands, *(f"{wavelength:.0f}" for wavelength in REST_WAVELENGTHS)] if bands else []
    return [f"absolute_magnitude_{kind}" for kind in kinds]


def compute(curves: Curves) -> np.ndarray:
    """Return the features, shape (n_objects, n_features)."""
    if not names(curves.bands):
        return np.empty((curves.n_objects, 0))
    flux = np.concatenate([curves.surface.peak_flux, curves.surface.rest_flux], axis=1)
    brightest = curves.surface.peak_flux.max(axis=1, keepdims=True)
    magnitude = MICROJANSKY_ZERO_POINT - 2.5 * np.log10(np.maximum(flux, FAINTEST * brightest))
    return magnitude - _distance_modulus(curves.redshift)[:, None]


def _distance_modulus(redshift: np.ndarray) -> np.ndarray:
    """Return what is subtracted from a magnitude per frequency, NaN for no distance."""
    inverse = 1.0 / np.sqrt(_OMEGA_MATTER * (1.0 + _REDSHIFTS) ** 3 + 1.0 - _OMEGA_MATTER)
    steps = np.diff(_REDSHIFTS) * (inverse[1:] + inverse[:-1]) / 2.0
    comoving = np.interp(redshift, _REDSHIFTS, np.append(0.0, np.cumsum(steps)))
    parsec = 1e6 * _SPEED_OF_LIGHT / _HUBBLE * comoving * (1.0 + redshift)
    parsec = np.where(redshift > 0.0, parsec, np.nan)
    # Of flux per frequency a bandwidth takes one factor 1 + z back.
    return 5.0 * np.log10(parsec / 10.0) - 2.5 * np.log10(1.0 + redshift)
