"""Light curves as the sequences of their observations."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from sklearn_tde._containers import as_nested_frame
from sklearn_tde._flat import flattened, some_objects
from sklearn_tde.light_curves import FlatLightCurves, check_light_curves
from sklearn_tde.preprocessing._base import BaseLightCurveTransformer
from sklearn_tde.preprocessing._context import context_values
from sklearn_tde.preprocessing._scales import median_scale, running_scale, signed_log
from sklearn_tde.preprocessing._start import EDGE, start_times

#: Objects at a time: their working arrays stay in the processor's cache.
_CHUNK = 512


class LightCurveSequencer(BaseLightCurveTransformer, auto_wrap_output_keys=None):
    """Put the observations of each light curve in a row, one step per observation.

    The observations of all bands follow each other in the order of time, those of one moment in
    the order of `bands`. Nothing is interpolated or averaged. The clock of every object starts
    at its first (confirmed) detection, and what lies before it or after `duration` is left out.

    Parameters
    ----------
    bands : sequence of str, default=("g", "r")
        The bands, in the order of the masks. An observation in another band is an error.
    duration : float, default=300.0
        Days after t = 0, in those of the observer, up to which observations are used.
    lead : float, default=0.0
        Days before t = 0 from which on observations are used.
    max_observations : int or None, default=None
        Most observations of an object. Of one that has more so many are taken, evenly spread over
        their order, the first and the last among them. Which ones hangs on later observations
        too: a light curve that ends earlier has other steps, not fewer. None: all are taken.
    start : {"confirmed", "first"}, default="confirmed"
        What t = 0 is, as in :class:`LightCurveGridder`.
    detection_snr : float, default=5.0
        An observation is a detection if its flux is at least so many times its error. What is
        no detection is a step as any other but never starts the clock.
    scale : {"median", "running"} or None, default="median"
        What flux and error are divided by: the median of the object's positive fluxes of all
        bands; the mean of the positive fluxes up to and including the observation, which uses
        nothing later; or nothing (microjansky). Without a positive flux the absolute values
        serve, and the median (or mean) error is the least that the divisor can be.
    log_flux : bool, default=True
        Whether the flux f becomes sign(f) log(1 + abs(f)). Errors stay as they are.
    context : sequence of str, default=()
        Numeric columns of X to append as constant channels, such as ``("redshift",)``.

    Attributes
    ----------
    n_steps_ : int
        Number of observations of the object that has the most of them in `fit`, 1 at least.

    See Also
    --------
    LightCurveGridder : Light curves on a regular grid of steps.
    sklearn_tde.neural_network.TransformerTransientClassifier : Reads the result.

    Notes
    -----
    The features of a step are, in this order: time as a fraction of `duration`, flux, error, the
    context, and a mask of each band, which is 1 for the band of the observation. After the last
    observation of an object all features are 0: a step without a mask is padding.

    The output has `n_steps_` steps, or as many as an object with more observations needs: nothing
    of it is cut off.

    The result does not depend on the zero point of time or on the order of rows, and with a
    scale nor on the unit of flux, but for rounding.

    Examples
    --------
    >>> from sklearn_tde import LightCurveSequencer, make_transients
    >>> X, y = make_transients(n_tde=3, n_sn_ia=5, random_state=0)
    >>> sequencer = LightCurveSequencer(max_observations=40).fit(X)
    >>> sequencer.transform(X).shape
    (8, 40, 5)
    >>> sequencer.get_feature_names_out().tolist()
    ['time', 'flux', 'flux_err', 'mask_g', 'mask_r']
    """

    _parameter_constraints = {
        "bands": [list, tuple],
        "duration": [Interval(Real, 0, None, closed="neither")],
        "lead": [Interval(Real, 0, None, closed="left")],
        "max_observations": [None, Interval(Integral, 2, None, closed="left")],
        "start": [StrOptions({"confirmed", "first"})],
        "detection_snr": [Interval(Real, 0, None, closed="neither")],
        "scale": [None, StrOptions({"median", "running"})],
        "log_flux": ["boolean"],
        "context": [list, tuple],
    }

    def __init__(
        self,
        *,
        bands: Sequence[str] = ("g", "r"),
        duration: float = 300.0,
        lead: float = 0.0,
        max_observations: int | None = None,
        start: str = "confirmed",
        detection_snr: float = 5.0,
        scale: str | None = "median",
        log_flux: bool = True,
        context: Sequence[str] = (),
    ) -> None:
        self.bands = bands
        self.duration = duration
        self.lead = lead
        self.max_observations = max_observations
        self.start = start
        self.detection_snr = detection_snr
        self.scale = scale
        self.log_flux = log_flux
        self.context = context

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> LightCurveSequencer:
        """Check the parameters and the light curves; learn the number of steps.

        Parameters
        ----------
        X : NestedFrame of shape (n_objects, n_columns)
            Light curves, or any container of :func:`sklearn_tde.check_light_curves`.
        y : ignored
            Not used, present for the scikit-learn interface.

        Returns
        -------
        self : LightCurveSequencer
            The fitted sequencer.

        Raises
        ------
        ValueError
            If a parameter is out of range, or a light curve is (see
            :func:`sklearn_tde.check_light_curves`).
        """
        self._check_names()
        X = check_light_curves(X, bands=self.bands)
        context_values(X, self.context)
        flat = flattened(X, self.bands)
        self.n_steps_ = self._longest(flat, self._window(flat)[1])
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Put the observations in a row.

        Parameters
        ----------
        X : NestedFrame of shape (n_objects, n_columns)
            Light curves, or any container of :func:`sklearn_tde.check_light_curves`.

        Returns
        -------
        X_steps : ndarray of shape (n_objects, n_steps, n_features), dtype float32
            The features of every observation, the masks last.

        Raises
        ------
        NotFittedError
            If the sequencer is not fitted.
        ValueError
            If a light curve is not valid.
        """
        check_is_fitted(self)
        X = as_nested_frame(X)
        flat, context = flattened(X, self.bands), context_values(X, self.context)
        since, used = self._window(flat)
        n_steps = max(self.n_steps_, self._longest(flat, used))
        n_features = len(self.get_feature_names_out())
        out = np.zeros((flat.n_objects, n_steps, n_features), np.float32)
        for begin in range(0, flat.n_objects, _CHUNK):
            chunk = slice(begin, begin + _CHUNK)
            rows = slice(*flat.offsets[[begin, min(chunk.stop, flat.n_objects)]])
            part = some_objects(flat, chunk.start, chunk.stop)
            self._write(out[chunk], part, since[rows], used[rows], context[chunk])
            self._refuse_infinite(out[chunk], part.index)
        return out

    # What float32 cannot hold is refused afterwards, with the name of the object.
    @np.errstate(over="ignore")
    def _write(
        self,
        out: np.ndarray,
        flat: FlatLightCurves,
        since: np.ndarray,
        used: np.ndarray,
        context: np.ndarray,
    ) -> None:
        """Write the features of some objects into `out`, which is zero before."""
        position = flat.object_position[used]
        since, band = since[used], flat.band[used]
        flux, flux_err = flat.flux[used], flat.flux_err[used]
        if (np.diff(since, prepend=-np.inf) == 0).any():
            # In the order of time they are; the bands of one moment come as the rows did.
            order = np.lexsort((band, since, position))
            since, band, flux, flux_err = (v[order] for v in (since, band, flux, flux_err))
        number = np.bincount(position, minlength=len(out))
        step = _count_up(number)
        divisor = self._divisor(position, step, flux, flux_err, number)
        flux, flux_err = flux / divisor, flux_err / divisor
        if self.log_flux:
            flux = signed_log(flux)
        if self.max_observations is not None:
            kept = _spread(step, number[position], self.max_observations)
            values = (position, since, band, flux, flux_err)
            position, since, band, flux, flux_err = (v[kept] for v in values)
            step = _count_up(np.minimum(number, self.max_observations))
        out[position, step, 0] = since / self.duration
        out[position, step, 1] = flux
        out[position, step, 2] = flux_err
        n_bands = len(self.bands)
        out[position, step, 3 : out.shape[2] - n_bands] = context[position]
        out[position, step, out.shape[2] - n_bands + band] = 1.0

    def _divisor(
        self,
        position: np.ndarray,
        step: np.ndarray,
        flux: np.ndarray,
        flux_err: np.ndarray,
        number: np.ndarray,
    ) -> np.ndarray | float:
        """Return what flux and error of each observation are divided by."""
        if self.scale == "median":
            return median_scale(position, flux, flux_err, len(number))[position]
        if self.scale == "running":
            n_steps = int(number.max(initial=1))
            scales = running_scale(position, step, flux, flux_err, len(number), n_steps)
            return scales[position, step]
        return 1.0

    def _window(self, flat: FlatLightCurves) -> tuple[np.ndarray, np.ndarray]:
        """Return the days since t = 0, and which observations are used."""
        start = start_times(flat, self.start, self.detection_snr)
        since = flat.time - start[flat.object_position]
        return since, (since >= -self.lead - EDGE) & (since <= self.duration + EDGE)

    def _longest(self, flat: FlatLightCurves, used: np.ndarray) -> int:
        """Return the largest number of steps of an object, 1 at least."""
        longest = int(np.bincount(flat.object_position[used]).max(initial=1))
        return longest if self.max_observations is None else min(longest, self.max_observations)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the features of a step.

        Parameters
        ----------
        input_features : ignored
            Not used, present for the scikit-learn interface.

        Returns
        -------
        names : ndarray of shape (n_features,), dtype object
            The names, such as "flux".
        """
        masks = [f"mask_{band}" for band in self.bands]
        return np.array(["time", "flux", "flux_err", *self.context, *masks], dtype=object)


def _count_up(number: np.ndarray) -> np.ndarray:
    """Return 0, 1, ... for each group of so many."""
    return np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)


def _spread(step: np.ndarray, number: np.ndarray, most: int) -> np.ndarray:
    """Mark `most` steps of each object that has more, evenly spread from the first to the last."""
    # Step k is taken if a multiple of the spacing (number - 1) / (most - 1) rounds down to it.
    gap = np.maximum(number - 1, 1)
    slot = -(-step * (most - 1) // gap)
    return (number <= most) | (slot * gap // (most - 1) == step)
