"""A picture of several cross-validation reports, and of how they differ from one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from sklearn_tde._photometry import shown
from sklearn_tde.evaluation import CrossValidationReport, compare_reports
from sklearn_tde.evaluation._scores import METRICS
from sklearn_tde.inspection._plotting import axes_to_draw_in, split_axes

_BASELINE, _OTHERS = "0.45", "#0072B2"


class ReportComparisonDisplay:
    """One metric of several estimators, and its paired difference to that of one of them.

    Make it with :meth:`from_reports`; the parameters are stored as attributes.

    Parameters
    ----------
    comparison : DataFrame of shape (n_reports, 6)
        One row per estimator, with its name in the index: `value`, `low` and `high` of the metric
        with its interval, `difference`, `difference_low` and `difference_high` of the paired
        difference to the baseline.
    baseline : str
        Name of the baseline.
    metric : str
        What the metric is called.
    confidence_level : float, default=0.95
        Level of the intervals.

    Attributes
    ----------
    axes_ : ndarray of shape (2,), dtype object
        The panels: values, differences.
    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    sklearn_tde.evaluation.compare_reports : All metrics of two reports.

    Notes
    -----
    Estimators that are scored on the same few objects are lucky and unlucky together. Their
    intervals on the left may overlap where the interval of the difference, on the right, is clear
    of zero, and it is the right one that tells whether they differ.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn_tde import cross_validation_report
    >>> from sklearn_tde.inspection import ReportComparisonDisplay
    >>> X, y = make_classification(400, weights=[0.9], class_sep=1.5, random_state=0)
    >>> reports = {
    ...     "naive Bayes": cross_validation_report(GaussianNB(), X, y),
    ...     "logistic": cross_validation_report(LogisticRegression(), X, y),
    ... }
    >>> display = ReportComparisonDisplay.from_reports(reports, "naive Bayes")
    >>> display.comparison["difference"].round(2).tolist()
    [0.0, 0.02]
    """

    def __init__(
        self,
        comparison: pd.DataFrame,
        *,
        baseline: str,
        metric: str,
        confidence_level: float = 0.95,
    ) -> None:
        self.comparison = comparison
        self.baseline = baseline
        self.metric = metric
        self.confidence_level = confidence_level

    @classmethod
    def from_reports(
        cls,
        reports: Mapping[str, CrossValidationReport],
        baseline: str,
        *,
        metric: str = "average_precision",
        ax: Any = None,
    ) -> ReportComparisonDisplay:
        """Draw reports on the same objects and folds.

        Parameters
        ----------
        reports : mapping of str to CrossValidationReport
            The reports by the names of their estimators, from top to bottom.
        baseline : str
            Which of them the others are compared to. Its level of confidence and its bootstrap
            are used for the differences.
        metric : str, default="average_precision"
            A row of `pooled_` of the reports.
        ax : matplotlib Axes or None, default=None
            Where to draw; two panels take its place. None: a new figure.

        Returns
        -------
        display : ReportComparisonDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If `reports` is not a mapping of reports.
        ValueError
            If the baseline is not among the reports, a report does not have the metric, or the
            reports are about different objects, labels, folds, positive classes or levels of
            confidence.
        ImportError
            If matplotlib is not installed.
        """
        _check_reports(reports, baseline, metric)
        against = reports[baseline]
        options = {
            "n_bootstrap": against.n_bootstrap,
            "confidence_level": against.confidence_level,
            "random_state": against.random_state,
        }
        rows = {}
        for name, report in reports.items():
            difference = compare_reports(report, against, **options).loc[metric]
            rows[name] = {
                **report.pooled_.loc[metric, ["value", "low", "high"]],
                "difference": difference["difference"],
                "difference_low": difference["low"],
                "difference_high": difference["high"],
            }
        display = cls(
            pd.DataFrame.from_dict(rows, orient="index"),
            baseline=baseline,
            metric=METRICS[metric].format(against.pos_label),
            confidence_level=against.confidence_level,
        )
        return display.plot(ax)

    def plot(self, ax: Any = None) -> ReportComparisonDisplay:
        """Draw the reports.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; two panels take its place. None: a new figure.

        Returns
        -------
        display : ReportComparisonDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        table = self.comparison
        size = (9.0, 1.2 + 0.35 * len(table))
        ax = axes_to_draw_in(ax, "ReportComparisonDisplay", size)
        values, differences = split_axes(ax, 1, 2, "ReportComparisonDisplay")
        is_baseline = table.index == self.baseline
        colors = np.where(is_baseline, _BASELINE, _OTHERS)
        columns = ["value", "low", "high"]
        _draw_intervals(values, table[columns].to_numpy(dtype=np.float64), colors)
        columns = ["difference", "difference_low", "difference_high"]
        numbers = table[columns].to_numpy(dtype=np.float64)
        # The baseline does not differ from itself: the line at zero stands for it.
        numbers = np.where(is_baseline[:, np.newaxis], np.nan, numbers)
        _draw_intervals(differences, numbers, colors)
        differences.axvline(0.0, color=_BASELINE, linewidth=1.0, zorder=1)
        differences.sharey(values)
        values.set_yticks(range(len(table)), list(table.index))
        values.set_ylim(len(table) - 0.5, -0.5)
        differences.tick_params(labelleft=False)
        level = f"{self.confidence_level:.0%} intervals"
        values.set_xlabel(f"{self.metric}, {level}")
        differences.set_xlabel(f"minus that of {self.baseline}, paired")
        for panel in (values, differences):
            panel.grid(axis="x", color="0.9", linewidth=0.8)
            panel.set_axisbelow(True)
            panel.tick_params(axis="y", length=0)
        self.axes_ = np.array([values, differences], dtype=object)
        self.figure_ = values.figure
        return self


def _draw_intervals(ax: Any, numbers: np.ndarray, colors: np.ndarray) -> None:
    for row, ((value, low, high), color) in enumerate(zip(numbers, colors, strict=True)):
        ax.plot([low, high], [row, row], color=color, linewidth=1.5, solid_capstyle="butt")
        ax.plot(value, row, "o", color=color, markersize=5)


def _check_reports(reports: Any, baseline: Any, metric: Any) -> None:
    if not isinstance(reports, Mapping):
        raise TypeError(
            f"reports: expected a mapping of names to CrossValidationReport; got {shown(reports)}."
        )
    for name, report in reports.items():
        if not isinstance(report, CrossValidationReport):
            raise TypeError(
                f"reports: expected a CrossValidationReport at {name!r}; got {shown(report)}."
            )
    if baseline not in reports:
        raise ValueError(f"baseline={baseline!r} is not among the reports: {list(reports)}.")
    for name, report in reports.items():
        if metric not in report.pooled_.index:
            raise ValueError(
                f"metric={metric!r} is not in the report {name!r}: {list(report.pooled_.index)}."
            )
        if report.confidence_level != reports[baseline].confidence_level:
            raise ValueError(
                f"the reports {name!r} and {baseline!r} have intervals of different levels: "
                f"{report.confidence_level:g} and {reports[baseline].confidence_level:g}."
            )
