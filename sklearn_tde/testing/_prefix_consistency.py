"""Whether what an estimator says of the past depends on what comes later."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

import numpy as np
from nested_pandas import NestedFrame
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, validate_params

from sklearn_tde._photometry import shown
from sklearn_tde.light_curves import check_light_curves
from sklearn_tde.preprocessing import LightCurveTruncator
from sklearn_tde.testing._cuts import checked_ages, cut_at, detected_objects
from sklearn_tde.testing._kinds import (
    are_light_curves,
    check_own_cuts,
    check_steps,
    check_trajectory,
    detection_snr_of,
)


@validate_params(
    {
        "ages": [None, "array-like", Real],
        "trajectory": [None, callable],
        "step_times": [None, callable],
        "tolerance": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def check_prefix_consistency(
    estimator: Any,
    X: Any,
    *,
    ages: Sequence[float] | float | None = None,
    trajectory: Callable[[NestedFrame, np.ndarray], Any] | None = None,
    step_times: Callable[[NestedFrame], Any] | None = None,
    pos_label: int | float | bool | str | None = None,
    tolerance: float = 1e-6,
    random_state: int | np.random.RandomState | None = 0,
) -> None:
    """Check that what an estimator says of the past does not depend on what comes later.

    The light curves are cut at several ages, and what it says as of then is compared with what it
    says of the same time when later observations are there, and when they are others: missing,
    huge, far below zero, in other bands and at other times (see the notes).

    Parameters
    ----------
    estimator : classifier or transformer
        A fitted estimator of light curves.
    X : NestedFrame of shape (n_objects, n_columns)
        Light curves, or any container of :func:`sklearn_tde.check_light_curves`. A few dozen are
        enough; those without a detection have no age and are left out.
    ages : array-like of shape (n_ages,), float or None, default=None
        Days since the first detection, 0 or more, at which light curves are cut. None: five ages,
        spread over the observations. Not for an estimator that cuts light curves itself.
    trajectory : callable or None, default=None
        ``trajectory(X, ages)`` returns the probabilities, of shape (n_objects, n_ages), that are
        claimed to be those as of these ages: a quicker way of your own to do what
        :func:`sklearn_tde.evaluation.score_trajectory` does. None: that function.
    step_times : callable or None, default=None
        Of a transformer: ``step_times(X)`` returns the time of every step of
        ``estimator.transform(X)``, of shape (n_objects, n_steps), in the days of `X`; NaN for
        padding. None: they are found as the notes say.
    pos_label : int, float, bool, str or None, default=None
        The class of a classifier whose probability is compared. None: its own `pos_label_`, or
        "TDE", or 1.
    tolerance : float, default=1e-6
        Largest difference, as a fraction of values larger than 1.
    random_state : int, RandomState instance or None, default=0
        Draws the huge fluxes.

    Raises
    ------
    AssertionError
        If something differs. The message names the object, the age, the size of the difference,
        and whether what comes later is the cause, or the other objects that are given with it.
    TypeError
        If the estimator has nothing that can be checked, or nothing that `trajectory` could be
        compared with.
    ValueError
        If there is nothing to compare: nothing was observed after the ages, or no step lies before.

    See Also
    --------
    sklearn_tde.evaluation.score_trajectory : Probabilities as the light curve grows.
    sklearn_tde.preprocessing.LightCurveTruncator : Cuts light curves.

    Notes
    -----
    What is checked depends on the estimator:

    - A pipeline with a :class:`~sklearn_tde.preprocessing.LightCurveTruncator`: what the truncator
      alone cuts off must not change its probabilities (or what it transforms to). That finds a step
      before the truncator that has seen the whole light curve.
    - Any other classifier: its trajectory, at every age, must be what `predict_proba` says of light
      curves that end there, and stay so whatever comes later. `score_trajectory` cuts before the
      classifier sees anything, so this finds errors in sharing work between the ages or in a
      `trajectory` of yours, and results that depend on other objects. It cannot find that a *step*
      looks over all that it is given, which is harmless here; check the step itself for that.
    - A transformer that returns light curves, such as a truncator: what it keeps must not depend on
      what it cuts off.
    - A transformer into steps of time, (n_objects, n_steps, n_features): the steps up to the cut
      must be the same. Their times are those of `step_times`; or t = 0 and the attribute ``grid_``
      (t = 0 is the first detection, or as the parameters ``start`` and ``detection_snr`` say); or
      else the steps are the observations in the order of time, followed by zeros or NaN. A
      :class:`~sklearn_tde.preprocessing.LightCurveGridder` does not pass, as it interpolates
      towards the next observation; a
      :class:`~sklearn_tde.preprocessing.LightCurveSequencer` does with ``scale="running"`` and
      ``start="first"``.

    A transformer into one table, such as features, has no steps and is refused: there is no past in
    what it says of a whole light curve.

    Later times, fluxes, errors and bands are never NaN, which no estimator has to accept; further
    fields of the light curve are. Columns of the objects are taken as known at all times: one that
    sums up the whole light curve gives the future away unnoticed. So does what the estimator has
    learned about the same objects in `fit`.

    Examples
    --------
    >>> from sklearn_tde import LightCurveGridder, LightCurveSequencer, make_transients
    >>> from sklearn_tde.testing import check_prefix_consistency
    >>> X, y = make_transients(n_tde=5, n_sn_ia=5, random_state=0)
    >>> sequencer = LightCurveSequencer(start="first", scale="running").fit(X)
    >>> check_prefix_consistency(sequencer, X)
    >>> check_prefix_consistency(LightCurveGridder().fit(X), X)
    Traceback (most recent call last):
      ...
    AssertionError: object 'sim...
    """
    if not hasattr(estimator, "predict_proba") and not hasattr(estimator, "transform"):
        raise TypeError(
            f"estimator: {shown(estimator)} has neither predict_proba nor transform; expected a "
            "fitted classifier or transformer."
        )
    X = check_light_curves(X)
    random_state = check_random_state(random_state)
    truncator = None if trajectory is not None else _truncator(estimator, X)
    if truncator is not None:
        if ages is not None:
            raise ValueError(
                f"ages={shown(ages)}: {type(estimator).__name__} cuts light curves itself; "
                "expected None."
            )
        check_own_cuts(estimator, truncator, X, tolerance, random_state)
        return
    is_classifier = hasattr(estimator, "predict_proba")
    if trajectory is not None and not is_classifier:
        raise TypeError(
            f"trajectory is given, but {type(estimator).__name__} has no predict_proba to compare "
            "it with; expected a classifier, or None."
        )
    # The ages of trajectories are those of `score_trajectory`.
    detection_snr = 5.0 if is_classifier else detection_snr_of(estimator)
    X = detected_objects(X, detection_snr)
    ages = checked_ages(ages, X, detection_snr)
    cuts = cut_at(X, ages, detection_snr)
    if is_classifier:
        check_trajectory(estimator, X, ages, cuts, trajectory, tolerance, random_state, pos_label)
    else:
        check_steps(estimator, X, cuts, step_times, tolerance, random_state)


def _truncator(estimator: Any, X: NestedFrame) -> Any:
    """Return what cuts light curves: a step of the estimator, or itself; None if nothing does."""
    steps = [step for _, step in estimator.steps] if isinstance(estimator, Pipeline) else []
    for step in steps:
        if isinstance(step, LightCurveTruncator):
            return step
    if hasattr(estimator, "predict_proba"):
        return None
    return estimator if are_light_curves(estimator.transform(X.iloc[:1])) else None
