"""A classifier of simulations beside the features: what it adds, and that nothing leaks into it."""

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score

from sklearn_tde import (
    LightCurveFeatures,
    SimulationFeatures,
    flatten_light_curves,
    make_transients,
)
from sklearn_tde.preprocessing._simulation_features import _Recipe, _simulated

FEATURES = LightCurveFeatures(groups=("color", "shape"))


def small(**params):
    given = {"features": FEATURES, "classes": ("TDE", "SN Ia", "AGN"), "n_objects": 40, "n_ages": 1}
    return SimulationFeatures(**given | params)


@pytest.fixture(scope="module")
def transients():
    return make_transients(n_tde=20, n_sn_ia=30, random_state=5)


@pytest.fixture(scope="module")
def fitted(transients):
    return small().fit(transients[0])


def test_the_features_come_first_and_the_logarithms_after_them(transients, fitted):
    X, _ = transients
    found = fitted.transform(X)
    own = FEATURES.fit_transform(X)
    np.testing.assert_array_equal(found[:, : own.shape[1]], own)
    names = fitted.get_feature_names_out().tolist()
    added = ["simulation_TDE", "simulation_SN Ia", "simulation_AGN"]
    added += ["simulation_TDE_SN Ia", "simulation_TDE_AGN"]
    assert names == FEATURES.get_feature_names_out().tolist() + added
    logs = found[:, own.shape[1] :]
    assert found.shape == (50, fitted.n_features_out_) == (50, len(names))
    # Each is at least 0.001, so that they may add up to a little more than 1.
    np.testing.assert_allclose(np.exp(logs[:, :3]).sum(axis=1), 1, atol=0.002)
    assert logs.min() >= np.log(0.001)
    np.testing.assert_allclose(logs[:, 3], logs[:, 0] - logs[:, 1])
    np.testing.assert_allclose(logs[:, 4], logs[:, 0] - logs[:, 2])


def test_simulations_alone_tell_tdes_from_supernovae(transients, fitted):
    X, y = transients
    score = fitted.transform(X)[:, -2]
    assert roc_auc_score(y == "TDE", score) > 0.9


def test_nothing_is_learned_from_what_fit_is_given(transients, fitted):
    X, y = transients
    other = small().fit(X.iloc[:2], y[:2])
    np.testing.assert_array_equal(other.transform(X), fitted.transform(X))
    reseeded = small(simulation_seed=1).fit(X)
    assert not np.array_equal(reseeded.transform(X), fitted.transform(X))


def test_the_training_is_done_once_for_the_same_parameters(transients, fitted):
    again = clone(fitted).fit(transients[0])
    assert again.classifier_ is fitted.classifier_
    assert small(n_objects=41).fit(transients[0]).classifier_ is not fitted.classifier_


def test_the_table_and_the_model_file_are_the_same(transients, fitted, tmp_path):
    X, _ = transients
    table = clone(fitted).set_output(transform="pandas").fit(X).transform(X)
    assert table.index.equals(X.index)
    np.testing.assert_array_equal(table.to_numpy(), fitted.transform(X))
    joblib.dump(fitted, tmp_path / "features.joblib")
    loaded = joblib.load(tmp_path / "features.joblib")
    np.testing.assert_array_equal(loaded.transform(X), fitted.transform(X))
    assert fitted.transform(X.iloc[:0]).shape == (0, fitted.n_features_out_)


def test_simulated_light_curves_have_all_ages_and_both_kinds_of_photometry():
    X, y = _simulated(_Recipe(small(n_ages=3), FEATURES))
    assert len(X) == len(y) == 3 * 40 * 4
    assert {name: (y == name).sum() for name in np.unique(y)} == dict.fromkeys(
        ("AGN", "SN Ia", "TDE"), 160
    )
    flat = flatten_light_curves(X)
    lengths = flat.n_observations
    assert lengths.min() >= 1
    assert np.unique(lengths).size > 20
    # Alerts are detections; forced photometry has the rest as well.
    faint = np.bincount(flat.object_position, weights=flat.flux < 5 * flat.flux_err) > 0
    assert not faint[: len(X) // 2].any()
    assert faint[len(X) // 2 :].mean() > 0.5


def test_what_is_not_simulated_is_refused(transients):
    X, _ = transients
    for classes in (("TDE",), ("TDE", "TDE"), ("TDE", "kilonova")):
        with pytest.raises(ValueError, match="expected two or more different ones of 'TDE'"):
            small(classes=classes).fit(X)
    with pytest.raises(ValueError, match="nothing is simulated in 'q'"):
        small(features=LightCurveFeatures(bands=("g", "q"))).fit(X.iloc[:0])
    with pytest.raises(NotFittedError):
        small().transform(X)
