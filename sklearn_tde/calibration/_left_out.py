"""Probabilities of calibration objects, by classifiers that have not seen them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.parallel import Parallel, delayed

from sklearn_tde.ensemble import EnsembleTransientClassifier
from sklearn_tde.ensemble._members import member_probabilities
from sklearn_tde.ensemble._parts import split_into_parts


class LeftOut(NamedTuple):
    """What classifiers say of rows they were not trained on: the objects, and then their copies.

    Attributes
    ----------
    estimator : classifier
        Trained on all objects, or a frozen one.
    models : list of classifiers
        Those that the probabilities come from.
    classes : ndarray of shape (n_classes,)
        The classes, sorted.
    probabilities : ndarray of shape (n_rows, n_classes), dtype float64
        In the order of `classes`.
    model : ndarray of shape (n_rows,), dtype int
        Position of the model that gave them.
    parents : ndarray of shape (n_rows,), dtype int
        Position of the object that each row is, or is a copy of.
    """

    estimator: Any
    models: list[Any]
    classes: np.ndarray
    probabilities: np.ndarray
    model: np.ndarray
    parents: np.ndarray


def predict_left_out(
    estimator: Any,
    X: Any,
    y: np.ndarray,
    groups: np.ndarray | None,
    cv: Any,
    random_state: int | np.random.RandomState | None,
    n_jobs: int | None,
) -> LeftOut:
    """Train what is not frozen, and ask of each object a model that has not seen it.

    Parameters
    ----------
    estimator : classifier
        A frozen one and an ensemble need no parts.
    X : NestedFrame, or whatever the estimator takes, of length n_objects
        The objects.
    y : ndarray of shape (n_objects,)
        Class labels.
    groups : ndarray of shape (n_objects,) or None
        Codes of groups that stay together.
    cv : int or splitter
        The parts.
    random_state : int, RandomState instance or None
        Determines them.
    n_jobs : int or None
        Number of fits that run in parallel.

    Returns
    -------
    left_out : LeftOut
        The classifiers and what they say.
    """
    if isinstance(estimator, FrozenEstimator):
        return _of_frozen(estimator, X, len(y))
    classes = np.unique(y)
    if len(classes) < 2:
        raise ValueError(f"y has one class or none, {classes.tolist()}; expected at least two.")
    if isinstance(estimator, EnsembleTransientClassifier):
        return _of_ensemble(clone(estimator).fit(X, y, groups=groups))
    parts = split_into_parts(cv, y, groups, check_random_state(random_state).randint(2**31 - 1))
    return _of_parts(estimator, X, y, classes, parts, n_jobs)


def _of_frozen(estimator: FrozenEstimator, X: Any, n_objects: int) -> LeftOut:
    classes = np.asarray(estimator.classes_)
    found = member_probabilities(estimator, X, classes, "estimator")
    model, parents = np.zeros(n_objects, dtype=int), np.arange(n_objects)
    return LeftOut(estimator, [estimator], classes, found, model, parents)


def _of_ensemble(ensemble: EnsembleTransientClassifier) -> LeftOut:
    """Return what a fitted ensemble has itself found, of its copies too."""
    found = np.concatenate([ensemble.out_of_fold_proba_, ensemble.out_of_fold_copies_])
    parents = np.concatenate([np.arange(len(ensemble.out_of_fold_proba_)), ensemble.copy_indices_])
    model = np.zeros(len(found), dtype=int)
    return LeftOut(ensemble, [ensemble], ensemble.classes_, found, model, parents)


def _of_parts(
    estimator: Any,
    X: Any,
    y: np.ndarray,
    classes: np.ndarray,
    parts: list[tuple[np.ndarray, np.ndarray]],
    n_jobs: int | None,
) -> LeftOut:
    """Train a model without each part, and one on all objects."""
    rows = np.arange(len(y))
    *models, last = Parallel(n_jobs=n_jobs)(
        delayed(_fit)(clone(estimator), _safe_indexing(X, train), y[train])
        for train in [*(train for train, _ in parts), rows]
    )
    found, model = np.empty((len(y), len(classes))), np.empty(len(y), dtype=int)
    for number, (_, test) in enumerate(parts):
        left_out = _safe_indexing(X, test)
        found[test] = member_probabilities(models[number], left_out, classes, "estimator")
        model[test] = number
    return LeftOut(last, models, classes, found, model, rows)


def _fit(estimator: Any, X: Any, y: np.ndarray) -> Any:
    return estimator.fit(X, y)
