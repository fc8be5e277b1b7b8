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

    # The unit of flux rounds fluxes and errors: one that is at the threshold stays a detection.
    rows = np.flatnonzero(flat.flux >= detection_snr * (1.0 - ROUNDING) * flat.flux_err)
    if not len(rows):
        return start
    position = flat.object_position[rows]
    time = flat.time[rows]
    chosen = np.ones(len(rows), dtype=bool)
    if rule == "confirmed":
        # Days since each object's own first detection keep the full precision of the times.
        new = np.diff(position, prepend=-1) != 0
        since = time - time[np.maximum.accumulate(np.where(new, np.arange(len(rows)), 0))]
        if since.max() > LONGEST:
            worst = int(np.argmax(since))
            raise ValueError(
                f"object {shown(flat.index[position[worst]])}: its detections are {since[worst]:g} "
                "days apart; expected times in days."
            )
        # One axis on which objects never meet finds the next night's detection of all at once.
        axis = since + position * (since.max() + 2 * CONFIRMATION_WINDOW)
        follower = np.searchsorted(axis, axis + DIFFERENT_NIGHT - EDGE, side="left")
        inside = np.minimum(follower, len(rows) - 1)
        chosen = (follower < len(rows)) & (axis[inside] - axis <= CONFIRMATION_WINDOW + EDGE)
        latest = np.append(position[1:] != position[:-1], True)
        unconfirmed = latest & ~np.isin(position, position[chosen])
        chosen |= unconfirmed
    # The first chosen row of each object.
    objects, at = np.unique(position[chosen], return_index=True)
    start[objects] = time[chosen][at]
    return start
