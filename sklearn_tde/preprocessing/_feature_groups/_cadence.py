"""How the object was observed: a shortcut wherever classes come from different surveys."""

from __future__ import annotations

import numpy as np

from sklearn_tde.preprocessing._feature_groups._curves import Curves
from sklearn_tde.preprocessing._feature_groups._grouped import neighbours, span, sums
from sklearn_tde.preprocessing._scales import grouped_median
from sklearn_tde.preprocessing._start import DIFFERENT_NIGHT, EDGE

_KINDS = (
    "detected_days",
    "points_per_day",
    "median_gap",
    "same_night_fraction",
    "negative_fraction",
    "median_relative_error",
)


def names(bands: tuple[str, ...]) -> list[str]:
    """Return the names of the features."""
    return [*(f"n_{kind}_{band}" for kind in ("points", "detections") for band in bands), *_KINDS]


def compute(curves: Curves) -> np.ndarray:
    """Return the features, shape (n_objects, n_features)."""
    n, main = curves.n_objects, curves.is_main
    position, since = curves.position[main], curves.since[main]
    points = curves.per_band(np.bincount(curves.group[main], minlength=curves.n_groups))
    counts = np.concatenate([points, curves.n_detections], axis=1).astype(float)
    counts[np.diff(curves.offsets) == 0] = np.nan
    found = main & curves.is_detection
    observed = span(position, since, n)
    number = np.bincount(position, minlength=n)
    per_day = (number - 1) / np.where(observed > EDGE, observed, np.nan)

    rows = curves.by_band[main[curves.by_band]]
    gaps = np.diff(curves.since[rows])
    same = np.diff(curves.group[rows]) == 0
    median_gap = grouped_median(curves.position[rows][1:][same], gaps[same], n)
    relative = curves.flux_err[found] / curves.flux[found]
    other = _other_band_near(curves)[main]
    return np.column_stack(
        [
            counts,
            span(curves.position[found], curves.since[found], n),
            per_day,
            median_gap,
            sums(position, other, n) / number,
            sums(position, curves.flux[main] < 0, n) / number,
            grouped_median(curves.position[found], relative, n),
        ]
    )


def _other_band_near(curves: Curves) -> np.ndarray:
    """Mark the rows of the window with another band's in the same night."""
    near = np.zeros(len(curves.position), dtype=bool)
    for band in range(curves.n_bands):
        for rows in neighbours(curves, band, curves.is_main):
            days = np.abs(curves.since[rows] - curves.since)
            near |= (rows >= 0) & (curves.band != band) & (days < DIFFERENT_NIGHT - EDGE)
    return near
