import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sklearn_tde import LightCurveGridder, pack_light_curves


def curves(**bands):
    """One object: bands with (times, fluxes) and an error of 1."""
    rows = [
        (time, band, flux, 1.0)
        for band, (times, fluxes) in bands.items()
        for time, flux in zip(times, fluxes, strict=True)
    ]
    return pd.DataFrame(rows, columns=["time", "band", "flux", "flux_err"])


def pack(*tables, **columns):
    table = pd.concat([t.assign(object_id=f"o{k}") for k, t in enumerate(tables)])
    X = pack_light_curves(table)
    return X.assign(**columns)


def random_table(seed, n_objects=5, max_points=30):
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, max_points, n_objects)
    n = counts.sum()
    flux = rng.normal(60, 40, n)
    return pd.DataFrame(
        {
            "object_id": np.repeat([f"o{k}" for k in range(n_objects)], counts),
            "time": 59000 + rng.uniform(0, 400, n).round(3),
            "band": rng.choice(["g", "r"], n),
            "flux": flux,
            "flux_err": rng.uniform(2, 20, n),
        }
    ).drop_duplicates(["object_id", "time", "band"])


def reference_grid(table):
    """The reference recipe, object by object, as its publication describes it."""
    grid = np.linspace(0, 300, 300)
    snr = table["flux"] / table["flux_err"]
    start = table["time"][snr >= 5].min() if (snr >= 5).any() else table["time"].min()
    positive = table["flux"][table["flux"] > 0]
    scale = np.median(positive) if len(positive) else np.median(np.abs(table["flux"]))
    scale = max(scale, np.median(table["flux_err"]))
    fluxes, errors, masks = [], [], []
    for band in ("g", "r"):
        part = table[table["band"] == band].sort_values("time")
        if not len(part):
            fluxes.append(np.zeros(300))
            errors.append(np.zeros(300))
            masks.append(np.zeros(300))
            continue
        t = (part["time"] - start).to_numpy()
        flux = np.interp(grid, t, part["flux"]) / scale
        fluxes.append(np.sign(flux) * np.log1p(np.abs(flux)))
        errors.append(np.interp(grid, t, part["flux_err"]) / scale)
        masks.append((grid >= t[0]) & (grid <= t[-1]))
    return np.column_stack([grid / 300, *fluxes, *errors, *masks])


@given(seed=st.integers(0, 10_000))
def test_reference_equals_the_recipe_object_by_object(seed):
    table = random_table(seed)
    X = pack_light_curves(table)
    found = LightCurveGridder.reference().fit_transform(X)
    for k, (_, part) in enumerate(table.groupby("object_id", sort=False)):
        np.testing.assert_allclose(found[k], reference_grid(part), rtol=1e-5, atol=1e-5)


def test_reference_equals_the_recipe_on_real_light_curves(ztf_data_folder):
    table = pd.read_parquet(ztf_data_folder / "ztf_observations.parquet")
    table = table[table["object_id"].isin(table["object_id"].unique()[:100])]
    found = LightCurveGridder.reference().fit_transform(pack_light_curves(table))
    table = table.astype({"flux": float, "flux_err": float})
    for k, (_, part) in enumerate(table.groupby("object_id", sort=False)):
        np.testing.assert_allclose(found[k], reference_grid(part), rtol=1e-5, atol=1e-5)


def test_output_is_float32_with_named_features_and_masks_last():
    X = pack(curves(g=([0, 3], [50, 60]), r=([0], [40])), redshift=[0.25])
    gridder = LightCurveGridder(duration=6, cadence=3, context=("redshift",), colors=False)
    grid = gridder.fit_transform(X)
    assert grid.dtype == np.float32
    assert grid.shape == (1, 3, 8)
    assert gridder.get_feature_names_out().tolist() == [
        "time", "flux_g", "flux_r", "flux_err_g", "flux_err_r", "redshift", "mask_g", "mask_r",
    ]  # fmt: skip
    np.testing.assert_allclose(grid[0, :, 0], [0, 0.5, 1])
    # The last step need not be at the end of the grid.
    partial = LightCurveGridder(duration=10, cadence=4).fit_transform(X)
    np.testing.assert_allclose(partial[0, :, 0], [0, 0.4, 0.8])
    assert (grid[0, :, 5] == 0.25).all()
    np.testing.assert_array_equal(grid[0, :, 6:], [[1, 1], [1, 0], [0, 0]])


def plain(**params):
    return LightCurveGridder(
        **{"scale": None, "log_flux": False, "colors": False, "cadence": 2, "duration": 8, **params}
    )


def test_several_observations_in_a_step_are_averaged_by_their_inverse_variances():
    table = curves(g=([0, 1.5, 2.5, 8], [10, 20, 40, 80])).assign(flux_err=[1, 1, 2, 1])
    grid = plain().fit_transform(pack(table))[0]
    # Both observations are nearest to the step at 2 days: (20 / 1 + 40 / 4) / (1 + 1 / 4).
    assert grid[1, 1] == pytest.approx(24)
    assert grid[1, 3] == pytest.approx(np.sqrt(1 / 1.25))
    # Between the steps with observations, the observations themselves are interpolated.
    assert grid[2, 1] == pytest.approx(40 + (4 - 2.5) / (8 - 2.5) * 40)
    assert grid[:, 5].tolist() == [1, 1, 0, 0, 1]


def test_an_observation_half_way_belongs_to_the_later_step():
    grid = plain().fit_transform(pack(curves(g=([0, 3], [10, 20]))))[0]
    assert grid[:, 5].tolist() == [1, 0, 1, 0, 0]


def test_coverage_marks_the_steps_between_first_and_last_observation():
    X = pack(curves(g=([0, 5], [10, 20]), r=([2.5], [10])))
    grid = plain(mask="coverage").fit_transform(X)[0]
    assert grid[:, 5].tolist() == [1, 1, 1, 0, 0]
    assert grid[:, 6].tolist() == [0, 0, 0, 0, 0]
    np.testing.assert_allclose(grid[:, 1], [10, 14, 18, 20, 20])


def test_a_missing_band_is_zero_with_a_zero_mask():
    grid = plain(bands=("r", "i", "g")).fit_transform(pack(curves(g=([0, 5], [10, 20]))))[0]
    assert (grid[:, [1, 2, 4, 5, 7, 8]] == 0).all()
    assert grid[:, 9].sum() == 2


def test_one_observation_is_enough_and_none_gives_zeros():
    objects = pd.DataFrame(index=pd.Index(["o0", "empty"], name="object_id"))
    X = pack_light_curves(curves(g=([7], [10])).assign(object_id="o0"), objects=objects)
    grid = plain().fit_transform(X)
    assert (grid[0, :, 1] == 10).all()
    assert grid[0, :, 5].tolist() == [1, 0, 0, 0, 0]
    assert (grid[1, :, 1:] == 0).all()


def test_a_curve_in_the_noise_starts_at_its_first_observation():
    grid = plain().fit_transform(pack(curves(g=([10, 14], [1, -2]))))[0]
    assert grid[:, 5].tolist() == [1, 0, 1, 0, 0]


def start_of(table, **params):
    """The time of t = 0, read off a light curve's gridded time of maximum."""
    gridder = plain(duration=1000, cadence=1, **params)
    grid = gridder.fit_transform(pack(table))[0]
    peak = table["time"][table["flux"].idxmax()]
    return peak - gridder.grid_[np.argmax(grid[:, 1] * grid[:, -2])]


@pytest.mark.parametrize(
    ("times", "first", "confirmed"),
    [
        ([0, 3, 6, 9], 0, 0),
        ([0, 100, 103, 110], 0, 100),  # nothing follows the first one within 20 days
        ([0, 0.1, 100, 103], 0, 100),  # the same night does not confirm
        ([0, 20, 30, 40], 0, 0),  # 20 days do
        ([0, 50, 100, 150], 0, 150),  # unconfirmed: the latest detection
        ([0, 0.1, 3, 300], 0, 0),
    ],
)
def test_the_clock_starts_at_the_first_or_first_confirmed_detection(times, first, confirmed):
    table = curves(g=(times, [10, 11, 12, 100]))
    assert start_of(table, start="first") == pytest.approx(first)
    assert start_of(table, start="confirmed") == pytest.approx(confirmed)


def test_what_is_no_detection_neither_starts_nor_confirms():
    table = curves(g=([0, 10, 12, 50, 55], [4.9, 6, 4.9, 8, 100]))
    assert start_of(table, start="first") == 10
    assert start_of(table, start="confirmed") == 50
    assert start_of(table, start="confirmed", detection_snr=4) == 0


@pytest.mark.parametrize("factor", [1e-3, 0.1, 3.631, 1e3])
def test_a_flux_at_the_threshold_is_a_detection_in_any_unit(factor):
    errors = np.arange(1.0, 500.0)
    for snr, peak in ((5.0, 33), (5.0 * (1 - 1e-6), 3)):
        table = pd.DataFrame(
            {
                "object_id": np.repeat(errors, 3),
                "time": np.tile([0.0, 30.0, 33.0], len(errors)),
                "band": "g",
                "flux": np.outer(errors, [snr, 40, 90]).ravel() * factor,
                "flux_err": np.repeat(errors, 3) * factor,
            }
        )
        gridder = plain(start="first", duration=40, cadence=1)
        grid = gridder.fit_transform(pack_light_curves(table))
        assert (np.argmax(grid[:, :, 1] * grid[:, :, -2], axis=1) == peak).all()


def test_detections_in_different_bands_confirm_each_other():
    table = curves(g=([0, 200], [10, 100]), r=([4], [10]))
    assert start_of(table, start="confirmed") == 0


def test_the_confirmed_start_never_moves_once_it_is_confirmed():
    times = np.array([0, 40, 45, 60, 100, 101, 130.0])
    fluxes = np.linspace(10, 100, len(times))
    starts = [
        start_of(curves(g=(times[:k], fluxes[:k])), start="confirmed")
        for k in range(1, len(times) + 1)
    ]
    assert starts == pytest.approx([0, 40, 40, 40, 40, 40, 40])


def test_what_lies_before_and_after_the_grid_is_ignored_used_or_refused():
    X = pack(curves(g=([0, 30, 34, 60], [10, 100, 140, 1000])))
    ignored = plain(before_start="ignore", after_end="ignore").fit_transform(X)[0]
    np.testing.assert_allclose(ignored[:, 1], [100, 120, 140, 140, 140])
    used = plain(before_start="interpolate", after_end="interpolate").fit_transform(X)[0]
    np.testing.assert_allclose(
        used[:, 1], [100, 120, 140, 140 + 2 / 26 * 860, 140 + 4 / 26 * 860], rtol=1e-6
    )
    np.testing.assert_array_equal(used[:, 5], ignored[:, 5])
    with pytest.raises(ValueError, match="object 'o0': time is -30.00 days after t = 0; .* 0 to 8"):
        plain(before_start="raise").fit_transform(X)
    with pytest.raises(ValueError, match="object 'o0': time is 30.00 days .* after_end"):
        plain(after_end="raise").fit_transform(X)


def test_lead_shows_what_came_before_the_start():
    X = pack(curves(g=([26, 30, 34], [2, 100, 140])))
    gridder = plain(lead=4)
    grid = gridder.fit_transform(X)[0]
    assert gridder.grid_.tolist() == [-4, -2, 0, 2, 4, 6, 8]
    assert grid[:, 5].tolist() == [1, 0, 1, 0, 1, 0, 0]
    assert grid[0, 1] == 2


def test_median_scale_is_that_of_the_positive_fluxes_of_all_bands():
    X = pack(curves(g=([0, 2], [10, -50]), r=([4, 6], [30, 20])))
    grid = plain(scale="median").fit_transform(X)[0]
    np.testing.assert_allclose(grid[0, 1], 10 / 20)
    np.testing.assert_allclose(grid[0, 3], 1 / 20)
    negative = pack(curves(g=([0, 2, 4], [-10, -50, -20])))
    assert plain(scale="median").fit_transform(negative)[0, 0, 1] == -0.5


@pytest.mark.parametrize("scale", ["median", "running"])
def test_the_scale_is_no_less_than_the_error(scale):
    contaminated = curves(g=([0, 2, 4], [1e-6, -300, -310])).assign(flux_err=20)
    limits = curves(g=([0, 2, 4], [0, 0, 0])).assign(flux_err=20)
    grid = plain(scale=scale, start="first").fit_transform(pack(contaminated, limits))
    assert grid[0, :, 3].max() <= 1
    np.testing.assert_allclose(grid[1, :, 3], 1)


def test_running_scale_is_the_mean_of_the_positive_fluxes_so_far():
    X = pack(curves(g=([0, 4], [10, 30]), r=([2], [-50])))
    grid = plain(scale="running").fit_transform(X)[0]
    np.testing.assert_allclose(grid[[0, 2], 1], [1, 30 / 20])
    np.testing.assert_allclose(grid[1, 2], -5)


@given(seed=st.integers(0, 10_000), cut=st.integers(1, 60))
def test_with_the_running_scale_observed_steps_use_nothing_later(seed, cut):
    table = random_table(seed, n_objects=3)
    table["time"] = np.floor(table["time"])  # on the steps, so that "later" is later steps
    # A first detection for the clock, then upper limits, negative fluxes and all else.
    table["flux"] = np.where(table.index % 3 == 0, 0.0, table["flux"] - 30)
    first = table["time"] == table.groupby("object_id")["time"].transform("min")
    table["flux"] = np.where(first, 6 * table["flux_err"], table["flux"])
    table = table.drop_duplicates(["object_id", "time", "band"])
    gridder = plain(scale="running", start="first", duration=100, cadence=1)
    start = table.groupby("object_id")["time"].transform("min")
    early = table[table["time"] - start <= cut]
    whole = gridder.fit_transform(pack_light_curves(table))[:, : cut + 1]
    part = gridder.fit_transform(pack_light_curves(early))[:, : cut + 1]
    for band in range(2):
        seen = whole[:, :, 5 + band] == 1
        np.testing.assert_array_equal(part[:, :, 5 + band], seen)
        np.testing.assert_allclose(
            whole[..., [1 + band, 3 + band]][seen],
            part[..., [1 + band, 3 + band]][seen],
            rtol=1e-5,
        )


def test_with_the_running_scale_early_limits_do_not_know_the_later_flux():
    limits = [(0, 0.0, 50.0), (2, 0.0, 40.0)]
    errors = []
    for flux in (100.0, 1000.0):
        rows = [*limits, (6, flux, 5.0), (8, flux, 5.0)]
        table = pd.DataFrame(rows, columns=["time", "flux", "flux_err"]).assign(band="g")
        for mask in ("observed", "coverage"):
            grid = plain(scale="running", lead=6, duration=4, mask=mask).fit_transform(pack(table))
            errors.append(grid[0, :2, 3])
    np.testing.assert_allclose(errors[0], [1, 40 / 45], rtol=1e-6)
    np.testing.assert_array_equal(errors[0], errors[2])
    np.testing.assert_array_equal(errors[1], errors[3])


def test_running_scale_with_coverage_counts_an_observation_from_the_next_step():
    X = pack(curves(g=([0, 3, 8], [10, 30, 30])))
    grid = plain(scale="running", mask="coverage").fit_transform(X)[0]
    # At 2 days only the first flux has been seen, at 4 days both.
    np.testing.assert_allclose(grid[1, 1], (10 + 2 / 3 * 20) / 10, rtol=1e-6)
    np.testing.assert_allclose(grid[2, 1], 30 / 20, rtol=1e-6)


def test_log_flux_keeps_the_sign():
    grid = plain(log_flux=True).fit_transform(pack(curves(g=([0, 2], [10, -10]))))[0]
    np.testing.assert_allclose(grid[:2, 1], [np.log(11), -np.log(11)], rtol=1e-6)


def test_colors_are_differences_of_neighbouring_bands_where_both_exist():
    X = pack(curves(g=([0, 8], [10, 30]), r=([0, 8], [4, 4])), curves(g=([0, 8], [10, 30])))
    gridder = plain(colors=True)
    grid = gridder.fit_transform(X)
    assert gridder.get_feature_names_out().tolist()[3] == "color_g_r"
    np.testing.assert_allclose(grid[0, :, 3], [6, 11, 16, 21, 26])
    assert (grid[1, :, 3] == 0).all()
    three = plain(bands=("g", "r", "i")).set_params(colors=True)
    assert "color_r_i" in three.get_feature_names_out()


def test_errors_grow_in_gaps_by_the_days_to_the_nearest_observation():
    X = pack(curves(g=([0, 8], [10, 10])))
    grid = plain(gap_inflation=0.5).fit_transform(X)[0]
    np.testing.assert_allclose(grid[:, 3], [1, 2, 3, 2, 1])


def test_julian_dates_keep_their_precision():
    table = curves(g=([0, 2.04, 4.08], [10, 20, 30]))
    shifted = table.assign(time=table["time"] + 2_458_849.5)
    gridder = plain(cadence=0.05)
    np.testing.assert_allclose(
        gridder.fit_transform(pack(shifted)), gridder.fit_transform(pack(table)), rtol=1e-5
    )


SETTINGS = st.sampled_from(
    [
        {},
        {"mask": "coverage", "start": "first"},
        {"scale": "running", "lead": 10, "gap_inflation": 0.1},
        {"before_start": "interpolate", "after_end": "interpolate"},
    ]
)


@given(seed=st.integers(0, 10_000), params=SETTINGS)
def test_zero_point_of_time_unit_of_flux_and_order_of_rows_do_not_matter(seed, params):
    table = random_table(seed)
    # Steps of 1/8 day keep the shifted times exact.
    table["time"] = (table["time"] * 8).round() / 8
    table = table.drop_duplicates(["object_id", "time", "band"])
    gridder = LightCurveGridder(**params)
    expected = gridder.fit_transform(pack_light_curves(table))
    changed = table.assign(
        time=table["time"] - 50_000, flux=table["flux"] * 1000, flux_err=table["flux_err"] * 1000
    )
    order = table["object_id"].unique()
    changed = pack_light_curves(changed.sample(frac=1, random_state=seed)).loc[order]
    np.testing.assert_allclose(gridder.fit_transform(changed), expected, rtol=1e-4, atol=1e-5)


@given(seed=st.integers(0, 10_000), params=SETTINGS)
def test_the_other_objects_do_not_matter(seed, params):
    X = pack_light_curves(random_table(seed, n_objects=6))
    gridder = LightCurveGridder(**params)
    whole = gridder.fit_transform(X)
    chosen = [4, 1, 1, 3]
    np.testing.assert_array_equal(gridder.transform(X.iloc[chosen]), whole[chosen])


@given(seed=st.integers(0, 10_000))
def test_the_order_of_bands_only_orders_the_features(seed):
    X = pack_light_curves(random_table(seed))
    there = LightCurveGridder(bands=("g", "r"), colors=False).fit_transform(X)
    back = LightCurveGridder(bands=("r", "g"), colors=False).fit_transform(X)
    np.testing.assert_allclose(back[..., [0, 2, 1, 4, 3, 6, 5]], there, rtol=1e-5, atol=1e-6)


def test_many_objects_are_gridded_as_few_are():
    X = pack_light_curves(random_table(0, n_objects=1200, max_points=6))
    gridder = LightCurveGridder(n_steps=20).fit(X)
    whole = gridder.transform(X)
    for begin in (0, 500, 1100):
        part = gridder.transform(X.iloc[begin : begin + 50])
        np.testing.assert_array_equal(whole[begin : begin + 50], part)


@pytest.mark.parametrize("params", [{}, {"mask": "coverage", "scale": "running"}])
def test_times_that_the_zero_point_rounds_stay_at_their_steps(params):
    rng = np.random.default_rng(0)
    # Tenths of a day, on every edge between steps of 1.2 days and on many of the steps.
    time = 59000.137 + np.arange(0, 300, 3) / 10
    flux = rng.uniform(30, 90, len(time))
    table = pd.DataFrame(
        {"object_id": "a", "time": time, "band": "g", "flux": flux, "flux_err": 2.0}
    )
    gridder = LightCurveGridder(cadence=1.2, duration=30, **params)
    expected = gridder.fit_transform(pack_light_curves(table))
    for offset in (2_400_000.5, -59000.137, 0.3):
        shifted = pack_light_curves(table.assign(time=table["time"] + offset))
        np.testing.assert_allclose(gridder.transform(shifted), expected, atol=1e-6)


@pytest.mark.parametrize("edge", [0.5, 20.0])
def test_detections_at_the_edges_of_the_rule_confirm_at_any_zero_point(edge):
    for offset in (0.1, 59000.137, 2_459_000.137):
        table = curves(g=(np.array([0, edge, 900]) + offset, [10, 11, 100]))
        assert start_of(table, start="confirmed") == pytest.approx(offset, abs=1)


def test_what_float32_cannot_hold_is_named():
    X = pack(curves(g=([0, 3], [50, 60])), curves(g=([0, 3], [1e40, 60])))
    with pytest.raises(ValueError, match="object 'o1': flux_g is too large for float32"):
        plain().fit_transform(X)
    assert np.isfinite(LightCurveGridder().fit_transform(X)).all()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"duration": 0}, "'duration' parameter"),
        ({"cadence": -1.0}, "'cadence' parameter"),
        ({"n_steps": 1}, "'n_steps' parameter"),
        ({"cadence": 1.0, "n_steps": 10}, "give one of them"),
        ({"start": "peak"}, "'start' parameter"),
        ({"mask": "all"}, "'mask' parameter"),
        ({"scale": "max"}, "'scale' parameter"),
        ({"detection_snr": 0}, "'detection_snr' parameter"),
        ({"bands": ()}, "bands is empty"),
        ({"bands": ("g", "g")}, "bands must be different strings"),
        ({"bands": "gr"}, "'bands' parameter"),
        ({"context": "redshift"}, "'context' parameter"),
        ({"context": ("redshift",)}, "context column 'redshift' is missing"),
        ({"context": ("time",)}, "context: 'time' is the name of another feature"),
        ({"cadence": 300.0, "duration": 10.0}, "longer than the grid of 10 days"),
        ({"bands": ("g", "i")}, "object 'o0': band is 'r'"),
    ],
)
def test_bad_parameters_are_named(params, message):
    X = pack(curves(g=([0], [1]), r=([1], [1])))
    with pytest.raises(ValueError, match=message):
        LightCurveGridder(**params).fit(X)


def test_bad_context_is_named():
    X = pack(curves(g=([0], [1])), curves(g=([0], [1])), redshift=[0.1, np.nan], kind=["a", "b"])
    with pytest.raises(ValueError, match="object 'o1': redshift is nan"):
        LightCurveGridder(context=("redshift",)).fit(X)
    with pytest.raises(TypeError, match="context column 'kind' is .*; expected numbers"):
        LightCurveGridder(context=("kind",)).fit(X)
    with pytest.raises(ValueError, match="object 'o0': redshift is 1e.39"):
        LightCurveGridder(context=("redshift",)).fit(X.assign(redshift=1e39))


def test_times_in_another_unit_are_refused():
    X = pack(curves(g=([0, 1.6e8], [100, 100])), curves(g=([0, 3], [100, 100])))
    with pytest.raises(ValueError, match="object 'o0': its detections are 1.6e.08 days apart"):
        LightCurveGridder().fit_transform(X)


def test_scikit_learn_interface():
    X = pack(curves(g=([0], [1])))
    gridder = LightCurveGridder(n_steps=5)
    with pytest.raises(NotFittedError):
        gridder.transform(X)
    before = X.copy()
    copy = clone(gridder).fit(X)
    pd.testing.assert_frame_equal(X, before)
    assert copy.get_params()["n_steps"] == 5
    assert not hasattr(gridder, "grid_")
