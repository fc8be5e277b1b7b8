"""Calibration and threshold, on scores whose truth is known."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    matthews_corrcoef,
)

from sklearn_tde.ensemble._decision import (
    FLOOR,
    SCORINGS,
    best_threshold,
    calibrated,
    combined,
    fit_sigmoid,
    log_odds,
)
from sklearn_tde.ensemble._other_classes import fit_shifts

METRICS = {
    "accuracy": accuracy_score,
    "balanced_accuracy": balanced_accuracy_score,
    "f1": f1_score,
    "matthews_corrcoef": matthews_corrcoef,
}


@pytest.fixture
def probabilities():
    found = np.random.default_rng(0).dirichlet([1.0, 1.0, 1.0], size=(4, 30))
    return np.clip(found, 0.01, None) / np.clip(found, 0.01, None).sum(axis=-1, keepdims=True)


def test_the_average_is_geometric_and_weighted(probabilities):
    found = combined(probabilities, np.array([2.0, 1.0, 1.0, 1.0]))
    product = (probabilities[[0, 0, 1, 2, 3]]).prod(axis=0) ** (1 / 5)
    np.testing.assert_allclose(found, product / product.sum(axis=1, keepdims=True))
    scaled = combined(probabilities, np.array([6.0, 3.0, 3.0, 3.0]))
    np.testing.assert_allclose(found, scaled, rtol=1e-12)


def test_a_probability_of_zero_is_no_veto():
    certain, doubtful = [[0.0, 1.0]], [[0.9, 0.1]]
    found = combined(np.array([certain, doubtful]), np.ones(2))
    expected = np.sqrt([FLOOR * 0.9, 0.1])
    np.testing.assert_allclose(found[0], expected / expected.sum())


def test_calibration_undoes_class_weights_and_confidence():
    """Balanced weights shift the log-odds by those of the classes, training too far scales them."""
    generator = np.random.default_rng(1)
    share, n = 0.1, 40_000
    positive = generator.random(n) < share
    x = generator.normal(size=n) + 2.0 * positive
    true = 2.0 * x - 2.0 + np.log(share / (1 - share))
    scores = 3.0 * (true - np.log(share / (1 - share)))
    slope, intercept = fit_sigmoid(scores, positive)
    assert slope == pytest.approx(1 / 3, rel=0.05)
    assert intercept == pytest.approx(np.log(share / (1 - share)), rel=0.05)
    np.testing.assert_allclose(expit(slope * scores + intercept), expit(true), atol=0.02)
    # The sum of calibrated probabilities is the number of positives.
    assert expit(slope * scores + intercept).sum() == pytest.approx(positive.sum(), rel=1e-3)


def test_classes_that_are_parted_perfectly_have_a_finite_slope():
    scores = np.linspace(-3, 3, 40)
    slope, intercept = fit_sigmoid(scores, scores > 0)
    assert 0 < slope < 10
    assert abs(intercept) < 1e-3


def test_scores_worse_than_chance_tell_nothing():
    positive = np.arange(50) < 10
    slope, intercept = fit_sigmoid(np.where(positive, -1.0, 1.0), positive)
    assert slope == 0.0
    assert expit(intercept) == pytest.approx((10 * 11 / 12 + 40 / 42) / 50)


@pytest.mark.parametrize("positive", [0, 1, 2])
def test_the_other_classes_keep_their_proportions(positive, probabilities):
    given = probabilities[0]
    found = calibrated(given, positive, 2.0, -1.0)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    odds = 2.0 * log_odds(given[:, positive]) - 1.0
    np.testing.assert_allclose(found[:, positive], expit(odds))
    a, b = [k for k in range(3) if k != positive]
    np.testing.assert_allclose(found[:, a] / found[:, b], given[:, a] / given[:, b])
    np.testing.assert_allclose(calibrated(given, positive, 1.0, 0.0), given, rtol=1e-10)


def weighted_sample(by_growth):
    """Three classes, and probabilities raised for the rare one, more so for young light curves."""
    rng = np.random.default_rng(0)
    truth = rng.dirichlet([1.0, 4.0, 0.5], size=20_000)
    codes = (rng.random(len(truth))[:, None] > truth.cumsum(axis=1)).sum(axis=1)
    growth = rng.uniform(0, 3, len(truth)) if by_growth else None
    factor = 6.0 if growth is None else np.exp(2.0 - 0.5 * growth)
    given = truth.copy()
    given[:, 2] *= factor
    return given / given.sum(axis=1, keepdims=True), truth, codes, growth


@pytest.mark.parametrize("by_growth", [False, True])
def test_what_class_weights_did_to_the_other_classes_is_undone(by_growth):
    given, truth, codes, growth = weighted_sample(by_growth)
    shifts, growth_shifts = fit_shifts(given, codes, 0, np.ones(len(codes)), growth)
    assert shifts[0] == growth_shifts[0] == 0
    if growth is None:
        assert shifts[2] - shifts[1] == pytest.approx(-np.log(6), abs=0.1)
        assert not growth_shifts.any()
    else:
        assert shifts[2] - shifts[1] == pytest.approx(-2.0, abs=0.15)
        assert growth_shifts[2] - growth_shifts[1] == pytest.approx(0.5, abs=0.1)
        shifts = shifts + growth_shifts * growth[:, None]
    found = calibrated(given, 0, 1.0, 0.0, shifts)
    np.testing.assert_allclose(found[:, 0], given[:, 0])
    share = found[:, 2] / found[:, 1:].sum(axis=1)
    np.testing.assert_allclose(share, truth[:, 2] / truth[:, 1:].sum(axis=1), atol=0.05)
    others = codes != 0
    assert share[others].mean() == pytest.approx((codes[others] == 2).mean(), rel=1e-3)


def test_an_object_of_weight_two_counts_as_two_of_the_other_classes():
    given, _, codes, growth = weighted_sample(by_growth=True)
    rows = np.arange(300)
    twice = np.append(rows, rows[::3])
    weight = np.where(rows % 3, 1.0, 2.0)
    found = fit_shifts(given[rows], codes[rows], 0, weight, growth[rows])
    wanted = fit_shifts(given[twice], codes[twice], 0, np.ones(len(twice)), growth[twice])
    np.testing.assert_allclose(found, wanted, atol=1e-3)


def test_the_one_other_class_of_two_has_nothing_to_share():
    given = np.array([[0.2, 0.8], [0.7, 0.3]])
    assert not np.any(fit_shifts(given, np.array([0, 1]), 1, np.ones(2), None))


def expected_score(scoring, probability, threshold):
    """The score of the expected numbers of true and false positives and negatives."""
    called = probability >= threshold
    tp, fp = probability[called].sum(), (1 - probability[called]).sum()
    fn, tn = probability[~called].sum(), (1 - probability[~called]).sum()
    if scoring == "f1":
        return 2 * tp / (2 * tp + fp + fn)
    if scoring == "balanced_accuracy":
        return (tp / (tp + fn) + tn / (tn + fp)) / 2
    if scoring == "accuracy":
        return (tp + tn) / (tp + tn + fp + fn)
    spread = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return (tp * tn - fp * fn) / np.sqrt(spread) if spread > 1e-9 else 0.0


@pytest.mark.parametrize("scoring", SCORINGS)
@pytest.mark.parametrize("seed", range(5))
def test_the_threshold_has_the_best_expected_score(scoring, seed):
    generator = np.random.default_rng(seed)
    probability = generator.beta(0.4, 1.5, size=25)
    if seed % 2:
        probability = np.ceil(probability * 8) / 9  # many are equal
    candidates = [0.0, *probability, 1.1]
    best = max(expected_score(scoring, probability, t) for t in candidates)
    threshold = best_threshold(probability, scoring)
    assert expected_score(scoring, probability, threshold) == pytest.approx(best, abs=1e-12)
    assert 0 < threshold < 1


@pytest.mark.parametrize("scoring", SCORINGS)
def test_of_many_objects_it_is_the_best_on_their_labels(scoring):
    generator = np.random.default_rng(2)
    probability = generator.beta(0.3, 1.2, size=20_000)
    positive = generator.random(len(probability)) < probability
    reached = [
        METRICS[scoring](positive, probability >= threshold)
        for threshold in [best_threshold(probability, scoring), *np.linspace(0.02, 0.98, 49)]
    ]
    assert reached[0] > max(reached[1:]) - 0.004
    assert reached[0] > np.median(reached[1:]) + 0.004


def test_the_best_accuracy_may_be_to_call_none():
    for probability in (np.full(20, 0.1), np.linspace(0.01, 0.4, 20)):
        assert not (probability >= best_threshold(probability, "accuracy")).any()
        # The others count what is missed.
        assert (probability >= best_threshold(probability, "f1")).any()


@pytest.mark.parametrize("scoring", SCORINGS)
def test_of_a_class_that_nothing_can_be_of_none_is_called(scoring):
    assert best_threshold(np.zeros(5), scoring) > 0
