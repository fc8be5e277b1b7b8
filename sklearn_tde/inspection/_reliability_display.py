"""A picture of whether probabilities are what they promise."""

from __future__ import annotations

from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd

from sklearn_tde._photometry import shown
from sklearn_tde.evaluation import CrossValidationReport, expected_calibration_error
from sklearn_tde.evaluation._calibration_error import (
    check_binary_predictions,
    quantile_bins,
    wilson_interval,
)
from sklearn_tde.inspection._plotting import axes_to_draw_in, legend_above, split_axes

_COLOR, _ALL = "#0072B2", "0.75"
_N_STEPS = 25
#: Letters that are as wide as the axes of a new figure.
_WIDTH = 50


class ReliabilityDisplay:
    """Share of positives against the probability that was given, in bins of equal numbers.

    Make it with :meth:`from_report` or :meth:`from_predictions`; the parameters are stored as
    attributes.

    Parameters
    ----------
    bins : DataFrame of shape (n_bins, 5)
        One row per bin, from low probabilities to high: `probability`, the mean of the bin;
        `share`, that of positives; `low` and `high`, the binomial interval of the share; `n`, the
        number of objects.
    probability : ndarray of shape (n_predictions,)
        All probabilities.
    positive : ndarray of shape (n_predictions,), dtype bool
        Whether they are of positive objects.
    error : Series
        The :func:`~sklearn_tde.evaluation.expected_calibration_error` in the same bins.
    pos_label : str
        What the positive class is called.
    name : str or None, default=None
        What the estimator is called.
    confidence_level : float, default=0.95
        Level of the intervals.

    Attributes
    ----------
    axes_ : ndarray of shape (2,), dtype object
        The panels: shares, histogram of the probabilities.
    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    sklearn.calibration.CalibrationDisplay : Without intervals.

    Notes
    -----
    Right probabilities lie on the diagonal. The bins hold equal numbers of objects, so that a
    rare class, most of whose probabilities are small, is not judged by a few objects in wide
    bins. The intervals are Wilson's for the share of positives among the objects of a bin.

    The calibration error in the legend is a distance from the diagonal. Few objects are off it by
    chance even where the probabilities are right; the last number there says how far.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn_tde import cross_validation_report
    >>> from sklearn_tde.inspection import ReliabilityDisplay
    >>> X, y = make_classification(400, weights=[0.8], class_sep=0.5, random_state=0)
    >>> report = cross_validation_report(GaussianNB(), X, y)
    >>> display = ReliabilityDisplay.from_report(report, n_bins=4)
    >>> display.bins[["probability", "share"]].round(2)
         probability  share
    bin
    0           0.01   0.08
    1           0.06   0.16
    2           0.17   0.17
    3           0.56   0.40
    """

    def __init__(
        self,
        bins: pd.DataFrame,
        *,
        probability: np.ndarray,
        positive: np.ndarray,
        error: pd.Series,
        pos_label: str,
        name: str | None = None,
        confidence_level: float = 0.95,
    ) -> None:
        self.bins = bins
        self.probability = probability
        self.positive = positive
        self.error = error
        self.pos_label = pos_label
        self.name = name
        self.confidence_level = confidence_level

    @classmethod
    def from_report(
        cls, report: CrossValidationReport, *, n_bins: int = 10, ax: Any = None
    ) -> ReliabilityDisplay:
        """Draw the out-of-fold probabilities of a report.

        Parameters
        ----------
        report : CrossValidationReport
            The report. With several repeats, the predictions of all of them share the bins, and
            an object counts once.
        n_bins : int, default=10
            Number of bins.
        ax : matplotlib Axes or None, default=None
            Where to draw; two panels take its place. None: a new figure.

        Returns
        -------
        display : ReliabilityDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If `report` is no report.
        ImportError
            If matplotlib is not installed.
        """
        if not isinstance(report, CrossValidationReport):
            raise TypeError(f"report: expected a CrossValidationReport; got {shown(report)}.")
        display = cls._binned(
            report.y_true,
            report.y_proba,
            report.pos_label,
            n_bins,
            report.confidence_level,
            report.name,
            report.predictions_["position"].to_numpy(),
        )
        return display.plot(ax)

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_proba: Any,
        *,
        pos_label: int | float | bool | str | None = None,
        n_bins: int = 10,
        confidence_level: float = 0.95,
        name: str | None = None,
        ax: Any = None,
    ) -> ReliabilityDisplay:
        """Draw probabilities of objects that the estimator has not been trained on.

        Parameters
        ----------
        y_true : array-like of shape (n_objects,)
            True labels.
        y_proba : array-like of shape (n_objects,)
            Predicted probabilities of `pos_label`.
        pos_label : int, float, bool or str, default=None
            The class that the probabilities are of. None stands for `"TDE"` where that is among
            the labels, and for 1 where the labels are 0 and 1 or -1 and 1.
        n_bins : int, default=10
            Number of bins.
        confidence_level : float, default=0.95
            Level of the intervals.
        name : str or None, default=None
            What the estimator is called.
        ax : matplotlib Axes or None, default=None
            Where to draw; two panels take its place. None: a new figure.

        Returns
        -------
        display : ReliabilityDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            As :func:`sklearn_tde.evaluation.expected_calibration_error`.
        ImportError
            If matplotlib is not installed.
        """
        display = cls._binned(y_true, y_proba, pos_label, n_bins, confidence_level, name, None)
        return display.plot(ax)

    @classmethod
    def _binned(cls, y_true, y_proba, pos_label, n_bins, confidence_level, name, objects):
        error = expected_calibration_error(
            y_true,
            y_proba,
            pos_label=pos_label,
            objects=objects,
            n_bins=n_bins,
            confidence_level=confidence_level,
        )
        positive, probability = check_binary_predictions(y_true, y_proba, pos_label)
        codes = quantile_bins(probability, n_bins)
        table = pd.DataFrame({"probability": probability, "share": positive})
        bins = table.groupby(codes).mean()
        n_objects = len(positive) if objects is None else len(np.unique(objects))
        # Repeats do not make more objects.
        n = np.bincount(codes) * n_objects / len(positive)
        bins["low"], bins["high"] = wilson_interval(bins["share"], n, confidence_level)
        return cls(
            bins.assign(n=n).rename_axis("bin"),
            probability=probability,
            positive=positive,
            error=error,
            pos_label=str(np.asarray(y_true)[positive][0]),
            name=name,
            confidence_level=confidence_level,
        )

    def plot(self, ax: Any = None) -> ReliabilityDisplay:
        """Draw the shares, and the histogram of the probabilities below.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; two panels take its place. None: a new figure.

        Returns
        -------
        display : ReliabilityDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        ax = axes_to_draw_in(ax, "ReliabilityDisplay", (4.8, 5.6))
        shares, counts = split_axes(ax, 2, 1, "ReliabilityDisplay", height_ratios=(3, 1))
        bins = self.bins
        shares.plot([0, 1], [0, 1], color="0.45", linewidth=1.0, zorder=1)
        lengths = np.abs(bins[["low", "high"]].to_numpy().T - bins["share"].to_numpy())
        line = shares.errorbar(
            bins["probability"], bins["share"], lengths, fmt="o-", color=_COLOR, markersize=4,
            linewidth=1.2, label=self._label(),
        )  # fmt: skip
        shares.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        shares.set_ylabel(f"share of {self.pos_label}, {self.confidence_level:.0%} intervals")
        legend_above(shares, [line])
        shares.tick_params(labelbottom=False)
        counts.sharex(shares)
        edges = np.linspace(0, 1, _N_STEPS + 1)
        counts.hist(self.probability, bins=edges, color=_ALL, log=True, label="all")
        of_class = self.probability[self.positive]
        counts.hist(of_class, bins=edges, color=_COLOR, log=True, label=self.pos_label)
        counts.set(xlabel=f"probability of {self.pos_label}", ylabel="predictions")
        counts.legend(loc="upper right", frameon=False, fontsize="small", ncols=2)
        for panel in (shares, counts):
            panel.grid(color="0.9", linewidth=0.8)
            panel.set_axisbelow(True)
        self.axes_ = np.array([shares, counts], dtype=object)
        self.figure_ = shares.figure
        return self

    def _label(self) -> str:
        error, interval = self.error, f"{self.confidence_level:.0%} interval"
        lines = [] if self.name is None else [fill(self.name, _WIDTH)]
        lines += [
            f"calibration error {error['value']:.3f}",
            f"({interval} {error['low']:.3f} to {error['high']:.3f};",
            f"{error['if_calibrated']:.3f} if the probabilities were right)",
        ]
        return "\n".join(lines)
