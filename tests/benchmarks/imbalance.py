"""Class weights, over-sampling and threshold moving, measured on the real light curves.

Run from the root of the repository, with the benchmark's tables in the folder that
SKLEARN_TDE_DATA names (or ../shared/data)::

    python tests/benchmarks/imbalance.py --seeds 3

Every strategy trains the default network with the same number of updates: where a sampler makes
the training set k times as large, there are k times fewer epochs. Five folds, the threshold tuned
for balanced accuracy in three folds inside each training fold. Predictions go to ``--output``, one
file per strategy and seed: a run that is started again goes on where it stopped.
"""

from __future__ import annotations

import argparse
import runpy
import time
from pathlib import Path

import joblib
import pandas as pd
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
)

from sklearn_tde import (
    LightCurveOverSampler,
    compare_reports,
    cross_validation_report,
    make_lstm_pipeline,
)

REPOSITORY = Path(__file__).resolve().parents[2]
ACCURACY = runpy.run_path(str(Path(__file__).with_name("accuracy.py")))
EPOCHS = 30
BASELINE = "class weights"
PLAIN = {"flux_noise": 0.0, "drop": 0.0, "truncation": 0.0}

# Name: parameters of the sampler (None: no sampler), class_weight, how many times larger the
# training set gets, further parameters of the network.
STRATEGIES = {
    "nothing": (None, None, 1, {}),
    "class weights": (None, "balanced", 1, {}),
    "copies as they are": (PLAIN, None, 2, {}),
    "over-sampling": ({}, None, 2, {}),
    "over-sampling, redshifts": ({"redshift_factor": 1.5}, None, 2, {}),
    "4 copies of all, class weights": (
        {"sampling_strategy": None, "n_copies": 4},
        "balanced",
        5,
        {},
    ),
    "9 copies of all, class weights, plain network": (
        {"sampling_strategy": None, "n_copies": 9},
        "balanced",
        10,
        {"step_dropout": 0.0, "truncation": 0.0},
    ),
}


def make_estimator(name: str, seed: int):
    """Return the pipeline of a strategy."""
    sampler, class_weight, growth, params = STRATEGIES[name]
    if sampler is not None:
        sampler = LightCurveOverSampler(**sampler, random_state=seed)
    return make_lstm_pipeline(
        sampler=sampler, class_weight=class_weight, max_epochs=EPOCHS // growth, **params
    )


def run(name: str, seed: int, jobs: int | None, path: Path) -> None:
    """Cross-validate one strategy on one split."""
    X, y = ACCURACY["load_ztf"]()
    start = time.perf_counter()
    report = cross_validation_report(
        make_estimator(name, seed),
        X,
        y,
        pos_label="TDE",
        cv=5,
        threshold="tune",
        threshold_cv=3,
        random_state=seed,
        name=name,
        n_jobs=jobs,
    )
    joblib.dump((report, time.perf_counter() - start), path)


def scores(report) -> dict[str, float]:
    """Return the pooled scores at the tuned threshold and at 0.5."""
    y = report.y_true == "TDE"
    p = report.y_proba
    tuned = report.y_pred == "TDE"
    return {
        "average precision": average_precision_score(y, p),
        "balanced accuracy at 0.5": balanced_accuracy_score(y, p > 0.5),
        "balanced accuracy, tuned": balanced_accuracy_score(y, tuned),
        "F1 at 0.5": f1_score(y, p > 0.5),
        "F1, tuned": f1_score(y, tuned),
        "Brier": brier_score_loss(y, p),
        "P(TDE) summed": p.sum() / y.sum(),
    }


def stored_path(name: str, seed: int, folder: Path) -> Path:
    """Return where the predictions of a strategy are."""
    return folder / f"{name.replace(' ', '-').replace(',', '')}-{seed}.joblib"


def merged(name: str, args: argparse.Namespace):
    """Return the report of all splits of a strategy."""
    paths = [stored_path(name, seed, args.output) for seed in range(args.seeds)]
    return ACCURACY["merge"]([joblib.load(path)[0] for path in paths])


def differences(report, baseline) -> pd.DataFrame:
    """Return paired differences of two scores."""
    table = compare_reports(report, baseline)
    return table.loc[["average_precision", "balanced_accuracy"]].round(3)


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=STRATEGIES, default=list(STRATEGIES))
    parser.add_argument("--jobs", type=int, default=None, help="folds at a time")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "results" / "imbalance")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    rows = []
    for seed in range(args.seeds):
        for name in args.only:
            path = stored_path(name, seed, args.output)
            if not path.exists():
                run(name, seed, args.jobs, path)
            report, seconds = joblib.load(path)
            rows.append({"strategy": name, "seed": seed, **scores(report), "seconds": seconds})
            print(pd.DataFrame(rows[-1:]).round(3).to_string(index=False), flush=True)
    table = pd.DataFrame(rows).drop(columns="seed").groupby("strategy", sort=False)
    print(table.mean().round(3).to_string())
    if args.seeds > 1:
        print("\nstandard deviation of the splits\n", table.std().round(3).to_string())
    print("\naverage precision and balanced accuracy against class weights, paired, 95 % intervals")
    others = [name for name in args.only if name != BASELINE and BASELINE in args.only]
    for name in others:
        table = differences(merged(name, args), merged(BASELINE, args))
        print(f"{name}\n{table.to_string(header=name == others[0])}")
    print(f"\naverages of {args.seeds} split(s); 'P(TDE) summed' is per true TDE, 1 if calibrated")


if __name__ == "__main__":
    main()
