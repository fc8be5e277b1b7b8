"""Scikit-learn estimators that find tidal disruption events in the light curves of transients.

A public name, or a sub-package, is imported when it is first used: torch, skorch, scikit-learn,
imbalanced-learn and nested-pandas together take seconds, which ``import sklearn_tde`` must not.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import (
        datasets,
        ensemble,
        evaluation,
        inspection,
        light_curves,
        neural_network,
        persistence,
        pipelines,
        preprocessing,
        sampling,
        scale,
    )
    from .datasets import load_alerce_detections, load_light_curves, make_transients
    from .ensemble import EnsembleTransientClassifier
    from .evaluation import compare_reports, cross_validation_report, tde_scorers
    from .inspection import (
        LightCurveDisplay,
        MistakesDisplay,
        ReportComparisonDisplay,
        TrainingHistoryDisplay,
    )
    from .light_curves import (
        check_light_curves,
        flatten_light_curves,
        pack_light_curves,
        unpack_light_curves,
    )
    from .neural_network import LSTMTransientClassifier, TransformerTransientClassifier
    from .persistence import export_onnx, load_model, save_model
    from .pipelines import (
        LightCurvePipeline,
        make_feature_pipeline,
        make_lstm_pipeline,
        make_tde_classifier,
        make_transformer_pipeline,
    )
    from .preprocessing import LightCurveFeatures, LightCurveGridder, LightCurveSequencer
    from .sampling import LightCurveOverSampler
    from .scale import score_catalog

__version__ = "0.1.0"

__all__ = [
    "EnsembleTransientClassifier",
    "LSTMTransientClassifier",
    "LightCurveDisplay",
    "LightCurveFeatures",
    "LightCurveGridder",
    "LightCurveOverSampler",
    "LightCurvePipeline",
    "LightCurveSequencer",
    "MistakesDisplay",
    "ReportComparisonDisplay",
    "TrainingHistoryDisplay",
    "TransformerTransientClassifier",
    "check_light_curves",
    "compare_reports",
    "cross_validation_report",
    "datasets",
    "ensemble",
    "evaluation",
    "export_onnx",
    "flatten_light_curves",
    "inspection",
    "light_curves",
    "load_alerce_detections",
    "load_light_curves",
    "load_model",
    "make_feature_pipeline",
    "make_lstm_pipeline",
    "make_tde_classifier",
    "make_transformer_pipeline",
    "make_transients",
    "neural_network",
    "pack_light_curves",
    "persistence",
    "pipelines",
    "preprocessing",
    "sampling",
    "save_model",
    "scale",
    "score_catalog",
    "tde_scorers",
    "unpack_light_curves",
]

# Each room and the names of it that are public here; the rooms are public themselves.
_ROOMS = {
    "datasets": ("load_alerce_detections", "load_light_curves", "make_transients"),
    "ensemble": ("EnsembleTransientClassifier",),
    "evaluation": ("compare_reports", "cross_validation_report", "tde_scorers"),
    "inspection": (
        "LightCurveDisplay",
        "MistakesDisplay",
        "ReportComparisonDisplay",
        "TrainingHistoryDisplay",
    ),
    "light_curves": (
        "check_light_curves",
        "flatten_light_curves",
        "pack_light_curves",
        "unpack_light_curves",
    ),
    "neural_network": ("LSTMTransientClassifier", "TransformerTransientClassifier"),
    "persistence": ("export_onnx", "load_model", "save_model"),
    "pipelines": (
        "LightCurvePipeline",
        "make_feature_pipeline",
        "make_lstm_pipeline",
        "make_tde_classifier",
        "make_transformer_pipeline",
    ),
    "preprocessing": ("LightCurveFeatures", "LightCurveGridder", "LightCurveSequencer"),
    "sampling": ("LightCurveOverSampler",),
    "scale": ("score_catalog",),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name):
    if name in _ROOMS:
        return import_module(f".{name}", __name__)
    if name in _ROOM_OF:
        value = getattr(import_module(f".{_ROOM_OF[name]}", __name__), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__})
