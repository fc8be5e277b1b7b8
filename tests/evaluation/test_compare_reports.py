"""Paired comparison of two reports."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from sklearn_tde.evaluation import compare_reports, cross_validation_report

X, positive = make_classification(300, 6, weights=[0.8], class_sep=0.7, random_state=0)
Y = np.where(positive, "TDE", "SN Ia")


def report_of(estimator, X=X, y=Y, **options):
    return cross_validation_report(estimator, X, y, n_bootstrap=200, **options)


@pytest.fixture(scope="module")
def logistic():
    return report_of(LogisticRegression())


def test_differences_are_those_of_the_pooled_values(logistic):
    dummy = report_of(DummyClassifier())
    table = compare_reports(logistic, dummy)
    difference = logistic.pooled_["value"] - dummy.pooled_["value"]
    assert table["difference"].to_numpy() == pytest.approx(difference.to_numpy(), nan_ok=True)
    assert table["value"].equals(logistic.pooled_["value"])
    assert table["baseline"].equals(dummy.pooled_["value"])
    assert table.loc["roc_auc", "low"] > 0
    assert table.loc["brier_score", "high"] < 0


def test_a_report_does_not_differ_from_itself(logistic):
    table = compare_reports(logistic, logistic)
    assert (table[["difference", "low", "high"]] == 0).all(axis=None)


def test_exchanging_the_reports_changes_the_sign(logistic):
    forest = report_of(RandomForestClassifier(10))
    there, back = compare_reports(logistic, forest), compare_reports(forest, logistic)
    assert there["difference"].to_numpy() == pytest.approx(-back["difference"].to_numpy())
    assert there["low"].to_numpy() == pytest.approx(-back["high"].to_numpy())


def test_pairing_narrows_the_interval_of_similar_estimators(logistic):
    similar = report_of(LogisticRegression(C=0.3))
    paired = compare_reports(logistic, similar).loc["roc_auc"]
    widths = [r.pooled_.loc["roc_auc", "high"] - r.pooled_.loc["roc_auc", "low"]
              for r in (logistic, similar)]  # fmt: skip
    assert paired["high"] - paired["low"] < 0.3 * np.hypot(*widths)


def test_the_scatter_of_the_difference_between_repeats_is_told():
    forests = [report_of(RandomForestClassifier(n), n_repeats=3) for n in (5, 20)]
    per_repeat = [
        [roc_auc_score(rows["y"], rows["probability"]) for _, rows in tables]
        for tables in (report.predictions_.groupby("repeat") for report in forests)
    ]
    table = compare_reports(*forests)
    expected = np.std(np.subtract(*per_repeat), ddof=1)
    assert table.loc["roc_auc", "repeat_sd"] == pytest.approx(expected)


def test_reports_on_other_representations_of_the_objects_compare(logistic):
    named = report_of(LogisticRegression(), pd.DataFrame(X, index=[f"ZTF{i}" for i in range(300)]))
    assert compare_reports(named, logistic).loc["roc_auc", "difference"] == 0


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"random_state": 1}, "different folds"),
        ({"cv": 4}, "different folds"),
        ({"n_repeats": 2}, "300 and 600 predictions"),
        ({"pos_label": "SN Ia"}, "pos_label='TDE' and pos_label='SN Ia'"),
        ({"y": Y[::-1]}, "different labels"),
    ],
)
def test_reports_that_are_not_paired_are_refused(logistic, options, match):
    with pytest.raises(ValueError, match=match):
        compare_reports(logistic, report_of(LogisticRegression(), **options))


def test_reports_on_differently_named_objects_are_refused():
    tables = [pd.DataFrame(X, index=[f"{prefix}{i}" for i in range(300)]) for prefix in "AB"]
    with pytest.raises(ValueError, match="different objects: row 0 of predictions_ is A0 in one"):
        compare_reports(*(report_of(LogisticRegression(), table) for table in tables))


def test_what_is_not_a_report_is_refused(logistic):
    with pytest.raises(ValueError, match="The 'baseline' parameter of compare_reports"):
        compare_reports(logistic, logistic.pooled_)
