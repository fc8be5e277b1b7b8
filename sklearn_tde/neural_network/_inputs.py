"""What a classifier of sequences is given: refused, or as (n_objects, n_steps, n_features)."""

from __future__ import annotations

from typing import Any

import numpy as np


def refuse_light_curves(X: Any, classifier: str, remedy: str) -> None:
    """Refuse light curves that no transformer has turned into arrays; say what does it."""
    if "light_curve" in getattr(X, "columns", ()):
        raise TypeError(f"X holds light curves; {classifier} expects arrays. {remedy}")


def check_sequences(X: np.ndarray, n_masks: int) -> np.ndarray:
    """Refuse an array that is not (n_objects, n_steps, n_features) with the masks last."""
    if X.ndim != 3:
        raise ValueError(
            f"X has {X.ndim} dimensions; expected (n_objects, n_steps, n_features) or "
            "(n_objects, n_steps)."
        )
    if X.shape[2] <= n_masks:
        raise ValueError(
            f"X has {X.shape[2]} features of which n_masks={n_masks} are masks; expected "
            "at least one that is none. Set n_masks=0 if X has no masks."
        )
    masks = X[:, :, X.shape[2] - n_masks :]
    bad = ((masks != 0) & (masks != 1)).any(axis=(1, 2))
    if bad.any():
        raise ValueError(
            f"object at position {int(np.flatnonzero(bad)[0])}: its last {n_masks} "
            f"features are masks (n_masks={n_masks}) and not all 0 or 1; expected one mask "
            "per band."
        )
    if n_masks:
        # A mask that is taken for a feature would hide observations. Unlike a mask, a flag
        # of the object does not change from step to step.
        before = X[:, :, X.shape[2] - n_masks - 1]
        if ((before == 0) | (before == 1)).all() and (np.diff(before, axis=1) != 0).any():
            raise ValueError(
                f"X: the feature before the last n_masks={n_masks} is 0 or 1 as well, like "
                "a mask; expected n_masks to be the number of bands."
            )
    return X


def check_n_features(X: np.ndarray, n_features: int, classifier: str) -> None:
    """Refuse an array that is not (n_objects, n_steps, n_features) with the features of `fit`."""
    if X.ndim != 3 or X.shape[2] != n_features:
        raise ValueError(
            f"X has the shape {X.shape}, but {classifier} is expecting {n_features} features as "
            f"input: (n_objects, n_steps, {n_features})."
        )


def columns_as_steps(X: np.ndarray, with_time: bool) -> np.ndarray:
    """Return a table as sequences of one channel, with the time before it where it is read."""
    values = X[:, :, None]
    if not with_time:
        return values
    time = np.linspace(0, 1, X.shape[1], dtype=np.float32)
    time = np.broadcast_to(time[:, None], values.shape)
    return np.concatenate([time, values], axis=2)
