import importlib
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, balanced_accuracy_score, f1_score

from sklearn_tde import flatten_light_curves, make_transients


@pytest.fixture
def load(monkeypatch):
    """Import a module of the benchmark as the script does."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    yield importlib.import_module
    for name in [name for name in sys.modules if name == "proof" or name.startswith("_proof")]:
        del sys.modules[name]


@pytest.fixture
def predictions():
    rng = np.random.default_rng(0)
    y = np.repeat(["TDE", "SN Ia", "AGN"], [20, 60, 20])
    probability = np.clip(rng.normal(np.where(y == "TDE", 0.6, 0.3), 0.15), 0.01, 0.99)
    return pd.DataFrame(
        {
            "repeat": 0,
            "position": np.arange(100),
            "object_id": [f"object {k}" for k in range(100)],
            "fold": np.arange(100) % 5,
            "y": y,
            "probability": probability,
            "prediction": np.where(probability > 0.5, "TDE", "AGN"),
            "balanced": np.where(probability > 0.4, "TDE", "other"),
            "fit_time": 1.0,
        }
    )


def test_each_score_of_the_proof_is_taken_at_its_own_threshold(load, predictions):
    tables = load("_proof.tables")
    scores = tables._scores({"model": predictions}).loc["model"]
    is_tde = predictions["y"] == "TDE"
    for metric, found in [
        ("f1", f1_score(is_tde, predictions["prediction"] == "TDE")),
        ("balanced_accuracy", balanced_accuracy_score(is_tde, predictions["balanced"] == "TDE")),
        ("average_precision", average_precision_score(is_tde, predictions["probability"])),
    ]:
        assert scores[metric].startswith(f"{found:.3f} (")


def test_the_proof_pairs_models_on_the_repeats_that_both_have(load, predictions):
    tables = load("_proof.tables")
    again = predictions.assign(repeat=1, probability=0.5 + predictions["probability"] / 3)
    models = {"forest": predictions, "ours": pd.concat([predictions, again])}
    difference = tables._differences(models, "forest").loc["ours"]
    assert difference["repeats"] == 1
    assert difference["average_precision"] == "+0.000 (+0.000 to +0.000)"


@pytest.mark.parametrize("task", ["ia", "all"])
def test_the_baseline_of_the_proof_has_34_features(load, task):
    X, _ = make_transients(n_tde=3, n_sn_ia=3, random_state=0)
    assert load("_proof.models").forest(task)[0].fit_transform(X).shape == (6, 34)


def test_the_controls_of_the_proof_see_nothing_but_what_they_are_named_after(load):
    models = load("_proof.models")
    X, _ = make_transients(n_tde=4, n_sn_ia=4, random_state=0)
    fluxes = X["light_curve.flux"].to_numpy()
    brighter = X.copy()
    brighter["light_curve.flux"] = fluxes * np.linspace(1.0, 1.2, len(fluxes))
    np.testing.assert_array_equal(models._errors(X), models._errors(brighter))
    later = X.copy()
    later["light_curve.time"] = X["light_curve.time"].to_numpy() + 100.0
    np.testing.assert_array_equal(models._errors(X), models._errors(later))
    np.testing.assert_allclose(models._first_date(later), models._first_date(X) + 100.0)


def test_thinning_spares_the_tdes_and_the_split_by_date_has_both_classes(load):
    tasks = load("_proof.tasks")
    X, y = make_transients(n_tde=6, n_sn_ia=20, random_state=0)
    thin = tasks.thinned(X, y, share=0.3, seed=0)
    before, after = (flatten_light_curves(frame).n_observations for frame in (X, thin))
    assert (after[y == "TDE"] == before[y == "TDE"]).all()
    assert 0.6 < after[y != "TDE"].sum() / before[y != "TDE"].sum() < 0.8
    [(train, test)] = tasks.before_and_after(X, y)
    assert len(train) + len(test) == len(y)
    assert set(y[train]) == set(y[test]) == {"TDE", "SN Ia"}


@pytest.mark.slow
def test_the_recommended_classifier_beats_the_forest_on_real_light_curves(
    load, ztf_data_folder, monkeypatch
):
    monkeypatch.setenv("SKLEARN_TDE_DATA", str(ztf_data_folder))
    proof = load("proof")
    found = {name: proof.run_repeat("ia", name, 0, None) for name in ("recommended", "forest")}
    scores = {
        name: average_precision_score(table["y"] == "TDE", table["probability"])
        for name, table in found.items()
    }
    # 0.995 and 0.965.
    assert scores["recommended"] > 0.97
    assert scores["recommended"] > scores["forest"]
