import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from sklearn_tde.evaluation import compare_reports, cross_validation_report
from sklearn_tde.inspection import ReportComparisonDisplay

X, positive = make_classification(200, 6, weights=[0.8], class_sep=0.7, random_state=0)
Y = np.where(positive, "TDE", "SN Ia")


def report_of(estimator, **options):
    return cross_validation_report(estimator, X, Y, **{"n_bootstrap": 100, "cv": 3, **options})


@pytest.fixture(scope="module")
def reports():
    return {
        "tree": report_of(DecisionTreeClassifier(max_depth=2), random_state=4),
        "Bayes": report_of(GaussianNB(), random_state=4),
        "logistic": report_of(LogisticRegression(), random_state=4, n_bootstrap=50),
    }


def lines(ax):
    """Ends of the interval and the point of each row from the top."""
    drawn = {}
    for line in ax.lines:
        x, y = line.get_xdata(), np.unique(line.get_ydata())
        if len(y) == 1:
            drawn.setdefault(int(y[0]), []).extend(x)
    return {row: (low, value, high) for row, (low, high, value) in drawn.items()}


@pytest.mark.parametrize("metric", ["average_precision", "recall"])
def test_values_and_paired_differences_are_drawn(reports, metric):
    display = ReportComparisonDisplay.from_reports(reports, "Bayes", metric=metric)
    values, differences = display.axes_
    assert [label.get_text() for label in values.get_yticklabels()] == list(reports)
    assert values.yaxis_inverted()
    drawn = lines(values)
    for row, report in enumerate(reports.values()):
        expected = report.pooled_.loc[metric, ["low", "value", "high"]]
        assert drawn[row] == pytest.approx(tuple(expected))
    drawn = lines(differences)
    for row, name in ((0, "tree"), (2, "logistic")):
        # The bootstrap is that of the baseline, the same draws for both.
        paired = compare_reports(
            reports[name], reports["Bayes"], n_bootstrap=100, random_state=4
        ).loc[metric, ["low", "difference", "high"]]
        assert drawn[row] == pytest.approx(tuple(paired))
    assert np.isnan(drawn[1]).all()
    assert display.comparison.loc["Bayes", "difference"] == 0
    display.figure_.canvas.draw()


def test_it_says_what_is_drawn(reports):
    values, differences = ReportComparisonDisplay.from_reports(
        reports, "tree", metric="recall"
    ).axes_
    assert values.get_xlabel() == "recall (TDE), 95% intervals"
    assert differences.get_xlabel() == "minus that of tree, paired"


def test_draws_where_it_is_told_and_again(reports):
    figure, axes = plt.subplots(1, 2)
    display = ReportComparisonDisplay.from_reports(reports, "tree", ax=axes[1])
    assert display.figure_ is figure
    assert not axes[0].lines
    assert display.plot().figure_ is not figure


@pytest.mark.parametrize(
    ("change", "arguments", "error", "message"),
    [
        ({}, {"baseline": "forest"}, ValueError, r"baseline='forest' is not among .*'tree'"),
        ({}, {"metric": "auc"}, ValueError, "metric='auc' is not in the report 'tree'"),
        ({"pooled": 3}, {}, TypeError, "CrossValidationReport at 'pooled'; got 3"),
    ],
)
def test_what_cannot_be_compared_is_refused(reports, change, arguments, error, message):
    with pytest.raises(error, match=message):
        ReportComparisonDisplay.from_reports(
            {**reports, **change}, **{"baseline": "tree", **arguments}
        )


def test_a_list_is_refused_for_want_of_names(reports):
    with pytest.raises(TypeError, match="^reports: expected a mapping"):
        ReportComparisonDisplay.from_reports(list(reports.values()), "tree")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cv": 4}, "different folds"),
        ({"confidence_level": 0.9}, "'other' and 'tree' have intervals of different levels"),
    ],
)
def test_reports_that_do_not_match_are_refused(reports, options, message):
    other = report_of(GaussianNB(), random_state=4, **options)
    with pytest.raises(ValueError, match=message):
        ReportComparisonDisplay.from_reports({**reports, "other": other}, "tree")
