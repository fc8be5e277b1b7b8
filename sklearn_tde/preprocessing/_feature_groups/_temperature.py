"""Temperature and its change, from the colours of a black body.

The colour of two bands is that of a black body with the inverse temperature x = a + b * phase.
Unlike T, x is nearly linear in the colour: above 20,000 K, g - r hardly measures T, but x still
has a Gaussian error. The formula continues through x = 0 to colours bluer than any black body's,
so that noise does not pile up at an edge. The fit is least squares on all colours at once, with
weak priors, repeated with the black body made linear around the last result: errors do not depend
on the colours measured. Tidal disruption events stay hot, supernovae cool (van Velzen et al. 2021,
ApJ 908, 4); temperature and rate are what tdescore fits (Stein et al. 2024, ApJ 965, L14), and a
constant temperature is the model of Fink's Rainbow (Llamas Lanza et al. 2025, arXiv:2507.17499).

x is in units of 1 / 10,000 K. Without a redshift it is that of the observer, (1 + z) / T; dust is
part of it unless the fluxes are corrected. Bands other than u, g, r, i, z and y are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sklearn_tde.preprocessing._feature_groups._color import matched_colors
from sklearn_tde.preprocessing._feature_groups._curves import Curves, between
from sklearn_tde.preprocessing._feature_groups._profile_fit import log_ratio, log_reduced
from sklearn_tde.preprocessing._feature_groups._surface import WAVELENGTHS

#: h c / k in Angstrom x 10,000 K.
_RADIATION = 1.438777e4
#: Phases of the colours in use.
_BEGIN, _END = -30.0, 100.0
#: Phases before and after which colours are early and late.
_EARLY, _LATE = 10.0, 30.0
#: Least error of a colour in magnitudes: calibration, and lines in the spectrum.
_FLOOR = 0.05
#: Prior of x at the peak and of its change per day: mean and standard deviation.
_PEAK_PRIOR = (0.7, 0.5)
_RATE_PRIOR = (0.0, 0.02)
#: Inverse temperatures around which the black body may be made linear: infinity to 3,300 K.
_LIMITS = (0.0, 3.0)
#: Inverse temperatures of which a colour is taken.
_MODEL_LIMITS = (-5.0, 20.0)
_ITERATIONS = 4


def names(bands: tuple[str, ...]) -> list[str]:
    """Return the names of the features."""
    if len(_known(bands)) < 2:
        return []
    suffixes = ("peak", "peak_err", "rate", "rate_err", "chi2", "cooling_ratio", "late_early")
    return [f"inverse_temperature_{suffix}" for suffix in suffixes]


def compute(curves: Curves) -> np.ndarray:
    """Return the features, shape (n_objects, n_features)."""
    n = curves.n_objects
    if not names(curves.bands):
        return np.empty((n, 0))
    colors = _all_colors(curves)
    position = colors.position
    count = np.bincount(position, minlength=n)
    line = _fit(colors, n, _RATE_PRIOR[1])
    constant = _fit(colors, n, 0.0)
    around = np.clip(constant.peak[position], *_LIMITS)
    x = around + colors.deviation(around)
    weight = (colors.slope(around) / colors.error) ** 2
    early, late = (
        _mean(position, x, weight * used, n)
        for used in (colors.phase <= _EARLY, colors.phase >= _LATE)
    )
    features = np.column_stack(
        [
            line.peak,
            line.peak_err,
            line.rate,
            line.rate_err,
            log_reduced(line.chi2, count, 2),
            log_ratio(constant.chi2, line.chi2, count),
            late - early,
        ]
    )
    features[count == 0] = np.nan
    return features


@dataclass(frozen=True)
class _Colors:
    """Colours of pairs of bands: object, days from the peak, magnitudes, and both wavelengths."""

    position: np.ndarray
    phase: np.ndarray
    color: np.ndarray
    error: np.ndarray
    blue: np.ndarray
    red: np.ndarray

    def deviation(self, x: np.ndarray) -> np.ndarray:
        """Return how much larger than `x` the colours make it, to first order."""
        return (self.color - black_body_color(x, self.blue, self.red)) / self.slope(x)

    def slope(self, x: np.ndarray) -> np.ndarray:
        """Return the magnitudes of colour per unit of inverse temperature."""
        step = 0.01
        upper, lower = (black_body_color(x + s, self.blue, self.red) for s in (step, -step))
        return (upper - lower) / (2 * step)


@dataclass(frozen=True)
class _Line:
    peak: np.ndarray
    peak_err: np.ndarray
    rate: np.ndarray
    rate_err: np.ndarray
    chi2: np.ndarray


def black_body_color(x: np.ndarray, blue: np.ndarray, red: np.ndarray) -> np.ndarray:
    """Return the colour in AB magnitudes at an inverse temperature in 1 / 10,000 K.

    `blue` and `red` are wavelengths in Angstrom. The limit of infinite temperature is at x = 0.
    """
    bright = _spectrum(_RADIATION * x / blue) * blue**-2.0
    faint = _spectrum(_RADIATION * x / red) * red**-2.0
    return -2.5 * np.log10(bright / faint)


def _spectrum(y: np.ndarray) -> np.ndarray:
    """Return y / (exp(y) - 1), which is 1 at y = 0."""
    safe = np.where(np.abs(y) < 1e-6, 1e-6, y)
    return safe / np.expm1(safe)


def _known(bands: tuple[str, ...]) -> list[int]:
    return [place for place, name in enumerate(bands) if name in WAVELENGTHS]


def _all_colors(curves: Curves) -> _Colors:
    """Return the colours of neighbouring bands."""
    known, parts = _known(curves.bands), []
    for blue, red in pairwise(known):
        rows, color, error = matched_colors(curves, blue, red)
        used = between(curves.phase[rows], _BEGIN, _END)
        rows = rows[used]
        wavelengths = (
            np.full(len(rows), WAVELENGTHS[curves.bands[place]]) for place in (blue, red)
        )
        parts.append(
            (
                curves.position[rows],
                curves.phase[rows],
                color[used],
                np.hypot(error[used], _FLOOR),
                *wavelengths,
            )
        )
    return _Colors(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def _fit(colors: _Colors, n_objects: int, rate_width: float) -> _Line:
    """Fit x = a + b * phase with priors; with a width of 0, b is 0."""
    position, phase = colors.position, colors.phase
    center, width = _PEAK_PRIOR
    peak, rate = np.full(n_objects, center), np.full(n_objects, _RATE_PRIOR[0])

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(position, values, minlength=n_objects)

    for _ in range(_ITERATIONS):
        around = np.clip(peak[position] + rate[position] * phase, *_LIMITS)
        x = around + colors.deviation(around)
        weight = (colors.slope(around) / colors.error) ** 2
        s0, s1, s2 = total(weight), total(weight * phase), total(weight * phase**2)
        y0, y1 = total(weight * x), total(weight * phase * x)
        s0, y0 = s0 + width**-2.0, y0 + center * width**-2.0
        if rate_width > 0:
            s2 = s2 + rate_width**-2.0
            determinant = s0 * s2 - s1**2
            peak = (s2 * y0 - s1 * y1) / determinant
            rate = (s0 * y1 - s1 * y0) / determinant
            errors = np.sqrt(s2 / determinant), np.sqrt(s0 / determinant)
        else:
            peak = y0 / s0
            errors = s0**-0.5, np.zeros(n_objects)
    fitted = np.clip(peak[position] + rate[position] * phase, *_MODEL_LIMITS)
    model = black_body_color(fitted, colors.blue, colors.red)
    chi2 = total(((colors.color - model) / colors.error) ** 2)
    return _Line(peak, errors[0], rate, errors[1], chi2)


def _mean(
    position: np.ndarray, values: np.ndarray, weight: np.ndarray, n_objects: int
) -> np.ndarray:
    """Return the weighted mean of each object, NaN where it has no weight."""
    weights = np.bincount(position, weight, n_objects)
    total = np.bincount(position, weight * values, n_objects)
    return np.where(weights > 0, total / np.where(weights > 0, weights, 1.0), np.nan)
