import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

from sklearn_tde.calibration import ConformalTransientClassifier
from sklearn_tde.evaluation import coverage_report
from sklearn_tde.inspection import ConformalCoverageDisplay

generator = np.random.default_rng(0)
Y = np.where(generator.random(300) < 0.3, "TDE", "SN Ia")
X = generator.normal(size=(300, 2)) + (Y == "TDE")[:, np.newaxis]
AGE = np.where(np.arange(300) % 3, "old", "young")


@pytest.fixture(scope="module")
def model():
    return ConformalTransientClassifier(GaussianNB(), confidence_level=0.8).fit(X[:150], Y[:150])


def bars(ax):
    """Widths of the bars of each colour, by their label."""
    return {c.get_label(): [bar.get_width() for bar in c] for c in ax.containers}


def test_the_report_is_drawn(model):
    display = ConformalCoverageDisplay.from_estimator(model, X[150:], Y[150:], by=AGE[150:])
    expected = coverage_report(model.predict_set(X[150:]), Y[150:], model.classes_, by=AGE[150:])
    assert display.report.equals(expected)
    coverage, sets = display.axes_
    names = [label.get_text() for label in coverage.get_yticklabels()]
    assert names[0] == f"SN Ia, old ({expected['n_objects'].iloc[0]})"
    assert len(names) == 4
    level, points = coverage.lines
    assert set(level.get_xdata()) == {0.8}
    np.testing.assert_array_equal(points.get_xdata(), expected["coverage"])
    ends = np.array([path[:, 0] for path in coverage.collections[0].get_segments()])
    np.testing.assert_array_equal(ends, expected[["low", "high"]])
    drawn = bars(sets)
    assert drawn["one class"] == pytest.approx(expected["single"].tolist())
    assert drawn["none"] == pytest.approx(expected["empty"].tolist())
    np.testing.assert_allclose(np.sum(list(drawn.values()), axis=0), 1)
    display.figure_.canvas.draw()


def test_it_is_drawn_where_it_is_told_and_again(model):
    figure, axes = plt.subplots(1, 2)
    display = ConformalCoverageDisplay.from_predictions(
        [[True, False], [False, False]], ["SN Ia", "TDE"], ["SN Ia", "TDE"], ax=axes[0]
    )
    assert display.figure_ is figure
    assert bars(display.axes_[1])["none"] == [0, 1]
    assert "95% intervals" in display.axes_[0].get_xlabel()
    assert display.plot().figure_ is not figure


def test_what_predicts_no_sets_is_refused():
    with pytest.raises(TypeError, match="expected a ConformalTransientClassifier; got GaussianNB"):
        ConformalCoverageDisplay.from_estimator(GaussianNB(), X, Y)
