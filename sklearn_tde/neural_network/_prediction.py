"""Logits that do not depend on which objects share a batch."""

from __future__ import annotations

import numpy as np
import torch
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
    if net.device != device:
        net.module_.to(device)
        net.device = device
    net.module_.mixed_precision = mixed_precision
    on_cpu = torch.device(device).type == "cpu"
    logits = np.empty((len(sequences), net.module_.head[-1].out_features))
    if net.module_.training:
        net.module_.eval()
    with one_thread(), torch.inference_mode():
        for rows in Batches(sequences, _BATCH if on_cpu else _GPU_BATCH).rows():
            inputs, _ = sequences.batch(np.resize(rows, max(len(rows), _FEWEST_ROWS)))
            found = net.infer(inputs, precise=on_cpu)
            logits[rows] = found[: len(rows)].cpu().numpy()
    return logits
