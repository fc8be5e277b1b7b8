"""What is recorded and shown while a network trains."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from skorch.callbacks import Callback
from tqdm.auto import tqdm


class ClassRecall(Callback):
    """Record the recall of every class per epoch, from the outputs of the epoch itself.

    The history gains ``train_recall`` and, with early stopping, ``valid_recall``: a list in the
    order of the classes. Training outputs are those with dropout, before each update.

    Parameters
    ----------
    class_order : ndarray of shape (n_classes,)
        The class that each output of the net stands for.
    """

    def __init__(self, class_order: np.ndarray) -> None:
        self.class_order = class_order
        self.n_classes = len(class_order)

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Forget the last epoch."""
        self.hits_ = {part: torch.zeros(self.n_classes) for part in (True, False)}
        self.members_ = {part: torch.zeros(self.n_classes) for part in (True, False)}

    def on_batch_end(
        self,
        net: Any,
        batch: Any = None,
        training: bool = False,
        y_pred: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> None:
        """Count the members of each class and those found."""
        y = batch[1][0].long()
        logits = y_pred.detach().cpu()
        found = (logits[:, 0] > 0).long() if logits.shape[1] == 1 else logits.argmax(dim=1)
        self.members_[training] += torch.bincount(y, minlength=self.n_classes)
        self.hits_[training] += torch.bincount(y[found == y], minlength=self.n_classes)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Write the recalls into the history."""
        for training, name in ((True, "train_recall"), (False, "valid_recall")):
            if self.members_[training].sum() > 0:
                recall = self.hits_[training] / self.members_[training]
                net.history.record(name, recall[np.argsort(self.class_order)].tolist())


class FiniteLoss(Callback):
    """Refuse to go on once the loss is no number."""

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Check the loss of the epoch."""
        loss = net.history[-1, "train_loss"]
        if not math.isfinite(loss):
            raise ValueError(
                f"training diverged: the loss of epoch {len(net.history)} is {float(loss)} with "
                f"lr={net.lr:g}; lower lr, or limit the gradient with gradient_clip."
            )


class ProgressBar(Callback):
    """A bar over the epochs on a terminal; nothing where the output is no terminal."""

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Open the bar."""
        self.bar_ = tqdm(total=net.max_epochs, unit="epoch", disable=None, leave=False)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Advance the bar and show the loss."""
        self.bar_.update()
        self.bar_.set_postfix(loss=f"{net.history[-1, 'train_loss']:.3f}")

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Close the bar."""
        self.bar_.close()
