"""Light curves become arrays."""

from sklearn_tde.preprocessing._features import LightCurveFeatures
from sklearn_tde.preprocessing._gridder import LightCurveGridder
from sklearn_tde.preprocessing._sequencer import LightCurveSequencer

__all__ = ["LightCurveFeatures", "LightCurveGridder", "LightCurveSequencer"]
