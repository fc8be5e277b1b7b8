"""A skops file is read as text first: nothing is imported or built before all of it is allowed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

import numpy as np

from sklearn_tde.persistence._container import ModelFileError
from sklearn_tde.persistence._trusted_types import (
    ATTRIBUTES_LEFT_OUT,
    KEY_TYPES,
    ORDERED_LABELS,
    TREE,
    TREE_ESTIMATORS,
    TRUSTED_TYPES,
)

#: Version of skops' own format that is understood here.
_PROTOCOL = 2
_NAME = {"__class__", "__module__", "__loader__"}
_BOOLEAN_KEYS = ": the keys False and True would both come back as True; use 0 and 1"
_ADVICE_ON_KEYS = {"builtins.bool": _BOOLEAN_KEYS, "numpy.bool": _BOOLEAN_KEYS}


class SchemaAudit:
    """What a skops archive would build, compared with the list of trusted types.

    Every key of every node is known here, and nodes share nothing: `__id__`, by which one node
    could stand for another, is not allowed (`canonical` removes it).

    Parameters
    ----------
    members : mapping of str to bytes
        The members of the archive.

    Attributes
    ----------
    refused : list of str
        What is not on the list: where it is, a colon, what it is.
    """

    def __init__(self, members: Mapping[str, bytes]) -> None:
        self.refused: list[str] = []
        self._members = members
        self._used = {"schema.json"}
        self._visits: dict[str, Callable[[dict[str, Any], str], None]] = {
            "DictNode": self._visit_dict,
            "DTypeNode": self._visit_dtype,
            "FunctionNode": self._visit_name,
            "JsonNode": self._visit_json,
            "ListNode": self._visit_list,
            "MaskedArrayNode": self._visit_masked_array,
            "NdArrayNode": self._visit_array,
            "ObjectNode": self._visit_object,
            "SetNode": self._visit_list,
            "SliceNode": self._visit_slice,
            "TupleNode": self._visit_list,
            "TypeNode": self._visit_name,
        }

    def run(self) -> None:
        """Look at every node and every member.

        Raises
        ------
        ModelFileError
            If it is not what skops writes; what is merely not trusted goes to `refused`.
        """
        try:
            schema = json.loads(self._members["schema.json"])
            protocol = schema.pop("protocol")
            schema.pop("_skops_version")
            if protocol != _PROTOCOL:
                raise ModelFileError(
                    f"it has version {protocol!r} of skops' format; expected {_PROTOCOL}"
                )
            self._visit(schema, "")
        except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
            if isinstance(error, ModelFileError):
                raise
            raise _malformed("", f"{type(error).__name__}: {error}") from error
        unused = set(self._members) - self._used
        if unused and not self.refused:
            raise ModelFileError(f"it has a member {min(unused)!r} that the model does not use")

    def _visit(self, node: dict[str, Any], path: str) -> None:
        loader, name = node["__loader__"], _name(node)
        if name not in TRUSTED_TYPES.get(loader, ()):
            self.refused.append(f"{path or 'the model'}: {name} ({loader})")
            return
        self._visits[loader](node, path)

    def _visit_name(self, node: dict[str, Any], path: str) -> None:
        _check_keys(node, set(), path)

    def _visit_json(self, node: dict[str, Any], path: str) -> None:
        _check_keys(node, {"content", "is_json"}, path)
        _scalar(node, path)

    def _visit_list(self, node: dict[str, Any], path: str) -> None:
        _check_keys(node, {"content"}, path)
        for position, item in enumerate(_of_type(node["content"], list, path)):
            self._visit(item, f"{path}[{position}]")

    def _visit_dict(self, node: dict[str, Any], path: str) -> None:
        for key, value in self._items(node, path).items():
            self._visit(value, f"{path}[{key!r}]")

    def _items(self, node: dict[str, Any], path: str) -> dict[str, Any]:
        """Return the content of a dict whose keys are made by harmless types."""
        _check_keys(node, {"content", "key_types"}, path)
        content = _of_type(node["content"], dict, path)
        key_types = node["key_types"]
        _check_keys(key_types, {"content"}, path)
        if (key_types["__loader__"], _name(key_types)) != ("ListNode", "builtins.list"):
            raise _malformed(path, "its key types are no list")
        for key_type in _of_type(key_types["content"], list, path):
            _check_keys(key_type, set(), path)
            if key_type["__loader__"] != "TypeNode" or _name(key_type) not in KEY_TYPES:
                advice = _ADVICE_ON_KEYS.get(_name(key_type), "")
                self.refused.append(f"{path}: {_name(key_type)} (type of a key{advice})")
        if len(key_types["content"]) != len(content):
            raise _malformed(path, "it has another number of keys than of key types")
        return content

    def _visit_object(self, node: dict[str, Any], path: str) -> None:
        name = _name(node)
        _check_keys(node, {"content"}, path)
        state = node["content"]
        if (state["__loader__"], _name(state)) != ("DictNode", "builtins.dict"):
            raise _malformed(path, "its attributes are no dict")
        attributes = self._items(state, path)
        left_out = ATTRIBUTES_LEFT_OUT.get(name, {})
        for key, value in attributes.items():
            where = f"{path}.{key}" if path else key
            if key in left_out and not _is_none_or_empty(value):
                self.refused.append(f"{where}: {left_out[key]}")
                continue
            if key == "tree_" and name in TREE_ESTIMATORS:
                self._visit_tree(value, attributes, where)
                continue
            self._visit(value, where)
            if key == ORDERED_LABELS.get(name):
                self._plain_array(value, where)

    def _visit_array(self, node: dict[str, Any], path: str) -> None:
        if node["type"] == "numpy":
            _check_keys(node, {"type", "file"}, path)
            self._array(node, path)
            return
        _check_keys(node, {"type", "content", "shape"}, path)
        for position, item in enumerate(_of_type(node["content"], list, path)):
            self._visit(item, f"{path}[{position}]")
        self._visit(node["shape"], path)

    def _array(self, node: dict[str, Any], path: str) -> np.ndarray:
        """Return a stored array, whose size is that of its member."""
        file = node["file"]
        data = self._members[file]
        self._used.add(file)
        buffer = BytesIO(data)
        version = np.lib.format.read_magic(buffer)
        if version not in ((1, 0), (2, 0)):
            raise _malformed(path, f"its array has version {version} of numpy's format")
        read = getattr(np.lib.format, f"read_array_header_{version[0]}_0")
        shape, _, dtype = read(buffer)
        size = math.prod(shape) * dtype.itemsize
        if dtype.hasobject or min(shape, default=0) < 0 or size != len(data) - buffer.tell():
            raise _malformed(path, f"its array of shape {shape} and type {dtype} is not there")
        buffer.seek(0)
        return np.load(buffer, allow_pickle=False)

    def _plain_array(self, node: dict[str, Any], path: str) -> np.ndarray:
        """Return a stored array that is built as what is stored, and not made a scalar of."""
        found = (node["__loader__"], _name(node), node.get("type"))
        if found != ("NdArrayNode", "numpy.ndarray", "numpy"):
            raise _malformed(path, f"{_name(node)} in the place of an array of plain values")
        return self._array(node, path)

    def _visit_masked_array(self, node: dict[str, Any], path: str) -> None:
        _check_keys(node, {"content"}, path)
        content = _of_type(node["content"], dict, path)
        if set(content) != {"data", "mask"}:
            raise _malformed(path, "it is no masked array")
        for part in content.values():
            self._visit(part, path)

    def _visit_dtype(self, node: dict[str, Any], path: str) -> None:
        _check_keys(node, {"content"}, path)
        self._visit(node["content"], path)

    def _visit_slice(self, node: dict[str, Any], path: str) -> None:
        _check_keys(node, {"content"}, path)
        for value in _of_type(node["content"], dict, path).values():
            if value is not None:
                _of_type(value, int, path)

    def _visit_tree(self, node: dict[str, Any], owner: dict[str, Any], path: str) -> None:
        """Check a tree: its compiled code follows the indices of the nodes wherever they lead."""
        if (node["__loader__"], _name(node)) != ("TreeNode", TREE):
            raise _malformed(path, "it is no tree")
        _check_keys(node, {"__reduce__", "content"}, path)
        arguments, state = _of_type(node["__reduce__"], dict, path)["args"], node["content"]
        if (arguments["__loader__"], state["__loader__"]) != ("TupleNode", "DictNode"):
            raise _malformed(path, "it is no tree")
        self._visit(arguments, path)
        self._visit(state, path)
        n_features, n_classes, n_outputs = arguments["content"]
        n_features, n_outputs = _scalar(n_features, path), _scalar(n_outputs, path)
        max_depth = _of_type(_scalar(state["content"]["max_depth"], path), int, path)
        n_classes = self._plain_array(n_classes, path)
        nodes = self._plain_array(state["content"]["nodes"], path)
        values = self._plain_array(state["content"]["values"], path)
        if not (
            n_features == _scalar(owner["n_features_in_"], path)
            and (n_outputs,) == n_classes.shape
            and n_outputs > 0
            and n_classes.min() > 0
            and values.shape == (len(nodes), n_outputs, n_classes.max())
            and (_scalar(state["content"]["node_count"], path),) == nodes.shape
            and _depth(nodes, n_features) == max_depth
        ):
            raise _malformed(path, "its nodes are no tree")


def canonical(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the members of a skops archive without what changes from one saving to the next.

    That is the addresses of the objects, which also tell skops which of them are the same: they
    become copies. Arrays are numbered in their order, and equal ones are kept once.
    """
    numbered: dict[bytes, str] = {}

    def plain(node: Any) -> Any:
        if isinstance(node, list):
            return [plain(item) for item in node]
        if not isinstance(node, dict):
            return node
        is_array = node.get("__loader__") == "NdArrayNode" and "file" in node
        node = {key: plain(value) for key, value in node.items() if key != "__id__"}
        if is_array:
            content = members[node["file"]]
            node["file"] = numbered.setdefault(content, f"{len(numbered)}.npy")
        return node

    schema = json.dumps(plain(json.loads(members["schema.json"])), separators=(",", ":"))
    return {
        "schema.json": schema.encode(),
        **{name: content for content, name in numbered.items()},
    }


def _depth(nodes: np.ndarray, n_features: int) -> int | None:
    """Return the depth of a tree, None if the nodes are none.

    scikit-learn makes room for paths of the depth that a tree says it has.
    """
    children = np.stack([nodes["left_child"], nodes["right_child"]])
    inner = (children != -1).any(axis=0)
    feature = nodes["feature"][inner]
    parents = np.flatnonzero(inner)
    if not (
        len(nodes) > 0
        # Every node but the root is the child of one, which comes before it: every path ends.
        and np.array_equal(np.sort(children[:, inner], axis=None), np.arange(1, len(nodes)))
        and (children[:, inner] > parents).all()
        and ((feature >= 0) & (feature < n_features)).all()
    ):
        return None
    depth = [0] * len(nodes)
    for parent, left, right in zip(parents.tolist(), *children[:, inner].tolist(), strict=True):
        depth[left] = depth[right] = depth[parent] + 1
    return max(depth)


def _name(node: dict[str, Any]) -> str:
    return f"{node['__module__']}.{node['__class__']}"


def _malformed(path: str, text: str) -> ModelFileError:
    return ModelFileError(f"its content is not what save_model writes: {path or 'schema'}: {text}")


def _check_keys(node: dict[str, Any], expected: set[str], path: str) -> None:
    if set(node) != _NAME | expected:
        raise _malformed(path, f"{node.get('__loader__')!r} has the keys {sorted(node)}")


def _of_type(value: Any, kind: type, path: str) -> Any:
    if type(value) is not kind:
        raise _malformed(path, f"{type(value).__name__} in the place of {kind.__name__}")
    return value


def _scalar(node: dict[str, Any], path: str) -> Any:
    """Return the text, number, boolean or None of a node."""
    value = json.loads(_of_type(node["content"], str, path))
    if not isinstance(value, str | int | float | bool | None):
        raise _malformed(path, f"{type(value).__name__} in the place of a plain value")
    return value


def _is_none_or_empty(node: dict[str, Any]) -> bool:
    if node["__loader__"] == "JsonNode":
        return node["content"] == "null"
    return node["__loader__"] in ("ListNode", "TupleNode") and not node["content"]
