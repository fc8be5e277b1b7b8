"""How far probabilities are from the shares that they promise, in bins of equal numbers."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri
from sklearn.utils._param_validation import Interval, validate_params

from sklearn_tde._labels import check_pos_label

from ._checks import check_per_object
from ._scores import bootstrap_weights

# Labels are drawn in blocks of about this many, so that memory does not grow with their number.
_BLOCK_SIZE = 1_000_000


@validate_params(
    {
        "y_proba": ["array-like"],
        "pos_label": [Real, str, "boolean", None],
        "n_bins": [Interval(Integral, 1, None, closed="left")],
        "n_bootstrap": [Interval(Integral, 1, None, closed="left")],
        "confidence_level": [Interval(Real, 0, 1, closed="neither")],
        "random_state": [Interval(Integral, 0, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def expected_calibration_error(
    y_true: Any,
    y_proba: Any,
    *,
    pos_label: int | float | bool | str | None = None,
    objects: Any = None,
    n_bins: int = 10,
    n_bootstrap: int = 2000,
    confidence_level: float = 0.95,
    random_state: int = 0,
) -> pd.Series:
    """Mean distance of probabilities from the share of positives, in bins of equal numbers.

    Parameters
    ----------
    y_true : array-like of shape (n_predictions,)
        True labels.

    y_proba : array-like of shape (n_predictions,)
        Predicted probabilities of `pos_label`.

    pos_label : int, float, bool or str, default=None
        The class that the probabilities are of. None stands for `"TDE"` where that is among the
        labels, and for 1 where the labels are 0 and 1 or -1 and 1; otherwise it must be given.

    objects : array-like of shape (n_predictions,), default=None
        Which object each prediction is of, where objects have several, as in a report with
        repeats: ``report.predictions_["position"]``. The predictions of one object are drawn
        together. None: each is of another object.

    n_bins : int, default=10
        Number of bins, which the quantiles of the probabilities part. Equal probabilities share a
        bin, so that there may be fewer.

    n_bootstrap : int, default=2000
        Number of bootstrap draws of objects.

    confidence_level : float, default=0.95
        Level of the interval.

    random_state : int, default=0
        Seed of the draws.

    Returns
    -------
    error : Series
        `value`: the absolute difference between the mean probability and the share of positives
        in a bin, averaged over the predictions; `low` and `high`, its interval; and
        `if_calibrated`, the mean value of labels that are drawn from the probabilities themselves:
        what right probabilities would score with as few objects.

    Raises
    ------
    ValueError
        If labels, probabilities and objects differ in number, a value is missing, a probability is
        not between 0 and 1, or `pos_label` is not a class or cannot be guessed.

    See Also
    --------
    cross_validation_report : Slope and intercept of the calibration, which need no bins.
    sklearn_tde.inspection.ReliabilityDisplay : Draws the bins.

    Notes
    -----
    The value is never negative, so that chance alone makes it positive: compare it to
    `if_calibrated`. For the same reason the interval is the basic bootstrap interval [1]_, which
    the bias of the draws moves the other way, cut at 0; and it begins at 0 where labels drawn from
    the probabilities themselves score as much as the value often enough. Objects are drawn
    without regard to their class: how many positives there are is part of what calibration is
    about. The bins are those of all predictions in each draw. On simulated samples of 200 and of
    700 objects, a tenth of them positive, intervals of 95 % held what the bins of endless objects
    have in 85 to 99 % of the samples.

    References
    ----------
    .. [1] A. C. Davison and D. V. Hinkley, "Bootstrap Methods and their Application", Cambridge
       University Press, 1997, section 2.4.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tde.evaluation import expected_calibration_error
    >>> rng = np.random.default_rng(0)
    >>> probability = rng.random(1000)
    >>> positive = (rng.random(1000) < probability).astype(int)
    >>> expected_calibration_error(positive, probability).round(3).to_dict()
    {'value': 0.033, 'low': 0.0, 'high': 0.04, 'if_calibrated': 0.032}
    >>> expected_calibration_error(positive, probability**2).round(3).to_dict()
    {'value': 0.175, 'low': 0.149, 'high': 0.2, 'if_calibrated': 0.028}
    """
    positive, probability = check_binary_predictions(y_true, y_proba, pos_label)
    bins = quantile_bins(probability, n_bins)
    # In each bin, the sum of the differences; one column per bin.
    columns = np.eye(bins.max() + 1)[bins] * (probability - positive)[:, np.newaxis]
    if objects is None:
        codes = np.arange(len(positive))
    else:
        objects = check_per_object(objects, "objects", np.arange(len(positive)))
        codes, _ = pd.factorize(objects)
    sums = pd.DataFrame(columns).groupby(codes).sum().to_numpy()
    sizes = np.bincount(codes)
    value = np.abs(sums.sum(axis=0)).sum() / len(positive)
    draws = np.concatenate(
        [
            np.abs(weights @ sums).sum(axis=1) / (weights @ sizes)
            for weights in bootstrap_weights(np.zeros(len(sizes)), n_bootstrap, random_state)
        ]
    )
    calibrated = _if_calibrated(probability, bins, codes, n_bootstrap, random_state)
    tail = (1 - confidence_level) / 2
    low, high = 2 * value - np.quantile(draws, [1 - tail, tail])
    if value <= np.quantile(calibrated, 1 - tail):
        low = 0.0
    return pd.Series(
        {
            "value": value,
            "low": max(low, 0.0),
            "high": max(high, 0.0),
            "if_calibrated": calibrated.mean(),
        },
        name="expected_calibration_error",
    )


def _if_calibrated(probability, bins, codes, n_draws, seed):
    """Errors of labels that are drawn from the probabilities."""
    rng = np.random.default_rng(seed)
    members = np.eye(bins.max() + 1)[bins]
    block = max(1, _BLOCK_SIZE // len(probability))
    errors = []
    for begin in range(0, n_draws, block):
        # An object has one label, whatever the number of its predictions.
        drawn = rng.random((min(block, n_draws - begin), codes.max() + 1))[:, codes] < probability
        errors.append(np.abs((probability - drawn) @ members).sum(axis=1) / len(probability))
    return np.concatenate(errors)


def check_binary_predictions(
    y_true: Any, y_proba: Any, pos_label: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Check labels and probabilities of one class.

    Parameters
    ----------
    y_true, y_proba : array-like of shape (n_predictions,)
        Labels and probabilities.

    pos_label : int, float, bool, str or None
        The class of the probabilities.

    Returns
    -------
    positive : ndarray of shape (n_predictions,), dtype bool
        Whether the label is that class.

    probability : ndarray of shape (n_predictions,), dtype float64
        The probabilities.
    """
    probability = np.asarray(y_proba, dtype=np.float64)
    if probability.ndim != 1 or not len(probability):
        raise ValueError(
            f"y_proba has the shape {probability.shape}; expected one probability per object."
        )
    bad = np.flatnonzero(~((probability >= 0) & (probability <= 1)))
    if bad.size:
        raise ValueError(
            f"y_proba is {probability[bad[0]]} at position {bad[0]}; expected a probability "
            "between 0 and 1."
        )
    y = check_per_object(y_true, "y_true", np.arange(len(probability)))
    return y == check_pos_label(pos_label, np.unique(y)), probability


def quantile_bins(probability: np.ndarray, n_bins: int) -> np.ndarray:
    """Return the bin of every probability, numbered from 0 without gaps.

    Parameters
    ----------
    probability : ndarray of shape (n_predictions,)
        The probabilities.

    n_bins : int
        Number of bins; fewer where many probabilities are equal.

    Returns
    -------
    bins : ndarray of shape (n_predictions,), dtype int
        From the lowest probabilities to the highest.
    """
    edges = np.quantile(probability, np.arange(1, n_bins) / n_bins)
    return np.unique(np.searchsorted(edges, probability), return_inverse=True)[1]


def wilson_interval(
    share: np.ndarray, n: np.ndarray, confidence_level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Binomial interval of a share (Wilson 1927), which holds for few and for extreme ones.

    Parameters
    ----------
    share : ndarray of shape (n_shares,)
        The shares.

    n : ndarray of shape (n_shares,)
        How many objects each is of.

    confidence_level : float
        Level of the interval.

    Returns
    -------
    low, high : ndarray of shape (n_shares,)
        Its ends.
    """
    z2 = ndtri((1 + confidence_level) / 2) ** 2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n**2))) / (1 + z2 / n)
    return centre - half, centre + half
