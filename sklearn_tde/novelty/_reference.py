"""Training objects to measure others by: how far from them, and of how many classes at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.metrics import pairwise_distances_chunked
from sklearn.preprocessing import RobustScaler

from sklearn_tde.novelty._known import count_known


class Reference:
    """Training objects to measure others by.

    Parameters
    ----------
    table : ndarray of shape (n_training, n_features)
        Their features; objects of which none is known teach nothing.
    codes : ndarray of shape (n_training,)
        Their classes.
    classifier : classifier or None
        Not trained yet.
    n_neighbors : int
        How many of them the distance is to.
    """

    def __init__(
        self, table: np.ndarray, codes: np.ndarray, classifier: Any, n_neighbors: int
    ) -> None:
        known = count_known(table) > 0
        if not known.any():
            raise ValueError(
                f"X: no feature is known of any of {len(table)} training objects; expected some."
            )
        table, codes = table[known], codes[known]
        self.imputer = SimpleImputer(strategy="median", keep_empty_features=True)
        self.scaler = RobustScaler()
        filled = self.imputer.fit_transform(table)
        self.points = np.arcsinh(self.scaler.fit_transform(filled))
        self.n_neighbors = min(n_neighbors, len(filled))
        self.classifier = None if classifier is None else classifier.fit(filled, codes)

    def measure(self, table: np.ndarray) -> np.ndarray:
        """Return distance and, with a classifier, entropy; NaN where no feature is known."""
        known = count_known(table) > 0
        measured = np.full((len(table), 1 if self.classifier is None else 2), np.nan)
        if known.any():
            measured[known] = self._measure(table[known])
        return measured

    def _measure(self, table: np.ndarray) -> np.ndarray:
        filled = self.imputer.transform(table)
        distance = self._distance(np.arcsinh(self.scaler.transform(filled)))
        if self.classifier is None:
            return distance[:, np.newaxis]
        probabilities = self.classifier.predict_proba(filled)
        logs = np.log(np.maximum(probabilities, np.finfo(float).tiny))
        # Sums over trees round: equal probabilities are to stay equal.
        entropy = np.round(-(probabilities * logs).sum(axis=1), 12)
        return np.column_stack([distance, entropy])

    def _distance(self, points: np.ndarray) -> np.ndarray:
        """Return the mean distance to the nearest training objects."""
        k = self.n_neighbors

        def nearest(distances: np.ndarray, start: int) -> np.ndarray:
            return np.partition(distances, k - 1, axis=1)[:, :k].mean(axis=1)

        return np.concatenate(
            list(pairwise_distances_chunked(points, self.points, reduce_func=nearest))
        )
