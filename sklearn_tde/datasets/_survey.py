"""When a survey like the Zwicky Transient Facility looks, and what it measures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = [
    "Visits",
    "draw_peak_dates",
    "draw_peak_magnitudes",
    "draw_residuals",
    "draw_visits",
    "magnitude_to_flux",
    "measure",
]

#: Days before and after the peak that are simulated, the same for every class.
DAYS_BEFORE, DAYS_AFTER = 150.0, 600.0

#: Modified Julian dates between which the flares peak.
FIRST_PEAK, LAST_PEAK = 58300, 60600

#: Fraction of the day, in universal time, that is the middle of the night.
MIDNIGHT = 0.33

_ZERO_POINT = 23.9  # AB magnitude of one microjansky


@dataclass(frozen=True)
class Visits:
    """Visits to all objects in flat columns, sorted by object and time.

    Attributes
    ----------
    object_position : ndarray of int
        Position of the object among those simulated together.
    days : ndarray of float
        Days since the object's peak, in the observer's frame.
    band : ndarray of int
        Position of the band in the list of bands.
    noise : ndarray of float
        Error of a source of no flux, in microjansky.
    calibration : ndarray of float
        Relative error of a very bright source.
    conditions : ndarray of float
        Factor on the error: seeing, moonlight and clouds of this visit.
    """

    object_position: np.ndarray
    days: np.ndarray
    band: np.ndarray
    noise: np.ndarray
    calibration: np.ndarray
    conditions: np.ndarray


def draw_peak_magnitudes(rng: np.random.Generator, n: int, limit: float) -> np.ndarray:
    """Peak magnitudes of a sample that is complete to about `limit`.

    Counts of sources spread evenly in space rise as 10^(0.6 m); here as 10^(0.5 m), for the
    brighter ones are classified more often, up to the limit, around which few are.
    """
    magnitude = np.linspace(limit - 7.0, limit + 2.0, 1000)
    weight = 10.0 ** (0.5 * (magnitude - limit)) / (1.0 + np.exp((magnitude - limit) / 0.13))
    cumulative = np.cumsum(weight)
    return np.interp(rng.random(n), cumulative / cumulative[-1], magnitude)


def _draw_nights(rng: np.random.Generator, n: int) -> np.ndarray:
    """Nights with a visit, days after the start of the window, shape (n, n_nights), ascending.

    An object is scheduled every one, two or three nights; single visits fail, and now and then
    weather or moonlight closes the telescope for longer.
    """
    cadence = rng.choice([1, 2, 3], size=n, p=[0.3, 0.35, 0.35])[:, None]
    success = np.where(cadence == 1, 0.5, 0.75) * rng.uniform(0.75, 1.25, size=(n, 1))
    n_nights = int((DAYS_BEFORE + DAYS_AFTER) / 2.0)
    gap = cadence * rng.geometric(np.clip(success, 0.2, 0.95), size=(n, n_nights))
    outage = rng.random((n, n_nights)) < 0.07
    gap = gap + np.where(outage, np.ceil(rng.exponential(9.0, size=(n, n_nights))), 0.0)
    return np.cumsum(gap, axis=1) - gap[:, :1] * rng.random((n, 1)).round(1)


def _in_season(rng: np.random.Generator, nights: np.ndarray, peak: np.ndarray) -> np.ndarray:
    """True where the field is in the night sky; seasons are annual and differ in length."""
    n = len(nights)
    length = rng.uniform(150.0, 260.0, size=(n, 1))
    start = rng.uniform(0.0, 365.25, size=(n, 1))
    return np.mod(nights - DAYS_BEFORE + peak[:, None] - start, 365.25) < length


def draw_peak_dates(rng: np.random.Generator, n: int) -> np.ndarray:
    """Modified Julian dates of the peaks, in the middle of nights of the survey's years."""
    return rng.integers(FIRST_PEAK, LAST_PEAK, size=n) + MIDNIGHT


def draw_visits(rng: np.random.Generator, peak: np.ndarray, n_bands: int) -> Visits:
    """Visits to objects that peak at the given dates."""
    n = len(peak)
    nights = np.floor(_draw_nights(rng, n))
    # The share of the alerts that archives keep, and the share of the nights with every band,
    # differ from object to object.
    kept = rng.uniform(0.65, 1.0, size=(n, 1))
    all_bands = rng.beta(4.0, 2.6, size=(n, 1))
    twice = np.where(rng.random((n, 1)) < 0.3, rng.uniform(0.05, 0.7, size=(n, 1)), 0.0)
    usable = (nights < DAYS_BEFORE + DAYS_AFTER) & _in_season(rng, nights, peak)
    usable &= rng.random(nights.shape) < kept

    row, column = np.nonzero(usable)
    every = rng.random(len(row)) < all_bands[row, 0]
    only = rng.integers(n_bands, size=len(row))
    taken = every[:, None] | (only[:, None] == np.arange(n_bands))
    repeats = taken * (1 + (rng.random(taken.shape) < twice[row]))
    visit, band = np.nonzero(repeats)
    count = repeats[visit, band]
    visit, band = np.repeat(visit, count), np.repeat(band, count)

    position = row[visit]
    # With peaks in the middle of a night, visits fall between 3 h and 13 h universal time: night in
    # California.
    days = nights[position, column[visit]] - DAYS_BEFORE + rng.uniform(-0.2, 0.2, len(visit))
    order = np.lexsort((days, position))
    position, days, band = position[order], days[order], band[order]
    noise = 5.5 * np.exp(rng.normal(0.0, 0.25, size=n))[position]
    conditions = np.exp(rng.normal(0.0, 0.17, size=len(position)))
    calibration = 0.024 * np.exp(rng.normal(0.0, 0.3, size=n))[position]
    return Visits(position, days, band, noise, calibration, conditions)


def draw_residuals(rng: np.random.Generator, n: int, n_bands: int, rate: float) -> np.ndarray:
    """Constant flux that the subtraction leaves behind, in microjansky, shape (n, n_bands).

    A share `rate` of the objects has one: the reference image is off, or holds part of the flare.
    """
    size = rng.exponential(25.0, size=(n, n_bands)) * rng.choice([-1.0, 1.0], size=(n, 1))
    # Each band has a reference image of its own.
    affected = (rng.random((n, 1)) < rate) & (rng.random((n, n_bands)) < 0.7)
    return np.where(affected, size, 0.0)


def measure(
    rng: np.random.Generator,
    flux: np.ndarray,
    visits: Visits,
    scatter: float,
    outlier_rate: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Measured flux and quoted error of visits to sources of a given flux, in microjansky.

    The quoted error is sky, photon noise and calibration; the real scatter is smaller, and a few
    measurements are off by much more.
    """
    n_objects = visits.object_position.max(initial=-1) + 1
    ratio = scatter * np.exp(rng.normal(0.0, 0.2, size=n_objects))[visits.object_position]
    outlier = rng.random(len(flux)) < outlier_rate
    ratio = np.where(outlier, 4.0, ratio)
    measured = flux + ratio * _quoted_error(flux, visits) * rng.standard_normal(len(flux))
    return measured, _quoted_error(measured, visits)


def _quoted_error(flux: np.ndarray, visits: Visits) -> np.ndarray:
    source = np.abs(flux)
    variance = visits.noise**2 + 0.45 * source + (visits.calibration * source) ** 2
    return visits.conditions * np.sqrt(variance)


def magnitude_to_flux(magnitude: np.ndarray) -> np.ndarray:
    """Flux in microjansky of an AB magnitude."""
    return 10.0 ** (-0.4 * (magnitude - _ZERO_POINT))
