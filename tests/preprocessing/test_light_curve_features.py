"""Features of light curves whose values are known, or found object by object."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy.stats import skew
from sklearn.base import clone

from sklearn_tde import check_light_curves, make_transients
from sklearn_tde.preprocessing import LightCurveFeatures, _features

#: Luminosities need redshifts.
ALL = tuple(name for name in _features.GROUPS if name != "luminosity")
FITS = ("template", "power_law", "linex", "temperature", "gaussian_process", "activity")
QUICK = tuple(name for name in ALL if name not in FITS)
#: Magnitudes per day of the rise, and of the decline of each band after day 20.
RISE, DECLINE = 0.1, {"g": 0.05, "r": 0.03, "i": 0.02}


def curve(bands="gr", step=1.0, end=121.0, peak=200.0, colors=(0.0, 0.2, 0.3)):
    """A triangle in magnitudes, with a peak of `peak` microjansky in the first band at day 20."""
    parts = []
    for band, color in zip(bands, colors, strict=False):
        time = np.arange(0.0, end, step)
        magnitude = np.where(time < 20, RISE * (20 - time), DECLINE[band] * (time - 20)) - color
        flux = peak * 10 ** (-0.4 * magnitude)
        error = np.full(len(time), 0.01 * peak)
        parts.append(pd.DataFrame({"time": time, "band": band, "flux": flux, "flux_err": error}))
    return pd.concat(parts)


def columns(*rows, error=1.0):
    """An object from rows of time, band, flux."""
    time, band, flux = zip(*rows, strict=True)
    return {"time": time, "band": band, "flux": flux, "flux_err": [error] * len(rows)}


def table(objects, groups=QUICK, **params):
    features = LightCurveFeatures(groups=groups, **params).set_output(transform="pandas")
    return features.fit(objects).transform(objects)


def one(*objects, groups=QUICK, **params):
    return table(list(objects), groups, **params).iloc[0]


@pytest.fixture(scope="module")
def triangle():
    return one(curve())


# --- values -------------------------------------------------------------------------------------


def test_colors_of_a_known_curve(triangle):
    # The smoothed peak is below the true one, more so where the decline is steeper.
    assert triangle["color_g_r_peaks"] == pytest.approx(0.2, abs=0.03)
    assert triangle["color_g_r_mean_rise"] == pytest.approx(0.2, abs=0.005)
    assert triangle["color_g_r_rate_rise"] == pytest.approx(0.0, abs=1e-3)
    for name in ("0_30", "0_60"):
        assert triangle[f"color_g_r_rate_{name}"] == pytest.approx(0.02, rel=0.02)
    # The mean of a line is that of its middle, but for the larger weight of brighter points.
    assert triangle["color_g_r_mean_20_40"] == pytest.approx(0.2 + 0.02 * 30, abs=0.06)
    assert triangle["color_g_r_chi2"] > 10
    errors = triangle[[name for name in triangle.index if name.endswith("_err")]]
    assert ((errors > 0) & (errors < 0.03)).all()


def test_a_color_that_jumps_half_way():
    time = np.arange(0.0, 41.0, 4.0)
    rows = [(t, "g", 100.0 - t) for t in time]
    rows += [(t, "r", (100.0 - t) * (1.0 if t <= 20 else 2.0)) for t in time]
    found = one(columns(*rows), groups=("color",))
    assert found["color_g_r_change"] == pytest.approx(2.5 * np.log10(2))
    assert found["color_g_r_range"] == pytest.approx(2.5 * np.log10(2))
    assert found["color_g_r_peak"] == pytest.approx(0)


def test_color_scatter_is_that_of_windows_of_ten_days():
    phases = np.array([0.0, 2.0, 4.0, 10.0, 12.0, 14.0, 20.0, 22.0])
    red = [100.0, 100, 100, 150, 150, 150, 400, 400]
    rows = [(t, "g", 110.0 if t == 0 else 100.0) for t in phases]
    rows += [(t, "r", f) for t, f in zip(phases, red, strict=True)]
    # The third window has two points only.
    brightest = -2.5 * np.log10(110 / 100) / 3
    expected = np.std([brightest, 2.5 * np.log10(1.5)])
    found = one(columns(*rows))
    assert found["color_g_r_scatter"] == pytest.approx(expected, rel=1e-6)


def test_slopes_and_times_of_a_known_curve(triangle):
    # The smoothed peak is a day late.
    assert triangle["rise_rate_g_40"] == pytest.approx(RISE, rel=0.05)
    assert triangle["rise_rate_r_20"] == pytest.approx(RISE, rel=0.05)
    for band in "gr":
        for name in ("0_20", "0_40", "20_60", "all"):
            slope = triangle[f"decline_{band}_{name}"]
            assert slope == pytest.approx(DECLINE[band], rel=0.01), name
        days = 2.5 * np.log10(2) / DECLINE[band]
        assert triangle[f"fade_time_{band}_half"] == pytest.approx(days, abs=1.5)
        assert triangle[f"fade_time_{band}_quarter"] == pytest.approx(2 * days, abs=2.5)
        assert triangle[f"fade_time_{band}_05mag"] == pytest.approx(0.5 / DECLINE[band], abs=1.5)
        assert triangle[f"rise_time_{band}_half"] == pytest.approx(7.5, abs=2)
        # Daily points of equal errors: the peak is the mean of five of them, a day late.
        flux = curve()[lambda part, band=band: part["band"] == band]["flux"].to_numpy()
        peak = flux[19:24].mean()
        assert triangle[f"flux_ratio_{band}_after_30"] == pytest.approx(flux[51] / peak)
        assert triangle[f"flux_ratio_{band}_before_10"] == pytest.approx(flux[11] / peak)
        assert triangle[f"time_to_peak_{band}"] == 21
        assert triangle[f"straight_chi2_{band}"] < 0.01
        assert triangle[f"curvature_{band}"] == pytest.approx(0, abs=1e-4)
    assert triangle["peak_lag_g_r"] == 0
    flux = curve("g")["flux"]
    assert triangle["skewness_g"] == pytest.approx(skew(flux), rel=1e-9)
    ratio = (np.diff(flux) ** 2).mean() / flux.var(ddof=1)
    assert triangle["roughness_g"] == pytest.approx(ratio, rel=1e-9)


def test_few_noisy_points_make_no_large_slope():
    noisy = columns((0.0, "g", 10.0), (1.0, "g", 5.0), error=1.0)
    # 0.75 mag in a day, with an error of 0.24: a prior of 0.05 leaves a few hundredths.
    assert 0.01 < one(noisy, groups=("shape",))["decline_g_all"] < 0.06
    exact = columns((0.0, "g", 1000.0), (10.0, "g", 500.0), error=1.0)
    assert one(exact, groups=("shape",))["decline_g_all"] == pytest.approx(0.0753, rel=0.02)


def test_a_parabola_is_bent():
    time = np.arange(0.0, 60.0, 2.0)
    magnitude = 0.01 * time + 0.0005 * time**2
    rows = [(t, "g", 1e4 * 10 ** (-0.4 * m)) for t, m in zip(time, magnitude, strict=True)]
    found = one(columns(*rows), groups=("shape",))
    assert found["curvature_g"] == pytest.approx(0.0005, rel=0.05)
    assert found["straight_chi2_g"] > 20 * found["bent_chi2_g"]


def test_the_decay_of_a_power_law_is_its_exponent():
    time = np.arange(0.0, 180.0, 4.0)
    flux = 1e4 * (1 + time / 40) ** (-5 / 3)
    found = one(columns(*((t, "g", f) for t, f in zip(time, flux, strict=True))))
    # The smoothed peak is at the first day.
    assert found["tde_decay_g"] == pytest.approx(5 / 3, rel=1e-3)
    assert found["tde_decay_chi2_g"] < 1e-6
    assert np.isnan(found["tde_decay_r"])


def test_a_second_maximum_is_a_shoulder():
    phases = np.arange(0.0, 61.0, 3.0)
    plateau = np.interp(phases, [0, 12, 17, 29, 48, 60], [0, 0.6, 0.8, 0.9, 2.0, 2.4])
    objects = [
        columns(*((t, "r", 1e3 * 10 ** (-0.4 * m)) for t, m in zip(phases, m_all, strict=True)))
        for m_all in (plateau, 0.04 * phases)
    ]
    found = table(objects, groups=("rebrightening",))
    assert found["shoulder_r"].iloc[0] > 0.15
    assert found["shoulder_r"].iloc[1] == pytest.approx(0, abs=1e-6)
    assert found["shoulder_snr_r"].iloc[0] > 5
    assert np.isnan(found["shoulder_g"]).all()


def test_a_rise_after_a_dip_is_a_rebrightening():
    again = [(0, 20.0), (10, 100), (20, 60), (30, 20), (40, 20), (50, 70), (60, 30), (70, 10)]
    once = [(0, 20.0), (10, 100), (20, 60), (30, 40), (40, 30), (50, 20), (60, 12), (70, 10)]
    found = table([columns(*((t, "g", f) for t, f in c)) for c in (again, once)])
    assert found["rebrightening_g"].tolist() == pytest.approx([0.5, 0.0])
    assert found["rebrightening_snr_g"].tolist() == pytest.approx([50 / np.sqrt(2), 0.0])
    assert found["n_maxima_g"].tolist() == [2, 1]


def test_the_first_days_are_those_of_tdescore():
    rows = [(-3.0, "g", 1.0), (0.0, "g", 10.0), (1.0, "r", 12.0), (4.0, "g", 20.0)]
    rows += [(6.0, "r", 21.0), (15.0, "g", 50.0), (16.0, "r", 45.0), (29.0, "g", 45.0)]
    found = one(columns(*rows))
    assert found["infant_n_detections"] == 2
    assert found[["infant_has_g", "infant_has_r"]].tolist() == [1, 1]
    assert found["limit_delay"] == pytest.approx(3)
    assert found["limit_rise"] == pytest.approx(2.5 * np.log10(10 / 5))
    assert found["limit_rate"] == pytest.approx(2.5 * np.log10(2) / 3)
    assert found["week_rise_g"] == pytest.approx(2.5 * np.log10(2))
    assert found["week_rise_r"] == pytest.approx(2.5 * np.log10(21 / 12))
    medians = [-1.25 * np.log10(a * b) for a, b in ((10, 20), (12, 21))]
    assert found["week_color_g_r"] == pytest.approx(medians[0] - medians[1])

    time, band, flux = (np.array(values) for values in zip(*rows[1:], strict=True))
    magnitude, sigma = -2.5 * np.log10(flux), np.hypot(2.5 / np.log(10) / flux, 0.02)
    design = np.column_stack([time, band == "g", band == "r"]) / sigma[:, None]
    (slope, g, r), *_ = np.linalg.lstsq(design, magnitude / sigma)
    residual = magnitude / sigma - design @ (slope, g, r)
    assert found["month_rate"] == pytest.approx(-slope)
    assert found["month_color_g_r"] == pytest.approx(g - r)
    assert found["month_intercept"] == pytest.approx(magnitude[band == "g"].min() - g)
    assert found["month_chi2"] == pytest.approx((residual**2).sum() / (len(time) - 3))


def test_history_and_later_activity():
    earlier = [(-400.0, "g", 30.0), (-350.0, "g", 3.0), (-300.0, "r", -1.0), (-100.0, "g", 7.0)]
    flare = [(t, b, 60.0) for t in (0.0, 5.0, 10.0) for b in "gr"]
    later = [(340.0, "g", 2.0), (390.0, "g", 90.0)]
    objects = [columns(*earlier, *flare, *later), columns(*flare)]
    found = table(objects, groups=("history",))
    first = found.iloc[0]
    assert first["earlier_n_detections"] == 2
    assert first["earlier_days"] == 400
    assert first["earlier_flux_ratio"] == pytest.approx(0.5)
    assert first["earlier_max_snr"] == 30
    assert first["earlier_scatter"] == pytest.approx(np.std([30, 3, -1, 7]))
    assert first["later_n_detections"] == 1
    assert first["later_days"] == 90
    assert first["later_flux_ratio"] == pytest.approx(1.5)
    second = found.iloc[1]
    assert second["earlier_n_detections"] == 0
    assert second.drop("earlier_n_detections").isna().all()


def test_brightness_and_cadence_count():
    rows = [(0.0, "g", 100.0), (0.2, "r", 80.0), (4.0, "g", 90.0), (10.0, "g", -2.0)]
    found = one(columns(*rows, (10.5, "r", 3.0), error=4.0))
    assert found["log_peak_flux_g"] == pytest.approx(2)
    assert found["log_peak_snr_r"] == pytest.approx(np.log10(20))
    assert found[["n_points_g", "n_points_r"]].tolist() == [3, 2]
    assert found[["n_detections_g", "n_detections_r"]].tolist() == [2, 1]
    assert found["detected_days"] == pytest.approx(4)
    assert found["points_per_day"] == pytest.approx(4 / 10.5)
    assert found["median_gap"] == pytest.approx(6)
    assert found["same_night_fraction"] == pytest.approx(2 / 5)
    assert found["negative_fraction"] == pytest.approx(1 / 5)
    assert found["median_relative_error"] == pytest.approx(4 / 90)


def test_the_peak_is_not_a_single_outlier():
    object_ = curve("g")
    object_.loc[60, "flux"] *= 2.5
    found = one(object_, groups=("shape",))
    assert found["time_to_peak_g"] == pytest.approx(20, abs=1)


def test_the_reference_is_the_first_band_with_three_detections():
    # A single early point in g, the blue band, is no peak.
    rows = [(0.0, "g", 8.0), *((t, "r", 100.0 - abs(t - 30.0)) for t in np.arange(0.0, 60.0, 3.0))]
    found = one(columns(*rows), groups=("temperature", "color"))
    assert np.isnan(found["color_g_r_peak"])
    assert np.isfinite(found["color_g_r_mean_rise"])


# --- extinction and rest frame ------------------------------------------------------------------


@pytest.fixture(scope="module")
def transients():
    return make_transients(n_tde=6, n_sn_ia=6, random_state=0)[0]


def test_extinction_is_divided_out(transients):
    all_ebv = np.linspace(0, 0.5, len(transients))
    dust = {"g": 3.28, "r": 2.18}
    reddened = []
    for k, ebv in enumerate(all_ebv):
        part = transients["light_curve"].iloc[k]
        through = 10 ** (-0.4 * ebv * part["band"].astype(str).map(dust).to_numpy())
        reddened.append(
            {
                "time": part["time"].to_numpy(),
                "band": part["band"].astype(str).to_numpy(),
                "flux": part["flux"].to_numpy() * through,
                "flux_err": part["flux_err"].to_numpy() * through,
                "ebv": ebv,
            }
        )
    expected = table(transients)
    for extinction in (True, dust):
        found = table(reddened, extinction=extinction)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)
    color = table(reddened)["color_g_r_peak"] - expected["color_g_r_peak"].to_numpy()
    np.testing.assert_allclose(color, 1.1 * all_ebv, atol=0.02)


def test_the_rest_frame_divides_days():
    stretched = curve("g", step=2.0).assign(time=lambda t: 1.5 * t["time"]).to_dict("list")
    expected = one(curve("g", step=2.0))
    found = one(stretched | {"redshift": 0.5}, rest_frame=True)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    observed = one(stretched | {"redshift": 0.5})
    assert observed["time_to_peak_g"] == pytest.approx(1.5 * found["time_to_peak_g"])


@pytest.mark.parametrize(
    ("params", "values", "message"),
    [
        ({"extinction": True}, {}, "the column 'ebv' is missing"),
        ({"rest_frame": True}, {}, "the column 'redshift' is missing"),
        ({"extinction": True}, {"ebv": np.nan}, "0: ebv is nan; .* Give one to the 1 of 1 objects"),
        ({"rest_frame": True}, {"redshift": -9.0}, "object 0: redshift is -9.0; expected -0.1 to"),
        ({"extinction": True}, {"ebv": -0.1}, "object 0: ebv is -0.1; expected 0 to 20"),
    ],
)
def test_columns_that_are_needed_hold_sensible_numbers(params, values, message):
    good = {name: 0.1 for name in ("ebv", "redshift") if name in values}
    features = LightCurveFeatures(groups=("shape",), **params)
    with pytest.raises(ValueError, match=message):
        features.fit([curve().to_dict("list") | values])
    if good:
        features.fit([curve().to_dict("list") | good])
        with pytest.raises(ValueError, match=message):
            features.transform([curve().to_dict("list") | values])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"groups": ("color", "colour")}, "groups: 'colour' is not known; expected some of 'color"),
        ({"groups": ()}, "groups is empty"),
        ({"groups": ("color", "color")}, "groups must be different strings"),
        ({"bands": ("g", 1)}, "bands must be different strings"),
        ({"bands": ("r",), "groups": ("color",)}, "no feature of them in bands=.'r',."),
        ({"bands": ("g", "W1"), "extinction": True}, "no ratio .* for the band 'W1'"),
        ({"extinction": {"g": 3.0, "r": -1}}, "ratio of the band 'r' is -1"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        LightCurveFeatures(**params).fit([curve("r").assign(ebv=0.1)])


# --- the table ----------------------------------------------------------------------------------


def test_every_feature_has_a_value_somewhere():
    earlier = [(-90.0, "g", 9.0), (-9.0, "g", 1.0)]
    flare = [(t, b, 60.0 - t / 3) for t in np.arange(0.0, 120.0, 2.5) for b in "gr"]
    later = [(330.0, "g", 10.0), (340.0, "g", 2.0)]
    groups = tuple(name for name in ALL if name not in ("gaussian_process", "activity"))
    found = table([curve(step=2.0), columns(*earlier, *flare, *later)], groups=groups)
    assert found.columns[found.isna().all()].tolist() == []


@pytest.mark.parametrize("bands", [("g",), ("g", "r"), ("u", "g", "r", "i", "z", "y"), ("A", "g")])
def test_names_are_unique_for_any_bands(bands):
    features = LightCurveFeatures(bands=bands, groups=ALL)
    names = features.get_feature_names_out().tolist()
    assert len(set(names)) == len(names)
    for blue, red in pairwise(bands):
        assert f"color_{blue}_{red}_peak" in names
    assert {f"decline_{band}_0_40" for band in bands} <= set(names)
    values = features.fit_transform([curve("g", step=5.0)])
    assert values.shape == (1, len(names)) == (1, features.n_features_out_)


def test_bands_beyond_g_and_r():
    found = one(curve("gri"), bands=("g", "r", "i"))
    assert found["color_r_i_peaks"] == pytest.approx(0.1, abs=0.02)
    assert found["color_r_i_rate_0_60"] == pytest.approx(0.01, rel=0.05)
    assert found["decline_i_0_40"] == pytest.approx(0.02, rel=0.02)
    with pytest.raises(ValueError, match="band is 'i'"):
        LightCurveFeatures().fit([curve("gri")])


def test_groups_are_columns_in_their_order(transients):
    together = table(transients, ("shape", "color"))
    for name in ("shape", "color"):
        alone = table(transients, (name,))
        pd.testing.assert_frame_equal(together[alone.columns], alone)
    assert together.columns[0].startswith("rise_rate")


def test_pandas_output_keeps_the_index(transients):
    found = table(transients, ("color",))
    pd.testing.assert_index_equal(found.index, transients.index)
    assert (found.dtypes == np.float64).all()
    values = LightCurveFeatures(groups=("color",)).fit_transform(transients)
    assert values.dtype == np.float64
    np.testing.assert_array_equal(found, values)


def test_objects_without_the_data_have_no_values():
    objects = [
        {"time": [], "band": [], "flux": [], "flux_err": []},
        columns((0.0, "g", 50.0)),
        columns((0.0, "g", 2.0), (5.0, "r", 1.0)),
        columns((0.0, "g", -50.0), (1.0, "r", 0.0)),
        curve("r"),
    ]
    found = table(objects, ALL)
    assert found.iloc[0].isna().all()
    known = found.notna()
    for row in (2, 3):
        assert not known.iloc[row].filter(regex="^(color|decline|rise|shoulder|infant)").any()
    assert known.iloc[1]["infant_n_detections"]
    assert not known.iloc[4].filter(regex="^(color|(decline|rise_time|fade_time)_g)").any()
    assert known.iloc[4]["decline_r_0_40"]
    assert not np.isinf(found.to_numpy()).any()


def test_chunks_make_no_difference(transients, monkeypatch):
    features = LightCurveFeatures(groups=QUICK).fit(transients)
    expected = features.transform(transients)
    monkeypatch.setattr(_features, "_CHUNK", 5)
    np.testing.assert_array_equal(features.transform(transients), expected)
    assert features.transform(transients.iloc[:0]).shape == (0, expected.shape[1])


def test_a_clone_with_a_mapping_is_equal(transients):
    features = LightCurveFeatures(extinction={"g": 3.1, "r": 2.3}, groups=["color"])
    assert clone(features).get_params() == features.get_params()
    X = check_light_curves(transients.assign(ebv=0.0))
    np.testing.assert_array_equal(
        features.fit_transform(X), LightCurveFeatures(groups=("color",)).fit_transform(X)
    )


def test_other_groups_than_those_of_fit_are_refused():
    X, _ = make_transients(n_tde=2, n_sn_ia=2, random_state=0)
    features = LightCurveFeatures(groups=("color",)).fit(X)
    features.set_params(groups=("color", "shape"))
    with pytest.raises(ValueError, match="features, those of fit had 19; expected the same"):
        features.transform(X)
