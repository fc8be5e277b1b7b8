"""What is far away or of no class is flagged, and how often what is neither."""

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold, ShuffleSplit
from sklearn.preprocessing import FunctionTransformer

from sklearn_tde import make_transients
from sklearn_tde.novelty import TransientNoveltyDetector
from sklearn_tde.novelty._surprise import Surprise, weights_of
from sklearn_tde.preprocessing import LightCurveTruncator
from sklearn_tde.sampling import PartialLightCurveSampler

CENTRES = np.array([[0.0, 0.0, 0.0], [6.0, 0.0, 0.0], [0.0, 6.0, 0.0]])
LABELS = np.array(["AGN", "SN Ia", "TDE"])


def sample(seed, n=150):
    generator = np.random.default_rng(seed)
    code = np.arange(n) % 3
    return generator.normal(size=(n, 3)) + CENTRES[code], LABELS[code]


def detector(**params):
    defaults = {"features": FunctionTransformer(), "classifier": LogisticRegression()}
    return TransientNoveltyDetector(**defaults | {"random_state": 0} | params)


@pytest.fixture(scope="module")
def fitted():
    return detector().fit(*sample(0))


def test_the_far_and_the_undecided_are_less_normal(fitted):
    inside = fitted.score_samples(sample(1)[0])
    far, between = np.array([[40.0, 0, 0]]), np.array([[3.0, 3.0, 0]])
    assert fitted.score_samples(far)[0] < np.quantile(inside, 0.15)
    assert fitted.score_samples(between)[0] < np.quantile(inside, 0.05)
    # To be far is no doubt to the classifier, nor to be undecided a distance.
    distance, entropy = fitted._reference.measure(np.vstack([far, between])).T
    known = fitted._surprise.strata[0].known
    assert distance[0] > known[-1, 0] > distance[1]
    assert entropy[1] > np.quantile(known[:, 1], 0.95)
    assert entropy[0] <= np.quantile(known[:, 1], 0.05)
    assert (fitted.predict(np.vstack([far, between])) == -1).all()


def test_without_labels_there_is_the_distance_alone():
    X, _ = sample(0)
    alone = detector().fit(X)
    assert alone.classes_ is None
    assert alone._surprise.strata[0].known.shape == (150, 1)
    scores = alone.score_samples([[0, 0, 0], [40, 0, 0], [400, 0, 0]])
    # Farther than all is not the end of it.
    assert scores[0] > np.log(1 / 151) > scores[1] > scores[2]
    one_class = detector().fit(X, np.zeros(len(X), int))
    np.testing.assert_array_equal(one_class.score_samples(X), alone.score_samples(X))


@pytest.mark.parametrize("rate", [0.05, 0.3])
def test_objects_of_the_classes_are_flagged_as_often_as_asked(rate):
    model = detector(false_alarm_rate=rate).fit(*sample(2, 600))
    share = (model.predict(sample(3, 3000)[0]) == -1).mean()
    # The quantile of 600 objects, 0.019 at most, and what they make of 3,000.
    assert abs(share - rate) < 0.05
    assert ((model.out_of_fold_scores_ < model.offset_).mean()) == pytest.approx(rate, abs=0.01)


def test_training_objects_are_scored_by_others():
    """What was learned by heart must not make them look normal."""
    generator = np.random.default_rng(0)
    X, y = generator.normal(size=(90, 2)), generator.integers(2, size=90)
    trees = ExtraTreesClassifier(20, random_state=0)
    model = detector(classifier=trees, n_neighbors=1).fit(X, y)
    new = generator.normal(size=(500, 2))
    assert np.median(model.out_of_fold_scores_) == pytest.approx(
        np.median(model.score_samples(new)), abs=0.35
    )
    assert np.median(model.score_samples(X)) > np.median(model.out_of_fold_scores_) + 0.5


def test_scores_by_hand():
    X = np.array([[0.0], [1.0], [3.0], [7.0]])
    model = detector(cv=KFold(4), n_neighbors=1).fit(X)
    distances = []
    for rows in ([1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]):
        (left,) = set(range(4)) - set(rows)
        median = np.median(X[rows])
        width = np.subtract(*np.percentile(X[rows], [75, 25]))
        points = np.arcsinh((X - median) / width)
        distances.append(abs(points[rows] - points[left]).min())
    points = np.arcsinh((X - 2) / np.subtract(*np.percentile(X, [75, 25])))
    new = np.arcsinh((2.2 - 2) / np.subtract(*np.percentile(X, [75, 25])))
    larger = (np.array(distances) >= abs(points - new).min()).sum()
    assert model.score_samples([[2.2]])[0] == pytest.approx(np.log((larger + 1) / 5))


def test_however_few_are_known_the_very_far_is_flagged():
    X, y = sample(5, 30)
    assert detector().fit(X, y).predict(CENTRES + [0, 0, 1e4]).tolist() == [-1, -1, -1]


def test_features_that_are_not_defined_are_no_novelty():
    X, y = sample(4)
    X[::7, 2] = np.nan
    X = np.column_stack([X, np.full(len(X), np.nan)])
    model = detector().fit(X, y)
    scores = model.score_samples(X)
    assert np.isfinite(scores).all()
    assert abs(np.median(scores[::7]) - np.median(scores)) < 1


def test_what_nothing_is_known_of_is_not_called_normal(fitted):
    X = np.vstack([CENTRES[0], np.full(3, np.nan)])
    said = "no feature is known of 1 of 2 objects: their score is NaN, and they are flagged"
    for method in ("score_samples", "decision_function"):
        with pytest.warns(UserWarning, match=said):
            np.testing.assert_array_equal(np.isnan(getattr(fitted, method)(X)), [False, True])
    with pytest.warns(UserWarning, match=said):
        assert fitted.predict(X).tolist() == [1, -1]


def test_what_nothing_is_known_of_teaches_nothing():
    X, y = sample(7)
    blank = np.arange(150) % 5 == 0
    X[blank] = np.nan
    model = detector().fit(X, y)
    np.testing.assert_array_equal(np.isnan(model.out_of_fold_scores_), blank)
    # Filled with medians, they would be neighbours to one that is there.
    middle = np.nanmedian(X, axis=0, keepdims=True)
    distance = model._reference.measure(middle)[0, 0]
    alone = detector().fit(X[~blank], y[~blank])
    assert distance == alone._reference.measure(middle)[0, 0] > 0
    with pytest.raises(ValueError, match="no feature is known of any of 75 training objects"):
        detector(cv=2).fit(np.full((150, 3), np.nan))


class Hides:
    """Adds copies of which the first feature alone is known, or all."""

    def __init__(self, n_hidden=2):
        self.n_hidden = n_hidden

    def get_params(self, deep=True):
        return {"n_hidden": self.n_hidden}

    def fit_resample(self, X, y):
        self.sample_indices_ = np.tile(np.arange(len(X)), 2)
        return np.vstack([X, hidden(X, self.n_hidden)]), np.tile(y, 2)


def hidden(X, n_hidden=2):
    X = X.copy()
    X[:, 3 - n_hidden :] = np.nan
    return X


@pytest.fixture(scope="module")
def grown():
    return detector(sampler=Hides()).fit(*sample(8, 600))


def test_what_little_is_known_of_is_compared_with_its_like(grown):
    """Else what is typical of little is so for want of knowledge, and never flagged."""
    X = sample(9, 3000)[0]
    for known in (X, hidden(X)):
        assert (grown.predict(known) == -1).mean() == pytest.approx(0.05, abs=0.03)
    far = np.array([[15.0, np.nan, np.nan]])
    assert grown.predict(far).tolist() == [-1]
    assert len(grown.out_of_fold_scores_) == 600
    flagged = grown.out_of_fold_scores_ < grown.offset_
    assert flagged.mean() == pytest.approx(0.05, abs=0.015)


def test_the_threshold_holds_whatever_is_known():
    measured = np.random.default_rng(0).normal(size=(800, 2))
    # Of these, one p-value says what the other does, and their sum goes farther.
    measured[:400, 1] = measured[:400, 0]
    n_known = np.repeat([1, 3], 400)
    surprise = Surprise(measured, n_known, np.ones(800), True, 0.1)
    flagged = surprise.scores(measured, n_known) < surprise.offset
    assert flagged.reshape(2, 400).sum(axis=1).tolist() == [40, 40]


def test_an_object_counts_as_much_as_its_copies():
    parents = np.array([0, 1, 2, 0, 0, 1])
    # Three objects of six light curves: each counts 2.
    expected = [1, 1, 2, 1 / 2, 1 / 2, 1]
    np.testing.assert_allclose(weights_of(None, parents, 3), expected)
    # Two objects, the first of them seen twice: each counts 3.
    expected = [1, 1 / 2, 3, 1 / 2, 1 / 2, 1 / 2]
    np.testing.assert_allclose(weights_of(np.array([0, 0, 1]), parents, 3), expected)


def test_passing_for_want_of_knowledge_is_warned_of():
    model = detector().fit(*sample(8, 600))
    X = hidden(sample(9, 100)[0])
    with pytest.warns(UserWarning, match=r"objects pass, but have fewer than 3 of 3 features"):
        assert (model.predict(X) == -1).mean() < 0.02


def test_copies_stay_with_their_parents():
    X = np.random.default_rng(0).normal(size=(120, 3))
    model = detector(sampler=Hides(n_hidden=0), n_neighbors=1).fit(X)
    new = np.random.default_rng(1).normal(size=(500, 3))
    # A copy of its own is no distance away, and then all others are far.
    assert (model.predict(new) == -1).mean() < 0.2


def test_young_light_curves_have_a_reference_of_their_own():
    X, y = make_transients(n_tde=20, n_sn_ia=60, random_state=0)
    known, _ = make_transients(n_tde=15, n_sn_ia=45, random_state=1)
    young = LightCurveTruncator(age=10).transform(known)
    model = TransientNoveltyDetector(
        classifier=ExtraTreesClassifier(20, random_state=0), cv=2, random_state=0
    ).fit(X, y)
    with pytest.warns(UserWarning, match="train with sampler=PartialLightCurveSampler"):
        model.predict(young)
    model.set_params(sampler=PartialLightCurveSampler(ages=(5, 10, 20))).fit(X, y)
    # Nothing to warn of.
    assert (model.predict(young) == -1).mean() < 0.15


def test_relatives_stay_together():
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 3)
    X = generator.normal(size=(60, 3))[groups]
    apart = detector(n_neighbors=2).fit(X)
    together = detector(n_neighbors=2).fit(X, groups=groups)
    new = generator.normal(size=(500, 3))
    # A sibling is no distance away, and then all others are far.
    assert (apart.predict(new) == -1).mean() > 0.4
    assert (together.predict(new) == -1).mean() < 0.15


def test_relatives_count_once_in_the_threshold():
    """One object with a hundred odd light curves does not make a hundred objects odd."""
    X, y = sample(6, 150)
    groups = np.r_[np.arange(149), np.full(101, 149)]
    row = np.minimum(np.arange(250), 149)
    X, y = X.copy(), y[row]
    X[149] = [0.0, 0.0, 50.0]
    model = detector(cv=3, false_alarm_rate=0.1).fit(X[row], y, groups=groups)
    flagged = model.out_of_fold_scores_ < model.offset_
    assert flagged[149:].all()
    of_objects = flagged[:150].mean()
    assert of_objects == pytest.approx(0.1, abs=0.01)


def test_without_relatives_the_threshold_is_the_quantile(fitted):
    assert fitted.offset_ == pytest.approx(np.quantile(fitted.out_of_fold_scores_, 0.05))


@pytest.mark.filterwarnings("ignore:The groups parameter is ignored")
def test_a_splitter_that_parts_relatives_is_refused():
    X, y = sample(0)
    with pytest.raises(ValueError, match=r"trains on others of its group.*keeps groups"):
        detector(cv=KFold(3, shuffle=True, random_state=0)).fit(X, y, groups=np.arange(150) // 2)


class LearnsByHeart(TransformerMixin, BaseEstimator):
    """Tells whether it has met an object."""

    def fit(self, X, y=None):
        self.known_ = set(X[:, 0].tolist())
        return self

    def transform(self, X):
        is_known = [value in self.known_ for value in X[:, 0].tolist()]
        return np.column_stack([X, is_known])


def test_features_do_not_know_the_objects_that_are_left_out():
    X = np.random.default_rng(0).normal(size=(60, 2))
    model = detector(features=LearnsByHeart(), n_neighbors=1).fit(X)
    new = np.random.default_rng(1).normal(size=(400, 2))
    # Fitted to all of them, objects look known when their scores set the threshold, and no new
    # object does.
    assert (model.predict(new) == -1).mean() < 0.2
    assert model.features_.known_ == set(X[:, 0])


def test_unlike_light_curves_are_found():
    X, y = make_transients(n_tde=30, n_sn_ia=60, random_state=0)
    trees = ExtraTreesClassifier(30, random_state=0)
    model = TransientNoveltyDetector(classifier=trees, cv=3, random_state=0).fit(X, y)
    known, _ = make_transients(n_tde=20, n_sn_ia=40, random_state=1)
    other, _ = make_transients(n_tde=0, n_sn_ia=0, n_cv=40, random_state=2)
    with pytest.warns(UserWarning, match="4 of 40 objects pass, but have fewer than 65 of 136"):
        of_others = model.score_samples(other)
    scores = np.r_[model.score_samples(known), of_others]
    assert roc_auc_score(np.repeat([0, 1], [60, 40]), -scores) > 0.85
    alone = [model.score_samples(known.iloc[[k]])[0] for k in (0, 7)]
    np.testing.assert_allclose(alone, scores[[0, 7]])
    assert model.score_samples(known.iloc[:0]).shape == (0,)


def test_repeatable_and_kept_in_files(fitted, tmp_path):
    again = detector().fit(*sample(0))
    np.testing.assert_array_equal(again.out_of_fold_scores_, fitted.out_of_fold_scores_)
    joblib.dump(fitted, tmp_path / "model.joblib")
    stored = joblib.load(tmp_path / "model.joblib")
    X, _ = sample(1)
    np.testing.assert_array_equal(stored.decision_function(X), fitted.decision_function(X))
    np.testing.assert_array_equal(
        fitted.decision_function(X), fitted.score_samples(X) - fitted.offset_
    )


def test_not_fitted_is_said():
    for method in ("predict", "score_samples", "decision_function"):
        with pytest.raises(NotFittedError):
            getattr(detector(), method)([[0.0]])


@pytest.mark.parametrize(
    ("params", "y", "message"),
    [
        ({}, LABELS[np.arange(149) % 3], "149 labels for 150 objects"),
        ({}, [None] * 150, "the label of 150 of 150 objects is missing"),
        ({"cv": 60}, LABELS[np.arange(150) % 3], "class 'AGN' has 50 objects"),
        ({"cv": ShuffleSplit(3, random_state=0)}, None, "cv leaves the object at position 0 out"),
        ({"false_alarm_rate": 0.0}, None, "'false_alarm_rate' parameter"),
        ({"features": 3}, None, "'features' parameter"),
        ({"sampler": 3}, None, "'sampler' parameter"),
    ],
)
def test_what_makes_no_sense_is_refused(params, y, message):
    with pytest.raises(ValueError, match=message):
        detector(**params).fit(sample(0)[0], y)
