"""Tables of light curves from files: what is read, and what is refused."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_tde.datasets import load_light_curves, make_transients
from sklearn_tde.light_curves import unpack_light_curves


@pytest.fixture
def observations():
    return pd.DataFrame(
        {
            "object_id": ["AT2020a", "AT2020b", "AT2020a", "AT2020a"],
            "time": [59000.1, 59001.0, 59003.2, 59002.0],
            "band": ["g", "g", "r", "g"],
            "flux": [110.0, 60.0, 95.0, -3.0],
            "flux_err": [9.0, 8.0, 10.0, 9.0],
        }
    )


@pytest.fixture
def objects():
    return pd.DataFrame(
        {
            "object_id": ["AT2020b", "AT2020a", "AT2020c"],
            "label": ["SN Ia", "TDE", "SN II"],
            "redshift": [0.05, 0.1, 0.02],
        }
    )


def write(table, path):
    if path.suffix == ".parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("as_path", [str, lambda path: path])
@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet"])
def test_files_give_what_tables_give(tmp_path, observations, objects, ending, as_path):
    expected, labels = load_light_curves(observations, objects)
    X, y = load_light_curves(
        as_path(write(observations, tmp_path / f"observations{ending}")),
        as_path(write(objects, tmp_path / f"objects{ending}")),
    )
    pd.testing.assert_frame_equal(unpack_light_curves(X), unpack_light_curves(expected))
    np.testing.assert_array_equal(y, labels)


def test_objects_give_order_columns_and_labels(observations, objects):
    X, y = load_light_curves(observations, objects)
    assert list(X.index) == ["AT2020b", "AT2020a", "AT2020c"]
    assert list(y) == ["SN Ia", "TDE", "SN II"]
    assert y.dtype == object
    assert list(X["redshift"]) == [0.05, 0.1, 0.02]
    assert "label" not in X.columns
    assert list(X["light_curve"].iloc[1]["flux"]) == [110.0, -3.0, 95.0]


def test_object_without_observations_stays(observations, objects):
    X, _ = load_light_curves(observations, objects)
    counts = unpack_light_curves(X).groupby("object_id")["flux"].count()
    assert "AT2020c" in X.index
    assert counts.get("AT2020c", 0) == 0


def test_observations_alone_have_no_labels(observations):
    X, y = load_light_curves(observations)
    assert list(X.index) == ["AT2020a", "AT2020b"]
    assert y is None


def test_labels_may_stand_with_the_observations(observations):
    table = observations.assign(label=["TDE", "SN Ia", "TDE", "TDE"])
    X, y = load_light_curves(table)
    assert list(X.columns) == ["light_curve"]
    assert list(y) == ["TDE", "SN Ia"]


def test_one_observation_is_a_light_curve(observations):
    X, _ = load_light_curves(observations.iloc[:1])
    assert len(unpack_light_curves(X)) == 1


def test_one_band_only_is_read(observations):
    X, _ = load_light_curves(observations[observations["band"] == "g"])
    assert set(unpack_light_curves(X)["band"]) == {"g"}


def test_columns_by_argument(tmp_path):
    table = pd.DataFrame(
        {
            "name": ["007", "007", "008"],
            "jd": [2459000.5, 2459001.5, 2459000.5],
            "fid": [1, 2, 2],
            "magpsf": [18.9, np.nan, 18.9],
            "sigmapsf": [0.1, np.nan, 0.1],
            "diffmaglim": [20.5, 20.5, 20.5],
            "isdiffpos": ["t", None, "f"],
            "rb": [0.9, 0.0, 0.8],
        }
    )
    X, y = load_light_curves(
        write(table, tmp_path / "alerts.csv"),
        write(pd.DataFrame({"name": ["007", "008"], "type": [1, 0]}), tmp_path / "names.csv"),
        label="type",
        object_id="name",
        time="jd",
        band="fid",
        mag="magpsf",
        mag_err="sigmapsf",
        limiting_mag="diffmaglim",
        sign="isdiffpos",
        band_names={1: "g", 2: "r"},
        observation_columns=("rb",),
    )
    rows = unpack_light_curves(X)
    np.testing.assert_allclose(rows["flux"], [100.0, 0.0, -100.0])
    assert rows["flux_err"].iloc[1] == pytest.approx(10 ** (-0.4 * (20.5 - 23.9)) / 5)
    assert list(rows["rb"]) == [0.9, 0.0, 0.8]
    assert list(X.index) == ["007", "008"]
    assert y.dtype == np.int64


def test_whole_number_labels_survive_a_missing_one(observations, objects):
    objects["label"] = [0, 1, np.nan]
    X, y = load_light_curves(observations, objects, missing_labels="drop")
    assert y.dtype == np.int64
    assert list(y) == [0, 1]
    assert list(X.index) == ["AT2020b", "AT2020a"]


@pytest.mark.parametrize("missing", [None, np.nan, "", "  "])
def test_missing_labels_are_refused_by_name(observations, objects, missing):
    objects["label"] = ["SN Ia", missing, "SN II"]
    with pytest.raises(ValueError, match="'label' is missing for 1 of 3 objects: 'AT2020a'. Use"):
        load_light_curves(observations, objects)
    X, y = load_light_curves(observations, objects, missing_labels="drop")
    assert list(X.index) == ["AT2020b", "AT2020c"]
    assert list(y) == ["SN Ia", "SN II"]
    X, y = load_light_curves(observations, objects, label=None)
    assert len(X) == 3
    assert y is None


def test_objects_table_without_labels(observations, objects):
    X, y = load_light_curves(observations, objects.drop(columns="label"))
    assert y is None
    assert list(X["redshift"]) == [0.05, 0.1, 0.02]


def test_label_asked_for_by_name_must_exist(observations, objects):
    with pytest.raises(ValueError, match="label: there is no column 'class'; the objects have"):
        load_light_curves(observations, objects, label="class")


@pytest.mark.parametrize("label", ["label", "type"])
def test_labels_in_the_table_they_are_not_taken_from_are_refused(observations, objects, label):
    table = observations.assign(**{label: ["TDE", "SN Ia", "TDE", "TDE"]})
    unlabelled = objects.drop(columns="label").iloc[:2]
    match = f"label: the column '{label}' is in the observations.*objects table.*label=None"
    with pytest.raises(ValueError, match=match):
        load_light_curves(table, unlabelled, label=label)
    with pytest.raises(ValueError, match=f"label: the column '{label}' is in the observations"):
        load_light_curves(table, label=label, object_columns=())
    X, y = load_light_curves(table, unlabelled, label=None)
    assert set(X.columns) == {"light_curve", "redshift"}
    assert y is None


def test_labels_of_the_observations_are_taken_beside_an_objects_table_if_named(
    observations, objects
):
    table = observations.assign(label=["TDE", "SN Ia", "TDE", "TDE"])
    unlabelled = objects.drop(columns="label").iloc[:2]
    _, y = load_light_curves(table, unlabelled, object_columns=("label",))
    assert list(y) == ["SN Ia", "TDE"]


def test_labels_of_the_objects_table_come_first(observations, objects):
    _, y = load_light_curves(observations.assign(label="AGN"), objects)
    assert list(y) == ["SN Ia", "TDE", "SN II"]


def test_a_field_of_the_light_curve_may_be_called_label(observations, objects):
    X, y = load_light_curves(
        observations.assign(label=[1, 2, 3, 4]),
        objects.drop(columns="label"),
        observation_columns=("label",),
    )
    assert y is None
    assert list(X["light_curve"].iloc[1]["label"]) == [1, 4, 3]


@pytest.mark.parametrize(
    "dtype", ["int64", "uint64", "Int64", "int64[pyarrow]", "category", object]
)
def test_large_integer_labels_stay_apart(observations, objects, dtype):
    large = [2**53, 2**53 + 1, 2**60 + 1]
    _, y = load_light_curves(observations, objects.assign(label=pd.Series(large, dtype=dtype)))
    assert y.dtype.kind == ("u" if dtype == "uint64" else "i")
    assert y.tolist() == large


@pytest.mark.parametrize("dtype", ["Int64", object])
def test_large_integer_labels_stay_apart_beside_a_missing_one(observations, objects, dtype):
    labels = pd.Series([2**53 + 1, None, 2**53], dtype=dtype)
    _, y = load_light_curves(observations, objects.assign(label=labels), missing_labels="drop")
    assert y.dtype == np.int64
    assert y.tolist() == [2**53 + 1, 2**53]


@pytest.mark.parametrize("dtype", ["str", "category", object])
def test_blanks_around_labels_are_removed(tmp_path, observations, objects, dtype):
    labels = pd.Series(["TDE ", "TDE", " SN Ia"], dtype=dtype)
    _, y = load_light_curves(observations, objects.assign(label=labels))
    assert y.dtype == object
    assert y.tolist() == ["TDE", "TDE", "SN Ia"]
    path = write(objects.assign(label=labels), tmp_path / "objects.csv")
    assert load_light_curves(observations, path)[1].tolist() == ["TDE", "TDE", "SN Ia"]
    assert labels.tolist() == ["TDE ", "TDE", " SN Ia"]


def test_duplicate_object_is_refused(observations, objects):
    with pytest.raises(ValueError, match="'AT2020a' is listed more than once"):
        load_light_curves(observations, pd.concat([objects, objects.iloc[1:2]]))


def test_observation_of_unlisted_object_is_refused(observations, objects):
    with pytest.raises(ValueError, match="object 'AT2020a' has observations but no row"):
        load_light_curves(observations, objects.drop(index=1))


def test_nameless_object_is_refused(observations, objects):
    objects.loc[1, "object_id"] = None
    with pytest.raises(ValueError, match="objects: object_id is missing in row 1"):
        load_light_curves(observations, objects)


def test_numbers_and_strings_are_not_the_same_name(observations, objects):
    numbered = observations.assign(object_id=[1, 2, 1, 1])
    with pytest.raises(TypeError, match="numbers in the observations and strings in the objects"):
        load_light_curves(numbered, objects)


@pytest.mark.parametrize("objects_dtype", ["int64", "category", object])
@pytest.mark.parametrize("observations_dtype", ["int64", "category", object])
def test_numbers_of_any_column_type_are_numbers(observations_dtype, objects_dtype, observations):
    table = observations.assign(
        object_id=pd.Series([1, 2, 1, 1], dtype=observations_dtype),
    )
    ids = pd.Series([2, 1], dtype=objects_dtype)
    X, y = load_light_curves(table, pd.DataFrame({"object_id": ids, "label": ["SN Ia", "TDE"]}))
    assert list(X.index) == [2, 1]
    assert list(y) == ["SN Ia", "TDE"]


def test_categories_of_strings_are_not_numbers(observations, objects):
    numbered = observations.assign(object_id=[1, 2, 1, 1])
    with pytest.raises(TypeError, match="numbers in the observations and strings in the objects"):
        load_light_curves(numbered, objects.astype({"object_id": "category"}))
    objects["object_id"] = [2, 1, 3]
    table = observations.astype({"object_id": "category"})
    with pytest.raises(TypeError, match="strings in the observations and numbers in the objects"):
        load_light_curves(table, objects)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="observations: there is no file .*none.csv"):
        load_light_curves(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("broken.parquet", b"this is no Parquet file"),
        ("empty.csv", b""),
        ("binary.csv", b"\xff\xfe\x00\x01\xd8"),
        ("ragged.csv", b"object_id,time\na,1\nb,2,3,4\n"),
        ("broken.csv.gz", b"not compressed"),
    ],
)
def test_unreadable_file_is_named(tmp_path, observations, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"observations: .*{name}' cannot be read as"):
        load_light_curves(path)
    with pytest.raises(ValueError, match=f"objects: .*{name}' cannot be read as"):
        load_light_curves(observations, path)


def test_folder_is_no_file(tmp_path):
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    with pytest.raises(ValueError, match="folder.csv' cannot be read as CSV"):
        load_light_curves(folder)


def test_of_a_long_path_the_name_of_the_file_is_told(tmp_path):
    folder = tmp_path.joinpath(*["a" * 60] * 6)
    folder.mkdir(parents=True)
    (folder / "broken.parquet").write_text("this is no Parquet file")
    with pytest.raises(
        ValueError, match=r"observations: '\.\.\.a+/.*broken.parquet' cannot be read"
    ):
        load_light_curves(folder / "broken.parquet")


def test_unknown_ending_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"curves.dat' has no known ending; expected one of \.csv"):
        load_light_curves(tmp_path / "curves.dat")


def test_neither_path_nor_table_is_refused():
    with pytest.raises(TypeError, match="observations: expected a path or a DataFrame; got int"):
        load_light_curves(3)


@pytest.mark.parametrize("column", ["object_id", "time", "band", "flux", "flux_err"])
def test_missing_column_is_named(tmp_path, observations, column):
    path = write(observations.drop(columns=column), tmp_path / "observations.csv")
    with pytest.raises(ValueError, match=f"column '{column}' is missing"):
        load_light_curves(path)


def test_objects_table_needs_names(observations, objects):
    with pytest.raises(ValueError, match="objects: column 'object_id' is missing"):
        load_light_curves(observations, objects.drop(columns="object_id"))
    X, _ = load_light_curves(observations, objects.set_index("object_id"))
    assert len(X) == 3


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("flux", np.nan, "AT2020b.*flux is missing"),
        ("flux_err", 0.0, "AT2020b.*flux_err"),
        ("flux_err", -1.0, "AT2020b.*flux_err"),
        ("time", np.nan, "AT2020b.*time"),
        ("band", None, "AT2020b.*band"),
    ],
)
def test_bad_value_names_object_and_field(observations, column, value, message):
    observations.loc[1, column] = value
    with pytest.raises(ValueError, match=message):
        load_light_curves(observations)


def test_unknown_band_is_refused_where_names_are_given(observations):
    with pytest.raises(ValueError, match="'AT2020a': band is 'r'; expected one of 'g'"):
        load_light_curves(observations, band_names={"g": "g"})


def test_no_observations_and_no_objects_is_refused(observations):
    with pytest.raises(ValueError, match="it has no rows"):
        load_light_curves(observations.iloc[:0])


def test_no_observations_leaves_empty_objects(observations, objects):
    X, y = load_light_curves(observations.iloc[:0], objects)
    assert len(X) == len(y) == 3


def test_duplicate_times_are_refused_or_dropped(observations):
    twice = pd.concat([observations, observations.iloc[:1]])
    with pytest.raises(ValueError, match="AT2020a"):
        load_light_curves(twice)
    X, _ = load_light_curves(twice, duplicates="drop")
    assert len(unpack_light_curves(X)) == 4


def test_unsorted_times_are_sorted(observations):
    X, _ = load_light_curves(observations.iloc[::-1])
    assert X["light_curve"].loc["AT2020a"]["time"].is_monotonic_increasing


def test_unknown_rule_for_missing_labels_is_refused(observations):
    with pytest.raises(ValueError, match="missing_labels must be 'raise' or 'drop'; got 'ignore'"):
        load_light_curves(observations, missing_labels="ignore")


@given(seed=st.integers(0, 1000), shuffle=st.randoms(use_true_random=False))
def test_simulated_sample_comes_back_in_any_order_of_rows(seed, shuffle):
    X, y = SAMPLES[seed % len(SAMPLES)]
    table = unpack_light_curves(X)[["object_id", "time", "band", "flux", "flux_err"]]
    rows = list(range(len(table)))
    shuffle.shuffle(rows)
    objects = pd.DataFrame({"object_id": X.index, "label": y, "redshift": X["redshift"].to_numpy()})
    again, labels = load_light_curves(table.iloc[rows], objects, duplicates="drop")
    expected = table.drop_duplicates(["object_id", "time", "band"]).reset_index(drop=True)
    found = unpack_light_curves(again)[expected.columns]
    order = ["object_id", "time", "band"]
    pd.testing.assert_frame_equal(
        found.astype({"band": str}).sort_values(order, ignore_index=True),
        expected.astype({"band": str}).sort_values(order, ignore_index=True),
        check_dtype=False,
    )
    np.testing.assert_array_equal(labels, y)


SAMPLES = [make_transients(n_tde=2, n_sn_ia=2, random_state=seed) for seed in range(3)]


def test_observations_of_unlisted_objects_are_refused_or_left_out():
    observations = pd.DataFrame(
        {
            "object_id": ["a", "b", "a", "c"],
            "time": [1.0, 2.0, 3.0, 4.0],
            "band": "g",
            "flux": 50.0,
            "flux_err": 5.0,
        }
    )
    objects = pd.DataFrame({"object_id": ["c", "a"], "label": ["TDE", "SN Ia"]})
    with pytest.raises(
        ValueError, match="object 'b' has observations but no row .* unlisted='drop"
    ):
        load_light_curves(observations, objects)
    X, y = load_light_curves(observations, objects, unlisted="drop")
    assert list(X.index) == ["c", "a"]
    assert [len(curve) for curve in X["light_curve"]] == [1, 2]
    assert y.tolist() == ["TDE", "SN Ia"]
    with pytest.raises(ValueError, match="unlisted must be 'raise' or 'drop'; got 'keep'"):
        load_light_curves(observations, objects, unlisted="keep")


@pytest.mark.parametrize(
    "content",
    [
        "object_id,time,band,flux,flux_err\na,1,g,5,1\na,2,g,5,1,7\n",
        "object_id,time,band,flux,flux_err\na,1,g,5,1,7,8\n",
    ],
    ids=["one long row", "all rows long"],
)
def test_rows_that_are_longer_than_the_header_are_refused(tmp_path, content):
    path = tmp_path / "observations.csv"
    path.write_text(content)
    with warnings.catch_warnings():
        # A warning of the reader is not enough, whatever becomes of warnings.
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match="observations: .* cannot be read as CSV"):
            load_light_curves(path)


def test_a_path_that_no_file_can_have_is_named():
    with pytest.raises(
        ValueError, match=r"observations: '\.\.\.x+.csv' cannot be read as CSV"
    ) as caught:
        load_light_curves("x" * 5000 + ".csv")
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize(
    "arguments",
    [
        {"object_id": 3},
        {"label": ["label"]},
        {"observation_columns": 3},
        {"object_columns": 3},
    ],
)
def test_an_argument_of_a_wrong_type_is_named(observations, arguments):
    with pytest.raises(TypeError, match=f"^{next(iter(arguments))}: expected"):
        load_light_curves(observations, **arguments)


def test_tables_need_plain_columns_and_names(observations, objects):
    with pytest.raises(ValueError, match="observations: its columns have 2 levels"):
        load_light_curves(pd.concat({"a": observations}, axis=1), objects)
    with pytest.raises(ValueError, match="objects: column 'label' occurs more than once"):
        load_light_curves(observations, pd.concat([objects, objects[["label"]]], axis=1))
    lists = observations.assign(object_id=[["a"]] * len(observations))
    with pytest.raises(TypeError, match="observations: column 'object_id' holds values that"):
        load_light_curves(lists, objects, unlisted="drop")
    lists = objects.assign(object_id=[["a"]] * len(objects))
    with pytest.raises(TypeError, match="objects: the column of names holds values that"):
        load_light_curves(observations, lists, unlisted="drop")
