import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import cross_validate

from sklearn_tde import (
    LightCurveGridder,
    LightCurveSequencer,
    LSTMTransientClassifier,
    TransformerTransientClassifier,
    make_transients,
)

SMALL = {"hidden_dim": 4, "num_layers": 1, "random_state": 0}
CLASSES = [
    (LSTMTransientClassifier, LightCurveGridder(n_steps=15)),
    (TransformerTransientClassifier, LightCurveSequencer(max_observations=15)),
]


@pytest.fixture(scope="module", params=CLASSES, ids=["lstm", "transformer"])
def earlier(request):
    kind, transformer = request.param
    X, y = make_transients(n_tde=15, n_sn_ia=15, random_state=0)
    steps = transformer.fit_transform(X)
    return kind(**SMALL, max_epochs=3).fit(steps, y), steps, y


def still(earlier, **params):
    """A classifier that begins with the earlier one and hardly moves."""
    params = {**SMALL, "max_epochs": 1, "lr": 1e-9, "weight_decay": 0.0, **params}
    return type(earlier)(pretrained=FrozenEstimator(earlier), **params)


def test_training_begins_with_the_weights_of_another(earlier):
    earlier, steps, y = earlier
    before = earlier.decision_function(steps)
    found = still(earlier).fit(steps, y).decision_function(steps)
    np.testing.assert_allclose(found, before, atol=1e-5)
    moved = still(earlier, lr=0.05).fit(steps, y).decision_function(steps)
    assert np.abs(moved - before).max() > 1e-3
    # It is a start, and is left as it is.
    np.testing.assert_array_equal(earlier.decision_function(steps), before)


def test_it_does_not_matter_which_class_is_the_rarer_one_now(earlier):
    earlier, steps, y = earlier
    before = earlier.decision_function(steps)
    for rare in ("TDE", "SN Ia"):
        rows = np.flatnonzero((y != rare) | (np.cumsum(y == rare) <= 5))
        found = still(earlier).fit(steps[rows], y[rows]).decision_function(steps)
        np.testing.assert_allclose(found, before, atol=1e-5)


def test_copies_of_the_classifier_keep_the_start(earlier):
    earlier, steps, y = earlier
    before = earlier.decision_function(steps)
    folds = cross_validate(clone(still(earlier)), steps, y, cv=2, return_estimator=True)
    for fitted in folds["estimator"]:
        np.testing.assert_allclose(fitted.decision_function(steps), before, atol=1e-5)


def test_with_other_classes_the_last_layer_begins_anew(earlier):
    earlier, steps, y = earlier
    names = np.where(y == "TDE", "TDE", np.where(np.arange(len(y)) % 2, "SN Ia", "SN II"))
    found = still(earlier).fit(steps, names)
    assert found.predict_proba(steps).shape == (len(y), 3)
    ours, theirs = found.net_.module_.state_dict(), earlier.net_.module_.state_dict()
    last = f"head.{len(found.net_.module_.head) - 1}."
    for name, value in theirs.items():
        if not name.startswith(last):
            np.testing.assert_allclose(ours[name], value, atol=1e-5)


def test_a_start_that_does_not_fit_is_refused(earlier):
    earlier, steps, y = earlier
    with pytest.raises(ValueError, match="pretrained: its hidden_dim is 4, here it is 8"):
        still(earlier, hidden_dim=8).fit(steps, y)
    with pytest.raises(ValueError, match="pretrained: its n_features_in_"):
        still(earlier).fit(np.insert(steps, 0, steps[:, :, 0], axis=2), y)
    with pytest.raises(NotFittedError):
        still(clone(earlier)).fit(steps, y)
    with pytest.raises(TypeError, match="pretrained holds FrozenEstimator.*; expected a "):
        still(earlier).set_params(pretrained=FrozenEstimator(FrozenEstimator(earlier))).fit(
            steps, y
        )
    with pytest.raises(TypeError, match="pretrained is .*FrozenEstimator .of sklearn.frozen."):
        still(earlier).set_params(pretrained=earlier).fit(steps, y)
