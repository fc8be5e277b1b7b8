"""The parts of the training objects, each of which is left out once."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_tde._cross_fitting import make_splitter
from sklearn_tde._labels import check_class_sizes


def split_into_parts(
    cv: Any, y: np.ndarray, groups: np.ndarray | None, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return who trains and who is left out, part by part, and refuse what is not honest.

    Parameters
    ----------
    cv : int or splitter
        An integer gives shuffled stratified parts.
    y : ndarray of shape (n_objects,)
        Class labels.
    groups : ndarray of shape (n_objects,) or None
        Codes of groups that stay together.
    seed : int
        Seed of the parts for an integer `cv`.

    Returns
    -------
    parts : list of (train, test)
        Positions.
    """
    if groups is None:
        check_class_sizes(y, cv, "cv")
    splitter = make_splitter(cv, y, groups is not None, seed)
    rows = np.arange(len(y))
    # Indexing positions also turns boolean masks into positions.
    parts = [
        (rows[train], rows[test])
        for train, test in splitter.split(np.empty((len(y), 1)), y, groups)
    ]
    left_out = np.bincount(np.concatenate([test for _, test in parts]), minlength=len(y))
    if (left_out != 1).any():
        position = int(np.flatnonzero(left_out != 1)[0])
        raise ValueError(
            f"cv leaves the object at position {position} out {left_out[position]} times; "
            "expected each object to be left out once."
        )
    for number, part in enumerate(parts):
        _check_part(number, *part, y, groups)
    return parts


def _check_part(
    number: int, train: np.ndarray, test: np.ndarray, y: np.ndarray, groups: np.ndarray | None
) -> None:
    if not len(test):
        raise ValueError(
            f"cv leaves no object out in part {number}; expected fewer parts, or more groups."
        )
    shared = np.intersect1d(train, test)
    if len(shared):
        raise ValueError(
            f"cv trains on the object at position {shared[0]} and leaves it out in part {number}; "
            "expected either."
        )
    if groups is not None:
        split = test[np.isin(groups[test], groups[train])]
        if len(split):
            raise ValueError(
                f"cv leaves the object at position {split[0]} out in part {number}, but trains on "
                "others of its group; expected an integer, or a splitter that keeps groups "
                "together."
            )
    missing = np.setdiff1d(y, y[train])
    if len(missing):
        raise ValueError(
            f"cv leaves no object of the class {missing.tolist()[0]!r} to train on in part "
            f"{number}; expected all classes in each."
        )
