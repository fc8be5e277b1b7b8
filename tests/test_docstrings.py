"""Every public object has a docstring that numpydoc finds complete.

The checks are those of ``[tool.numpydoc_validation]`` in pyproject.toml; among them PR01 to PR03:
the parameters are documented, all of them, in the order of the signature.
"""

import importlib
import inspect
import pkgutil
import tomllib
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
from numpydoc.docscrape import ClassDoc
from numpydoc.validate import ERROR_MSGS, validate

import sklearn_tde

_PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
_ALL, *_IGNORED = tomllib.loads(_PYPROJECT.read_text(encoding="utf-8"))["tool"][
    "numpydoc_validation"
]["checks"]
# The example of a class shows its methods; that of a function, the result that it returns.
_IGNORED_IN_METHODS = {"EX01"}
# A result is a dataclass which users read and do not build: its fields are documented attributes.
_IGNORED_IN_RESULTS = {"EX01", "PR01"}


def rooms():
    """Names of the public modules, with those inside the sub-packages."""
    for module in pkgutil.walk_packages(sklearn_tde.__path__, "sklearn_tde."):
        if not any(part.startswith("_") for part in module.name.split(".")):
            yield module.name


def own_members(cls):
    """Names of the public methods and properties that are written in this package."""
    for name, member in inspect.getmembers(cls):
        function = member.fget if isinstance(member, property) else member
        module = getattr(function, "__module__", None) or ""
        is_routine = isinstance(member, property) or inspect.isroutine(member)
        if not name.startswith("_") and is_routine and module.startswith("sklearn_tde"):
            yield name


def public_objects():
    """Yield the full names and the values of what the public modules export."""
    for room in rooms():
        module = importlib.import_module(room)
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if callable(value):
                yield f"{room}.{name}", value


def docstrings():
    """Yield the full names of what needs a docstring, each with the checks left out for it."""
    for name, value in public_objects():
        yield name, _IGNORED_IN_RESULTS if is_dataclass(value) else set()
        if inspect.isclass(value):
            for member in own_members(value):
                yield f"{name}.{member}", _IGNORED_IN_METHODS


@pytest.mark.parametrize(("name", "left_out"), [pytest.param(*p, id=p[0]) for p in docstrings()])
def test_docstring(name, left_out):
    result = validate(name)
    ignored = left_out.union(_IGNORED)
    found = [f"{code}: {text}" for code, text in result["errors"] if code not in ignored]
    assert not found, "\n".join([f"{result['file']}:{result['file_line']}", *found])


@pytest.mark.parametrize("name, value", [p for p in public_objects() if is_dataclass(p[1])])
def test_fields_of_a_result_are_documented(name, value):
    entries = ClassDoc(value)["Attributes"]
    documented = {attribute.strip() for entry in entries for attribute in entry.name.split(",")}
    assert {field.name for field in fields(value) if not field.name.startswith("_")} <= documented


@pytest.mark.parametrize("room", list(rooms()))
def test_module_has_a_docstring(room):
    assert importlib.import_module(room).__doc__


def test_ignored_checks_exist():
    assert _ALL == "all"
    assert set(_IGNORED) <= set(ERROR_MSGS)
