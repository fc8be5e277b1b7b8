"""The models of the members: trained without each part, and averaged."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import _safe_indexing
from sklearn.utils.parallel import Parallel, delayed
from tqdm import tqdm

from sklearn_tde._cross_fitting import seed_estimator
from sklearn_tde.ensemble._decision import combined
from sklearn_tde.ensemble._members import member_probabilities


def train_models(
    members: list[Any],
    prepared: list[Any],
    y: np.ndarray,
    rows: list[np.ndarray],
    random_state: np.random.RandomState,
    n_jobs: int | None,
    verbose: int,
) -> list[list[Any]]:
    """Train every member on every choice of objects.

    Parameters
    ----------
    members : list of estimators
        What is left of each member to train.
    prepared : list
        What each is given of the objects.
    y : ndarray of shape (n_objects,)
        Class labels.
    rows : list of ndarray
        Positions of the objects of each choice.
    random_state : RandomState
        Where the seeds of the models come from.
    n_jobs : int or None
        Number of fits that run in parallel.
    verbose : int
        0: no progress bar.

    Returns
    -------
    models : list of list of estimators
        Of every member, one for each choice.
    """
    tasks = [
        (seed_estimator(estimator, random_state.randint(2**31 - 1)), member, train)
        for member, estimator in enumerate(members)
        for train in rows
    ]
    jobs = (
        delayed(_fit)(estimator, _safe_indexing(prepared[member], train), y[train])
        for estimator, member, train in tasks
    )
    fits = Parallel(n_jobs=n_jobs, return_as="generator")(jobs)
    # None: tqdm itself finds out whether there is a terminal.
    disable = None if verbose else True
    fitted = list(tqdm(fits, total=len(tasks), desc="fits", disable=disable, leave=False))
    return [fitted[k : k + len(rows)] for k in range(0, len(fitted), len(rows))]


def average_left_out(
    models: list[list[Any]],
    prepared: list[Any],
    parts: list[tuple[np.ndarray, np.ndarray]],
    classes: np.ndarray,
    names: list[str],
    weights: np.ndarray,
) -> np.ndarray:
    """Return the average of what the members' models say of the part that each has not seen.

    Parameters
    ----------
    models : list of list of estimators
        Of every member, one for each part, and maybe more.
    prepared : list
        What each member is given of the objects.
    parts : list of (train, test)
        Positions of the objects.
    classes : ndarray of shape (n_classes,)
        The classes.
    names : list of str
        Names of the members.
    weights : ndarray of shape (n_members,)
        Weights of the members.

    Returns
    -------
    probabilities : ndarray of shape (n_objects, n_classes)
        Each row adds up to 1.
    """
    n_objects = sum(len(test) for _, test in parts)
    probabilities = np.empty((len(models), n_objects, len(classes)))
    for member, name in enumerate(names):
        for (_, test), model in zip(parts, models[member], strict=False):
            left_out = _safe_indexing(prepared[member], test)
            probabilities[member, test] = member_probabilities(model, left_out, classes, name)
    return combined(probabilities, weights)


def average_of_all(
    models: list[list[Any]],
    prepared: list[Any],
    classes: np.ndarray,
    names: list[str],
    weights: np.ndarray,
) -> np.ndarray:
    """Return the average of what all models of the members say of new objects.

    Parameters
    ----------
    models : list of list of estimators
        Of every member.
    prepared : list
        What each member is given of the objects.
    classes : ndarray of shape (n_classes,)
        The classes.
    names : list of str
        Names of the members.
    weights : ndarray of shape (n_members,)
        Weights of the members.

    Returns
    -------
    probabilities : ndarray of shape (n_objects, n_classes)
        Each row adds up to 1.
    """
    probabilities = [
        member_probabilities(model, given, classes, name)
        for name, given, of_member in zip(names, prepared, models, strict=True)
        for model in of_member
    ]
    return combined(np.stack(probabilities), np.repeat(weights, [len(m) for m in models]))


def _fit(estimator: Any, X: Any, y: np.ndarray) -> Any:
    return estimator.fit(X, y)
