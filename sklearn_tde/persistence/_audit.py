"""A skops file is read as text first: nothing is imported or built before all of it is allowed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

import numpy as np

from sklearn_tde.persistence._container import ModelFileError
from sklearn_tde.persistence._schema import (
    check_keys,
    is_none_or_empty,
    items_of_list,
    malformed,
    name_of,
    of_type,
    scalar,
)
from sklearn_tde.persistence._trees import PARTS
from sklearn_tde.persistence._trusted_types import (
    ATTRIBUTES_LEFT_OUT,
    KEY_TYPES,
    KNOWN_ATTRIBUTES,
    ORDERED_LABELS,
    TRUSTED_TYPES,
)

#: Version of skops' own format that is understood here.
_PROTOCOL = 2
_NONE = {"__loader__": "JsonNode", "content": "null"}
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
    names : set of str
        The full names of the types of all nodes.
    """

    def __init__(self, members: Mapping[str, bytes]) -> None:
        self.refused: list[str] = []
        self.names: set[str] = set()
        self._members = members
        self._arrays: dict[str, np.ndarray] = {}
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
            schema = json.loads(self._members["schema.json"], object_hook=self._noted)
            protocol = schema.pop("protocol")
            schema.pop("_skops_version")
            if protocol != _PROTOCOL:
                raise ModelFileError(
                    f"it has version {protocol!r} of skops' format; expected {_PROTOCOL}"
                )
            self.visit(schema, "")
        except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
            if isinstance(error, ModelFileError):
                raise
            raise malformed("", f"{type(error).__name__}: {error}") from error
        unused = set(self._members) - {"schema.json"} - set(self._arrays)
        if unused and not self.refused:
            raise ModelFileError(f"it has a member {min(unused)!r} that the model does not use")

    def _noted(self, node: dict[str, Any]) -> dict[str, Any]:
        """Note the name of the type of a node."""
        if "__class__" in node and "__module__" in node:
            self.names.add(name_of(node))
        return node

    def visit(self, node: dict[str, Any], path: str) -> None:
        """Look at a node and those in it."""
        loader, name = node["__loader__"], name_of(node)
        if name not in TRUSTED_TYPES.get(loader, ()):
            self.refused.append(f"{path or 'the model'}: {name} ({loader})")
            return
        self._visits[loader](node, path)

    def _visit_name(self, node: dict[str, Any], path: str) -> None:
        check_keys(node, set(), path)

    def _visit_json(self, node: dict[str, Any], path: str) -> None:
        check_keys(node, {"content", "is_json"}, path)
        scalar(node, path)

    def _visit_list(self, node: dict[str, Any], path: str) -> None:
        check_keys(node, {"content"}, path)
        for position, item in enumerate(of_type(node["content"], list, path)):
            self.visit(item, f"{path}[{position}]")

    def _visit_dict(self, node: dict[str, Any], path: str) -> None:
        for key, value in self.items(node, path).items():
            self.visit(value, f"{path}[{key!r}]")

    def items(self, node: dict[str, Any], path: str) -> dict[str, Any]:
        """Return the content of a dict whose keys are made by harmless types."""
        check_keys(node, {"content", "key_types"}, path)
        content = of_type(node["content"], dict, path)
        key_types = node["key_types"]
        for key_type in items_of_list(key_types, path):
            check_keys(key_type, set(), path)
            if key_type["__loader__"] != "TypeNode" or name_of(key_type) not in KEY_TYPES:
                advice = _ADVICE_ON_KEYS.get(name_of(key_type), "")
                self.refused.append(f"{path}: {name_of(key_type)} (type of a key{advice})")
        if len(key_types["content"]) != len(content):
            raise malformed(path, "it has another number of keys than of key types")
        return content

    def attributes(self, node: dict[str, Any], path: str) -> dict[str, Any]:
        """Return the attributes of an object, which are all that there may be."""
        check_keys(node, {"content"}, path)
        state = node["content"]
        if (state["__loader__"], name_of(state)) != ("DictNode", "builtins.dict"):
            raise malformed(path, "its attributes are no dict")
        attributes = self.items(state, path)
        known = KNOWN_ATTRIBUTES.get(name_of(node), attributes)
        for key in attributes:
            if key not in known:
                where = f"{path}.{key}" if path else key
                self.refused.append(f"{where}: not an attribute that a {node['__class__']} has")
        return attributes

    def _visit_object(self, node: dict[str, Any], path: str) -> None:
        name = name_of(node)
        attributes = self.attributes(node, path)
        left_out, parts = ATTRIBUTES_LEFT_OUT.get(name, {}), PARTS.get(name, {})
        wrong = {key for key in left_out if not is_none_or_empty(attributes.get(key, _NONE))}
        for key, value in attributes.items():
            where = f"{path}.{key}" if path else key
            if key in wrong:
                self.refused.append(f"{where}: {left_out[key]}")
            elif key not in parts:
                self.visit(value, where)
            # Of a model that is refused, the other parts need not fit together.
            elif not wrong:
                parts[key](self, value, attributes, where)
            if key == ORDERED_LABELS.get(name):
                self.plain_array(value, where)

    def _visit_array(self, node: dict[str, Any], path: str) -> None:
        if node["type"] == "numpy":
            check_keys(node, {"type", "file"}, path)
            self._array(node, path)
            return
        check_keys(node, {"type", "content", "shape"}, path)
        for position, item in enumerate(of_type(node["content"], list, path)):
            self.visit(item, f"{path}[{position}]")
        self.visit(node["shape"], path)

    def _array(self, node: dict[str, Any], path: str) -> np.ndarray:
        """Return a stored array, whose size is that of its member."""
        file = node["file"]
        if file not in self._arrays:
            data = self._members[file]
            buffer = BytesIO(data)
            version = np.lib.format.read_magic(buffer)
            if version not in ((1, 0), (2, 0)):
                raise malformed(path, f"its array has version {version} of numpy's format")
            read = getattr(np.lib.format, f"read_array_header_{version[0]}_0")
            shape, is_fortran, dtype = read(buffer)
            size, start = math.prod(shape) * dtype.itemsize, buffer.tell()
            if dtype.hasobject or min(shape, default=0) < 0 or size != len(data) - start:
                raise malformed(path, f"its array of shape {shape} and type {dtype} is not there")
            order = "F" if is_fortran else "C"
            self._arrays[file] = np.ndarray(shape, dtype, data, start, order=order)
        return self._arrays[file]

    def plain_array(self, node: dict[str, Any], path: str) -> np.ndarray:
        """Return a stored array that is built as what is stored, and not made a scalar of."""
        found = (node["__loader__"], name_of(node), node.get("type"))
        if found != ("NdArrayNode", "numpy.ndarray", "numpy"):
            raise malformed(path, f"{name_of(node)} in the place of an array of plain values")
        check_keys(node, {"type", "file"}, path)
        return self._array(node, path)

    def _visit_masked_array(self, node: dict[str, Any], path: str) -> None:
        check_keys(node, {"content"}, path)
        content = of_type(node["content"], dict, path)
        if set(content) != {"data", "mask"}:
            raise malformed(path, "it is no masked array")
        for part in content.values():
            self.visit(part, path)

    def _visit_dtype(self, node: dict[str, Any], path: str) -> None:
        check_keys(node, {"content"}, path)
        self.visit(node["content"], path)

    def _visit_slice(self, node: dict[str, Any], path: str) -> None:
        check_keys(node, {"content"}, path)
        for value in of_type(node["content"], dict, path).values():
            if value is not None:
                of_type(value, int, path)


def canonical(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the members of a skops archive without what changes from one saving to the next.

    That is the addresses of the objects, which also tell skops which of them are the same: they
    become copies. Arrays are numbered in their order, and equal ones are kept once.
    """
    members = {name: _filled(name, content) for name, content in members.items()}
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


def _filled(name: str, content: bytes) -> bytes:
    """Put zeros between the fields of the rows of an array, where memory held anything."""
    if not name.endswith(".npy"):
        return content
    array = np.load(BytesIO(content), allow_pickle=False)
    if array.dtype.names is None:
        return content
    filled = np.zeros(array.shape, array.dtype)
    for field in array.dtype.names:
        filled[field] = array[field]
    buffer = BytesIO()
    np.save(buffer, filled, allow_pickle=False)
    return buffer.getvalue()
