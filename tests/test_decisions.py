import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.pipeline import Pipeline

from sklearn_tde import (
    EnsembleTransientClassifier,
    LightCurveGridder,
    PriorAdjustedClassifier,
    make_feature_pipeline,
    make_lstm_pipeline,
    make_transients,
)
from sklearn_tde._decisions import predicted_codes
from sklearn_tde.preprocessing import LightCurveFeatures


@pytest.fixture(scope="module")
def transients():
    return make_transients(n_tde=10, n_sn_ia=20, random_state=0)


@pytest.fixture(scope="module")
def model(transients):
    gridder = LightCurveGridder(n_steps=20)
    model = make_lstm_pipeline(
        gridder=gridder, hidden_dim=4, max_epochs=10, lr=2e-2, random_state=0
    ).fit(*transients)
    # Rules that take another threshold than 0.5 have to show.
    p = model.predict_proba(transients[0])[:, 1]
    assert 0.4 < p.min() < 0.5 < p.max()
    return model


def rules(model, X, y):
    """Classifiers with other rules than the largest probability of a network."""
    frozen = FrozenEstimator(model)
    p = model.predict_proba(X)
    yield model
    for label, column in (("TDE", 1), ("SN Ia", 0)):
        threshold = float(np.quantile(p[:, column], 0.3))
        yield FixedThresholdClassifier(frozen, threshold=threshold, pos_label=label)
    yield FixedThresholdClassifier(frozen)
    logit = float(np.median(model.decision_function(X)))
    yield FixedThresholdClassifier(frozen, threshold=logit, response_method="decision_function")
    yield TunedThresholdClassifierCV(frozen, cv="prefit", refit=False)
    yield CalibratedClassifierCV(frozen)
    yield Pipeline([("all", FixedThresholdClassifier(frozen, threshold=float(p[:, 1].max())))])


@pytest.mark.parametrize("number", range(8))
def test_predictions_are_those_of_predict(number, transients, model):
    X, y = transients
    fitted = list(rules(model, X, y))[number]
    if number:
        fitted = fitted.fit(X, y)
    codes = predicted_codes(fitted, X, fitted.predict_proba(X))
    predicted = fitted.predict(X)
    assert fitted.classes_[codes].tolist() == predicted.tolist()


def test_thresholds_are_met_at_equality(transients, model):
    X, y = transients
    p = model.predict_proba(X)[:, 1]
    fitted = FixedThresholdClassifier(FrozenEstimator(model), threshold=float(p[3])).fit(X, y)
    codes = predicted_codes(fitted, X, fitted.predict_proba(X))
    assert fitted.classes_[codes[3]] == fitted.predict(X)[3] == "TDE"


def test_of_several_classes_the_largest_probability_wins(transients):
    X, y = transients
    labels = np.where(np.arange(len(y)) % 3 == 1, "AGN", y)
    gridder = LightCurveGridder(n_steps=20)
    fitted = make_lstm_pipeline(gridder=gridder, hidden_dim=4, max_epochs=1, random_state=0)
    codes = predicted_codes(fitted.fit(X, labels), X, fitted.predict_proba(X))
    assert fitted.classes_[codes].tolist() == fitted.predict(X).tolist()


@pytest.mark.parametrize("scoring", ["balanced_accuracy", None])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_an_ensemble_decides_without_a_second_pass(scoring, n_classes, transients, monkeypatch):
    X, y = transients
    labels = np.where(np.arange(len(y)) % 3 == n_classes - 2, "AGN", y)
    labels = labels if n_classes == 3 else y
    features = LightCurveFeatures(groups=("history", "early"))
    trees = make_feature_pipeline(features=features, classifier=ExtraTreesClassifier(5))
    ensemble = EnsembleTransientClassifier(
        [("trees", trees)], cv=2, threshold_scoring=scoring, random_state=1
    )
    search = GridSearchCV(ensemble, {"refit": [True]}, cv=2)
    for model in (ensemble.fit(X, labels), Pipeline([("all", search)]).fit(X, labels)):
        probabilities, expected = model.predict_proba(X), model.predict(X)
        assert len(set(expected)) > 1
        with monkeypatch.context() as patch:
            patch.delattr(LightCurveFeatures, "transform")
            codes = predicted_codes(model, X, probabilities)
        assert model.classes_[codes].tolist() == expected.tolist()


def test_a_stated_prior_predicts_once(transients, model, monkeypatch):
    X, y = transients
    ensemble = EnsembleTransientClassifier([("lstm", clone(model))], cv=2, random_state=0)
    prior = {"TDE": 0.1, "SN Ia": 0.9}
    adjusted = PriorAdjustedClassifier(ensemble, prior=prior).fit(X, y)
    expected, probabilities = adjusted.predict(X), adjusted.predict_proba(X)
    monkeypatch.setattr(PriorAdjustedClassifier, "predict", None)
    found = adjusted.classes_[predicted_codes(adjusted, X, probabilities)]
    np.testing.assert_array_equal(found, expected)
