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
    assert distance[0] > fitted._known[-1, 0] > distance[1]
    assert entropy[1] > np.quantile(fitted._known[:, 1], 0.95)
    assert entropy[0] <= np.quantile(fitted._known[:, 1], 0.05)
    assert (fitted.predict(np.vstack([far, between])) == -1).all()


def test_without_labels_there_is_the_distance_alone():
    X, _ = sample(0)
    alone = detector().fit(X)
    assert alone.classes_ is None
    assert alone._known.shape[1] == 1
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
    scores = np.r_[model.score_samples(known), model.score_samples(other)]
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
    ],
)
def test_what_makes_no_sense_is_refused(params, y, message):
    with pytest.raises(ValueError, match=message):
        detector(**params).fit(sample(0)[0], y)
