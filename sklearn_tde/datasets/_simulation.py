"""Simulated light curves of transients, as a survey like ZTF would record them."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np
import pandas as pd
from nested_pandas import NestedFrame

from sklearn_tde.datasets._candidates import MODELS, simulate_class
from sklearn_tde.datasets._colors import WAVELENGTHS
from sklearn_tde.light_curves import pack_light_curves

__all__ = ["make_transients"]


def make_transients(
    n_tde: int = 66,
    n_sn_ia: int = 555,
    *,
    n_sn_ii: int = 0,
    n_sn_ibc: int = 0,
    n_sn_iin: int = 0,
    n_slsn: int = 0,
    n_agn: int = 0,
    n_cv: int = 0,
    bands: Sequence[str] = ("g", "r"),
    forced_photometry: bool = False,
    min_detections: int = 5,
    detection_snr: float = 5.0,
    magnitude_limit: float = 19.0,
    scatter: float = 0.53,
    outlier_rate: float = 0.006,
    residual_rate: float = 0.06,
    random_state: int | np.random.RandomState | np.random.Generator | None = None,
) -> tuple[NestedFrame, np.ndarray]:
    """Simulate light curves of transients as the Zwicky Transient Facility would record them.

    Every class follows a physical or an empirical model (see Notes). Objects get a peak magnitude,
    a redshift and dust, are visited with the gaps, seasons and weather of the survey, measured
    with its noise, and kept if they have enough detections in every band. The window of visits,
    the brightness limit, the cadence and the distribution of dates are the same for all classes,
    so that a classifier can only learn from the flares.

    Parameters
    ----------
    n_tde : int, default=66
        Number of tidal disruption events, labelled ``"TDE"``.
    n_sn_ia : int, default=555
        Number of supernovae of type Ia, labelled ``"SN Ia"``.
    n_sn_ii : int, default=0
        Number of supernovae of types IIP and IIL, labelled ``"SN II"``.
    n_sn_ibc : int, default=0
        Number of supernovae of types Ib and Ic, labelled ``"SN Ibc"``.
    n_sn_iin : int, default=0
        Number of supernovae of type IIn, labelled ``"SN IIn"``.
    n_slsn : int, default=0
        Number of superluminous supernovae, labelled ``"SLSN"``.
    n_agn : int, default=0
        Number of flares of active galactic nuclei, labelled ``"AGN"``.
    n_cv : int, default=0
        Number of cataclysmic variables (dwarf novae), labelled ``"CV"``.
    bands : sequence of str, default=("g", "r")
        Any of ``"u"``, ``"g"``, ``"r"``, ``"i"``, ``"z"`` and ``"y"``. Supernovae are known in g
        and r; elsewhere they are black bodies of the same g - r, which is a rough guess.
    forced_photometry : bool, default=False
        If False, rows are detections only, as in an archive of alerts. If True, the visits without
        a detection stay too, from 30 days before the first to 30 days after the last detection;
        their fluxes may be negative.
    min_detections : int, default=5
        Detections that an object needs in each band to be kept.
    detection_snr : float, default=5.0
        Ratio of flux to quoted error from which a visit is a detection.
    magnitude_limit : float, default=19.0
        AB magnitude in g at peak beyond which few objects have a spectrum, and hence a label.
    scatter : float, default=0.53
        Real scatter in units of the quoted error, 0.50 to 0.56 in the alerts of ZTF.
    outlier_rate : float, default=0.006
        Share of visits whose flux is off by a normal deviate of four times the quoted error.
    residual_rate : float, default=0.06
        Share of objects, of whatever class, with a constant flux left by the subtraction of the
        reference image: exponential with a mean of 25 microjansky, of either sign, in most bands.
        In alerts it shows as faint detections for years.
    random_state : int, RandomState instance, Generator instance or None, default=None
        Seed. The same integer gives the same light curves. Every class has a stream of its own:
        its objects do not change when other classes are asked for, and a smaller sample is part
        of a larger one. NumPy's global generator is left alone; None is a fresh seed.

    Returns
    -------
    X : NestedFrame of shape (n_objects, 3)
        One row per object, in random order, named ``"sim000000"``, ``"sim000001"``, ... The nested
        column ``light_curve`` holds ``time`` (modified Julian date), ``band``, ``flux`` and
        ``flux_err`` (microjansky, not corrected for extinction). ``redshift`` is the true
        redshift, 0 within the Milky Way, and ``ebv`` the foreground reddening E(B-V) in magnitudes.
    y : ndarray of shape (n_objects,), dtype object
        Names of the classes.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or the cuts leave no object of a class.

    See Also
    --------
    load_light_curves : Real light curves, from files.

    Notes
    -----
    *Tidal disruption events* are black bodies of 10^(4.33 +- 0.17) K that change by -60 +- 90 K per
    day, behind dust of the host with an exponential E(B-V) of mean 0.09 mag [1]_ [2]_. They rise as
    a Gaussian of 10^(1.15 +- 0.22) days and decay within 10^(1.64 +- 0.22) days, half of them
    exponentially and half as t^(-5/3), to a plateau of about a hundredth of the peak; 15 % flare
    again. Peak luminosities are 10^(43.27 +- 0.53) erg/s (nu L_nu in g).

    *Supernovae* follow median light curves of their class in g and r, with a stretch, a colour and
    smooth departures of their own. For type Ia the templates have the second maximum in r, a
    stretch of 1.0 +- 0.1, and a colour that is the sum of a normal and an exponential deviate
    [3]_. K-corrections are those of the nearby samples that the templates come from.

    *Active nuclei* vary as a damped random walk in the logarithm of the flux, with time scales of
    10^(2.1 +- 0.3) days [4]_. *Cataclysmic variables* repeat outbursts of 0.4 to 1.1 mag per day
    in decline every 20 to 500 days, 40 % of them superoutbursts.

    *Brightness*: counts rise as 10^(0.5 m) with the peak magnitude, as in a spectroscopic survey
    with a magnitude limit [5]_, and the redshift follows from the absolute magnitude in a flat
    universe with H0 = 70 km/s/Mpc and Omega_m = 0.3. *Dust*: A_g = 3.28 E(B-V), A_r = 2.18 E(B-V)
    [6]_. *Survey*: a cadence of one to three nights, outages, seasons of 150 to 260 days, both
    bands on half of the nights, and errors of sqrt(s^2 + 0.45 f + (0.024 f)^2) with s of about 5.5
    microjansky [7]_.

    References
    ----------
    .. [1] Mummery, A., van Velzen, S., et al. (2024), "Fundamental scaling relationships revealed
       in the optical light curves of tidal disruption events", MNRAS 527, 2452.
    .. [2] Hammerstein, E., et al. (2023), "The final season reimagined: 30 tidal disruption events
       from the ZTF-I survey", ApJ 942, 9.
    .. [3] Scolnic, D., & Kessler, R. (2016), "Measuring type Ia supernova populations of stretch
       and color and predicting distance biases", ApJL 822, L35.
    .. [4] MacLeod, C. L., et al. (2010), "Modeling the time variability of SDSS stripe 82 quasars
       as a damped random walk", ApJ 721, 1014.
    .. [5] Perley, D. A., et al. (2020), "The Zwicky Transient Facility Bright Transient Survey.
       II. A public statistical sample for exploring supernova demographics", ApJ 904, 35.
    .. [6] Schlafly, E. F., & Finkbeiner, D. P. (2011), "Measuring reddening with Sloan Digital Sky
       Survey stellar spectra and recalibrating SFD", ApJ 737, 103.
    .. [7] Bellm, E. C., et al. (2019), "The Zwicky Transient Facility: system overview,
       performance, and first results", PASP 131, 018002.

    Examples
    --------
    >>> from sklearn_tde.datasets import make_transients
    >>> X, y = make_transients(n_tde=3, n_sn_ia=5, random_state=0)
    >>> X.shape
    (8, 3)
    >>> sorted(set(y))
    ['SN Ia', 'TDE']
    >>> [str(name) for name in X["light_curve"].iloc[0].columns]
    ['time', 'band', 'flux', 'flux_err']
    """
    counts = {
        "n_tde": n_tde,
        "n_sn_ia": n_sn_ia,
        "n_sn_ii": n_sn_ii,
        "n_sn_ibc": n_sn_ibc,
        "n_sn_iin": n_sn_iin,
        "n_slsn": n_slsn,
        "n_agn": n_agn,
        "n_cv": n_cv,
    }
    _check_counts(counts)
    bands = _check_bands(bands)
    if not isinstance(min_detections, Integral) or min_detections < 0:
        raise ValueError(f"min_detections must be an integer of 0 or more; got {min_detections!r}.")
    _check_number("detection_snr", detection_snr, low=0.0)
    _check_number("magnitude_limit", magnitude_limit, low=10.0, high=25.0)
    _check_number("scatter", scatter, low=0.0)
    _check_number("outlier_rate", outlier_rate, low=0.0, high=1.0)
    _check_number("residual_rate", residual_rate, low=0.0, high=1.0)
    settings = {
        "bands": bands,
        "forced_photometry": forced_photometry,
        "min_detections": min_detections,
        "detection_snr": detection_snr,
        "magnitude_limit": magnitude_limit,
        "scatter": scatter,
        "outlier_rate": outlier_rate,
        "residual_rate": residual_rate,
    }
    entropy = _entropy(random_state)
    samples = [
        simulate_class(label, n, (entropy, stream), settings)
        for stream, (label, n) in enumerate(zip(MODELS, counts.values(), strict=True))
        if n > 0
    ]
    return _assemble(samples, bands)


def _check_counts(counts: dict[str, int]) -> None:
    for name, n in counts.items():
        if not isinstance(n, Integral) or isinstance(n, bool) or n < 0:
            raise ValueError(f"{name} must be an integer of 0 or more; got {n!r}.")
    if not any(counts.values()):
        raise ValueError(f"No objects are asked for: one of {', '.join(counts)} must be positive.")


def _check_bands(bands: Sequence[str]) -> tuple[str, ...]:
    bands = (bands,) if isinstance(bands, str) else tuple(bands)
    unknown = [name for name in bands if name not in WAVELENGTHS]
    if unknown or not bands or len(set(bands)) != len(bands):
        raise ValueError(
            f"bands must be different names out of {', '.join(WAVELENGTHS)}; got {bands!r}."
        )
    return bands


def _check_number(name: str, value: float, low: float, high: float = np.inf) -> None:
    if not isinstance(value, Real) or not low <= value <= high:
        raise ValueError(f"{name} must be a number from {low} to {high}; got {value!r}.")


def _entropy(random_state: int | np.random.RandomState | np.random.Generator | None) -> int:
    """An integer seed; numpy's global generator is neither read nor advanced."""
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31 - 1))
    if isinstance(random_state, Integral) and random_state >= 0:
        return int(random_state)
    raise ValueError(
        "random_state must be None, a non-negative integer, a numpy.random.RandomState or a "
        f"numpy.random.Generator; got {random_state!r}."
    )


def _assemble(
    samples: list[tuple[pd.DataFrame, pd.DataFrame]], bands: tuple[str, ...]
) -> tuple[NestedFrame, np.ndarray]:
    """Mix the classes, name the objects and pack the rows."""
    start = np.cumsum([0] + [len(objects) for objects, _ in samples[:-1]])
    objects = pd.concat([objects for objects, _ in samples], ignore_index=True)
    rows = pd.concat(
        [
            rows.assign(position=rows["position"] + s)
            for (_, rows), s in zip(samples, start, strict=True)
        ],
        ignore_index=True,
    )
    # Every object brings its own sort key, so the others stay in order when a class is added.
    order = np.argsort(objects["sort_key"].to_numpy(), kind="stable")
    rank = np.empty(len(objects), dtype=np.int64)
    rank[order] = np.arange(len(objects))
    objects = objects.iloc[order]
    names = np.array([f"sim{number:06d}" for number in range(len(objects))])
    rows["position"] = rank[rows["position"].to_numpy()]
    rows = rows.sort_values(["position", "time"], kind="stable", ignore_index=True)
    table = rows[["time", "flux", "flux_err"]].assign(
        object_id=pd.Categorical.from_codes(rows["position"], names),
        band=pd.Categorical.from_codes(rows["band"], list(bands)),
    )
    columns = objects[["redshift", "ebv"]].set_index(pd.Index(names, name="object_id"))
    X = pack_light_curves(table, objects=columns)
    return X, objects["label"].to_numpy(dtype=object)
