"""Calibrated proportions of the classes that have no threshold."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax


def fit_shifts(
    probabilities: np.ndarray,
    codes: np.ndarray,
    positive: int,
    weight: np.ndarray,
    growth: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return what makes the other classes as frequent as they are, on average.

    The maximum likelihood of a multinomial regression with the log-probabilities as they are and
    an intercept for each class, linear in `growth`, on the objects of these classes. At it the
    probabilities of each class add up to the weights of its objects.

    Parameters
    ----------
    probabilities : ndarray of shape (n_objects, n_classes)
        Of all classes, above 0.
    codes : ndarray of shape (n_objects,), dtype int64
        Column of the true class of every object.
    positive : int
        Column of the class that is left out.
    weight : ndarray of shape (n_objects,)
        How much each object counts.
    growth : ndarray of shape (n_objects,) or None
        How grown up the light curve is. None: the shifts do not depend on it.

    Returns
    -------
    shifts, growth_shifts : ndarray of shape (n_classes,), dtype float64
        What is added to the log-probabilities at no growth, and what comes to that for a growth
        of 1. 0 for the class left out; the others have the mean 0.
    """
    n_classes = probabilities.shape[1]
    shifts = np.zeros((2, n_classes))
    others = np.delete(np.arange(n_classes), positive)
    if len(others) > 1:
        kept = codes != positive
        growth = np.zeros(len(codes)) if growth is None else growth
        shifts[:, others] = _fit(
            np.log(probabilities[np.ix_(kept, others)]),
            np.searchsorted(others, codes[kept]),
            weight[kept] / weight[kept].sum(),
            np.column_stack([np.ones(kept.sum()), growth[kept]]),
        )
    return shifts[0], shifts[1]


def _fit(logs: np.ndarray, codes: np.ndarray, weight: np.ndarray, design: np.ndarray) -> np.ndarray:
    """Return the coefficients, shape (n_columns, n_classes), of the regression with an offset."""
    shape = (design.shape[1], logs.shape[1])
    rows = np.arange(len(codes))
    wanted = np.zeros_like(logs)
    wanted[rows, codes] = 1.0

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        log_proba = log_softmax(logs + design @ flat.reshape(shape), axis=1)
        residual = (np.exp(log_proba) - wanted) * weight[:, None]
        return -weight @ log_proba[rows, codes], (design.T @ residual).ravel()

    found = minimize(loss, np.zeros(shape).ravel(), jac=True, method="BFGS", options={"gtol": 1e-7})
    coefficients = found.x.reshape(shape)
    return coefficients - coefficients.mean(axis=1, keepdims=True)
