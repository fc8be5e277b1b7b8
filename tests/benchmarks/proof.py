"""The proof of accuracy: all models on the same folds of real light curves, with controls.

Run from the root of the repository, with the benchmark's tables in the folder that
SKLEARN_TDE_DATA names (or ../shared/data)::

    python tests/benchmarks/proof.py run                    # everything that is not there yet
    python tests/benchmarks/proof.py run ia lstm --jobs 2   # one model on one task
    python tests/benchmarks/proof.py learning-curve
    python tests/benchmarks/proof.py simulated
    python tests/benchmarks/proof.py early ia forest        # light curves that end early
    python tests/benchmarks/proof.py early all "reference network"    # takes more than an hour
    python tests/benchmarks/proof.py tables                 # tables and pictures of what is there

Each fold's threshold, calibration and training see its training set and nothing else. Every repeat
of every model is written to ``--output`` (default: results/proof) when it is done: a run that is
started again goes on where it stopped. Tasks: ``ia`` (TDE against SN Ia), ``all`` (TDE against
everything; all but the forest learn all seven classes) and ``mallorn`` (six bands, simulated).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _proof.early_tables import print_early_tables
from _proof.models import make_model
from _proof.tables import is_control, print_tables
from _proof.tasks import REPOSITORY, before_and_after, load_task, thinned
from sklearn.base import clone
from sklearn.metrics import average_precision_score
from sklearn.model_selection import StratifiedKFold

from sklearn_tde import (
    cross_validation_report,
    early_classification_report,
    make_tde_classifier,
    make_transients,
)

#: Task, model and number of repeats of light curves that end early. The recommended classifier is
#: one model for all ages; the forests are trained anew at each age, the reference network once, on
#: whole light curves, with the threshold 0.5. What they say of whole ones is also their entry in
#: the other tables.
EARLY_RUNS = [
    ("ia", "recommended", 3),
    ("all", "recommended", 3),
    ("ia", "forest", 3),
    ("all", "forest", 3),
    ("ia", "recommended, no simulations", 1),
    ("all", "recommended, no simulations", 1),
    ("ia", "counts and duration only", 1),
    ("ia", "reference network", 3),
    ("all", "reference network", 3),
]
AGES = (5, 10, 20, 30, 50, np.inf)

#: Task, model and number of repeats.
RUNS = [
    ("ia", "trees and lstm", 3),
    ("all", "trees and lstm", 3),
    ("ia", "forest", 3),
    ("all", "forest", 3),
    ("ia", "features", 3),
    ("all", "features", 3),
    ("ia", "lstm, five folds averaged", 3),
    ("ia", "lstm, pretrained", 3),
    ("ia", "lstm", 3),
    ("mallorn", "trees and vectors, six bands", 3),
    ("all", "lstm", 3),
    ("ia", "trees and lstm, labels permuted", 1),
    ("ia", "trees and lstm, others thinned", 1),
    ("ia", "forest, others thinned", 1),
    ("ia", "trees and lstm, trained before", 1),
    ("ia", "recommended, others thinned", 1),
    ("ia", "recommended, trained before", 1),
    ("ia", "recommended, labels permuted", 1),
    ("all", "recommended, others thinned", 1),
    ("ia", "forest, trained before", 1),
    ("ia", "counts and duration only", 1),
    ("ia", "errors only", 1),
    ("ia", "features and date", 1),
    ("all", "counts and duration only", 1),
    ("all", "errors only", 1),
    ("all", "features and date", 1),
    ("ia", "features without templates", 1),
    ("all", "features without templates", 1),
    ("all", "trees and lstm, two classes", 1),
    ("all", "forest, seven classes", 1),
    ("ia", "boosting", 3),
    ("all", "boosting", 3),
    ("ia", "transformer", 3),
    ("all", "transformer", 3),
]


def run_repeat(task: str, name: str, repeat: int, jobs: int | None) -> pd.DataFrame:
    """Cross-validate one model once; return its predictions at both thresholds."""
    X, y = load_task(task)
    model_name, _, control = name.partition(", ")
    if not is_control(name):
        model_name, control = name, ""
    labels, cv = y, 5
    two_classes = name == "forest" or control == "two classes"
    if task == "all" and two_classes:
        labels = np.where(y == "TDE", "TDE", "other")
    if control == "labels permuted":
        labels = np.random.default_rng(repeat).permutation(labels)
    elif control == "others thinned":
        X = thinned(X, y, share=0.3, seed=repeat)
    elif control == "trained before":
        cv = before_and_after(X, y)
    else:
        # By the two classes in question, so that all models have the same folds.
        splitter = StratifiedKFold(5, shuffle=True, random_state=repeat)
        cv = list(splitter.split(y, np.where(y == "TDE", "TDE", "other")))
    options = {"pos_label": "TDE", "cv": cv, "random_state": repeat, "n_jobs": jobs}
    predictions, fits = _validate(make_model(model_name, task), X, labels, options)
    fits = fits.set_index("fold")["fit_time"]
    return predictions.drop(columns="threshold").assign(
        repeat=repeat, fit_time=fits.loc[predictions["fold"]].to_numpy()
    )


def _validate(model, X, labels, options):
    """Cross-validate a model that tunes its own thresholds."""
    report = cross_validation_report(model, X, labels, return_estimators=True, **options)
    thresholds = pd.Series(
        [model.best_threshold("balanced_accuracy") for model in report.estimators_],
        index=report.folds_["fold"].to_numpy(),
    )
    called = (
        report.predictions_["probability"] >= thresholds.loc[report.predictions_["fold"]].to_numpy()
    )
    balanced = np.where(called, "TDE", "other")
    return report.predictions_.assign(balanced=balanced), report.folds_


def run(args: argparse.Namespace) -> None:
    """Run what is asked for and not there yet."""
    for task, name, n_repeats in RUNS:
        if (args.task and task != args.task) or (args.model and name not in args.model):
            continue
        for repeat in range(n_repeats):
            path = args.output / _file_name(task, name, repeat)
            if path.exists():
                continue
            start = time.perf_counter()
            predictions = run_repeat(task, name, repeat, args.jobs)
            predictions.assign(task=task, model=name).to_parquet(path)
            score = average_precision_score(predictions["y"] == "TDE", predictions["probability"])
            seconds = time.perf_counter() - start
            print(f"{task}, {name}, repeat {repeat}: {score:.3f} in {seconds:.0f} s", flush=True)


def run_early(args: argparse.Namespace) -> None:
    """Run what is asked for of the models of young light curves, and not there yet."""
    for task, name, n_repeats in EARLY_RUNS:
        if (args.task and task != args.task) or (args.model and name not in args.model):
            continue
        for repeat in range(args.first, args.first + n_repeats):
            path = args.output / _file_name(f"early-{task}", name, repeat)
            if path.exists():
                continue
            start = time.perf_counter()
            predictions = _validate_early(task, name, repeat, args.jobs)
            predictions.assign(task=task, model=name).to_parquet(path)
            if name.startswith(("recommended", "reference")):
                whole = predictions[predictions["cut_value"].eq(np.inf)]
                columns = [*_COLUMNS, "task", "model"]
                whole = whole.assign(task=task, model=name)[columns]
                whole.to_parquet(args.output / _file_name(task, name, repeat))
            print(f"{task}, {name}, repeat {repeat}: {time.perf_counter() - start:.0f} s")
            print(_precision_by_age(predictions).round(3).to_string(), flush=True)


_COLUMNS = ["repeat", "position", "object_id", "fold", "y", "probability", "prediction"]
_COLUMNS += ["balanced", "fit_time"]


def _file_name(task: str, name: str, repeat: int) -> str:
    return f"{task}-{name.replace(', ', '-').replace(' ', '_')}-{repeat}.parquet"


def _precision_by_age(predictions: pd.DataFrame) -> pd.Series:
    return predictions.groupby("cut_value").apply(
        lambda table: average_precision_score(table["y"] == "TDE", table["probability"]),
        include_groups=False,
    )


def _validate_early(task: str, name: str, repeat: int, jobs: int | None) -> pd.DataFrame:
    """Cross-validate one model once at all ages."""
    X, y = load_task(task)
    base, _, control = name.partition(", ")
    retrain = base in ("forest", "counts and duration only")
    if base == "recommended":
        model = make_tde_classifier(simulations=not control, verbose=0)
    else:
        model = make_model(base, task)
    if retrain:
        model = model.estimators[0][1]
    is_tde = np.where(y == "TDE", "TDE", "other")
    splitter = StratifiedKFold(5, shuffle=True, random_state=repeat)
    report = early_classification_report(
        model,
        X,
        y if base == "recommended" else is_tde,
        ages=AGES,
        n_detections=(),
        retrain=retrain,
        return_estimators=not retrain,
        pos_label="TDE",
        cv=list(splitter.split(y, is_tde)),
        n_bootstrap=1,
        random_state=repeat,
        n_jobs=jobs,
    )
    table = report.predictions_.assign(repeat=repeat)
    fits = report.folds_.set_index("fold")["fit_time"].loc[table["fold"]].to_numpy()
    table = table.assign(fit_time=fits, balanced=table["prediction"])
    if base == "recommended":
        thresholds = pd.Series([m.best_threshold("balanced_accuracy") for m in report.estimators_])
        called = table["probability"] >= thresholds.loc[table["fold"]].to_numpy()
        table["balanced"] = np.where(called, "TDE", "other")
    return table


#: Task, model, numbers of TDEs and number of repeats. A fit of the recommended classifier takes a
#: minute, and its inner folds need TDEs each.
LEARNING_CURVES = [
    ("ia", "forest", (5, 10, 20, 30, 41), 3),
    ("ia", "features", (5, 10, 20, 30, 41), 3),
    ("ia", "lstm", (5, 10, 20, 30, 41), 3),
    ("all", "forest", (5, 10, 20, 30, 41), 3),
    ("all", "features", (5, 10, 20, 30, 41), 3),
    ("ia", "recommended", (10, 20, 30), 1),
]


def run_learning_curve(args: argparse.Namespace) -> None:
    """Score models trained on some of the TDEs of each training fold."""
    path = args.output / "learning-curve.csv"
    rows = pd.read_csv(path).to_dict("records") if path.exists() else []
    done = {(row["task"], row["model"], row["n_tde"], row["repeat"]) for row in rows}
    for task, name, numbers, n_repeats in LEARNING_CURVES:
        X, y = load_task(task)
        labels = np.where(y == "TDE", "TDE", "other") if name == "forest" else y
        model = make_model(name, task)
        if name != "recommended":
            # Average precision needs neither calibration nor threshold.
            model = model.estimators[0][1]
        for n_tde in numbers:
            for repeat in range(n_repeats):
                if (task, name, n_tde, repeat) in done:
                    continue
                score = _score_with_few(model, X, labels, n_tde, repeat)
                row = {"task": task, "model": name, "n_tde": n_tde, "repeat": repeat}
                rows.append(row | {"average_precision": score})
                pd.DataFrame(rows).to_csv(path, index=False)
    table = pd.DataFrame(rows).groupby(["task", "model", "n_tde"])["average_precision"]
    print(table.agg(["mean", "std"]).round(3).to_string())


def _score_with_few(model, X, labels, n_tde, repeat):
    rng = np.random.default_rng(repeat)
    is_tde = labels == "TDE"
    probability = np.zeros(len(labels))
    splitter = StratifiedKFold(5, shuffle=True, random_state=repeat)
    for train, test in splitter.split(labels, is_tde):
        tdes = rng.permutation(train[is_tde[train]])[:n_tde]
        rows = np.sort(np.concatenate([tdes, train[~is_tde[train]]]))
        fitted = clone(model)
        names = [p for p in fitted.get_params() if p.endswith("random_state")]
        # What the ensemble's members need it draws from its own.
        names = ["random_state"] if "random_state" in names else names
        fitted.set_params(**dict.fromkeys(names, repeat))
        fitted.fit(X.iloc[rows], labels[rows])
        found = fitted.predict_proba(X.iloc[test])
        probability[test] = found[:, fitted.classes_.tolist().index("TDE")]
    return average_precision_score(is_tde, probability)


def run_simulated(args: argparse.Namespace) -> None:
    """Train trees and LSTM on simulations and test it on the real light curves."""
    X, y = load_task("ia")
    for seed in range(args.seeds):
        path = args.output / f"ia-simulated-{seed}.parquet"
        if path.exists():
            continue
        simulated, labels = make_transients(n_tde=1000, n_sn_ia=3000, random_state=seed)
        start = time.perf_counter()
        model = make_model("trees and lstm", "ia").set_params(random_state=seed)
        model.fit(simulated, labels)
        table = pd.DataFrame(
            {
                "repeat": seed,
                "position": np.arange(len(y)),
                "object_id": X.index,
                "fold": 0,
                "y": y,
                "probability": model.predict_proba(X)[:, list(model.classes_).index("TDE")],
                "prediction": model.predict(X),
                "fit_time": time.perf_counter() - start,
                "task": "ia",
                "model": "trees and lstm, trained on simulations",
            }
        )
        called = table["probability"] >= model.best_threshold("balanced_accuracy")
        table.assign(balanced=np.where(called, "TDE", "other")).to_parquet(path)


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["run", "early", "learning-curve", "simulated", "tables"])
    parser.add_argument("task", nargs="?", choices=["ia", "all", "mallorn"])
    parser.add_argument("model", nargs="*", help="names of models, as in the tables")
    parser.add_argument("--jobs", type=int, default=None, help="folds at a time")
    parser.add_argument("--first", type=int, default=0, help="first repeat of `early`")
    parser.add_argument("--seeds", type=int, default=3, help="of the simulations")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "results" / "proof")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    if args.what == "run":
        run(args)
    elif args.what == "early":
        run_early(args)
    elif args.what == "learning-curve":
        run_learning_curve(args)
    elif args.what == "simulated":
        run_simulated(args)
    else:
        print_tables(args.output)
        print_early_tables(args.output)


if __name__ == "__main__":
    main()
