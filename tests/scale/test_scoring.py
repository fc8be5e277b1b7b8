"""Chunks, objects that are refused, predictions, and what is refused before any work begins."""

import sys

import joblib
import numpy as np
import pytest

pytest.importorskip("lsdb")
pytest.importorskip("dask.dataframe")

import dask.dataframe as dd  # noqa: E402
import pandas as pd  # noqa: E402
from nested_pandas import NestedFrame  # noqa: E402
from sklearn.base import BaseEstimator, ClassifierMixin  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.pipeline import Pipeline  # noqa: E402
from sklearn.tree import DecisionTreeClassifier  # noqa: E402

from sklearn_tde import (  # noqa: E402
    EnsembleTransientClassifier,
    flatten_light_curves,
    make_feature_pipeline,
    pack_light_curves,
    unpack_light_curves,
)
from sklearn_tde.preprocessing import LightCurveFeatures, LightCurveSequencer  # noqa: E402
from sklearn_tde.scale import _models, score_catalog  # noqa: E402


class Counting(ClassifierMixin, BaseEstimator):
    """A classifier of three classes that notes how many objects it is given."""

    seen = []

    def __init__(self, classes=(0, 1, 2)):
        self.classes = classes

    @property
    def classes_(self):
        return np.array(self.classes)

    def predict_proba(self, X):
        self.seen.append(len(X))
        n = flatten_light_curves(X).n_observations
        return np.stack([n % 2, n % 3, n % 5], axis=1) / 7.0

    def predict(self, X):
        return self.classes_[flatten_light_curves(X).n_observations % 3]


@pytest.fixture
def counting():
    Counting.seen.clear()
    return Counting()


@pytest.fixture(scope="module")
def spoilt(sky):
    """Return light curves of which three cannot be scored, and their names."""
    table = unpack_light_curves(sky[0])
    names = [sky[0].index[k] for k in (0, 17, 18)]
    rows = [table.index[table["object_id"] == name][2] for name in names]
    X = sky[0].copy()
    # A nested column of a catalogue, which nobody has checked.
    table.loc[rows[0], "flux"] = np.nan
    table.loc[rows[1], "flux_err"] = 0.0
    table.loc[rows[2], "time"] = np.inf
    flat = table.set_index("object_id")[["time", "band", "flux", "flux_err"]]
    objects = NestedFrame(X.drop(columns="light_curve"))
    return objects.join_nested(flat.assign(band=flat["band"].astype(str)), "light_curve"), names


@pytest.mark.parametrize("chunk_size", [5, 7, 60, 5000])
def test_chunks_change_nothing_but_the_size_of_the_arrays(chunk_size, sky, model, expected):
    frame = dd.from_pandas(sky[0], npartitions=2)
    scores = score_catalog(frame, model, chunk_size=chunk_size).compute()
    assert scores["prob_TDE"].tolist() == expected.loc[scores.index, "prob_TDE"].tolist()


def test_the_model_is_given_no_more_than_a_chunk(sky, counting):
    score_catalog(dd.from_pandas(sky[0], npartitions=2), counting, chunk_size=8).compute()
    assert counting.seen == [8, 8, 8, 6] * 2


def test_an_ensemble_predicts_by_its_own_threshold_in_one_pass(sky, monkeypatch):
    X, y = sky
    features = LightCurveFeatures(groups=("history", "color"))
    member = make_feature_pipeline(features=features, classifier=DecisionTreeClassifier())
    model = EnsembleTransientClassifier([("tree", member)], cv=2, random_state=0).fit(X, y)
    expected, numbers = model.predict(X), []
    transform = LightCurveFeatures.transform
    monkeypatch.setattr(
        LightCurveFeatures, "transform", lambda s, X: numbers.append(len(X)) or transform(s, X)
    )
    scores = score_catalog(dd.from_pandas(X, npartitions=2), model).compute()
    assert scores.loc[X.index, "prediction"].tolist() == expected.tolist()
    assert sum(numbers) == len(X)


def test_an_object_that_is_refused_stops_the_work_with_its_name(spoilt, model):
    X, names = spoilt
    scores = score_catalog(dd.from_pandas(X, npartitions=1), model)
    with pytest.raises(ValueError, match=rf"object '{names[0]}': flux is missing"):
        scores.compute()


def test_objects_that_are_refused_are_left_out_with_the_reason(spoilt, model, expected):
    X, names = spoilt
    frame = dd.from_pandas(X, npartitions=2)
    scores = score_catalog(frame, model, on_error="null", chunk_size=25).compute()
    assert scores.index.tolist() == X.index.tolist()
    refused = scores.loc[names]
    assert refused[["prob_SN Ia", "prob_TDE", "prediction"]].isna().all(axis=None)
    for name, field in zip(names, ("flux", "flux_err", "time"), strict=True):
        assert f"object '{name}': {field} is" in scores.loc[name, "error"]
    others = scores.drop(index=names)
    assert others["error"].isna().all()
    assert others["prob_TDE"].tolist() == expected.loc[others.index, "prob_TDE"].tolist()
    assert others["prediction"].tolist() == expected.loc[others.index, "prediction"].tolist()
    assert scores["n_observations"].tolist() == X["light_curve"].array.list_lengths.tolist()


def test_the_rest_of_a_chunk_is_still_scored_together(spoilt, counting):
    frame = dd.from_pandas(spoilt[0], npartitions=1)
    scores = score_catalog(frame, counting, on_error="null").compute()
    assert sum(counting.seen) == 57
    assert len(counting.seen) < 20
    assert scores["prediction"].dtype == "Int64"
    assert scores["prediction"].isna().sum() == 3


@pytest.mark.parametrize("classes", [(0, 1, 2), (0.5, 1.5, 2.5), ("SLSN", "SN Ia", "TDE")])
def test_labels_of_any_type(classes, sky):
    given = Counting(classes)
    for on_error in ("raise", "null"):
        frame = dd.from_pandas(sky[0], npartitions=1)
        scores = score_catalog(frame, given, on_error=on_error).compute()
        assert scores["prediction"].tolist() == given.predict(sky[0]).tolist()
        assert [name for name in scores if name.startswith("prob_")] == [
            f"prob_{label}" for label in classes
        ]


def test_the_model_file_must_stay_what_it_was(sky, model, tmp_path, monkeypatch):
    path = tmp_path / "model.joblib"
    joblib.dump(model, path)
    scores = score_catalog(dd.from_pandas(sky[0], npartitions=1), path)
    joblib.dump(model.set_params(classifier__verbose=0), path, compress=1)
    # As in a worker, which has not read the file before.
    monkeypatch.setattr(_models, "_LOADED", {})
    with pytest.raises(RuntimeError, match="no longer the file that score_catalog was given"):
        scores.compute()
    path.unlink()
    with pytest.raises(OSError, match="cannot be read here"):
        scores.compute()


def test_few_models_are_kept(sky, tmp_path, monkeypatch):
    monkeypatch.setattr(_models, "_LOADED", {})
    for classes in ((0, 1, 2), (3, 4, 5), (6, 7, 8), (9, 10, 11)):
        score_catalog(dd.from_pandas(sky[0], npartitions=1), Counting(classes))
    assert [model.classes for model in _models._LOADED.values()] == [(6, 7, 8), (9, 10, 11)]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"chunk_size": 0}, ValueError, "chunk_size=0; expected a whole number"),
        ({"chunk_size": 2.5}, ValueError, "chunk_size=2.5"),
        ({"on_error": "skip"}, ValueError, "on_error='skip'; expected 'raise' or 'null'"),
        ({"duplicates": "keep"}, ValueError, "duplicates must be 'raise' or 'drop'"),
        ({"light_curve": "diaSource"}, ValueError, "no column 'diaSource', given as light_curve"),
        ({"light_curve": "redshift"}, TypeError, "'redshift', given as light_curve, is float64"),
        ({"object_id": "id"}, ValueError, "no column 'id', given as object_id"),
        ({"columns": ["host"]}, ValueError, "no column 'host', named in columns"),
        ({"columns": "redshift"}, TypeError, "columns: expected a sequence of names"),
        ({"columns": ["ra", "ra"]}, ValueError, "columns: expected different names"),
        ({"columns": ["light_curve"]}, ValueError, "'light_curve' has the name of the light"),
        ({"flux": "psfFlux"}, ValueError, "'light_curve' lacks the field 'psfFlux'"),
        ({"flux": "band"}, TypeError, "field 'band' is .*; expected numbers"),
        ({"time": 3}, ValueError, "lacks the field 3"),
        ({"mag": "flux"}, ValueError, "mag='flux' needs mag_err"),
        ({"zero_point": "AB"}, TypeError, "zero_point: expected a magnitude"),
        ({"band_names": {"g": "g", "r": "i"}}, ValueError, "band_names: the model does not know"),
        ({"band_names": ["g"]}, TypeError, "band_names: expected a mapping"),
        ({"bands": ["g", "z"]}, ValueError, "bands: the model does not know the band 'z'"),
        ({"bands": "g"}, TypeError, "bands: expected a sequence of names"),
    ],
)
def test_arguments_are_refused_before_any_work_begins(arguments, error, message, sky, model):
    with pytest.raises(error, match=message):
        score_catalog(dd.from_pandas(sky[0], npartitions=1), model, **arguments)


def test_fields_of_a_wrong_type_are_refused_before_any_work_begins(sky, model):
    X = unpack_light_curves(sky[0].head(3)).astype({"flux": str, "band": str})
    X["fid"] = 1
    flat = X.set_index("object_id")[["time", "band", "fid", "flux", "flux_err"]]
    frame = NestedFrame(index=sky[0].index[:3]).join_nested(flat, "light_curve")
    frame = dd.from_pandas(frame, npartitions=1)
    with pytest.raises(TypeError, match="field 'flux' is .*string; expected numbers"):
        score_catalog(frame, model)
    with pytest.raises(TypeError, match="field 'fid' is int64; expected names of bands"):
        score_catalog(frame, model, band="fid", flux="flux_err")


@pytest.mark.parametrize("name", ["prob_TDE", "prediction", "n_observations", "error"])
def test_columns_of_the_result_are_not_overwritten(name, sky, model):
    frame = dd.from_pandas(sky[0].rename(columns={"redshift": name}), npartitions=1)
    with pytest.raises(ValueError, match=f"column '{name}' has the name"):
        score_catalog(frame, model, columns=[name])


def test_other_catalogs_are_refused(sky, model, tmp_path):
    (tmp_path / "empty").mkdir()
    for catalog in (sky[0], None, [sky[0]], 3):
        with pytest.raises(TypeError, match="expected an lsdb.Catalog, a Dask DataFrame"):
            score_catalog(catalog, model)
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        score_catalog(tmp_path / "missing.parquet", model)
    with pytest.raises(ValueError, match="neither a HATS catalogue nor"):
        score_catalog(tmp_path / "empty", model)
    with pytest.raises(ValueError, match="empty list of files"):
        score_catalog([], model)
    plain = dd.from_pandas(pd.DataFrame({"object_id": ["a"], "light_curve": [1.0]}), npartitions=1)
    with pytest.raises(TypeError, match="expected a nested column"):
        score_catalog(plain, model)


def test_other_models_are_refused(sky, model, tmp_path):
    frame = dd.from_pandas(sky[0], npartitions=1)
    with pytest.raises(FileNotFoundError, match="there is no file .*none.joblib"):
        score_catalog(frame, tmp_path / "none.joblib")
    (tmp_path / "text.joblib").write_text("a model")
    with pytest.raises(ValueError, match="text.joblib' cannot be loaded"):
        score_catalog(frame, tmp_path / "text.joblib")
    joblib.dump({"model": model}, tmp_path / "dict.joblib")
    with pytest.raises(TypeError, match="got dict, which is no fitted classifier"):
        score_catalog(frame, tmp_path / "dict.joblib")
    with pytest.raises(TypeError, match="got LogisticRegression, which is no fitted"):
        score_catalog(frame, LogisticRegression())


@pytest.mark.parametrize(
    ("step", "arguments", "message"),
    [
        (LightCurveSequencer(), {"bands": ["g", "z"]}, "does not know the band 'z'"),
        (LightCurveSequencer(context=("mass",)), {}, "needs the column 'mass' as context"),
        (LightCurveFeatures(bands=("r",)), {"bands": ["g"]}, "does not know the band 'g'"),
        (LightCurveFeatures(extinction={"g": 3.3, "r": 2.2}), {}, "'ebv' for the extinction"),
        (LightCurveFeatures(rest_frame=True), {}, "'redshift' for the rest frame"),
    ],
)
def test_what_any_step_needs_is_known_before_any_work_begins(step, arguments, message, sky):
    model = Pipeline([("step", step), ("classifier", LogisticRegression())])
    model[-1].classes_ = np.array(["SN Ia", "TDE"])
    with pytest.raises(ValueError, match=message):
        score_catalog(dd.from_pandas(sky[0], npartitions=1), model, **arguments)


def test_without_the_extra_the_error_says_what_to_install(sky, model, hats, monkeypatch):
    frame = dd.from_pandas(sky[0], npartitions=1)
    monkeypatch.setitem(sys.modules, "dask.dataframe", None)
    with pytest.raises(ImportError, match=r'needs dask: pip install "sklearn-tde\[scale\]"'):
        score_catalog(frame, model)
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "lsdb", None)
    with pytest.raises(ImportError, match=r'needs lsdb: pip install "sklearn-tde\[scale\]"'):
        score_catalog(hats, model)


def test_an_unnamed_index_may_name_the_objects(sky, model):
    X = pack_light_curves(unpack_light_curves(sky[0].head(4))).rename_axis(None)
    frame = dd.from_pandas(X, npartitions=1)
    with pytest.raises(ValueError, match="None stands for the index"):
        score_catalog(frame, model)
    assert score_catalog(frame, model, object_id=None).compute().index.tolist() == X.index.tolist()
