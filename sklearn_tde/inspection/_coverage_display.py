"""A picture of how often sets of classes hold the true one, and of how large they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sklearn_tde._photometry import shown
from sklearn_tde.evaluation._coverage import coverage_report
from sklearn_tde.inspection._plotting import axes_to_draw_in, legend_above, split_axes

_LEVEL, _COVERAGE = "0.45", "#0072B2"
#: What a set can be, and its colour.
_SIZES = {"one class": "#009E73", "several": "#E69F00", "none": "#000000"}


class ConformalCoverageDisplay:
    """How often prediction sets hold the true class, and how many classes they hold.

    Make it with :meth:`from_estimator` or :meth:`from_predictions`; the parameters are stored as
    attributes.

    Parameters
    ----------
    report : DataFrame of shape (n_rows, 7)
        What :func:`sklearn_tde.evaluation.coverage_report` returns.
    level : float, default=0.9
        The coverage that the sets are to have.
    confidence_level : float, default=0.95
        Level of the intervals in `report`.

    Attributes
    ----------
    axes_ : ndarray of shape (2,), dtype object
        The panels: coverage, and what the sets are.
    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    sklearn_tde.evaluation.coverage_report : The numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn_tde.calibration import ConformalTransientClassifier
    >>> from sklearn_tde.inspection import ConformalCoverageDisplay
    >>> X, y = make_classification(400, class_sep=0.7, random_state=0)
    >>> model = ConformalTransientClassifier(GaussianNB()).fit(X[:200], y[:200])
    >>> display = ConformalCoverageDisplay.from_estimator(model, X[200:], y[200:])
    >>> display.report["n_objects"].tolist()
    [101, 99]
    """

    def __init__(
        self, report: pd.DataFrame, *, level: float = 0.9, confidence_level: float = 0.95
    ) -> None:
        self.report = report
        self.level = level
        self.confidence_level = confidence_level

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        by: Any = None,
        confidence_level: float = 0.95,
        ax: Any = None,
    ) -> ConformalCoverageDisplay:
        """Draw the sets that a fitted classifier predicts for other objects.

        Parameters
        ----------
        estimator : ConformalTransientClassifier
            Fitted.
        X : NestedFrame, or whatever the estimator takes, of length n_objects
            Objects that had no part in the fit.
        y : array-like of shape (n_objects,)
            Their true classes.
        by : array-like of shape (n_objects,) or None, default=None
            A bin for each object, drawn one by one. None: no bins.
        confidence_level : float, default=0.95
            Level of the intervals of the coverage.
        ax : matplotlib Axes or None, default=None
            Where to draw; two panels take its place. None: a new figure.

        Returns
        -------
        display : ConformalCoverageDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If the estimator predicts no sets.
        ImportError
            If matplotlib is not installed.
        """
        if not hasattr(estimator, "predict_set"):
            raise TypeError(
                f"estimator: expected a ConformalTransientClassifier; got {shown(estimator)}."
            )
        return cls.from_predictions(
            estimator.predict_set(X),
            y,
            estimator.classes_,
            level=estimator.confidence_level,
            by=by,
            confidence_level=confidence_level,
            ax=ax,
        )

    @classmethod
    def from_predictions(
        cls,
        sets: Any,
        y_true: Any,
        classes: Any,
        *,
        level: float = 0.9,
        by: Any = None,
        confidence_level: float = 0.95,
        ax: Any = None,
    ) -> ConformalCoverageDisplay:
        """Draw sets that have been predicted.

        Parameters
        ----------
        sets : array-like of shape (n_objects, n_classes), dtype bool
            Whether a class is in the set of an object.
        y_true : array-like of shape (n_objects,)
            The true classes.
        classes : array-like of shape (n_classes,)
            The class of each column of `sets`.
        level : float, default=0.9
            The coverage that the sets are to have.
        by : array-like of shape (n_objects,) or None, default=None
            A bin for each object, drawn one by one. None: no bins.
        confidence_level : float, default=0.95
            Level of the intervals of the coverage.
        ax : matplotlib Axes or None, default=None
            Where to draw; two panels take its place. None: a new figure.

        Returns
        -------
        display : ConformalCoverageDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        report = coverage_report(sets, y_true, classes, by=by, confidence_level=confidence_level)
        return cls(report, level=level, confidence_level=confidence_level).plot(ax)

    def plot(self, ax: Any = None) -> ConformalCoverageDisplay:
        """Draw the report.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; two panels take its place. None: a new figure.

        Returns
        -------
        display : ConformalCoverageDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        report = self.report
        rows = np.arange(len(report))
        size = (9.0, 1.4 + 0.32 * len(report))
        ax = axes_to_draw_in(ax, "ConformalCoverageDisplay", size)
        coverage, sets = split_axes(ax, 1, 2, "ConformalCoverageDisplay")
        coverage.axvline(self.level, color=_LEVEL, linewidth=1.0, zorder=1)
        coverage.hlines(rows, report["low"], report["high"], color=_COVERAGE, linewidth=1.5)
        coverage.plot(report["coverage"], rows, "o", color=_COVERAGE, markersize=5)
        shares = {"one class": report["single"], "none": report["empty"]}
        shares["several"] = 1 - report["single"] - report["empty"]
        left = np.zeros(len(report))
        bars = []
        for name, color in _SIZES.items():
            share = shares[name].to_numpy()
            bars.append(sets.barh(rows, share, 0.7, left, color=color, label=name))
            left += share
        legend_above(sets, bars)
        sets.sharey(coverage)
        coverage.set_yticks(rows, _row_names(report))
        coverage.set_ylim(len(report) - 0.5, -0.5)
        sets.tick_params(labelleft=False)
        sets.set_xlim(0, 1)
        coverage.set_xlim(max(0.0, min(report["low"].min(), self.level) - 0.03), 1.01)
        interval = f"{self.confidence_level:.0%} intervals"
        coverage.set_xlabel(f"share with the true class in the set, {interval}")
        sets.set_xlabel("share of the sets that hold")
        coverage.grid(axis="x", color="0.9", linewidth=0.8)
        coverage.set_axisbelow(True)
        for panel in (coverage, sets):
            panel.tick_params(axis="y", length=0)
        self.axes_ = np.array([coverage, sets], dtype=object)
        self.figure_ = coverage.figure
        return self


def _row_names(report: pd.DataFrame) -> list[str]:
    """Return the class, the bin and the number of objects of each row."""
    keys = [key if isinstance(key, tuple) else (key,) for key in report.index]
    names = [", ".join(str(part) for part in key) for key in keys]
    return [f"{name} ({n})" for name, n in zip(names, report["n_objects"], strict=True)]
