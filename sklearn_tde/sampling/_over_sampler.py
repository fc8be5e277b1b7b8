"""New light curves from old ones, to balance classes or to train on more of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import pandas as pd
from imblearn.over_sampling.base import BaseOverSampler
from imblearn.utils import check_sampling_strategy
from nested_pandas import NestedFrame
from sklearn.base import _fit_context
from sklearn.utils import Tags, check_random_state
from sklearn.utils._param_validation import Interval

from sklearn_tde._photometry import LIMIT_SNR, MICROJANSKY_ZERO_POINT
from sklearn_tde.light_curves import FlatLightCurves, flatten_light_curves
from sklearn_tde.preprocessing._start import start_times
from sklearn_tde.sampling._assembly import as_flat, assembled, labels_at
from sklearn_tde.sampling._checks import checked_sample
from sklearn_tde.sampling._copies import (
    Copies,
    copy_rows,
    draw_redshifts,
    kept_with_brightest,
    moved,
    survey_depth,
    thinned,
    truncated,
)


class LightCurveOverSampler(BaseOverSampler):
    """Over-sample with new light curves, made from those that are there.

    Each copy is its parent measured again: at other fluxes within the errors, on fewer nights,
    not yet to the end and, where redshifts are known, from farther away. It works on light
    curves, before they are put on a grid, and only when a pipeline is fitted: in an
    ``imblearn.pipeline.Pipeline`` a fold that is predicted never meets it.

    Parameters
    ----------
    sampling_strategy : float, str, dict, callable or None, default="auto"
        Which classes get how many objects, as in imbalanced-learn: "auto" (or "not majority")
        makes every class as large as the largest; "minority", "not minority" and "all"; a float
        is the ratio of the smaller to the larger of two classes; a dict, or a function of `y`
        that returns one, holds the number of objects of each class. None: no class gets more
        than `n_copies` says.
    n_copies : int, default=0
        Further copies of every object, those that balance the classes included: whatever
        `sampling_strategy` asks for is multiplied by ``1 + n_copies``.
    flux_noise : float, default=0.5
        Noise added to the flux, in units of its error. The errors stay. Half an error is about
        the real scatter of alert photometry, whose errors are quoted too large; a copy then
        scatters by sqrt(2) times as much as its parent.
    drop : float, default=0.5
        Largest share of the observations that a copy loses, at random; for each copy the share is
        drawn between 0 and this.
    truncation : float, default=0.3
        Share of the copies that end early, after any of their observations since t = 0, the first
        confirmed detection.
    time_shift : float, default=0.0
        Largest shift of a whole copy in time, in days, to either side. A gridder sets the clock
        by the first detection and does not see it; it is for models that read the date.
    redshift_factor : float, default=1.0
        Largest factor by which 1 + z grows in a copy, at most 10 (Boone 2019 takes 1.5). 1 leaves
        the distances, and needs no redshifts.
    redshift_column : str, default="redshift"
        Column of `X` with the redshifts; read if `redshift_factor` is above 1. An object whose
        redshift is missing or not above 0 stays where it is. Copies have their new redshift in it.
    depth : float, mapping or None, default=None
        5-sigma limiting magnitude (AB) of the survey, for all bands or for each, which is the
        noise that fainter copies are brought to. None: from the median error of the observations
        below 10 sigma, band by band.
    detection_snr : float, default=5.0
        An observation is a detection if its flux is at least so many times its error. Of a parent
        that has nothing but detections, as alerts are, a copy loses what is none any more;
        copies of forced photometry keep all.
    random_state : int, RandomState instance or None, default=None
        Seed of everything that is drawn.

    Attributes
    ----------
    sampling_strategy_ : dict
        Number of objects that each class gets to be balanced, before `n_copies`.
    sample_indices_ : ndarray of shape (n_objects_new,), dtype int64
        Position in `X` of every object of the result, or of the parent that it was copied from.
        Copies of one object are relatives: these are the groups that keep them together in a
        split (:class:`sklearn.model_selection.StratifiedGroupKFold`).
    depth_ : dict of str to float
        Limiting magnitude of each band. Only if `redshift_factor` is above 1.
    n_features_in_ : int
        Number of columns of `X`.
    feature_names_in_ : ndarray of shape (n_columns,), dtype object
        Names of the columns of `X`.

    See Also
    --------
    sklearn_tde.pipelines.make_lstm_pipeline : Takes a sampler as its first step.

    Notes
    -----
    A copy is made in this order: it is moved to its redshift (times since the first observation
    times (1 + z') / (1 + z), fluxes dimmed, errors as the survey has them at that flux, and
    `flux_noise` times the noise that dimming has taken away), its fluxes are redrawn, it loses
    what is no detection any more, it ends, it loses further observations, it is shifted. A copy
    of an object with observations keeps at least the most significant one that it has before its
    end. The spectrum is not shifted: with a few bands that would be a guess, and colours stay
    those of the parent, which is good for small steps in redshift only. Where less than two
    detections would be left, the copy comes nearer.

    Copies resemble their parents. Whatever splits the data again after the sampler, such as
    `early_stopping` of a classifier, must be told the groups, or sits in a pipeline with the
    sampler inside.

    References
    ----------
    .. [1] Boone, K. (2019). Avocado: photometric classification of astronomical transients with
           Gaussian process augmentation. AJ 158, 257.

    Examples
    --------
    >>> from sklearn_tde import LightCurveOverSampler, make_transients
    >>> X, y = make_transients(n_tde=3, n_sn_ia=10, random_state=0)
    >>> sampler = LightCurveOverSampler(random_state=0)
    >>> X_new, y_new = sampler.fit_resample(X, y)
    >>> sampler.sampling_strategy_
    {'TDE': 7}
    >>> len(X_new), int((y_new == "TDE").sum())
    (20, 10)
    >>> X_new.index[13:15].tolist()
    ['sim000002~1', 'sim000002~2']
    >>> sampler.sample_indices_[13:].tolist()
    [2, 2, 7, 7, 12, 12, 12]
    """

    _parameter_constraints: dict = {
        **BaseOverSampler._parameter_constraints,
        "sampling_strategy": [*BaseOverSampler._parameter_constraints["sampling_strategy"], None],
        "n_copies": [Interval(Integral, 0, None, closed="left")],
        "flux_noise": [Interval(Real, 0, 100, closed="both")],
        "drop": [Interval(Real, 0, 1, closed="left")],
        "truncation": [Interval(Real, 0, 1, closed="both")],
        "time_shift": [Interval(Real, 0, 1e6, closed="left")],
        "redshift_factor": [Interval(Real, 1, 10, closed="both")],
        "redshift_column": [str],
        "depth": [None, Interval(Real, 0, 40, closed="both"), Mapping],
        "detection_snr": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        *,
        sampling_strategy: float | str | Mapping | Callable | None = "auto",
        n_copies: int = 0,
        flux_noise: float = 0.5,
        drop: float = 0.5,
        truncation: float = 0.3,
        time_shift: float = 0.0,
        redshift_factor: float = 1.0,
        redshift_column: str = "redshift",
        depth: float | Mapping[str, float] | None = None,
        detection_snr: float = 5.0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy)
        self.n_copies = n_copies
        self.flux_noise = flux_noise
        self.drop = drop
        self.truncation = truncation
        self.time_shift = time_shift
        self.redshift_factor = redshift_factor
        self.redshift_column = redshift_column
        self.depth = depth
        self.detection_snr = detection_snr
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any) -> Self:
        """Check the light curves and count the classes; `fit_resample` makes the copies.

        Parameters
        ----------
        X : NestedFrame of shape (n_objects, n_columns)
            Light curves, or any container of :func:`sklearn_tde.check_light_curves`.
        y : array-like of shape (n_objects,)
            Class labels.

        Returns
        -------
        self : LightCurveOverSampler
            The sampler, with `sampling_strategy_`.

        Raises
        ------
        ValueError
            As `fit_resample`.
        """
        self._check_X_y(X, y)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_resample(self, X: Any, y: Any) -> tuple[NestedFrame, Any]:
        """Return the light curves and the copies made from them.

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
            one parent together. A copy is named after its parent, as in "AT2019azh~1"; names
            that are no strings become strings. Other columns and further fields of the light
            curve are copied as they are, even if they depend on what has changed.
        y_resampled : array-like of shape (n_objects_new,)
            Their labels: a list, Series or Categorical if `y` is one, otherwise an array. A
            Series has the index of `X_resampled`.

        Raises
        ------
        ValueError
            If a light curve is not valid, `y` lacks a label, has one class or another length than
            `X`, `sampling_strategy` asks for fewer objects than there are, or `redshift_factor`
            is above 1 and the redshifts are not there.
        """
        X, labels, _ = self._check_X_y(X, y)
        X_resampled, _ = self._fit_resample(X, labels)
        return X_resampled, labels_at(y, self.sample_indices_, X_resampled.index)

    def _check_X_y(
        self, X: Any, y: Any, accept_sparse: Any = None
    ) -> tuple[NestedFrame, np.ndarray, bool]:
        """Return light curves and labels, both valid, and count what each class gets."""
        X, labels = checked_sample(X, y)
        classes = np.unique(labels).tolist()
        if len(classes) < 2:
            found = f"one class, {classes[0]!r}" if classes else "no labels"
            raise ValueError(f"y has {found}; expected at least two classes.")
        wanted = {}
        if self.sampling_strategy is not None:
            wanted = check_sampling_strategy(self.sampling_strategy, labels, self._sampling_type)
        self.sampling_strategy_ = {
            key.item() if isinstance(key, np.generic) else key: int(n) for key, n in wanted.items()
        }
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        return X, labels, False

    def _fit_resample(self, X: NestedFrame, y: np.ndarray) -> tuple[NestedFrame, np.ndarray]:
        random_state = check_random_state(self.random_state)
        parents = self._draw_parents(y, random_state)
        flat = flatten_light_curves(X)
        row, position = copy_rows(flat.offsets, parents)
        copies = Copies(
            row, position, flat.time[row], flat.flux[row], flat.flux_err[row], len(parents)
        )
        copies, redshift = self._changed(copies, X, flat, parents, random_state)
        self.sample_indices_ = np.concatenate([np.arange(len(X)), parents])
        X_resampled = assembled(X, flat, copies, self.sample_indices_)
        if redshift is not None:
            values = X_resampled[self.redshift_column].to_numpy(dtype=np.float64, na_value=np.nan)
            values = np.concatenate([values[: len(X)], redshift])
            X_resampled[self.redshift_column] = values
        return X_resampled, y[self.sample_indices_]

    def _draw_parents(self, y: np.ndarray, random_state: np.random.RandomState) -> np.ndarray:
        """Return the parent of every copy, ascending: each of a class serves equally often."""
        n_new = np.zeros(len(y), dtype=np.int64)
        for label, wanted in self.sampling_strategy_.items():
            members = np.flatnonzero(y == label)
            n_new[members] = wanted // len(members)
            n_new[random_state.permutation(members)[: wanted % len(members)]] += 1
        return np.repeat(np.arange(len(y)), n_new + self.n_copies * (1 + n_new))

    def _changed(
        self,
        copies: Copies,
        X: NestedFrame,
        flat: FlatLightCurves,
        parents: np.ndarray,
        random_state: np.random.RandomState,
    ) -> tuple[Copies, np.ndarray | None]:
        """Return the copies as they are measured anew, and their redshifts if these change."""
        variance, redshift = 0.0, None
        if self.redshift_factor > 1:
            old = self._redshifts(X)[parents]
            new = draw_redshifts(old, self.redshift_factor, random_state)
            sky = self._sky(flat)[flat.band[copies.row]]
            copies, redshift, variance = moved(copies, old, new, sky, self.detection_snr)
        noise = self.flux_noise * np.sqrt(copies.flux_err**2 + variance)
        flux = copies.flux + noise * random_state.standard_normal(len(noise))
        copies = replace(copies, flux=flux)

        detected = flat.flux >= self.detection_snr * flat.flux_err
        faint = np.bincount(flat.object_position[~detected], minlength=flat.n_objects) > 0
        keep = (copies.snr >= self.detection_snr) | faint[parents][copies.position]
        copies = copies[kept_with_brightest(copies, keep)]

        start = start_times(as_flat(copies, flat), "confirmed", self.detection_snr)
        copies = copies[truncated(copies, start, self.truncation, random_state)]
        keep = thinned(copies, self.drop, random_state)
        copies = copies[kept_with_brightest(copies, keep)]
        shift = self.time_shift * random_state.uniform(-1.0, 1.0, len(parents))
        return replace(copies, time=copies.time + shift[copies.position]), redshift

    def _redshifts(self, X: NestedFrame) -> np.ndarray:
        name = self.redshift_column
        if name not in X.columns:
            raise ValueError(
                f"X: the column {name!r} is missing, which redshift_factor="
                f"{self.redshift_factor:g} needs; name it in redshift_column, or leave "
                "redshift_factor at 1."
            )
        if not pd.api.types.is_numeric_dtype(X[name].dtype):
            raise TypeError(f"X: the column {name!r} is {X[name].dtype}; expected redshifts.")
        return X[name].to_numpy(dtype=np.float64, na_value=np.nan)

    def _sky(self, flat: FlatLightCurves) -> np.ndarray:
        """Return the error of a source of no flux in each band of `flat`; note the depth."""
        if self.depth is None:
            sky = survey_depth(flat.flux, flat.flux_err, flat.band, len(flat.bands))
        else:
            given = isinstance(self.depth, Mapping)
            depth = [self.depth.get(band) if given else self.depth for band in flat.bands]
            for band, value in zip(flat.bands, depth, strict=True):
                is_number = isinstance(value, Real) and not isinstance(value, bool)
                if not is_number or not 0 <= value <= 40:
                    raise ValueError(
                        f"depth: band {band!r} has {value!r}; expected its 5-sigma limiting "
                        "magnitude, 0 to 40."
                    )
            sky = 10.0 ** (-0.4 * (np.array(depth) - MICROJANSKY_ZERO_POINT)) / LIMIT_SNR
        magnitudes = MICROJANSKY_ZERO_POINT - 2.5 * np.log10(LIMIT_SNR * sky)
        self.depth_ = dict(zip(flat.bands, magnitudes.tolist(), strict=True))
        return sky

    def __sklearn_tags__(self) -> Tags:
        """Return the tags: light curves in."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.sparse = False
        tags.input_tags.dataframe = True
        tags.sampler_tags.sample_indices = True
        return tags
