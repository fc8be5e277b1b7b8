"""Calibrated probabilities of one class against the rest, and the threshold on them."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logsumexp
from sklearn.linear_model import LogisticRegression

#: A member's smaller probability counts as this: a forest that says 0 has not seen everything.
FLOOR = 1e-3
#: What `best_threshold` can maximise.
SCORINGS = ("accuracy", "balanced_accuracy", "f1", "matthews_corrcoef")


def combined(probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the normalised geometric mean of the probabilities of several models.

    Parameters
    ----------
    probabilities : ndarray of shape (n_models, n_objects, n_classes)
        Each model's probabilities.
    weights : ndarray of shape (n_models,)
        Weights of the models; only their ratios matter.

    Returns
    -------
    probabilities : ndarray of shape (n_objects, n_classes)
        The mean, each row adding up to 1.
    """
    logs = np.log(np.maximum(probabilities, FLOOR))
    logs = np.average(logs, axis=0, weights=weights)
    return np.exp(logs - logsumexp(logs, axis=1, keepdims=True))


def log_odds(probability: np.ndarray) -> np.ndarray:
    """Return the log-odds of probabilities that are neither 0 nor 1."""
    return np.log(probability) - np.log1p(-probability)


def fit_sigmoid(
    scores: np.ndarray, positive: np.ndarray, weight: np.ndarray | None = None
) -> tuple[float, float]:
    """Return slope and intercept of the logistic regression of the class on log-odds.

    The targets are Platt's, (n + 1) / (n + 2) of a class with n objects: without them classes
    that the scores part perfectly would have a slope without end.

    Parameters
    ----------
    scores : ndarray of shape (n_objects,)
        Log-odds.
    positive : ndarray of shape (n_objects,), dtype bool
        Whether an object is of the class.
    weight : ndarray of shape (n_objects,) or None, default=None
        How much each counts. None: all count as one.

    Returns
    -------
    slope, intercept : float
        Of the calibrated log-odds; the slope is not negative.
    """
    weight = np.ones(len(scores)) if weight is None else weight
    target = _targets(positive)
    (slope,), intercept = _regress(scores[:, None], target, weight)
    if slope <= 0:
        # Scores worse than chance tell nothing: every object gets the share of the class.
        share = np.average(target, weights=weight)
        return 0.0, float(np.log(share) - np.log1p(-share))
    return float(slope), float(intercept)


def fit_growing_sigmoid(
    scores: np.ndarray,
    positive: np.ndarray,
    weight: np.ndarray,
    growth: np.ndarray,
    grown: float,
) -> tuple[float, float, float, float]:
    """Return the logistic regression of the class on log-odds, other for young light curves.

    Parameters
    ----------
    scores : ndarray of shape (n_objects,)
        Log-odds.
    positive : ndarray of shape (n_objects,), dtype bool
        Whether an object is of the class.
    weight : ndarray of shape (n_objects,)
        How much each counts.
    growth : ndarray of shape (n_objects,)
        How grown up the light curve is, 0 or more.
    grown : float
        The largest growth that there is.

    Returns
    -------
    slope, intercept, growth_slope, growth_intercept : float
        Slope and intercept at no growth, and what is added to them for a growth of 1. The last
        two are 0 where a slope would not be positive at any growth.
    """
    target = _targets(positive)
    columns = np.column_stack([scores, growth * scores, growth])
    (slope, growth_slope, growth_intercept), intercept = _regress(columns, target, weight)
    if min(slope, slope + growth_slope * grown) <= 0:
        return *fit_sigmoid(scores, positive, weight), 0.0, 0.0
    return float(slope), float(intercept), float(growth_slope), float(growth_intercept)


def fit_calibration(
    probability: np.ndarray,
    positive: np.ndarray,
    weight: np.ndarray,
    growth: np.ndarray | None,
    grown: float,
) -> tuple[float, float, float, float]:
    """Return the logistic regression of the class on the log-odds of its probability.

    Parameters
    ----------
    probability : ndarray of shape (n_objects,)
        Of the class, neither 0 nor 1.
    positive : ndarray of shape (n_objects,), dtype bool
        Whether an object is of the class.
    weight : ndarray of shape (n_objects,)
        How much each counts.
    growth : ndarray of shape (n_objects,) or None
        How grown up the light curve is. None: the regression does not depend on it.
    grown : float
        The largest growth that there is.

    Returns
    -------
    slope, intercept, growth_slope, growth_intercept : float
        As of `fit_growing_sigmoid`; the last two are 0 without `growth`.
    """
    odds = log_odds(probability)
    if growth is None:
        return *fit_sigmoid(odds, positive, weight), 0.0, 0.0
    return fit_growing_sigmoid(odds, positive, weight, growth, grown)


def _targets(positive: np.ndarray) -> np.ndarray:
    # Of all rows, copies included: with the number of objects slopes came out a quarter too low.
    n_positive, n_negative = positive.sum(), (~positive).sum()
    return np.where(positive, (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2))


def _regress(
    columns: np.ndarray, target: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.float64]:
    """Return coefficients and intercept of the logistic regression of a share."""
    regression = LogisticRegression(C=np.inf, max_iter=1000)
    regression.fit(
        np.concatenate([columns, columns]),
        np.repeat([True, False], len(columns)),
        sample_weight=np.concatenate([weight * target, weight * (1 - target)]),
    )
    return regression.coef_[0], regression.intercept_[0]


def calibrated(
    probabilities: np.ndarray,
    positive: int,
    slope: float | np.ndarray,
    intercept: float | np.ndarray,
    shifts: np.ndarray | float = 0.0,
) -> np.ndarray:
    """Return probabilities with those of one class calibrated and the others scaled to fit.

    Parameters
    ----------
    probabilities : ndarray of shape (n_objects, n_classes)
        What `combined` returns.
    positive : int
        Column of the class.
    slope, intercept : float or ndarray of shape (n_objects,)
        What `fit_sigmoid` returns, or one for each object.
    shifts : ndarray that broadcasts to (n_objects, n_classes), or float, default=0.0
        Added to the log-probabilities of the other classes before they share what is left.

    Returns
    -------
    probabilities : ndarray of shape (n_objects, n_classes)
        Each row adds up to 1.
    """
    odds = slope * log_odds(probabilities[:, positive]) + intercept
    others = np.delete(probabilities * np.exp(shifts), positive, axis=1)
    others = others / others.sum(axis=1, keepdims=True) * expit(-odds)[:, None]
    return np.insert(others, positive, expit(odds), axis=1)


def codes_at(probabilities: np.ndarray, positive: int, threshold: float | None) -> np.ndarray:
    """Return the column of the class that is predicted.

    Parameters
    ----------
    probabilities : ndarray of shape (n_objects, n_classes)
        Of all classes.
    positive : int
        Column of the class that has a threshold.
    threshold : float or None
        From which on it is predicted; below it, the most probable of the others. None: the most
        probable of all.

    Returns
    -------
    codes : ndarray of shape (n_objects,), dtype int64
        The columns.
    """
    if threshold is None:
        return probabilities.argmax(axis=1)
    others = probabilities.copy()
    others[:, positive] = -1.0
    called = probabilities[:, positive] >= threshold
    return np.where(called, positive, others.argmax(axis=1))


def best_threshold(
    probability: np.ndarray, scoring: str, weight: np.ndarray | None = None
) -> float:
    """Return the threshold with the best score to be expected from calibrated probabilities.

    The expected numbers of true and false positives above a threshold are sums of probabilities
    [1]_: unlike the score on the labels themselves, a sum over all objects does not hang on the
    few that lie next to the threshold.

    Parameters
    ----------
    probability : ndarray of shape (n_objects,)
        Calibrated probabilities of objects that had no part in their own.
    scoring : str
        One of `SCORINGS`.
    weight : ndarray of shape (n_objects,) or None, default=None
        How often the like of each object comes up. None: all as often.

    Returns
    -------
    threshold : float
        Halfway between two probabilities; objects at or above it are called positive. Above all
        of them where it is best to call none.

    References
    ----------
    .. [1] Lipton, Z. C., Elkan, C., and Naryanaswamy, B. (2014). Optimal thresholding of
           classifiers to maximize F1 measure. ECML PKDD, 225-239.
    """
    order = np.argsort(-probability, kind="stable")
    ranked = probability[order]
    if ranked[0] <= 0:
        # Nothing is to be expected of calling any.
        return 0.5
    weight = np.ones(len(ranked)) if weight is None else weight[order]
    true_positive, called = np.cumsum(weight * ranked), np.cumsum(weight)
    n_positive = (weight * ranked).sum()
    score = _expected_score(scoring, true_positive, called, n_positive, called[-1])
    # Objects of equal probability are called together.
    last_of_equals = np.append(np.diff(ranked) != 0, True)
    best = int(np.argmax(np.where(last_of_equals, score, -np.inf)))
    if score[best] < 0:
        # To call none has the score 0.
        return float((ranked[0] + 1) / 2)
    below = ranked[best + 1] if best + 1 < len(ranked) else 0.0
    return float((ranked[best] + below) / 2)


def _expected_score(
    scoring: str, true_positive: np.ndarray, called: np.ndarray, n_positive: float, n_objects: int
) -> np.ndarray:
    n_negative = n_objects - n_positive
    false_positive = called - true_positive
    if scoring == "f1":
        return 2 * true_positive / (called + n_positive)
    if scoring == "balanced_accuracy":
        return true_positive / n_positive - false_positive / n_negative
    if scoring == "accuracy":
        return true_positive - false_positive
    spread = n_positive * n_negative * called * (n_objects - called)
    covariance = n_objects * true_positive - called * n_positive
    return covariance / np.sqrt(np.where(spread > 0, spread, np.inf))
