"""What ``sklearn-tde predict`` does: score a file chunk by chunk, and rank what comes out."""

from __future__ import annotations

import hashlib
import sys
import warnings
from argparse import Namespace
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.exceptions import InconsistentVersionWarning
from tqdm import tqdm

from sklearn_tde import __version__
from sklearn_tde._cli_files import PARQUET, check_table_path, is_shared, table_columns, write_table
from sklearn_tde._cli_observations import BAR, Chunk, ParquetTable, WholeTable
from sklearn_tde._cli_partial import PartialResult, identity
from sklearn_tde._decisions import predicted_codes
from sklearn_tde.light_curves import flatten_light_curves
from sklearn_tde.persistence import ModelFileError, load_model

#: Columns of the unfinished table: the names of objects, which the user calls by any name, and
#: their order in the input.
_NAME, _ORDER = "name", "order"
#: Columns of the table of results beside the name of the object.
_RESULTS = ("rank", "probability", "prediction", "n_observations", "first_time", "last_time")


def predict(arguments: Namespace) -> str:
    """Rank objects by the probability of one class."""
    if arguments.output is not None:
        check_table_path(arguments.output, "--output")
    elif arguments.restart:
        raise ValueError("--restart needs --output: without it nothing is kept to start anew from.")
    if arguments.object_id in _RESULTS:
        raise ValueError(
            f"--object-id: {arguments.object_id!r} is the name of a column of the result; expected "
            f"none of {', '.join(_RESULTS)}: rename it in the table."
        )
    model = _load_model(arguments.model, arguments.sha256)
    positive = _positive_class(model, arguments.positive_class)
    facts = _facts(arguments, positive)
    with PartialResult(arguments.output, facts, arguments.restart) as result:
        try:
            _score(model, arguments, positive, result)
            if _facts(arguments, positive) != facts:
                raise ValueError("a file was changed while it was read; start anew with --restart.")
            table = _ranked(result.chunks, arguments.object_id)
            if arguments.output is None:
                return table.to_csv(index=False)
            result.complete(lambda path: write_table(table, path))
        except KeyboardInterrupt:
            raise KeyboardInterrupt(_how_to_go_on(result)) from None
    called = int((table["prediction"].astype(str) == positive).sum())
    return f"{arguments.output}: {len(table)} objects, {called} predicted {positive}\n"


def _score(model: Any, arguments: Namespace, positive: str, result: PartialResult) -> None:
    """Score the chunks that are not done."""
    options = (arguments.observations, arguments.objects, table_columns(arguments))
    if arguments.observations.lower().endswith(PARQUET):
        observations = ParquetTable(*options, arguments.chunk_size, result.folder)
    else:
        observations = WholeTable(*options, arguments.chunk_size)
    n_done, n_objects = result.n_objects, observations.n_objects
    if not n_objects:
        raise ValueError("there is no object to score.")
    if n_done:
        sys.stderr.write(f"sklearn-tde: going on after {n_done} of {n_objects} objects\n")
    column = [str(label) for label in model.classes_].index(positive)
    done = {number: table[_ORDER].to_numpy() for number, table in result.chunks.items()}
    with (
        tqdm(total=n_objects, initial=n_done, unit="object", **BAR) as bar,
        closing(observations.chunks(done)) as chunks,
    ):
        for chunk in chunks:
            result.add(chunk.number, _table(model, chunk, column))
            bar.update(len(chunk.X))


def _table(model: Any, chunk: Chunk, column: int) -> pd.DataFrame:
    flat = flatten_light_curves(chunk.X)
    probabilities = model.predict_proba(chunk.X)
    observed = flat.n_observations > 0
    first = np.full(len(chunk.X), np.nan)
    last = first.copy()
    first[observed] = flat.time[flat.offsets[:-1][observed]]
    last[observed] = flat.time[flat.offsets[1:][observed] - 1]
    return pd.DataFrame(
        {
            _NAME: chunk.X.index.to_numpy(),
            "probability": probabilities[:, column],
            "prediction": model.classes_[predicted_codes(model, chunk.X, probabilities)],
            "n_observations": flat.n_observations,
            "first_time": first,
            "last_time": last,
            _ORDER: chunk.order,
        }
    )


def _ranked(chunks: Mapping[int, pd.DataFrame], object_id: str) -> pd.DataFrame:
    """Sort by probability, ties in the order of the input, and number the rows."""
    table = pd.concat([chunks[number] for number in sorted(chunks)], ignore_index=True)
    order = np.lexsort((table[_ORDER], -table["probability"]))
    table = table.drop(columns=_ORDER).iloc[order].rename(columns={_NAME: object_id})
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    return table


def _positive_class(model: Any, asked: str | None) -> str:
    classes = [str(label) for label in model.classes_]
    positive = asked
    # A model without a threshold may name no class.
    if positive is None and getattr(model, "pos_label_", None) is not None:
        positive = str(model.pos_label_)
    elif positive is None:
        positive = "TDE" if "TDE" in classes or len(classes) > 2 else classes[1]
    if positive not in classes:
        raise ValueError(
            f"--positive-class: the model has no class {positive!r}, only {', '.join(classes)}."
        )
    return positive


def _facts(arguments: Namespace, positive: str) -> dict[str, Any]:
    """Return all that the results of a chunk depend on."""
    objects = arguments.objects
    elsewhere = {"command", "debug", "model", "objects", "observations", "output", "restart"}
    options = {
        "--" + name.replace("_", "-"): value
        for name, value in vars(arguments).items()
        if name not in {*elsewhere, "positive_class", "sha256"}
    }
    return {
        "the version of sklearn_tde": __version__,
        "MODEL": _digest(arguments.model),
        "OBSERVATIONS": identity(arguments.observations),
        "--objects": None if objects is None else identity(objects),
        "--positive-class": positive,
        **options,
    }


def _how_to_go_on(result: PartialResult) -> str:
    if result.folder is None or not result.chunks:
        return ""
    return f"after {result.n_objects} objects; the same command goes on from there"


def _digest(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _load_model(path: str, sha256: str | None) -> Any:
    """Load a model, once it is the one that is expected."""
    shared = is_shared(path, "MODEL")
    if sha256 is not None and sha256.strip().lower() != (found := _digest(path)):
        raise ValueError(f"--sha256: {path!r} has the SHA-256 {found}; expected {sha256}.")
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
