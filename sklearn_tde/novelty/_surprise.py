"""How surprising distances and entropies are, among training objects that are known as well."""

from __future__ import annotations

import numpy as np

#: Share of the largest known distances whose mean excess says how fast larger ones get rare.
_TAIL = 0.1
#: With copies, the fewest training objects and copies to compare with, and the most kinds of them.
_SMALLEST, _MOST = 200, 10


class Surprise:
    """Turns what was measured of objects into scores, by what was measured of training objects.

    What is not known of an object makes it look typical. So with copies, such as earlier states,
    it is compared with those alone of which about as many features are known.

    Parameters
    ----------
    measured : ndarray of shape (n_training, n_values)
        Distance and, where there is a classifier, entropy, each by what others taught; NaN for
        objects that were not measured.
    n_known : ndarray of shape (n_training,)
        Number of features that are known of each.
    weight : ndarray of shape (n_training,)
        How much each counts, 1 on average.
    has_copies : bool
        Whether there are copies among them.
    rate : float
        Share to be flagged.
    """

    def __init__(
        self,
        measured: np.ndarray,
        n_known: np.ndarray,
        weight: np.ndarray,
        has_copies: bool,
        rate: float,
    ) -> None:
        found = np.isfinite(measured[:, 0])
        self.edges = _edges(n_known[found]) if has_copies else np.empty(0)
        stratum = self._stratum(n_known)
        rows = [found & (stratum == number) for number in range(len(self.edges) + 1)]
        self.strata = [_Stratum(measured[r], weight[r]) for r in rows]
        self.shifts = np.zeros(len(rows))
        scores = self.scores(measured, n_known)
        self.offset = offset_of(scores[found], weight[found], rate)
        # One threshold is then right for all.
        self.shifts += [self.offset - offset_of(scores[r], weight[r], rate) for r in rows]

    def _stratum(self, n_known: np.ndarray) -> np.ndarray:
        return np.searchsorted(self.edges, n_known, side="right")

    def scores(self, measured: np.ndarray, n_known: np.ndarray) -> np.ndarray:
        """Return the sum of the logarithms of the p-values, NaN for what was not measured."""
        stratum = self._stratum(n_known)
        scores = np.full(len(measured), np.nan)
        for number, known in enumerate(self.strata):
            rows = np.isfinite(measured[:, 0]) & (stratum == number)
            scores[rows] = known.scores(measured[rows]) + self.shifts[number]
        return scores


class _Stratum:
    """Training objects of one kind.

    Parameters
    ----------
    measured : ndarray of shape (n_training, n_values)
        As above.
    weight : ndarray of shape (n_training,)
        How much each counts.
    """

    def __init__(self, measured: np.ndarray, weight: np.ndarray) -> None:
        order = np.argsort(measured, axis=0)
        self.known = np.take_along_axis(measured, order, axis=0)
        # How much those count that are as large, and none.
        as_large = np.cumsum(weight[order][::-1], axis=0)[::-1]
        self.as_large = np.vstack([as_large, np.zeros(as_large.shape[1])])

    def scores(self, measured: np.ndarray) -> np.ndarray:
        scores = np.zeros(len(measured))
        columns = zip(self.known.T, self.as_large.T, measured.T, strict=True)
        for known, as_large, values in columns:
            as_large_as_it = as_large[np.searchsorted(known, values)]
            scores += np.log((as_large_as_it + 1) / (as_large[0] + 1))
        # Counts cannot tell how far beyond all known distances one is; an exponential goes on.
        known = self.known[:, 0]
        n_tail = max(int(_TAIL * len(known)), 1)
        excess = np.mean(known[-n_tail:] - known[-1 - n_tail])
        if excess > 0:
            scores -= np.maximum(measured[:, 0] - known[-1], 0) / excess
        return scores


def _edges(n_known: np.ndarray) -> np.ndarray:
    """Return where one kind of objects ends and the next begins, each with objects enough."""
    size = max(_SMALLEST, len(n_known) / _MOST)
    edges, count = [], 0
    for value, n_objects in zip(*np.unique(n_known, return_counts=True), strict=True):
        if count >= size:
            edges.append(value)
            count = 0
        count += n_objects
    # The last ones, if too few, join those before them.
    return np.array(edges[:-1] if count < size else edges)


def weights_of(groups: np.ndarray | None, parents: np.ndarray, n_objects: int) -> np.ndarray:
    """Return how much objects and copies count: relatives once, copies as much as their parent.

    Parameters
    ----------
    groups : ndarray of shape (n_objects,) or None
        Codes of relatives.
    parents : ndarray of shape (n_samples,)
        Position of the object that each is, or is a copy of; the objects come first.
    n_objects : int
        Number of objects.

    Returns
    -------
    weight : ndarray of shape (n_samples,), dtype float64
        1 on average.
    """
    weight = np.ones(len(parents))
    weight[:n_objects] = np.maximum(np.bincount(parents) - 1, 1)
    of_group = parents if groups is None else groups[parents]
    weight /= np.bincount(of_group, weight)[of_group]
    return weight / weight.mean()


def offset_of(scores: np.ndarray, weight: np.ndarray, rate: float) -> float:
    """Return the score that a share of the objects is below.

    Parameters
    ----------
    scores : ndarray of shape (n_objects,)
        Finite.
    weight : ndarray of shape (n_objects,)
        How much each counts.
    rate : float
        The share.

    Returns
    -------
    offset : float
        The score.
    """
    order = np.argsort(scores)
    # numpy's quantiles with weights do not interpolate; with equal weights this is its default.
    below = np.cumsum(weight[order]) - weight[order]
    return float(np.interp(rate, below / below[-1], scores[order]))
