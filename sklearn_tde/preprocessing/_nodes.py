"""The steps of light curves at which a value may differ from that of the step before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sklearn_tde.preprocessing._start import EDGE
from sklearn_tde.preprocessing._steps import first_step_from


@dataclass(frozen=True)
class Nodes:
    """Steps of all curves in flat columns, curve by curve, each with the steps that it stands for.

    A curve is constant before its first observation and after its last one, which is most of a
    grid: one node stands for all steps before, one for all after, and each of those between for
    one step. A step that shows an observation is between. A curve without observations has no
    nodes.

    Attributes
    ----------
    left : ndarray of shape (n_nodes,)
        Row of the last observation at or before the step, the first one where there is none.
    step : ndarray of shape (n_nodes,)
        The step.
    times : ndarray of shape (n_nodes,)
        Number of steps that the node stands for; 0 for a first or last node that is not needed.
    since : ndarray of shape (n_nodes,)
        Days from the observation `left` to the step, negative before the first one.
    gap : ndarray of shape (n_nodes,)
        Days from the observation `left` to the next one of the curve, infinite for the last one.
    base : ndarray of shape (n_observations,)
        What added to a step is its node in the curve of the observation.
    filled : ndarray of shape (n_curves,)
        Whether the curve has observations.
    n_steps : int
        Number of steps of the grid.
    """

    left: np.ndarray
    step: np.ndarray
    times: np.ndarray
    since: np.ndarray
    gap: np.ndarray
    base: np.ndarray
    filled: np.ndarray
    n_steps: int

    @classmethod
    def between(
        cls,
        curve: np.ndarray,
        time: np.ndarray,
        shown: np.ndarray | None,
        grid: np.ndarray,
        n_curves: int,
        *,
        everywhere: bool,
    ) -> Nodes:
        """Place the nodes of observations that are ordered by curve and time, one at least.

        `shown` is the step that shows each of them, if any does; with `everywhere`, every step
        has a node of its own.
        """
        n_steps = len(grid)
        counts = np.bincount(curve, minlength=n_curves)
        filled = counts > 0
        tail = np.cumsum(counts)[filled] - 1
        head = np.append(0, tail[:-1] + 1)
        begin = first_step_from(time, grid)
        # The steps from low to before high have nodes of their own.
        if everywhere:
            low, high = np.zeros_like(head), np.full_like(tail, n_steps)
        else:
            low, high = begin[head], begin[tail]
            if shown is not None:
                low, high = np.minimum(low, shown[head]), np.maximum(high, shown[tail] + 1)
            low, high = np.maximum(low, 0), np.minimum(high, n_steps)
        begin[head] = low - 1
        end = np.append(begin[1:], 0)
        end[tail] = high + 1
        number = end - begin
        end_node = np.cumsum(number)
        base = end_node - end

        left = np.repeat(np.arange(len(time)), number)
        step = np.clip(np.arange(len(left)) - base[left], 0, n_steps - 1)
        times = np.ones(len(left), dtype=np.int64)
        times[(low - 1) + base[head]] = low
        times[end_node[tail] - 1] = n_steps - high
        gap = np.append(time[1:], np.inf) - time
        gap[tail] = np.inf
        since = grid[step] - time[left]
        return cls(left, step, times, since, gap[left], base, filled, n_steps)

    def interpolate(self, values: np.ndarray) -> np.ndarray:
        """Return what observed values are at the nodes: linear between, constant beyond."""
        change = np.append(values[1:], values[-1]) - values
        fraction = np.maximum(self.since / self.gap, 0.0)
        return values[self.left] + fraction * change[self.left]

    def put_averages(
        self,
        shown: np.ndarray,
        flux: np.ndarray,
        flux_err: np.ndarray,
        node_flux: np.ndarray,
        node_flux_err: np.ndarray,
    ) -> np.ndarray:
        """Put the weighted means of the observations into their nodes, which are returned.

        Observations outside the grid may shape the interpolation, but no step shows them.
        """
        inside = (shown >= 0) & (shown < self.n_steps)
        node = (shown + self.base)[inside]
        weight = 1.0 / flux_err[inside] ** 2
        total = np.bincount(node, weight, len(self.left))
        sums = np.bincount(node, weight * flux[inside], len(self.left))
        seen = np.flatnonzero(total > 0)
        node_flux[seen] = sums[seen] / total[seen]
        node_flux_err[seen] = 1.0 / np.sqrt(total[seen])
        return seen

    def covered(self) -> np.ndarray:
        """Return the nodes between the first and the last observation of their curves."""
        is_last = self.gap == np.inf
        return np.flatnonzero(
            (self.since >= -EDGE) & ~(is_last & (self.since > EDGE)) & (self.times > 0)
        )

    def days_to_nearest(self) -> np.ndarray:
        """Return the days from each node to the nearest observation of the curve."""
        return np.minimum(np.abs(self.since), np.abs(self.gap - self.since))

    def expand(self, values: np.ndarray) -> np.ndarray:
        """Return the values of all steps, (n_curves, n_steps), 0 for curves without nodes."""
        steps = np.repeat(values, self.times).reshape(-1, self.n_steps)
        if len(steps) == len(self.filled):
            return steps
        full = np.zeros((len(self.filled), self.n_steps))
        full[self.filled] = steps
        return full
