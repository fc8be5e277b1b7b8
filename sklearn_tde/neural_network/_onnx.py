"""A trained network as an ONNX graph: the gridder's output in, probabilities out.

The graph is built operator by operator from the weights. Nothing is traced: the recurrent layers of
ONNX know lengths and directions themselves, and attention needs no number of steps, so that the
graph holds for any number of objects and steps.
Importing this module needs onnx.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from sklearn_tde.neural_network._base import BaseSequenceClassifier
from sklearn_tde.neural_network._lstm_classifier import LSTMTransientClassifier
from sklearn_tde.neural_network._onnx_graph import GraphBuilder
from sklearn_tde.neural_network._onnx_transformer import add_transformer
from sklearn_tde.neural_network._training import get_weights
from sklearn_tde.neural_network._transformer_classifier import TransformerTransientClassifier

#: Old enough for the runtimes of the last years.
_OPSET, _IR_VERSION = 18, 8
#: torch has the gates of an LSTM in the order i, f, g, o, and ONNX in the order i, o, f, c (its g);
#: of a GRU r, z, n and z, r, h (its n).
_GATES = {"LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2)}


def network_to_onnx(
    classifier: BaseSequenceClassifier, metadata: Mapping[str, str]
) -> onnx.ModelProto:
    """Return the network of a fitted classifier as a checked ONNX model.

    Parameters
    ----------
    classifier : BaseSequenceClassifier
        The fitted classifier.
    metadata : mapping of str to str
        What the model says about itself.

    Returns
    -------
    model : onnx.ModelProto
        With the input ``X`` and the output ``probabilities``.
    """
    graph, weights = GraphBuilder(), get_weights(classifier.net_)
    n_features = classifier.n_features_in_
    shape: list[Any] = ["n_objects", n_features]
    X = "X"
    if classifier._is_sequence:
        shape.insert(1, "n_steps")
    else:
        X = graph.add("Unsqueeze", X, graph.constant([2]))
        if classifier._reads_time:
            X = _add_time(graph, X, n_features)
    n_masks, fitted = classifier._n_masks(), classifier._fitted_params
    seen = _add_seen(graph, X, n_masks)
    steps, seen, lengths = _add_read_steps(graph, X, seen, classifier._only_observed())
    if isinstance(classifier, LSTMTransientClassifier):
        hidden = _add_layers(graph, steps, lengths, weights, fitted["cell"].upper())
        pooled = _add_mean(graph, hidden, seen)
    elif isinstance(classifier, TransformerTransientClassifier):
        hidden = add_transformer(graph, steps, weights, n_masks, fitted["num_heads"])
        pooled = _add_maximum(graph, hidden, seen)
    else:
        raise TypeError(f"{type(classifier).__name__} has no ONNX graph; save it with save_model.")
    _add_head(graph, pooled, weights)
    inputs = [helper.make_tensor_value_info("X", TensorProto.FLOAT, shape)]
    shape = ["n_objects", len(classifier.classes_)]
    outputs = [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, shape)]
    name = type(classifier).__name__
    model = helper.make_model(
        helper.make_graph(graph.nodes, name, inputs, outputs, graph.constants),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="sklearn_tde",
    )
    helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model, full_check=True)
    return model


def _add_time(graph: GraphBuilder, X: str, n_columns: int) -> str:
    """Put the number of the column, as a fraction, before the values of a table."""
    time = np.linspace(0, 1, n_columns, dtype=np.float32)[:, None]
    time = graph.add("Expand", graph.constant(time, np.float32), graph.add("Shape", X))
    return graph.add("Concat", time, X, axis=2)


def _add_seen(graph: GraphBuilder, X: str, n_masks: int) -> str:
    """Mark the steps with an observation, (n_objects, n_steps), as int64."""
    if n_masks:
        end = graph.constant([np.iinfo(np.int64).max])
        masks = graph.add("Slice", X, graph.constant([-n_masks]), end, graph.constant([2]))
        seen = graph.add("ReduceMax", masks, graph.constant([2]), keepdims=0)
        seen = graph.add("Greater", seen, graph.constant(0, np.float32))
        return graph.add("Cast", seen, to=TensorProto.INT64)
    shape = graph.add("Shape", X, end=2)
    one = numpy_helper.from_array(np.ones(1, dtype=np.int64))
    return graph.add("ConstantOfShape", shape, value=one)


def _add_read_steps(
    graph: GraphBuilder, X: str, seen: str, only_observed: bool
) -> tuple[str, str, str]:
    """Move the steps that the network reads to the front and cut off what no object needs.

    Returns the steps, those of them that are observed, and the number that each object has.
    """
    zero, one, axis = graph.constant(0), graph.constant(1), graph.constant([1])
    n_steps = graph.add("Squeeze", graph.add("Shape", X, start=1, end=2))
    step = graph.add("Range", zero, n_steps, one)
    read = seen
    if not only_observed:
        ends = graph.add("Mul", seen, graph.add("Add", step, one))
        last = graph.add("ReduceMax", ends, axis, keepdims=1)
        read = graph.add("Cast", graph.add("Less", step, last), to=TensorProto.INT64)
    # The operator must not get a length of 0. What it then reads has no weight in the mean.
    lengths = graph.add("Max", graph.add("ReduceSum", read, axis, keepdims=0), one)
    longest = graph.add("ReduceMax", lengths, graph.constant([0]), keepdims=1)
    # Largest first: the steps that are read, then the others, both in the order of time.
    rank = graph.add("Sub", graph.add("Mul", read, n_steps), step)
    graph.nodes.append(
        helper.make_node("TopK", [rank, longest], ["ranks", "order"], axis=1, largest=1, sorted=1)
    )
    seen = graph.add("GatherElements", seen, "order", axis=1)
    at = graph.add("Unsqueeze", "order", graph.constant([2]))
    steps = graph.add("GatherND", X, at, batch_dims=1)
    return steps, seen, graph.add("Cast", lengths, to=TensorProto.INT32)


def _add_layers(
    graph: GraphBuilder, steps: str, lengths: str, weights: Mapping[str, np.ndarray], cell: str
) -> str:
    """Add standardisation, projection and the recurrent layers."""

    def weight(name: str, transpose: bool = False) -> str:
        return graph.constant(weights[name].T if transpose else weights[name], np.float32)

    scaled = graph.add("Mul", graph.add("Sub", steps, weight("shift")), weight("gain"))
    hidden = graph.add("MatMul", scaled, weight("projection.weight", transpose=True))
    hidden = graph.add("Add", hidden, weight("projection.bias"))
    hidden = graph.add("Transpose", hidden, perm=[1, 0, 2])
    directions = ["forward"]
    if "backward_layers.0.weight_ih_l0" in weights:
        directions.append("backward")
    layer = 0
    while f"forward_layers.{layer}.weight_ih_l0" in weights:
        prefixes = [f"{direction}_layers.{layer}." for direction in directions]
        inputs, recurrences, biases = zip(
            *(_recurrent(weights, prefix, cell) for prefix in prefixes), strict=True
        )
        hidden = graph.add(
            cell,
            hidden,
            graph.constant(np.stack(inputs), np.float32),
            graph.constant(np.stack(recurrences), np.float32),
            graph.constant(np.stack(biases), np.float32),
            lengths,
            hidden_size=recurrences[0].shape[1],
            direction="bidirectional" if len(directions) == 2 else "forward",
            # As torch has it, the reset gate of a GRU acts after the weights.
            **({"linear_before_reset": 1} if cell == "GRU" else {}),
        )
        # (steps, directions, objects, units) to (steps, objects, directions and units)
        hidden = graph.add("Transpose", hidden, perm=[0, 2, 1, 3])
        hidden = graph.add("Reshape", hidden, graph.constant([0, 0, -1]))
        layer += 1
    return graph.add("Transpose", hidden, perm=[1, 0, 2])


def _recurrent(
    weights: Mapping[str, np.ndarray], prefix: str, cell: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the weights of one layer in one direction, in the order of ONNX."""

    def gates(name: str) -> np.ndarray:
        parts = np.split(weights[f"{prefix}{name}_l0"], len(_GATES[cell]))
        return np.concatenate([parts[k] for k in _GATES[cell]])

    biases = np.concatenate([gates("bias_ih"), gates("bias_hh")])
    return gates("weight_ih"), gates("weight_hh"), biases


def _add_mean(graph: GraphBuilder, hidden: str, seen: str) -> str:
    """Add the mean over the observed steps, 0 where there is none."""
    axis = graph.constant([1])
    seen = graph.add("Cast", seen, to=TensorProto.FLOAT)
    n_seen = graph.add("ReduceSum", seen, axis, keepdims=1)
    total = graph.add("Mul", hidden, graph.add("Unsqueeze", seen, graph.constant([2])))
    total = graph.add("ReduceSum", total, axis, keepdims=0)
    return graph.add("Div", total, graph.add("Max", n_seen, graph.constant(1, np.float32)))


def _add_maximum(graph: GraphBuilder, hidden: str, seen: str) -> str:
    """Add the maximum over the observed steps, 0 where there is none."""
    seen = graph.add("Cast", seen, to=TensorProto.BOOL)
    seen = graph.add("Unsqueeze", seen, graph.constant([2]))
    least = graph.constant(np.finfo(np.float32).min, np.float32)
    largest = graph.add("Where", seen, hidden, least)
    largest = graph.add("ReduceMax", largest, graph.constant([1]), keepdims=0)
    nothing = graph.add("Equal", largest, least)
    return graph.add("Where", nothing, graph.constant(0, np.float32), largest)


def _add_head(graph: GraphBuilder, pooled: str, weights: Mapping[str, np.ndarray]) -> None:
    """Add the two dense layers and the probabilities."""
    dense = [
        graph.constant(weights[f"head.{layer}.{name}"], np.float32)
        for layer in (0, 3)
        for name in ("weight", "bias")
    ]
    inner = graph.add("Relu", graph.add("Gemm", pooled, *dense[:2], transB=1))
    logits = graph.add("Gemm", inner, *dense[2:], transB=1)
    if len(weights["head.3.bias"]) > 1:
        graph.nodes.append(helper.make_node("Softmax", [logits], ["probabilities"], axis=1))
        return
    both = graph.add("Concat", graph.add("Neg", logits), logits, axis=1)
    graph.nodes.append(helper.make_node("Sigmoid", [both], ["probabilities"]))
