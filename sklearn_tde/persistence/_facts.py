"""What a file says about its model: facts for programs, and a card for people."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.pipeline import Pipeline

from sklearn_tde import __version__
from sklearn_tde.calibration import PriorAdjustedClassifier
from sklearn_tde.ensemble import EnsembleTransientClassifier
from sklearn_tde.neural_network._base import BaseSequenceClassifier
from sklearn_tde.persistence._container import ModelFileError
from sklearn_tde.preprocessing import LightCurveFeatures
from sklearn_tde.preprocessing._base import BaseLightCurveTransformer

#: Version of the layout of the file and of the metadata.
FORMAT_VERSION = 1
_LIBRARIES = ("imbalanced-learn", "numpy", "scikit-learn", "skops", "skorch", "torch")

_CARD = """\
# {kind}

{description}{what}

| | |
|---|---|
{table}

## Training

{training}

## Use and limits

{mix}
Check the model on objects of your own whose class is known before you believe a number. An object
of a class that is not in the table gets one of the others. The model knows light curves only, and
is no replacement for a spectrum.

## Loading

```python
from sklearn_tde import load_model

model = load_model("FILE", sha256="DIGEST")  # the digest from the person who made the file
probabilities = model.predict_proba(light_curves)  # columns: {columns}
```

Needs `pip install "sklearn-tde[share]"`, sklearn_tde {minor}.x. Nothing in the file is executed:
`load_model` builds types of a fixed list only. That says nothing about what the model predicts.

## Versions

{versions}

## Parameters

{parameters}
"""
_COUNTS_OF_COPIES = """
The counts of networks are of light curves as they reached the network, copies that a sampler made
included, of the part of the objects that it was trained on.
"""
_TRAINING_MIX = """\
The probabilities are those of the training sample: its mixture of classes, survey, depth and
cadence. Class weights and oversampling raise those of rare classes, unless the model is calibrated.
"""
_STATED_MIX = """\
The probabilities are about a mixture of classes that was stated when the model was made, and is not
that of the training sample: {shares}. Survey, depth and cadence are those of the training sample.
"""


def describe(model: Any, description: str | None) -> dict[str, Any]:
    """Return the facts about a fitted classifier, ready for JSON.

    Parameters
    ----------
    model : estimator
        The fitted classifier.
    description : str or None
        What its author says about it.

    Returns
    -------
    facts : dict
        The facts, without the hash of the model.
    """
    parts = list(_fitted_parts(model, ""))
    return {
        "format": "sklearn-tde model",
        "format_version": FORMAT_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "description": description,
        "model": type(model).__name__,
        "classes": [_plain(label) for label in model.classes_],
        "bands": _bands(parts),
        "thresholds": [found for path, part in parts for found in _threshold(part, path)],
        "stated_priors": [
            _stated_prior(part, path)
            for path, part in parts
            if isinstance(part, PriorAdjustedClassifier) and hasattr(part, "prior_")
        ],
        "ensembles": [
            _ensemble(part, path)
            for path, part in parts
            if isinstance(part, EnsembleTransientClassifier) and hasattr(part, "estimators_")
        ],
        "networks": [
            _network(part, path)
            for path, part in parts
            if isinstance(part, BaseSequenceClassifier) and hasattr(part, "net_")
        ],
        "versions": {
            "python": platform.python_version(),
            "sklearn_tde": __version__,
            **{name: version(name) for name in _LIBRARIES},
        },
        "parameters": {
            name: _plain(value)
            for name, value in sorted(model.get_params(deep=True).items())
            if not _holds_estimators(value)
        },
    }


def write_card(facts: Mapping[str, Any]) -> str:
    """Return the facts as a page of Markdown."""
    classes = ", ".join(map(str, facts["classes"]))
    rows = {
        "Classes": classes,
        "Bands": ", ".join(facts["bands"]) or "none of a gridder",
        "Threshold": "; ".join(map(_say_threshold, facts["thresholds"]))
        or "the largest probability",
        "Saved": facts["created"],
        "SHA-256 of the model": f"`{facts['model_sha256']}`",
    }
    description = facts["description"]
    return _CARD.format(
        kind=f"{facts['model']}: {classes}",
        description="" if description is None else f"{description.strip()}\n\n",
        what="A classifier of the light curves of transients, made with sklearn_tde.",
        table=_lines(f"| {name} | {_cell(value)} |" for name, value in rows.items()),
        mix=_say_mix(facts["stated_priors"]).rstrip(),
        training=_say_training(facts["ensembles"], facts["networks"]),
        columns=classes,
        minor=".".join(facts["versions"]["sklearn_tde"].split(".")[:2]),
        versions=_lines(f"- {name} {value}" for name, value in facts["versions"].items()),
        parameters=_lines(
            f"- `{name}`: `{value!r}`" for name, value in facts["parameters"].items()
        ),
    )


def _fitted_parts(model: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield the fitted estimators inside one, and where they are; not those it was made from."""
    yield path, model
    if isinstance(model, Pipeline):
        attributes = dict(model.steps)
    else:
        attributes = vars(model)
    if not isinstance(model, Pipeline | FrozenEstimator) and hasattr(model, "get_params"):
        parameters = model.get_params(deep=False)
        attributes = {name: value for name, value in attributes.items() if name not in parameters}
    for name, value in attributes.items():
        yield from _parts_of(value, f"{path}.{name}" if path else name)


def _parts_of(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, BaseEstimator) or type(value).__name__ == "_CalibratedClassifier":
        yield from _fitted_parts(value, path)
    elif isinstance(value, list | tuple):
        for position, item in enumerate(value):
            yield from _parts_of(item, f"{path}[{position}]")


def _bands(parts: list[tuple[str, Any]]) -> list[str]:
    """Return the bands of all steps that take light curves, each once."""
    kinds = (BaseLightCurveTransformer, LightCurveFeatures)
    found = [part for _, part in parts if isinstance(part, kinds)]
    return list(dict.fromkeys(band for part in found for band in part.bands))


def _threshold(part: Any, path: str) -> Iterator[dict[str, Any]]:
    if not hasattr(part, "classes_"):
        return
    if isinstance(part, TunedThresholdClassifierCV):
        threshold, pos_label = part.best_threshold_, part._curve_scorer._get_pos_label()
    elif isinstance(part, FixedThresholdClassifier):
        threshold, pos_label = part.threshold, part.pos_label
    elif (
        isinstance(part, EnsembleTransientClassifier | PriorAdjustedClassifier)
        and part.threshold_ is not None
    ):
        threshold, pos_label = part.threshold_, part.pos_label_
    else:
        return
    pos_label = part.classes_[1] if pos_label is None else pos_label
    yield {"where": path, "threshold": _plain(threshold), "pos_label": _plain(pos_label)}


def _stated_prior(part: PriorAdjustedClassifier, path: str) -> dict[str, Any]:
    shares = zip(part.classes_, part.prior_, strict=True)
    return {"where": path, "shares": {str(label): float(share) for label, share in shares}}


def _network(network: BaseSequenceClassifier, path: str) -> dict[str, Any]:
    """Return how a network was trained."""
    for name in ("class_count_", "history_", "n_iter_"):
        if not hasattr(network, name):
            raise ModelFileError(
                f"{path or 'the model'}: the {type(network).__name__} has no {name}, as those of "
                "earlier versions of sklearn_tde; expected one that this version has fitted: fit "
                "it again"
            )
    counts = zip(network.classes_, network.class_count_, strict=True)
    return {
        "where": path,
        "objects_per_class": {str(label): int(count) for label, count in counts},
        "epochs": network.n_iter_,
        "final_train_loss": network.history_[-1]["train_loss"],
    }


def _ensemble(ensemble: EnsembleTransientClassifier, path: str) -> dict[str, Any]:
    """Return which members an ensemble has, and how many objects it was trained on."""
    members = zip(ensemble._names, ensemble.estimators_, ensemble.weights_, strict=True)
    return {
        "where": path,
        "objects": len(ensemble.out_of_fold_proba_),
        "members": [
            {
                "name": name,
                "classifier": type(_last_step(models[0])).__name__,
                "models": len(models),
                "weight": float(weight),
            }
            for name, models, weight in members
        ],
    }


def _last_step(estimator: Any) -> Any:
    """Return what classifies at the end of pipelines."""
    while isinstance(estimator, Pipeline):
        estimator = estimator.steps[-1][1]
    return estimator


def _holds_estimators(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(_holds_estimators(item) for item in value)
    return isinstance(value, BaseEstimator)


def _plain(value: Any) -> Any:
    """Return what JSON can hold of a value."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return f"array of shape {value.shape}"
    return value if isinstance(value, str | int | float | bool | None) else repr(value)


def _say_threshold(found: Mapping[str, Any]) -> str:
    threshold = found["threshold"]
    number = f"{threshold:.4f}" if isinstance(threshold, float) else threshold
    where = f" (`{found['where']}`)" if found["where"] else ""
    return f"{found['pos_label']} from {number} on{where}"


def _say_mix(stated: list[Mapping[str, Any]]) -> str:
    """Say which mixture of classes the probabilities are about."""
    if not stated:
        return _TRAINING_MIX
    # The outermost has the last word.
    shares = stated[0]["shares"].items()
    return _STATED_MIX.format(shares=", ".join(f"{label} {share:.2%}" for label, share in shares))


def _say_training(ensembles: list[Mapping[str, Any]], networks: list[Mapping[str, Any]]) -> str:
    """Say what the model was trained on, as far as its parts know."""
    lines = _lines([*map(_say_ensemble, ensembles), *map(_say_network, networks)])
    if networks:
        return lines + "\n" + _COUNTS_OF_COPIES.rstrip()
    return lines or "Its parts do not keep how many objects they were trained on."


def _say_ensemble(ensemble: Mapping[str, Any]) -> str:
    members = ", ".join(
        f"`{m['name']}` ({m['models']} {m['classifier']}, weight {m['weight']:g})"
        for m in ensemble["members"]
    )
    return f"- `{ensemble['where'] or 'the model'}`: {ensemble['objects']} objects; {members}"


def _say_network(network: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{n} {label}" for label, n in network["objects_per_class"].items())
    return (
        f"- `{network['where'] or 'the model'}`: {counts}; {network['epochs']} epochs, "
        f"final training loss {network['final_train_loss']:.4g}"
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _lines(lines: Any) -> str:
    return "\n".join(lines)
