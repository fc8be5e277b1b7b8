"""The recurrent network."""

from __future__ import annotations

import torch
from torch import nn


class LSTMNetwork(nn.Module):
    """Linear projection, stacked LSTM or GRU, mean over the observed steps, two-layer head.

    Parameters
    ----------
    n_features : int
        Channels of a step.
    n_outputs : int
        Number of logits.
    cell : {"lstm", "gru"}, default="lstm"
        Kind of the recurrent layers.
    hidden_dim : int, default=64
        Size of the projection and of the hidden state in each direction.
    num_layers : int, default=2
        Stacked recurrent layers.
    bidirectional : bool, default=True
        Whether each layer also reads the sequence backwards.
    dropout : float, default=0.2
        Probability of dropping a value between the layers and in the head.
    mixed_precision : bool, default=False
        Whether projection and recurrent layers compute in bfloat16; weights, mean and head do not.
    """

    def __init__(
        self,
        n_features: int,
        n_outputs: int,
        cell: str = "lstm",
        hidden_dim: int = 64,
        num_layers: int = 2,
        bidirectional: bool = True,
        dropout: float = 0.2,
        mixed_precision: bool = False,
    ) -> None:
        super().__init__()
        self.mixed_precision = mixed_precision
        directions = 2 if bidirectional else 1
        width = directions * hidden_dim
        # Buffers, so that they are saved with the weights: the features are standardised inside.
        self.register_buffer("shift", torch.zeros(n_features))
        self.register_buffer("gain", torch.ones(n_features))
        self.projection = nn.Linear(n_features, hidden_dim)
        sizes = [hidden_dim] + [width] * (num_layers - 1)
        layer = {"lstm": nn.LSTM, "gru": nn.GRU}[cell]
        self.forward_layers = nn.ModuleList(
            layer(size, hidden_dim, batch_first=True) for size in sizes
        )
        self.backward_layers = nn.ModuleList(
            layer(size, hidden_dim, batch_first=True) for size in sizes if bidirectional
        )
        self.between = nn.Dropout(dropout)
        self.head = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, n_outputs)
        )

    def standardize(self, shift: torch.Tensor, gain: torch.Tensor) -> None:
        """Make the network read ``(steps - shift) * gain``, both of shape (n_features,)."""
        self.shift.copy_(shift)
        self.gain.copy_(gain)

    def forward(
        self,
        steps: torch.Tensor,
        seen: torch.Tensor,
        lengths: torch.Tensor,
        precise: bool = False,
        stepwise: bool = False,
    ) -> torch.Tensor:
        """Return the logits of a batch.

        Parameters
        ----------
        steps : Tensor of shape (n_objects, n_steps, n_features)
            Features, padded on the right.
        seen : Tensor of shape (n_objects, n_steps), dtype bool
            Steps to average.
        lengths : Tensor of shape (n_objects,)
            Steps of each object before the padding.
        precise : bool, default=False
            Whether the mean and the head are computed in float64: what rounding the number of
            steps and of objects would otherwise change there is out of sight.
        stepwise : bool, default=False
            Whether to return the logits after every step, as if the sequence ended there; not for
            a network that also reads backwards.

        Returns
        -------
        logits : Tensor of shape (n_objects, n_outputs) or (n_objects, n_steps, n_outputs)
            The logits, with `stepwise` of every step.
        """
        steps = (steps - self.shift) * self.gain
        if self.mixed_precision:
            with torch.autocast(steps.device.type, torch.bfloat16):
                hidden = self._read(steps, lengths).float()
        else:
            hidden = self._read(steps, lengths)
        weight = seen.unsqueeze(2).to(hidden.dtype)
        dtype = torch.float64 if precise else hidden.dtype
        add_up = torch.cumsum if stepwise else torch.sum
        number = add_up(weight, dim=1).clamp(min=1.0)
        pooled = add_up(hidden * weight, dim=1, dtype=dtype) / number
        if not precise:
            return self.head(pooled)
        for layer in self.head:
            if isinstance(layer, nn.Linear):
                pooled = nn.functional.linear(pooled, layer.weight.double(), layer.bias.double())
            else:
                pooled = layer(pooled)
        return pooled

    def _read(self, steps: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Return the hidden state at every step, shape (n_objects, n_steps, width)."""
        hidden = self.projection(steps)
        mirror = _mirrored_steps(lengths, steps.shape[1]) if self.backward_layers else None
        for layer, forward_layer in enumerate(self.forward_layers):
            if layer:
                hidden = self.between(hidden)
            outputs = [forward_layer(hidden)[0]]
            if mirror is not None:
                backwards = self.backward_layers[layer](_reorder(hidden, mirror))[0]
                outputs.append(_reorder(backwards, mirror))
            hidden = torch.cat(outputs, dim=2)
        return hidden


def _mirrored_steps(lengths: torch.Tensor, n_steps: int) -> torch.Tensor:
    """Return the positions that reverse each sequence within its own length."""
    steps = torch.arange(n_steps, device=lengths.device)
    lengths = lengths.unsqueeze(1)
    return torch.where(steps < lengths, lengths - 1 - steps, steps)


def _reorder(hidden: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    return hidden.gather(1, positions.unsqueeze(2).expand(-1, -1, hidden.shape[2]))
