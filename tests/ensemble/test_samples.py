"""Copies stay with their parents, and an object with its copies counts once."""

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from sklearn_tde import (
    EnsembleTransientClassifier,
    LightCurveFeatures,
    PartialLightCurveSampler,
    make_feature_pipeline,
    make_lstm_pipeline,
    make_transients,
    pack_light_curves,
)
from sklearn_tde.ensemble._ages import days_known, growth
from sklearn_tde.ensemble._decision import fit_growing_sigmoid, fit_sigmoid, log_odds
from sklearn_tde.ensemble._samples import with_copies


class Doubling:
    """Add a shifted copy of every object; of the first one `more`."""

    def __init__(self, shift=0.0, more=1):
        self.shift, self.more = shift, more

    def get_params(self, deep=True):
        return {"shift": self.shift, "more": self.more}

    def set_params(self, **params):
        vars(self).update(params)
        return self

    def fit_resample(self, X, y):
        copies = np.concatenate([np.zeros(self.more, dtype=int), np.arange(1, len(X))])
        self.sample_indices_ = np.concatenate([np.arange(len(X)), copies])
        return np.concatenate([X, X[copies] + self.shift]), y[self.sample_indices_]


class Shuffling(Doubling):
    """The same, in another order."""

    def fit_resample(self, X, y):
        X, y = super().fit_resample(X, y)
        self.sample_indices_ = self.sample_indices_[::-1]
        return X[::-1], y[::-1]


class Remembering(DummyClassifier):
    """Be sure of what was seen in training, and of nothing else."""

    def fit(self, X, y):
        self.seen_ = {row.tobytes() for row in X}
        return super().fit(X, y)

    def predict_proba(self, X):
        seen = np.array([row.tobytes() in self.seen_ for row in X])
        return np.where(seen[:, None], [0.9, 0.1], super().predict_proba(X))


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    y = np.repeat(["SN", "TDE"], [60, 30])
    return rng.normal(size=(90, 2)) + (y == "TDE")[:, None], y


def ensemble(member=None, **params):
    members = [("linear", LogisticRegression() if member is None else member)]
    return EnsembleTransientClassifier(members, **{"cv": 3, "random_state": 0} | params)


def test_copies_are_where_their_parents_are():
    parents = np.array([0, 1, 2, 3, 0, 0, 2, 3])
    ((train, test),) = with_copies([(np.array([0, 3]), np.array([1, 2]))], parents)
    assert train.tolist() == [0, 3, 4, 5, 7]
    assert test.tolist() == [1, 2, 6]


@pytest.mark.filterwarnings("ignore:the members find")
def test_no_member_judges_a_copy_of_what_it_was_trained_on(table):
    X, y = table
    # Exact copies: a member that had seen the parent would be sure of them.
    model = ensemble(Remembering(strategy="prior"), sampler=Doubling()).fit(X, y)
    assert np.ptp(model.out_of_fold_proba_[:, 1]) < 0.01
    np.testing.assert_allclose(
        model.out_of_fold_copies_, model.out_of_fold_proba_[model.copy_indices_]
    )


def test_an_object_and_its_copies_count_once_in_the_calibration(table):
    X, y = table
    once = ensemble(sampler=Doubling()).fit(X, y)
    # The first object has 200 copies; a model that learns the same from them shows the weights.
    frozen = ensemble(DummyClassifier(strategy="prior"), sampler=Doubling(more=200))
    with pytest.warns(UserWarning, match="no better than chance"):
        frozen.fit(X, y)
    assert frozen.predict_proba(X)[:, 1] == pytest.approx(1 / 3, abs=0.01)
    assert once.out_of_fold_proba_.shape == once.out_of_fold_copies_.shape == (90, 2)
    assert once.copy_indices_.tolist() == list(range(90))
    without = ensemble().fit(X, y)
    assert without.out_of_fold_copies_.shape == (0, 2)
    # Exact copies tell nothing new but to the strength of the members' penalty.
    np.testing.assert_allclose(once.predict_proba(X), without.predict_proba(X), atol=0.02)


def test_only_ratios_of_the_weights_matter_to_the_calibration():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=400)
    positive = rng.random(400) < 1 / (1 + np.exp(-scores))
    even = fit_sigmoid(scores, positive)
    assert fit_sigmoid(scores, positive, np.full(400, 3.0)) == pytest.approx(even, rel=1e-3)
    # Half of the objects have their labels the wrong way round, and next to no weight.
    wrong = np.arange(400) < 200
    weight = np.where(wrong, 1e-9, 1.0)
    right = fit_sigmoid(scores[~wrong], positive[~wrong])
    found = fit_sigmoid(scores, positive ^ wrong, weight)
    assert found == pytest.approx(right, abs=0.05)


def test_a_sampler_must_keep_the_objects_and_say_who_is_whose_copy(table):
    with pytest.raises(ValueError, match="does not return all objects in their order"):
        ensemble(sampler=Shuffling()).fit(*table)
    lstm = make_lstm_pipeline(early_stopping=True)
    with pytest.raises(ValueError, match="'linear' has classifier__early_stopping=True"):
        ensemble(lstm, sampler=Doubling()).fit(*table)
    # Its early stopping begins with 10,000 objects.
    with pytest.raises(ValueError, match="'linear' has early_stopping='auto'"):
        ensemble(HistGradientBoostingClassifier(), sampler=Doubling()).fit(*table)
    with pytest.raises(ValueError, match="'sampler' parameter"):
        ensemble(sampler="partial").fit(*table)


def test_young_light_curves_get_probabilities_of_their_age():
    X, y = make_transients(n_tde=25, n_sn_ia=50, random_state=0)
    trees = ExtraTreesClassifier(30, min_samples_leaf=4, class_weight="balanced")
    features = LightCurveFeatures(groups=("color", "history"))
    member = make_feature_pipeline(features=features, classifier=trees)
    sampler = PartialLightCurveSampler(ages=(5, 20))
    model = ensemble(member, sampler=sampler).fit(X, y)
    young, whole = model.out_of_fold_copies_[::2, 1], model.out_of_fold_proba_[:, 1]
    is_tde = y == "TDE"
    # Less is known, and less is said.
    assert young[is_tde].mean() < whole[is_tde].mean()
    assert np.abs(young - 0.5).mean() < np.abs(whole - 0.5).mean()
    again = ensemble(member, sampler=sampler).fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_the_calibration_by_age_is_that_of_each_age():
    rng = np.random.default_rng(0)
    growth = np.tile([0.0, 2.0], 4000)
    scores = rng.normal(size=8000) * 2
    odds = np.where(growth == 0, 0.3 * scores - 1.0, 1.5 * scores + 0.5)
    positive = rng.random(8000) < 1 / (1 + np.exp(-odds))
    found = fit_growing_sigmoid(scores, positive, np.ones(8000), growth, 2.0)
    assert found == pytest.approx((0.3, -1.0, 0.6, 0.75), abs=0.1)
    # Worse than chance when young: one slope for all ages instead.
    odds = np.where(growth == 0, -scores, scores)
    positive = rng.random(8000) < 1 / (1 + np.exp(-odds))
    found = fit_growing_sigmoid(scores, positive, np.ones(8000), growth, 2.0)
    assert found[2:] == (0.0, 0.0)
    # Grown ones alone say nothing of young ones; a line through them may not turn the order round.
    grown = np.tile([1.5, 2.0], 4000)
    positive = rng.random(8000) < 1 / (1 + np.exp(-scores * np.where(grown == 2, 4.0, 0.2)))
    found = fit_growing_sigmoid(scores, positive, np.ones(8000), grown, 2.0)
    assert found[0] > 0 and found[2:] == (0.0, 0.0)


def test_days_are_counted_from_the_first_detection_to_the_last_observation():
    observations = pd.DataFrame(
        [
            ("A", 10.0, "g", 1.0, 1.0),  # no detection
            ("A", 12.0, "g", 9.0, 1.0),
            ("A", 15.0, "r", 9.0, 1.0),
            ("A", 20.0, "r", -1.0, 1.0),
            ("B", 0.0, "g", 9.0, 1.0),
            ("B", 500.0, "g", 9.0, 1.0),
            ("C", 3.0, "g", 9.0, 1.0),
            ("D", 0.0, "g", 2.0, 1.0),  # never detected, however long it was watched
            ("D", 70.0, "g", 2.0, 1.0),
        ],
        columns=["object_id", "time", "band", "flux", "flux_err"],
    )
    X = pack_light_curves(observations)
    assert days_known(X).tolist() == [8.0, 500.0, 0.0, 0.0]
    np.testing.assert_allclose(growth(X), np.log1p([8.0, 40.0, 0.0, 0.0]))
    assert days_known(X.iloc[:0]).shape == (0,)


def test_young_light_curves_are_calibrated_by_their_age():
    X, y = make_transients(n_tde=25, n_sn_ia=50, random_state=0)
    trees = ExtraTreesClassifier(20, min_samples_leaf=4, random_state=0)
    features = LightCurveFeatures(groups=("color", "history"))
    member = make_feature_pipeline(features=features, classifier=trees)
    sampler = PartialLightCurveSampler(ages=(5, 20))
    model = ensemble(member, sampler=sampler, calibrate_by="age").fit(X, y)
    plain = ensemble(member, sampler=sampler).fit(X, y)
    assert model.age_slope_ != 0
    assert (plain.age_slope_, plain.age_intercept_) == (0, 0)
    before = log_odds(plain.predict_proba(X)[:, 1])
    average = (before - plain.intercept_) / plain.slope_
    slope = model.slope_ + model.age_slope_ * growth(X)
    intercept = model.intercept_ + model.age_intercept_ * growth(X)
    np.testing.assert_allclose(
        log_odds(model.predict_proba(X)[:, 1]), slope * average + intercept, rtol=1e-6
    )
    # The sampler makes the same copies again.
    again, labels = model.sampler_.fit_resample(X, y)
    assert len(again) == len(X) + len(model.out_of_fold_copies_)
    np.testing.assert_array_equal(labels[len(X) :], y[model.copy_indices_])
