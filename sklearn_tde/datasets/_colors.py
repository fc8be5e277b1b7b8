"""Wavelengths, extinction and black-body colours of the survey bands."""

from __future__ import annotations

import numpy as np

__all__ = [
    "WAVELENGTHS",
    "black_body_magnitude",
    "color_to_band",
    "distance_to_redshift",
    "extinction_coefficient",
    "redshift_to_distance",
]

#: Effective wavelengths in Angstrom: ZTF for g, r, i; Rubin for u, z, y.
WAVELENGTHS = {
    "u": 3671.0,
    "g": 4746.48,
    "r": 6366.38,
    "i": 7829.03,
    "z": 8691.0,
    "y": 9710.0,
}

# A / E(B-V) for R_V = 3.1 on the Schlafly & Finkbeiner (2011) scale, at the wavelengths above.
_EXTINCTION = np.array([4.15, 3.28, 2.18, 1.65, 1.32, 1.09])

# h c / k in Angstrom Kelvin.
_SECOND_RADIATION_CONSTANT = 1.438777e8

_SPEED_OF_LIGHT = 299792.458  # km / s
_HUBBLE = 70.0  # km / s / Mpc
_OMEGA_MATTER = 0.3


def extinction_coefficient(wavelength: np.ndarray) -> np.ndarray:
    """Extinction per unit of E(B-V), in magnitudes, interpolated in inverse wavelength."""
    inverse = 1.0 / np.asarray(list(WAVELENGTHS.values()))
    return np.interp(1.0 / np.asarray(wavelength), inverse[::-1], _EXTINCTION[::-1])


def black_body_magnitude(temperature: np.ndarray, wavelength: np.ndarray) -> np.ndarray:
    """AB magnitude of a black body of fixed size, up to a constant.

    Parameters
    ----------
    temperature : array-like
        Kelvin.
    wavelength : array-like
        Angstrom, in the frame of the source.
    """
    exponent = _SECOND_RADIATION_CONSTANT / (np.asarray(wavelength) * temperature)
    # f_nu = nu^3 / (exp(x) - 1); the constant of the magnitude scale drops out of every colour.
    return 7.5 * np.log10(wavelength) + 2.5 * np.log10(np.expm1(np.minimum(exponent, 500.0)))


def color_to_band(color: np.ndarray, band: str) -> np.ndarray:
    """Magnitude in `band` minus magnitude in r for sources with the given g - r.

    Exact for g and r. The other bands follow the black body of the same g - r: a rough guess, which
    makes supernovae with strong line blanketing too bright in u.
    """
    if band == "r":
        return np.zeros_like(color)
    if band == "g":
        return color
    temperature = np.geomspace(100_000.0, 2_000.0, 200)
    reference = black_body_magnitude(temperature, WAVELENGTHS["r"])
    blue_minus_red = black_body_magnitude(temperature, WAVELENGTHS["g"]) - reference
    offset = black_body_magnitude(temperature, WAVELENGTHS[band]) - reference
    return np.interp(color, blue_minus_red, offset)


def _distance_table(largest: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    """Distance moduli of a flat universe on a grid of redshifts."""
    redshift = np.concatenate([[0.0], np.geomspace(1e-5, largest, 2000)])
    inverse_rate = 1.0 / np.sqrt(_OMEGA_MATTER * (1.0 + redshift) ** 3 + 1.0 - _OMEGA_MATTER)
    steps = np.diff(redshift) * 0.5 * (inverse_rate[1:] + inverse_rate[:-1])
    comoving = _SPEED_OF_LIGHT / _HUBBLE * np.cumsum(steps)
    modulus = 5.0 * np.log10(comoving * (1.0 + redshift[1:])) + 25.0
    return redshift[1:], modulus


def distance_to_redshift(modulus: np.ndarray) -> np.ndarray:
    """Redshift at a distance modulus, for a flat universe with H0 = 70 and Omega_m = 0.3."""
    redshift, table = _distance_table()
    return np.interp(modulus, table, redshift)


def redshift_to_distance(redshift: np.ndarray) -> np.ndarray:
    """Distance modulus at a redshift between 0.00001 and 20, for the same universe."""
    table, modulus = _distance_table(largest=20.0)
    return np.interp(redshift, table, modulus)
