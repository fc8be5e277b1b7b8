"""What the simulated light curves are: counts, seeds, cuts, noise and physics."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nested_pandas import NestedFrame

from sklearn_tde.datasets import make_transients
from sklearn_tde.datasets._candidates import BLOCK, MODELS, source_flux
from sklearn_tde.datasets._survey import Visits
from sklearn_tde.light_curves import unpack_light_curves

ALL_CLASSES = {
    "n_tde": "TDE",
    "n_sn_ia": "SN Ia",
    "n_sn_ii": "SN II",
    "n_sn_ibc": "SN Ibc",
    "n_sn_iin": "SN IIn",
    "n_slsn": "SLSN",
    "n_agn": "AGN",
    "n_cv": "CV",
}


def long_table(sample):
    X, y = sample
    table = unpack_light_curves(X)
    return table.assign(label=pd.Series(y, index=X.index).loc[table["object_id"]].to_numpy())


def curves_of(sample, label):
    """Rows of one class, with the names of its objects replaced by their order."""
    table = long_table(sample)
    table = table[table["label"] == label]
    return table.assign(object_id=pd.factorize(table["object_id"])[0]).reset_index(drop=True)


def magnitude(flux):
    return 23.9 - 2.5 * np.log10(flux)


@pytest.fixture(scope="module")
def two_classes():
    return make_transients(n_tde=300, n_sn_ia=300, random_state=0)


@pytest.fixture(scope="module")
def every_class():
    return make_transients(**dict.fromkeys(ALL_CLASSES, 30), random_state=0)


def test_default_is_the_reference_sample():
    X, y = make_transients(random_state=0)
    assert isinstance(X, NestedFrame)
    assert X.shape == (621, 3)
    assert dict(zip(*np.unique(y, return_counts=True), strict=True)) == {"SN Ia": 555, "TDE": 66}


def test_every_class_has_exactly_its_number():
    numbers = dict(zip(ALL_CLASSES, range(3, 11), strict=True))
    X, y = make_transients(**numbers, random_state=1)
    assert len(X) == len(y) == sum(numbers.values())
    for argument, label in ALL_CLASSES.items():
        assert (y == label).sum() == numbers[argument]


def test_names_do_not_tell_the_class(every_class):
    X, y = every_class
    assert list(X.index) == [f"sim{number:06d}" for number in range(len(X))]
    assert X.index.name == "object_id"
    # Mixed, not one class after the other.
    assert (y[1:] != y[:-1]).mean() > 0.7


def test_same_seed_same_light_curves():
    first = make_transients(n_tde=5, n_sn_ia=5, random_state=3)
    again = make_transients(n_tde=5, n_sn_ia=5, random_state=3)
    other = make_transients(n_tde=5, n_sn_ia=5, random_state=4)
    pd.testing.assert_frame_equal(long_table(first), long_table(again), check_exact=True)
    assert not long_table(first)["flux"].equals(long_table(other)["flux"])


@pytest.mark.parametrize("make", [np.random.RandomState, np.random.default_rng])
def test_random_state_may_be_a_generator(make):
    first = make_transients(n_tde=3, n_sn_ia=0, random_state=make(0))
    again = make_transients(n_tde=3, n_sn_ia=0, random_state=make(0))
    pd.testing.assert_frame_equal(long_table(first), long_table(again))


def test_global_generator_is_left_alone():
    before = np.random.get_state()  # noqa: NPY002
    first = make_transients(n_tde=2, n_sn_ia=0)
    second = make_transients(n_tde=2, n_sn_ia=0)
    after = np.random.get_state()  # noqa: NPY002
    assert before[2] == after[2]
    np.testing.assert_array_equal(before[1], after[1])
    assert not long_table(first)["flux"].equals(long_table(second)["flux"])


@pytest.mark.parametrize("argument", list(ALL_CLASSES)[1:])
def test_another_class_does_not_change_the_tdes(argument):
    alone = make_transients(n_tde=6, n_sn_ia=0, random_state=0)
    together = make_transients(**{"n_tde": 6, "n_sn_ia": 0, argument: 4}, random_state=0)
    pd.testing.assert_frame_equal(curves_of(alone, "TDE"), curves_of(together, "TDE"))


def test_smaller_sample_is_part_of_a_larger_one():
    small = set(long_table(make_transients(n_tde=5, n_sn_ia=0, random_state=0))["flux"])
    large = set(long_table(make_transients(n_tde=400, n_sn_ia=0, random_state=0))["flux"])
    assert small < large


def test_rows_are_detections_in_both_bands(every_class):
    table = long_table(every_class)
    assert (table["flux"] >= 5.0 * table["flux_err"]).all()
    counts = table.groupby(["object_id", "band"], observed=True).size().unstack()
    assert set(counts.columns) == {"g", "r"}
    assert counts.min(axis=None) >= 5


@given(
    n=st.integers(0, 4),
    min_detections=st.integers(0, 8),
    bands=st.lists(st.sampled_from("ugrizy"), min_size=1, max_size=4, unique=True),
    forced=st.booleans(),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=10)
def test_any_setting_gives_valid_light_curves(n, min_detections, bands, forced, seed):
    sample = make_transients(
        n_tde=n,
        n_sn_ia=1,
        n_agn=1,
        bands=bands,
        min_detections=min_detections,
        forced_photometry=forced,
        random_state=seed,
    )
    table = long_table(sample)
    assert len(sample[0]) == n + 2
    assert set(table["band"]) <= set(bands)
    assert np.isfinite(table[["time", "flux", "flux_err"]]).all(axis=None)
    assert (table["flux_err"] > 0).all()
    detected = table[table["flux"] >= 5.0 * table["flux_err"]]
    assert detected["object_id"].nunique() == n + 2
    counts = detected.groupby("object_id")["band"].value_counts()
    assert min_detections == 0 or (counts >= min_detections).sum() == (n + 2) * len(bands)


def test_forced_photometry_adds_rows_without_detection():
    arguments = {"n_tde": 20, "n_sn_ia": 20, "random_state": 0}
    alerts = long_table(make_transients(**arguments))
    forced = long_table(make_transients(**arguments, forced_photometry=True))
    detected = forced["flux"] >= 5.0 * forced["flux_err"]
    pd.testing.assert_frame_equal(forced[detected].reset_index(drop=True), alerts)
    assert (forced["flux"] < 0).any()
    first = alerts.groupby("object_id")["time"].min()
    last = alerts.groupby("object_id")["time"].max()
    assert (forced["time"] >= first.loc[forced["object_id"]].to_numpy() - 30.0).all()
    assert (forced["time"] <= last.loc[forced["object_id"]].to_numpy() + 30.0).all()


def test_scatter_is_the_real_one_in_units_of_the_quoted_error():
    """Fluxes of repeated visits in one night differ by the scatter, not by the quoted error."""
    sample = make_transients(n_tde=0, n_sn_ia=0, n_slsn=400, scatter=0.53, random_state=0)
    table = long_table(sample).sort_values(["object_id", "band", "time"], ignore_index=True)
    following = table.shift(-1)
    same_night = (
        (table["object_id"] == following["object_id"])
        & (table["band"] == following["band"])
        & (following["time"] - table["time"] < 0.5)
    )
    error = np.hypot(table["flux_err"], following["flux_err"])
    pull = ((following["flux"] - table["flux"]) / error)[same_night]
    assert len(pull) > 500
    assert 0.45 < 1.4826 * pull.abs().median() < 0.6


def test_medians_are_those_of_real_alerts(two_classes):
    """Medians of the real sample, within what a simulation of its physics should reach."""
    table = long_table(two_classes)
    snr = (table["flux"] / table["flux_err"]).groupby(table["object_id"])
    label = table.groupby("object_id")["label"].first()
    points = table.groupby(["object_id", "band"], observed=True).size().unstack()
    medians = points.assign(snr=snr.median(), best=snr.max()).groupby(label).median()
    expected = pd.DataFrame(
        {"g": [9, 23], "r": [13, 15], "snr": [10.6, 8.4], "best": [18.7, 15.4]},
        index=["SN Ia", "TDE"],
    )
    ratio = medians / expected
    assert ratio.min(axis=None) > 0.7
    assert ratio.max(axis=None) < 1.5


def test_tdes_stay_blue_and_supernovae_redden(two_classes):
    table = long_table(two_classes)
    peak = table[table["band"] == "g"].set_index("time").groupby("object_id")["flux"].idxmax()
    table["phase"] = table["time"] - peak.loc[table["object_id"]].to_numpy()
    table["window"] = pd.cut(table["phase"], [-4, 4, 15, 25], labels=["0", "none", "20"])
    means = table.groupby(["object_id", "window", "band"], observed=True)["flux"].mean().unstack()
    color = (magnitude(means["g"]) - magnitude(means["r"])).rename("color").reset_index()
    color["label"] = table.groupby("object_id")["label"].first().loc[color["object_id"]].to_numpy()
    medians = color.groupby(["label", "window"], observed=True)["color"].median()
    assert medians["TDE", "0"] == pytest.approx(-0.21, abs=0.08)
    assert medians["TDE", "20"] == pytest.approx(-0.14, abs=0.08)
    assert medians["SN Ia", "0"] == pytest.approx(-0.06, abs=0.08)
    assert medians["SN Ia", "20"] == pytest.approx(0.52, abs=0.15)


def test_visits_are_at_night_within_the_years_of_the_survey(two_classes):
    time = long_table(two_classes)["time"]
    assert time.between(58000.0, 61300.0).all()
    assert np.mod(time, 1.0).between(0.1, 0.6).all()


def test_neither_date_nor_brightness_tells_the_class(two_classes):
    from sklearn.metrics import roc_auc_score

    table = long_table(two_classes)
    first = table.groupby("object_id").agg(
        time=("time", "min"), flux=("flux", "max"), label=("label", "first")
    )
    is_tde = first["label"] == "TDE"
    assert roc_auc_score(is_tde, first["time"]) == pytest.approx(0.5, abs=0.07)
    assert roc_auc_score(is_tde, first["flux"]) == pytest.approx(0.5, abs=0.12)


@pytest.mark.parametrize("label", [name for name in MODELS if name not in ("TDE", "CV")])
def test_flares_are_stretched_by_time_dilation(label):
    """Seen from redshift 1, a flare takes twice as long; K-corrections are not modelled."""
    model = MODELS[label]
    parameters = model.draw(np.random.default_rng(0), BLOCK)
    parameters["wiggle"] = np.zeros(BLOCK)
    parameters["peak_magnitude"] = np.full(BLOCK, 18.0)
    parameters["ebv"] = np.zeros(BLOCK)
    position = np.repeat(np.arange(BLOCK), 20)
    days = np.tile(np.linspace(-30.0, 120.0, 20), BLOCK)
    band = np.arange(len(days)) % 2
    fluxes = []
    for redshift in (0.0, 1.0):
        parameters["redshift"] = np.full(BLOCK, redshift)
        visits = Visits(position, days * (1.0 + redshift), band, *[np.ones_like(days)] * 3)
        rng = np.random.default_rng(1)
        fluxes.append(source_flux(model, rng, parameters, visits, ("g", "r")))
    np.testing.assert_allclose(fluxes[0], fluxes[1])


def test_redshift_follows_from_brightness():
    """Deeper is farther, and Type Ia supernovae are where the real ones are."""
    near, _ = make_transients(n_tde=0, n_sn_ia=300, random_state=0)
    far, _ = make_transients(n_tde=0, n_sn_ia=300, magnitude_limit=20.0, random_state=0)
    assert (near["redshift"] > 0).all()
    assert near["redshift"].median() == pytest.approx(0.062, abs=0.01)
    assert far["redshift"].median() > 1.15 * near["redshift"].median()
    assert near["ebv"].between(0.01, 0.4).all()


def test_cataclysmic_variables_are_in_the_milky_way():
    X, y = make_transients(n_tde=2, n_sn_ia=0, n_cv=2, random_state=0)
    assert (X["redshift"][y == "CV"] == 0).all()
    assert (X["redshift"][y == "TDE"] > 0).all()


def test_active_nuclei_may_be_fainter_than_their_reference():
    sample = make_transients(n_tde=0, n_sn_ia=0, n_agn=40, forced_photometry=True, random_state=0)
    table = long_table(sample)
    assert (table["flux"] < -5.0 * table["flux_err"]).any()


def test_residuals_of_the_subtraction_last_for_years():
    """An object with a constant residual is detected long before and after its flare."""
    arguments = {"n_tde": 0, "n_sn_ia": 300, "random_state": 0}
    spans = []
    for rate in (0.0, 1.0):
        table = long_table(make_transients(**arguments, residual_rate=rate))
        time = table.groupby("object_id")["time"]
        spans.append(time.max() - time.min())
    assert (spans[0] > 250.0).mean() < 0.1
    assert (spans[1] > 250.0).mean() > 0.2


def test_one_band_is_enough():
    X, _ = make_transients(n_tde=2, n_sn_ia=2, bands="r", random_state=0)
    assert set(unpack_light_curves(X)["band"]) == {"r"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_tde": -1}, "n_tde must be an integer of 0 or more; got -1"),
        ({"n_sn_ia": 2.5}, "n_sn_ia must be an integer of 0 or more; got 2.5"),
        ({"n_agn": True}, "n_agn must be an integer of 0 or more; got True"),
        ({"n_tde": 0, "n_sn_ia": 0}, "No objects are asked for: one of n_tde,"),
        ({"bands": ("g", "w")}, r"bands must be different names out of u, g, r, i, z, y; got"),
        ({"bands": ("g", "g")}, "bands must be different names"),
        ({"bands": ()}, "bands must be different names"),
        ({"min_detections": -1}, "min_detections must be an integer of 0 or more; got -1"),
        ({"detection_snr": -5}, "detection_snr must be a number from 0.0 to inf; got -5"),
        ({"magnitude_limit": 50}, "magnitude_limit must be a number from 10.0 to 25.0; got 50"),
        ({"scatter": "none"}, "scatter must be a number from 0.0 to inf; got 'none'"),
        ({"outlier_rate": 1.5}, "outlier_rate must be a number from 0.0 to 1.0; got 1.5"),
        ({"residual_rate": -0.1}, "residual_rate must be a number from 0.0 to 1.0; got -0.1"),
        ({"random_state": -1}, "random_state must be None, a non-negative integer"),
        ({"random_state": "seed"}, "random_state must be None, a non-negative integer"),
        ({"min_detections": 10_000, "n_sn_ia": 0}, "simulated TDE has 10000 detections in each"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_transients(**arguments)
