"""Flare, colours and temperature as a Gaussian process through all bands has them.

The temperature is that of the black body nearest to the fluxes of the process: with redshifts of
the source, else of the observer, T / (1 + z).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from sklearn_tde.preprocessing._feature_groups._curves import Curves
from sklearn_tde.preprocessing._feature_groups._surface import (
    CURVE,
    PHASES,
    STEP,
    WAVELENGTHS,
    Surface,
)

#: Phases of the colours and temperatures.
COLOR_PHASES = (-15.0, 0.0, 15.0, 25.0, 40.0, 60.0, 100.0)
#: Parts of the peak flux at whose crossing the flare is timed, in hundredths.
LEVELS = (70, 50, 25, 10)
#: Days, and part of the days since the peak, to the nearest point beyond which nothing is said.
_REACH, _REACH_SHARE = 12.0, 0.2
#: Flux over the largest of all bands below which a band has no colour of its own, and over the
#: peak below which there is no colour.
FAINTEST = 0.02
_FAINT = 0.03
#: Part of the peak flux from which on a maximum counts.
_MAXIMUM = 0.3
#: Temperatures in Kelvin; h c / k in Angstrom x Kelvin.
_TEMPERATURES = np.geomspace(3500.0, 60000.0, 60)
_RADIATION = 1.438777e8


def known(bands: tuple[str, ...]) -> list[str]:
    """Return the bands of known wavelength."""
    return [band for band in bands if band in WAVELENGTHS]


def phase_name(phase: float) -> str:
    """Return how a phase is named."""
    if phase == 0.0:
        return "peak"
    return f"{'before' if phase < 0 else 'after'}_{abs(phase):.0f}"


def names(bands: tuple[str, ...]) -> list[str]:
    """Return the names of the features."""
    bands = known(bands)
    if not bands:
        return []
    out = ["gp_time_scale", "gp_wavelength_scale", "gp_gain"]
    out += [f"gp_flux_ratio_{phase_name(phase)}" for phase in PHASES if phase]
    out += [f"gp_{kind}_time_{level}" for level in LEVELS for kind in ("rise", "fade")]
    out += ["gp_asymmetry", "gp_n_maxima"]
    for phase in map(phase_name, COLOR_PHASES):
        out += [f"gp_color_{blue}_{red}_{phase}" for blue, red in pairwise(bands)]
    if len(bands) > 1:
        for phase in map(phase_name, COLOR_PHASES):
            out += [f"gp_log_temperature_{phase}", f"gp_temperature_misfit_{phase}"]
    return out


def compute(curves: Curves) -> np.ndarray:
    """Return the features, shape (n_objects, n_features)."""
    if not names(curves.bands):
        return np.empty((curves.n_objects, 0))
    surface = curves.surface
    total = surface.flux.sum(axis=2)
    is_near = surface.distance <= np.maximum(_REACH, _REACH_SHARE * np.abs(PHASES))
    ratio = np.where(is_near, total / surface.peak_flux.sum(axis=1)[:, None], np.nan)
    tables = [surface.scales, ratio[:, PHASES != 0.0], *_times(surface)]

    places = np.searchsorted(PHASES, COLOR_PHASES)
    flux = surface.flux[:, places]
    brightest = flux.max(axis=2)
    is_bright = brightest > _FAINT * surface.peak_flux.max(axis=1)[:, None]
    usable = (surface.distance[:, places] <= _REACH) & is_bright
    flux = np.where(usable[:, :, None], flux / brightest[:, :, None], np.nan)
    colors = np.diff(2.5 * np.log10(np.maximum(flux, FAINTEST)), axis=2)
    tables.append(colors.reshape(len(flux), -1))
    if flux.shape[2] > 1:
        tables.append(_temperatures(curves, flux))
    return np.column_stack(tables)


def _times(surface: Surface) -> list[np.ndarray]:
    """Return how long the flare is above levels of its peak, its asymmetry and its maxima."""
    curve, top = surface.curve, int(np.argmin(np.abs(CURVE)))
    missing = np.isnan(surface.peak_time)
    sides = curve[:, top::-1], curve[:, top:]
    columns = []
    for level in LEVELS:
        for side in sides:
            below = side < level / 100
            steps = np.where(below.any(axis=1), below.argmax(axis=1), side.shape[1] - 1)
            columns.append(np.where(missing, np.nan, STEP * steps))
    half = 2 * LEVELS.index(50)
    asymmetry = np.log((columns[half + 1] + STEP) / (columns[half] + STEP))
    inner = curve[:, 1:-1]
    is_maximum = (inner > curve[:, :-2]) & (inner > curve[:, 2:]) & (inner > _MAXIMUM)
    return [*columns, asymmetry, np.where(missing, np.nan, is_maximum.sum(axis=1))]


def _temperatures(curves: Curves, flux: np.ndarray) -> np.ndarray:
    """Return ln T and the misfit (logarithm of the unexplained part of the squared flux)."""
    wavelength = np.array([WAVELENGTHS[band] for band in known(curves.bands)])
    factor = np.ones(curves.n_objects) if curves.redshift is None else 1.0 + curves.redshift
    wavelength = wavelength / factor[:, None]
    exponent = _RADIATION / (wavelength[:, None] * _TEMPERATURES[:, None])
    body = (wavelength[:, None] / 1e4) ** -3.0 / np.expm1(np.minimum(exponent, 300.0))
    body /= np.sqrt((body**2).sum(axis=2, keepdims=True))
    # (n_objects, n_phases, n_temperatures): part of the squared flux that a body explains.
    norm = (flux**2).sum(axis=2, keepdims=True)
    explained = np.maximum(flux @ body.transpose(0, 2, 1), 0.0) ** 2 / norm
    best = np.where(np.isnan(explained), -1.0, explained).argmax(axis=2)
    left = 1.0 - np.take_along_axis(explained, best[:, :, None], axis=2)[:, :, 0]
    values = np.where(np.isnan(left), np.nan, np.log(_TEMPERATURES)[best])
    misfit = np.log(np.maximum(left, 0.0) + 1e-6)
    return np.stack([values, misfit], axis=2).reshape(len(flux), -1)
