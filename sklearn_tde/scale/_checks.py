"""What can be refused before anything is scored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pyarrow as pa
from nested_pandas import NestedDtype

from sklearn_tde._flat import flat_struct, sequence_of_names
from sklearn_tde._photometry import shown
from sklearn_tde.preprocessing import LightCurveFeatures, LightCurveGridder, LightCurveSequencer
from sklearn_tde.scale._partition import Scoring, observation_fields, probability_columns


def checked_names(names: Any, argument: str) -> tuple[str, ...]:
    """Return different names as a tuple."""
    names = sequence_of_names(names, argument)
    if len(set(names)) < len(names):
        raise ValueError(f"{argument}: expected different names; got {names!r}.")
    return names


def check_model(
    model: Any,
    columns: tuple[str, ...],
    band_names: Mapping[Any, str] | None,
    bands: tuple[str, ...] | None,
) -> None:
    """Refuse what is no fitted classifier, or needs what it will not get."""
    if not (hasattr(model, "predict_proba") and hasattr(model, "classes_")):
        raise TypeError(
            f"model: got {type(model).__name__}, which is no fitted classifier with predict_proba; "
            "expected one, or the path of a file that holds one."
        )
    named = bands
    if bands is None and isinstance(band_names, Mapping):
        named = tuple(band_names.values())
    # What a search has chosen may differ from what it started with.
    chosen = getattr(model, "best_estimator_", model)
    for step in chosen.get_params(deep=True).values() if hasattr(chosen, "get_params") else ():
        if not isinstance(step, _READERS):
            continue
        for band in named or ():
            if band not in step.bands:
                raise ValueError(
                    f"{'band_names' if bands is None else 'bands'}: the model does not know the "
                    f"band {shown(band)}; expected none but {', '.join(map(shown, step.bands))} "
                    "(bands=(...) leaves out the observations in others)."
                )
        for name, purpose in _needed_columns(step):
            if name not in columns:
                raise ValueError(
                    f"columns: the model needs the column {name!r} {purpose}; name it in columns."
                )


#: Steps that read light curves.
_READERS = (LightCurveGridder, LightCurveSequencer, LightCurveFeatures)


def _needed_columns(step: Any) -> list[tuple[str, str]]:
    """Return the columns of the objects that a step reads, and what for."""
    if not isinstance(step, LightCurveFeatures):
        return [(name, "as context") for name in step.context]
    needed = [("ebv", "for the extinction")] if step.extinction is not False else []
    return needed + [("redshift", "for the rest frame")] * bool(step.rest_frame)


def check_catalog(meta: pd.DataFrame, scoring: Scoring, classes: Any) -> None:
    """Refuse a catalogue that lacks a column, or has one that is not what it is taken for."""
    listed = ", ".join(map(str, meta.columns)) or "(none)"
    name = scoring.light_curve
    if name not in meta.columns:
        raise ValueError(
            f"catalog: there is no column {name!r}, given as light_curve; it has the columns "
            f"{listed}."
        )
    if not isinstance(meta[name].dtype, NestedDtype):
        raise TypeError(
            f"catalog: column {name!r}, given as light_curve, is {meta[name].dtype}; expected a "
            "nested column (nest_lists makes one of list columns)."
        )
    object_id = scoring.object_id
    if object_id is not None and object_id not in (*meta.columns, meta.index.name):
        raise ValueError(
            f"catalog: there is no column {object_id!r}, given as object_id, nor is it the name of "
            f"the index; it has the columns {listed}. None stands for the index."
        )
    for column in scoring.columns:
        if column not in meta.columns:
            raise ValueError(
                f"catalog: there is no column {column!r}, named in columns; it has the columns "
                f"{listed}."
            )
    added = [*probability_columns(classes), "prediction", "n_observations", "error"]
    for column in scoring.kept:
        if column in added or column == name:
            raise ValueError(
                f"catalog: column {column!r} has the name of the light curves or of a column of "
                "the result; rename it, or leave it out of columns."
            )
    _check_fields(meta[name], scoring)


def _check_fields(light_curves: pd.Series, scoring: Scoring) -> None:
    """Refuse missing fields, and those of a type that no observation can have."""
    where = f"catalog: column {light_curves.name!r}"
    fields = flat_struct(light_curves.iloc[:0]).fields
    for role, field in observation_fields(scoring.packing).items():
        if field not in fields:
            raise ValueError(
                f"{where} lacks the field {field!r}, given as {role}; it has the fields "
                f"{', '.join(fields)}."
            )
        kind = fields[field].type
        if role not in ("band", "sign") and not any(is_kind(kind) for is_kind in _NUMBERS):
            raise TypeError(f"{where}: field {field!r} is {kind}; expected numbers.")
    band = scoring.packing["band"]
    kind = fields[band].type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if scoring.packing["band_names"] is None and not any(is_kind(kind) for is_kind in _NAMES):
        raise TypeError(
            f"{where}: field {band!r} is {kind}; expected names of bands, or their names in "
            'band_names, such as {1: "g", 2: "r"}.'
        )


# A field without any value may have no type.
_NUMBERS = (pa.types.is_floating, pa.types.is_integer, pa.types.is_decimal, pa.types.is_null)
_NAMES = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_null,
)
