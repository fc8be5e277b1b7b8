import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier

from sklearn_tde import flatten_light_curves, pack_light_curves
from sklearn_tde.evaluation import score_trajectory
from sklearn_tde.inspection import TrajectoryDisplay


class Counting(ClassifierMixin, BaseEstimator):
    """Is surer of a TDE with every observation."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        share = flatten_light_curves(X).n_observations / 10.0
        return np.column_stack([1.0 - share, share])


@pytest.fixture(scope="module")
def X():
    table = pd.DataFrame(
        {
            "object_id": [*"aaaaaaa", "b"],
            "time": 59000.0 + np.array([0.0, 10.0, 14.0, 14.0, 20.0, 30.0, 45.0, 3.0]),
            "band": [*"grgrgrg", "g"],
            "flux": [20.0, 60.0, 80.0, 70.0, 90.0, 60.0, 20.0, 20.0],
            "flux_err": 10.0,
        }
    )
    return pack_light_curves(table, objects=pd.DataFrame(index=[*"abc"]))


@pytest.fixture(scope="module")
def model(X):
    return Counting().fit(X, ["TDE", "SN Ia", "TDE"])


def vertical_lines(ax):
    """Where solid vertical lines are."""
    found = [
        line for line in ax.lines if line.get_linestyle() == "-" and len(line.get_xdata()) == 2
    ]
    return [line.get_xdata()[0] for line in found if line.get_xdata()[0] == line.get_xdata()[1]]


def test_the_probability_grows_above_the_light_curve(model, X):
    display = TrajectoryDisplay.from_estimator(model, X, "a", label="TDE")
    upper, lower = display.axes_
    steps = next(line for line in upper.lines if line.get_drawstyle() == "steps-post")
    # Days since the first detection, the second observation.
    assert steps.get_xdata().tolist() == [-10.0, 0.0, 4.0, 10.0, 20.0, 35.0]
    assert steps.get_ydata() == pytest.approx([0.1, 0.2, 0.4, 0.5, 0.6, 0.7])
    drawn = [x for line in lower.lines if line.get_marker() in ("o", "s") for x in line.get_xdata()]
    assert sorted(drawn) == [-10.0, 0.0, 4.0, 4.0, 10.0, 20.0, 35.0]
    assert upper.get_shared_x_axes().joined(upper, lower)
    assert (upper.get_ylabel(), lower.get_ylabel()) == ("P(TDE)", "flux (µJy)")
    assert lower.get_xlabel() == "days since t = 0"
    display.figure_.canvas.draw()


def test_the_date_at_which_it_would_have_triggered(model, X):
    display = TrajectoryDisplay.from_estimator(model, X, "a", label="TDE")
    assert display.trigger_time_ == 59020.0
    assert vertical_lines(display.axes_[0]) == vertical_lines(display.axes_[1]) == [10.0]
    title = display.axes_[0].get_title(loc="left")
    assert title == "a   TDE   P(TDE) ≥ 0.5 first on day 10.0 (MJD 59020.00)"
    absolute = TrajectoryDisplay.from_estimator(model, X, "a", time="absolute", threshold=0.55)
    assert vertical_lines(absolute.axes_[1]) == [59030.0]
    assert absolute.axes_[1].get_xlabel() == "time (MJD)"


def test_what_never_triggers_and_what_was_never_observed(model, X):
    display = TrajectoryDisplay.from_estimator(model, X, position=1)
    assert np.isnan(display.trigger_time_)
    assert vertical_lines(display.axes_[0]) == []
    assert display.axes_[0].get_title(loc="left") == "b   P(TDE) ≥ 0.5: never"
    empty = TrajectoryDisplay.from_estimator(model, X, position=2)
    assert np.isnan(empty.trigger_time_)
    assert [text.get_text() for text in empty.axes_[1].texts] == ["no observations"]


def test_the_threshold_is_that_of_the_estimator(model, X):
    y = ["TDE", "SN Ia", "TDE"]
    fixed = FixedThresholdClassifier(FrozenEstimator(model), threshold=0.65, pos_label="TDE")
    assert TrajectoryDisplay.from_estimator(fixed.fit(X, y), X, "a").threshold == 0.65
    assert TrajectoryDisplay.from_estimator(fixed, X, "a", threshold=0.2).threshold == 0.2
    # It says nothing about another class.
    of_the_other = TrajectoryDisplay.from_estimator(fixed, X, "a", pos_label="SN Ia")
    assert (of_the_other.threshold, of_the_other.pos_label) == (0.5, "SN Ia")
    assert of_the_other.trigger_time_ == 59000.0
    own = Counting().fit(X, y)
    own.threshold_ = 0.35
    assert TrajectoryDisplay.from_estimator(own, X, "a").trigger_time_ == 59014.0


def test_the_trajectory_is_kept_and_drawn_where_told(model, X):
    _, axes = plt.subplots(1, 2)
    display = TrajectoryDisplay.from_estimator(
        model, X, "a", detection_snr=2.0, brightness="magnitude", ax=axes[1]
    )
    expected = score_trajectory(model, X.iloc[[0]], detection_snr=2.0)
    pd.testing.assert_frame_equal(display.trajectory, expected)
    assert display.start_time == 59000.0
    assert display.figure_ is axes[1].figure
    assert display.axes_[1].get_ylabel() == "AB magnitude"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, ValueError, "X has 3 objects; name the one to draw"),
        ({"object_id": "d"}, ValueError, "object_id='d' is not in X"),
        ({"object_id": "a", "threshold": 2.0}, ValueError, "threshold must be a number from 0"),
        ({"object_id": "a", "threshold": "half"}, TypeError, "^threshold: expected a number"),
        ({"object_id": "a", "pos_label": "AGN"}, ValueError, "pos_label='AGN' is not among"),
        ({"object_id": "a", "time": "mjd"}, ValueError, "time must be"),
        ({"object_id": "a", "ax": 3}, TypeError, "^ax: expected"),
    ],
)
def test_what_cannot_be_drawn_is_refused(model, X, arguments, error, message):
    with pytest.raises(error, match=message):
        TrajectoryDisplay.from_estimator(model, X, **arguments)


def test_missing_matplotlib_names_the_extra(model, X, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"TrajectoryDisplay needs .*sklearn-tde\[plot\]"):
        TrajectoryDisplay.from_estimator(model, X, "a")
