"""Honest numbers: cross-validated reports of how far a classifier can be trusted."""

from ._calibration_error import expected_calibration_error
from ._comparison import compare_reports
from ._coverage import coverage_report
from ._cross_validation import cross_validation_report
from ._early import early_classification_report
from ._early_comparison import compare_early_reports
from ._early_report import EarlyClassificationReport
from ._follow_up import FollowUpCurve, follow_up_curve
from ._report import CrossValidationReport
from ._scorers import tde_scorers
from ._threshold_for import FollowUpThreshold, threshold_for
from ._trajectory import first_trigger, score_trajectory

__all__ = [
    "CrossValidationReport",
    "EarlyClassificationReport",
    "FollowUpCurve",
    "FollowUpThreshold",
    "compare_early_reports",
    "compare_reports",
    "coverage_report",
    "cross_validation_report",
    "early_classification_report",
    "expected_calibration_error",
    "first_trigger",
    "follow_up_curve",
    "score_trajectory",
    "tde_scorers",
    "threshold_for",
]
