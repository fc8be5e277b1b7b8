"""Scikit-learn estimators that find tidal disruption events in the light curves of transients.

A public name, or a sub-package, is imported when it is first used: torch, skorch, scikit-learn,
imbalanced-learn and nested-pandas together take seconds, which ``import sklearn_tde`` must not.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import (
        calibration,
        datasets,
        ensemble,
        evaluation,
        inspection,
        light_curves,
        neural_network,
        novelty,
        persistence,
        pipelines,
        preprocessing,
        sampling,
        scale,
        testing,
    )
    from .calibration import ConformalTransientClassifier, PriorAdjustedClassifier
    from .datasets import load_alerce_detections, load_light_curves, make_transients
    from .ensemble import EnsembleTransientClassifier
    from .evaluation import (
        compare_reports,
        coverage_report,
        cross_validation_report,
        early_classification_report,
        follow_up_curve,
        score_trajectory,
        tde_scorers,
        threshold_for,
    )
    from .inspection import (
        ConformalCoverageDisplay,
        EarlyClassificationDisplay,
        FollowUpDisplay,
        LightCurveDisplay,
        MistakesDisplay,
        ReliabilityDisplay,
        ReportComparisonDisplay,
        TrainingHistoryDisplay,
        TrajectoryDisplay,
    )
    from .light_curves import (
        check_light_curves,
        flatten_light_curves,
        pack_light_curves,
        unpack_light_curves,
    )
    from .neural_network import LSTMTransientClassifier, TransformerTransientClassifier
    from .novelty import TransientNoveltyDetector
    from .persistence import export_onnx, load_model, save_model
    from .pipelines import (
        LightCurvePipeline,
        make_feature_pipeline,
        make_lstm_pipeline,
        make_tde_classifier,
        make_transformer_pipeline,
    )
    from .preprocessing import (
        LightCurveFeatures,
        LightCurveGridder,
        LightCurveSequencer,
        LightCurveTruncator,
        SimulationFeatures,
    )
    from .sampling import LightCurveOverSampler, PartialLightCurveSampler
    from .scale import score_catalog

__version__ = "0.1.0"

__all__ = [
    "ConformalCoverageDisplay",
    "ConformalTransientClassifier",
    "EarlyClassificationDisplay",
    "EnsembleTransientClassifier",
    "FollowUpDisplay",
    "LSTMTransientClassifier",
    "LightCurveDisplay",
    "LightCurveFeatures",
    "LightCurveGridder",
    "LightCurveOverSampler",
    "LightCurvePipeline",
    "LightCurveSequencer",
    "LightCurveTruncator",
    "MistakesDisplay",
    "PartialLightCurveSampler",
    "PriorAdjustedClassifier",
    "ReliabilityDisplay",
    "ReportComparisonDisplay",
    "SimulationFeatures",
    "TrainingHistoryDisplay",
    "TrajectoryDisplay",
    "TransformerTransientClassifier",
    "TransientNoveltyDetector",
    "calibration",
    "check_light_curves",
    "compare_reports",
    "coverage_report",
    "cross_validation_report",
    "datasets",
    "early_classification_report",
    "ensemble",
    "evaluation",
    "export_onnx",
    "flatten_light_curves",
    "follow_up_curve",
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
    "novelty",
    "pack_light_curves",
    "persistence",
    "pipelines",
    "preprocessing",
    "sampling",
    "save_model",
    "scale",
    "score_catalog",
    "score_trajectory",
    "tde_scorers",
    "testing",
    "threshold_for",
    "unpack_light_curves",
]

# Each room and the names of it that are public here; the rooms are public themselves.
_ROOMS = {
    "calibration": ("ConformalTransientClassifier", "PriorAdjustedClassifier"),
    "datasets": ("load_alerce_detections", "load_light_curves", "make_transients"),
    "ensemble": ("EnsembleTransientClassifier",),
    "evaluation": (
        "compare_reports",
        "coverage_report",
        "cross_validation_report",
        "early_classification_report",
        "follow_up_curve",
        "score_trajectory",
        "tde_scorers",
        "threshold_for",
    ),
    "inspection": (
        "ConformalCoverageDisplay",
        "EarlyClassificationDisplay",
        "FollowUpDisplay",
        "LightCurveDisplay",
        "MistakesDisplay",
        "ReliabilityDisplay",
        "ReportComparisonDisplay",
        "TrainingHistoryDisplay",
        "TrajectoryDisplay",
    ),
    "light_curves": (
        "check_light_curves",
        "flatten_light_curves",
        "pack_light_curves",
        "unpack_light_curves",
    ),
    "neural_network": ("LSTMTransientClassifier", "TransformerTransientClassifier"),
    "novelty": ("TransientNoveltyDetector",),
    "persistence": ("export_onnx", "load_model", "save_model"),
    "pipelines": (
        "LightCurvePipeline",
        "make_feature_pipeline",
        "make_lstm_pipeline",
        "make_tde_classifier",
        "make_transformer_pipeline",
    ),
    "preprocessing": (
        "LightCurveFeatures",
        "LightCurveGridder",
        "LightCurveSequencer",
        "LightCurveTruncator",
        "SimulationFeatures",
    ),
    "sampling": ("LightCurveOverSampler", "PartialLightCurveSampler"),
    "scale": ("score_catalog",),
    "testing": (),
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
