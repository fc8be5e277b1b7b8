"""Scorers for scikit-learn's tools that never ask the alphabet which class is the positive one."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
from sklearn.metrics._scorer import _BaseScorer, _Scorer
from sklearn.utils._param_validation import Interval, validate_params

from sklearn_tde._labels import plain_value
from sklearn_tde._weights import check_sample_weight

from ._scores import ScoredSample

_OF_LABELS = ("balanced_accuracy", "recall", "precision", "f1", "specificity")
_OF_PROBABILITIES = ("average_precision", "roc_auc", "recall_at_precision")


@validate_params(
    {
        "pos_label": [Real, str, "boolean"],
        "min_precision": [Interval(Real, 0, 1, closed="right")],
    },
    prefer_skip_nested_validation=True,
)
def tde_scorers(
    pos_label: int | float | bool | str = "TDE", *, min_precision: float = 0.5
) -> dict[str, Callable]:
    """Return scorers of one class for `cross_validate`, `GridSearchCV` and their like.

    scikit-learn's own scorers of two classes take the label that sorts last as the positive class,
    or score NaN for class names. These are told which class it is, also among more than two: then
    they score its probability, and whether it is predicted, against the rest.

    Parameters
    ----------
    pos_label : int, float, bool or str, default="TDE"
        The class that the scores are about.

    min_precision : float, default=0.5
        The precision at which `recall_at_precision` is taken.

    Returns
    -------
    scorers : dict of str to callable
        Scorers ``scorer(estimator, X, y)``, larger being better, for `scoring`:

        - of the predicted labels `balanced_accuracy`, `recall` (completeness), `precision`
          (purity), `f1` and `specificity`, the recall of all others taken together;
        - of the probability of `pos_label` `average_precision`, `roc_auc`, `neg_brier_score` and
          `recall_at_precision`, the highest recall of any threshold whose precision is
          `min_precision` or better.

    Raises
    ------
    ValueError
        By the scorers, if `pos_label` is not among the classes of the estimator. scikit-learn's
        tools turn that into NaN and a warning unless they are given ``error_score="raise"``. Also
        if `sample_weight` is not one finite number of 0 or more per object, or if a threshold is
        tuned for a score of the probability.

    See Also
    --------
    cross_validation_report : The same scores pooled over the folds, with intervals.
    sklearn.metrics.make_scorer : Makes a scorer of any metric.

    Notes
    -----
    The scores are those of :func:`cross_validation_report`. What cannot be had, such as the recall
    of a fold without any object of `pos_label`, is NaN.

    `recall_at_precision` picks its threshold on the objects that it scores: a fair measure for
    choosing between models, but more than a threshold fixed before will reach. The report takes
    it at a precision of 0.8.

    Those of the predicted labels are also what `scoring` of
    :class:`sklearn.model_selection.TunedThresholdClassifierCV` needs: the threshold is then one
    on the probability of `pos_label`. With metadata routing each scorer has its own
    ``set_score_request(sample_weight=...)``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn_tde.evaluation import tde_scorers
    >>> X, positive = make_classification(400, weights=[0.9], class_sep=1.5, random_state=0)
    >>> y = np.where(positive, "TDE", "Unknown")  # the positive class sorts first
    >>> search = GridSearchCV(
    ...     LogisticRegression(),
    ...     {"C": [0.01, 1.0]},
    ...     scoring=tde_scorers(),
    ...     refit="average_precision",
    ... ).fit(X, y)
    >>> round(float(search.best_score_), 2)
    0.88
    >>> search.cv_results_["mean_test_recall"].round(1).tolist()
    [0.1, 0.7]
    """
    pos_label = plain_value(pos_label)
    scorers = {
        metric: LabelScorer(score_labels, 1, {"metric": metric, "pos_label": pos_label}, "predict")
        for metric in _OF_LABELS
    }
    for metric in _OF_PROBABILITIES:
        kwargs = {"metric": metric, "pos_label": pos_label}
        if metric == "recall_at_precision":
            kwargs["min_precision"] = float(min_precision)
        scorers[metric] = ProbabilityScorer(score_probabilities, 1, kwargs, "predict_proba")
    kwargs = {"metric": "brier_score", "pos_label": pos_label}
    scorers["neg_brier_score"] = ProbabilityScorer(score_probabilities, -1, kwargs, "predict_proba")
    return scorers


class LabelScorer(_Scorer):
    """Score the predicted labels by one class of any number.

    scikit-learn's own scorer asks the estimator about `pos_label` for two classes only.
    """

    def _score(self, method_caller: Callable, estimator: Any, X: Any, y_true: Any, **kwargs: Any):
        # Outlier detectors predict labels without having classes.
        if hasattr(estimator, "classes_"):
            _position(self._kwargs["pos_label"], estimator)
        return super()._score(method_caller, estimator, X, y_true, **kwargs)


class ProbabilityScorer(_BaseScorer):
    """Score the probability of one class of any number.

    scikit-learn's own scorer hands the column of `pos_label` to the metric for two classes only.
    """

    def _score(self, method_caller: Callable, estimator: Any, X: Any, y_true: Any, **kwargs: Any):
        # Not through `method_caller`: it remembers the column of whichever class was asked first.
        column = _position(self._kwargs["pos_label"], estimator)
        probability = estimator.predict_proba(X)[:, column]
        kwargs = {**self._kwargs, **kwargs}
        return self._sign * self._score_func(y_true, y_score=probability, **kwargs)


def score_labels(
    y_true: Any, y_pred: Any, *, metric: str, pos_label: Any, sample_weight: Any = None
) -> float:
    """Score predicted labels by how they part one class from the rest.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_objects,)
        Labels.
    metric : str
        Name of a score of :class:`ScoredSample`.
    pos_label : int, float, bool or str
        The class.
    sample_weight : array-like of shape (n_objects,) or None, default=None
        Weights of the objects.

    Returns
    -------
    score : float
        The score.
    """
    called = np.asarray(y_pred) == pos_label
    sample = _sample(y_true, called, called.astype(np.float64), pos_label)
    return float(sample.scores(_as_draw(sample_weight, called), calibration=False)[metric][0])


def score_probabilities(
    y_true: Any,
    y_pred: Any = None,
    *,
    y_score: Any = None,
    metric: str,
    pos_label: Any,
    min_precision: float | None = None,
    sample_weight: Any = None,
) -> float:
    """Score the probability of one class.

    Parameters
    ----------
    y_true : array-like of shape (n_objects,)
        Labels.
    y_pred : array-like of shape (n_objects,) or None, default=None
        Predicted labels, which are refused: what tunes a threshold hands them over by position,
        and those that are numbers cannot be told from probabilities.
    y_score : array-like of shape (n_objects,) or None, default=None
        Probability of `pos_label`.
    metric : str
        "recall_at_precision", or name of a score of :class:`ScoredSample`.
    pos_label : int, float, bool or str
        The class.
    min_precision : float or None, default=None
        Precision of "recall_at_precision".
    sample_weight : array-like of shape (n_objects,) or None, default=None
        Weights of the objects.

    Returns
    -------
    score : float
        The score.
    """
    if y_pred is not None:
        raise ValueError(
            f"{metric} scores probabilities, got predicted labels; a threshold is tuned for one "
            f"of {', '.join(_OF_LABELS)}."
        )
    probability = np.asarray(y_score)
    sample = _sample(y_true, probability >= 0.5, probability.astype(np.float64), pos_label)
    draw = _as_draw(sample_weight, probability)
    if metric == "recall_at_precision":
        return float(sample.recall_at_precision(min_precision, draw)[0])
    return float(sample.scores(draw, calibration=False)[metric][0])


def _sample(y_true, called, probability, pos_label):
    positive = np.asarray(y_true) == pos_label
    return ScoredSample(positive, called, probability, classes=(False, True), pos_label=True)


def _as_draw(sample_weight, objects):
    return None if sample_weight is None else check_sample_weight(sample_weight, objects)[None]


def _position(pos_label, estimator):
    """Return where `pos_label` is among the classes of the estimator."""
    classes = np.asarray(estimator.classes_).tolist()
    if pos_label not in classes:
        raise ValueError(
            f"pos_label={pos_label!r} is not among the classes of the estimator: {classes}. Name "
            f"one of them, as in tde_scorers(pos_label={classes[-1]!r})."
        )
    return classes.index(pos_label)
