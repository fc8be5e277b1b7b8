"""Where light curves come from: simulated, or read from files and brokers' answers."""

from sklearn_tde.datasets._alerce import load_alerce_detections
from sklearn_tde.datasets._simulation import make_transients
from sklearn_tde.datasets._tables import load_light_curves

__all__ = ["load_alerce_detections", "load_light_curves", "make_transients"]
