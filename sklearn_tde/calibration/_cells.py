"""P-values of classes, from the scores of calibration objects of the same class and bin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd


def n_needed(confidence_level: float) -> int:
    """Return how many calibration objects the level needs before a class can be ruled out."""
    # 1 / (1 - 0.9) is a little more than 10.
    return int(np.ceil(1 / (1 - confidence_level) - 1e-9)) - 1


def class_codes(y: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the position of each label in the classes of a frozen estimator.

    Parameters
    ----------
    y : ndarray of shape (n_objects,)
        Labels.
    classes : ndarray of shape (n_classes,)
        The classes.

    Returns
    -------
    codes : ndarray of shape (n_objects,)
        Positions.
    """
    codes = pd.Index(classes).get_indexer(y)
    if (codes < 0).any():
        position = int(np.argmax(codes < 0))
        raise ValueError(
            f"y has {y.tolist()[position]!r} at position {position}; expected one of the classes "
            f"of the frozen estimator, {classes.tolist()}."
        )
    return codes


@dataclass(frozen=True)
class CalibrationCells:
    """Scores of calibration objects, compared within a class, or within a class and a bin.

    Attributes
    ----------
    score : ndarray of shape (n_rows,), dtype float64
        How little each row conforms to its own class, ascending.
    code, bin, group, model : ndarray of shape (n_rows,), dtype int
        Its class, its bin, the object that it belongs to, and the model that gave the score.
    n_classes, n_bins, n_models : int
        How many there are.
    needed : int
        A bin with fewer objects of a class is not used: all objects of the class are. A matter of
        the calibration and not of the level that is asked for later, or sets would not be nested.
    """

    score: np.ndarray
    code: np.ndarray
    bin: np.ndarray
    group: np.ndarray
    model: np.ndarray
    n_classes: int
    n_bins: int
    n_models: int
    needed: int

    def sizes(self) -> tuple[np.ndarray, np.ndarray]:
        """Count the objects.

        Returns
        -------
        of_class : ndarray of shape (n_classes,), dtype int
            Those of each class.
        of_bin : ndarray of shape (n_classes, n_bins), dtype int
            Those of each class and bin; an object with rows in several bins counts in each.
        """
        rows = pd.DataFrame({"code": self.code, "bin": self.bin, "group": self.group})
        once = rows.drop_duplicates(["code", "group"])
        of_class = np.bincount(once["code"], minlength=self.n_classes)
        once = rows.drop_duplicates()
        cell = once["code"] * self.n_bins + once["bin"]
        of_bin = np.bincount(cell, minlength=self.n_classes * self.n_bins)
        return of_class, of_bin.reshape(self.n_classes, self.n_bins)

    def shortages(
        self, confidence_level: float, classes: np.ndarray, bins: np.ndarray
    ) -> list[str]:
        """Say which classes, and which bins of the others, have too few objects for a level.

        Parameters
        ----------
        confidence_level : float
            The level.
        classes : ndarray of shape (n_classes,)
            Names of the classes.
        bins : ndarray of shape (n_bins,)
            Names of the bins.

        Returns
        -------
        messages : list of str
            One for the classes, one for the bins that are not used, and one for those that are but
            have too few objects for this level, where there are such.
        """
        needed = n_needed(confidence_level)
        of_class, of_bin = self.sizes()
        labels, names = classes.tolist(), bins.tolist()
        start = (
            f"confidence_level={confidence_level:g} needs {needed} calibration objects of a class"
        )
        messages = []
        few = [f"{labels[c]!r} has {of_class[c]}" for c in np.flatnonzero(of_class < needed)]
        if few:
            messages.append(f"{start}: {', '.join(few)}. Sets of every object hold such a class.")
        enough, used = (of_class >= needed)[:, np.newaxis], of_bin >= self.needed
        for there, consequence in (
            (~used, "All objects of the class stand in for them."),
            (used, "Sets of objects there hold such a class."),
        ):
            few = [
                f"{labels[c]!r} in bin {names[b]!r} has {of_bin[c, b]}"
                for c, b in np.argwhere((of_bin < needed) & enough & there)
            ]
            if few:
                messages.append(f"{start} in a bin: {', '.join(few)}. {consequence}")
        return messages

    def p_values(self, scores: Sequence[np.ndarray], bins: np.ndarray) -> np.ndarray:
        """Return the share of calibration objects that conform no better than the objects do.

        Parameters
        ----------
        scores : sequence of ndarray of shape (n_objects, n_classes)
            How little the objects conform to each class, by each model.
        bins : ndarray of shape (n_objects,), dtype int
            Their bins, -1 for one without calibration objects.

        Returns
        -------
        p_values : ndarray of shape (n_objects, n_classes), dtype float64
            Above 0, at most 1.
        """
        of_class, of_bin = self.sizes()
        p_values = np.empty(scores[0].shape)
        for code in range(self.n_classes):
            in_class = self.code == code
            p_values[:, code] = self._share(scores, code, in_class, of_class[code])
            for number in np.flatnonzero(of_bin[code] >= self.needed):
                there = bins == number
                if there.any():
                    own = [score[there] for score in scores]
                    in_bin = in_class & (self.bin == number)
                    p_values[there, code] = self._share(own, code, in_bin, of_bin[code, number])
        return p_values

    def _share(
        self, scores: Sequence[np.ndarray], code: int, cell: np.ndarray, n_objects: int
    ) -> np.ndarray:
        """Return the p-values of one class from some of the rows, an object counting once."""
        weight = np.zeros(len(self.score))
        group = self.group[cell]
        weight[cell] = 1 / np.bincount(group)[group]
        # The object itself is one more that conforms no better than it does.
        total = np.ones(len(scores[0]))
        for model in range(self.n_models):
            rows = cell & (self.model == model)
            above = np.append(np.cumsum(weight[rows][::-1])[::-1], 0)
            total += above[np.searchsorted(self.score[rows], scores[model][:, code])]
        return np.minimum(total / (n_objects + 1), 1)
