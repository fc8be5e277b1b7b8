import numpy as np
import pytest
from imblearn.pipeline import Pipeline as SamplingPipeline
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_validate,
)
from sklearn.pipeline import Pipeline

from sklearn_tde import (
    LightCurveOverSampler,
    cross_validation_report,
    flatten_light_curves,
    make_feature_pipeline,
    make_lstm_pipeline,
    make_transients,
)

QUICK = {"max_epochs": 1, "hidden_dim": 4, "num_layers": 1, "random_state": 0}


class Recorder(TransformerMixin, BaseEstimator):
    """Notes the names of the objects it meets, and turns light curves into two numbers each."""

    met = []

    def fit(self, X, y=None):
        self.met.append(("fit", list(X.index)))
        return self

    def transform(self, X):
        self.met.append(("transform", list(X.index)))
        flat = flatten_light_curves(X)
        n = flat.n_observations
        return np.column_stack([n, np.bincount(flat.object_position, flat.flux, len(n))])

    def __sklearn_is_fitted__(self):
        return True


@pytest.fixture(scope="module")
def transients():
    return make_transients(n_tde=8, n_sn_ia=24, random_state=0)


@pytest.fixture
def recording():
    Recorder.met = []
    return SamplingPipeline(
        [
            ("sampler", LightCurveOverSampler(random_state=0)),
            ("features", Recorder()),
            ("classifier", LogisticRegression()),
        ]
    )


def fits_and_predictions(met):
    """Return for every fit the objects trained on and all those predicted afterwards."""
    runs = []
    for what, names in met:
        if what == "fit":
            runs.append((names, []))
        elif names != runs[-1][0]:
            runs[-1][1].append(names)
    return runs


def parents(names):
    return {name.split("~")[0] for name in names}


def test_cross_validation_never_samples_from_or_in_the_test_fold(recording, transients):
    X, y = transients
    cross_validate(recording, X, y, cv=StratifiedKFold(4), error_score="raise")
    runs = fits_and_predictions(Recorder.met)
    assert len(runs) == 4
    for (trained, predicted), (train, test) in zip(
        runs, StratifiedKFold(4).split(X, y), strict=True
    ):
        assert any("~" in name for name in trained)
        assert parents(trained) == set(X.index[train])
        assert predicted == [list(X.index[test])]


def test_no_inner_split_of_threshold_tuning_parts_an_object_from_its_copies(recording, transients):
    X, y = transients
    TunedThresholdClassifierCV(recording, cv=3, scoring="balanced_accuracy").fit(X, y)
    runs = fits_and_predictions(Recorder.met)
    assert len(runs) == 4
    for trained, predicted in runs[:3]:
        assert any("~" in name for name in trained)
        for names in predicted:
            assert not any("~" in name for name in names)
            assert not parents(trained) & set(names)


def test_a_search_tries_parameters_of_the_sampler_and_no_sampler(transients):
    X, y = transients
    pipeline = make_lstm_pipeline(sampler=LightCurveOverSampler(random_state=0), **QUICK)
    scorer = make_scorer(average_precision_score, response_method="predict_proba", pos_label="TDE")
    search = GridSearchCV(
        pipeline,
        [
            {"sampler": ["passthrough"]},
            {"sampler__n_copies": [0, 1], "sampler__drop": [0.0, 0.5]},
        ],
        scoring=scorer,
        cv=2,
        error_score="raise",
    ).fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert len(scores) == 5
    assert search.predict_proba(X).shape == (32, 2)
    plain = make_lstm_pipeline(**QUICK)
    alone = cross_validate(plain, X, y, cv=2, scoring=scorer)["test_score"].mean()
    assert scores[0] == alone


def test_a_report_tunes_its_threshold_around_the_sampler(transients):
    X, y = transients
    report = cross_validation_report(
        make_lstm_pipeline(sampler=LightCurveOverSampler(random_state=0), **QUICK),
        X,
        y,
        pos_label="TDE",
        cv=2,
        threshold="tune",
        threshold_cv=2,
        random_state=0,
    )
    assert report.predictions_["object_id"].tolist() == list(X.index)


def test_predicting_and_scoring_do_not_sample(transients):
    X, y = transients
    pipeline = make_lstm_pipeline(sampler=LightCurveOverSampler(random_state=0), **QUICK)
    pipeline.fit(X, y)
    assert len(pipeline["sampler"].sample_indices_) == 48
    assert pipeline.predict_proba(X).shape == (32, 2)
    assert 0 <= pipeline.score(X, y) <= 1


def test_the_pipeline_is_of_scikit_learn_and_of_imbalanced_learn():
    for sampler in (None, LightCurveOverSampler()):
        pipeline = make_lstm_pipeline(sampler=sampler)
        assert isinstance(pipeline, Pipeline)
        assert isinstance(pipeline, SamplingPipeline)


@pytest.mark.parametrize("sampler", [LightCurveOverSampler, LogisticRegression(), "oversample"])
def test_a_sampler_that_is_none_is_refused(sampler):
    with pytest.raises(TypeError, match="sampler must be a LightCurveOverSampler"):
        make_lstm_pipeline(sampler=sampler)


def test_early_stopping_behind_a_sampler_is_refused():
    with pytest.raises(ValueError, match="copies of one object on both sides"):
        make_lstm_pipeline(sampler=LightCurveOverSampler(), early_stopping=True)
    # Which stops early, by default, where there are more than 10,000 rows.
    with pytest.raises(ValueError, match="early_stopping='auto'"):
        make_feature_pipeline(
            sampler=LightCurveOverSampler(), classifier=HistGradientBoostingClassifier()
        )
