"""How a cross-validation report prints."""

import numpy as np
import pandas as pd

from ._scores import METRICS

_UNDEFINED = "-"
_WHY_UNDEFINED = (
    f"{_UNDEFINED}: not defined for these objects, or for many of their draws, such as the "
    "calibration slope of classes that a threshold parts without a mistake"
)


def headings(report) -> list[str]:
    """Say what the numbers of a report are about.

    Parameters
    ----------
    report : CrossValidationReport
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
    thresholds = report.folds_["threshold"].dropna()
    used = ""
    if thresholds.nunique() > 1:
        used = f" ({thresholds.min():.3f} to {thresholds.max():.3f})"
    return [
        f"{report.name}: {report.pos_label} against {against}, "
        f"{n_positive} of {len(first)} objects ({n_positive / len(first):.1%})",
        f"{folds}, pooled out of fold; {report.confidence_level:.0%} bootstrap intervals "
        f"over objects ({report.n_bootstrap} draws)",
        f"threshold: {report.threshold}{used}",
    ]


def pooled_text(report) -> pd.DataFrame:
    """Format the pooled table, with the names that people use.

    Parameters
    ----------
    report : CrossValidationReport
        The report.

    Returns
    -------
    table : DataFrame of str
        The table.
    """
    pooled = report.pooled_
    rows = [METRICS[metric].format(report.pos_label) for metric in pooled.index]
    table = pd.DataFrame(index=rows)
    table["pooled"] = _numbers(pooled["value"])
    interval = _join(pooled["low"], "to", pooled["high"])
    unknown = (pooled["low"].isna() & pooled["high"].isna()).to_numpy()
    table[f"{report.confidence_level:.0%} interval"] = np.where(unknown, _UNDEFINED, interval)
    if report.n_repeats > 1:
        table["sd of repeats"] = _numbers(pooled["repeat_sd"])
    folds, alone = _join(pooled["fold_mean"], "+-", pooled["fold_sd"]), pooled["fold_sd"].isna()
    table["folds, mean +- sd"] = np.where(alone, _numbers(pooled["fold_mean"]), folds)
    return table


def footnotes(table: pd.DataFrame) -> list[str]:
    """Explain what is in a table that needs it.

    Parameters
    ----------
    table : DataFrame of str
        What `pooled_text` returned.

    Returns
    -------
    lines : list of str
        One line or none.
    """
    undefined = any(_UNDEFINED in cell.split() for cell in table.to_numpy().ravel())
    return [_WHY_UNDEFINED] if undefined else []


def _numbers(values):
    return [_UNDEFINED if np.isnan(value) else f"{value:.3f}" for value in values]


def _join(left, word, right):
    return [f"{a} {word} {b}" for a, b in zip(_numbers(left), _numbers(right), strict=True)]
