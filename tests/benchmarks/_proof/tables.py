"""Tables and pictures of what the proof has found so far."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import confusion_matrix

from _proof.tasks import load_task
from sklearn_tde import MistakesDisplay, ReportComparisonDisplay
from sklearn_tde.evaluation import CrossValidationReport, compare_reports

#: Metrics of the tables, and at which threshold the model predicts for them.
METRICS = {
    "average_precision": "prediction",
    "f1": "prediction",
    "balanced_accuracy": "balanced",
    "recall_at_precision": "prediction",
    "roc_auc": "prediction",
    "brier_skill": "prediction",
    "calibration_slope": "prediction",
}


_CONTROLS = (
    "counts and duration only",
    "errors only",
    "features and date",
    "features without templates",
)
#: Models that have a comma in their name and are no controls.
_WITH_COMMA = ("lstm", "trees and vectors")


def is_control(model: str) -> bool:
    """Whether a model is there to show what the others have not learned."""
    return model in _CONTROLS or (", " in model and not model.startswith(_WITH_COMMA))


def load_predictions(folder: Path) -> dict[tuple[str, str], pd.DataFrame]:
    """Return the predictions that are there, by task and model."""
    tables = [
        pd.read_parquet(path)
        for path in sorted(folder.glob("*.parquet"))
        if not path.name.startswith("early-")
    ]
    found = pd.concat(tables).groupby(["task", "model"], sort=False)
    return {key: table.sort_values(["repeat", "position"]) for key, table in found}


def make_report(table: pd.DataFrame, name: str, column: str) -> CrossValidationReport:
    """Return the report of TDEs against the rest, predicted at one of the thresholds."""
    binary = {c: np.where(table[c] == "TDE", "TDE", "other") for c in ("y", column)}
    predictions = table[["repeat", "position", "object_id", "fold", "probability"]].assign(
        y=binary["y"], prediction=binary[column], threshold=np.nan
    )
    by_fold = predictions.groupby(["repeat", "fold"])
    folds = by_fold["y"].agg(n_test="size", n_pos=lambda y: (y == "TDE").sum()).reset_index()
    folds = folds.assign(n_train=len(table) // table["repeat"].nunique() - folds["n_test"])
    times = table.groupby(["repeat", "fold"])["fit_time"].first().to_numpy()
    folds = folds.assign(threshold=np.nan, fit_time=times, score_time=np.nan)
    return CrossValidationReport(predictions, folds, pos_label="TDE", name=name)


def print_tables(folder: Path) -> None:
    """Print all tables, and draw the comparison and the mistakes of each task."""
    found = load_predictions(folder)
    for task in ("ia", "all", "mallorn"):
        models = {model: table for (where, model), table in found.items() if where == task}
        if models:
            print(f"\n{task}\n{'=' * len(task)}\n{_scores(models).to_string()}")
            for baseline in ("forest", "reference network"):
                if baseline in models:
                    print(f"\nless {baseline}, on the repeats that both have")
                    print(_differences(models, baseline).to_string())
            _draw(folder, task, models)
    if (folder / "learning-curve.csv").exists():
        _draw_learning_curve(folder)
    if ("all", "recommended") in found:
        _print_seven_classes(found["all", "recommended"])


def _scores(models: dict[str, pd.DataFrame]) -> pd.DataFrame:
    rows = {}
    for model, table in models.items():
        reports = {c: make_report(table, model, c) for c in set(METRICS.values())}
        row = {"repeats": table["repeat"].nunique()}
        for metric, column in METRICS.items():
            value, low, high = reports[column].pooled_.loc[metric, ["value", "low", "high"]]
            row[metric] = f"{value:.3f} ({low:.3f} to {high:.3f})"
        row["fit (s)"] = round(table["fit_time"].mean(), 1)
        rows[model] = row
    return pd.DataFrame(rows).T


def _differences(models: dict[str, pd.DataFrame], baseline: str) -> pd.DataFrame:
    rows = {}
    for model, table in models.items():
        shared = sorted(set(table["repeat"]) & set(models[baseline]["repeat"]))
        if model == baseline or is_control(model):
            continue
        row = {"repeats": len(shared)}
        for metric in ("average_precision", "f1", "balanced_accuracy"):
            ours, theirs = (
                make_report(t[t["repeat"].isin(shared)], name, METRICS[metric])
                for t, name in ((table, model), (models[baseline], baseline))
            )
            difference = compare_reports(ours, theirs).loc[metric]
            low, high = difference["low"], difference["high"]
            row[metric] = f"{difference['difference']:+.3f} ({low:+.3f} to {high:+.3f})"
        rows[model] = row
    return pd.DataFrame(rows).T


def _print_seven_classes(table: pd.DataFrame) -> None:
    first = table[table["repeat"] == 0]
    classes = np.unique(first["y"])
    print("\nseven classes, first repeat: true in rows, predicted in columns")
    matrix = confusion_matrix(first["y"], first["prediction"], labels=classes)
    print(pd.DataFrame(matrix, index=classes, columns=classes).to_string())
    report = CrossValidationReport(
        first[["repeat", "position", "object_id", "fold", "y", "probability", "prediction"]].assign(
            threshold=np.nan
        ),
        make_report(first, "", "prediction").folds_[
            ["repeat", "fold", "n_train", "n_test", "n_pos", "threshold", "fit_time", "score_time"]
        ],
        pos_label="TDE",
        name="recommended",
    )
    print(report.pooled_.loc[["macro_recall", "macro_f1"], ["value", "low", "high"]].round(3))


def _draw(folder: Path, task: str, models: dict[str, pd.DataFrame]) -> None:
    three = {m: t for m, t in models.items() if not is_control(m)}
    n_repeats = {m: t["repeat"].nunique() for m, t in three.items()}
    most = max(n_repeats.values())
    reports = {m: make_report(t, m, "prediction") for m, t in three.items() if n_repeats[m] == most}
    by_value = sorted(reports, key=lambda m: -reports[m].pooled_.loc["average_precision", "value"])
    reports = {m: reports[m] for m in by_value}
    if "forest" in reports and len(reports) > 1:
        display = ReportComparisonDisplay.from_reports(reports, "forest")
        display.figure_.savefig(folder / f"{task}-comparison.png", bbox_inches="tight")
    if "recommended" in models:
        report = make_report(models["recommended"], "recommended", "prediction")
        X, y = load_task(task)
        mistakes = report.mistakes(16)
        mistakes["class"] = pd.Series(y, index=X.index).loc[mistakes["object_id"]].to_numpy()
        print(f"\nworst mistakes\n{mistakes.round(3).to_string(index=False)}")
        display = MistakesDisplay.from_report(report, X, n_objects=16)
        display.figure_.savefig(folder / f"{task}-mistakes.png", bbox_inches="tight")


def _draw_learning_curve(folder: Path) -> None:
    import matplotlib.pyplot as plt

    table = pd.read_csv(folder / "learning-curve.csv")
    figure, panels = plt.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
    for panel, (task, of_task) in zip(panels, table.groupby("task", sort=False), strict=False):
        for model, scores in of_task.groupby("model", sort=False):
            found = scores.groupby("n_tde")["average_precision"].agg(["mean", "std"])
            panel.errorbar(
                found.index, found["mean"], found["std"], marker="o", capsize=3, label=model
            )
        others = {"ia": "type Ia supernovae", "all": "everything"}[task]
        panel.set(title=f"TDEs against {others}", xlabel="TDEs trained on", ylim=(0.5, 1.01))
        panel.legend(loc="lower right")
    panels[0].set_ylabel("average precision, mean and sd")
    figure.savefig(folder / "learning-curve.png")
