"""Probabilities that can be acted on: for another mix of classes, and sets of classes."""

from ._conformal import ConformalTransientClassifier
from ._prior_adjusted import PriorAdjustedClassifier

__all__ = ["ConformalTransientClassifier", "PriorAdjustedClassifier"]
