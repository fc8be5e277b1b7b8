"""Groups of features of light curves, one module each.

Every module has two functions: ``names(bands)`` returns the names of its features, and
``compute(curves)`` their values, shape (n_objects, n_features), NaN (or infinite, which the caller
turns into NaN) where a feature is undefined. The caller silences NumPy's floating-point warnings.
"""

from sklearn_tde.preprocessing._feature_groups import (
    _activity,
    _brightness,
    _cadence,
    _color,
    _decay,
    _early,
    _gaussian_process,
    _history,
    _linex,
    _luminosity,
    _power_law,
    _rebrightening,
    _shape,
    _temperature,
    _templates,
)

#: The groups by their names.
GROUPS = {
    "color": _color,
    "shape": _shape,
    "decay": _decay,
    "rebrightening": _rebrightening,
    "early": _early,
    "history": _history,
    "template": _templates,
    "power_law": _power_law,
    "linex": _linex,
    "temperature": _temperature,
    "brightness": _brightness,
    "cadence": _cadence,
    "gaussian_process": _gaussian_process,
    "activity": _activity,
    "luminosity": _luminosity,
}
