"""Reasons and pictures: how light curves look, and how a network learned."""

from sklearn_tde.inspection._light_curve_display import LightCurveDisplay
from sklearn_tde.inspection._training_history_display import TrainingHistoryDisplay

__all__ = ["LightCurveDisplay", "TrainingHistoryDisplay"]
