import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.datasets import make_classification
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from sklearn_tde.evaluation import cross_validation_report, expected_calibration_error
from sklearn_tde.inspection import ReliabilityDisplay

X, positive = make_classification(300, 6, weights=[0.8], class_sep=0.7, random_state=0)
Y = np.where(positive, "TDE", "SN Ia")


@pytest.fixture(scope="module")
def report():
    return cross_validation_report(GaussianNB(), X, Y, cv=3, n_bootstrap=10, name="Bayes")


def test_bins_are_those_of_scikit_learn_with_binomial_intervals(report):
    display = ReliabilityDisplay.from_report(report, n_bins=6)
    share, mean = calibration_curve(
        Y, report.y_proba, pos_label="TDE", n_bins=6, strategy="quantile"
    )
    bins = display.bins
    assert bins["share"].to_numpy() == pytest.approx(share)
    assert bins["probability"].to_numpy() == pytest.approx(mean)
    assert bins["n"].tolist() == [50] * 6
    for row in bins.itertuples():
        interval = binomtest(round(row.share * 50), 50).proportion_ci(0.95, method="wilson")
        assert (row.low, row.high) == pytest.approx((interval.low, interval.high))


def test_it_draws_the_bins_and_the_probabilities(report):
    display = ReliabilityDisplay.from_report(report, n_bins=5)
    shares, counts = display.axes_
    bins = display.bins
    line = shares.lines[1]
    assert line.get_xydata() == pytest.approx(bins[["probability", "share"]].to_numpy())
    bars = np.array(shares.collections[0].get_segments())
    assert bars[:, :, 1] == pytest.approx(bins[["low", "high"]].to_numpy())
    everything, of_class = ([bar.get_height() for bar in bars] for bars in counts.containers)
    assert sum(everything) == 300 and sum(of_class) == (Y == "TDE").sum()
    assert of_class == np.histogram(report.y_proba[Y == "TDE"], 25, (0, 1))[0].tolist()
    assert shares.get_ylabel() == "share of TDE, 95% intervals"
    assert counts.get_xlabel() == "probability of TDE"
    error = expected_calibration_error(Y, report.y_proba, n_bins=5)
    (label,) = [text.get_text() for text in shares.get_legend().get_texts()]
    assert label.splitlines() == [
        "Bayes",
        f"calibration error {error['value']:.3f}",
        f"(95% interval {error['low']:.3f} to {error['high']:.3f};",
        f"{error['if_calibrated']:.3f} if the probabilities were right)",
    ]


@pytest.mark.parametrize(
    "name", ["EnsembleTransientClassifier", "PriorAdjustedClassifier of other estimators " * 2]
)
def test_the_legend_of_a_long_name_covers_no_data_and_is_not_cut(report, name):
    display = ReliabilityDisplay.from_predictions(Y, report.y_proba, name=name)
    display.figure_.canvas.draw()
    legend = display.axes_[0].get_legend().get_window_extent()
    assert legend.y0 >= display.axes_[0].get_window_extent().y1
    assert display.figure_.bbox.x0 <= legend.x0 and legend.x1 <= display.figure_.bbox.x1
    assert legend.y1 <= display.figure_.bbox.y1


def test_repeats_do_not_make_more_objects():
    tree = DecisionTreeClassifier(max_depth=3)
    repeated = cross_validation_report(tree, X, Y, cv=3, n_repeats=3, n_bootstrap=10)
    display = ReliabilityDisplay.from_report(repeated, n_bins=4)
    assert display.bins["n"].sum() == pytest.approx(300)
    assert len(display.probability) == 900
    mistaken = ReliabilityDisplay.from_predictions(repeated.y_true, repeated.y_proba, n_bins=4)
    widths = [d.bins["high"] - d.bins["low"] for d in (display, mistaken)]
    assert (widths[0] > 1.4 * widths[1]).all()


def test_predictions_of_any_origin(report):
    figure, axes = plt.subplots(1, 2)
    display = ReliabilityDisplay.from_predictions(
        positive, report.y_proba, n_bins=6, confidence_level=0.5, name="mine", ax=axes[0]
    )
    whole = ReliabilityDisplay.from_report(report, n_bins=6)
    assert display.figure_ is figure
    assert display.pos_label == "1" and display.name == "mine"
    assert (display.bins["high"] < whole.bins["high"]).all()
    assert display.axes_[0].get_ylabel() == "share of 1, 50% intervals"
    assert display.plot().figure_ is not figure


def test_what_is_no_report_is_refused():
    with pytest.raises(TypeError, match="report: expected a CrossValidationReport; got 3"):
        ReliabilityDisplay.from_report(3)


def test_what_is_no_probability_is_refused():
    with pytest.raises(ValueError, match="y_proba is 2.0 at position 1"):
        ReliabilityDisplay.from_predictions([0, 1], [0.5, 2.0])
