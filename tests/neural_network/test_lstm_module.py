import numpy as np
import pytest
import torch

from sklearn_tde.neural_network._loss import WeightedLoss
from sklearn_tde.neural_network._lstm_module import LSTMNetwork
from sklearn_tde.neural_network._sequences import Batches, Sequences


def make_steps(n_objects=7, n_steps=12, n_features=5, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_objects, n_steps, n_features)).astype(np.float32)
    X[:, :, -2:] = rng.random((n_objects, n_steps, 2)) < 0.3
    return X


def logits_of(network, sequences):
    inputs, _ = sequences.batch(np.arange(len(sequences)))
    with torch.no_grad():
        return network.eval()(**inputs).numpy()


def fused(network, steps, lengths):
    """The same network with torch's own bidirectional LSTM, one unpadded sequence at a time."""
    lstm = torch.nn.LSTM(
        network.projection.out_features,
        network.projection.out_features,
        num_layers=len(network.forward_layers),
        bidirectional=bool(len(network.backward_layers)),
        batch_first=True,
    )
    weights = {}
    for suffix, layers in (("", network.forward_layers), ("_reverse", network.backward_layers)):
        for k, layer in enumerate(layers):
            for name, value in layer.named_parameters():
                weights[name.replace("_l0", f"_l{k}{suffix}")] = value
    lstm.load_state_dict(weights)
    pooled = []
    with torch.no_grad():
        for sequence, length in zip(steps, lengths, strict=True):
            sequence = torch.from_numpy(sequence[:length])
            seen = sequence[:, -2:].amax(dim=1) > 0
            hidden = lstm(network.projection(sequence)[None])[0][0]
            pooled.append(hidden[seen].mean(dim=0))
        return network.eval().head(torch.stack(pooled)).numpy()


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_padding_never_reaches_the_result(bidirectional, num_layers):
    torch.manual_seed(0)
    network = LSTMNetwork(5, 1, hidden_dim=6, num_layers=num_layers, bidirectional=bidirectional)
    X = make_steps()
    sequences = Sequences(X, n_masks=2, only_observed=False)
    assert len(set(sequences.lengths)) > 1
    expected = fused(network, X, sequences.lengths)
    np.testing.assert_allclose(logits_of(network.eval(), sequences), expected, atol=1e-6)


def test_only_observed_steps_are_read():
    torch.manual_seed(0)
    network = LSTMNetwork(5, 1, hidden_dim=6)
    X = make_steps()
    changed = X.copy()
    unseen = ~(X[:, :, -2:] > 0).any(axis=2)
    changed[unseen, :3] = 1e3
    expected = logits_of(network, Sequences(X, n_masks=2))
    np.testing.assert_array_equal(logits_of(network, Sequences(changed, n_masks=2)), expected)
    every = logits_of(network, Sequences(X, n_masks=2, only_observed=False))
    assert not np.allclose(every, expected, atol=1e-4)
    other = logits_of(network, Sequences(changed, n_masks=2, only_observed=False))
    assert not np.allclose(other, every, atol=1e-4)


def test_sequences_hold_every_step_once():
    X = make_steps()
    sequences = Sequences(X, np.arange(7), n_masks=2)
    seen = (X[:, :, -2:] > 0).any(axis=2)
    for row in range(7):
        inputs, (y, weight) = sequences.batch(np.array([row]))
        np.testing.assert_array_equal(inputs["steps"][0, : seen[row].sum()], X[row, seen[row]])
        assert inputs["seen"].sum() == seen[row].sum()
        assert y.tolist() == [row]
        assert weight.tolist() == [1.0]


def test_an_object_without_observations_has_a_finite_logit_of_its_own():
    torch.manual_seed(0)
    network = LSTMNetwork(5, 1, hidden_dim=6)
    X = make_steps()
    X[2, :, -2:] = 0
    for only_observed in (True, False):
        sequences = Sequences(X, n_masks=2, only_observed=only_observed)
        together = logits_of(network, sequences)
        alone = logits_of(network, Sequences(X[2:3], n_masks=2, only_observed=only_observed))
        assert np.isfinite(together).all()
        np.testing.assert_allclose(together[2], alone[0], atol=1e-6)


def test_batches_hold_every_object_once_and_are_shuffled():
    sequences = Sequences(make_steps(n_objects=50), n_masks=2)
    batches = Batches(sequences, 4, np.random.RandomState(0))
    first, second = batches.rows(), batches.rows()
    assert len(first) == len(batches) == 13
    assert sorted(np.concatenate(first)) == list(range(50))
    assert [list(rows) for rows in first] != [list(rows) for rows in second]
    ordered = np.concatenate(Batches(sequences, 4).rows())
    assert (np.diff(sequences.lengths[ordered]) >= 0).all()


def test_batches_bring_similar_lengths_together():
    sequences = Sequences(make_steps(n_objects=200, n_steps=60), n_masks=2)
    spread = [np.ptp(sequences.lengths[rows])
              for rows in Batches(sequences, 8, np.random.RandomState(0)).rows()]  # fmt: skip
    assert np.mean(spread) < 0.4 * np.ptp(sequences.lengths)


def test_training_batches_leave_out_steps_and_cut_sequences():
    X = make_steps(n_objects=200, n_steps=40)
    X[:, :, 0] = np.arange(40)
    sequences = Sequences(X, np.arange(200), n_masks=2)
    batches = Batches(sequences, 200, np.random.RandomState(0), step_dropout=0.5)
    inputs, (rows, _) = next(iter(batches))
    kept = inputs["lengths"].numpy() / sequences.lengths[rows]
    assert 0.7 < kept.mean() < 0.8
    assert kept.min() > 0.2
    for k in range(200):
        steps = inputs["steps"][k, : inputs["lengths"][k], 0].numpy()
        assert (np.diff(steps) > 0).all()
        assert set(steps) <= set(np.flatnonzero(X[rows[k], :, -2:].any(axis=1)))
    assert not inputs["seen"][:, -1].all()

    batches = Batches(sequences, 200, np.random.RandomState(0), truncation=1.0)
    inputs, (rows, _) = next(iter(batches))
    assert (inputs["lengths"].numpy() < sequences.lengths[rows]).mean() > 0.8
    for k in range(200):
        observed = np.flatnonzero(X[rows[k], :, -2:].any(axis=1))
        steps = inputs["steps"][k, : inputs["lengths"][k], 0].numpy()
        np.testing.assert_array_equal(steps, observed[: len(steps)])


def test_prediction_batches_are_whole():
    sequences = Sequences(make_steps(), n_masks=2)
    batches = Batches(sequences, 7, None, step_dropout=0.5, truncation=1.0)
    inputs, _ = next(iter(batches))
    assert sorted(inputs["lengths"].tolist()) == sorted(sequences.lengths)


def test_the_loss_of_two_classes_is_that_of_the_positive_weight():
    logits, y = torch.randn(9, 1), torch.tensor([0, 1, 0, 0, 1, 0, 0, 0, 1])
    weight = torch.where(y == 1, 2.5, 1.0)
    expected = torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor(2.5))(logits[:, 0], y.float())
    torch.testing.assert_close(WeightedLoss()(logits, (y, weight)), expected)


def test_the_loss_of_more_classes_is_the_cross_entropy():
    logits, y = torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 1, 2])
    expected = torch.nn.functional.cross_entropy(logits, y)
    torch.testing.assert_close(WeightedLoss()(logits, (y, torch.ones(6))), expected)
