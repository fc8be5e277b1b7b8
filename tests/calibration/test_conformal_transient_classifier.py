"""Coverage of each class, what too few objects do, and who counts as one object."""

import joblib
import numpy as np
import pytest
from scipy.stats import binom
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from sklearn_tde import (
    EnsembleTransientClassifier,
    LightCurveFeatures,
    LightCurveTruncator,
    PartialLightCurveSampler,
    make_feature_pipeline,
    make_transients,
)
from sklearn_tde.calibration import ConformalTransientClassifier

LABELS = np.array(["AGN", "SN Ia", "TDE"])


def sample(seed, sizes=(200, 600, 60)):
    generator = np.random.default_rng(seed)
    code = generator.permutation(np.repeat([0, 1, 2], sizes))
    X = generator.normal(size=(len(code), 3)) + 1.3 * (np.arange(3) == code[:, None])
    return X, LABELS[code]


AGES = ["under 7.5 days", "7.5 to 15 days", "15 to 30 days", "over 30 days"]


class Fixed(ClassifierMixin, BaseEstimator):
    """Gives probabilities of the second class, whatever X is."""

    def __init__(self, probability):
        self.probability = probability

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.column_stack([1 - self.probability, self.probability])


class Given(ClassifierMixin, BaseEstimator):
    """Says what X says; there is nothing to learn."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.column_stack([1 - np.asarray(X)[:, 0], np.asarray(X)[:, 0]])


def given(probability, y, **params):
    """Calibrate on probabilities of class 1."""
    frozen = FrozenEstimator(Given().fit(None, [0, 1]))
    X = np.asarray(probability, dtype=float)[:, np.newaxis]
    groups = params.pop("groups", None)
    return ConformalTransientClassifier(frozen, **params).fit(X, y, groups=groups)


def covered(model, X, y):
    return model.predict_set(X)[np.arange(len(y)), np.searchsorted(model.classes_, y)]


# Coverage


def models():
    linear = LogisticRegression()
    yield "parts", ConformalTransientClassifier(linear, random_state=0)
    members = [("linear", linear), ("bayes", GaussianNB())]
    ensemble = EnsembleTransientClassifier(members, cv=3, random_state=0)
    yield "ensemble", ConformalTransientClassifier(ensemble)
    yield "frozen", ConformalTransientClassifier(FrozenEstimator(GaussianNB().fit(*sample(7))))


@pytest.mark.parametrize("model", [pytest.param(m, id=name) for name, m in models()])
def test_every_class_is_covered_as_often_as_asked(model):
    X_new, y_new = sample(100, sizes=(3000, 3000, 3000))
    shares = []
    for seed in range(6):
        model.fit(*sample(seed))
        hits = covered(model, X_new, y_new)
        shares.append([hits[y_new == label].mean() for label in LABELS])
    # A share scatters by the calibration objects of its class, 60 at least: sqrt(.09 / 60) = 0.04,
    # and the mean of six by 0.016.
    mean = np.mean(shares, axis=0)
    assert (abs(mean - 0.9) < 0.04).all()


def test_the_share_of_a_class_is_the_same_however_rare_it_is():
    X, y = sample(1, sizes=(40, 3000, 400))
    model = ConformalTransientClassifier(GaussianNB(), random_state=0).fit(X, y)
    X_new, y_new = sample(2, sizes=(3000, 100, 3000))
    hits = covered(model, X_new, y_new)
    assert abs(hits[y_new == "TDE"].mean() - 0.9) < 0.04
    # One quantile for all classes would cover the common one and give the rare ones away.
    scores = 1 - model.predict_proba(X)[np.arange(len(y)), np.searchsorted(LABELS, y)]
    proba = model.predict_proba(X_new)[np.arange(len(y_new)), np.searchsorted(LABELS, y_new)]
    assert (1 - proba <= np.quantile(scores, 0.9))[y_new == "TDE"].mean() < 0.7


def test_a_model_that_learns_by_heart_gains_nothing():
    generator = np.random.default_rng(0)
    X, y = generator.normal(size=(400, 2)), generator.integers(2, size=400)
    model = ConformalTransientClassifier(KNeighborsClassifier(1), random_state=0).fit(X, y)
    X_new, y_new = generator.normal(size=(2000, 2)), generator.integers(2, size=2000)
    assert covered(model, X_new, y_new).mean() > 0.87


def test_p_values_of_the_true_class_are_uniform_where_the_model_is_given():
    generator = np.random.default_rng(0)
    model = given(generator.random(210), np.r_[np.ones(200, int), np.zeros(10, int)])
    p = model.p_values(generator.random((5000, 1)))[:, 1]
    for level in (0.1, 0.5, 0.9):
        # The calibration set's own luck: the standard deviation is 0.035 at most.
        assert abs((p <= level).mean() - level) < 0.07
    assert p.min() >= 1 / 201
    assert p.max() <= 1


def test_p_values_by_hand():
    model = given([0.2, 0.4, 0.6, 0.9, 0.3], [1, 1, 1, 0, 0], confidence_level=0.5)
    p = model.p_values([[0.1], [0.4], [0.5], [1.0]])
    np.testing.assert_allclose(p[:, 1], [1 / 4, 3 / 4, 3 / 4, 1])
    # Of class 0 the objects had the probabilities 0.1 and 0.7.
    np.testing.assert_allclose(p[:, 0], [1, 2 / 3, 2 / 3, 1 / 3])
    np.testing.assert_array_equal(model.predict_set([[0.1], [0.4], [0.5], [1.0]]), p > 0.5)


def test_each_part_is_compared_with_the_model_that_has_not_seen_it():
    X, y = sample(3, sizes=(30, 40, 30))
    model = ConformalTransientClassifier(GaussianNB(), cv=KFold(2)).fit(X, y)
    new = sample(4)[0][:10]
    expected = np.ones((10, 3))
    for test, train in ((slice(0, 50), slice(50, 100)), (slice(50, 100), slice(0, 50))):
        bayes = GaussianNB().fit(X[train], y[train])
        own, proba = bayes.predict_proba(X[test]), bayes.predict_proba(new)
        for code, label in enumerate(LABELS):
            known = own[y[test] == label, code]
            expected[:, code] += (known <= proba[:, [code]]).sum(axis=1)
    expected /= np.array([30, 40, 30]) + 1
    np.testing.assert_allclose(model.p_values(new), expected)


def test_the_ensemble_is_not_trained_a_second_time():
    X, y = sample(5, sizes=(30, 40, 30))
    ensemble = EnsembleTransientClassifier([("bayes", GaussianNB())], cv=3, random_state=0)
    model = ConformalTransientClassifier(ensemble).fit(X, y)
    known = ensemble.fit(X, y).out_of_fold_proba_
    np.testing.assert_array_equal(model.estimator_.out_of_fold_proba_, known)
    assert model.estimators_ == [model.estimator_]
    proba = ensemble.predict_proba(X)
    for code, label in enumerate(LABELS):
        of_class = known[y == label, code]
        expected = (1 + (of_class <= proba[:, [code]]).sum(axis=1)) / (len(of_class) + 1)
        np.testing.assert_allclose(model.p_values(X)[:, code], expected)


def test_the_estimator_itself_predicts():
    X, y = sample(6, sizes=(30, 40, 30))
    model = ConformalTransientClassifier(GaussianNB()).fit(X, y)
    bayes = GaussianNB().fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), bayes.predict_proba(X))
    np.testing.assert_array_equal(model.predict(X), bayes.predict(X))
    assert model.n_features_in_ == 3


def test_another_level_needs_no_other_fit():
    X, y = sample(8)
    model = ConformalTransientClassifier(GaussianNB(), confidence_level=0.8).fit(X, y)
    small = model.predict_set(X)
    large = model.set_params(confidence_level=0.95).predict_set(X)
    assert (large >= small).all()
    assert large.sum() > small.sum()


def test_of_no_objects_there_are_no_sets():
    model = ConformalTransientClassifier(GaussianNB(), bins=age).fit(*sample(8))
    assert model.p_values(np.empty((0, 3))).shape == (0, 3)
    sets = model.predict_set(np.empty((0, 3)))
    assert sets.shape == (0, 3)
    assert sets.dtype == bool


# Too few objects


def test_a_level_raised_after_fit_beyond_what_objects_allow_is_announced():
    X, y = sample(8, sizes=(100, 100, 30))
    model = ConformalTransientClassifier(GaussianNB()).fit(X, y)
    message = r"confidence_level=0.99 needs 99 calibration objects of a class: 'TDE' has 30\."
    with pytest.warns(UserWarning, match=message):
        sets = model.set_params(confidence_level=0.99).predict_set(X)
    assert sets[:, 2].all()


def test_a_class_with_too_few_objects_is_announced_and_in_every_set():
    X, y = sample(9, sizes=(100, 100, 8))
    model = ConformalTransientClassifier(GaussianNB())
    message = r"confidence_level=0.9 needs 9 calibration objects of a class: 'TDE' has 8\."
    with pytest.warns(UserWarning, match=message):
        model.fit(X, y)
    assert model.predict_set(np.full((3, 3), -50.0))[:, 2].all()
    assert not model.predict_set(X)[:, :2].all()


def test_nine_objects_are_enough():
    model = given(np.r_[np.linspace(0.5, 0.9, 9), np.zeros(9)], np.repeat([1, 0], 9))
    np.testing.assert_array_equal(model.predict_set([[0.49], [0.5]])[:, 1], [False, True])


def test_a_class_that_calibration_never_met_is_in_every_set():
    with pytest.warns(UserWarning, match=r"'?0'? has 0\. Sets of every object"):
        model = given(np.linspace(0, 1, 30), np.ones(30, int))
    assert model.predict_set([[1.0], [0.0]])[:, 0].all()


# Bins


def age(X):
    return np.where(np.asarray(X)[:, 1] > 0, "old", "young")


def aged(seed, n=1500):
    """Objects of which the young ones are hard to tell apart."""
    generator = np.random.default_rng(seed)
    y, is_old = generator.integers(2, size=n), generator.random(n) < 0.7
    logit = generator.normal(size=n) + np.where(is_old, 4, 0.5) * (2 * y - 1)
    return np.column_stack([1 / (1 + np.exp(-logit)), np.where(is_old, 1, -1)]), y


def frozen():
    return FrozenEstimator(Given().fit(None, [0, 1]))


def test_bins_are_covered_one_by_one():
    X, y = aged(0)
    X_new, y_new = aged(1, 20_000)
    young = age(X_new) == "young"
    pooled = ConformalTransientClassifier(frozen()).fit(X, y)
    assert covered(pooled, X_new, y_new)[young].mean() < 0.8
    binned = ConformalTransientClassifier(frozen(), bins=age).fit(X, y)
    for there in (young, ~young):
        for code in (0, 1):
            cell = there & (y_new == code)
            assert abs(covered(binned, X_new[cell], y_new[cell]).mean() - 0.9) < 0.05
    assert binned.bins_.tolist() == ["old", "young"]
    assert binned.n_calibration_.loc[1, "old"] == ((y == 1) & (age(X) == "old")).sum()


def test_a_bin_with_too_few_objects_takes_the_whole_class():
    X, y = few_young(2, 5)
    model = ConformalTransientClassifier(frozen(), bins=age)
    with pytest.warns(UserWarning, match=r"of a class in a bin: 1 in bin 'young' has 5\. All"):
        model.fit(X, y)
    new, _ = aged(3, 50)
    whole = ConformalTransientClassifier(frozen()).fit(X, y).p_values(new)
    binned, young = model.p_values(new), age(new) == "young"
    np.testing.assert_array_equal(binned[young, 1], whole[young, 1])
    assert (binned[young, 0] != whole[young, 0]).any()


def few_young(seed, n_young=12):
    """Light curves of which class 1 has few young ones."""
    X, y = aged(seed)
    rare = (age(X) == "young") & (y == 1)
    keep = ~rare | (np.cumsum(rare) <= n_young)
    return X[keep], y[keep]


def test_a_higher_level_only_adds_classes_with_bins_too():
    model = ConformalTransientClassifier(frozen(), confidence_level=0.95, bins=age)
    # 19 are needed at 0.95, and 9 at 0.9.
    with pytest.warns(UserWarning, match="1 in bin 'young' has 12"):
        model.fit(*few_young(2))
    new, _ = aged(3, 500)
    p_values, smaller = model.p_values(new), np.zeros((500, 2), dtype=bool)
    for level in (0.5, 0.7, 0.9, 0.93, 0.95):
        sets = model.set_params(confidence_level=level).predict_set(new)
        np.testing.assert_array_equal(model.p_values(new), p_values)
        np.testing.assert_array_equal(sets, p_values > (1 - level) * (1 + 1e-9))
        assert (smaller <= sets).all()
        smaller = sets


def test_a_level_raised_beyond_what_a_bin_allows_is_announced():
    X, y = few_young(2)
    model = ConformalTransientClassifier(frozen(), bins=age).fit(X, y)
    new, _ = aged(3, 500)
    young = age(new) == "young"
    message = r"needs 19 .* in a bin: 1 in bin 'young' has 12\. Sets of objects there hold"
    with pytest.warns(UserWarning, match=message):
        sets = model.set_params(confidence_level=0.95).predict_set(new)
    assert sets[young, 1].all()
    assert not sets[~young, 1].all()
    # Trained at that level, all objects of the class stand in, also at lower ones.
    with pytest.warns(UserWarning, match=r"1 in bin 'young' has 12\. All objects of the class"):
        model.fit(X, y)
    whole = ConformalTransientClassifier(frozen()).fit(X, y).p_values(new)
    model.set_params(confidence_level=0.9)
    np.testing.assert_array_equal(model.p_values(new)[young, 1], whole[young, 1])


@pytest.mark.parametrize("method", ["p_values", "predict_set"])
def test_an_unknown_bin_takes_the_whole_class_and_is_announced(method):
    X, y = aged(4)
    model = ConformalTransientClassifier(frozen(), bins=lambda X: np.asarray(X)[:, 1].astype(int))
    model.fit(X, y)
    new = np.array([[0.3, 7.0], [0.3, 1.0]])
    whole = getattr(ConformalTransientClassifier(frozen()).fit(X, y), method)(new[:1])
    message = r"bins: 1 of 2 objects are in bins that fit has not met, 7\. All objects"
    with pytest.warns(UserWarning, match=message) as caught:
        found = getattr(model, method)(new)
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(found[:1], whole)


def test_ages_that_calibration_never_met_are_announced():
    X, y = make_transients(n_tde=10, n_sn_ia=10, random_state=0)
    probability = np.linspace(0, 1, 20)
    stub = FrozenEstimator(Fixed(probability).fit(None, y))
    model = ConformalTransientClassifier(stub, bins="age")
    message = r"'TDE' in bin 'under 7\.5 days' has 0.*All objects of the class stand in"
    with pytest.warns(UserWarning, match=message):
        model.fit(X, y)
    assert model.bins_.tolist() == AGES
    assert (model.n_calibration_["under 7.5 days"] == 0).all()
    assert model.n_calibration_.sum().sum() == 20


# Relatives


def test_an_object_counts_once_however_many_rows_it_has():
    probability, y = np.array([0.2, 0.5, 0.8, 0.3]), np.array([1, 1, 1, 0])
    once = given(probability, y, confidence_level=0.5)
    row = np.repeat([0, 1, 2, 3], [1, 5, 2, 3])
    often = given(probability[row], y[row], groups=row, confidence_level=0.5)
    new = np.linspace(0, 1, 21)[:, np.newaxis]
    np.testing.assert_allclose(often.p_values(new), once.p_values(new))


def test_rows_of_an_object_share_its_weight():
    groups = ["a", "a", "b", "c"]
    model = given([0.2, 0.9, 0.5, 0.5], [1, 1, 1, 0], groups=groups, confidence_level=0.4)
    np.testing.assert_allclose(model.p_values([[0.6]])[0, 1], (1 + 1 / 2 + 1) / 3)


def test_objects_and_not_rows_are_counted_where_the_level_needs_them():
    y = np.arange(80) % 2
    with pytest.warns(UserWarning, match="0 has 8, 1 has 8"):
        model = given(np.linspace(0, 1, 80), y, groups=np.arange(80) % 16)
    assert model.n_calibration_[0].tolist() == [8, 8]


def test_relatives_stay_together():
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(200), 3)
    X, y = generator.normal(size=(200, 2))[groups], generator.integers(2, size=200)[groups]
    model = ConformalTransientClassifier(KNeighborsClassifier(1), random_state=0)
    X_new, y_new = generator.normal(size=(1000, 2)), generator.integers(2, size=1000)
    apart, together = (
        covered(model.fit(X, y, groups=g), X_new, y_new).mean() for g in (None, groups)
    )
    # With a sibling in training every object looks certain, and the sets get too small.
    assert apart < 0.6
    assert together > binom.ppf(0.001, 1000, 0.9) / 1000


# scikit-learn's ways, and what is refused


def test_repeatable_and_kept_in_files(tmp_path):
    X, y = sample(10, sizes=(40, 40, 40))
    model = ConformalTransientClassifier(GaussianNB(), cv=3, random_state=3).fit(X, y)
    again = ConformalTransientClassifier(GaussianNB(), cv=3, random_state=3).fit(X, y)
    np.testing.assert_array_equal(model.p_values(X), again.p_values(X))
    joblib.dump(model, tmp_path / "model.joblib")
    stored = joblib.load(tmp_path / "model.joblib")
    np.testing.assert_array_equal(stored.predict_set(X), model.predict_set(X))


def test_not_fitted_is_said():
    for method in ("predict", "predict_proba", "predict_set", "p_values"):
        with pytest.raises(NotFittedError):
            getattr(ConformalTransientClassifier(GaussianNB()), method)([[0.0]])


@pytest.mark.parametrize(
    ("params", "y", "error", "message"),
    [
        ({}, ["a"] * 20, ValueError, r"one class or none, \['a'\]; expected"),
        ({}, [], ValueError, "0 labels for 20 objects"),
        ({}, ["a", "b"] * 9, ValueError, "18 labels for 20 objects"),
        ({}, ["a", None] * 10, ValueError, "the label of 10 of 20 objects is missing"),
        ({"cv": 11}, ["a", "b"] * 10, ValueError, "class 'a' has 10 objects"),
        ({"confidence_level": 1.0}, ["a", "b"] * 10, ValueError, "'confidence_level' parameter"),
        ({"bins": len}, ["a", "b"] * 10, ValueError, r"shape \(\) for 20 objects"),
        ({"bins": lambda X: X[:, 0]}, ["a", "b"] * 10, TypeError, "an integer or a string"),
    ],
)
def test_what_makes_no_sense_is_refused(params, y, error, message):
    X = np.random.default_rng(0).normal(size=(20, 2))
    with pytest.raises(error, match=message):
        ConformalTransientClassifier(GaussianNB(), **params).fit(X, y)


def test_a_label_that_the_frozen_estimator_does_not_know_is_refused():
    with pytest.raises(ValueError, match=r"y has 2 at position 1; expected one of .* \[0, 1\]"):
        given([0.5, 0.5], [1, 2])


def test_sets_of_an_ensemble_are_calibrated_on_the_copies_of_its_sampler_by_age():
    X, y = make_transients(n_tde=30, n_sn_ia=60, random_state=0)
    features = LightCurveFeatures(groups=("color", "history"))
    trees = ExtraTreesClassifier(20, min_samples_leaf=4, random_state=0)
    ensemble = EnsembleTransientClassifier(
        [("trees", make_feature_pipeline(features=features, classifier=trees))],
        sampler=PartialLightCurveSampler(ages=(5, 10, 20)),
        cv=3,
        random_state=0,
    )
    model = ConformalTransientClassifier(ensemble, bins="age").fit(X, y)
    assert model.bins_.tolist() == AGES
    # Each object is there young, and counts once in a bin.
    young = model.n_calibration_["under 7.5 days"]
    assert young.to_dict() == {"SN Ia": 60, "TDE": 30}
    early = LightCurveTruncator(age=5).fit_transform(X)
    whole, at_five_days = model.predict_set(X), model.predict_set(early)
    assert at_five_days.sum(axis=1).mean() > whole.sum(axis=1).mean()
    columns = np.searchsorted(model.classes_, y)
    for sets in (whole, at_five_days):
        assert sets[np.arange(len(y)), columns].mean() > 0.85


class Copies(BaseEstimator):
    """Copies objects drawn anew each time, whatever its parameters are."""

    generator = np.random.default_rng(0)

    def fit_resample(self, X, y):
        drawn = self.generator.integers(len(y), size=10)
        self.sample_indices_ = np.r_[np.arange(len(y)), drawn]
        return X[self.sample_indices_], y[self.sample_indices_]


def test_copies_are_made_again_for_their_bins_alone_and_must_be_the_same():
    X, y = sample(5, sizes=(30, 40, 30))
    ensemble = EnsembleTransientClassifier(
        [("bayes", GaussianNB())], sampler=Copies(), cv=3, random_state=0
    )
    model = ConformalTransientClassifier(ensemble).fit(X, y)
    assert model.n_calibration_[0].tolist() == [30, 40, 30]
    with pytest.raises(ValueError, match=r"sampler=Copies\(\) .* makes other copies"):
        ConformalTransientClassifier(ensemble, bins=age).fit(X, y)
