"""Hand-made features of light curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from sklearn_tde._containers import as_nested_frame
from sklearn_tde._flat import flattened, some_objects
from sklearn_tde.light_curves import check_light_curves
from sklearn_tde.preprocessing._corrections import extinction_ratios, redshifts, transmissions
from sklearn_tde.preprocessing._feature_groups import GROUPS
from sklearn_tde.preprocessing._feature_groups._curves import make_curves

#: Objects at a time: their working arrays stay in the processor's cache.
_CHUNK = 1024


class LightCurveFeatures(TransformerMixin, BaseEstimator):
    """Describe light curves by named numbers, one row per object.

    Colours and their change, rise and decline, second maxima, fits of simple models: what tells
    tidal disruption events from supernovae and active nuclei. A number that is not defined, such
    as a colour where one band is missing, is NaN.

    Parameters
    ----------
    bands : sequence of str, default=("g", "r")
        The bands, from blue to red; colours are those of neighbours. A band that an object lacks
        leaves NaN; an observation in another band is an error.
    groups : sequence of str, default=("color", "shape", "decay", "rebrightening", "early", \
"history", "template", "power_law", "temperature")
        The groups of features, see Notes, in the order of the columns. Not among the default:
        "brightness", which depends on the distance and on the depth of the survey; "cadence",
        which is how the object was observed, a shortcut where classes come from different surveys;
        "gaussian_process" and "activity", which take most of the time, for few points in many
        bands and for years of observations; and "luminosity", which needs `rest_frame`.
    duration : float, default=300.0
        Days after t = 0 at which the window ends.
    start : {"confirmed", "first"}, default="confirmed"
        What t = 0 is, as in :class:`LightCurveGridder`.
    detection_snr : float, default=5.0
        An observation is a detection if its flux is at least so many times its error.
    extinction : bool or dict, default=False
        Whether to divide out the extinction of the Milky Way, with E(B-V) from the column ``ebv``.
        The ratios A / E(B-V) are 4.145 (u), 3.28 (g), 2.18 (r), 1.684 (i), 1.323 (z) and
        1.088 (y): for g and r those of the Zwicky Transient Facility, for the others those of
        Rubin [1]_; a mapping from bands to ratios replaces them. An object without E(B-V) (NaN) is
        an error, in `transform` too: give it one, or leave it out.
    rest_frame : bool, default=False
        Whether days are those of the source: divided by 1 + z with z from the column ``redshift``.
        t = 0 is found in days of the observer. An object without a redshift (NaN) is an error.

    Attributes
    ----------
    n_features_out_ : int
        Number of features.

    See Also
    --------
    LightCurveGridder : Light curves for neural networks.

    Notes
    -----
    The page "Features" of the documentation has tables of all columns, with units and signs.

    Times are days since t = 0 in the window, if nothing else is said. **The peak** of a band is
    the detection with the largest smoothed flux: the mean of the band's points within 2.5 days,
    weighted by their inverse variances. **The phase** is the days since the peak of the reference
    band, the first of `bands` with three detections (or else with the most); "own phase" counts
    from the band's own peak. Up to 30 days before t = 0 belong to the rise. Magnitudes need
    3 sigma, and 0.02 mag are added to their errors in quadrature. Rates and slopes are those of
    lines, weighted by the inverse variances, with a prior of 0 +- 0.05 mag per day for magnitudes
    and 0 +- 0.03 for colours: from few noisy points they come out small. ``g`` stands for each
    band and ``g_r`` for each pair of neighbours below.

    "color", in magnitudes, from points of both bands at most 3 days apart or interpolated
    between two at most 10 days apart:

    - ``color_g_r_peak``, ``_peak_err``: mean within 5 days of the peak, and its error;
      ``_peaks``: of the two peak fluxes, each band's own;
    - ``color_g_r_rate_*``, ``_rate_*_err``: change per day and its error, at phases -30 to 0
      (``rise``), 0 to 30, 0 to 60 and all;
    - ``color_g_r_mean_*``: mean at phases -30 to 0 (``rise``), 0 to 20, 20 to 40, 40 to 80;
    - ``color_g_r_change``: mean of the later less that of the earlier half of the time [4]_;
    - ``color_g_r_chi2``: reduced chi2 of a constant colour; ``_range``: of means of ten days;
    - ``color_g_r_scatter``: standard deviation over windows of ten days with three points in
      each band [3]_.

    "shape", for each band:

    - ``rise_rate_g_40``, ``_20``: mag per day brighter over so many days before the own peak;
      ``decline_g_*``: mag per day fainter at own phases 0 to 20, 0 to 40, 20 to 60, 40 to 100
      and all after 0;
    - ``straight_chi2_g``, ``bent_chi2_g``: reduced chi2 of a line and of a parabola through the
      magnitudes of 60 days after the own peak; ``curvature_g``: mag per day squared of the latter;
    - ``rise_time_g_*``, ``fade_time_g_*``: days between the own peak and the crossing of 0.5 mag
      below it, of half and of a quarter of its flux, outwards, in the smoothed flux [2]_;
      ``time_to_peak_g``: from the first detection to the own peak;
    - ``skewness_g``: of the fluxes [5]_; ``roughness_g``: mean squared step from point to point
      over the variance (von Neumann);
    - ``flux_ratio_g_before_*``, ``_after_*``: flux so many days before or after the own peak
      over the peak flux, interpolated between points at most 25 days apart;
    - ``peak_lag_g_r``: days from the first band's peak to the second's.

    "decay", for each band: ``tde_decay_g`` and ``tde_decay_chi2_g``, slope and reduced chi2 of
    the magnitudes of 200 days after the own peak against ``2.5 log10(own phase + 40)`` [3]_.

    "rebrightening", for each band: ``shoulder_g``, ``shoulder_snr_g``, by how many magnitudes
    and errors own phases 20 to 32 are brighter than the line through 8 to 18 and 34 to 48 (the
    second maximum of type Ia supernovae in red bands); ``rebrightening_g``,
    ``rebrightening_snr_g``, the largest rise of the smoothed flux after the own peak over the
    peak flux and over its error; ``n_maxima_g``, bins of ten days brighter than both neighbours
    by three errors.

    "early" [2]_, from detections: ``infant_n_detections``, ``infant_has_g`` in the first
    1.5 days; ``limit_delay``, ``_rise``, ``_rate``: days, magnitudes and magnitudes per day from
    the last limit (`detection_snr` times the error) to the first detection of that band;
    ``week_rise_g``, ``week_color_g_r``: range and difference of medians of the magnitudes in
    7 days; ``month_rate``, ``month_color_g_r``, ``month_chi2``, ``month_intercept``: one slope
    for all bands in 30 days (mag per day brighter), colours at t = 0, reduced chi2, and how many
    magnitudes t = 0 is brighter than the brightest point of the first band (mostly negative).

    "history": before t = 0 ``earlier_n_detections``, ``earlier_days`` (how long ago the first of
    them), ``earlier_flux_ratio`` (brightest flux over the peak of its band), ``earlier_max_snr``
    and ``earlier_scatter`` (standard deviation of flux over error); ``later_*``: the same after
    the window.

    "template", fits of all bands at once, each with a free amplitude:
    ``template_sn_ia_*``, the median type Ia supernova of the Zwicky Transient Facility, stretched
    in time; ``template_tde_*``, a Gaussian rise and an exponential decay of constant colour [6]_.
    Of each ``_chi2``, natural logarithm of the reduced chi2; ``_gain``, logarithm of the chi2 of
    a constant over that of the model; ``_peak``, its phase; ``_serial``, correlation of
    successive residuals; ``_color_g_r``, colour of the amplitudes; natural logarithms of the
    stretch (``_stretch``) and of the days of rise and decay (``_rise``, ``_decay``).
    ``template_ratio``: logarithm of the supernova's chi2 over the disruption's.

    "power_law", fits of the flux after the peak, all bands at once with an amplitude each:
    ``fall_back_chi2`` of ``(t - t_D)^(-5/3)`` (logarithms, as above), ``fall_back_disruption``,
    logarithm of the days from t_D to the peak; ``power_law_exponent``, logarithm of a free
    exponent; ``exponential_chi2``, ``exponential_decay`` of an exponential, of the same days in
    all bands; ``fall_back_exponential_ratio``: logarithm of the ratio of both chi2;
    ``exponential_band_ratio``: of the chi2 of common days over that of each band's own;
    ``exponential_decay_g_r``: logarithm of the ratio of two bands' own days.

    "linex", for each band, FLEET's ``exp(W (t - phi)) - A W (t - phi) + m0`` in magnitudes [7]_:
    ``linex_width_g`` (ln W), ``linex_rise_g`` (A), ``linex_phase_g`` (own phase phi),
    ``linex_magnitude_g`` (m0 below the own peak), ``linex_chi2_g`` (logarithm).

    "temperature", from the colours, 10,000 K / T of a black body in the observer's frame:
    ``inverse_temperature_peak``, ``_rate``, ``_peak_err``, ``_rate_err``: at phase 0 and its
    change per day, with errors; ``_chi2``: logarithm of the reduced chi2; ``_cooling_ratio``:
    logarithm of the chi2 of a constant temperature over that; ``_late_early``: mean after phase
    30 less mean before 10. Bands other than u, g, r, i, z, y are left out.

    "brightness": ``log_peak_flux_g``, log10 of microjansky; ``log_peak_snr_g``, log10 of the
    smoothed flux over its error.

    "cadence": ``n_points_g``, ``n_detections_g``; ``detected_days``, from the first to the last
    detection; ``points_per_day``; ``median_gap``, days between points of a band;
    ``same_night_fraction``, points with one of another band within half a day;
    ``negative_fraction``, points of negative flux; ``median_relative_error`` of the detections.

    "gaussian_process", from one smooth flux in time and wavelength through all points of the light
    curve, those outside the window too [8]_; its peak is that of the flux summed over the bands,
    at a detection. Bands other than u, g, r, i, z, y are left out. Logarithms of its scales,
    ``gp_time_scale`` and ``gp_wavelength_scale``, and of the gain in likelihood per point over
    noise, ``gp_gain``; ``gp_flux_ratio_*``, summed flux at a phase over that of the peak;
    ``gp_rise_time_50``, ``gp_fade_time_50``: days, in steps of two and at most 200 and 400, from
    the peak to half of it, and so on; ``gp_asymmetry``, logarithm of the ratio of the two;
    ``gp_n_maxima``; ``gp_color_g_r_*``, colours at the peak and at phases;
    ``gp_log_temperature_*``, ``gp_temperature_misfit_*``: ln T of the nearest black body, in the
    source's frame if `rest_frame`, and the logarithm of the squared flux that it leaves. NaN at
    phases without a point near by.

    "activity", from all points, phases counted from that peak: ``activity_negative_fraction``,
    ``_hole_fraction``, ``_significant_fraction``: points below 0, 3 sigma below and above;
    ``_skewness``, ``_kurtosis`` of flux over error, and for each band of the flux;
    ``_flare_share``, flux of the points above 3 sigma at phases -60 to 200 over the absolute flux
    of all such points; ``_n_detections``, ``_log_span`` of the detections. Of the points before
    phase -100 (``_before_100``), before -40, at 100 to 200 and after 200: ``_n_points``;
    ``_chi2`` (logarithm of the mean square of flux over error), ``_max_snr``, ``_min_snr``,
    ``_skewness``, ``_mean_snr`` (sum over the root of the number) of flux over error;
    ``_flux_ratio``, mean flux over that of the peak. The counts depend on the survey.

    "luminosity": ``absolute_magnitude_g``, AB, of that peak, without K-correction;
    ``absolute_magnitude_2500`` to ``_6500``, at wavelengths of the source in Angstrom, where the
    bands reach so far and else by the process's return to zero. At most 4.2 mag fainter than the
    brightest band. With 70 km/s/Mpc and a matter density of 0.3.

    References
    ----------
    .. [1] Schlafly, E. F., & Finkbeiner, D. P. (2011). ApJ 737, 103, table 6.
    .. [2] Stein, R., et al. (2024). tdescore. ApJ 965, L14.
    .. [3] Pavez-Herrera, M., et al. (2025). TDEs in ALeRCE's classifier. A&A 696, A153.
    .. [4] Sasli, A., et al. FLARE, version 2.0, software.
    .. [5] Magill, D., et al. (2025). MALLORN. arXiv:2512.04946.
    .. [6] Van Velzen, S., et al. (2021). ApJ 908, 4.
    .. [7] Gomez, S., et al. (2023). FLEET. ApJ 949, 113.
    .. [8] Boone, K. (2019). Avocado. AJ 158, 257.

    Examples
    --------
    >>> from sklearn_tde import make_transients
    >>> from sklearn_tde.preprocessing import LightCurveFeatures
    >>> X, y = make_transients(n_tde=3, n_sn_ia=5, random_state=0)
    >>> features = LightCurveFeatures(groups=("color", "shape")).set_output(transform="pandas")
    >>> table = features.fit_transform(X)
    >>> table.index.equals(X.index)
    True
    >>> table.groupby(y)["color_g_r_mean_20_40"].median().round(1).to_dict()
    {'SN Ia': 0.7, 'TDE': -0.1}
    """

    _parameter_constraints = {
        "bands": [list, tuple],
        "groups": [list, tuple],
        "duration": [Interval(Real, 0, None, closed="neither")],
        "start": [StrOptions({"confirmed", "first"})],
        "detection_snr": [Interval(Real, 0, None, closed="neither")],
        "extinction": ["boolean", dict],
        "rest_frame": ["boolean"],
    }

    def __init__(
        self,
        *,
        bands: Sequence[str] = ("g", "r"),
        groups: Sequence[str] = (
            "color",
            "shape",
            "decay",
            "rebrightening",
            "early",
            "history",
            "template",
            "power_law",
            "temperature",
        ),
        duration: float = 300.0,
        start: str = "confirmed",
        detection_snr: float = 5.0,
        extinction: bool | Mapping[str, float] = False,
        rest_frame: bool = False,
    ) -> None:
        self.bands = bands
        self.groups = groups
        self.duration = duration
        self.start = start
        self.detection_snr = detection_snr
        self.extinction = extinction
        self.rest_frame = rest_frame

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> LightCurveFeatures:
        """Check the parameters and the light curves; nothing is learned from them.

        Parameters
        ----------
        X : NestedFrame of shape (n_objects, n_columns)
            Light curves, or any container of :func:`sklearn_tde.check_light_curves`.
        y : ignored
            Not used, present for the scikit-learn interface.

        Returns
        -------
        self : LightCurveFeatures
            The fitted transformer.

        Raises
        ------
        ValueError
            If a parameter is out of range, or a light curve is (see
            :func:`sklearn_tde.check_light_curves`), or a column that is needed is missing or
            holds no sensible numbers.
        """
        self._check_parameters()
        X = check_light_curves(X, bands=self.bands)
        self._redshift(X)
        self._transmission(X)
        self.n_features_out_ = len(self.get_feature_names_out())
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the features.

        Parameters
        ----------
        X : NestedFrame of shape (n_objects, n_columns)
            Light curves, or any container of :func:`sklearn_tde.check_light_curves`.

        Returns
        -------
        features : ndarray of shape (n_objects, n_features), dtype float64
            The features, NaN where they are not defined. A table if `set_output` says so.

        Raises
        ------
        NotFittedError
            If the transformer is not fitted.
        ValueError
            If a light curve is not valid, or a column that is needed is missing or holds no
            sensible numbers.
        """
        check_is_fitted(self)
        X = as_nested_frame(X)
        flat = flattened(X, tuple(self.bands))
        redshift, transmission = self._redshift(X), self._transmission(X)
        n_features = len(self.get_feature_names_out())
        if n_features != self.n_features_out_:
            raise ValueError(
                f"bands={self.bands!r} and groups={self.groups!r} have {n_features} features, "
                f"those of fit had {self.n_features_out_}; expected the same, or another fit."
            )
        out = np.empty((flat.n_objects, n_features))
        for begin in range(0, flat.n_objects, _CHUNK):
            chunk = slice(begin, begin + _CHUNK)
            with np.errstate(all="ignore"):
                curves = make_curves(
                    some_objects(flat, begin, begin + _CHUNK),
                    start=self.start,
                    duration=self.duration,
                    detection_snr=self.detection_snr,
                    redshift=None if redshift is None else redshift[chunk],
                    transmission=None if transmission is None else transmission[chunk],
                )
                tables = [GROUPS[name].compute(curves) for name in self.groups]
            out[chunk] = np.concatenate(tables, axis=1)
        out[~np.isfinite(out)] = np.nan
        return out

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the features.

        Parameters
        ----------
        input_features : ignored
            Not used, present for the scikit-learn interface.

        Returns
        -------
        names : ndarray of shape (n_features,), dtype object
            The names, such as "color_g_r_peak".
        """
        bands = tuple(self.bands)
        names = [name for group in self.groups for name in GROUPS[group].names(bands)]
        return np.array(names, dtype=object)

    def _check_parameters(self) -> None:
        for name in ("bands", "groups"):
            values = getattr(self, name)
            if any(not isinstance(value, str) for value in values) or len(set(values)) < len(
                values
            ):
                raise ValueError(f"{name} must be different strings; got {values!r}.")
            if not len(values):
                raise ValueError(f"{name} is empty; expected at least one.")
        unknown = [name for name in self.groups if name not in GROUPS]
        if unknown:
            raise ValueError(
                f"groups: {unknown[0]!r} is not known; expected some of "
                f"{', '.join(map(repr, GROUPS))}."
            )
        names = self.get_feature_names_out().tolist()
        if not names:
            raise ValueError(
                f"groups={self.groups!r}: there is no feature of them in bands={self.bands!r}; "
                "expected two bands or more for colours."
            )
        if "luminosity" in self.groups and not self.rest_frame:
            raise ValueError(
                "groups: 'luminosity' needs redshifts; expected rest_frame=True with it."
            )
        extinction_ratios(self.extinction, self.bands)

    def _redshift(self, X: Any) -> np.ndarray | None:
        return redshifts(X) if self.rest_frame else None

    def _transmission(self, X: Any) -> np.ndarray | None:
        ratios = extinction_ratios(self.extinction, self.bands)
        return None if ratios is None else transmissions(X, ratios)

    def __sklearn_tags__(self) -> Tags:
        """Return the tags: light curves in, nothing learned from them."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = False
        tags.requires_fit = True
        tags.no_validation = True
        # float64 whatever comes in.
        tags.transformer_tags.preserves_dtype = []
        return tags
