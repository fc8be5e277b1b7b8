import io
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import Pipeline

from sklearn_tde import (
    LightCurveGridder,
    LightCurveOverSampler,
    LightCurvePipeline,
    LightCurveSequencer,
    LSTMTransientClassifier,
    TransformerTransientClassifier,
    check_light_curves,
    flatten_light_curves,
    make_feature_pipeline,
    make_transients,
    pack_light_curves,
)
from sklearn_tde.evaluation import _shared_trajectory, first_trigger, score_trajectory
from sklearn_tde.preprocessing import LightCurveTruncator

AGES = [0, 3, 10, 30, 100, 1000]
TINY = {"hidden_dim": 8, "max_epochs": 4, "lr": 0.01, "random_state": 0}
CLASSIFIERS = {
    "transformer": lambda **kw: TransformerTransientClassifier(**TINY, **kw),
    "lstm": lambda **kw: LSTMTransientClassifier(**TINY, **{"bidirectional": False, **kw}),
    "gru": lambda: LSTMTransientClassifier(
        **TINY, cell="gru", num_layers=2, steps="all", bidirectional=False
    ),
}
SEQUENCERS = {
    "confirmed": {},
    "first": {"start": "first"},
    "unscaled": {"scale": None},
    "window": {"lead": 20.0, "duration": 60.0},
    "selection": {"max_observations": 8},
    "context": {"context": ("redshift",)},
}


@pytest.fixture(scope="module")
def simulated():
    return make_transients(8, 8, forced_photometry=True, random_state=0)


@pytest.fixture(scope="module")
def X(simulated):
    """Light curves, most of them of training, an empty one and one without a detection."""
    faint = {"time": [0.0, 5.0], "band": ["g", "r"], "flux": [1.0, 2.0], "flux_err": [1.0, 1.0]}
    empty = {name: [] for name in faint}
    odd = check_light_curves([{**faint, "redshift": 0.1}, {**empty, "redshift": 0.1}])
    odd.index = ["faint", "empty"]
    columns = ["light_curve", "redshift"]
    some = simulated[0][columns].iloc[4:12]
    return pd.concat([some.iloc[:3], odd, some.iloc[3:]])


def make_model(simulated, classifier, **sequencer):
    steps = [
        ("sequencer", LightCurveSequencer(**{"scale": "running", **sequencer})),
        ("classifier", classifier),
    ]
    return LightCurvePipeline(steps).fit(*simulated)


@pytest.fixture(scope="module")
def shared_models(simulated):
    models = {name: make_model(simulated, make()) for name, make in CLASSIFIERS.items()}
    for name, params in SEQUENCERS.items():
        models[name] = make_model(simulated, CLASSIFIERS["transformer"](), **params)
    return models


@pytest.fixture(scope="module")
def forest(simulated):
    trees = ExtraTreesClassifier(10, random_state=0)
    return make_feature_pipeline(classifier=trees).fit(*simulated)


def truncated_one_age_at_a_time(model, X, ages):
    found = [model.predict_proba(LightCurveTruncator(age=age).transform(X))[:, 1] for age in ages]
    return np.column_stack(found).ravel()


# After every observation, or at some ages only, which is quicker.
@pytest.mark.parametrize(
    ("name", "ages"),
    [*((name, None) for name in [*CLASSIFIERS, "selection"]), *((k, AGES) for k in SEQUENCERS)],
)
def test_sharing_work_changes_nothing(shared_models, X, name, ages):
    shared = score_trajectory(shared_models[name], X, ages=ages, method="shared")
    recomputed = score_trajectory(shared_models[name], X, ages=ages, method="recompute")
    pd.testing.assert_frame_equal(shared, recomputed, rtol=0, atol=1e-6)
    # Not because nothing ever changes.
    assert shared.groupby("position")["probability"].agg(np.ptp).median() > 1e-3


@pytest.mark.parametrize("method", ["shared", "recompute"])
def test_it_is_what_the_estimator_says_of_truncated_light_curves(shared_models, X, method):
    for name in CLASSIFIERS:
        trajectory = score_trajectory(shared_models[name], X, ages=AGES, method=method)
        expected = truncated_one_age_at_a_time(shared_models[name], X, AGES)
        np.testing.assert_allclose(trajectory["probability"], expected, rtol=0, atol=1e-6)


def test_one_age_needs_no_list(simulated, by_hand):
    model = Constant().fit(*simulated)
    assert score_trajectory(model, by_hand, ages=5).equals(
        score_trajectory(model, by_hand, ages=[5])
    )


def test_any_classifier_is_asked_anew_at_every_age(forest, X):
    trajectory = score_trajectory(forest, X, ages=AGES)
    expected = truncated_one_age_at_a_time(forest, X, AGES)
    np.testing.assert_array_equal(trajectory["probability"], expected)
    assert len(set(expected)) > 5


def test_the_comparison_notices_what_looks_ahead(simulated, X, monkeypatch):
    model = make_model(simulated, CLASSIFIERS["transformer"](), scale="median")
    recomputed = score_trajectory(model, X, ages=AGES)["probability"]
    monkeypatch.setattr(_shared_trajectory, "_what_looks_ahead", lambda *steps: None)
    leaking = score_trajectory(model, X, ages=AGES, method="shared")["probability"]
    assert np.abs(leaking - recomputed).max() > 1e-3


@pytest.mark.parametrize("method", ["shared", "recompute"])
def test_chunks_change_nothing(shared_models, X, method):
    whole = score_trajectory(shared_models["lstm"], X, ages=AGES, method=method)
    parts = score_trajectory(shared_models["lstm"], X, ages=AGES, method=method, chunk_size=1)
    pd.testing.assert_frame_equal(whole, parts, rtol=0, atol=1e-6)


def test_work_is_shared_below_thresholds_and_beside_samplers(simulated, X):
    over_sampler = LightCurveOverSampler(random_state=0)
    sequencer = LightCurveSequencer(scale="running")
    steps = [("sampler", over_sampler), ("s", sequencer), ("c", CLASSIFIERS["lstm"]())]
    model = LightCurvePipeline(steps).fit(*simulated)
    wrapped = FixedThresholdClassifier(FrozenEstimator(model), threshold=0.3).fit(*simulated)
    shared = score_trajectory(wrapped, X, ages=AGES, method="shared")
    recomputed = score_trajectory(wrapped, X, ages=AGES, method="recompute")
    pd.testing.assert_frame_equal(shared, recomputed, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("classifier", "sequencer", "message"),
    [
        ({}, {"scale": "median"}, "scale='median' is that of the whole .*; set scale='running'"),
        ({"bidirectional": True}, {}, "set bidirectional=False and fit again"),
        ({"mixed_precision": True}, {}, "set mixed_precision=False"),
        ({"n_masks": 0}, {}, "set n_masks=2 and fit again"),
    ],
)
def test_what_looks_ahead_is_named(simulated, X, classifier, sequencer, message):
    model = make_model(simulated, CLASSIFIERS["lstm"](**classifier), **sequencer)
    with pytest.raises(ValueError, match=f"method='shared': .*{message}"):
        score_trajectory(model, X, ages=AGES, method="shared")
    found = score_trajectory(model, X, ages=[10])["probability"]
    np.testing.assert_allclose(found, truncated_one_age_at_a_time(model, X, [10]), atol=1e-6)


def test_other_pipelines_than_those_that_share_are_named(simulated, forest, X):
    gridded = LightCurvePipeline(
        [("gridder", LightCurveGridder(n_steps=10)), ("classifier", CLASSIFIERS["lstm"]())]
    ).fit(*simulated)
    cutting = Pipeline(
        [
            ("truncator", LightCurveTruncator(age=20)),
            ("sequencer", LightCurveSequencer(scale="running")),
            ("classifier", CLASSIFIERS["lstm"]()),
        ]
    ).fit(*simulated)
    for model, message in (
        (gridded, "LightCurveGridder interpolates towards the next observation"),
        (cutting, "the steps are LightCurveTruncator and LightCurveSequencer and"),
        (forest, "expected a LightCurveSequencer before the classifier alone"),
        (Constant().fit(*simulated), "Constant is no pipeline"),
    ):
        with pytest.raises(ValueError, match=message):
            score_trajectory(model, X, ages=[10], method="shared")


class Constant(ClassifierMixin, BaseEstimator):
    """Says how many observations there are."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        share = flatten_light_curves(X).n_observations / 100.0
        return np.column_stack([share, 1.0 - share])


@pytest.fixture(scope="module")
def by_hand():
    """Two observations before the first detection, then two of one moment; and without one."""
    table = pd.DataFrame(
        {
            "object_id": [*"aaaaaa", *"bb"],
            "time": [90.0, 95.0, 100.0, 107.0, 107.0, 130.0, 10.0, 20.0],
            "band": [*"grggrr", *"gg"],
            "flux": [10.0, 20.0, 60.0, 10.0, 70.0, 80.0, 10.0, 10.0],
            "flux_err": 10.0,
        }
    )
    return pack_light_curves(table, objects=pd.DataFrame(index=[*"abc"]))


def test_a_row_for_each_moment(by_hand, simulated):
    trajectory = score_trajectory(Constant().fit(*simulated), by_hand, pos_label="SN Ia")
    expected = pd.DataFrame(
        {
            "object_id": [*"aaaaa", *"bb"],
            "position": [0, 0, 0, 0, 0, 1, 1],
            "time": [90.0, 95.0, 100.0, 107.0, 130.0, 10.0, 20.0],
            "age": [-10.0, -5.0, 0.0, 7.0, 30.0, np.nan, np.nan],
            "n_observations": [1, 2, 3, 5, 6, 1, 2],
            "n_detections": [0, 0, 1, 2, 3, 0, 0],
            "probability": [0.01, 0.02, 0.03, 0.05, 0.06, 0.01, 0.02],
        }
    )
    pd.testing.assert_frame_equal(trajectory, expected)


def test_a_row_for_each_age(by_hand, simulated):
    # In ascending order, each once; the edge of an age belongs to it.
    ages = [30, 5, 7, 7]
    trajectory = score_trajectory(Constant().fit(*simulated), by_hand, ages=ages)
    assert trajectory["object_id"].tolist() == [*"aaabbbccc"]
    assert trajectory["age"].tolist() == [5.0, 7.0, 30.0] * 3
    assert trajectory["time"].tolist()[:3] == [105.0, 107.0, 130.0]
    assert trajectory["time"].iloc[3:].isna().all()
    # Without a detection the clock has not started: nothing is cut off.
    assert trajectory["n_observations"].tolist() == [3, 5, 6, 2, 2, 2, 0, 0, 0]
    assert trajectory["n_detections"].tolist() == [1, 2, 3, 0, 0, 0, 0, 0, 0]
    expected = 1.0 - trajectory["n_observations"] / 100.0
    assert trajectory["probability"].tolist() == expected.tolist()


def test_another_significance_moves_the_first_detection(by_hand, simulated):
    model = Constant().fit(*simulated)
    trajectory = score_trajectory(model, by_hand, ages=[5], detection_snr=2.0)
    assert trajectory["time"].tolist()[0] == 100.0
    assert trajectory["n_detections"].tolist() == [2, 0, 0]


def test_nothing_observed_at_all(shared_models, by_hand):
    nothing = by_hand.iloc[2:]
    assert score_trajectory(shared_models["lstm"], nothing).shape == (0, 7)
    shared = score_trajectory(shared_models["lstm"], nothing, ages=[1.0], method="shared")
    expected = shared_models["lstm"].predict_proba(nothing)[:, 1]
    assert shared["probability"].to_numpy() == pytest.approx(expected, abs=1e-6)


def test_more_classes_and_the_one_that_is_wanted(X):
    many, y = make_transients(5, 5, n_sn_ii=5, random_state=0)
    model = make_model((many, y), CLASSIFIERS["lstm"]())
    for label in model.classes_:
        shared = score_trajectory(model, X, ages=AGES, pos_label=label, method="shared")
        recomputed = score_trajectory(model, X, ages=AGES, pos_label=label, method="recompute")
        pd.testing.assert_frame_equal(shared, recomputed, rtol=0, atol=1e-6)
    default = score_trajectory(model, X, ages=AGES)
    pd.testing.assert_frame_equal(default, score_trajectory(model, X, ages=AGES, pos_label="TDE"))


def test_the_class_of_the_estimator_is_the_default(by_hand, simulated):
    model = Constant().fit(*simulated)
    model.pos_label_ = "SN Ia"
    assert score_trajectory(model, by_hand, ages=[5])["probability"].tolist() == [0.03, 0.02, 0.0]


def test_a_bar_only_if_asked_for_and_on_a_terminal(by_hand, simulated, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    model = Constant().fit(*simulated)
    for verbose, stream, shown in ((1, Terminal(), True), (0, Terminal(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        score_trajectory(model, by_hand, verbose=verbose)
        assert bool(stream.getvalue()) == shown
    monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
    score_trajectory(model, by_hand, verbose=1)
    assert not stream.getvalue()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ages": [-1.0]}, "ages=.*numbers of 0 or more"),
        ({"ages": []}, "ages="),
        ({"ages": ["soon"]}, "ages="),
        ({"ages": [np.nan]}, "ages="),
        ({"pos_label": "AGN"}, "pos_label='AGN' is not among the classes"),
        ({"method": "fast"}, "The 'method' parameter of score_trajectory"),
        ({"chunk_size": 0}, "The 'chunk_size' parameter of score_trajectory"),
    ],
)
def test_what_cannot_be_done_is_refused(by_hand, simulated, arguments, message):
    with pytest.raises(ValueError, match=message):
        score_trajectory(Constant().fit(*simulated), by_hand, **arguments)


def test_what_is_no_fitted_classifier_is_refused(by_hand):
    for estimator in (LightCurveGridder(), Constant, None):
        with pytest.raises(TypeError, match="^estimator: expected a fitted classifier"):
            score_trajectory(estimator, by_hand)
    with pytest.raises(NotFittedError):
        score_trajectory(Constant(), by_hand)


def test_the_first_time_that_a_threshold_is_reached(by_hand, simulated):
    trajectory = score_trajectory(Constant().fit(*simulated), by_hand, pos_label="SN Ia")
    triggers = first_trigger(trajectory, 0.03)
    assert triggers.columns.tolist() == trajectory.columns.tolist()
    assert triggers["object_id"].tolist() == ["a", "b"]
    assert triggers["position"].tolist() == [0, 1]
    assert triggers.loc[0, ["time", "age", "probability"]].tolist() == [100.0, 0.0, 0.03]
    assert triggers.loc[0, ["n_observations", "n_detections"]].tolist() == [3, 1]
    assert triggers.loc[1].drop(["object_id", "position"]).isna().all()
    # Objects of one name are not one object.
    again = pd.concat([trajectory, trajectory.assign(position=trajectory["position"] + 2)])
    assert first_trigger(again, 0.03)["position"].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("threshold", [-0.1, 1.5, None, "0.5", np.nan])
def test_a_threshold_is_a_probability(by_hand, simulated, threshold):
    trajectory = score_trajectory(Constant().fit(*simulated), by_hand)
    with pytest.raises(ValueError, match="threshold must be a number from 0 to 1"):
        first_trigger(trajectory, threshold)
