"""How bright the object is: depends on its distance and on the depth of the survey."""

from __future__ import annotations

import numpy as np

from sklearn_tde.preprocessing._feature_groups._curves import Curves


def names(bands: tuple[str, ...]) -> list[str]:
    """Return the names of the features."""
    return [f"{kind}_{band}" for band in bands for kind in ("log_peak_flux", "log_peak_snr")]


def compute(curves: Curves) -> np.ndarray:
    """Return the features, shape (n_objects, n_features)."""
    snr = curves.peak_flux / curves.peak_flux_err
    columns = np.log10([curves.peak_flux, snr])
    return np.moveaxis(columns, 0, 2).reshape(curves.n_objects, -1)
