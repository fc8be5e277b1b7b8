import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from sklearn_tde import LightCurveGridder, make_transients, pack_light_curves
from sklearn_tde.evaluation import CrossValidationReport
from sklearn_tde.inspection import MistakesDisplay

LABELS = np.array(["TDE", "SN Ia", "SN Ia", "TDE", "SN Ia"])
PROBABILITIES = np.array([[0.9, 0.2, 0.7, 0.2, 0.01], [0.7, 0.0, 0.9, 0.4, 0.01]])


def make_report(names, probabilities=PROBABILITIES, y=LABELS):
    n_repeats, n_objects = probabilities.shape
    predictions = pd.DataFrame(
        {
            "repeat": np.repeat(np.arange(n_repeats), n_objects),
            "position": np.tile(np.arange(n_objects), n_repeats),
            "object_id": np.tile(names, n_repeats),
            "fold": 0,
            "y": np.tile(y, n_repeats),
            "probability": probabilities.ravel(),
            "prediction": np.where(probabilities.ravel() >= 0.5, "TDE", "SN Ia"),
            "threshold": np.nan,
        }
    )
    columns = {"fold": 0, "threshold": np.nan, "fit_time": 0.0, "score_time": 0.0}
    folds = pd.DataFrame({"repeat": np.arange(n_repeats), **columns})
    return CrossValidationReport(predictions, folds, pos_label="TDE", name="a", n_bootstrap=10)


@pytest.fixture(scope="module")
def X():
    """Five objects with detections on day 0, and on day 3 and 50 times their number."""
    times = np.array([0.0, 3.0, 50.0])
    table = pd.DataFrame(
        {
            "object_id": np.repeat([*"abcde"], 3),
            "time": 59000.0 + np.concatenate([number * times for number in range(1, 6)]),
            "band": ["g", "r", "g"] * 5,
            "flux": np.arange(100.0, 115.0),
            "flux_err": 10.0,
        }
    )
    return pack_light_curves(table)


@pytest.fixture(scope="module")
def report():
    return make_report([*"abcde"])


def points(ax):
    """Times and fluxes of the observations drawn."""
    drawn = [
        (float(x), float(y))
        for line in ax.lines
        if line.get_marker() in ("o", "s")
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    ]
    return sorted(drawn)


def test_mistakes_are_ranked_by_their_share_of_the_log_loss(report):
    table = report.mistakes()
    assert list(table) == ["object_id", "position", "y", "probability", "log_loss"]
    assert table["object_id"].tolist() == ["c", "d", "a", "b", "e"]
    assert table.index.tolist() == [1, 2, 3, 4, 5] and table.index.name == "rank"
    assert table["probability"].to_numpy() == pytest.approx([0.8, 0.3, 0.8, 0.1, 0.01])
    expected = -np.log([0.2, 0.3, 0.8, 0.9, 0.99])
    assert table["log_loss"].to_numpy() == pytest.approx(expected)
    pd.testing.assert_frame_equal(report.mistakes(2), table.iloc[:2])
    with pytest.raises(ValueError, match="'n_objects' parameter of"):
        report.mistakes(0)


def test_certain_mistakes_are_finite_and_in_the_order_of_the_objects():
    report = make_report([*"abcde"], np.array([[1.0, 1.0, 0.0, 0.0, 1.0]]))
    table = report.mistakes()
    assert table["object_id"].tolist() == [*"bdeac"]
    assert np.isfinite(table["log_loss"]).all() and table["log_loss"].iloc[0] > 30


def test_the_worst_objects_are_drawn_with_their_names_classes_and_probabilities(report, X):
    display = MistakesDisplay.from_report(report, X, n_objects=2)
    titles = [ax.get_title(loc="left") for ax in display.axes_]
    assert titles == ["1. c\nSN Ia   P(TDE) = 0.800", "2. d\nTDE   P(TDE) = 0.300"]
    assert points(display.axes_[0]) == [(0.0, 106.0), (9.0, 107.0), (150.0, 108.0)]
    assert points(display.axes_[1]) == [(0.0, 109.0), (12.0, 110.0), (200.0, 111.0)]
    pd.testing.assert_frame_equal(display.mistakes, report.mistakes(2))


def test_one_legend_explains_all_panels(report, X):
    display = MistakesDisplay.from_report(report, X, n_objects=3, n_columns=2)
    legends = [ax.get_legend() for ax in display.figure_.axes if ax.get_legend()]
    assert [[text.get_text() for text in legend.get_texts()] for legend in legends] == [
        ["g", "r", "t = 0"]
    ]
    # The outer panels are labelled, and the fourth is gone.
    assert [ax.get_ylabel() for ax in display.axes_] == ["flux (µJy)", "", "flux (µJy)"]
    assert [bool(ax.get_xlabel()) for ax in display.axes_] == [False, True, True]
    display.figure_.canvas.draw()


def test_what_is_out_of_the_window_is_counted(report, X):
    display = MistakesDisplay.from_report(report, X, n_objects=2, days=(10.0, 160.0))
    notes = [[text.get_text() for text in ax.texts] for ax in display.axes_]
    assert notes == [["2 earlier"], ["1 earlier", "1 later"]]
    assert points(display.axes_[1]) == [(12.0, 110.0)]
    assert display.axes_[0].get_xlim() == (10.0, 160.0)
    display.plot(days=None)
    assert [list(ax.texts) for ax in display.axes_] == [[], []]
    assert len(points(display.axes_[1])) == 3


def test_absolute_times_and_magnitudes_where_told(report, X):
    figure, axes = plt.subplots(1, 2)
    display = MistakesDisplay.from_report(
        report, X, n_objects=1, time="absolute", brightness="magnitude", ax=axes[1]
    )
    assert display.figure_ is figure
    (ax,) = display.axes_
    assert ax.get_xlabel() == "time (MJD)" and ax.get_ylabel() == "AB magnitude"
    assert ax.get_xlim() == (58900.0, 59300.0)
    first = round(23.9 - 2.5 * np.log10(106.0), 3)
    assert [(x, round(y, 3)) for x, y in points(ax)][0] == (59000.0, first)


def test_t0_follows_the_rule_of_the_gridder():
    table = pd.DataFrame(
        {"object_id": "a", "time": [0.0, 100.0, 103.0], "band": "g", "flux": 100.0, "flux_err": 9.0}
    )
    X = pack_light_curves(table, objects=pd.DataFrame(index=["a", "empty"]))
    report = make_report(["a", "empty"], np.array([[0.1, 0.2]]), np.array(["TDE", "SN Ia"]))
    confirmed = MistakesDisplay.from_report(report, X)
    first = MistakesDisplay.from_report(report, X, gridder=LightCurveGridder.reference())
    assert (confirmed.start_times[0], first.start_times[0]) == (100.0, 0.0)
    assert "no observations" in [text.get_text() for text in confirmed.axes_[1].texts]


def test_objects_are_found_by_position_where_they_have_no_names(X):
    report = make_report(np.arange(5))
    display = MistakesDisplay.from_report(report, X, n_objects=1)
    assert points(display.axes_[0])[0] == (0.0, 106.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X: X.iloc[::-1], "X has object 'e' where the report 'a' has 'a'"),
        (lambda X: X.iloc[:4], "X has 4 objects; the report 'a' is about more"),
    ],
)
def test_other_objects_than_those_of_the_report_are_refused(report, X, change, message):
    with pytest.raises(ValueError, match=message):
        MistakesDisplay.from_report(report, change(X))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n_objects": 0}, ValueError, "'n_objects' parameter of"),
        ({"n_columns": 0}, ValueError, "n_columns must be an integer of 1 or more; got 0"),
        ({"days": (5.0, 5.0)}, ValueError, "days must be two numbers"),
        ({"days": 300.0}, ValueError, "days must be two numbers"),
        ({"time": "mjd"}, ValueError, "time must be 'relative' or 'absolute'"),
        ({"gridder": "gridder"}, TypeError, "^gridder: expected"),
        ({"ax": 3}, TypeError, "^ax: expected"),
    ],
)
def test_what_cannot_be_drawn_is_refused(report, X, arguments, error, message):
    with pytest.raises(error, match=message):
        MistakesDisplay.from_report(report, X, **arguments)


def test_missing_matplotlib_names_the_extra(report, X, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"MistakesDisplay needs .*sklearn-tde\[plot\]"):
        MistakesDisplay.from_report(report, X)


def test_light_curves_of_a_real_report_are_those_of_its_objects():
    X, y = make_transients(n_tde=4, n_sn_ia=6, random_state=0)
    probability = np.linspace(0.05, 0.95, 10)[np.newaxis]
    report = make_report(X.index.to_numpy(), probability, y)
    display = MistakesDisplay.from_report(report, X, n_objects=3)
    for row, table in zip(display.mistakes.itertuples(), display.observations, strict=True):
        expected = X.loc[row.object_id, "light_curve"]
        assert table["flux"].tolist() == expected["flux"].tolist()
