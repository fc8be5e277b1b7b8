from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
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
        array[k, 0] = table
        array[k, 1:] = 0.5
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
    with pytest.raises(
        ValueError,
        match=r"band is .r. at observation 0 \(time 2.0\); .* .g., .i. \(name bands",
    ):
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
        (
            [{"g": {"t": [1.0], "y": [1.0, 2.0], "e": [1.0]}}],
            ValueError,
            "y of band .g. has 2 values, t of",
        ),
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


def one_table(**replaced):
    return {
        "time": [1.0, 2.0],
        "band": ["g", "r"],
        "flux": [5.0, 6.0],
        "flux_err": [1.0, 1.0],
        **replaced,
    }


WRONG_TYPES = {
    "dates": np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[D]"),
    "durations": np.array([1, 2], dtype="timedelta64[D]"),
    "complex": [1 + 2j, 3.0],
    "truth values": [True, False],
    "objects that are truth values": np.array([True, 2.0], dtype=object),
    "strings": ["1", "2"],
    "objects that are strings": np.array(["1", 2.0], dtype=object),
}


@pytest.mark.parametrize("values", WRONG_TYPES.values(), ids=WRONG_TYPES.keys())
@pytest.mark.parametrize("field", ["time", "flux", "flux_err"])
@pytest.mark.parametrize("make", [dict, pd.DataFrame])
def test_what_merely_converts_to_numbers_is_refused(values, field, make):
    tables = [make(one_table()), make(one_table(**{field: values}))]
    with pytest.raises(TypeError, match=f"object 1: {field} (is .*expected|holds no) numbers"):
        check_light_curves(tables)


def test_what_merely_converts_to_numbers_is_refused_in_reference_dicts():
    with pytest.raises(TypeError, match="object 0: y of band 'g' is <U1; expected numbers"):
        check_light_curves([{"g": {"t": [1.0], "y": ["5"], "e": [1.0]}}])


@pytest.mark.parametrize(
    "flux",
    [
        [Decimal("5"), Decimal("6")],
        [5, np.float32(6)],
        np.array([5, 6.0], dtype=object),
        np.array([5.0, 6.0], dtype=">f8"),
        np.ma.array([5.0, 6.0]),
        pd.array([5, 6], dtype="Int64"),
    ],
    ids=["decimals", "scalars", "objects", "big-endian", "masked array", "nullable"],
)
@pytest.mark.parametrize("make", [dict, pd.DataFrame])
def test_numbers_of_every_kind_are_read(flux, make):
    X = check_light_curves([make(one_table(flux=flux))])
    assert flatten_light_curves(X).flux.tolist() == [5.0, 6.0]


@pytest.mark.parametrize(
    "values",
    [[5.0, None], np.ma.array([5.0, 6.0], mask=[False, True]), pd.array([5, None], dtype="Int64")],
    ids=["None", "masked", "NA"],
)
@pytest.mark.parametrize("field", ["time", "flux", "flux_err"])
def test_masked_values_and_none_are_missing(values, field):
    with pytest.raises(ValueError, match=f"object 0: {field} is nan at observation 1"):
        check_light_curves([one_table(**{field: values})])


@pytest.mark.parametrize(
    "band",
    [
        ["g", np.nan],
        ["g", None],
        np.ma.array(["g", "r"], mask=[False, True]),
        pd.Series(["g", None]),
    ],
    ids=["nan", "None", "masked", "series"],
)
def test_a_missing_band_is_no_name(band):
    with pytest.raises(ValueError, match="object 0: band is missing at observation 1"):
        check_light_curves([one_table(band=band)])


def test_scalars_beside_the_columns_of_a_mapping_become_columns():
    tables = [one_table(redshift=0.1, kind="TDE", airmass=[1.0, 1.1]), one_table(redshift=0.2)]
    X = check_light_curves(tables)
    assert list(X.columns) == ["light_curve", "redshift", "kind"]
    assert X["redshift"].tolist() == [0.1, 0.2]
    beside = check_light_curves(pd.DataFrame({"ebv": [0.3, 0.4], "light_curve": tables}))
    assert list(beside.columns) == ["light_curve", "ebv", "redshift", "kind"]
    with pytest.raises(ValueError, match="'redshift' is a column of X and also an entry"):
        check_light_curves(pd.DataFrame({"redshift": [0.3, 0.4], "light_curve": tables}))


def test_further_columns_of_tables_are_left_out():
    X = check_light_curves([pd.DataFrame(one_table(airmass=[1.0, 1.1]))])
    assert list(X.columns) == ["light_curve"]
    assert list(X["light_curve"].iloc[0].columns) == ["time", "band", "flux", "flux_err"]


def test_a_plain_frame_with_a_nested_column_becomes_a_nested_frame(X):
    plain = pd.DataFrame(X)
    assert type(plain) is pd.DataFrame
    checked = check_light_curves(plain)
    assert isinstance(checked, NestedFrame)
    pd.testing.assert_frame_equal(checked, X)
    assert type(plain) is pd.DataFrame


@pytest.mark.parametrize("name", ["light_curve", "time"])
def test_a_column_that_occurs_twice_is_named(X, name):
    columns = ["time", "band", "flux", "flux_err"]
    frame = X if name == "light_curve" else pd.DataFrame([one_table()])[columns]
    with pytest.raises(ValueError, match=f"X: column '{name}' occurs more than once"):
        check_light_curves(pd.concat([frame, frame[[name]]], axis=1))


@pytest.mark.parametrize("bands", ["gr", 3, [1, 2]])
@pytest.mark.parametrize("function", [check_light_curves, flatten_light_curves])
def test_bands_are_a_sequence_of_names(X, function, bands):
    with pytest.raises(TypeError, match="bands: expected a sequence of names"):
        function(X, bands=bands)


def test_duplicates_are_spelled_as_plain_numbers():
    X = hand_made([7, 8], time=[1.0, 59000.3, 59000.3], band=["g", "g", "g"])
    with pytest.raises(ValueError, match=r"object 8: time 59000\.3 occurs more than once in band"):
        check_light_curves(X)


@pytest.mark.parametrize(
    "make",
    [
        lambda time: [one_table(), one_table(time=time)],
        lambda time: [pd.DataFrame(one_table()), pd.DataFrame(one_table(time=time))],
        lambda time: [pd.DataFrame(one_table(time=time))] * 2,
        lambda time: [{"g": {"t": time, "y": [1.0, 2.0], "e": [1.0, 1.0]}}],
        lambda time: hand_made(["a", "b"], time=np.append(time, time[:1] + np.float32(8))),
    ],
    ids=["mappings", "frames", "frames alike", "reference dicts", "nested"],
)
def test_julian_dates_in_single_precision_are_refused(make):
    julian = np.array([2_459_000.5, 2_459_003.5])
    with pytest.raises(ValueError, match="(time|'time'|t of band 'g') is float32, .* 0.25 days"):
        check_light_curves(make(julian.astype(np.float32)))
    check_light_curves(make(julian))
    check_light_curves(make((julian - 2_400_000.5).astype(np.float32)))


def test_frames_read_together_and_one_by_one_agree(X):
    frames = entries(X)
    odd = [frames[0][["flux", "time", "band", "flux_err"]], *frames[1:]]
    pd.testing.assert_frame_equal(check_light_curves(frames), check_light_curves(odd))
    shifted = [frame.assign(time=frame["time"] + 2_400_000.5) for frame in frames]
    times = [frame["time"].to_numpy() for frame in shifted]
    np.testing.assert_array_equal(flatten_light_curves(shifted).time, np.concatenate(times))


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


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"flux": [1e51, 6.0]}, r"object 0: flux is 1e\+51 at observation 0 .* 1e\+50 at most"),
        ({"flux_err": [1.0, 1e-51]}, r"object 0: flux_err is 1e-51 .* greater than 0 \(1e-50 at"),
        ({"flux_err": [1.0, 1e51]}, r"object 0: flux_err is 1e\+51 .* at most in size"),
        ({"time": [1.7e9, 1.8e9]}, r"object 0: time is 1700000000.0 .* days, of 1e\+09 at most"),
        ({"flux": [10**400, 6]}, "object 0: flux is inf at observation 0"),
        ({"flux": [5, -(10**400)]}, "object 0: flux is -inf at observation 1"),
        ({"flux": np.full(2, np.longdouble("1e4000"))}, "object 0: flux is inf at observation 0"),
        ({"band": ["g", "  "]}, "object 0: band is '  ' at observation 1 .* a band name"),
    ],
)
def test_what_no_light_curve_has_is_named(replaced, message):
    for tables in ([one_table(**replaced)], [pd.DataFrame(one_table(**replaced))]):
        with pytest.raises(ValueError, match=message):
            check_light_curves(tables)


def test_the_largest_and_smallest_numbers_pass():
    extremes = {"time": [-1e9, 1e9], "flux": [-1e50, 5e-324], "flux_err": [1e-50, 1e50]}
    assert flatten_light_curves([one_table(**extremes)]).flux.tolist() == [-1e50, 5e-324]


@pytest.mark.parametrize("field", ["time", "flux", "flux_err"])
def test_the_constant_of_a_masked_value_is_a_missing_one(field):
    for make in (dict, pd.DataFrame):
        with pytest.raises(ValueError, match=f"object 0: {field} is nan at observation 1"):
            check_light_curves([make(one_table(**{field: [1.0, np.ma.masked]}))])


class NoArray:
    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("no array of this")


@pytest.mark.parametrize("field", ["time", "band", "flux", "flux_err"])
@pytest.mark.parametrize(
    "values", [NoArray(), torch.ones(2, requires_grad=True)], ids=["object", "tensor"]
)
def test_what_makes_no_array_is_named(field, values):
    with pytest.raises(TypeError, match=f"object 1: {field} (cannot be read|is)"):
        check_light_curves([one_table(), one_table(**{field: values})])


def test_ragged_lists_and_numbers_that_cannot_be_compared_are_named():
    with pytest.raises(TypeError, match="object 0: flux cannot be read as one value per obs"):
        check_light_curves([one_table(flux=[[1.0], [1.0, 2.0]])])
    with pytest.raises(TypeError, match="object 0: flux holds a number that cannot be compared"):
        check_light_curves([one_table(flux=[Decimal("sNaN"), Decimal(1)])])


@pytest.mark.parametrize("band", [["r"], {"r"}, {}, ("r",), b"r", 2, Decimal("sNaN")])
@pytest.mark.parametrize("make", [dict, pd.DataFrame])
def test_a_band_that_is_no_name_is_named(band, make):
    tables = [make(one_table()), make(one_table(band=["g", band]))]
    with pytest.raises(TypeError, match="object 1: band is .*; expected a string"):
        check_light_curves(tables)


def test_a_band_that_cannot_be_written_is_named():
    with pytest.raises(TypeError, match=r"object 0: band is '.ud800'; expected a string"):
        check_light_curves([one_table(band=["g", "\ud800"])])


@pytest.mark.parametrize("band", [1, None, ("g",)])
def test_a_band_of_a_reference_dict_is_a_string(band):
    with pytest.raises(TypeError, match=r"object 0: band is .*; expected a string"):
        check_light_curves([{band: {"t": [1.0], "y": [1.0], "e": [1.0]}}])


@pytest.mark.parametrize("band", [[1, 2, 1], [b"g", b"r", b"g"]])
def test_bands_of_a_nested_column_are_strings(band):
    with pytest.raises(TypeError, match="X: field 'band' has the type .*; expected strings"):
        check_light_curves(hand_made(["a", "b"], band=band))
    codes = pd.Categorical([1, 2, 1])
    with pytest.raises(TypeError, match="X: field 'band' has the type int64; expected strings"):
        check_light_curves(hand_made(["a", "b"], band=codes))


def test_decimals_and_empty_columns_of_a_nested_frame_are_read():
    decimals = [Decimal("5.5"), Decimal("6.5"), Decimal("7.5")]
    X = hand_made(["a", "b"], flux=decimals)
    assert flatten_light_curves(X).flux.tolist() == [5.5, 6.5, 7.5]
    lists = [pa.LargeListArray.from_arrays(pa.array([0, 0, 0], pa.int64()), pa.nulls(0))] * 4
    struct = pa.StructArray.from_arrays(lists, names=["time", "band", "flux", "flux_err"])
    X = NestedFrame({"light_curve": pd.Series(NestedExtensionArray(struct))})
    assert flatten_light_curves(X, bands=("g",)).n_observations.tolist() == [0, 0]


def test_columns_with_levels_are_refused():
    columns = pd.MultiIndex.from_tuples([("light_curve", "time")])
    with pytest.raises(ValueError, match="X: its columns have 2 levels; expected one"):
        check_light_curves(pd.DataFrame([[1.0]], columns=columns))
    columns = pd.MultiIndex.from_product([["time", "band", "flux", "flux_err"], ["a"]])
    with pytest.raises(ValueError, match="object 0: field 'time' is missing"):
        check_light_curves([pd.DataFrame([[1.0, "g", 1.0, 1.0]], columns=columns)])


@pytest.mark.parametrize("shape", [(), (2, 2, 2)])
def test_object_arrays_of_other_dimensions_are_refused(shape):
    with pytest.raises(TypeError, match=f"X: got an array of {len(shape)} dimensions"):
        check_light_curves(np.empty(shape, dtype=object))


def test_list_columns_may_hold_what_has_a_shape():
    table = one_table(time=torch.tensor([1.0, 2.0], dtype=torch.float64))
    X = check_light_curves(pd.DataFrame({name: [values] for name, values in table.items()}))
    assert flatten_light_curves(X).time.tolist() == [1.0, 2.0]
    # A tensor computes like a number, but is none of the object.
    assert list(check_light_curves([one_table(airmass=torch.ones(2))]).columns) == ["light_curve"]


def test_messages_stay_short():
    with pytest.raises(TypeError) as caught:
        check_light_curves([one_table(flux=["x" * 10_000, 1.0])])
    assert len(str(caught.value)) < 300
    name = "n" * 10_000
    with pytest.raises(ValueError) as caught:
        check_light_curves(pd.Series([one_table(flux=[np.nan, 1.0])], index=[name]))
    assert len(str(caught.value)) < 300


def test_more_bands_than_a_survey_has_are_refused():
    n = 40_000
    table = {"time": np.arange(n) / 10, "band": [f"b{k}" for k in range(n)]}
    with pytest.raises(ValueError, match="X: field 'band' has 40000 different values"):
        check_light_curves([{**table, "flux": np.ones(n), "flux_err": np.ones(n)}])
