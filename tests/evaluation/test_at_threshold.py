"""One cross-validation, several thresholds."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    StratifiedKFold,
    StratifiedShuffleSplit,
    TunedThresholdClassifierCV,
)
from sklearn.naive_bayes import GaussianNB

from sklearn_tde.evaluation import compare_reports, cross_validation_report
from sklearn_tde.evaluation._threshold import QUICK_METRICS

NAMES = ["accuracy", "balanced_accuracy", "f1", "matthews_corrcoef"]


@pytest.fixture(scope="module")
def data():
    X, positive = make_classification(
        200, 6, weights=[0.8], class_sep=0.6, flip_y=0.02, random_state=0
    )
    return X, np.where(positive, "TDE", "Unknown")


def report_of(X, y, estimator=None, **options):
    defaults = {"threshold": "tune", "threshold_cv": 2, "cv": 2, "n_bootstrap": 20}
    estimator = GaussianNB() if estimator is None else estimator
    return cross_validation_report(estimator, X, y, **{**defaults, **options})


@pytest.fixture(scope="module")
def report(data):
    return report_of(*data, n_repeats=2)


class Counting(LogisticRegression):
    """Counts, on the class, how often it is fitted."""

    n_fits = 0

    def fit(self, X, y):
        Counting.n_fits += 1
        return super().fit(X, y)


@pytest.mark.parametrize("name", NAMES)
def test_the_metrics_are_those_of_scikit_learn_to_the_last_bit(name):
    rng = np.random.default_rng(0)
    metric = getattr(metrics, name if name == "matthews_corrcoef" else f"{name}_score")
    for share in [0.0, 0.1, 0.5, 1.0] * 3:
        y = np.append(rng.integers(2, size=rng.integers(5, 90)), [0, 1])
        called = (rng.random(len(y)) < share).astype(int)
        assert QUICK_METRICS[name](y, called) == metric(y, called)


@pytest.mark.parametrize(
    ("name", "inner"),
    [
        ("f1", StratifiedKFold(3)),
        ("balanced_accuracy", StratifiedShuffleSplit(3, test_size=0.5, random_state=0)),
    ],
)
def test_thresholds_are_those_that_scikit_learn_finds_on_the_same_splits(data, name, inner):
    X, y = data[0], data[1] == "TDE"
    train, test = np.split(np.arange(200), [120])
    found = report_of(X, y, threshold_cv=inner, cv=[(train, test)]).at_threshold(name)
    tuned = TunedThresholdClassifierCV(GaussianNB(), scoring=name, cv=inner)
    tuned.fit(X[train], y[train])
    assert found.folds_["threshold"].tolist() == [tuned.best_threshold_]
    assert (found.predictions_["threshold"] == tuned.best_threshold_).all()
    assert (found.y_pred == tuned.predict(X[test])).all()


def test_it_is_the_report_that_tuning_for_that_metric_makes(data, report):
    asked = report_of(*data, n_repeats=2, threshold_scoring="f1")
    found = report.at_threshold("f1")
    pd.testing.assert_frame_equal(found.predictions_, asked.predictions_)
    pd.testing.assert_frame_equal(found.pooled_, asked.pooled_)
    times = ["fit_time", "score_time"]
    pd.testing.assert_frame_equal(
        found.folds_.drop(columns=times), asked.folds_.drop(columns=times)
    )
    assert str(found).splitlines()[2] == str(asked).splitlines()[2]
    assert list(found.folds_) == list(report.folds_)
    pd.testing.assert_frame_equal(
        found.at_threshold("balanced_accuracy").predictions_, report.predictions_
    )


def test_each_metric_does_best_or_as_well_at_its_own_threshold(report):
    inner = {name: report.at_threshold(name) for name in ("f1", "balanced_accuracy")}
    thresholds = {name: tuned.folds_["threshold"].mean() for name, tuned in inner.items()}
    assert thresholds["f1"] > thresholds["balanced_accuracy"]
    table = compare_reports(*inner.values())
    assert (table.loc[["average_precision", "brier_skill"], "difference"] == 0).all()
    assert table.loc["recall", "difference"] < 0 < table.loc["precision", "difference"]


def test_several_thresholds_cost_no_further_fit(data):
    Counting.n_fits = 0
    report = report_of(*data, Counting(), return_estimators=True)
    assert Counting.n_fits == 2 * (2 + 1)
    assert report.at_threshold("f1").estimators_ is None
    assert Counting.n_fits == 2 * (2 + 1)


def test_a_metric_of_ones_own(data, report):
    def few_calls(y_true, y_pred):
        assert set(np.unique(y_true)) == {0, 1}
        return -y_pred.sum()

    strict = report.at_threshold(few_calls)
    assert strict.pooled_.loc["recall", "value"] < report.pooled_.loc["recall", "value"]
    assert "few calls" in str(strict)


def test_a_number_needs_nothing_tuned(data):
    plain = report_of(*data, threshold=None)
    pd.testing.assert_frame_equal(
        plain.at_threshold(0.8).predictions_, report_of(*data, threshold=0.8).predictions_
    )
    assert "threshold: 0.8" in str(plain.at_threshold(0.8))
    with pytest.raises(ValueError, match="'GaussianNB' holds no predictions to tune .*'tune'"):
        plain.at_threshold("f1")


def test_inner_predictions_are_of_objects_of_the_training_set_alone(data, report):
    inner = report.inner_predictions_
    assert list(inner) == ["repeat", "fold", "split", "position", "y", "probability"]
    assert (inner["y"].to_numpy() == data[1][inner["position"]]).all()
    for key, rows in inner.groupby(["repeat", "fold"]):
        scored = report.predictions_.set_index(["repeat", "fold"]).loc[key, "position"]
        assert sorted([*rows["position"], *scored]) == list(range(200))
    assert report_of(*data, threshold=None).inner_predictions_ is None


@pytest.mark.parametrize("threshold", ["roc_auc", 0, 1.0, None])
def test_what_is_no_threshold_is_refused(report, threshold):
    with pytest.raises(ValueError, match="'threshold' parameter of"):
        report.at_threshold(threshold)


def test_a_scorer_and_a_third_class_are_refused(data, report):
    with pytest.raises(TypeError, match="takes a metric function"):
        report.at_threshold(metrics.make_scorer(metrics.f1_score))
    three = np.where(np.arange(200) % 3 == 0, "AGN", data[1])
    with pytest.raises(ValueError, match="two classes, y holds 3.*EnsembleTransient"):
        report_of(data[0], three, threshold=None).at_threshold(0.5)


class OwnThreshold(ClassifierMixin, BaseEstimator):
    """Predicts by a threshold that it found in `fit`."""

    def fit(self, X, y):
        self.model_ = GaussianNB().fit(X, y)
        self.classes_ = self.model_.classes_
        self.threshold_ = float(np.quantile(self.model_.predict_proba(X)[:, 0], 0.6))
        return self

    def predict_proba(self, X):
        return self.model_.predict_proba(X)

    def predict(self, X):
        return self.classes_[(self.predict_proba(X)[:, 0] < self.threshold_).astype(int)]


def test_an_estimator_with_a_threshold_of_its_own_keeps_it(data):
    report = report_of(*data, OwnThreshold(), threshold=None, return_estimators=True)
    own = np.array([model.threshold_ for model in report.estimators_])
    expected = report.y_proba >= own[report.predictions_["fold"]]
    assert ((report.y_pred == "TDE") == expected).all()
    assert report.folds_["threshold"].isna().all()
