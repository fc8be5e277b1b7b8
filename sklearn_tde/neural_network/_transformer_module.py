"""The network that attends to the observations themselves."""

from __future__ import annotations

import math

import torch
from torch import nn

#: Sizes at which a value is looked at, in units of its spread over the training data.
_SCALES = (0.5, 1.0, 2.0, 4.0)
#: The same for the days since an earlier observation, in units of the spread of the time.
_AGES = (0.2, 1.0)
#: Number, longest and shortest of the periods of the time that is embedded, in the same units.
_N_PERIODS, _LONGEST, _SHORTEST = 8, 16.0, 0.125


def _frequencies(number: int) -> torch.Tensor:
    """Return frequencies of so many periods, evenly spaced in their logarithm."""
    return 2 * math.pi / torch.logspace(math.log10(_LONGEST), math.log10(_SHORTEST), number)


class TransformerNetwork(nn.Module):
    """Embedded observations, causal self-attention, maximum over them, two-layer head.

    Parameters
    ----------
    n_features : int
        Channels of a step: time, values, masks.
    n_outputs : int
        Number of logits.
    hidden_dim : int, default=32
        Size of an embedded observation, an even multiple of `num_heads`.
    num_layers : int, default=1
        Blocks of attention and two dense layers.
    num_heads : int, default=2
        Heads of each attention.
    dropout : float, default=0.1
        Probability of dropping a value of what a block adds, and in the head.
    n_masks : int, default=2
        Number of channels, the last ones, that mask the bands.
    mixed_precision : bool, default=False
        Whether all but pooling and head compute in bfloat16.
    """

    def __init__(
        self,
        n_features: int,
        n_outputs: int,
        hidden_dim: int = 32,
        num_layers: int = 1,
        num_heads: int = 2,
        dropout: float = 0.1,
        n_masks: int = 2,
        mixed_precision: bool = False,
    ) -> None:
        super().__init__()
        self.mixed_precision = mixed_precision
        self.n_masks = n_masks
        # Buffers, so that they are saved with the weights: the features are standardised inside.
        self.register_buffer("shift", torch.zeros(n_features))
        self.register_buffer("gain", torch.ones(n_features))
        self.register_buffer("scales", torch.tensor(_SCALES))
        self.register_buffer("ages", torch.tensor(_AGES))
        self.register_buffer("frequencies", _frequencies(_N_PERIODS))
        self.register_buffer("rotations", _frequencies(hidden_dim // num_heads // 2))
        n_values = n_features - n_masks - 1
        # What a step holds of itself, and of the last observation of each band and its own.
        earlier = n_values * len(_SCALES) + len(_AGES) + 1
        own = (n_values + 1) * len(_SCALES) + 2 * _N_PERIODS + n_masks
        # One linear map of everything is the sum of an embedding of each part.
        self.embedding = nn.Linear(own + (max(n_masks, 1) + 1) * earlier, hidden_dim)
        self.blocks = nn.ModuleList(
            AttentionBlock(hidden_dim, num_heads, dropout) for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(hidden_dim)
        self.head = nn.Sequential(
            nn.Linear(hidden_dim, hidden_dim),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden_dim, n_outputs),
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
            Steps to pool.
        lengths : Tensor of shape (n_objects,)
            Not used: no step reads the padding, which is after it.
        precise : bool, default=False
            Whether to compute in float64, with `mixed_precision` pooling and head only: what
            rounding the number of steps and of objects would otherwise change is out of sight.
        stepwise : bool, default=False
            Whether to return the logits after every step, as if the sequence ended there.

        Returns
        -------
        logits : Tensor of shape (n_objects, n_outputs) or (n_objects, n_steps, n_outputs)
            The logits, with `stepwise` of every step.
        """
        if self.mixed_precision:
            with torch.autocast(steps.device.type, torch.bfloat16):
                hidden = self.read(steps).float()
        elif precise and steps.dtype != torch.float64:
            weights = {name: value.double() for name, value in self.state_dict().items()}
            arguments = (steps.double(), seen, lengths)
            return torch.func.functional_call(self, weights, arguments, {"stepwise": stepwise})
        else:
            hidden = self.read(steps)
        hidden = hidden.masked_fill(~seen.unsqueeze(2), -torch.inf)
        largest = hidden.cummax(dim=1).values if stepwise else hidden.amax(dim=1)
        # Where nothing is observed there is no maximum.
        return self.head(torch.where(torch.isneginf(largest), 0.0, largest))

    def read(self, steps: torch.Tensor) -> torch.Tensor:
        """Return what each step makes of itself and those before it, (n_objects, n_steps, size)."""
        steps = (steps - self.shift) * self.gain
        time = steps[:, :, :1]
        hidden = self.embedding(self._features(steps, time))
        angles = (time * self.rotations).unsqueeze(1)
        rotation = angles.cos(), angles.sin()
        for block in self.blocks:
            hidden = block(hidden, rotation)
        return self.norm(hidden)

    def _features(self, steps: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        """Return what is embedded of each step."""
        n_channels = steps.shape[2] - self.n_masks
        values, masks = steps[:, :, 1:n_channels], steps[:, :, n_channels:]
        phases = time * self.frequencies
        looked_at = torch.tanh(steps[:, :, :n_channels, None] / self.scales)
        parts = [looked_at.flatten(2), phases.sin(), phases.cos(), masks]

        positions = _earlier_positions(masks if self.n_masks else torch.ones_like(time))
        found = positions >= 0
        n_objects, n_steps, n_found = positions.shape
        at = positions.clamp(min=0).flatten(1).unsqueeze(2)
        earlier = values.gather(1, at.expand(-1, -1, values.shape[2]))
        earlier = earlier.view(n_objects, n_steps, n_found, -1)
        # Of the one before in its own band it is the change that counts.
        change = values - earlier[:, :, -1]
        earlier = torch.cat([earlier[:, :, :-1], change.unsqueeze(2)], dim=2)
        age = time.unsqueeze(2) - time.gather(1, at).view(n_objects, n_steps, n_found, 1)
        earlier = torch.tanh(earlier.unsqueeze(4) / self.scales).flatten(3)
        earlier = torch.cat([earlier, torch.tanh(age / self.ages)], dim=3)
        found = found.unsqueeze(3).to(earlier.dtype)
        parts.append(torch.cat([earlier * found, found], dim=3).flatten(2))
        return torch.cat(parts, dim=2)


def _earlier_positions(masks: torch.Tensor) -> torch.Tensor:
    """Return where the last observation of each band is, (n_objects, n_steps, n_bands + 1).

    It is the step itself where that is of the band. Last of all comes the observation before
    the step in its own band. -1: there is none.
    """
    steps = torch.arange(masks.shape[1], device=masks.device).view(1, -1, 1)
    latest = torch.where(masks > 0, steps, -1).cummax(dim=1).values
    before = nn.functional.pad(latest[:, :-1], (0, 0, 1, 0), value=-1)
    own = torch.where(masks > 0, before, -1).amax(dim=2, keepdim=True)
    return torch.cat([latest, own], dim=2)


class AttentionBlock(nn.Module):
    """Causal self-attention and two dense layers, each added to what it reads normalised.

    Parameters
    ----------
    hidden_dim : int
        Size of a step.
    num_heads : int
        Number of heads.
    dropout : float
        Probability of dropping a value of what is added.
    """

    def __init__(self, hidden_dim: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.attention_norm = nn.LayerNorm(hidden_dim)
        self.queries_keys_values = nn.Linear(hidden_dim, 3 * hidden_dim)
        self.attended = nn.Linear(hidden_dim, hidden_dim)
        self.dense_norm = nn.LayerNorm(hidden_dim)
        self.wider = nn.Linear(hidden_dim, 2 * hidden_dim)
        self.narrower = nn.Linear(2 * hidden_dim, hidden_dim)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, hidden: torch.Tensor, rotation: tuple[torch.Tensor, torch.Tensor]
    ) -> torch.Tensor:
        """Return the steps after the block, (n_objects, n_steps, hidden_dim) as before it.

        `rotation` has the cosines and sines of the angles by which the time turns queries and
        keys: their products know the days between two steps, whatever t = 0 is.
        """
        n_objects, n_steps, size = hidden.shape
        parts = self.queries_keys_values(self.attention_norm(hidden))
        parts = parts.view(n_objects, n_steps, 3, self.num_heads, size // self.num_heads)
        queries, keys, values = parts.permute(2, 0, 3, 1, 4)
        queries, keys = _rotated(queries, *rotation), _rotated(keys, *rotation)
        # Each step attends to itself and those before it, so never to the padding at the end.
        found = nn.functional.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        found = self.attended(found.transpose(1, 2).reshape(n_objects, n_steps, size))
        hidden = hidden + self.dropout(found)
        inner = nn.functional.gelu(self.wider(self.dense_norm(hidden)))
        return hidden + self.dropout(self.narrower(inner))


def _rotated(values: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    """Return pairs of values, one of each half, turned by an angle each."""
    first, second = values.chunk(2, dim=-1)
    turned = (first * cosine - second * sine, first * sine + second * cosine)
    return torch.cat(turned, dim=-1).to(values.dtype)
