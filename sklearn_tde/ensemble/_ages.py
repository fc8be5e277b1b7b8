"""How much of a light curve is there: what the calibration may depend on."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_tde.light_curves import flatten_light_curves
from sklearn_tde.preprocessing._start import detection_rows, start_times

#: Days after which a light curve counts as grown up.
GROWN = 40.0
#: `growth` of such a light curve.
FULL_GROWTH = float(np.log1p(GROWN))
#: Flux over error from which an observation is a detection.
_DETECTION_SNR = 5.0


def days_known(X: Any) -> np.ndarray:
    """Return the days from the first detection to the last observation.

    Parameters
    ----------
    X : NestedFrame of shape (n_objects, n_columns)
        Light curves.

    Returns
    -------
    days : ndarray of shape (n_objects,), dtype float64
        0 without a detection.
    """
    flat = flatten_light_curves(X)
    start = start_times(flat, "first", _DETECTION_SNR)
    detected = np.zeros(flat.n_objects, dtype=bool)
    detected[flat.object_position[detection_rows(flat, _DETECTION_SNR)]] = True
    last = flat.offsets[1:][detected] - 1
    days = np.zeros(flat.n_objects)
    days[detected] = flat.time[last] - start[detected]
    return days


def growth(X: Any) -> np.ndarray:
    """Return how grown up light curves are: ln(1 + days), 40 days at most.

    Parameters
    ----------
    X : NestedFrame of shape (n_objects, n_columns)
        Light curves.

    Returns
    -------
    growth : ndarray of shape (n_objects,), dtype float64
        Of the days that are known.
    """
    return np.log1p(np.clip(days_known(X), 0.0, GROWN))
