"""Reasons and pictures: light curves, what fools a classifier, and how a network learned."""

from sklearn_tde.inspection._light_curve_display import LightCurveDisplay
from sklearn_tde.inspection._mistakes_display import MistakesDisplay
from sklearn_tde.inspection._report_comparison_display import ReportComparisonDisplay
from sklearn_tde.inspection._training_history_display import TrainingHistoryDisplay

__all__ = [
    "LightCurveDisplay",
    "MistakesDisplay",
    "ReportComparisonDisplay",
    "TrainingHistoryDisplay",
]
