import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from nested_pandas import NestedFrame
from nested_pandas.series.ext_array import NestedExtensionArray

from sklearn_tde import check_light_curves, flatten_light_curves, pack_light_curves


def make_table(n_objects=6, n_points=8, seed=0):
    rng = np.random.default_rng(seed)
    n = n_objects * n_points
    return pd.DataFrame(
        {
            "object_id": np.repeat([f"o{k}" for k in range(n_objects)], n_points),
            "time": rng.uniform(59000, 59100, n),
            "band": rng.choice(["g", "r"], n),
            "flux": rng.normal(50, 30, n),
            "flux_err": rng.uniform(1, 5, n),
        }
    )


@pytest.fixture
def X():
    return pack_light_curves(make_table())


def entries(X):
    return [X["light_curve"].iloc[k] for k in range(len(X))]


def two_dimensional(tables, extra=0):
    array = np.empty((len(tables), 1 + extra), dtype=object)
    for k, table in enumerate(tables):
        array[k, -1] = table
        array[k, :-1] = 0.5
    return array


def reference_dicts(X):
    return [
        {
            band: {
                "t": part["time"].to_numpy(),
                "y": part["flux"].to_numpy(),
                "e": part["flux_err"].to_numpy(),
            }
            for band, part in table.groupby("band")
        }
        | {"label": 1}
        for table in entries(X)
    ]


CONTAINERS = {
    "nested series": lambda X: X["light_curve"],
    "list of tables": entries,
    "tuple of tables": lambda X: tuple(entries(X)),
    "object array of tables": lambda X: two_dimensional(entries(X))[:, 0],
    "bagged": lambda X: two_dimensional(entries(X)),
    "bagged with other columns": lambda X: two_dimensional(entries(X), extra=2),
    "structured arrays": lambda X: [t.to_records(index=False) for t in entries(X)],
    "mappings": lambda X: [t.to_dict("list") for t in entries(X)],
    "reference dicts": reference_dicts,
    "frame of tables": lambda X: pd.DataFrame({"light_curve": entries(X)}, index=X.index),
    "list columns": lambda X: pd.DataFrame(
        {f: [t[f].tolist() for t in entries(X)] for f in ("time", "band", "flux", "flux_err")}
    ),
    "in two chunks": lambda X: pd.concat([X.iloc[:2], X.iloc[2:]]),
}


@pytest.mark.parametrize("make", CONTAINERS.values(), ids=CONTAINERS.keys())
def test_every_container_gives_the_same_light_curves(X, make):
    checked = check_light_curves(make(X))
    assert isinstance(checked, NestedFrame)
    expected, found = flatten_light_curves(X), flatten_light_curves(checked)
    for field in ("offsets", "time", "flux", "flux_err", "band"):
        np.testing.assert_array_equal(getattr(found, field), getattr(expected, field))
    assert found.bands == ("g", "r")


def test_checked_light_curves_come_back_as_they_are(X):
    assert check_light_curves(X) is X


def test_scalars_beside_the_bands_become_columns(X):
    assert check_light_curves(reference_dicts(X))["label"].tolist() == [1] * 6


def test_unsorted_times_are_sorted_and_the_input_is_left_alone(X):
    table = entries(X)[0]
    backwards = NestedFrame({"light_curve": [table.iloc[::-1]], "redshift": [0.1]})
    backwards = check_light_curves(backwards)
    np.testing.assert_array_equal(backwards["light_curve"].iloc[0]["time"], table["time"])
    raw = check_light_curves([table.iloc[::-1]])
    pd.testing.assert_frame_equal(raw, check_light_curves([table]))

    flat = X["light_curve"].nest.to_flat().iloc[::-1]
    nested = NestedFrame(index=X.index).join_nested(flat, "light_curve")
    before = nested["light_curve"].iloc[0].copy()
    checked = check_light_curves(nested)
    pd.testing.assert_frame_equal(nested["light_curve"].iloc[0], before)
    np.testing.assert_array_equal(flatten_light_curves(checked).time, flatten_light_curves(X).time)


def hand_made(index, **replaced):
    """A nested frame as other programs make it, without our checks."""
    flat = {
        "time": [1.0, 2.0, 3.0],
        "band": ["g", "r", "g"],
        "flux": [5.0, 6.0, 7.0],
        "flux_err": [1.0, 1.0, 1.0],
        **replaced,
    }
    offsets = pa.array([0, 1, 3], pa.int64())
    lists = [pa.LargeListArray.from_arrays(offsets, pa.array(v)) for v in flat.values()]
    struct = pa.StructArray.from_arrays(lists, names=list(flat))
    return NestedFrame({"light_curve": pd.Series(NestedExtensionArray(struct), index=index)})


@pytest.mark.parametrize(
    ("replaced", "error", "message"),
    [
        ({"flux": [5.0, 6.0, np.nan]}, ValueError, "object 'b': flux is nan at observation 1"),
        ({"flux": [5.0, 6.0, None]}, ValueError, "object 'b': flux is nan at observation 1"),
        ({"time": [np.inf, 2.0, 3.0]}, ValueError, "object 'a': time is inf at observation 0"),
        ({"flux_err": [1.0, 0.0, 1.0]}, ValueError, "object 'b': flux_err is 0.0 at observation 0"),
        ({"band": ["g", "r", None]}, ValueError, "object 'b': band is missing at observation 1"),
        ({"time": [1.0, 2.0, 2.0], "band": ["g"] * 3}, ValueError, "object 'b': time .* once"),
        ({"flux": ["5", "6", "7"]}, TypeError, "field 'flux' has the type"),
    ],
)
def test_a_bad_value_is_named_with_its_object_and_field(replaced, error, message):
    with pytest.raises(error, match=message):
        check_light_curves(hand_made(["a", "b"], **replaced))


def test_an_unknown_band_is_named_with_those_expected():
    X = hand_made(["a", "b"])
    with pytest.raises(ValueError, match="object 'b': band is 'r' at observation 0; .* 'g', 'i'"):
        check_light_curves(X, bands=("g", "i"))
    assert check_light_curves(X, bands=("i", "r", "g")) is X


def test_plain_strings_serve_as_bands_and_codes_follow_the_order_asked_for():
    X = hand_made(["a", "b"])
    assert flatten_light_curves(X).band.tolist() == [0, 1, 0]
    assert flatten_light_curves(X, bands=("r", "i", "g")).band.tolist() == [2, 0, 2]


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (3.0, TypeError, "got float"),
        ("curve", TypeError, "got str"),
        (np.zeros((3, 4)), TypeError, "numbers alone do not say"),
        ([1, 2], TypeError, "object 0: got int"),
        (pd.DataFrame({"a": [1]}), ValueError, "column 'light_curve' is missing"),
        (make_table(), ValueError, "one row per observation; pack it with pack_light_curves"),
        ([{"time": [1.0], "band": ["g"], "flux": [1.0]}], ValueError, "field 'flux_err' is miss"),
        ([{"g": {"t": [1.0], "y": [1.0]}}], ValueError, "band 'g' lacks 'e'"),
        ([{"g": {"t": [1.0], "y": [1.0, 2.0], "e": [1.0]}}], ValueError, "has 2 values for 1"),
        ([{"mjd": [1.0], "filter": ["g"]}], ValueError, "entries 'mjd', 'filter'; expected"),
        (
            [{"time": [1.0], "band": [1], "flux": [1.0], "flux_err": [1.0]}],
            TypeError,
            "object 0: band is 1; expected a string",
        ),
        (
            [{"time": [[1.0]], "band": ["g"], "flux": [1.0], "flux_err": [1.0]}],
            ValueError,
            "time has 2 dimensions",
        ),
        (np.array([[1, 2]], dtype=object), TypeError, "no column of the object array"),
    ],
)
def test_what_holds_no_light_curves_is_refused(X, error, message):
    with pytest.raises(error, match=message):
        check_light_curves(X)


def test_a_missing_field_of_a_nested_column_is_named():
    X = hand_made(["a", "b"])
    nested = X["light_curve"].nest.drop("flux_err")
    with pytest.raises(ValueError, match="lacks the field 'flux_err'"):
        check_light_curves(NestedFrame({"light_curve": nested}))


def test_empty_and_missing_objects_stay():
    X = check_light_curves([{}, {"g": {"t": [1.0], "y": [2.0], "e": [1.0]}}, None])
    assert flatten_light_curves(X).n_observations.tolist() == [0, 1, 0]


def test_flat_access_survives_subsets_repeats_nulls_and_concatenation(X):
    lists = {name: entries(X.loc[[name]])[0]["flux"].tolist() for name in X.index}
    chosen = pd.concat([X.iloc[[5, 5, 1]], X.iloc[::-2], X[X.index == "o3"]])
    names = list(chosen.index)
    chosen.iloc[1, 0] = None
    flat = flatten_light_curves(chosen)
    for k, name in enumerate(names):
        expected = [] if k == 1 else lists[name]
        assert flat.flux[flat.offsets[k] : flat.offsets[k + 1]].tolist() == expected
    assert flat.index.tolist() == names
    assert flatten_light_curves(X.iloc[:0]).n_objects == 0


def test_rows_hidden_under_a_missing_object_are_not_read(X):
    nulled = X.copy()
    nulled["light_curve"] = nulled["light_curve"].where(X.index != "o2")
    flat = flatten_light_curves(nulled)
    assert flat.n_observations.tolist() == [8, 8, 0, 8, 8, 8]
    np.testing.assert_array_equal(
        flat.flux[flat.offsets[3] :], flatten_light_curves(X.iloc[3:]).flux
    )


def test_dictionaries_of_different_chunks_are_unified():
    def one(band, flux):
        return {"time": [1.0], "band": [band], "flux": [flux], "flux_err": [1.0]}

    X = pd.concat([check_light_curves([one("r", 1.0)]), check_light_curves([one("g", 2.0)])])
    assert flatten_light_curves(X, bands=("g", "r")).band.tolist() == [1, 0]


def test_memory_is_close_to_that_of_the_numbers():
    X = pack_light_curves(make_table(n_objects=500, n_points=60))
    assert X["light_curve"].array.struct_array.nbytes < 500 * 60 * (3 * 8 + 1) * 1.05
