"""The attention of a `TransformerNetwork`, operator by operator. Importing this needs onnx."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from onnx import TensorProto

from sklearn_tde.neural_network._onnx_graph import GraphBuilder


def add_transformer(
    graph: GraphBuilder, steps: str, weights: Mapping[str, np.ndarray], n_masks: int, n_heads: int
) -> str:
    """Add standardisation, embedding and blocks; return the name of (n_objects, n_steps, size)."""
    scaled = graph.add("Sub", steps, graph.constant(weights["shift"], np.float32))
    scaled = graph.add("Mul", scaled, graph.constant(weights["gain"], np.float32))
    time = _part(graph, scaled, 2, 0, 1)
    n_steps = graph.add("Squeeze", graph.add("Shape", steps, start=1, end=2))
    at = graph.add("Range", graph.constant(0), n_steps, graph.constant(1))
    before, now = (graph.add("Unsqueeze", at, graph.constant([axis])) for axis in (0, 1))
    # Row by row the steps that a step reads: itself and those before it, or only those.
    causal = graph.add("LessOrEqual", before, now), graph.add("Less", before, now)
    features = _features(graph, scaled, time, at, causal, weights, n_masks)
    hidden = _linear(graph, features, weights, "embedding")
    angles = graph.add("Mul", time, graph.constant(weights["rotations"], np.float32))
    angles = graph.add("Unsqueeze", angles, graph.constant([1]))
    rotation = graph.add("Cos", angles), graph.add("Sin", angles)
    block = 0
    while f"blocks.{block}.attended.bias" in weights:
        name = f"blocks.{block}."
        normed = _normed(graph, hidden, weights, f"{name}attention_norm")
        found = _attention(graph, normed, rotation, causal[0], weights, name, n_heads)
        hidden = graph.add("Add", hidden, found)
        inner = _linear(
            graph, _normed(graph, hidden, weights, f"{name}dense_norm"), weights, f"{name}wider"
        )
        inner = _linear(graph, _gelu(graph, inner), weights, f"{name}narrower")
        hidden = graph.add("Add", hidden, inner)
        block += 1
    return _normed(graph, hidden, weights, "norm")


def _features(
    graph: GraphBuilder,
    steps: str,
    time: str,
    at: str,
    causal: tuple[str, str],
    weights: Mapping[str, np.ndarray],
    n_masks: int,
) -> str:
    """Add what is embedded of each step."""
    n_channels = len(weights["shift"]) - n_masks
    phases = graph.add("Mul", time, graph.constant(weights["frequencies"], np.float32))
    looked_at = _looked_at(graph, _part(graph, steps, 2, 0, n_channels), 3, weights["scales"])
    parts = [
        graph.add("Reshape", looked_at, graph.constant([0, 0, -1])),
        graph.add("Sin", phases),
        graph.add("Cos", phases),
    ]
    if n_masks:
        masks = _part(graph, steps, 2, n_channels, n_channels + n_masks)
        parts.append(masks)
    else:
        masks = graph.add("Exp", graph.add("Mul", time, graph.constant(0, np.float32)))
    positions = _earlier_positions(graph, masks, at, causal)
    found = graph.add("GreaterOrEqual", positions, graph.constant(0))
    found = graph.add("Cast", found, to=TensorProto.FLOAT)
    found = graph.add("Unsqueeze", found, graph.constant([3]))
    rows = graph.add("Max", positions, graph.constant(0))
    rows = graph.add("Unsqueeze", rows, graph.constant([3]))
    age = graph.add("Unsqueeze", time, graph.constant([2]))
    age = graph.add("Sub", age, graph.add("GatherND", time, rows, batch_dims=1))
    ages = graph.add("Tanh", graph.add("Div", age, graph.constant(weights["ages"], np.float32)))
    earlier = [ages]
    if n_channels > 1:
        values = _part(graph, steps, 2, 1, n_channels)
        held = graph.add("GatherND", values, rows, batch_dims=1)
        n_bands = max(n_masks, 1)
        change = graph.add("Unsqueeze", values, graph.constant([2]))
        change = graph.add("Sub", change, _part(graph, held, 2, n_bands, n_bands + 1))
        held = graph.add("Concat", _part(graph, held, 2, 0, n_bands), change, axis=2)
        held = _looked_at(graph, held, 4, weights["scales"])
        earlier.insert(0, graph.add("Reshape", held, graph.constant([0, 0, 0, -1])))
    joined = graph.add("Concat", *earlier, axis=3) if len(earlier) > 1 else ages
    joined = graph.add("Concat", graph.add("Mul", joined, found), found, axis=3)
    parts.append(graph.add("Reshape", joined, graph.constant([0, 0, -1])))
    return graph.add("Concat", *parts, axis=2)


def _earlier_positions(graph: GraphBuilder, masks: str, at: str, causal: tuple[str, str]) -> str:
    """Add the last step of each band up to each step, and that before it in its own band."""
    none = graph.constant(-1)
    of_band = graph.add("Greater", masks, graph.constant(0, np.float32))
    step = graph.add("Unsqueeze", at, graph.constant([1]))
    marked = graph.add("Transpose", graph.add("Where", of_band, step, none), perm=[0, 2, 1])
    marked = graph.add("Unsqueeze", marked, graph.constant([2]))
    latest, before = (
        graph.add(
            "Transpose",
            graph.add(
                "ReduceMax",
                graph.add("Where", reads, marked, none),
                graph.constant([3]),
                keepdims=0,
            ),
            perm=[0, 2, 1],
        )
        for reads in causal
    )
    own = graph.add("Where", of_band, before, none)
    own = graph.add("ReduceMax", own, graph.constant([2]), keepdims=1)
    return graph.add("Concat", latest, own, axis=2)


def _attention(
    graph: GraphBuilder,
    hidden: str,
    rotation: tuple[str, str],
    causal: str,
    weights: Mapping[str, np.ndarray],
    name: str,
    n_heads: int,
) -> str:
    """Add the attention of a block."""
    size = len(weights[f"{name}attended.bias"])
    parts = _linear(graph, hidden, weights, f"{name}queries_keys_values")
    shape = graph.constant([0, 0, 3, n_heads, size // n_heads])
    parts = graph.add("Transpose", graph.add("Reshape", parts, shape), perm=[2, 0, 3, 1, 4])
    queries, keys, values = (
        graph.add("Gather", parts, graph.constant(k), axis=0) for k in range(3)
    )
    queries = _rotated(graph, queries, rotation, size // n_heads)
    keys = _rotated(graph, keys, rotation, size // n_heads)
    keys = graph.add("Transpose", keys, perm=[0, 1, 3, 2])
    scores = graph.add("MatMul", queries, keys)
    scores = graph.add("Div", scores, graph.constant(np.sqrt(size // n_heads), np.float32))
    scores = graph.add("Where", causal, scores, graph.constant(-np.inf, np.float32))
    found = graph.add("MatMul", graph.add("Softmax", scores, axis=-1), values)
    found = graph.add("Transpose", found, perm=[0, 2, 1, 3])
    found = graph.add("Reshape", found, graph.constant([0, 0, size]))
    return _linear(graph, found, weights, f"{name}attended")


def _rotated(graph: GraphBuilder, values: str, rotation: tuple[str, str], size: int) -> str:
    """Add the rotation of pairs of values, one of each half."""
    cosine, sine = rotation
    first, second = _part(graph, values, 3, 0, size // 2), _part(graph, values, 3, size // 2, size)

    def turned(operator: str, a: str, b: str) -> str:
        return graph.add(operator, graph.add("Mul", first, a), graph.add("Mul", second, b))

    return graph.add("Concat", turned("Sub", cosine, sine), turned("Add", sine, cosine), axis=3)


def _looked_at(graph: GraphBuilder, values: str, axis: int, scales: np.ndarray) -> str:
    values = graph.add("Unsqueeze", values, graph.constant([axis]))
    return graph.add("Tanh", graph.add("Div", values, graph.constant(scales, np.float32)))


def _part(graph: GraphBuilder, values: str, axis: int, begin: int, end: int) -> str:
    bounds = (graph.constant([k]) for k in (begin, end, axis))
    return graph.add("Slice", values, *bounds)


def _linear(graph: GraphBuilder, hidden: str, weights: Mapping[str, np.ndarray], name: str) -> str:
    hidden = graph.add("MatMul", hidden, graph.constant(weights[f"{name}.weight"].T, np.float32))
    return graph.add("Add", hidden, graph.constant(weights[f"{name}.bias"], np.float32))


def _normed(graph: GraphBuilder, hidden: str, weights: Mapping[str, np.ndarray], name: str) -> str:
    gain, shift = (
        graph.constant(weights[f"{name}.{kind}"], np.float32) for kind in ("weight", "bias")
    )
    return graph.add("LayerNormalization", hidden, gain, shift, axis=-1, epsilon=1e-5)


def _gelu(graph: GraphBuilder, hidden: str) -> str:
    error = graph.add("Erf", graph.add("Mul", hidden, graph.constant(np.sqrt(0.5), np.float32)))
    error = graph.add("Add", error, graph.constant(1, np.float32))
    return graph.add("Mul", graph.add("Mul", hidden, error), graph.constant(0.5, np.float32))
