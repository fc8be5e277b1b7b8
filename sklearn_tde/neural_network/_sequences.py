"""Sequences of different lengths, held without padding and served in batches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

#: Batches among which sequences of similar length are brought together: enough to save most of
#: the padding, few enough that every epoch still mixes the sequences anew.
_POOL = 8
#: Shortest part of a sequence that truncation leaves.
_SHORTEST = 0.15


class Sequences(torch.utils.data.Dataset):
    """The steps of every object that the network reads, in flat tensors.

    Parameters
    ----------
    X : ndarray of shape (n_objects, n_steps, n_features), dtype float32
        Features, the masks last.
    y : ndarray of shape (n_objects,) or None, default=None
        Class codes.
    weight : ndarray of shape (n_objects,) or None, default=None
        Weights of the objects in the loss.
    n_masks : int, default=0
        Number of mask channels; without any, every step is an observation.
    only_observed : bool, default=True
        Leave out the steps that no mask marks; otherwise only those after the last observation.
    """

    def __init__(
        self,
        X: np.ndarray,
        y: np.ndarray | None = None,
        weight: np.ndarray | None = None,
        *,
        n_masks: int = 0,
        only_observed: bool = True,
    ) -> None:
        n_steps = X.shape[1]
        if n_masks:
            seen = (X[:, :, -n_masks:] > 0).any(axis=2)
        else:
            seen = np.ones(X.shape[:2], dtype=bool)
        if only_observed:
            read = seen
        else:
            last = np.where(seen.any(axis=1), n_steps - np.argmax(seen[:, ::-1], axis=1), 0)
            read = np.arange(n_steps) < last[:, None]
        self.lengths = read.sum(axis=1)
        self.first = np.concatenate([[0], np.cumsum(self.lengths)[:-1]])
        # One row of zeros at the end stands for padding.
        steps = np.zeros((int(self.lengths.sum()) + 1, X.shape[2]), dtype=np.float32)
        steps[:-1] = X[read]
        self.steps = torch.from_numpy(steps)
        self.seen = torch.from_numpy(np.append(seen[read], False))
        n_objects = len(X)
        self.y = torch.from_numpy(np.zeros(n_objects) if y is None else y)
        weight = np.ones(n_objects) if weight is None else weight
        self.weight = torch.from_numpy(weight.astype(np.float32))

    def __len__(self) -> int:
        return len(self.lengths)

    def batch(
        self, rows: np.ndarray, keep: np.ndarray | None = None
    ) -> tuple[dict[str, torch.Tensor], tuple[torch.Tensor, ...]]:
        """Return the network's arguments and the target of some objects, padded on the right.

        Only the steps that `keep`, (n_rows, longest sequence), marks are there, if it is given.
        """
        lengths = self.lengths[rows]
        steps = np.arange(max(int(lengths.max()), 1))
        at = np.where(steps < lengths[:, None], self.first[rows][:, None] + steps, -1)
        if keep is not None:
            lengths = keep.sum(axis=1)
            moved = np.argsort(~keep, axis=1, kind="stable")[:, : max(int(lengths.max()), 1)]
            at = np.take_along_axis(np.where(keep, at, -1), moved, axis=1)
        at = torch.from_numpy(at)
        rows = torch.from_numpy(rows)
        inputs = {
            "steps": self.steps[at],
            "seen": self.seen[at],
            "lengths": torch.from_numpy(lengths),
        }
        return inputs, (self.y[rows], self.weight[rows])


class Batches:
    """Batches of sequences of similar length; iterating again shuffles anew.

    Parameters
    ----------
    sequences : Sequences
        The objects.
    batch_size : int
        Objects in a batch.
    random_state : numpy.random.RandomState or None, default=None
        Shuffles objects and batches. None: from the shortest to the longest.
    step_dropout : float, default=0.0
        Largest fraction of the steps of an object that a batch leaves out.
    truncation : float, default=0.0
        Probability that a batch has an object only up to a random step.
    """

    def __init__(
        self,
        sequences: Sequences,
        batch_size: int,
        random_state: np.random.RandomState | None = None,
        step_dropout: float = 0.0,
        truncation: float = 0.0,
    ) -> None:
        self.sequences = sequences
        self.batch_size = batch_size
        self.random_state = random_state
        self.step_dropout = step_dropout
        self.truncation = truncation

    def __len__(self) -> int:
        return -(-len(self.sequences) // self.batch_size)

    def rows(self) -> list[np.ndarray]:
        """Return the rows of each batch."""
        lengths = self.sequences.lengths
        if self.random_state is None:
            order = np.argsort(lengths, kind="stable")
            return np.split(order, range(self.batch_size, len(order), self.batch_size))
        shuffled = self.random_state.permutation(len(lengths))
        batches = []
        for begin in range(0, len(shuffled), self.batch_size * _POOL):
            pool = shuffled[begin : begin + self.batch_size * _POOL]
            pool = pool[np.argsort(lengths[pool], kind="stable")]
            batches += np.split(pool, range(self.batch_size, len(pool), self.batch_size))
        return [batches[k] for k in self.random_state.permutation(len(batches))]

    def __iter__(self) -> Iterator[tuple[dict[str, torch.Tensor], tuple[torch.Tensor, ...]]]:
        thinned = self.random_state is not None and (self.step_dropout or self.truncation)
        for rows in self.rows():
            yield self.sequences.batch(rows, self._keep(rows) if thinned else None)

    def _keep(self, rows: np.ndarray) -> np.ndarray:
        """Draw the steps of each object that a batch has, at least two where there are."""
        lengths = self.sequences.lengths[rows][:, None]
        steps = np.arange(max(int(lengths.max()), 1))
        inside = steps < lengths
        cut, share, rate = self.random_state.random_sample((3, len(rows), 1))
        drawn = self.random_state.random_sample(inside.shape)
        share = np.where(cut < self.truncation, _SHORTEST + (1 - _SHORTEST) * share, 1.0)
        keep = inside & (steps < np.ceil(lengths * share)) & (drawn >= rate * self.step_dropout)
        return np.where(keep.sum(axis=1, keepdims=True) < 2, inside, keep)
