"""The catalogues that can be given, and the columns that come back."""

import numpy as np
import pytest

pytest.importorskip("lsdb")
pytest.importorskip("dask.dataframe")

import dask.dataframe as dd  # noqa: E402
import lsdb  # noqa: E402
import pandas as pd  # noqa: E402
from nested_pandas import NestedFrame  # noqa: E402

from sklearn_tde import (  # noqa: E402
    make_lstm_pipeline,
    pack_light_curves,
    save_model,
    unpack_light_curves,
)
from sklearn_tde.preprocessing import LightCurveGridder  # noqa: E402
from sklearn_tde.scale import _inputs, score_catalog  # noqa: E402

SCORES = ["prob_SN Ia", "prob_TDE", "prediction"]


def same(found, expected):
    """Whether scores are those of the model in memory, bit for bit and in the order of `found`."""
    wanted = expected.loc[found.index]
    return all(found[name].tolist() == wanted[name].tolist() for name in SCORES)


def lengths(X):
    """Return the number of observations of every object."""
    return X["light_curve"].array.list_lengths.tolist()


def partitions(scores):
    """Return every partition by itself."""
    return [part.compute() for part in scores.partitions]


@pytest.fixture
def renamed(sky):
    """Return the light curves as a Rubin catalogue has them, with a band that no model knows."""
    table = unpack_light_curves(sky[0])
    extra = table.groupby("object_id").head(2).assign(band="z", flux=np.nan)
    table = pd.concat([table, extra], ignore_index=True)
    table["psfFlux"], table["psfFluxErr"] = table["flux"] * 1000.0, table["flux_err"] * 1000.0
    table = table.rename(columns={"time": "midpointMjdTai", "object_id": "diaObjectId"})
    flat = table[["diaObjectId", "midpointMjdTai", "band", "psfFlux", "psfFluxErr"]]
    flat = flat.set_index("diaObjectId")
    objects = NestedFrame(index=sky[0].index.rename("diaObjectId"))
    return objects.join_nested(flat, "diaSource").reset_index()


RUBIN = {
    "object_id": "diaObjectId",
    "light_curve": "diaSource",
    "time": "midpointMjdTai",
    "flux": "psfFlux",
    "flux_err": "psfFluxErr",
    "zero_point": 31.4,
    "bands": ("g", "r"),
}


def test_open_catalog_stays_a_catalog_that_can_be_written(hats, model, expected, tmp_path):
    catalog = lsdb.open_catalog(hats)
    scores = score_catalog(catalog, model, columns=["redshift"])
    assert isinstance(scores, lsdb.Catalog)
    assert scores.get_healpix_pixels() == catalog.get_healpix_pixels()
    scores.write_catalog(tmp_path / "scores", catalog_name="scores", progress_bar=False)
    read = lsdb.open_catalog(tmp_path / "scores").compute(progress_bar=False)
    assert list(read.columns) == ["object_id", "ra", "dec", "redshift", *SCORES, "n_observations"]
    original = catalog.compute(progress_bar=False)
    assert read.index.tolist() == original.index.tolist()
    assert read.index.name == "_healpix_29"
    for name in ("object_id", "ra", "dec", "redshift"):
        assert read[name].tolist() == original[name].tolist()
    assert read["n_observations"].tolist() == lengths(original)
    assert same(read.set_index("object_id"), expected)


def test_hats_folder_is_opened_with_the_needed_columns_alone(hats, model):
    scores = score_catalog(str(hats), model)
    read = scores._operation.base.meta
    assert sorted(read.columns) == ["dec", "light_curve", "object_id", "ra"]
    assert list(scores.columns) == ["object_id", "ra", "dec", *SCORES, "n_observations"]


def test_dask_collection_keeps_index_and_partitions(sky, model, expected):
    frame = dd.from_pandas(sky[0], npartitions=4)
    scores = score_catalog(frame, model)
    assert scores.divisions == frame.divisions
    assert same(scores.compute(), expected)
    assert list(scores.columns) == [*SCORES, "n_observations"]


@pytest.mark.parametrize("on_error", ["raise", "null"])
def test_types_are_those_announced_in_every_partition(on_error, sky, model, expected):
    parts = [sky[0].iloc[:0], sky[0].iloc[:7], sky[0].iloc[7:7], sky[0].iloc[7:8]]
    frame = dd.from_map(lambda part: part, parts, meta=sky[0].iloc[:0])
    scores = score_catalog(frame, model, columns=["redshift"], on_error=on_error)
    found = partitions(scores)
    assert [len(part) for part in found] == [0, 7, 0, 1]
    for part in found:
        assert part.dtypes.to_dict() == scores._meta.dtypes.to_dict()
        assert part.index.dtype == scores._meta.index.dtype
        assert type(part) is type(scores._meta) is pd.DataFrame
    assert same(pd.concat(found), expected)


def test_every_row_group_of_parquet_files_is_a_partition(sky, model, expected, tmp_path):
    sky[0].iloc[:40].to_parquet(tmp_path / "a.parquet", row_group_size=15)
    sky[0].iloc[40:].to_parquet(tmp_path / "b.parquet")
    paths = [tmp_path / "a.parquet", str(tmp_path / "b.parquet")]
    for catalog in (tmp_path, paths):
        scores = score_catalog(catalog, model, columns=("redshift",))
        assert [len(part) for part in partitions(scores)] == [15, 15, 10, 20]
        table = scores.compute().set_index("object_id")
        assert table.index.tolist() == sky[0].index.tolist()
        assert table["redshift"].tolist() == sky[0]["redshift"].tolist()
        assert same(table, expected)


def test_parquet_files_are_read_with_the_needed_columns_alone(sky, model, tmp_path, monkeypatch):
    sky[0].to_parquet(tmp_path / "a.parquet")
    scores = score_catalog(tmp_path / "a.parquet", model)
    read, given = [], _inputs.from_pyarrow
    monkeypatch.setattr(
        _inputs, "from_pyarrow", lambda table: read.append(table.column_names) or given(table)
    )
    scores.compute()
    assert read == [["object_id", "light_curve"]]


def test_parquet_file_without_rows(sky, model, tmp_path):
    sky[0].iloc[:0].to_parquet(tmp_path / "a.parquet")
    scores = score_catalog(tmp_path / "a.parquet", model)
    assert scores.compute().dtypes.to_dict() == scores._meta.dtypes.to_dict()
    assert len(scores) == 0


def test_files_with_other_columns_are_refused(sky, model, tmp_path):
    sky[0].to_parquet(tmp_path / "a.parquet")
    sky[0].drop(columns="redshift").to_parquet(tmp_path / "b.parquet")
    with pytest.raises(ValueError, match=r"b\.parquet' has other columns.*a\.parquet'"):
        score_catalog(tmp_path, model)


def test_names_and_units_of_another_survey(renamed, model, expected):
    scores = score_catalog(dd.from_pandas(renamed, npartitions=3), model, **RUBIN).compute()
    found = scores.set_index("diaObjectId")
    wanted = expected.loc[found.index]
    np.testing.assert_allclose(found["prob_TDE"], wanted["prob_TDE"], rtol=1e-5)
    assert found["prediction"].tolist() == wanted["prediction"].tolist()


def test_bands_leave_observations_out_and_are_not_counted(renamed, sky, model):
    frame = dd.from_pandas(renamed, npartitions=1)
    counts = score_catalog(frame, model, **RUBIN).compute()["n_observations"]
    assert counts.tolist() == lengths(sky[0])
    with pytest.raises(ValueError, match="psfFlux is missing"):
        score_catalog(frame, model, **{**RUBIN, "bands": None}).compute()


def test_magnitudes_with_numbered_bands(sky, model):
    table = unpack_light_curves(sky[0].head(6))
    table = table[table["flux"] > 3 * table["flux_err"]]
    table["fid"] = table["band"].map({"g": 1, "r": 2}).astype("int64")
    table["magpsf"] = 23.9 - 2.5 * np.log10(table["flux"])
    table["sigmapsf"] = 1.0857 * table["flux_err"] / table["flux"]
    table["isdiffpos"] = "t"
    infrared = table.groupby("object_id").head(1).assign(fid=3)
    table = pd.concat([table, infrared], ignore_index=True)
    columns = {
        "band": "fid",
        "mag": "magpsf",
        "mag_err": "sigmapsf",
        "sign": "isdiffpos",
        "band_names": {1: "g", 2: "r", 3: "i"},
    }
    fields = ["object_id", "time", "fid", "magpsf", "sigmapsf", "isdiffpos"]
    names = table["object_id"].unique()
    nested = NestedFrame(index=pd.Index(names, name="object_id")).join_nested(
        table[fields].set_index("object_id"), "lc"
    )
    X = pack_light_curves(table[table["fid"] < 3][fields], **columns)
    scores = score_catalog(
        dd.from_pandas(nested, npartitions=2), model, light_curve="lc", bands=["g", "r"], **columns
    ).compute()
    wanted = pd.Series(model.predict_proba(X)[:, 1], index=X.index)
    assert scores["prob_TDE"].tolist() == wanted[scores.index.astype(str)].tolist()


def test_columns_reach_the_model(sky, tmp_path):
    X, y = sky
    pipeline = make_lstm_pipeline(
        gridder=LightCurveGridder(n_steps=15, context=("redshift",)),
        hidden_dim=4,
        num_layers=1,
        max_epochs=1,
        random_state=0,
    ).fit(X, y)
    X.to_parquet(tmp_path / "a.parquet")
    scores = score_catalog(tmp_path / "a.parquet", pipeline, columns=["redshift"]).compute()
    assert scores["prob_TDE"].tolist() == pipeline.predict_proba(X)[:, 1].tolist()
    with pytest.raises(ValueError, match="the model needs the column 'redshift' as context"):
        score_catalog(tmp_path / "a.parquet", pipeline)


def test_model_file_to_share(sky, model, expected, tmp_path):
    pytest.importorskip("skops")
    save_model(model, tmp_path / "model.tde")
    scores = score_catalog(dd.from_pandas(sky[0], npartitions=2), tmp_path / "model.tde")
    assert same(scores.compute(), expected)


def test_names_may_repeat(sky, model, expected):
    frame = dd.from_pandas(NestedFrame(sky[0].iloc[[0, 1, 0]].reset_index()), npartitions=1)
    scores = score_catalog(frame, model).compute().set_index("object_id")
    assert same(scores, expected)
    assert len(scores) == 3
