"""When the clock of a light curve starts."""

from __future__ import annotations

import numpy as np

from sklearn_tde._photometry import shown
from sklearn_tde.light_curves import FlatLightCurves

#: Two detections confirm each other if they are at most this many days apart ...
CONFIRMATION_WINDOW = 20.0
#: ... and at least this many, which puts them on different nights at any zero point of time.
DIFFERENT_NIGHT = 0.5
#: Days by which a time may miss an edge and still be on it: the zero point of time rounds times,
#: by 1e-9 days in Julian dates, and must not move an observation to another step.
EDGE = 1e-6
#: Fraction by which a signal-to-noise ratio may miss the threshold and still be at it.
ROUNDING = 1e-9
#: Days between two detections beyond which the times are in another unit than days.
LONGEST = 1e6


def start_times(flat: FlatLightCurves, rule: str, detection_snr: float) -> np.ndarray:
    """Return t = 0 of every object, shape (n_objects,), in the days of `flat`.

    ``"first"`` is the first detection. ``"confirmed"`` is the first detection that another one
    follows on a different night within 20 days; until there is one, the latest detection. Each
    depends on no later observation than that which confirms it, and never moves once confirmed.
    Without a detection the clock starts at the first observation; without any, at 0.
    Detections that are a million days apart raise ValueError.
    """
    first = flat.offsets[:-1]
    observed = flat.n_observations > 0
    start = np.zeros(flat.n_objects)
    start[observed] = flat.time[first[observed]]

    rows = detection_rows(flat, detection_snr)
    if not len(rows):
        return start
    position, time = flat.object_position[rows], flat.time[rows]
    if rule == "confirmed":
        start[position] = time
        chosen = _confirmed(position, time, flat)
        position, time = position[chosen], time[chosen]
    # Of several values for one object the last remains, which is its first detection.
    start[position[::-1]] = time[::-1]
    return start


def detection_rows(flat: FlatLightCurves, detection_snr: float) -> np.ndarray:
    """Return the rows of `flat` that are detections."""
    # The unit of flux rounds fluxes and errors: one that is at the threshold stays a detection.
    return np.flatnonzero(flat.flux >= detection_snr * (1.0 - ROUNDING) * flat.flux_err)


def clock_known(
    flat: FlatLightCurves, start: np.ndarray, rule: str, detection_snr: float
) -> np.ndarray:
    """Return the time at which t = 0 of every object was known, shape (n_objects,).

    `start` is that of `start_times`. For the first detection that is its own time, for the
    confirmed one the time of the next night's detection. Infinite where it is not known yet.
    """
    known = np.full(flat.n_objects, np.inf)
    rows = detection_rows(flat, detection_snr)
    position = flat.object_position[rows]
    wait = DIFFERENT_NIGHT if rule == "confirmed" else 0.0
    after = flat.time[rows] - start[position] >= wait - EDGE
    rows, position = rows[after], position[after]
    # Of several values for one object the last remains, which is its first detection after that.
    known[position[::-1]] = flat.time[rows[::-1]]
    return known


def up_to_age(
    flat: FlatLightCurves, start: np.ndarray, known: np.ndarray, age: np.ndarray | float
) -> np.ndarray:
    """Mark the observations up to an age, or to ages of shape (n_objects,), counted from `start`.

    What came before t = 0 was known is always among them. So nothing that is marked, or not,
    depends on a later observation.
    """
    position = flat.object_position
    limit = np.broadcast_to(np.asarray(age, dtype=np.float64), known.shape)
    in_time = flat.time - start[position] <= limit[position] + EDGE
    return in_time | (flat.time <= known[position])


def _confirmed(position: np.ndarray, time: np.ndarray, flat: FlatLightCurves) -> np.ndarray:
    """Mark detections which another one confirms; the first of each object is marked if it is so.

    `position` and `time` are those of the detections.
    """
    n = len(time)
    is_last = np.append(position[1:] != position[:-1], True)
    begin = np.append(0, np.flatnonzero(is_last) + 1)
    # Days since each object's own first detection keep the full precision of the times.
    since = time - np.repeat(time[begin[:-1]], np.diff(begin))
    longest = since.max()
    if longest > LONGEST:
        worst = int(np.argmax(since))
        raise ValueError(
            f"object {shown(flat.index[position[worst]])}: its detections are {longest:g} "
            "days apart; expected times in days."
        )
    # Negative, as if of one night, where the next detection is of another object.
    gap = np.append(np.diff(since), -1.0)
    same_night = gap < DIFFERENT_NIGHT - EDGE
    chosen = (gap <= CONFIRMATION_WINDOW + EDGE) & ~same_night
    # The next detection decides, unless it is of the same night. Then the next night's has to be
    # searched, but only ahead of the first detection that is confirmed already.
    settled = np.full(flat.n_objects, n)
    rows = np.flatnonzero(chosen)[::-1]
    settled[position[rows]] = rows
    rows = np.flatnonzero(same_night)
    rows = rows[rows < settled[position[rows]]]
    if len(rows):
        # One axis on which objects never meet serves all at once.
        axis = since + position * (longest + 2 * CONFIRMATION_WINDOW)
        follower = np.searchsorted(axis, axis[rows] + (DIFFERENT_NIGHT - EDGE))
        inside = np.minimum(follower, n - 1)
        near = axis[inside] - axis[rows] <= CONFIRMATION_WINDOW + EDGE
        chosen[rows] = near & (follower < n)
    return chosen
