"""Scorers that are told which class is the positive one, in scikit-learn's own tools."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context, metrics
from sklearn.datasets import make_classification
from sklearn.dummy import DummyClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC, OneClassSVM

from sklearn_tde.evaluation import cross_validation_report, tde_scorers

OF_LABELS = {
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "recall": metrics.recall_score,
    "precision": metrics.precision_score,
    "f1": metrics.f1_score,
    "specificity": lambda y, called, **kw: metrics.recall_score(y, called, pos_label=False, **kw),
}
OF_PROBABILITIES = {
    "average_precision": metrics.average_precision_score,
    "roc_auc": metrics.roc_auc_score,
    "neg_brier_score": lambda y, p, **kw: -metrics.brier_score_loss(y, p, **kw),
}


@pytest.fixture(scope="module")
def binary():
    X, positive = make_classification(
        240, 6, weights=[0.85], class_sep=0.8, flip_y=0.02, random_state=0
    )
    return X, positive.astype(bool)


@pytest.fixture(scope="module")
def multiclass():
    X, codes = make_classification(
        300, 6, n_informative=4, n_classes=3, weights=[0.6, 0.25], random_state=0
    )
    return X, codes


def expected_scores(is_positive, called, probability, **weights):
    return {
        name: metric(is_positive, values, **weights)
        for part, values in ((OF_LABELS, called), (OF_PROBABILITIES, probability))
        for name, metric in part.items()
    }


def dtype_of(labels, dtype):
    return pd.Series(labels).astype(dtype)


# Each makes labels of a mask: the positive class last and first in sorted order.
LABELS = {
    "str": lambda t: (np.where(t, "TDE", "SN Ia"), "TDE"),
    "str, first": lambda t: (np.where(t, "TDE", "Unknown"), "TDE"),
    "object, first": lambda t: (np.where(t, "TDE", "Unknown").astype(object), "TDE"),
    "int": lambda t: (t.astype(int), 1),
    "int, first": lambda t: (1 - t.astype(int), 0),
    "bool": lambda t: (t, True),
    "bool, first": lambda t: (~t, False),
    "list, first": lambda t: (np.where(t, "TDE", "Unknown").tolist(), "TDE"),
    "string": lambda t: (dtype_of(np.where(t, "TDE", "SN Ia"), "string"), "TDE"),
    "pyarrow, first": lambda t: (dtype_of(np.where(t, "TDE", "X"), "string[pyarrow]"), "TDE"),
    "category, first": lambda t: (
        dtype_of(np.where(t, "TDE", "X"), pd.CategoricalDtype(["X", "AGN", "TDE"], ordered=True)),
        "TDE",
    ),
    "Int64, first": lambda t: (dtype_of(1 - t.astype(int), "Int64"), 0),
    "boolean, first": lambda t: (dtype_of(~t, "boolean"), False),
}


@pytest.mark.parametrize("kind", LABELS)
def test_the_scores_are_those_of_the_named_class_whatever_the_labels(binary, kind):
    X, positive = binary
    y, pos_label = LABELS[kind](positive)
    cv = StratifiedKFold(2, shuffle=True, random_state=0)
    scorers = tde_scorers(pos_label)
    found = cross_validate(GaussianNB(), X, y, cv=cv, scoring=scorers, error_score="raise")
    for fold, (train, test) in enumerate(cv.split(X, positive)):
        model = GaussianNB().fit(X[train], positive[train])
        probability = model.predict_proba(X[test])[:, 1]
        expected = expected_scores(positive[test], probability > 0.5, probability)
        for name, value in expected.items():
            assert found[f"test_{name}"][fold] == pytest.approx(value), name


def test_more_classes_are_scored_as_one_against_the_rest(multiclass):
    X, codes = multiclass
    y = np.array(["SN Ia", "AGN", "TDE"])[codes]
    model = LogisticRegression().fit(X, y)
    # Objects to score that lack a class: columns must not move.
    rows = y != "AGN"
    expected = expected_scores(
        y[rows] == "TDE", model.predict(X[rows]) == "TDE", model.predict_proba(X[rows])[:, 2]
    )
    scorers = tde_scorers()
    for name, value in expected.items():
        assert scorers[name](model, X[rows], y[rows]) == pytest.approx(value), name


def test_they_are_the_scores_of_the_report(multiclass):
    X, codes = multiclass
    y = np.array(["Unknown", "AGN", "TDE"])[codes]
    cv = StratifiedKFold(3)
    report = cross_validation_report(GaussianNB(), X, y, cv=cv, n_bootstrap=2)
    found = cross_validate(GaussianNB(), X, y, cv=cv, scoring=tde_scorers())
    for metric in report.folds_.columns.intersection(list(OF_LABELS) + list(OF_PROBABILITIES)):
        assert found[f"test_{metric}"] == pytest.approx(report.folds_[metric].to_numpy())
    assert found["test_neg_brier_score"] == pytest.approx(-report.folds_["brier_score"].to_numpy())


@pytest.mark.parametrize("min_precision", [0.3, 0.75, 1.0])
def test_recall_at_precision_is_the_best_of_all_thresholds(binary, min_precision):
    X, positive = binary
    y = np.where(positive, "TDE", "Unknown")
    model = GaussianNB().fit(X, y)
    probability = model.predict_proba(X)[:, 0]
    precision, recall, _ = metrics.precision_recall_curve(positive, probability)
    scorer = tde_scorers(min_precision=min_precision)["recall_at_precision"]
    assert scorer(model, X, y) == pytest.approx(recall[precision >= min_precision].max())


def test_recall_at_a_precision_that_no_threshold_has_is_zero(binary):
    X, positive = binary
    constant = DummyClassifier(strategy="prior").fit(X, positive)
    score = tde_scorers(True, min_precision=0.5)["recall_at_precision"](constant, X, positive)
    assert score == 0
    enough = tde_scorers(True, min_precision=float(positive.mean()))
    assert enough["recall_at_precision"](constant, X, positive) == 1


@pytest.mark.parametrize("other", ["SN Ia", "Unknown"])
def test_a_tuned_threshold_is_one_on_the_named_class(binary, other):
    X, positive = binary
    y = np.where(positive, "TDE", other)
    options = {"cv": 2, "thresholds": 30}
    tuned = TunedThresholdClassifierCV(GaussianNB(), scoring=tde_scorers()["f1"], **options)
    tuned.fit(X, y)
    expected = TunedThresholdClassifierCV(GaussianNB(), scoring="f1", **options).fit(X, positive)
    assert tuned.best_threshold_ == pytest.approx(expected.best_threshold_)
    assert tuned.best_score_ == pytest.approx(expected.best_score_)
    column = tuned.classes_.tolist().index("TDE")
    above = tuned.predict_proba(X)[:, column] >= tuned.best_threshold_
    np.testing.assert_array_equal(tuned.predict(X) == "TDE", above)


@pytest.mark.parametrize("kind", ["str", "str, first", "int", "int, first", "bool", "bool, first"])
@pytest.mark.parametrize("name", [*OF_PROBABILITIES, "recall_at_precision"])
def test_a_threshold_cannot_be_tuned_for_a_ranking(binary, kind, name):
    X, positive = binary
    y, pos_label = LABELS[kind](positive)
    tuned = TunedThresholdClassifierCV(GaussianNB(), scoring=tde_scorers(pos_label)[name], cv=2)
    match = "scores probabilities, got predicted labels; .* tuned for one of balanced_accuracy, rec"
    with pytest.raises(ValueError, match=match):
        tuned.fit(X, y)


class TestTools:
    """In what takes `scoring`, with the positive class first in sorted order."""

    @pytest.fixture(scope="class")
    @staticmethod
    def named(binary):
        X, positive = binary
        return X, np.where(positive, "TDE", "Unknown")

    def test_a_grid_is_searched_for_one_of_them_and_scored_by_all(self, named):
        search = GridSearchCV(
            LogisticRegression(),
            {"C": [1e-4, 1.0]},
            scoring=tde_scorers(),
            refit="average_precision",
            cv=3,
            error_score="raise",
        ).fit(*named)
        ap = search.cv_results_["mean_test_average_precision"]
        assert search.best_index_ == ap.argmax()
        for name in tde_scorers():
            assert np.isfinite(search.cv_results_[f"mean_test_{name}"]).all(), name
        assert search.score(*named) == tde_scorers()["average_precision"](search, *named)

    def test_halving(self, named):
        search = HalvingGridSearchCV(
            LogisticRegression(),
            {"C": [1e-4, 1e-2, 1.0]},
            scoring=tde_scorers()["average_precision"],
            cv=2,
            min_resources=120,
            random_state=0,
        ).fit(*named)
        assert 0 < search.best_score_ <= 1

    def test_permutations_and_learning_curves(self, named):
        scorer = tde_scorers()["average_precision"]
        score, permuted, p_value = permutation_test_score(
            GaussianNB(), *named, scoring=scorer, cv=3, n_permutations=20, random_state=0
        )
        assert score > permuted.max()
        assert p_value == pytest.approx(1 / 21)
        _, _, test = learning_curve(
            GaussianNB(), *named, scoring=scorer, cv=3, train_sizes=[0.5, 1.0], error_score="raise"
        )
        expected = cross_val_score(GaussianNB(), *named, scoring=scorer, cv=3)
        assert test[-1] == pytest.approx(expected)

    def test_a_pickle_scores_the_same(self, named):
        options = {"cv": 2, "error_score": "raise"}
        copies = pickle.loads(pickle.dumps(tde_scorers()))
        one = cross_validate(GaussianNB(), *named, scoring=tde_scorers(), **options)
        two = cross_validate(GaussianNB(), *named, scoring=copies, **options)
        for name in tde_scorers():
            np.testing.assert_array_equal(one[f"test_{name}"], two[f"test_{name}"])

    def test_other_scorers_beside_them_change_nothing(self, named):
        # scikit-learn remembers the column of the class that the first scorer asks for.
        alone = cross_validate(GaussianNB(), *named, scoring=tde_scorers(), cv=2)
        loss = metrics.make_scorer(
            metrics.brier_score_loss, response_method="predict_proba", pos_label="Unknown"
        )
        both = {"other": loss, "auc": "roc_auc", **tde_scorers()}
        beside = cross_validate(GaussianNB(), *named, scoring=both, cv=2)
        for name in tde_scorers():
            np.testing.assert_array_equal(beside[f"test_{name}"], alone[f"test_{name}"])


def test_sample_weights_count(binary):
    X, positive = binary
    y = np.where(positive, "TDE", "Unknown")
    weight = np.random.default_rng(0).integers(0, 4, len(y))
    model = GaussianNB().fit(X, y)
    probability = model.predict_proba(X)[:, 0]
    expected = expected_scores(positive, probability > 0.5, probability, sample_weight=weight)
    scorers = tde_scorers()
    repeated = np.repeat(np.arange(len(y)), weight)
    for name, scorer in scorers.items():
        weighted = scorer(model, X, y, sample_weight=weight)
        assert weighted == pytest.approx(expected.get(name, weighted)), name
        assert weighted == pytest.approx(scorer(model, X[repeated], y[repeated])), name


@pytest.mark.parametrize("name", tde_scorers())
@pytest.mark.parametrize(
    ("weight", "match"),
    [
        (np.ones(239), r"sample_weight.shape == \(239,\), expected \(240,\)"),
        (np.full(240, -1.0), "Negative values in data passed to `sample_weight`"),
        (np.full(240, np.nan), "sample_weight contains NaN"),
        (np.nan, "sample_weight contains NaN"),
        (["a"] * 240, "sample_weight cannot be read as numbers: .*; expected one finite number"),
    ],
)
def test_bad_sample_weights_are_named(binary, name, weight, match):
    X, positive = binary
    model = GaussianNB().fit(X, positive)
    with pytest.raises(ValueError, match=match):
        tde_scorers(True)[name](model, X, positive, sample_weight=weight)


@pytest.mark.parametrize("name", tde_scorers())
def test_sample_weights_may_be_as_large_and_small_as_floats_are(binary, name):
    X, positive = binary
    model = GaussianNB().fit(X, positive)
    scorer = tde_scorers(True)[name]
    weight = np.arange(240) % 2 + 1.0
    expected = scorer(model, X, positive, sample_weight=weight)
    for factor in (2.0**1022, 2.0**-1074):
        assert scorer(model, X, positive, sample_weight=factor * weight) == expected


@pytest.mark.parametrize("name", tde_scorers())
def test_without_any_weight_there_is_no_score(binary, name):
    X, positive = binary
    model = GaussianNB().fit(X, positive)
    assert np.isnan(tde_scorers(True)[name](model, X, positive, sample_weight=np.zeros(240)))


def test_sample_weights_are_routed_to_the_scorers_that_ask_for_them(binary):
    X, positive = binary
    y = np.where(positive, "TDE", "Unknown")
    weight = np.where(np.arange(len(y)) % 2, 1.0, 5.0)
    with config_context(enable_metadata_routing=True):
        scoring = {
            f"{name}, {asked}": tde_scorers()[name].set_score_request(sample_weight=asked)
            for name in ("average_precision", "recall")
            for asked in (True, False)
        }
        found = cross_validate(
            GaussianNB().set_fit_request(sample_weight=False),
            *(X, y),
            cv=2,
            scoring=scoring,
            params={"sample_weight": weight},
            error_score="raise",
        )
    plain = cross_validate(GaussianNB(), X, y, cv=2, scoring=tde_scorers())
    for name in ("average_precision", "recall"):
        assert found[f"test_{name}, False"] == pytest.approx(plain[f"test_{name}"])
        assert found[f"test_{name}, True"] != pytest.approx(plain[f"test_{name}"])


@pytest.mark.parametrize("names", [["SN Ia", "TDE"], ["SN Ia", "AGN", "TDE"]])
@pytest.mark.parametrize("wrong", ["tde", 7, True])
@pytest.mark.parametrize("name", tde_scorers())
def test_a_class_that_the_estimator_does_not_have_is_named(multiclass, names, wrong, name):
    X, codes = multiclass
    y = np.array(names)[codes % len(names)]
    model = GaussianNB().fit(X, y)
    with pytest.raises(ValueError, match=f"pos_label='?{wrong}'? is not among .*SN Ia"):
        tde_scorers(wrong)[name](model, X, y)


@pytest.mark.parametrize("name", OF_LABELS)
def test_a_threshold_is_not_tuned_for_a_class_that_is_not_there(binary, name):
    X, positive = binary
    tuned = TunedThresholdClassifierCV(GaussianNB(), scoring=tde_scorers("tde")[name], cv=2)
    with pytest.raises(ValueError, match="pos_label=tde is not a valid label"):
        tuned.fit(X, np.where(positive, "TDE", "SN Ia"))


def test_an_outlier_detector_has_the_scores_of_its_labels(binary):
    X, positive = binary
    detector = OneClassSVM(nu=0.2).fit(X)
    y = np.where(positive, -1, 1)
    expected = metrics.recall_score(y, detector.predict(X), pos_label=-1)
    assert tde_scorers(-1)["recall"](detector, X, y) == expected


def test_what_cannot_be_had_is_nan(binary):
    X, positive = binary
    y = np.where(positive, "TDE", "SN Ia")
    model = GaussianNB().fit(X, y)
    scores = {name: s(model, X[~positive], y[~positive]) for name, s in tde_scorers().items()}
    finite = {name for name, score in scores.items() if np.isfinite(score)}
    assert finite == {"specificity", "neg_brier_score"}


def test_a_classifier_without_probabilities_has_the_scores_of_its_labels(binary):
    X, positive = binary
    model = LinearSVC().fit(X, positive)
    scorers = tde_scorers(True)
    assert scorers["recall"](model, X, positive) == metrics.recall_score(positive, model.predict(X))
    with pytest.raises(AttributeError, match="predict_proba"):
        scorers["roc_auc"](model, X, positive)


def test_labels_from_an_array_name_the_class_as_plain_ones_do(binary):
    X, positive = binary
    y = np.where(positive, "TDE", "SN Ia")
    (label,) = set(y[positive])
    probability = cross_val_predict(GaussianNB(), X, y, method="predict_proba")[:, 1]
    score = cross_val_score(GaussianNB(), X, y, scoring=tde_scorers(label)["neg_brier_score"])
    assert score.mean() == pytest.approx(-metrics.brier_score_loss(positive, probability))


@pytest.mark.parametrize("bad", [0.0, 1.5, "high"])
def test_bad_precisions_are_named(bad):
    with pytest.raises(ValueError, match="The 'min_precision' parameter of tde_scorers must be"):
        tde_scorers(min_precision=bad)


def test_a_missing_positive_class_is_named():
    with pytest.raises(ValueError, match="The 'pos_label' parameter of tde_scorers must be"):
        tde_scorers(None)
