import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from sklearn.linear_model import LogisticRegression

from sklearn_tde.evaluation import cross_validation_report, follow_up_curve
from sklearn_tde.inspection import FollowUpDisplay

PRIOR = {"TDE": 0.02, "SN Ia": 0.98}
NIGHT = {"n_candidates": 50, "prior": PRIOR, "n_bootstrap": 50}


@pytest.fixture(scope="module")
def sample():
    rng = np.random.default_rng(0)
    y = np.repeat(["TDE", "SN Ia"], [30, 120])
    return y, rng.normal(np.where(y == "TDE", 2.5, 0.0))


@pytest.fixture(scope="module")
def probability(sample):
    return 1 / (1 + np.exp(3 - 2.5 * sample[1]))


def drawn(ax):
    return [tuple(np.ma.filled(np.ma.masked_invalid(line.get_ydata()), -1)) for line in ax.lines]


def test_the_numbers_of_the_curve_are_drawn(sample, probability):
    display = FollowUpDisplay.from_predictions(sample[0], probability, **NIGHT, name="forest")
    table = follow_up_curve(sample[0], probability, **NIGHT).table
    assert display.curves["forest"].table.equals(table)
    found, purity = display.axes_
    for column in ("found", "expected", "possible"):
        assert tuple(table[column]) in drawn(found)
    few = table["n_others"] < 5
    assert few.any()
    assert tuple(table["purity"].mask(few, -1)) in drawn(purity)
    for panel, column in ((found, "found"), (purity, "purity")):
        (band,) = [c for c in panel.collections if isinstance(c, PolyCollection)]
        corners = band.get_paths()[0].vertices
        for n, low, high in table[[f"{column}_low", f"{column}_high"]].itertuples():
            at = corners[np.isclose(corners[:, 0], n), 1]
            assert np.isclose(at, low).any()
            assert np.isclose(at, high).any()
    display.figure_.canvas.draw()


def test_it_says_what_is_drawn(sample, probability):
    display = FollowUpDisplay.from_predictions(sample[0], probability, **NIGHT)
    found, purity = display.axes_
    assert found.get_ylabel() == "TDE found a night"
    assert purity.get_ylabel() == "share of TDE in the list"
    assert found.get_xlabel() == "spectra a night, of 50 candidates"
    legends = [ax.get_legend() for ax in display.figure_.axes if ax.get_legend()]
    texts = [text.get_text() for legend in legends for text in legend.get_texts()]
    assert texts == ["classifier", "by the probabilities", "possible", "by chance"]


def test_a_report_is_drawn_under_its_name(sample):
    report = cross_validation_report(
        LogisticRegression(), sample[1][:, None], sample[0], cv=3, n_bootstrap=5, name="linear"
    )
    display = FollowUpDisplay.from_report(report, **NIGHT)
    assert display.curves["linear"].table.equals(follow_up_curve(report, **NIGHT).table)
    with pytest.raises(TypeError, match="^report: expected a CrossValidationReport; got 3"):
        FollowUpDisplay.from_report(3, n_candidates=10)


def test_draws_where_it_is_told_and_again(sample, probability):
    figure, axes = plt.subplots(1, 2)
    display = FollowUpDisplay.from_predictions(sample[0], probability, **NIGHT, ax=axes[1])
    assert display.figure_ is figure
    assert not axes[0].lines
    assert display.plot().figure_ is not figure


def test_several_classifiers_share_the_panels(sample, probability):
    curves = {
        "good": follow_up_curve(sample[0], probability, **NIGHT),
        "bad": follow_up_curve(sample[0], 1 - probability, **NIGHT),
    }
    display = FollowUpDisplay(curves).plot()
    colors = {line.get_color() for line in display.axes_[0].lines}
    assert len(colors) == 3
    # Promises of many times what there is leave the picture.
    assert display.axes_[0].get_ylim()[1] == pytest.approx(1.05 * 2 * curves["bad"].n_positive)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_candidates": 60}, "'other' are about other candidates: n_candidates is 50 and 60"),
        ({"prior": {"TDE": 0.1, "SN Ia": 0.9}}, "other candidates: prior is"),
        ({"pos_label": "SN Ia"}, "pos_label is 'TDE' and 'SN Ia'"),
    ],
)
def test_curves_about_other_candidates_are_refused(sample, probability, change, message):
    curve = follow_up_curve(sample[0], probability, **NIGHT)
    other = follow_up_curve(sample[0], probability, **{**NIGHT, **change})
    with pytest.raises(ValueError, match=message):
        FollowUpDisplay({"one": curve, "other": other}).plot()
    with pytest.raises(ValueError, match="curves is empty"):
        FollowUpDisplay({}).plot()
