"""The command follows the class that is named, whatever the others are called."""

import numpy as np
import pandas as pd
import pytest

from sklearn_tde import make_transients, unpack_light_curves
from sklearn_tde.cli import main

QUICK = ["--epochs", "1", "--n-jobs", "1"]


@pytest.fixture(scope="module")
def tables():
    X, y = make_transients(n_tde=8, n_sn_ia=12, random_state=0)
    observations = unpack_light_curves(X)[["object_id", "time", "band", "flux", "flux_err"]]
    return observations, X.index.to_numpy(), y == "TDE"


@pytest.fixture(scope="module")
def expected(tables, tmp_path_factory):
    return run_all(tables, "TDE", "SN Ia", tmp_path_factory.mktemp("expected"))


def run_all(tables, positive, other, folder):
    """Return the out-of-fold predictions, and the ranking of a model that was fitted."""
    observations, names, is_tde = tables
    observations.to_csv(folder / "obs.csv", index=False)
    labels = np.where(is_tde, positive, other)
    pd.DataFrame({"object_id": names, "label": labels}).to_csv(folder / "obj.csv", index=False)
    obs, obj, model = (str(folder / name) for name in ("obs.csv", "obj.csv", "model.joblib"))
    chosen = ["--positive-class", positive]
    split = [*chosen, "--folds", "2", "--threshold-folds", "2", "--no-plots", *QUICK]
    out = str(folder / "out")
    assert main(["cross-validate", obs, "--objects", obj, "--output", out, *split]) == 0
    rule = [*chosen, "--threshold", "0.5", "--output", model, *QUICK]
    assert main(["fit", obs, "--objects", obj, *rule]) == 0
    ranking = str(folder / "ranking.csv")
    assert main(["predict", model, obs, "--output", ranking, *chosen]) == 0
    text = {"dtype": {"y": str, "prediction": str}}
    return pd.read_csv(f"{out}/predictions.csv", **text), pd.read_csv(ranking, **text)


@pytest.mark.parametrize(("positive", "other"), [("TDE", "Unknown"), ("0", "1"), ("True", "False")])
def test_names_of_the_classes_change_no_number(tables, expected, tmp_path, positive, other):
    found = run_all(tables, positive, other, tmp_path)
    for table, reference in zip(found, expected, strict=True):
        back = {positive: "TDE", other: "SN Ia"}
        renamed = table.assign(
            **{name: table[name].map(back) for name in ("y", "prediction") if name in table}
        )
        pd.testing.assert_frame_equal(renamed, reference, check_exact=True)
