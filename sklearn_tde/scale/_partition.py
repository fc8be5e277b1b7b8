"""The scores of one partition, in chunks: what a worker runs. It knows nothing of clusters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sklearn_tde._decisions import predicted_codes
from sklearn_tde._flat import flat_struct
from sklearn_tde.light_curves import pack_light_curves
from sklearn_tde.scale._models import ModelBytes, ModelFile, built

#: Column of the long table with the names of the objects; no catalogue has such a name.
_NAMES = " object"
#: What the package, scikit-learn and pandas raise over light curves that they refuse.
_REFUSALS = (TypeError, ValueError)


@dataclass(frozen=True)
class Scoring:
    """What was asked for, the same for every partition."""

    object_id: str | None
    light_curve: str
    #: Columns of the objects that the model sees.
    columns: tuple[str, ...]
    #: Columns of the objects in the result, in this order.
    kept: tuple[str, ...]
    #: Arguments of `pack_light_curves`: columns, units and names of the observations.
    packing: Mapping[str, Any]
    bands: tuple[str, ...] | None
    chunk_size: int
    on_error: str


@dataclass
class Scores:
    """Probabilities, codes of the predicted classes and reasons of some objects."""

    probabilities: np.ndarray
    codes: np.ndarray
    reasons: list[str | None]


def observation_fields(packing: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields of the nested column that are read, by what they hold."""
    fluxes = ("flux", "flux_err") if packing["mag"] is None else ("mag", "mag_err")
    roles = ("time", "band", *fluxes, "limiting_mag", "sign")
    return {role: packing[role] for role in roles if packing[role] is not None}


def probability_columns(classes: Any) -> list[str]:
    """Return the names of the columns of probabilities."""
    return [f"prob_{label}" for label in classes]


def score_partition(
    partition: pd.DataFrame, source: ModelFile | ModelBytes, scoring: Scoring
) -> pd.DataFrame:
    """Return one row of scores per object, of the same types whatever the partition holds."""
    model = built(source)
    names = _object_names(partition, scoring.object_id)
    # An empty partition is one empty chunk.
    begins = range(0, max(len(partition), 1), scoring.chunk_size)
    chunks = [slice(begin, begin + scoring.chunk_size) for begin in begins]
    counts, scores = [], []
    for rows in chunks:
        chunk = partition.iloc[rows]
        table, position = _observations(chunk, scoring)
        counts.append(np.bincount(position, minlength=len(chunk)))
        light_curves = _Chunk(chunk, names[rows], table, position, scoring)
        scores.append(_scores(model, light_curves, scoring.on_error))
    result = pd.DataFrame(partition[list(scoring.kept)])
    probabilities = np.concatenate([score.probabilities for score in scores])
    for column, name in enumerate(probability_columns(model.classes_)):
        result[name] = probabilities[:, column]
    codes = np.concatenate([score.codes for score in scores])
    result["prediction"] = _labels(model.classes_, codes, scoring.on_error == "null")
    result["n_observations"] = np.concatenate(counts).astype(np.int64)
    if scoring.on_error == "null":
        reasons = [reason for score in scores for reason in score.reasons]
        result["error"] = pd.array(reasons, dtype="str")
    return result


@dataclass
class _Chunk:
    """Some objects with their observations as a long table."""

    objects: pd.DataFrame
    names: pd.Index
    table: pd.DataFrame
    position: np.ndarray
    scoring: Scoring

    def __len__(self) -> int:
        return len(self.objects)

    def part(self, begin: int, end: int) -> _Chunk:
        """Return the objects from one position up to another; observations are in their order."""
        first, last = np.searchsorted(self.position, (begin, end))
        rows = slice(int(first), int(last))
        return _Chunk(
            self.objects.iloc[begin:end],
            self.names[begin:end],
            self.table.iloc[rows],
            self.position[rows] - begin,
            self.scoring,
        )

    def light_curves(self) -> pd.DataFrame:
        """Return what the model takes: microjansky, the package's names, the named columns."""
        objects = pd.DataFrame(self.objects[list(self.scoring.columns)]).set_axis(self.names)
        # Names as categories, because comparing text a million times takes its time.
        names = pd.Categorical.from_codes(self.position, categories=self.names)
        return pack_light_curves(
            self.table.assign(**{_NAMES: names}),
            object_id=_NAMES,
            objects=objects,
            **self.scoring.packing,
        )


def _scores(model: Any, chunk: _Chunk, on_error: str) -> Scores:
    """Score some objects; where that fails, halve them until the refused ones are alone."""
    try:
        X = chunk.light_curves()
        if not len(chunk):
            nothing = np.empty((0, len(model.classes_)))
            return Scores(nothing, np.empty(0, dtype=np.intp), [])
        probabilities = np.asarray(model.predict_proba(X), dtype=np.float64)
        codes = predicted_codes(model, X, probabilities)
        return Scores(probabilities, codes, [None] * len(chunk))
    except _REFUSALS as error:
        if on_error == "raise":
            raise
        if len(chunk) == 1:
            unknown = np.full((1, len(model.classes_)), np.nan)
            return Scores(unknown, np.array([-1]), [str(error)])
    half = len(chunk) // 2
    first = _scores(model, chunk.part(0, half), on_error)
    second = _scores(model, chunk.part(half, len(chunk)), on_error)
    return Scores(
        np.concatenate([first.probabilities, second.probabilities]),
        np.concatenate([first.codes, second.codes]),
        first.reasons + second.reasons,
    )


def _object_names(partition: pd.DataFrame, object_id: str | None) -> pd.Index:
    """Return a name for each row, unique in the partition, for the messages."""
    in_index = object_id is None or object_id not in partition.columns
    names = pd.Series(partition.index if in_index else partition[object_id].array)
    odd = (names.isna() | names.duplicated(keep=False)).to_numpy()
    if odd.any():
        names = names.astype(object)
        names[odd] = [f"{names[row]} (row {row} of its partition)" for row in np.flatnonzero(odd)]
    return pd.Index(names)


def _observations(rows: pd.DataFrame, scoring: Scoring) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the observations in the wanted bands, and the position of the object of each."""
    struct = flat_struct(rows[scoring.light_curve])
    position = np.repeat(np.arange(len(rows)), np.diff(struct.offsets))
    # Messages name the row of the table: its number within the object.
    within = np.arange(len(position)) - struct.offsets[position]
    fields = observation_fields(scoring.packing).values()
    columns = {name: struct.fields[name].to_pandas().array for name in fields}
    table = pd.DataFrame(columns, index=within)
    if scoring.bands is None:
        return table, position
    keep = _in_bands(table[scoring.packing["band"]], scoring)
    return table[keep], position[keep]


def _in_bands(values: pd.Series, scoring: Scoring) -> np.ndarray:
    """Mark all observations but those whose band has a name that is not wanted."""
    codes, raw = pd.factorize(values, use_na_sentinel=True)
    band_names = scoring.packing["band_names"]
    if band_names is None:
        unwanted = [value not in scoring.bands for value in raw]
    else:
        # A value without a name is refused further on, where the object is known.
        unwanted = [value in band_names and band_names[value] not in scoring.bands for value in raw]
    return ~np.array([*unwanted, False])[codes]


def _labels(classes: np.ndarray, codes: np.ndarray, may_be_missing: bool) -> pd.array:
    """Return the predicted labels; a missing one needs a type that has missing values."""
    labels = pd.Series(list(classes))
    if may_be_missing:
        if labels.dtype.kind in "iub":
            labels = labels.convert_dtypes()
        return labels.array.take(codes, allow_fill=True)
    return labels.array.take(codes)
