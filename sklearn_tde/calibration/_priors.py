"""Class mixes of the sky, and class mixes that callers state, checked the same way everywhere."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from sklearn_tde._photometry import shown
from sklearn_tde._weights import check_sample_weight

#: Approximate shares of the classes among spectroscopically classified transients; where they come
#: from is told in the notes of `PriorAdjustedClassifier`.
PRESETS = {
    "all transients": {
        "SN Ia": 0.742,
        "SN II": 0.135,
        "SN Ibc": 0.065,
        "SN IIn": 0.035,
        "SLSN": 0.015,
        "TDE": 0.005,
        "AGN": 0.003,
    },
    "nuclear": {
        "SN Ia": 0.790,
        "SN II": 0.095,
        "SN Ibc": 0.045,
        "SN IIn": 0.025,
        "TDE": 0.022,
        "AGN": 0.014,
        "SLSN": 0.009,
    },
}
#: All classes alike: no selection at all, but what "balanced" class weights make of the training.
UNIFORM = "uniform"
#: How far from 1 the shares of a caller may add up.
_TOLERANCE = 1e-3


def class_shares(
    shares: Mapping[Any, float] | str, classes: np.ndarray, parameter: str, *, stacklevel: int = 3
) -> np.ndarray:
    """Return the share of every class, and refuse what does not say it.

    Parameters
    ----------
    shares : dict of label to float, or str
        A share for each class, or the name of a preset, or "uniform".
    classes : ndarray of shape (n_classes,)
        The classes.
    parameter : str
        What the caller calls the shares.
    stacklevel : int, default=3
        Of the warning, as for :func:`warnings.warn`.

    Returns
    -------
    shares : ndarray of shape (n_classes,), dtype float64
        In the order of `classes`; they add up to 1.

    Warns
    -----
    UserWarning
        If a preset names classes that are not among `classes`.
    """
    labels = classes.tolist()
    if isinstance(shares, str):
        if shares == UNIFORM:
            return np.full(len(labels), 1 / len(labels))
        return _preset_shares(shares, labels, parameter, stacklevel + 1)
    if not isinstance(shares, Mapping):
        raise TypeError(f"{parameter} must be a dict of class to share; got {shown(shares)}.")
    _check_numbers(shares, parameter)
    stated = _completed(shares, labels, parameter)
    found = np.array([float(stated[label]) for label in labels])
    if abs(found.sum() - 1) > _TOLERANCE:
        raise ValueError(f"the shares of {parameter} add up to {found.sum():.6g}; expected 1.")
    return found / found.sum()


def given_weight(fit_params: Mapping[str, Any]) -> Any:
    """Return the sample weights among what `fit` was given, also those of a step of a pipeline.

    Parameters
    ----------
    fit_params : dict
        By name, of which that of a step begins with the name of the step.

    Returns
    -------
    weight : array-like of shape (n_objects,) or None
        None if there are none.
    """
    names = [name for name in fit_params if name.rpartition("__")[2] == "sample_weight"]
    return fit_params[names[0]] if names else None


def counted_shares(labels: np.ndarray, classes: np.ndarray, weight: Any) -> np.ndarray:
    """Return the share of every class among the labels, weighted as the classifier is told to.

    Parameters
    ----------
    labels : ndarray of shape (n_objects,)
        The labels.
    classes : ndarray of shape (n_classes,)
        The classes of the classifier.
    weight : array-like of shape (n_objects,) or None
        Weight of each object. None: all weigh the same.

    Returns
    -------
    shares : ndarray of shape (n_classes,), dtype float64
        In the order of `classes`.
    """
    codes = pd.Index(classes).get_indexer(labels)
    if (codes < 0).any():
        label = labels.tolist()[int((codes < 0).argmax())]
        raise ValueError(
            f"y holds {label!r}, which the classifier does not know; expected labels among "
            f"{classes.tolist()}, or training_prior to be stated."
        )
    weight = np.ones(len(labels)) if weight is None else check_sample_weight(weight, labels)
    counts = np.bincount(codes, weights=weight, minlength=len(classes))
    return counts / max(counts.sum(), np.finfo(np.float64).tiny)


def _check_numbers(shares: Mapping[Any, float], parameter: str) -> None:
    for label, share in shares.items():
        # NaN is not between 0 and 1 either.
        if not isinstance(share, Real) or isinstance(share, bool) or not 0 <= share <= 1:
            raise ValueError(
                f"{parameter}: the share of {label!r} is {shown(share)}; expected a number from 0 "
                "to 1."
            )


def _completed(
    shares: Mapping[Any, float], labels: list[Any], parameter: str
) -> Mapping[Any, float]:
    """Return the shares with that of the second of two classes, if it is the one left out."""
    unknown = [label for label in shares if label not in labels]
    if unknown:
        raise ValueError(
            f"{parameter} names {_listed(unknown)}; expected a share for each of the classes "
            f"{_listed(labels)}."
        )
    missing = [label for label in labels if label not in shares]
    if not missing:
        return shares
    if len(labels) == 2 and len(shares) == 1:
        (share,) = shares.values()
        return {**shares, missing[0]: 1 - share}
    raise ValueError(
        f"{parameter} has no share for {_listed(missing)}; expected one for each of the classes "
        f"{_listed(labels)}. How the others are mixed matters for the probability of every class, "
        "so that a share of one class alone does not say it."
    )


def _preset_shares(name: str, labels: list[Any], parameter: str, stacklevel: int) -> np.ndarray:
    if name not in PRESETS:
        raise ValueError(
            f"{parameter}={name!r} is none of {_listed([*PRESETS, UNIFORM])}; expected one of "
            "them, or a dict of class to share."
        )
    preset = PRESETS[name]
    unnamed = [label for label in labels if label not in preset]
    if unnamed:
        raise ValueError(
            f"{parameter}={name!r} has no share for {_listed(unnamed)}, but for "
            f"{_listed(list(preset))} only. " + _instead(preset, labels, unnamed, parameter)
        )
    left_out = [label for label in preset if label not in labels]
    found = np.array([preset[label] for label in labels])
    if left_out:
        warnings.warn(
            f"{parameter}={name!r}: {1 - found.sum():.2%} of the objects are of classes that the "
            f"probabilities know nothing of ({_listed(left_out)}). The other shares are scaled to "
            "1: what is computed with them holds for objects of the known classes.",
            UserWarning,
            stacklevel=stacklevel,
        )
    return found / found.sum()


def _instead(
    preset: Mapping[str, float], labels: list[Any], unnamed: list[Any], parameter: str
) -> str:
    """Say what to give in place of a preset that does not name a class."""
    named = [label for label in labels if label in preset]
    if len(labels) != 2 or len(named) != 1:
        return "Give a dict with a share for each class instead."
    share = preset[named[0]]
    both = {named[0]: share, unnamed[0]: round(1 - share, 6)}
    return (
        f"If {unnamed[0]!r} are all the others, and mixed in training as they are in this "
        f"selection, say so with {parameter}={both}."
    )


def _listed(labels: list[Any]) -> str:
    return ", ".join(repr(label) for label in labels)
