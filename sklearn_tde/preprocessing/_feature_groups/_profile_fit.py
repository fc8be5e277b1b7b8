"""Least-squares fits of families of light-curve shapes to many objects at once.

A model is a shape per band times an amplitude per band. The amplitudes are solved for in closed
form (variable projection: Golub & Pereyra 1973), so that a fit needs two sums per shape and band:
of weight x flux x shape and of weight x shape^2. The observations are first shared out between
fixed nodes in time, in proportion to their distance; both sums for all objects and all shapes of
a grid are then products of two matrices. The best shape of the grid is refined by a parabola
along each parameter, and the misfit evaluated there on the observations themselves.

The fits are in flux, so that noise and negative fluxes count for what they are. The error of an
observation is at least 5 % of its flux and 0.5 % of the object's largest flux: bright objects are
not punished for what no simple model describes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from sklearn_tde.preprocessing._feature_groups._curves import Curves, between

#: Least error of an observation, as a fraction of its flux ...
RELATIVE_FLOOR = 0.05
#: ... and as a fraction of the object's largest flux.
PEAK_FLOOR = 0.005
#: Least misfit per observation: of a perfect fit the logarithm stays finite.
LEAST_CHI2 = 1e-4
#: Days from the reference peak between which observations are fitted.
FIRST_DAY, LAST_DAY = -200.0, 300.0
#: Days at which the shapes are tabulated: every day around the peak, every four days elsewhere.
NODES = np.concatenate(
    [
        np.arange(FIRST_DAY, -48.0, 4.0),
        np.arange(-48.0, 72.0, 1.0),
        np.arange(72.0, LAST_DAY + 1.0, 4.0),
    ]
)
#: Steps that polish the best parameters of a grid, and the part of the prior's width over which
#: their derivatives are taken.
_STEPS = 2
_DIFFERENCE = 1e-3
#: Objects whose sums over a grid of shapes are in memory at a time.
_BLOCK = 256


@dataclass(frozen=True)
class Observed:
    """Observations to be fitted, in units of each object's largest flux.

    Attributes
    ----------
    position, group : ndarray of shape (n_rows,), dtype int64
        Object of each row; object and band. Rows are sorted by object, band and time.
    phase : ndarray of shape (n_rows,)
        Days since the reference peak.
    flux, weight : ndarray of shape (n_rows,)
        Flux and inverse variance.
    shape : tuple of two int
        Number of objects and of bands.
    """

    position: np.ndarray
    group: np.ndarray
    phase: np.ndarray
    flux: np.ndarray
    weight: np.ndarray
    shape: tuple[int, int]

    def summed(self, values: np.ndarray) -> np.ndarray:
        """Sum values of the rows, shape (n_objects, n_bands)."""
        n_groups = self.shape[0] * self.shape[1]
        return np.bincount(self.group, values, minlength=n_groups).reshape(self.shape)

    @property
    def band(self) -> np.ndarray:
        """Band of each row."""
        return self.group - self.position * self.shape[1]

    @property
    def count(self) -> np.ndarray:
        """Number of observations, shape (n_objects, n_bands)."""
        return self.summed(np.ones(len(self.group)))

    @property
    def square(self) -> np.ndarray:
        """Misfit of no flux at all, shape (n_objects, n_bands)."""
        return self.summed(self.weight * self.flux**2)


def observe(curves: Curves, begin: float = FIRST_DAY, end: float = LAST_DAY) -> Observed:
    """Return the observations of the flares between two phases."""
    rows = curves.by_band
    rows = rows[(curves.is_flare & between(curves.phase, begin, end))[rows]]
    position, flux = curves.position[rows], curves.flux[rows]
    largest = np.zeros(curves.n_objects)
    np.maximum.at(largest, position, np.abs(flux))
    unit = np.where(largest > 0, largest, 1.0)[position]
    flux = flux / unit
    error = np.hypot(curves.flux_err[rows] / unit, RELATIVE_FLOOR * flux)
    return Observed(
        position=position,
        group=curves.group[rows],
        phase=np.clip(curves.phase[rows], begin, end),
        flux=flux,
        weight=np.maximum(error, PEAK_FLOOR) ** -2.0,
        shape=(curves.n_objects, curves.n_bands),
    )


def share_out(observed: Observed) -> tuple[np.ndarray, np.ndarray]:
    """Return weight x flux and weight at the nodes, shape (n_objects, n_bands, n_nodes)."""
    coordinate = np.interp(observed.phase, NODES, np.arange(len(NODES)))
    node = np.minimum(coordinate.astype(np.int64), len(NODES) - 2)
    later = coordinate - node
    cell = observed.group * len(NODES) + node
    cells = np.concatenate([cell, cell + 1])
    shape = (*observed.shape, len(NODES))
    length = int(np.prod(shape))

    def at_nodes(values: np.ndarray) -> np.ndarray:
        parts = np.concatenate([values * (1.0 - later), values * later])
        return np.bincount(cells, parts, minlength=length).reshape(shape)

    return at_nodes(observed.weight * observed.flux), at_nodes(observed.weight)


@dataclass(frozen=True, eq=False)
class Grid:
    """Values of the parameters of a family of shapes, and what they usually are.

    Attributes
    ----------
    axes : tuple of ndarray
        Ascending values of each parameter.
    center, width : ndarray of shape (n_parameters,)
        A parameter adds the square of its distance from the centre over the width to the misfit:
        what the observations leave open is what it usually is.
    """

    axes: tuple[np.ndarray, ...]
    center: np.ndarray
    width: np.ndarray

    @property
    def penalty(self) -> np.ndarray:
        """What each point of the grid adds to the misfit, shape (lengths of the axes)."""
        squares = [
            ((axis - center) / width) ** 2
            for axis, center, width in zip(self.axes, self.center, self.width, strict=True)
        ]
        return sum(np.meshgrid(*squares, indexing="ij"))


def blocks(n_objects: int) -> Iterator[slice]:
    """Yield the objects in portions."""
    for begin in range(0, n_objects, _BLOCK):
        yield slice(begin, begin + _BLOCK)


def explained(product: np.ndarray, power: np.ndarray) -> np.ndarray:
    """Return the misfit that shapes take away, at the best amplitude that is not negative.

    `product` and `power` are the sums of weight x flux x shape and of weight x shape^2.
    """
    return np.maximum(product, 0.0) ** 2 / np.maximum(power, 1e-100)


def best_on_grid(misfit: np.ndarray, axes: tuple[np.ndarray, ...]) -> np.ndarray:
    """Return the parameters of the least misfit, shape (n_objects, n_axes).

    `misfit` has the shape (n_objects, *lengths of the axes). Between the neighbours of the least
    value a parabola along each axis finds its place; at an end of the axis it stays there.
    """
    lengths = misfit.shape[1:]
    flat = misfit.reshape(len(misfit), -1)
    row = np.arange(len(misfit))
    best = np.argmin(flat, axis=1)
    where = np.unravel_index(best, lengths)
    result = np.empty((len(misfit), len(axes)))
    stride = 1
    for axis in reversed(range(len(axes))):
        inner = (where[axis] > 0) & (where[axis] < lengths[axis] - 1)
        least = flat[row, best]
        before = flat[row, best - np.where(inner, stride, 0)] - least
        after = flat[row, best + np.where(inner, stride, 0)] - least
        bend = before + after
        move = np.where(bend > 0, 0.5 * (before - after) / np.where(bend > 0, bend, 1.0), 0.0)
        coordinate = where[axis] + move
        result[:, axis] = np.interp(coordinate, np.arange(lengths[axis]), axes[axis])
        stride *= lengths[axis]
    return result


@dataclass(frozen=True)
class Fit:
    """How one shape per row fits, at the best amplitude of each object and band.

    Attributes
    ----------
    chi2 : ndarray of shape (n_objects,)
        Misfit.
    amplitude : ndarray of shape (n_objects, n_bands)
        In units of the largest flux; 0 where no positive one fits.
    residual : ndarray of shape (n_rows,)
        Observed less model, in units of the error.
    """

    chi2: np.ndarray
    amplitude: np.ndarray
    residual: np.ndarray


def fit_amplitudes(observed: Observed, profile: np.ndarray) -> Fit:
    """Fit a shape given at every row."""
    product = observed.summed(observed.weight * observed.flux * profile)
    power = observed.summed(observed.weight * profile**2)
    amplitude = np.maximum(product, 0.0) / np.maximum(power, 1e-100)
    model = amplitude.ravel()[observed.group] * profile
    residual = (observed.flux - model) * np.sqrt(observed.weight)
    return Fit(observed.summed(residual**2).sum(axis=1), amplitude, residual)


def log_reduced(chi2: np.ndarray, count: np.ndarray, n_parameters: np.ndarray) -> np.ndarray:
    """Return ln of the misfit per degree of freedom, NaN without any."""
    freedom = count - n_parameters
    reduced = chi2 / np.maximum(freedom, 1)
    return np.where(freedom > 0, np.log(np.maximum(reduced, LEAST_CHI2)), np.nan)


def log_ratio(chi2: np.ndarray, other: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Return ln of the ratio of two misfits of the same observations."""
    least = LEAST_CHI2 * np.maximum(count, 1)
    return np.log(np.maximum(chi2, least) / np.maximum(other, least))


def serial_correlation(observed: Observed, residual: np.ndarray) -> np.ndarray:
    """Return the correlation of successive residuals of a band, NaN without a pair of them."""
    pair = observed.group[1:] == observed.group[:-1]
    position = observed.position[1:][pair]
    n_objects = observed.shape[0]

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(position, values[pair], minlength=n_objects)

    product = total(residual[1:] * residual[:-1])
    size = total(0.5 * (residual[1:] ** 2 + residual[:-1] ** 2))
    return np.where(size > 0, product / np.where(size > 0, size, 1.0), np.nan)


def color_offsets(amplitude: np.ndarray) -> np.ndarray:
    """Return the colours of neighbouring bands in magnitudes, shape (n_objects, n_bands - 1)."""
    known = np.where(amplitude > 0, amplitude, np.nan)
    return -2.5 * np.log10(known[:, :-1] / known[:, 1:])


def polish(
    observed: Observed,
    shape: Callable[[np.ndarray], np.ndarray],
    start: np.ndarray,
    grid: Grid,
) -> tuple[np.ndarray, Fit]:
    """Improve parameters by Gauss-Newton steps; return them and the fit.

    `shape` returns the shape at every row for parameters of every row, (n_rows, n_parameters).
    They stay on the range of the grid. A step that makes an object's fit worse is not taken. The
    amplitudes follow the parameters (Kaufman 1975).
    """
    center, width, at = grid.center, grid.width, observed.position
    limits = [axis[0] for axis in grid.axes], [axis[-1] for axis in grid.axes]

    def cost(parameters: np.ndarray) -> tuple[np.ndarray, Fit, np.ndarray]:
        profile = shape(parameters[at])
        fit = fit_amplitudes(observed, profile)
        return fit.chi2 + (((parameters - center) / width) ** 2).sum(axis=1), fit, profile

    best = start
    least, fit, profile = cost(best)
    for _ in range(_STEPS):
        changes = []
        for axis in range(start.shape[1]):
            moved = best.copy()
            moved[:, axis] += _DIFFERENCE * width[axis]
            changes.append((shape(moved[at]) - profile) / (_DIFFERENCE * width[axis]))
        step = _gauss_newton(observed, fit, profile, changes, (best - center) / width**2, width)
        trial = np.clip(best + step, *limits)
        trial_cost, trial_fit, trial_profile = cost(trial)
        better = trial_cost < least
        best = np.where(better[:, None], trial, best)
        least = np.where(better, trial_cost, least)
        row = better[at]
        fit = Fit(
            np.where(better, trial_fit.chi2, fit.chi2),
            np.where(better[:, None], trial_fit.amplitude, fit.amplitude),
            np.where(row, trial_fit.residual, fit.residual),
        )
        profile = np.where(row, trial_profile, profile)
    return best, fit


def _gauss_newton(
    observed: Observed,
    fit: Fit,
    profile: np.ndarray,
    changes: list[np.ndarray],
    pull: np.ndarray,
    width: np.ndarray,
) -> np.ndarray:
    """Return the step of the parameters; `pull` is the slope of the priors."""
    n_objects, n_parameters = pull.shape
    root = np.sqrt(observed.weight)
    power = np.maximum(observed.summed(observed.weight * profile**2), 1e-100)
    amplitude = fit.amplitude.ravel()[observed.group]
    columns = []
    for change in changes:
        # What the amplitude can do is not for the parameters to do.
        share = observed.summed(observed.weight * change * profile) / power
        columns.append(root * amplitude * (change - share.ravel()[observed.group] * profile))
    matrix = np.zeros((n_objects, n_parameters, n_parameters))
    vector = -pull
    for i, left in enumerate(columns):
        vector[:, i] += np.bincount(observed.position, left * fit.residual, n_objects)
        for j, right in enumerate(columns[: i + 1]):
            product = np.bincount(observed.position, left * right, n_objects)
            matrix[:, i, j] = matrix[:, j, i] = product
    matrix += np.diag(width**-2.0)
    return np.linalg.solve(matrix, vector[:, :, None])[:, :, 0]
