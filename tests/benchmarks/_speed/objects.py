"""The blocks that time one part of the package in this process."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import torch

from sklearn_tde import (
    LightCurveFeatures,
    LightCurveGridder,
    load_model,
    pack_light_curves,
    unpack_light_curves,
)

from . import reference_recipe
from .examples import Examples
from .report import Report, as_seconds, microseconds_per, objects_per_second
from .timing import take_turns

#: Alerts scored in a row, the first of which do not count: what ran before them has emptied the
#: processor's caches, and a stream of alerts meets them filled.
_IN_A_ROW, _WARM_UP = 25, 5
#: Groups of features, of the default ones, that fit models.
_FITTED = ("template", "power_law", "temperature")


def gridding(examples: Examples) -> Report:
    """Light curves to arrays."""
    report = Report("gridding", "Gridding: light curves in a NestedFrame to an array")
    settings = examples.settings
    numbers = [len(examples.folds[0][1]), len(examples.folds[0][0]), settings.objects]
    for n in numbers:
        X = examples.repeated(n)
        ready = [examples.ready[k % len(examples.ready)] for k in range(n)]
        default, as_reference = LightCurveGridder().fit(X), LightCurveGridder.reference().fit(X)
        samples = take_turns(
            {
                "reference": lambda ready=ready: reference_recipe.grid(ready),
                "default": lambda X=X, gridder=default: gridder.transform(X),
                "as reference": lambda X=X, gridder=as_reference: gridder.transform(X),
            },
            settings.repeats,
            settings.threads,
        )
        for name, title, target in (
            ("default", "LightCurveGridder()", "2.5"),
            ("as reference", "LightCurveGridder.reference()", ""),
        ):
            report.compare_samples(
                f"{title}, {n:,} objects",
                samples["reference"],
                samples[name],
                settings.threads,
                shown=microseconds_per(n),
                target=target,
            )
    report.note(
        f"The reference starts from ready arrays and makes {reference_recipe.N_STEPS} steps; the "
        f"package also checks what it is given; by default it makes {len(default.grid_)} steps."
    )
    return report


def features(examples: Examples) -> Report:
    """Light curves to hand-made features, against packing and gridding the same objects."""
    report = Report("features", "Features: light curves in a NestedFrame to named numbers")
    settings, X = examples.settings, examples.X
    table = unpack_light_curves(X)
    default = LightCurveFeatures()
    quick = [group for group in default.groups if group not in _FITTED]
    transformers = {
        "LightCurveFeatures()": default,
        "the groups without fits": LightCurveFeatures(groups=quick),
        "LightCurveGridder()": LightCurveGridder(),
    }
    functions = {name: partial(step.fit(X).transform, X) for name, step in transformers.items()}
    functions["pack_light_curves"] = partial(pack_light_curves, table)
    samples = take_turns(functions, settings.repeats, settings.threads)
    clock, (unit, show) = "CPU, 1 thread", microseconds_per(len(X))
    for name, sample in samples.items():
        report.value(f"{name}, {len(X):,} objects", clock, unit, [show(v) for v in sample.cpu])
    for name in ("LightCurveGridder()", "pack_light_curves"):
        times = np.divide(samples["LightCurveFeatures()"].cpu, samples[name].cpu).tolist()
        report.value(f"features against {name}", clock, "times", times)
    report.note(f"The groups with fits are {', '.join(_FITTED)}.")
    return report


def epoch(examples: Examples) -> Report:
    """One pass over the training part of a fold."""
    report = Report("epoch", "Training: one epoch on the training part of one fold")
    settings = examples.settings
    train = examples.folds[0][0]
    X, y = examples.X.iloc[train], examples.y[train]
    training = examples.reference_training()
    pipeline = examples.make_pipeline()
    loops = []

    def fit() -> None:
        classifier = pipeline.fit(X, y).named_steps["classifier"]
        loops.append(sum(entry["dur"] for entry in classifier.history_) / classifier.max_epochs)

    samples = take_turns(
        {"reference": training.epoch, "package": fit},
        settings.repeats,
        settings.threads,
    )
    epochs = pipeline.named_steps["classifier"].max_epochs
    for values in (samples["package"].cpu, samples["package"].wall):
        values[:] = [value / epochs for value in values]
    report.compare_samples(
        f"one epoch, {len(train)} objects",
        samples["reference"],
        samples["package"],
        settings.threads,
        shown=as_seconds(),
        target="8",
    )
    report.value("its loop over the batches alone (history_)", "wall, 1 thread", "s", loops)
    report.note(
        f"The package's epoch is all of pipeline.fit, gridding included, over its {epochs} epochs; "
        "it trains on one thread, whatever is allowed. The reference's is the epoch alone."
    )
    return report


def predict(examples: Examples) -> Report:
    """Light curves to probabilities."""
    report = Report("predict", "Prediction: light curves in a NestedFrame to probabilities")
    settings, X, ready = examples.settings, examples.X, examples.ready
    model, network = examples.model, examples.reference_network
    samples = take_turns(
        {
            "reference": lambda: reference_recipe.predict_proba(
                network, reference_recipe.grid(ready)
            ),
            "package": lambda: model.predict_proba(X),
        },
        settings.repeats,
        settings.threads,
    )
    report.compare_samples(
        f"predict_proba, {len(X):,} objects",
        samples["reference"],
        samples["package"],
        settings.threads,
        shown=objects_per_second(len(X)),
        target="10",
    )
    report.note("The package predicts on one thread, whatever is allowed.")
    return report


def alert(examples: Examples) -> Report:
    """One object from raw observations to its probability."""
    report = Report("alert", "A single alert: raw observations to a probability, after load_model")
    model, network = load_model(examples.model_file), examples.reference_network
    torch.set_num_threads(1)
    tables, ready = _alerts(examples)
    steps = {
        "reference": lambda k: reference_recipe.predict_proba(
            network, reference_recipe.grid([ready[k]])
        ),
        "package": lambda k: model.predict_proba(pack_light_curves(tables[k])),
        "packing": lambda k: pack_light_curves(tables[k]),
    }
    times = _call_by_call(steps, examples.settings.calls, len(tables))
    milliseconds = {name: 1e3 * np.array(values) for name, values in times.items()}
    clock = "wall, 1 thread"
    report.compare(
        "median",
        clock,
        times["reference"],
        times["package"],
        shown=("ms", lambda value: value * 1e3),
        target="< 5 ms",
    )
    late = float(np.percentile(milliseconds["package"], 95))
    report.value("95th percentile", clock, "ms", [late])
    report.value("of it: pack_light_curves", clock, "ms", milliseconds["packing"].tolist())
    n_objects = min(examples.settings.calls, len(tables))
    report.note(
        f"{examples.settings.calls} calls, on {n_objects} objects in turn, "
        f"{_IN_A_ROW - _WARM_UP} in a row. The reference starts from ready arrays."
    )
    return report


def _alerts(examples: Examples) -> tuple[list[pd.DataFrame], list[dict]]:
    """Return some objects as raw tables, and as the arrays that the reference starts from."""
    n = min(examples.settings.calls, len(examples.X))
    rows = np.random.default_rng(0).permutation(len(examples.X))[:n]
    fields = ["time", "band", "flux", "flux_err"]
    tables = []
    for row in rows:
        long = unpack_light_curves(examples.X.iloc[[row]])
        columns = {name: long[name].to_numpy() for name in fields}
        columns["band"] = columns["band"].astype(str)
        tables.append(pd.DataFrame({"object_id": str(long.iloc[0, 0]), **columns}))
    return tables, [examples.ready[row] for row in rows]


def _call_by_call(
    functions: dict[str, Callable[[int], object]], calls: int, n: int
) -> dict[str, list[float]]:
    """Time functions of a number, each call by itself, some calls of each in turn."""
    times = {name: [] for name in functions}
    for first in range(0, calls, _IN_A_ROW - _WARM_UP):
        for name, function in functions.items():
            for call in range(first - _WARM_UP, min(first + _IN_A_ROW - _WARM_UP, calls)):
                start = time.perf_counter()
                function(call % n)
                if call >= first:
                    times[name].append(time.perf_counter() - start)
    return times
