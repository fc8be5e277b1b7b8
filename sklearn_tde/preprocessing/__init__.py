"""Light curves become arrays."""

from sklearn_tde.preprocessing._gridder import LightCurveGridder

__all__ = ["LightCurveGridder"]
