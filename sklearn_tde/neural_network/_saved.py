"""A net built again around the weights that a saved classifier holds in its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from torch import nn

from sklearn_tde.neural_network._training import make_net, seeded, set_weights


def rebuilt_net(
    weights: Mapping[str, np.ndarray],
    network: type[nn.Module],
    network_params: Mapping[str, Any],
    params: Mapping[str, Any],
    *,
    n_features: int,
    n_classes: int,
    device: str,
) -> NeuralNet:
    """Return an initialised net of an estimator's parameters with the saved weights."""
    with seeded(0, "cpu"):
        _check_weights(weights, network, network_params, n_features, n_classes)
    net = make_net(
        network, network_params, params, n_features=n_features, n_classes=n_classes, device=device
    )
    with seeded(0, net.device):
        net.initialize()
    set_weights(net, weights)
    return net


def _check_weights(
    weights: Mapping[str, np.ndarray],
    network: type[nn.Module],
    network_params: Mapping[str, Any],
    n_features: int,
    n_classes: int,
) -> None:
    """Refuse weights of another network before it is built: a file could ask for any size."""
    found = {name: np.shape(value) for name, value in weights.items()}
    expected = {}
    if network_params["num_layers"] <= len(found):
        # On this device a network has shapes and takes no memory.
        with torch.device("meta"):
            module = network(n_features, 1 if n_classes == 2 else n_classes, **network_params)
        expected = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    if found != expected:
        sizes = ", ".join(f"{name}={value!r}" for name, value in network_params.items())
        raise ValueError(
            f"the saved weights are not those of {sizes}, {n_features} features and {n_classes} "
            "classes."
        )
