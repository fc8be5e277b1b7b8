"""Rise, peak and decline in each band."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from sklearn_tde.preprocessing._feature_groups._curves import Curves, between, taken
from sklearn_tde.preprocessing._feature_groups._grouped import (
    Lines,
    at_least_one,
    crossing,
    first_row,
    fit_lines,
    flux_between,
    last_row,
    mean,
)

#: Days since the peak of the band between which magnitudes are fitted with a line.
SLOPES = {
    "rise_rate_{}_40": (-40.0, 0.0),
    "rise_rate_{}_20": (-20.0, 0.0),
    "decline_{}_0_20": (0.0, 20.0),
    "decline_{}_0_40": (0.0, 40.0),
    "decline_{}_20_60": (20.0, 60.0),
    "decline_{}_40_100": (40.0, 100.0),
    "decline_{}_all": (0.0, np.inf),
}
#: Standard deviation of the prior of a slope, in magnitudes per day: two noisy points tell little.
PRIOR = 0.05
#: Days after the peak over which straightness is measured.
STRAIGHT = 60.0
#: Fractions of the peak flux whose crossings are timed.
LEVELS = {"05mag": 10**-0.2, "half": 0.5, "quarter": 0.25}
#: Days since the peak at which the flux is compared with the peak.
PHASES = (-20.0, -10.0, 15.0, 30.0, 50.0, 80.0)
#: Days between two points beyond which the flux is not interpolated, and to a single one.
MAX_GAP = 25.0
REACH = 4.0


def names(bands: tuple[str, ...]) -> list[str]:
    """Return the names of the features."""
    ratios = [f"{'before' if days < 0 else 'after'}_{abs(days):.0f}" for days in PHASES]
    patterns = [
        *SLOPES,
        "straight_chi2_{}",
        "curvature_{}",
        "bent_chi2_{}",
        *(f"{kind}_time_{{}}_{level}" for level in LEVELS for kind in ("rise", "fade")),
        "time_to_peak_{}",
        "skewness_{}",
        "roughness_{}",
        *(f"flux_ratio_{{}}_{ratio}" for ratio in ratios),
    ]
    lags = [f"peak_lag_{blue}_{red}" for blue, red in pairwise(bands)]
    return [pattern.format(band) for band in bands for pattern in patterns] + lags


def compute(curves: Curves) -> np.ndarray:
    """Return the features, shape (n_objects, n_features)."""
    columns = []
    for begin, end in SLOPES.values():
        # Rates are positive where the flux rises before, and falls after the peak.
        columns.append((-1.0 if end == 0.0 else 1.0) * _lines(curves, begin, end).slope)
    lines = _lines(curves, 0.0, STRAIGHT)
    columns += [lines.chi2, lines.curvature, lines.chi2_bent]
    for level in LEVELS.values():
        columns += [crossing(curves, level, rising=rising).ravel() for rising in (True, False)]
    rows = curves.by_band[(curves.is_main & curves.is_detection)[curves.by_band]]
    first = first_row(curves.group, rows, curves.n_groups)
    columns.append(curves.peak_time.ravel() - taken(curves.since, first))
    columns += [_skewness(curves), _roughness(curves)]
    columns += [_flux_ratio(curves, days) for days in PHASES]
    table = np.stack(columns, axis=1).reshape(curves.n_objects, -1)
    return np.concatenate([table, np.diff(curves.peak_time, axis=1)], axis=1)


def _lines(curves: Curves, begin: float, end: float) -> Lines:
    used = curves.has_magnitude & between(curves.band_phase, begin, end)
    return fit_lines(
        curves.group[used],
        curves.band_phase[used],
        curves.magnitude[used],
        curves.magnitude_err[used],
        curves.n_groups,
        prior=PRIOR,
    )


def _skewness(curves: Curves) -> np.ndarray:
    """Return the skewness of the fluxes of each group in the window; three points at least."""
    group, n = curves.group[curves.is_main], curves.n_groups
    relative = curves.flux[curves.is_main] / curves.peak_flux.ravel()[group]
    centred = relative - mean(group, relative, n)[group]
    variance, third = (mean(group, centred**k, n) for k in (2, 3))
    # Equal fluxes differ by rounding.
    flat = (variance <= 1e-18) | (np.bincount(group, minlength=n) < 3)
    return np.where(flat, np.nan, third / variance**1.5)


def _roughness(curves: Curves) -> np.ndarray:
    """Return the squared steps from point to point over the variance (von Neumann), per group."""
    rows = curves.by_band[curves.is_main[curves.by_band]]
    group, n = curves.group[rows], curves.n_groups
    relative = curves.flux[rows] / curves.peak_flux.ravel()[group]
    centred = relative - mean(group, relative, n)[group]
    same = group[1:] == group[:-1]
    steps = mean(group[1:][same], (np.diff(relative) ** 2)[same], n)
    number, variance = np.bincount(group, minlength=n), mean(group, centred**2, n)
    variance = np.where(variance <= 1e-18, np.nan, variance)
    return steps / variance * (number - 1) / at_least_one(number * (number >= 3))


def _flux_ratio(curves: Curves, days: float) -> np.ndarray:
    """Return the flux at a phase of each group's peak over the flux at the peak."""
    phase = curves.band_phase
    usable = curves.by_band[(curves.is_flare & np.isfinite(phase))[curves.by_band]]
    before = usable[between(phase[usable], -np.inf, days)]
    after = usable[between(phase[usable], days, np.inf)]
    flux, _ = flux_between(
        curves,
        curves.peak_time.ravel() + days,
        last_row(curves.group, before, curves.n_groups),
        first_row(curves.group, after, curves.n_groups),
        reach=REACH,
        max_gap=MAX_GAP,
    )
    return flux / curves.peak_flux.ravel()
