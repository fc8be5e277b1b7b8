"""How an early classification report prints."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ._early_scores import metric_text

#: The metrics that a compact table has room for.
_SHOWN = ("average_precision", "recall_at_precision", "precision_at_recall", "brier_skill")


def early_headings(report) -> list[str]:
    """Say what the numbers of a report are about.

    Parameters
    ----------
    report : EarlyClassificationReport
        The report.

    Returns
    -------
    lines : list of str
        A few lines.
    """
    first = report.predictions_.drop_duplicates("position")
    n_positive = int((first["y"] == report.pos_label).sum())
    others = [str(label) for label in report.classes_.tolist() if label != report.pos_label]
    against = others[0] if len(others) == 1 else f"the others ({', '.join(others)})"
    folds = f"{len(report.folds_) // report.n_repeats} folds"
    if report.n_repeats > 1:
        folds += f" x {report.n_repeats} repeats"
    trained = "trained anew for each row" if report.retrain else "trained once per fold"
    detection = "first detection" if report.since == "first" else "first confirmed detection"
    lines = [
        f"{report.name}: {report.pos_label} against {against}, "
        f"{n_positive} of {len(first)} objects ({n_positive / len(first):.1%})",
        f"{folds}, {trained}; {report.confidence_level:.0%} bootstrap intervals over objects "
        f"({report.n_bootstrap} draws)",
        f"light curves end so many days after the {detection}, or with so many detections",
    ]
    if report.n_left_out:
        lines.append(f"objects without such a detection, scored nowhere: {report.n_left_out}")
    return lines


def early_text(report) -> pd.DataFrame:
    """Format the tables of a report as one, with the names that people use.

    Parameters
    ----------
    report : EarlyClassificationReport
        The report.

    Returns
    -------
    table : DataFrame of str
        The table.
    """
    parts = [
        (report.by_age_, age_text),
        (report.by_n_detections_, lambda n: f"{n} detection{'s' * (n > 1)}"),
        (report.by_peak_, lambda phase: f"{phase} the peak"),
    ]
    rows = {}
    for table, label in parts:
        for key in table.index.unique(level=1):
            row = table.xs(key, level=1)
            counted = row.iloc[0]
            cells = {f"{report.pos_label}": f"{counted['n_pos']:.0f} of {counted['n_objects']:.0f}"}
            for metric in _SHOWN:
                title = metric_text(metric, report.pos_label, report.precision, report.recall)
                value, low, high = row.loc[metric, ["value", "low", "high"]]
                cells[title] = f"{value:.2f} [{low:.2f}, {high:.2f}]"
            rows[label(key)] = cells
    return pd.DataFrame.from_dict(rows, orient="index")


def age_text(age: float) -> str:
    """Return what an age is called."""
    return "whole" if np.isinf(age) else f"{age:g} days"


def call_lines(report) -> list[str]:
    """Say when objects are called, and how many wrongly.

    Parameters
    ----------
    report : EarlyClassificationReport
        The report.

    Returns
    -------
    lines : list of str
        Two lines.
    """
    calls = report.calls()
    ages = calls.index.unique(level="age")
    called = calls.loc[("called", ages[-1])]
    median = report.time_to_call(shares=(0.5,)).iloc[0]
    half = "fewer than half of them ever are"
    if np.isfinite(median["value"]):
        high = "never" if np.isinf(median["high"]) else f"{median['high']:.0f}"
        by = f"{median['value']:.0f} ({median['low']:.0f} to {high})"
        half = f"half of them not later than day {by}"
    alarms = ", ".join(
        f"{calls.loc[('false_alarms', age), 'value']:.0f} ({age_text(age)})" for age in ages
    )
    return [
        f"called {report.pos_label} by the estimator's own rule: {called['value']:.0%} "
        f"({called['low']:.0%} to {called['high']:.0%}), {half}",
        f"false alarms per thousand others by then: {alarms}",
    ]
