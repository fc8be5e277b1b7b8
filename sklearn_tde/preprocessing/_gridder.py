"""Light curves on a regular grid of time steps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from sklearn_tde._containers import as_nested_frame
from sklearn_tde._flat import flattened, some_objects
from sklearn_tde._photometry import shown
from sklearn_tde.light_curves import FlatLightCurves, check_light_curves
from sklearn_tde.preprocessing._base import BaseLightCurveTransformer
from sklearn_tde.preprocessing._context import context_values
from sklearn_tde.preprocessing._interpolation import grid_curves
from sklearn_tde.preprocessing._start import EDGE, start_times

#: Objects gridded at a time: their working arrays stay in the processor's cache.
_CHUNK = 512


class LightCurveGridder(BaseLightCurveTransformer, auto_wrap_output_keys=None):
    """Put light curves on a grid of time steps that all objects share.

    The clock of every object starts at its first (confirmed) detection. In each band, flux and
    error are interpolated linearly between the observations and held constant before the first
    and after the last; a mask per band tells real observations from interpolated values.

    Parameters
    ----------
    bands : sequence of str, default=("g", "r")
        The bands, in the order of the features. A band that an object lacks becomes zeros with
        a mask of zeros; an observation in another band is an error.
    duration : float, default=300.0
        Length of the grid after t = 0, in days of the observer.
    cadence : float or None, default=None
        Days between two steps. None: 3 days, or as `n_steps` says.
    n_steps : int or None, default=None
        Number of steps from the beginning to the end of the grid, both included, in place of
        `cadence`.
    lead : float, default=0.0
        Days before t = 0 at which the grid begins.
    start : {"confirmed", "first"}, default="confirmed"
        What t = 0 is: the first detection that another one follows on a different night (half a
        day or more later) within 20 days and, until there is one, the latest detection; or the
        first detection. Without a detection it is the first observation.
    detection_snr : float, default=5.0
        An observation is a detection if its flux is at least so many times its error. What is
        no detection informs the curve but never starts the clock.
    mask : {"observed", "coverage"}, default="observed"
        "observed": 1 at the step nearest to an observation. There the flux is the mean of the
        step's observations weighted by their inverse variances, and the error that of the mean.
        "coverage": 1 at the steps between the first and the last observation of the band; the
        values are interpolated everywhere.
    scale : {"median", "running"} or None, default="median"
        What flux and error are divided by: the median of the object's positive fluxes of all
        bands; the mean of the positive fluxes up to and including the step, which uses nothing
        later; or nothing (microjansky). Without a positive flux the absolute values serve, and
        the median (or mean) error is the least that the divisor can be.
    log_flux : bool, default=True
        Whether the flux f becomes sign(f) log(1 + abs(f)). Errors stay as they are.
    colors : bool, default=True
        Whether to add the difference of the fluxes of neighbouring bands, on the scale on which
        the fluxes are given. Where the object lacks one of the two bands it is 0.
    gap_inflation : float, default=0.0
        Growth of the error of an interpolated value, per day to the nearest observation of the
        band, as a fraction of the error.
    before_start : {"ignore", "interpolate", "raise"}, default="ignore"
        What observations before the grid do: nothing; serve as end points of the interpolation
        and in the scale; or raise an error.
    after_end : {"ignore", "interpolate", "raise"}, default="ignore"
        The same for observations after the grid.
    context : sequence of str, default=()
        Numeric columns of X to append as constant channels, such as ``("redshift",)``.

    Attributes
    ----------
    grid_ : ndarray of shape (n_steps,), dtype float64
        Days since t = 0 of the steps.

    See Also
    --------
    LightCurveSequencer : Light curves as they are, one step per observation.
    sklearn_tde.neural_network.LSTMTransientClassifier : Reads the result.

    Notes
    -----
    The features of a step are, in this order: time as a fraction of `duration`, the flux in each
    band, the colours, the error in each band, the context, the mask of each band. An observation
    is at the nearest step, halfway at the later one. An object without observations (within the
    grid) is zero but for time and context.

    Times stay float64 until t = 0 is subtracted; Julian dates in float32 would be rounded to a
    quarter of a day.

    The result does not depend on the zero point of time or on the order of rows, and with a
    scale nor on the unit of flux, but for rounding. An observation within a millionth of a day
    of an edge counts as on it, so that rounded times stay at their steps.

    References
    ----------
    .. [1] Sfaradi, I. (2026). An LSTM classifier of tidal disruption events and type Ia
           supernovae for ZTF light curves: the recipe of :meth:`reference`.

    Examples
    --------
    >>> from sklearn_tde import LightCurveGridder, make_transients
    >>> X, y = make_transients(n_tde=3, n_sn_ia=5, random_state=0)
    >>> gridder = LightCurveGridder(duration=100, n_steps=51).fit(X)
    >>> gridder.transform(X).shape
    (8, 51, 8)
    >>> gridder.get_feature_names_out().tolist()
    ['time', 'flux_g', 'flux_r', 'color_g_r', 'flux_err_g', 'flux_err_r', 'mask_g', 'mask_r']
    """

    _parameter_constraints = {
        "bands": [list, tuple],
        "duration": [Interval(Real, 0, None, closed="neither")],
        "cadence": [None, Interval(Real, 0, None, closed="neither")],
        "n_steps": [None, Interval(Integral, 2, None, closed="left")],
        "lead": [Interval(Real, 0, None, closed="left")],
        "start": [StrOptions({"confirmed", "first"})],
        "detection_snr": [Interval(Real, 0, None, closed="neither")],
        "mask": [StrOptions({"observed", "coverage"})],
        "scale": [None, StrOptions({"median", "running"})],
        "log_flux": ["boolean"],
        "colors": ["boolean"],
        "gap_inflation": [Interval(Real, 0, None, closed="left")],
        "before_start": [StrOptions({"ignore", "interpolate", "raise"})],
        "after_end": [StrOptions({"ignore", "interpolate", "raise"})],
        "context": [list, tuple],
    }

    def __init__(
        self,
        *,
        bands: Sequence[str] = ("g", "r"),
        duration: float = 300.0,
        cadence: float | None = None,
        n_steps: int | None = None,
        lead: float = 0.0,
        start: str = "confirmed",
        detection_snr: float = 5.0,
        mask: str = "observed",
        scale: str | None = "median",
        log_flux: bool = True,
        colors: bool = True,
        gap_inflation: float = 0.0,
        before_start: str = "ignore",
        after_end: str = "ignore",
        context: Sequence[str] = (),
    ) -> None:
        self.bands = bands
        self.duration = duration
        self.cadence = cadence
        self.n_steps = n_steps
        self.lead = lead
        self.start = start
        self.detection_snr = detection_snr
        self.mask = mask
        self.scale = scale
        self.log_flux = log_flux
        self.colors = colors
        self.gap_inflation = gap_inflation
        self.before_start = before_start
        self.after_end = after_end
        self.context = context

    @classmethod
    def reference(cls) -> LightCurveGridder:
        """Return the gridder of the reference study.

        300 points from 0 to 300 days, the clock at the first detection, coverage masks, and
        every observation in the interpolation and the scale. Three things differ on purpose:
        times are not rounded to float32; the errors of a missing band are 0 (the study's program
        put 1 over the scale there); and the scale is no less than the median error, which it
        never is where all observations are detections.

        Returns
        -------
        gridder : LightCurveGridder
            The reference recipe, not fitted (fitting learns nothing from data).

        Examples
        --------
        >>> from sklearn_tde import LightCurveGridder
        >>> LightCurveGridder.reference().n_steps
        300
        """
        return cls(
            n_steps=300,
            start="first",
            mask="coverage",
            colors=False,
            before_start="interpolate",
            after_end="interpolate",
        )

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> LightCurveGridder:
        """Check the parameters and the light curves; nothing is learned from them.

        Parameters
        ----------
        X : NestedFrame of shape (n_objects, n_columns)
            Light curves, or any container of :func:`sklearn_tde.check_light_curves`.
        y : ignored
            Not used, present for the scikit-learn interface.

        Returns
        -------
        self : LightCurveGridder
            The fitted gridder.

        Raises
        ------
        ValueError
            If a parameter is out of range, or a light curve is (see
            :func:`sklearn_tde.check_light_curves`).
        """
        self._check_parameters()
        X = check_light_curves(X, bands=self.bands)
        context_values(X, self.context)
        self.grid_ = self._make_grid()
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Grid the light curves.

        Parameters
        ----------
        X : NestedFrame of shape (n_objects, n_columns)
            Light curves, or any container of :func:`sklearn_tde.check_light_curves`.

        Returns
        -------
        X_grid : ndarray of shape (n_objects, n_steps, n_features), dtype float32
            The features of every step, the masks last.

        Raises
        ------
        NotFittedError
            If the gridder is not fitted.
        ValueError
            If a light curve is not valid, or an observation is where `before_start` or
            `after_end` refuses it.
        """
        check_is_fitted(self)
        X = as_nested_frame(X)
        flat = flattened(X, self.bands)
        n_bands, context = len(self.bands), context_values(X, self.context)
        n_features = len(self.get_feature_names_out())
        blank = np.zeros((len(self.grid_), n_features), np.float32)
        blank[:, 0] = self.grid_ / self.duration
        out = np.empty((flat.n_objects, *blank.shape), np.float32)
        for begin in range(0, flat.n_objects, _CHUNK):
            part = some_objects(flat, begin, begin + _CHUNK)
            chunk = out[begin : begin + _CHUNK]
            chunk[:] = blank
            chunk[:, :, n_features - n_bands - context.shape[1] : -n_bands] = context[
                begin : begin + _CHUNK, None, :
            ]
            position = part.object_position
            since = part.time - start_times(part, self.start, self.detection_snr)[position]
            used = self._inside(part, since)
            grid_curves(
                chunk,
                position[used],
                part.band[used],
                since[used],
                part.flux[used],
                part.flux_err[used],
                grid=self.grid_,
                n_bands=n_bands,
                mask=self.mask,
                scale=self.scale,
                log_flux=self.log_flux,
                colors=self.colors,
                gap_inflation=self.gap_inflation,
            )
            self._refuse_infinite(chunk, part.index, " on the grid")
        return out

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the features of a step.

        Parameters
        ----------
        input_features : ignored
            Not used, present for the scikit-learn interface.

        Returns
        -------
        names : ndarray of shape (n_features,), dtype object
            The names, such as "flux_g".
        """
        fluxes, errors, masks = (
            [f"{name}_{band}" for band in self.bands] for name in ("flux", "flux_err", "mask")
        )
        pairs = pairwise(self.bands) if self.colors else ()
        colors = [f"color_{blue}_{red}" for blue, red in pairs]
        return np.array(["time", *fluxes, *colors, *errors, *self.context, *masks], dtype=object)

    def _check_parameters(self) -> None:
        if self.cadence is not None and self.n_steps is not None:
            raise ValueError(
                f"cadence={self.cadence!r} and n_steps={self.n_steps!r}: give one of them, "
                "the other is None."
            )
        self._check_names()
        if self.cadence is not None and self.cadence > self.duration + self.lead:
            raise ValueError(
                f"cadence={self.cadence!r} is longer than the grid of "
                f"{self.duration + self.lead:g} days; expected two steps at least."
            )

    def _make_grid(self) -> np.ndarray:
        if self.n_steps is not None:
            return np.linspace(-self.lead, self.duration, self.n_steps)
        cadence = 3.0 if self.cadence is None else self.cadence
        n_steps = int(np.floor((self.duration + self.lead) / cadence + 1e-9)) + 1
        return -self.lead + cadence * np.arange(max(n_steps, 2))

    def _inside(self, flat: FlatLightCurves, since: np.ndarray) -> np.ndarray:
        """Mark the observations that are used, refusing those that must not be there."""
        # A step reaches half way to the next one, the first and the last one to both sides.
        reach = (self.grid_[1] - self.grid_[0]) / 2 if self.mask == "observed" else 0.0
        keep = np.ones(len(since), dtype=bool)
        # Half way after the last step an observation would be at the next one.
        last = self.grid_[-1] + (reach - EDGE if reach else EDGE)
        for name, outside in (
            ("before_start", since < self.grid_[0] - reach - EDGE),
            ("after_end", since >= last if reach else since > last),
        ):
            policy = getattr(self, name)
            if policy == "raise" and outside.any():
                row = int(np.flatnonzero(outside)[0])
                owner = shown(flat.index[flat.object_position[row]])
                raise ValueError(
                    f"object {owner}: time is {since[row]:.2f} days after t = 0; expected "
                    f"{self.grid_[0]:g} to {self.grid_[-1]:g} days, or another {name} than 'raise'."
                )
            if policy == "ignore":
                keep &= ~outside
        return keep
