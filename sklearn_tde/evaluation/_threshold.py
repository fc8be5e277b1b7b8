"""The decision threshold: fixed, or tuned inside one training fold."""

from collections.abc import Callable

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    get_scorer,
    make_scorer,
    matthews_corrcoef,
)
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV

from ._checks import check_class_sizes
from ._folds import make_splitter

THRESHOLD_METRICS: dict[str, Callable] = {
    "accuracy": accuracy_score,
    "balanced_accuracy": balanced_accuracy_score,
    "f1": f1_score,
    "matthews_corrcoef": matthews_corrcoef,
}


def check_threshold_request(threshold, scoring, classes: np.ndarray) -> None:
    """Check that a threshold has a meaning for the problem at hand.

    Parameters
    ----------
    threshold : "tune", float or None
        The threshold asked for.

    scoring : str or callable
        What a tuned threshold maximises.

    classes : ndarray of shape (n_classes,)
        All labels.
    """
    if threshold is not None and len(classes) > 2:
        raise ValueError(
            f"a threshold needs two classes, y holds {len(classes)}: {classes.tolist()}; report "
            "one class against the rest with y == 'TDE', for example."
        )
    if isinstance(scoring, type(get_scorer("accuracy"))):
        raise TypeError(
            "threshold_scoring takes a metric function metric(y_true, y_pred) of labels that "
            f"are 1 for the positive class and 0 otherwise, got the scorer {scoring!r}."
        )


def apply_threshold(estimator, threshold, *, scoring, cv, pos_label, y, groups, seed: int):
    """Wrap an estimator so that it predicts by a threshold on one class's probability.

    Parameters
    ----------
    estimator : estimator
        The estimator.

    threshold : "tune", float or None
        The threshold; None leaves the estimator as it is.

    scoring : str or callable
        What a tuned threshold maximises.

    cv : int, splitter or iterable
        The folds, within the training set, on which the threshold is tuned.

    pos_label : int, float, bool or str
        The class whose probability is compared to the threshold.

    y : ndarray of shape (n_train,)
        Labels of the training set.

    groups : ndarray of shape (n_train,) or None
        Groups of the training set.

    seed : int
        Seed of the folds for an integer `cv`.

    Returns
    -------
    estimator : estimator
        The wrapped estimator.
    """
    if threshold is None:
        return estimator
    if threshold != "tune":
        return FixedThresholdClassifier(
            estimator,
            threshold=threshold,
            pos_label=pos_label,
            response_method="predict_proba",
        )
    metric = THRESHOLD_METRICS[scoring] if isinstance(scoring, str) else scoring
    # The splits are made here: the wrapper itself would need metadata routing to know the groups.
    return TunedThresholdClassifierCV(
        estimator,
        scoring=make_scorer(_score_positive_class, metric=metric, pos_label=pos_label),
        response_method="predict_proba",
        cv=_threshold_splits(cv, y, groups, pos_label, seed),
    )


def used_threshold(fitted, threshold) -> float:
    """Threshold on the probability of the positive class that a fitted estimator applies.

    Parameters
    ----------
    fitted : estimator
        What `apply_threshold` returned, fitted.

    threshold : "tune", float or None
        The threshold that was asked for.

    Returns
    -------
    threshold : float
        NaN where the estimator predicts by a rule of its own.
    """
    if threshold is None:
        return np.nan
    return float(fitted.best_threshold_ if threshold == "tune" else threshold)


def _score_positive_class(y_true, y_pred, *, metric, pos_label):
    # In terms of 0 and 1, so that the metric cannot take the alphabet's word for who is positive.
    return metric((y_true == pos_label).astype(int), (y_pred == pos_label).astype(int))


def _threshold_splits(cv, y, groups, pos_label, seed):
    if groups is None:
        check_class_sizes(y, cv, "threshold_cv", "a training fold")
    splitter = make_splitter(cv, y, groups is not None, seed)
    splits = list(splitter.split(np.empty((len(y), 1)), y, groups))
    for train, test in splits:
        for side in (train, test):
            positive = y[side] == pos_label
            if positive.all() or not positive.any():
                raise ValueError(
                    f"threshold_cv must leave {pos_label!r} and other objects on both sides of "
                    "every split of a training fold; use fewer splits."
                )
    return splits
