"""Arrays become probabilities: torch modules and the estimators that train them."""

from sklearn_tde.neural_network._lstm_classifier import LSTMTransientClassifier
from sklearn_tde.neural_network._transformer_classifier import TransformerTransientClassifier

__all__ = ["LSTMTransientClassifier", "TransformerTransientClassifier"]
