"""The figures of ``sklearn-tde cross-validate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.calibration import CalibrationDisplay
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    PrecisionRecallDisplay,
    confusion_matrix,
    precision_score,
    recall_score,
)

from sklearn_tde.evaluation import CrossValidationReport
from sklearn_tde.inspection import LightCurveDisplay, TrainingHistoryDisplay
from sklearn_tde.preprocessing import LightCurveGridder

_POSITIVE, _NEGATIVE = "#D55E00", "#0072B2"


def draw_report(report: CrossValidationReport, X: Any, folder: Path, suffix: str) -> list[str]:
    """Draw a report made with ``return_estimators=True`` into files of a folder.

    Parameters
    ----------
    report : CrossValidationReport
        The report.
    X : NestedFrame of shape (n_objects, n_columns)
        The light curves that were cross-validated.
    folder : Path
        Where the figures are written.
    suffix : str
        Format of the figures, such as "png".

    Returns
    -------
    names : list of str
        Names of the files.
    """
    from matplotlib.figure import Figure

    written = []
    params = report.estimators_[0].get_params(deep=True)
    trains_network = any(name.endswith("max_epochs") for name in params)
    for name, size, draw in (
        ("confusion_matrix", (4.4, 3.8), _draw_confusion),
        ("precision_recall", (4.8, 4.2), _draw_precision_recall),
        ("calibration", (4.8, 5.2), _draw_calibration),
        ("training_history", (9.0, 3.6), _draw_history),
        ("light_curve", (7.0, 5.7), _draw_light_curve),
    ):
        if name == "training_history" and not trains_network:
            continue
        # Without pyplot: nothing needs a screen, and nothing stays open.
        figure = Figure(figsize=size, layout="constrained")
        draw(figure, report, X)
        figure.savefig(folder / f"{name}.{suffix}", dpi=150)
        written.append(f"{name}.{suffix}")
    return written


def _draw_confusion(figure: Any, report: CrossValidationReport, X: Any) -> None:
    counts = confusion_matrix(report.y_true, report.y_pred, labels=report.classes_)
    shares = counts / counts.sum(axis=1, keepdims=True)
    display = ConfusionMatrixDisplay(shares, display_labels=report.classes_)
    display.plot(
        ax=figure.add_subplot(), cmap="Blues", colorbar=False, im_kw={"vmin": 0, "vmax": 1}
    )
    for text, count, share in zip(display.text_.flat, counts.flat, shares.flat, strict=True):
        text.set_text(f"{count}\n{share:.1%}")
    repeats = f", {report.n_repeats} repeats" if report.n_repeats > 1 else ""
    display.ax_.set_title(f"Out of fold{repeats}", loc="left", fontsize="medium")
    display.ax_.set_xlabel("predicted class")
    display.ax_.set_ylabel("true class")


def _draw_precision_recall(figure: Any, report: CrossValidationReport, X: Any) -> None:
    ax = figure.add_subplot()
    display = PrecisionRecallDisplay.from_predictions(
        report.y_true,
        report.y_proba,
        pos_label=report.pos_label,
        name="out of fold",
        plot_chance_level=True,
        chance_level_kw={"label": "chance", "color": "0.5"},
        despine=True,
        curve_kwargs={"color": _POSITIVE},
        ax=ax,
    )
    actual = {"y_true": report.y_true, "y_pred": report.y_pred, "zero_division": 0.0}
    scores = [
        score(**actual, labels=[report.pos_label], average="macro")
        for score in (recall_score, precision_score)
    ]
    ax.plot(*scores, "D", color="black", label="threshold used", zorder=3)
    display.ax_.set(
        xlabel=f"recall of {report.pos_label}",
        ylabel=f"precision of {report.pos_label}",
        xlim=(0.0, 1.02),
        ylim=(0.0, 1.02),
    )
    ax.legend(loc="lower left", frameon=False, bbox_to_anchor=(0.0, 1.0), fontsize="small")


def _draw_calibration(figure: Any, report: CrossValidationReport, X: Any) -> None:
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[2.5, 1.0])
    positive = report.y_true == report.pos_label
    probability = np.clip(report.y_proba, 0.0, 1.0)
    CalibrationDisplay.from_predictions(
        positive, probability, n_bins=10, ax=upper, name="out of fold", color=_POSITIVE
    )
    upper.set(xlabel="", ylabel=f"fraction that is {report.pos_label}", ylim=(-0.02, 1.02))
    upper.legend(loc="lower left", frameon=False, bbox_to_anchor=(0.0, 1.0), fontsize="small")
    look = {"bins": np.linspace(0.0, 1.0, 21), "histtype": "step", "linewidth": 1.5}
    lower.hist(probability[~positive], color=_NEGATIVE, label="others", **look)
    lower.hist(probability[positive], color=_POSITIVE, label=str(report.pos_label), **look)
    lower.set(xlabel=f"P({report.pos_label})", ylabel="objects", yscale="log", xlim=(-0.02, 1.02))
    lower.set_ylim(bottom=0.7)
    lower.legend(
        loc="lower left", bbox_to_anchor=(0.0, 1.0), frameon=False, fontsize="small", ncols=2
    )


def _draw_history(figure: Any, report: CrossValidationReport, X: Any) -> None:
    TrainingHistoryDisplay.from_estimator(report, ax=figure.add_subplot())


def _draw_light_curve(figure: Any, report: CrossValidationReport, X: Any) -> None:
    """Draw the object of the positive class with the highest probability."""
    table = report.predictions_
    table = table[(table["repeat"] == table["repeat"].min()) & (table["y"] == report.pos_label)]
    best = table.loc[table["probability"].idxmax()]
    steps = report.estimators_[0].get_params(deep=True).values()
    gridders = [step for step in steps if isinstance(step, LightCurveGridder)]
    LightCurveDisplay.from_light_curves(
        X,
        position=int(best["position"]),
        gridder=gridders[0] if gridders else None,
        label=str(best["y"]),
        probability=best["probability"],
        pos_label=str(report.pos_label),
        ax=figure.add_subplot(),
    )
