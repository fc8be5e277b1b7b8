"""What samplers ask of light curves and labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from nested_pandas import NestedFrame
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, column_or_1d

from sklearn_tde._labels import plain_labels, refuse_missing_labels
from sklearn_tde.light_curves import check_light_curves


def checked_sample(X: Any, y: Any) -> tuple[NestedFrame, np.ndarray]:
    """Return light curves and their labels, both valid and as many."""
    refuse_missing_labels(y)
    labels = plain_labels(y)
    check_classification_targets(labels)
    labels = np.asarray(column_or_1d(labels, warn=True))
    X = check_light_curves(X)
    check_consistent_length(X, labels)
    return X, labels
