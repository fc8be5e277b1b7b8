"""Spectra per night and thresholds, against nights that are drawn and thresholds that are tried."""

import re

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import binomtest, norm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_score, recall_score
from sklearn.naive_bayes import GaussianNB

from sklearn_tde.calibration import PriorAdjustedClassifier
from sklearn_tde.evaluation import (
    FollowUpCurve,
    cross_validation_report,
    follow_up_curve,
    threshold_for,
)

PRIOR = {"TDE": 0.05, "SN Ia": 0.75, "AGN": 0.2}
INTERVALS = ("found", "purity", "recall")


def draw(sizes, seed, *, decimals=2):
    """Labels, and probabilities with ties, more of TDEs than of AGN, more of these than of SNe."""
    rng = np.random.default_rng(seed)
    y = np.repeat(list(sizes), list(sizes.values()))
    x = rng.normal(np.select([y == "TDE", y == "AGN"], [2.0, 1.0], 0.0))
    return y, np.round(1 / (1 + np.exp(4 - 2 * x)), decimals)


@pytest.fixture(scope="module")
def sample():
    return draw({"TDE": 60, "SN Ia": 400, "AGN": 40}, 0)


@pytest.fixture(scope="module")
def report():
    rng = np.random.default_rng(1)
    y = np.repeat(["TDE", "SN Ia"], [30, 120])
    X = rng.normal(np.where(y == "TDE", 2.0, 0.0))[:, None]
    options = {"cv": 3, "n_repeats": 2, "n_bootstrap": 10, "random_state": 0}
    return cross_validation_report(LogisticRegression(), X, y, **options)


# --- lists of a number of spectra -------------------------------------------------------------


@pytest.mark.parametrize("prior", [PRIOR, None])
def test_it_is_the_mean_over_nights(sample, prior):
    y, probability = sample
    n_candidates, n_spectra, n_nights = 30, [1, 3, 10, 30], 20_000
    curve = follow_up_curve(
        y, probability, n_candidates=n_candidates, n_spectra=n_spectra, prior=prior, n_bootstrap=1
    )
    weight = np.ones(len(y))
    if prior:
        weight = np.array([prior[label] / (y == label).sum() for label in y])
    rng = np.random.default_rng(2)
    night = rng.choice(len(y), size=(n_nights, n_candidates), p=weight / weight.sum())
    # Chance decides among equal ones.
    order = np.argsort(-probability[night] + 1e-6 * rng.random(night.shape), axis=1)
    night = np.take_along_axis(night, order, axis=1)
    for n in n_spectra:
        for column, value in (("found", y == "TDE"), ("expected", probability)):
            drawn = value[night[:, :n]].sum(axis=1)
            error = drawn.std() / np.sqrt(n_nights)
            assert curve.table.loc[n, column] == pytest.approx(drawn.mean(), abs=4 * error)


def test_one_number_of_spectra_needs_no_list(sample):
    night = {"n_candidates": 30, "n_bootstrap": 5}
    one = follow_up_curve(*sample, n_spectra=3, **night).table
    assert one.equals(follow_up_curve(*sample, n_spectra=[3], **night).table)


def test_a_perfect_ranking_finds_what_is_possible():
    y = np.repeat(["TDE", "SN Ia"], [10, 90])
    found = np.where(y == "TDE", 0.9, 0.1)
    table = follow_up_curve(y, found, n_candidates=20, prior={"TDE": 0.1, "SN Ia": 0.9}).table
    np.testing.assert_allclose(table["found"], table["possible"], rtol=1e-3)
    # The chance that a night has no TDE.
    assert table.loc[1, "possible"] == pytest.approx(1 - 0.9**20)
    # No other object is ranked so highly; of 90 that says little of 18 more a night.
    low = 0.1 / (0.1 + 0.9 * (1 - 0.025 ** (1 / 90)))
    assert 0.3 < table.loc[1, "purity_low"] < low
    # The last is the whole night.
    last = table.iloc[-1]
    assert last["purity_low"] == pytest.approx(last["purity_high"])


def test_probabilities_that_are_all_the_same_find_as_many_as_chance():
    y = np.repeat(["TDE", "SN Ia"], [10, 90])
    curve = follow_up_curve(
        y, np.full(100, 0.3), n_candidates=50, prior={"TDE": 0.02, "SN Ia": 0.98}
    )
    np.testing.assert_allclose(curve.table["purity"], 0.02)
    np.testing.assert_allclose(curve.table["found"], 0.02 * curve.table.index)
    np.testing.assert_allclose(curve.table["expected"], 0.3 * curve.table.index)


def test_the_columns_belong_together(sample):
    curve = follow_up_curve(*sample, n_candidates=100, prior=PRIOR, n_bootstrap=50)
    assert isinstance(curve, FollowUpCurve)
    assert curve.n_positive == pytest.approx(5)
    assert curve.prior == pytest.approx(PRIOR)
    table, numbers = curve.table, curve.table.index.to_numpy()
    assert numbers[0] == 1
    assert numbers[-1] == 100
    for end in ("", "_low", "_high"):
        np.testing.assert_allclose(table[f"purity{end}"], table[f"found{end}"] / numbers)
        np.testing.assert_allclose(table[f"recall{end}"], table[f"found{end}"] / 5)
    assert (np.diff(table["found"]) > 0).all()
    assert (np.diff(table["purity"]) < 0).all()
    assert (table["found"] < table["possible"] + 1e-9).all()
    assert table.loc[100, "found"] == pytest.approx(5)
    assert table.loc[100, "n_others"] == 440
    assert (np.diff(table["n_others"]) >= 0).all()
    assert "100 candidates a night, 5 of them TDE; 95% intervals" in str(curve)
    assert repr(curve).startswith("<FollowUpCurve: 21 numbers of spectra, 100 candidates")


def test_intervals_hold_what_other_samples_of_the_size_find():
    sizes = {"TDE": 40, "SN Ia": 160}
    prior = {"TDE": 0.1, "SN Ia": 0.9}
    options = {"n_candidates": 20, "n_spectra": [2], "prior": prior}
    y, probability = draw({"TDE": 20_000, "SN Ia": 20_000}, 3, decimals=6)
    truth = follow_up_curve(y, probability, n_bootstrap=1, **options).table.loc[2, "found"]
    held = []
    for seed in range(100):
        table = follow_up_curve(*draw(sizes, 100 + seed), n_bootstrap=200, **options).table
        held.append(table.loc[2, "found_low"] <= truth <= table.loc[2, "found_high"])
    # 95 of 100, with room for the luck of 100 samples; exact intervals hold more than they must.
    assert np.sum(held) >= 91


def test_the_same_seed_draws_the_same(sample):
    first, again, other = (
        follow_up_curve(*sample, n_candidates=20, n_bootstrap=20, random_state=seed).table
        for seed in (0, 0, 1)
    )
    assert first.equals(again)
    assert not first["found_low"].equals(other["found_low"])
    assert first["found"].equals(other["found"])


def test_of_huge_nights_the_list_is_a_share():
    y, probability = draw({"TDE": 100, "SN Ia": 900}, 4, decimals=9)
    table = follow_up_curve(
        y, probability, n_candidates=10**6, n_spectra=[200_000], n_bootstrap=1
    ).table
    above = np.argsort(-probability)[:200]
    assert table["purity"].item() == pytest.approx((y[above] == "TDE").mean(), rel=3e-3)


# --- reports ----------------------------------------------------------------------------------


def test_a_report_stands_for_its_predictions(report):
    options = {"n_candidates": 50, "prior": {"TDE": 0.02, "SN Ia": 0.98}, "n_bootstrap": 200}
    curve = follow_up_curve(report, **options)
    assert curve.pos_label == "TDE"
    as_arrays = follow_up_curve(report.y_true, report.y_proba, **options)
    for column in ("found", "expected"):
        np.testing.assert_allclose(curve.table[column], as_arrays.table[column])
    # Two predictions of an object are no two objects.
    np.testing.assert_allclose(2 * curve.table["n_others"], as_arrays.table["n_others"])
    width = [t["found_high"] - t["found_low"] for t in (curve.table, as_arrays.table)]
    assert (width[0].iloc[:8] > 1.2 * width[1].iloc[:8]).all()


def test_adjusted_probabilities_promise_what_is_found():
    rng = np.random.default_rng(5)
    y = np.repeat(["TDE", "SN Ia"], [300, 1200])
    X = rng.normal(np.where(y == "TDE", 2.0, 0.0))[:, None]
    prior = {"TDE": 0.02, "SN Ia": 0.98}
    options = {"cv": 3, "n_bootstrap": 5, "random_state": 0}
    table = {
        name: follow_up_curve(
            cross_validation_report(model, X, y, **options),
            n_candidates=100,
            n_spectra=[1, 5, 20],
            prior=prior,
        ).table
        for name, model in {
            "adjusted": PriorAdjustedClassifier(GaussianNB(), prior=prior),
            "trained": GaussianNB(),
        }.items()
    }
    adjusted, trained = table["adjusted"], table["trained"]
    np.testing.assert_allclose(adjusted["expected"], adjusted["found"], rtol=0.1)
    assert (trained["expected"] > 1.5 * trained["found"]).all()
    # The order of two classes stays.
    np.testing.assert_allclose(adjusted["found"], trained["found"], rtol=0.02)


# --- thresholds -------------------------------------------------------------------------------


def weights_of(y, prior):
    return np.array([prior[label] / (y == label).sum() for label in y])


@pytest.mark.parametrize(
    "target", [{"precision": 0.3}, {"precision": 0.15}, {"recall": 0.7}, {"budget": 4}]
)
def test_the_threshold_is_the_best_of_all(sample, target):
    y, probability = sample
    found = threshold_for(y, probability, **target, n_candidates=30, prior=PRIOR, n_bootstrap=50)
    weight, positive = weights_of(y, PRIOR), y == "TDE"

    def reached(threshold):
        called = probability >= threshold
        return {
            "precision": precision_score(
                positive, called, sample_weight=weight, zero_division=np.nan
            ),
            "recall": recall_score(positive, called, sample_weight=weight),
            "n_flagged": 30 * weight[called].sum(),
        }

    at = reached(found.threshold)
    for name, value in at.items():
        assert getattr(found, name) == pytest.approx(value)
    assert found.flagged == pytest.approx(at["n_flagged"] / 30)
    assert found.n_others == ((probability >= found.threshold) & ~positive).sum()
    ((name, value),) = target.items()
    tried = [reached(cut) for cut in np.unique(probability)]
    if name == "precision":
        good = [t for t in tried if t["precision"] >= value]
        assert at["recall"] == pytest.approx(max(t["recall"] for t in good))
    elif name == "recall":
        good = [t for t in tried if t["recall"] >= value]
        assert at["n_flagged"] == pytest.approx(min(t["n_flagged"] for t in good))
    else:
        good = [t for t in tried if t["n_flagged"] <= value]
        assert at["n_flagged"] == pytest.approx(max(t["n_flagged"] for t in good))


def test_intervals_are_about_the_threshold_and_what_it_reaches(sample):
    found = threshold_for(*sample, recall=0.5, n_candidates=30, prior=PRIOR, n_bootstrap=200)
    for name in ("threshold", "precision", "recall", "flagged", "n_flagged"):
        low, high = getattr(found, f"{name}_interval")
        assert low < getattr(found, name) < high
    # Half of 60 found: the binomial error.
    low, high = found.recall_interval
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(0.25 / 60), rel=0.2)
    narrow = threshold_for(*sample, recall=0.5, prior=PRIOR, n_bootstrap=200, confidence_level=0.5)
    assert np.diff(narrow.recall_interval) < (high - low) / 2
    assert narrow.n_flagged is None
    assert narrow.n_flagged_interval is None


def test_a_threshold_above_all_others_is_not_certain():
    y = np.repeat(["TDE", "SN Ia"], [30, 300])
    found = threshold_for(
        y,
        np.where(y == "TDE", 0.9, 0.1),
        precision=0.9,
        prior={"TDE": 0.005, "SN Ia": 0.995},
        n_bootstrap=20_000,
    )
    assert found.precision == found.recall == 1
    assert found.n_others == 0
    # With 0 of 300 the share of the others above it may be 1.2 % (97.5 % limit).
    impostors = 1 - 0.025 ** (1 / 300)
    low, high = found.precision_interval
    assert low == pytest.approx(0.005 / (0.005 + 0.995 * impostors), abs=0.02)
    assert high == 1
    assert found.recall_interval == pytest.approx((0.025 ** (1 / 30), 1), abs=0.005)
    low, high = found.flagged_interval
    assert low == pytest.approx(0.005 * 0.025 ** (1 / 30), rel=0.01)
    assert high == pytest.approx(0.005 + 0.995 * impostors, rel=0.03)


def test_the_interval_of_a_share_is_exact(sample):
    found = threshold_for(*sample, recall=0.5, prior=PRIOR, n_bootstrap=20_000)
    exact = binomtest(round(60 * found.recall), 60).proportion_ci(0.95, method="exact")
    assert found.recall_interval == pytest.approx((exact.low, exact.high), abs=0.005)


@pytest.mark.parametrize("target", [{"precision": 0.9}, {"precision": 0.4}, {"recall": 0.6}])
def test_intervals_hold_what_a_threshold_reaches_on_the_sky(target):
    sizes, prior = {"TDE": 30, "SN Ia": 200, "AGN": 20}, {"TDE": 0.02, "SN Ia": 0.9, "AGN": 0.08}
    held = {"precision": [], "recall": [], "flagged": []}
    means = {"TDE": 3.5, "SN Ia": 0.0, "AGN": 1.0}
    y = np.repeat(list(sizes), list(sizes.values()))
    rng = np.random.default_rng(0)
    for _ in range(100):
        probability = expit(rng.normal([means[label] for label in y]))
        found = threshold_for(y, probability, **target, prior=prior, n_bootstrap=200)
        x = logit(found.threshold)
        tde, *others = (prior[label] * norm.sf(x - mean) for label, mean in means.items())
        flagged = tde + sum(others)
        truth = {"precision": tde / flagged, "recall": tde / 0.02, "flagged": flagged}
        for name, hits in held.items():
            low, high = getattr(found, f"{name}_interval")
            hits.append(low <= truth[name] <= high)
    # A bootstrap of the objects holds the precision of 0.9 in none of them.
    assert min(np.sum(hits) for hits in held.values()) >= 91


def test_a_threshold_that_many_draws_do_not_reach_has_an_open_end():
    y = np.array(["TDE", "SN Ia", "TDE", "SN Ia", "SN Ia", "TDE"])
    found = threshold_for(y, [0.9, 0.8, 0.7, 0.6, 0.5, 0.4], precision=0.6, n_bootstrap=100)
    assert found.threshold == pytest.approx(0.65)
    assert np.isnan(found.threshold_interval).any()


def test_targets_at_the_ends(sample):
    y, probability = sample
    assert threshold_for(y, probability, recall=1).recall == 1
    everything = threshold_for(y, probability, budget=30, n_candidates=30)
    assert everything.threshold == probability.min() / 2
    assert everything.flagged == pytest.approx(1)


def test_what_is_out_of_reach_is_told(sample):
    y = np.array(["SN Ia", "TDE", "TDE", "SN Ia"])
    probability = [0.9, 0.8, 0.7, 0.1]
    message = (
        r"the best is 0\.667, of objects with a probability of 0\.7 or more, with a recall of 1"
    )
    with pytest.raises(ValueError, match=f"precision is out of reach: {message}"):
        threshold_for(y, probability, precision=0.7)
    message = r"of probability 0\.9, are 25 of 100 candidates a night"
    with pytest.raises(ValueError, match=f"budget is out of reach: .*{message}"):
        threshold_for(y, probability, budget=20, n_candidates=100)


def test_a_report_has_thresholds_too(report):
    found = threshold_for(report, recall=0.9, prior={"TDE": 0.02, "SN Ia": 0.98}, n_bootstrap=20)
    predictions = report.predictions_
    tde = predictions["y"] == "TDE"
    assert found.recall == pytest.approx(
        (predictions["probability"][tde] >= found.threshold).mean()
    )


def test_a_threshold_prints_numbers_that_can_be_read(sample):
    night = {"n_candidates": 247, "n_bootstrap": 20}
    found = threshold_for(*sample, budget=5, **night)
    numbers = re.findall(r"\d[\d.e-]*", repr(found))
    assert len(numbers) == 16
    assert all(number == f"{float(number):.6g}" for number in numbers)
    assert f"n_flagged={found.n_flagged:.6g}, n_flagged_interval=(" in repr(found)
    assert f"n_others={found.n_others:.6g})" in repr(found)
    assert "n_flagged=None" in repr(threshold_for(*sample, recall=0.5, n_bootstrap=20))


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize("n_spectra", [[0, 1], [31], [1.5], [], 31, True, [[1]]])
def test_other_numbers_of_spectra_are_refused(sample, n_spectra):
    with pytest.raises(ValueError, match="n_spectra"):
        follow_up_curve(*sample, n_candidates=30, n_spectra=n_spectra)


@pytest.mark.parametrize(
    ("probability", "message"),
    [
        (None, "probability must be given with labels"),
        ([0.5, 0.5], r"shape \(2,\); expected one number for each of 500"),
        (np.full((500, 2), 0.5), "of predict_proba the column of pos_label"),
        (np.full(500, np.nan), "probability at position 0 is nan"),
        (np.linspace(-0.1, 1, 500), "probability at position 0 is -0.1"),
        (["high"] * 500, "cannot be read as one number per object"),
    ],
)
def test_probabilities_that_do_not_go_with_the_labels_are_refused(sample, probability, message):
    with pytest.raises(ValueError, match=message):
        follow_up_curve(sample[0], probability, n_candidates=30)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prior": {"TDE": 0.05}}, "prior has no share for 'AGN', 'SN Ia'"),
        ({"prior": {"TDE": 0, "AGN": 0.5, "SN Ia": 0.5}}, "the share of 'TDE' is 0"),
        ({"prior": "the sky"}, "prior='the sky' is none of 'all transients', 'nuclear'"),
        ({"pos_label": "SLSN"}, "pos_label='SLSN' is not among"),
    ],
)
def test_mixes_that_do_not_go_with_the_labels_are_refused(sample, options, message):
    with pytest.raises(ValueError, match=message):
        follow_up_curve(*sample, n_candidates=30, **options)


def test_a_ready_mix_warns_of_classes_that_are_not_there(sample):
    with pytest.warns(UserWarning, match=r"17\.40% of the objects") as caught:
        curve = follow_up_curve(*sample, n_candidates=30, prior="nuclear", n_bootstrap=1)
    assert curve.prior["TDE"] == pytest.approx(0.022 / 0.826)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "0 of precision, recall and budget are given"),
        ({"precision": 0.5, "recall": 0.5}, "2 of precision, recall and budget are given"),
        ({"budget": 3}, "a budget needs the number of candidates"),
    ],
)
def test_exactly_one_target_is_expected(sample, options, message):
    with pytest.raises(ValueError, match=message):
        threshold_for(*sample, **options)


def test_a_report_speaks_for_itself(report):
    with pytest.raises(ValueError, match="a report holds its own"):
        follow_up_curve(report, [0.5], n_candidates=10)
    with pytest.raises(ValueError, match="pos_label='SN Ia', but the report .* of 'TDE'"):
        follow_up_curve(report, n_candidates=10, pos_label="SN Ia")
