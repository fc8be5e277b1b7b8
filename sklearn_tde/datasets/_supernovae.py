"""Template light curves of supernovae."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sklearn_tde.datasets._colors import color_to_band

__all__ = ["SUPERNOVAE", "SupernovaModel"]


@dataclass(frozen=True)
class SupernovaModel:
    """A class of supernovae: a template in g and r, and how much its members differ from it.

    Attributes
    ----------
    phase : tuple of float
        Days since the g peak, in the source's frame.
    g, r : tuple of float
        Magnitudes below the peak of each band at these phases.
    tail : tuple of float
        Decline in g and r after the last phase, magnitudes per day.
    absolute_magnitude : tuple of float
        Mean and standard deviation of the peak in g among classified objects.
    color : tuple of float
        Mean and standard deviation of g - r at the g peak, and mean of an exponential reddening.
    stretch : tuple of float
        Mean and standard deviation of the factor on the phase.
    free_rise : float
        Scatter (log) of the time scale of the rise that the decline does not share.
    depth : float
        Scatter (log) of the factor on the magnitudes after the peak.
    wiggle : float
        Amplitude in magnitudes of smooth departures from the template.
    """

    phase: tuple[float, ...]
    g: tuple[float, ...]
    r: tuple[float, ...]
    tail: tuple[float, float]
    absolute_magnitude: tuple[float, float]
    color: tuple[float, float, float]
    stretch: tuple[float, float]
    free_rise: float
    depth: float
    wiggle: float

    #: Days of the source's frame up to which the stretch acts; later phases only shift.
    stretch_until = 35.0

    def draw(self, rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
        """Parameters of `n` objects, each an array of shape (n,)."""
        mean, sigma, reddening = self.color
        return {
            "absolute_magnitude": rng.normal(*self.absolute_magnitude, size=n),
            "color": rng.normal(mean, sigma, n) + rng.exponential(reddening, n),
            "stretch": np.clip(rng.normal(*self.stretch, size=n), 0.6, 1.9),
            "rise": np.exp(rng.normal(0.0, self.free_rise, n)),
            "depth": np.exp(rng.normal(0.0, self.depth, n)),
            "wiggle": np.full(n, self.wiggle),
        }

    def relative_flux(
        self,
        parameters: dict[str, np.ndarray],
        phase: np.ndarray,
        band: np.ndarray,
        bands: tuple[str, ...],
    ) -> np.ndarray:
        """Flux relative to the peak in g; the K-correction is part of the template."""
        stretch = parameters["stretch"]
        limit = self.stretch_until * stretch
        scaled = np.where(
            phase < 0.0,
            phase / (stretch * parameters["rise"]),
            np.where(phase < limit, phase / stretch, self.stretch_until + phase - limit),
        )
        after = np.where(scaled > 0.0, parameters["depth"], 1.0)
        blue = after * self._interpolate(scaled, self.g, self.tail[0])
        red = after * self._interpolate(scaled, self.r, self.tail[1])
        color = parameters["color"] + blue - red
        magnitude = np.empty_like(phase)
        for position, name in enumerate(bands):
            here = band == position
            offset = color_to_band(color[here], name)
            magnitude[here] = blue[here] - color[here] + offset
        return 10.0 ** (-0.4 * magnitude)

    def _interpolate(self, phase: np.ndarray, values: tuple[float, ...], tail: float) -> np.ndarray:
        knots = np.asarray(self.phase)
        result = np.interp(phase, knots, values)
        result += tail * np.maximum(phase - knots[-1], 0.0)
        # Before the first knot the light curve drops like a fireball: steeper and steeper.
        return result + 0.9 * np.maximum(knots[0] - phase, 0.0)


_TYPE_IA = SupernovaModel(
    phase=(-18, -15, -12.5, -10, -7.5, -5, 0, 5, 10, 15, 20, 25, 30, 35, 40, 50),
    g=(4.6, 2.35, 1.51, 0.85, 0.41, 0.16, 0, 0.16, 0.49, 0.96, 1.49, 1.92, 2.21, 2.49, 2.7, 2.9),
    r=(
        4.6,
        2.35,
        1.49,
        0.85,
        0.43,
        0.19,
        0.01,
        0.09,
        0.40,
        0.68,
        0.80,
        0.92,
        1.16,
        1.46,
        1.72,
        2.08,
    ),
    tail=(0.016, 0.027),
    absolute_magnitude=(-19.1, 0.4),
    color=(-0.16, 0.09, 0.065),
    stretch=(1.0, 0.10),
    free_rise=0.05,
    depth=0.07,
    wiggle=0.04,
)

_TYPE_II = SupernovaModel(
    phase=(-20, -14, -10, -6, -3, 0, 10, 20, 40, 60, 80, 95, 110, 130),
    g=(4.5, 2.2, 1.1, 0.35, 0.08, 0, 0.2, 0.62, 1.2, 1.6, 1.95, 2.3, 3.8, 4.1),
    r=(4.5, 2.3, 1.25, 0.5, 0.17, 0.05, 0.03, 0.15, 0.48, 0.74, 1.0, 1.3, 2.7, 2.95),
    tail=(0.009, 0.010),
    absolute_magnitude=(-17.7, 0.9),
    color=(-0.2, 0.14, 0.14),
    stretch=(1.0, 0.18),
    free_rise=0.35,
    depth=0.35,
    wiggle=0.05,
)

_TYPE_IBC = SupernovaModel(
    phase=(-18, -13, -10, -6.5, -3.5, 0, 5, 10, 15, 20, 30, 40, 60, 80),
    g=(4.5, 1.9, 1.0, 0.42, 0.1, 0, 0.17, 0.6, 1.15, 1.6, 2.1, 2.3, 2.65, 2.95),
    r=(4.5, 1.9, 1.05, 0.5, 0.18, 0.05, 0.03, 0.18, 0.47, 0.78, 1.25, 1.55, 2.0, 2.4),
    tail=(0.013, 0.017),
    absolute_magnitude=(-17.7, 1.0),
    color=(0.02, 0.17, 0.14),
    stretch=(1.05, 0.22),
    free_rise=0.3,
    depth=0.25,
    wiggle=0.05,
)

_TYPE_IIN = SupernovaModel(
    phase=(-48, -36, -24, -16, -8, 0, 20, 40, 60, 80, 120),
    g=(5.0, 2.2, 0.95, 0.42, 0.1, 0, 0.28, 0.7, 1.15, 1.5, 2.2),
    r=(5.0, 2.2, 0.95, 0.45, 0.14, 0.02, 0.12, 0.34, 0.7, 1.0, 1.6),
    tail=(0.014, 0.012),
    absolute_magnitude=(-19.0, 1.0),
    color=(-0.16, 0.13, 0.13),
    stretch=(1.0, 0.28),
    free_rise=0.35,
    depth=0.4,
    wiggle=0.07,
)

_SUPERLUMINOUS = SupernovaModel(
    phase=(-60, -43, -30, -21, -10, 0, 20, 40, 60, 80, 120),
    g=(5.0, 2.3, 1.15, 0.62, 0.16, 0, 0.33, 0.82, 1.35, 1.8, 2.6),
    r=(5.0, 2.3, 1.2, 0.68, 0.22, 0.02, 0.16, 0.38, 0.82, 1.25, 1.95),
    tail=(0.017, 0.015),
    absolute_magnitude=(-21.1, 0.85),
    color=(-0.13, 0.13, 0.12),
    stretch=(0.95, 0.28),
    free_rise=0.25,
    depth=0.3,
    wiggle=0.07,
)

#: Templates by class name.
SUPERNOVAE = {
    "SN Ia": _TYPE_IA,
    "SN II": _TYPE_II,
    "SN Ibc": _TYPE_IBC,
    "SN IIn": _TYPE_IIN,
    "SLSN": _SUPERLUMINOUS,
}
