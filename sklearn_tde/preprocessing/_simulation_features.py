"""What a classifier that was trained on simulations makes of light curves."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from numbers import Integral
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context, clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from sklearn_tde._flat import LIGHT_CURVE
from sklearn_tde._photometry import shown
from sklearn_tde._prefixes import prefix_lengths, take_prefixes
from sklearn_tde.datasets import make_transients
from sklearn_tde.datasets._colors import WAVELENGTHS
from sklearn_tde.light_curves import flatten_light_curves
from sklearn_tde.preprocessing._features import LightCurveFeatures
from sklearn_tde.preprocessing._start import clock_known, start_times, up_to_age

#: Argument of `make_transients` for each class.
_ARGUMENTS = {
    "TDE": "n_tde",
    "SN Ia": "n_sn_ia",
    "SN II": "n_sn_ii",
    "SN Ibc": "n_sn_ibc",
    "SN IIn": "n_sn_iin",
    "SLSN": "n_slsn",
    "AGN": "n_agn",
    "CV": "n_cv",
}
#: What `make_transients` knows.
SIMULATED_BANDS = tuple(WAVELENGTHS)
#: Youngest and oldest age at which simulated light curves are truncated, in days.
_AGES = (3.0, 120.0)
#: A smaller probability counts as this.
_FLOOR = 1e-3


class SimulationFeatures(TransformerMixin, BaseEstimator):
    """Features, and the probabilities of a classifier trained on simulated light curves.

    Little can be learned from fifty TDEs about the first days of a flare; of a model of TDEs and
    supernovae there are as many light curves as one likes. `fit` simulates light curves of
    several classes with :func:`sklearn_tde.make_transients`, truncates them at random ages, and
    trains gradient boosting on their features. What it makes of real light curves is added to
    their own features, for a classifier that is trained on real ones to weigh. Nothing is learned
    from the light curves and labels given to `fit`.

    Parameters
    ----------
    features : LightCurveFeatures or None, default=None
        The features. None: ``LightCurveFeatures()``.
    classes : sequence of str, default=("TDE", "SN Ia", "SN II", "SN Ibc", "SN IIn", "SLSN", \
"AGN", "CV")
        What is simulated, two classes or more of these eight.
    n_objects : int, default=400
        Simulated objects of each class.
    n_ages : int, default=4
        Truncated copies of each simulated light curve, beside the whole one.
    simulation_seed : int, default=0
        Seed of the simulation and of the training on it. It is not called `random_state`, so that
        tools which set all random states anew, such as reports, do not simulate anew each time.

    Attributes
    ----------
    classifier_ : HistGradientBoostingClassifier
        What was trained on the simulations.
    features_ : LightCurveFeatures
        The fitted features.
    n_features_out_ : int
        Number of columns.

    See Also
    --------
    LightCurveFeatures : The features alone.
    sklearn_tde.make_transients : The simulator, and what it knows of the sky.

    Notes
    -----
    The columns are those of the features; ``simulation_TDE`` and so on, the logarithm of the
    probability of each class, at least 0.001; and, where TDEs are simulated,
    ``simulation_TDE_SN Ia`` and so on, the difference of that of TDEs and of another class.

    Half of the simulated light curves are alerts, the other half forced photometry. The training
    takes some ten seconds; a process does it once for the same parameters, and all transformers
    with these share one `classifier_`, which is not to be changed.

    The simulator is as good as what is known about the classes: a source unlike all of them gets
    probabilities as well. Some of its distributions were measured on public light curves of the
    Zwicky Transient Facility, so tests on those flatter it a little.

    Examples
    --------
    >>> from sklearn_tde import make_transients
    >>> from sklearn_tde.preprocessing import SimulationFeatures
    >>> X, y = make_transients(n_tde=5, n_sn_ia=10, random_state=1)
    >>> features = SimulationFeatures(classes=("TDE", "SN Ia"), n_objects=30, n_ages=1)
    >>> table = features.set_output(transform="pandas").fit_transform(X)
    >>> bool(table[y == "TDE"]["simulation_TDE"].min() > table[y != "TDE"]["simulation_TDE"].max())
    True
    """

    _parameter_constraints = {
        "features": [LightCurveFeatures, None],
        "classes": [list, tuple],
        "n_objects": [Interval(Integral, 10, None, closed="left")],
        "n_ages": [Interval(Integral, 0, None, closed="left")],
        "simulation_seed": [Interval(Integral, 0, 2**31 - 1, closed="both")],
    }

    def __init__(
        self,
        *,
        features: LightCurveFeatures | None = None,
        classes: Sequence[str] = tuple(_ARGUMENTS),
        n_objects: int = 400,
        n_ages: int = 4,
        simulation_seed: int = 0,
    ) -> None:
        self.features = features
        self.classes = classes
        self.n_objects = n_objects
        self.n_ages = n_ages
        self.simulation_seed = simulation_seed

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> SimulationFeatures:
        """Check the light curves and train the classifier of the simulations.

        Parameters
        ----------
        X : NestedFrame of shape (n_objects, n_columns)
            Light curves, or any container of :func:`sklearn_tde.check_light_curves`.
        y : ignored
            Not used, present for the scikit-learn interface.

        Returns
        -------
        self : SimulationFeatures
            The fitted transformer.

        Raises
        ------
        ValueError
            If a parameter is out of range, a class or a band is not simulated, or a light curve
            is not valid.
        """
        self._check_classes()
        features = LightCurveFeatures() if self.features is None else clone(self.features)
        unknown = [band for band in features.bands if band not in SIMULATED_BANDS]
        if unknown:
            raise ValueError(
                f"bands: nothing is simulated in {unknown[0]!r}; expected some of "
                f"{', '.join(SIMULATED_BANDS)}, or LightCurveFeatures, or simulations=False."
            )
        self.features_ = features.set_output(transform="default").fit(X)
        self.classifier_ = _trained(_Recipe(self, features))
        self.n_features_out_ = len(self.get_feature_names_out())
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the features and the logarithms of the probabilities.

        Parameters
        ----------
        X : NestedFrame of shape (n_objects, n_columns)
            Light curves, or any container of :func:`sklearn_tde.check_light_curves`.

        Returns
        -------
        features : ndarray of shape (n_objects, n_features), dtype float64
            NaN where a feature is not defined. A table if `set_output` says so.

        Raises
        ------
        NotFittedError
            If the transformer is not fitted.
        ValueError
            If a light curve is not valid.
        """
        check_is_fitted(self)
        table = self.features_.transform(X)
        return np.concatenate([table, self._scores(table)], axis=1)

    def _scores(self, table: np.ndarray) -> np.ndarray:
        if not len(table):
            return np.empty((0, len(self._score_names())))
        probability = self.classifier_.predict_proba(_trimmed(table))
        known = self.classifier_.classes_.tolist()
        logs = np.log(np.maximum(probability, _FLOOR))
        logs = logs[:, [known.index(name) for name in self.classes]]
        if "TDE" not in self.classes:
            return logs
        tde = list(self.classes).index("TDE")
        return np.concatenate([logs, logs[:, [tde]] - np.delete(logs, tde, axis=1)], axis=1)

    def _score_names(self) -> list[str]:
        names = [f"simulation_{name}" for name in self.classes]
        if "TDE" in self.classes:
            names += [f"simulation_TDE_{name}" for name in self.classes if name != "TDE"]
        return names

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the features.

        Parameters
        ----------
        input_features : ignored
            Not used, present for the scikit-learn interface.

        Returns
        -------
        names : ndarray of shape (n_features,), dtype object
            The names, such as "simulation_TDE".
        """
        features = LightCurveFeatures() if self.features is None else self.features
        own = features.get_feature_names_out().tolist()
        return np.array(own + self._score_names(), dtype=object)

    def _check_classes(self) -> None:
        unknown = [name for name in self.classes if name not in _ARGUMENTS]
        if unknown or len(set(self.classes)) < max(2, len(self.classes)):
            raise ValueError(
                f"classes={shown(self.classes)}; expected two or more different ones of "
                f"{', '.join(map(repr, _ARGUMENTS))}."
            )

    def __sklearn_tags__(self) -> Tags:
        """Return the tags: light curves in, nothing learned from them."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = False
        tags.requires_fit = True
        tags.no_validation = True
        tags.transformer_tags.preserves_dtype = []
        return tags


class _Recipe:
    """Parameters that determine the training, equal if they are."""

    def __init__(self, transformer: SimulationFeatures, features: LightCurveFeatures) -> None:
        self.features = features
        self.classes = tuple(transformer.classes)
        self.n_objects = transformer.n_objects
        self.n_ages = transformer.n_ages
        self.seed = transformer.simulation_seed
        self._key = joblib.hash((transformer.get_params(), features.get_params(), self.classes))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Recipe) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


@lru_cache(maxsize=4)
def _trained(recipe: _Recipe) -> HistGradientBoostingClassifier:
    """Return gradient boosting on simulated light curves of all ages."""
    X, y = _simulated(recipe)
    classifier = HistGradientBoostingClassifier(
        max_iter=100,
        learning_rate=0.1,
        max_leaf_nodes=15,
        min_samples_leaf=40,
        l2_regularization=5.0,
        max_features=0.3,
        early_stopping=False,
        random_state=recipe.seed,
    )
    return classifier.fit(_trimmed(recipe.features.transform(X)), y)


def _simulated(recipe: _Recipe) -> tuple[pd.DataFrame, np.ndarray]:
    """Return simulated light curves, whole and at random ages, and their classes."""
    rng = np.random.default_rng(recipe.seed)
    counts = dict.fromkeys(_ARGUMENTS.values(), 0)
    halves = []
    for forced in (False, True):
        n = recipe.n_objects // 2 + (recipe.n_objects % 2) * forced
        X, y = make_transients(
            **counts | {_ARGUMENTS[name]: n for name in recipe.classes},
            bands=tuple(recipe.features.bands),
            detection_snr=recipe.features.detection_snr,
            forced_photometry=forced,
            random_state=rng.integers(2**31),
        )
        halves.append(_truncated(X, y, recipe, rng))
    frames, labels = zip(*halves, strict=True)
    return pd.concat(frames), np.concatenate(labels)


def _truncated(
    X: pd.DataFrame, y: np.ndarray, recipe: _Recipe, rng: np.random.Generator
) -> tuple[pd.DataFrame, np.ndarray]:
    flat = flatten_light_curves(X[[LIGHT_CURVE, "redshift", "ebv"]])
    snr = recipe.features.detection_snr
    start = start_times(flat, "first", snr)
    known = clock_known(flat, start, "first", snr)
    lengths = [flat.n_observations]
    for _ in range(recipe.n_ages):
        age = np.exp(rng.uniform(*np.log(_AGES), size=len(X)))
        lengths.append(prefix_lengths(flat.offsets, up_to_age(flat, start, known, age)))
    objects = np.tile(np.arange(len(X)), len(lengths))
    return take_prefixes(X, objects, np.concatenate(lengths)), y[objects]


def _trimmed(table: np.ndarray) -> np.ndarray:
    """Return features in single precision, which may not overflow."""
    return np.clip(table, -1e30, 1e30).astype(np.float32)
