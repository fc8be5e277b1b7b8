"""The members of an ensemble: what they are given, and what they say."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import InputTags, get_tags

from sklearn_tde._photometry import shown
from sklearn_tde.preprocessing import (
    LightCurveFeatures,
    LightCurveGridder,
    LightCurveSequencer,
    SimulationFeatures,
)

#: Transformers that learn nothing: what they make of an object is the same in every part. Only
#: these, because what inherits from them may learn.
_LEARN_NOTHING = (
    LightCurveFeatures,
    LightCurveGridder,
    LightCurveSequencer,
    SimulationFeatures,
)
# Single precision may end a rounding error outside the unit interval.
_ROUNDING = 1e-6


def check_members(estimators: list[Any], parameters: Collection[str]) -> None:
    """Refuse what is no list of names and classifiers.

    Parameters
    ----------
    estimators : list of (str, estimator)
        The members.
    parameters : collection of str
        Names that are taken.
    """
    if not estimators:
        raise ValueError("estimators is empty; expected at least one (name, classifier).")
    for entry in estimators:
        if not (isinstance(entry, Sequence) and len(entry) == 2 and isinstance(entry[0], str)):
            raise TypeError(f"estimators holds {shown(entry)}; expected (name, classifier).")
        name, estimator = entry
        if isinstance(estimator, type) or not hasattr(estimator, "predict_proba"):
            raise TypeError(
                f"estimators: {name!r} is {shown(estimator)}; expected a classifier with "
                "predict_proba."
            )
        if "__" in name or name in parameters:
            raise ValueError(
                f"estimators: the name {name!r} has '__' in it or is that of a parameter; "
                "expected another one."
            )
    names = [name for name, _ in estimators]
    if len(set(names)) < len(names):
        raise ValueError(f"estimators: names repeat in {names}; expected different ones.")


def refuse_early_stopping(estimators: list[tuple[str, Any]]) -> None:
    """Refuse members that stop early by a split which would part copies from their parents.

    Parameters
    ----------
    estimators : list of (str, estimator)
        The members.
    """
    for name, estimator in estimators:
        for parameter, value in estimator.get_params(deep=True).items():
            # Gradient boosting's "auto" is true of many objects.
            if parameter.rpartition("__")[2] == "early_stopping" and value in (True, "auto"):
                raise ValueError(
                    f"estimators: {name!r} has {parameter}={value!r}, whose split would have "
                    "copies of one object on both sides; expected False with a sampler."
                )


def check_weights(weights: Any, n_members: int) -> np.ndarray:
    """Return the weights of the members as an array.

    Parameters
    ----------
    weights : array-like of shape (n_members,) or None
        The weights, None for the same.
    n_members : int
        Number of members.

    Returns
    -------
    weights : ndarray of shape (n_members,), dtype float64
        All finite and above 0.
    """
    if weights is None:
        return np.ones(n_members)
    try:
        found = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.shape != (n_members,) or not (np.isfinite(found) & (found > 0)).all():
        raise ValueError(
            f"weights={shown(weights)}; expected {n_members} finite numbers above 0, one for each "
            "member."
        )
    return found


def input_tags(estimators: Any) -> InputTags:
    """Return what all members take; a pipeline takes what its first step takes.

    Parameters
    ----------
    estimators : list of (str, estimator)
        The members, not checked yet.

    Returns
    -------
    tags : InputTags
        Of arrays of a kind where every member takes them.
    """
    try:
        first = [e[0] if isinstance(e, Pipeline) else e for _, e in estimators]
        found = [get_tags(estimator).input_tags for estimator in first]
    # Whatever they are instead of members, `fit` says so.
    except Exception:
        found = []
    return InputTags(
        two_d_array=bool(found) and all(tags.two_d_array for tags in found),
        three_d_array=bool(found) and all(tags.three_d_array for tags in found),
        allow_nan=bool(found) and all(tags.allow_nan for tags in found),
    )


def prepare(
    estimators: list[tuple[str, Any]], X: Any
) -> tuple[list[Any | None], list[Any], list[Any]]:
    """Do the first steps that learn nothing once for all parts, and once for all alike.

    Parameters
    ----------
    estimators : list of (str, estimator)
        The members.
    X : NestedFrame, or whatever the members take, of length n_objects
        The objects.

    Returns
    -------
    transformers : list of transformers or None
        The first step of each member, fitted; None where it is not done here.
    prepared : list
        What is left to each member to be trained on.
    rest : list of estimators
        What is left of each member to train.
    """
    transformers, rest, known = [], [], {}
    for _, estimator in estimators:
        if isinstance(estimator, Pipeline) and type(estimator[0]) in _LEARN_NOTHING:
            key = _key(estimator[0])
            if key not in known:
                known[key] = clone(estimator[0]).fit(X)
            transformers.append(known[key])
            rest.append(estimator[1:])
        else:
            transformers.append(None)
            rest.append(estimator)
    return transformers, prepare_again(transformers, X), rest


def prepare_again(transformers: list[Any | None], X: Any) -> list[Any]:
    """Return what each member is given of new objects, equal first steps done once.

    Parameters
    ----------
    transformers : list of transformers or None
        What `prepare` returned.
    X : NestedFrame, or whatever the members take, of length n_objects
        The objects.

    Returns
    -------
    prepared : list
        For each member.
    """
    # By what they do: a model file keeps a copy for each member.
    keys = [None if transformer is None else _key(transformer) for transformer in transformers]
    known = {None: X}
    for key, transformer in zip(keys, transformers, strict=True):
        if key not in known:
            known[key] = transformer.transform(X)
    return [known[key] for key in keys]


def _key(transformer: Any) -> str:
    """Return what is the same for two transformers that do the same."""
    return joblib.hash(
        (
            type(transformer).__name__,
            transformer.get_params(),
            getattr(transformer, "_sklearn_output_config", {}),
        )
    )


def member_probabilities(model: Any, X: Any, classes: np.ndarray, name: str) -> np.ndarray:
    """Return the probabilities of a model in the order of the classes, and refuse what is none.

    Parameters
    ----------
    model : estimator
        A fitted model of a member.
    X : array-like of length n_objects
        What the model takes.
    classes : ndarray of shape (n_classes,)
        The classes.
    name : str
        Name of the member.

    Returns
    -------
    probabilities : ndarray of shape (n_objects, n_classes), dtype float64
        In the order of `classes`.
    """
    probabilities = np.asarray(model.predict_proba(X), dtype=np.float64)
    known = np.asarray(model.classes_)
    if probabilities.ndim != 2 or probabilities.shape[1] != len(known):
        raise ValueError(
            f"member {name!r}: predict_proba returned an array of shape {probabilities.shape}; "
            f"expected a column for each of {len(known)} classes."
        )
    if not np.array_equal(known, classes):
        columns = pd.Index(known).get_indexer(classes)
        if len(known) != len(classes) or (columns < 0).any():
            raise ValueError(
                f"member {name!r} knows the classes {known.tolist()}; expected {classes.tolist()}."
            )
        probabilities = probabilities[:, columns]
    # NaN is neither.
    sound = (probabilities >= -_ROUNDING) & (probabilities <= 1 + _ROUNDING)
    if not sound.all():
        position, column = np.argwhere(~sound)[0]
        raise ValueError(
            f"member {name!r}: the probability of {classes.tolist()[column]!r} of the object at "
            f"position {position} is {probabilities[position, column]}; expected a number between "
            "0 and 1."
        )
    return probabilities
