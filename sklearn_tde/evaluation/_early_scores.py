"""Scores of cut light curves, whose bootstrap draws objects and not predictions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from ._early_cuts import AGE
from ._scores import METRICS, ScoredSample, bootstrap_scores, percentile_interval

#: What the tables of calls add to the names of the metrics.
CALL_METRICS = {
    "called": "share of {} called",
    "false_alarms": "false alarms per thousand others",
}


def metric_text(metric: str, pos_label: Any, precision: float, recall: float) -> str:
    """Return what people call a metric of an early classification report."""
    if metric == "recall_at_precision":
        return f"recall at precision {precision:g}"
    if metric == "precision_at_recall":
        return f"precision at recall {recall:g}"
    return (METRICS | CALL_METRICS)[metric].format(pos_label)


class ObjectSample:
    """Predictions of a group, several of one object perhaps, under weights of the objects.

    Parameters
    ----------
    sample : ScoredSample
        The predictions.

    objects : ndarray of shape (n_predictions,), dtype int
        Which object each prediction is of.

    n_objects : int
        Number of objects, those without a prediction here included.

    **levels
        Keyword arguments of `ScoredSample.scores`.
    """

    def __init__(self, sample: ScoredSample, objects: np.ndarray, n_objects: int, **levels):
        self._sample = sample
        self._objects = objects
        self._n_objects = n_objects
        self._levels = levels
        # Together, the predictions of one object count as one.
        self._shares = 1 / np.bincount(objects, minlength=n_objects)[objects]

    def scores(self, weights: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """Score the predictions under weights of shape (n_draws, n_objects)."""
        if weights is None:
            weights = np.ones((1, self._n_objects))
        return self._sample.scores(weights[:, self._objects] * self._shares, **self._levels)


class CallSample:
    """Which objects have been called by an age, under weights of the objects.

    Parameters
    ----------
    positive : ndarray of shape (n_objects,), dtype bool
        Whether an object is of the positive class.

    called : ndarray of shape (n_objects,), dtype bool
        Whether it has been called so.
    """

    def __init__(self, positive: np.ndarray, called: np.ndarray):
        groups = [positive & called, positive, ~positive & called, ~positive]
        self._columns = np.column_stack(groups).astype(np.float64)

    def scores(self, weights: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """Score the calls under weights of shape (n_draws, n_objects)."""
        if weights is None:
            weights = np.ones((1, len(self._columns)))
        hits, positive, alarms, others = (weights @ self._columns).T
        with np.errstate(invalid="ignore", divide="ignore"):
            return {"called": hits / positive, "false_alarms": 1000 * alarms / others}


class DelaySample:
    """Days until a share of the positive objects has been called, under weights of the objects.

    Parameters
    ----------
    positive : ndarray of shape (n_objects,), dtype bool
        Whether an object is of the positive class.

    days : ndarray of shape (n_objects,)
        When an object was first called, infinite where it never was.

    shares : sequence of float
        The shares.
    """

    def __init__(self, positive: np.ndarray, days: np.ndarray, shares: Any):
        self._order = np.flatnonzero(positive)[np.argsort(days[positive], kind="stable")]
        self._days = days[self._order]
        self._n_objects = len(days)
        self._shares = shares

    def scores(self, weights: np.ndarray | None = None) -> dict[float, np.ndarray]:
        """Return the days of every share under weights of shape (n_draws, n_objects)."""
        if weights is None:
            weights = np.ones((1, self._n_objects))
        called = np.cumsum(weights[:, self._order], axis=1)
        total = called[:, -1:]
        # Sums of weights round.
        enough = [called >= share * total - 1e-9 for share in self._shares]
        return {
            share: np.where(total[:, 0] > 0, self._days[reached.argmax(axis=1)], np.nan)
            for share, reached in zip(self._shares, enough, strict=True)
        }


class Group:
    """What a row of a table is about: the predictions of a cut, repeat by repeat.

    Parameters
    ----------
    samples : list of ObjectSample, CallSample or DelaySample
        One per repeat.

    n_objects, n_positive : int
        How many objects and positives have a prediction here.
    """

    def __init__(self, samples: list, n_objects: int, n_positive: int):
        self.samples = samples
        self.n_objects = n_objects
        self.n_positive = n_positive

    def repeat_scores(self) -> pd.DataFrame:
        """Scores of each repeat: one row per repeat, one column per metric."""
        return pd.DataFrame(
            [{m: score[0] for m, score in sample.scores().items()} for sample in self.samples]
        )

    def draws(self, strata: np.ndarray, n_bootstrap: int, seed: int) -> dict[Any, np.ndarray]:
        """Scores of bootstrap draws of the objects, averaged over the repeats."""
        return bootstrap_scores(self.samples, strata, n_bootstrap, seed)


def cut_groups(predictions: pd.DataFrame, kind: str) -> Iterator[tuple[Any, pd.DataFrame]]:
    """Yield the rows of a table with their predictions.

    Parameters
    ----------
    predictions : DataFrame
        `predictions_` of a report.

    kind : {"age", "n_detections", "peak"}
        Which table.

    Yields
    ------
    value : float, int or str
        The age, the number of detections, or "before" or "after".

    rows : DataFrame
        Its predictions; none, perhaps, before or after the peak.
    """
    if kind == "peak":
        by_age = predictions[predictions["cut"] == AGE]
        for phase, past in (("before", False), ("after", True)):
            yield phase, by_age[by_age["past_peak"] == past]
        return
    chosen = predictions[predictions["cut"] == kind]
    for value, rows in chosen.groupby("cut_value"):
        yield value if kind == AGE else int(value), rows


def score_table(
    groups: dict[Any, Group], draws: dict[Any, dict], confidence_level: float, name: str
) -> pd.DataFrame:
    """Put values, intervals and numbers of objects of several groups into a table.

    Parameters
    ----------
    groups : dict of Group
        The groups by what the rows are called.

    draws : dict of dict of ndarray
        The bootstrap draws of each.

    confidence_level : float
        Level of the intervals.

    name : str
        What the rows of a metric are told apart by.

    Returns
    -------
    table : DataFrame
        One row per metric and group.
    """
    rows = {}
    for key, group in groups.items():
        repeats = group.repeat_scores()
        # What takes forever in some repeats has no spread.
        with np.errstate(invalid="ignore"):
            spread = repeats.std(skipna=False)
        for metric in repeats:
            low, high = percentile_interval(draws[key][metric], confidence_level)
            rows[metric, key] = {
                "value": repeats[metric].mean(skipna=False),
                "low": low,
                "high": high,
                "repeat_sd": spread[metric],
                "n_objects": group.n_objects,
                "n_pos": group.n_positive,
            }
    return by_metric(rows, name)


def by_metric(rows: dict[tuple, dict], name: str) -> pd.DataFrame:
    """Return rows by metric and what else as a table, metric by metric."""
    metrics = list(dict.fromkeys(metric for metric, _ in rows))
    keys = list(dict.fromkeys(key for _, key in rows))
    index = [(m, k) for m in metrics for k in keys if (m, k) in rows]
    return pd.DataFrame(
        [rows[pair] for pair in index], pd.MultiIndex.from_tuples(index, names=["metric", name])
    )
