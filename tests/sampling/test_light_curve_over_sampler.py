import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad

from sklearn_tde import (
    LightCurveOverSampler,
    check_light_curves,
    flatten_light_curves,
    make_transients,
    pack_light_curves,
    unpack_light_curves,
)

OFF = {"flux_noise": 0.0, "drop": 0.0, "truncation": 0.0}


@pytest.fixture(scope="module")
def transients():
    return make_transients(n_tde=6, n_sn_ia=25, random_state=0)


@pytest.fixture(scope="module")
def many():
    """Enough observations to measure a share or a scatter to a few per cent."""
    return make_transients(n_tde=20, n_sn_ia=60, random_state=1)


def alerts(n_observations=40, snr=20.0, name="A", band="g", redshift=0.1):
    """One flat light curve of detections."""
    return pack_light_curves(
        pd.DataFrame(
            {
                "object_id": name,
                "time": 59000.0 + 2.0 * np.arange(n_observations),
                "band": band,
                "flux": 5.0 * snr,
                "flux_err": 5.0,
                "redshift": redshift,
            }
        )
    )


def two_objects(**kwargs):
    return pd.concat([alerts(name="A", **kwargs), alerts(name="B", **kwargs)]), ["TDE", "SN Ia"]


def copies_of(sampler, X, y):
    """Fit, and return flat parents, flat copies and the parent of every copy."""
    X_new, _ = sampler.fit_resample(X, y)
    parents = sampler.sample_indices_[len(y) :]
    return flatten_light_curves(X), flatten_light_curves(X_new.iloc[len(y) :]), parents


def rows_of(flat, k):
    """Observations of one object: time, band, flux, flux_err."""
    rows = slice(flat.offsets[k], flat.offsets[k + 1])
    return flat.time[rows], flat.band[rows], flat.flux[rows], flat.flux_err[rows]


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("auto", {"TDE": 25, "SN Ia": 25}),
        ("not majority", {"TDE": 25, "SN Ia": 25}),
        ("minority", {"TDE": 25, "SN Ia": 25}),
        ("all", {"TDE": 25, "SN Ia": 25}),
        (0.4, {"TDE": 10, "SN Ia": 25}),
        ({"TDE": 8, "SN Ia": 30}, {"TDE": 8, "SN Ia": 30}),
        (lambda y: {"TDE": 7}, {"TDE": 7, "SN Ia": 25}),
        (None, {"TDE": 6, "SN Ia": 25}),
    ],
)
@pytest.mark.parametrize("n_copies", [0, 2])
def test_classes_get_what_the_strategy_asks_times_the_copies(
    transients, strategy, expected, n_copies
):
    sampler = LightCurveOverSampler(sampling_strategy=strategy, n_copies=n_copies, random_state=0)
    X_new, y_new = sampler.fit_resample(*transients)
    labels, counts = np.unique(y_new, return_counts=True)
    assert dict(zip(labels, counts, strict=True)) == {
        label: n * (1 + n_copies) for label, n in expected.items()
    }
    assert len(X_new) == len(y_new) == len(sampler.sample_indices_)


def test_three_classes_are_balanced():
    X, y = make_transients(n_tde=3, n_sn_ia=12, n_sn_ii=7, random_state=0)
    _, y_new = LightCurveOverSampler(random_state=0).fit_resample(X, y)
    assert np.unique(y_new, return_counts=True)[1].tolist() == [12, 12, 12]


def test_the_objects_of_a_class_serve_as_parents_equally_often(transients):
    X, y = transients
    sampler = LightCurveOverSampler(random_state=0)
    sampler.fit_resample(X, y)
    times = np.bincount(sampler.sample_indices_[len(X) :], minlength=len(X))
    assert set(times[y == "TDE"]) == {3, 4}
    assert set(times[y != "TDE"]) == {0}


def test_the_objects_come_first_and_unchanged(transients):
    X, y = transients
    before = unpack_light_curves(X)
    X_new, y_new = LightCurveOverSampler(n_copies=1, random_state=0).fit_resample(X, y)
    pd.testing.assert_frame_equal(unpack_light_curves(X_new.iloc[: len(X)]), before)
    pd.testing.assert_frame_equal(unpack_light_curves(X), before)
    assert (y_new[: len(y)] == y).all()


def test_labels_and_columns_are_those_of_the_parent(transients):
    X, y = transients
    X = X.assign(host=[f"host of {name}" for name in X.index])
    sampler = LightCurveOverSampler(n_copies=2, random_state=0)
    X_new, y_new = sampler.fit_resample(X, y)
    parents = sampler.sample_indices_
    assert list(X_new.columns) == list(X.columns)
    assert (y_new == y[parents]).all()
    for column in ("host", "redshift", "ebv"):
        assert (X_new[column].to_numpy() == X[column].to_numpy()[parents]).all()


def test_further_fields_of_the_light_curve_ride_along():
    table = unpack_light_curves(make_transients(n_tde=2, n_sn_ia=4, random_state=0)[0])
    table["frame"] = [f"{name} {k}" for k, name in enumerate(table["object_id"])]
    X = pack_light_curves(table, observation_columns=["frame"])
    sampler = LightCurveOverSampler(random_state=0)
    X_new, _ = sampler.fit_resample(X, ["TDE"] * 2 + ["SN Ia"] * 4)
    new = unpack_light_curves(X_new.iloc[6:])
    parent = new["object_id"].str.split("~").str[0]
    assert (new["frame"].str.split(" ").str[0] == parent).all()
    # Times stay, so a frame still is at its time.
    old = table.set_index("frame")["time"]
    assert (old.loc[new["frame"]].to_numpy() == new["time"].to_numpy()).all()


def test_the_name_of_a_copy_is_unique_and_names_its_parent(transients):
    X, y = transients
    sampler = LightCurveOverSampler(n_copies=2, random_state=0)
    X_new, _ = sampler.fit_resample(X, y)
    assert X_new.index.is_unique
    assert X_new.index.name == "object_id"
    parents = X.index[sampler.sample_indices_[len(X) :]]
    assert [name.split("~")[0] for name in X_new.index[len(X) :]] == parents.tolist()


@pytest.mark.parametrize(
    "index",
    [
        ["A", "A~1", "A~2", "B"],
        ["A", "A", "A", "A"],
        [1, 2, 3, 4],
        pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1), ("b", 1)]),
    ],
)
def test_names_stay_unique_whatever_the_objects_are_called(index):
    X = pd.concat([alerts()] * 4).set_axis(index)
    X_new, _ = LightCurveOverSampler(n_copies=3, random_state=0).fit_resample(X, [0, 0, 1, 1])
    copies = X_new.index[4:]
    assert copies.is_unique
    assert not copies.isin(X_new.index[:4]).any()
    assert all(isinstance(name, str) for name in X_new.index)


def test_copies_of_copies_are_named_too(transients):
    sampler = LightCurveOverSampler(random_state=0)
    X_new, y_new = sampler.fit_resample(*transients)
    X_newer, _ = LightCurveOverSampler(n_copies=1, random_state=0).fit_resample(X_new, y_new)
    assert X_newer.index.is_unique


def test_with_everything_off_a_copy_is_its_parent(transients):
    X, y = transients
    flat, copies, parents = copies_of(LightCurveOverSampler(n_copies=1, **OFF), X, y)
    for k, parent in enumerate(parents):
        for copied, original in zip(rows_of(copies, k), rows_of(flat, parent), strict=True):
            np.testing.assert_array_equal(copied, original)


@pytest.mark.parametrize("factor", [0.5, 1.0])
def test_fluxes_are_redrawn_by_a_factor_of_their_errors(factor):
    # Far above the threshold, where nothing is cut.
    X, y = two_objects(n_observations=500, snr=50.0)
    sampler = LightCurveOverSampler(
        n_copies=5, flux_noise=factor, drop=0, truncation=0, random_state=0
    )
    _, copies, _ = copies_of(sampler, X, y)
    scatter = (copies.flux - 250.0) / 5.0
    assert scatter.std() == pytest.approx(factor, rel=0.03)
    assert scatter.mean() == pytest.approx(0.0, abs=0.05 * factor)
    assert (copies.flux_err == 5.0).all()


def test_a_copy_loses_a_share_of_its_observations(many):
    X, y = many
    sampler = LightCurveOverSampler(
        sampling_strategy=None, n_copies=10, flux_noise=0, drop=0.6, truncation=0, random_state=0
    )
    flat, copies, parents = copies_of(sampler, X, y)
    left = copies.n_observations / flat.n_observations[parents]
    long = flat.n_observations[parents] >= 30
    assert left[long].mean() == pytest.approx(0.7, abs=0.02)
    assert left[long].min() > 0.2
    for k, parent in enumerate(parents[:50]):
        kept = np.isin(rows_of(flat, parent)[2], rows_of(copies, k)[2])
        np.testing.assert_array_equal(rows_of(copies, k)[2], rows_of(flat, parent)[2][kept])


def test_a_truncated_copy_is_the_beginning_of_its_parent(many):
    X, y = many
    sampler = LightCurveOverSampler(
        sampling_strategy=None, n_copies=10, flux_noise=0, drop=0, truncation=0.4, random_state=0
    )
    flat, copies, parents = copies_of(sampler, X, y)
    shorter = copies.n_observations < flat.n_observations[parents]
    # A cut at the last observation leaves everything.
    assert shorter.mean() == pytest.approx(0.4, abs=0.04)
    for k, parent in enumerate(parents):
        n = copies.n_observations[k]
        assert n >= 1
        np.testing.assert_array_equal(rows_of(copies, k)[0], rows_of(flat, parent)[0][:n])


def test_a_truncated_copy_reaches_the_first_confirmed_detection():
    times = np.concatenate([[0.0, 100.0, 200.0], 300.0 + np.arange(20.0)])
    table = pd.DataFrame({"time": times, "band": "g", "flux": 100.0, "flux_err": 5.0})
    X = pd.concat([pack_light_curves(table, object_id=None)] * 2)
    sampler = LightCurveOverSampler(
        n_copies=200, flux_noise=0, drop=0, truncation=1.0, random_state=0
    )
    _, copies, _ = copies_of(sampler, X, [0, 1])
    assert copies.n_observations.min() == 4
    assert copies.n_observations.max() == 23


def test_a_copy_is_shifted_as_a_whole(transients):
    X, y = transients
    sampler = LightCurveOverSampler(n_copies=3, time_shift=10.0, random_state=0, **OFF)
    flat, copies, parents = copies_of(sampler, X, y)
    shifts = []
    for k, parent in enumerate(parents):
        shift = rows_of(copies, k)[0] - rows_of(flat, parent)[0]
        np.testing.assert_allclose(shift, shift[0], atol=1e-9)
        shifts.append(shift[0])
    assert np.abs(shifts).max() < 10.0
    assert np.std(shifts) == pytest.approx(10.0 / np.sqrt(3), rel=0.15)


def luminosity_distance(z):
    """Of a flat universe with H0 = 70 and Omega_m = 0.3, by numerical integration, in Mpc."""
    return (1 + z) * 299792.458 / 70 * quad(lambda x: (0.3 * (1 + x) ** 3 + 0.7) ** -0.5, 0, z)[0]


def test_a_copy_from_farther_away_is_slower_and_fainter():
    X, y = two_objects(n_observations=200, snr=1000.0)
    sampler = LightCurveOverSampler(
        n_copies=20, redshift_factor=1.2, depth=21.0, random_state=0, **OFF
    )
    X_new, _ = sampler.fit_resample(X, y)
    redshift = X_new["redshift"].to_numpy()
    assert (redshift[:2] == 0.1).all()
    assert (redshift[2:] > 0.1).all()
    assert ((1 + redshift) / 1.1 <= 1.2 + 1e-12).all()
    assert ((1 + redshift) / 1.1).max() > 1.17
    copies = flatten_light_curves(X_new.iloc[2:])
    for k, z in enumerate(redshift[2:]):
        time, _, flux, flux_err = rows_of(copies, k)
        np.testing.assert_allclose(time - time[0], 2.0 * np.arange(200) * (1 + z) / 1.1, rtol=1e-9)
        fading = (1 + z) / 1.1 * (luminosity_distance(0.1) / luminosity_distance(z)) ** 2
        np.testing.assert_allclose(flux, 5000.0 * fading, rtol=1e-4)
        # Sky of 10^(-0.4 (21 - 23.9)) / 5 = 2.89 microjansky; the rest of 5 is photon noise.
        expected = np.sqrt(2.891**2 + (5.0**2 - 2.891**2) * fading)
        np.testing.assert_allclose(flux_err, expected, rtol=1e-3)


@pytest.mark.parametrize("redshift_factor", [1.0, 1.3])
def test_a_copy_scatters_by_the_root_of_two_times_more_near_or_far(redshift_factor):
    table = unpack_light_curves(two_objects(n_observations=1000, snr=1000.0)[0])
    rng = np.random.default_rng(0)
    table["flux"] += 0.5 * table["flux_err"] * rng.standard_normal(len(table))
    X = pack_light_curves(table)
    sampler = LightCurveOverSampler(
        n_copies=20, redshift_factor=redshift_factor, drop=0, truncation=0, random_state=0
    )
    _, copies, _ = copies_of(sampler, X, ["TDE", "SN Ia"])
    scatter = [
        ((flux - flux.mean()) / flux_err).std()
        for _, _, flux, flux_err in (rows_of(copies, k) for k in range(copies.n_objects))
    ]
    assert np.mean(scatter) == pytest.approx(0.5 * np.sqrt(2), rel=0.02)


def test_no_copy_is_more_than_five_times_as_far_as_its_parent():
    X, y = two_objects(snr=1e4, redshift=0.01)
    X_new, _ = LightCurveOverSampler(n_copies=50, redshift_factor=1.5, random_state=0).fit_resample(
        X, y
    )
    assert 0.04 < X_new["redshift"].max() <= 0.05


@pytest.mark.parametrize("redshift", [np.nan, 0.0, -0.01])
def test_an_object_without_a_redshift_stays_where_it_is(redshift):
    X, y = two_objects(redshift=redshift)
    sampler = LightCurveOverSampler(n_copies=2, redshift_factor=1.5, random_state=0, **OFF)
    flat, copies, parents = copies_of(sampler, X, y)
    for k, parent in enumerate(parents):
        for copied, original in zip(rows_of(copies, k), rows_of(flat, parent), strict=True):
            np.testing.assert_array_equal(copied, original)


def test_a_copy_from_farther_away_is_still_detected():
    # Just above the threshold: hardly any step is possible.
    X, y = two_objects(snr=5.5)
    sampler = LightCurveOverSampler(n_copies=20, redshift_factor=1.5, random_state=0, **OFF)
    X_new, _ = sampler.fit_resample(X, y)
    assert X_new["redshift"].max() < 0.2
    assert flatten_light_curves(X_new).n_observations.min() >= 1


def test_copies_of_alerts_are_alerts(many):
    X, y = many
    sampler = LightCurveOverSampler(n_copies=2, redshift_factor=1.5, random_state=0)
    flat, copies, _ = copies_of(sampler, X, y)
    assert (flat.flux >= 5 * flat.flux_err).all()
    single = np.repeat(copies.n_observations == 1, copies.n_observations)
    assert (copies.flux >= 5 * copies.flux_err)[~single].all()


def test_copies_of_forced_photometry_keep_what_is_no_detection():
    times = np.arange(100.0)
    flux = np.where(times < 50, 0.0, 26.0)
    table = pd.DataFrame({"time": times, "band": "g", "flux": flux, "flux_err": 5.0})
    X = pd.concat([pack_light_curves(table, object_id=None)] * 2)
    sampler = LightCurveOverSampler(n_copies=3, drop=0, truncation=0, random_state=0)
    _, copies, _ = copies_of(sampler, X, [0, 1])
    assert (copies.n_observations == 100).all()
    assert (copies.flux[np.tile(times >= 50, 6)] < 25.0).any()


def test_the_depth_is_measured_or_given():
    X, y = make_transients(n_tde=30, n_sn_ia=60, random_state=0)
    measured = LightCurveOverSampler(redshift_factor=1.2, random_state=0)
    measured.fit_resample(X, y)
    assert set(measured.depth_) == {"g", "r"}
    # The simulator's sky noise is 5.5 microjansky, before the source and the weather.
    assert all(19.5 < depth < 20.3 for depth in measured.depth_.values())
    given = LightCurveOverSampler(redshift_factor=1.2, depth={"g": 20.8, "r": 20.6})
    given.fit_resample(X, y)
    assert given.depth_ == pytest.approx({"g": 20.8, "r": 20.6})


def test_a_sampler_without_redshifts_asks_for_none(transients):
    X, y = transients
    LightCurveOverSampler(random_state=0).fit_resample(X.drop(columns="redshift"), y)


def test_the_flux_unit_does_not_matter(transients):
    X, y = transients
    table = unpack_light_curves(X)
    table[["flux", "flux_err"]] *= 1024.0
    scaled = pack_light_curves(table)
    sampler = LightCurveOverSampler(n_copies=1, redshift_factor=1.5, random_state=0)
    _, copies, _ = copies_of(sampler, X, y)
    _, others, _ = copies_of(sampler, scaled, y)
    np.testing.assert_array_equal(copies.time, others.time)
    np.testing.assert_array_equal(copies.flux * 1024.0, others.flux)
    np.testing.assert_array_equal(copies.flux_err * 1024.0, others.flux_err)


def test_an_object_without_observations_has_copies_without():
    X = check_light_curves(
        [{"g": {"t": [], "y": [], "e": []}}, {"g": {"t": [1], "y": [60], "e": [5]}}]
    )
    sampler = LightCurveOverSampler(
        n_copies=3, drop=0.99, truncation=1.0, flux_noise=5.0, random_state=0
    )
    X_new, _ = sampler.fit_resample(X, ["TDE", "SN Ia"])
    assert flatten_light_curves(X_new).n_observations.tolist() == [0, 1, 0, 0, 0, 1, 1, 1]


def test_no_copy_becomes_empty(many):
    sampler = LightCurveOverSampler(
        n_copies=20, drop=0.999, truncation=1.0, flux_noise=10.0, random_state=0
    )
    _, copies, _ = copies_of(sampler, *many)
    assert copies.n_observations.min() == 1


@pytest.mark.parametrize(
    "make",
    [
        np.asarray,
        list,
        lambda y: pd.Series(y, index=[f"o{k}" for k in range(len(y))], name="label"),
        lambda y: pd.Series(y, dtype="category"),
        pd.Categorical,
        lambda y: np.asarray(y) == "TDE",
        lambda y: (np.asarray(y) == "TDE").astype(int),
        lambda y: pd.array(np.asarray(y) == "TDE", dtype="boolean"),
    ],
)
def test_labels_come_back_in_their_type(transients, make):
    X, y = transients
    given = make(y)
    X_new, y_new = LightCurveOverSampler(random_state=0).fit_resample(X, given)
    assert type(y_new) is type(given)
    assert getattr(y_new, "dtype", None) == getattr(given, "dtype", None)
    assert len(y_new) == len(X_new) == 50
    values, counts = np.unique(np.asarray(y_new), return_counts=True)
    assert counts.tolist() == [25, 25]
    if isinstance(given, pd.Series):
        assert y_new.index.equals(X_new.index)
        assert y_new.name == given.name


def test_the_same_seed_makes_the_same_copies(transients):
    first, second, other = (
        LightCurveOverSampler(random_state=seed, redshift_factor=1.3).fit_resample(*transients)[0]
        for seed in (0, 0, 1)
    )
    first, second, other = map(unpack_light_curves, (first, second, other))
    pd.testing.assert_frame_equal(first, second)
    assert not first["flux"].equals(other["flux"])


def test_the_global_generator_is_left_alone(transients):
    before = np.random.get_state()  # noqa: NPY002
    LightCurveOverSampler(random_state=3).fit_resample(*transients)
    after = np.random.get_state()  # noqa: NPY002
    assert before[2] == after[2]
    assert (before[1] == after[1]).all()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"sampling_strategy": {"TDE": 2}}, "2 samples are asked"),
        ({"sampling_strategy": {"AGN": 9}}, "AGN"),
        ({"sampling_strategy": 0.1}, "increase the ratio"),
        ({"sampling_strategy": "majority"}, "sampling_strategy"),
        ({"n_copies": -1}, "n_copies"),
        ({"flux_noise": -0.1}, "flux_noise"),
        ({"drop": 1.0}, "drop"),
        ({"truncation": 1.1}, "truncation"),
        ({"redshift_factor": 0.9}, "redshift_factor"),
        ({"redshift_factor": 1.5, "redshift_column": "z"}, "the column 'z' is missing"),
        ({"redshift_factor": 1.5, "depth": {"g": 20.5}}, "band 'r' has None"),
        ({"redshift_factor": 1.5, "depth": {"g": 20.5, "r": "deep"}}, "band 'r' has 'deep'"),
        ({"redshift_factor": 1.5, "depth": True}, "band 'g' has True"),
        ({"redshift_factor": 1.5, "depth": -5.0}, "depth"),
        ({"flux_noise": 1e308}, "flux_noise"),
    ],
)
def test_what_cannot_be_done_is_refused(transients, params, message):
    with pytest.raises(ValueError, match=message):
        LightCurveOverSampler(**params).fit_resample(*transients)


def test_bad_labels_are_refused(transients):
    X, y = transients
    sampler = LightCurveOverSampler()
    with pytest.raises(ValueError, match="y has one class, 'TDE'"):
        sampler.fit_resample(X, ["TDE"] * len(X))
    with pytest.raises(
        ValueError, match="label of 1 of 31 objects is missing, the first at position 3"
    ):
        sampler.fit_resample(X, [None if k == 3 else label for k, label in enumerate(y)])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        sampler.fit_resample(X, y[:-1])


def test_a_bad_light_curve_is_refused_by_name(transients):
    X, y = transients
    table = unpack_light_curves(X)
    table.loc[0, "flux_err"] = 0.0
    bad = [group for _, group in table.groupby("object_id", sort=False)]
    with pytest.raises(ValueError, match="object 0: flux_err is 0.0"):
        LightCurveOverSampler().fit_resample(bad, y)


def test_fit_counts_without_copying(transients):
    sampler = LightCurveOverSampler().fit(*transients)
    assert sampler.sampling_strategy_ == {"TDE": 19}
    assert not hasattr(sampler, "sample_indices_")
    assert sampler.get_feature_names_out().tolist() == ["light_curve", "redshift", "ebv"]
