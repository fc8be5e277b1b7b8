"""Files of any size are scored in chunks, and nothing that was scored is lost or scored again."""

import hashlib
import io
import os
import signal
import sys
import time
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV

from sklearn_tde import (
    LightCurveGridder,
    _cli_observations,
    _cli_partial,
    _cli_predict,
    make_lstm_pipeline,
    make_transients,
    pack_light_curves,
    unpack_light_curves,
)
from sklearn_tde.calibration import PriorAdjustedClassifier
from sklearn_tde.cli import main

N_OBJECTS = 30


def make_model(X, y, threshold=None):
    pipeline = make_lstm_pipeline(
        gridder=LightCurveGridder(n_steps=12),
        hidden_dim=4,
        num_layers=1,
        max_epochs=1,
        random_state=0,
    )
    if threshold == "tune":
        return TunedThresholdClassifierCV(pipeline, cv=2, random_state=0).fit(X, y)
    if threshold is not None:
        return FixedThresholdClassifier(pipeline, threshold=threshold, pos_label="TDE").fit(X, y)
    return pipeline.fit(X, y)


@pytest.fixture(scope="module")
def sample():
    return make_transients(n_tde=8, n_sn_ia=12, random_state=0)


@pytest.fixture(scope="module")
def observations(sample):
    """Thirty objects, of which eleven have the same light curve and so the same probability."""
    table = unpack_light_curves(sample[0])[["object_id", "time", "band", "flux", "flux_err"]]
    one = table[table["object_id"] == table["object_id"].iloc[0]]
    copies = [one.assign(object_id=f"copy{k}") for k in (3, 9, 1, 7, 5, 8, 2, 6, 4, 0)]
    return pd.concat([*copies[:4], table, *copies[4:]], ignore_index=True)


@pytest.fixture(scope="module")
def model_path(sample, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("model") / "model.joblib")
    joblib.dump(make_model(*sample, threshold=0.5), path)
    return path


@pytest.fixture
def small_reads(monkeypatch):
    """Read few rows at a time, so that a small file has many batches and temporary files."""
    monkeypatch.setattr(_cli_observations, "_BATCH", 37)
    monkeypatch.setattr(_cli_observations, "_MAX_ROWS", 150)


@pytest.fixture
def run(model_path, observations, tmp_path, monkeypatch, capsys):
    """Run predict in a folder that holds obs.parquet; return status, output and messages."""
    monkeypatch.chdir(tmp_path)
    observations.to_parquet("obs.parquet", index=False, row_group_size=100)

    def predict(*arguments, table="obs.parquet", output="ranked.csv", model=model_path):
        output = () if output is None else ("--output", output)
        status = main(["predict", model, table, *output, *arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return predict


@pytest.fixture
def scored(monkeypatch):
    """The names of the objects that the model was asked for, chunk by chunk."""
    names = []
    make_table = _cli_predict._table

    def spy(model, chunk, column):
        names.append(list(chunk.X.index))
        return make_table(model, chunk, column)

    monkeypatch.setattr(_cli_predict, "_table", spy)
    return names


def ranking(model_path, observations, objects=None):
    """What the command has to write, by other means: as a whole, in memory, with a plain sort."""
    X = pack_light_curves(observations, objects=objects, object_columns=())
    model = joblib.load(model_path)
    observations = observations.dropna(subset=["time"])
    times = observations.groupby("object_id")["time"].agg(["size", "min", "max"]).reindex(X.index)
    table = pd.DataFrame(
        {
            "object_id": X.index,
            "probability": model.predict_proba(X)[:, list(model.classes_).index("TDE")],
            "prediction": model.predict(X),
            "n_observations": times["size"].fillna(0).astype(int).to_numpy(),
            "first_time": times["min"].to_numpy(),
            "last_time": times["max"].to_numpy(),
        }
    )
    table = table.sort_values("probability", ascending=False, kind="stable")
    table.insert(0, "rank", range(1, len(table) + 1))
    return table.to_csv(index=False)


def stop_after(monkeypatch, n_chunks, error):
    """Fail when a number of chunks is done; return how to go on."""
    make_table, count = _cli_predict._table, iter(range(1000))

    def failing(*arguments):
        if next(count) == n_chunks:
            raise error
        return make_table(*arguments)

    monkeypatch.setattr(_cli_predict, "_table", failing)
    return lambda: monkeypatch.setattr(_cli_predict, "_table", make_table)


# The same table, however it is read


@pytest.mark.parametrize("size", ["5", "1000"])
@pytest.mark.parametrize(
    "order", ["sorted by object", "sorted by time", "one object in two places"]
)
def test_chunks_give_the_same_table(order, size, run, model_path, observations, small_reads):
    if order == "sorted by time":
        observations = observations.sort_values("time", kind="stable")
    elif order == "one object in two places":
        observations = pd.concat([observations.iloc[2:], observations.iloc[:2]])
    observations.to_parquet("obs.parquet", index=False, row_group_size=100)
    status, text, error = run("--chunk-size", size)
    assert (status, error) == (0, "")
    assert text.startswith("ranked.csv: 30 objects, ")
    assert Path("ranked.csv").read_text() == ranking(model_path, observations)
    assert sorted(os.listdir()) == ["obs.parquet", "ranked.csv"]


@pytest.mark.parametrize("shuffled", [False, True])
def test_the_table_of_objects_chooses_and_orders(
    shuffled, run, scored, model_path, observations, small_reads
):
    names = [*observations["object_id"].unique()[:0:-1], "none", "nobody"]
    objects = pd.DataFrame({"object_id": names, "redshift": 0.1})
    objects.to_csv("obj.csv", index=False)
    if shuffled:
        observations = observations.sample(frac=1, random_state=0)
        observations.to_parquet("obs.parquet", index=False)
    arguments = ("--objects", "obj.csv", "--chunk-size", "4")
    status, _, error = run(*arguments)
    assert (status, "(--unlisted drop)" in error) == (2, True)
    scored.clear()
    assert run(*arguments, "--unlisted", "drop", "--restart")[0] == 0
    listed = observations[observations["object_id"].isin(names)]
    expected = ranking(model_path, listed, objects.set_index("object_id"))
    assert Path("ranked.csv").read_text() == expected
    assert sorted(sum(scored, [])) == sorted(names)
    assert max(map(len, scored)) <= 4


def test_names_of_another_type_than_in_the_table_of_objects_are_refused(run, observations):
    pd.DataFrame({"object_id": [1, 2]}).to_parquet("obj.parquet")
    for unlisted in ("raise", "drop"):
        status, _, error = run("--objects", "obj.parquet", "--unlisted", unlisted)
        assert status == 2
        assert "names of the objects are strings in the observations and numbers" in error


def test_objects_are_scored_in_chunks_of_the_size_asked_for(run, scored, observations):
    assert run("--chunk-size", "8")[0] == 0
    assert [len(names) for names in scored] == [8, 8, 8, 6]
    assert sum(scored, []) == observations["object_id"].unique().tolist()


def test_an_object_of_many_rows_is_a_chunk_by_itself(run, scored, observations, small_reads):
    rows = np.arange(500)
    long = pd.DataFrame({"object_id": "long", "time": rows * 0.5, "band": "g", "flux": 1.0})
    pd.concat([observations, long.assign(flux_err=1.0)]).to_parquet("obs.parquet")
    assert run()[0] == 0
    assert scored[-1] == ["long"]
    assert sum(scored, []) == [*observations["object_id"].unique(), "long"]


@pytest.mark.parametrize("kind", ["integers", "categories", "in the index"])
def test_names_of_every_kind(kind, run, model_path, observations, small_reads):
    expected = observations
    if kind == "integers":
        numbers = pd.factorize(observations["object_id"])[0] + 2**60
        observations = expected = observations.assign(object_id=numbers)
    elif kind == "categories":
        observations = observations.astype({"object_id": "category", "band": "category"})
    else:
        observations = observations.set_index("object_id")
    observations.to_parquet("obs.parquet", row_group_size=90)
    assert run("--chunk-size", "7")[0] == 0
    assert Path("ranked.csv").read_text() == ranking(model_path, expected)


def test_other_columns_are_not_read(run, model_path, observations):
    alerts = observations.rename(columns={"object_id": "oid", "time": "mjd", "flux": "f"})
    alerts["field"] = np.arange(len(alerts))
    alerts.to_parquet("obs.parquet")
    columns = ("--object-id", "oid", "--time", "mjd", "--flux", "f", "--chunk-size", "9")
    assert run(*columns)[0] == 0
    expected = ranking(model_path, observations).replace("object_id", "oid")
    assert Path("ranked.csv").read_text() == expected


def test_csv_is_scored_in_chunks_too(run, scored, observations):
    assert run("--chunk-size", "8")[0] == 0
    scored.clear()
    observations.to_csv("obs.csv", index=False)
    assert run("--chunk-size", "8", table="obs.csv", output="from_csv.csv")[0] == 0
    assert [len(names) for names in scored] == [8, 8, 8, 6]
    found, expected = pd.read_csv("from_csv.csv"), pd.read_csv("ranked.csv")
    pd.testing.assert_frame_equal(found, expected)


def test_every_format_of_output(run, model_path, observations):
    expected = ranking(model_path, observations)
    assert run("--chunk-size", "7", output=None) == (0, expected, "")
    for name in ("r.parquet", "r.csv.gz", "r.csv.zip"):
        assert run("--chunk-size", "7", output=name)[0] == 0
        read = pd.read_parquet if name.endswith("parquet") else pd.read_csv
        pd.testing.assert_frame_equal(read(name), pd.read_csv(io.StringIO(expected)))
    assert zipfile.ZipFile("r.csv.zip").namelist() == ["r.csv"]


# After an interruption


@pytest.mark.parametrize("shuffled", [False, True])
def test_the_same_command_goes_on_where_it_was_interrupted(
    shuffled, run, scored, model_path, observations, monkeypatch, small_reads
):
    if shuffled:
        observations = observations.sample(frac=1, random_state=0)
        observations.to_parquet("obs.parquet", index=False)
    arguments = ("--chunk-size", "4")
    go_on = stop_after(monkeypatch, 3, KeyboardInterrupt())
    status, text, error = run(*arguments)
    before = sum(scored, [])
    assert (status, text) == (130, "")
    assert error == (
        f"sklearn-tde: interrupted after {len(before)} objects; the same command goes on from "
        "there\n"
    )
    # Temporary files are gone, what is done is not, and nobody takes it for the table.
    assert sorted(os.listdir()) == ["obs.parquet", "ranked.csv.part"]
    assert len(os.listdir("ranked.csv.part")) == 3 + len(["run.json", "lock"])
    go_on()
    status, _, error = run(*arguments)
    assert status == 0
    assert error == f"sklearn-tde: going on after {len(before)} of 30 objects\n"
    assert sorted(sum(scored, [])) == sorted(observations["object_id"].unique())
    assert Path("ranked.csv").read_text() == ranking(model_path, observations)
    assert sorted(os.listdir()) == ["obs.parquet", "ranked.csv"]


def test_objects_without_observations_are_not_scored_again(run, scored, observations, monkeypatch):
    names = [*observations["object_id"].unique(), *(f"none{k}" for k in range(9))]
    pd.DataFrame({"object_id": names}).to_csv("obj.csv", index=False)
    arguments = ("--objects", "obj.csv", "--chunk-size", "4")
    go_on = stop_after(monkeypatch, 9, KeyboardInterrupt())
    assert run(*arguments)[0] == 130
    go_on()
    assert run(*arguments)[0] == 0
    assert sorted(sum(scored, [])) == sorted(names)
    assert sorted(pd.read_csv("ranked.csv")["object_id"]) == sorted(names)


def test_a_kill_leaves_a_run_that_goes_on(
    run, scored, model_path, observations, start_python, tmp_path_factory
):
    """The real thing: a process that is given no time to say goodbye."""
    names = observations["object_id"]
    many = pd.concat([observations.assign(object_id=names + f"-{k}") for k in "abc"])
    many.to_parquet("obs.parquet", index=False, row_group_size=1000)
    command = ["predict", model_path, "obs.parquet", "--output", "ranked.csv", "--chunk-size", "2"]
    code = f"from sklearn_tde.cli import main\nos.chdir({os.getcwd()!r})\nmain({command!r})"
    process = start_python(code, tmp_path_factory.mktemp("killed"))
    third, deadline = Path("ranked.csv.part/chunk-000002.parquet"), time.monotonic() + 120
    while not third.exists() and process.is_alive() and time.monotonic() < deadline:
        time.sleep(0.001)
    process.kill()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    assert not Path("ranked.csv").exists()
    kept = [pd.read_parquet(path) for path in Path("ranked.csv.part").glob("chunk-*.parquet")]
    assert 3 <= len(kept) < 45
    done = [name for table in kept for name in table["name"]]
    status, _, error = run("--chunk-size", "2")
    assert (status, error) == (0, f"sklearn-tde: going on after {len(done)} of 90 objects\n")
    assert sorted(done + sum(scored, [])) == sorted(many["object_id"].unique())
    assert Path("ranked.csv").read_text() == ranking(model_path, many)


def test_a_chunk_that_is_torn_or_gone_is_scored_again(run, scored, monkeypatch):
    assert run("--chunk-size", "4", output="expected.csv")[0] == 0
    go_on = stop_after(monkeypatch, 5, KeyboardInterrupt())
    assert run("--chunk-size", "4")[0] == 130
    folder = Path("ranked.csv.part")
    torn = folder / "chunk-000003.parquet"
    torn.write_bytes(torn.read_bytes()[:-20])
    (folder / "chunk-000001.parquet").unlink()
    (folder / "chunk-000005.parquet.unfinished").write_bytes(b"PAR1")
    (folder / "rows-left").mkdir()
    go_on()
    scored.clear()
    status, _, error = run("--chunk-size", "4")
    assert (status, error) == (0, "sklearn-tde: going on after 12 of 30 objects\n")
    assert [len(names) for names in scored] == [4, 4, 4, 4, 2]
    assert Path("ranked.csv").read_bytes() == Path("expected.csv").read_bytes()
    assert not folder.exists()


@pytest.mark.parametrize("when", ["while it is written", "before the rest is removed"])
def test_an_interruption_at_the_very_end_loses_nothing(when, run, scored, monkeypatch):
    assert run("--chunk-size", "9", output="expected.csv")[0] == 0

    def half(table, path):
        Path(path).write_text("rank,object_id\n1,")
        raise KeyboardInterrupt

    def just_replaced(path):
        if os.path.samefile(path, "."):
            raise KeyboardInterrupt

    Path("ranked.csv").write_text("of yesterday")
    with monkeypatch.context() as patch:
        if when == "while it is written":
            patch.setattr(_cli_predict, "write_table", half)
        else:
            patch.setattr(_cli_partial, "_synchronize", just_replaced)
        assert run("--chunk-size", "9")[0] == 130
    left = Path("ranked.csv").read_text()
    assert left == "of yesterday" if when == "while it is written" else left.startswith("rank,")
    scored.clear()
    assert run("--chunk-size", "9")[0] == 0
    assert scored == []
    assert Path("ranked.csv").read_bytes() == Path("expected.csv").read_bytes()
    assert not Path("ranked.csv.part").exists()


# What is refused, and what is left behind


def test_results_of_another_run_are_not_mixed_in(
    run, scored, model_path, observations, sample, monkeypatch
):
    pd.DataFrame({"object_id": observations["object_id"].unique()}).to_csv("obj.csv", index=False)
    arguments = ["--objects", "obj.csv", "--chunk-size", "9"]
    go_on = stop_after(monkeypatch, 2, KeyboardInterrupt())
    assert run(*arguments)[0] == 130
    go_on()
    kept = sorted(Path("ranked.csv.part").iterdir())

    def refused(model=model_path):
        status, _, error = run(*arguments, model=model)
        assert (status, error.count("\n")) == (2, 1)
        assert "'ranked.csv.part' holds part of the results of another run" in error
        assert "start anew with --restart" in error
        assert sorted(Path("ranked.csv.part").iterdir()) == kept
        return error.partition("differs in ")[2].partition(";")[0]

    joblib.dump(make_model(*sample, threshold=0.6), "other.joblib")
    assert refused("other.joblib") == "MODEL"
    arguments += ["--zero-point", "25", "--positive-class", "SN Ia"]
    assert refused() == "--positive-class, --zero-point"
    del arguments[-4:]
    with open("obj.csv", "a") as file:
        file.write("another\n")
    assert refused() == "--objects"
    observations.iloc[1:].to_parquet("obs.parquet")
    assert refused() == "OBSERVATIONS, --objects"
    Path("ranked.csv.part/run.json").write_text("{")
    assert refused() == "run.json"
    scored.clear()
    assert run(*arguments, "--restart")[0] == 0
    assert len(sum(scored, [])) == len(pd.read_csv("ranked.csv")) == 31
    assert not Path("ranked.csv.part").exists()


def test_a_table_that_changes_while_it_is_read_is_refused(run, observations, monkeypatch):
    make_table = _cli_predict._table

    def spy(*arguments):
        os.utime("obs.parquet", ns=(1, 1))
        return make_table(*arguments)

    monkeypatch.setattr(_cli_predict, "_table", spy)
    status, _, error = run()
    assert (status, "was changed while it was read" in error) == (2, True)
    assert not Path("ranked.csv").exists()


def test_a_folder_of_somebody_else_is_left_alone(run):
    theirs = Path("ranked.csv.part/thesis.tex")
    theirs.parent.mkdir()
    theirs.write_text("done")
    for arguments in ((), ("--restart",)):
        status, _, error = run(*arguments)
        assert (status, "it holds 'thesis.tex'; move it away" in error) == (2, True)
    assert theirs.read_text() == "done"
    assert sorted(os.listdir("ranked.csv.part")) == ["thesis.tex"]


def test_two_processes_do_not_write_the_same_output(run):
    fcntl = pytest.importorskip("fcntl")
    Path("ranked.csv.part").mkdir()
    with open("ranked.csv.part/lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        status, _, error = run()
        assert (status, "another process is writing the same output" in error) == (2, True)
    assert run()[0] == 0


def bad_value(column, value):
    def change(table):
        table = table.copy()
        table[column] = table[column].astype(object)
        table.loc[table.index[-1], column] = value
        return table

    return change


BAD = {
    "NaN": (bad_value("flux", None), "object 'copy0': flux is missing (NaN) in row {last}"),
    "zero error": (bad_value("flux_err", 0.0), "object 'copy0': flux_err is 0.0"),
    "band": (bad_value("band", "x"), "object 'copy0': band is 'x'"),
    "twice": (lambda t: pd.concat([t, t.iloc[-1:]]), "object 'copy0': time "),
    "no name": (bad_value("object_id", None), "object_id is missing in row {last}"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_value_is_named_with_its_object_and_row_in_the_file(
    case, run, observations, small_reads
):
    change, message = BAD[case]
    change(observations).to_parquet("obs.parquet", index=False)
    status, text, error = run("--chunk-size", "4")
    assert (status, text, error.count("\n")) == (2, "", 1)
    assert message.format(last=len(observations) - 1) in error
    assert not Path("ranked.csv").exists()
    # A missing name is found before anything is scored.
    assert Path("ranked.csv.part").exists() == (case != "no name")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("no footer", "cannot be read as Parquet"),
        ("torn in the middle", "cannot be read as Parquet"),
        ("no rows", "'obs.parquet' has no rows"),
        ("no column", "column 'flux' is missing; it has the columns object_id, time, band, flux_"),
        ("lists", "column 'time' is missing"),
        ("names that are lists", "cannot be told apart"),
    ],
)
def test_unreadable_files_are_refused(content, message, run, sample, observations):
    table = pa.Table.from_pandas(observations, preserve_index=False)
    if content == "no rows":
        table = table.slice(0, 0)
    elif content == "no column":
        table = table.drop_columns("flux")
    elif content == "names that are lists":
        names = pa.array([[name] for name in observations["object_id"]])
        table = table.set_column(0, "object_id", names)
    pq.write_table(table, "obs.parquet", compression="none", use_dictionary=False)
    data = bytearray(Path("obs.parquet").read_bytes())
    if content == "no footer":
        Path("obs.parquet").write_bytes(data[:-9])
    elif content == "torn in the middle":
        # The first page's header, which says how long the page is.
        data[4:12] = b"\xff" * 8
        Path("obs.parquet").write_bytes(data)
    elif content == "lists":
        sample[0].rename_axis("object_id").reset_index().to_parquet("obs.parquet")
    status, text, error = run()
    assert (status, text, error.count("\n")) == (2, "", 1)
    assert message in error
    assert os.listdir() == ["obs.parquet"]


def test_names_of_objects_do_not_take_the_place_of_a_result(run, scored, observations):
    assert run()[0] == 0
    scored.clear()
    for name in pd.read_csv("ranked.csv").columns.drop("object_id"):
        observations.rename(columns={"object_id": name}).to_parquet("obs.parquet")
        status, _, error = run("--object-id", name)
        assert (status, f"--object-id: {name!r} is the name of a column" in error) == (2, True)
    assert scored == []


def test_there_is_nothing_to_restart_without_an_output(run, observations):
    status, _, error = run("--restart", output=None)
    assert (status, "--restart needs --output" in error) == (2, True)


def test_a_model_that_names_no_class_is_ranked_by_tdes(run, model_path, sample, observations):
    frozen = FrozenEstimator(joblib.load(model_path))
    # Its network was trained with balanced weights.
    model = PriorAdjustedClassifier(
        frozen, prior={"TDE": 0.02, "SN Ia": 0.98}, training_prior="uniform"
    ).fit(*sample)
    assert model.pos_label_ is None
    joblib.dump(model, "adjusted.joblib")
    assert run(model="adjusted.joblib")[0] == 0
    assert Path("ranked.csv").read_text() == ranking("adjusted.joblib", observations)


def test_a_model_with_another_digest_is_not_loaded(run, model_path):
    class Harmful:
        def __reduce__(self):
            return os.mkdir, ("canary",)

    joblib.dump(Harmful(), "bad.joblib")
    digest = hashlib.sha256(Path(model_path).read_bytes()).hexdigest()
    status, _, error = run("--sha256", digest, model="bad.joblib")
    assert status == 2
    assert f"expected {digest}" in error
    assert not Path("canary").exists()
    assert run("--sha256", digest.upper())[0] == 0


def test_progress_is_shown_on_a_terminal_alone(run, monkeypatch):
    assert run("--chunk-size", "9")[2] == ""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    assert run("--chunk-size", "9")[0] == 0
    shown = sys.stderr.getvalue()
    assert "0/30" in shown
    assert "object/s" in shown
