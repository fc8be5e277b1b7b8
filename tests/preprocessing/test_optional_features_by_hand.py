"""The optional groups of features against the same numbers from scikit-learn and scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern

from sklearn_tde import load_light_curves
from sklearn_tde.preprocessing import LightCurveFeatures

WAVELENGTHS = {"g": 4746.48, "r": 6366.38, "i": 7546.0}
BANDS = tuple(WAVELENGTHS)
REDSHIFT = 0.2
TIME_SCALES, WAVELENGTH_SCALES = (6, 12, 25, 50, 100, 200), (0.15, 0.4, 1, 3)
#: No length along this axis matters.
FLAT = 1e9


def observations():
    """A blue flare, with noise before and after it; no two points in one night and band."""
    rng = np.random.default_rng(5)
    time = np.sort(np.append(np.arange(-200.0, 500.0, 14.0), np.arange(-20.0, 120.0, 4.0) + 0.9))
    band = np.array(BANDS)[np.arange(len(time)) % 3]
    shape = np.where(time < 0, np.exp(-0.5 * (time / 12) ** 2), np.exp(-time / 40))
    color = pd.Series({"g": 90.0, "r": 60.0, "i": 45.0})[band].to_numpy()
    error = rng.uniform(1.0, 4.0, len(time))
    flux = color * shape + error * rng.normal(size=len(time))
    return pd.DataFrame({"time": time, "band": band, "flux": flux, "flux_err": error})


ROWS = observations()


def features(group, rest_frame=False):
    objects = pd.DataFrame({"object_id": ["a"], "redshift": REDSHIFT})
    X, _ = load_light_curves(ROWS.assign(object_id="a"), objects, label=None)
    transformer = LightCurveFeatures(bands=BANDS, groups=(group,), rest_frame=rest_frame)
    return transformer.set_output(transform="pandas").fit_transform(X).iloc[0]


class Process:
    """The process by scikit-learn: the most likely scales of the grid, and its peak."""

    def __init__(self, redshift=0.0):
        self.time = ROWS["time"].to_numpy() / (1 + redshift)
        wavelength = ROWS["band"].map(WAVELENGTHS).to_numpy()
        points = np.column_stack([self.time, np.log(wavelength)])
        flux, error = ROWS["flux"].to_numpy(), ROWS["flux_err"].to_numpy()
        self.unit = np.quantile(flux, 0.98)
        flux, error = flux / self.unit, error / self.unit
        variance = error**2 + (0.02 * flux) ** 2 + 1e-6
        fits = {}
        for days in TIME_SCALES:
            for width in WAVELENGTH_SCALES:
                in_time, in_color = Matern([days, FLAT], nu=1.5), RBF([FLAT, width])
                kernel = ConstantKernel(0.6**2) * in_time * in_color
                process = GaussianProcessRegressor(kernel, alpha=variance, optimizer=None)
                fits[days, width] = process.fit(points, flux)
        self.likelihood = pd.Series(
            {scales: fit.log_marginal_likelihood_value_ for scales, fit in fits.items()}
        )
        self.best = fits[self.likelihood.idxmax()]
        noise = stats.norm.logpdf(flux, scale=np.sqrt(variance)).sum()
        self.gain = (self.likelihood.max() - noise) / len(flux)
        detected = ROWS["flux"] / ROWS["flux_err"] >= 5
        totals = [
            self.bands(t).sum() if found else -1
            for t, found in zip(self.time, detected, strict=True)
        ]
        self.peak = self.time[np.argmax(totals)]

    def at(self, time, wavelengths):
        at = [[time, np.log(wavelength)] for wavelength in wavelengths]
        return self.best.predict(np.array(at)) * self.unit

    def bands(self, time):
        return self.at(time, WAVELENGTHS.values())


@pytest.fixture(scope="module")
def process():
    return Process()


@pytest.fixture(scope="module")
def found():
    return features("gaussian_process")


def test_the_scales_are_those_that_are_likely(process, found):
    share = np.exp(process.likelihood - process.likelihood.max())
    days, widths = np.log(np.array(share.index.to_list())).T
    assert found["gp_time_scale"] == pytest.approx(np.average(days, weights=share))
    assert found["gp_wavelength_scale"] == pytest.approx(np.average(widths, weights=share))
    assert found["gp_gain"] == pytest.approx(np.log(process.gain))


def test_fluxes_and_colors_are_those_of_the_process(process, found):
    peak = process.bands(process.peak)
    for phase, name in ((-15, "before_15"), (15, "after_15"), (40, "after_40"), (60, "after_60")):
        flux = process.bands(process.peak + phase)
        assert found[f"gp_flux_ratio_{name}"] == pytest.approx(flux.sum() / peak.sum(), rel=1e-6)
    for phase, name in ((0, "peak"), (15, "after_15")):
        g, r, i = process.bands(process.peak + phase)
        assert found[f"gp_color_g_r_{name}"] == pytest.approx(-2.5 * np.log10(g / r), rel=1e-6)
        assert found[f"gp_color_r_i_{name}"] == pytest.approx(-2.5 * np.log10(r / i), rel=1e-6)


def test_the_flare_lasts_as_long_as_that_of_the_process(process, found):
    total = process.bands(process.peak).sum()
    times = {}
    for side, step in (("rise", -2.0), ("fade", 2.0)):
        for level in (70, 50, 25, 10):
            time = process.peak
            while process.bands(time).sum() >= level / 100 * total:
                time += step
            times[side, level] = abs(time - process.peak)
            assert found[f"gp_{side}_time_{level}"] == times[side, level]
    ratio = (times["fade", 50] + 2.0) / (times["rise", 50] + 2.0)
    assert found["gp_asymmetry"] == pytest.approx(np.log(ratio))


def test_the_temperature_is_that_of_the_nearest_black_body(process, found):
    flux = process.bands(process.peak)
    wavelength = np.array(list(WAVELENGTHS.values()))

    def left(log_temperature):
        body = wavelength**-3 / np.expm1(1.438777e8 / wavelength / np.exp(log_temperature))
        return 1 - (body @ flux) ** 2 / (body @ body) / (flux @ flux)

    nearest = minimize_scalar(left, bounds=np.log([3500, 60000]), method="bounded")
    # The grid of temperatures has steps of 0.048.
    assert found["gp_log_temperature_peak"] == pytest.approx(nearest.x, abs=0.03)
    misfit = np.exp(found["gp_temperature_misfit_peak"]) - 1e-6
    assert misfit == pytest.approx(left(found["gp_log_temperature_peak"]), rel=1e-6)


def test_activity_is_that_of_all_points(process):
    found = features("activity")
    flux, error = ROWS["flux"].to_numpy(), ROWS["flux_err"].to_numpy()
    snr, phase = flux / error, ROWS["time"].to_numpy() - process.peak
    strong, detected = np.abs(snr) >= 3, snr >= 5
    in_flare = (phase > -60) & (phase < 200) & strong & (flux > 0)
    expected = {
        "negative_fraction": np.mean(flux < 0),
        "hole_fraction": np.mean(snr <= -3),
        "significant_fraction": np.mean(snr >= 3),
        "skewness": stats.skew(snr),
        "kurtosis": stats.kurtosis(snr, fisher=False),
        "flare_share": flux[in_flare].sum() / np.abs(flux[strong]).sum(),
        "n_detections": detected.sum(),
        "log_span": np.log1p(np.ptp(phase[detected])),
    }
    for band in BANDS:
        of_band = flux[ROWS["band"] == band]
        expected[f"skewness_{band}"] = stats.skew(of_band)
        expected[f"kurtosis_{band}"] = stats.kurtosis(of_band, fisher=False)
    intervals = {
        "before_100": phase < -100,
        "before_40": phase < -40,
        "100_200": (phase > 100) & (phase < 200),
        "after_200": phase > 200,
    }
    level = process.bands(process.peak).mean()
    for name, rows in intervals.items():
        ours = snr[rows]
        expected |= {
            f"n_points_{name}": rows.sum(),
            f"chi2_{name}": np.log(np.mean(ours**2)),
            f"max_snr_{name}": ours.max(),
            f"min_snr_{name}": ours.min(),
            f"skewness_{name}": stats.skew(ours),
            f"mean_snr_{name}": ours.sum() / np.sqrt(len(ours)),
            f"flux_ratio_{name}": np.average(flux[rows], weights=error[rows] ** -2.0) / level,
        }
    expected = pd.Series(expected).add_prefix("activity_")
    assert min(rows.sum() for rows in intervals.values()) > 5
    assert set(expected.index) == set(found.index)
    pd.testing.assert_series_equal(found, expected[found.index], check_names=False, rtol=1e-6)


def test_absolute_magnitudes_are_those_of_the_peak_at_its_distance():
    found = features("luminosity", rest_frame=True)
    process = Process(REDSHIFT)
    integral, _ = quad(lambda z: (0.3 * (1 + z) ** 3 + 0.7) ** -0.5, 0, REDSHIFT)
    distance = (1 + REDSHIFT) * integral * 299792.458 / 70 * 1e6
    # Of flux per frequency, redshift takes one factor 1 + z back.
    modulus = 5 * np.log10(distance / 10) - 2.5 * np.log10(1 + REDSHIFT)
    at_source = (2500.0, 3500.0, 4500.0, 5500.0, 6500.0)
    flux = np.append(
        process.bands(process.peak), process.at(process.peak, np.multiply(at_source, 1 + REDSHIFT))
    )
    flux = np.maximum(flux, 0.02 * flux[:3].max())
    names = [f"absolute_magnitude_{kind}" for kind in (*BANDS, *(f"{w:.0f}" for w in at_source))]
    expected = pd.Series(23.9 - 2.5 * np.log10(flux) - modulus, index=names)
    pd.testing.assert_series_equal(found, expected, check_names=False, rtol=1e-6)
