"""From flat parameters to a skorch net, trained without touching the global generators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from sklearn.utils import compute_class_weight
from skorch import NeuralNet
from skorch.callbacks import EarlyStopping, GradientNormClipping, LRScheduler
from skorch.helper import predefined_split

from sklearn_tde.neural_network._callbacks import ClassRecall, ProgressBar
from sklearn_tde.neural_network._lstm_module import LSTMNetwork, WeightedLoss
from sklearn_tde.neural_network._sequences import Batches, Sequences


@contextmanager
def seeded(seed: int, device: str) -> Iterator[None]:
    """Seed torch for a while and give its generators back as they were."""
    cuda = [torch.device(device)] if torch.device(device).type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.manual_seed(seed)
        yield


def resolve_device(device: str) -> str:
    """Return the device that "auto" stands for here, and any other as it is."""
    if device != "auto":
        return device
    return "cuda" if torch.cuda.is_available() else "cpu"


def class_weights(
    class_weight: str | Mapping[Any, float] | None,
    classes: np.ndarray,
    codes: np.ndarray,
    sample_weight: np.ndarray,
) -> np.ndarray:
    """Return the weight of every class, shape (n_classes,)."""
    if class_weight == "balanced":
        members = np.bincount(codes, sample_weight, len(classes))
        # A class whose objects all weigh nothing has no say in the loss anyway.
        members = np.where(members > 0, members, np.inf)
        if len(classes) == 2:
            return np.array([1.0, members[0] / members[1] if np.isfinite(members[0]) else 1.0])
        return sample_weight.sum() / (len(classes) * members)
    return compute_class_weight(class_weight, classes=classes, y=classes[codes])


def standardization(training: Sequences, n_masks: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the shift and gain of every channel; masks and constant channels stay as they are."""
    steps = training.steps[:-1].double()
    shift, gain = torch.zeros(steps.shape[1]), torch.ones(steps.shape[1])
    if len(steps):
        channels = slice(0, steps.shape[1] - n_masks)
        shift[channels] = steps[:, channels].mean(dim=0).float()
        spread = steps[:, channels].std(dim=0, correction=0).float()
        gain[channels] = torch.where(spread > 1e-6, 1.0 / spread, 1.0)
    return shift, gain


def make_net(
    params: Mapping[str, Any],
    *,
    n_features: int,
    n_classes: int,
    n_updates: int = 1,
    valid: Sequences | None = None,
    random_state: np.random.RandomState | None = None,
) -> NeuralNet:
    """Build the skorch net of an estimator's parameters; it is not initialised."""
    callbacks: list[Any] = [("class_recall", ClassRecall(n_classes))]
    if params["gradient_clip"] is not None:
        callbacks.append(("gradient_clip", GradientNormClipping(params["gradient_clip"])))
    if params["lr_schedule"] == "one_cycle":
        schedule = LRScheduler(
            torch.optim.lr_scheduler.OneCycleLR,
            step_every="batch",
            max_lr=params["lr"],
            # A cycle of fewer updates has no room to warm up.
            total_steps=max(n_updates, 4),
        )
        callbacks.append(("lr_schedule", schedule))
    if valid is not None:
        stopping = EarlyStopping(
            patience=params["n_iter_no_change"], load_best=True, sink=lambda text: None
        )
        callbacks.append(("early_stopping", stopping))
    if params["verbose"] == 1:
        callbacks.append(("progress", ProgressBar()))
    return NeuralNet(
        LSTMNetwork,
        module__n_features=n_features,
        module__n_outputs=1 if n_classes == 2 else n_classes,
        module__hidden_dim=params["hidden_dim"],
        module__num_layers=params["num_layers"],
        module__bidirectional=params["bidirectional"],
        module__dropout=params["dropout"],
        criterion=WeightedLoss,
        optimizer=torch.optim.AdamW,
        optimizer__weight_decay=params["weight_decay"],
        lr=params["lr"],
        max_epochs=params["max_epochs"],
        batch_size=params["batch_size"],
        iterator_train=Batches,
        iterator_train__random_state=random_state,
        iterator_train__step_dropout=params["step_dropout"],
        iterator_train__truncation=params["truncation"],
        iterator_valid=Batches,
        train_split=None if valid is None else predefined_split(valid),
        callbacks=callbacks + deepcopy(list(params["callbacks"] or [])),
        callbacks__print_log__sink=print if params["verbose"] > 1 else _silent,
        device=resolve_device(params["device"]),
        verbose=1 if params["verbose"] > 1 else 0,
    )


def _silent(text: str) -> None:
    """Print nothing."""


def get_weights(net: NeuralNet) -> dict[str, np.ndarray]:
    """Return weights and buffers of a trained net as numpy arrays."""
    return {name: value.cpu().numpy() for name, value in net.module_.state_dict().items()}


def set_weights(net: NeuralNet, weights: Mapping[str, np.ndarray]) -> None:
    """Put weights and buffers into an initialised net."""
    net.module_.load_state_dict(
        {name: torch.from_numpy(np.array(value)) for name, value in weights.items()}
    )


def plain_history(net: NeuralNet, n_earlier: int) -> list[dict[str, Any]]:
    """Return the history of a net as plain dictionaries, without the batches."""
    numbers, lists = ("dur", "train_loss", "valid_loss"), ("train_recall", "valid_recall")
    return [
        {
            "epoch": n_earlier + k,
            **{name: float(epoch[name]) for name in numbers if name in epoch},
            **{name: epoch[name] for name in lists if name in epoch},
        }
        for k, epoch in enumerate(net.history, start=1)
    ]
