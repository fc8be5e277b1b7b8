"""Reasons and pictures: light curves, what fools a classifier, and how a network learned."""

from sklearn_tde.inspection._coverage_display import ConformalCoverageDisplay
from sklearn_tde.inspection._early_classification_display import EarlyClassificationDisplay
from sklearn_tde.inspection._follow_up_display import FollowUpDisplay
from sklearn_tde.inspection._light_curve_display import LightCurveDisplay
from sklearn_tde.inspection._mistakes_display import MistakesDisplay
from sklearn_tde.inspection._reliability_display import ReliabilityDisplay
from sklearn_tde.inspection._report_comparison_display import ReportComparisonDisplay
from sklearn_tde.inspection._training_history_display import TrainingHistoryDisplay
from sklearn_tde.inspection._trajectory_display import TrajectoryDisplay

__all__ = [
    "ConformalCoverageDisplay",
    "EarlyClassificationDisplay",
    "FollowUpDisplay",
    "LightCurveDisplay",
    "MistakesDisplay",
    "ReliabilityDisplay",
    "ReportComparisonDisplay",
    "TrainingHistoryDisplay",
    "TrajectoryDisplay",
]
