"""How a cross-validation report prints."""

import pandas as pd

from ._scores import METRICS


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
    table["pooled"] = [f"{value:.3f}" for value in pooled["value"]]
    table[f"{report.confidence_level:.0%} interval"] = _join(pooled["low"], "to", pooled["high"])
    if report.n_repeats > 1:
        table["sd of repeats"] = [f"{value:.3f}" for value in pooled["repeat_sd"]]
    table["folds, mean +- sd"] = _join(pooled["fold_mean"], "+-", pooled["fold_sd"])
    return table


def _join(left, word, right):
    return [f"{a:.3f} {word} {b:.3f}" for a, b in zip(left, right, strict=True)]
