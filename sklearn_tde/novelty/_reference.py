"""Training objects to measure others by: how far from them, and of how many classes at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.metrics import pairwise_distances_chunked
from sklearn.preprocessing import RobustScaler


class Reference:
    """Training objects to measure others by.

    Parameters
    ----------
    table : ndarray of shape (n_training, n_features)
        Their features.
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
        self.imputer = SimpleImputer(strategy="median", keep_empty_features=True)
        self.scaler = RobustScaler()
        filled = self.imputer.fit_transform(table)
        self.points = np.arcsinh(self.scaler.fit_transform(filled))
        self.n_neighbors = min(n_neighbors, len(filled))
        self.classifier = None if classifier is None else classifier.fit(filled, codes)

    def measure(self, table: np.ndarray) -> np.ndarray:
        """Return the distance and, if there is a classifier, the entropy of each object."""
        n_values = 1 if self.classifier is None else 2
        if not len(table):
            return np.empty((0, n_values))
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
