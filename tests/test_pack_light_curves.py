from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_tde import check_light_curves, pack_light_curves, unpack_light_curves


@pytest.fixture
def table():
    return pd.DataFrame(
        {
            "object_id": ["b", "a", "b", "a", "b"],
            "time": [3.0, 10.0, 1.0, 12.5, 3.0],
            "band": ["r", "g", "g", "r", "g"],
            "flux": [30.0, 100.0, -10.0, 120.0, 31.0],
            "flux_err": [3.0, 5.0, 2.0, 6.0, 3.5],
        }
    )


def light_curve(X, name):
    return X.loc[name, "light_curve"]


def test_objects_stand_in_order_of_first_appearance_and_observations_in_order_of_time(table):
    X = pack_light_curves(table)
    assert list(X.index) == ["b", "a"]
    assert X.index.name == "object_id"
    assert light_curve(X, "b")["time"].tolist() == [1.0, 3.0, 3.0]
    assert light_curve(X, "b")["flux"].tolist() == [-10.0, 30.0, 31.0]
    assert light_curve(X, "a")["band"].tolist() == ["g", "r"]


def test_band_is_categorical_and_numbers_are_float64(table):
    X = pack_light_curves(table.astype({"flux": "float32", "flux_err": "int64"}))
    flat = X["light_curve"].nest.to_flat()
    assert str(flat["band"].dtype).startswith("dictionary")
    for name in ("time", "flux", "flux_err"):
        assert flat[name].dtype.pyarrow_dtype == "double"


def test_other_column_names_are_given_by_argument(table):
    renamed = table.rename(
        columns={"object_id": "name", "time": "mjd", "band": "filter", "flux": "f", "flux_err": "e"}
    )
    X = pack_light_curves(
        renamed, object_id="name", time="mjd", band="filter", flux="f", flux_err="e"
    )
    pd.testing.assert_frame_equal(X.rename_axis("object_id"), pack_light_curves(table))


def test_a_single_object_needs_no_id(table):
    one = table[table["object_id"] == "b"].drop(columns="object_id")
    X = pack_light_curves(one, object_id=None)
    assert list(X.index) == [0]
    assert len(X["light_curve"].iloc[0]) == 3


def test_magnitudes_become_microjansky_with_their_sign_and_limits():
    alerts = pd.DataFrame(
        {
            "object_id": "ZTF1",
            "time": [1.0, 2.0, 3.0],
            "fid": [1, 2, 1],
            "magpsf": [18.9, 18.9, np.nan],
            "sigmapsf": [0.1, 0.1, np.nan],
            "isdiffpos": ["t", "f", None],
            "diffmaglim": [20.0, 20.0, 19.4],
        }
    )
    X = pack_light_curves(
        alerts,
        band="fid",
        mag="magpsf",
        mag_err="sigmapsf",
        sign="isdiffpos",
        limiting_mag="diffmaglim",
        band_names={1: "g", 2: "r"},
    )
    curve = light_curve(X, "ZTF1")
    # 23.9 - 18.9 = 5 magnitudes are a factor 100; a limit of 19.4 is 10**(0.4 * 4.5) microjansky.
    assert curve["flux"].to_numpy() == pytest.approx([100.0, -100.0, 0.0])
    expected = [10 * np.log(10) / 2.5, 10 * np.log(10) / 2.5, 10**1.8 / 5]
    assert curve["flux_err"].to_numpy() == pytest.approx(expected)
    assert curve["band"].tolist() == ["g", "r", "g"]


@pytest.mark.parametrize("positive", ["t", "true", "True", True, 1, 1.0, "1"])
@pytest.mark.parametrize("negative", ["f", "false", False, 0, -1, "-1", "0"])
def test_every_spelling_of_the_sign_is_read(positive, negative):
    table = pd.DataFrame(
        {"time": [1.0, 2.0], "band": "g", "flux": [5.0, 7.0], "flux_err": 1.0}
    ).assign(isdiffpos=pd.Series([positive, negative], dtype=object))
    X = pack_light_curves(table, object_id=None, sign="isdiffpos")
    assert light_curve(X, 0)["flux"].tolist() == [5.0, -7.0]


def test_the_zero_point_states_the_unit_of_fluxes(table):
    nanojansky = table.assign(flux=table["flux"] * 1000, flux_err=table["flux_err"] * 1000)
    X = pack_light_curves(nanojansky, zero_point=31.4)
    curve, expected = light_curve(X, "b"), light_curve(pack_light_curves(table), "b")
    assert curve["flux"].to_numpy() == pytest.approx(expected["flux"].to_numpy())
    assert curve["flux_err"].to_numpy() == pytest.approx(expected["flux_err"].to_numpy())


def test_limits_of_fluxes_are_magnitudes_in_ab():
    table = pd.DataFrame(
        {"time": [1.0], "band": "g", "flux": np.nan, "flux_err": np.nan, "limit": 18.9}
    )
    X = pack_light_curves(table, object_id=None, limiting_mag="limit", zero_point=31.4)
    assert light_curve(X, 0)["flux"].tolist() == [0.0]
    assert light_curve(X, 0)["flux_err"].to_numpy() == pytest.approx([20.0])


def test_columns_of_the_object_ride_along(table):
    X = pack_light_curves(table.assign(redshift=[0.1, 0.2, 0.1, 0.2, 0.1], name="x"))
    assert list(X.columns) == ["light_curve", "redshift", "name"]
    assert X["redshift"].tolist() == [0.1, 0.2]


def test_a_column_that_varies_within_an_object_is_named(table):
    table["rb"] = [0.9, 0.8, 0.7, 0.6, 0.5]
    with pytest.raises(ValueError, match="object 'b': column 'rb' has more than one value"):
        pack_light_curves(table)
    assert "rb" not in pack_light_curves(table, object_columns=()).columns
    X = pack_light_curves(table, observation_columns=("rb",))
    assert light_curve(X, "b")["rb"].tolist() == [0.7, 0.9, 0.5]


def test_fluxes_beside_magnitudes_can_be_dropped_as_the_message_says(table):
    magnitudes = {"mag": "m", "mag_err": "m_err"}
    table = table.assign(m=20.0, m_err=0.1)
    advice = r"or drop those that vary: table\.drop\(columns=\['flux', 'flux_err'\]\)\.$"
    with pytest.raises(ValueError, match=advice):
        pack_light_curves(table, **magnitudes)
    X = pack_light_curves(table.drop(columns=["flux", "flux_err"]), **magnitudes)
    assert list(X.columns) == ["light_curve"]


def test_the_table_of_objects_gives_order_columns_and_empty_objects(table):
    objects = pd.DataFrame({"object_id": ["a", "empty", "b"], "redshift": [0.2, 0.3, 0.1]})
    X = pack_light_curves(table, objects=objects)
    assert list(X.index) == ["a", "empty", "b"]
    assert X["redshift"].tolist() == [0.2, 0.3, 0.1]
    assert len(light_curve(X, "empty")) == 0


def test_what_is_written_into_the_table_later_does_not_change_what_was_packed(table):
    table = table.sort_values(["object_id", "time"], ignore_index=True)
    table["rb"] = np.linspace(0.5, 0.9, len(table))
    X = pack_light_curves(table, observation_columns=("rb",))
    expected = unpack_light_curves(X)
    for name in ("time", "flux", "flux_err", "rb"):
        table.loc[:, name] = 7.0
    pd.testing.assert_frame_equal(unpack_light_curves(X), expected)


def test_duplicates_are_refused_or_dropped(table):
    table = pd.concat([table, table.iloc[[0]].assign(flux=99.0)])
    with pytest.raises(ValueError, match=r"object 'b': time .*3.0.* more than once in band 'r'"):
        pack_light_curves(table)
    X = pack_light_curves(table, duplicates="drop")
    pd.testing.assert_frame_equal(X, pack_light_curves(table.iloc[:-1]))


def bad(table, **columns):
    table = table.copy()
    for name, value in columns.items():
        table[name] = table[name].astype(object)
        table.loc[3, name] = value
        if name != "band" and name != "object_id":
            table[name] = table[name].infer_objects()
    return table


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        ({"flux": np.nan}, ValueError, r"object 'a': flux is missing \(NaN\)"),
        (
            {"flux": np.inf},
            ValueError,
            r"object 'a': flux is inf at observation 1 \(time 12",
        ),
        ({"flux_err": 0.0}, ValueError, r"object 'a': flux_err is 0.0 .* greater than 0"),
        ({"flux_err": -1.0}, ValueError, r"object 'a': flux_err is -1.0"),
        ({"flux_err": np.nan}, ValueError, r"object 'a': flux_err is missing \(NaN\)"),
        ({"time": np.nan}, ValueError, r"object 'a': time is nan in row 3 of the table"),
        ({"time": np.inf}, ValueError, r"object 'a': time is inf in row 3 of the table; expected"),
        ({"time": -1e10}, ValueError, r"time is -10000000000.0 in row 3 of the table; .* 1e\+09"),
        ({"band": None}, ValueError, r"object 'a': band is missing"),
        ({"band": 2}, TypeError, "band is 2; expected a name; give the names in"),
        ({"object_id": None}, ValueError, "object_id is missing in row 3"),
        ({"flux": "bright"}, TypeError, "column 'flux' holds no numbers"),
        ({"flux": "1"}, TypeError, "column 'flux' holds no numbers: '1'"),
        ({"flux": True}, TypeError, "column 'flux' holds no numbers: True"),
    ],
)
def test_a_bad_value_is_named_with_its_object_and_field(table, columns, error, message):
    with pytest.raises(error, match=message):
        pack_light_curves(bad(table, **columns))


@pytest.mark.parametrize("column", ["object_id", "time", "band", "flux", "flux_err"])
def test_a_missing_column_is_named(table, column):
    with pytest.raises(ValueError, match=f"column '{column}' is missing"):
        pack_light_curves(table.drop(columns=column))


def test_other_bad_input_is_refused(table):
    with pytest.raises(TypeError, match="got list"):
        pack_light_curves([table])
    with pytest.raises(ValueError, match="it has no rows"):
        pack_light_curves(table.iloc[:0])
    with pytest.raises(TypeError, match="column 'time' is datetime64"):
        pack_light_curves(table.assign(time=pd.Timestamp("2020-01-01")))
    with pytest.raises(ValueError, match="needs mag_err"):
        pack_light_curves(table, mag="flux")
    with pytest.raises(ValueError, match="band is 'r'; expected one of 'g', as in band_names"):
        pack_light_curves(table, band_names={"g": "g"})
    with pytest.raises(ValueError, match="object 'b': s is 'maybe', which is no sign"):
        pack_light_curves(table.assign(s="maybe"), sign="s")
    with pytest.raises(ValueError, match="object 'b': flux is negative although sign="):
        pack_light_curves(table.assign(s="t"), sign="s")
    with pytest.raises(ValueError, match="'a' is listed more than once"):
        pack_light_curves(table, objects=pd.DataFrame({"object_id": ["a", "b", "a"]}))
    with pytest.raises(ValueError, match="object 'b' has observations but no row"):
        pack_light_curves(table, objects=pd.DataFrame({"object_id": ["a"]}))
    with pytest.raises(ValueError, match="duplicates must be"):
        pack_light_curves(table, duplicates="mean")


def test_unpacking_and_packing_gives_the_same_light_curves(table):
    objects = pd.DataFrame(
        {"redshift": [0.2, np.nan, 0.1], "label": ["TDE", "SN Ia", "AGN"], "n": [1, 2, 3]},
        index=pd.Index(["a", "empty", "b"], name="object_id"),
    )
    X = pack_light_curves(table, objects=objects)
    long = unpack_light_curves(X)
    assert list(long.columns[:5]) == ["object_id", "time", "band", "flux", "flux_err"]
    assert len(long) == len(table) + 1
    pd.testing.assert_frame_equal(pack_light_curves(long), X)


def with_empty_object(table, **arguments):
    objects = pd.DataFrame({"redshift": [0.2, 0.3, 0.1]}, index=["a", "empty", "b"])
    return pack_light_curves(table, objects=objects.rename_axis("object_id"), **arguments)


def test_the_name_of_the_index_survives_unpacking_and_packing(table):
    X = with_empty_object(table).rename_axis("id")
    long = unpack_light_curves(X)
    assert long.columns[0] == "id"
    pd.testing.assert_frame_equal(pack_light_curves(long), X)
    X["object_id"] = ["x", "x", "y"]
    pd.testing.assert_frame_equal(pack_light_curves(unpack_light_curves(X)), X)
    unnamed = pack_light_curves(unpack_light_curves(X[["light_curve"]].rename_axis(None)))
    assert unnamed.index.name == "object_id"


def test_names_of_objects_added_after_unpacking_are_those_to_pack_by(table):
    long = unpack_light_curves(pack_light_curves(table).rename_axis("id"))
    X = pack_light_curves(long.assign(object_id=long["id"].str.upper()))
    assert list(X.index) == ["B", "A"]


def test_further_fields_survive_unpacking_and_packing(table):
    table = table.assign(
        programme=[1, 2, 3, 4, 5], rb=0.5, good=True, note=["x", "y", "z", "x", "y"]
    )
    names = ["programme", "rb", "good", "note"]
    X = with_empty_object(table, observation_columns=names)
    long = unpack_light_curves(X)
    pd.testing.assert_frame_equal(pack_light_curves(long), X)
    chosen = pack_light_curves(long, observation_columns=["rb"], object_columns=["redshift"])
    assert list(light_curve(chosen, "a").columns) == ["time", "band", "flux", "flux_err", "rb"]
    assert "rb" not in light_curve(pack_light_curves(long.drop(columns="rb")), "a")


def test_no_objects_survive_unpacking_and_packing(table):
    X = with_empty_object(table.assign(rb=0.5), observation_columns=["rb"]).rename_axis("id")
    none = pack_light_curves(unpack_light_curves(X.iloc[:0]))
    pd.testing.assert_frame_equal(none, X.iloc[:0])


def test_the_notes_for_packing_survive_parquet(table, tmp_path):
    X = with_empty_object(table.assign(rb=0.5), observation_columns=["rb"]).rename_axis("id")
    unpack_light_curves(X).to_parquet(tmp_path / "long.parquet")
    again = pack_light_curves(pd.read_parquet(tmp_path / "long.parquet"))
    assert again.index.name == "id"
    assert "rb" in light_curve(again, "a")


@pytest.mark.parametrize("name", ["flux", "object_id", "rb"])
def test_columns_that_would_overwrite_others_are_not_unpacked(table, name):
    X = pack_light_curves(table.assign(rb=0.5), observation_columns=["rb"])
    X[name] = 1.0
    with pytest.raises(ValueError, match=f"X: '{name}' is also"):
        unpack_light_curves(X)


def test_an_index_named_as_a_field_is_not_unpacked(table):
    with pytest.raises(ValueError, match="X: 'flux' is also the name of its index"):
        unpack_light_curves(pack_light_curves(table).rename_axis("flux"))


@pytest.mark.parametrize("make", [pd.DataFrame, pd.DataFrame.to_records], ids=["frame", "records"])
def test_big_endian_columns_are_read(table, make):
    big = table.assign(
        **{name: table[name].to_numpy().astype(">f8") for name in ("time", "flux", "flux_err")},
        quality=np.array([1, 2, 3, 4, 5], dtype=">i4"),
        redshift=np.array([0.1, 0.2, 0.1, 0.2, 0.1], dtype=">f4"),
    )
    assert not big["time"].dtype.isnative
    big = big.to_records(index=False) if make is not pd.DataFrame else big
    X = pack_light_curves(big, observation_columns=["quality"])
    native = table.assign(quality=[1, 2, 3, 4, 5], redshift=[0.1, 0.2, 0.1, 0.2, 0.1])
    expected = pack_light_curves(
        native.astype({"quality": "int32", "redshift": "float32"}), observation_columns=["quality"]
    )
    pd.testing.assert_frame_equal(X, expected)


def test_big_endian_properties_in_the_table_of_objects_are_read(table):
    objects = pd.DataFrame(
        {"object_id": ["b", "a"], "z": np.array([0.1, 0.2], dtype=">f8")},
    )
    X = pack_light_curves(table, objects=objects)
    assert X.iloc[[1]]["z"].tolist() == [0.2]


def test_masked_values_of_records_are_missing():
    records = np.ma.array(
        [(1.0, "g", 5.0, 1.0), (2.0, "g", 6.0, 1.0)],
        dtype=[("time", "f8"), ("band", "U1"), ("flux", "f8"), ("flux_err", "f8")],
    )
    assert len(light_curve(pack_light_curves(records, object_id=None), 0)) == 2
    records["flux"][1] = np.ma.masked
    with pytest.raises(ValueError, match=r"object 0: flux is missing \(NaN\)"):
        pack_light_curves(records, object_id=None)


def test_decimals_are_numbers(table):
    decimals = table.assign(flux=[Decimal(str(flux)) for flux in table["flux"]])
    pd.testing.assert_frame_equal(pack_light_curves(decimals), pack_light_curves(table))
    arrow = pa.Table.from_pandas(decimals)
    assert pa.types.is_decimal(arrow.schema.field("flux").type)
    pd.testing.assert_frame_equal(pack_light_curves(arrow), pack_light_curves(table))
    backed = arrow.to_pandas(types_mapper=pd.ArrowDtype)[["flux"]]
    pd.testing.assert_frame_equal(
        pack_light_curves(table.assign(flux=backed["flux"])), pack_light_curves(table)
    )


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"time": None}, TypeError, "time: expected the name of a column; got None"),
        ({"band": None}, TypeError, "band: expected the name of a column; got None"),
        ({"flux": None}, TypeError, "flux: expected the name of a column; got None"),
        ({"flux_err": 3}, TypeError, "flux_err: expected the name of a column; got 3"),
        ({"object_id": ["a"]}, TypeError, r"object_id: expected the name of a column; got \['a'\]"),
        ({"sign": 1}, TypeError, "sign: expected the name of a column; got 1"),
        ({"objects": {"a": 1}}, TypeError, "objects: expected a DataFrame .* got dict"),
        ({"objects": ["a", "b"]}, TypeError, "objects: expected a DataFrame .* got list"),
        ({"band_names": {"g": 1, "r": "r"}}, TypeError, "band_names: 'g' stands for 1; expected"),
        ({"band_names": ["g", "r"]}, TypeError, "band_names: expected a mapping .* got list"),
        ({"zero_point": "AB"}, TypeError, "zero_point: expected a magnitude, .* got 'AB'"),
        ({"zero_point": np.nan}, ValueError, "zero_point: expected a finite magnitude; got nan"),
        ({"observation_columns": "fid"}, TypeError, "observation_columns: .* sequence .* 'fid'"),
        ({"observation_columns": [1]}, TypeError, "observation_columns: .* sequence .* one is 1"),
        ({"observation_columns": ["flux"]}, ValueError, "observation_columns: 'flux' is a field"),
        ({"object_columns": "fid"}, TypeError, "object_columns: expected a sequence .* 'fid'"),
    ],
)
def test_an_argument_of_a_wrong_type_is_named(table, arguments, error, message):
    with pytest.raises(error, match=message):
        pack_light_curves(table, **arguments)


def test_an_object_column_named_as_the_nested_column_is_refused(table):
    with pytest.raises(ValueError, match="column 'light_curve' has the name of the nested column"):
        pack_light_curves(table.assign(light_curve=1.0))


def test_a_missing_error_is_named_by_its_own_column():
    alerts = pd.DataFrame(
        {
            "time": [1.0, 2.0],
            "band": "g",
            "magpsf": [18.9, np.nan],
            "sigmapsf": [0.1, np.nan],
            "limit": 20.0,
        }
    )
    arguments = {"object_id": None, "mag": "magpsf", "mag_err": "sigmapsf", "limiting_mag": "limit"}
    assert len(light_curve(pack_light_curves(alerts, **arguments), 0)) == 2
    alerts["magpsf"] = 18.9
    with pytest.raises(ValueError, match=r"object 0: sigmapsf is missing \(NaN\) in row 1 of"):
        pack_light_curves(alerts, **arguments)


def test_messages_spell_numbers_without_their_type():
    table = pd.DataFrame(
        {"object_id": [7, 7], "time": 59000.3, "band": "g", "flux": 5.0, "flux_err": 1.0}
    )
    with pytest.raises(ValueError, match=r"object 7: time 59000\.3 occurs more than once"):
        pack_light_curves(table)
    with pytest.raises(ValueError, match="object 7: flux is missing"):
        pack_light_curves(table.assign(flux=np.nan))
    with pytest.raises(ValueError, match="object 7: band is 3; expected one of 1"):
        pack_light_curves(table.assign(band=3), band_names={1: "g"})


@pytest.mark.parametrize("dtype", ["float32", "Float32", pd.ArrowDtype(pa.float32())])
def test_julian_dates_in_single_precision_are_refused(table, dtype):
    julian = table.assign(time=(table["time"] + 2_459_000.0).astype(dtype))
    with pytest.raises(ValueError, match="column 'time' is float32, .* 0.25 days; read it as flo"):
        pack_light_curves(julian)
    modified = table.assign(time=(table["time"] + 59_000.0).astype(dtype))
    assert light_curve(pack_light_curves(modified), "a")["time"].tolist() == [59010.0, 59012.5]


def test_repeated_names_are_not_merged(table):
    X = pack_light_curves(table)
    twice = X.iloc[[0, 1, 0]]
    check_light_curves(twice)
    with pytest.raises(ValueError, match="'b' stands for more than one row"):
        unpack_light_curves(twice)


def test_the_input_is_not_modified(table):
    before = table.copy(deep=True)
    pack_light_curves(table, duplicates="drop")
    pd.testing.assert_frame_equal(table, before)


@given(seed=st.integers(0, 1000), n=st.integers(1, 40))
def test_the_order_of_rows_does_not_matter(seed, n):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "object_id": rng.integers(0, 5, n),
            "time": rng.permutation(n) / 4,
            "band": rng.choice(["g", "r", "i"], n),
            "flux": rng.normal(size=n),
            "flux_err": rng.uniform(0.1, 1, n),
        }
    )
    X = pack_light_curves(table)
    shuffled = pack_light_curves(table.sample(frac=1, random_state=seed)).loc[X.index]
    pd.testing.assert_frame_equal(shuffled, X)


@pytest.mark.parametrize("value", [99.0, -99.0, -999.0, np.inf])
def test_magnitudes_that_stand_for_a_missing_one_are_refused(value):
    alerts = pd.DataFrame(
        {"time": [1.0, 2.0], "band": "g", "mag": [19.0, value], "err": 0.1, "lim": [20.0, 20.0]}
    )
    names = {"object_id": None, "mag": "mag", "mag_err": "err"}
    with pytest.raises(ValueError, match="object 0: mag is .* in row 1 .* magnitude of 50 at most"):
        pack_light_curves(alerts, **names)
    limits = alerts.assign(mag=np.nan, lim=[20.0, value])
    with pytest.raises(ValueError, match="object 0: (lim is|both mag and lim are missing)"):
        pack_light_curves(limits, **names, limiting_mag="lim")


def test_errors_of_magnitudes_beyond_all_bounds_are_named():
    alerts = pd.DataFrame({"time": [1.0], "band": "g", "mag": [-49.0], "err": [1e300]})
    with pytest.raises(ValueError, match="object 0: flux_err is .* at observation 0"):
        pack_light_curves(alerts, object_id=None, mag="mag", mag_err="err")


@pytest.mark.parametrize("zero_point", [1e6, -1e6])
def test_a_zero_point_beyond_all_bounds_is_refused(table, zero_point):
    with pytest.raises(ValueError, match="zero_point: expected a finite magnitude"):
        pack_light_curves(table, zero_point=zero_point)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"object_id": [["a"]] * 5}, "table: column 'object_id' holds values that cannot be told"),
        ({"note": [["a"]] * 5}, "table: column 'note' holds values that cannot be told apart"),
        ({"band": [["g"]] * 5}, r"object 'b': band is \['g'\]; expected a name"),
        ({"band": ["g", "r", "\ud800", "g", "g"]}, "object 'b': band is '.ud800'; expected a name"),
        ({"flux": [[1.0]] * 5}, r"column 'flux' holds no numbers: \[1.0\] at position 0"),
    ],
)
def test_values_that_cannot_be_told_apart_are_named(table, columns, message):
    columns = {name: pd.Series(values, dtype=object) for name, values in columns.items()}
    with pytest.raises(TypeError, match=message):
        pack_light_curves(table.assign(**columns))


@pytest.mark.parametrize(
    "objects",
    [
        pd.DataFrame({"object_id": [["a"], ["b"]]}),
        pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])),
        pd.DataFrame({"z": [1]}, index=pd.MultiIndex.from_tuples([("a", "b")])),
        pd.DataFrame([["a", "b"]], columns=["object_id", "object_id"]),
    ],
    ids=["lists", "levels of columns", "levels of names", "twice"],
)
def test_a_table_of_objects_without_plain_names_is_refused(table, objects):
    with pytest.raises((TypeError, ValueError), match="^objects: "):
        pack_light_curves(table, objects=objects)


def test_columns_of_a_table_need_plain_names(table):
    with pytest.raises(ValueError, match="table: its columns have 2 levels"):
        pack_light_curves(pd.concat({"a": table}, axis=1))
    X = pack_light_curves(table.assign(**{"7": 0.5}).rename(columns={"7": 7}))
    assert X[7].tolist() == [0.5, 0.5]


class Foreign:
    def __init__(self, result):
        self.result = result

    def to_pandas(self):
        if self.result is None:
            raise RuntimeError("no table of this")
        return self.result


def test_what_makes_no_table_is_named(table):
    with pytest.raises(ValueError, match="table: it cannot be read as a DataFrame: no table of"):
        pack_light_curves(Foreign(None))
    with pytest.raises(TypeError, match="table: expected a DataFrame .* got Foreign"):
        pack_light_curves(Foreign("a table"))
    with pytest.raises(ValueError, match="table: it cannot be read as a DataFrame: All arrays"):
        pack_light_curves({"time": [1.0, 2.0], "flux": [1.0]})


@pytest.mark.parametrize("note", [3, {}, {"object_id": 1}, {"object_columns": 2}])
def test_notes_that_others_wrote_over_are_ignored(table, note):
    noted = table.copy()
    noted.attrs["sklearn_tde"] = note
    pd.testing.assert_frame_equal(pack_light_curves(noted), pack_light_curves(table))


@pytest.mark.parametrize("values", [[1, "a", 2.0, None, 3], [{}, [1], 1.0, 2.0, 3.0]])
def test_a_further_field_holds_values_of_one_type(table, values):
    table["note"] = pd.Series(values, dtype=object)
    with pytest.raises(TypeError, match="table: column 'note' cannot be kept .* values of the ty"):
        pack_light_curves(table, observation_columns=("note",))


def test_a_further_field_may_miss_values(table):
    table["note"] = pd.Series(["x", None, np.nan, pd.NA, "y"], dtype=object)
    X = pack_light_curves(table, observation_columns=("note",))
    assert light_curve(X, "b")["note"].isna().tolist() == [True, False, False]


def test_infinite_times_are_named_without_a_warning(table):
    with pytest.raises(ValueError, match="object 'b': time is inf"):
        pack_light_curves(table.assign(time=np.inf))
