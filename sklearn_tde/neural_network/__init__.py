"""Arrays become probabilities: torch modules and the estimators that train them."""

from sklearn_tde.neural_network._lstm_classifier import LSTMTransientClassifier

__all__ = ["LSTMTransientClassifier"]
