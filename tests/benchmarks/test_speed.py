import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from sklearn_tde import (
    LightCurveGridder,
    LSTMTransientClassifier,
    check_light_curves,
    flatten_light_curves,
    make_transients,
)

TINY = [
    *("--data", "simulated", "--n-tde", "10", "--n-sn-ia", "15", "--epochs", "1"),
    *("--repeats", "1", "--threads", "1", "--calls", "2", "--objects", "30"),
]
# Of each block, the beginning of every row.
ROWS = {
    "gridding": [
        "LightCurveGridder(), 5 objects",
        "LightCurveGridder.reference(), 5 objects",
        "LightCurveGridder(), 20 objects",
        "LightCurveGridder.reference(), 20 objects",
        "LightCurveGridder(), 30 objects",
        "LightCurveGridder.reference(), 30 objects",
    ],
    "features": [
        "LightCurveFeatures(), 25 objects",
        "the groups without fits, 25 objects",
        "LightCurveGridder(), 25 objects",
        "pack_light_curves, 25 objects",
        "features against LightCurveGridder()",
        "features against pack_light_curves",
    ],
    "epoch": ["one epoch, 20 objects", "its loop over the batches alone"],
    "predict": ["predict_proba, 25 objects"],
    "alert": ["median", "95th percentile", "of it: pack_light_curves"],
    "trajectory": [
        "20 ages of 30 objects, shared",
        "20 ages of 30 objects, recomputed",
        "20 ages of 30 objects, recomputed over shared",
        "20 ages of 30 objects, largest difference",
        "every observation of 30 objects, shared",
    ],
    "import": ["python -c pass", "import sklearn_tde", "sklearn-tde --help"],
    "machine": [
        "classifier.predict_proba, all of it",
        "its recurrent layers",
        "products of",
        "product of 2048 x 2048",
        "recurrent layers against products of the same shapes",
        "recurrent layers against large product",
        "steps computed that are padding",
        "LightCurveGridder(), 30 objects",
        "copy of its result into new memory",
        "copy of its result into used memory",
        "gridding against the copy",
    ],
    "memory": ["default pipeline, 20 objects", "reference, 20 objects"],
    "scaling": ["1,000 objects", "10,000 objects", "exponent of the time, 1,000 to 10,000"],
    "cross-validation": ["cross_validation_report", "average precision, out of fold"],
}


@pytest.fixture(scope="module")
def speed():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent))
        module = importlib.import_module("speed")
        patch.setattr("_speed.timing.SHORTEST", 1e-3)
        n_threads = torch.get_num_threads()
        yield module
        torch.set_num_threads(n_threads)


@pytest.fixture(scope="module")
def recipe(speed):
    return importlib.import_module("_speed.reference_recipe")


def ready_arrays(recipe, X):
    flat = flatten_light_curves(X, bands=("g", "r"))
    band = np.array(["g", "r"])[flat.band]
    return recipe.split_objects(flat.time, band, flat.flux, flat.flux_err, flat.offsets)


def assert_rows_are_printed(text, blocks):
    lines = [line.strip() for line in text.splitlines()]
    for block in blocks:
        for row in ROWS[block]:
            assert any(line.startswith(row) for line in lines), row


def test_the_reference_loop_makes_the_grid_of_the_reference_gridder(recipe):
    X, _ = make_transients(n_tde=15, n_sn_ia=30, random_state=0)
    of_the_package = LightCurveGridder.reference().fit_transform(X)
    np.testing.assert_allclose(
        recipe.grid(ready_arrays(recipe, X)), of_the_package, rtol=1e-6, atol=1e-6
    )


def test_the_reference_loop_treats_edges_as_the_reference_gridder(recipe):
    one_band = {"g": {"t": [3.0, 9.0, 40.0], "y": [70.0, 90.0, 30.0], "e": [5.0, 6.0, 4.0]}}
    # Before the first detection, negative, at day 0 and at the end of the grid, and after it.
    long = {
        "g": {"t": [0.0, 20.0, 320.0], "y": [-8.0, 60.0, 50.0], "e": [5.0, 5.0, 5.0]},
        "r": {"t": [1.0, 30.0, 400.0], "y": [9.0, 80.0, 40.0], "e": [4.0, 5.0, 6.0]},
    }
    X = check_light_curves([one_band, long])
    grid = recipe.grid(ready_arrays(recipe, X))
    assert grid[0, :, 6].sum() == 0 < grid[0, :, 5].sum()
    assert grid[1, :, 5:].all()
    np.testing.assert_allclose(
        grid, LightCurveGridder.reference().fit_transform(X), rtol=1e-6, atol=1e-6
    )


def test_the_reference_network_is_that_of_the_reference_classifier(recipe):
    rng = np.random.default_rng(0)
    steps = rng.normal(size=(8, 20, 7)).astype(np.float32)
    # Observed to the last step: the backward layers of both then read the same steps.
    steps[:, :, 5:] = 1.0
    classifier = LSTMTransientClassifier.reference(max_epochs=1, random_state=0)
    classifier.fit(steps, np.tile([0, 1], 4))
    network = recipe.ReferenceNetwork()
    network.load_state_dict(as_fused(classifier.net_.module_.state_dict()))
    np.testing.assert_allclose(
        recipe.predict_proba(network, steps), classifier.predict_proba(steps)[:, 1], atol=1e-6
    )


def as_fused(weights):
    """Name the weights of the package's network as those of fused bidirectional layers."""
    fused = {}
    for name, value in weights.items():
        room, _, rest = name.partition(".")
        if room in ("projection", "head"):
            fused[name] = value
        elif room in ("forward_layers", "backward_layers"):
            layer, weight = rest.split(".")
            suffix = "_reverse" if room == "backward_layers" else ""
            fused[f"lstm.{weight.removesuffix('0')}{layer}{suffix}"] = value
    return fused


def test_an_epoch_of_the_reference_reads_every_object_once_and_learns(recipe):
    rng = np.random.default_rng(0)
    y = np.tile([0, 0, 1], 50)
    X = rng.normal(size=(150, 12, 7)).astype(np.float32)
    training = recipe.ReferenceTraining(X, y)
    assert training.loss.pos_weight == 2
    read = []
    training.network.register_forward_pre_hook(lambda module, inputs: read.append(inputs[0]))
    before = training.network.head[3].weight.clone()
    training.epoch()
    assert [len(batch) for batch in read] == [128, 22]
    found = torch.cat(read).flatten(1).numpy()
    assert {row.tobytes() for row in found} == {row.tobytes() for row in X.reshape(150, -1)}
    assert not torch.equal(training.network.head[3].weight, before)


def test_the_quick_blocks_print_every_row_and_can_be_printed_again(speed, tmp_path, capsys):
    pytest.importorskip("skops")
    blocks = ["gridding", "features", "epoch", "predict", "alert", "trajectory", "machine"]
    speed.main([*blocks, *TINY, "--output", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "25 simulated" in printed
    assert_rows_are_printed(printed, blocks)
    speed.main(["--stored", "--output", str(tmp_path)])
    again = capsys.readouterr().out
    tables = printed[printed.index("\nGridding") :]
    assert set(tables.splitlines()) <= set(again.splitlines())
    stored = json.loads((tmp_path / "epoch.json").read_text())
    row, times = stored["rows"][0], stored["raw"]["one epoch, 20 objects, CPU, 1 thread, s"]
    assert row["ratio"] == times["reference"][0] / times["package"][0]


def test_ratios_are_those_of_the_turns(speed):
    report = speed.Report("block", "Title")
    timings = ([2.0, 6.0, 30.0], [1.0, 2.0, 3.0])
    report.compare("a", "CPU", *timings, shown=("objects/s", lambda value: 12 / value), target="2")
    row = report.rows[0]
    assert (row["ratio"], row["min"], row["max"]) == (3.0, 2.0, 10.0)
    assert (row["reference"], row["package"]) == (2.0, 6.0)


def test_turns_alternate(speed):
    timing = importlib.import_module("_speed.timing")
    calls = []

    def spend(name):
        calls.append(name)
        sum(range(100_000))

    functions = {"a": lambda: spend("a"), "b": lambda: spend("b")}
    samples = timing.take_turns(functions, 3, 1)
    # Warm-ups may call twice.
    in_turns = [name for k, name in enumerate(calls) if not k or calls[k - 1] != name]
    assert in_turns == ["a", "b"] * 4
    assert len(samples["a"].cpu) == len(samples["b"].wall) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forgets an earlier peak")
def test_peak_memory_is_that_of_the_block(speed):
    timing = importlib.import_module("_speed.timing")
    with timing.PeakMemory() as memory:
        np.ones(2**23)
    assert memory.megabytes >= 60


def test_an_unknown_block_is_refused(speed, capsys):
    with pytest.raises(SystemExit):
        speed.main(["gridding", "griding"])
    assert "there is no block 'griding'" in capsys.readouterr().err


@pytest.mark.slow
def test_every_block_prints_every_row(speed, tmp_path, capsys):
    pytest.importorskip("skops")
    blocks = ["import", "memory", "scaling", "cross-validation"]
    options = ["--threads", "2", "--largest", "1e4", "--output", str(tmp_path)]
    speed.main([*blocks, *TINY, *options])
    assert_rows_are_printed(capsys.readouterr().out, blocks)
    stored = json.loads((tmp_path / "scaling.json").read_text())["raw"]
    small, large = (stored[f"{n} objects, memory of the input, MB"][0] for n in ("1,000", "10,000"))
    assert large > small
