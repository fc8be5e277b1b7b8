"""Copies of the training objects, such as their earlier states, kept with their parents."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_tde._cross_fitting import seed_estimator


def resampled(
    sampler: Any, X: Any, y: np.ndarray, random_state: np.random.RandomState
) -> tuple[Any, np.ndarray, np.ndarray, Any]:
    """Return the objects with their copies, the parent of each, and the seeded sampler.

    Parameters
    ----------
    sampler : sampler or None
        With `fit_resample`, whose result begins with the objects themselves, and
        `sample_indices_`. None: no copies.
    X : NestedFrame, or whatever the sampler takes, of length n_objects
        The objects.
    y : ndarray of shape (n_objects,)
        Class labels.
    random_state : RandomState
        Where the seed of the sampler comes from.

    Returns
    -------
    X : of length n_samples
        The objects, and after them the copies.
    y : ndarray of shape (n_samples,)
        Their labels.
    parents : ndarray of shape (n_samples,), dtype int64
        Position of the object that each is, or is a copy of.
    sampler : sampler or None
        The sampler with its seed, which makes the same copies again.
    """
    objects = np.arange(len(y))
    if sampler is None:
        return X, y, objects, None
    sampler = seed_estimator(sampler, random_state.randint(2**31 - 1))
    X, copied = sampler.fit_resample(X, y)
    parents = np.asarray(getattr(sampler, "sample_indices_", []))
    if not np.array_equal(parents[: len(y)], objects) or len(parents) != len(copied):
        raise ValueError(
            f"sampler={sampler!r} does not return all objects in their order, and after them the "
            "copies; expected one that does, such as PartialLightCurveSampler."
        )
    return X, np.asarray(copied), parents, sampler


def with_copies(
    parts: list[tuple[np.ndarray, np.ndarray]], parents: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the parts with every copy where its parent is.

    Parameters
    ----------
    parts : list of (train, test)
        Positions of the objects.
    parents : ndarray of shape (n_samples,), dtype int64
        What `resampled` returns.

    Returns
    -------
    parts : list of (train, test)
        Positions among the samples.
    """
    return [tuple(np.flatnonzero(np.isin(parents, objects)) for objects in part) for part in parts]
