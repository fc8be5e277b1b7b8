"""What the commands of ``sklearn-tde`` do: arguments in, files and text out."""

from __future__ import annotations

import sys
import tempfile
import warnings
from argparse import Namespace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.pipeline import Pipeline

from sklearn_tde import _cli_plots
from sklearn_tde.datasets import load_light_curves, make_transients
from sklearn_tde.evaluation import cross_validation_report
from sklearn_tde.evaluation._threshold import apply_threshold, used_threshold
from sklearn_tde.inspection._plotting import import_pyplot
from sklearn_tde._flat import FIELDS
from sklearn_tde.light_curves import flatten_light_curves, unpack_light_curves
from sklearn_tde.neural_network import LSTMTransientClassifier
from sklearn_tde.persistence import ModelFileError, load_model, save_model
from sklearn_tde.pipelines import make_lstm_pipeline
from sklearn_tde.preprocessing import LightCurveGridder

_CSV = (".csv", ".csv.gz", ".csv.bz2", ".csv.xz", ".csv.zip")
_PARQUET = (".parquet", ".pq", ".parq")
_REST = "other"
#: Ending of a model that is safe to load from anyone.
_SHARED = ".tde"


def simulate(arguments: Namespace) -> str:
    """Write a simulated sample as a table of observations and one of objects."""
    for name in ("observations", "objects"):
        _check_table_path(getattr(arguments, name), name.upper())
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
    _write_table(observations, arguments.observations)
    _write_table(pd.DataFrame(objects), arguments.objects)
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
    report = cross_validation_report(
        _make_model(arguments),
        X,
        y,
        pos_label=arguments.positive_class,
        cv=arguments.folds,
        n_repeats=arguments.repeats,
        threshold=threshold,
        threshold_cv=arguments.threshold_folds,
        random_state=arguments.random_state,
        return_estimators=draws,
        name="reference recipe" if arguments.reference else "LSTM pipeline",
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
    shared = _is_shared(arguments.output, "--output")
    X, y = _read_labelled(arguments)
    threshold = _binary_threshold(y, arguments)
    _check_writable(arguments.output)
    model = apply_threshold(
        _make_model(arguments, verbose=1),
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
    ending = "" if np.isnan(used) else f", threshold {used:.3f} on P({arguments.positive_class})"
    return f"{arguments.output}: trained on {_describe_classes(y)}{ending}{digest}\n"


def predict(arguments: Namespace) -> str:
    """Rank objects by the probability of one class."""
    if arguments.output is not None:
        _check_table_path(arguments.output, "--output")
    model = _load_model(arguments.model)
    classes = [str(label) for label in model.classes_]
    positive = arguments.positive_class
    if positive is None:
        positive = "TDE" if "TDE" in classes or len(classes) > 2 else classes[1]
    if positive not in classes:
        raise ValueError(
            f"--positive-class: the model has no class {positive!r}, only {', '.join(classes)}."
        )
    X, _ = load_light_curves(
        arguments.observations,
        arguments.objects,
        label=None,
        object_columns=(),
        **_columns(arguments),
    )
    table = _rank(model, X, classes.index(positive), arguments.object_id)
    if arguments.output is None:
        return table.to_csv(index=False)
    _write_table(table, arguments.output)
    called = int((table["prediction"].astype(str) == positive).sum())
    return f"{arguments.output}: {len(table)} objects, {called} predicted {positive}\n"


def _rank(model: Any, X: pd.DataFrame, column: int, object_id: str) -> pd.DataFrame:
    flat = flatten_light_curves(X)
    probability = model.predict_proba(X)[:, column]
    first = np.full(len(X), np.nan)
    last = first.copy()
    observed = flat.n_observations > 0
    first[observed] = flat.time[flat.offsets[:-1][observed]]
    last[observed] = flat.time[flat.offsets[1:][observed] - 1]
    table = pd.DataFrame(
        {
            object_id: X.index.to_numpy(),
            "probability": probability,
            "prediction": model.predict(X),
            "n_observations": flat.n_observations,
            "first_time": first,
            "last_time": last,
        }
    )
    table = table.iloc[np.argsort(-probability, kind="stable")]
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    return table


def _read_labelled(arguments: Namespace) -> tuple[Any, np.ndarray]:
    # The observations may have any further columns; only the label can belong to the object.
    columns = (arguments.label,) if arguments.objects is None else ()
    X, y = load_light_curves(
        arguments.observations,
        arguments.objects,
        label=arguments.label,
        missing_labels=arguments.missing_labels,
        object_columns=columns,
        **_columns(arguments),
    )
    if y is None:
        raise ValueError(
            f"--label: there is no column {arguments.label!r} in {arguments.objects}; the class "
            "of every object is needed."
        )
    if not flatten_light_curves(X).n_observations.any():
        raise ValueError(f"observations: {arguments.observations!r} has no rows.")
    return _choose_classes(X, y, arguments)


def _columns(arguments: Namespace) -> dict[str, Any]:
    names = (
        "object_id",
        "time",
        "band",
        "flux",
        "flux_err",
        "mag",
        "mag_err",
        "limiting_mag",
        "sign",
        "zero_point",
        "duplicates",
        "unlisted",
    )
    columns = {name: getattr(arguments, name) for name in names}
    band_names: dict[Any, str] = dict(arguments.band_name or ())
    # A CSV file does not say whether a 1 is a number or a word.
    numbers = {int(value): name for value, name in band_names.items() if value.isdecimal()}
    columns["band_names"] = {**band_names, **numbers} or None
    return columns


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
    if getattr(arguments, "multiclass", False) or len(set(y)) == 2:
        return X, y
    return X, np.where(y == positive, positive, _REST)


def _binary_threshold(y: np.ndarray, arguments: Namespace) -> str | float | None:
    asked = arguments.threshold
    if len(set(y)) > 2:
        if asked not in (None, "none"):
            raise ValueError("--threshold needs two classes; leave it or --multiclass out.")
        return None
    if asked is None:
        return "tune"
    return None if asked == "none" else asked


def _make_model(arguments: Namespace, verbose: int = 0) -> Pipeline:
    params: dict[str, Any] = {"random_state": arguments.random_state, "verbose": verbose}
    if arguments.epochs is not None:
        params["max_epochs"] = arguments.epochs
    bands = tuple(arguments.bands)
    if not arguments.reference:
        return make_lstm_pipeline(gridder=LightCurveGridder(bands=bands), **params)
    gridder = LightCurveGridder.reference().set_params(bands=bands)
    classifier = LSTMTransientClassifier.reference(n_masks=len(bands), **params)
    return Pipeline([("gridder", gridder), ("classifier", classifier)])


def _load_model(path: str) -> Any:
    if not Path(path).is_file():
        raise ValueError(f"MODEL: there is no file {path!r}.")
    shared = _is_shared(path, "MODEL")
    with open(path, "rb") as file:
        # A zip archive is nothing that joblib writes: a model file under another name.
        shared = shared or file.read(4) == b"PK\x03\x04"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            # By its name: what a stranger calls safe must not be taken for joblib's.
            model = load_model(path) if shared else joblib.load(path)
        except ModelFileError as error:
            raise ValueError(f"MODEL: {error}") from error
        # Unpickling anything raises anything.
        except Exception as error:
            raise ValueError(
                f"MODEL: {path!r} cannot be loaded; expected a file that sklearn-tde fit has "
                "written with the versions installed here (--debug shows what went wrong)."
            ) from error
    if not (hasattr(model, "predict_proba") and hasattr(model, "classes_")):
        raise ValueError(
            f"MODEL: {path!r} holds a {type(model).__name__}, not a fitted classifier; expected a "
            "file that sklearn-tde fit has written."
        )
    for warning in caught:
        if issubclass(warning.category, InconsistentVersionWarning):
            found = warning.message
            # Not a warning of Python's, whose filters could make it an error or silence it.
            sys.stderr.write(
                f"sklearn-tde: warning: {path} was saved with {found.estimator_name} of version "
                f"{found.original_sklearn_version}, and {found.current_sklearn_version} is "
                "installed: its probabilities may differ; fit it again.\n"
            )
            break
    return model


def _is_shared(path: str, name: str) -> bool:
    """Return whether a model is, or shall be, in a file that anyone can load safely."""
    if path.lower().endswith(".skops"):
        raise ValueError(
            f"{name}: {path!r}: a model to share ends in {_SHARED}, one for joblib in .joblib."
        )
    if not path.lower().endswith(_SHARED):
        return False
    if find_spec("skops") is None:
        raise ImportError(f'{name} {path} needs skops: pip install "sklearn-tde[share]".')
    return True


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


def _check_table_path(path: str, name: str) -> None:
    if not path.lower().endswith(_CSV + _PARQUET):
        raise ValueError(
            f"{name}: {path!r} has no known ending; expected one of {', '.join(_CSV + _PARQUET)}."
        )
    _check_writable(path)


def _check_writable(path: str) -> None:
    """Fail now rather than when the work is done."""
    if Path(path).is_dir():
        raise ValueError(f"cannot write {path!r}: it is a folder.")
    existed = Path(path).exists()
    try:
        with open(path, "ab"):
            pass
    except OSError as error:
        raise ValueError(f"cannot write {path!r}: {error.strerror}.") from error
    if not existed:
        Path(path).unlink()


def _make_folder(path: str) -> Path:
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(f"--output: cannot write into {path!r}: {error.strerror}.") from error
    return folder


def _write_table(table: pd.DataFrame, path: str) -> None:
    if path.lower().endswith(_CSV):
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path, index=False)


def _describe_classes(y: np.ndarray) -> str:
    names, counts = np.unique(np.asarray(y, dtype=str), return_counts=True)
    return ", ".join(f"{count} {name}" for name, count in zip(names, counts, strict=True))
