"""What a number of spectra a night finds among the candidates of that night."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import betainc, betaincc
from sklearn.utils._param_validation import Interval, validate_params

from sklearn_tde._photometry import shown

from ._ranking import Drawn, Ranking
from ._report import CrossValidationReport
from ._scores import percentile_interval

# Numbers of spectra where none are named.
_N_DEFAULT = 25
# Steps of the square root of the number of candidates above an object. The number varies by about
# its square root from night to night, which every step is a small part of.
_STEP, _MAX_CELLS = 0.02, 4000


@dataclass(frozen=True, repr=False)
class FollowUpCurve:
    """What numbers of spectra a night find; made by :func:`follow_up_curve`.

    Attributes
    ----------
    table : DataFrame of shape (n_budgets, 12)
        One row per number of spectra a night (`n_spectra`, the index), for the list of so many most
        probable candidates of a night: `found`, the expected number of objects of `pos_label` in
        the list; `purity`, their share of the list; `recall`, their share of all of them among the
        candidates; each with the ends of its interval, `found_low` and `found_high` and so on;
        `expected`, the number in the list by the probabilities alone, to compare to `found`;
        `possible`, the number that would be in it if all of them were ranked highest; `n_others`,
        the number of objects of other classes in the sample that are so highly ranked.
    n_candidates : int
        Number of new candidates a night.
    n_positive : float
        How many of them are expected to be of `pos_label`.
    prior : dict of label to float
        Share of every class among the candidates.
    pos_label : int, float, bool or str
        The class to find.
    confidence_level : float
        Level of the intervals.
    """

    table: pd.DataFrame
    n_candidates: int
    n_positive: float
    prior: dict[Any, float]
    pos_label: int | float | bool | str
    confidence_level: float

    def __str__(self) -> str:
        head = (
            f"{self.n_candidates} candidates a night, {self.n_positive:.3g} of them "
            f"{self.pos_label}; {self.confidence_level:.0%} intervals"
        )
        return f"{head}\n\n{self.table.round(3).to_string()}"

    def __repr__(self) -> str:
        return (
            f"<FollowUpCurve: {len(self.table)} numbers of spectra, {self.n_candidates} candidates "
            f"a night, pos_label={self.pos_label!r}>"
        )


@validate_params(
    {
        "y_true": ["array-like", CrossValidationReport],
        "probability": ["array-like", None],
        "n_candidates": [Interval(Integral, 1, None, closed="left")],
        "n_spectra": ["array-like", Integral, None],
        "pos_label": [Real, str, "boolean", None],
        "prior": [dict, str, None],
        "n_bootstrap": [Interval(Integral, 1, None, closed="left")],
        "confidence_level": [Interval(Real, 0, 1, closed="neither")],
        "random_state": [Interval(Integral, 0, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def follow_up_curve(
    y_true: Sequence[Any] | CrossValidationReport,
    probability: Sequence[float] | None = None,
    *,
    n_candidates: int,
    n_spectra: Sequence[int] | int | None = None,
    pos_label: int | float | bool | str | None = None,
    prior: Mapping[Any, float] | str | None = None,
    n_bootstrap: int = 1000,
    confidence_level: float = 0.95,
    random_state: int = 0,
) -> FollowUpCurve:
    """Tell how many TDEs spectra of the most probable candidates find, and how pure the list is.

    Every night there are so many new candidates, and spectra for some of them: those with the
    highest probabilities. The labelled objects stand for the candidates, weighted by class so that
    the classes come up as often as `prior` says.

    Parameters
    ----------
    y_true : array-like of shape (n_objects,) or CrossValidationReport
        True labels of objects that the classifier was not trained on. Or a report, whose
        out-of-fold predictions are taken; its repeats are put together, and an object is drawn
        with all of its predictions.

    probability : array-like of shape (n_objects,) or None, default=None
        Probabilities of `pos_label`. None for a report.

    n_candidates : int
        Number of new candidates a night.

    n_spectra : array-like of int, int or None, default=None
        Numbers of spectra a night, from 1 to `n_candidates`. None: up to 25, evenly spread in
        their logarithm.

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
    curve : FollowUpCurve
        The table, and what it is about.

    Raises
    ------
    ValueError
        If `probability` does not go with the labels, `n_spectra` holds other numbers, or `prior`
        does not say the share of every class.

    Warns
    -----
    UserWarning
        If `prior` names a mix with classes that are not among the labels.

    See Also
    --------
    threshold_for : The threshold that goes with a number of spectra.
    sklearn_tde.inspection.FollowUpDisplay : The picture.
    sklearn_tde.calibration.PriorAdjustedClassifier : Probabilities for another mix.

    Notes
    -----
    A night is a draw of `n_candidates` objects from the weighted sample. What is found among its N
    most probable is computed (to 0.1 %), not simulated: that a candidate with a share q of all
    above it is among them has the probability that a binomial number (`n_candidates` - 1, q) is
    below N. Among equal probabilities chance decides.

    `prior` weights objects and leaves the probabilities alone. `expected` agrees with `found` if
    these are calibrated for the same mix: take them from a `PriorAdjustedClassifier`. With more
    than two classes that can also change the order of the candidates, and what is found.

    The intervals tell how far the numbers hang on which objects were labelled, but nothing of the
    uncertainty of the mix itself. Where few objects of other classes are ranked so highly
    (`n_others`), each of them stands for many candidates; where there is none, the purity is 1, but
    others are only rarer than the sample can tell. The draws know of them: as in a Bayesian
    bootstrap [1]_ the candidates of a class are spread over its labelled objects by random weights,
    of which there is one more than objects, for what lies beyond them. For the lower ends it is put
    above all of the other classes and below all of `pos_label`, and the other way round for the
    upper ends. At one threshold these are the exact binomial limits of :func:`threshold_for`.

    References
    ----------
    .. [1] Rubin, D. B. (1981). The Bayesian bootstrap. The Annals of Statistics 9, 130-134.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tde.evaluation import follow_up_curve
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["TDE", "SN Ia"], [1000, 10_000])
    >>> x = rng.normal(np.where(y == "TDE", 2.0, 0.0))
    >>> odds = 0.02 / 0.98 * np.exp(2 * x - 2)
    >>> curve = follow_up_curve(
    ...     y,
    ...     odds / (1 + odds),
    ...     n_candidates=100,
    ...     n_spectra=[1, 5, 20],
    ...     prior={"TDE": 0.02, "SN Ia": 0.98},
    ... )
    >>> curve.table[["found", "found_low", "found_high", "purity", "expected"]].round(2)
               found  found_low  found_high  purity  expected
    n_spectra
    1           0.45       0.41        0.48    0.45      0.44
    5           1.10       1.04        1.15    0.22      1.11
    20          1.72       1.67        1.75    0.09      1.69
    """
    numbers = _checked_numbers(n_spectra, n_candidates)
    ranking = Ranking(y_true, probability, pos_label, prior)
    shares, spectra_per_share = _night(int(n_candidates), numbers)
    everything, positive = ranking.cumulative()
    found = _in_the_list(everything, positive, shares) @ spectra_per_share
    expected = _in_the_list(everything, ranking.promised()[np.newaxis], shares) @ spectra_per_share
    share = ranking.prior[ranking.pos_label]
    blocks = [_extremes(b, share) for b in ranking.limits(n_bootstrap, random_state)]
    ends = []
    for end, curves in enumerate(zip(*blocks, strict=True)):
        drawn = np.concatenate([_in_the_list(*curve, shares) for curve in curves])
        columns = (drawn @ spectra_per_share).T
        ends.append([percentile_interval(column, confidence_level)[end] for column in columns])
    n_positive = share * n_candidates
    columns = {}
    for name, whole in {"found": 1.0, "purity": numbers, "recall": n_positive}.items():
        columns[name] = found[0] / whole
        columns[f"{name}_low"], columns[f"{name}_high"] = np.array(ends) / whole
    columns["expected"] = expected[0]
    columns["possible"] = _expected_minimum(n_candidates, share, numbers)
    last = np.searchsorted(everything[0], numbers / n_candidates * (1 + 1e-12), side="right")
    columns["n_others"] = np.append(0.0, ranking.n_others())[last]
    return FollowUpCurve(
        table=pd.DataFrame(columns, index=pd.Index(numbers, name="n_spectra")),
        n_candidates=int(n_candidates),
        n_positive=float(n_positive),
        prior=ranking.prior,
        pos_label=ranking.pos_label,
        confidence_level=confidence_level,
    )


def _checked_numbers(n_spectra: Any, n_candidates: int) -> np.ndarray:
    """Return the numbers of spectra, from low to high."""
    if n_spectra is None:
        return np.unique(np.geomspace(1, n_candidates, _N_DEFAULT).round().astype(np.int64))
    found = np.atleast_1d(n_spectra)
    sound = found.ndim == 1 and found.size > 0 and np.issubdtype(found.dtype, np.integer)
    if not sound or found.min() < 1 or found.max() > n_candidates:
        raise ValueError(
            f"n_spectra={shown(n_spectra)}; expected integers from 1 to "
            f"n_candidates={n_candidates}."
        )
    return np.unique(found)


def _night(n_candidates: int, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return shares of the candidates from the top, and the spectra that go to what lies between.

    Among the first q of the candidates there are K of a night, a binomial number, and min(K, N) of
    them are in the list of N.

    Parameters
    ----------
    n_candidates : int
        Number of candidates a night.

    numbers : ndarray of shape (n_budgets,)
        Numbers of spectra N.

    Returns
    -------
    shares : ndarray of shape (n_cells + 1,)
        Ends of cells, from 0 to 1.

    spectra_per_share : ndarray of shape (n_cells, n_budgets)
        Expected number of spectra that go to a cell, per share of the candidates in it.
    """
    n_cells = int(min(np.ceil(np.sqrt(n_candidates) / _STEP), _MAX_CELLS))
    shares = np.union1d(np.linspace(0, 1, n_cells + 1) ** 2, numbers / n_candidates)
    in_the_list = _expected_minimum(n_candidates, shares[:, np.newaxis], numbers)
    return shares, np.diff(in_the_list, axis=0) / np.diff(shares)[:, np.newaxis]


def _expected_minimum(n: int, q: np.ndarray | float, numbers: np.ndarray) -> np.ndarray:
    """Return the expectation of min(K, N) of a binomial number K of `n` with probability `q`."""
    # K where it is below N: n q times the probability that n - 1 others make less than N - 1.
    below = np.where(numbers > 1, betaincc(np.maximum(numbers - 1, 1), n - numbers + 1, q), 0.0)
    return n * q * below + numbers * betainc(numbers, n - numbers + 1, q)


def _extremes(drawn: Drawn, share: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return all candidates and those to find at or above each value, at worst and at best.

    Parameters
    ----------
    drawn : Drawn
        What may be there.

    share : float
        Share of all candidates that is to find.

    Returns
    -------
    curves : list of two tuples (everything, positive), ndarray of shape (n_draws, n_values + 2)
        With what lies above the first value, and below the last.
    """
    ends = np.ones_like(drawn.beyond_others), np.full_like(drawn.beyond_others, share)
    curves = []
    for above, found in (
        (drawn.beyond_others, np.zeros_like(drawn.beyond_others)),
        (drawn.beyond_positive, drawn.beyond_positive),
    ):
        everything = np.hstack([above, drawn.everything + above, ends[0]])
        curves.append((everything, np.hstack([found, drawn.positive + found, ends[1]])))
    return curves


def _in_the_list(everything: np.ndarray, part: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return how much of `part` lies in each cell of shares of the candidates from the top.

    Parameters
    ----------
    everything, part : ndarray of shape (n_draws, n_values)
        At or above each value.

    shares : ndarray of shape (n_cells + 1,)
        Ends of the cells.

    Returns
    -------
    within : ndarray of shape (n_draws, n_cells)
        In each cell.
    """
    zero = np.zeros((len(everything), 1))
    everything, part = np.hstack([zero, everything]), np.hstack([zero, part])
    reached = [np.interp(shares, *pair) for pair in zip(everything, part, strict=True)]
    return np.diff(reached, axis=1)
