"""Detections from the ALeRCE broker: both spellings, the sign, the limits, and bad input."""

import json

import numpy as np
import pytest

from sklearn_tde.datasets import load_alerce_detections
from sklearn_tde.light_curves import unpack_light_curves

OID = "ZTF20abcdefg"


def detection(mjd, fid=1, mag=18.9, isdiffpos=1, **other):
    """A record of the detections endpoint; the corrected magnitude holds a bright host."""
    return {
        "mjd": mjd,
        "fid": fid,
        "magpsf": mag,
        "sigmapsf": 0.1,
        "magpsf_corr": 16.0,
        "sigmapsf_corr": 0.01,
        "isdiffpos": isdiffpos,
        "diffmaglim": 20.4,
        "candid": str(int(mjd * 1e6)),
        "oid": OID,
        "rb": 0.9,
        **other,
    }


def newer(record):
    """The same record as the newer interface spells it."""
    names = {
        "magpsf": "mag",
        "sigmapsf": "e_mag",
        "magpsf_corr": "mag_corr",
        "sigmapsf_corr": "e_mag_corr",
    }
    return {names.get(name, name): value for name, value in record.items()}


def without(record, *names):
    return {name: value for name, value in record.items() if name not in names}


@pytest.fixture
def records():
    return [detection(59003.2, 2, 19.4), detection(59000.1, 1, 18.9), detection(59001.0, 3, 20.0)]


def test_magnitudes_become_difference_fluxes(records):
    X = load_alerce_detections(records)
    rows = unpack_light_curves(X)
    assert list(X.index) == [OID]
    assert list(rows["band"]) == ["g", "i", "r"]
    assert list(rows["time"]) == [59000.1, 59001.0, 59003.2]
    np.testing.assert_allclose(rows["flux"], 10 ** (-0.4 * (np.array([18.9, 20.0, 19.4]) - 23.9)))
    np.testing.assert_allclose(rows["flux_err"], rows["flux"] * 0.1 * np.log(10) / 2.5)


def test_newer_spelling_means_the_same(records):
    expected = unpack_light_curves(load_alerce_detections(records))
    found = unpack_light_curves(load_alerce_detections([newer(record) for record in records]))
    assert found.equals(expected)


@pytest.mark.parametrize("negative", [-1, "-1", "f", "F", "false", False, 0])
@pytest.mark.parametrize("positive", [1, "1", "t", "true", True])
def test_reference_contaminated_object_has_negative_fluxes(positive, negative):
    """The transient is in the reference image: once it has faded, the difference is negative."""
    faded = [detection(59500.0 + day, 1, 19.0, negative) for day in range(4)]
    X = load_alerce_detections([detection(59000.0, 1, 19.5, positive), *faded])
    flux = unpack_light_curves(X)["flux"]
    assert flux.iloc[0] > 0
    np.testing.assert_allclose(flux.iloc[1:], -(10 ** (-0.4 * (19.0 - 23.9))))


def test_corrected_magnitude_never_stands_in(records):
    with pytest.raises(ValueError, match="no 'magpsf' or 'mag'.*The corrected magnitude holds"):
        load_alerce_detections([without(records[0], "magpsf")])
    with pytest.raises(ValueError, match="The corrected magnitude holds the host galaxy"):
        load_alerce_detections([without(newer(records[0]), "mag")])


def test_non_detections_become_upper_limits(records):
    limits = [
        {"mjd": 58998.0, "fid": 1, "diffmaglim": 20.5},
        {"mjd": 58999.0, "fid": 2, "diffmaglim": -999.0},
        {"mjd": 58999.5, "fid": 2, "diffmaglim": None},
    ]
    X = load_alerce_detections({"detections": records, "non_detections": limits})
    rows = unpack_light_curves(X)
    assert len(rows) == 4
    assert rows["flux"].iloc[0] == 0.0
    assert rows["flux_err"].iloc[0] == pytest.approx(10 ** (-0.4 * (20.5 - 23.9)) / 5)


def test_all_sources_give_the_same(tmp_path, records):
    expected = unpack_light_curves(load_alerce_detections(records))
    text = json.dumps({"detections": records, "non_detections": []})
    path = tmp_path / "detections.json"
    path.write_text(text, encoding="utf-8")
    for source in (
        path,
        str(path),
        text,
        json.loads(text),
        [json.loads(text)],
        json.dumps(records),
    ):
        assert unpack_light_curves(load_alerce_detections(source)).equals(expected)


def test_several_objects_in_one_list(records):
    other = [{**record, "oid": "ZTF21zyxwvut"} for record in records]
    X = load_alerce_detections([records[0], *other, *records[1:]])
    assert list(X.index) == [OID, "ZTF21zyxwvut"]
    assert len(unpack_light_curves(X)) == 6


def test_several_objects_as_light_curves(records):
    unnamed = [without(record, "oid") for record in records]
    X = load_alerce_detections(
        [
            {"oid": "A", "detections": unnamed, "non_detections": []},
            {"oid": "B", "detections": unnamed[:1], "non_detections": None},
            {"oid": "C", "detections": []},
        ]
    )
    assert list(X.index) == ["A", "B", "C"]
    assert list(X["light_curve"].iloc[1]["flux"]) == pytest.approx([10 ** (-0.4 * (19.4 - 23.9))])


def test_object_id_names_records_that_have_no_name(records):
    unnamed = [without(record, "oid") for record in records]
    assert list(load_alerce_detections(unnamed, object_id="mine").index) == ["mine"]
    with pytest.raises(ValueError, match="a record has no 'oid'; give the name in object_id"):
        load_alerce_detections(unnamed)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda records: records,
        lambda records: {"detections": records},
        lambda records: [{"oid": OID, "detections": records}],
        lambda records: {
            "detections": records,
            "non_detections": [{"mjd": 58998.0, "fid": 1, "diffmaglim": 20.5}],
        },
        lambda records: {
            "detections": [],
            "non_detections": [{"mjd": 58998.0, "fid": 1, "diffmaglim": 20.5, "oid": OID}],
        },
    ],
)
def test_object_id_that_all_records_contradict_is_refused(records, wrap):
    with pytest.raises(ValueError, match=f"object_id: 'other' contradicts the 'oid'.*'{OID}'"):
        load_alerce_detections(wrap(records), object_id="other")
    assert list(load_alerce_detections(wrap(records), object_id=OID).index) == [OID]


def test_object_id_leaves_named_records_their_name(records):
    unnamed = [without(record, "oid") for record in records]
    X = load_alerce_detections([records[0], *unnamed[1:]], object_id="other")
    assert sorted(X.index) == [OID, "other"]
    assert len(unpack_light_curves(X)) == 3
    X = load_alerce_detections(
        [{"detections": records}, {"detections": unnamed}], object_id="other"
    )
    assert list(X.index) == [OID, "other"]
    assert len(unpack_light_curves(X)) == 6


def test_object_id_names_a_light_curve_whose_oid_is_null(records):
    unnamed = [without(record, "oid") for record in records]
    X = load_alerce_detections({"oid": None, "detections": unnamed}, object_id="mine")
    assert list(X.index) == ["mine"]


def test_light_curve_that_holds_only_another_object_is_refused(records):
    with pytest.raises(ValueError, match=f"light curve of 'A' holds only records of .*'{OID}'"):
        load_alerce_detections({"oid": "A", "detections": records})


def test_nothing_detected(records):
    del records
    X = load_alerce_detections({"detections": [], "non_detections": []}, object_id="quiet")
    assert list(X.index) == ["quiet"]
    with pytest.raises(ValueError, match="there are no detections, and no object_id is given"):
        load_alerce_detections([])


def test_duplicate_records_are_refused_or_dropped(records):
    with pytest.raises(ValueError, match=OID):
        load_alerce_detections([*records, records[0]])
    X = load_alerce_detections([*records, records[0]], duplicates="drop")
    assert len(unpack_light_curves(X)) == 3


@pytest.mark.parametrize("field", ["mjd", "fid", "sigmapsf", "isdiffpos"])
def test_missing_field_names_the_object(records, field):
    with pytest.raises(ValueError, match=f"object '{OID}': a record has no '{field}'"):
        load_alerce_detections([*records[:1], without(records[1], field)])


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("fid", 7, f"'{OID}': band is 7; expected one of"),
        ("isdiffpos", "maybe", f"'{OID}': isdiffpos is 'maybe', which is no sign"),
        ("sigmapsf", 0.0, f"'{OID}'.*flux_err"),
        ("magpsf", float("nan"), f"'{OID}'.*missing"),
    ],
)
def test_bad_value_is_refused(records, field, value, message):
    records[1] = {**records[1], field: value}
    with pytest.raises(ValueError, match=message):
        load_alerce_detections(records)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file .*none.json"):
        load_alerce_detections(tmp_path / "none.json")
    with pytest.raises(FileNotFoundError, match="there is no file 'ZTF20abcdefg'"):
        load_alerce_detections(OID)


def test_unreadable_json_is_named(tmp_path):
    path = tmp_path / "broken.json"
    path.write_text("[{", encoding="utf-8")
    with pytest.raises(ValueError, match="broken.json' is no valid JSON"):
        load_alerce_detections(path)
    with pytest.raises(ValueError, match="the string is no valid JSON"):
        load_alerce_detections("[{")
    path.write_bytes(b"\xff\xfe\xd8")
    with pytest.raises(ValueError, match="broken.json' cannot be read"):
        load_alerce_detections(path)


@pytest.mark.parametrize(
    "source",
    [
        "[1, 2]",
        [[]],
        {"oid": 1, "stamps": []},
        [{}, 3],
        {"detections": "none"},
        {"detections": [], "non_detections": [[59000.0, 20.5]]},
        {"detections": [], "non_detections": [{"mjd": 1.0, "fid": 1, "diffmaglim": "20.5"}]},
    ],
)
def test_unexpected_structure_is_refused(source):
    with pytest.raises(ValueError, match="source: |object "):
        load_alerce_detections(source)


def test_mixed_structure_is_refused(records):
    with pytest.raises(ValueError, match="expected 'detections' in every entry"):
        load_alerce_detections([{"detections": records}, {"error": "no such object"}])


def test_other_types_are_refused():
    with pytest.raises(TypeError, match="source: expected a path, a string of JSON.*got int"):
        load_alerce_detections(5)


@pytest.mark.parametrize("text", ["[" * 100_000, "[" + "9" * 5000 + "]", "[{]"])
def test_json_beyond_the_reader_is_refused(text):
    with pytest.raises(ValueError, match="source: the string is no valid JSON"):
        load_alerce_detections(text)


def test_a_path_that_no_file_can_have_is_named():
    with pytest.raises(ValueError, match=r"source: '\.\.\.x+' cannot be read"):
        load_alerce_detections("x" * 5000)


@pytest.mark.parametrize("oid", [["a"], {}, True, "\ud800", 1.5])
def test_a_name_that_is_none_is_refused(records, oid):
    for source in ([{**records[0], "oid": oid}], {"oid": oid, "detections": records}):
        with pytest.raises(TypeError, match="source: an 'oid' is .*; expected the name of an obj"):
            load_alerce_detections(source)


def test_magnitudes_that_stand_for_a_missing_one_are_refused(records):
    with pytest.raises(ValueError, match=f"object '{OID}': mag is 99.0 in row 0"):
        load_alerce_detections([{**records[0], "magpsf": 99.0}])
