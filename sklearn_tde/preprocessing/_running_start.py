"""When the clock of a light curve starts, as far as was known after each observation."""

from __future__ import annotations

import numpy as np

from sklearn_tde.light_curves import FlatLightCurves
from sklearn_tde.preprocessing._start import clock_known, detection_rows, start_times


def running_start_times(flat: FlatLightCurves, rule: str, detection_snr: float) -> np.ndarray:
    """Return what `start_times` finds in the light curve up to each observation.

    The shape is (n_observations,). Of the observations of one moment the last one has it.
    """
    row, position = np.arange(len(flat.time)), flat.object_position
    final = start_times(flat, rule, detection_snr)
    known = clock_known(flat, final, rule, detection_snr)
    # Before, it is the latest detection, or the first observation where there is none.
    latest = np.full(len(row), -1)
    found = detection_rows(flat, detection_snr)
    latest[found] = found
    latest = np.maximum(np.maximum.accumulate(latest), flat.offsets[:-1][position])
    return np.where(flat.time >= known[position], final[position], flat.time[latest])
