"""Samplers of imbalanced-learn that make new light curves, inside the training fold only."""

from sklearn_tde.sampling._over_sampler import LightCurveOverSampler

__all__ = ["LightCurveOverSampler"]
