"""What training makes small."""

from __future__ import annotations

import torch
from torch import nn


class WeightedLoss(nn.Module):
    """Cross-entropy of weighted objects, divided by their number.

    With one logit, and ``n_negative / n_positive`` as the weight of the positives and 1 as that
    of the negatives, it is ``BCEWithLogitsLoss(pos_weight=n_negative / n_positive)``.
    """

    def forward(
        self, logits: torch.Tensor, target: tuple[torch.Tensor, torch.Tensor]
    ) -> torch.Tensor:
        """Return the loss of logits (n_objects, n_outputs) for (class codes, weights)."""
        y, weight = target
        if logits.shape[1] == 1:
            loss = nn.functional.binary_cross_entropy_with_logits(
                logits[:, 0], y.to(logits.dtype), reduction="none"
            )
        else:
            loss = nn.functional.cross_entropy(logits, y, reduction="none")
        return (loss * weight).mean()
