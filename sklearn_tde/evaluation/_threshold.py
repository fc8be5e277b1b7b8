"""The decision threshold: fixed, or tuned inside one training fold."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    get_scorer,
    make_scorer,
    matthews_corrcoef,
)
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV

from sklearn_tde._cross_fitting import make_splitter
from sklearn_tde._labels import check_class_sizes


def _accuracy(y_true, y_pred):
    return np.mean(y_true == y_pred)


def _balanced_accuracy(y_true, y_pred):
    recall = y_pred[y_true == 1].mean()
    return (recall + (1 - y_pred[y_true == 0]).mean()) / 2


def _f1(y_true, y_pred):
    return 2 * (y_true @ y_pred) / (y_true.sum() + y_pred.sum())


def _matthews_corrcoef(y_true, y_pred):
    n_objects, n_true, n_called = len(y_true), int(y_true.sum()), int(y_pred.sum())
    spread = float(n_true * (n_objects - n_true)) * float(n_called * (n_objects - n_called))
    covariance = n_objects * int(y_true @ y_pred) - n_true * n_called
    return covariance / np.sqrt(spread) if spread else 0.0


THRESHOLD_METRICS: dict[str, Callable] = {
    "accuracy": accuracy_score,
    "balanced_accuracy": balanced_accuracy_score,
    "f1": f1_score,
    "matthews_corrcoef": matthews_corrcoef,
}
# The same to the last bit, for labels 0 and 1 that need no check: a hundred thresholds are tried on
# each split, and scikit-learn's take thirty times as long or more.
QUICK_METRICS: dict[str, Callable] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "f1": _f1,
    "matthews_corrcoef": _matthews_corrcoef,
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
            f"a threshold needs two classes, y holds {len(classes)}: {classes.tolist()}. Report "
            "one class against the rest, with y == 'TDE' for example; or leave threshold=None and "
            "give an EnsembleTransientClassifier, such as make_tde_classifier(), which tunes a "
            "threshold of one class against the rest within fit."
        )
    if isinstance(scoring, type(get_scorer("accuracy"))):
        raise TypeError(
            "threshold_scoring takes a metric function metric(y_true, y_pred) of labels that "
            f"are 1 for the positive class and 0 otherwise, got the scorer {scoring!r}."
        )


def threshold_splits(cv, y, groups, pos_label, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split a training set for tuning a threshold.

    Parameters
    ----------
    cv : int, splitter or iterable
        The folds, within the training set.

    y : ndarray of shape (n_train,)
        Labels of the training set.

    groups : ndarray of shape (n_train,) or None
        Groups of the training set.

    pos_label : int, float, bool or str
        The class whose probability is compared to the threshold.

    seed : int
        Seed of the folds for an integer `cv`.

    Returns
    -------
    splits : list of (train, test)
        Positions within the training set.
    """
    if groups is None:
        check_class_sizes(y, cv, "threshold_cv", "a training fold")
    splitter = make_splitter(cv, y, groups is not None, seed)
    positions = np.arange(len(y))
    # Indexing positions also turns boolean masks into positions.
    splits = [
        (positions[train], positions[test])
        for train, test in splitter.split(np.empty((len(y), 1)), y, groups)
    ]
    for split in splits:
        for side in split:
            positive = y[side] == pos_label
            if positive.all() or not positive.any():
                raise ValueError(
                    f"threshold_cv must leave {pos_label!r} and other objects on both sides of "
                    "every split of a training fold; use fewer splits."
                )
    return splits


def tune_threshold(predictions: pd.DataFrame, scoring, pos_label) -> float:
    """Find the threshold that is best on average over the splits of one training set.

    Parameters
    ----------
    predictions : DataFrame
        What the splits predicted: `split`, `y` and `probability`.

    scoring : str or callable
        What the threshold maximises.

    pos_label : int, float, bool or str
        The class of the probabilities.

    Returns
    -------
    threshold : float
        That of :class:`TunedThresholdClassifierCV`, had it made these splits itself.
    """
    metric = QUICK_METRICS[scoring] if isinstance(scoring, str) else scoring
    split = predictions["split"].to_numpy()
    rows = np.arange(len(split))
    # It cares for the scored sides only: nothing is left to fit.
    splits = [(rows, rows[split == number]) for number in np.unique(split)]
    tuned = TunedThresholdClassifierCV(
        _Predicted(),
        scoring=make_scorer(_score_positive_class, metric=metric, pos_label=1),
        response_method="predict_proba",
        cv=splits,
    )
    positive = (predictions["y"] == pos_label).to_numpy().astype(int)
    tuned.fit(predictions["probability"].to_numpy()[:, np.newaxis], positive)
    return float(tuned.best_threshold_)


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
        return fix_threshold(estimator, threshold, pos_label)
    metric = THRESHOLD_METRICS[scoring] if isinstance(scoring, str) else scoring
    # The splits are made here: the wrapper itself would need metadata routing to know the groups.
    return TunedThresholdClassifierCV(
        estimator,
        scoring=make_scorer(_score_positive_class, metric=metric, pos_label=pos_label),
        response_method="predict_proba",
        cv=threshold_splits(cv, y, groups, pos_label, seed),
    )


def fix_threshold(estimator, threshold: float, pos_label):
    """Wrap an estimator so that it predicts by a threshold that is known.

    Parameters
    ----------
    estimator : estimator
        The estimator.

    threshold : float
        The threshold.

    pos_label : int, float, bool or str
        The class whose probability is compared to the threshold.

    Returns
    -------
    estimator : estimator
        The wrapped estimator.
    """
    return FixedThresholdClassifier(
        estimator, threshold=threshold, pos_label=pos_label, response_method="predict_proba"
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


def describe_threshold(threshold, scoring) -> str:
    """Say in words how predictions are made from probabilities.

    Parameters
    ----------
    threshold : "tune", float or None
        The threshold.

    scoring : str or callable
        What a tuned threshold maximises.

    Returns
    -------
    text : str
        The words.
    """
    if threshold is None:
        return "the estimator's own"
    if threshold == "tune":
        metric = scoring if isinstance(scoring, str) else getattr(scoring, "__name__", "a metric")
        return f"tuned within each training set for {metric.replace('_', ' ')}"
    return f"{threshold:g}"


class _Predicted(ClassifierMixin, BaseEstimator):
    """Classifier whose X is the probability that another has already given."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.hstack([1 - X, X])


def _score_positive_class(y_true, y_pred, *, metric, pos_label):
    # In terms of 0 and 1, so that the metric cannot take the alphabet's word for who is positive.
    return metric((y_true == pos_label).astype(int), (y_pred == pos_label).astype(int))
