import numpy as np
import pandas as pd
import pytest
from nested_pandas import NestedFrame

from sklearn_tde import (
    LightCurveGridder,
    check_light_curves,
    make_transients,
    pack_light_curves,
)
from sklearn_tde.preprocessing import LightCurveSequencer


def table(time, band, flux, flux_err=1.0, name="a"):
    return pd.DataFrame(
        {"object_id": name, "time": time, "band": list(band), "flux": flux, "flux_err": flux_err}
    ).astype({"time": float, "flux": float, "flux_err": float})


def sequence(curve, **params):
    sequencer = LightCurveSequencer(**params)
    return sequencer.fit_transform(pack_light_curves(curve))


@pytest.fixture(scope="module")
def transients():
    X, _ = make_transients(n_tde=6, n_sn_ia=10, random_state=0)
    return X


def one_by_one(X, name, bands, duration, lead, scale, snr):
    """The plain recipe for one object."""
    curve = pd.DataFrame(X["light_curve"].loc[name])
    detected = curve["time"][curve["flux"] >= snr * curve["flux_err"]].min()
    detected = curve["time"].min() if np.isnan(detected) else detected
    since = curve["time"] - detected
    curve = curve.assign(since=since, rank=curve["band"].astype(str).map(bands.index))
    curve = curve[(since >= -lead) & (since <= duration)].sort_values(["since", "rank"])
    divisor = 1.0
    if scale == "median":
        divisor = max(curve["flux"][curve["flux"] > 0].median(), curve["flux_err"].median())
    flux = curve["flux"] / divisor
    masks = (curve["rank"].to_numpy()[:, None] == np.arange(len(bands))).astype(float)
    values = [
        curve["since"] / duration,
        np.sign(flux) * np.log1p(np.abs(flux)),
        curve["flux_err"] / divisor,
    ]
    return np.column_stack([*values, masks])


@pytest.mark.parametrize(
    "params",
    [
        {"bands": ("g", "r"), "duration": 300.0, "lead": 0.0, "scale": "median", "snr": 5.0},
        {"bands": ("r", "g"), "duration": 40.0, "lead": 15.0, "scale": None, "snr": 12.0},
    ],
)
def test_every_observation_is_a_step_as_one_by_one(transients, params):
    settings = {**params, "detection_snr": params["snr"], "start": "first"}
    del settings["snr"]
    sequencer = LightCurveSequencer(**settings)
    steps = sequencer.fit_transform(transients)
    assert steps.dtype == np.float32
    longest = 0
    for k, name in enumerate(transients.index):
        expected = one_by_one(transients, name, **params)
        np.testing.assert_allclose(steps[k, : len(expected)], expected, rtol=1e-5, atol=1e-6)
        assert not steps[k, len(expected) :].any()
        longest = max(longest, len(expected))
    assert steps.shape[1] == sequencer.n_steps_ == longest
    assert (steps[:, :, 0].min() < 0) == (params["lead"] > 0)


def test_bands_of_one_moment_follow_each_other_in_their_order():
    curve = table([0, 0, 5, 5, 9], "rgrgr", [10, 20, 30, 40, 50])
    both = [sequence(rows, scale=None, log_flux=False) for rows in (curve, curve.iloc[::-1])]
    np.testing.assert_array_equal(both[0], both[1])
    np.testing.assert_array_equal(both[0][0, :, 1], [20, 10, 40, 30, 50])
    np.testing.assert_array_equal(both[0][0, :, 3:].argmax(axis=1), [0, 1, 0, 1, 1])
    other = sequence(curve, scale=None, log_flux=False, bands=("r", "g"))
    np.testing.assert_array_equal(other[0, :, 1], [10, 20, 30, 40, 50])


def test_there_is_one_mask_per_step(transients):
    masks = LightCurveSequencer().fit_transform(transients)[:, :, -2:]
    assert set(np.unique(masks.sum(axis=2))) == {0.0, 1.0}
    assert (masks.sum(axis=(0, 1)) > 0).all()


@pytest.mark.parametrize("start", ["first", "confirmed"])
def test_clock_and_scale_are_those_of_the_gridder(transients, start):
    """On steps of six hours the gridder shows single observations as they are."""
    fine = LightCurveGridder(cadence=0.25, start=start).fit_transform(transients)
    steps = LightCurveSequencer(start=start).fit_transform(transients)
    compared = 0
    for k in range(len(transients)):
        for band in range(2):
            rows = steps[k][steps[k, :, 3 + band] == 1]
            at = np.floor(rows[:, 0] * 300 / 0.25 + 0.5).astype(int)
            # Of several observations in six hours it shows the mean.
            single = np.bincount(at, minlength=1)[at] == 1
            seen, rows = fine[k, at[single]], rows[single]
            compared += len(rows)
            assert (seen[:, 6 + band] == 1).all()
            np.testing.assert_allclose(seen[:, 1 + band], rows[:, 1], rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(seen[:, 4 + band], rows[:, 2], rtol=1e-5)
    assert compared > 100


def test_zero_point_unit_and_company_do_not_matter(transients):
    sequencer = LightCurveSequencer().fit(transients)
    expected = sequencer.transform(transients)
    rows = transients["light_curve"].nest.to_flat().reset_index(names="object_id")
    moved = rows.assign(
        time=rows["time"] + 1000.25, flux=rows["flux"] * 7.5, flux_err=rows["flux_err"] * 7.5
    )
    X = pack_light_curves(moved.sample(frac=1, random_state=0))
    found = sequencer.transform(X)
    np.testing.assert_allclose(found[X.index.get_indexer(transients.index)], expected, atol=1e-5)
    some = LightCurveSequencer().fit(transients.iloc[3:5]).transform(transients.iloc[3:5])
    np.testing.assert_array_equal(some, expected[3:5, : some.shape[1]])
    assert not expected[3:5, some.shape[1] :].any()


def test_an_object_with_more_observations_than_in_fit_keeps_them_all(transients):
    counts = transients["light_curve"].nest.to_flat().groupby(level=0).size()
    shortest = transients.loc[[counts.idxmin()]]
    sequencer = LightCurveSequencer().fit(NestedFrame(shortest))
    steps = sequencer.transform(transients)
    assert steps.shape[1] > sequencer.n_steps_
    np.testing.assert_array_equal(steps, LightCurveSequencer().fit_transform(transients))


@pytest.mark.parametrize("most", [2, 3, 7, 39, 40, 60])
def test_no_more_than_max_observations_are_taken_evenly(most):
    curve = table(np.arange(40), "gr" * 20, 100 + np.arange(40))
    every = sequence(curve)[0]
    kept = sequence(curve, max_observations=most)[0]
    number = min(most, 40)
    taken = np.floor(np.arange(number) * 39 / max(number - 1, 1) + 1e-9).astype(int)
    np.testing.assert_array_equal(kept, every[taken])
    assert kept[0, 0] == 0
    assert kept[-1, 0] == np.float32(39 / 300)


def test_the_running_scale_uses_nothing_later():
    curve = table(np.arange(12) * 3.0, "gr" * 6, [9, 30, -4, 8, 60, 2, 7, 90, 5, 6, 1, 3])
    whole = sequence(curve, scale="running", log_flux=False)[0]
    for n in range(1, 12):
        np.testing.assert_array_equal(
            sequence(curve.iloc[:n], scale="running", log_flux=False)[0], whole[:n]
        )
    assert whole[1, 1] == np.float32(30 / 19.5)
    assert whole[2, 1] == np.float32(-4 / 19.5)


@pytest.mark.parametrize("scale", ["median", "running", None])
def test_an_object_without_observations_is_padding(scale):
    curve = {"time": [0.0, 4.0], "band": ["g", "r"], "flux": [50.0, 40.0], "flux_err": [1.0, 1.0]}
    empty = {name: [] for name in curve}
    X = check_light_curves([empty, curve, empty])
    steps = LightCurveSequencer(scale=scale).fit_transform(X)
    assert steps.shape == (3, 2, 5)
    assert steps[1, :, -2:].tolist() == [[1, 0], [0, 1]]
    assert not steps[[0, 2]].any()
    alone = LightCurveSequencer(scale=scale).fit_transform(X.iloc[:1])
    assert alone.shape == (1, 1, 5)
    assert not alone.any()


def test_context_is_constant_over_the_observations(transients):
    steps = LightCurveSequencer(context=("redshift",)).fit_transform(transients)
    seen = steps[:, :, -2:].any(axis=2)
    expected = np.where(seen, transients["redshift"].to_numpy(np.float32)[:, None], 0)
    np.testing.assert_array_equal(steps[:, :, 3], expected)


def test_errors_name_object_and_expectation(transients):
    huge = pack_light_curves(table([0, 3], "gr", [1e45, 1e45], 1e44, name="SN X"))
    sequencer = LightCurveSequencer(scale=None, log_flux=False).fit(huge)
    with pytest.raises(ValueError, match="object 'SN X': flux is too large for float32"):
        sequencer.transform(huge)
    with pytest.raises(ValueError, match="context: 'flux' is the name of another feature"):
        LightCurveSequencer(context=("flux",)).fit(transients)
    with pytest.raises(ValueError, match="bands is empty"):
        LightCurveSequencer(bands=()).fit(transients)
