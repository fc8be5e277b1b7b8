"""Light curves cut at ages, and what comes after the cuts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from nested_pandas import NestedFrame

from sklearn_tde._photometry import shown
from sklearn_tde._prefixes import take_prefixes
from sklearn_tde.light_curves import flatten_light_curves
from sklearn_tde.preprocessing._start import EDGE, clock_known, start_times

#: Where the ages lie by default, among those of the observations since the first detection.
_SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)


@dataclass(frozen=True)
class Cuts:
    """Pairs of an object and an age after which it was observed.

    Attributes
    ----------
    X : NestedFrame of shape (n_cuts, n_columns)
        The whole light curve of each pair.
    later : ndarray of shape (n_observations,), dtype bool
        The observations of `X` after the age.
    position : ndarray of shape (n_cuts,), dtype int
        Position of the object among all.
    age : ndarray of shape (n_cuts,), dtype int
        Position of the age among all.
    time : ndarray of shape (n_cuts,), dtype float64
        The time of the cut.
    """

    X: NestedFrame
    later: np.ndarray
    position: np.ndarray
    age: np.ndarray
    time: np.ndarray


def detected_objects(X: NestedFrame, detection_snr: float) -> NestedFrame:
    """Return the objects with a detection, whose age is known."""
    flat = flatten_light_curves(X)
    start = start_times(flat, "first", detection_snr)
    detected = np.isfinite(clock_known(flat, start, "first", detection_snr))
    if not detected.any():
        raise ValueError("X: no object has a detection; expected some, to count the ages from.")
    return X.iloc[np.flatnonzero(detected)]


def checked_ages(ages: Any, X: NestedFrame, detection_snr: float) -> np.ndarray:
    """Return the ages in ascending order; by default some that are spread over the observations."""
    if ages is None:
        flat = flatten_light_curves(X)
        since = flat.time - start_times(flat, "first", detection_snr)[flat.object_position]
        return np.unique(np.quantile(since[since >= 0], _SHARES))
    try:
        found = np.array(list(ages) if np.iterable(ages) else [ages], dtype=np.float64)
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.ndim != 1 or not len(found) or not (np.isfinite(found) & (found >= 0)).all():
        raise ValueError(
            f"ages={shown(ages)}; expected days since the first detection, numbers of 0 or more."
        )
    return np.unique(found)


def cut_at(X: NestedFrame, ages: np.ndarray, detection_snr: float) -> Cuts:
    """Return the cuts of objects, all with a detection, that leave something out."""
    flat = flatten_light_curves(X)
    time = start_times(flat, "first", detection_snr)[:, None] + ages
    end = flat.time[flat.offsets[1:] - 1]
    position, age = np.nonzero(end[:, None] > time + EDGE)
    if not len(position):
        raise ValueError(
            f"X: no object was observed later than {ages.min():g} days after its first detection; "
            "expected earlier ages, or longer light curves."
        )
    whole = take_prefixes(X, position, flat.n_observations[position])
    flat = flatten_light_curves(whole)
    time = time[position, age]
    return Cuts(whole, flat.time > time[flat.object_position] + EDGE, position, age, time)
