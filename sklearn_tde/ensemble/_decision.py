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


def fit_sigmoid(scores: np.ndarray, positive: np.ndarray) -> tuple[float, float]:
    """Return slope and intercept of the logistic regression of the class on log-odds.

    The targets are Platt's, (n + 1) / (n + 2) of a class with n objects: without them classes
    that the scores part perfectly would have a slope without end.

    Parameters
    ----------
    scores : ndarray of shape (n_objects,)
        Log-odds.
    positive : ndarray of shape (n_objects,), dtype bool
        Whether an object is of the class.

    Returns
    -------
    slope, intercept : float
        Of the calibrated log-odds; the slope is not negative.
    """
    n_positive, n_negative = positive.sum(), (~positive).sum()
    target = np.where(positive, (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2))
    regression = LogisticRegression(C=np.inf, max_iter=1000)
    regression.fit(
        np.concatenate([scores, scores])[:, None],
        np.repeat([True, False], len(scores)),
        sample_weight=np.concatenate([target, 1 - target]),
    )
    slope = float(regression.coef_[0, 0])
    if slope <= 0:
        # Scores worse than chance tell nothing: every object gets the share of the class.
        return 0.0, float(np.log(target.mean()) - np.log1p(-target.mean()))
    return slope, float(regression.intercept_[0])


def calibrated(
    probabilities: np.ndarray, positive: int, slope: float, intercept: float
) -> np.ndarray:
    """Return probabilities with those of one class calibrated and the others scaled to fit.

    Parameters
    ----------
    probabilities : ndarray of shape (n_objects, n_classes)
        What `combined` returns.
    positive : int
        Column of the class.
    slope, intercept : float
        What `fit_sigmoid` returns.

    Returns
    -------
    probabilities : ndarray of shape (n_objects, n_classes)
        Each row adds up to 1.
    """
    odds = slope * log_odds(probabilities[:, positive]) + intercept
    others = np.delete(probabilities, positive, axis=1)
    others = others / others.sum(axis=1, keepdims=True) * expit(-odds)[:, None]
    return np.insert(others, positive, expit(odds), axis=1)


def best_threshold(probability: np.ndarray, scoring: str) -> float:
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
    ranked = np.sort(probability)[::-1]
    true_positive = np.cumsum(ranked)
    called = np.arange(1, len(ranked) + 1)
    score = _expected_score(scoring, true_positive, called, ranked.sum(), len(ranked))
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
