"""Several classifiers as one, calibrated and with a tuned threshold."""

from ._classifier import EnsembleTransientClassifier

__all__ = ["EnsembleTransientClassifier"]
