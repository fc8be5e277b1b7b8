"""Decline of a tidal disruption event, as in ALeRCE's features.

A line through the magnitudes against ``2.5 log10(t - t_peak + 40 days)`` over 200 days after the
peak of the band; its slope is 5/3 for t^(-5/3) with the disruption 40 days before the peak.
"""

from __future__ import annotations

import numpy as np

from sklearn_tde.preprocessing._feature_groups._curves import Curves, between
from sklearn_tde.preprocessing._feature_groups._grouped import fit_lines

#: Days after the peak over which the line is fitted.
DAYS = 200.0
#: Days between disruption and peak.
OFFSET = 40.0
#: Least range of ``2.5 log10(t - t_peak + 40)``: five days after the peak.
_MIN_SPAN = 0.12


def names(bands: tuple[str, ...]) -> list[str]:
    """Return the names of the features."""
    return [f"{kind}_{band}" for band in bands for kind in ("tde_decay", "tde_decay_chi2")]


def compute(curves: Curves) -> np.ndarray:
    """Return the features, shape (n_objects, n_features)."""
    used = curves.has_magnitude & between(curves.band_phase, 0.0, DAYS)
    lines = fit_lines(
        curves.group[used],
        2.5 * np.log10(curves.band_phase[used] + OFFSET),
        curves.magnitude[used],
        curves.magnitude_err[used],
        curves.n_groups,
        min_span=_MIN_SPAN,
    )
    return np.stack([lines.slope, lines.chi2], axis=1).reshape(curves.n_objects, -1)
