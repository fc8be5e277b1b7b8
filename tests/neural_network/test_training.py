"""What happens while a network trains, looked at from inside."""

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from skorch.callbacks import Callback

from sklearn_tde import LSTMTransientClassifier, make_lstm_pipeline, make_transients
from sklearn_tde.neural_network._sequences import Batches
from sklearn_tde.neural_network._training import class_weights, one_thread


def make_data(n=60, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    X = rng.normal(size=(n, 10, 5)).astype(np.float32)
    X[:, :, 0] += np.linspace(-3, 3, 10) * (y - 0.5)[:, None]
    X[:, :, -2:] = rng.random((n, 10, 2)) < 0.6
    return X, y


def small(**params):
    return LSTMTransientClassifier(
        **{"hidden_dim": 8, "max_epochs": 4, "batch_size": 16, "lr": 1e-2, "random_state": 0}
        | params
    )


class Spy(Callback):
    """Remember, on the class, what the net was given and what it did."""

    def on_train_begin(self, net, **kwargs):
        Spy.net, Spy.rates, Spy.norms, Spy.valid_y = net, [], [], []

    def on_grad_computed(self, net, named_parameters, **kwargs):
        gradients = [p.grad.norm() for _, p in named_parameters if p.grad is not None]
        Spy.norms.append(float(torch.stack(gradients).norm()))

    def on_batch_end(self, net, batch=None, training=False, **kwargs):
        if training:
            Spy.rates.append(net.optimizer_.param_groups[0]["lr"])
        else:
            Spy.valid_y.append(batch[1][0].numpy())


def test_channels_are_standardised_over_the_steps_of_the_training_rows_only():
    X, y = make_data(100)
    X[:, :, 0] *= np.linspace(1, 50, 100)[:, None]  # every object counts
    model = small(early_stopping=True, validation_fraction=0.3, max_epochs=1, callbacks=[Spy()])
    model.fit(X, y)
    training = Spy.net.module_
    seen = (X[:, :, -2:] > 0).any(axis=2)
    everything = X[:, :, 0][seen].mean()
    assert abs(float(training.shift[0]) - everything) > 0.01
    whole = small(max_epochs=1).fit(X, y).net_.module_
    assert float(whole.shift[0]) == pytest.approx(everything, abs=1e-4)
    assert float(whole.gain[1]) == pytest.approx(1 / X[:, :, 1][seen].std(), rel=1e-4)
    assert whole.shift[3:].tolist() == [0, 0]
    assert whole.gain[3:].tolist() == [1, 1]


def test_early_stopping_sets_aside_a_stratified_part_of_the_size_asked_for():
    X, _ = make_data(100)
    y = (np.arange(100) % 10 == 0).astype(int)
    small(early_stopping=True, validation_fraction=0.3, max_epochs=1, callbacks=[Spy()]).fit(X, y)
    valid_y = np.concatenate(Spy.valid_y)
    assert len(valid_y) == 30
    assert valid_y.sum() == 3


def test_early_stopping_gives_back_the_weights_of_the_best_epoch():
    X, y = make_data(100)
    noise = np.where(np.random.default_rng(0).random(100) < 0.35, 1 - y, y)
    params = {"early_stopping": True, "lr_schedule": "constant", "validation_fraction": 0.3}
    long = small(max_epochs=100, n_iter_no_change=6, **params).fit(X, noise)
    best = int(np.argmin([epoch["valid_loss"] for epoch in long.history_])) + 1
    assert best < long.n_iter_
    short = small(max_epochs=best, n_iter_no_change=6, **params).fit(X, noise)
    np.testing.assert_allclose(long.predict_proba(X), short.predict_proba(X), atol=1e-6)


def test_the_one_cycle_schedule_warms_up_and_anneals():
    X, y = make_data()
    small(callbacks=[Spy()], max_epochs=10).fit(X, y)
    rates = np.array(Spy.rates)
    assert len(rates) == 40
    assert rates.max() == pytest.approx(1e-2, rel=0.02)
    assert 8 <= rates.argmax() <= 13
    assert rates[0] < 2e-3
    assert rates[-1] < 1e-4
    small(callbacks=[Spy()], lr_schedule="constant").fit(X, y)
    assert set(Spy.rates) == {1e-2}


def test_the_gradient_is_clipped():
    X, y = make_data()
    small(callbacks=[Spy()], gradient_clip=1e-3).fit(X, y)
    assert max(Spy.norms) < 1.01e-3
    small(callbacks=[Spy()], gradient_clip=None).fit(X, y)
    assert max(Spy.norms) > 0.01


def test_parameters_reach_the_batches_and_the_module(monkeypatch):
    seen = []
    original = Batches.__init__

    def spy(self, *args, **kwargs):
        seen.append(kwargs)
        original(self, *args, **kwargs)

    monkeypatch.setattr(Batches, "__init__", spy)
    X, y = make_data()
    model = small(step_dropout=0.25, truncation=0.75, dropout=0.125, batch_size=7).fit(X, y)
    assert seen[0]["step_dropout"] == 0.25
    assert seen[0]["truncation"] == 0.75
    assert seen[0]["batch_size"] == 7
    assert model.net_.module_.between.p == 0.125
    assert model.net_.module_.head[2].p == 0.125
    assert model.net_.optimizer_.param_groups[0]["weight_decay"] == model.weight_decay


def test_short_sequences_keep_their_steps():
    from sklearn_tde.neural_network._sequences import Sequences

    X = np.ones((50, 2, 3), dtype=np.float32)
    batches = Batches(
        Sequences(X, n_masks=1), 50, np.random.RandomState(0), step_dropout=0.9, truncation=1.0
    )
    inputs, _ = next(iter(batches))
    assert inputs["lengths"].tolist() == [2] * 50


def test_recall_of_the_history_is_that_of_the_epoch():
    X, y = make_data(64)
    y = (np.arange(64) % 4 == 0).astype(int)
    # A rate of almost zero: the weights stay, and a rerun gives the same outputs.
    model = small(lr=1e-12, dropout=0.0, step_dropout=0.0, truncation=0.0, max_epochs=1)
    model.fit(X, y)
    found = model.predict(X)
    expected = [np.mean(found[y == 0] == 0), np.mean(found[y == 1] == 1)]
    assert model.history_[0]["train_recall"] == pytest.approx(expected, abs=1e-6)


def test_balanced_weights_count_an_object_of_weight_two_twice():
    codes = np.array([0] * 8 + [1] * 2)
    weight = np.where(codes == 1, 2.0, 1.0)
    np.testing.assert_allclose(class_weights("balanced", np.arange(2), codes, weight), [1, 2])
    np.testing.assert_allclose(class_weights("balanced", np.arange(2), codes, np.ones(10)), [1, 4])


class Threads(Callback):
    """Remember the number of threads that an epoch had."""

    def on_epoch_end(self, net, **kwargs):
        Threads.number = torch.get_num_threads()


def test_one_thread_is_used_and_the_setting_given_back():
    X, y = make_data()
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        model = small(callbacks=[Threads()]).fit(X, y)
        model.predict(X)
        assert torch.get_num_threads() == 2
        assert Threads.number == 1
    finally:
        torch.set_num_threads(before)


def test_the_data_set_aside_is_not_kept():
    X, y = make_data()
    assert small(early_stopping=True).fit(X, y).net_.train_split is None


class Interrupt(Callback):
    """Raise, in the second epoch, what a Ctrl-C raises."""

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == 2:
            # From within torch's own code, as a user's interrupt comes.
            net.module_.register_forward_hook(self._raise)

    @staticmethod
    def _raise(*args):
        raise KeyboardInterrupt


def test_an_interrupt_ends_the_training_without_a_model():
    X, y = make_data()
    model = small().fit(X, y)
    with pytest.raises(KeyboardInterrupt):
        model.set_params(callbacks=[Interrupt()], steps="all").fit(X, np.where(y, "TDE", "AGN"))
    with pytest.raises(NotFittedError):
        model.predict(X)


class Enough(Callback):
    """Stop after two epochs, in skorch's way."""

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 2:
            raise KeyboardInterrupt


def test_a_callback_may_stop_the_training():
    X, y = make_data()
    assert small(callbacks=[Enough()]).fit(X, y).n_iter_ == 2


@pytest.mark.parametrize("max_epochs", [2, 5])
def test_training_that_diverges_is_an_error_that_names_the_rate(max_epochs):
    X, y = make_data()
    model = small(
        lr=1e30, lr_schedule="constant", gradient_clip=None, max_epochs=max_epochs, batch_size=60
    )
    with pytest.raises(ValueError, match=r"training diverged: .* lr=1e\+30"):
        model.fit(X, y)
    with pytest.raises(ValueError, match="training diverged"):
        cross_val_score(model, X, y, cv=2, error_score="raise")


def test_a_logit_that_is_no_number_is_an_error_that_names_the_object():
    X, y = make_data()
    X[:, :, :2] *= 1e-3
    model = small().fit(X, y)
    X[7, :, 0], X[7, :, 1] = 3e38, -3e38  # infinite once they are standardised
    with pytest.raises(ValueError, match="object at position 7: its logit is not finite"):
        model.predict_proba(X)


def test_parameters_set_after_the_fit_change_neither_predictions_nor_the_saved_model():
    import pickle

    X, y = make_data()
    model = small().fit(X, y)
    expected = model.predict_proba(X)
    model.set_params(hidden_dim=16, num_layers=1, bidirectional=False, steps="all", n_masks=1)
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), expected)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_named_in_fit_and_replaced_on_loading():
    X, y = make_data()
    with pytest.raises(ValueError, match="device='cuda': there is no GPU here"):
        small(device="cuda").fit(X, y)
    with pytest.raises(ValueError, match="device='gpu' is no device of torch"):
        small(device="gpu").fit(X, y)
    model = small().fit(X, y)
    state = model.set_params(device="cuda").__getstate__()
    loaded = LSTMTransientClassifier.__new__(LSTMTransientClassifier)
    with pytest.warns(UserWarning, match="device='cuda': there is no GPU here; the CPU is used"):
        loaded.__setstate__(state)
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


def test_a_refused_fit_leaves_the_model_as_it_was():
    X, y = make_data()
    model = small(warm_start=True).fit(X, y)
    expected = model.predict_proba(X)
    with pytest.raises(ValueError, match="expecting 5 features"):
        model.fit(X[:, :, 1:], y)
    with pytest.raises(ValueError, match="not all 0 or 1"):
        model.fit(X + 0.5, y)
    with pytest.raises(ValueError, match="warm_start=True: hidden_dim is 16, the last fit had 8"):
        model.set_params(hidden_dim=16).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), expected)


@pytest.mark.parametrize("missing", [None, np.nan, float("nan")])
def test_a_missing_label_is_named(missing):
    X, y = make_data()
    labels = np.where(y == 1, "TDE", "SN Ia").astype(object)
    labels[[3, 7]] = missing
    with pytest.raises(ValueError, match="y: the label of 2 of 60 objects is missing, .* 3;"):
        small().fit(X, labels)


def test_features_that_are_all_taken_for_masks_are_refused():
    X, y = make_data()
    flux = X[:, :, 1:3]
    with pytest.raises(ValueError, match="2 features of which n_masks=2 .* Set n_masks=0 if X has"):
        small().fit(flux, y)
    assert small(n_masks=0).fit(flux, y).predict_proba(flux).shape == (len(y), 2)


def test_masks_that_are_taken_for_features_are_refused():
    X, y = make_transients(n_tde=6, n_sn_ia=10, bands=("g", "r", "i"), random_state=0)
    pipeline = make_lstm_pipeline(max_epochs=1).set_params(gridder__bands=("g", "r", "i"))
    with pytest.raises(ValueError, match="n_masks=2 is 0 or 1 as well, like a mask"):
        pipeline.fit(X, y)
    pipeline.set_params(classifier__n_masks=3).fit(X, y)
    # A flag of the object is none, though it is 0 or 1.
    flagged = X.assign(nuclear=np.arange(len(X)) % 2)
    pipeline.set_params(gridder__context=("nuclear",)).fit(flagged, y)


def test_threads_that_overlap_give_the_number_of_torch_threads_back(monkeypatch):
    used = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: used[-1] if used else 2)
    monkeypatch.setattr(torch, "set_num_threads", used.append)
    first, second = one_thread(), one_thread()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert used[-1] == 1
    second.__exit__(None, None, None)
    assert used[-1] == 2
