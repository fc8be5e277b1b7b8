"""Fits of models to light curves: what was put in comes out, whatever the units and the company."""

import importlib

import numpy as np
import pandas as pd
import pytest

from sklearn_tde._flat import FlatLightCurves, flattened, some_objects
from sklearn_tde.light_curves import pack_light_curves
from sklearn_tde.preprocessing._feature_groups._curves import make_curves

GROUPS = ("_templates", "_power_law", "_temperature", "_linex")
PLANCK = 1.438777e4  # h c / k in Angstrom x 10,000 K
WAVELENGTHS = {"u": 3671.0, "g": 4746.48, "r": 6366.38, "i": 7546.0}


def group(name):
    return importlib.import_module(f"sklearn_tde.preprocessing._feature_groups.{name}")


def flat_curves(objects, bands=("g", "r")):
    """Flatten one long table per object."""
    table = pd.concat(
        [frame.assign(object_id=f"object {i:03d}") for i, frame in enumerate(objects)]
    )
    return flattened(pack_light_curves(table, object_id="object_id"), bands)


def computed(name, flat, **options):
    """Return the features of a group as a table."""
    settings = {"start": "confirmed", "duration": 300.0, "detection_snr": 5.0} | options
    curves = make_curves(flat, **settings)
    module = group(name)
    return pd.DataFrame(module.compute(curves), columns=module.names(curves.bands))


def curve(times, flux_of_band, error=0.5):
    """Make a table of one object from the flux of each band at given days."""
    parts = [
        pd.DataFrame({"time": times, "band": band, "flux": flux, "flux_err": error})
        for band, flux in flux_of_band.items()
    ]
    return pd.concat(parts, ignore_index=True)


def supernova(stretch=1.0, color=0.2, peak=20.0, times=None):
    templates = group("_templates")
    times = np.arange(0.0, 110.0, 2.5) if times is None else times
    flux = {
        band: level * templates.supernova_profile(times - peak, stretch, band)
        for band, level in (("g", 300.0), ("r", 300.0 * 10 ** (0.4 * color)))
    }
    return curve(times, flux)


def disruption(rise=12.0, decay=50.0, color=-0.3, peak=30.0, bands=("g", "r")):
    times = np.arange(0.0, 150.0, 2.5)
    days = times - peak
    shape = np.exp(np.where(days < 0, -0.5 * (days / rise) ** 2, -days / decay))
    levels = 300.0 * 10 ** (0.4 * color * np.arange(len(bands)))
    return curve(times, {b: level * shape for b, level in zip(bands, levels, strict=True)})


def black_body(temperature, bands=("g", "r"), decay=60.0):
    """Make a fading black body of a temperature, in 10,000 K, at each day."""
    times = np.arange(0.0, 81.0, 2.0)
    level = 300.0 * np.exp(-times / decay)
    x = 1.0 / (temperature + 0.0 * times)
    spectrum = {b: WAVELENGTHS[b] ** -3.0 / np.expm1(PLANCK * x / WAVELENGTHS[b]) for b in bands}
    return curve(times, {b: level * s / spectrum[bands[0]] for b, s in spectrum.items()})


@pytest.fixture(scope="module")
def mixed():
    """Objects of all kinds, and some that are hardly there."""
    rng = np.random.default_rng(0)
    objects = [supernova(s) for s in (0.8, 1.1)] + [disruption(decay=d) for d in (30.0, 80.0)]
    for frame in objects:
        frame["flux"] += rng.normal(0.0, 5.0, len(frame))
        frame["flux_err"] = 5.0
    objects += [frame.sample(n, random_state=0) for frame in objects[:2] for n in (1, 2, 3, 5, 9)]
    return objects


def test_the_stretch_and_color_of_a_supernova_are_found():
    stretches = np.array([0.75, 0.9, 1.0, 1.15, 1.4])
    objects = [
        supernova(s, color) for s, color in zip(stretches, (-0.2, 0.1, 0, 0.4, 1), strict=True)
    ]
    found = computed("_templates", flat_curves(objects))
    np.testing.assert_allclose(np.exp(found.template_sn_ia_stretch), stretches, rtol=0.005)
    np.testing.assert_allclose(found.template_sn_ia_color_g_r, (-0.2, 0.1, 0, 0.4, 1), atol=0.01)
    # The reference peak is the brightest point, within half a step of the true peak.
    assert (found.template_sn_ia_peak.abs() < 1.5).all()
    assert (found.template_sn_ia_chi2 < np.log(0.1)).all()
    assert (found.template_ratio < 0).all()
    assert (found.template_sn_ia_gain > 3).all()


def test_the_rise_decay_and_color_of_a_disruption_are_found():
    rises, decays, colors = (
        np.array([6.0, 12.0, 25.0]),
        np.array([25.0, 50.0, 120.0]),
        (-0.4, 0, 0.3),
    )
    objects = [disruption(*values) for values in zip(rises, decays, colors, strict=True)]
    found = computed("_templates", flat_curves(objects))
    np.testing.assert_allclose(np.exp(found.template_tde_rise), rises, rtol=0.03)
    np.testing.assert_allclose(np.exp(found.template_tde_decay), decays, rtol=0.02)
    np.testing.assert_allclose(found.template_tde_color_g_r, colors, atol=0.01)
    assert (found.template_tde_chi2 < np.log(0.1)).all()
    assert (found.template_ratio > 2).all()
    assert (found.template_tde_gain > 3).all()


def test_other_bands_take_the_nearest_template():
    template_of_band = group("_templates")._template_of_band
    assert template_of_band(("u", "g", "r", "i", "z", "y")).tolist() == [0, 0, 1, 1, 1, 1]
    assert template_of_band(("blue", "middle", "red")).tolist() == [0, 0, 1]


def test_declines_are_found():
    times = np.arange(0.0, 160.0, 4.0)
    tables = {
        "fall back": [
            curve(times, dict.fromkeys("gr", 300.0 * (1 + times / before) ** (-5 / 3)))
            for before in (20.0, 60.0)
        ],
        "exponential": [
            curve(times, {"g": 300.0 * np.exp(-times / 40.0), "r": 200.0 * np.exp(-times / tau)})
            for tau in (40.0, 70.0)
        ],
    }
    found = computed("_power_law", flat_curves(tables["fall back"] + tables["exponential"]))
    fall_back, exponential = found[:2], found[2:]
    np.testing.assert_allclose(np.exp(fall_back.fall_back_disruption), (20, 60), rtol=0.05)
    np.testing.assert_allclose(np.exp(fall_back.power_law_exponent), 5 / 3, rtol=0.15)
    assert (fall_back.fall_back_chi2 < np.log(0.05)).all()
    assert (fall_back.fall_back_exponential_ratio < -1).all()
    assert exponential.fall_back_exponential_ratio.iloc[0] > 1
    np.testing.assert_allclose(np.exp(exponential.exponential_decay.iloc[0]), 40, rtol=0.03)
    np.testing.assert_allclose(exponential.exponential_decay_g_r, (0, np.log(40 / 70)), atol=0.05)
    # One decay for both bands is enough where they have the same, and not where they have not.
    assert exponential.exponential_band_ratio.iloc[0] < 0.1
    assert exponential.exponential_band_ratio.iloc[1] > 2


@pytest.mark.parametrize("bands", [("g", "r"), ("u", "g", "r", "i")])
def test_temperatures_are_found(bands):
    days = np.arange(0.0, 81.0, 2.0)
    objects = [black_body(t, bands) for t in (0.7, 1.0, 2.0, 3.5)]
    objects.append(black_body(1.0 / (0.6 + 0.01 * days), bands))
    found = computed("_temperature", flat_curves(objects, bands))
    np.testing.assert_allclose(
        found.inverse_temperature_peak, [1 / 0.7, 1.0, 1 / 2, 1 / 3.5, 0.6], atol=0.03
    )
    np.testing.assert_allclose(found.inverse_temperature_rate, [0, 0, 0, 0, 0.01], atol=0.001)
    np.testing.assert_allclose(found.inverse_temperature_late_early[[0, 1, 2, 3]], 0.0, atol=0.03)
    assert found.inverse_temperature_cooling_ratio.iloc[:4].max() < 0.1
    assert found.inverse_temperature_cooling_ratio.iloc[4] > 2


def test_the_error_of_a_temperature_is_its_scatter():
    rng = np.random.default_rng(0)
    objects = []
    for _ in range(60):
        frame = black_body(1.5)
        frame["flux_err"] = 0.2 * frame["flux"]
        frame["flux"] *= 1.0 + 0.2 * rng.normal(size=len(frame))
        objects.append(frame)
    found = computed("_temperature", flat_curves(objects))
    pull = (found.inverse_temperature_peak - 1 / 1.5) / found.inverse_temperature_peak_err
    assert abs(pull.mean()) < 0.5
    assert 0.5 < pull.std() < 1.3


def test_the_shape_of_a_linex_is_found():
    times = np.arange(0.0, 140.0, 2.0)
    truth = [(0.03, 1.5, 5.0), (0.06, 0.8, -3.0)]
    objects = []
    for width, rise, phase in truth:
        t = times - 40.0 - phase
        magnitude = 17.0 + np.exp(width * t) - rise * width * t
        magnitude = np.minimum(magnitude, 21.5)
        frame = curve(times, dict.fromkeys("gr", 10 ** (-0.4 * (magnitude - 23.9))), error=0.1)
        objects.append(frame[np.tile(magnitude < 21.4, 2)])
    found = computed("_linex", flat_curves(objects))
    for band in "gr":
        np.testing.assert_allclose(
            np.exp(found[f"linex_width_{band}"]), [w for w, *_ in truth], rtol=0.1
        )
        np.testing.assert_allclose(found[f"linex_rise_{band}"], [a for _, a, _ in truth], rtol=0.15)
        assert (found[f"linex_chi2_{band}"] < np.log(0.05)).all()


@pytest.mark.parametrize("name", GROUPS)
def test_units_and_company_do_not_matter(name, mixed):
    flat = flat_curves(mixed)
    expected = computed(name, flat)

    def changed(**columns):
        values = {k: getattr(flat, k) for k in FlatLightCurves.__dataclass_fields__}
        return FlatLightCurves(**(values | columns))

    others = [
        computed(name, changed(flux=flat.flux * 1e-3 / 7, flux_err=flat.flux_err * 1e-3 / 7)),
        computed(name, changed(time=flat.time + 58_000.0)),
        computed(name, flat_curves([frame.sample(frac=1, random_state=1) for frame in mixed])),
        pd.concat([computed(name, some_objects(flat, i, i + 1)) for i in range(len(mixed))]),
    ]
    for other in others:
        np.testing.assert_allclose(other, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", GROUPS)
@pytest.mark.parametrize("bands", [("g", "r"), ("g",), ("u", "g", "r", "i", "z", "y"), ("a", "b")])
def test_objects_with_little_to_fit_have_numbers_or_nan(name, bands):
    last = bands[-1]
    tables = [
        [],  # nothing at all
        [(0.0, bands[0], 100.0, 5.0)],
        [(0.0, bands[0], -100.0, 5.0)],
        [(0.0, b, 0.0, 5.0) for b in bands],
        [(day, b, 1.0, 5.0) for b in bands for day in range(9)],  # no detection
        [(day, b, -50.0, 5.0) for b in bands for day in range(9)],
        [(0.0, last, 100.0, 5.0), (1.0, last, 100.0, 5.0)],
        [(0.0, b, 100.0, 5.0) for b in bands for _ in range(8)],  # all at once
        [(4000.0 * day, b, 100.0, 5.0) for b in bands for day in range(4)],
        [(day, b, 1e40, 1e-3) for b in bands for day in range(9)],
        [(day, b, 1e-9 * 10.0**day, 1e-10) for b in bands for day in range(9)],
    ]
    columns = ("time", "band", "flux", "flux_err")
    rows = [row for table in tables for row in table]
    table = pd.DataFrame(rows, columns=columns)
    offsets = np.cumsum([0] + [len(rows) for rows in tables])
    flat = FlatLightCurves(
        time=table["time"].to_numpy(),
        band=table["band"].map({b: i for i, b in enumerate(bands)}).to_numpy(np.int16),
        flux=table["flux"].to_numpy(),
        flux_err=table["flux_err"].to_numpy(),
        offsets=offsets,
        bands=bands,
        index=pd.RangeIndex(len(tables)),
    )
    with np.errstate(all="raise", under="ignore"):
        found = computed(name, flat)
    assert found.shape == (len(tables), len(group(name).names(bands)))
    assert not np.isinf(found.to_numpy()).any()
    assert found.iloc[[0, 1, 2]].isna().all(axis=None)
