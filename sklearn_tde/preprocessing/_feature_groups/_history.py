"""What the object did before t = 0, and after the window."""

from __future__ import annotations

import numpy as np

from sklearn_tde.preprocessing._feature_groups._curves import Curves
from sklearn_tde.preprocessing._feature_groups._grouped import deviation, largest
from sklearn_tde.preprocessing._start import EDGE

_KINDS = ("n_detections", "days", "flux_ratio", "max_snr", "scatter")


def names(bands: tuple[str, ...]) -> list[str]:
    """Return the names of the features."""
    return [f"{when}_{kind}" for when in ("earlier", "later") for kind in _KINDS]


def compute(curves: Curves) -> np.ndarray:
    """Return the features, shape (n_objects, n_features)."""
    earlier = curves.since < -EDGE
    later = curves.since > curves.duration + EDGE
    columns = _activity(curves, earlier, -curves.since)
    count, *others = _activity(curves, later, curves.since - curves.duration)
    # Until the window has ended, nothing after it is no news.
    count[np.bincount(curves.position[later], minlength=curves.n_objects) == 0] = np.nan
    return np.column_stack([*columns, count, *others])


def _activity(curves: Curves, rows: np.ndarray, away: np.ndarray) -> list[np.ndarray]:
    """Return the detections among the rows, how far they reach, how bright they are."""
    n = curves.n_objects
    position, snr = curves.position[rows], curves.snr[rows]
    found = rows & curves.is_detection
    count = np.bincount(curves.position[found], minlength=n).astype(float)
    count[np.diff(curves.offsets) == 0] = np.nan
    relative = curves.flux[rows] / curves.peak_flux.ravel()[curves.group[rows]]
    known = np.isfinite(relative)
    scatter = deviation(position, snr, n)
    # One point has no scatter.
    scatter[np.bincount(position, minlength=n) < 2] = np.nan
    return [
        count,
        largest(curves.position[found], away[found], n),
        largest(position[known], relative[known], n),
        largest(position, snr, n),
        scatter,
    ]
