"""How the flux declines: as the power law of fall-back, another power, or an exponential.

The rate at which the debris of a disrupted star falls back goes as (t - t_D)^(-5/3) since the
disruption at t_D (Rees 1988, Nature 333, 523; Phinney 1989). All bands share one decline, with an
amplitude each: a constant colour. A decline of its own for each band tells how much that costs,
which is much for a supernova, whose colour changes. The observations since the reference peak are
fitted. t_D lies 4 to 160 days before the peak, or the power law turns into any other shape.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np

from sklearn_tde.preprocessing._feature_groups._curves import Curves
from sklearn_tde.preprocessing._feature_groups._profile_fit import (
    LAST_DAY,
    NODES,
    Grid,
    best_on_grid,
    blocks,
    explained,
    fit_amplitudes,
    log_ratio,
    log_reduced,
    observe,
    share_out,
)

_FALL_BACK = 5.0 / 3.0
#: ln of the days between disruption and reference peak; and ln of the exponent, if that is free.
_FALL_BACKS = Grid((np.linspace(np.log(4.0), np.log(160.0), 13),), np.log([40.0]), np.array([1.5]))
_POWER_LAWS = Grid(
    axes=(*_FALL_BACKS.axes, np.linspace(np.log(0.3), np.log(8.0), 12)),
    center=np.log([40.0, _FALL_BACK]),
    width=np.array([1.5, 1.5]),
)
#: ln of the days in which the flux falls by a factor e.
_EXPONENTIALS = Grid(
    (np.linspace(np.log(4.0), np.log(500.0), 20),), np.log([50.0]), np.array([1.5])
)


def names(bands: tuple[str, ...]) -> list[str]:
    """Return the names of the features."""
    return [
        "fall_back_chi2",
        "fall_back_disruption",
        "fall_back_exponential_ratio",
        "power_law_exponent",
        "exponential_chi2",
        "exponential_decay",
        "exponential_band_ratio",
        *[f"exponential_decay_{blue}_{red}" for blue, red in pairwise(bands)],
    ]


def compute(curves: Curves) -> np.ndarray:
    """Return the features, shape (n_objects, n_features)."""
    observed = observe(curves, 0.0, LAST_DAY)
    fall_backs, power_laws, exponentials = _shapes()
    n, n_bands = curves.n_objects, curves.n_bands
    disruption, power, decay = np.empty((n, 1)), np.empty((n, 2)), np.empty((n, 1))
    decays = np.empty((n, n_bands))
    products, weights = share_out(observed)
    for block in blocks(n):
        sums = products[block], weights[block]
        disruption[block] = _best(*sums, fall_backs, _FALL_BACKS)
        power[block] = _best(*sums, power_laws, _POWER_LAWS)
        decay[block] = _best(*sums, exponentials, _EXPONENTIALS)
        for band in range(n_bands):
            one = (values[:, band : band + 1] for values in sums)
            decays[block, band] = _best(*one, exponentials, _EXPONENTIALS)[:, 0]

    at, phase = observed.position, observed.phase
    fall_back = fit_amplitudes(observed, power_law(phase, np.exp(disruption[at, 0]), _FALL_BACK))
    shared = fit_amplitudes(observed, np.exp(-phase / np.exp(decay[at, 0])))
    separate = fit_amplitudes(observed, np.exp(-phase / np.exp(decays.ravel()[observed.group])))
    each = observed.count
    count, n_used = each.sum(axis=1), (each > 0).sum(axis=1)
    own = np.where(each > 1, decays, np.nan)
    features = np.column_stack(
        [
            log_reduced(fall_back.chi2, count, n_used + 1),
            disruption,
            log_ratio(fall_back.chi2, shared.chi2, count),
            power[:, 1],
            log_reduced(shared.chi2, count, n_used + 1),
            decay,
            log_ratio(shared.chi2, separate.chi2, count),
            own[:, :-1] - own[:, 1:],
        ]
    )
    features[count < n_used + 2] = np.nan
    return features


def power_law(phase: np.ndarray, before: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """Return the flux, 1 at phase 0, of a power law that begins `before` days before."""
    return (1.0 + phase / before) ** -exponent


@cache
def _shapes() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the shapes of the three grids at the nodes, each (n_nodes, n_shapes)."""
    phase = np.maximum(NODES, 0.0)[:, None]
    before, exponent = (np.exp(axis) for axis in _POWER_LAWS.axes)
    power_laws = power_law(phase[:, :, None], before[:, None], exponent)
    return (
        power_law(phase, before, _FALL_BACK),
        power_laws.reshape(len(NODES), -1),
        np.exp(-phase / np.exp(_EXPONENTIALS.axes[0])),
    )


def _best(products: np.ndarray, weights: np.ndarray, shapes: np.ndarray, grid: Grid) -> np.ndarray:
    """Return the parameters of the least misfit over all bands, shape (n_objects, n_axes)."""
    misfit = np.repeat(grid.penalty[None], len(products), axis=0)
    for band in range(products.shape[1]):
        gain = explained(products[:, band] @ shapes, weights[:, band] @ shapes**2)
        misfit -= gain.reshape(misfit.shape)
    return best_on_grid(misfit, grid.axes)
