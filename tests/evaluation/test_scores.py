"""The weighted scores and the bootstrap, against scikit-learn and against theory."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import expit, logit
from sklearn import metrics
from sklearn.linear_model import LogisticRegression

from sklearn_tde.evaluation._scores import (
    ScoredSample,
    bootstrap_scores,
    bootstrap_weights,
    percentile_interval,
)

BINARY = np.array(["SN Ia", "TDE"])


def make_predictions(rng, n=120, *, decimals=1):
    """Labels with few distinct probabilities, so that ties abound."""
    y = np.where(rng.random(n) < 0.2, "TDE", "SN Ia")
    probability = np.clip(rng.normal(0.3 + 0.3 * (y == "TDE"), 0.2), 0, 1).round(decimals)
    return y, np.where(probability > 0.5, "TDE", "SN Ia"), probability


def sklearn_scores(y, prediction, probability):
    positive, called = y == "TDE", prediction == "TDE"
    precision, recall, _ = metrics.precision_recall_curve(positive, probability)
    logits = logit(np.clip(probability, 1e-6, 1 - 1e-6))
    regression = LogisticRegression(C=np.inf, tol=1e-10, solver="newton-cholesky")
    return {
        "balanced_accuracy": metrics.balanced_accuracy_score(positive, called),
        "recall": metrics.recall_score(positive, called),
        "precision": metrics.precision_score(positive, called, zero_division=0),
        "f1": metrics.f1_score(positive, called),
        "specificity": metrics.recall_score(~positive, ~called),
        "average_precision": metrics.average_precision_score(positive, probability),
        "recall_at_precision": recall[precision >= 0.8].max(),
        "precision_at_recall": precision[recall >= 0.7].max(),
        "roc_auc": metrics.roc_auc_score(positive, probability),
        "brier_score": metrics.brier_score_loss(positive, probability),
        "brier_skill": metrics.d2_brier_score(positive, probability),
        "log_loss": metrics.log_loss(positive, probability),
        "calibration_slope": regression.fit(logits[:, np.newaxis], positive).coef_.item(),
        "calibration_intercept": brentq(lambda a: (expit(logits + a) - positive).sum(), -30, 30),
    }


@pytest.mark.parametrize("decimals", [1, 6])
def test_scores_of_draws_are_sklearns_scores_of_the_resampled_objects(decimals):
    y, prediction, probability = make_predictions(np.random.default_rng(0), decimals=decimals)
    sample = ScoredSample(y, prediction, probability, classes=BINARY, pos_label="TDE")
    weights = np.concatenate(list(bootstrap_weights(y, 20, seed=3)))
    scores = sample.scores(weights, min_recall=0.7)
    for draw, weight in enumerate(weights):
        rows = np.repeat(np.arange(len(y)), weight.astype(int))
        expected = sklearn_scores(y[rows], prediction[rows], probability[rows])
        assert list(scores) == list(expected)
        for metric, value in expected.items():
            tolerance = 1e-5 if metric.startswith("calibration") else 1e-12
            assert scores[metric][draw] == pytest.approx(value, rel=1e-6, abs=tolerance), metric


def test_without_positive_predictions_precision_and_f1_are_zero():
    y = np.array(["TDE", "SN Ia", "SN Ia"])
    sample = ScoredSample(
        y, np.full(3, "SN Ia"), np.array([0.4, 0.1, 0.2]), classes=BINARY, pos_label="TDE"
    )
    scores = sample.scores()
    assert scores["precision"] == scores["f1"] == scores["recall"] == 0
    assert scores["average_precision"] == 1


def test_scores_that_need_an_absent_class_are_nan():
    y = np.full(3, "SN Ia")
    probability = np.array([0.4, 0.1, 0.2])
    sample = ScoredSample(y, y, probability, classes=BINARY, pos_label="TDE")
    scores = sample.scores(min_recall=0.5)
    undefined = {metric for metric, score in scores.items() if np.isnan(score[0])}
    assert set(scores) - undefined == {"specificity", "brier_score", "log_loss"}
    assert scores["specificity"] == 1


def calibration_of(y, probability):
    y, probability = np.asarray(y, dtype=bool), np.asarray(probability, dtype=float)
    classes = np.array([False, True])
    scores = ScoredSample(y, y, probability, classes=classes, pos_label=True).scores()
    return scores["calibration_slope"].item(), scores["calibration_intercept"].item()


def test_calibration_tells_how_probabilities_were_bent():
    rng = np.random.default_rng(0)
    logits = rng.normal(-1.5, 2, 200_000)
    y = rng.random(len(logits)) < expit(logits)
    assert calibration_of(y, expit(logits)) == pytest.approx((1, 0), abs=0.02)
    assert calibration_of(y, expit(2 * logits))[0] == pytest.approx(0.5, abs=0.01)
    slope, intercept = calibration_of(y, expit(logits + 0.7))
    assert (slope, intercept) == pytest.approx((1, -0.7), abs=0.02)


@pytest.mark.parametrize(
    ("y", "probability"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4]),
        ([1, 1, 0, 0], [0.1, 0.2, 0.3, 0.4]),
        ([0, 0, 1, 1], [0.1, 0.2, 0.2, 0.4]),
        ([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5]),
        # Below the clip they are level.
        ([0, 1, 0, 1], [1e-9, 1e-8, 1e-7, 0.0]),
    ],
    ids=["separable", "in reverse", "but for a tie", "constant", "clipped"],
)
def test_no_finite_slope_is_nan_and_the_intercept_is_still_there(y, probability):
    slope, intercept = calibration_of(y, probability)
    assert np.isnan(slope) and np.isfinite(intercept)


def test_extreme_probabilities_converge():
    rng = np.random.default_rng(0)
    y = rng.random(400) < 0.1
    # One object of each class is at the far end of the other.
    probability = np.where(y, 1.0, 0.0)
    probability[[np.flatnonzero(y)[0], np.flatnonzero(~y)[0]]] = [0.0, 1.0]
    slope, intercept = calibration_of(y, probability)
    high, low = logit(y[probability == 1].mean()), logit(y[probability == 0].mean())
    assert slope == pytest.approx((high - low) / (2 * logit(1 - 1e-6)))
    assert np.isfinite(intercept)


def test_draws_without_a_score_lie_beyond_both_ends():
    draws = np.arange(1000.0)
    low, high = percentile_interval(np.where(draws % 100 == 0, np.nan, draws), 0.95)
    assert 0 < low < 24.975 and 974.025 < high < 999
    assert np.isnan(percentile_interval(np.where(draws < 30, np.nan, draws), 0.95)).all()


def test_macro_scores_are_sklearns_over_all_classes():
    rng = np.random.default_rng(1)
    classes = np.array(["AGN", "SN Ia", "TDE"])
    y, prediction = rng.choice(classes, 90), rng.choice(classes, 90)
    sample = ScoredSample(y, prediction, rng.random(90), classes=classes, pos_label="TDE")
    weights = np.concatenate(list(bootstrap_weights(y, 5, seed=0)))
    scores = sample.scores(weights)
    for draw, weight in enumerate(weights):
        rows = np.repeat(np.arange(90), weight.astype(int))
        recall = metrics.balanced_accuracy_score(y[rows], prediction[rows])
        f1 = metrics.f1_score(y[rows], prediction[rows], average="macro")
        assert scores["macro_recall"][draw] == pytest.approx(recall)
        assert scores["macro_f1"][draw] == pytest.approx(f1)


@pytest.mark.parametrize("known", [["SN Ia", "SN II", "TDE"], ["AGN", "SN Ia", "SN II", "TDE"]])
def test_macro_scores_are_sklearns_over_the_classes_with_members(known):
    rng = np.random.default_rng(1)
    y = rng.choice(["SN Ia", "SN II", "TDE"], 60)
    prediction = rng.choice(["AGN", "SN Ia", "SN II", "TDE", "Unknown"], 60)
    sample = ScoredSample(y, prediction, rng.random(60), classes=np.array(known), pos_label="TDE")
    # The last weighting leaves a class without weight, as a fold may.
    weights = np.vstack([*bootstrap_weights(y, 5, seed=0), y != "SN II"])
    scores = sample.scores(weights)
    for draw, weight in enumerate(weights):
        rows = np.repeat(np.arange(60), weight.astype(int))
        options = {"labels": np.unique(y[rows]), "average": "macro"}
        recall = metrics.recall_score(y[rows], prediction[rows], **options)
        f1 = metrics.f1_score(y[rows], prediction[rows], **options)
        assert scores["macro_recall"][draw] == pytest.approx(recall)
        assert scores["macro_f1"][draw] == pytest.approx(f1)


def test_each_draw_keeps_the_size_of_every_class():
    y = np.repeat(["AGN", "SN Ia", "TDE"], [3, 40, 7])
    weights = np.concatenate(list(bootstrap_weights(y, 200, seed=0)))
    for label, size in (("AGN", 3), ("SN Ia", 40), ("TDE", 7)):
        assert (weights[:, y == label].sum(axis=1) == size).all()
    # Each object is as likely as any other: its mean count is 1, give or take 0.07.
    assert abs(weights.mean(axis=0) - 1).max() < 0.3


def test_blocks_of_draws_make_one_sequence(monkeypatch):
    y = np.repeat([0, 1], [90, 10])
    monkeypatch.setattr("sklearn_tde.evaluation._scores._BLOCK_SIZE", 700)
    blocks = list(bootstrap_weights(y, 20, seed=0))
    assert [len(block) for block in blocks] == [7, 7, 6]
    sample = ScoredSample(y, y, np.linspace(0, 1, 100), classes=np.array([0, 1]), pos_label=1)
    draws = bootstrap_scores([sample], y, 20, 0)
    assert draws["brier_score"] == pytest.approx(
        sample.scores(np.concatenate(blocks))["brier_score"]
    )


def test_a_draw_is_averaged_over_the_repeats():
    rng = np.random.default_rng(0)
    y, prediction, probability = make_predictions(rng)
    noisy = np.clip(probability + rng.normal(0, 0.2, len(y)), 0, 1)
    samples = [
        ScoredSample(y, prediction, p, classes=BINARY, pos_label="TDE")
        for p in (probability, noisy)
    ]
    both = bootstrap_scores(samples, y, 50, 0)["roc_auc"]
    alone = [bootstrap_scores([sample], y, 50, 0)["roc_auc"] for sample in samples]
    assert both == pytest.approx((alone[0] + alone[1]) / 2)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(0)
    n_positive, n_negative, n_trials = 60, 240, 200

    def draw(n_positive, n_negative):
        y = np.repeat([True, False], [n_positive, n_negative])
        probability = 1 / (1 + np.exp(-rng.normal(np.where(y, 0.5, -1.0), 1.0)))
        classes = np.array([False, True])
        sample = ScoredSample(y, probability > 0.5, probability, classes=classes, pos_label=True)
        return y, sample

    truth = {m: score[0] for m, score in draw(100_000, 400_000)[1].scores().items()}
    covered = dict.fromkeys(truth, 0)
    for trial in range(n_trials):
        y, sample = draw(n_positive, n_negative)
        for metric, draws in bootstrap_scores([sample], y, 200, trial).items():
            low, high = percentile_interval(draws, 0.9)
            covered[metric] += low <= truth[metric] <= high
    for metric, count in covered.items():
        assert 0.84 <= count / n_trials <= 0.96, metric
