"""What must not matter: orders, zero points, units, neighbours, containers, names.

docs/own_light_curves.rst lists these with their tolerances.
"""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.base import clone

from sklearn_tde import (
    LightCurveGridder,
    LSTMTransientClassifier,
    check_light_curves,
    flatten_light_curves,
    make_lstm_pipeline,
    make_transients,
    pack_light_curves,
    unpack_light_curves,
)
from sklearn_tde.neural_network._lstm_module import LSTMNetwork

FIELDS = ("time", "band", "flux", "flux_err")

GRIDDERS = st.builds(
    LightCurveGridder,
    duration=st.just(90),
    cadence=st.sampled_from([3.0, 1.2, 0.7]),
    lead=st.sampled_from([0.0, 12.0]),
    start=st.sampled_from(["confirmed", "first"]),
    mask=st.sampled_from(["observed", "coverage"]),
    scale=st.sampled_from([None, "median", "running"]),
    log_flux=st.booleans(),
    colors=st.booleans(),
    gap_inflation=st.sampled_from([0.0, 0.1]),
    before_start=st.sampled_from(["ignore", "interpolate"]),
    after_end=st.sampled_from(["ignore", "interpolate"]),
)


def curves(times, fluxes, errors, least=0):
    """Some objects, each with up to 30 observations in one or two bands, or none."""

    def build(rows, late):
        # A second season, after a long gap.
        time = [t + (late if k % 3 == 2 else 0.0) for k, (t, *_) in enumerate(rows)]
        columns = [time, *zip(*(row[1:] for row in rows), strict=True)] if rows else [[]] * 4
        return {name: list(column) for name, column in zip(FIELDS, columns, strict=True)}

    def observations(bands):
        rows = st.tuples(times, st.sampled_from(bands), fluxes, errors)
        rows = st.lists(rows, max_size=30, unique_by=lambda row: row[:2])
        return st.builds(build, rows, st.sampled_from([0.0, 0.0, 1000.0]))

    one = st.sampled_from([("g", "r"), ("g", "r"), ("g",), ("r",)]).flatmap(observations)
    return st.lists(one, min_size=max(least, 1), max_size=5)


#: Eighths of a day, which every sum and difference of this size keeps exactly.
EIGHTHS = st.integers(0, 960).map(lambda k: k / 8)
#: Times as tables give them, many of them on the edges between steps.
DECIMALS = st.one_of(
    st.integers(0, 120_000).map(lambda k: k / 1000), st.integers(0, 150).map(lambda k: 6 * k / 10)
)
#: Fluxes of any size, and errors over many decades.
WILD = curves(
    EIGHTHS,
    st.one_of(
        st.floats(-2000, 2000), st.sampled_from([0.0, 1e-300, -1e-30, 1e12, -1e15, 1e20, 5e-324])
    ),
    st.floats(-12, 12).map(lambda x: 10.0**x),
)
#: Fluxes and errors such as surveys have.
TAME = curves(
    DECIMALS,
    st.floats(-300, 900).map(lambda flux: flux if abs(flux) > 1e-6 else 0.0),
    st.floats(1, 60),
)
#: An observation half way between every two steps of 1.2 days.
HALF_WAY = {
    "time": [0.0, *(0.6 + 1.2 * k for k in range(60))],
    "band": ["g"] * 61,
    "flux": [50.0 + k for k in range(61)],
    "flux_err": [2.0] * 61,
}


#: First fluxes of five times their errors, which detections have at least.
AT_THE_LIMIT = [
    {
        "time": [0.0, 30.0, 33.0],
        "band": ["g"] * 3,
        "flux": [5.0 * (1 + k / 7), 900.0, 900.0],
        "flux_err": [1 + k / 7, 1.0, 1.0],
    }
    for k in range(28)
]


def changed(objects, **columns):
    """Return the objects with functions applied to their columns."""
    return [
        {name: np.asarray(columns.get(name, list)(o[name])) for name in FIELDS} for o in objects
    ]


def assert_close(found, expected, tolerance):
    """Compare features in units of the largest value of their channel, or of 1."""
    found, expected = found.astype(float), expected.astype(float)
    unit = np.maximum(np.abs(expected).max(axis=1, keepdims=True, initial=0.0), 1.0)
    np.testing.assert_allclose(found / unit, expected / unit, rtol=0, atol=tolerance)


@pytest.fixture(scope="module")
def fitted():
    X, y = make_transients(n_tde=8, n_sn_ia=8, random_state=0)
    gridder = LightCurveGridder(duration=90, cadence=3)
    params = {"hidden_dim": 4, "max_epochs": 2, "lr": 0.02, "random_state": 0}
    return {
        steps: make_lstm_pipeline(gridder=clone(gridder), steps=steps, **params).fit(X, y)
        for steps in ("observed", "all")
    }


def probabilities(fitted, X):
    return np.column_stack([model.predict_proba(X)[:, 1] for model in fitted.values()])


# The gridder


@settings(max_examples=20)
@given(objects=WILD, gridder=GRIDDERS, seed=st.integers(0, 99))
def test_rows_of_an_object_may_stand_in_any_order(objects, gridder, seed):
    rng = np.random.default_rng(seed)
    shuffled = []
    for columns in objects:
        order = rng.permutation(len(columns["time"]))
        shuffled.append({name: [columns[name][k] for k in order] for name in FIELDS})
    expected = gridder.fit(objects).transform(objects)
    found = gridder.transform(shuffled)
    if gridder.scale == "running":
        # Its sums run through the bands of one time in the order of the rows.
        assert_close(found, expected, 1e-6)
    else:
        np.testing.assert_array_equal(found, expected)


@settings(max_examples=20)
@given(objects=WILD, gridder=GRIDDERS)
def test_the_order_of_the_bands_orders_the_channels(objects, gridder):
    gridder.set_params(bands=("r", "g", "i"))
    expected = gridder.fit_transform(objects)
    names = gridder.get_feature_names_out().tolist()
    other = clone(gridder).set_params(bands=("i", "g", "r"))
    found = other.fit_transform(objects)
    new_names = other.get_feature_names_out().tolist()
    for k, name in enumerate(names):
        if not name.startswith("color"):
            np.testing.assert_array_equal(found[..., new_names.index(name)], expected[..., k])
        else:
            # The same pairs the other way round.
            _, blue, red = name.split("_")
            reverse = found[..., new_names.index(f"color_{red}_{blue}")]
            np.testing.assert_array_equal(-reverse, expected[..., k])


@settings(max_examples=20)
@given(objects=WILD, gridder=GRIDDERS, rows=st.lists(st.integers(0, 4), min_size=1, max_size=8))
def test_objects_may_stand_in_any_order_and_repeat(objects, gridder, rows):
    X = check_light_curves(objects)
    rows = [row % len(objects) for row in rows]
    expected = gridder.fit(X).transform(X)[rows]
    np.testing.assert_array_equal(gridder.transform(X.iloc[rows]), expected)
    np.testing.assert_array_equal(gridder.transform([objects[row] for row in rows]), expected)
    for row, alone in zip(rows, expected, strict=True):
        np.testing.assert_array_equal(gridder.transform(X.iloc[[row]])[0], alone)


@settings(max_examples=25)
@given(objects=WILD, gridder=GRIDDERS, eighths=st.integers(-20_000_000, 20_000_000))
def test_a_zero_point_of_time_that_shifts_exactly_changes_no_bit(objects, gridder, eighths):
    expected = gridder.fit_transform(objects)
    shifted = changed(objects, time=lambda time: np.asarray(time, float) + eighths / 8)
    np.testing.assert_array_equal(gridder.transform(shifted), expected)


#: Mostly so large that they round the times anew.
OFFSETS = st.one_of(
    st.sampled_from([2_400_000.5, -59_000.137]),
    st.integers(1_500_000_000, 2_500_000_000).map(lambda k: k / 1000),
    st.integers(-2_500_000_000, 2_500_000_000).map(lambda k: k / 1000),
)


@settings(max_examples=25)
@given(objects=TAME, gridder=GRIDDERS, offset=OFFSETS)
@example([HALF_WAY], LightCurveGridder(cadence=1.2, duration=90), 2_400_000.5)
@example([HALF_WAY], LightCurveGridder(cadence=0.6, duration=90, mask="coverage"), 2_400_000.5)
@example([HALF_WAY], LightCurveGridder(cadence=1.2, duration=90, scale="running"), 2_400_000.5)
def test_any_zero_point_of_time_moves_no_observation_to_another_step(objects, gridder, offset):
    objects = changed(objects, time=lambda time: np.asarray(time, float) + 59_000.137)
    expected = gridder.fit_transform(objects)
    shifted = changed(objects, time=lambda time: time + offset)
    found = gridder.transform(shifted)
    np.testing.assert_array_equal(found[..., -2:], expected[..., -2:])
    assert_close(found, expected, 1e-4)


@settings(max_examples=20)
@given(objects=WILD, gridder=GRIDDERS, power=st.integers(-10, 20))
def test_a_unit_of_flux_that_is_a_power_of_two_changes_no_bit(objects, gridder, power):
    assume(gridder.scale is not None)
    # Subnormal fluxes lose bits when they are multiplied.
    tiny = np.finfo(float).tiny * 2.0**20
    objects = changed(objects, flux=lambda f: np.where(np.abs(f) < tiny, 0.0, np.asarray(f, float)))
    scale = {name: lambda values: np.asarray(values, float) * 2.0**power for name in FIELDS[2:]}
    expected = gridder.fit_transform(objects)
    np.testing.assert_array_equal(gridder.transform(changed(objects, **scale)), expected)


@settings(max_examples=20)
@example(AT_THE_LIMIT, LightCurveGridder(cadence=3, duration=90, start="first"), 1e-3)
@example(AT_THE_LIMIT, LightCurveGridder(cadence=3, duration=90, start="first"), 0.7)
@given(objects=TAME, gridder=GRIDDERS, factor=st.floats(1e-3, 1e6))
def test_any_unit_of_flux_gives_the_same_features(objects, gridder, factor):
    assume(gridder.scale is not None)
    scale = {name: lambda values: np.asarray(values, float) * factor for name in FIELDS[2:]}
    expected = gridder.fit_transform(objects)
    assert_close(gridder.transform(changed(objects, **scale)), expected, 1e-6)


# Light curves in, probabilities out


@settings(max_examples=15)
@given(objects=TAME, seed=st.integers(0, 99))
def test_orders_zero_point_and_unit_do_not_change_probabilities(fitted, objects, seed):
    rng = np.random.default_rng(seed)
    expected = probabilities(fitted, objects)
    order = rng.permutation(len(objects))
    offset, factor = rng.uniform(-2.5e6, 2.5e6), 10.0 ** rng.uniform(-3, 6)
    columns = {"time": lambda t: np.asarray(t, float) + rng.integers(-20_000_000, 20_000_000) / 8}
    moved = [
        changed([objects[row] for row in order], **columns),
        changed(objects, **{n: lambda v: np.asarray(v, float) * factor for n in FIELDS[2:]}),
        [{n: np.asarray(o[n])[::-1] for n in FIELDS} for o in objects],
    ]
    for X, rows in zip(moved, (order, slice(None), slice(None)), strict=True):
        np.testing.assert_allclose(probabilities(fitted, X), expected[rows], rtol=0, atol=1e-6)
    shifted = changed(objects, time=lambda t: np.asarray(t, float) + offset)
    np.testing.assert_allclose(probabilities(fitted, shifted), expected, rtol=0, atol=1e-4)


@settings(max_examples=15)
@given(objects=TAME, rows=st.lists(st.integers(0, 4), min_size=1, max_size=9))
def test_neighbours_and_batches_do_not_change_probabilities(fitted, objects, rows):
    X = check_light_curves(objects)
    X.index = ["same"] * len(X)
    rows = [row % len(objects) for row in rows]
    expected = probabilities(fitted, X)
    found = probabilities(fitted, X.iloc[rows])
    np.testing.assert_allclose(found, expected[rows], rtol=0, atol=1e-6)
    # More than one batch, each of objects of similar length.
    many = np.arange(400) % len(X)
    found = probabilities(fitted, X.iloc[many])
    np.testing.assert_allclose(found, expected[many], rtol=0, atol=1e-6)


@settings(max_examples=15)
@given(objects=TAME, seed=st.integers(0, 99))
def test_steps_without_observations_do_not_change_probabilities(fitted, objects, seed):
    rng = np.random.default_rng(seed)
    grid = fitted["all"]["gridder"].transform(objects)
    blank = rng.normal(size=(len(grid), 7, grid.shape[2])).astype(np.float32)
    blank[..., -2:] = 0
    for steps, model in fitted.items():
        classifier = model["classifier"]
        expected = classifier.predict_proba(grid)
        padded = np.concatenate([grid, blank], axis=1)
        found = classifier.predict_proba(padded)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
        if steps == "observed":
            # What is not observed may stand anywhere.
            gaps = np.concatenate([blank[:, :3], grid[:, :9], blank[:, 3:], grid[:, 9:]], axis=1)
            found = classifier.predict_proba(gaps)
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@settings(max_examples=15)
@given(lengths=st.lists(st.integers(0, 9), min_size=1, max_size=6), extra=st.integers(1, 6))
def test_padding_does_not_reach_the_result_of_the_network(lengths, extra):
    torch.manual_seed(0)
    network = LSTMNetwork(n_features=3, n_outputs=1, hidden_dim=4).eval()
    longest = max(*lengths, 1)
    steps = torch.randn(len(lengths), longest + extra, 3)
    seen = torch.arange(longest + extra) < torch.tensor(lengths)[:, None]
    with torch.no_grad():
        lengths = torch.tensor(lengths)
        expected = network(steps[:, :longest], seen[:, :longest], lengths)
        steps = torch.where(seen[..., None], steps, torch.randn_like(steps) * 1e3)
        torch.testing.assert_close(network(steps, seen, lengths), expected, rtol=0, atol=1e-6)
        for row in range(len(lengths)):
            alone = network(steps[[row]], seen[[row]], lengths[[row]])
            torch.testing.assert_close(alone, expected[[row]], rtol=0, atol=1e-6)


@settings(max_examples=15)
@given(objects=TAME)
def test_scores_rise_with_probabilities(fitted, objects):
    for model in fitted.values():
        logits, probability = model.decision_function(objects), model.predict_proba(objects)
        np.testing.assert_allclose(probability[:, 1], expit(logits), rtol=1e-12)
        np.testing.assert_allclose(probability.sum(axis=1), 1.0, rtol=1e-12)
        ordered = probability[np.argsort(logits, kind="stable"), 1]
        assert all(low <= high for low, high in pairwise(ordered))
        np.testing.assert_array_equal(model.predict(objects) == "TDE", logits > 0)


# Containers


def structured(columns):
    kinds = [(n, "U1" if n == "band" else "f8") for n in FIELDS]
    rows = list(zip(*(columns[n] for n in FIELDS), strict=True))
    return np.array(rows, dtype=kinds)


def reference_dict(columns):
    bands = np.asarray(columns["band"], dtype=object)
    names = {"t": "time", "y": "flux", "e": "flux_err"}
    return {
        band: {k: np.asarray(columns[n])[bands == band] for k, n in names.items()}
        for band in sorted(set(bands))
    }


def frame(columns):
    return pd.DataFrame(columns).astype({"band": str})


def long_table(objects):
    parts = [frame(columns).assign(object_id=k) for k, columns in enumerate(objects)]
    names = pd.DataFrame(index=pd.Index(range(len(objects)), name="object_id"))
    return {"table": pd.concat(parts), "objects": names}


CONTAINERS = {
    "mappings": lambda objects: objects,
    "frames": lambda objects: [frame(columns) for columns in objects],
    "structured arrays": lambda objects: [structured(columns) for columns in objects],
    "reference dicts": lambda objects: [reference_dict(columns) for columns in objects],
    "list columns": lambda objects: pd.DataFrame(objects),
    "nested": lambda objects: check_light_curves(objects)["light_curve"],
    "concatenated": lambda objects: pd.concat([check_light_curves([o]) for o in objects]),
    "packed": lambda objects: pack_light_curves(**long_table(objects)),
}


@settings(max_examples=12)
@given(objects=WILD)
def test_every_container_holds_the_same_light_curves(objects):
    assume(any(columns["time"] for columns in objects))
    expected = flatten_light_curves(objects, bands=("g", "r"))
    order = np.lexsort((expected.band, expected.time, expected.object_position))
    for name, make in CONTAINERS.items():
        found = flatten_light_curves(make(objects), bands=("g", "r"))
        np.testing.assert_array_equal(found.offsets, expected.offsets, err_msg=name)
        # Observations of one time in two bands may come in any order.
        same = np.lexsort((found.band, found.time, found.object_position))
        for field in FIELDS:
            wanted = getattr(expected, field)[order]
            np.testing.assert_array_equal(getattr(found, field)[same], wanted, err_msg=name)


@settings(max_examples=8)
@given(objects=TAME, band=st.sampled_from(["g", "r"]))
def test_a_band_that_is_missing_is_missing_in_every_container(fitted, objects, band):
    one_band = []
    for columns in objects:
        rows = [k for k, other in enumerate(columns["band"]) if other == band]
        one_band.append({name: [columns[name][k] for k in rows] for name in FIELDS})
    assume(any(columns["time"] for columns in one_band))
    expected = probabilities(fitted, one_band)
    assert np.isfinite(expected).all()
    for make in CONTAINERS.values():
        found = probabilities(fitted, make(one_band))
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@settings(max_examples=15)
@given(objects=WILD)
def test_what_no_step_names_changes_nothing(objects):
    X = check_light_curves(objects)
    gridder = LightCurveGridder(n_steps=20).fit(X)
    expected = gridder.transform(X)
    n_observations = len(flatten_light_curves(X).time)
    X = X.assign(redshift=np.nan, kind="TDE", flux=np.arange(len(X)))
    X["light_curve.airmass"] = np.arange(float(n_observations))
    np.testing.assert_array_equal(gridder.transform(X), expected)


@settings(max_examples=20)
@given(objects=WILD, names=st.permutations(["b", "a", "\N{GREEK SMALL LETTER ALPHA}", "", "10"]))
def test_packing_what_was_unpacked_gives_it_back(objects, names):
    X = check_light_curves(objects).set_axis(names[: len(objects)], axis=0)
    X = X.rename_axis("object_id").assign(redshift=np.arange(len(X)) / 7)
    table = unpack_light_curves(X)
    again = pack_light_curves(table)
    assert check_light_curves(again) is again
    pd.testing.assert_index_equal(again.index, X.index)
    pd.testing.assert_frame_equal(unpack_light_curves(again), table, check_categorical=False)
    expected, found = flatten_light_curves(X), flatten_light_curves(again)
    for field in ("offsets", "bands", *FIELDS):
        np.testing.assert_array_equal(getattr(found, field), getattr(expected, field))


def test_the_classifier_reads_the_channels_in_any_order(fitted):
    X, _ = make_transients(n_tde=3, n_sn_ia=3, random_state=1)
    pipeline = fitted["observed"]
    grid = pipeline["gridder"].transform(X)
    expected = pipeline.predict_proba(X)
    other = clone(pipeline["gridder"]).set_params(bands=("r", "g")).fit(X)
    there, here = (g.get_feature_names_out().tolist() for g in (pipeline["gridder"], other))
    here = [{"color_r_g": "color_g_r"}.get(name, name) for name in here]
    permuted = other.transform(X)[..., [here.index(name) for name in there]]
    permuted[..., there.index("color_g_r")] *= -1
    np.testing.assert_array_equal(permuted, grid)
    classifier = pipeline["classifier"]
    assert isinstance(classifier, LSTMTransientClassifier)
    np.testing.assert_allclose(classifier.predict_proba(permuted), expected, rtol=0, atol=1e-6)


@settings(max_examples=20)
@given(objects=WILD, gridder=GRIDDERS, steps=st.integers(1, 200))
def test_a_longer_grid_begins_as_the_shorter_one(objects, gridder, steps):
    # No clock starts before 0, so that nothing lies in the part that is added.
    objects = [
        {name: [v for v, t in zip(o[name], o["time"], strict=True) if t <= 80] for name in FIELDS}
        for o in objects
    ]
    short = gridder.fit_transform(objects)
    duration = gridder.duration + steps * gridder.cadence
    whole = clone(gridder).set_params(duration=duration).fit_transform(objects)
    common = short.shape[1]
    np.testing.assert_array_equal(whole[:, :common, 1:], short[..., 1:])
    assert not whole[:, common:, -2:].any()
    # The first channel is the time as a fraction of the duration.
    np.testing.assert_allclose(
        whole[:, :common, 0] * duration, short[..., 0] * gridder.duration, rtol=1e-6
    )


@settings(max_examples=20)
@given(objects=WILD, gridder=GRIDDERS, steps=st.integers(1, 10))
def test_a_longer_lead_ends_as_the_shorter_one(objects, gridder, steps):
    # Two detections before all else start the clock, so that nothing lies before the grid.
    first = {"time": [-2.0, -1.0], "band": ["g"] * 2, "flux": [20.0] * 2, "flux_err": [1.0] * 2}
    objects = [{name: first[name] + list(o[name]) for name in FIELDS} for o in objects]
    gridder.set_params(lead=0.0)
    short = gridder.fit_transform(objects)
    whole = clone(gridder).set_params(lead=steps * gridder.cadence).fit_transform(objects)
    assert not whole[:, :steps, -2:].any()
    # Rounding of the lead may cost the last step.
    common = min(short.shape[1], whole.shape[1] - steps)
    assert common >= short.shape[1] - 1
    assert_close(whole[:, steps:][:, :common], short[:, :common], 1e-5)
