import json
import sys

import numpy as np
import pytest
import torch
from imblearn.pipeline import Pipeline as ImblearnPipeline
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_tde import (
    LightCurveGridder,
    LightCurveOverSampler,
    LSTMTransientClassifier,
    export_onnx,
    make_lstm_pipeline,
    make_transients,
)

pytest.importorskip("onnx", reason='needs the extra "onnx"')
runtime = pytest.importorskip("onnxruntime")

TOLERANCE = 1e-5


def session(path):
    return runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def probabilities(path, X):
    (found,) = session(path).run(["probabilities"], {"X": X.astype(np.float32)})
    return found


def sequences(n_objects, n_steps, n_masks, seed=0):
    """Objects from none to all of whose steps are observed, some of them in one band only."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_objects, n_steps, 5)).astype(np.float32)
    if n_masks:
        share = np.linspace(0, 1, n_objects)[:, None, None]
        X[:, :, -n_masks:] = rng.random((n_objects, n_steps, n_masks)) < share
        X[1, :, -n_masks:] = 0
        X[1, n_steps // 2, -1] = 1
        X[2, :, -n_masks:] = 0
        X[2, -1, -n_masks] = 1
    return X


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("steps", ["observed", "all"])
@pytest.mark.parametrize("n_masks", [2, 0])
def test_it_gives_the_probabilities_of_the_classifier(
    n_classes, bidirectional, num_layers, steps, n_masks, tmp_path
):
    X = sequences(24, 9, n_masks)
    model = LSTMTransientClassifier(
        hidden_dim=5,
        num_layers=num_layers,
        bidirectional=bidirectional,
        steps=steps,
        n_masks=n_masks,
        max_epochs=1,
        random_state=0,
    ).fit(X, np.arange(24) % n_classes)
    # After an epoch or two every object has much the same probability.
    with torch.no_grad():
        for values in model.net_.module_.parameters():
            values.mul_(4)
        model.net_.module_.head[-1].bias.zero_()
    export_onnx(model, tmp_path / "model.onnx")
    run = session(tmp_path / "model.onnx")
    longer = sequences(7, 40, n_masks, seed=1)
    for batch in (X, X[:1], X[1:2], X[2:3], X[-1:], X[::-1], X[3:8], longer, X[:, :1]):
        (found,) = run.run(None, {"X": np.ascontiguousarray(batch)})
        expected = model.predict_proba(batch)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)
    assert model.predict_proba(X).std(axis=0).min() > 0.01


def test_observed_steps_are_found_in_the_graph(tmp_path):
    X = sequences(24, 9, 2)
    model = LSTMTransientClassifier(
        hidden_dim=5, lr=0.05, max_epochs=2, n_masks=2, random_state=0
    ).fit(X, np.arange(24) % 2)
    export_onnx(model, tmp_path / "model.onnx")
    hidden = X.copy()
    hidden[:, :, :-2][~(X[:, :, -2:] > 0).any(axis=2)] = 100.0
    np.testing.assert_array_equal(
        probabilities(tmp_path / "model.onnx", hidden), probabilities(tmp_path / "model.onnx", X)
    )


def test_tables_are_sequences_of_one_channel(tmp_path):
    X = np.random.default_rng(0).normal(size=(30, 6))
    model = LSTMTransientClassifier(hidden_dim=5, max_epochs=2, random_state=0)
    model.fit(X, np.arange(30) % 2)
    export_onnx(model, tmp_path / "model.onnx")
    for rows in (slice(None), slice(1)):
        np.testing.assert_allclose(
            probabilities(tmp_path / "model.onnx", X[rows]),
            model.predict_proba(X[rows]),
            rtol=0,
            atol=TOLERANCE,
        )


@pytest.fixture(scope="module")
def transients():
    return make_transients(n_tde=6, n_sn_ia=9, n_agn=5, bands=("g", "r"), random_state=0)


def small(**params):
    return make_lstm_pipeline(
        gridder=LightCurveGridder(n_steps=12, duration=120.0),
        **{"hidden_dim": 4, "max_epochs": 1, "random_state": 0} | params,
    )


@pytest.fixture(scope="module")
def fitted(transients):
    return small().fit(*transients)


def test_a_pipeline_is_exported_without_its_gridder_and_says_how_to_grid(
    transients, fitted, tmp_path
):
    X, _ = transients
    export_onnx(fitted, str(tmp_path / "model.onnx"))
    run = session(tmp_path / "model.onnx")
    notes = {
        name: json.loads(value) for name, value in run.get_modelmeta().custom_metadata_map.items()
    }
    assert notes["classes"] == ["AGN", "SN Ia", "TDE"]
    assert notes["features"] == fitted[0].get_feature_names_out().tolist()
    assert notes["n_masks"] == 2
    assert notes["steps"] == "observed"
    # From the metadata alone:
    gridder = LightCurveGridder(**notes["gridder"])
    (found,) = run.run(None, {"X": gridder.fit_transform(X)})
    np.testing.assert_allclose(found, fitted.predict_proba(X), rtol=0, atol=TOLERANCE)


def test_the_shapes_are_named(fitted, tmp_path):
    export_onnx(fitted, tmp_path / "model.onnx")
    run = session(tmp_path / "model.onnx")
    (taken,), (given,) = run.get_inputs(), run.get_outputs()
    assert (taken.name, taken.shape) == ("X", ["n_objects", "n_steps", fitted[-1].n_features_in_])
    assert (given.name, given.shape) == ("probabilities", ["n_objects", 3])


def test_a_sampler_is_no_part_of_prediction(transients, tmp_path):
    X, y = transients
    model = ImblearnPipeline([("sampler", LightCurveOverSampler(random_state=0)), *small().steps])
    model.fit(X, y)
    export_onnx(model, tmp_path / "model.onnx")
    found = probabilities(tmp_path / "model.onnx", model["gridder"].transform(X))
    np.testing.assert_allclose(found, model.predict_proba(X), rtol=0, atol=TOLERANCE)


def test_parameters_that_are_changed_after_training_do_not_count(transients, tmp_path):
    X, y = transients
    model = small().fit(X, y).set_params(classifier__steps="all", classifier__n_masks=0)
    export_onnx(model, tmp_path / "model.onnx")
    found = probabilities(tmp_path / "model.onnx", model[0].transform(X))
    np.testing.assert_allclose(found, model.predict_proba(X), rtol=0, atol=TOLERANCE)


def test_what_cannot_be_exported_is_told(transients, fitted, tmp_path):
    path = tmp_path / "model.onnx"
    table = np.random.default_rng(0).normal(size=(20, 4))
    scaled = make_pipeline(StandardScaler(), LSTMTransientClassifier(hidden_dim=3, max_epochs=1))
    scaled.fit(table, np.arange(20) % 2)
    threshold = FixedThresholdClassifier(fitted, threshold=0.3)
    for model, message in (
        (threshold, "model is a FixedThresholdClassifier; expected an LSTMTransientClassifier"),
        (Pipeline(fitted.steps[:1]), "last step of the pipeline is a LightCurveGridder"),
        (scaled, "the step 'standardscaler' of the pipeline is a StandardScaler"),
    ):
        with pytest.raises(TypeError, match=message):
            export_onnx(model, path)
    with pytest.raises(NotFittedError):
        export_onnx(small(), path)
    assert not path.exists()
    export_onnx(scaled[-1], path)


def test_a_missing_extra_is_named(fitted, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.delitem(sys.modules, "sklearn_tde.neural_network._onnx", raising=False)
    with pytest.raises(ImportError, match=r'pip install "sklearn-tde\[onnx\]"'):
        export_onnx(fitted, tmp_path / "model.onnx")
