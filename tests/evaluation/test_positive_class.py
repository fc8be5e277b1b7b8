"""Reports, comparisons and thresholds follow the class that is named, not the alphabet."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.naive_bayes import GaussianNB

from sklearn_tde.evaluation import compare_reports, cross_validation_report, tde_scorers


def informedness(y_true, y_pred):
    """Recall of either class, added up; quick, as it is called for every threshold."""
    return y_pred[y_true == 1].mean() + (1 - y_pred[y_true == 0]).mean()


NUMBERS = ["value", "low", "high", "fold_mean", "fold_sd"]


@pytest.fixture(scope="module")
def data():
    X, positive = make_classification(
        200, 6, weights=[0.8], class_sep=0.8, flip_y=0.02, random_state=0
    )
    return X, positive.astype(bool)


def series(labels, dtype):
    return pd.Series(labels, index=range(300, 500)).astype(dtype)


def strings(mask, other):
    return np.where(mask, "TDE", other)


def category(mask, other):
    return series(strings(mask, other), pd.CategoricalDtype([other, "unused", "TDE"], ordered=True))


# Labels of a mask and the positive class: last and first in sorted order.
LABELS = {
    "str": (lambda t: strings(t, "SN Ia"), "TDE"),
    "str, first": (lambda t: strings(t, "Unknown"), "TDE"),
    "list": (lambda t: strings(t, "SN Ia").tolist(), "TDE"),
    "list, first": (lambda t: strings(t, "Unknown").tolist(), "TDE"),
    "object": (lambda t: strings(t, "SN Ia").astype(object), "TDE"),
    "object, first": (lambda t: strings(t, "Unknown").astype(object), "TDE"),
    "string": (lambda t: series(strings(t, "SN Ia"), "string"), "TDE"),
    "string, first": (lambda t: series(strings(t, "Unknown"), "string"), "TDE"),
    "pyarrow": (lambda t: series(strings(t, "SN Ia"), "string[pyarrow]"), "TDE"),
    "pyarrow, first": (lambda t: series(strings(t, "Unknown"), "string[pyarrow]"), "TDE"),
    "category": (lambda t: category(t, "SN Ia"), "TDE"),
    "category, first": (lambda t: category(t, "Unknown"), "TDE"),
    "int": (lambda t: t.astype(int), 1),
    "int, first": (lambda t: 1 - t.astype(int), 0),
    "bool": (lambda t: t, True),
    "bool, first": (lambda t: ~t, False),
    "booleans as objects, first": (lambda t: (~t).astype(object), False),
    "Int64": (lambda t: series(t, "Int64"), 1),
    "Int64, first": (lambda t: series(~t, "Int64"), 0),
    "boolean": (lambda t: series(t, "boolean"), True),
    "boolean, first": (lambda t: series(~t, "boolean"), False),
}


@pytest.fixture(scope="module")
def reports(data):
    """Return a function that makes the reports of two estimators, each with one threshold rule."""
    X, positive = data

    def make(y, pos_label):
        options = {"pos_label": pos_label, "cv": 2, "n_bootstrap": 20, "random_state": 0}
        tuned = {"threshold": "tune", "threshold_cv": 2, "threshold_scoring": informedness}
        return (
            cross_validation_report(LogisticRegression(), X, y, **tuned, **options),
            cross_validation_report(GaussianNB(), X, y, threshold=0.3, **options),
        )

    return make


@pytest.fixture(scope="module")
def expected(data, reports):
    return reports(data[1], True)


@pytest.mark.parametrize("kind", LABELS)
def test_reports_with_thresholds(data, reports, expected, kind):
    make, pos_label = LABELS[kind]
    found = reports(make(data[1]), pos_label)
    for report, reference in zip(found, expected, strict=True):
        assert report.pos_label == pos_label
        np.testing.assert_allclose(report.y_proba, reference.y_proba, rtol=1e-4)
        np.testing.assert_array_equal(report.y_true == pos_label, data[1])
        np.testing.assert_array_equal(report.y_pred == pos_label, reference.y_pred)
        pd.testing.assert_frame_equal(
            report.pooled_[NUMBERS], reference.pooled_[NUMBERS], rtol=1e-4
        )
        np.testing.assert_allclose(
            report.folds_["threshold"], reference.folds_["threshold"], rtol=1e-4
        )
    pd.testing.assert_frame_equal(
        compare_reports(*found, n_bootstrap=20),
        compare_reports(*expected, n_bootstrap=20),
        rtol=1e-3,
        atol=1e-4,
    )


@pytest.mark.parametrize("kind", [kind for kind in LABELS if "objects" not in kind])
def test_threshold_classifiers_of_scikit_learn(data, kind):
    X, positive = data
    make, pos_label = LABELS[kind]
    y = make(positive)
    fixed = FixedThresholdClassifier(
        GaussianNB(), threshold=0.3, pos_label=pos_label, response_method="predict_proba"
    )
    reference = GaussianNB().fit(X, positive).predict_proba(X)[:, 1]
    np.testing.assert_array_equal(fixed.fit(X, y).predict(X) == pos_label, reference >= 0.3)
    scorer = tde_scorers(pos_label)["f1"]
    tuned = TunedThresholdClassifierCV(GaussianNB(), scoring=scorer, cv=2, thresholds=20)
    plain = TunedThresholdClassifierCV(
        GaussianNB(), scoring=tde_scorers(True)["f1"], cv=2, thresholds=20
    )
    tuned.fit(X, y)
    plain.fit(X, positive)
    assert tuned.best_threshold_ == pytest.approx(plain.best_threshold_)
    np.testing.assert_array_equal(tuned.predict(X) == pos_label, plain.predict(X))


def test_naming_the_other_class_gives_the_other_report(data, reports):
    y = strings(data[1], "Unknown")
    tde, other = (reports(y, label)[1] for label in ("TDE", "Unknown"))
    assert tde.pooled_.loc["recall", "value"] != other.pooled_.loc["recall", "value"]
    np.testing.assert_allclose(tde.y_proba, 1 - other.y_proba, atol=1e-12)
    with pytest.raises(ValueError, match="about different classes"):
        compare_reports(tde, other)
