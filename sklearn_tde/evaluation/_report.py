"""The cross-validation report: its tables, and how they print."""

import html

import numpy as np
import pandas as pd

from ._checks import plain_value
from ._scores import METRICS, ScoredSample, bootstrap_scores, percentile_interval


class CrossValidationReport:
    """What a cross-validation found, object by object, fold by fold and pooled.

    Made by :func:`cross_validation_report`; printing it shows the pooled table.

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
    ):
        self.pos_label = plain_value(pos_label)
        self.name = plain_value(name)
        self.threshold = threshold
        self.n_bootstrap = n_bootstrap
        self.confidence_level = confidence_level
        self.random_state = random_state
        self.estimators_ = estimators
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
        first = self.predictions_["repeat"] == self.predictions_["repeat"].iloc[0]
        return bootstrap_scores(self._repeats(), self.y_true[first], n_bootstrap, random_state)

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
                "value": repeats[metric].mean(),
                "low": low,
                "high": high,
                "repeat_sd": repeats[metric].std(),
                "fold_mean": self.folds_[metric].mean(),
                "fold_sd": self.folds_[metric].std(),
            }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("metric")

    def _headings(self) -> list[str]:
        """What the numbers are about, in a few lines."""
        first = self.predictions_.drop_duplicates("position")
        n_positive = int((first["y"] == self.pos_label).sum())
        others = [str(label) for label in self.classes_.tolist() if label != self.pos_label]
        against = others[0] if len(others) == 1 else f"the others ({', '.join(others)})"
        folds = f"{len(self.folds_) // self.n_repeats} folds"
        if self.n_repeats > 1:
            folds += f" x {self.n_repeats} repeats"
        lines = [
            f"{self.name}: {self.pos_label} against {against}, "
            f"{n_positive} of {len(first)} objects ({n_positive / len(first):.1%})",
            f"{folds}, pooled out of fold; {self.confidence_level:.0%} bootstrap intervals "
            f"over objects ({self.n_bootstrap} draws)",
        ]
        thresholds = self.folds_["threshold"].dropna()
        used = ""
        if thresholds.nunique() > 1:
            used = f" ({thresholds.min():.3f} to {thresholds.max():.3f})"
        return [*lines, f"threshold: {self.threshold}{used}"]

    def _formatted(self) -> pd.DataFrame:
        """The pooled table as text, with the names that people use."""
        pooled = self.pooled_
        rows = [METRICS[metric].format(self.pos_label) for metric in pooled.index]
        table = pd.DataFrame(index=rows)
        table["pooled"] = [f"{value:.3f}" for value in pooled["value"]]
        table[f"{self.confidence_level:.0%} interval"] = _join(pooled["low"], "to", pooled["high"])
        if self.n_repeats > 1:
            table["sd of repeats"] = [f"{value:.3f}" for value in pooled["repeat_sd"]]
        table["folds, mean +- sd"] = _join(pooled["fold_mean"], "+-", pooled["fold_sd"])
        return table

    def __str__(self) -> str:
        return "\n".join([*self._headings(), "", self._formatted().to_string()])

    def __repr__(self) -> str:
        return (
            f"<CrossValidationReport of {self.name}: {len(self.folds_)} folds, "
            f"{self.predictions_['position'].nunique()} objects, pos_label={self.pos_label!r}>"
        )

    def _repr_html_(self) -> str:
        headings = "<br>".join(html.escape(line) for line in self._headings())
        return f"<p>{headings}</p>\n{self._formatted().to_html()}"


def _join(left, word, right):
    return [f"{a:.3f} {word} {b:.3f}" for a, b in zip(left, right, strict=True)]
