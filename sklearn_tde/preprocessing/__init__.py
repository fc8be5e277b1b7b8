"""Light curves become arrays, or end earlier."""

from sklearn_tde.preprocessing._features import LightCurveFeatures
from sklearn_tde.preprocessing._gridder import LightCurveGridder
from sklearn_tde.preprocessing._sequencer import LightCurveSequencer
from sklearn_tde.preprocessing._simulation_features import SimulationFeatures
from sklearn_tde.preprocessing._truncator import LightCurveTruncator

__all__ = [
    "LightCurveFeatures",
    "LightCurveGridder",
    "LightCurveSequencer",
    "LightCurveTruncator",
    "SimulationFeatures",
]
