"""Scores of one set of predictions under many bootstrap weights at once."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from ._calibration import calibration_scores

# The precision at which the reports give the recall, and the recall of the precision.
MIN_PRECISION = 0.8
MIN_RECALL = 0.8

# A single object can be as wrong as this, as scikit-learn's log loss has it for float64.
_SMALLEST = np.finfo(np.float64).eps

# What the tables call each score; `{}` stands for the positive class. The order is that of the
# tables. The macro scores exist for more than two classes only, the precision at a recall only
# where it is asked for.
METRICS = {
    "balanced_accuracy": "balanced accuracy",
    "recall": "recall ({})",
    "precision": "precision ({})",
    "f1": "F1 ({})",
    "specificity": "recall of the others",
    "average_precision": "average precision",
    "recall_at_precision": f"recall at precision {MIN_PRECISION:g}",
    "precision_at_recall": f"precision at recall {MIN_RECALL:g}",
    "roc_auc": "ROC AUC",
    "brier_score": "Brier score",
    "brier_skill": "Brier skill",
    "log_loss": "log loss",
    "calibration_slope": "calibration slope",
    "calibration_intercept": "calibration intercept",
    "macro_recall": "macro recall",
    "macro_f1": "macro F1",
}

# Draws are made in blocks of about this many weights, so that memory does not grow with the
# number of draws and a block stays in the processor's cache.
_BLOCK_SIZE = 1_000_000


def log_losses(positive: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Minus the logarithm of the probability of what each object is: positive or not.

    Parameters
    ----------
    positive : ndarray of shape (n_objects,), dtype bool
        Whether an object is of the positive class.

    probability : ndarray of shape (n_objects,)
        Predicted probability of that class.

    Returns
    -------
    losses : ndarray of shape (n_objects,)
        Finite, even where a probability of 0 or 1 is wrong.
    """
    right = np.where(positive, probability, 1 - probability)
    return -np.log(np.clip(right, _SMALLEST, 1))


class ScoredSample:
    """Predictions of a set of objects, prepared for scoring under many weightings.

    A bootstrap draw is a vector of how often each object was drawn. The order of the objects by
    probability never changes, so every score is sums and cumulative sums of those vectors.

    Parameters
    ----------
    y : ndarray of shape (n_objects,)
        True labels.

    prediction : ndarray of shape (n_objects,)
        Predicted labels.

    probability : ndarray of shape (n_objects,)
        Predicted probability of `pos_label`.

    classes : ndarray of shape (n_classes,)
        All labels; those of the predictions need not be among them.

    pos_label : int, float, bool or str
        The class whose scores are wanted.
    """

    def __init__(self, y, prediction, probability, *, classes, pos_label):
        positive = y == pos_label
        called = prediction == pos_label
        self._columns = np.column_stack(
            [
                positive & called,
                ~positive & called,
                positive & ~called,
                ~positive & ~called,
                (probability - positive) ** 2,
                log_losses(positive, probability),
            ]
        ).astype(np.float64)

        self._order = np.argsort(-probability, kind="stable")
        self._sorted_positive = positive[self._order].astype(np.float64)
        # Objects of equal probability pass a threshold together: only the last of each tie is
        # an operating point.
        steps = np.diff(probability[self._order]) != 0
        self._ends = np.flatnonzero(np.append(steps, True))
        self._values = probability[self._order][self._ends]

        self._n_classes = len(classes)
        if self._n_classes > 2:
            true = y[:, np.newaxis] == classes
            called = prediction[:, np.newaxis] == classes
            self._members = np.hstack([true & called, true, called]).astype(np.float64)

    def scores(
        self,
        weights: np.ndarray | None = None,
        *,
        calibration: bool = True,
        min_precision: float = MIN_PRECISION,
        min_recall: float | None = None,
    ) -> dict[str, np.ndarray]:
        """Score the predictions under each weighting.

        Parameters
        ----------
        weights : ndarray of shape (n_draws, n_objects), default=None
            How often each object counts; None counts each object once.

        calibration : bool, default=True
            Whether to fit slope and intercept of the calibration, which takes longer than all
            the rest.

        min_precision : float, default=0.8
            The precision of `recall_at_precision`.

        min_recall : float or None, default=None
            The recall of `precision_at_recall`; None leaves that score out.

        Returns
        -------
        scores : dict of str to ndarray of shape (n_draws,)
            One array per metric. Without positive predictions precision is 0, as in
            scikit-learn; whatever needs a class that carries no weight is NaN. The macro scores
            are means over the classes whose true members carry weight.
        """
        if weights is None:
            weights = np.ones((1, len(self._order)))
        with np.errstate(invalid="ignore", divide="ignore"):
            scores = self._threshold_scores(weights)
            positive, everything = self._operating_points(weights)
            scores |= _ranking_scores(positive, everything)
            if self._n_classes > 2:
                scores |= self._macro_scores(weights)
        scores["recall_at_precision"] = _recall_at_precision(positive, everything, min_precision)
        if min_recall is not None:
            scores["precision_at_recall"] = _precision_at_recall(positive, everything, min_recall)
        if calibration:
            there = np.diff(positive, axis=1, prepend=0)
            others = np.diff(everything - positive, axis=1, prepend=0)
            scores |= calibration_scores(self._values, there, others)
        return {metric: scores[metric] for metric in METRICS if metric in scores}

    def _threshold_scores(self, weights):
        true_pos, false_pos, false_neg, true_neg, squared, lost = (weights @ self._columns).T
        recall = true_pos / (true_pos + false_neg)
        specificity = true_neg / (true_neg + false_pos)
        called = true_pos + false_pos
        precision = np.divide(true_pos, called, out=np.zeros_like(called), where=called > 0)
        f1 = 2 * true_pos / (2 * true_pos + false_pos + false_neg)
        share = (true_pos + false_neg) / weights.sum(axis=1)
        brier_score = squared / weights.sum(axis=1)
        # The Brier score of who always says the share of the class.
        chance = share * (1 - share)
        return {
            "balanced_accuracy": (recall + specificity) / 2,
            "recall": recall,
            "precision": np.where(np.isnan(recall), np.nan, precision),
            "f1": np.where(np.isnan(recall), np.nan, f1),
            "specificity": specificity,
            "brier_score": brier_score,
            "brier_skill": np.where(chance > 0, 1 - brier_score / chance, np.nan),
            "log_loss": lost / weights.sum(axis=1),
        }

    def recall_at_precision(
        self, min_precision: float, weights: np.ndarray | None = None
    ) -> np.ndarray:
        """Highest recall that a threshold reaches at a given precision or a better one.

        Parameters
        ----------
        min_precision : float
            The precision.

        weights : ndarray of shape (n_draws, n_objects), default=None
            How often each object counts; None counts each object once.

        Returns
        -------
        recall : ndarray of shape (n_draws,)
            0 where no threshold is that precise, NaN where no positive carries weight.
        """
        if weights is None:
            weights = np.ones((1, len(self._order)))
        return _recall_at_precision(*self._operating_points(weights), min_precision)

    def _operating_points(self, weights):
        """Positives and objects at or above each probability, the highest first."""
        weights = weights[:, self._order]
        positive = np.cumsum(weights * self._sorted_positive, axis=1)[:, self._ends]
        return positive, np.cumsum(weights, axis=1)[:, self._ends]

    def _macro_scores(self, weights):
        hits, true, called = np.split(weights @ self._members, 3, axis=1)
        present = true > 0
        ratios = {"macro_recall": (hits, true), "macro_f1": (2 * hits, true + called)}
        return {
            metric: np.divide(part, whole, out=np.zeros_like(part), where=present).sum(axis=1)
            / present.sum(axis=1)
            for metric, (part, whole) in ratios.items()
        }


def _precision(positive, everything):
    return np.divide(positive, everything, out=np.zeros_like(positive), where=everything > 0)


def _recall_at_precision(positive, everything, min_precision):
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = positive / positive[:, -1:]
    # Sums of weights round: 3 of 4 must count as 0.75.
    precise = _precision(positive, everything) >= min_precision - 1e-12
    return np.where(precise | np.isnan(recall), recall, 0.0).max(axis=1)


def _precision_at_recall(positive, everything, min_recall):
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = positive / positive[:, -1:]
    complete = (recall >= min_recall - 1e-12) | np.isnan(recall)
    best = np.where(complete, _precision(positive, everything), 0.0).max(axis=1)
    return np.where(positive[:, -1] > 0, best, np.nan)


def _ranking_scores(positive, everything):
    negative = everything - positive
    new_positive = np.diff(positive, axis=1, prepend=0)
    new_negative = np.diff(negative, axis=1, prepend=0)
    n_positive, n_negative = positive[:, -1], negative[:, -1]
    # A positive above a negative counts one, level with it one half (Mann-Whitney).
    won = new_negative * (positive - new_positive / 2)
    precision = _precision(positive, everything)
    return {
        "average_precision": (new_positive * precision).sum(axis=1) / n_positive,
        "roc_auc": won.sum(axis=1) / (n_positive * n_negative),
    }


def bootstrap_weights(strata: np.ndarray, n_draws: int, seed: int) -> Iterator[np.ndarray]:
    """Draw bootstrap samples within strata, as counts.

    Parameters
    ----------
    strata : ndarray of shape (n_objects,)
        The stratum of each object; each draw keeps every stratum's size.

    n_draws : int
        Number of draws.

    seed : int
        Seed of the draws: the same seed and strata give the same draws.

    Yields
    ------
    weights : ndarray of shape (n_block, n_objects), dtype float64
        How often each object was drawn, for a block of draws.
    """
    rng = np.random.default_rng(seed)
    # By first appearance, as in StratifiedKFold: the names of the classes must not matter.
    codes, found = pd.factorize(strata)
    members = [np.flatnonzero(codes == code) for code in range(len(found))]
    block = max(1, _BLOCK_SIZE // len(strata))
    for start in range(0, n_draws, block):
        rows = min(block, n_draws - start)
        weights = np.empty((rows, len(strata)))
        for member in members:
            size = len(member)
            drawn = rng.integers(size, size=(rows, size))
            drawn += size * np.arange(rows)[:, np.newaxis]
            counts = np.bincount(drawn.ravel(), minlength=rows * size)
            weights[:, member] = counts.reshape(rows, size)
        yield weights


def bootstrap_scores(
    samples: Sequence[ScoredSample], strata: np.ndarray, n_draws: int, seed: int
) -> dict[str, np.ndarray]:
    """Score bootstrap draws of the objects, averaged over repeats.

    Parameters
    ----------
    samples : sequence of ScoredSample
        Predictions of the same objects, one sample per repeat; a draw applies to all of them.

    strata : ndarray of shape (n_objects,)
        The stratum of each object.

    n_draws : int
        Number of draws.

    seed : int
        Seed of the draws.

    Returns
    -------
    scores : dict of str to ndarray of shape (n_draws,)
        Mean over the repeats, one array per metric.
    """
    blocks = []
    for weights in bootstrap_weights(strata, n_draws, seed):
        repeats = [sample.scores(weights) for sample in samples]
        blocks.append({m: np.mean([r[m] for r in repeats], axis=0) for m in repeats[0]})
    return {metric: np.concatenate([block[metric] for block in blocks]) for metric in blocks[0]}


def percentile_interval(draws: np.ndarray, confidence_level: float) -> tuple[float, float]:
    """Bootstrap percentile interval.

    Parameters
    ----------
    draws : ndarray of shape (n_draws,)
        Score of each draw.

    confidence_level : float
        Share of the draws that the interval holds.

    Returns
    -------
    low, high : float
        Ends of the interval. A draw without the score (NaN) counts as beyond both ends; an end
        that falls among such draws is NaN.
    """
    tail = (1 - confidence_level) / 2
    missing = np.isnan(draws)
    ends = []
    for level, beyond in ((tail, -np.inf), (1 - tail, np.inf)):
        with np.errstate(invalid="ignore"):
            end = np.quantile(np.where(missing, beyond, draws), level)
        ends.append(float(end) if np.isfinite(end) else np.nan)
    return ends[0], ends[1]
