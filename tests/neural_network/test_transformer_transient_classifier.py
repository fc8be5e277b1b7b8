import json
import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone

from sklearn_tde import LightCurveGridder, LightCurvePipeline, make_transients
from sklearn_tde.neural_network import LSTMTransientClassifier, TransformerTransientClassifier
from sklearn_tde.neural_network._sequences import Sequences
from sklearn_tde.neural_network._transformer_module import TransformerNetwork
from sklearn_tde.persistence import export_onnx, load_model, save_model
from sklearn_tde.pipelines import make_lstm_pipeline, make_transformer_pipeline
from sklearn_tde.preprocessing import LightCurveSequencer

SMALL = {"hidden_dim": 8, "num_heads": 2, "max_epochs": 2, "random_state": 0}


@pytest.fixture(scope="module")
def transients():
    return make_transients(n_tde=10, n_sn_ia=20, random_state=0)


@pytest.fixture(scope="module")
def steps(transients):
    return LightCurveSequencer().fit_transform(transients[0])


@pytest.fixture(scope="module")
def fitted(steps, transients):
    return TransformerTransientClassifier(**SMALL).fit(steps, transients[1])


def random_steps(n_objects=6, n_steps=14, seed=0):
    """Tokens of two bands, of different number, as the sequencer makes them."""
    rng = np.random.default_rng(seed)
    X = np.zeros((n_objects, n_steps, 5), dtype=np.float32)
    for k in range(n_objects):
        n = rng.integers(1, n_steps + 1)
        X[k, :n, 0] = np.sort(rng.random(n))
        X[k, :n, 1:3] = rng.normal(size=(n, 2))
        X[k, np.arange(n), 3 + rng.integers(0, 2, n)] = 1
    return X


def network(seed=0, **params):
    torch.manual_seed(seed)
    made = TransformerNetwork(5, 1, **{"hidden_dim": 8, "num_layers": 2, **params}).eval()
    made.standardize(torch.tensor([0.4, 0.1, 0.2, 0, 0]), torch.tensor([4.0, 1.5, 2, 1, 1]))
    return made


def logits_of(made, X, **options):
    inputs, _ = Sequences(X, n_masks=made.n_masks).batch(np.arange(len(X)))
    with torch.no_grad():
        return made(**inputs, **options).numpy()


def test_what_a_step_holds_does_not_depend_on_later_ones():
    made, X = network(), torch.from_numpy(random_steps(n_objects=1, seed=3))
    X[0, :, 3] = 1 - X[0, :, 4]  # every step is an observation
    with torch.no_grad():
        whole = made.read(X)
        for n in range(1, X.shape[1]):
            changed = X.clone()
            changed[:, n:, :3] += 5
            changed[:, n:, 3:] = changed[:, n:, 3:].flip(2)
            torch.testing.assert_close(made.read(changed)[:, :n], whole[:, :n])
            assert not torch.allclose(made.read(changed)[:, n], whole[:, n], atol=1e-3)
            torch.testing.assert_close(made.read(X[:, :n]), whole[:, :n])


def test_logits_after_k_observations_are_those_of_a_curve_that_ends_there(fitted, steps):
    """The maximum over the first steps: later observations have no say in it."""
    made, X = fitted.net_.module_.eval(), torch.from_numpy(steps[:4]).double()
    n_seen = steps[:4, :, -2:].any(axis=2).sum(axis=1)
    with torch.no_grad():
        double = {name: value.double() for name, value in made.state_dict().items()}
        copied = TransformerNetwork(5, 1, hidden_dim=8, num_heads=2).double().eval()
        copied.load_state_dict(double)
        hidden = copied.read(X)
    for k in range(1, int(n_seen.min())):
        cut = steps[:4].copy()
        cut[:, k:] = 0
        with torch.no_grad():
            expected = copied.head(hidden[:, :k].amax(dim=1))[:, 0].numpy()
        np.testing.assert_allclose(fitted.decision_function(cut), expected, atol=1e-6)


def test_padding_and_company_never_reach_the_result():
    made, X = network(), random_steps()
    expected = logits_of(made, X, precise=True)
    wider = np.concatenate([X, np.zeros((len(X), 9, 5), np.float32)], axis=1)
    np.testing.assert_array_equal(logits_of(made, wider, precise=True), expected)
    wider[:, -9:, :3] = 7.0  # without a mask it is no observation
    np.testing.assert_array_equal(logits_of(made, wider, precise=True), expected)
    for k in range(len(X)):
        alone = logits_of(made, X[[k]], precise=True)
        np.testing.assert_allclose(alone[0], expected[k], rtol=0, atol=1e-12)
    np.testing.assert_allclose(logits_of(made, X), expected, atol=1e-5)


def test_an_object_alone_is_predicted_as_in_a_batch(fitted, steps):
    together = fitted.decision_function(steps)
    alone = np.concatenate([fitted.decision_function(steps[[k]]) for k in range(len(steps))])
    np.testing.assert_allclose(alone, together, rtol=0, atol=1e-9)
    np.testing.assert_allclose(
        fitted.decision_function(steps[::-1]), together[::-1], rtol=0, atol=1e-9
    )


def test_an_object_without_observations_has_a_finite_logit(fitted, steps):
    empty = np.zeros_like(steps[:1])
    expected = fitted.decision_function(empty)
    assert np.isfinite(expected).all()
    found = fitted.decision_function(np.concatenate([steps, empty]))
    np.testing.assert_allclose(found[-1], expected[0], atol=1e-9)


def test_attention_knows_the_days_between_observations_and_not_their_zero_point():
    """All that is left without the time itself among what is embedded."""
    made, X = network(), torch.from_numpy(random_steps(n_objects=1, seed=3)[:, :8])
    block, size = made.blocks[0], made.rotations
    hidden = torch.randn(1, 8, 8, generator=torch.Generator().manual_seed(0))

    def attended(time):
        angles = (time * size).unsqueeze(1)
        return block(hidden, (angles.cos(), angles.sin()))

    with torch.no_grad():
        time = X[:, :, :1] * 4
        torch.testing.assert_close(attended(time + 3), attended(time), atol=1e-5, rtol=1e-5)
        assert not torch.allclose(attended(time * 2), attended(time), atol=1e-3)


def test_the_same_random_state_gives_the_same_bits(fitted, steps, transients):
    state = torch.random.get_rng_state()
    torch.manual_seed(123)
    again = clone(fitted).fit(steps, transients[1])
    np.testing.assert_array_equal(again.predict_proba(steps), fitted.predict_proba(steps))
    torch.random.set_rng_state(state)
    other = clone(fitted).set_params(random_state=1).fit(steps, transients[1])
    assert np.abs(other.predict_proba(steps) - fitted.predict_proba(steps)).max() > 1e-4


def test_it_learns_what_is_only_in_the_color():
    """Both classes have the same fluxes, in the other order of the bands."""
    rng = np.random.default_rng(0)
    y = np.arange(80) % 2
    X = np.zeros((80, 10, 5), dtype=np.float32)
    X[:, :, 0] = np.sort(rng.random((80, 10)), axis=1)
    band = np.tile([0, 1], (80, 5))
    X[:, :, 1] = rng.normal(size=(80, 1)) + np.where((band == 1) == (y[:, None] == 1), 0.5, -0.5)
    X[:, :, 1] += 0.1 * rng.normal(size=(80, 10))
    X[:, :, 3:] = band[:, :, None] == np.arange(2)
    model = TransformerTransientClassifier(
        hidden_dim=8, max_epochs=15, batch_size=16, lr=2e-2, random_state=0
    ).fit(X[:40], y[:40])
    assert (model.predict(X[40:]) == y[40:]).mean() > 0.9


def test_saving_and_loading_keeps_every_bit(fitted, steps):
    expected = fitted.predict_proba(steps)
    loaded = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(loaded.predict_proba(steps), expected)
    changed = pickle.loads(pickle.dumps(fitted)).set_params(num_heads=4, hidden_dim=16, n_masks=1)
    again = pickle.loads(pickle.dumps(changed))
    np.testing.assert_array_equal(again.predict_proba(steps), expected)


def test_a_fit_goes_on_only_with_the_same_network(fitted, steps, transients):
    model = pickle.loads(pickle.dumps(fitted)).set_params(warm_start=True, max_epochs=1)
    assert model.fit(steps, transients[1]).n_iter_ == 3
    with pytest.raises(ValueError, match="warm_start=True: num_heads is 1, the last fit had 2"):
        model.set_params(num_heads=1).fit(steps, transients[1])


def test_heads_that_do_not_fit_are_refused(steps, transients):
    model = TransformerTransientClassifier(hidden_dim=12, num_heads=4)
    with pytest.raises(ValueError, match="hidden_dim=12 is no even multiple of num_heads=4"):
        model.fit(steps, transients[1])


def test_light_curves_are_refused_with_the_step_that_is_missing(transients):
    with pytest.raises(TypeError, match="Put a LightCurveSequencer before it"):
        TransformerTransientClassifier().fit(*transients)


def test_it_reads_the_steps_of_a_gridder_and_tables(transients):
    X, y = transients
    grid = LightCurveGridder(n_steps=15).fit_transform(X)
    assert (grid[:, :, -2:].sum(axis=2) == 2).any()
    for data in (grid, grid[:, :, 1]):
        model = TransformerTransientClassifier(**SMALL).fit(data, y)
        loaded = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(loaded.predict_proba(data), model.predict_proba(data))
    moved = np.roll(grid[:, :, 1], 3, axis=1)
    assert np.abs(model.predict_proba(moved) - model.predict_proba(grid[:, :, 1])).max() > 1e-4


def test_bfloat16_moves_probabilities_little(fitted, steps):
    model = pickle.loads(pickle.dumps(fitted))
    expected = model.predict_proba(steps)
    found = model.set_params(mixed_precision=True).predict_proba(steps)
    assert 0 < np.abs(found - expected).max() < 1e-2


def test_more_bands_and_classes():
    X, y = make_transients(n_tde=6, n_sn_ia=6, n_agn=6, bands=("g", "r", "i"), random_state=0)
    model = make_transformer_pipeline(
        sequencer=LightCurveSequencer(bands=("g", "r", "i"), context=("redshift",)), **SMALL
    ).fit(X, y)
    assert model["classifier"].n_masks == 3
    assert model["classifier"].n_features_in_ == 7
    proba = model.predict_proba(X)
    assert proba.shape == (18, 3)
    np.testing.assert_allclose(proba.sum(axis=1), 1)


def test_the_pipeline_has_its_steps_by_name(transients):
    X, y = transients
    model = make_transformer_pipeline(**SMALL)
    assert isinstance(model, LightCurvePipeline)
    assert list(model.named_steps) == ["sequencer", "classifier"]
    with pytest.raises(TypeError, match="sequencer must be a LightCurveSequencer; got 3"):
        make_transformer_pipeline(sequencer=3)
    with pytest.raises(TypeError, match="cell"):
        make_transformer_pipeline(cell="gru")


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_recurrent_networks_read_the_steps_of_a_sequencer(cell, steps, transients):
    model = LSTMTransientClassifier(cell=cell, hidden_dim=4, max_epochs=1, random_state=0)
    model.fit(steps, transients[1])
    together = model.decision_function(steps)
    alone = np.concatenate([model.decision_function(steps[[k]]) for k in range(5)])
    np.testing.assert_allclose(alone, together[:5], atol=1e-6)
    layer = model.net_.module_.forward_layers[0]
    assert type(layer) is {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[cell]


def test_the_kind_of_cell_is_saved_and_kept(steps, transients):
    model = LSTMTransientClassifier(cell="gru", hidden_dim=4, max_epochs=1, random_state=0)
    model.fit(steps, transients[1])
    expected = model.predict_proba(steps)
    loaded = pickle.loads(pickle.dumps(model.set_params(cell="lstm")))
    np.testing.assert_array_equal(loaded.predict_proba(steps), expected)
    with pytest.raises(ValueError, match="warm_start=True: cell is 'lstm', the last fit had 'gru'"):
        loaded.set_params(warm_start=True).fit(steps, transients[1])
    assert make_lstm_pipeline(cell="gru")["classifier"].cell == "gru"


def amplified(model):
    """After an epoch or two every object has much the same probability."""
    with torch.no_grad():
        for values in model.net_.module_.parameters():
            values.mul_(1.7)
        model.net_.module_.head[-1].bias.zero_()
    return model


@pytest.mark.parametrize("n_masks", [2, 0])
@pytest.mark.parametrize(
    "model",
    [
        TransformerTransientClassifier(**SMALL),
        TransformerTransientClassifier(**SMALL | {"num_layers": 2, "num_heads": 1}),
        LSTMTransientClassifier(cell="gru", hidden_dim=4, num_layers=2, max_epochs=1),
        LSTMTransientClassifier(cell="gru", hidden_dim=4, bidirectional=False, max_epochs=1),
    ],
)
def test_onnx_gives_the_probabilities_of_the_classifier(model, n_masks, tmp_path):
    pytest.importorskip("onnx", reason='needs the extra "onnx"')
    runtime = pytest.importorskip("onnxruntime")
    X = random_steps(n_objects=12)
    X[1] = 0
    y = np.arange(12) % (2 + (n_masks == 0))
    model = amplified(clone(model).set_params(n_masks=n_masks, max_epochs=1).fit(X, y))
    export_onnx(model, tmp_path / "model.onnx")
    session = runtime.InferenceSession(
        str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"]
    )
    longer = random_steps(n_objects=5, n_steps=40, seed=1)
    for batch in (X, X[:1], X[1:2], longer, np.ascontiguousarray(X[:, :1])):
        (found,) = session.run(None, {"X": batch})
        np.testing.assert_allclose(found, model.predict_proba(batch), rtol=0, atol=1e-5)
    assert model.predict_proba(X).std(axis=0).min() > 1e-3


def test_onnx_knows_the_columns_of_a_table_and_the_sequencer(transients, tmp_path):
    onnx = pytest.importorskip("onnx", reason='needs the extra "onnx"')
    runtime = pytest.importorskip("onnxruntime")
    X = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)
    model = TransformerTransientClassifier(**SMALL).fit(X, np.arange(20) % 2)
    export_onnx(amplified(model), tmp_path / "table.onnx")
    session = runtime.InferenceSession(
        str(tmp_path / "table.onnx"), providers=["CPUExecutionProvider"]
    )
    (found,) = session.run(None, {"X": X})
    np.testing.assert_allclose(found, model.predict_proba(X), rtol=0, atol=1e-5)
    pipeline = make_transformer_pipeline(**SMALL).fit(*transients)
    export_onnx(pipeline, tmp_path / "pipeline.onnx")
    notes = {e.key: e.value for e in onnx.load(tmp_path / "pipeline.onnx").metadata_props}
    assert LightCurveSequencer(**json.loads(notes["sequencer"])).duration == 300
    assert json.loads(notes["features"]) == ["time", "flux", "flux_err", "mask_g", "mask_r"]


def test_a_model_file_holds_it(transients, tmp_path):
    pytest.importorskip("skops", reason='needs the extra "share"')
    X, y = transients
    for model in (make_transformer_pipeline(**SMALL), make_lstm_pipeline(cell="gru", max_epochs=1)):
        model.fit(X, y)
        save_model(model, tmp_path / "model.tde")
        loaded = load_model(tmp_path / "model.tde")
        np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
