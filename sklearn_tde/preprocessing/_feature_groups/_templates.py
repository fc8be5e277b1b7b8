"""Misfit of a type Ia supernova, and of a simple tidal disruption event.

The supernova is a template in g and r (median of 84 spectroscopically normal type Ia supernovae
of the Zwicky Transient Facility), stretched in time; the stretch takes in the redshift. The
disruption is a Gaussian rise and an exponential decay of one shape in all bands, that is, of a
constant colour (van Velzen et al. 2021, ApJ 908, 4).
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np

from sklearn_tde.preprocessing._feature_groups._curves import Curves
from sklearn_tde.preprocessing._feature_groups._profile_fit import (
    NODES,
    Fit,
    Grid,
    Observed,
    best_on_grid,
    blocks,
    color_offsets,
    explained,
    fit_amplitudes,
    log_ratio,
    log_reduced,
    observe,
    polish,
    serial_correlation,
    share_out,
)

#: Rest-frame days from the peak in g, and the magnitudes below the peak of the band.
_DAYS = np.array([-15, -12.5, -10, -7.5, -5, 0, 5, 10, 15, 20, 25, 30, 35])
_MAGNITUDES = {
    "g": np.array([2.35, 1.51, 0.85, 0.41, 0.16, 0, 0.16, 0.49, 0.96, 1.49, 1.92, 2.21, 2.49]),
    "r": np.array([2.35, 1.49, 0.85, 0.43, 0.19, 0.01, 0.09, 0.4, 0.68, 0.8, 0.92, 1.16, 1.46]),
}
#: Magnitudes per day after the last knot, which the stretch does not change.
_TAIL = {"g": 0.016, "r": 0.027}
#: Stretched days before the peak at which the explosion is.
_EXPLOSION = -20.0
_BLUE_BANDS = frozenset("ug")
_RED_BANDS = frozenset("rizy")

#: ln of how far below its peak a shape ends: numbers too small for full precision are slow.
_FAINTEST = 50.0

#: Days from the reference peak to that of the template, and ln of the stretch.
_SUPERNOVA = Grid(
    axes=(np.arange(-25.0, 26.0), np.linspace(np.log(0.65), np.log(1.6), 14)),
    center=np.array([0.0, 0.06]),
    width=np.array([10.0, 0.2]),
)
#: Days from the reference peak to that of the disruption, ln of rise (sigma) and decay in days.
_DISRUPTION = Grid(
    axes=(
        np.arange(-30.0, 41.0, 2.0),
        np.linspace(np.log(3.0), np.log(60.0), 7),
        np.linspace(np.log(6.0), np.log(400.0), 12),
    ),
    center=np.array([0.0, np.log(12.0), np.log(60.0)]),
    width=np.array([15.0, 0.8, 1.0]),
)


def names(bands: tuple[str, ...]) -> list[str]:
    """Return the names of the features."""
    pairs = [f"{blue}_{red}" for blue, red in pairwise(bands)]
    return [
        "template_sn_ia_chi2",
        "template_sn_ia_peak",
        "template_sn_ia_stretch",
        "template_sn_ia_gain",
        "template_sn_ia_serial",
        *[f"template_sn_ia_color_{pair}" for pair in pairs],
        "template_tde_chi2",
        "template_tde_peak",
        "template_tde_rise",
        "template_tde_decay",
        "template_tde_gain",
        "template_tde_serial",
        *[f"template_tde_color_{pair}" for pair in pairs],
        "template_ratio",
    ]


def compute(curves: Curves) -> np.ndarray:
    """Return the features, shape (n_objects, n_features)."""
    observed = observe(curves)
    template = _template_of_band(curves.bands)
    products, weights = share_out(observed)
    start_ia = np.empty((curves.n_objects, len(_SUPERNOVA.axes)))
    start_tde = np.empty((curves.n_objects, len(_DISRUPTION.axes)))
    for block in blocks(curves.n_objects):
        start_ia[block] = _best_supernova(products[block], weights[block], template)
        start_tde[block] = _best_disruption(products[block], weights[block])
    is_red = template[observed.band] > 0

    def supernova_shape(parameters: np.ndarray) -> np.ndarray:
        days, stretch = observed.phase - parameters[:, 0], np.exp(parameters[:, 1])
        shape = np.empty(len(days))
        for rows, name in ((~is_red, "g"), (is_red, "r")):
            shape[rows] = supernova_profile(days[rows], stretch[rows], name)
        return shape

    def disruption_shape(parameters: np.ndarray) -> np.ndarray:
        rise, decay = np.exp(parameters[:, 1:].T)
        return disruption_profile(observed.phase - parameters[:, 0], rise, decay)

    ia = polish(observed, supernova_shape, start_ia, _SUPERNOVA)
    tde = polish(observed, disruption_shape, start_tde, _DISRUPTION)
    return _features(observed, ia, tde)


def _features(
    observed: Observed, ia: tuple[np.ndarray, Fit], tde: tuple[np.ndarray, Fit]
) -> np.ndarray:
    """Return the features of the parameters and the fits of both models."""
    count, n_used = observed.count.sum(axis=1), (observed.count > 0).sum(axis=1)
    constant = fit_amplitudes(observed, np.ones(len(observed.phase)))
    columns = []
    for parameters, fit in (ia, tde):
        columns += [
            log_reduced(fit.chi2, count, n_used + parameters.shape[1]),
            parameters,
            log_ratio(constant.chi2, fit.chi2, count),
            serial_correlation(observed, fit.residual),
            color_offsets(fit.amplitude),
        ]
    columns.append(log_ratio(ia[1].chi2, tde[1].chi2, count))
    features = np.column_stack(columns)
    features[count <= n_used + tde[0].shape[1]] = np.nan
    return features


def supernova_profile(days: np.ndarray, stretch: np.ndarray, template: str) -> np.ndarray:
    """Return the flux of the template, 1 at its peak; `days` are of the observer."""
    last = _DAYS[-1]
    late = np.maximum(days - last * stretch, 0.0)
    scaled = np.minimum(days / stretch, last)
    magnitude = np.interp(scaled, _DAYS, _MAGNITUDES[template]) + _TAIL[template] * late
    # A fireball expands at a constant speed: its flux grows with the square of time.
    since = np.maximum(scaled - _EXPLOSION, 0.0) / (_DAYS[0] - _EXPLOSION)
    return 10.0 ** (-0.4 * magnitude) * np.minimum(since, 1.0) ** 2


def disruption_profile(days: np.ndarray, rise: np.ndarray, decay: np.ndarray) -> np.ndarray:
    """Return the flux of a Gaussian rise and an exponential decay, 1 at the peak."""
    exponent = 0.5 * (np.minimum(days, 0.0) / rise) ** 2 + np.maximum(days, 0.0) / decay
    return np.exp(-np.minimum(exponent, _FAINTEST))


def _template_of_band(bands: tuple[str, ...]) -> np.ndarray:
    """Return which template each band has: 0 for g and 1 for r.

    u has that of g, and i, z and y that of r. Of names that mean nothing the first half is blue.
    """
    if all(name in _BLUE_BANDS | _RED_BANDS for name in bands):
        return np.array([int(name in _RED_BANDS) for name in bands])
    return (np.arange(len(bands)) >= (len(bands) + 1) // 2).astype(int)


@cache
def _supernova_shapes() -> list[np.ndarray]:
    """Return the shapes of the grid at the nodes, (n_nodes, n_shapes), for each template."""
    shift, log_stretch = _SUPERNOVA.axes
    days = NODES[:, None, None] - shift[:, None]
    return [
        supernova_profile(days, np.exp(log_stretch), name).reshape(len(NODES), -1)
        for name in _MAGNITUDES
    ]


def _best_supernova(products: np.ndarray, weights: np.ndarray, template: np.ndarray) -> np.ndarray:
    """Return the parameters of the least misfit on the grid."""
    misfit = np.repeat(_SUPERNOVA.penalty[None], len(products), axis=0)
    for band, which in enumerate(template):
        shape = _supernova_shapes()[which]
        gain = explained(products[:, band] @ shape, weights[:, band] @ shape**2)
        misfit -= gain.reshape(misfit.shape)
    return best_on_grid(misfit, _SUPERNOVA.axes)


@cache
def _disruption_shapes() -> tuple[np.ndarray, np.ndarray]:
    """Return the rises and the decays of the grid at the nodes, 0 on the other side of the peak."""
    peak, log_rise, log_decay = _DISRUPTION.axes
    days = NODES[:, None, None] - peak[:, None]
    rise = np.where(days < 0, disruption_profile(days, np.exp(log_rise), 1.0), 0.0)
    decay = np.where(days >= 0, disruption_profile(days, 1.0, np.exp(log_decay)), 0.0)
    return rise.reshape(len(NODES), -1), decay.reshape(len(NODES), -1)


def _best_disruption(products: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the parameters of the least misfit on the grid."""
    rise, decay = _disruption_shapes()
    n_peaks, n_rises, n_decays = _DISRUPTION.penalty.shape
    as_rise, as_decay = (-1, n_peaks, n_rises, 1), (-1, n_peaks, 1, n_decays)
    misfit = np.repeat(_DISRUPTION.penalty[None], len(products), axis=0)
    for band in range(products.shape[1]):
        # Rise and decay never overlap: their sums add up.
        product, power = (
            (values[:, band] @ rise**n).reshape(as_rise)
            + (values[:, band] @ decay**n).reshape(as_decay)
            for values, n in ((products, 1), (weights, 2))
        )
        misfit -= explained(product, power)
    return best_on_grid(misfit, _DISRUPTION.axes)
