"""The report of how well objects are classified before their light curves are complete."""

from __future__ import annotations

import html
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils._param_validation import Interval, validate_params

from sklearn_tde._labels import plain_value

from ._early_cuts import AGE, N_DETECTIONS
from ._early_scores import CallSample, DelaySample, Group, ObjectSample, cut_groups, score_table
from ._early_text import call_lines, early_headings, early_text
from ._scores import ScoredSample

_THRESHOLD = {"threshold": [Interval(Real, 0, 1, closed="both"), None]}


class EarlyClassificationReport:
    """What a cross-validation found at each age and after each number of detections.

    Made by :func:`early_classification_report`; printing it shows a compact table.

    Parameters
    ----------
    predictions : DataFrame
        See `predictions_`.

    folds : DataFrame
        See `folds_`.

    pos_label : int, float, bool or str
        The class that the scores are about.

    name : str
        What the estimator is called in the tables.

    retrain : bool, default=False
        Whether the estimator was trained anew for each cut.

    precision : float, default=0.8
        The precision of the metric `recall_at_precision`.

    recall : float, default=0.8
        The recall of the metric `precision_at_recall`.

    n_bootstrap : int, default=2000
        Number of bootstrap draws.

    confidence_level : float, default=0.95
        Level of the bootstrap intervals.

    random_state : int, default=0
        Seed of the bootstrap.

    since : str, default="first"
        Which detection the ages are counted from.

    detection_snr : float, default=5.0
        Ratio of flux to error from which an observation is a detection.

    n_left_out : int, default=0
        Number of objects that are scored nowhere, for want of that detection.

    classes : array-like of shape (n_classes,) or None, default=None
        All labels of the problem. None stands for the labels and predictions of the scored
        objects.

    estimators : list of estimators or None, default=None
        See `estimators_`.

    Attributes
    ----------
    predictions_ : DataFrame of shape (n_predictions, 13)
        One row per repeat, cut and object, sorted by them: `repeat`, `position` (row of `X`),
        `object_id` (the index of `X`), `fold`, `y`, `cut` ("age" or "n_detections"),
        `cut_value` (days or number), `n_observations` and `n_detections` (how many were left),
        `age` (days from t = 0 to the last of them), `past_peak` (whether the brightest detection
        of the whole light curve was among them), `probability` (of `pos_label`) and `prediction`.
        An object has no row for a number of detections that it never reaches.

    folds_ : DataFrame of shape (n_repeats * n_folds, 7)
        One row per fold: `repeat`, `fold`, `n_train`, `n_test`, `n_pos` (positives among the test
        objects), `fit_time` and `score_time` in seconds, those of all cuts together.

    by_age_ : DataFrame
        One row per metric and age (days), the names of its index: `value`, pooled over the folds
        and averaged over the repeats; `low` and `high`, its bootstrap interval; `repeat_sd`, the
        standard deviation between repeats (NaN for one); `n_objects` and `n_pos`, how many
        objects and positives are scored. So ``by_age_.loc["average_precision"]`` is that metric by
        age.

    by_n_detections_ : DataFrame
        The same by metric and number of detections, of the objects that reach it; empty if none
        was asked for.

    by_peak_ : DataFrame
        The same by metric and ``"before"`` or ``"after"``: all cuts by age that precede the
        brightest detection of the object's whole light curve, and all others. The several
        predictions of an object count as one together. When the peak was is known only later.

    classes_ : ndarray of shape (n_classes,)
        All labels, sorted.

    estimators_ : list of estimators or None
        The fitted estimator of each row of `folds_`, if they were asked for.

    pos_label : int, float, bool or str
        The class that the scores are about.

    name : str
        What the estimator is called.

    n_repeats : int
        Number of repeats.

    See Also
    --------
    early_classification_report : Makes the report.
    compare_early_reports : Paired comparison of two reports.
    sklearn_tde.inspection.EarlyClassificationDisplay : Draws them.

    Examples
    --------
    >>> from sklearn_tde import make_feature_pipeline, make_transients
    >>> from sklearn_tde.evaluation import early_classification_report
    >>> X, y = make_transients(n_tde=20, n_sn_ia=60, random_state=0)
    >>> model = make_feature_pipeline().set_params(classifier__n_estimators=50)
    >>> report = early_classification_report(
    ...     model, X, y, ages=(10, 50), n_detections=(), cv=2, n_bootstrap=200
    ... )
    >>> report
    <EarlyClassificationReport of ExtraTreesClassifier: 80 objects, 2 cuts, pos_label='TDE'>
    >>> report.by_age_.loc["average_precision", ["value", "low", "high"]].round(1)
          value  low  high
    age
    10.0    0.4  0.2   0.5
    50.0    0.9  0.9   1.0
    """

    def __init__(
        self,
        predictions: pd.DataFrame,
        folds: pd.DataFrame,
        *,
        pos_label: int | float | bool | str,
        name: str,
        retrain: bool = False,
        precision: float = 0.8,
        recall: float = 0.8,
        n_bootstrap: int = 2000,
        confidence_level: float = 0.95,
        random_state: int = 0,
        since: str = "first",
        detection_snr: float = 5.0,
        n_left_out: int = 0,
        classes: np.ndarray | None = None,
        estimators: list | None = None,
    ):
        self.estimators_ = estimators
        self.pos_label = plain_value(pos_label)
        self.name = plain_value(name)
        self.retrain = retrain
        self.precision = precision
        self.recall = recall
        self.n_bootstrap = n_bootstrap
        self.confidence_level = confidence_level
        self.random_state = random_state
        self.since = since
        self.detection_snr = detection_snr
        self.n_left_out = n_left_out
        order = ["repeat", "cut", "cut_value", "position"]
        self.predictions_ = predictions.sort_values(order, ignore_index=True)
        self.folds_ = folds.reset_index(drop=True)
        labels = self.predictions_["y"].to_numpy()
        predicted = self.predictions_["prediction"].to_numpy()
        self.classes_ = np.union1d(labels, predicted if classes is None else classes)
        self.n_repeats = int(self.predictions_["repeat"].nunique())
        # One row per object that is scored, in the order of X: what the bootstrap draws.
        objects = self.predictions_.drop_duplicates("position").sort_values("position")
        self._objects = pd.Index(objects["position"])
        self._labels = objects["y"].to_numpy()
        self._groups = {kind: self._grouped(kind) for kind in (AGE, N_DETECTIONS, "peak")}
        self._draws: dict[tuple, dict] = {}
        self.by_age_ = self._table(AGE)
        self.by_n_detections_ = self._table(N_DETECTIONS)
        self.by_peak_ = self._table("peak")

    @validate_params(_THRESHOLD, prefer_skip_nested_validation=True)
    def first_calls(self, threshold: float | None = None) -> pd.DataFrame:
        """Return when each object was first called `pos_label` with confidence.

        Parameters
        ----------
        threshold : float, default=None
            The probability from which an object is called; None: where the estimator's own
            `predict` says so.

        Returns
        -------
        calls : DataFrame of shape (n_repeats * n_objects, 6)
            One row per repeat and object: `repeat`, `position`, `object_id`, `y`, `cut_value`
            (the first age among those of the report at which it was called, infinite if that is
            the whole light curve, NaN if it never was) and `days` (those from t = 0 to the last
            observation that the call stands on, infinite if it never was called).

        See Also
        --------
        sklearn_tde.evaluation.first_trigger : The first observation at which it is called.

        Notes
        -----
        `days` are an upper limit, as sharp as the grid of ages: between two ages an object is not
        looked at, and it may have been called at any observation there. Called with the whole light
        curve only, an object has the day of its last observation, however late that is, which tells
        how long it was observed, and of the classifier only that it did not call it at any of the
        finite ages. For the day itself, :func:`~sklearn_tde.evaluation.score_trajectory` looks
        after each observation, and :func:`~sklearn_tde.evaluation.first_trigger` finds the first.
        """
        by_age = self.predictions_[self.predictions_["cut"] == AGE]
        keys = ["repeat", "position"]
        calls = by_age.drop_duplicates(keys)[[*keys, "object_id", "y"]]
        first = by_age[self._called(by_age, threshold)].drop_duplicates(keys)
        first = first[[*keys, "cut_value", "age"]].rename(columns={"age": "days"})
        calls = calls.merge(first, on=keys, how="left").sort_values(keys, ignore_index=True)
        return calls.fillna({"days": np.inf})

    @validate_params(_THRESHOLD, prefer_skip_nested_validation=True)
    def calls(self, threshold: float | None = None) -> pd.DataFrame:
        """Return how many objects have been called `pos_label` by each age, rightly and wrongly.

        An object that was called once counts as called at all later ages: its spectrum has been
        taken.

        Parameters
        ----------
        threshold : float, default=None
            As in `first_calls`.

        Returns
        -------
        calls : DataFrame
            As `by_age_`, with the metrics `called`, the share of the objects of `pos_label` that
            have been called by that age, and `false_alarms`, how many of a thousand other objects
            have been.
        """
        calls = self.first_calls(threshold)
        ages = self.predictions_.loc[self.predictions_["cut"] == AGE, "cut_value"].unique()
        positive = self._labels == self.pos_label
        groups = {}
        for age in np.sort(ages):
            # Never (NaN) is after every age.
            called = [rows["cut_value"].to_numpy() <= age for _, rows in calls.groupby("repeat")]
            samples = [CallSample(positive, by_then) for by_then in called]
            groups[float(age)] = Group(samples, len(positive), int(positive.sum()))
        return self._scored(groups, AGE)

    @validate_params(
        _THRESHOLD | {"shares": ["array-like"]},
        prefer_skip_nested_validation=True,
    )
    def time_to_call(
        self, threshold: float | None = None, *, shares: Sequence[float] = (0.25, 0.5, 0.75)
    ) -> pd.DataFrame:
        """Return by when objects of `pos_label` have been called so, at the latest.

        Parameters
        ----------
        threshold : float, default=None
            As in `first_calls`.

        shares : sequence of float, default=(0.25, 0.5, 0.75)
            Shares of all objects of `pos_label`, those that are never called included.

        Returns
        -------
        days : DataFrame of shape (n_shares, 4)
            One row per share: `value`, days from t = 0, not later than which that share had been
            called; `low` and `high`, its bootstrap interval; `repeat_sd`. Infinite where fewer are
            ever called.

        See Also
        --------
        sklearn_tde.evaluation.first_trigger : The first observation at which an object is called.

        Notes
        -----
        These are the `days` of `first_calls`: upper limits, as sharp as the grid of ages, which
        overstate the delay by up to a step of it. The step to an infinite age is the rest of the
        light curve: a `value` beyond the last finite age is when observations ended, and not when
        the object was called. Take ages a few days apart, or, for the day itself,
        :func:`~sklearn_tde.evaluation.score_trajectory` and
        :func:`~sklearn_tde.evaluation.first_trigger`.
        """
        calls = self.first_calls(threshold)
        positive = self._labels == self.pos_label
        samples = [
            DelaySample(positive, rows["days"].to_numpy(), shares)
            for _, rows in calls.groupby("repeat")
        ]
        table = self._scored({0: Group(samples, len(positive), int(positive.sum()))}, "group")
        table = table.droplevel("group").rename_axis("share")
        columns = ["value", "low", "high"]
        # An end of an interval that falls among those never called is no number.
        table[columns] = table[columns].fillna(np.inf)
        return table[[*columns, "repeat_sd"]]

    def _called(self, rows, threshold):
        if threshold is None:
            return (rows["prediction"] == self.pos_label).to_numpy()
        return (rows["probability"] >= threshold).to_numpy()

    def _grouped(self, kind) -> dict[Any, Group]:
        groups = {}
        for value, rows in cut_groups(self.predictions_, kind):
            if not len(rows):
                continue
            samples = [self._sample(repeat) for _, repeat in rows.groupby("repeat")]
            objects = rows.drop_duplicates("position")
            positive = int((objects["y"] == self.pos_label).sum())
            groups[value] = Group(samples, len(objects), positive)
        return groups

    def _sample(self, rows):
        sample = ScoredSample(
            rows["y"].to_numpy(),
            rows["prediction"].to_numpy(),
            rows["probability"].to_numpy(),
            classes=self.classes_,
            pos_label=self.pos_label,
        )
        objects = self._objects.get_indexer(rows["position"])
        levels = {"min_precision": self.precision, "min_recall": self.recall}
        return ObjectSample(sample, objects, len(self._objects), **levels)

    def _bootstrap(self, kind, n_bootstrap, random_state) -> dict[Any, dict]:
        # Kept, because a baseline is compared to many reports.
        key = kind, n_bootstrap, random_state
        if key not in self._draws:
            self._draws[key] = self._drawn(self._groups[kind], n_bootstrap, random_state)
        return self._draws[key]

    def _drawn(self, groups, n_bootstrap, random_state):
        return {
            value: group.draws(self._labels, n_bootstrap, random_state)
            for value, group in groups.items()
        }

    def _table(self, kind):
        draws = self._bootstrap(kind, self.n_bootstrap, self.random_state)
        return score_table(self._groups[kind], draws, self.confidence_level, kind)

    def _scored(self, groups, name):
        draws = self._drawn(groups, self.n_bootstrap, self.random_state)
        return score_table(groups, draws, self.confidence_level, name)

    def __str__(self) -> str:
        table = early_text(self).to_string()
        return "\n".join([*early_headings(self), "", table, "", *call_lines(self)])

    def __repr__(self) -> str:
        n_cuts = len(self.predictions_[["cut", "cut_value"]].drop_duplicates())
        return (
            f"<EarlyClassificationReport of {self.name}: {len(self._objects)} objects, "
            f"{n_cuts} cuts, pos_label={self.pos_label!r}>"
        )

    def _repr_html_(self) -> str:
        above, below = (
            "<br>".join(html.escape(line) for line in lines)
            for lines in (early_headings(self), call_lines(self))
        )
        return f"<p>{above}</p>\n{early_text(self).to_html()}\n<p>{below}</p>"
