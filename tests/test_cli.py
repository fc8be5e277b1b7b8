import hashlib
import io
import os
import subprocess
import sys
from time import perf_counter

import joblib
import numpy as np
import pandas as pd
import pytest

import sklearn_tde
from sklearn_tde import _cli_commands, _cli_parser, make_transients
from sklearn_tde.cli import main

COMMANDS = ("simulate", "cross-validate", "fit", "predict")
HEAVY = {"torch", "skorch", "sklearn", "imblearn", "nested_pandas", "pandas", "numpy", "matplotlib"}
QUICK = ("--epochs", "1", "--threshold", "none", "--n-jobs", "1")


@pytest.fixture(scope="module")
def tables():
    """Observations and objects of a small simulated sample."""
    X, y = make_transients(n_tde=6, n_sn_ia=10, n_agn=2, random_state=0)
    observations = sklearn_tde.unpack_light_curves(X)[
        ["object_id", "time", "band", "flux", "flux_err"]
    ]
    return observations, pd.DataFrame({"object_id": X.index, "label": y})


@pytest.fixture
def files(tables, tmp_path, monkeypatch):
    """The same as obs.csv and obj.csv in the working folder, without the AGN."""
    monkeypatch.chdir(tmp_path)
    observations, objects = tables
    objects = objects[objects["label"] != "AGN"]
    observations[observations["object_id"].isin(objects["object_id"])].to_csv(
        "obs.csv", index=False
    )
    objects.to_csv("obj.csv", index=False)
    return tmp_path


@pytest.fixture(scope="module")
def model(tables, tmp_path_factory):
    """File of a model trained for one epoch."""
    folder = tmp_path_factory.mktemp("model")
    observations, objects = tables
    observations.merge(objects).to_csv(folder / "labelled.csv", index=False)
    path = str(folder / "model.joblib")
    assert main(["fit", str(folder / "labelled.csv"), "--output", path, *QUICK]) == 0
    return path


def change(name, function):
    """Rewrite a table of the working folder."""
    table = pd.read_csv(name)
    function(table).to_csv(name, index=False)


def run_python(code):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(capsys, arguments):
    """The one line with which arguments are refused."""
    assert main([str(argument) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("sklearn-tde: error: ")
    assert captured.err.count("\n") == 1
    return captured.err


# Help


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_examples(command, capsys):
    assert main([command, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"\nexamples:\n  sklearn-tde {command} " in text


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_of_the_help_are_understood(command, capsys):
    main([command, "--help"])
    examples = capsys.readouterr().out.partition("\nexamples:\n")[2].replace("\\\n", " ")
    lines = [line.partition("|")[0] for line in examples.splitlines() if "sklearn-tde" in line]
    assert lines
    for line in lines:
        words = pd.read_csv(io.StringIO(line), sep=r"\s+", header=None, dtype=str).iloc[0].tolist()
        assert _cli_parser.make_parser().parse_args(words[1:]).command == command


def test_help_loads_nothing_heavy_and_is_quick():
    code = (
        "import sys; from time import perf_counter; start = perf_counter()\n"
        "from sklearn_tde.cli import main\n"
        "for command in ([], ['simulate'], ['cross-validate'], ['fit'], ['predict']):\n"
        "    assert main([*command, '--help']) == 0\n"
        "print('loaded:', perf_counter() - start, *sys.modules)"
    )
    # The faster of two, because other processes slow a single one down.
    runs = [run_python(code).rpartition("loaded:")[2].split() for _ in range(2)]
    assert not HEAVY & set(runs[0])
    assert min(float(run[0]) for run in runs) < 0.5


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"sklearn-tde {sklearn_tde.__version__}\n"


# Good input


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
def test_simulated_sample_is_read_back(tmp_path, monkeypatch, capsys, suffix):
    monkeypatch.chdir(tmp_path)
    tables = [f"obs{suffix}", f"obj{suffix}"]
    counts = ["--n-tde", "2", "--n-sn-ia", "3", "--n-agn", "1", "--random-state", "4"]
    assert main(["simulate", *tables, *counts]) == 0
    assert "6 objects in obj" in capsys.readouterr().out
    X, y = sklearn_tde.load_light_curves(*tables)
    expected, labels = make_transients(n_tde=2, n_sn_ia=3, n_agn=1, random_state=4)
    assert list(X.index) == list(expected.index)
    assert list(y) == list(labels)
    pd.testing.assert_frame_equal(
        X["light_curve"].iloc[0], expected["light_curve"].iloc[0], check_dtype=False
    )
    np.testing.assert_allclose(X["redshift"].to_numpy(float), expected["redshift"])


def test_cross_validation_prints_and_writes_what_it_found(files, capsys):
    arguments = ["obs.csv", "--objects", "obj.csv", "--output", "out", "--folds", "2", *QUICK]
    assert main(["cross-validate", *arguments]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "balanced accuracy" in captured.out
    assert captured.out.startswith((files / "out" / "report.txt").read_text())
    figures = ["calibration", "confusion_matrix", "light_curve", "precision_recall"]
    figures = {f"{name}.png" for name in [*figures, "training_history"]}
    written = {"report.txt", "scores.csv", "folds.csv", "predictions.csv"} | figures
    assert {path.name for path in (files / "out").iterdir()} == written
    for name in figures:
        assert (files / "out" / name).read_bytes().startswith(b"\x89PNG")
    predictions = pd.read_csv("out/predictions.csv")
    assert sorted(predictions["object_id"]) == sorted(pd.read_csv("obj.csv")["object_id"])
    assert predictions["probability"].between(0, 1).all()


def test_cross_validation_without_output_writes_nothing(files, capsys):
    arguments = ["obs.csv", "--objects", "obj.csv", "--folds", "2", *QUICK]
    before = set(files.iterdir())
    assert main(["cross-validate", *arguments]) == 0
    assert set(files.iterdir()) == before
    first = capsys.readouterr().out
    assert main(["cross-validate", *arguments]) == 0
    assert capsys.readouterr().out == first


def test_cross_validation_without_input_runs_the_embedded_sample(capsys, monkeypatch):
    def smaller(**kwargs):
        assert kwargs == {"bands": ["g", "r"], "random_state": 0}
        return make_transients(n_tde=6, n_sn_ia=8, random_state=0)

    monkeypatch.setattr(_cli_commands, "make_transients", smaller)
    assert main(["cross-validate", "--folds", "2", *QUICK]) == 0
    assert "6 of 14 objects" in capsys.readouterr().out


def test_three_classes_become_two_unless_kept_apart(tables, files, capsys):
    observations, objects = tables
    observations.to_csv("obs.csv", index=False)
    objects.to_csv("obj.csv", index=False)
    command = ["cross-validate", "obs.csv", "--objects", "obj.csv", "--folds", "2"]
    assert main([*command, *QUICK]) == 0
    assert "TDE against other, 6 of 18" in capsys.readouterr().out
    assert main([*command, *QUICK, "--multiclass"]) == 0
    assert "TDE against the others (AGN, SN Ia), 6 of 18" in capsys.readouterr().out
    assert main([*command, *QUICK, "--classes", "TDE, SN Ia"]) == 0
    assert "TDE against SN Ia, 6 of 16" in capsys.readouterr().out
    assert main([*command, *QUICK, "--positive-class", "SN Ia"]) == 0
    assert "SN Ia against other, 10 of 18" in capsys.readouterr().out


@pytest.mark.parametrize("suffix", ["pdf", "svg"])
def test_figures_come_in_other_formats(files, suffix):
    arguments = ["obs.csv", "--objects", "obj.csv", "--output", "out", "--folds", "2", *QUICK]
    assert main(["cross-validate", *arguments, "--plot-format", suffix]) == 0
    assert len(list((files / "out").glob(f"*.{suffix}"))) == 5


def test_figures_can_be_left_out(files, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    arguments = ["obs.csv", "--objects", "obj.csv", "--output", "out", "--folds", "2", *QUICK]
    assert main(["cross-validate", *arguments, "--no-plots"]) == 0
    assert len(list((files / "out").iterdir())) == 4


@pytest.mark.parametrize("threshold", ["0.7", "tune"])
def test_fit_keeps_the_threshold(files, capsys, threshold):
    arguments = ["--objects", "obj.csv", "--output", "m.joblib", "--epochs", "1", "--n-jobs", "1"]
    arguments += ["--threshold", threshold, "--threshold-folds", "2"]
    assert main(["fit", "obs.csv", *arguments]) == 0
    model = joblib.load("m.joblib")
    used = model.best_threshold_ if threshold == "tune" else 0.7
    assert f"threshold {used:.3f} on P(TDE)" in capsys.readouterr().out
    X, _ = sklearn_tde.load_light_curves("obs.csv", "obj.csv")
    called = model.predict_proba(X)[:, list(model.classes_).index("TDE")] >= used
    assert ((model.predict(X) == "TDE") == called).all()


def test_a_model_to_share_ranks_as_the_one_for_joblib(files, capsys):
    pytest.importorskip("skops")
    tuned = ["--threshold", "tune", "--threshold-folds", "2", "--epochs", "1", "--n-jobs", "1"]
    for name in ("m.joblib", "m.tde"):
        assert main(["fit", "obs.csv", "--objects", "obj.csv", "--output", name, *tuned]) == 0
    digest = hashlib.sha256((files / "m.tde").read_bytes()).hexdigest()
    assert f"; SHA-256 {digest}\n" in capsys.readouterr().out
    model = sklearn_tde.load_model("m.tde", sha256=digest)
    assert model.best_threshold_ == joblib.load("m.joblib").best_threshold_
    for name in ("m.joblib", "m.tde"):
        assert main(["predict", name, "obs.csv", "--output", f"{name}.csv"]) == 0
    assert (files / "m.tde.csv").read_bytes() == (files / "m.joblib.csv").read_bytes()


def test_reference_recipe(files):
    arguments = ["--objects", "obj.csv", "--output", "m.joblib", *QUICK, "--reference"]
    assert main(["fit", "obs.csv", *arguments]) == 0
    gridder, classifier = joblib.load("m.joblib")
    assert (gridder.mask, gridder.n_steps, gridder.start) == ("coverage", 300, "first")
    assert (classifier.hidden_dim, classifier.steps, classifier.max_epochs) == (64, "all", 1)


@pytest.fixture
def quick_trees(monkeypatch):
    """Features and recommended models of few trees, otherwise what they are."""
    few = {"classifier__n_estimators": 5, "features__groups": ("history", "shape")}
    make_features = _cli_commands.make_feature_pipeline
    make_recommended = _cli_commands.make_tde_classifier

    def features(**params):
        return make_features(**params).set_params(**few)

    def recommended(**params):
        few_here = {f"features__{name}": value for name, value in few.items()}
        return make_recommended(**params | {"simulations": False}).set_params(**few_here)

    monkeypatch.setattr(_cli_commands, "make_feature_pipeline", features)
    monkeypatch.setattr(_cli_commands, "make_tde_classifier", recommended)


def test_the_model_is_a_choice(quick_trees, files):
    arguments = ["fit", "obs.csv", "--objects", "obj.csv", "--output", "m.joblib", "--bands", "r,g"]
    arguments += ["--threshold", "none", "--n-jobs", "1"]
    for kind, step in (("features", "features"), ("transformer", "sequencer")):
        epochs = [] if kind == "features" else ["--epochs", "1"]
        assert main([*arguments, "--model", kind, *epochs]) == 0
        model = joblib.load("m.joblib")
        assert model[step].bands == ("r", "g")
        assert model[-1].random_state == 0
    X, _ = sklearn_tde.load_light_curves("obs.csv", "obj.csv")
    assert model.predict_proba(X).shape == (len(X), 2)


def test_the_recommended_model_tunes_its_own_threshold(quick_trees, tables, files, capsys):
    tables[0].to_csv("obs.csv", index=False)
    tables[1].to_csv("obj.csv", index=False)
    folds = ["--threshold-folds", "2", "--epochs", "1", "--n-jobs", "1"]
    arguments = ["obs.csv", "--objects", "obj.csv", "--model", "recommended", *folds]
    assert main(["fit", *arguments, "--output", "m.joblib"]) == 0
    model = joblib.load("m.joblib")
    assert model.classes_.tolist() == ["AGN", "SN Ia", "TDE"]
    assert (model.cv, model.pos_label_, model.threshold_scoring) == (2, "TDE", "balanced_accuracy")
    assert f"2 AGN, 10 SN Ia, 6 TDE, threshold {model.threshold_:.3f} on P(TDE)" in (
        capsys.readouterr().out
    )
    assert main(["predict", "m.joblib", "obs.csv", "--output", "ranked.csv"]) == 0
    table = pd.read_csv("ranked.csv").set_index("object_id")
    X, _ = sklearn_tde.load_light_curves("obs.csv", "obj.csv")
    assert table.loc[X.index, "prediction"].tolist() == model.predict(X).tolist()
    assert "note" not in capsys.readouterr().err
    assert main(["fit", *arguments, "--output", "m.joblib", "--threshold", "0.7"]) == 0
    fixed = joblib.load("m.joblib")
    assert (fixed.threshold, fixed.estimator_.threshold_) == (0.7, None)
    assert "note: AGN, SN Ia are learned as one class, 'other'; --multiclass" in (
        capsys.readouterr().err
    )


def test_the_recommended_model_ranks_by_the_class_of_its_threshold(
    quick_trees, tables, files, capsys
):
    tables[0].to_csv("obs.csv", index=False)
    tables[1].to_csv("obj.csv", index=False)
    arguments = ["obs.csv", "--objects", "obj.csv", "--model", "recommended", "--epochs", "1"]
    arguments += ["--output", "m.joblib", "--n-jobs", "1"]
    message = refused(capsys, ["fit", *arguments, "--threshold-folds", "3"])
    assert "'AGN' has 2 objects in y, fewer than the 3 folds of --threshold-folds 3" in message
    assert "--no-multiclass" in message
    arguments += ["--threshold-folds", "3", "--no-multiclass", "--positive-class", "SN Ia"]
    assert main(["fit", *arguments]) == 0
    assert "note" not in capsys.readouterr().err
    assert main(["predict", "m.joblib", "obs.csv", "--output", "ranked.csv"]) == 0
    assert "predicted SN Ia" in capsys.readouterr().out
    assert set(pd.read_csv("ranked.csv")["prediction"]) <= {"SN Ia", "other"}


def test_other_models_are_cross_validated_with_the_figures_they_have(quick_trees, files, capsys):
    arguments = ["cross-validate", "obs.csv", "--objects", "obj.csv", "--folds", "2"]
    arguments += ["--threshold-folds", "2", "--n-jobs", "1", "--output", "out"]
    assert main([*arguments, "--model", "features"]) == 0
    assert capsys.readouterr().out.startswith("feature pipeline: TDE against SN Ia, 6 of 16")
    assert len(list((files / "out").glob("*.png"))) == 4
    assert not (files / "out" / "training_history.png").exists()
    assert main([*arguments, "--model", "recommended", "--epochs", "1", "--no-plots"]) == 0
    assert "threshold: the estimator's own" in capsys.readouterr().out


def test_bands_are_an_argument(files):
    change("obs.csv", lambda t: t[t["band"] == "g"])
    arguments = ["--objects", "obj.csv", "--output", "m.joblib", *QUICK, "--bands", "g"]
    assert main(["fit", "obs.csv", *arguments]) == 0
    model = joblib.load("m.joblib")
    assert model[-1].n_masks == 1
    assert model[-1].n_features_in_ == 4


def test_ranked_table(model, files):
    arguments = ["obs.csv", "--objects", "obj.csv"]
    assert main(["predict", model, *arguments, "--output", "ranked.csv"]) == 0
    table = pd.read_csv("ranked.csv")
    assert list(table) == [
        "rank",
        "object_id",
        "probability",
        "prediction",
        "n_observations",
        "first_time",
        "last_time",
    ]
    assert table["rank"].tolist() == list(range(1, 17))
    assert table["probability"].is_monotonic_decreasing
    X, _ = sklearn_tde.load_light_curves("obs.csv", "obj.csv")
    estimator = joblib.load(model)
    column = list(estimator.classes_).index("TDE")
    expected = pd.Series(estimator.predict_proba(X)[:, column], X.index)
    np.testing.assert_allclose(table["probability"], expected[table["object_id"]], atol=1e-6)
    times = pd.read_csv("obs.csv").groupby("object_id")["time"].agg(["size", "min", "max"])
    np.testing.assert_allclose(
        table[["n_observations", "first_time", "last_time"]], times.loc[table["object_id"]]
    )


def test_ties_stay_in_the_order_of_the_input(model, files):
    one = pd.read_csv("obs.csv").query("object_id == object_id.iloc[0]")
    names = ["c", "a", "d", "b"]
    pd.concat([one.assign(object_id=name) for name in names]).to_csv("same.csv", index=False)
    assert main(["predict", model, "same.csv", "--output", "ranked.parquet"]) == 0
    assert pd.read_parquet("ranked.parquet")["object_id"].tolist() == names


def test_ranked_table_goes_to_the_standard_output(model, files, capsys):
    assert main(["predict", model, "obs.csv"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert len(pd.read_csv(io.StringIO(captured.out))) == 16


def test_predict_takes_one_observation_one_band_and_none(model, files):
    one = pd.read_csv("obs.csv").iloc[:1].assign(object_id="one")
    one.to_csv("few.csv", index=False)
    pd.DataFrame({"object_id": ["none", "one"]}).to_csv("names.csv", index=False)
    arguments = ["few.csv", "--objects", "names.csv", "--output", "r.csv"]
    assert main(["predict", model, *arguments]) == 0
    table = pd.read_csv("r.csv").set_index("object_id")
    assert table["n_observations"].to_dict() == {"none": 0, "one": 1}
    assert np.isnan(table.loc["none", "first_time"])
    assert table["probability"].between(0, 1).all()


def test_unsorted_observations_and_further_columns_change_nothing(model, files, capsys):
    assert main(["predict", model, "obs.csv", "--objects", "obj.csv"]) == 0
    expected = capsys.readouterr().out
    change("obs.csv", lambda t: t.sample(frac=1, random_state=0).assign(x=lambda t: range(len(t))))
    assert main(["predict", model, "obs.csv", "--objects", "obj.csv"]) == 0
    assert capsys.readouterr().out == expected


def test_columns_magnitudes_signs_and_bands_by_argument(model, files, capsys):
    assert main(["predict", model, "obs.csv"]) == 0
    expected = pd.read_csv(io.StringIO(capsys.readouterr().out))
    table = pd.read_csv("obs.csv")
    pd.DataFrame(
        {
            "oid": table["object_id"],
            "mjd": table["time"],
            "fid": table["band"].map({"g": 1, "r": 2}),
            "magpsf": 23.9 - 2.5 * np.log10(table["flux"]),
            "sigmapsf": 2.5 / np.log(10) * table["flux_err"] / table["flux"],
            "isdiffpos": "t",
        }
    ).to_csv("alerts.csv", index=False)
    columns = ["--object-id", "oid", "--time", "mjd", "--band", "fid", "--band-name", "1=g"]
    columns += ["--band-name", "2=r", "--mag", "magpsf", "--mag-err", "sigmapsf"]
    assert main(["predict", model, "alerts.csv", *columns, "--sign", "isdiffpos"]) == 0
    found = pd.read_csv(io.StringIO(capsys.readouterr().out))
    assert found["oid"].tolist() == expected["object_id"].tolist()
    np.testing.assert_allclose(found["probability"], expected["probability"], atol=1e-5)


def test_zero_point_and_limits_by_argument(model, files, capsys):
    table = pd.read_csv("obs.csv")
    table.loc[table["object_id"].duplicated(keep="last"), "maglim"] = 20.0
    table.loc[3, ["flux", "flux_err"]] = np.nan
    table.loc[3, "maglim"] = 23.9 - 2.5 * np.log10(50.0)
    table.to_csv("limits.csv", index=False)
    assert main(["predict", model, "limits.csv", "--limiting-mag", "maglim"]) == 0
    found = capsys.readouterr().out
    table.loc[3, ["flux", "flux_err"]] = [0.0, 10.0]
    table[["flux", "flux_err"]] *= 1000.0
    table.to_csv("nanojansky.csv", index=False)
    assert main(["predict", model, "nanojansky.csv", "--zero-point", "31.4"]) == 0
    found, expected = (
        pd.read_csv(io.StringIO(text)).set_index("object_id")["probability"].sort_index()
        for text in (found, capsys.readouterr().out)
    )
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_duplicates_and_missing_labels_can_be_dropped(files, capsys):
    change("obs.csv", lambda t: pd.concat([t, t.iloc[:3]]))
    change("obj.csv", lambda t: t.assign(label=t["label"].where(t.index > 0)))
    arguments = ["--objects", "obj.csv", "--output", "m.joblib", *QUICK]
    dropped = ["--duplicates", "drop", "--missing-labels", "drop"]
    assert main(["fit", "obs.csv", *arguments, *dropped]) == 0
    n_kept = int(pd.read_csv("obj.csv")["label"].notna().sum())
    counts = [int(w) for w in capsys.readouterr().out.replace(",", "").split() if w.isdigit()]
    assert sum(counts) == n_kept == 15


# Bad input

FIT = ("fit", "obs.csv", "--objects", "obj.csv", "--output", "m.joblib", *QUICK)
VALIDATE = ("cross-validate", "obs.csv", "--objects", "obj.csv", "--folds", "2", *QUICK)
PREDICT = ("predict", "MODEL", "obs.csv")


def set_value(column, value):
    def changed(table):
        table[column] = table[column].astype(object)
        table.loc[1, column] = value
        return table

    return changed


BAD_OBSERVATIONS = {
    "missing column": (lambda t: t.drop(columns="flux"), "column 'flux' is missing"),
    "NaN flux": (set_value("flux", np.nan), "flux is missing (NaN)"),
    "infinite flux": (set_value("flux", np.inf), "flux is inf"),
    "words": (set_value("flux", "bright"), "flux"),
    "zero error": (set_value("flux_err", 0.0), "flux_err is 0.0"),
    "negative error": (set_value("flux_err", -1.0), "flux_err is -1.0"),
    "missing time": (set_value("time", np.nan), "time is nan"),
    "missing band": (set_value("band", np.nan), "band is missing"),
    "unknown band": (set_value("band", "x"), "band is 'x' at observation 1 (time "),
    "missing name": (set_value("object_id", np.nan), "object_id is missing in row 1"),
    "duplicate times": (lambda t: pd.concat([t, t.iloc[:1]]), "occurs more than once in band"),
    "no rows": (lambda t: t.iloc[:0], "no rows"),
}


@pytest.mark.parametrize("command", [FIT, VALIDATE, PREDICT], ids=lambda c: c[0])
@pytest.mark.parametrize("case", BAD_OBSERVATIONS)
def test_bad_observations_are_refused(case, command, model, files, capsys):
    function, message = BAD_OBSERVATIONS[case]
    change("obs.csv", function)
    arguments = [model if word == "MODEL" else word for word in command]
    assert message in refused(capsys, arguments)
    assert not (files / "m.joblib").exists()


BAD_OBJECTS = {
    "duplicate ids": (lambda t: pd.concat([t, t.iloc[:1]]), "is listed more than once"),
    "no names": (lambda t: t.drop(columns="object_id"), "column 'object_id' is missing"),
    "unlisted": (lambda t: t.iloc[1:], "has observations but no row in the table of objects"),
    "no labels": (lambda t: t.drop(columns="label"), "--label: there is no column 'label'"),
    "some labels missing": (set_value("label", np.nan), "'label' is missing for 1 of 16 objects"),
    "one class": (lambda t: t.assign(label="TDE"), "expected at least two classes"),
    "no TDE": (lambda t: t.assign(label="AGN"), "--positive-class: no object is 'TDE'"),
}


@pytest.mark.parametrize("command", [FIT, VALIDATE], ids=lambda c: c[0])
@pytest.mark.parametrize("case", BAD_OBJECTS)
def test_bad_objects_are_refused(case, command, files, capsys):
    function, message = BAD_OBJECTS[case]
    change("obj.csv", function)
    assert message in refused(capsys, command)


@pytest.mark.parametrize(
    ("table", "function", "advice"),
    [
        ("obs.csv", lambda t: pd.concat([t, t.iloc[:1]]), "(--duplicates drop)"),
        ("obj.csv", set_value("label", np.nan), "Use --missing-labels drop to leave them out."),
        ("obj.csv", lambda t: t.iloc[:-1], "(--unlisted drop)"),
        ("obs.csv", lambda t: t.drop(columns="flux"), "given by option, see --help"),
        ("obs.csv", set_value("band", "x"), "one of 'g', 'r' (name bands with --band-name, and"),
    ],
    ids=["duplicates", "missing labels", "unlisted", "columns", "bands"],
)
def test_advice_is_given_in_the_words_of_the_command_line(table, function, advice, files, capsys):
    change(table, function)
    assert advice in refused(capsys, FIT)


@pytest.mark.parametrize("command", [FIT, PREDICT], ids=lambda c: c[0])
@pytest.mark.parametrize(
    ("table", "function", "message"),
    [
        ("obs.csv", lambda t: t.drop(columns="time"), "'obs.csv': column 'time' is missing"),
        ("obs.csv", set_value("flux", np.nan), "flux is missing (NaN) in row 1 of 'obs.csv';"),
        ("obs.csv", set_value("time", np.inf), "time is inf in row 1 of 'obs.csv';"),
        ("obj.csv", lambda t: t.drop(columns="object_id"), "'obj.csv': column 'object_id' is"),
    ],
    ids=["column", "value", "time", "objects"],
)
def test_a_bad_table_is_named_by_its_file(table, function, message, command, model, files, capsys):
    change(table, function)
    arguments = [model if word == "MODEL" else word for word in command]
    if command is PREDICT:
        arguments += ["--objects", "obj.csv"]
    assert message in refused(capsys, arguments)


def test_objects_that_are_not_listed_can_be_left_out(files, capsys):
    change("obj.csv", lambda t: t.iloc[:-1])
    assert main([*FIT, "--unlisted", "drop"]) == 0


def test_a_missing_file_is_named_before_anything_heavy_is_imported():
    code = (
        "import sys\nfrom sklearn_tde.cli import main\n"
        "assert main(['predict', 'no.joblib', 'no.csv']) == 2\n"
        "assert not {'torch', 'pandas', 'sklearn'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "sklearn-tde: error: MODEL: there is no file 'no.joblib'.\n"


def test_labels_missing_in_a_single_table_are_refused(files, capsys):
    message = refused(capsys, ["fit", "obs.csv", "--output", "m.joblib"])
    assert "column 'label' is missing" in message


@pytest.mark.parametrize("command", [FIT, VALIDATE, PREDICT], ids=lambda c: c[0])
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("no.csv", None, "there is no file 'no.csv'"),
        ("obs.txt", b"object_id\n", "'obs.txt' has no known ending"),
        ("empty.csv", b"", "'empty.csv' cannot be read as CSV"),
        ("binary.csv", bytes(range(256)), "'binary.csv' cannot be read as CSV"),
        ("words.parquet", b"object_id,time\n", "'words.parquet' cannot be read as Parquet"),
    ],
)
def test_unreadable_file_is_refused(name, content, message, command, model, files, capsys):
    if content is not None:
        (files / name).write_bytes(content)
    words = {"MODEL": model, "obs.csv": name}
    assert message in refused(capsys, [words.get(word, word) for word in command])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no file"),
        (b"no pickle", "cannot be loaded"),
        ({"weights": 1}, "holds a dict, not a fitted classifier"),
    ],
)
def test_file_that_is_no_model_is_refused(content, message, files, capsys):
    if isinstance(content, bytes):
        (files / "bad.joblib").write_bytes(content)
    elif content is not None:
        joblib.dump(content, "bad.joblib")
    assert message in refused(capsys, ["predict", "bad.joblib", "obs.csv"])


def test_model_of_another_version_is_announced(model, files, capsys, monkeypatch):
    monkeypatch.setattr("sklearn_tde.neural_network._base.__version__", "9.9")
    assert main(["predict", model, "obs.csv", "--output", "r.csv"]) == 0
    error = capsys.readouterr().err
    assert error.startswith("sklearn-tde: warning: ")
    assert f"of version {sklearn_tde.__version__}, and 9.9 is installed" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "arguments are required: COMMAND (see sklearn-tde --help)"),
        (["classify"], "invalid choice: 'classify'"),
        (["predict", "m.joblib"], "OBSERVATIONS (see sklearn-tde predict --help)"),
        (["fit", "obs.csv"], "required: --output"),
        ([*FIT, "--epochs", "0"], "--epochs: expected an integer of at least 1; got 0"),
        ([*FIT, "--epochs", "many"], "--epochs: expected an integer of at least 1; got many"),
        ([*FIT, "--model", "forest"], "argument --model: invalid choice: 'forest'"),
        ([*FIT, "--model", "features", "--epochs", "3"], "--epochs: trees have none"),
        ([*FIT, "--model", "features", "--reference"], "--reference is an LSTM"),
        ([*FIT, "--threshold", "1.5"], "--threshold: expected tune, none or a number"),
        ([*FIT, "--band-name", "1"], "--band-name: expected VALUE=NAME"),
        ([*FIT, "--band-name", "1=g"], "expected one of '1'"),
        ([*FIT, "--bands", ","], "--bands: expected names"),
        ([*FIT, "--mag", "mag"], "mag='mag' needs mag_err"),
        ([*FIT, "--label", "type"], "label: there is no column 'type'"),
        ([*FIT, "--classes", "TDE,SN IIx"], "--classes: no object is 'SN IIx'"),
        ([*FIT, "--classes", "SN Ia"], "--classes leaves out the positive class 'TDE'"),
        ([*FIT, "--classes", "TDE"], "all 6 objects are 'TDE'"),
        ([*FIT, "--output", "."], "cannot write '.': it is a folder"),
        ([*FIT, "--output", "no/m.joblib"], "cannot write 'no/m.joblib': No such file"),
        ([*FIT, "--threshold", "tune", "--threshold-folds", "7"], "class 'TDE' has 6 objects"),
        ([*FIT, "--threshold", "tune", "--n-jobs", "0"], "--n-jobs: expected a number"),
        ([*VALIDATE, "--folds", "1"], "--folds: expected an integer of at least 2; got 1"),
        ([*VALIDATE, "--folds", "7"], "class 'TDE' has 6 objects in y, fewer than the 7 folds"),
        ([*VALIDATE, "--output", "obs.csv"], "--output: cannot write into 'obs.csv'"),
        (["cross-validate", "--objects", "obj.csv"], "--objects needs OBSERVATIONS"),
        (["predict", "MODEL", "obs.csv", "--output", "r.txt"], "'r.txt' has no known ending"),
        (["predict", "MODEL", "obs.csv", "--positive-class", "CV"], "the model has no class 'CV'"),
        (["simulate", "obs.dat", "obj.csv"], "OBSERVATIONS: 'obs.dat' has no known ending"),
        (["simulate", "no/obs.csv", "obj.csv"], "cannot write 'no/obs.csv'"),
        (["simulate", "a.csv", "b.csv", "--n-tde", "0", "--n-sn-ia", "0"], ""),
        (["simulate", "a.csv", "b.csv", "--bands", "q"], ""),
    ],
)
def test_bad_arguments_are_refused(arguments, message, model, files, capsys):
    assert message in refused(capsys, [model if word == "MODEL" else word for word in arguments])


def test_threshold_of_three_classes_is_refused(tables, files, capsys):
    observations, objects = tables
    observations.to_csv("obs.csv", index=False)
    objects.to_csv("obj.csv", index=False)
    arguments = [*VALIDATE, "--multiclass", "--threshold", "tune"]
    assert "--threshold needs two classes" in refused(capsys, arguments)


def test_missing_matplotlib_names_the_extra_before_anything_is_trained(files, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    message = refused(capsys, [*VALIDATE, "--output", "out"])
    assert "sklearn-tde[plot]" in message
    assert "--no-plots" in message
    assert not (files / "out").exists()


def test_a_file_that_claims_to_be_safe_is_not_unpickled(files, capsys):
    pytest.importorskip("skops")

    class Harmful:
        def __reduce__(self):
            return os.system, ("touch canary",)

    joblib.dump(Harmful(), "m.tde")
    message = refused(capsys, ["predict", "m.tde", "obs.csv"])
    assert "MODEL: 'm.tde' cannot be loaded: it is not a model file" in message
    assert not (files / "canary").exists()
    (files / "m.tde").rename(files / "m.joblib")
    refused(capsys, ["predict", "m.joblib", "obs.csv"])
    assert (files / "canary").exists()


def test_a_model_file_under_another_name_is_loaded_as_what_it_is(files, capsys):
    pytest.importorskip("skops")
    assert main([*FIT, "--output", "m.tde"]) == 0
    (files / "m.tde").rename(files / "m.renamed")
    assert main(["predict", "m.renamed", "obs.csv", "--output", "renamed.csv"]) == 0
    assert (files / "renamed.csv").is_file()


def test_the_ending_of_a_model_says_what_it_is(files, capsys, monkeypatch):
    (files / "m.skops").write_bytes(b"")
    for arguments in ([*FIT, "--output", "m.skops"], ["predict", "m.skops", "obs.csv"]):
        assert "ends in .tde, one for joblib in .joblib" in refused(capsys, arguments)
    monkeypatch.setitem(sys.modules, "skops", None)
    message = refused(capsys, [*FIT, "--output", "m.tde"])
    assert 'm.tde needs skops: pip install "sklearn-tde[share]"' in message


def test_help_tells_which_models_to_trust(capsys):
    for command in ("fit", "predict"):
        main([command, "--help"])
        text = " ".join(capsys.readouterr().out.split())
        assert ".tde" in text
        assert "joblib file, which can execute any code when it is loaded" in text


def test_refused_input_leaves_an_existing_model_alone(files, capsys):
    (files / "m.joblib").write_bytes(b"mine")
    change("obs.csv", set_value("flux_err", 0.0))
    refused(capsys, FIT)
    assert (files / "m.joblib").read_bytes() == b"mine"


# Everything else that can happen


def test_internal_error_is_one_line_and_a_traceback_on_request(capsys, monkeypatch):
    def broken(arguments):
        raise RuntimeError("a bug\nof two lines")

    monkeypatch.setattr(_cli_commands, "simulate", broken)
    assert main(["simulate", "a.csv", "b.csv"]) == 1
    expected = "sklearn-tde: internal error: RuntimeError: a bug of two lines"
    assert capsys.readouterr().err == f"{expected}; --debug shows where\n"
    assert main(["simulate", "a.csv", "b.csv", "--debug"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("Traceback")
    assert error.endswith(f"{expected}\n")


def test_debug_shows_the_traceback_of_bad_input_too(files, capsys):
    assert main(["fit", "no.csv", "--output", "m.joblib", "--debug"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("Traceback")
    assert error.splitlines()[-1].startswith("sklearn-tde: error: ")


def test_interruption(capsys, monkeypatch):
    def interrupted(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(_cli_commands, "simulate", interrupted)
    assert main(["simulate", "a.csv", "b.csv"]) == 130
    assert capsys.readouterr().err == "sklearn-tde: interrupted\n"


def test_a_reader_that_stops_reading_is_no_error(model, files):
    process = subprocess.Popen(
        [sys.executable, "-m", "sklearn_tde.cli", "predict", model, "obs.csv"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=files,
    )
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=120) == 0
    assert error == b""


@pytest.mark.slow
def test_the_main_job_takes_less_than_two_minutes(tmp_path, capsys):
    start = perf_counter()
    assert main(["cross-validate", "--output", str(tmp_path)]) == 0
    assert perf_counter() - start < 120
    assert len(list(tmp_path.glob("*.png"))) == 5


@pytest.mark.parametrize(
    "command",
    [
        "predict m.joblib o.csv --output ./o.csv",
        "predict m.joblib o.csv --objects j.csv --output j.csv",
        "predict m.joblib o.csv --output m.joblib",
        "fit o.csv --objects j.csv --output o.csv",
        "simulate o.csv ./o.csv",
    ],
)
def test_no_command_overwrites_what_it_reads(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("m.joblib", "o.csv", "j.csv"):
        (tmp_path / name).write_text("precious")
    assert main(command.split()) == 2
    assert "is the same file as" in capsys.readouterr().err
    assert {path.read_text() for path in tmp_path.iterdir()} == {"precious"}
