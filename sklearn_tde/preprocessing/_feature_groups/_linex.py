"""Shape of each band's light curve in magnitudes, as FLEET fits it.

m(t) = exp(W (t - phi)) - A W (t - phi) + m0, with the width 1 / W, the slope A of the rise over
that of the decline, the phase phi and the magnitude m0 (Gomez et al. 2020, ApJ 904, 74; 2023, ApJ
949, 113). With exp(-W phi), A W and the rest as unknowns the formula is linear for each W: a grid
of W and a parabola replace the search. Weak priors keep bands with few points defined. The
observations of 3 sigma between 60 days before and 150 days after the peak of the band are fitted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sklearn_tde.preprocessing._feature_groups._curves import Curves, between
from sklearn_tde.preprocessing._feature_groups._profile_fit import (
    Grid,
    best_on_grid,
    log_reduced,
)

#: Days from the peak of the band between which observations are fitted.
_BEGIN, _END = -60.0, 150.0
#: ln of W per day.
_WIDTHS = Grid((np.linspace(np.log(0.004), np.log(0.12), 14),), np.log([0.03]), np.array([1.0]))
#: Least error in magnitudes.
_FLOOR = 0.05
#: Mean and standard deviation of the priors of exp(-W phi), A W and m0 (below the peak).
_PRIOR_MEAN = np.array([1.0, 0.02, -1.0])
_PRIOR_WIDTH = np.array([1.0, 0.1, 1.0])
#: Least value of exp(-W phi), without which there would be no maximum.
_LEAST = 0.02


def names(bands: tuple[str, ...]) -> list[str]:
    """Return the names of the features."""
    kinds = ("width", "rise", "phase", "magnitude", "chi2")
    return [f"linex_{kind}_{band}" for band in bands for kind in kinds]


def compute(curves: Curves) -> np.ndarray:
    """Return the features, shape (n_objects, n_features)."""
    points = _points(curves)
    misfits = [_solve(points, np.full(points.n, w))[1] for w in np.exp(_WIDTHS.axes[0])]
    misfit = np.stack(misfits, axis=1) + _WIDTHS.penalty
    width = np.exp(best_on_grid(misfit, _WIDTHS.axes)[:, 0])
    solution = _solve(points, width)[0]
    growth, slope, level = solution.T
    # m0 of the formula goes with A W (t - phi), not with A W t.
    phase = -np.log(growth) / width
    model = growth[points.group] * np.exp(width[points.group] * points.phase)
    model += level[points.group] - slope[points.group] * points.phase
    chi2 = points.total(points.weight * (points.magnitude - model) ** 2)
    count = points.total(np.ones(len(points.group)))
    features = np.column_stack(
        [
            np.log(width),
            slope / width,
            phase,
            level - slope * phase,
            log_reduced(chi2, count, 4),
        ]
    )
    features[count < 4] = np.nan
    return features.reshape(curves.n_objects, -1)


@dataclass(frozen=True)
class _Points:
    """Magnitudes below the peak of the band and days from it; a group is an object and a band."""

    group: np.ndarray
    phase: np.ndarray
    magnitude: np.ndarray
    weight: np.ndarray
    n: int

    def total(self, values: np.ndarray) -> np.ndarray:
        """Sum values of the points of each group."""
        return np.bincount(self.group, values, self.n)


def _points(curves: Curves) -> _Points:
    rows = curves.by_band
    used = curves.has_magnitude & between(curves.band_phase, _BEGIN, _END)
    rows = rows[(used & np.isfinite(curves.magnitude))[rows]]
    weight = np.hypot(curves.magnitude_err[rows], _FLOOR) ** -2.0
    return _Points(
        curves.group[rows],
        curves.band_phase[rows],
        curves.magnitude[rows],
        weight,
        curves.n_groups,
    )


def _solve(points: _Points, width: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return exp(-W phi), A W and the constant, shape (n_groups, 3), and the misfit, at a W."""
    basis = [
        np.exp(width[points.group] * points.phase),
        -points.phase,
        np.ones(len(points.group)),
    ]
    matrix = np.empty((points.n, 3, 3))
    vector = np.empty((points.n, 3))
    for i, left in enumerate(basis):
        weighted = points.weight * left
        vector[:, i] = points.total(weighted * points.magnitude)
        for j, right in enumerate(basis[: i + 1]):
            matrix[:, i, j] = matrix[:, j, i] = points.total(weighted * right)
    matrix += np.diag(_PRIOR_WIDTH**-2.0)
    vector += _PRIOR_MEAN * _PRIOR_WIDTH**-2.0
    solution = np.linalg.solve(matrix, vector[:, :, None])[:, :, 0]
    flat = solution[:, 0] < _LEAST
    if flat.any():
        rest = vector[flat, 1:] - _LEAST * matrix[flat, 1:, 0]
        solution[flat, 0] = _LEAST
        solution[flat, 1:] = np.linalg.solve(matrix[flat, 1:, 1:], rest[:, :, None])[:, :, 0]
    # Up to the misfit of no model at all, which is the same for every W.
    quadratic = np.einsum("ni,nij,nj->n", solution, matrix, solution)
    return solution, quadratic - 2.0 * np.einsum("ni,ni->n", solution, vector)
