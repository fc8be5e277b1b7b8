"""The threshold on a probability that reaches a precision, a recall or a number a night."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, validate_params

from ._ranking import Drawn, Ranking
from ._report import CrossValidationReport
from ._scores import percentile_interval

# Sums of weights round: 3 of 4 must count as 0.75.
_ROUNDING = 1e-12


@dataclass(frozen=True, repr=False)
class FollowUpThreshold:
    """A threshold and what it reaches; made by :func:`threshold_for`.

    Attributes
    ----------
    threshold : float
        Candidates whose probability is as large are flagged.
    threshold_interval : tuple of two floats
        Where the threshold for the same target lies when other objects are drawn, by the
        bootstrap. An end is NaN where too many draws do not reach the target.
    precision : float
        Share of the flagged that is of the class to find.
    precision_interval : tuple of two floats
        Its interval at this threshold.
    recall : float
        Share of the class to find that is flagged.
    recall_interval : tuple of two floats
        Its interval at this threshold.
    flagged : float
        Share of the candidates that is flagged.
    flagged_interval : tuple of two floats
        Its interval at this threshold.
    n_flagged : float or None
        Number of candidates a night that are flagged, on average. None without `n_candidates`.
    n_flagged_interval : tuple of two floats or None
        Its interval at this threshold.
    n_others : float
        Number of objects of other classes in the sample that are flagged, on which the precision
        rests.
    """

    threshold: float
    threshold_interval: tuple[float, float]
    precision: float
    precision_interval: tuple[float, float]
    recall: float
    recall_interval: tuple[float, float]
    flagged: float
    flagged_interval: tuple[float, float]
    n_flagged: float | None
    n_flagged_interval: tuple[float, float] | None
    n_others: float

    def __repr__(self) -> str:
        values = zip(fields(self), astuple(self), strict=True)
        return f"FollowUpThreshold({', '.join(f'{f.name}={_spelled(v)}' for f, v in values)})"


def _spelled(value: float | tuple[float, float] | None) -> str:
    """Spell a number, or two, as far as anybody reads it."""
    if isinstance(value, tuple):
        return f"({', '.join(map(_spelled, value))})"
    return str(value) if value is None else f"{value:.6g}"


@validate_params(
    {
        "y_true": ["array-like", CrossValidationReport],
        "probability": ["array-like", None],
        "precision": [Interval(Real, 0, 1, closed="right"), None],
        "recall": [Interval(Real, 0, 1, closed="right"), None],
        "budget": [Interval(Real, 0, None, closed="neither"), None],
        "n_candidates": [Interval(Real, 0, None, closed="neither"), None],
        "pos_label": [Real, str, "boolean", None],
        "prior": [dict, str, None],
        "n_bootstrap": [Interval(Integral, 1, None, closed="left")],
        "confidence_level": [Interval(Real, 0, 1, closed="neither")],
        "random_state": [Interval(Integral, 0, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def threshold_for(
    y_true: Sequence[Any] | CrossValidationReport,
    probability: Sequence[float] | None = None,
    *,
    precision: float | None = None,
    recall: float | None = None,
    budget: float | None = None,
    n_candidates: float | None = None,
    pos_label: int | float | bool | str | None = None,
    prior: Mapping[Any, float] | str | None = None,
    n_bootstrap: int = 1000,
    confidence_level: float = 0.95,
    random_state: int = 0,
) -> FollowUpThreshold:
    """Find the threshold for a precision, a recall, or a number of candidates a night.

    Parameters
    ----------
    y_true : array-like of shape (n_objects,) or CrossValidationReport
        True labels of objects that the classifier was not trained on. Or a report, whose
        out-of-fold predictions are taken; its repeats are put together, and an object is drawn
        with all of its predictions.

    probability : array-like of shape (n_objects,) or None, default=None
        Probabilities of `pos_label`. None for a report.

    precision : float or None, default=None
        The lowest threshold is found that is at least so precise, which is the one with the
        highest recall.

    recall : float or None, default=None
        The highest threshold is found with at least this recall.

    budget : float or None, default=None
        The lowest threshold is found that flags at most so many of `n_candidates` a night, on
        average.

    n_candidates : float or None, default=None
        Number of new candidates a night; needed for `budget`.

    pos_label : int, float, bool, str or None, default=None
        The class to find. None: that of the report, "TDE" where that is a label, or 1 where the
        labels are 0 and 1.

    prior : dict of label to float, {"all transients", "nuclear", "uniform"} or None, default=None
        Share of every class among the candidates, as in
        :class:`~sklearn_tde.calibration.PriorAdjustedClassifier`. None: the mix of the labelled
        objects, which seldom is that of the candidates.

    n_bootstrap : int, default=1000
        Number of random draws for the intervals, within the classes.

    confidence_level : float, default=0.95
        Level of the intervals.

    random_state : int, default=0
        Seed of the draws.

    Returns
    -------
    found : FollowUpThreshold
        The threshold, halfway between two probabilities, and what it reaches.

    Raises
    ------
    ValueError
        If not exactly one of `precision`, `recall` and `budget` is given, the target is out of
        reach, `probability` does not go with the labels, or `prior` does not say the share of
        every class.

    Warns
    -----
    UserWarning
        If `prior` names a mix with classes that are not among the labels.

    See Also
    --------
    follow_up_curve : All numbers of spectra, for lists of a fixed length.
    sklearn.model_selection.FixedThresholdClassifier : Predicts with a threshold, for two classes.

    Notes
    -----
    The threshold is chosen on the objects that tell what it reaches, which flatters the target that
    was asked for a little. A threshold is fixed over all nights, so that the number of flagged
    candidates varies from night to night.

    Precision and the number flagged hang on the mix of classes; recall does not. A threshold holds
    for probabilities for one mix: after the classifier is adjusted to another, find it again.

    Where TDEs are rare, a precision rests on the few labelled impostors above the threshold,
    `n_others`, each of which stands for many candidates; and where there is none, they are not
    absent, but rarer than the sample can tell: with 0 of 300 up to 1 % of the impostors may lie
    above it, which at one TDE in 200 candidates is a precision of 0.33. A bootstrap of the objects
    does not know that, and would call such a precision certain. The intervals of what the threshold
    reaches therefore come from the exact binomial limits of each class [1]_, drawn together for the
    precision: of n objects with k above the threshold, the share above it is drawn from
    Beta(k, n - k + 1) for one end and from Beta(k + 1, n - k) for the other. They hold for a
    threshold that lies between two of the objects by choice, as this one does; the shorter interval
    of Jeffreys [2]_ does not, and with several rare classes misses often. With few objects of a
    class the price is a wide interval. That of the threshold itself is of the bootstrap: a narrow
    one only says that other draws of the same objects choose the same.

    References
    ----------
    .. [1] Clopper, C. J., and Pearson, E. S. (1934). The use of confidence or fiducial limits
           illustrated in the case of the binomial. Biometrika 26, 404-413.
    .. [2] Brown, L. D., Cai, T. T., and DasGupta, A. (2001). Interval estimation for a binomial
           proportion. Statistical Science 16, 101-133.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tde.evaluation import threshold_for
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["TDE", "SN Ia"], [200, 2000])
    >>> x = rng.normal(np.where(y == "TDE", 3.0, 0.0))
    >>> odds = 0.02 / 0.98 * np.exp(3 * x - 4.5)
    >>> found = threshold_for(y, odds / (1 + odds), recall=0.8, prior={"TDE": 0.02, "SN Ia": 0.98})
    >>> round(found.threshold, 2), round(found.precision, 2), round(found.recall, 2)
    (0.16, 0.62, 0.8)
    """
    targets = {"precision": precision, "recall": recall, "budget": budget}
    given = {name: target for name, target in targets.items() if target is not None}
    if len(given) != 1:
        raise ValueError(
            f"{len(given)} of precision, recall and budget are given; expected exactly one."
        )
    if budget is not None and n_candidates is None:
        raise ValueError("n_candidates is None; a budget needs the number of candidates a night.")
    ((target, value),) = given.items()
    value = value / n_candidates if target == "budget" else value
    ranking = Ranking(y_true, probability, pos_label, prior)
    everything, positive = ranking.cumulative()
    place = int(_places(everything, positive, target, value)[0])
    if place < 0:
        raise ValueError(_out_of_reach(ranking, everything, positive, target, n_candidates))
    cuts = (ranking.values + np.append(ranking.values[1:], 0.0)) / 2
    drawn = []
    for block in ranking.draws(n_bootstrap, random_state):
        places = _places(*block, target, value)
        drawn.append(np.where(places < 0, np.nan, cuts[places]))
    # As summed up in all the rest, so that all of them are exactly 1.
    share = positive[0, -1]
    blocks = [_extremes(b, place, share) for b in ranking.limits(n_bootstrap, random_state)]
    ends = {name: _ends([block[name] for block in blocks], confidence_level) for name in blocks[0]}
    reached = _reached(everything[:, place], positive[:, place], share)
    at = {name: float(found[0]) for name, found in reached.items()}
    nights = n_candidates if n_candidates is not None else np.nan
    return FollowUpThreshold(
        threshold=float(cuts[place]),
        threshold_interval=percentile_interval(np.concatenate(drawn), confidence_level),
        precision=at["precision"],
        precision_interval=ends["precision"],
        recall=at["recall"],
        recall_interval=ends["recall"],
        flagged=at["flagged"],
        flagged_interval=ends["flagged"],
        n_flagged=None if n_candidates is None else at["flagged"] * nights,
        n_flagged_interval=(
            None if n_candidates is None else tuple(end * nights for end in ends["flagged"])
        ),
        n_others=float(ranking.n_others()[place]),
    )


def _reached(flagged: np.ndarray, hits: np.ndarray, share: float) -> dict[str, np.ndarray]:
    """Return what is reached by flagging so many candidates, so many of them of the class."""
    with np.errstate(invalid="ignore"):
        # NaN where none is flagged.
        precision = hits / flagged
    # Sums of weights round.
    recall = np.minimum(hits / share, 1.0)
    return {"precision": precision, "recall": recall, "flagged": np.minimum(flagged, 1.0)}


def _extremes(drawn: Drawn, place: int, share: float) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the least and the most that flagging down to a value may reach, for every draw."""
    flagged, hits = drawn.everything[:, place], drawn.positive[:, place]
    found, others = drawn.beyond_positive[:, 0], drawn.beyond_others[:, 0]
    worst = _reached(flagged + others, hits, share)
    best = _reached(flagged + found, hits + found, share)
    extremes = {name: (worst[name], best[name]) for name in ("precision", "recall")}
    return extremes | {"flagged": (flagged, np.minimum(flagged + found + others, 1.0))}


def _ends(
    blocks: list[tuple[np.ndarray, np.ndarray]], confidence_level: float
) -> tuple[float, float]:
    """Return the lower end of the interval of the least, and the upper end of that of the most."""
    least, most = (np.concatenate(part) for part in zip(*blocks, strict=True))
    return (
        percentile_interval(least, confidence_level)[0],
        percentile_interval(most, confidence_level)[1],
    )


def _places(everything: np.ndarray, positive: np.ndarray, target: str, value: float) -> np.ndarray:
    """Return the value down to which each draw flags to reach the target; -1 where none does."""
    if target == "recall":
        reached = positive >= (value - _ROUNDING) * positive[:, -1:]
        return reached.argmax(axis=1)
    if target == "precision":
        reached = (positive >= (value - _ROUNDING) * everything) & (everything > 0)
    else:
        reached = everything <= value * (1 + _ROUNDING)
    last = reached.shape[1] - 1 - reached[:, ::-1].argmax(axis=1)
    return np.where(reached.any(axis=1), last, -1)


def _out_of_reach(
    ranking: Ranking,
    everything: np.ndarray,
    positive: np.ndarray,
    target: str,
    n_candidates: float | None,
) -> str:
    """Say what the best is that can be reached."""
    if target == "budget":
        return (
            f"budget is out of reach: the most probable objects, of probability "
            f"{ranking.values[0]:.6g}, are {everything[0, 0] * n_candidates:.3g} of "
            f"{n_candidates:g} candidates a night; expected at least that."
        )
    with np.errstate(invalid="ignore"):
        precision = np.where(everything[0] > 0, positive[0] / everything[0], 0.0)
    best = int(precision.argmax())
    return (
        f"precision is out of reach: the best is {precision[best]:.3f}, of objects with a "
        f"probability of {ranking.values[best]:.6g} or more, with a recall of "
        f"{positive[0, best] / positive[0, -1]:.3f}; expected at most that."
    )
