"""Smooth flux as a function of time and wavelength, by a Gaussian process through all bands.

Where each band has few points, as in the Rubin survey, no band alone shows the flare; all bands
together do. The process has mean zero, a Matern kernel (3/2) in time and a squared exponential one
in the logarithm of the wavelength (Boone 2019, AJ 158, 257). Its two scales are those of a small
grid with the largest likelihood, its amplitude is set by the brightest points, and errors are as
quoted, with two hundredths of the flux added in quadrature.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sklearn_tde.preprocessing._start import EDGE

#: Effective wavelengths in Angstrom: g, r of ZTF, the others of Rubin.
WAVELENGTHS = {
    "u": 3671.0,
    "g": 4746.48,
    "r": 6366.38,
    "i": 7546.0,
    "z": 8691.0,
    "y": 9710.0,
}
#: Scales in days, and in the logarithm of the wavelength.
TIME_SCALES = np.array([6.0, 12.0, 25.0, 50.0, 100.0, 200.0])
WAVELENGTH_SCALES = np.array([0.15, 0.4, 1.0, 3.0])
#: Days since the peak at which the flux is taken, ...
PHASES = np.array(
    [-150, -100, -60, -40, -25, -15, -8, 0, 8, 15, 25, 40, 60, 80, 100, 150, 200, 300], dtype=float
)
#: ... and those of the curve on which levels are crossed.
STEP = 2.0
CURVE = np.arange(-200.0, 400.0 + STEP, STEP)
#: Wavelengths in the source's frame, in Angstrom.
REST_WAVELENGTHS = np.array([2500.0, 3500.0, 4500.0, 5500.0, 6500.0])

#: Standard deviation of the process over the bright level, which is this quantile of the flux.
_AMPLITUDE, _BRIGHT = 0.6, 0.98
#: Errors added in quadrature: of the flux, and of the bright level.
_FLOOR, _LEAST_ERROR = 0.02, 1e-3
#: Points of a band within so many days are averaged: one night; twice as many, and so on, where
#: more points than these would be left.
_NIGHT, _MAX_POINTS = 0.5, 256
#: Points of an object are filled up to a multiple of this, so that equal objects are equal work.
_PADDING = 16
#: Numbers in the largest array of a block.
_BLOCK = 500_000


@dataclass(frozen=True)
class Surface:
    """What the process says of every object; NaN where nothing was detected.

    Attributes
    ----------
    peak_time : ndarray of shape (n_objects,)
        Days from t = 0 to the peak: the time of the detection, of any time, at which the flux
        summed over the bands is largest.
    scales : ndarray of shape (n_objects, 3)
        Logarithms of the scales in time and wavelength, means over the grid weighted by the
        likelihood; logarithm of the gain in likelihood over pure noise, per point.
    flux : ndarray of shape (n_objects, n_phases, n_bands)
        Flux at `PHASES`.
    distance : ndarray of shape (n_objects, n_phases)
        Days from the phase to the nearest point.
    curve : ndarray of shape (n_objects, n_steps)
        Flux summed over the bands, at `CURVE`, over that of the peak.
    rest_flux : ndarray of shape (n_objects, n_wavelengths)
        Flux of the peak at `REST_WAVELENGTHS`, NaN without redshifts.
    """

    peak_time: np.ndarray
    scales: np.ndarray
    flux: np.ndarray
    distance: np.ndarray
    curve: np.ndarray
    rest_flux: np.ndarray

    @property
    def peak_flux(self) -> np.ndarray:
        """Flux of the peak, shape (n_objects, n_bands)."""
        return self.flux[:, np.flatnonzero(PHASES == 0.0)[0]]


@dataclass(frozen=True)
class _Points:
    """Points of a block of objects, shape (n_objects, n_points), filled up with empty ones."""

    time: np.ndarray
    log_wavelength: np.ndarray
    flux: np.ndarray
    variance: np.ndarray
    is_real: np.ndarray
    is_detection: np.ndarray
    unit: np.ndarray


@dataclass(frozen=True)
class _Process:
    """The process of each object of a block: the two scales and the weights of the points."""

    points: _Points
    time_scale: np.ndarray
    wavelength_scale: np.ndarray
    weights: np.ndarray

    def flux(self, time: np.ndarray, log_wavelength: np.ndarray) -> np.ndarray:
        """Return the flux at times, (n_objects, n_times), and wavelengths, (n_objects, n)."""
        points = self.points
        days = np.abs(time[:, :, None] - points.time[:, None]) / self.time_scale[:, None, None]
        apart = log_wavelength[:, :, None] - points.log_wavelength[:, None]
        kernel = np.exp(-0.5 * (apart / self.wavelength_scale[:, None, None]) ** 2)
        return _matern(days) @ (kernel * self.weights[:, None]).transpose(0, 2, 1)


def fit_surface(
    position: np.ndarray,
    since: np.ndarray,
    flux: np.ndarray,
    flux_err: np.ndarray,
    is_detection: np.ndarray,
    wavelength: np.ndarray,
    band_wavelengths: np.ndarray,
    redshift: np.ndarray | None,
    n_objects: int,
) -> Surface:
    """Fit the process to every object.

    Rows are sorted by object and time; `wavelength` is that of each row's band, and
    `band_wavelengths` are those at which the flux is asked for.
    """
    n_bands = len(band_wavelengths)
    shapes = [(), (3,), (len(PHASES), n_bands), (len(PHASES),), (len(CURVE),)]
    shapes.append((len(REST_WAVELENGTHS),))
    out = Surface(*[np.full((n_objects, *shape), np.nan) for shape in shapes])
    rows = (since, flux, flux_err, is_detection, wavelength)
    binned = _binned(position, rows, n_objects)
    for chosen, points in _blocks(*binned, n_objects):
        factor = 1.0 if redshift is None else 1.0 + redshift[chosen]
        _describe(out, chosen, points, np.log(band_wavelengths), factor)
    if redshift is None:
        out.rest_flux[:] = np.nan
    return out


def _describe(
    out: Surface,
    chosen: np.ndarray,
    points: _Points,
    log_bands: np.ndarray,
    factor: np.ndarray | float,
) -> None:
    """Fill in the objects of a block."""
    process, out.scales[chosen] = _fit(points)
    n = len(chosen)
    bands = np.broadcast_to(log_bands, (n, len(log_bands)))
    total = process.flux(points.time, bands).sum(axis=2)
    total = np.where(points.is_detection, total, -np.inf)
    peak = points.time[np.arange(n), total.argmax(axis=1)]
    out.peak_time[chosen] = peak
    at = peak[:, None] + PHASES
    unit = points.unit
    out.flux[chosen] = process.flux(at, bands) * unit[:, None, None]
    away = np.abs(at[:, :, None] - points.time[:, None])
    out.distance[chosen] = np.where(points.is_real[:, None], away, np.inf).min(axis=2)
    curve = process.flux(peak[:, None] + CURVE, bands).sum(axis=2)
    top = np.flatnonzero(np.abs(CURVE) < EDGE)
    out.curve[chosen] = curve / curve[:, top]
    rest = np.log(REST_WAVELENGTHS) + np.log(factor * np.ones(n))[:, None]
    out.rest_flux[chosen] = process.flux(peak[:, None], rest)[:, 0] * unit[:, None]


def _fit(points: _Points) -> tuple[_Process, np.ndarray]:
    """Return the most likely process of the grid, and the scales."""
    days = np.abs(points.time[:, :, None] - points.time[:, None])
    apart = points.log_wavelength[:, :, None] - points.log_wavelength[:, None]
    real = points.is_real[:, :, None] & points.is_real[:, None]
    in_time = [np.where(real, _matern(days / scale), 0.0) for scale in TIME_SCALES]
    in_band = [np.exp(-0.5 * (apart / scale) ** 2) for scale in WAVELENGTH_SCALES]
    likelihood = np.empty((len(days), len(in_time), len(in_band)))
    for i, time_kernel in enumerate(in_time):
        for j, band_kernel in enumerate(in_band):
            likelihood[:, i, j] = _log_likelihood(time_kernel * band_kernel, points)
    best = likelihood.reshape(len(days), -1).argmax(axis=1)
    i, j = np.divmod(best, len(in_band))
    order = np.arange(len(days))
    kernel = np.array(in_time)[i, order] * np.array(in_band)[j, order]
    weights = np.linalg.solve(_covariance(kernel, points), points.flux[:, :, None])[:, :, 0]
    weights = np.where(points.is_real, weights, 0.0) * _AMPLITUDE**2
    process = _Process(points, TIME_SCALES[i], WAVELENGTH_SCALES[j], weights)

    highest = likelihood.max(axis=(1, 2))
    share = np.exp(likelihood - highest[:, None, None])
    share /= share.sum(axis=(1, 2), keepdims=True)
    noise = -0.5 * (points.flux**2 / points.variance + np.log(points.variance)).sum(axis=1)
    gain = np.maximum(highest - noise, 1e-3) / points.is_real.sum(axis=1)
    means = share.sum(axis=2) @ np.log(TIME_SCALES), share.sum(axis=1) @ np.log(WAVELENGTH_SCALES)
    return process, np.column_stack([*means, np.log(gain)])


def _covariance(kernel: np.ndarray, points: _Points) -> np.ndarray:
    covariance = _AMPLITUDE**2 * kernel
    diagonal = np.einsum("kii->ki", covariance)
    diagonal += points.variance
    return covariance


def _log_likelihood(kernel: np.ndarray, points: _Points) -> np.ndarray:
    """Return the logarithm of the likelihood, but for a constant."""
    n = kernel.shape[1]
    # With the flux as one more row, the last row of the factor is the whitened flux.
    matrix = np.zeros((len(kernel), n + 1, n + 1))
    matrix[:, :n, :n] = _covariance(kernel, points)
    matrix[:, n, :n] = points.flux
    matrix[:, n, n] = 1.0 + (points.flux**2 / points.variance).sum(axis=1)
    factor = np.linalg.cholesky(matrix)
    diagonal = np.einsum("kii->ki", factor)[:, :n]
    return -0.5 * (factor[:, n, :n] ** 2).sum(axis=1) - np.log(diagonal).sum(axis=1)


def _matern(ratio: np.ndarray) -> np.ndarray:
    scaled = np.sqrt(3.0) * ratio
    return (1.0 + scaled) * np.exp(-scaled)


def _binned(
    position: np.ndarray, rows: tuple[np.ndarray, ...], n_objects: int
) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Average the points of one band and night, or of longer where there are too many.

    Returns the object of each point, and its time, flux, error, detection and wavelength.
    """
    since, flux, flux_err, is_detection, wavelength = rows
    width = np.full(n_objects, _NIGHT)
    while True:
        bins = np.floor((since + EDGE) / width[position])
        order = np.lexsort((bins, wavelength, position))
        keys = np.stack([position, wavelength, bins])[:, order]
        new = np.append(True, (np.diff(keys) != 0).any(axis=0))[: len(order)]
        owner = position[order][new]
        many = np.bincount(owner, minlength=n_objects) > _MAX_POINTS
        if not many.any():
            break
        width[many] *= 2.0
    if not len(order):
        return owner, rows
    begin = np.flatnonzero(new)
    # In units of the smallest error of the bin nothing overflows.
    least = np.minimum.reduceat(flux_err[order], begin)
    weight = (least[np.cumsum(new) - 1] / flux_err[order]) ** 2
    total = np.add.reduceat(weight, begin)
    time, mean = (np.add.reduceat(weight * v[order], begin) / total for v in (since, flux))
    found = np.logical_or.reduceat(is_detection[order], begin)
    return owner, (time, mean, least / np.sqrt(total), found, wavelength[order][new])


def _blocks(
    owner: np.ndarray, values: tuple[np.ndarray, ...], n_objects: int
) -> Iterator[tuple[np.ndarray, _Points]]:
    """Yield objects with detections and their points, those of similar numbers together."""
    time, flux, error, found, wavelength = values
    number = np.bincount(owner, minlength=n_objects)
    first = np.cumsum(number) - number
    detected = np.bincount(owner[found], minlength=n_objects) > 0
    size = -(-number // _PADDING) * _PADDING
    for n_points in np.unique(size[detected]):
        members = np.flatnonzero(detected & (size == n_points))
        n_block = max(1, _BLOCK // int(n_points) ** 2)
        for k in range(0, len(members), n_block):
            chosen = members[k : k + n_block]
            places = np.arange(n_points)
            real = places < number[chosen][:, None]
            at = np.where(real, first[chosen][:, None] + places, first[chosen][:, None])
            yield chosen, _points(*(v[at] for v in (time, wavelength, flux, error, found)), real)


def _points(
    time: np.ndarray,
    wavelength: np.ndarray,
    flux: np.ndarray,
    error: np.ndarray,
    found: np.ndarray,
    real: np.ndarray,
) -> _Points:
    """Return points with fluxes in units of the bright level."""
    level, noise = (np.where(real, values, np.nan) for values in (flux, error))
    unit = np.fmax(np.nanquantile(level, _BRIGHT, axis=1), np.nanmedian(noise, axis=1))
    flux = np.where(real, flux / unit[:, None], 0.0)
    variance = (error / unit[:, None]) ** 2 + (_FLOOR * flux) ** 2 + _LEAST_ERROR**2
    variance = np.where(real, variance, 1.0)
    return _Points(time, np.log(wavelength), flux, variance, real, found & real, unit)
