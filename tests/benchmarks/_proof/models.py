"""The models of the proof, all with the same calibration and tuning of the threshold inside."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, QuantileTransformer
from sklearn.svm import SVC

from sklearn_tde import (
    EnsembleTransientClassifier,
    LightCurveFeatures,
    LightCurveGridder,
    LSTMTransientClassifier,
    flatten_light_curves,
    make_feature_pipeline,
    make_lstm_pipeline,
    make_tde_classifier,
    make_transformer_pipeline,
    make_transients,
)

_PER_BAND = [
    "decline_{}_0_20",
    "decline_{}_0_40",
    "decline_{}_20_60",
    "decline_{}_all",
    "rise_time_{}_half",
    "fade_time_{}_half",
    "fade_time_{}_quarter",
    "time_to_peak_{}",
    "n_detections_{}",
]
_SHARED = [
    "color_g_r_peak",
    "color_g_r_peaks",
    *(f"color_g_r_mean_{window}" for window in ("rise", "0_20", "20_40", "40_80")),
    *(f"color_g_r_rate_{window}" for window in ("rise", "0_30", "0_60", "all")),
    "peak_lag_g_r",
    "detected_days",
]
#: What the 34 columns are besides: on each task those with which the forest did better.
_FURTHER = {
    "ia": ["rise_rate_{}_40", "decline_{}_40_100"],
    "all": ["n_points_{}"],
}
_HISTORY = {"ia": [], "all": ["earlier_n_detections", "later_n_detections"]}


def columns_of(names: list[str]) -> FunctionTransformer:
    """Return a transformer that keeps some columns of a table."""
    return FunctionTransformer(_keep, kw_args={"names": names})


def _keep(table: pd.DataFrame, names: list[str]) -> np.ndarray:
    return table[names].to_numpy()


def hand_made(names: list[str], groups: tuple[str, ...]) -> Any:
    """Return a transformer of light curves to some of the features."""
    features = LightCurveFeatures(groups=groups).set_output(transform="pandas")
    return make_pipeline(features, columns_of(names))


def forest(task: str) -> Any:
    """Return the baseline: a random forest of 300 trees on 34 hand-made features."""
    per_band = [name.format(band) for band in "gr" for name in _PER_BAND + _FURTHER[task]]
    names = per_band + _SHARED + _HISTORY[task]
    transformer = hand_made(names, ("color", "shape", "history", "cadence"))
    trees = RandomForestClassifier(300, class_weight="balanced", random_state=0)
    if task == "all":
        return make_pipeline(transformer, trees)
    imputer = SimpleImputer(strategy="median", keep_empty_features=True)
    return make_pipeline(transformer, imputer, trees)


def boosting() -> Any:
    """Return gradient boosting on all features, with parameters for few positives."""
    classifier = HistGradientBoostingClassifier(
        learning_rate=0.06,
        max_iter=80,
        max_leaf_nodes=8,
        min_samples_leaf=15,
        l2_regularization=1.0,
        max_features=0.3,
    )
    return make_feature_pipeline(classifier=classifier)


def pretrained_lstm() -> Any:
    """Return the LSTM pipeline whose network has learned from 4,000 simulated light curves."""
    X, y = make_transients(n_tde=1000, n_sn_ia=3000, random_state=0)
    earlier = LSTMTransientClassifier(max_epochs=15, random_state=0)
    earlier.fit(LightCurveGridder().fit_transform(X), y)
    return make_lstm_pipeline(pretrained=FrozenEstimator(earlier), lr=2e-3, max_epochs=15)


def reference_network() -> Any:
    """Return the recipe of the reference study as a pipeline, with 200 of its 500 epochs."""
    # An hour on one core, and half as long again in full precision.
    classifier = LSTMTransientClassifier.reference(max_epochs=200, mixed_precision=True)
    return make_lstm_pipeline(gridder=LightCurveGridder.reference(), **classifier.get_params())


def counts_only() -> Any:
    """Return a forest that sees counts and duration and nothing else."""
    names = ["n_points_g", "n_points_r", "n_detections_g", "n_detections_r", "detected_days"]
    return make_pipeline(
        hand_made(names, ("cadence",)), RandomForestClassifier(300, class_weight="balanced")
    )


def errors_only() -> Any:
    """Return a forest that sees the quoted errors and nothing else."""
    errors = FunctionTransformer(_errors)
    imputer = SimpleImputer(keep_empty_features=True)
    return make_pipeline(errors, imputer, RandomForestClassifier(300, class_weight="balanced"))


def _errors(X: pd.DataFrame) -> np.ndarray:
    flat = flatten_light_curves(X, bands=("g", "r"))
    table = pd.DataFrame(
        {"object": flat.object_position, "band": flat.band, "error": flat.flux_err}
    )
    found = table.groupby(["object", "band"])["error"].describe()[
        ["min", "25%", "50%", "75%", "max"]
    ]
    return found.unstack("band").reindex(range(flat.n_objects)).to_numpy()


def with_dates() -> Any:
    """Return the feature pipeline with the date of the first detection as a further feature."""
    union = FeatureUnion(
        [("features", LightCurveFeatures()), ("date", FunctionTransformer(_first_date))]
    )
    return make_feature_pipeline(features=union)


def without_templates() -> Any:
    """Return the feature pipeline without the SN Ia template and what is compared with it.

    The template was measured on 84 of the benchmark's own SNe Ia.
    """
    groups = [name for name in LightCurveFeatures().groups if name != "template"]
    return make_feature_pipeline(features=LightCurveFeatures(groups=groups))


def _first_date(X: pd.DataFrame) -> np.ndarray:
    flat = flatten_light_curves(X, bands=("g", "r"))
    return flat.time[flat.offsets[:-1]][:, None]


def mallorn() -> EnsembleTransientClassifier:
    """Return the model of the six bands: trees and support vectors on features with redshifts."""
    features = LightCurveFeatures(
        bands=("u", "g", "r", "i", "z", "y"),
        # Per-band shapes are left out: six bands share some 15 detections.
        groups=(
            "color",
            "early",
            "history",
            "template",
            "power_law",
            "temperature",
            "brightness",
            "gaussian_process",
            "activity",
            "luminosity",
        ),
        extinction=True,
        rest_frame=True,
    )
    trees = {"min_samples_leaf": 2, "class_weight": "balanced"}
    # One class against the rest: the sums over pairs of classes rank rare ones badly.
    vectors = CalibratedClassifierCV(SVC(C=5.0, gamma=1e-3), ensemble=False)
    members = {
        "extra_trees": ExtraTreesClassifier(400, max_features=0.2, **trees),
        "forest": RandomForestClassifier(400, max_features=0.15, **trees),
        "support_vectors": make_pipeline(
            SimpleImputer(strategy="median", keep_empty_features=True),
            QuantileTransformer(n_quantiles=200, output_distribution="normal"),
            OneVsRestClassifier(vectors),
        ),
    }
    return EnsembleTransientClassifier(
        [
            (name, make_feature_pipeline(features=features, classifier=classifier))
            for name, classifier in members.items()
        ],
        weights=(2, 1, 1),
        verbose=0,
    )


def make_model(name: str, task: str, n_jobs: int | None = None) -> Any:
    """Return a model by its name.

    All but the reference network are calibrated, and have their threshold tuned, by five folds
    inside the training set. The recommended one and "trees and lstm", its members on whole light
    curves and without simulations, average the models of these folds; the others are trained again
    on all.
    """
    if task == "mallorn":
        return mallorn()
    if name == "reference network":
        return reference_network()
    if name == "recommended":
        return make_tde_classifier(n_jobs=n_jobs, verbose=0)
    if name == "trees and lstm":
        members = [("features", make_feature_pipeline()), ("lstm", make_lstm_pipeline())]
        return EnsembleTransientClassifier(members, weights=(2, 1), n_jobs=n_jobs, verbose=0)
    makers = {
        "boosting": boosting,
        "features": make_feature_pipeline,
        "lstm": make_lstm_pipeline,
        "lstm, five folds averaged": make_lstm_pipeline,
        "lstm, pretrained": pretrained_lstm,
        "transformer": make_transformer_pipeline,
        "counts and duration only": counts_only,
        "errors only": errors_only,
        "features and date": with_dates,
        "features without templates": without_templates,
    }
    estimator = forest(task) if name.startswith("forest") else makers[name]()
    return EnsembleTransientClassifier(
        [("model", estimator)],
        refit=name != "lstm, five folds averaged",
        n_jobs=n_jobs,
        verbose=0,
    )
