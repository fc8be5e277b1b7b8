"""Several ages of every object, to train one model for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from imblearn.base import BaseSampler
from nested_pandas import NestedFrame
from sklearn.base import _fit_context
from sklearn.utils import Tags, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from sklearn_tde._photometry import shown
from sklearn_tde._prefixes import prefix_lengths, take_prefixes
from sklearn_tde.light_curves import FlatLightCurves, flatten_light_curves
from sklearn_tde.preprocessing._start import clock_known, start_times, up_to_age
from sklearn_tde.sampling._assembly import labels_at, names_of_copies
from sklearn_tde.sampling._checks import checked_sample


class PartialLightCurveSampler(BaseSampler):
    """Add to every light curve its earlier states, as they were at several ages.

    A model that is trained on whole light curves has never seen a young one. Trained on the result,
    one model serves all ages. It works on light curves, before anything else sees them, and only
    when a pipeline is fitted.

    Parameters
    ----------
    ages : sequence of float, default=(3, 5, 7, 10, 14, 20, 30, 40, 50, 75, 100)
        Days since t = 0, above 0. Every object is truncated at each of them.
    n_copies : int or None, default=None
        How many truncated copies each object gets, at ages drawn at random between the smallest
        and the largest of `ages`: evenly in their logarithm, one in each of so many equal parts.
        None: one copy at every age of `ages`, and nothing is drawn.
    since : {"first", "confirmed"}, default="first"
        What t = 0 is, as in :class:`sklearn_tde.preprocessing.LightCurveTruncator`.
    detection_snr : float, default=5.0
        An observation is a detection if its flux is at least so many times its error.
    duplicates : {"keep", "drop"}, default="keep"
        "keep": every object has the same number of light curves, and counts the same, even where
        two ages have the same observations. "drop": a copy that equals one of a larger age, or the
        whole, is left out; give `sample_weight_` to a classifier, or short light curves count less.
    random_state : int, RandomState instance or None, default=None
        Seed of what is drawn.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_objects_new,), dtype int64
        Position in `X` of every object of the result, or of the parent that it was copied from:
        the groups that keep relatives together in a split
        (:class:`sklearn.model_selection.StratifiedGroupKFold`).
    sample_ages_ : ndarray of shape (n_objects_new,), dtype float64
        Age at which each light curve was truncated, infinite for those that are whole.
    sample_weight_ : ndarray of shape (n_objects_new,), dtype float64
        1 over the number of light curves of the same parent, so that each object counts once.
    n_features_in_ : int
        Number of columns of `X`.
    feature_names_in_ : ndarray of shape (n_columns,), dtype object
        Names of the columns of `X`.

    See Also
    --------
    sklearn_tde.preprocessing.LightCurveTruncator : Truncates without copying.
    LightCurveOverSampler : Copies that are measured again, to balance classes.

    Notes
    -----
    A copy holds what was known of its parent at its age, by the rules of
    :class:`sklearn_tde.preprocessing.LightCurveTruncator`: with observations before t = 0, and
    whole where the object has no detection.

    Whatever splits the data again after the sampler, such as `early_stopping` of a classifier,
    must be told the groups, or sits in a pipeline with the sampler inside.

    Examples
    --------
    >>> from sklearn_tde import flatten_light_curves, make_transients
    >>> from sklearn_tde.sampling import PartialLightCurveSampler
    >>> X, y = make_transients(n_tde=1, n_sn_ia=1, random_state=0)
    >>> sampler = PartialLightCurveSampler(ages=(10, 30))
    >>> X_new, y_new = sampler.fit_resample(X, y)
    >>> X_new.index.tolist()
    ['sim000000', 'sim000001', 'sim000000~1', 'sim000000~2', 'sim000001~1', 'sim000001~2']
    >>> sampler.sample_indices_.tolist()
    [0, 1, 0, 0, 1, 1]
    >>> sampler.sample_ages_.tolist()
    [inf, inf, 10.0, 30.0, 10.0, 30.0]
    >>> flatten_light_curves(X_new).n_observations.tolist()
    [267, 33, 15, 31, 4, 15]
    """

    _parameter_constraints: dict = {
        "ages": [list, tuple],
        "n_copies": [None, Interval(Integral, 1, None, closed="left")],
        "since": [StrOptions({"confirmed", "first"})],
        "detection_snr": [Interval(Real, 0, None, closed="neither")],
        "duplicates": [StrOptions({"keep", "drop"})],
        "random_state": ["random_state"],
    }

    # Nothing is balanced: the parameter of the parent class is not one of this.
    def __init__(
        self,
        *,
        ages: Sequence[float] = (3, 5, 7, 10, 14, 20, 30, 40, 50, 75, 100),
        n_copies: int | None = None,
        since: str = "first",
        detection_snr: float = 5.0,
        duplicates: str = "keep",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.ages = ages
        self.n_copies = n_copies
        self.since = since
        self.detection_snr = detection_snr
        self.duplicates = duplicates
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any) -> Self:
        """Check the parameters and the light curves; `fit_resample` makes the copies.

        Parameters
        ----------
        X : NestedFrame of shape (n_objects, n_columns)
            Light curves, or any container of :func:`sklearn_tde.check_light_curves`.
        y : array-like of shape (n_objects,)
            Class labels.

        Returns
        -------
        self : PartialLightCurveSampler
            The sampler.

        Raises
        ------
        ValueError
            As `fit_resample`.
        """
        self._check_X_y(X, y)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_resample(self, X: Any, y: Any) -> tuple[NestedFrame, Any]:
        """Return the light curves and their truncated copies.

        Parameters
        ----------
        X : NestedFrame of shape (n_objects, n_columns)
            Light curves, or any container of :func:`sklearn_tde.check_light_curves`.
        y : array-like of shape (n_objects,)
            Class labels.

        Returns
        -------
        X_resampled : NestedFrame of shape (n_objects_new, n_columns)
            The objects of `X`, unchanged and in their order, and after them the copies, those of
            one parent together from the youngest to the oldest. A copy is named after its parent,
            as in "AT2019azh~1"; names that are no strings become strings. Other columns and
            further fields of the light curve are copied as they are.
        y_resampled : array-like of shape (n_objects_new,)
            Their labels: a list, Series or Categorical if `y` is one, otherwise an array. A
            Series has the index of `X_resampled`.

        Raises
        ------
        ValueError
            If a parameter is out of range, a light curve is not valid, or `y` lacks a label or
            has another length than `X`.
        """
        X, labels, _ = self._check_X_y(X, y)
        X_resampled, _ = self._fit_resample(X, labels)
        return X_resampled, labels_at(y, self.sample_indices_, X_resampled.index)

    def _check_X_y(
        self, X: Any, y: Any, accept_sparse: Any = None
    ) -> tuple[NestedFrame, np.ndarray, bool]:
        """Return light curves and labels, after all is checked."""
        self._check_ages()
        X, labels = checked_sample(X, y)
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        return X, labels, False

    def _check_ages(self) -> None:
        for age in self.ages:
            is_number = isinstance(age, Real) and not isinstance(age, bool)
            if not is_number or not 0 < age < np.inf:
                raise ValueError(f"ages has {shown(age)}; expected days above 0.")
        n = len(set(self.ages))
        if n < len(self.ages):
            raise ValueError(f"ages={self.ages!r} repeats an age; expected different ones.")
        needed = 1 if self.n_copies is None else 2
        if n < needed:
            raise ValueError(
                f"ages={self.ages!r}: expected at least {needed} with n_copies={self.n_copies!r}."
            )

    def _fit_resample(self, X: NestedFrame, y: np.ndarray) -> tuple[NestedFrame, np.ndarray]:
        flat = flatten_light_curves(X)
        ages = self._draw_ages(len(X))
        lengths = self._lengths(flat, ages)
        kept = np.ones(ages.shape, dtype=bool)
        if self.duplicates == "drop":
            older = np.column_stack([lengths[:, 1:], flat.n_observations])
            kept = lengths < older
        parents = np.repeat(np.arange(len(X)), kept.sum(axis=1))
        self.sample_indices_ = np.concatenate([np.arange(len(X)), parents])
        self.sample_ages_ = np.concatenate([np.full(len(X), np.inf), ages[kept]])
        self.sample_weight_ = 1.0 / (1 + kept.sum(axis=1))[self.sample_indices_]
        lengths = np.concatenate([flat.n_observations, lengths[kept]])
        X_resampled = take_prefixes(X, self.sample_indices_, lengths)
        X_resampled.index = names_of_copies(X.index, self.sample_indices_)
        return X_resampled, y[self.sample_indices_]

    def _draw_ages(self, n_objects: int) -> np.ndarray:
        """Return the ages of the copies of every object, ascending, (n_objects, n_copies)."""
        ages = np.sort(np.array(self.ages, dtype=np.float64))
        if self.n_copies is None:
            return np.tile(ages, (n_objects, 1))
        drawn = check_random_state(self.random_state).random_sample((n_objects, self.n_copies))
        share = (np.arange(self.n_copies) + drawn) / self.n_copies
        return ages[0] * (ages[-1] / ages[0]) ** share

    def _lengths(self, flat: FlatLightCurves, ages: np.ndarray) -> np.ndarray:
        """Count the observations up to each age, shape (n_objects, n_copies)."""
        start = start_times(flat, self.since, self.detection_snr)
        known = clock_known(flat, start, self.since, self.detection_snr)
        counts = [
            prefix_lengths(flat.offsets, up_to_age(flat, start, known, age)) for age in ages.T
        ]
        return np.column_stack(counts)

    def __sklearn_tags__(self) -> Tags:
        """Return the tags: light curves in."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.sparse = False
        tags.input_tags.dataframe = True
        tags.sampler_tags.sample_indices = True
        return tags
