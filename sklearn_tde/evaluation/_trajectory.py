"""The probability of every object as its light curve grows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from nested_pandas import NestedFrame
from sklearn.utils._param_validation import Interval, StrOptions, validate_params
from sklearn.utils.validation import check_is_fitted
from tqdm import tqdm

from sklearn_tde._labels import check_pos_label
from sklearn_tde._photometry import shown
from sklearn_tde._prefixes import prefix_lengths, take_prefixes
from sklearn_tde.evaluation._shared_trajectory import (
    Segments,
    SharedSteps,
    blank_probabilities,
    find_segments,
    find_shared_steps,
    segment_probabilities,
)
from sklearn_tde.light_curves import FlatLightCurves, check_light_curves, flatten_light_curves
from sklearn_tde.preprocessing._start import (
    clock_known,
    detection_rows,
    start_times,
    up_to_age,
)

#: Observations that a light curve counts with at least when chunks are cut: a longer one counts
#: as several.
_USUAL_LENGTH = 256


@validate_params(
    {
        "ages": [None, "array-like", Real],
        "detection_snr": [Interval(Real, 0, None, closed="neither")],
        "method": [StrOptions({"auto", "recompute", "shared"})],
        "chunk_size": [Interval(Integral, 1, None, closed="left")],
        "verbose": [Interval(Integral, 0, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def score_trajectory(
    estimator: Any,
    X: Any,
    *,
    ages: Sequence[float] | float | None = None,
    pos_label: int | float | bool | str | None = None,
    detection_snr: float = 5.0,
    method: str = "auto",
    chunk_size: int = 4096,
    verbose: int = 0,
) -> pd.DataFrame:
    """Return the probability of every object as its light curve grows.

    What comes later is cut off before the estimator sees the light curve, or has no part in what
    it says: each probability is the one that it would have given at that time.

    Parameters
    ----------
    estimator : classifier
        A fitted classifier of light curves with `predict_proba`.
    X : NestedFrame of shape (n_objects, n_columns)
        Light curves, or any container of :func:`sklearn_tde.check_light_curves`.
    ages : array-like of shape (n_ages,), float or None, default=None
        Days since the first detection, 0 or more, at which each object is looked at. None: after
        each of its observations; those of one moment count as one.
    pos_label : int, float, bool, str or None, default=None
        The class whose probability is wanted. None: that of the estimator (`pos_label_`) if it
        has one, otherwise "TDE" where that is a label, or 1 where the labels are 0 and 1.
    detection_snr : float, default=5.0
        An observation is a detection if its flux is at least so many times its error.
    method : {"auto", "recompute", "shared"}, default="auto"
        "recompute" predicts anew at every age, which is right for any estimator. "shared" goes
        over each light curve once, and needs steps that do not look ahead (see the notes). "auto"
        shares where the estimator allows it.
    chunk_size : int, default=4096
        Light curves predicted at a time, which bounds the memory; fewer where they are long.
    verbose : int, default=0
        1: a progress bar if the standard error is a terminal. 0: none.

    Returns
    -------
    trajectory : DataFrame
        One row per object and age, in the order of `X` and of time, with the columns

        - ``object_id`` and ``position``: the name of the object, and its position in `X`;
        - ``time``: of the observation, or the date of the age; NaN at given ages for an object
          that has no detection;
        - ``age``: days since the first detection in all of the light curve, negative before;
          without a detection NaN, or the age that was asked for;
        - ``n_observations`` and ``n_detections``: up to then;
        - ``probability``: of `pos_label`.

    Raises
    ------
    TypeError
        If the estimator is no classifier with `predict_proba`.
    ValueError
        If `ages` are no numbers of 0 or more, `pos_label` is no class, a light curve is not
        valid, or the estimator looks ahead where `method` is "shared".
    NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    first_trigger : When a probability first reached a threshold.
    sklearn_tde.preprocessing.LightCurveTruncator : Cuts light curves in the same way.
    sklearn_tde.testing.check_prefix_consistency : Whether an estimator looks ahead.

    Notes
    -----
    At a given age the light curve has its observations up to then, as
    ``LightCurveTruncator(age=age)`` leaves them. One without a detection has no first one to
    count from, and is looked at as a whole.

    Work can be shared by a pipeline of a :class:`~sklearn_tde.preprocessing.LightCurveSequencer`
    with ``scale="running"`` (or None) and a
    :class:`~sklearn_tde.neural_network.TransformerTransientClassifier` or an
    :class:`~sklearn_tde.neural_network.LSTMTransientClassifier` with ``bidirectional=False``: each
    step depends on nothing after it, and one pass has the results of all ages. The clock of the
    sequencer may still move while no detection is confirmed, and beyond `max_observations` it
    takes another selection at each age: there light curves are gone over again. Both methods agree
    to 1e-6 on a CPU, and to the rounding of float32 on a GPU.

    A gridder interpolates towards the next observation, and features, such as the time of the
    peak, are those of a whole light curve: with them every age is predicted anew.

    Columns of the objects, such as a redshift, are taken as known at all times.

    Examples
    --------
    >>> from sklearn_tde import make_feature_pipeline, make_transients
    >>> from sklearn_tde.evaluation import score_trajectory
    >>> X, y = make_transients(n_tde=10, n_sn_ia=20, random_state=0)
    >>> model = make_feature_pipeline(random_state=0).fit(X, y)
    >>> trajectory = score_trajectory(model, X, ages=[10, 20, 50])
    >>> trajectory.shape
    (90, 7)
    >>> bool(trajectory["probability"].between(0, 1).all())
    True
    """
    if isinstance(estimator, type) or not hasattr(estimator, "predict_proba"):
        raise TypeError(
            f"estimator: expected a fitted classifier with predict_proba; got {shown(estimator)}."
        )
    check_is_fitted(estimator)
    pos_label = _pos_label(estimator, pos_label)
    steps = find_shared_steps(estimator) if method != "recompute" else None
    if method == "shared" and isinstance(steps, str):
        raise ValueError(f"method='shared': {steps}. Or expected method='auto' or 'recompute'.")
    X = check_light_curves(X)
    flat = flatten_light_curves(X)
    table = _points(flat, None if ages is None else _checked_ages(ages), detection_snr)
    position, length = (table[name].to_numpy() for name in ("position", "n_observations"))
    # Where nothing was observed between two ages, one prediction serves both.
    new = np.append(True, (np.diff(position) != 0) | (np.diff(length) != 0))[: len(table)]
    work = _Work(X, position[new], length[new], chunk_size, verbose)
    if isinstance(steps, SharedSteps):
        found = work.shared(steps, flat, len(estimator.classes_))
    else:
        found = work.recomputed(estimator)
    column = list(estimator.classes_).index(pos_label)
    table["probability"] = found[np.cumsum(new) - 1, column]
    return table


def first_trigger(trajectory: pd.DataFrame, threshold: float = 0.5) -> pd.DataFrame:
    """Return when the probability of each object first reached a threshold.

    Parameters
    ----------
    trajectory : DataFrame
        What :func:`score_trajectory` returned.
    threshold : float, default=0.5
        The probability to be reached, from 0 to 1.

    Returns
    -------
    triggers : DataFrame of shape (n_objects, 7)
        One row for each object of the trajectory, in the same order, with the same columns: those
        of its first row with a probability of `threshold` or more. Where there is none, all but
        ``object_id`` and ``position`` are missing.

    Raises
    ------
    ValueError
        If `threshold` is no number from 0 to 1.

    Examples
    --------
    >>> from sklearn_tde import make_feature_pipeline, make_transients
    >>> from sklearn_tde.evaluation import first_trigger, score_trajectory
    >>> X, y = make_transients(n_tde=10, n_sn_ia=20, random_state=0)
    >>> model = make_feature_pipeline(random_state=0).fit(X, y)
    >>> triggers = first_trigger(score_trajectory(model, X, ages=range(0, 60, 5)))
    >>> triggers["age"].notna()[y == "TDE"].mean() > triggers["age"].notna()[y != "TDE"].mean()
    np.True_
    """
    if not isinstance(threshold, Real) or not 0 <= threshold <= 1:
        raise ValueError(f"threshold must be a number from 0 to 1; got {shown(threshold)}.")
    objects = trajectory[["object_id", "position"]].drop_duplicates("position")
    reached = trajectory[trajectory["probability"] >= threshold].drop_duplicates("position")
    counts = ["n_observations", "n_detections"]
    found = reached.astype(dict.fromkeys(counts, "Int64")).set_index("position")
    found = found.reindex(objects["position"]).reset_index()
    # Whether it was reached or not, it is about this object.
    found["object_id"] = objects["object_id"].to_numpy()
    return found[list(trajectory.columns)]


def _pos_label(estimator: Any, pos_label: Any) -> Any:
    """Return the class that is wanted, as the estimator knows it."""
    if pos_label is None:
        pos_label = getattr(estimator, "pos_label_", None)
    return check_pos_label(pos_label, np.asarray(estimator.classes_))


def _checked_ages(ages: Any) -> np.ndarray:
    """Return the ages in ascending order, each once."""
    try:
        found = np.array(list(ages) if np.iterable(ages) else [ages], dtype=np.float64)
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.ndim != 1 or not len(found) or not (np.isfinite(found) & (found >= 0)).all():
        raise ValueError(
            f"ages={shown(ages)}; expected days since the first detection, numbers of 0 or more."
        )
    return np.unique(found)


def _points(flat: FlatLightCurves, ages: np.ndarray | None, detection_snr: float) -> pd.DataFrame:
    """Return the table of objects and ages, without their probabilities."""
    start = start_times(flat, "first", detection_snr)
    known = clock_known(flat, start, "first", detection_snr)
    start = np.where(np.isfinite(known), start, np.nan)
    if ages is None:
        position = flat.object_position
        is_last = np.append((np.diff(flat.time) != 0) | (np.diff(position) != 0), True)
        rows = np.flatnonzero(is_last[: len(position)])
        position = position[rows]
        length = rows + 1 - flat.offsets[position]
        time = flat.time[rows]
        age = time - start[position]
    else:
        position = np.repeat(np.arange(flat.n_objects), len(ages))
        since = np.where(np.isfinite(known), start, 0.0)
        kept = [prefix_lengths(flat.offsets, up_to_age(flat, since, known, age)) for age in ages]
        length = np.column_stack(kept).ravel()
        time, age = (start[:, None] + ages).ravel(), np.tile(ages, flat.n_objects)
    detected = np.zeros(len(flat.time) + 1, dtype=np.int64)
    detected[detection_rows(flat, detection_snr) + 1] = 1
    detected = np.cumsum(detected)
    begin = flat.offsets[position]
    return pd.DataFrame(
        {
            "object_id": flat.index[position],
            "position": position,
            "time": time,
            "age": age,
            "n_observations": length,
            "n_detections": detected[begin + length] - detected[begin],
        }
    )


class _Work:
    """Beginnings of light curves to be predicted, each once, in ascending order."""

    def __init__(
        self,
        X: NestedFrame,
        position: np.ndarray,
        length: np.ndarray,
        chunk_size: int,
        verbose: int,
    ) -> None:
        self.X, self.position, self.length = X, position, length
        self.chunk_size, self.verbose = chunk_size, verbose

    def recomputed(self, estimator: Any) -> np.ndarray:
        """Return the probabilities, shape (n_beginnings, n_classes), each from its own curve."""
        found = np.empty((len(self.position), len(estimator.classes_)))
        for chunk in self._chunks(self.length):
            some = take_prefixes(self.X, self.position[chunk], self.length[chunk])
            found[chunk] = estimator.predict_proba(some)
        return found

    def shared(self, steps: SharedSteps, flat: FlatLightCurves, n_classes: int) -> np.ndarray:
        """Return the same from one pass over all beginnings that agree as far as they go."""
        found = np.empty((len(self.position), n_classes))
        empty = self.length == 0
        if empty.any():
            found[empty] = blank_probabilities(steps)
        position, length, rows = self.position[~empty], self.length[~empty], np.flatnonzero(~empty)
        segments = find_segments(steps, flat, position, length)
        for chunk in self._chunks(length[segments.last]):
            inside = slice(*np.searchsorted(segments.segment, [chunk.start, chunk.stop]))
            last = segments.last[chunk] - inside.start
            some = Segments(last, segments.segment[inside] - chunk.start)
            found[rows[inside]] = segment_probabilities(
                steps, self.X, position[inside], length[inside], some
            )
        return found

    def _chunks(self, length: np.ndarray) -> Iterator[slice]:
        """Cut light curves of these lengths into chunks, and show how far they have come."""
        size = np.cumsum(np.maximum(length, _USUAL_LENGTH))
        chunk = (size - 1) // (self.chunk_size * _USUAL_LENGTH)
        bounds = np.unique([0, *(np.flatnonzero(np.diff(chunk)) + 1), len(chunk)])
        # None: tqdm itself finds out whether there is a terminal.
        disable = None if self.verbose else True
        with tqdm(total=len(length), desc="light curves", disable=disable, leave=False) as bar:
            for begin, end in pairwise(bounds):
                yield slice(begin, end)
                bar.update(end - begin)
