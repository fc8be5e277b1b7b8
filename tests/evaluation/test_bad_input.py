"""What the report refuses, and that it says which object or field is wrong."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import (
    GroupKFold,
    PredefinedSplit,
    RepeatedStratifiedKFold,
    ShuffleSplit,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVC

from sklearn_tde.evaluation import cross_validation_report

rng = np.random.default_rng(0)
Y = np.repeat(["SN Ia", "TDE"], [60, 20])
X = rng.normal(size=(80, 3)) + (Y == "TDE")[:, np.newaxis]
NAMED = pd.DataFrame(X, index=[f"ZTF{number}" for number in range(80)])


def refused(error, match, *, estimator=None, X=X, y=Y, **options):
    with pytest.raises(error, match=match):
        cross_validation_report(GaussianNB() if estimator is None else estimator, X, y, **options)


class Constant(ClassifierMixin, BaseEstimator):
    """Answers with one value per object, whatever it was taught."""

    def __init__(self, value=0.5, n_columns=2):
        self.value = value
        self.n_columns = n_columns

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.full((len(X), self.n_columns), self.value)

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def with_missing(value):
    y = Y.astype(object)
    y[[3, 5]] = value
    return y


@pytest.mark.parametrize(
    ("y", "match"),
    [
        (np.full(80, "TDE"), r"at least two classes, got \['TDE'\]"),
        ([], "X has 80 objects, y has 0 values"),
        (Y[:-1], "X has 80 objects, y has 79 values"),
        (with_missing(None), r"y is missing \(NaN or None\) for object 'ZTF3' and 1 more"),
        (with_missing(np.nan), r"y is missing \(NaN or None\) for object 'ZTF3' and 1 more"),
        (with_missing(1), "y mixes strings with other types"),
        (np.column_stack([Y, Y]), "one-dimensional"),
        (None, "one-dimensional"),
        (np.linspace(0, 1.5, 80), "class labels, got continuous values"),
        (np.repeat(["SN Ia", "TDE"], [77, 3]), "class 'TDE' has 3 objects in y, fewer than the 5"),
    ],
)
def test_labels_that_make_no_sense_are_refused(y, match):
    refused(ValueError, match, X=NAMED, y=y, pos_label="TDE")


@pytest.mark.parametrize(
    ("labels", "pos_label", "match"),
    [
        (["SN Ia", "SN II"], None, "pos_label must name the class"),
        ([1, 2], None, "pos_label must name the class"),
        (["SN Ia", "TDE"], "tde", r"pos_label='tde' is not among .*\['SN Ia', 'TDE'\]"),
        (["SN Ia", "TDE"], 1, "pos_label=1 is not among"),
    ],
)
def test_a_positive_class_that_is_not_there_is_refused(labels, pos_label, match):
    refused(ValueError, match, y=np.repeat(labels, [60, 20]), pos_label=pos_label)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"pos_label": np.str_("tde")}, r"pos_label='tde' is not among"),
        ({"pos_label": np.float64(0.0)}, r"pos_label=0\.0 is not among"),
        ({"pos_label": np.True_}, "pos_label=True is not among"),
        ({"y": [np.str_("a"), np.str_("b")] * 40}, r"y holds \['a', 'b'\]"),
        ({"y": [np.float64(0), np.float64(2)] * 40}, r"y holds \[0\.0, 2\.0\]"),
    ],
)
def test_values_are_shown_as_a_user_would_type_them(options, match):
    refused(ValueError, match, **options)


def test_a_numpy_string_in_place_of_an_estimator_is_shown_as_a_string():
    refused(TypeError, "classifier, got 'forest'", estimator=np.str_("forest"))


@pytest.mark.parametrize(
    ("estimator", "match"),
    [
        (GaussianNB, "must be an instance, got the class GaussianNB"),
        ("forest", "must be a scikit-learn classifier, got 'forest'"),
        (SVC(), "has no predict_proba"),
    ],
)
def test_an_estimator_that_cannot_be_scored_is_refused(estimator, match):
    refused(TypeError, match, estimator=estimator)


@pytest.mark.parametrize(
    ("estimator", "match"),
    [
        (Constant(np.nan), r"returned nan for object 'ZTF\d+' and 15 more in fold 0 of repeat 0"),
        (Constant(3.0), r"between 0 and 1; it returned 3.0 for object 'ZTF"),
        (Constant(0.3, 3), r"shape \(16, 2\) in fold 0 of repeat 0, got \(16, 3\)"),
    ],
)
def test_predictions_that_are_no_probabilities_are_refused(estimator, match):
    refused(ValueError, match, estimator=estimator, X=NAMED)


@pytest.mark.parametrize(
    "options",
    [
        {"threshold": 0.0},
        {"threshold": 1.0},
        {"threshold": np.nan},
        {"threshold": "best"},
        {"threshold_scoring": "roc_auc"},
        {"threshold_cv": 1},
        {"cv": 1},
        {"n_repeats": 0},
        {"n_bootstrap": 0},
        {"confidence_level": 95},
        {"random_state": None},
        {"random_state": -1},
    ],
)
def test_options_out_of_range_are_refused_by_name(options):
    (name,) = options
    refused(ValueError, f"The '{name}' parameter of cross_validation_report", **options)


def test_a_threshold_for_three_classes_is_refused_with_the_way_out():
    y = np.repeat(["AGN", "SN Ia", "TDE"], [20, 40, 20])
    refused(ValueError, "a threshold needs two classes.*y == 'TDE'", y=y, threshold="tune")


def test_a_scorer_in_place_of_a_metric_is_refused():
    scorer = make_scorer(f1_score, pos_label="TDE")
    refused(TypeError, "metric function", threshold="tune", threshold_scoring=scorer)


def test_a_training_fold_too_small_to_tune_a_threshold_is_refused_before_any_fit():
    y = np.repeat(["SN Ia", "TDE"], [75, 5])
    refused(
        ValueError,
        "class 'TDE' has 4 objects in a training fold, fewer than the 5 folds of threshold_cv=5",
        estimator=Constant(np.nan),
        y=y,
        threshold="tune",
    )


def test_inner_splits_without_a_class_are_refused():
    groups = np.where(Y == "TDE", 60 + np.arange(80) % 2, np.arange(80))
    refused(
        ValueError,
        "threshold_cv must leave 'TDE' and other objects on both sides",
        cv=2,
        groups=groups,
        threshold="tune",
        threshold_cv=3,
    )


ROWS = np.arange(80)


@pytest.mark.parametrize(
    ("cv", "match"),
    [
        ([(ROWS, ROWS[::2])], "trains on what it scores: object 'ZTF0' and 39 more in fold 0"),
        ([(ROWS, ROWS[:0])], "no object to score in fold 0"),
        (RepeatedStratifiedKFold(n_splits=4, n_repeats=2), "more than once.*n_repeats"),
        (PredefinedSplit(np.where(Y == "TDE", 0, -1)), r"trains on \['SN Ia'\] only"),
        ([(ROWS[10:], ROWS[:10])], "cv must score 'TDE' as well as other objects"),
    ],
)
def test_splits_that_cannot_be_scored_honestly_are_refused(cv, match):
    refused(ValueError, match, X=NAMED, cv=cv)


def test_repeats_that_score_different_objects_are_refused():
    splitter = ShuffleSplit(1, test_size=0.5, random_state=np.random.RandomState(0))
    refused(ValueError, "other objects in one repeat than in another", cv=splitter, n_repeats=2)


@pytest.mark.parametrize(
    ("groups", "cv", "match"),
    [
        (ROWS[1:], 5, "groups must have one value per object"),
        (np.where(ROWS == 7, np.nan, ROWS), 5, "groups is missing .* for object 7;"),
        (ROWS // 2, [(ROWS[1::2], ROWS[::2])], "cv splits group 0 in fold 0"),
        (
            pd.Series(pd.Timestamp("2020-01-01") + pd.to_timedelta(ROWS // 2, "D")),
            [(ROWS[1::2], ROWS[::2])],
            r"cv splits group Timestamp\('2020-01-01 00:00:00'\) in fold 0",
        ),
    ],
)
def test_groups_that_would_leak_are_refused(groups, cv, match):
    refused(ValueError, match, groups=groups, cv=cv)


def test_a_group_splitter_needs_groups():
    refused(ValueError, "groups", cv=GroupKFold(3))


def test_an_error_of_the_estimator_is_not_hidden():
    refused(ValueError, "NaN", estimator=LogisticRegression(), X=np.where(X > 1, np.nan, X))


class NoArray:
    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("no array of this")


@pytest.mark.parametrize(
    ("y", "match"),
    [
        ([*Y[:-1], ["TDE"]], r"y holds \['TDE'\] at position 79; expected text or a number"),
        ([NoArray()] * 80, "y (holds|cannot be read as one value per object)"),
        (NoArray(), "y cannot be read as one value per object: no array of this"),
    ],
)
def test_what_is_no_label_is_named(y, match):
    refused(TypeError, match, y=y, pos_label="TDE")


@pytest.mark.parametrize("X", [None, 3, np.array(3.0), (row for row in X)])
def test_what_has_no_objects_is_refused(X):
    refused(TypeError, "X must hold one entry per object, got", X=X)


def test_objects_may_lack_a_name():
    nameless = NAMED.set_axis([np.nan] * 80, axis=0)
    with pytest.warns(UserWarning, match="rows named nan are on both sides of a fold"):
        cross_validation_report(GaussianNB(), nameless, Y, n_bootstrap=10, verbose=0)
