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


def legend_texts(display):
    legends = [ax.get_legend() for ax in display.figure_.axes if ax.get_legend()]
    return [text.get_text() for legend in legends for text in legend.get_texts()]


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
    dotted = "purity that rests on fewer than 5 others"
    assert legend_texts(display) == [
        "classifier",
        "by the probabilities",
        dotted,
        "possible",
        "by chance",
    ]
    certain = FollowUpDisplay.from_predictions(
        sample[0], -sample[1] / 20 + 0.5, **NIGHT, n_spectra=[20, 40]
    )
    assert dotted not in legend_texts(certain)


def test_what_is_possible_is_seen_beside_a_line_that_lies_on_it(sample):
    perfect = np.where(sample[0] == "TDE", 0.9, 0.1)
    display = FollowUpDisplay.from_predictions(sample[0], perfect, **NIGHT)
    for panel in display.axes_:
        possible = max(panel.lines, key=lambda line: line.get_linewidth())
        on_it = [
            line
            for line in panel.lines
            if np.allclose(np.asarray(line.get_ydata()), possible.get_ydata(), rtol=0.01)
        ]
        assert len(on_it) > 1
        for line in on_it:
            assert line is possible or line.get_zorder() > possible.get_zorder()
            assert line is possible or line.get_linewidth() < 0.5 * possible.get_linewidth()


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
    assert len(colors - {"0.75", "0.45"}) == 2
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


def test_a_curve_without_a_name_is_refused(sample, probability):
    curve = follow_up_curve(sample[0], probability, **NIGHT)
    for curves in (curve, [curve], None):
        with pytest.raises(
            TypeError, match="^curves: expected a mapping of names to FollowUpCurve, such as"
        ):
            FollowUpDisplay(curves).plot()
    with pytest.raises(TypeError, match="^curves\\['one'\\] is 3; expected a FollowUpCurve"):
        FollowUpDisplay({"one": 3}).plot()
