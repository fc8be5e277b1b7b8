import ast
import importlib
import pkgutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import sklearn_tde

ROOT = Path(__file__).resolve().parents[1]
HEAVY = {"torch", "skorch", "sklearn", "imblearn", "nested_pandas", "pandas", "numpy", "matplotlib"}


def run_python(code):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_loads_no_heavy_library():
    loaded = run_python("import sys, sklearn_tde; dir(sklearn_tde); print(*sys.modules)").split()
    assert not HEAVY & set(loaded)


def test_import_takes_less_than_a_fifth_of_a_second():
    code = (
        "from time import perf_counter; start = perf_counter(); import sklearn_tde; "
        "print(perf_counter() - start)"
    )
    # The fastest of a few, because other processes slow a single one down.
    assert min(float(run_python(code)) for _ in range(3)) < 0.2


def test_help_of_the_command_loads_no_torch():
    code = (
        "import sys; sys.argv = ['sklearn-tde', '--help']\n"
        "from sklearn_tde.cli import main\n"
        "try:\n    status = main()\n"
        "except SystemExit as done:\n    status = done.code\n"
        "assert not status\n"
        "print('loaded:', *sys.modules)"
    )
    text, _, loaded = run_python(code).rpartition("loaded:")
    assert "cross-validate" in text
    assert not HEAVY & set(loaded.split())


@pytest.mark.parametrize("name", sklearn_tde.__all__)
def test_public_name_resolves(name):
    value = getattr(sklearn_tde, name)
    assert name in dir(sklearn_tde)
    if name in sklearn_tde._ROOMS:
        assert value is importlib.import_module(f"sklearn_tde.{name}")
    else:
        room = importlib.import_module(f"sklearn_tde.{sklearn_tde._ROOM_OF[name]}")
        assert value is getattr(room, name)
        assert name in room.__all__


def test_the_three_lists_of_public_names_agree():
    assert sklearn_tde.__all__ == sorted({*sklearn_tde._ROOMS, *sklearn_tde._ROOM_OF})
    tree = ast.parse(Path(sklearn_tde.__file__).read_text(encoding="utf-8"))
    (block,) = [
        node
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    seen_by_type_checkers = {alias.name: node.module for node in block.body for alias in node.names}
    assert seen_by_type_checkers == dict.fromkeys(sklearn_tde._ROOMS) | sklearn_tde._ROOM_OF


def test_every_room_is_public():
    rooms = {
        module.name
        for module in pkgutil.iter_modules(sklearn_tde.__path__)
        if not module.name.startswith("_")
    }
    assert rooms - {"cli"} == set(sklearn_tde._ROOMS)


def test_unknown_name():
    with pytest.raises(AttributeError, match="'sklearn_tde' has no attribute 'Gridder'"):
        sklearn_tde.Gridder  # noqa: B018


def test_the_version_is_the_same_everywhere():
    assert version("sklearn-tde") == sklearn_tde.__version__
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {sklearn_tde.__version__}\n" in citation


def test_marked_as_typed():
    assert (Path(sklearn_tde.__file__).parent / "py.typed").is_file()
