"""Where light curves are cut: at an age, or after a number of detections."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from sklearn_tde._flat import FlatLightCurves
from sklearn_tde._photometry import shown
from sklearn_tde._prefixes import prefix_lengths
from sklearn_tde.preprocessing._start import (
    clock_known,
    detection_rows,
    start_times,
    up_to_age,
)

#: The kinds of cuts, in the order of the tables.
AGE, N_DETECTIONS = "age", "n_detections"


@dataclass(frozen=True)
class Cuts:
    """What every cut leaves of every object.

    Attributes
    ----------
    kinds : list of str
        `AGE` or `N_DETECTIONS` for each cut.
    values : ndarray of shape (n_cuts,)
        The age in days, or the number of detections.
    reached : ndarray of shape (n_cuts, n_objects), dtype bool
        Whether an object has what a cut asks for: a t = 0, and as many detections.
    n_observations, n_detections : ndarray of shape (n_cuts, n_objects), dtype int64
        How many of its observations and detections are left of an object.
    age : ndarray of shape (n_cuts, n_objects)
        Days from t = 0 to the last observation that is left; of no meaning where not reached.
    past_peak : ndarray of shape (n_cuts, n_objects), dtype bool
        Whether the brightest detection of the whole light curve is left.
    """

    kinds: list[str]
    values: np.ndarray
    reached: np.ndarray
    n_observations: np.ndarray
    n_detections: np.ndarray
    age: np.ndarray
    past_peak: np.ndarray


def check_ages(ages: Any) -> list[float]:
    """Return the ages in ascending order, refusing what is none."""
    ages = list(ages)
    for age in ages:
        if not isinstance(age, Real) or isinstance(age, bool) or not age >= 0:
            raise ValueError(f"ages holds {shown(age)}; expected days of 0 or more, or np.inf.")
    if not ages:
        raise ValueError("ages is empty; expected one age in days at least (np.inf is allowed).")
    return sorted({float(age) for age in ages})


def check_n_detections(n_detections: Any) -> list[int]:
    """Return the numbers of detections in ascending order, refusing what is none."""
    numbers = list(n_detections)
    for number in numbers:
        if not isinstance(number, Integral) or isinstance(number, bool) or number < 1:
            raise ValueError(
                f"n_detections holds {shown(number)}; expected whole numbers of 1 or more."
            )
    return sorted({int(number) for number in numbers})


def make_cuts(
    flat: FlatLightCurves,
    ages: list[float],
    n_detections: list[int],
    *,
    since: str,
    detection_snr: float,
) -> Cuts:
    """Find what is left of every object at each age and after each number of detections.

    Parameters
    ----------
    flat : FlatLightCurves
        The observations.
    ages : list of float
        Days since t = 0.
    n_detections : list of int
        Numbers of detections.
    since : {"first", "confirmed"}
        What t = 0 is.
    detection_snr : float
        Ratio of flux to error from which an observation is a detection.

    Returns
    -------
    cuts : Cuts
        The cuts by age, and after them those by number of detections. Each keeps an object's
        observations up to a time, all that come before t = 0 included.
    """
    position, first = flat.object_position, flat.offsets[:-1]
    start = start_times(flat, since, detection_snr)
    known = clock_known(flat, start, since, detection_snr)
    rows = detection_rows(flat, detection_snr)
    detected = np.zeros(len(flat.time), dtype=bool)
    detected[rows] = True
    counted = np.concatenate([[0], np.cumsum(detected)])
    # How many detections an object has up to each of them, itself included.
    rank = counted[rows + 1] - counted[first[position[rows]]]

    started = np.isfinite(known)
    reached = [started] * len(ages)
    kept = [up_to_age(flat, start, known, age) for age in ages]
    for number in n_detections:
        limit = np.full(flat.n_objects, np.nan)
        last = rows[rank == number]
        limit[position[last]] = flat.time[last]
        # An age has a meaning only where there is a t = 0.
        reached.append(started & ~np.isnan(limit))
        kept.append(flat.time <= limit[position])
    lengths = np.array([prefix_lengths(flat.offsets, keep) for keep in kept])
    ends = first + lengths
    times = np.append(flat.time, np.nan)
    return Cuts(
        kinds=[AGE] * len(ages) + [N_DETECTIONS] * len(n_detections),
        values=np.array([*ages, *n_detections], dtype=np.float64),
        reached=np.array(reached),
        n_observations=lengths,
        n_detections=counted[ends] - counted[first],
        age=times[ends - 1] - start,
        past_peak=ends > _brightest(flat, rows),
    )


def _brightest(flat: FlatLightCurves, rows: np.ndarray) -> np.ndarray:
    """Return the row of every object's brightest detection, beyond all rows where it has none."""
    position = flat.object_position[rows]
    order = np.lexsort((flat.flux[rows], position))
    brightest = np.full(flat.n_objects, len(flat.time))
    # Of several values for one object the last remains.
    brightest[position[order]] = rows[order]
    return brightest
