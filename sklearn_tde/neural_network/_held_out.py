"""Which training objects early stopping sets aside."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, train_test_split


def split_held_out(
    codes: np.ndarray, groups: np.ndarray | None, fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Split rows into those that train and those set aside, stratified by class.

    Parameters
    ----------
    codes : ndarray of shape (n_objects,)
        Class codes.
    groups : ndarray of shape (n_objects,) or None
        Codes of the groups, which stay on one side.
    fraction : float
        Share to set aside. Of groups it is one of the equal parts that come nearest to it, 1/7
        for 0.15, and of those the part whose share of every class is nearest to the fraction.
    seed : int
        Seed of the split.

    Returns
    -------
    rows, held_out : ndarray of int
        Positions of the objects on either side.
    """
    if groups is not None:
        return _split_groups(codes, groups, fraction, seed)
    try:
        rows, held_out = train_test_split(
            np.arange(len(codes)), test_size=fraction, stratify=codes, random_state=seed
        )
    except ValueError as error:
        raise ValueError(
            f"early_stopping=True: validation_fraction={fraction:g} of {len(codes)} objects "
            f"cannot be set aside class by class. {error}"
        ) from error
    return rows, held_out


def _split_groups(
    codes: np.ndarray, groups: np.ndarray, fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    # More than half is set aside by training on one part in place of holding one out.
    n_splits = max(2, round(1 / min(fraction, 1 - fraction)))
    largest_class = int(np.bincount(codes).max())
    n_splits = min(n_splits, largest_class, len(np.unique(groups)))
    best, smallest = None, np.inf
    if n_splits > 1:
        splitter = StratifiedGroupKFold(n_splits, shuffle=True, random_state=seed)
        with warnings.catch_warnings():
            # That a class has fewer members than there are parts is met by the choice of one.
            warnings.filterwarnings("ignore", "The least populated class", UserWarning)
            splits = list(splitter.split(codes, codes, groups))
        for rest, part in splits:
            rows, held_out = (rest, part) if fraction <= 0.5 else (part, rest)
            shares = _class_shares(codes, held_out)
            off = np.abs(shares - fraction).max()
            if shares.min() > 0 and shares.max() < 1 and off < smallest:
                best, smallest = (rows, held_out), off
    if best is None:
        raise ValueError(
            "early_stopping=True: groups leave no part that can be set aside with every class on "
            "both sides; expected two groups or more in each class, and groups of similar size."
        )
    return best


def _class_shares(codes: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    """Return the share set aside of every class that has objects."""
    members = np.bincount(codes)
    shares = np.bincount(codes[held_out], minlength=len(members)) / np.maximum(members, 1)
    return shares[members > 0]
