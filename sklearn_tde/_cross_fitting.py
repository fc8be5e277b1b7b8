"""What a cross-validation within `fit` needs: folds, seeds and nothing of an earlier fit."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, check_cv
from sklearn.utils import check_random_state


def make_splitter(cv: Any, y: np.ndarray, grouped: bool, seed: int) -> Any:
    """Turn the `cv` of a caller into a splitter.

    Parameters
    ----------
    cv : int, splitter or iterable
        An integer gives shuffled stratified folds, anything else is used as it is.

    y : ndarray of shape (n_objects,)
        Class labels.

    grouped : bool
        Whether folds of an integer `cv` must keep groups together.

    seed : int
        Seed of the shuffling for an integer `cv`.

    Returns
    -------
    splitter : cross-validation splitter
        An object with `split`.
    """
    if not isinstance(cv, Integral):
        return check_cv(cv, y, classifier=True)
    kind = StratifiedGroupKFold if grouped else StratifiedKFold
    return kind(int(cv), shuffle=True, random_state=seed)


def seed_estimator(estimator: Any, seed: int) -> Any:
    """Copy an estimator and set all its random states, nested ones included.

    Parameters
    ----------
    estimator : estimator
        The estimator, left as it is.

    seed : int
        Each parameter named `random_state` gets an integer of its own, drawn from this seed in
        the alphabetical order of their names.

    Returns
    -------
    estimator : estimator
        The seeded copy.
    """
    estimator = clone(estimator)
    rng = check_random_state(seed)
    states = {
        name: int(rng.randint(np.iinfo(np.int32).max))
        for name in sorted(estimator.get_params(deep=True))
        if name == "random_state" or name.endswith("__random_state")
    }
    return estimator.set_params(**states) if states else estimator


def forget_fit(estimator: Any) -> None:
    """Drop what an earlier fit left: a training that fails must not leave a mixture.

    Parameters
    ----------
    estimator : estimator
        What it learned, the attributes with a name that ends with an underscore, is gone.
    """
    for name in [name for name in vars(estimator) if name.endswith("_")]:
        delattr(estimator, name)
