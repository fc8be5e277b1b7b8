"""Accuracy on the real light curves: default pipeline, reference recipe, simulations, all classes.

Run from the root of the repository, with the benchmark's tables in the folder that
SKLEARN_TDE_DATA names (or ../shared/data)::

    python tests/benchmarks/accuracy.py lstm --seeds 6 --jobs 2
    python tests/benchmarks/accuracy.py reference --seeds 1 --epochs 100 --jobs 2
    python tests/benchmarks/accuracy.py simulated --seeds 3
    python tests/benchmarks/accuracy.py split --seeds 3
    python tests/benchmarks/accuracy.py seven --seeds 1 --epochs 15
    python tests/benchmarks/accuracy.py compare

Each run writes its out-of-fold predictions to ``--output`` (default: results/accuracy), seed by
seed: a run that is started again goes on where it stopped. ``compare`` puts those of one split
side by side, with paired differences. ``seven`` learns all seven classes at once and, as its
second report, the TDEs against all others with a tuned threshold.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from _proof.models import reference_network
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)
from sklearn.model_selection import (
    StratifiedShuffleSplit,
    TunedThresholdClassifierCV,
    train_test_split,
)

from sklearn_tde import (
    cross_validation_report,
    load_light_curves,
    make_lstm_pipeline,
    make_transients,
)
from sklearn_tde.evaluation import CrossValidationReport, compare_reports

REPOSITORY = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("SKLEARN_TDE_DATA", REPOSITORY.parent / "shared" / "data"))


def load_ztf(
    classes: tuple[str, ...] | None = ("TDE", "SN Ia"),
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the real light curves of some classes, or of all."""
    X, y = load_light_curves(DATA / "ztf_observations.parquet", DATA / "ztf_objects.parquet")
    if classes is None:
        return X, y
    chosen = np.isin(y, classes)
    return X[chosen], y[chosen]


def run_seed(name: str, seed: int, epochs: int | None, jobs: int | None):
    """Cross-validate one recipe on one split, the threshold tuned inside each training fold."""
    X, y = load_ztf()
    options = {"pos_label": "TDE", "cv": 5, "random_state": seed, "threshold": "tune"}
    if name == "lstm":
        estimator = make_lstm_pipeline(**({} if epochs is None else {"max_epochs": epochs}))
        title = "LSTM, defaults"
    else:
        epochs = epochs or 500
        estimator = reference_network(epochs)
        title = f"reference recipe, {epochs} epochs"
        # One inner split in place of five: the recipe takes minutes to train.
        options["threshold_cv"] = StratifiedShuffleSplit(1, test_size=0.25, random_state=seed)
    return cross_validation_report(estimator, X, y, name=title, n_jobs=jobs, **options)


def run_seed_of_all_classes(name: str, seed: int, epochs: int | None, jobs: int | None):
    """Cross-validate the default pipeline on all classes, or on the TDEs against the rest."""
    X, y = load_ztf(classes=None)
    options = {"pos_label": "TDE", "cv": 5, "random_state": seed, "n_jobs": jobs}
    estimator = make_lstm_pipeline(**({} if epochs is None else {"max_epochs": epochs}))
    if name == "rest":
        y = np.where(y == "TDE", "TDE", "rest")
        inner = StratifiedShuffleSplit(1, test_size=0.25, random_state=seed)
        options |= {"threshold": "tune", "threshold_cv": inner}
    return cross_validation_report(estimator, X, y, name=f"LSTM, {name}", **options)


def run_cross_validation(args: argparse.Namespace, name: str, run=run_seed) -> None:
    """Run the seeds that are not there yet and print the table of all."""
    for seed in range(args.seeds):
        path = args.output / f"{name}-{seed}.joblib"
        if not path.exists():
            start = time.perf_counter()
            report = run(name, seed, args.epochs, args.jobs)
            joblib.dump((report, time.perf_counter() - start), path)
    reports, seconds = load_reports(args.output, name, args.seeds)
    merged = merge(reports)
    print(merged)
    print("\ntrue classes in rows, predicted ones in columns, all seeds:")
    print(pd.crosstab(merged.y_true, merged.y_pred, rownames=["true"], colnames=["predicted"]))
    print(f"\nwall time of one cross-validation: {np.round(seconds, 0)} s\n")


def run_all_classes(args: argparse.Namespace) -> None:
    """Print the report of all classes, and that of the TDEs against the rest."""
    for name in ("seven", "rest"):
        run_cross_validation(args, name, run_seed_of_all_classes)


def load_reports(folder: Path, name: str, n_seeds: int) -> tuple[list, list[float]]:
    """Return the reports of a run and the seconds each took."""
    stored = [joblib.load(folder / f"{name}-{seed}.joblib") for seed in range(n_seeds)]
    return [report for report, _ in stored], [seconds for _, seconds in stored]


def merge(reports: list[CrossValidationReport]) -> CrossValidationReport:
    """Put the reports of several seeds together as the repeats of one."""
    first = reports[0]
    return CrossValidationReport(
        pd.concat([r.predictions_.assign(repeat=k) for k, r in enumerate(reports)]),
        pd.concat(
            [r.folds_.drop(columns=r.pooled_.index).assign(repeat=k) for k, r in enumerate(reports)]
        ),
        pos_label=first.pos_label,
        name=first.name,
        threshold=first.threshold,
    )


def compare(args: argparse.Namespace) -> None:
    """Print the default pipeline against the reference recipe, on the splits both have."""
    n_seeds = sum((args.output / f"reference-{seed}.joblib").exists() for seed in range(100))
    ours, reference = (
        merge(load_reports(args.output, name, n_seeds)[0]) for name in ("lstm", "reference")
    )
    print(f"{ours.name} against {reference.name}, {n_seeds} split(s)")
    print(compare_reports(ours, reference).round(3).to_string())
    for threshold in (0.5, 0.7):
        for report in (ours, reference):
            predictions = report.predictions_
            found = np.where(predictions["probability"] >= threshold, "TDE", "SN Ia")
            at_threshold = CrossValidationReport(
                predictions.assign(prediction=found),
                report.folds_.drop(columns=report.pooled_.index).assign(threshold=threshold),
                pos_label="TDE",
                name=report.name,
                threshold=str(threshold),
            )
            print(f"\n{at_threshold}")


def run_simulated(args: argparse.Namespace) -> None:
    """Train on simulations only and test on the real light curves."""
    X, y = load_ztf()
    rows = []
    for seed in range(args.seeds):
        simulated, labels = make_transients(
            n_tde=args.n_tde, n_sn_ia=args.n_sn_ia, random_state=seed
        )
        pipeline = make_lstm_pipeline(
            random_state=seed, **({} if args.epochs is None else {"max_epochs": args.epochs})
        )
        model = TunedThresholdClassifierCV(
            pipeline,
            scoring="balanced_accuracy",
            cv=StratifiedShuffleSplit(1, test_size=0.25, random_state=seed),
        )
        start = time.perf_counter()
        model.fit(simulated, labels)
        seconds = time.perf_counter() - start
        probability = model.predict_proba(X)[:, list(model.classes_).index("TDE")]
        rows.append(
            {
                "seed": seed,
                "average_precision": average_precision_score(y == "TDE", probability),
                "roc_auc": roc_auc_score(y == "TDE", probability),
                "balanced_accuracy": balanced_accuracy_score(y, model.predict(X)),
                "balanced_accuracy_at_0.5": balanced_accuracy_score(y == "TDE", probability >= 0.5),
                "threshold": model.best_threshold_,
                "fit_seconds": seconds,
            }
        )
        print(pd.DataFrame(rows[-1:]).round(3).to_string(header=seed == 0, index=False))
    print("\nmean", pd.DataFrame(rows).mean().round(3).to_string(), sep="\n")


def run_split(args: argparse.Namespace) -> None:
    """Train on 70 % and test on 30 %, at the thresholds 0.5 and 0.7, as the study did once."""
    X, y = load_ztf()
    rows = []
    for seed in range(args.seeds):
        train, test = train_test_split(
            np.arange(len(y)), test_size=0.3, stratify=y, random_state=seed
        )
        model = make_lstm_pipeline(random_state=seed).fit(X.iloc[train], y[train])
        probability = model.predict_proba(X.iloc[test])[:, list(model.classes_).index("TDE")]
        is_tde = y[test] == "TDE"
        for threshold in (0.5, 0.7):
            found = probability >= threshold
            rows.append(
                {
                    "seed": seed,
                    "threshold": threshold,
                    "balanced_accuracy": balanced_accuracy_score(is_tde, found),
                    "recall": recall_score(is_tde, found),
                    "precision": precision_score(is_tde, found),
                    "f1": f1_score(is_tde, found),
                }
            )
    table = pd.DataFrame(rows)
    print(table.round(3).to_string(index=False))
    print(table.drop(columns="seed").groupby("threshold").agg(["mean", "std"]).round(3).T)


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "run", choices=["lstm", "reference", "simulated", "split", "seven", "compare"]
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=None, help="default: the recipe's own")
    parser.add_argument("--jobs", type=int, default=None, help="folds at a time")
    parser.add_argument("--n-tde", type=int, default=1000, help="simulated TDEs")
    parser.add_argument("--n-sn-ia", type=int, default=3000, help="simulated SNe Ia")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "results" / "accuracy")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    if args.run == "compare":
        compare(args)
    elif args.run == "simulated":
        run_simulated(args)
    elif args.run == "split":
        run_split(args)
    elif args.run == "seven":
        run_all_classes(args)
    else:
        run_cross_validation(args, args.run)


if __name__ == "__main__":
    main()
