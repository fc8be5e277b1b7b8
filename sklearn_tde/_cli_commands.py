"""What the commands of ``sklearn-tde`` do: arguments in, files and text out."""

from __future__ import annotations

import sys
import tempfile
from argparse import Namespace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin
from sklearn.pipeline import Pipeline

from sklearn_tde import _cli_plots
from sklearn_tde._cli_files import (
    check_table_path,
    check_writable,
    is_shared,
    table_columns,
    write_table,
)
from sklearn_tde._cli_predict import predict
from sklearn_tde._flat import FIELDS
from sklearn_tde._labels import check_class_sizes
from sklearn_tde.datasets import load_light_curves, make_transients
from sklearn_tde.evaluation import cross_validation_report
from sklearn_tde.evaluation._threshold import apply_threshold, used_threshold
from sklearn_tde.inspection._plotting import import_pyplot
from sklearn_tde.light_curves import flatten_light_curves, unpack_light_curves
from sklearn_tde.neural_network import LSTMTransientClassifier
from sklearn_tde.persistence import save_model
from sklearn_tde.pipelines import (
    make_feature_pipeline,
    make_lstm_pipeline,
    make_tde_classifier,
    make_transformer_pipeline,
)
from sklearn_tde.preprocessing import LightCurveFeatures, LightCurveGridder, LightCurveSequencer
from sklearn_tde.preprocessing._simulation_features import SIMULATED_BANDS

__all__ = ["cross_validate", "fit", "predict", "simulate"]

_REST = "other"
_NAMES = {
    "lstm": "LSTM pipeline",
    "features": "feature pipeline",
    "transformer": "transformer pipeline",
    "recommended": "recommended classifier",
}


def simulate(arguments: Namespace) -> str:
    """Write a simulated sample as a table of observations and one of objects."""
    for name in ("observations", "objects"):
        check_table_path(getattr(arguments, name), name.upper())
    counts = {name: value for name, value in vars(arguments).items() if name.startswith("n_")}
    X, y = make_transients(
        **counts,
        bands=arguments.bands,
        forced_photometry=arguments.forced_photometry,
        random_state=arguments.random_state,
    )
    if not len(X):
        raise ValueError("no object to simulate; give at least one --n-... above 0.")
    observations = unpack_light_curves(X)[["object_id", *FIELDS]]
    objects = X.drop(columns="light_curve").assign(label=y).rename_axis("object_id").reset_index()
    write_table(observations, arguments.observations)
    write_table(pd.DataFrame(objects), arguments.objects)
    return (
        f"{len(observations)} observations in {arguments.observations}, "
        f"{len(objects)} objects in {arguments.objects}: {_describe_classes(y)}\n"
    )


def cross_validate(arguments: Namespace) -> str:
    """Cross-validate, and write tables and figures."""
    draws = arguments.output is not None and not arguments.no_plots
    if draws:
        _check_matplotlib()
    folder = None if arguments.output is None else _make_folder(arguments.output)
    if arguments.observations is None:
        if arguments.objects is not None:
            raise ValueError("--objects needs OBSERVATIONS, the table of observations.")
        X, y = make_transients(bands=arguments.bands, random_state=0)
        X, y = _choose_classes(X, y, arguments)
    else:
        X, y = _read_labelled(arguments)
    threshold = _binary_threshold(y, arguments)
    model = _make_model(arguments, threshold)
    report = cross_validation_report(
        model,
        X,
        y,
        pos_label=arguments.positive_class,
        cv=arguments.folds,
        n_repeats=arguments.repeats,
        threshold=None if _tunes_itself(arguments, threshold) else threshold,
        threshold_cv=arguments.threshold_folds,
        random_state=arguments.random_state,
        return_estimators=draws,
        name="reference recipe" if arguments.reference else _NAMES[arguments.kind],
        n_jobs=_n_jobs(arguments, arguments.folds * arguments.repeats),
    )
    text = f"{report}\n"
    if folder is None:
        return text
    (folder / "report.txt").write_text(text, encoding="utf-8")
    report.pooled_.to_csv(folder / "scores.csv")
    report.folds_.to_csv(folder / "folds.csv", index=False)
    report.predictions_.to_csv(folder / "predictions.csv", index=False)
    names = ["report.txt", "scores.csv", "folds.csv", "predictions.csv"]
    if draws:
        names += _cli_plots.draw_report(report, X, folder, arguments.plot_format)
    return f"{text}\nin {arguments.output}: {', '.join(names)}\n"


def fit(arguments: Namespace) -> str:
    """Train a model and save it."""
    shared = is_shared(arguments.output, "--output")
    X, y = _read_labelled(arguments)
    threshold = _binary_threshold(y, arguments)
    check_writable(arguments.output)
    model = _make_model(arguments, threshold, verbose=1)
    if _tunes_itself(arguments, threshold):
        threshold = None
    if arguments.kind == "recommended":
        check_class_sizes(y, arguments.threshold_folds, "threshold_cv")
        n_fits = len(model.estimators) * arguments.threshold_folds
        model.set_params(n_jobs=_n_jobs(arguments, n_fits))
    model = apply_threshold(
        model,
        threshold,
        scoring="balanced_accuracy",
        cv=arguments.threshold_folds,
        pos_label=arguments.positive_class,
        y=y,
        groups=None,
        seed=arguments.random_state,
    )
    if threshold == "tune":
        model.set_params(n_jobs=_n_jobs(arguments, arguments.threshold_folds))
    model.fit(X, y)
    if shared:
        digest = f"; SHA-256 {save_model(model, arguments.output)}"
    else:
        joblib.dump(model, arguments.output)
        digest = ""
    used = used_threshold(model, threshold)
    if getattr(model, "threshold_", None) is not None:
        used = model.threshold_
    ending = "" if np.isnan(used) else f", threshold {used:.3f} on P({arguments.positive_class})"
    return f"{arguments.output}: trained on {_describe_classes(y)}{ending}{digest}\n"


def _read_labelled(arguments: Namespace) -> tuple[Any, np.ndarray]:
    # The observations may have any further columns; only the label can belong to the object.
    columns = (arguments.label,) if arguments.objects is None else ()
    X, y = load_light_curves(
        arguments.observations,
        arguments.objects,
        label=arguments.label,
        missing_labels=arguments.missing_labels,
        object_columns=columns,
        **table_columns(arguments),
    )
    if y is None:
        raise ValueError(
            f"--label: there is no column {arguments.label!r} in {arguments.objects}; the class "
            "of every object is needed."
        )
    if not flatten_light_curves(X).n_observations.any():
        raise ValueError(f"observations: {arguments.observations!r} has no rows.")
    return _choose_classes(X, y, arguments)


def _choose_classes(X: Any, y: np.ndarray, arguments: Namespace) -> tuple[Any, np.ndarray]:
    """Keep the classes asked for and, unless they stay apart, make two of them."""
    y = np.array([str(label) for label in y])
    positive, known = arguments.positive_class, sorted(set(y))
    for name in [positive, *(arguments.classes or ())]:
        if name not in known:
            option = "--positive-class" if name == positive else "--classes"
            raise ValueError(f"{option}: no object is {name!r}; the labels are {', '.join(known)}.")
    if arguments.classes is not None:
        if positive not in arguments.classes:
            raise ValueError(f"--classes leaves out the positive class {positive!r}.")
        kept = np.isin(y, arguments.classes)
        X, y = X[kept], y[kept]
    if len(set(y)) < 2:
        raise ValueError(f"all {len(y)} objects are {positive!r}; expected at least two classes.")
    if len(set(y)) == 2 or _keeps_classes(arguments):
        return X, y
    if arguments.multiclass is None and arguments.kind in ("features", "recommended"):
        others = ", ".join(sorted({*y} - {positive}))
        sys.stderr.write(
            f"sklearn-tde: note: {others} are learned as one class, {_REST!r}; --multiclass keeps "
            f"them apart, which helps to find {positive}.\n"
        )
    return X, np.where(y == positive, positive, _REST)


def _keeps_classes(arguments: Namespace) -> bool:
    """Whether more than two classes stay apart: a threshold that is a number needs two."""
    if arguments.multiclass is not None:
        return arguments.multiclass
    return arguments.kind == "recommended" and not isinstance(arguments.threshold, float)


def _binary_threshold(y: np.ndarray, arguments: Namespace) -> str | float | None:
    asked = arguments.threshold
    if len(set(y)) > 2 and _tunes_itself(arguments, asked or "tune"):
        return "tune"
    if len(set(y)) > 2:
        if asked not in (None, "none"):
            raise ValueError("--threshold needs two classes; leave it or --multiclass out.")
        return None
    if asked is None:
        return "tune"
    return None if asked == "none" else asked


def _tunes_itself(arguments: Namespace, threshold: str | float | None) -> bool:
    """Whether the threshold is tuned in the training itself, for any number of classes."""
    return arguments.kind == "recommended" and threshold == "tune"


def _make_model(
    arguments: Namespace, threshold: str | float | None, verbose: int = 0
) -> ClassifierMixin | Pipeline:
    kind, bands, seed = arguments.kind, tuple(arguments.bands), arguments.random_state
    if arguments.reference and kind != "lstm":
        raise ValueError(f"--reference is an LSTM; leave it or --model {kind} out.")
    if kind == "features":
        if arguments.epochs is not None:
            raise ValueError("--epochs: trees have none; leave it or --model features out.")
        return make_feature_pipeline(features=LightCurveFeatures(bands=bands), random_state=seed)
    epochs = {} if arguments.epochs is None else {"max_epochs": arguments.epochs}
    if kind == "recommended":
        model = make_tde_classifier(
            bands=bands,
            simulations=set(bands) <= set(SIMULATED_BANDS),
            pos_label=arguments.positive_class,
            threshold_scoring="balanced_accuracy" if threshold == "tune" else None,
            cv=arguments.threshold_folds,
            random_state=seed,
            verbose=verbose,
        )
        return model.set_params(**{f"lstm__classifier__{k}": v for k, v in epochs.items()})
    params: dict[str, Any] = {"random_state": seed, "verbose": verbose, **epochs}
    if kind == "transformer":
        return make_transformer_pipeline(sequencer=LightCurveSequencer(bands=bands), **params)
    if not arguments.reference:
        return make_lstm_pipeline(gridder=LightCurveGridder(bands=bands), **params)
    gridder = LightCurveGridder.reference().set_params(bands=bands)
    classifier = LSTMTransientClassifier.reference(n_masks=len(bands), **params)
    return Pipeline([("gridder", gridder), ("classifier", classifier)])


def _n_jobs(arguments: Namespace, n_tasks: int) -> int:
    if arguments.n_jobs == 0:
        raise ValueError("--n-jobs: expected a number of processes, or -1 for all; got 0.")
    if arguments.n_jobs is not None:
        return arguments.n_jobs
    return max(1, min(joblib.cpu_count(), n_tasks))


def _check_matplotlib() -> None:
    try:
        import_pyplot("--output")
    except ImportError as error:
        raise ImportError(f"{error} Or leave the figures out with --no-plots.") from error


def _make_folder(path: str) -> Path:
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(f"--output: cannot write into {path!r}: {error.strerror}.") from error
    return folder


def _describe_classes(y: np.ndarray) -> str:
    names, counts = np.unique(np.asarray(y, dtype=str), return_counts=True)
    return ", ".join(f"{count} {name}" for name, count in zip(names, counts, strict=True))
