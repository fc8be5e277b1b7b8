"""The expected calibration error, against counting and against what is known of the labels."""

import numpy as np
import pytest
from scipy.stats import binomtest

from sklearn_tde.evaluation import expected_calibration_error
from sklearn_tde.evaluation._calibration_error import wilson_interval


@pytest.fixture(scope="module")
def calibrated():
    rng = np.random.default_rng(0)
    probability = rng.beta(0.5, 3, 600)
    return np.where(rng.random(600) < probability, "TDE", "SN Ia"), probability


def test_it_is_the_mean_distance_in_bins_of_equal_numbers(calibrated):
    y, probability = calibrated
    order = np.argsort(probability)
    expected = [
        abs(probability[part].mean() - (y[part] == "TDE").mean())
        for part in np.array_split(order, 6)
    ]
    error = expected_calibration_error(y, probability, n_bins=6, n_bootstrap=10)
    assert error["value"] == pytest.approx(np.mean(expected))


def test_equal_probabilities_share_a_bin():
    y = np.array([0, 1, 1, 1, 0, 0])
    error = expected_calibration_error(y, [0.5] * 5 + [0.9], n_bins=3, n_bootstrap=10)
    assert error["value"] == pytest.approx((5 * abs(0.5 - 0.6) + 0.9) / 6)


def test_right_probabilities_are_not_told_from_right_ones(calibrated):
    error = expected_calibration_error(*calibrated)
    assert error["low"] == 0
    assert 0 < error["value"] < error["high"]
    assert error["value"] == pytest.approx(error["if_calibrated"], rel=0.5)


def test_wrong_probabilities_are_told_from_right_ones(calibrated):
    y, probability = calibrated
    error = expected_calibration_error(y, np.sqrt(probability))
    expected = (np.sqrt(probability) - probability).mean()
    assert error["if_calibrated"] < error["low"] < expected < error["high"]


def test_intervals_hold_the_true_error_of_bent_probabilities():
    rng = np.random.default_rng(1)
    held = 0
    # The mean of min(2 p, 1) - p where p follows Beta(1, 4).
    expected = 1 / 5 - 2 / (5 * 2**5)
    for _ in range(60):
        chance = rng.beta(1, 4, 200)
        y = (rng.random(200) < chance).astype(int)
        # Too high everywhere, so that the distance in a bin is that of its mean.
        error = expected_calibration_error(y, np.minimum(2 * chance, 1), n_bootstrap=200)
        held += error["low"] <= expected <= error["high"]
    assert 51 <= held <= 60


def test_several_predictions_of_an_object_are_no_more_objects(calibrated):
    y, probability = calibrated
    objects = np.arange(len(y))
    once = expected_calibration_error(y, probability, n_bootstrap=300)
    thrice = expected_calibration_error(
        np.tile(y, 3), np.tile(probability, 3), objects=np.tile(objects, 3), n_bootstrap=300
    )
    assert thrice.to_dict() == pytest.approx(once.to_dict())
    mistaken = expected_calibration_error(np.tile(y, 3), np.tile(probability, 3), n_bootstrap=300)
    assert mistaken["if_calibrated"] < 0.7 * once["if_calibrated"]


def test_a_distance_that_all_share_does_not_depend_on_the_draw():
    # Objects of one to nine predictions.
    objects = np.repeat(np.arange(160), np.tile([1, 2, 3, 9], 40))
    y = (objects >= 80).astype(int)
    probability = np.where(y, 0.7, 0.3)
    error = expected_calibration_error(y, probability, objects=objects, n_bins=2, n_bootstrap=50)
    assert error[["value", "low", "high"]].tolist() == pytest.approx([0.3] * 3)


def test_draws_in_blocks_are_the_same_draws(calibrated, monkeypatch):
    whole = expected_calibration_error(*calibrated, n_bootstrap=30)
    monkeypatch.setattr("sklearn_tde.evaluation._calibration_error._BLOCK_SIZE", 4000)
    assert expected_calibration_error(*calibrated, n_bootstrap=30).equals(whole)


@pytest.mark.parametrize(
    ("y", "probability", "options", "message"),
    [
        ([0, 1], [0.1, 1.2], {}, "y_proba is 1.2 at position 1"),
        ([0, 1], [0.1, np.nan], {}, "y_proba is nan at position 1"),
        ([0, 1], [[0.1, 0.9], [0.2, 0.8]], {}, r"y_proba has the shape \(2, 2\)"),
        ([0, 1, 1], [0.1, 0.2], {}, "y_true must have one value per object"),
        ([0, 1], [0.1, 0.2], {"objects": [0]}, "objects must have one value per object"),
        (["a", "b"], [0.1, 0.2], {}, "pos_label must name the class"),
        ([0, 1], [0.1, 0.2], {"n_bins": 0}, "'n_bins' parameter"),
    ],
)
def test_what_makes_no_sense_is_refused(y, probability, options, message):
    with pytest.raises(ValueError, match=message):
        expected_calibration_error(y, probability, **options)


def test_binomial_intervals_are_wilsons():
    for k, n in ((0, 12), (3, 40), (25, 25)):
        expected = binomtest(k, n).proportion_ci(0.9, method="wilson")
        found = wilson_interval(np.array([k / n]), np.array([n]), 0.9)
        assert np.ravel(found) == pytest.approx([expected.low, expected.high], abs=1e-12)
