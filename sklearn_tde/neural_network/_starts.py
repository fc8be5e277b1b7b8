"""Weights of an earlier training that another one begins with."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted
from skorch import NeuralNet

from sklearn_tde._photometry import shown
from sklearn_tde.neural_network._training import get_weights, reorder_outputs, set_weights


def check_warm_start(classifier: Any, classes: np.ndarray) -> None:
    """Refuse to go on with the classifier's own network if it no longer fits."""
    if not np.array_equal(classes, classifier.classes_):
        raise ValueError(
            f"warm_start=True: y has the classes {classes.tolist()}, the last fit had "
            f"{classifier.classes_.tolist()}; expected the same."
        )
    for name, value in classifier._fitted_params.items():
        if getattr(classifier, name) != value:
            raise ValueError(
                f"warm_start=True: {name} is {getattr(classifier, name)!r}, the last fit had "
                f"{value!r}; expected the same."
            )


def check_pretrained(classifier: Any) -> None:
    """Refuse to begin with another classifier's network if it does not fit."""
    if classifier.pretrained is None:
        return
    is_frozen = isinstance(classifier.pretrained, FrozenEstimator)
    earlier = classifier.pretrained.estimator if is_frozen else classifier.pretrained
    if not is_frozen or type(earlier) is not type(classifier):
        raise TypeError(
            f"pretrained {'holds' if is_frozen else 'is'} {shown(earlier)}; expected a "
            f"{type(classifier).__name__}, such as the last step of a pipeline, in a "
            "FrozenEstimator (of sklearn.frozen)."
        )
    check_is_fitted(earlier)
    fitted = {**earlier._fitted_params, "n_features_in_": earlier.n_features_in_}
    here = {**classifier._fitted_params, "n_features_in_": classifier.n_features_in_}
    for name, value in here.items():
        if fitted[name] != value:
            raise ValueError(
                f"pretrained: its {name} is {fitted[name]!r}, here it is {value!r}; expected the "
                "same."
            )


def begin_with(net: NeuralNet, earlier: Any, classes: np.ndarray, order: np.ndarray) -> None:
    """Give an initialised net the weights of a fitted classifier, but for outputs of other classes.

    The net's outputs stand for ``classes[order]``, the classifier's for its own sorted classes.
    """
    weights = get_weights(earlier.net_)
    if np.array_equal(earlier.classes_, classes):
        set_weights(net, weights)
        reorder_outputs(net, order)
        return
    last = f"head.{len(net.module_.head) - 1}."
    drawn = get_weights(net)
    set_weights(net, {name: (drawn if name.startswith(last) else weights)[name] for name in drawn})
