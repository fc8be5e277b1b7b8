"""Checks for estimators of light curves, those of users included."""

from sklearn_tde.testing._prefix_consistency import check_prefix_consistency

__all__ = ["check_prefix_consistency"]
