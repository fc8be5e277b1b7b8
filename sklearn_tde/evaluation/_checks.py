"""What goes into a report, checked before anything is fitted."""

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline
from sklearn.utils.multiclass import type_of_target

from sklearn_tde._labels import as_objects, plain_value


def check_classifier(estimator) -> None:
    """Check that an estimator is an instance that predicts probabilities.

    Parameters
    ----------
    estimator : object
        What the caller passed as the estimator.
    """
    if isinstance(estimator, type):
        raise TypeError(
            f"estimator must be an instance, got the class {estimator.__name__}; "
            f"pass {estimator.__name__}(...)."
        )
    if not (hasattr(estimator, "fit") and hasattr(estimator, "get_params")):
        raise TypeError(
            f"estimator must be a scikit-learn classifier, got {plain_value(estimator)!r}."
        )
    if not hasattr(estimator, "predict_proba"):
        raise TypeError(
            f"estimator {estimator!r} has no predict_proba, which the ranking and the Brier "
            "scores need; wrap it in sklearn.calibration.CalibratedClassifierCV, for example."
        )


def check_weighted(estimator, params) -> None:
    """Check that no sampler comes between sample weights and the objects they belong to.

    A sampler that keeps the number of objects and changes their order would give them to others,
    which the classifier after it cannot notice.

    Parameters
    ----------
    estimator : object
        The estimator.

    params : dict or None
        What its `fit` is given besides.
    """
    weights = [name for name in params or () if name.rpartition("__")[2] == "sample_weight"]
    if not weights or not isinstance(estimator, Pipeline):
        return
    for name, step in estimator.steps[:-1]:
        if hasattr(step, "fit_resample"):
            raise ValueError(
                f"params: {weights[0]!r} cannot follow the objects through the sampler "
                f"{name!r}, which changes them but not their weights; leave one of the two out "
                "(class_weight needs neither)."
            )


def default_name(estimator) -> str:
    """Name an estimator by its class, a pipeline by that of its last step.

    Parameters
    ----------
    estimator : estimator
        The estimator.

    Returns
    -------
    name : str
        The name of the class.
    """
    # imbalanced-learn's pipelines are scikit-learn's too.
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    return type(last).__name__


def object_names(X) -> np.ndarray:
    """Name each object: by the index of X where there is one, by position otherwise.

    Parameters
    ----------
    X : indexable
        The objects.

    Returns
    -------
    names : ndarray of shape (n_objects,)
        The names.
    """
    index = getattr(X, "index", None)
    if isinstance(index, pd.Index):
        return index.to_numpy()
    shape = X.shape if hasattr(X, "shape") else [len(X)] if hasattr(X, "__len__") else ()
    if not shape:
        raise TypeError(f"X must hold one entry per object, got {type(X).__name__}.")
    return np.arange(shape[0])


def describe_objects(names: np.ndarray, positions) -> str:
    """Name a few objects in an error message.

    Parameters
    ----------
    names : ndarray of shape (n_objects,)
        The names of all objects.

    positions : array-like of int
        Which objects are meant.

    Returns
    -------
    text : str
        For example ``"object 'ZTF18abc' and 3 more"``.
    """
    positions = np.asarray(positions)
    text = f"object {names[positions[0]]!s}"
    if isinstance(names[positions[0]], str):
        text = f"object {str(names[positions[0]])!r}"
    return text if len(positions) == 1 else f"{text} and {len(positions) - 1} more"


def check_per_object(values, parameter: str, names: np.ndarray) -> np.ndarray:
    """Check that there is one value per object, and none is missing.

    Parameters
    ----------
    values : array-like of shape (n_objects,)
        Labels or groups: a list, an array or a Series, whose index is ignored.

    parameter : str
        What the values are called in an error message.

    names : ndarray of shape (n_objects,)
        The names of the objects.

    Returns
    -------
    values : ndarray of shape (n_objects,)
        The values as a plain array of strings, integers, floats or booleans.
    """
    n_dimensions = as_objects(values, parameter).ndim
    if n_dimensions != 1:
        raise ValueError(
            f"{parameter} must be one-dimensional, one value per object, "
            f"got {n_dimensions} dimensions."
        )
    if len(values) != len(names):
        raise ValueError(
            f"{parameter} must have one value per object: X has {len(names)} objects, "
            f"{parameter} has {len(values)} values."
        )
    values = pd.Series(values)
    missing = np.flatnonzero(values.isna())
    if missing.size:
        raise ValueError(
            f"{parameter} is missing (NaN or None) for {describe_objects(names, missing)}; "
            "leave objects without it out."
        )
    # Through a list, so that pandas' own string and integer types become plain arrays.
    values = values.tolist()
    kinds = {isinstance(value, str) for value in values}
    if len(kinds) > 1:
        raise ValueError(f"{parameter} mixes strings with other types.")
    return np.array(values)


def check_labels(y, names: np.ndarray) -> np.ndarray:
    """Check the labels of a classification problem.

    Parameters
    ----------
    y : array-like of shape (n_objects,)
        Class labels.

    names : ndarray of shape (n_objects,)
        The names of the objects.

    Returns
    -------
    y : ndarray of shape (n_objects,)
        The labels as a plain array.
    """
    y = check_per_object(y, "y", names)
    classes = np.unique(y)
    if len(classes) < 2:
        raise ValueError(f"y must hold at least two classes, got {classes.tolist()}.")
    if type_of_target(y) not in ("binary", "multiclass"):
        raise ValueError(
            f"y must hold class labels, got {type_of_target(y)} values such as {y[0]!s}."
        )
    return y
