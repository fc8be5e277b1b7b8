"""Tables and pictures of how early the models are right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import logit
from sklearn.linear_model import LogisticRegression

from sklearn_tde import EarlyClassificationDisplay
from sklearn_tde.evaluation import (
    EarlyClassificationReport,
    compare_early_reports,
    expected_calibration_error,
)

#: Metrics of the tables.
METRICS = (
    "average_precision",
    "recall_at_precision",
    "precision_at_recall",
    "brier_skill",
    "log_loss",
    "calibration_slope",
)
TITLES = {"ia": "TDEs against type Ia supernovae", "all": "TDEs against everything"}


def load_early_reports(folder: Path, task: str) -> dict[str, EarlyClassificationReport]:
    """Return the reports of a task that are there, by model, TDEs against the rest."""
    tables: dict[str, list[pd.DataFrame]] = {}
    for path in sorted(folder.glob(f"early-{task}-*.parquet")):
        table = pd.read_parquet(path)
        for column in ("y", "prediction"):
            table[column] = np.where(table[column] == "TDE", "TDE", "other")
        tables.setdefault(table["model"].iloc[0], []).append(table)
    return {model: _report(pd.concat(parts), model) for model, parts in tables.items()}


def _report(table: pd.DataFrame, name: str) -> EarlyClassificationReport:
    whole = table[table["cut_value"] == np.inf]
    folds = whole.groupby(["repeat", "fold"]).agg(
        n_test=("y", "size"),
        n_pos=("y", lambda y: (y == "TDE").sum()),
        fit_time=("fit_time", "first"),
    )
    folds = folds.reset_index().assign(n_train=0, score_time=0.0)
    predictions = table.drop(columns=["balanced", "fit_time", "task", "model"])
    return EarlyClassificationReport(predictions, folds, pos_label="TDE", name=name)


def print_early_tables(folder: Path) -> None:
    """Print scores by age, paired differences and calibration, and draw them."""
    for task, title in TITLES.items():
        reports = load_early_reports(folder, task)
        if not reports:
            continue
        print(f"\nearly, {task}")
        for model, report in reports.items():
            print(f"\n{model}, {report.n_repeats} repeat(s)\n{_by_age(report).to_string()}")
            print(f"calls\n{report.calls()['value'].unstack('age').round(2).to_string()}")
            print(f"by the peak\n{_ranges(report.by_peak_).to_string()}")
            print(f"all ages together: {_pooled(report)}")
        for model in reports:
            if model != "recommended" and "recommended" in reports:
                found = compare_early_reports(*_shared(reports, "recommended", model))
                table = found.loc["average_precision"].round(3)
                print(f"\nrecommended less {model}, average precision\n{table.to_string()}")
        shown = {m: r for m, r in reports.items() if ", " not in m and "only" not in m}
        display = EarlyClassificationDisplay.from_reports(shown)
        display.ax_.set_title(title)
        display.figure_.savefig(folder / f"early-{task}.png", bbox_inches="tight", dpi=120)


def _shared(reports, *models):
    """Return reports of the repeats that all have."""
    tables = [reports[model].predictions_ for model in models]
    repeats = set.intersection(*(set(table["repeat"]) for table in tables))
    chosen = []
    for model, table in zip(models, tables, strict=True):
        folds = reports[model].folds_
        chosen.append(
            EarlyClassificationReport(
                table[table["repeat"].isin(repeats)],
                folds[folds["repeat"].isin(repeats)],
                pos_label="TDE",
                name=model,
            )
        )
    return chosen


def _by_age(report: EarlyClassificationReport) -> pd.DataFrame:
    return _ranges(report.by_age_)


def _ranges(table: pd.DataFrame) -> pd.DataFrame:
    text = table.apply(
        lambda row: f"{row['value']:.3f} ({row['low']:.3f} to {row['high']:.3f})", axis=1
    )
    return text.unstack(level=0)[list(METRICS)]


def _pooled(report: EarlyClassificationReport) -> str:
    """Return slope and calibration error of the predictions of all ages together."""
    table = report.predictions_
    slopes, errors = [], []
    for _, part in table.groupby("repeat"):
        odds = logit(part["probability"].clip(1e-9, 1 - 1e-9)).to_numpy()[:, None]
        fitted = LogisticRegression(C=np.inf).fit(odds, part["y"] == "TDE")
        slopes.append(fitted.coef_[0, 0])
        error = expected_calibration_error(
            part["y"], part["probability"], pos_label="TDE", objects=part["position"]
        )
        errors.append(f"{error['value']:.4f} ({error['low']:.4f} to {error['high']:.4f})")
    return f"calibration slope {np.mean(slopes):.2f}, expected calibration error {errors[0]}"
