"""A skops file as text: what its nodes have to be, whatever they are nodes of."""

from __future__ import annotations

import json
from typing import Any

from sklearn_tde.persistence._container import ModelFileError

_NAME = {"__class__", "__module__", "__loader__"}


def name_of(node: dict[str, Any]) -> str:
    """Return the full name of the type of a node."""
    return f"{node['__module__']}.{node['__class__']}"


def malformed(path: str, text: str) -> ModelFileError:
    """Return the error for a node that skops does not write."""
    return ModelFileError(f"its content is not what save_model writes: {path or 'schema'}: {text}")


def check_keys(node: dict[str, Any], expected: set[str], path: str) -> None:
    """Refuse a node that has other keys than its name and those expected."""
    if set(node) != _NAME | expected:
        raise malformed(path, f"{node.get('__loader__')!r} has the keys {sorted(node)}")


def of_type(value: Any, kind: type, path: str) -> Any:
    """Return a value of exactly one type."""
    if type(value) is not kind:
        raise malformed(path, f"{type(value).__name__} in the place of {kind.__name__}")
    return value


def scalar(node: dict[str, Any], path: str) -> Any:
    """Return the text, number, boolean or None of a node."""
    value = json.loads(of_type(node["content"], str, path))
    if not isinstance(value, str | int | float | bool | None):
        raise malformed(path, f"{type(value).__name__} in the place of a plain value")
    return value


def items_of_list(node: dict[str, Any], path: str) -> list[dict[str, Any]]:
    """Return the nodes in a list."""
    if (node["__loader__"], name_of(node)) != ("ListNode", "builtins.list"):
        raise malformed(path, f"{name_of(node)} in the place of a list")
    check_keys(node, {"content"}, path)
    return of_type(node["content"], list, path)


def is_none_or_empty(node: dict[str, Any]) -> bool:
    """Tell whether a node is None, an empty list or an empty tuple."""
    if node["__loader__"] == "JsonNode":
        return node["content"] == "null"
    return node["__loader__"] in ("ListNode", "TupleNode") and not node["content"]
