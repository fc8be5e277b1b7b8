"""What every test stands on: one thread, no window, no network, the same examples every time."""

import multiprocessing
import os
import socket
from multiprocessing import forkserver
from pathlib import Path

# Before the first import of a numerical library; worker processes inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import hypothesis
import pytest

hypothesis.settings.register_profile(
    "ci", derandomize=True, deadline=None, max_examples=50, database=None
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

_REPOSITORY = Path(__file__).resolve().parents[1]
_guard = pytest.MonkeyPatch()


def _is_local(address):
    """Whether an address is on this machine: worker processes talk through such sockets."""
    if not isinstance(address, tuple):
        return True
    host = address[0]
    return host == "localhost" or host == "::1" or host.startswith("127.")


def pytest_configure():
    connect = socket.socket.connect

    def guarded_connect(self, address):
        if not _is_local(address):
            raise RuntimeError(f"a test tried to reach the network: {address!r}")
        return connect(self, address)

    _guard.setattr(socket.socket, "connect", guarded_connect)


def pytest_unconfigure():
    _guard.undo()


@pytest.fixture(scope="session")
def ztf_data_folder():
    """Folder with the ZTF benchmark's tables, which are not part of the package."""
    folder = Path(os.environ.get("SKLEARN_TDE_DATA", _REPOSITORY.parent / "shared" / "data"))
    if not (folder / "ztf_objects.parquet").is_file():
        pytest.skip("no benchmark data: set SKLEARN_TDE_DATA to the folder of ztf_objects.parquet")
    return folder


@pytest.fixture(scope="session")
def processes():
    """Start processes that inherit nothing of this one, without each paying for all imports.

    Where there is a fork server, it imports the libraries once, and the package not at all.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    libraries = ["imblearn.pipeline", "nested_pandas", "sklearn.ensemble", "skops.io", "skorch"]
    context.set_forkserver_preload([*libraries, "torch._dynamo", "distributed", "lsdb"])
    forkserver.ensure_running()
    return context


@pytest.fixture(scope="session")
def start_python(processes):
    """Start Python code in another process, which writes to the files "out" and "err"."""

    def start(code, folder):
        redirect = f"""
import os
for number, name in ((1, "out"), (2, "err")):
    path = os.path.join({str(folder)!r}, name)
    os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
"""
        process = processes.Process(target=exec, args=(redirect + code, {"__name__": "__main__"}))
        process.start()
        return process

    return start


@pytest.fixture(scope="session")
def run_python(start_python):
    """Run Python code in another process to its end, and return what it printed."""

    def run(code, folder):
        process = start_python(code, folder)
        process.join(120)
        assert process.exitcode == 0, (folder / "err").read_text()
        return (folder / "out").read_text()

    return run
