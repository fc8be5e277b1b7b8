import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from sklearn_tde.evaluation import EarlyClassificationReport
from sklearn_tde.inspection import EarlyClassificationDisplay


def report_of(seed, *, ages=(5, 20, np.inf), **options):
    """A report on invented predictions, the better the older a light curve is."""
    rng = np.random.default_rng(seed)
    y = np.repeat(["TDE", "SN Ia"], [15, 45])
    cuts = [("age", age, k + 1.0) for k, age in enumerate(ages)]
    tables = [
        pd.DataFrame(
            {
                "repeat": 0, "position": range(60), "object_id": range(60), "fold": 0, "y": y,
                "cut": cut, "cut_value": value, "n_observations": 1, "n_detections": 1,
                "age": 1.0, "past_peak": value > 5,
                "probability": 1 / (1 + np.exp(-skill * (y == "TDE") - rng.normal(-1, 1, 60))),
            }
        ).iloc[: 60 if cut == "age" else 40]
        for cut, value, skill in [*cuts, ("n_detections", 2, 0.5), ("n_detections", 8, 2.0)]
    ]  # fmt: skip
    table = pd.concat(tables)
    table["prediction"] = np.where(table["probability"] > 0.5, "TDE", "SN Ia")
    folds = pd.DataFrame({"repeat": [0], "fold": [0]})
    defaults = {"pos_label": "TDE", "name": "model", "n_bootstrap": 50}
    return EarlyClassificationReport(table, folds, **{**defaults, **options})


@pytest.fixture(scope="module")
def reports():
    return {"ours": report_of(0), "forest": report_of(1)}


def points(ax, name):
    """What is drawn of a model: its line, and the point of whole light curves."""
    (line,) = [line for line in ax.lines if line.get_label() == name]
    (apart,) = [
        other
        for other in ax.lines
        if other.get_color() == line.get_color() and other.get_linestyle() == "None"
    ]
    return line, apart


@pytest.mark.parametrize("metric", ["average_precision", "brier_skill"])
def test_values_and_intervals_are_drawn_by_age(reports, metric):
    ax = EarlyClassificationDisplay.from_reports(reports, metric=metric).ax_
    bands = [c.get_paths()[0].vertices for c in ax.collections if len(c.get_paths()[0]) > 4]
    bars = [c.get_segments() for c in ax.collections if hasattr(c, "get_segments")]
    for k, (name, report) in enumerate(reports.items()):
        expected = report.by_age_.loc[metric]
        line, apart = points(ax, name)
        assert line.get_ydata() == pytest.approx(expected["value"].iloc[:2].to_numpy())
        assert apart.get_ydata() == pytest.approx([expected["value"].iloc[2]])
        heights = set(bands[k][:, 1].round(9))
        assert set(expected[["low", "high"]].iloc[:2].to_numpy().ravel().round(9)) <= heights
        assert bars[k][0][:, 1] == pytest.approx(expected[["low", "high"]].iloc[2].to_numpy())
    ax.figure.canvas.draw()


def test_ages_are_nearly_logarithmic_and_whole_light_curves_apart(reports):
    display = EarlyClassificationDisplay.from_reports(
        {"a": report_of(0, ages=(0, 5, 10, 20, 40, np.inf))}
    )
    ax = display.ax_
    assert [t.get_text() for t in ax.get_xticklabels()] == ["0", "5", "10", "20", "40", "whole"]
    places = ax.get_xticks()
    assert places[0] == 0 and (np.diff(places) > 0).all()
    steps = np.diff(places)
    # A doubling is nearly the same distance everywhere.
    assert steps[1:4] == pytest.approx([np.log(2)] * 3, rel=0.2)
    assert steps[-1] > steps[1:4].max()
    assert ax.get_xlabel() == "days since the first detection"
    assert ax.get_ylabel() == "average precision, 95% intervals"


def test_by_number_of_detections_with_the_share_of_those_that_reach_it(reports):
    ax = EarlyClassificationDisplay.from_reports(reports, by="n_detections").ax_
    assert ax.get_xlabel() == "number of detections"
    assert [t.get_text() for t in ax.get_xticklabels()] == ["2", "8"]
    (share,) = [line for line in ax.lines if line.get_label() == "share of the class"]
    assert share.get_ydata() == pytest.approx([15 / 40, 15 / 40])
    display = EarlyClassificationDisplay.from_reports(reports)
    (share,) = [line for line in display.ax_.lines if line.get_label() == "share of the class"]
    assert share.get_ydata() == pytest.approx([15 / 60] * 3)


@pytest.mark.parametrize(
    ("metric", "label", "reference"),
    [
        ("brier_skill", "Brier skill", "always the share"),
        ("roc_auc", "ROC AUC", "chance"),
        ("recall_at_precision", "recall at precision 0.8", None),
        ("false_alarms", "false alarms per thousand others", None),
        ("called", "share of TDE called", None),
    ],
)
def test_it_says_what_is_drawn(reports, metric, label, reference):
    ax = EarlyClassificationDisplay.from_reports(reports, metric=metric).ax_
    assert ax.get_ylabel() == f"{label}, 95% intervals"
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert words == ([reference] if reference else []) + ["ours", "forest"]
    if metric == "called":
        line, _ = points(ax, "ours")
        expected = reports["ours"].calls()["value"]["called"]
        assert line.get_ydata() == pytest.approx(expected.iloc[:2].to_numpy())


def test_models_may_have_different_ages(reports):
    sparse = report_of(2, ages=(20,))
    ax = EarlyClassificationDisplay.from_reports({**reports, "sparse": sparse}).ax_
    line, apart = points(ax, "sparse")
    assert line.get_xdata() == pytest.approx([ax.get_xticks()[1]])
    assert not len(apart.get_xdata())


def test_draws_where_it_is_told_and_again(reports):
    figure, axes = plt.subplots(1, 2)
    display = EarlyClassificationDisplay.from_reports(reports, ax=axes[1])
    assert display.figure_ is figure and display.ax_ is axes[1] and not axes[0].lines
    assert display.plot().figure_ is not figure


@pytest.mark.parametrize(
    ("change", "options", "error", "message"),
    [
        (None, {}, TypeError, "reports: expected a mapping"),
        ({}, {"metric": "auc"}, ValueError, "metric='auc' is not in the report 'ours' by 'age'"),
        ({}, {"metric": "called", "by": "n_detections"}, ValueError, "by 'n_detections'"),
        ({}, {"by": "peak"}, ValueError, "by must be 'age' or 'n_detections'; got 'peak'"),
        ({"third": 3}, {}, TypeError, "EarlyClassificationReport at 'third'; got 3"),
    ],
)
def test_what_cannot_be_drawn_is_refused(reports, change, options, error, message):
    given = list(reports.values()) if change is None else {**reports, **change}
    with pytest.raises(error, match=message):
        EarlyClassificationDisplay.from_reports(given, **options)


@pytest.mark.parametrize("options", [{"confidence_level": 0.9}, {"since": "confirmed"}])
def test_reports_that_do_not_match_are_refused(reports, options):
    with pytest.raises(ValueError, match=f"'ours' and 'other' differ in {next(iter(options))}"):
        EarlyClassificationDisplay.from_reports({**reports, "other": report_of(0, **options)})


def test_no_reports_are_refused():
    with pytest.raises(ValueError, match="reports is empty"):
        EarlyClassificationDisplay.from_reports({})
