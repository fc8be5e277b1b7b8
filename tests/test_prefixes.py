import numpy as np
import pandas as pd
import pytest

from sklearn_tde import (
    check_light_curves,
    flatten_light_curves,
    make_transients,
    pack_light_curves,
    unpack_light_curves,
)
from sklearn_tde._prefixes import prefix_lengths, select_observations, take_prefixes


@pytest.fixture(scope="module")
def X():
    """Light curves with a further field, one of them empty, in another order than packed."""
    table = unpack_light_curves(make_transients(n_tde=3, n_sn_ia=4, random_state=0)[0])
    table["frame"] = [f"frame {k}" for k in range(len(table))]
    table.loc[table["object_id"] == "sim000002", "time":"flux_err"] = np.nan
    table = table.drop_duplicates(["object_id", "time", "band"])
    objects = ["redshift", "ebv"]
    packed = pack_light_curves(table, object_columns=objects, observation_columns=["frame"])
    return packed.iloc[[4, 2, 0, 6, 1]]


def tables(X):
    return [pd.DataFrame(table).reset_index(drop=True) for table in X["light_curve"]]


def test_a_mask_selects_observations_with_all_their_fields(X):
    flat = flatten_light_curves(X)
    keep = np.random.default_rng(0).random(len(flat.time)) < 0.3
    kept = select_observations(X, keep)
    parts = np.split(keep, flat.offsets[1:-1])
    for found, table, part in zip(tables(kept), tables(X), parts, strict=True):
        pd.testing.assert_frame_equal(found, table[part].reset_index(drop=True))
    others = [name for name in X.columns if name != "light_curve"]
    pd.testing.assert_frame_equal(pd.DataFrame(kept)[others], pd.DataFrame(X)[others])
    assert list(kept.columns) == list(X.columns)
    assert kept["light_curve"].dtype == X["light_curve"].dtype
    assert kept.index.equals(X.index)
    assert flatten_light_curves(X).n_observations.tolist() == flat.n_observations.tolist()


def test_selecting_all_or_nothing_leaves_the_objects(X):
    n = len(flatten_light_curves(X).time)
    pd.testing.assert_frame_equal(select_observations(X, np.ones(n, dtype=bool)), X)
    nothing = select_observations(X, np.zeros(n, dtype=bool))
    assert flatten_light_curves(nothing).n_observations.tolist() == [0] * len(X)
    assert len(select_observations(X.iloc[:0], np.zeros(0, dtype=bool))) == 0


def test_missing_objects_and_repeated_names_stay_rows(X):
    X = X.set_axis(["a", "b", "a", "a", "c"])
    X = X.assign(light_curve=[None if k == 3 else table for k, table in enumerate(tables(X))])
    X = check_light_curves(X)
    flat = flatten_light_curves(X)
    assert flat.n_observations[3] == 0
    kept = select_observations(X, flat.time > np.median(flat.time))
    assert list(kept.index) == ["a", "b", "a", "a", "c"]
    assert len(flatten_light_curves(kept).time) == (flat.time > np.median(flat.time)).sum()


def test_a_mask_of_another_length_is_refused(X):
    n = len(flatten_light_curves(X).time)
    with pytest.raises(ValueError, match=rf"keep has the shape \({n - 1},\); expected \({n},\)"):
        select_observations(X, np.ones(n - 1, dtype=bool))


def test_prefixes_are_taken_as_often_as_asked_for(X):
    flat = flatten_light_curves(X)
    rows = np.array([4, 0, 0, 1, 4, 2])
    lengths = np.minimum([3, 0, 5, 7, 99_999, 1], flat.n_observations[rows])
    taken = take_prefixes(X, rows, lengths)
    found, expected = tables(taken), tables(X)
    for k, (row, n) in enumerate(zip(rows, lengths, strict=True)):
        # A table without rows knows no types.
        pd.testing.assert_frame_equal(found[k], expected[row].iloc[:n], check_dtype=n > 0)
    assert list(taken.index) == list(X.index[rows])
    assert list(taken.columns) == list(X.columns)
    assert taken["redshift"].tolist() == X["redshift"].iloc[rows].tolist()


def test_a_mask_is_counted_object_by_object(X):
    flat = flatten_light_curves(X)
    keep = flat.time <= np.median(flat.time)
    expected = [part.sum() for part in np.split(keep, flat.offsets[1:-1])]
    assert prefix_lengths(flat.offsets, keep).tolist() == expected
