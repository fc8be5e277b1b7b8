"""A picture of how early classifiers are right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from sklearn_tde._photometry import shown
from sklearn_tde.evaluation import EarlyClassificationReport
from sklearn_tde.evaluation._early_scores import metric_text
from sklearn_tde.inspection._plotting import axes_to_draw_in, class_colors

_MARKERS = "osD^vPX"
#: What a metric is by chance, or where it is right; others have no such line.
_REFERENCES = {
    "balanced_accuracy": (0.5, "chance"),
    "roc_auc": (0.5, "chance"),
    "brier_skill": (0.0, "always the share"),
    "calibration_slope": (1.0, "right"),
    "calibration_intercept": (0.0, "right"),
}
#: Metrics that who calls at random has as large as the share of positives.
_PREVALENCE = ("average_precision", "precision", "precision_at_recall")


class EarlyClassificationDisplay:
    """One metric of several estimators against the age of the light curves.

    Make it with :meth:`from_reports`; the parameters are stored as attributes.

    Parameters
    ----------
    values : DataFrame
        One row per estimator and cut, with the name of the estimator and the age (or the number
        of detections) in the index: `value`, `low` and `high` of the metric with its interval,
        and `chance`, the share of positives.
    metric : str
        Name of the metric in the reports.
    label : str
        What the metric is called.
    by : {"age", "n_detections"}, default="age"
        What it is drawn against.
    since : {"first", "confirmed"}, default="first"
        Which detection the ages are counted from.
    confidence_level : float, default=0.95
        Level of the intervals.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    sklearn_tde.evaluation.early_classification_report : Makes the reports.
    sklearn_tde.evaluation.compare_early_reports : Whether two estimators differ.

    Notes
    -----
    The bands are intervals of each estimator by itself. All are scored on the same few objects
    and are lucky or unlucky together: whether two of them differ is told by the paired
    differences of :func:`~sklearn_tde.evaluation.compare_early_reports`, not by whether the bands
    overlap.

    Ages are drawn on a scale that is linear below the youngest and logarithmic far beyond it;
    whole light curves stand apart at the right.

    Examples
    --------
    >>> from sklearn_tde import make_feature_pipeline, make_transients
    >>> from sklearn_tde.evaluation import early_classification_report
    >>> from sklearn_tde.inspection import EarlyClassificationDisplay
    >>> X, y = make_transients(n_tde=20, n_sn_ia=60, random_state=0)
    >>> model = make_feature_pipeline().set_params(classifier__n_estimators=50)
    >>> report = early_classification_report(
    ...     model, X, y, ages=(10, 50), n_detections=(), cv=2, n_bootstrap=200
    ... )
    >>> display = EarlyClassificationDisplay.from_reports({"features": report})
    >>> display.values["value"].round(1).tolist()
    [0.4, 0.9]
    """

    def __init__(
        self,
        values: pd.DataFrame,
        *,
        metric: str,
        label: str,
        by: str = "age",
        since: str = "first",
        confidence_level: float = 0.95,
    ) -> None:
        self.values = values
        self.metric = metric
        self.label = label
        self.by = by
        self.since = since
        self.confidence_level = confidence_level

    @classmethod
    def from_reports(
        cls,
        reports: Mapping[str, EarlyClassificationReport],
        *,
        metric: str = "average_precision",
        by: str = "age",
        ax: Any = None,
    ) -> EarlyClassificationDisplay:
        """Draw reports of one or more estimators.

        Parameters
        ----------
        reports : mapping of str to EarlyClassificationReport
            The reports by the names of their estimators.
        metric : str, default="average_precision"
            A metric of `by_age_` of the reports, or ``"called"`` or ``"false_alarms"`` by the
            estimators' own rule.
        by : {"age", "n_detections"}, default="age"
            What to draw it against.
        ax : matplotlib Axes or None, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : EarlyClassificationDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If `reports` is not a mapping of reports.
        ValueError
            If there is no report, one does not have the metric, or the reports are about
            different classes, clocks or levels.
        ImportError
            If matplotlib is not installed.
        """
        _check_reports(reports)
        if by not in ("age", "n_detections"):
            raise ValueError(f"by must be 'age' or 'n_detections'; got {by!r}.")
        tables = {}
        for name, report in reports.items():
            table = report.calls() if metric in ("called", "false_alarms") else report.by_age_
            if by == "n_detections":
                table = report.by_n_detections_
            known = table.index.unique("metric").tolist() if len(table) else []
            if metric not in known:
                raise ValueError(
                    f"metric={metric!r} is not in the report {name!r} by {by!r}: {known}."
                )
            table = table.loc[metric]
            columns = table[["value", "low", "high"]]
            tables[name] = columns.assign(chance=table["n_pos"] / table["n_objects"])
        report = next(iter(reports.values()))
        display = cls(
            pd.concat(tables, names=["name"]),
            metric=metric,
            label=metric_text(metric, report.pos_label, report.precision, report.recall),
            by=by,
            since=report.since,
            confidence_level=report.confidence_level,
        )
        return display.plot(ax)

    def plot(self, ax: Any = None) -> EarlyClassificationDisplay:
        """Draw the metric.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : EarlyClassificationDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        ax = axes_to_draw_in(ax, "EarlyClassificationDisplay", (6.4, 4.2))
        cuts = np.sort(self.values.index.unique(self.by).to_numpy(dtype=np.float64))
        places = _places(cuts)
        names = self.values.index.unique("name")
        colors = class_colors(names)
        self._draw_reference(ax, cuts, places)
        for k, name in enumerate(names):
            rows = self.values.loc[name]
            x = places[np.searchsorted(cuts, rows.index.to_numpy(dtype=np.float64))]
            # Side by side, where a bar would hide the others.
            aside = np.isinf(rows.index) * 0.08 * (k - (len(names) - 1) / 2)
            _draw_curve(ax, x + aside, rows, colors[name], _MARKERS[k % len(_MARKERS)], str(name))
        words = ["whole" if np.isinf(cut) else f"{cut:g}" for cut in cuts]
        ax.set_xticks(places, words)
        confirmed = "" if self.since == "first" else "confirmed "
        ax.set_xlabel(
            "number of detections"
            if self.by == "n_detections"
            else f"days since the first {confirmed}detection"
        )
        ax.set_ylabel(f"{self.label}, {self.confidence_level:.0%} intervals")
        ax.grid(color="0.9", linewidth=0.8)
        ax.set_axisbelow(True)
        ax.legend(frameon=False, fontsize="small")
        self.ax_ = ax
        self.figure_ = ax.figure
        return self

    def _draw_reference(self, ax: Any, cuts: np.ndarray, places: np.ndarray) -> None:
        style = {"color": "0.45", "linewidth": 1.0, "linestyle": "--", "zorder": 1}
        if self.metric in _PREVALENCE:
            chance = self.values.groupby(level=self.by)["chance"].first()
            ax.plot(places, chance.loc[cuts], **style, label="share of the class")
        elif self.metric in _REFERENCES:
            value, meaning = _REFERENCES[self.metric]
            ax.axhline(value, **style, label=meaning)


def _places(cuts: np.ndarray) -> np.ndarray:
    """Return where the cuts are drawn: nearly logarithmic, with the whole light curve apart."""
    finite = cuts[np.isfinite(cuts)]
    # Below the youngest age the scale is linear, so that age 0 has a place.
    youngest = finite[finite > 0].min(initial=np.inf)
    places = np.arcsinh(finite / youngest)
    if len(finite) < len(cuts):
        beyond = np.diff(places).mean() if len(places) > 1 else 1.0
        places = np.append(places, places.max(initial=0.0) + 1.2 * beyond)
    return places


def _draw_curve(ax: Any, x: np.ndarray, rows: pd.DataFrame, color: str, mark: str, name: str):
    """Draw one estimator's values with their band; the whole light curve is no part of the line."""
    whole = np.isinf(rows.index.to_numpy(dtype=np.float64))
    low, high = rows["low"].to_numpy(), rows["high"].to_numpy()
    ax.fill_between(x[~whole], low[~whole], high[~whole], color=color, alpha=0.15, linewidth=0)
    ax.plot(x[~whole], rows["value"][~whole], color=color, marker=mark, markersize=5, label=name)
    ax.plot(x[whole], rows["value"][whole], color=color, marker=mark, markersize=5, linestyle="")
    ax.vlines(x[whole], low[whole], high[whole], color=color, linewidth=3, alpha=0.3)


def _check_reports(reports: Any) -> None:
    if not isinstance(reports, Mapping):
        raise TypeError(
            "reports: expected a mapping of names to EarlyClassificationReport; got "
            f"{shown(reports)}."
        )
    if not reports:
        raise ValueError("reports is empty; expected one report at least.")
    first = next(iter(reports))
    for name, report in reports.items():
        if not isinstance(report, EarlyClassificationReport):
            raise TypeError(
                f"reports: expected an EarlyClassificationReport at {name!r}; got {shown(report)}."
            )
        for what in ("pos_label", "since", "confidence_level", "precision", "recall"):
            ours, theirs = getattr(reports[first], what), getattr(report, what)
            if ours != theirs:
                raise ValueError(
                    f"the reports {first!r} and {name!r} differ in {what}: {ours!r} and {theirs!r}."
                )
