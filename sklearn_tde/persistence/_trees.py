"""Trees: compiled code follows the numbers in their nodes wherever they lead."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE

from sklearn_tde.persistence._schema import (
    check_keys,
    is_none_or_empty,
    items_of_list,
    malformed,
    name_of,
    of_type,
    scalar,
)
from sklearn_tde.persistence._trusted_types import (
    BIN_MAPPER,
    BOOSTER,
    COMPILED_LOSSES,
    GENERATOR,
    LINKS,
    LOSSES,
    PREDICTOR,
    TREE,
    TREE_ESTIMATORS,
)

if TYPE_CHECKING:
    from sklearn_tde.persistence._audit import SchemaAudit

#: A node, the attributes of its owner, and where it is.
Visit = Callable[["SchemaAudit", dict[str, Any], dict[str, Any], str], None]


def _visit_tree(audit: SchemaAudit, node: dict[str, Any], owner: dict[str, Any], path: str) -> None:
    """Check the tree of a decision tree."""
    if (node["__loader__"], name_of(node)) != ("TreeNode", TREE):
        raise malformed(path, "it is no tree")
    check_keys(node, {"__reduce__", "content"}, path)
    arguments, state = of_type(node["__reduce__"], dict, path)["args"], node["content"]
    if (arguments["__loader__"], state["__loader__"]) != ("TupleNode", "DictNode"):
        raise malformed(path, "it is no tree")
    audit.visit(arguments, path)
    audit.visit(state, path)
    n_features, n_classes, n_outputs = arguments["content"]
    n_features, n_outputs = scalar(n_features, path), scalar(n_outputs, path)
    max_depth = of_type(scalar(state["content"]["max_depth"], path), int, path)
    n_classes = audit.plain_array(n_classes, path)
    nodes = audit.plain_array(state["content"]["nodes"], path)
    values = audit.plain_array(state["content"]["values"], path)
    if not (
        n_features == scalar(owner["n_features_in_"], path)
        and (n_outputs,) == n_classes.shape
        and n_outputs > 0
        and n_classes.min() > 0
        and values.shape == (len(nodes), n_outputs, n_classes.max())
        and (scalar(state["content"]["node_count"], path),) == nodes.shape
        and _depth(nodes, n_features) == max_depth
    ):
        raise malformed(path, "its nodes are no tree")


def _depth(nodes: np.ndarray, n_features: int) -> int | None:
    """Return the depth of a tree, None if the nodes are none.

    scikit-learn makes room for paths of the depth that a tree says it has.
    """
    children = np.stack([nodes["left_child"], nodes["right_child"]])
    inner = (children != -1).any(axis=0)
    if not _is_tree(children, inner, nodes["feature"], n_features):
        return None
    depth = [0] * len(nodes)
    parents = np.flatnonzero(inner).tolist()
    for parent, left, right in zip(parents, *children[:, inner].tolist(), strict=True):
        depth[left] = depth[right] = depth[parent] + 1
    return max(depth)


def _is_tree(children: np.ndarray, inner: np.ndarray, feature: np.ndarray, n_features: int) -> bool:
    """Tell whether every path from the root ends, in a node that is there, by columns that are."""
    n_nodes, parents, inner_feature = len(inner), np.flatnonzero(inner), feature[inner]
    return bool(
        n_nodes > 0
        # Every node but the root is the child of one, which comes before it.
        and np.array_equal(np.sort(children[:, inner], axis=None), np.arange(1, n_nodes))
        and (children[:, inner] > parents).all()
        and ((inner_feature >= 0) & (inner_feature < n_features)).all()
    )


def _visit_predictors(
    audit: SchemaAudit, node: dict[str, Any], owner: dict[str, Any], path: str
) -> None:
    """Check the trees of gradient boosting, and that room is made for as many as there are."""
    n_features = of_type(scalar(owner["n_features_in_"], path), int, path)
    n_trees = of_type(scalar(owner["n_trees_per_iteration_"], path), int, path)
    if audit.plain_array(owner["_baseline_prediction"], path).shape != (1, n_trees):
        raise malformed(path, "it has another number of trees than of baselines")
    for position, iteration in enumerate(items_of_list(node, path)):
        trees = items_of_list(iteration, f"{path}[{position}]")
        if len(trees) != n_trees:
            raise malformed(f"{path}[{position}]", f"{len(trees)} in the place of {n_trees} trees")
        for k, tree in enumerate(trees):
            _visit_predictor(audit, tree, n_features, f"{path}[{position}][{k}]")


def _visit_predictor(audit: SchemaAudit, node: dict[str, Any], n_features: int, path: str) -> None:
    attributes = _attributes(audit, node, {PREDICTOR}, path)
    nodes = audit.plain_array(attributes["nodes"], path)
    # Categories, which select a row of these, are not shared: see ATTRIBUTES_LEFT_OUT.
    bitsets = [
        audit.plain_array(attributes[f"{kind}_left_cat_bitsets"], path)
        for kind in ("raw", "binned")
    ]
    if not (
        nodes.dtype == PREDICTOR_RECORD_DTYPE
        and nodes.ndim == 1
        and not nodes["is_categorical"].any()
        and not any(array.size for array in bitsets)
        and _is_tree(
            np.stack([nodes["left"], nodes["right"]]),
            nodes["is_leaf"] == 0,
            nodes["feature_idx"],
            n_features,
        )
    ):
        raise malformed(path, "its nodes are no tree")


def _visit_bin_mapper(
    audit: SchemaAudit, node: dict[str, Any], owner: dict[str, Any], path: str
) -> None:
    attributes = _attributes(audit, node, {BIN_MAPPER}, path)
    for key, value in attributes.items():
        audit.visit(value, f"{path}.{key}")
    n_features = scalar(owner["n_features_in_"], path)
    is_categorical = audit.plain_array(attributes["is_categorical_"], path)
    if is_categorical.shape != (n_features,) or is_categorical.any():
        raise malformed(path, "it does not bin the columns of the model")


def _visit_loss(audit: SchemaAudit, node: dict[str, Any], owner: dict[str, Any], path: str) -> None:
    """Check the loss, of which predictions need the link alone; `fit` makes another."""
    for key, value in _attributes(audit, node, LOSSES, path).items():
        where = f"{path}.{key}"
        found = (value["__loader__"], name_of(value))
        if key == "closs":
            check_keys(value, {"__reduce__", "content"}, where)
            if found[0] != "LossNode" or found[1] not in COMPILED_LOSSES:
                raise malformed(where, f"{found[1]} in the place of a compiled loss")
            for part in (of_type(value["__reduce__"], dict, where)["args"], value["content"]):
                audit.visit(part, where)
                if part["content"]:
                    raise malformed(where, "a compiled loss has no parameters")
        elif key == "link":
            check_keys(value, {"content"}, where)
            if found[0] != "ObjectNode" or found[1] not in LINKS:
                raise malformed(where, f"{found[1]} in the place of a link")
            audit.visit(value["content"], where)
            if not is_none_or_empty(value["content"]):
                raise malformed(where, "a link has no attributes")
        else:
            audit.visit(value, where)


def _visit_generator(
    audit: SchemaAudit, node: dict[str, Any], owner: dict[str, Any], path: str
) -> None:
    """Check the generator that draws columns: 128 bits and an increment, no table."""
    if (node["__loader__"], name_of(node)) != ("RandomGeneratorNode", GENERATOR):
        raise malformed(path, f"{name_of(node)} in the place of a generator")
    check_keys(node, {"content"}, path)
    content = of_type(node["content"], dict, path)
    state, sequence = content["bit_generator"], content["seed_seq"]
    for part in content.values():
        audit.visit(part, path)
    if scalar(audit.items(state, path)["bit_generator"], path) != "PCG64":
        raise malformed(path, "its generator is not PCG64")
    # A pool is as large as it says.
    if scalar(audit.items(sequence, path)["pool_size"], path) != 4:
        raise malformed(path, "the pool of its seeds has another size than 4")


def _visit_text(audit: SchemaAudit, node: dict[str, Any], owner: dict[str, Any], path: str) -> None:
    """Check that a loss is one by name: others write where the model has no room."""
    audit.visit(node, path)
    if node["__loader__"] != "JsonNode":
        raise malformed(path, f"{name_of(node)} in the place of a name")


def _visit_false(
    audit: SchemaAudit, node: dict[str, Any], owner: dict[str, Any], path: str
) -> None:
    audit.visit(node, path)
    if node["__loader__"] != "JsonNode" or scalar(node, path) is not False:
        audit.refused.append(
            f"{path}: training further does not compare the columns with those of the trees; set "
            "warm_start=False"
        )


def _attributes(
    audit: SchemaAudit, node: dict[str, Any], expected: set[str] | frozenset[str], path: str
) -> dict[str, Any]:
    """Return the attributes of an object of one of the expected types."""
    if node["__loader__"] != "ObjectNode" or name_of(node) not in expected:
        raise malformed(path, f"{name_of(node)} in the place of {min(expected)}")
    return audit.attributes(node, path)


#: Attributes that are checked beyond their type, and the types that stand in such a place only.
PARTS: dict[str, dict[str, Visit]] = {
    **{name: {"tree_": _visit_tree} for name in TREE_ESTIMATORS},
    BOOSTER: {
        "_bin_mapper": _visit_bin_mapper,
        "_feature_subsample_rng": _visit_generator,
        "_loss": _visit_loss,
        "_predictors": _visit_predictors,
        "loss": _visit_text,
        "warm_start": _visit_false,
    },
}
