"""Which objects train and which are scored, repeat by repeat, and the fit of one fold."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from numbers import Integral
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.model_selection import (
    check_cv,
    cross_validate,
)
from sklearn.utils.parallel import Parallel, delayed
from tqdm import tqdm

from sklearn_tde._cross_fitting import make_splitter
from sklearn_tde._labels import plain_value

from ._checks import describe_objects


class Fold(NamedTuple):
    """One training set and the objects it is scored on, as positions.

    Parameters
    ----------
    repeat : int
        Which repeat the fold belongs to.

    number : int
        Number of the fold within its repeat.

    seed : int
        Seed of the repeat.

    train, test : ndarray of int
        Positions of the objects that train and that are scored.
    """

    repeat: int
    number: int
    seed: int
    train: np.ndarray
    test: np.ndarray


def plan_folds(X, y, groups, names, pos_label, *, cv, n_repeats: int, random_state: int):
    """Split the objects, and refuse splits that cannot be scored honestly.

    Parameters
    ----------
    X : indexable of length n_objects
        The objects.

    y : ndarray of shape (n_objects,)
        Class labels.

    groups : ndarray of shape (n_objects,) or None
        Objects of one group must stay on one side of each fold.

    names : ndarray of shape (n_objects,)
        The names of the objects.

    pos_label : int, float, bool or str
        The positive class.

    cv : int, splitter or iterable
        The outer folds.

    n_repeats : int
        Number of repeats.

    random_state : int
        Seed of the first repeat.

    Returns
    -------
    folds : list of Fold
        Repeat by repeat.
    """
    if not isinstance(cv, Integral):
        # Once, so that a generator of splits serves all repeats.
        cv = check_cv(cv, y, classifier=True)
    positions = np.arange(len(y))
    folds = []
    for repeat in range(n_repeats):
        seed = random_state + repeat
        splitter = make_splitter(cv, y, groups is not None, seed)
        # Indexing positions also turns boolean masks into positions.
        folds += [
            Fold(repeat, number, seed, positions[train], positions[test])
            for number, (train, test) in enumerate(splitter.split(X, y, groups))
        ]
    for fold in folds:
        _check_fold(fold, y, groups, names, pos_label)
    _check_coverage(folds, y, names, pos_label)
    _warn_about_shared_names(folds, names)
    return folds


def _check_fold(fold, y, groups, names, pos_label):
    where = f"fold {fold.number} of repeat {fold.repeat}"
    if not fold.test.size:
        raise ValueError(f"cv leaves no object to score in {where}.")
    shared = np.intersect1d(fold.train, fold.test)
    if shared.size:
        raise ValueError(
            f"cv trains on what it scores: {describe_objects(names, shared)} in {where}."
        )
    if groups is not None:
        shared = np.intersect1d(groups[fold.train], groups[fold.test])
        if shared.size:
            raise ValueError(
                f"cv splits group {plain_value(shared[0])!r} in {where}; use a splitter that keeps "
                "groups together, or an integer."
            )
    positive = y[fold.train] == pos_label
    if positive.all() or not positive.any():
        found = np.unique(y[fold.train]).tolist()
        raise ValueError(
            f"cv must leave {pos_label!r} and other objects in every training set; "
            f"{where} trains on {found} only."
        )


def _check_coverage(folds, y, names, pos_label):
    scored = {}
    for fold in folds:
        scored.setdefault(fold.repeat, []).append(fold.test)
    scored = [np.sort(np.concatenate(tests)) for tests in scored.values()]
    for repeat in scored:
        twice = np.unique(repeat[1:][np.diff(repeat) == 0])
        if twice.size:
            raise ValueError(
                f"cv scores {describe_objects(names, twice)} more than once; give a splitter "
                "that scores each object at most once, and ask for repeats with n_repeats."
            )
        if not np.array_equal(repeat, scored[0]):
            raise ValueError(
                "cv scores other objects in one repeat than in another; give the splitter an "
                "integer random_state."
            )
    positive = y[scored[0]] == pos_label
    if positive.all() or not positive.any():
        raise ValueError(f"cv must score {pos_label!r} as well as other objects.")


def _warn_about_shared_names(folds, names):
    codes, unique = pd.factorize(names, use_na_sentinel=False)
    if len(unique) == len(names):
        return
    for fold in folds:
        shared = np.intersect1d(codes[fold.train], codes[fold.test])
        if shared.size:
            warnings.warn(
                f"rows named {unique[shared[0]]!s} are on both sides of a fold: if they are the "
                "same object, the scores are too good; pass groups=X.index to keep them together.",
                UserWarning,
                stacklevel=4,
            )
            return


def run_folds(
    run: Callable, tasks: Sequence[tuple], *, n_jobs: int | None, verbose: int, **options
) -> Iterator:
    """Run the folds, several at a time if asked, under a progress bar.

    Parameters
    ----------
    run : callable
        What to do for a fold: ``run(*task, **options)``.

    tasks : sequence of tuple
        One per fold.

    n_jobs : int or None
        Number of folds at a time.

    verbose : int
        With 1, a progress bar if the standard error is a terminal; with 0, none.

    **options
        What all folds have in common.

    Yields
    ------
    result : object
        What `run` returned, in the order of the tasks.
    """
    results = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(run)(*task, **options) for task in tasks
    )
    # None: tqdm itself finds out whether there is a terminal.
    disable = None if verbose else True
    yield from tqdm(results, total=len(tasks), desc="folds", unit="fold", disable=disable)


def fit_and_predict(
    estimator, X, y, fold: Fold, *, params, pos_label, names: np.ndarray, labels: bool = True
) -> dict:
    """Fit on the training side of a fold and predict the other.

    Parameters
    ----------
    estimator : estimator
        The estimator, left unfitted.

    X : indexable of length n_objects
        The objects.

    y : ndarray of shape (n_objects,)
        Class labels.

    fold : Fold
        Who trains and who is predicted.

    params : dict or None
        What `fit` is given besides.

    pos_label : int, float, bool or str
        The positive class.

    names : ndarray of shape (n_objects,)
        The names of the objects.

    labels : bool, default=True
        Whether to predict labels, too.

    Returns
    -------
    result : dict
        The fitted `estimator`, `fit_time` and `score_time` in seconds, and `probability` and, if
        asked for, `prediction` of the test objects.
    """
    predicted = {}

    def predict(fitted, X_test, y_test):
        # Called by cross_validate as a scorer, whose clock thereby times the prediction.
        predicted["probability"] = np.asarray(fitted.predict_proba(X_test), dtype=np.float64)
        if labels:
            predicted["prediction"] = np.asarray(fitted.predict(X_test))
        return 0.0

    validated = cross_validate(
        estimator,
        X,
        y,
        cv=[(fold.train, fold.test)],
        scoring=predict,
        params=params,
        return_estimator=True,
        error_score="raise",
        n_jobs=1,
    )
    fitted = validated["estimator"][0]
    column = fitted.classes_.tolist().index(pos_label)
    check_probabilities(predicted["probability"], fitted, fold, names)
    return {
        "estimator": fitted,
        "fit_time": validated["fit_time"][0],
        "score_time": validated["score_time"][0],
        **predicted,
        "probability": predicted["probability"][:, column],
    }


def predict_splits(estimator, X, y, fold: Fold, splits, **options) -> tuple[pd.DataFrame, float]:
    """Cross-validate within the training side of a fold.

    Parameters
    ----------
    estimator : estimator
        The estimator, left unfitted.

    X : indexable of length n_objects
        The objects.

    y : ndarray of shape (n_objects,)
        Class labels.

    fold : Fold
        Whose training side is split.

    splits : list of (train, test)
        Positions within the training side.

    **options
        The keyword arguments of `fit_and_predict`.

    Returns
    -------
    predictions : DataFrame
        One row per predicted object and split: `repeat`, `fold`, `split`, `position`, `y` and
        `probability`.

    seconds : float
        How long it took to fit and predict.
    """
    tables, seconds = [], 0.0
    for number, (train, test) in enumerate(splits):
        part = fold._replace(train=fold.train[train], test=fold.train[test])
        result = fit_and_predict(estimator, X, y, part, labels=False, **options)
        seconds += result["fit_time"] + result["score_time"]
        columns = {
            "repeat": fold.repeat,
            "fold": fold.number,
            "split": number,
            "position": part.test,
            "y": y[part.test],
            "probability": result["probability"],
        }
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables, ignore_index=True), seconds


def check_probabilities(probability: np.ndarray, fitted, fold: Fold, names: np.ndarray) -> None:
    """Refuse what an estimator says of the test objects of a fold if it is no probability.

    Parameters
    ----------
    probability : ndarray of shape (n_test, n_classes)
        What `predict_proba` returned.

    fitted : estimator
        The estimator that returned it.

    fold : Fold
        Whose test objects they are.

    names : ndarray of shape (n_objects,)
        The names of the objects.
    """
    where = f"fold {fold.number} of repeat {fold.repeat}"
    expected = (len(fold.test), len(fitted.classes_))
    if probability.shape != expected:
        raise ValueError(
            f"predict_proba must return an array of shape {expected} in {where}, "
            f"got {probability.shape}."
        )
    # Single precision may end a rounding error outside the unit interval.
    sound = (probability >= -1e-6) & (probability <= 1 + 1e-6)
    bad = np.flatnonzero(~sound.all(axis=1))
    if bad.size:
        value = probability[bad[0]][~sound[bad[0]]][0]
        raise ValueError(
            f"predict_proba must return numbers between 0 and 1; it returned {value} for "
            f"{describe_objects(names, fold.test[bad])} in {where}."
        )
