"""From flat parameters to a skorch net, trained without touching the global generators."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import deepcopy
from threading import Lock, RLock
from typing import Any

import numpy as np
import torch
from sklearn.utils import compute_class_weight
from skorch import NeuralNet
from skorch.callbacks import EarlyStopping, GradientNormClipping, LRScheduler
from skorch.helper import predefined_split
from torch import nn

from sklearn_tde.neural_network._callbacks import ClassRecall, FiniteLoss, ProgressBar
from sklearn_tde.neural_network._loss import WeightedLoss
from sklearn_tde.neural_network._sequences import Batches, Sequences

# Threads of one process share torch's generator: whoever has seeded it uses it alone.
_GENERATOR = RLock()


@contextmanager
def seeded(seed: int, device: str) -> Iterator[None]:
    """Seed torch for a while and give its generators back as they were."""
    cuda = [torch.device(device)] if torch.device(device).type == "cuda" else []
    with _GENERATOR, torch.random.fork_rng(devices=cuda):
        torch.manual_seed(seed)
        yield


class _Threads:
    """How many run `one_thread`, and the number of torch's threads before the first of them."""

    lock, users, before = Lock(), 0, 1


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread of the processor for a while.

    The networks are small: more threads gain little on an idle machine and wait for each other
    on a busy one, where training took seven to seventeen times longer.
    """
    # The number is one for the whole process: the last to leave gives it back.
    with _Threads.lock:
        if not _Threads.users:
            _Threads.before = torch.get_num_threads()
        _Threads.users += 1
    torch.set_num_threads(1)
    try:
        yield
    finally:
        with _Threads.lock:
            _Threads.users -= 1
            if not _Threads.users:
                torch.set_num_threads(_Threads.before)


def resolve_device(device: str, *, missing: str = "raise") -> str:
    """Return the device to compute on; "auto" is the GPU where there is one.

    A GPU that is `missing` is an error ("raise"), or replaced by the CPU, with a warning ("warn")
    or without ("ignore").
    """
    has_gpu = torch.cuda.is_available()
    if device == "auto":
        return "cuda" if has_gpu else "cpu"
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise ValueError(
            f"device={device!r} is no device of torch; expected 'auto', 'cpu', 'cuda', ..."
        ) from error
    if kind != "cuda" or has_gpu:
        return device
    if missing == "raise":
        raise ValueError(f"device={device!r}: there is no GPU here; expected 'auto' or 'cpu'.")
    if missing == "warn":
        warnings.warn(f"device={device!r}: there is no GPU here; the CPU is used.", stacklevel=4)
    return "cpu"


class StopTraining(Exception):  # noqa: N818
    """A callback has asked for the end of the training."""


class TransientNet(NeuralNet):
    """skorch's net, which tells a callback that stops the training from a user's Ctrl-C."""

    def notify(self, method_name: str, **kwargs: Any) -> None:
        """Call the callbacks; skorch's way for them to stop is a KeyboardInterrupt."""
        try:
            super().notify(method_name, **kwargs)
        except KeyboardInterrupt as interrupt:
            raise StopTraining from interrupt


def train(net: NeuralNet, training: Sequences) -> None:
    """Train an initialised net; unlike skorch's own method, let an interrupt through."""
    net.notify("on_train_begin", X=training, y=None)
    with suppress(StopTraining):
        net.fit_loop(training)
    net.notify("on_train_end", X=training, y=None)
    if not all(value.isfinite().all() for value in net.module_.state_dict().values()):
        raise ValueError(
            f"training diverged: weights are not finite after {len(net.history)} epochs with "
            f"lr={net.lr:g}; lower lr, or limit the gradient with gradient_clip."
        )


def class_weights(
    class_weight: str | Mapping[Any, float] | None,
    classes: np.ndarray,
    codes: np.ndarray,
    sample_weight: np.ndarray,
) -> np.ndarray:
    """Return the weight of every class, shape (n_classes,)."""
    if class_weight == "balanced":
        members = np.bincount(codes, sample_weight, len(classes))
        if len(classes) == 2:
            # As the reference's pos_weight, whichever of the two is the rarer one.
            return np.divide(members.max(), members, out=np.ones(2), where=members > 0)
        # A class whose objects all weigh nothing has no say in the loss anyway.
        members = np.where(members > 0, members, np.inf)
        return sample_weight.sum() / (len(classes) * members)
    weights = compute_class_weight(class_weight, classes=classes, y=classes[codes])
    bad = ~(np.isfinite(weights) & (weights >= 0))
    if bad.any():
        raise ValueError(
            f"class_weight: the weight of {classes[bad].tolist()[0]!r} is "
            f"{weights[bad].tolist()[0]}; expected a finite number of 0 or more."
        )
    return weights


def rank_classes(codes: np.ndarray, sample_weight: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the class that each output of a net stands for while it trains.

    From the most to the least frequent, equals by their first appearance: the alphabet has no say.
    """
    members = np.bincount(codes, sample_weight, n_classes)
    first = np.full(n_classes, len(codes))
    np.minimum.at(first, codes, np.arange(len(codes)))
    return np.lexsort((first, -members))


def reorder_outputs(net: NeuralNet, order: np.ndarray) -> None:
    """Make output k of an initialised net what was its output ``order[k]``.

    The one logit of two classes is that of the second: turned around it changes its sign.
    """
    last = net.module_.head[-1]
    with torch.no_grad():
        for values in (last.weight, last.bias):
            if last.out_features > 1:
                values.copy_(values[torch.from_numpy(order).to(values.device)])
            elif order[0] == 1:
                values.neg_()


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
    network: type[nn.Module],
    network_params: Mapping[str, Any],
    params: Mapping[str, Any],
    *,
    n_features: int,
    n_classes: int,
    class_order: np.ndarray | None = None,
    n_updates: int = 1,
    valid: Sequences | None = None,
    random_state: np.random.RandomState | None = None,
    device: str = "cpu",
) -> NeuralNet:
    """Build the skorch net of a network and an estimator's parameters; it is not initialised."""
    class_order = np.arange(n_classes) if class_order is None else class_order
    callbacks: list[Any] = [
        ("class_recall", ClassRecall(class_order)),
        ("finite_loss", FiniteLoss()),
    ]
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
    return TransientNet(
        network,
        module__n_features=n_features,
        module__n_outputs=1 if n_classes == 2 else n_classes,
        **{f"module__{name}": value for name, value in network_params.items()},
        criterion=WeightedLoss,
        optimizer=torch.optim.AdamW,
        optimizer__weight_decay=params["weight_decay"],
        # One kernel for all weights: they are so small that the calls cost more than the work.
        optimizer__fused=torch.device(device).type in ("cpu", "cuda"),
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
        device=device,
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
