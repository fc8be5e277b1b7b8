"""The recipe of the reference study, written straightforwardly in numpy and torch, to time against.

Nothing of the package is used: a loop over the objects grids them, a network reads every step of
every object, and a plain loop trains it. The test of the benchmark checks that the grid is that of
``LightCurveGridder.reference()``, and the network that of ``LSTMTransientClassifier.reference()``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import nn

BANDS = ("g", "r")
N_STEPS = 300
BATCH = 128
EPOCHS = 500


class Curve(NamedTuple):
    """Observations of one object in one band, in the order of time."""

    days: np.ndarray
    flux: np.ndarray
    error: np.ndarray


def split_objects(
    time: np.ndarray,
    band: np.ndarray,
    flux: np.ndarray,
    flux_err: np.ndarray,
    offsets: np.ndarray,
) -> list[dict[str, Curve]]:
    """Return ready arrays, per object and band, with the days since the first detection."""
    objects = []
    for begin, end in zip(offsets[:-1], offsets[1:], strict=True):
        t, b, f, e = (values[begin:end] for values in (time, band, flux, flux_err))
        detected = f >= 5 * e
        days = t - (t[detected].min() if detected.any() else t.min())
        objects.append({name: Curve(days[b == name], f[b == name], e[b == name]) for name in BANDS})
    return objects


def grid(objects: list[dict[str, Curve]]) -> np.ndarray:
    """Put light curves on the grid, object by object, shape (n_objects, 300, 7), float32."""
    steps = np.linspace(0.0, 300.0, N_STEPS)
    out = np.zeros((len(objects), N_STEPS, 7), dtype=np.float32)
    for k, curves in enumerate(objects):
        fluxes = np.concatenate([curve.flux for curve in curves.values()])
        positive = fluxes[fluxes > 0]
        scale = np.median(positive) if len(positive) else 1.0
        out[k, :, 0] = steps / 300.0
        for j, (days, flux, error) in enumerate(curves.values()):
            if not len(days):
                continue
            scaled = np.interp(steps, days, flux) / scale
            out[k, :, 1 + j] = np.sign(scaled) * np.log1p(np.abs(scaled))
            out[k, :, 3 + j] = np.interp(steps, days, error) / scale
            out[k, :, 5 + j] = (steps >= days[0]) & (steps <= days[-1])
    return out


class ReferenceNetwork(nn.Module):
    """Projection, two fused bidirectional layers, mean over the masked steps, head."""

    def __init__(self) -> None:
        super().__init__()
        self.projection = nn.Linear(7, 64)
        self.lstm = nn.LSTM(64, 64, num_layers=2, dropout=0.2, bidirectional=True, batch_first=True)
        self.head = nn.Sequential(
            nn.Linear(128, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 1)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits of gridded light curves, shape (n_objects,)."""
        hidden, _ = self.lstm(self.projection(x))
        mask = (x[:, :, 5:].amax(dim=2, keepdim=True) > 0).to(hidden.dtype)
        pooled = (hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1.0)
        return self.head(pooled)[:, 0]


def predict_proba(network: nn.Module, X: np.ndarray) -> np.ndarray:
    """Return P(positive) of gridded light curves, shape (n_objects,)."""
    network.eval()
    with torch.no_grad():
        batches = [
            torch.sigmoid(network(torch.from_numpy(X[k : k + BATCH])))
            for k in range(0, len(X), BATCH)
        ]
    return torch.cat(batches).numpy()


class ReferenceTraining:
    """A network, its optimiser and its data; call `epoch` as often as wanted."""

    def __init__(self, X: np.ndarray, y: np.ndarray, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.X, self.y = torch.from_numpy(X), torch.from_numpy(y.astype(np.float32))
        self.network = ReferenceNetwork()
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=1e-4, weight_decay=1e-5)
        pos_weight = torch.tensor((y == 0).sum() / (y == 1).sum(), dtype=torch.float32)
        self.loss = nn.BCEWithLogitsLoss(pos_weight=pos_weight)

    def epoch(self, n_objects: int | None = None) -> None:
        """Train for one epoch, or on so many objects of it."""
        self.network.train()
        order = torch.randperm(len(self.X))[:n_objects]
        for begin in range(0, len(order), BATCH):
            rows = order[begin : begin + BATCH]
            self.optimizer.zero_grad()
            self.loss(self.network(self.X[rows]), self.y[rows]).backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.optimizer.step()
