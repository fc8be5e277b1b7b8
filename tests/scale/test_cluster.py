"""Two worker processes: the numbers of one, every model loaded once, and a worker that dies."""

import os
import signal
import sys
import time
import uuid
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("lsdb")
distributed = pytest.importorskip("distributed")

import cloudpickle  # noqa: E402
import dask  # noqa: E402
import dask.dataframe as dd  # noqa: E402
import joblib  # noqa: E402
import lsdb  # noqa: E402
import pandas as pd  # noqa: E402
from sklearn.base import BaseEstimator, ClassifierMixin  # noqa: E402

from sklearn_tde.scale import score_catalog  # noqa: E402

SECONDS = 60.0


def wait_until(is_true, what):
    """Wait for something that other processes do."""
    end = time.monotonic() + SECONDS
    while not is_true():
        if time.monotonic() > end:
            raise TimeoutError(f"waited in vain for {what}")
        time.sleep(0.02)


class Diary(ClassifierMixin, BaseEstimator):
    """A fitted classifier that notes in files what every process does with it.

    Each process waits in its first prediction until two have begun one. With `n_free`, predictions
    wait for the file "go" as soon as so many have ended.
    """

    def __init__(self, model, folder, n_free=None):
        self.model = model
        self.folder = folder
        self.n_free = n_free

    @property
    def classes_(self):
        return self.model.classes_

    def note(self, event, name=""):
        Path(self.folder, f"{event},{os.getpid()},{name},{uuid.uuid4().hex}").touch()

    def noted(self, event):
        """Return process and name of all events of a kind."""
        notes = [path.name.split(",") for path in Path(self.folder).glob(f"{event},*")]
        return [(int(pid), name) for _, pid, name, _ in notes]

    def __setstate__(self, state):
        super().__setstate__(state)
        self.note("loaded")

    def predict_proba(self, X):
        self.note("begun", X.index[0])
        wait_until(lambda: len({pid for pid, _ in self.noted("begun")}) > 1, "the other worker")
        if self.n_free is not None and len(self.noted("ended")) >= self.n_free:
            wait_until(Path(self.folder, "go").exists, "permission to go on")
        probabilities = self.model.predict_proba(X)
        self.note("ended", X.index[0])
        return probabilities

    def predict(self, X):
        return self.model.predict(X)


@pytest.fixture(scope="module")
def client(processes):
    # The workers cannot import this file.
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    with (
        dask.config.set(
            {"distributed.worker.multiprocessing-method": processes.get_start_method()}
        ),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


@pytest.fixture(autouse=True)
def used_client(client, no_threads):
    with client.as_current(), dask.config.set(scheduler=client):
        yield


def check_complete(scores, expected):
    """Every object once, with the bits of the model in memory."""
    scores = pd.DataFrame(scores).set_index("object_id")
    assert sorted(scores.index) == sorted(expected.index)
    columns = [name for name in expected.columns if name in scores.columns]
    assert {"prob_SN Ia", "prob_TDE", "prediction"} <= set(columns)
    for name in columns:
        wanted = expected.loc[scores.index, name]
        assert scores[name].to_numpy().tolist() == wanted.to_numpy().tolist(), name


def test_hats_catalog_gets_the_numbers_of_the_model_in_memory(hats, model, expected, tmp_path):
    path = tmp_path / "model.joblib"
    joblib.dump(model, path)
    scores = score_catalog(hats, path, columns=["redshift"])
    assert isinstance(scores, lsdb.Catalog)
    check_complete(scores.compute(progress_bar=False), expected)


@pytest.mark.parametrize("kind", ["estimator", "file"])
def test_each_process_loads_the_model_once(kind, hats, model, expected, client, tmp_path):
    diary = Diary(model, str(tmp_path))
    given = diary
    if kind == "file":
        given = tmp_path / "diary.joblib"
        given.write_bytes(cloudpickle.dumps(diary))
    scores = score_catalog(hats, given)
    check_complete(scores.compute(progress_bar=False), expected)
    loaded = Counter(pid for pid, _ in diary.noted("loaded"))
    workers = client.run(os.getpid).values()
    # This process loads it to know its classes.
    assert loaded == dict.fromkeys([os.getpid(), *workers], 1)
    assert len(diary.noted("ended")) == scores.npartitions


def test_dask_collection_is_sent_the_model_once(sky, model, expected, client, tmp_path):
    diary = Diary(model, str(tmp_path))
    frame = dd.from_pandas(sky[0], npartitions=6)
    check_complete(score_catalog(frame, diary).compute().reset_index(), expected)
    loaded = Counter(pid for pid, _ in diary.noted("loaded"))
    assert loaded == dict.fromkeys([os.getpid(), *client.run(os.getpid).values()], 1)


def test_the_model_travels_apart_from_the_partitions(hats, sky, model, tmp_path):
    heavy = Diary(model, str(tmp_path))
    heavy.ballast = bytes(1_000_000)
    tasks = list(score_catalog(hats, heavy)._operation.build().graph.values())
    frame = dd.from_pandas(sky[0].head(6), npartitions=6)
    graph = score_catalog(frame, heavy).optimize().__dask_graph__()
    sizes = [len(cloudpickle.dumps(task)) for task in [*tasks, *graph.values()]]
    # To LSDB as the result of a task of its own, to Dask as one entry of the graph.
    assert sum(size > 500_000 for size in sizes) == 1


def test_nothing_is_lost_with_a_worker_that_is_killed_midway(
    hats, model, expected, client, tmp_path
):
    diary = Diary(model, str(tmp_path), n_free=4)
    scores = score_catalog(hats, diary)
    futures = client.compute(scores.to_delayed())

    def victims():
        """Processes that hold results and are at work on more, once no process goes on."""
        ended = Counter(diary.noted("ended"))
        working = {pid for pid, _ in Counter(diary.noted("begun")) - ended}
        return [pid for pid, _ in ended if pid in working] if len(working) == 2 else []

    wait_until(victims, "two workers in the middle of their work")
    victim = victims()[0]
    before = {name for pid, name in diary.noted("begun") if pid == victim}
    ended = {name for pid, name in diary.noted("ended") if pid == victim}
    assert ended < before
    assert sum(future.done() for future in futures) < len(futures)
    os.kill(victim, signal.SIGKILL)
    (tmp_path / "go").touch()
    check_complete(pd.concat(client.gather(futures)), expected)
    # All that was in the memory of the dead, finished or not, was scored by others.
    others = {name for pid, name in diary.noted("ended") if pid != victim}
    assert before <= others
    assert len(others) == scores.npartitions
