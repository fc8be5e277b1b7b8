import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_validate,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_tde import (
    EnsembleTransientClassifier,
    LightCurveGridder,
    LightCurveOverSampler,
    LightCurvePipeline,
    _chunks,
    make_feature_pipeline,
    make_lstm_pipeline,
    make_tde_classifier,
    make_transformer_pipeline,
    make_transients,
    pack_light_curves,
    unpack_light_curves,
)
from sklearn_tde.preprocessing import LightCurveFeatures, LightCurveSequencer


@pytest.fixture(scope="module")
def transients():
    return make_transients(n_tde=24, n_sn_ia=60, random_state=0)


def small(**params):
    return make_lstm_pipeline(
        gridder=LightCurveGridder(cadence=5),
        **{"hidden_dim": 8, "max_epochs": 12, "batch_size": 16, "lr": 5e-3, "random_state": 0}
        | params,
    )


@pytest.fixture(scope="module")
def fitted(transients):
    return small().fit(*transients)


def test_the_steps_have_the_documented_names_and_defaults():
    pipeline = make_lstm_pipeline(max_epochs=7, random_state=0)
    assert list(pipeline.named_steps) == ["gridder", "classifier"]
    assert pipeline["classifier"].max_epochs == 7
    assert make_lstm_pipeline(gridder=LightCurveGridder(bands=("g",)))["classifier"].n_masks == 1
    with pytest.raises(TypeError, match="hidden_size"):
        make_lstm_pipeline(hidden_size=3)
    with pytest.raises(TypeError, match="gridder must be a LightCurveGridder; got 'grid'"):
        make_lstm_pipeline(gridder="grid")


def test_it_tells_tdes_from_supernovae(transients, fitted):
    X, y = transients
    test, labels = make_transients(n_tde=30, n_sn_ia=60, random_state=1)
    assert roc_auc_score(labels == "TDE", fitted.decision_function(test)) > 0.85
    assert fitted.classes_.tolist() == ["SN Ia", "TDE"]
    np.testing.assert_allclose(fitted.predict_proba(test).sum(axis=1), 1)


def test_cross_validation_scores_every_fold(transients):
    X, y = transients
    scoring = ["balanced_accuracy", "roc_auc"]
    scores = cross_validate(small(), X, y, cv=5, scoring=scoring, error_score="raise")
    assert scores["test_balanced_accuracy"].shape == (5,)
    assert scores["test_roc_auc"].mean() > 0.75
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    assert len(cross_validate(small(max_epochs=1), X, y, cv=folds)["test_score"]) == 3


def test_a_search_reaches_gridder_and_classifier_in_worker_processes(transients, tmp_path):
    X, y = transients
    pipeline = small(max_epochs=2)
    cached = Pipeline(pipeline.steps, memory=str(tmp_path))
    grid = {"gridder__mask": ["observed", "coverage"], "classifier__hidden_dim": [4, 8]}
    scores = [
        GridSearchCV(p, grid, cv=2, scoring="roc_auc", n_jobs=jobs, error_score="raise")
        .fit(X, y)
        .cv_results_["mean_test_score"]
        for p, jobs in ((pipeline, None), (pipeline, 2), (cached, None))
    ]
    assert len(set(scores[0])) > 1
    np.testing.assert_array_equal(scores[1], scores[0])
    np.testing.assert_array_equal(scores[2], scores[0])


def test_thresholds_are_tuned_or_fixed(transients, fitted):
    X, y = transients
    fixed = FixedThresholdClassifier(small(), threshold=0.7, pos_label="TDE").fit(X, y)
    expected = np.where(fitted.predict_proba(X)[:, 1] >= 0.7, "TDE", "SN Ia")
    np.testing.assert_array_equal(fixed.predict(X), expected)
    assert (fixed.predict(X) == "TDE").sum() != (fitted.predict(X) == "TDE").sum()

    tuned = TunedThresholdClassifierCV(small(), scoring="balanced_accuracy", cv=3).fit(X, y)
    assert 0 < tuned.best_threshold_ < 1
    expected = np.where(fitted.predict_proba(X)[:, 1] >= tuned.best_threshold_, "TDE", "SN Ia")
    np.testing.assert_array_equal(tuned.predict(X), expected)


def test_a_saved_pipeline_gives_the_same_probabilities(transients, fitted, tmp_path):
    X, _ = transients
    joblib.dump(fitted, tmp_path / "model.joblib")
    loaded = joblib.load(tmp_path / "model.joblib")
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))


def test_a_clone_is_unfitted_and_trains_the_same(transients, fitted):
    X, y = transients
    copy = clone(fitted)
    assert not hasattr(copy["classifier"], "net_")
    np.testing.assert_array_equal(copy.fit(X, y).predict_proba(X), fitted.predict_proba(X))


def test_any_container_any_order_any_subset_gives_the_same_probabilities(transients, fitted):
    X, _ = transients
    expected = fitted.predict_proba(X)
    tables = [X["light_curve"].iloc[k].iloc[::-1] for k in range(len(X))]
    np.testing.assert_allclose(fitted.predict_proba(tables), expected, atol=1e-6)
    chosen = np.random.default_rng(0).permutation(len(X))[:20]
    np.testing.assert_allclose(fitted.predict_proba(X.iloc[chosen]), expected[chosen], atol=1e-6)


def test_several_classes():
    X, y = make_transients(n_tde=10, n_sn_ia=15, n_sn_ii=15, random_state=0)
    model = small(max_epochs=3).fit(X, y)
    assert model.classes_.tolist() == ["SN II", "SN Ia", "TDE"]
    assert model.predict_proba(X).shape == (40, 3)


def test_a_curve_of_one_observation_or_one_band_or_none_is_scored(fitted):
    one = {"time": [0.0], "band": ["g"], "flux": [50.0], "flux_err": [5.0]}
    probabilities = fitted.predict_proba([one, {**one, "flux": [1.0]}, {}])
    assert np.isfinite(probabilities).all()


def test_a_band_that_was_not_trained_is_refused(fitted):
    one = {"time": [0.0], "band": ["i"], "flux": [50.0], "flux_err": [5.0]}
    with pytest.raises(ValueError, match="object 0: band is 'i' at observation 0"):
        fitted.predict_proba([one])


@pytest.fixture
def gridded_at_a_time(monkeypatch):
    """Predict seven objects at a time, and note how many each call of the gridder gets."""
    numbers, transform = [], LightCurveGridder.transform

    def count(self, X):
        numbers.append(len(X))
        return transform(self, X)

    monkeypatch.setattr(_chunks, "CHUNK", 7)
    monkeypatch.setattr(LightCurveGridder, "transform", count)
    return numbers


@pytest.mark.parametrize("method", ["predict_proba", "predict", "decision_function"])
def test_objects_go_through_the_steps_in_chunks_with_the_same_result(
    transients, fitted, gridded_at_a_time, method
):
    X = transients[0].iloc[:30]
    plain = Pipeline(fitted.steps)
    expected = getattr(plain, method)(X)
    assert gridded_at_a_time == [30]
    result = getattr(fitted, method)(X)
    assert gridded_at_a_time[1:] == [7, 7, 7, 7, 2]
    tables = [X["light_curve"].iloc[k] for k in range(len(X))]
    np.testing.assert_array_equal(getattr(fitted, method)(tables), result)
    if method == "predict":
        np.testing.assert_array_equal(result, expected)
    else:
        # The network adds up in another order among other objects.
        np.testing.assert_allclose(result, expected, rtol=0, atol=1e-12)


class Scaled(LinearRegression):
    """A last step whose prediction takes a parameter, which may have a value per object."""

    def predict(self, X, by=1.0):
        return super().predict(X) * by


def test_parameters_of_a_prediction_reach_the_last_step(transients, gridded_at_a_time):
    X, y = transients
    table = FunctionTransformer(lambda grid: grid.reshape(len(grid), -1))
    steps = [("gridder", LightCurveGridder(n_steps=4)), ("table", table), ("last", Scaled())]
    model = LightCurvePipeline(steps).fit(X, y == "TDE")
    by = np.arange(len(X))
    expected = model.predict(X) * by
    np.testing.assert_allclose(model.predict(X, by=by), expected, atol=1e-4)


def test_an_error_in_a_later_chunk_names_the_object_of_the_whole(fitted, gridded_at_a_time):
    one = {"time": [0.0], "band": ["g"], "flux": [50.0], "flux_err": [5.0]}
    with pytest.raises(ValueError, match="object 9: band is 'i'") as error:
        fitted.predict_proba([one] * 9 + [{**one, "band": ["i"]}])
    assert error.value.__notes__ == ['"Position" in this message counts from object 7 of X.']
    assert gridded_at_a_time == [7, 3]


def test_a_pipeline_has_the_methods_of_its_last_step(fitted):
    gridder = LightCurvePipeline([("gridder", LightCurveGridder())])
    assert hasattr(fitted, "predict_proba")
    assert not any(hasattr(gridder, name) for name in ("predict_proba", "decision_function"))
    with pytest.raises(AttributeError, match="predict"):
        gridder.predict([])


def test_a_part_of_a_pipeline_and_other_data_are_cut_as_well(transients, fitted, gridded_at_a_time):
    X = transients[0].iloc[:20]
    expected = fitted.predict_proba(X)
    steps = fitted[0].transform(X)
    np.testing.assert_array_equal(fitted[1:].predict_proba(steps), expected)
    frame = LightCurvePipeline([("dummy", DummyClassifier())]).fit(steps[:, 0], transients[1][:20])
    for table in (steps[:, 0], pd.DataFrame(steps[:, 0])):
        assert frame.predict_proba(table).shape == (20, 2)
    np.testing.assert_array_equal(fitted.predict_proba(X["light_curve"]), expected)


# Other recipes


def test_the_steps_of_a_transformer_pipeline():
    pipeline = make_transformer_pipeline(max_epochs=7)
    assert list(pipeline.named_steps) == ["sequencer", "classifier"]
    assert pipeline["classifier"].max_epochs == 7
    one_band = make_transformer_pipeline(sequencer=LightCurveSequencer(bands=("g",)))
    assert one_band["classifier"].n_masks == 1
    with pytest.raises(TypeError, match="cell"):
        make_transformer_pipeline(cell="gru")
    with pytest.raises(TypeError, match="sequencer must be a LightCurveSequencer; got 'steps'"):
        make_transformer_pipeline(sequencer="steps")


def few_features(**params):
    return make_feature_pipeline(
        **{"features": LightCurveFeatures(groups=("color", "history", "shape"))} | params
    )


def test_the_steps_of_a_feature_pipeline():
    sampler, trees = LightCurveOverSampler(random_state=0), ExtraTreesClassifier(3, random_state=1)
    pipeline = make_feature_pipeline(sampler=sampler, classifier=trees, random_state=5)
    assert list(pipeline.named_steps) == ["sampler", "features", "imputer", "classifier"]
    assert pipeline["classifier"].random_state == 5
    assert trees.random_state == 1
    assert make_feature_pipeline(classifier=trees)["classifier"] is trees
    default = make_feature_pipeline(random_state=0)
    assert default["classifier"].class_weight == "balanced"
    assert default["features"].get_params() == LightCurveFeatures().get_params()


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"features": LightCurveFeatures}, TypeError, "features must be a LightCurveFeatures"),
        ({"features": "color"}, TypeError, "features must be a LightCurveFeatures; got 'color'"),
        ({"classifier": ExtraTreesClassifier}, TypeError, "classifier must be a classifier with"),
        ({"classifier": LinearRegression()}, TypeError, "with predict_proba; got LinearRegression"),
        (
            {"sampler": "all"},
            TypeError,
            "LightCurveOverSampler or a PartialLightCurveSampler; got 'all'",
        ),
        (
            {"classifier": GaussianNB(), "random_state": 0},
            ValueError,
            r"random_state=0: GaussianNB\(\) has no such parameter; expected None",
        ),
    ],
)
def test_parts_of_a_feature_pipeline_are_checked(params, error, message):
    with pytest.raises(error, match=message):
        make_feature_pipeline(**params)


@pytest.mark.parametrize(
    "classifier", [None, HistGradientBoostingClassifier(max_iter=5)], ids=["trees", "boosted"]
)
def test_features_that_are_never_defined_do_no_harm(transients, classifier):
    X, y = transients
    in_g = pd.DataFrame(unpack_light_curves(X)).query("band == 'g'")
    X = pack_light_curves(in_g)
    y = pd.Series(y, index=transients[0].index)[X.index].to_numpy()
    classifier = ExtraTreesClassifier(20) if classifier is None else classifier
    model = few_features(classifier=classifier, random_state=0).fit(X, y)
    never = np.isnan(model["features"].transform(X)).all(axis=0)
    assert 10 < never.sum() < len(never)
    # They stay columns, and are filled with something.
    assert model["imputer"].transform(model["features"].transform(X)).shape[1] == len(never)
    p = model.predict_proba(X)[:, 1]
    assert np.isfinite(p).all()
    assert roc_auc_score(y == "TDE", p) > 0.9
    # What is defined later does not surprise it.
    assert np.isfinite(model.predict_proba(transients[0])).all()


def test_a_single_class_is_refused_by_trees_as_by_networks(transients):
    for model in (few_features(), small()):
        with pytest.raises(ValueError, match="y has one class, 'TDE'; expected at least two"):
            model.fit(transients[0], ["TDE"] * len(transients[1]))


def test_features_tell_tdes_from_supernovae(transients):
    model = few_features(classifier=ExtraTreesClassifier(50), random_state=0).fit(*transients)
    test, labels = make_transients(n_tde=30, n_sn_ia=60, random_state=1)
    assert roc_auc_score(labels == "TDE", model.predict_proba(test)[:, 1]) > 0.9
    again = few_features(classifier=ExtraTreesClassifier(50), random_state=0).fit(*transients)
    np.testing.assert_array_equal(again.predict_proba(test), model.predict_proba(test))


def recommended(**params):
    """The recommended classifier with few trees on few features, and a small network."""
    model = make_tde_classifier(**{"cv": 2, "random_state": 0} | params)
    features = LightCurveFeatures(groups=("color", "history"))
    return model.set_params(
        features__features=features,
        features__classifier__n_estimators=5,
        features__classifier__min_samples_leaf=1,
        lstm=small(max_epochs=1),
        sampler__ages=(20,),
    )


def test_the_recommended_classifier_is_what_it_says():
    splitter = StratifiedKFold(4)
    model = make_tde_classifier(
        bands=["u", "g", "r"], pos_label="AGN", threshold_scoring=None, cv=splitter, n_jobs=2
    )
    assert isinstance(model, EnsembleTransientClassifier)
    assert [name for name, _ in model.estimators] == ["features", "lstm"]
    assert model.get_params()["features__features__features__bands"] == ("u", "g", "r")
    plain = make_tde_classifier(bands=["c", "o"], simulations=False)
    assert plain.get_params()["features__features__bands"] == ("c", "o")
    assert model.get_params()["lstm__gridder__bands"] == ("u", "g", "r")
    assert model.get_params()["lstm__classifier__n_masks"] == 3
    assert model.weights == (4.0, 1.0)
    assert model.sampler.ages == (5, 10, 20, 40, 80)
    assert (model.pos_label, model.threshold_scoring, model.cv) == ("AGN", None, splitter)
    assert make_tde_classifier().threshold_scoring == "f1"


def test_the_recommended_classifier_is_searched_cross_validated_and_dumped(transients, tmp_path):
    X, y = transients[0].iloc[::2], transients[1][::2]
    grid = {"lstm__classifier__hidden_dim": [2, 3], "weights": [(1.0, 9.0)]}
    search = GridSearchCV(recommended(), grid, cv=2, scoring="neg_log_loss", error_score="raise")
    search.fit(X, y)
    assert len(set(search.cv_results_["mean_test_score"])) == 2
    found = cross_validate(
        recommended(), X, y, cv=2, scoring=["roc_auc", "balanced_accuracy"], error_score="raise"
    )
    assert found["test_roc_auc"].mean() > 0.7
    model = clone(search.best_estimator_).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), search.predict_proba(X))
    joblib.dump(model, tmp_path / "model.joblib")
    loaded = joblib.load(tmp_path / "model.joblib")
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
