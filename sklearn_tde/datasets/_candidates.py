"""Candidates of one class: drawn, placed in space, observed, and cut to what a survey keeps."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import pandas as pd

from sklearn_tde.datasets import _survey
from sklearn_tde.datasets._colors import (
    WAVELENGTHS,
    distance_to_redshift,
    extinction_coefficient,
)
from sklearn_tde.datasets._nuclear import ActiveNucleusModel, CataclysmicModel, DisruptionModel
from sklearn_tde.datasets._supernovae import SUPERNOVAE

__all__ = ["BLOCK", "MODELS", "simulate_class", "source_flux"]

#: Candidates that are simulated together. Part of what a seed means: a new value, new light curves.
BLOCK = 512

#: Blocks in a row without a single object that passes the cuts, after which the search ends.
MAX_EMPTY_BLOCKS = 20


class TransientModel(Protocol):
    """What the simulator asks of a class of transients."""

    def draw(self, rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
        """Parameters of `n` objects."""

    def relative_flux(
        self,
        parameters: dict[str, np.ndarray],
        phase: np.ndarray,
        band: np.ndarray,
        bands: tuple[str, ...],
    ) -> np.ndarray:
        """Flux relative to the peak in g, with the parameters repeated for every observation."""


#: Classes in the order of their random streams; append new ones at the end.
MODELS: dict[str, TransientModel] = {
    "TDE": DisruptionModel(),
    **SUPERNOVAE,
    "AGN": ActiveNucleusModel(),
    "CV": CataclysmicModel(),
}


def simulate_class(
    label: str, n: int, seed: tuple[int, int], settings: dict[str, Any]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Exactly `n` objects of a class that pass the cuts, as a table of objects and one of rows.

    Blocks of candidates have streams of their own, so that a smaller sample is part of a larger
    one.
    """
    entropy, stream = seed
    objects, rows = [], []
    found = block = empty = 0
    while found < n:
        rng = np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=(stream, block)))
        new_objects, new_rows = _simulate_block(MODELS[label], rng, settings)
        new_objects = new_objects.iloc[: n - found]
        new_rows = new_rows[new_rows["position"] < len(new_objects)]
        objects.append(new_objects)
        rows.append(new_rows.assign(position=new_rows["position"] + found))
        found += len(new_objects)
        block += 1
        empty = 0 if len(new_objects) else empty + 1
        if empty == MAX_EMPTY_BLOCKS:
            raise ValueError(
                f"None of the last {empty * BLOCK} simulated {label} has "
                f"{settings['min_detections']} detections in each of the bands "
                f"{settings['bands']}: lower min_detections or detection_snr, or ask for fewer "
                "bands."
            )
    return pd.concat(objects, ignore_index=True).assign(label=label), pd.concat(rows)


def _simulate_block(
    model: TransientModel, rng: np.random.Generator, settings: dict[str, Any]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Objects of one block that pass the cuts, numbered from zero, and their rows."""
    bands = settings["bands"]
    parameters = model.draw(rng, BLOCK)
    objects, parameters = _place(rng, parameters, settings["magnitude_limit"])
    peak = _survey.draw_peak_dates(rng, BLOCK)
    sort_key = rng.random(BLOCK)
    visits = _survey.draw_visits(rng, peak, len(bands))
    flux = source_flux(model, rng, parameters, visits, bands)
    flux += _survey.draw_residuals(rng, BLOCK, len(bands), settings["residual_rate"])[
        visits.object_position, visits.band
    ]
    flux, error = _survey.measure(rng, flux, visits, settings["scatter"], settings["outlier_rate"])

    position, band = visits.object_position, visits.band
    detected = flux >= settings["detection_snr"] * error
    counts = np.bincount(
        position[detected] * len(bands) + band[detected], minlength=BLOCK * len(bands)
    ).reshape(BLOCK, len(bands))
    # Without any detection there is no alert, whatever min_detections says.
    accepted = (counts >= settings["min_detections"]).all(axis=1) & counts.any(axis=1)
    keep = accepted[position]
    if settings["forced_photometry"]:
        keep &= _around_detections(visits, detected)
    else:
        keep &= detected
    number = np.cumsum(accepted) - 1
    rows = pd.DataFrame(
        {
            "position": number[position[keep]],
            "time": peak[position[keep]] + visits.days[keep],
            "band": band[keep],
            "flux": flux[keep],
            "flux_err": error[keep],
        }
    )
    return objects.assign(sort_key=sort_key)[accepted], rows


def _place(
    rng: np.random.Generator, parameters: dict[str, np.ndarray], magnitude_limit: float
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Give the objects an apparent peak magnitude, a redshift and the dust of the Milky Way."""
    peak_magnitude = _survey.draw_peak_magnitudes(rng, BLOCK, magnitude_limit)
    ebv = np.minimum(0.01 + rng.exponential(0.035, BLOCK), 0.4)
    if "absolute_magnitude" in parameters:
        dust = extinction_coefficient(np.array(WAVELENGTHS["g"])) * ebv
        redshift = distance_to_redshift(peak_magnitude - dust - parameters["absolute_magnitude"])
    else:
        redshift = np.zeros(BLOCK)
    placed = {"redshift": redshift, "ebv": ebv, "peak_magnitude": peak_magnitude}
    return pd.DataFrame({"redshift": redshift, "ebv": ebv}), {**parameters, **placed}


def source_flux(
    model: TransientModel,
    rng: np.random.Generator,
    parameters: dict[str, np.ndarray],
    visits: _survey.Visits,
    bands: tuple[str, ...],
) -> np.ndarray:
    """Noiseless difference flux at every visit, in microjansky."""
    position = visits.object_position
    repeated = {name: values[position] for name, values in parameters.items()}
    phase = visits.days / (1.0 + repeated["redshift"])
    flux = model.relative_flux(repeated, phase, visits.band, bands)
    coefficient = extinction_coefficient(np.array([WAVELENGTHS[name] for name in bands]))
    reddening = coefficient - extinction_coefficient(np.array(WAVELENGTHS["g"]))
    magnitude = repeated["peak_magnitude"] + reddening[visits.band] * repeated["ebv"]
    magnitude += _wiggles(rng, parameters["wiggle"], phase, visits, len(bands))
    return flux * _survey.magnitude_to_flux(magnitude)


def _wiggles(
    rng: np.random.Generator,
    amplitude: np.ndarray,
    phase: np.ndarray,
    visits: _survey.Visits,
    n_bands: int,
) -> np.ndarray:
    """Smooth departures from the model in magnitudes, partly the same in every band."""
    position = visits.object_position
    n = len(amplitude)
    total = np.zeros_like(phase)
    for share in (1.0, 0.7, 0.5):
        frequency = 2.0 * np.pi / rng.uniform(15.0, 90.0, n)
        angle = rng.uniform(0.0, 2.0 * np.pi, (n, 1)) + rng.normal(0.0, 0.5, (n, n_bands))
        wave = np.cos(frequency[position] * phase + angle[position, visits.band])
        total += share * wave
    return amplitude[position] * total


def _around_detections(visits: _survey.Visits, detected: np.ndarray) -> np.ndarray:
    """True from 30 days before an object's first detection to 30 days after its last.

    Thirty days is the history that an alert carries.
    """
    position = visits.object_position
    first, last = np.full(BLOCK, np.inf), np.full(BLOCK, -np.inf)
    np.minimum.at(first, position[detected], visits.days[detected])
    np.maximum.at(last, position[detected], visits.days[detected])
    return (visits.days >= first[position] - 30.0) & (visits.days <= last[position] + 30.0)
