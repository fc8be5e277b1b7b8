"""Honest numbers: cross-validated reports of how far a classifier can be trusted."""

from ._comparison import compare_reports
from ._cross_validation import cross_validation_report
from ._report import CrossValidationReport
from ._scorers import tde_scorers

__all__ = ["CrossValidationReport", "compare_reports", "cross_validation_report", "tde_scorers"]
