"""Tidal disruption events, flares of active nuclei, and cataclysmic variables."""

from __future__ import annotations

import numpy as np

from sklearn_tde.datasets._colors import (
    WAVELENGTHS,
    black_body_magnitude,
    color_to_band,
    extinction_coefficient,
)

__all__ = ["ActiveNucleusModel", "CataclysmicModel", "DisruptionModel"]


class DisruptionModel:
    """Tidal disruption events: a black body behind dust, with a rounded rise and a slow decay."""

    def draw(self, rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
        """Parameters of `n` objects, each an array of shape (n,)."""
        # Peak nu L_nu in g of the manyTDE sample, erg / s; 10^43.27 is an absolute AB magnitude of
        # -19.58.
        log_luminosity = np.clip(rng.normal(43.27, 0.53, n), 41.8, 44.8)
        rebrightens = rng.random(n) < 0.15
        return {
            "absolute_magnitude": -19.58 - 2.5 * (log_luminosity - 43.27),
            "temperature": 10.0 ** np.clip(rng.normal(4.33, 0.17, n), 4.0, 4.8),
            "cooling": np.clip(rng.normal(-60.0, 90.0, n), -250.0, 200.0),
            "host_ebv": rng.exponential(0.09, n),
            "rise": 10.0 ** rng.normal(1.15, 0.22, n),
            "decay": 10.0 ** rng.normal(1.64, 0.22, n),
            "power_law": rng.random(n) < 0.5,
            "rounding": rng.uniform(3.0, 10.0, n),
            "plateau": 10.0 ** np.clip(rng.normal(-2.1, 0.4, n), -3.0, -0.9),
            "second_peak": np.where(rebrightens, rng.uniform(0.1, 0.7, n), 0.0),
            "second_phase": rng.uniform(25.0, 250.0, n),
            "second_decay": 10.0 ** rng.normal(1.4, 0.25, n),
            "wiggle": rng.uniform(0.02, 0.12, n),
        }

    def relative_flux(
        self,
        parameters: dict[str, np.ndarray],
        phase: np.ndarray,
        band: np.ndarray,
        bands: tuple[str, ...],
    ) -> np.ndarray:
        """Flux relative to the peak in g."""
        redshift = parameters["redshift"]
        wavelength = np.array([WAVELENGTHS[name] for name in bands])[band] / (1.0 + redshift)
        blue = WAVELENGTHS["g"] / (1.0 + redshift)
        heated = np.clip(phase, -30.0, 60.0) * parameters["cooling"]
        temperature = np.clip(parameters["temperature"] + heated, 9_000.0, 70_000.0)
        # The light curve is that of g, so only the colour relative to g depends on temperature.
        color = black_body_magnitude(temperature, wavelength)
        color -= black_body_magnitude(temperature, blue)
        reddening = extinction_coefficient(wavelength) - extinction_coefficient(blue)
        luminosity = self._luminosity(parameters, phase)
        return luminosity * 10.0 ** (-0.4 * (color + reddening * parameters["host_ebv"]))

    def _luminosity(self, parameters: dict[str, np.ndarray], phase: np.ndarray) -> np.ndarray:
        """Luminosity relative to the peak."""
        rise = np.exp(-0.5 * np.minimum(phase / parameters["rise"], 0.0) ** 2)
        rounding = parameters["rounding"]
        late = np.sqrt(np.maximum(phase, 0.0) ** 2 + rounding**2) - rounding
        scaled = late / parameters["decay"]
        power_law = (1.0 + scaled / 1.67) ** (-5.0 / 3.0)
        decay = np.where(parameters["power_law"], power_law, np.exp(-scaled))
        since = phase - parameters["second_phase"]
        width = parameters["second_decay"]
        second = np.exp(np.where(since < 0.0, -2.0 * (since / width) ** 2, -since / width))
        plateau = parameters["plateau"] * (1.0 - decay) * (phase > 0.0)
        return rise * decay + parameters["second_peak"] * second + plateau


class ActiveNucleusModel:
    """Flares of active galactic nuclei: a damped random walk of the logarithm of the flux."""

    n_modes = 24

    def draw(self, rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
        """Parameters of `n` objects, arrays of shape (n,) or (n, n_modes)."""
        # Random Fourier features of the exponential kernel: its spectrum is a Cauchy distribution.
        uniform = rng.uniform(-0.49, 0.49, (n, self.n_modes))
        return {
            "absolute_magnitude": rng.normal(-19.8, 1.2, n),
            "color": rng.normal(0.05, 0.22, n),
            "sigma": rng.uniform(0.25, 0.7, n),
            "time_scale": 10.0 ** np.clip(rng.normal(2.1, 0.3, n), 1.3, 3.0),
            "frequency": np.tan(np.pi * uniform),
            "angle": rng.uniform(0.0, 2.0 * np.pi, (n, self.n_modes)),
            "reference": rng.normal(-0.7, 0.7, n),
            "wiggle": np.zeros(n),
        }

    def relative_flux(
        self,
        parameters: dict[str, np.ndarray],
        phase: np.ndarray,
        band: np.ndarray,
        bands: tuple[str, ...],
    ) -> np.ndarray:
        """Difference flux, negative where the nucleus is fainter than in the reference image.

        It is one, in g, two standard deviations above the mean.
        """
        sigma = parameters["sigma"]
        walk = np.zeros_like(phase)
        for mode in range(self.n_modes):
            frequency = parameters["frequency"][:, mode] / parameters["time_scale"]
            walk += np.cos(frequency * phase + parameters["angle"][:, mode])
        walk *= np.sqrt(2.0 / self.n_modes) * sigma
        reference = np.exp(sigma * parameters["reference"])
        brightest = np.exp(2.0 * sigma)
        flux = (np.exp(walk) - reference) / np.maximum(brightest - reference, 0.1)
        return flux * 10.0 ** (-0.4 * _flat_color(parameters["color"], band, bands))


class CataclysmicModel:
    """Dwarf novae of the Milky Way: short blue outbursts that come back."""

    def draw(self, rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
        """Parameters of `n` objects, each an array of shape (n,)."""
        long = rng.random(n) < 0.4
        return {
            "color": rng.normal(-0.02, 0.12, n),
            "period": 10.0 ** rng.uniform(1.3, 2.7, n),
            "seed": rng.uniform(0.0, 1.0, n),
            "duration": np.where(long, rng.uniform(9.0, 20.0, n), 10.0 ** rng.normal(0.6, 0.25, n)),
            "slope": np.where(long, rng.uniform(0.06, 0.16, n), rng.uniform(0.0, 0.2, n)),
            "decline": rng.uniform(0.4, 1.1, n),
            "wiggle": rng.uniform(0.02, 0.15, n),
        }

    def relative_flux(
        self,
        parameters: dict[str, np.ndarray],
        phase: np.ndarray,
        band: np.ndarray,
        bands: tuple[str, ...],
    ) -> np.ndarray:
        """Flux relative to the peak of the first outburst in g."""
        cycle = np.rint((phase - 0.2 * parameters["period"]) / parameters["period"])
        since = phase - cycle * parameters["period"]
        # Outbursts are neither punctual nor alike; a hash of the cycle keeps them reproducible.
        first = np.mod(np.sin(12.9898 * cycle + 78.233 * parameters["seed"]) * 43758.5453, 1.0)
        second = np.mod(np.sin(39.346 * cycle + 11.135 * parameters["seed"]) * 24634.6345, 1.0)
        since = since - np.where(cycle == 0.0, 0.0, 0.3 * parameters["period"] * (first - 0.5))
        magnitude = np.where(cycle == 0.0, 0.0, 0.8 * second)
        late = np.maximum(since - parameters["duration"], 0.0)
        magnitude = magnitude + 2.0 * np.maximum(-since, 0.0) + parameters["decline"] * late
        magnitude += parameters["slope"] * np.clip(since, 0.0, parameters["duration"])
        magnitude += _flat_color(parameters["color"], band, bands)
        return 10.0 ** (-0.4 * magnitude)


def _flat_color(color: np.ndarray, band: np.ndarray, bands: tuple[str, ...]) -> np.ndarray:
    """Magnitude relative to g of sources of constant colour."""
    offset = np.empty_like(color)
    for position, name in enumerate(bands):
        here = band == position
        offset[here] = color_to_band(color[here], name) - color[here]
    return offset
