"""Features of the Gaussian process through all bands, and of all observations."""

import numpy as np
import pandas as pd
import pytest

from sklearn_tde import load_light_curves
from sklearn_tde.preprocessing import LightCurveFeatures

BANDS = ("u", "g", "r", "i", "z", "y")
GROUPS = ("gaussian_process", "activity", "luminosity")
WAVELENGTHS = {"u": 3671, "g": 4746.48, "r": 6366.38, "i": 7546, "z": 8691, "y": 9710}
TEMPERATURE, PEAK, REDSHIFT = 20_000.0, 60.0, 0.3


def flare(seed=0, temperature=TEMPERATURE, years=3, peak=400.0):
    """A black body in the source's frame with a Gaussian rise and an exponential decay."""
    rng = np.random.default_rng(seed)
    time = np.sort(rng.uniform(-200, 365 * years, 60 * years))
    time = np.append(time, np.arange(20.0, 160.0, 3.0))
    band = rng.choice(BANDS, len(time))
    wavelength = np.array([WAVELENGTHS[b] for b in band]) / (1 + REDSHIFT)
    spectrum = wavelength**-3.0 / np.expm1(1.438777e8 / wavelength / temperature)
    days = (time - PEAK) / (1 + REDSHIFT)
    shape = np.where(days < 0, np.exp(-0.5 * (days / 12) ** 2), np.exp(-days / 40))
    scale = 4000.0**-3.0 / np.expm1(1.438777e8 / 4000.0 / temperature)
    flux = peak * spectrum / scale * shape + rng.normal(0, 1, len(time))
    return pd.DataFrame({"time": time, "band": band, "flux": flux, "flux_err": 1.0})


def frame(*tables):
    rows = pd.concat([table.assign(object_id=str(k)) for k, table in enumerate(tables)])
    objects = pd.DataFrame({"object_id": [str(k) for k in range(len(tables))]})
    return load_light_curves(rows, objects.assign(redshift=REDSHIFT), label=None)[0]


def table(X, groups=GROUPS, rest_frame=True):
    features = LightCurveFeatures(bands=BANDS, groups=groups, rest_frame=rest_frame)
    return features.set_output(transform="pandas").fit(X).transform(X)


@pytest.fixture(scope="module")
def curves():
    return frame(flare(), flare(1, temperature=8_000.0))


@pytest.fixture(scope="module")
def known(curves):
    return table(curves)


def test_the_flare_is_timed_in_days_of_the_source(known):
    first = known.iloc[0]
    assert first["gp_fade_time_50"] == pytest.approx(40 * np.log(2), abs=5)
    assert first["gp_rise_time_50"] == pytest.approx(12 * np.sqrt(2 * np.log(2)), abs=5)
    assert first["gp_flux_ratio_after_40"] == pytest.approx(np.exp(-1), abs=0.07)
    assert first["gp_asymmetry"] > 0.3
    assert first["gp_n_maxima"] == 1


def test_the_temperature_is_that_of_the_source(known):
    hot, cool = known["gp_log_temperature_peak"]
    assert np.exp(cool) == pytest.approx(8_000, rel=0.1)
    assert np.exp(hot) == pytest.approx(TEMPERATURE, rel=0.2)
    assert (known["gp_temperature_misfit_peak"] < np.log(0.01)).all()


def test_absolute_magnitudes_at_wavelengths_of_the_source(known):
    # 400 microjansky at 4000 Angstrom of the source, at 1.553 Gpc.
    modulus = 5 * np.log10(1552.9e6 / 10) - 2.5 * np.log10(1 + REDSHIFT)
    expected = 23.9 - 2.5 * np.log10(400) - modulus
    near = known.iloc[0][["absolute_magnitude_3500", "absolute_magnitude_4500"]].mean()
    assert near == pytest.approx(expected, abs=0.15)


def test_what_lies_outside_the_flare_is_noise_or_is_not(known, curves):
    assert known["activity_chi2_before_100"].abs().max() < 0.7
    assert (known["activity_flare_share"] > 0.9).all()
    rng = np.random.default_rng(2)
    restless = flare(3)
    restless["flux"] = 60 * np.sin(restless["time"] / 90) + rng.normal(0, 1, len(restless))
    found = table(frame(restless)).iloc[0]
    assert found["activity_flare_share"] < 0.7
    assert found["activity_hole_fraction"] > 0.3


def test_neither_order_nor_neighbours_nor_unit_nor_zero_point_matter(curves, known):
    pd.testing.assert_frame_equal(table(curves.iloc[1:]), known.iloc[1:])
    other = flare().sample(frac=1.0, random_state=0)
    other["time"] += 59_000.0
    other[["flux", "flux_err"]] *= 1e3
    groups = GROUPS[:2]
    expected = table(curves.iloc[:1], groups)
    np.testing.assert_allclose(table(frame(other), groups), expected, rtol=1e-4, atol=1e-5)


def test_many_points_are_averaged():
    night = flare()
    many = pd.concat([night.assign(time=night["time"] + k / 500) for k in range(8)])
    found, expected = (table(frame(rows)).iloc[0] for rows in (many, night))
    assert found["gp_fade_time_50"] == pytest.approx(expected["gp_fade_time_50"], abs=4)


def test_without_detections_there_is_no_flare():
    rows = flare(peak=0.0)
    rows["flux"] = rows["flux"].clip(-4, 4)
    found = table(frame(rows)).iloc[0]
    assert found.filter(like="gp_").isna().all()
    assert found.filter(like="absolute").isna().all()
    assert found["activity_negative_fraction"] == pytest.approx(0.5, abs=0.15)


def test_every_feature_has_a_value_somewhere(known):
    missing = known.columns[known.isna().all()]
    assert missing.tolist() == []


def test_luminosities_without_redshifts_are_refused(curves):
    with pytest.raises(ValueError, match="'luminosity' needs redshifts; expected rest_frame"):
        table(curves, rest_frame=False)
