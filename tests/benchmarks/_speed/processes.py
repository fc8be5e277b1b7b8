"""The blocks that need processes of their own: imports, memory, scaling, cross-validation."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from joblib.externals.loky import get_reusable_executor

from sklearn_tde import cross_validation_report

from . import child, reference_recipe
from .examples import REPOSITORY, Examples
from .report import Report, as_seconds
from .timing import children_cpu, seconds

#: Above so many objects a prediction is timed once.
_ONCE = 100_000


def imports(examples: Examples) -> Report:
    """Start of a fresh interpreter."""
    report = Report("import", "Starting: fresh processes")
    script = Path(sys.executable).with_name("sklearn-tde")
    found = str(script) if script.exists() else shutil.which("sklearn-tde")
    command = [found] if found else [sys.executable, "-m", "sklearn_tde.cli"]
    commands = {
        "bare": [sys.executable, "-c", "pass"],
        "import sklearn_tde": [sys.executable, "-c", "import sklearn_tde"],
        "sklearn-tde --help": [*command, "--help"],
    }
    times = {name: [] for name in commands}
    # The first turn reads the files from the disk.
    for turn in range(-1, examples.settings.repeats):
        for name, arguments in commands.items():
            start = time.perf_counter()
            subprocess.run(arguments, cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)
            if turn >= 0:
                times[name].append(time.perf_counter() - start)
    report.value("python -c pass", "wall", "s", times["bare"])
    for name, target in (("import sklearn_tde", "0.2"), ("sklearn-tde --help", "0.5")):
        report.value(name, "wall", "s", times[name], f"< {target} s")
        above = np.subtract(times[name], times["bare"])
        report.value(f"{name}, above python -c pass", "wall", "s", above.tolist())
    return report


def scaling(examples: Examples) -> Report:
    """Prediction of more and more objects."""
    report = Report("scaling", "Scaling: predict_proba of more and more objects")
    settings, clock = examples.settings, "CPU, 1 thread"
    sizes, medians = [], []
    size = min(1000, settings.largest)
    while size <= settings.largest:
        found = child.run(
            "predict",
            examples,
            model=str(examples.model_file),
            n=size,
            calls=settings.repeats if size <= _ONCE else 1,
        )
        sizes.append(size)
        medians.append(statistics.median(found["cpu"]))
        what = f"{size:,} objects"
        report.value(what, clock, "s", found["cpu"])
        report.value(what, clock, "objects/s", (size / np.array(found["cpu"])).tolist())
        report.value(what, "memory of the input", "MB", [found["input"]])
        report.value(what, "peak above the input", "MB", [found["above"]], "< 1500 MB")
        size *= 10
    for first in sorted({0, max(len(sizes) - 2, 0)}):
        if len(sizes) - first > 1:
            slope = float(np.polyfit(np.log(sizes[first:]), np.log(medians[first:]), 1)[0])
            what = f"exponent of the time, {sizes[first]:,} to {sizes[-1]:,}"
            report.value(what, clock, "", [slope], "1")
    report.note("Each size in a process of its own; the input repeats the same objects.")
    return report


def memory(examples: Examples) -> Report:
    """Peak memory of training."""
    report = Report("memory", "Peak memory of training, above the light curves")
    n = len(examples.folds[0][0])
    package, reference = (child.run(task, examples)["above"] for task in ("fit", "fit_reference"))
    report.value(f"default pipeline, {n} objects", "", "MB", [package])
    report.value(f"reference, {n} objects", "", "MB", [reference])
    return report


def cross_validation(examples: Examples) -> Report:
    """Five folds of the default pipeline against five folds of 500 reference epochs."""
    report = Report(
        "cross-validation", "Cross-validation in five folds, the threshold tuned inside each"
    )
    settings = examples.settings
    training = examples.reference_training()
    training.epoch(16)
    sizes = [len(train) for train, _ in examples.folds]
    # The epoch of the first fold stands for all, in proportion to their numbers of objects.
    epochs = len(sizes) * reference_recipe.EPOCHS * np.mean(sizes) / sizes[0]
    cpu, wall, ways, workers = ([], []), ([], []), [], []
    for _ in range(settings.repeats):
        torch.set_num_threads(1)
        cpu[0].append(seconds(training.epoch)[0] * epochs)
        used, _, found = _cross_validate(examples, jobs=1)
        cpu[1].append(used)
        ways.append(_reference_epoch_wall(examples, training))
        wall[0].append(min(ways[-1]) * epochs)
        torch.set_num_threads(1)
        before = children_cpu()
        _, elapsed, _ = _cross_validate(examples, jobs=settings.threads)
        workers.append(children_cpu() - before)
        wall[1].append(elapsed)
    what = "cross_validation_report"
    report.compare(what, "CPU, 1 thread", *cpu, shown=as_seconds(), target="200")
    clock = f"wall, {settings.threads} cores"
    report.compare(what, clock, *wall, shown=as_seconds(), target="< 60 s")
    report.value(f"{what}, its workers", "CPU", "s", workers)
    precision = float(found.pooled_.loc["average_precision", "value"])
    report.value("average precision, out of fold", "", "", [precision])
    threads, processes = np.median(ways, axis=0)
    report.note(
        f"The reference is 5 x {reference_recipe.EPOCHS} of its epochs on {sizes[0]} objects, "
        f"scaled to the folds' mean of {np.mean(sizes):.1f}: no gridding, no prediction, no "
        "threshold. Its wall time is the better of two ways to use the cores, per epoch: "
        f"{threads:.3g} s with {settings.threads} threads, {processes:.3g} s with "
        f"{settings.threads} folds side by side in processes of their own."
    )
    return report


def _cross_validate(examples: Examples, jobs: int) -> tuple[float, float, object]:
    """Return the seconds of the processor and of the clock, and the package's report."""
    found = []

    def run() -> None:
        found.append(
            cross_validation_report(
                examples.make_pipeline(),
                examples.X,
                examples.y,
                pos_label="TDE",
                cv=5,
                threshold="tune",
                random_state=0,
                n_jobs=jobs,
                verbose=0,
            )
        )
        if jobs > 1:
            # Only workers that have ended are counted, and the next run starts its own again.
            get_reusable_executor().shutdown(wait=True)

    cpu, wall = seconds(run)
    return cpu, wall, found[0]


def _reference_epoch_wall(
    examples: Examples, training: reference_recipe.ReferenceTraining
) -> tuple[float, float]:
    """Return the wall time of an epoch, with threads and with a fold per process."""
    threads = examples.settings.threads
    torch.set_num_threads(threads)
    with_threads = seconds(training.epoch)[1]
    torch.set_num_threads(1)
    children = [child.start("reference_epoch", examples, fold=k % 5) for k in range(threads)]
    for process in children:
        child.hear(process)
    for process in children:
        child.tell(process, "go")
    walls = [child.hear(process)["wall"] for process in children]
    for process in children:
        process.communicate()
    return with_threads, float(np.mean(walls)) / threads
