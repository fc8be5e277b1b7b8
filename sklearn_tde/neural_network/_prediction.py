"""Logits that do not depend on which objects share a batch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from scipy.special import expit, softmax
from skorch import NeuralNet

from sklearn_tde.neural_network._sequences import Batches, Sequences
from sklearn_tde.neural_network._training import one_thread

#: Objects predicted at a time; larger batches are slower on a CPU, and smaller ones on a GPU.
_BATCH, _GPU_BATCH = 128, 4096
#: Matrix products with fewer rows than this go through kernels that round differently, so that an
#: object alone would get other bits than the same object among many.
_FEWEST_ROWS = 4


def predicted_logits(
    net: NeuralNet, sequences: Sequences, device: str, mixed_precision: bool
) -> np.ndarray:
    """Return the logits of all objects, shape (n_objects, n_outputs), dtype float64.

    The net moves to the device first, and stays there.

    On a CPU they are the same alone, in any batch and in any order, to the last digits of float64
    where a row of a matrix product does not depend on the other rows, as on the x86 processor that
    it was tried on; elsewhere, and on a GPU, to about 1e-6.
    """
    logits = np.empty((len(sequences), net.module_.head[-1].out_features))
    for rows, found in _batches(net, sequences, device, mixed_precision):
        logits[rows] = found
    return logits


def stepwise_logits(net: NeuralNet, sequences: Sequences, device: str) -> np.ndarray:
    """Return the logits after every step of all objects, shape (n_steps, n_outputs), dtype float64.

    The steps of an object follow those of the one before; after each the logits are those that
    `predicted_logits` finds where the sequence ends there, if the network reads forwards only. In
    bfloat16 the two would differ by its rounding.
    """
    logits = np.empty((int(sequences.lengths.sum()), net.module_.head[-1].out_features))
    for rows, found in _batches(net, sequences, device, False, stepwise=True):
        lengths = sequences.lengths[rows]
        step = np.arange(found.shape[1])
        inside = step < lengths[:, None]
        logits[(sequences.first[rows][:, None] + step)[inside]] = found[inside]
    return logits


def _batches(
    net: NeuralNet, sequences: Sequences, device: str, mixed_precision: bool, **options: bool
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the rows of each batch and what the network says of them."""
    if net.device != device:
        net.module_.to(device)
        net.device = device
    net.module_.mixed_precision = mixed_precision
    on_cpu = torch.device(device).type == "cpu"
    if net.module_.training:
        net.module_.eval()
    with one_thread(), torch.inference_mode():
        for rows in Batches(sequences, _BATCH if on_cpu else _GPU_BATCH).rows():
            inputs, _ = sequences.batch(np.resize(rows, max(len(rows), _FEWEST_ROWS)))
            found = net.infer(inputs, precise=on_cpu, **options)
            yield rows, found[: len(rows)].cpu().numpy()


def as_probabilities(logits: np.ndarray) -> np.ndarray:
    """Return the probabilities of all classes; logits of one axis are those of the second."""
    if logits.ndim == 2:
        return softmax(logits, axis=1)
    # Neither from the other: the smaller one would lose its digits.
    return np.column_stack([expit(-logits), expit(logits)])


def refuse_not_finite(logits: np.ndarray, position: np.ndarray) -> None:
    """Name the first object with a logit that is none; `position` is the object of each row."""
    bad = ~np.isfinite(logits).all(axis=1)
    if bad.any():
        raise ValueError(
            f"object at position {int(position[np.argmax(bad)])}: its logit is not finite; "
            "expected features of the size of those in fit."
        )
