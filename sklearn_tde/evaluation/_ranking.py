"""Labelled objects, the most probable first, weighted to another mix of classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from sklearn_tde._labels import check_pos_label
from sklearn_tde._photometry import shown
from sklearn_tde.calibration._priors import class_shares

from ._checks import check_labels
from ._report import CrossValidationReport
from ._scores import bootstrap_weights

# Numbers that are drawn at a time.
_BLOCK_SIZE = 2_000_000
# From the warning of an incomplete mix up to the caller of a public function with checked
# parameters.
_STACKLEVEL = 5


class Drawn(NamedTuple):
    """What may be at or above each value, and what no labelled object tells about.

    Attributes
    ----------
    everything, positive : ndarray of shape (n_draws, n_values)
        Candidates, and those of them to find, as shares of all candidates.

    beyond_positive, beyond_others : ndarray of shape (n_draws, 1)
        Those to find and the others that may lie anywhere between the labelled object above and
        the one below: to be added to each value, or not.
    """

    everything: np.ndarray
    positive: np.ndarray
    beyond_positive: np.ndarray
    beyond_others: np.ndarray


class Ranking:
    """Objects by probability, each counting as the share of the candidates that it stands for.

    Parameters
    ----------
    y_true : array-like of shape (n_objects,) or CrossValidationReport
        True labels; or a report, of which all repeats are taken.

    probability : array-like of shape (n_objects,) or None
        Probability of `pos_label`; None for a report.

    pos_label : int, float, bool, str or None
        The class to find; None for the default.

    prior : dict, str or None
        The mix of classes; None for that of the objects.

    Attributes
    ----------
    pos_label : int, float, bool or str
        The class to find.

    prior : dict of label to float
        Share of every class.

    values : ndarray of shape (n_values,)
        The distinct probabilities, from high to low.
    """

    def __init__(
        self,
        y_true: Any,
        probability: Any,
        pos_label: Any,
        prior: Mapping[Any, float] | str | None,
    ):
        y, found, objects = _predictions(y_true, probability)
        classes, codes = np.unique(y, return_inverse=True)
        if isinstance(y_true, CrossValidationReport):
            pos_label = _label_of(y_true, pos_label)
        self.pos_label = check_pos_label(pos_label, classes)
        sizes = np.bincount(codes)
        shares = sizes / sizes.sum()
        if prior is not None:
            shares = class_shares(prior, classes, "prior", stacklevel=_STACKLEVEL)
        self._shares = shares
        self.prior = dict(zip(classes.tolist(), shares.tolist(), strict=True))
        if not self.prior[self.pos_label]:
            raise ValueError(
                f"prior: the share of {self.pos_label!r} is 0; expected a number above 0, for "
                "there is nothing to find otherwise."
            )
        order = np.argsort(-found, kind="stable")
        self._positive = (y == self.pos_label)[order]
        self._weight = (shares / sizes)[codes][order]
        self._probability, self._object = found[order], objects[order]
        self._n_repeats = len(y) // len(np.unique(objects))
        # The same stratum in every repeat.
        self._strata = np.empty(self._object.max() + 1, dtype=codes.dtype)
        self._strata[objects] = codes
        # Objects of equal probability pass a threshold together: only the last of each tie is
        # an operating point.
        self._ends = np.flatnonzero(np.append(np.diff(self._probability) != 0, True))
        self.values = self._probability[self._ends]

    def cumulative(self, counts: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the candidates at or above each value, and those of them to find.

        Parameters
        ----------
        counts : ndarray of shape (n_draws, n_objects) or None, default=None
            How often each object was drawn; None counts each once.

        Returns
        -------
        everything, positive : ndarray of shape (n_draws, n_values)
            As shares of all candidates.
        """
        weight = self._weight[np.newaxis]
        if counts is not None:
            weight = weight * counts[:, self._object]
        everything = np.cumsum(weight, axis=1)[:, self._ends]
        return everything, np.cumsum(weight * self._positive, axis=1)[:, self._ends]

    def promised(self) -> np.ndarray:
        """Return the share of candidates to find at or above each value, by the probabilities."""
        return np.cumsum(self._weight * self._probability)[self._ends]

    def n_others(self) -> np.ndarray:
        """Return how many objects of other classes lie at or above each value, per repeat."""
        others = ~self._positive & (self._weight > 0)
        return np.cumsum(others)[self._ends] / self._n_repeats

    def draws(self, n_bootstrap: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Draw objects within their classes, and return `cumulative` for blocks of draws.

        Parameters
        ----------
        n_bootstrap : int
            Number of draws.

        seed : int
            Seed of the draws.

        Yields
        ------
        everything, positive : ndarray of shape (n_block, n_values)
            As shares of all candidates.
        """
        for counts in bootstrap_weights(self._strata, n_bootstrap, seed):
            yield self.cumulative(counts)

    def limits(self, n_draws: int, seed: int) -> Iterator[Drawn]:
        """Draw how the candidates of each class are spread over the labelled objects of it.

        The shares of a class between its labelled objects, and beyond the first and the last, are
        as uniform spacings, one more than there are objects. So the share at or above a value that
        k of n objects reach is Beta(k, n - k + 1) without the one more and Beta(k + 1, n - k) with
        it: the distributions whose ends are those of Clopper and Pearson.

        Parameters
        ----------
        n_draws : int
            Number of draws.

        seed : int
            Seed of the draws.

        Yields
        ------
        drawn : Drawn
            A block of draws.
        """
        rng = np.random.default_rng(seed)
        codes, n_classes = self._strata, len(self._shares)
        sizes = np.bincount(codes, minlength=n_classes)
        is_positive = np.array([label == self.pos_label for label in self.prior])
        block = max(1, _BLOCK_SIZE // len(self._object))
        for start in range(0, n_draws, block):
            rows = min(block, n_draws - start)
            # Exponential numbers, divided by their sum, are such spacings.
            spacing = rng.standard_exponential((rows, len(codes)))
            more = rng.standard_exponential((rows, n_classes))
            total = more.copy()
            for code in range(n_classes):
                total[:, code] += spacing[:, codes == code].sum(axis=1)
            everything, positive = self.cumulative(spacing * (sizes / total)[:, codes])
            beyond = self._shares * more / total
            yield Drawn(
                everything,
                positive,
                beyond[:, is_positive],
                beyond[:, ~is_positive].sum(axis=1, keepdims=True),
            )


def _predictions(y_true: Any, probability: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels, probabilities and the number of the object of every prediction."""
    if isinstance(y_true, CrossValidationReport):
        if probability is not None:
            raise ValueError("probability: a report holds its own; expected None with a report.")
        _, objects = np.unique(y_true.predictions_["position"], return_inverse=True)
        return y_true.y_true, y_true.y_proba, objects
    if probability is None:
        raise ValueError("probability must be given with labels; expected one per object.")
    objects = np.arange(len(y_true))
    return check_labels(y_true, objects), _numbers(probability, len(objects)), objects


def _numbers(probability: Any, n_objects: int) -> np.ndarray:
    try:
        found = np.asarray(probability, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError("probability cannot be read as one number per object.") from error
    if found.shape != (n_objects,):
        raise ValueError(
            f"probability has shape {found.shape}; expected one number for each of {n_objects} "
            "labels, of predict_proba the column of pos_label."
        )
    # NaN is neither.
    sound = (found >= 0) & (found <= 1)
    if not sound.all():
        position = int((~sound).argmax())
        raise ValueError(
            f"probability at position {position} is {found[position]}; expected a number between "
            "0 and 1."
        )
    return found


def _label_of(report: CrossValidationReport, pos_label: Any) -> Any:
    if pos_label is not None and pos_label != report.pos_label:
        raise ValueError(
            f"pos_label={shown(pos_label)}, but the report {report.name!r} holds probabilities of "
            f"{report.pos_label!r}; expected None or that label."
        )
    return report.pos_label
