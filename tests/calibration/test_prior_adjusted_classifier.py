"""Bayes' theorem on classes whose posterior is known, and mixes that do not say what they must."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import sklearn
from imblearn.ensemble import (
    BalancedBaggingClassifier,
    BalancedRandomForestClassifier,
    EasyEnsembleClassifier,
    RUSBoostClassifier,
)
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline as resampling_pipeline
from scipy.stats import norm
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    BaggingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectFromModel
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sklearn_tde import (
    EnsembleTransientClassifier,
    make_feature_pipeline,
    make_transients,
)
from sklearn_tde.calibration import PriorAdjustedClassifier
from sklearn_tde.calibration._priors import PRESETS
from sklearn_tde.ensemble._decision import best_threshold
from sklearn_tde.evaluation._calibration import calibration_scores

MEANS = {"AGN": -1.5, "SN Ia": 1.5, "TDE": 0.0}
LABELS = np.array(list(MEANS))
TRAINING = {"AGN": 0.6, "SN Ia": 0.2, "TDE": 0.2}
SKY = {"AGN": 0.02, "SN Ia": 0.93, "TDE": 0.05}
BALANCED = LogisticRegression(class_weight="balanced")
BALANCED_SAID = "LogisticRegression has class_weight='balanced'"


def posterior(X, shares):
    densities = norm.pdf(np.asarray(X).reshape(-1, 1), loc=list(MEANS.values()), scale=0.7)
    joint = densities * [shares[label] for label in LABELS]
    return joint / joint.sum(axis=1, keepdims=True)


def draw(shares, n_objects, seed):
    rng = np.random.default_rng(seed)
    y = rng.choice(LABELS, size=n_objects, p=[shares[label] for label in LABELS])
    return rng.normal([MEANS[label] for label in y], 0.7)[:, None], y


class Exact(ClassifierMixin, BaseEstimator):
    """Knows the posterior of the mix that it is trained on."""

    def fit(self, X, y):
        self.classes_, counts = np.unique(y, return_counts=True)
        self.shares_ = dict(zip(self.classes_, counts / counts.sum(), strict=True))
        return self

    def predict_proba(self, X):
        return posterior(X, self.shares_)


class Given(ClassifierMixin, BaseEstimator):
    """Has its probabilities as X."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.asarray(X)


class Opaque(ClassifierMixin, BaseEstimator):
    """Trains what it is given, alone or in a list, and keeps it where nobody looks."""

    def __init__(self, inside):
        self.inside = inside

    def fit(self, X, y):
        parts = self.inside if isinstance(self.inside, list) else [("one", self.inside)]
        self._fitted = [clone(part).fit(X, y) for _, part in parts]
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.mean([part.predict_proba(X) for part in self._fitted], axis=0)


@pytest.fixture(scope="module")
def sample():
    return draw(TRAINING, 2000, 0)


# --- Bayes' theorem -----------------------------------------------------------------------------


def test_the_adjusted_posterior_is_the_posterior_of_the_other_mix(sample):
    model = PriorAdjustedClassifier(Exact(), prior=SKY).fit(*sample)
    X = np.linspace(-4, 4, 50)[:, None]
    np.testing.assert_allclose(model.predict_proba(X), posterior(X, SKY), rtol=1e-10)
    np.testing.assert_allclose(model.prior_, list(SKY.values()))
    np.testing.assert_allclose(model.training_prior_, list(model.estimator_.shares_.values()))
    assert model.classes_.tolist() == LABELS.tolist()
    assert model.predict(X).tolist() == LABELS[posterior(X, SKY).argmax(axis=1)].tolist()


def test_adjusted_probabilities_are_calibrated_where_the_mix_is_the_stated_one(sample):
    model = PriorAdjustedClassifier(Exact(), prior=SKY).fit(*sample)
    X, y = draw(SKY, 60_000, 1)

    def calibration(probabilities):
        """Slope and intercept of a TDE against the rest, by the package's own fit."""
        found, positive = probabilities[:, 2], y == "TDE"
        order = np.argsort(-found)
        weights = positive[order][None].astype(float)
        scores = calibration_scores(found[order], weights, 1 - weights)
        return [scores[f"calibration_{name}"][0] for name in ("slope", "intercept")]

    slope, intercept = calibration(model.predict_proba(X))
    assert slope == pytest.approx(1, abs=0.05)
    assert intercept == pytest.approx(0, abs=0.1)
    slope, intercept = calibration(model.estimator_.predict_proba(X))
    assert slope < 0.9
    assert intercept < -1
    # The numbers that the probabilities promise, class by class.
    promised = model.predict_proba(X).sum(axis=0)
    there = [(y == label).sum() for label in LABELS]
    np.testing.assert_allclose(promised, there, rtol=0.06)


def test_the_prior_of_the_training_changes_nothing(sample):
    X, _ = sample
    fitted = Exact().fit(*sample)
    model = PriorAdjustedClassifier(Exact(), prior=dict(fitted.shares_)).fit(*sample)
    np.testing.assert_allclose(model.predict_proba(X), fitted.predict_proba(X), rtol=1e-12)


def test_a_share_of_the_tdes_alone_would_not_do(sample):
    """With the same share of TDEs, the mix of the others moves their probabilities."""
    X = np.array([[-0.5], [0.5]])
    mixes = [{"AGN": 0.9, "SN Ia": 0.05, "TDE": 0.05}, {"AGN": 0.05, "SN Ia": 0.9, "TDE": 0.05}]
    found = [
        PriorAdjustedClassifier(Exact(), prior=mix).fit(*sample).predict_proba(X)[:, 2]
        for mix in mixes
    ]
    assert found[0][0] < found[1][0] / 2
    assert found[1][1] < found[0][1] / 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zeros_and_tiny_probabilities_are_safe(dtype):
    y = np.repeat(["AGN", "SN Ia", "TDE"], [4, 5, 1])
    X = np.array(
        [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1e-30, 1e-35, 1e-38]], dtype=dtype
    )
    prior = {"AGN": 0.0, "SN Ia": 0.999, "TDE": 0.001}
    model = PriorAdjustedClassifier(Given(), prior=prior).fit(np.zeros((10, 3)), y)
    found = model.predict_proba(X)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found[0], [0, 1, 0])
    # Nothing that the prior admits: nothing is known but the prior.
    np.testing.assert_allclose(found[1:3], [model.prior_] * 2)
    odds = 1e-38 * 0.001 / 0.1 / (1e-35 * 0.999 / 0.5)
    np.testing.assert_allclose(found[3], [0, 1 / (1 + odds), odds / (1 + odds)], rtol=1e-4)


# --- what the probabilities are about -------------------------------------------------------------


def test_a_stated_training_prior_replaces_that_of_y(sample):
    X, y = sample
    frozen = FrozenEstimator(Exact().fit(X, y))
    few = np.r_[np.flatnonzero(y == "TDE")[:5], np.flatnonzero(y == "AGN")[:5]]
    shares = dict(frozen.shares_)
    model = PriorAdjustedClassifier(frozen, prior=SKY, training_prior=shares).fit(X[few], y[few])
    np.testing.assert_allclose(model.predict_proba(X), posterior(X, SKY), rtol=1e-10)
    assert model.estimator_ is frozen
    # By default it would be the shares among these ten, which hold no SN Ia.
    with pytest.raises(ValueError, match=r"y has no share of 'SN Ia', .* training_prior"):
        PriorAdjustedClassifier(frozen, prior=SKY).fit(X[few], y[few])


def test_balanced_class_weights_are_undone_by_a_uniform_training_prior():
    X, y = draw(TRAINING, 20_000, 2)
    weighted = LogisticRegression(class_weight="balanced")
    own = dict(zip(*np.unique(y, return_counts=True), strict=True))
    own = {label: count / len(y) for label, count in own.items()}
    model = PriorAdjustedClassifier(weighted, prior=own, training_prior="uniform").fit(X, y)
    x = np.linspace(-3, 3, 40)[:, None]
    np.testing.assert_allclose(model.predict_proba(x), posterior(x, own), atol=0.03)
    assert np.abs(model.estimator_.predict_proba(x) - posterior(x, own)).max() > 0.2


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (BALANCED, "LogisticRegression has class_weight='balanced'"),
        (make_pipeline(StandardScaler(), BALANCED), "LogisticRegression has class_weight"),
        (GridSearchCV(BALANCED, {"C": [1]}, cv=2), "LogisticRegression has class_weight"),
        (
            resampling_pipeline(RandomOverSampler(random_state=0), LogisticRegression()),
            "RandomOverSampler, the step 'randomoversampler', resamples",
        ),
        (VotingClassifier([("a", GaussianNB()), ("b", BALANCED)], voting="soft"), BALANCED_SAID),
        (BaggingClassifier(BALANCED, n_estimators=2), BALANCED_SAID),
        (OneVsRestClassifier(BALANCED), BALANCED_SAID),
        (StackingClassifier([("a", GaussianNB())], BALANCED, cv=2), BALANCED_SAID),
        (Opaque(make_pipeline(StandardScaler(), BALANCED)), BALANCED_SAID),
        (Opaque([("a", GaussianNB()), ("b", Opaque(BALANCED))]), BALANCED_SAID),
        (LogisticRegression(class_weight={"TDE": 5}), r"class_weight=\{'TDE': 5\}"),
        (
            BalancedRandomForestClassifier(2, sampling_strategy="all", replacement=True),
            "BalancedRandomForestClassifier resamples",
        ),
        (EasyEnsembleClassifier(2, DecisionTreeClassifier()), "EasyEnsembleClassifier resamples"),
        (RUSBoostClassifier(n_estimators=2), "RUSBoostClassifier resamples"),
        (BalancedBaggingClassifier(n_estimators=2), "BalancedBaggingClassifier resamples"),
        (
            make_pipeline(
                StandardScaler(),
                VotingClassifier(
                    [("a", EasyEnsembleClassifier(2, DecisionTreeClassifier()))], voting="soft"
                ),
            ),
            "EasyEnsembleClassifier resamples",
        ),
        (PriorAdjustedClassifier(GaussianNB(), prior=SKY), "adjusts them to a mix of its own"),
    ],
)
@pytest.mark.parametrize("frozen", [False, True])
def test_probabilities_that_are_not_about_the_mix_of_y_are_announced(
    estimator, message, frozen, sample
):
    estimator = FrozenEstimator(clone(estimator).fit(*sample)) if frozen else estimator
    model = PriorAdjustedClassifier(estimator, prior=SKY)
    with pytest.warns(UserWarning, match=message) as caught:
        model.fit(*sample)
    assert caught[0].filename == __file__
    # Warnings are errors here: there is none where the mix is stated.
    model.set_params(training_prior="uniform").fit(*sample)


@pytest.mark.parametrize(
    "wrap", [FixedThresholdClassifier, partial(TunedThresholdClassifierCV, cv=2, thresholds=5)]
)
def test_a_threshold_does_not_hide_balanced_weights(wrap, sample):
    X, y = sample[0][:400], (sample[1][:400] == "TDE").astype(int)
    trees = RandomForestClassifier(5, max_depth=3, class_weight="balanced", random_state=0)
    with pytest.warns(UserWarning, match="RandomForestClassifier has class_weight='balanced'"):
        PriorAdjustedClassifier(wrap(trees), prior={1: 0.05}).fit(X, y)
    # Warnings are errors here: calibrated, they are about the mix of y.
    calibrated = CalibratedClassifierCV(trees, cv=2)
    for estimator in (wrap(calibrated), wrap(FrozenEstimator(clone(calibrated).fit(X, y)))):
        PriorAdjustedClassifier(estimator, prior={1: 0.05}).fit(X, y)


@pytest.mark.parametrize(
    "estimator",
    [
        VotingClassifier(
            [("a", GaussianNB()), ("b", CalibratedClassifierCV(BALANCED, cv=2))], voting="soft"
        ),
        BaggingClassifier(CalibratedClassifierCV(BALANCED, cv=2), n_estimators=2),
        CalibratedClassifierCV(EasyEnsembleClassifier(2, DecisionTreeClassifier()), cv=2),
        CalibratedClassifierCV(
            resampling_pipeline(RandomOverSampler(random_state=0), GaussianNB()), cv=2
        ),
        # The last one learns from y as it is.
        StackingClassifier([("a", BALANCED)], LogisticRegression(), cv=2),
        # Chooses features, and says nothing of classes.
        make_pipeline(SelectFromModel(BALANCED), GaussianNB()),
        Opaque([("a", GaussianNB()), ("b", CalibratedClassifierCV(BALANCED, cv=2))]),
        RandomForestClassifier(5, random_state=0),
    ],
)
def test_there_is_no_false_alarm(estimator, sample):
    # Warnings are errors here.
    PriorAdjustedClassifier(estimator, prior=SKY).fit(*sample)


def test_a_calibration_sets_balanced_weights_right(sample):
    ensemble = EnsembleTransientClassifier([("linear", BALANCED)], cv=2, random_state=0)
    for estimator in (
        CalibratedClassifierCV(BALANCED, cv=2),
        make_pipeline(StandardScaler(), ensemble),
        GridSearchCV(ensemble, {"cv": [2]}, cv=2, scoring="accuracy"),
    ):
        model = PriorAdjustedClassifier(estimator, prior=SKY).fit(*sample)
        shares = [(sample[1] == label).mean() for label in LABELS]
        np.testing.assert_allclose(model.training_prior_, shares)
        # The probabilities that are adjusted are about that mix indeed.
        mean = model.estimator_.predict_proba(sample[0]).mean(axis=0)
        np.testing.assert_allclose(mean, shares, atol=0.06)


def test_sample_weights_count_in_the_training_prior(sample):
    X, y = sample
    weight = np.where(y == "TDE", 9.0, 1.0)
    model = PriorAdjustedClassifier(LogisticRegression(), prior=SKY)
    model.fit(X, y, sample_weight=weight)
    counts = np.array([weight[y == label].sum() for label in LABELS])
    np.testing.assert_allclose(model.training_prior_, counts / counts.sum())
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    within = PriorAdjustedClassifier(pipeline, prior=SKY)
    within.fit(X, y, logisticregression__sample_weight=weight)
    np.testing.assert_allclose(within.training_prior_, model.training_prior_)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = PriorAdjustedClassifier(
            LogisticRegression().set_fit_request(sample_weight=True), prior=SKY
        ).fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(routed.training_prior_, model.training_prior_)
    np.testing.assert_array_equal(routed.predict_proba(X), model.predict_proba(X))


# --- thresholds -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ensemble(sample):
    members = [("linear", LogisticRegression())]
    return EnsembleTransientClassifier(members, cv=3, random_state=0).fit(*sample)


def test_the_threshold_of_an_ensemble_is_found_again(ensemble, sample):
    X, y = draw(SKY, 10_000, 3)
    model = PriorAdjustedClassifier(FrozenEstimator(ensemble), prior=SKY).fit(*sample)
    assert model.pos_label_ == "TDE"
    found = model.predict_proba(X)[:, 2]
    positive = y == "TDE"
    np.testing.assert_array_equal(model.predict(X) == "TDE", found >= model.threshold_)
    # The one that objects of the new mix would have chosen, and the decisions are better for it.
    assert model.threshold_ == pytest.approx(best_threshold(found, "f1"), rel=0.05)
    old, new = (f1_score(positive, m.predict(X) == "TDE") for m in (ensemble, model))
    assert new > old + 0.1
    others = model.predict(X)[found < model.threshold_]
    assert set(others) <= {"AGN", "SN Ia"}


def test_the_threshold_stays_where_the_mix_does(ensemble, sample):
    shares = {label: float((sample[1] == label).mean()) for label in LABELS}
    model = PriorAdjustedClassifier(FrozenEstimator(ensemble), prior=shares).fit(*sample)
    assert model.threshold_ == pytest.approx(ensemble.threshold_, rel=1e-6)
    np.testing.assert_array_equal(model.predict(sample[0]), ensemble.predict(sample[0]))


def test_a_weighted_object_counts_as_so_many_in_the_expected_score():
    rng = np.random.default_rng(0)
    probability, weight = rng.random(50), rng.integers(1, 5, 50)
    for scoring in ("f1", "balanced_accuracy", "accuracy", "matthews_corrcoef"):
        repeated = best_threshold(np.repeat(probability, weight), scoring)
        assert best_threshold(probability, scoring, weight) == pytest.approx(repeated)


@pytest.mark.parametrize("wrap", ["pipeline", "search"])
def test_the_ensemble_is_found_inside_other_estimators(wrap, sample):
    ensemble = EnsembleTransientClassifier([("linear", LogisticRegression())], cv=2, random_state=0)
    if wrap == "pipeline":
        estimator = make_pipeline(StandardScaler(), ensemble)
    else:
        estimator = GridSearchCV(ensemble, {"cv": [2]}, cv=2, scoring="accuracy")
    model = PriorAdjustedClassifier(estimator, prior=SKY).fit(*sample)
    assert 0 < model.threshold_ < 1


def test_without_an_ensemble_the_most_probable_class_is_predicted(sample):
    X, y = sample
    for estimator in (
        Exact(),
        CalibratedClassifierCV(LogisticRegression(), cv=2),
        EnsembleTransientClassifier(
            [("linear", LogisticRegression())], cv=2, threshold_scoring=None, random_state=0
        ),
    ):
        model = PriorAdjustedClassifier(estimator, prior=SKY).fit(X, y)
        assert model.threshold_ is None
        assert model.pos_label_ is None
        expected = model.classes_[model.predict_proba(X).argmax(axis=1)]
        np.testing.assert_array_equal(model.predict(X), expected)


# --- mixes of the sky -----------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "share"), [("all transients", 0.005), ("nuclear", 0.022)])
def test_ready_mixes_add_up_and_hold_the_classes_of_the_package(name, share):
    mix = PRESETS[name]
    assert sum(mix.values()) == pytest.approx(1, abs=1e-12)
    assert mix["TDE"] == share
    classes = {"TDE", "SN Ia", "SN II", "SN Ibc", "SN IIn", "SLSN", "AGN"}
    assert set(mix) == classes
    y = np.array(sorted(classes))
    model = PriorAdjustedClassifier(Given(), prior=name).fit(np.zeros((7, 7)), y)
    np.testing.assert_allclose(model.prior_, [mix[label] for label in y])
    # They stand in the docstring as they are.
    notes = PriorAdjustedClassifier.__doc__
    for part in mix.values():
        assert f"{100 * part:g}" in notes


def test_classes_that_are_unknown_to_the_estimator_are_left_out_with_a_warning(sample):
    model = PriorAdjustedClassifier(Exact(), prior="nuclear")
    with pytest.warns(UserWarning, match=r"17\.40% of the objects .*'SN II', 'SN Ibc'"):
        model.fit(*sample)
    assert model.prior_[2] == pytest.approx(0.022 / (0.022 + 0.014 + 0.79))


def test_classes_that_a_ready_mix_does_not_name_are_refused():
    X = np.zeros((6, 3))
    model = PriorAdjustedClassifier(Given(), prior="nuclear")
    with pytest.raises(ValueError, match=r"no share for 'CV', but for 'SN Ia'.*Give a dict"):
        model.fit(X, ["TDE", "SN Ia", "CV"] * 2)
    # What stands for all the others has to be declared to be mixed alike.
    message = r"prior=\{'TDE': 0\.022, 'other': 0\.978\}"
    with pytest.raises(ValueError, match=message):
        model.fit(X, ["TDE", "other"] * 3)
    with pytest.raises(ValueError, match="no share for 0, 1"):
        model.fit(X, [0, 1] * 3)


@pytest.mark.parametrize("prior", [{"TDE": 0.02}, {"other": 0.98}, {"TDE": 0.02, "other": 0.98}])
def test_one_of_two_classes_is_enough(prior):
    model = PriorAdjustedClassifier(Given(), prior=prior).fit(
        np.zeros((4, 2)), ["TDE", "other"] * 2
    )
    np.testing.assert_allclose(model.prior_, [0.02, 0.98])


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        ({"TDE": 0.02}, r"no share for 'AGN', 'SN Ia'; .*a share of one class alone"),
        ({**SKY, "SLSN": 0.0}, "prior names 'SLSN'; expected a share for each"),
        ({**SKY, "TDE": 0.06}, r"shares of prior add up to 1\.01"),
        ({**SKY, "TDE": np.nan}, "share of 'TDE' is nan"),
        ({**SKY, "TDE": -0.05}, "share of 'TDE' is -0.05"),
        ({**SKY, "TDE": "5%"}, "share of 'TDE' is '5%'"),
        ("nucleus", "'prior' parameter of PriorAdjustedClassifier must be"),
        (None, "'prior' parameter of PriorAdjustedClassifier must be"),
    ],
)
def test_mixes_that_do_not_say_what_they_must_are_refused(prior, message, sample):
    with pytest.raises(ValueError, match=message):
        PriorAdjustedClassifier(Exact(), prior=prior).fit(*sample)


def test_a_training_prior_of_zero_is_refused(sample):
    shares = {"AGN": 0.0, "SN Ia": 0.9, "TDE": 0.1}
    with pytest.raises(ValueError, match="training_prior has no share of 'AGN'"):
        PriorAdjustedClassifier(Exact(), prior=SKY, training_prior=shares).fit(*sample)


def test_labels_that_the_estimator_does_not_know_are_refused(sample):
    frozen = FrozenEstimator(Exact().fit(*sample))
    with pytest.raises(ValueError, match="y holds 'SLSN', which the classifier does not know"):
        PriorAdjustedClassifier(frozen, prior=SKY).fit(np.zeros((2, 1)), ["TDE", "SLSN"])


# --- an estimator as any other --------------------------------------------------------------------


def test_it_works_on_light_curves_with_groups_and_an_ensemble():
    X, y = make_transients(n_tde=8, n_sn_ia=12, random_state=0)
    trees = make_feature_pipeline(random_state=0).set_params(classifier__n_estimators=20)
    members = [("features", trees)]
    model = PriorAdjustedClassifier(
        EnsembleTransientClassifier(members, cv=2, random_state=0),
        prior={"TDE": 0.01, "SN Ia": 0.99},
    )
    assert model.get_params()["estimator__cv"] == 2
    copy = clone(model).set_params(estimator__cv=3)
    assert copy.estimator.cv == 3
    groups = np.arange(20) // 2
    y = pd.Series(y, dtype="string")
    model.fit(X, y, groups=groups)
    found = model.predict_proba(X)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found[:, 1] < model.estimator_.predict_proba(X)[:, 1]).all()
    assert model.predict_proba(X.iloc[:0]).shape == (0, 2)
    with pytest.raises(NotFittedError):
        copy.predict(X)
