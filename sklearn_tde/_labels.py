"""Class labels, checked the same way wherever they come in."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _num_samples, column_or_1d

from sklearn_tde._photometry import cause, shown

_DEFAULT_POS_LABEL = "TDE"
_PLAIN = ("string", "integer", "boolean", "floating")


def as_objects(values: Any, parameter: str) -> np.ndarray:
    """Return labels or groups as an array of objects, refusing what holds more than one value."""
    try:
        array = np.asarray(values, dtype=object)
    # Whatever keeps something from becoming an array, it holds no labels.
    except Exception as error:
        raise TypeError(
            f"{parameter} cannot be read as one value per object: {cause(error)}"
        ) from error
    # One look in bulk is enough where all are of a plain type.
    if array.ndim == 1 and pd.api.types.infer_dtype(array, skipna=True) not in _PLAIN:
        for position, value in enumerate(array):
            if not pd.api.types.is_scalar(value) or pd.api.types.is_list_like(value):
                raise TypeError(
                    f"{parameter} holds {shown(value)} at position {position}; expected text or "
                    "a number for each object."
                )
    return array


def refuse_missing_labels(y: Any) -> None:
    """Name the first object without a label."""
    labels = as_objects(y, "y")
    if labels.ndim == 1:
        missing = pd.isna(labels)
        if missing.any():
            raise ValueError(
                f"y: the label of {int(missing.sum())} of {len(labels)} objects is missing, the "
                f"first at position {int(np.flatnonzero(missing)[0])}; expected a class for each."
            )


def plain_labels(y: Any) -> Any:
    """Return labels of pandas' own types, or held as objects, as an array of what they are.

    Without it nullable integers and booleans become floats, and numbers held as objects are
    refused. Strings stay objects; anything else is returned as it came.
    """
    dtype, is_list = getattr(y, "dtype", None), isinstance(y, list | tuple)
    is_extension = isinstance(dtype, pd.api.extensions.ExtensionDtype)
    if not (is_list or is_extension or dtype == np.dtype(object)):
        return y
    labels = np.asarray(y, dtype=object)
    if labels.ndim != 1:
        return y
    is_text = np.array([isinstance(label, str) for label in labels], dtype=bool)
    if is_text.any() and not is_text.all():
        text, other = int(is_text.argmax()), int(is_text.argmin())
        raise ValueError(
            f"y mixes strings with other types: {labels[text]!r} at position {text}, "
            f"{labels[other]!r} at position {other}; expected labels of one type."
        )
    if is_list:
        return y
    return labels if is_text.all() else np.array(labels.tolist())


def checked_labels(X: Any, y: Any) -> np.ndarray:
    """Return class labels as an array, one for each object.

    Parameters
    ----------
    X : array-like of length n_objects
        The objects.
    y : array-like of shape (n_objects,)
        What `fit` was given.

    Returns
    -------
    y : ndarray of shape (n_objects,)
        The labels.
    """
    refuse_missing_labels(y)
    y = column_or_1d(plain_labels(y), warn=True)
    check_classification_targets(y)
    n_objects = _num_samples(X)
    if len(y) != n_objects:
        hint = ""
        if isinstance(X, pd.DataFrame) and {"time", "band"} <= set(X.columns):
            hint = (
                " A table with one row per observation is packed first: pack_light_curves, or "
                "load_light_curves with the labels."
            )
        raise ValueError(
            f"y has {len(y)} labels for {n_objects} objects; expected one for each.{hint}"
        )
    return y


def refuse_one_class(classes: np.ndarray) -> None:
    """Refuse labels among which there is nothing to tell apart."""
    if len(classes) < 2:
        raise ValueError(
            f"y has one class, {classes.tolist()[0]!r}; expected at least two classes."
        )


def plain_value(value: Any) -> Any:
    """Turn a numpy scalar into the Python value it stands for.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    value : object
        The plain value, whose repr is what a user would have typed.
    """
    return value.item() if isinstance(value, np.generic) else value


def check_pos_label(pos_label: Any, classes: np.ndarray) -> Any:
    """Find the positive class: the one named, or the one that goes without saying.

    Parameters
    ----------
    pos_label : int, float, bool, str or None
        The class that the caller named; None for the default.

    classes : ndarray of shape (n_classes,)
        All labels.

    Returns
    -------
    pos_label : int, float, bool or str
        The label as it is in `classes`, as a plain Python value.
    """
    labels = classes.tolist()
    pos_label = plain_value(pos_label)
    if pos_label is None:
        if _DEFAULT_POS_LABEL in labels:
            return _DEFAULT_POS_LABEL
        if labels in ([0, 1], [-1, 1]):
            return labels[1]
        raise ValueError(
            f"pos_label must name the class to report: y holds {labels}, "
            f"neither {_DEFAULT_POS_LABEL!r} nor 0 and 1."
        )
    if pos_label not in labels:
        raise ValueError(f"pos_label={pos_label!r} is not among the classes of y: {labels}.")
    return labels[labels.index(pos_label)]


def check_class_sizes(y: np.ndarray, n_splits: Any, parameter: str, where: str = "y") -> None:
    """Check that every class has a member for each fold.

    Parameters
    ----------
    y : ndarray of shape (n_objects,)
        Class labels.

    n_splits : object
        The number of folds; anything but an integer is a splitter with rules of its own.

    parameter : str
        The name of the parameter that asks for the folds.

    where : str, default="y"
        What the labels belong to.
    """
    if not isinstance(n_splits, Integral):
        return
    classes, sizes = np.unique(y, return_counts=True)
    if sizes.min() < n_splits:
        label = classes.tolist()[sizes.argmin()]
        raise ValueError(
            f"class {label!r} has {sizes.min()} objects in {where}, fewer than the "
            f"{n_splits} folds of {parameter}={n_splits}; expected fewer folds, or a class like it "
            "to be put together with it."
        )


def check_groups(groups: Any, n_objects: int) -> np.ndarray | None:
    """Return the groups as codes in the order of their first appearance.

    Parameters
    ----------
    groups : array-like of shape (n_objects,) or None
        What `fit` was given: names or numbers.
    n_objects : int
        Number of objects.

    Returns
    -------
    codes : ndarray of shape (n_objects,) or None
        None without groups.
    """
    if groups is None:
        return None
    groups = np.asarray(groups, dtype=object)
    if groups.ndim != 1:
        raise ValueError(
            f"groups has {groups.ndim} dimensions; expected one, with a group per object."
        )
    remedy = "fit the classifier by itself, with groups=sampler.sample_indices_"
    check_length("groups", groups, n_objects, remedy)
    codes, _ = pd.factorize(groups)
    if (codes < 0).any():
        raise ValueError(
            f"groups is missing (NaN or None) at position {int(np.argmax(codes < 0))}; expected a "
            "group for each object."
        )
    return codes


def check_length(name: str, values: np.ndarray, n_objects: int, remedy: str) -> None:
    """Refuse values per object of another number than objects; say what may have gone wrong."""
    # Any other shape is refused by what reads the values.
    if values.ndim == 1 and len(values) != n_objects:
        raise ValueError(
            f"{name} has {len(values)} values for {n_objects} objects; expected one per object. "
            f"A sampler before the classifier changes the objects but not their {name}: {remedy}."
        )
