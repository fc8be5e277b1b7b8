"""What the members are given, and what is refused of what they say."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from sklearn_tde import (
    EnsembleTransientClassifier,
    LightCurvePipeline,
    _chunks,
    make_feature_pipeline,
    make_lstm_pipeline,
    make_transformer_pipeline,
    make_transients,
)
from sklearn_tde.preprocessing import LightCurveFeatures


@pytest.fixture(scope="module")
def transients():
    return make_transients(n_tde=12, n_sn_ia=24, random_state=0)


class Changed(ClassifierMixin, BaseEstimator):
    """Naive Bayes whose classes and probabilities are changed by a function."""

    def __init__(self, change):
        self.change = change

    def fit(self, X, y):
        self.model_ = GaussianNB().fit(X, y)
        self.classes_ = self.change(self.model_.classes_, self.model_.predict_proba(X))[0]
        return self

    def predict_proba(self, X):
        return self.change(self.model_.classes_, self.model_.predict_proba(X))[1]


@pytest.fixture
def table():
    generator = np.random.default_rng(0)
    y = np.repeat(["AGN", "SN Ia", "TDE"], 20)
    return generator.normal(size=(60, 2)) + np.repeat(np.arange(3.0), 20)[:, None], y


def changed(change):
    return EnsembleTransientClassifier([("odd", Changed(change))], cv=3, random_state=0)


def test_the_order_of_the_classes_of_a_member_does_not_matter(table):
    X, y = table
    expected = changed(lambda classes, p: (classes, p)).fit(X, y)
    found = changed(lambda classes, p: (classes[::-1], p[:, ::-1])).fit(X, y)
    np.testing.assert_array_equal(found.predict_proba(X), expected.predict_proba(X))
    np.testing.assert_array_equal(found.out_of_fold_proba_, expected.out_of_fold_proba_)


def with_value(p, value):
    p = p.copy()
    p[4, 2] = value
    return p


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda classes, p: (classes[:2], p[:, :2]),
            r"'odd' knows the classes \['AGN', 'SN Ia'\]; expected \['AGN', 'SN Ia', 'TDE'\]",
        ),
        (
            lambda classes, p: (np.array(["AGN", "CV", "TDE"]), p),
            r"'odd' knows the classes \['AGN', 'CV', 'TDE'\]",
        ),
        (lambda classes, p: (classes, p[:, 2]), r"'odd': predict_proba returned .* \(20,\)"),
        (
            lambda classes, p: (classes, with_value(p, np.nan)),
            "'odd': the probability of 'TDE' of the object at position 4 is nan; expected a number",
        ),
        (lambda classes, p: (classes, with_value(p, 1.5)), "at position 4 is 1.5"),
        (lambda classes, p: (classes, with_value(p, -0.5)), "at position 4 is -0.5"),
    ],
)
def test_what_is_no_probability_is_refused_with_the_name_of_the_member(change, message, table):
    with pytest.raises(ValueError, match=message):
        changed(change).fit(*table)


@pytest.mark.parametrize(
    ("members", "error", "message"),
    [
        ([], ValueError, "estimators is empty"),
        ([GaussianNB()], TypeError, r"estimators holds GaussianNB\(\); expected \(name, class"),
        ([("a", GaussianNB)], TypeError, "'a' is .*; expected a classifier with predict_proba"),
        ([("a", LightCurveFeatures())], TypeError, "expected a classifier with predict_proba"),
        ([("a__b", GaussianNB())], ValueError, "'a__b' has '__' in it"),
        ([("cv", GaussianNB())], ValueError, "'cv' has '__' in it or is that of a parameter"),
        ([("a", GaussianNB()), ("a", GaussianNB())], ValueError, r"repeat in \['a', 'a'\]"),
    ],
)
def test_members_are_names_and_classifiers(members, error, message, table):
    with pytest.raises(error, match=message):
        EnsembleTransientClassifier(members).fit(*table)


@pytest.mark.parametrize("weights", [[1.0], [1.0, 0.0], [1.0, -1.0], [1.0, np.nan], ["a", "b"]])
def test_weights_are_numbers_above_zero(weights, table):
    members = [("a", GaussianNB()), ("b", GaussianNB())]
    with pytest.raises(ValueError, match=r"weights=.*; expected 2 finite numbers above 0"):
        EnsembleTransientClassifier(members, weights=weights).fit(*table)


# First steps that are done once


def of_features(groups=("history", "shape")):
    return make_feature_pipeline(
        features=LightCurveFeatures(groups=groups), classifier=LogisticRegression(max_iter=2000)
    )


class LearningFeatures(LightCurveFeatures):
    """Features whose last column, the share of TDEs in the training, is learned."""

    def fit(self, X, y=None):
        super().fit(X)
        self.share_ = np.mean(y == "TDE")
        return self

    def transform(self, X):
        found = super().transform(X)
        return np.column_stack([found, np.full(len(found), self.share_)])


@pytest.fixture
def transforms(monkeypatch):
    """The number of objects of every call of `LightCurveFeatures.transform`."""
    numbers, transform = [], LightCurveFeatures.transform

    def counted(self, X):
        numbers.append(len(X))
        return transform(self, X)

    monkeypatch.setattr(LightCurveFeatures, "transform", counted)
    return numbers


def test_equal_first_steps_are_done_once(transients, transforms):
    X, y = transients
    members = [("a", of_features()), ("b", of_features()), ("c", of_features(("early",)))]
    model = EnsembleTransientClassifier(members, cv=3, random_state=0).fit(X, y)
    assert transforms == [len(X)] * 2
    assert [t.groups for t in model.transformers_] == [("history", "shape")] * 2 + [("early",)]
    transforms.clear()
    model.predict_proba(X)
    assert transforms == [len(X)] * 2
    # In the copies of a loaded model as well.
    model.transformers_ = [LightCurveFeatures(**t.get_params()).fit(X) for t in model.transformers_]
    transforms.clear()
    model.predict_proba(X)
    assert transforms == [len(X)] * 2


def test_a_first_step_that_is_done_once_changes_nothing(transients, transforms):
    X, y = transients
    shared = EnsembleTransientClassifier([("a", of_features())], cv=3, random_state=0).fit(X, y)
    assert len(transforms) == 1
    hidden = LightCurvePipeline([("none", "passthrough"), *of_features().steps])
    apart = EnsembleTransientClassifier([("a", hidden)], cv=3, random_state=0).fit(X, y)
    assert apart.transformers_ == [None]
    assert len(transforms) > 4
    # A part of the objects multiplies matrices of another size.
    np.testing.assert_allclose(
        apart.out_of_fold_proba_, shared.out_of_fold_proba_, rtol=1e-6, atol=1e-9
    )
    np.testing.assert_allclose(apart.predict_proba(X), shared.predict_proba(X), rtol=1e-6)


def test_a_first_step_that_learns_is_fitted_in_every_part(transients):
    X, y = transients
    learning = of_features()
    learning.set_params(features=LearningFeatures(groups=("history",)))
    parts = np.arange(len(y)) % 2
    splits = [(np.flatnonzero(parts != k), np.flatnonzero(parts == k)) for k in range(2)]
    model = EnsembleTransientClassifier([("a", learning)], cv=splits, random_state=0).fit(X, y)
    assert model.transformers_ == [None]
    found = [of_part[0].share_ for of_part in model.estimators_[0]]
    assert found == [np.mean(y[parts != k] == "TDE") for k in range(2)]


def test_the_format_of_a_first_step_is_kept(transients):
    X, y = transients
    members = [("a", of_features()), ("b", of_features())]
    members[1][1]["features"].set_output(transform="pandas")
    model = EnsembleTransientClassifier(members, cv=2, random_state=0).fit(X, y)
    names = members[1][1]["features"].fit(X).get_feature_names_out()
    found = model.estimators_[1][0][0].feature_names_in_
    assert found.tolist() == names.tolist()
    assert not hasattr(model.estimators_[0][0][0], "feature_names_in_")
    assert np.isfinite(model.predict_proba(X)).all()


def test_objects_are_predicted_in_chunks(transients, transforms, monkeypatch):
    X, y = transients
    members = [("a", of_features()), ("b", Pipeline([("all", of_features())]))]
    model = EnsembleTransientClassifier(members, cv=2, random_state=0).fit(X, y)
    expected = model.predict_proba(X)
    monkeypatch.setattr(_chunks, "CHUNK", 10)
    transforms.clear()
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-6, atol=1e-9)
    assert max(transforms) == 10


def test_it_takes_what_its_members_take():
    def tags(*members):
        named = [(f"m{k}", member) for k, member in enumerate(members)]
        return get_tags(EnsembleTransientClassifier(named)).input_tags

    lstm, transformer = make_lstm_pipeline(), make_transformer_pipeline()
    for members in ([lstm], [transformer], [of_features()], [lstm, GaussianNB()]):
        assert not tags(*members).two_d_array
        assert not tags(*members).three_d_array
    assert tags(GaussianNB(), lstm[-1]).two_d_array
    assert not tags(GaussianNB(), lstm[-1]).three_d_array
    assert tags(lstm[-1]).three_d_array
    found = get_tags(EnsembleTransientClassifier("nonsense"))
    assert found.estimator_type == "classifier"
    assert found.target_tags.required
