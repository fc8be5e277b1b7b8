"""The cross-validation report and its tables."""

from __future__ import annotations

import html
from collections.abc import Callable
from numbers import Integral, Real

import numpy as np
import pandas as pd
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from sklearn_tde._labels import plain_value

from ._report_text import footnotes, headings, pooled_text
from ._scores import ScoredSample, bootstrap_scores, log_losses, percentile_interval
from ._threshold import (
    THRESHOLD_METRICS,
    check_threshold_request,
    describe_threshold,
    tune_threshold,
)


class CrossValidationReport:
    """What a cross-validation found, object by object, fold by fold and pooled.

    Made by :func:`cross_validation_report`; printing it shows the pooled table, with a dash where
    a score is not defined (NaN), as its notes say.

    Parameters
    ----------
    predictions : DataFrame
        See `predictions_`.

    folds : DataFrame
        See `folds_`, without the columns of the metrics.

    pos_label : int, float, bool or str
        The class that the scores are about.

    name : str
        What the estimator is called in the tables.

    threshold : str, default="the estimator's own"
        How the predictions were made from the probabilities, in words.

    n_bootstrap : int, default=2000
        Number of bootstrap draws.

    confidence_level : float, default=0.95
        Level of the bootstrap intervals.

    random_state : int, default=0
        Seed of the bootstrap.

    estimators : list of estimator or None, default=None
        See `estimators_`.

    classes : array-like of shape (n_classes,) or None, default=None
        All labels of the problem, also those that no scored object has. None stands for the
        labels and predictions of the scored objects.

    inner_predictions : DataFrame or None, default=None
        See `inner_predictions_`.

    Attributes
    ----------
    predictions_ : DataFrame of shape (n_repeats * n_scored, 8)
        One row per scored object and repeat, sorted by both: `repeat`, `position` (row of `X`),
        `object_id` (the index of `X`, or the position), `fold`, `y`, `probability` (of
        `pos_label`), `prediction`, `threshold` (NaN where the estimator predicts by its own
        rule). Every row was predicted by an estimator that never saw the object.

    folds_ : DataFrame of shape (n_repeats * n_folds, n_columns)
        One row per fold: `repeat`, `fold`, `n_train`, `n_test`, `n_pos` (positives among the
        test objects), `threshold`, one column per metric, `fit_time` and `score_time` in
        seconds. Scores that a fold cannot have, for want of a class, are NaN.

    pooled_ : DataFrame of shape (n_metrics, 6)
        One row per metric: `value`, computed on all out-of-fold predictions of a repeat at once
        and averaged over the repeats; `low` and `high`, its bootstrap interval; `repeat_sd`, the
        standard deviation between repeats (NaN for one); `fold_mean` and `fold_sd`, mean and
        standard deviation of the folds of all repeats.

    inner_predictions_ : DataFrame or None
        What a threshold was tuned on, if one was: one row per predicted object of each split of
        each training set, with `repeat`, `fold`, `split`, `position`, `y` and `probability`.

    estimators_ : list of estimator or None
        The fitted estimators in the order of `folds_`, if they were asked for.

    classes_ : ndarray of shape (n_classes,)
        All labels, sorted.

    pos_label : int, float, bool or str
        The class that the scores are about.

    name : str
        What the estimator is called.

    n_repeats : int
        Number of repeats.

    See Also
    --------
    cross_validation_report : Makes the report.
    compare_reports : Paired comparison of two reports.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.metrics import confusion_matrix
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn_tde.evaluation import cross_validation_report
    >>> X, y = make_classification(400, weights=[0.9], class_sep=1.5, random_state=0)
    >>> report = cross_validation_report(GaussianNB(), X, y)
    >>> report
    <CrossValidationReport of GaussianNB: 5 folds, 400 objects, pos_label=1>
    >>> report.pooled_.loc["average_precision", ["value", "low", "high"]].round(2).tolist()
    [0.85, 0.77, 0.93]
    >>> confusion_matrix(report.y_true, report.y_pred)
    array([[347,  12],
           [ 11,  30]])
    """

    def __init__(
        self,
        predictions: pd.DataFrame,
        folds: pd.DataFrame,
        *,
        pos_label: int | float | bool | str,
        name: str,
        threshold: str = "the estimator's own",
        n_bootstrap: int = 2000,
        confidence_level: float = 0.95,
        random_state: int = 0,
        estimators: list | None = None,
        classes: np.ndarray | None = None,
        inner_predictions: pd.DataFrame | None = None,
    ):
        self.pos_label = plain_value(pos_label)
        self.name = plain_value(name)
        self.threshold = threshold
        self.n_bootstrap = n_bootstrap
        self.confidence_level = confidence_level
        self.random_state = random_state
        self.estimators_ = estimators
        self.inner_predictions_ = inner_predictions
        self._draws: dict[tuple[int, int], dict[str, np.ndarray]] = {}
        self.predictions_ = predictions.sort_values(["repeat", "position"], ignore_index=True)
        self.classes_ = np.union1d(self.y_true, self.y_pred if classes is None else classes)
        self.n_repeats = int(self.predictions_["repeat"].nunique())
        self.folds_ = self._score_folds(folds)
        self.pooled_ = self._pool()

    @property
    def y_true(self) -> np.ndarray:
        """True labels, one per row of `predictions_`.

        With `y_proba` or `y_pred`, what the `from_predictions` of scikit-learn's displays take.
        """
        return self.predictions_["y"].to_numpy()

    @property
    def y_proba(self) -> np.ndarray:
        """Probabilities of `pos_label`, one per row of `predictions_`."""
        return self.predictions_["probability"].to_numpy()

    @property
    def y_pred(self) -> np.ndarray:
        """Predicted labels, one per row of `predictions_`."""
        return self.predictions_["prediction"].to_numpy()

    @validate_params(
        {
            "threshold": [
                StrOptions(set(THRESHOLD_METRICS)),
                Interval(Real, 0, 1, closed="neither"),
                callable,
            ]
        },
        prefer_skip_nested_validation=True,
    )
    def at_threshold(self, threshold: str | float | Callable) -> CrossValidationReport:
        """Return the report of the same probabilities at another threshold.

        Nothing is fitted. So one cross-validation tells how a classifier does by several metrics,
        each at the threshold tuned for it.

        Parameters
        ----------
        threshold : {"balanced_accuracy", "f1", "matthews_corrcoef", "accuracy"}, callable or float
            What the threshold of each fold maximises within its training set, as
            `threshold_scoring` of :func:`cross_validation_report`; or the threshold itself, a
            number between 0 and 1.

        Returns
        -------
        report : CrossValidationReport
            The report, without estimators: those of this one predict by their own threshold.

        Raises
        ------
        ValueError
            If there are more than two classes, or if a threshold is to be tuned and this report
            was not made with ``threshold="tune"``.

        Examples
        --------
        >>> from sklearn.datasets import make_classification
        >>> from sklearn.naive_bayes import GaussianNB
        >>> from sklearn_tde.evaluation import cross_validation_report
        >>> X, y = make_classification(400, weights=[0.9], class_sep=1.5, random_state=0)
        >>> report = cross_validation_report(GaussianNB(), X, y, threshold="tune", threshold_cv=2)
        >>> for metric in ("f1", "balanced_accuracy"):
        ...     tuned = report.at_threshold(metric)
        ...     print(metric, tuned.pooled_.loc[metric, "value"].round(2))
        f1 0.67
        balanced_accuracy 0.9
        """
        check_threshold_request(threshold, threshold, self.classes_)
        if isinstance(threshold, Real):
            thresholds = dict.fromkeys(_folds_of(self.folds_), float(threshold))
            description = describe_threshold(threshold, None)
        else:
            thresholds = self._tuned_thresholds(threshold)
            description = describe_threshold("tune", threshold)
        return self._with_thresholds(thresholds, description)

    def _tuned_thresholds(self, scoring):
        if self.inner_predictions_ is None:
            raise ValueError(
                f"the report {self.name!r} holds no predictions to tune a threshold on; make it "
                "with cross_validation_report(..., threshold='tune')."
            )
        return {
            fold: tune_threshold(inner, scoring, self.pos_label)
            for fold, inner in self.inner_predictions_.groupby(["repeat", "fold"])
        }

    def _with_thresholds(self, thresholds, description):
        predictions, folds = (
            table.assign(threshold=[thresholds[key] for key in _folds_of(table)])
            for table in (self.predictions_, self.folds_.drop(columns=self.pooled_.index))
        )
        (other,) = self.classes_[self.classes_ != self.pos_label]
        called = predictions["probability"] >= predictions["threshold"]
        prediction = np.where(called, self.pos_label, other).astype(self.classes_.dtype)
        return CrossValidationReport(
            predictions.assign(prediction=prediction),
            folds,
            pos_label=self.pos_label,
            name=self.name,
            threshold=description,
            n_bootstrap=self.n_bootstrap,
            confidence_level=self.confidence_level,
            random_state=self.random_state,
            classes=self.classes_,
            inner_predictions=self.inner_predictions_,
        )

    @validate_params(
        {"n_objects": [Interval(Integral, 1, None, closed="left"), None]},
        prefer_skip_nested_validation=True,
    )
    def mistakes(self, n_objects: int | None = None) -> pd.DataFrame:
        """Return the objects from the most wrong probability to the best.

        Parameters
        ----------
        n_objects : int, default=None
            How many objects; None returns all of them.

        Returns
        -------
        mistakes : DataFrame of shape (n_objects, 5)
            One row per object, the worst first, with its `rank` (from 1) in the index:
            `object_id`, `position` (row of `X`), `y`, `probability` (of `pos_label`, mean over
            the repeats) and `log_loss`, minus the logarithm of the probability of what the object
            is: `pos_label` or not. Equal ones are in the order of `X`.

        See Also
        --------
        sklearn_tde.inspection.MistakesDisplay : Their light curves.
        """
        table = self.predictions_.groupby("position", as_index=False).agg(
            {"object_id": "first", "y": "first", "probability": "mean"}
        )
        table["log_loss"] = log_losses(table["y"] == self.pos_label, table["probability"])
        table = table.sort_values("log_loss", ascending=False, kind="stable", ignore_index=True)
        table.index = pd.RangeIndex(1, len(table) + 1, name="rank")
        columns = ["object_id", "position", "y", "probability", "log_loss"]
        return table[columns].iloc[:n_objects]

    def _sample(self, predictions):
        return ScoredSample(
            predictions["y"].to_numpy(),
            predictions["prediction"].to_numpy(),
            predictions["probability"].to_numpy(),
            classes=self.classes_,
            pos_label=self.pos_label,
        )

    def _repeats(self):
        return [self._sample(repeat) for _, repeat in self.predictions_.groupby("repeat")]

    def _repeat_scores(self) -> pd.DataFrame:
        """Pooled scores of each repeat: one row per repeat, one column per metric."""
        return pd.DataFrame(
            [{m: score[0] for m, score in r.scores().items()} for r in self._repeats()]
        )

    def _bootstrap(self, n_bootstrap, random_state) -> dict[str, np.ndarray]:
        # Kept, because a baseline is compared to many reports.
        key = n_bootstrap, random_state
        if key not in self._draws:
            first = self.predictions_["repeat"] == self.predictions_["repeat"].iloc[0]
            self._draws[key] = bootstrap_scores(self._repeats(), self.y_true[first], *key)
        return self._draws[key]

    def _score_folds(self, folds):
        scores = [
            {"repeat": repeat, "fold": fold}
            | {m: score[0] for m, score in self._sample(rows).scores().items()}
            for (repeat, fold), rows in self.predictions_.groupby(["repeat", "fold"])
        ]
        table = folds.merge(pd.DataFrame(scores), on=["repeat", "fold"], validate="one_to_one")
        times = ["fit_time", "score_time"]
        return table[[column for column in table if column not in times] + times]

    def _pool(self):
        repeats = self._repeat_scores()
        draws = self._bootstrap(self.n_bootstrap, self.random_state)
        rows = {}
        for metric in repeats:
            low, high = percentile_interval(draws[metric], self.confidence_level)
            rows[metric] = {
                # A repeat without the score leaves none, as in each draw.
                "value": repeats[metric].mean(skipna=False),
                "low": low,
                "high": high,
                "repeat_sd": repeats[metric].std(skipna=False),
                "fold_mean": self.folds_[metric].mean(),
                "fold_sd": self.folds_[metric].std(),
            }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("metric")

    def __str__(self) -> str:
        table = pooled_text(self)
        return "\n".join([*headings(self), "", table.to_string(), *footnotes(table)])

    def __repr__(self) -> str:
        return (
            f"<CrossValidationReport of {self.name}: {len(self.folds_)} folds, "
            f"{self.predictions_['position'].nunique()} objects, pos_label={self.pos_label!r}>"
        )

    def _repr_html_(self) -> str:
        table = pooled_text(self)
        above, below = (
            "<br>".join(html.escape(line) for line in lines)
            for lines in (headings(self), footnotes(table))
        )
        return f"<p>{above}</p>\n{table.to_html()}" + (f"\n<p>{below}</p>" if below else "")


def _folds_of(table):
    return zip(table["repeat"], table["fold"], strict=True)
