"""Samplers of imbalanced-learn that make new light curves, inside the training fold only."""

from sklearn_tde.sampling._over_sampler import LightCurveOverSampler
from sklearn_tde.sampling._partial_sampler import PartialLightCurveSampler

__all__ = ["LightCurveOverSampler", "PartialLightCurveSampler"]
