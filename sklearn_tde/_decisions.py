"""The class that a model predicts, from the probabilities that it has just given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.pipeline import Pipeline

from sklearn_tde.neural_network._base import BaseSequenceClassifier

#: Classifiers whose `predict` returns the class of the largest probability, and nothing else.
_LARGEST = (CalibratedClassifierCV, BaseSequenceClassifier)


def predicted_codes(model: Any, X: Any, probabilities: np.ndarray) -> np.ndarray:
    """Return the position in ``classes_`` of what ``model.predict(X)`` returns.

    `predict` runs the networks a second time, which is saved where its rule is known.
    """
    last = _last_step(model)
    if isinstance(last, _LARGEST):
        return probabilities.argmax(axis=1)
    # The package's own classifiers with a threshold on one of several classes.
    if hasattr(last, "_codes"):
        return last._codes(probabilities)
    rule = _threshold_rule(last)
    if rule is None:
        return pd.Index(model.classes_).get_indexer(model.predict(X))
    threshold, positive = rule
    return np.where(probabilities[:, positive] >= threshold, positive, 1 - positive)


def decision_threshold(model: Any, pos_label: Any) -> float | None:
    """Return the probability from which on a fitted model predicts a class; None: no threshold."""
    last = _last_step(model)
    threshold = getattr(last, "threshold_", None)
    if threshold is not None and getattr(last, "pos_label_", pos_label) == pos_label:
        return float(threshold)
    rule = _threshold_rule(last)
    if rule is None or last.classes_[rule[1]] != pos_label:
        return None
    return rule[0]


def _last_step(model: Any) -> Any:
    """Return what predicts in the end."""
    while isinstance(model, Pipeline) or hasattr(model, "best_estimator_"):
        model = model[-1] if isinstance(model, Pipeline) else model.best_estimator_
    return model


def _threshold_rule(classifier: Any) -> tuple[float, int] | None:
    """Return a threshold on a probability, and the class it is for; None if there is none."""
    if isinstance(classifier, TunedThresholdClassifierCV):
        threshold, label = classifier.best_threshold_, classifier._curve_scorer._get_pos_label()
    elif isinstance(classifier, FixedThresholdClassifier):
        threshold, label = classifier.threshold, classifier.pos_label
        threshold = 0.5 if threshold == "auto" else threshold
    else:
        return None
    # "auto" is the probability where there is one, as here.
    if classifier.response_method == "decision_function":
        return None
    positive = 1 if label is None else int(np.flatnonzero(classifier.classes_ == label)[0])
    return float(threshold), positive
