"""What is checked of the different kinds of estimators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from nested_pandas import NestedFrame
from sklearn.pipeline import Pipeline

from sklearn_tde._flat import LIGHT_CURVE
from sklearn_tde._labels import check_pos_label
from sklearn_tde._photometry import shown
from sklearn_tde._prefixes import select_observations
from sklearn_tde.evaluation import score_trajectory
from sklearn_tde.light_curves import flatten_light_curves
from sklearn_tde.preprocessing._start import EDGE, start_times
from sklearn_tde.testing._cuts import Cuts
from sklearn_tde.testing._differences import changed_by_others, refuse_differences
from sklearn_tde.testing._poison import poisons

_FIELDS = ("time", "flux", "flux_err", "band")


def are_light_curves(result: Any) -> bool:
    """Whether a transformer has returned light curves."""
    return isinstance(result, pd.DataFrame) and LIGHT_CURVE in result.columns


def check_own_cuts(
    estimator: Any,
    truncator: Any,
    X: NestedFrame,
    tolerance: float,
    random_state: np.random.RandomState,
) -> None:
    """Check an estimator that cuts light curves itself; `truncator` does that alone."""
    flat, kept = flatten_light_curves(X), flatten_light_curves(truncator.transform(X))
    last = np.full(flat.n_objects, -np.inf)
    some = kept.n_observations > 0
    last[some] = kept.time[kept.offsets[1:][some] - 1]
    later = flat.time > last[flat.object_position] + EDGE
    if not later.any():
        raise ValueError(
            f"X: {truncator!r} cuts nothing off; expected light curves that go on after its limit."
        )
    method = estimator.predict_proba if hasattr(estimator, "predict_proba") else estimator.transform

    def steps(X: NestedFrame) -> np.ndarray:
        return _as_steps(method(X))

    poisoned = poisons(X, later, random_state)
    results = {"whole": steps(X)} | {name: steps(some) for name, some in poisoned.items()}
    age = last - start_times(flat, "first", 5.0)
    returns_light_curves = are_light_curves(method(X.iloc[:1]))

    def describe(row: int, step: int, feature: int) -> str:
        what = f"result {feature}"
        if returns_light_curves:
            what = f"the {_FIELDS[feature]} of observation {step}"
        elif hasattr(estimator, "predict_proba"):
            what = f"the probability of {shown(estimator.classes_.tolist()[feature])}"
        when = f"cut {age[row]:.4g} days after its first detection"
        return f"object {shown(X.index[row])}, {when}: {what}"

    by_others = changed_by_others([(steps, X), (steps, poisoned["missing"])], tolerance)
    # Where the light curve ends at the cut, no step can have seen more.
    refuse_differences(results, results.pop("missing"), tolerance, describe, by_others)


def _as_steps(result: Any) -> np.ndarray:
    """Return any result as an array of three axes."""
    if not are_light_curves(result):
        array = np.asarray(result, dtype=np.float64)
        return array if array.ndim == 3 else array.reshape(len(array), 1, -1)
    flat = flatten_light_curves(result)
    position = flat.object_position
    step = np.arange(len(position)) - flat.offsets[:-1][position]
    steps = np.full((flat.n_objects, int(flat.n_observations.max(initial=0)), 4), np.nan)
    steps[position, step] = np.column_stack([getattr(flat, name) for name in _FIELDS])
    return steps


def check_trajectory(
    estimator: Any,
    X: NestedFrame,
    ages: np.ndarray,
    cuts: Cuts,
    trajectory: Callable[[NestedFrame, np.ndarray], Any] | None,
    tolerance: float,
    random_state: np.random.RandomState,
    pos_label: Any = None,
) -> None:
    """Check the probabilities that a classifier is claimed to give at some ages."""
    classes = np.asarray(estimator.classes_)
    pos_label = check_pos_label(
        getattr(estimator, "pos_label_", None) if pos_label is None else pos_label, classes
    )

    def steps(X: NestedFrame) -> np.ndarray:
        if trajectory is None:
            found = score_trajectory(estimator, X, ages=ages, pos_label=pos_label)[
                "probability"
            ].to_numpy()
            return found.reshape(len(X), len(ages), 1)
        found = np.asarray(trajectory(X, ages), dtype=np.float64)
        if found.shape != (len(X), len(ages)):
            raise ValueError(
                f"trajectory returned an array of shape {found.shape} for {len(X)} objects and "
                f"{len(ages)} ages; expected ({len(X)}, {len(ages)})."
            )
        return found[:, :, None]

    def describe(row: int, step: int, feature: int) -> str:
        when = f"{ages[step]:.4g} days after its first detection"
        what = f"the probability of {shown(pos_label)}"
        return f"object {shown(cuts.X.index[row])}, {when}: {what}"

    def at_end(X: NestedFrame) -> np.ndarray:
        found = np.asarray(estimator.predict_proba(X), dtype=np.float64)
        return found[:, classes.tolist().index(pos_label)][:, None, None]

    whole, ending = steps(X)[cuts.position], select_observations(cuts.X, ~cuts.later)
    by_others = changed_by_others([(steps, cuts.X), (at_end, ending)], tolerance)
    at_cut = np.arange(len(ages)) == cuts.age[:, None]
    expected = np.broadcast_to(at_end(ending), whole.shape)
    refuse_differences({"whole": whole}, expected, tolerance, describe, by_others, at_cut)
    poisoned = poisons(cuts.X, cuts.later, random_state)
    results = {name: steps(some) for name, some in poisoned.items()}
    until_cut = np.arange(len(ages)) <= cuts.age[:, None]
    refuse_differences(results, whole, tolerance, describe, by_others, until_cut)


def check_steps(
    estimator: Any,
    X: NestedFrame,
    cuts: Cuts,
    step_times: Callable[[NestedFrame], Any] | None,
    tolerance: float,
    random_state: np.random.RandomState,
) -> None:
    """Check the steps of time that a transformer returns."""
    poisoned = poisons(cuts.X, cuts.later, random_state)
    alone = poisoned.pop("missing")
    expected = _steps_of(estimator, alone)
    before = _steps_before(estimator, alone, cuts.time, step_times, expected)
    if not before.any():
        raise ValueError(
            f"estimator: {type(estimator).__name__} has no step before a cut; expected later ages, "
            "or other step_times."
        )
    results = {"whole": _steps_of(estimator, X)[cuts.position]}
    results |= {name: _steps_of(estimator, some) for name, some in poisoned.items()}
    first = start_times(flatten_light_curves(cuts.X), "first", detection_snr_of(estimator))
    names = _feature_names(estimator, expected.shape[2])

    def describe(row: int, step: int, feature: int) -> str:
        when = f"cut {cuts.time[row] - first[row]:.4g} days after its first detection"
        return f"object {shown(cuts.X.index[row])}, {when}: {names[feature]} of step {step}"

    def steps(X: NestedFrame) -> np.ndarray:
        return _steps_of(estimator, X)

    by_others = changed_by_others([(steps, cuts.X), (steps, alone)], tolerance)
    refuse_differences(results, expected, tolerance, describe, by_others, before)


def _steps_of(estimator: Any, X: NestedFrame) -> np.ndarray:
    steps = np.asarray(estimator.transform(X), dtype=np.float64)
    if steps.ndim not in (2, 3) or len(steps) != len(X):
        raise TypeError(
            f"estimator: transform returned an array of shape {steps.shape} for {len(X)} objects; "
            "expected (n_objects, n_steps, n_features)."
        )
    return steps if steps.ndim == 3 else steps[:, :, None]


def _steps_before(
    estimator: Any,
    X: NestedFrame,
    cut: np.ndarray,
    step_times: Callable[[NestedFrame], Any] | None,
    steps: np.ndarray,
) -> np.ndarray:
    """Mark the steps of light curves that end at a cut which lie before it."""
    if step_times is not None:
        times = np.asarray(step_times(X), dtype=np.float64)
        if times.shape != steps.shape[:2]:
            raise ValueError(
                f"step_times returned an array of shape {times.shape}; expected the objects and "
                f"steps of transform, {steps.shape[:2]}."
            )
        return times <= cut[:, None] + EDGE
    grid = _attribute(estimator, "grid_")
    if grid is not None:
        rule = _attribute(estimator, "start")
        rule = rule if rule in ("first", "confirmed") else "first"
        start = start_times(flatten_light_curves(X), rule, detection_snr_of(estimator))
        return start[:, None] + np.asarray(grid) <= cut[:, None] + EDGE
    if steps.shape[2] == 1:
        raise TypeError(
            f"estimator: {type(estimator).__name__} returns a table, of which it is not known what "
            "the columns have to do with time; expected (n_objects, n_steps, n_features), or "
            "step_times. Features of whole light curves have no past to be checked."
        )
    filled = ((steps != 0) & ~np.isnan(steps)).any(axis=2)
    # Zeros may also stand between observations.
    return np.cumsum(filled[:, ::-1], axis=1)[:, ::-1] > 0


def _attribute(estimator: Any, name: str) -> Any:
    """Return an attribute of the estimator, or of the first step of a pipeline that has it."""
    steps = [step for _, step in estimator.steps] if isinstance(estimator, Pipeline) else []
    found = (getattr(step, name, None) for step in [estimator, *steps])
    return next((value for value in found if value is not None), None)


def detection_snr_of(estimator: Any) -> float:
    """Return what the estimator takes for a detection."""
    found = _attribute(estimator, "detection_snr")
    return 5.0 if found is None else float(found)


def _feature_names(estimator: Any, n_features: int) -> list[str]:
    names = []
    if hasattr(estimator, "get_feature_names_out") and not isinstance(estimator, Pipeline):
        names = list(estimator.get_feature_names_out())
    return names if len(names) == n_features else [f"feature {k}" for k in range(n_features)]
