"""Light curves as they were known at an earlier time."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from nested_pandas import NestedFrame
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, _fit_context
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, StrOptions

from sklearn_tde._prefixes import select_observations
from sklearn_tde.light_curves import FlatLightCurves, check_light_curves, flatten_light_curves
from sklearn_tde.preprocessing._context import context_values
from sklearn_tde.preprocessing._start import (
    EDGE,
    clock_known,
    detection_rows,
    start_times,
    up_to_age,
)


class LightCurveTruncator(
    OneToOneFeatureMixin, TransformerMixin, BaseEstimator, auto_wrap_output_keys=None
):
    """End light curves early: at an age, at a number of detections, or at a date.

    What is left is what was known at that time. As the first step of a pipeline it keeps all that
    comes later, such as scaling, interpolation or the search for a peak, from looking ahead.

    Parameters
    ----------
    age : float or None, default=None
        Days since t = 0, as `since` says, up to which observations are kept. None: no such limit.
    n_detections : int or None, default=None
        The observations are kept up to this many detections, and all those at the time of the
        last of them. Detections in two bands count as two. None: no such limit.
    date : float, str or None, default=None
        The time, in the days of the light curves (MJD), up to which observations are kept; or the
        column of `X` with the date of each object, such as ``"trigger_date"``. None: no such limit.
    since : {"first", "confirmed"}, default="first"
        What t = 0 of the age is: the first detection; or the first detection that another one
        follows on a different night (half a day or more later) within 20 days. The latter is not
        known before the other one is there, which is therefore kept at any age.
    detection_snr : float, default=5.0
        An observation is a detection if its flux is at least so many times its error.
    bands : sequence of str or None, default=None
        The bands that may occur; an observation in another band is an error. None: any.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns of `X`.
    feature_names_in_ : ndarray of shape (n_columns,), dtype object
        Names of the columns of `X`.

    See Also
    --------
    sklearn_tde.sampling.PartialLightCurveSampler : Trains on several ages of each object.

    Notes
    -----
    Of several limits the earliest counts; an observation at the limit is kept (within a millionth
    of a day, so that rounded times stay). Without any, light curves stay whole.

    A limit that an object has not reached yet cuts nothing: one with fewer detections than asked
    for stays whole, and so does one without a detection, or without a confirmed one, at any age.
    Its clock has not started.

    No later observation decides whether one is kept. So it makes no difference whether a light
    curve had ended before: truncating it at an age gives the same after it was truncated at a
    later age or date.

    Columns of the objects stay as they are, even where they were found out later, such as a
    spectroscopic redshift.

    The transformer learns nothing and can be used without `fit`.

    Examples
    --------
    >>> from sklearn_tde import flatten_light_curves, make_transients
    >>> from sklearn_tde.preprocessing import LightCurveTruncator
    >>> X, y = make_transients(n_tde=2, n_sn_ia=3, random_state=0)
    >>> flatten_light_curves(X).n_observations.tolist()
    [267, 17, 25, 33, 41]
    >>> early = LightCurveTruncator(age=20).transform(X)
    >>> flatten_light_curves(early).n_observations.tolist()
    [23, 8, 9, 10, 4]
    """

    _parameter_constraints = {
        "age": [None, Interval(Real, 0, None, closed="left")],
        "n_detections": [None, Interval(Integral, 1, None, closed="left")],
        "date": [None, Interval(Real, None, None, closed="neither"), str],
        "since": [StrOptions({"confirmed", "first"})],
        "detection_snr": [Interval(Real, 0, None, closed="neither")],
        "bands": [None, list, tuple],
    }

    def __init__(
        self,
        *,
        age: float | None = None,
        n_detections: int | None = None,
        date: float | str | None = None,
        since: str = "first",
        detection_snr: float = 5.0,
        bands: Sequence[str] | None = None,
    ) -> None:
        self.age = age
        self.n_detections = n_detections
        self.date = date
        self.since = since
        self.detection_snr = detection_snr
        self.bands = bands

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the parameters and the light curves; nothing is learned from them.

        Parameters
        ----------
        X : NestedFrame of shape (n_objects, n_columns)
            Light curves, or any container of :func:`sklearn_tde.check_light_curves`.
        y : ignored
            Not used, present for the scikit-learn interface.

        Returns
        -------
        self : LightCurveTruncator
            The truncator.

        Raises
        ------
        ValueError
            If a parameter is out of range, a light curve is not valid (see
            :func:`sklearn_tde.check_light_curves`), or the column of dates is missing or lacks
            the date of an object.
        """
        X = check_light_curves(X, bands=self.bands)
        self._dates(X)
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: Any) -> NestedFrame:
        """Return the light curves up to the limits.

        Parameters
        ----------
        X : NestedFrame of shape (n_objects, n_columns)
            Light curves, or any container of :func:`sklearn_tde.check_light_curves`.

        Returns
        -------
        X_truncated : NestedFrame of shape (n_objects, n_columns)
            The same objects with their earliest observations, all columns and all fields of the
            light curve.

        Raises
        ------
        ValueError
            As `fit`.
        """
        self._validate_params()
        X = check_light_curves(X, bands=self.bands)
        return select_observations(X, self._kept(X, flatten_light_curves(X)))

    def _kept(self, X: NestedFrame, flat: FlatLightCurves) -> np.ndarray:
        """Mark the observations that all limits keep."""
        keep = np.ones(len(flat.time), dtype=bool)
        if self.age is not None:
            start = start_times(flat, self.since, self.detection_snr)
            known = clock_known(flat, start, self.since, self.detection_snr)
            keep &= up_to_age(flat, start, known, self.age)
        if self.n_detections is not None:
            rows = detection_rows(flat, self.detection_snr)
            position = flat.object_position[rows]
            # How many detections of its object precede each.
            rank = np.arange(len(rows)) - np.searchsorted(position, position)
            last = rows[rank == self.n_detections - 1]
            limit = np.full(flat.n_objects, np.inf)
            limit[flat.object_position[last]] = flat.time[last]
            keep &= flat.time <= limit[flat.object_position]
        dates = self._dates(X)
        if dates is not None:
            keep &= flat.time - dates[flat.object_position] <= EDGE
        return keep

    def _dates(self, X: NestedFrame) -> np.ndarray | None:
        """Return the date up to which each object is kept, shape (n_objects,)."""
        if isinstance(self.date, str):
            return context_values(X, (self.date,), "column of dates")[:, 0]
        return None if self.date is None else np.full(len(X), float(self.date))

    def set_output(self, *, transform: str | None = None) -> Self:
        """Accept what the output is, a NestedFrame, which is a DataFrame of pandas.

        Nor does ``sklearn.set_config(transform_output="polars")`` change it.

        Parameters
        ----------
        transform : {"default", "pandas"} or None, default=None
            All of them leave the output what it is.

        Returns
        -------
        self : LightCurveTruncator
            The truncator, unchanged.

        Raises
        ------
        ValueError
            If `transform` is anything else, such as "polars".
        """
        if transform not in ("default", "pandas", None):
            raise ValueError(
                f"set_output(transform={transform!r}): the output of LightCurveTruncator is a "
                "NestedFrame, for the next step to read; expected 'default' or 'pandas'. In a "
                "pipeline, set the output of the other steps one by one."
            )
        return self

    def __sklearn_tags__(self) -> Tags:
        """Return the tags: light curves in and out, nothing learned from them."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = False
        tags.requires_fit = False
        tags.no_validation = True
        # Light curves are no numbers of one type.
        tags.transformer_tags.preserves_dtype = []
        return tags
