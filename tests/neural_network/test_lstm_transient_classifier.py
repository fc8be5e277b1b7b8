import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.metrics import roc_auc_score
from skorch import NeuralNet
from skorch.callbacks import Callback

from sklearn_tde import LSTMTransientClassifier


def make_data(n=60, n_classes=2, seed=0):
    """Sequences whose classes differ in the trend of the first channel."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    X = rng.normal(size=(n, 10, 5)).astype(np.float32)
    X[:, :, 0] += np.linspace(-1, 1, 10) * 3 * (y - (n_classes - 1) / 2)[:, None]
    X[:, :, -2:] = rng.random((n, 10, 2)) < 0.6
    return X, y


def small(**params):
    return LSTMTransientClassifier(
        **{
            "hidden_dim": 8,
            "max_epochs": 10,
            "batch_size": 16,
            "lr": 1e-2,
            "random_state": 0,
            **params,
        }
    )


@pytest.fixture(scope="module")
def fitted():
    X, y = make_data()
    return small().fit(X, y)


@pytest.mark.parametrize("steps", ["observed", "all"])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_it_learns_from_sequences(steps, bidirectional):
    X, y = make_data(120)
    model = small(steps=steps, bidirectional=bidirectional).fit(X[:80], y[:80])
    assert roc_auc_score(y[80:], model.decision_function(X[80:])) > 0.9
    assert isinstance(model.net_, NeuralNet)


def test_binary_probabilities_follow_the_logit(fitted):
    X, y = make_data()
    logits = fitted.decision_function(X)
    probabilities = fitted.predict_proba(X)
    assert logits.shape == (60,)
    assert probabilities.dtype == np.float64
    np.testing.assert_allclose(probabilities[:, 1], 1 / (1 + np.exp(-logits)))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_array_equal(fitted.predict(X), (logits > 0).astype(int))


def test_more_classes():
    X, y = make_data(90, n_classes=3)
    names = np.array(["SN Ia", "TDE", "AGN"])[y]
    model = small(max_epochs=20).fit(X, names)
    assert model.classes_.tolist() == ["AGN", "SN Ia", "TDE"]
    assert model.predict_proba(X).shape == model.decision_function(X).shape == (90, 3)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    assert (model.predict(X) == names).mean() > 0.8


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["SN Ia", "TDE"]),
        np.array(["other", "TDE"], dtype=object),
        np.array([False, True]),
        np.array([-1, 1]),
        np.array([0.0, 1.0]),
    ],
)
def test_labels_of_every_kind_come_back(labels):
    X, y = make_data()
    model = small(max_epochs=2).fit(X, labels[y])
    assert set(model.predict(X)) <= set(labels)
    positive = list(model.classes_).index(labels[1])
    same = small(max_epochs=2, class_weight=None).fit(X, y)
    named = small(max_epochs=2, class_weight=None).fit(X, labels[y])
    if positive == 1:
        np.testing.assert_array_equal(named.predict_proba(X), same.predict_proba(X))


def test_float64_lists_and_pandas_labels_are_accepted(fitted):
    X, y = make_data()
    model = small().fit(X.astype(np.float64).tolist(), pd.Series(y, index=range(60, 0, -1)))
    np.testing.assert_array_equal(model.predict_proba(X), fitted.predict_proba(X))


def test_the_same_random_state_gives_the_same_bits_and_leaves_the_generators_alone(fitted):
    X, y = make_data()
    before = torch.random.get_rng_state()
    numpy_before = np.random.get_state()[1].copy()  # noqa: NPY002
    again = small().fit(X, y)
    assert torch.equal(torch.random.get_rng_state(), before)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    other = small(random_state=1).fit(X, y)
    assert not np.allclose(other.predict_proba(X), fitted.predict_proba(X))


def test_an_object_has_the_same_probability_in_any_batch(fitted):
    X, _ = make_data(300, seed=1)
    together = fitted.predict_proba(X)
    alone = np.concatenate([fitted.predict_proba(X[k : k + 1]) for k in range(20)])
    np.testing.assert_allclose(alone, together[:20], atol=1e-6)
    order = np.random.default_rng(0).permutation(300)
    np.testing.assert_allclose(fitted.predict_proba(X[order]), together[order], atol=1e-6)


def test_steps_after_the_last_observation_do_not_matter(fitted):
    X, _ = make_data()
    padded = np.concatenate([X, np.zeros((60, 15, 5), np.float32)], axis=1)
    np.testing.assert_allclose(fitted.predict_proba(padded), fitted.predict_proba(X), atol=1e-6)


def test_units_of_the_channels_do_not_matter_when_standardised():
    X, y = make_data()
    scaled = X.copy()
    scaled[:, :, :3] = X[:, :, :3] * [1000, 0.01, 1] + [5, 0, -2]
    expected = small().fit(X, y).predict_proba(X)
    np.testing.assert_allclose(small().fit(scaled, y).predict_proba(scaled), expected, atol=0.02)
    raw = small(standardize=False)
    assert not np.allclose(raw.fit(scaled, y).predict_proba(scaled),
                           raw.fit(X, y).predict_proba(X), atol=0.02)  # fmt: skip


def test_without_masks_every_step_counts():
    X, y = make_data()
    X = X[:, :, :3]
    model = small(n_masks=0).fit(X, y)
    assert model.n_features_in_ == 3
    changed = X.copy()
    changed[:, -1] += 5
    assert not np.allclose(model.predict_proba(changed), model.predict_proba(X), atol=1e-3)


def test_a_table_is_one_channel():
    X, y = make_data()
    model = small().fit(X[:, :, 0], y)
    assert model.n_features_in_ == 10
    assert model.predict_proba(X[:, :, 0]).shape == (60, 2)


def test_class_weights():
    X, y = make_data(60)
    y = (np.arange(60) % 6 == 0).astype(int)
    balanced = small().fit(X, y).predict_proba(X)
    # n_negative / n_positive = 50 / 10.
    same = small(class_weight={0: 1, 1: 5}).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(balanced, same)
    none = small(class_weight=None).fit(X, y).predict_proba(X)
    assert balanced[:, 1].mean() > none[:, 1].mean() + 0.05


def test_bad_class_weights_are_named():
    X, y = make_data()
    with pytest.raises(ValueError, match="class_weight: the weight of 1 is -2.0; expected"):
        small(class_weight={0: 1, 1: -2}).fit(X, y)


def test_balanced_weights_of_more_classes_are_one_on_average():
    from sklearn_tde.neural_network._training import class_weights

    codes = np.array([0] * 6 + [1] * 3 + [2] * 1)
    weights = class_weights("balanced", np.arange(3), codes, np.ones(10))
    np.testing.assert_allclose(weights, [10 / 18, 10 / 9, 10 / 3])
    assert weights[codes].mean() == pytest.approx(1)


def test_sample_weights_count_and_must_match():
    X, y = make_data()
    weight = np.where(np.arange(60) < 30, 1.0, 0.0)
    model = small(batch_size=60).fit(X, y, sample_weight=weight)
    flipped = np.where(weight == 0, 1 - y, y)
    same = small(batch_size=60).fit(X, flipped, sample_weight=weight)
    np.testing.assert_allclose(same.predict_proba(X), model.predict_proba(X), atol=1e-6)
    scaled = small(batch_size=60).fit(X, y, sample_weight=weight * 7)
    np.testing.assert_allclose(scaled.predict_proba(X), model.predict_proba(X), atol=1e-5)
    with pytest.raises(ValueError, match="sample_weight has 59 values for 60 objects"):
        small().fit(X, y, sample_weight=np.ones(59))
    with pytest.raises(ValueError, match="sample_weight is zero for every object"):
        small().fit(X, y, sample_weight=np.zeros(60))


def test_history_is_plain_and_counts_the_epochs(fitted):
    assert [epoch["epoch"] for epoch in fitted.history_] == list(range(1, 11))
    last = fitted.history_[-1]
    assert set(last) == {"epoch", "dur", "train_loss", "train_recall"}
    assert type(last["train_loss"]) is float
    assert len(last["train_recall"]) == 2
    assert fitted.history_[-1]["train_loss"] < fitted.history_[0]["train_loss"]


def test_early_stopping_stops_and_keeps_the_best_weights():
    X, y = make_data(100)
    rng = np.random.default_rng(0)
    noise = np.where(rng.random(100) < 0.35, 1 - y, y)  # labels that can only be memorised
    model = small(
        early_stopping=True,
        max_epochs=200,
        n_iter_no_change=5,
        lr_schedule="constant",
        validation_fraction=0.3,
    ).fit(X, noise)
    losses = [epoch["valid_loss"] for epoch in model.history_]
    assert model.n_iter_ == len(losses) < 200
    assert np.argmin(losses) == len(losses) - 1 - 5
    assert "valid_recall" in model.history_[0]


def test_warm_start_goes_on_from_the_weights():
    X, y = make_data()
    model = small(warm_start=True, max_epochs=3, lr_schedule="constant").fit(X, y)
    first = model.history_[-1]["train_loss"]
    before = model.predict_proba(X)
    model.fit(X, y)
    assert model.n_iter_ == 6
    assert [epoch["epoch"] for epoch in model.history_] == [1, 2, 3, 4, 5, 6]
    assert model.history_[3]["train_loss"] < first * 1.05
    assert not np.allclose(model.predict_proba(X), before)
    with pytest.raises(ValueError, match="warm_start=True: y has the classes"):
        model.fit(X, np.where(y == 1, 2, 0))


class CountEpochs(Callback):
    seen = 0

    def on_epoch_end(self, net, **kwargs):
        type(self).seen += 1


def test_callbacks_are_called_and_not_changed():
    X, y = make_data()
    callback = CountEpochs()
    model = small(max_epochs=4, callbacks=[callback]).fit(X, y)
    assert CountEpochs.seen == 4
    assert model.callbacks == [callback]


def test_verbose_prints_a_line_per_epoch_and_is_silent_otherwise(capsys):
    X, y = make_data()
    small(max_epochs=2).fit(X, y)
    small(max_epochs=2, verbose=1).fit(X, y)  # no terminal, no bar
    assert capsys.readouterr() == ("", "")
    small(max_epochs=2, verbose=2).fit(X, y)
    assert "train_loss" in capsys.readouterr().out


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_saved_classifier_gives_the_same_bits(tmp_path, n_classes):
    X, y = make_data(n_classes=n_classes)
    model = small(max_epochs=3).fit(X, y)
    joblib.dump(model, tmp_path / "model.joblib")
    loaded = joblib.load(tmp_path / "model.joblib")
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert loaded.history_ == model.history_
    # Neither training data nor the state of the optimiser: a few kilobytes.
    n_weights = sum(p.numel() for p in model.net_.module_.parameters())
    assert (tmp_path / "model.joblib").stat().st_size < 4 * n_weights + 20_000


def test_another_version_is_told_on_loading(fitted):
    state = fitted.__getstate__()
    state["_version"] = "0.0.1"
    with pytest.warns(
        InconsistentVersionWarning, match=r"LSTMTransientClassifier from version 0.0"
    ):
        LSTMTransientClassifier.__new__(LSTMTransientClassifier).__setstate__(state)


def test_clones_and_copies(fitted):
    copy = clone(fitted)
    assert not hasattr(copy, "net_")
    assert copy.get_params() == fitted.get_params()
    X, _ = make_data()
    restored = pickle.loads(pickle.dumps(fitted))
    restored.set_params(max_epochs=2).fit(*make_data())
    assert restored.n_iter_ == 2


def test_reference_is_the_published_network():
    model = LSTMTransientClassifier.reference(max_epochs=1, random_state=0)
    assert model.get_params()["lr"] == 1e-4
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 30, 7)).astype(np.float32)
    X[:, :, -2:] = 1
    model.fit(X, np.arange(20) % 2)
    module = model.net_.module_
    # The bidirectional network of the study has 183,041 weights.
    assert sum(p.numel() for p in module.parameters()) == 183_041
    assert (module.shift == 0).all()
    assert (module.gain == 1).all()
    group = model.net_.optimizer_.param_groups[0]
    assert (group["lr"], group["weight_decay"]) == (1e-4, 1e-5)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda X, y: (X, np.zeros(60)), ValueError, "y has one class, 0.0; expected at least two"),
        (lambda X, y: (X, y[:-1]), ValueError, "inconsistent numbers of samples"),
        (lambda X, y: (X * np.nan, y), ValueError, "Input X contains NaN"),
        (lambda X, y: (X[..., None], y), ValueError, "X has 4 dimensions"),
        (lambda X, y: (X[:, :, :2], y), ValueError, "2 features of which n_masks=2 are masks"),
        (lambda X, y: (X[:, :, ::-1], y), ValueError, "object at position 0: its last 2 features"),
        (lambda X, y: (X, np.linspace(0, 1, 60)), ValueError, "Unknown label type: continuous"),
        (
            lambda X, y: (pd.DataFrame({"light_curve": range(60)}), y),
            TypeError,
            "Put a LightCurveGridder before it",
        ),
    ],
)
def test_bad_training_data_is_named(change, error, message):
    with pytest.raises(error, match=message):
        small().fit(*change(*make_data()))


@pytest.mark.parametrize(
    "params",
    [
        {"hidden_dim": 0},
        {"dropout": 1.0},
        {"steps": "some"},
        {"class_weight": "even"},
        {"max_epochs": 0},
        {"lr": 0.0},
        {"lr_schedule": "cosine"},
        {"step_dropout": 1.0},
        {"truncation": 1.1},
        {"validation_fraction": 1.0},
        {"gradient_clip": 0.0},
    ],
)
def test_bad_parameters_are_named(params):
    with pytest.raises(ValueError, match=f"The '{next(iter(params))}' parameter"):
        small(**params).fit(*make_data())


def test_bad_prediction_data_is_named(fitted):
    X, _ = make_data()
    with pytest.raises(NotFittedError):
        small().predict_proba(X)
    with pytest.raises(ValueError, match=r"shape \(60, 10, 4\), but .* is expecting 5 features"):
        fitted.predict_proba(X[:, :, 1:])
    with pytest.raises(ValueError, match=r"shape \(60, 10\), but .* is expecting 5 features"):
        fitted.predict_proba(X[:, :, 0])
    with pytest.raises(ValueError, match="masks"):
        fitted.predict_proba(X + 1)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("mixed_precision", [False, True])
def test_a_gpu_gives_the_same_probabilities(mixed_precision):
    X, y = make_data()
    model = small(device="cpu").fit(X, y)
    expected = model.predict_proba(X)
    model.set_params(device="cuda", mixed_precision=mixed_precision)
    atol = 1e-2 if mixed_precision else 1e-5
    np.testing.assert_allclose(model.predict_proba(X), expected, atol=atol)
    assert next(model.net_.module_.parameters()).device.type == "cuda"
    trained = clone(model).fit(X, y)
    # Rounding grows over the updates.
    np.testing.assert_allclose(trained.predict_proba(X), expected, atol=5e-2)
    back = trained.predict_proba(X)
    trained.set_params(device="cpu")
    np.testing.assert_allclose(trained.predict_proba(X), back, atol=atol)


def test_mixed_precision_is_close_in_prediction_and_in_training():
    X, y = make_data()
    model = small().fit(X, y)
    expected = model.predict_proba(X)
    mixed = model.set_params(mixed_precision=True).predict_proba(X)
    assert 0 < np.abs(mixed - expected).max() < 1e-2
    np.testing.assert_array_equal(
        model.set_params(mixed_precision=False).predict_proba(X), expected
    )
    trained = small(mixed_precision=True).fit(X, y)
    assert all(value.dtype == torch.float32 for value in trained.net_.module_.parameters())
    np.testing.assert_allclose(trained.predict_proba(X), expected, atol=5e-2)
    # Not in prediction alone.
    assert np.abs(trained.set_params(mixed_precision=False).predict_proba(X) - expected).max() > 0
