import json
import sys
import zipfile
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from imblearn.ensemble import BalancedBaggingClassifier, BalancedRandomForestClassifier
from imblearn.pipeline import Pipeline as ImblearnPipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import SelectKBest, VarianceThreshold, chi2
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.inspection import partial_dependence
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    RepeatedStratifiedKFold,
    StratifiedKFold,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    Normalizer,
    OneHotEncoder,
    PolynomialFeatures,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier
from skorch.callbacks import EpochTimer

from sklearn_tde import (
    EnsembleTransientClassifier,
    LightCurveGridder,
    LightCurveOverSampler,
    LSTMTransientClassifier,
    load_model,
    make_feature_pipeline,
    make_lstm_pipeline,
    make_tde_classifier,
    make_transients,
    save_model,
)
from sklearn_tde.calibration import ConformalTransientClassifier, PriorAdjustedClassifier
from sklearn_tde.evaluation import cross_validation_report, tde_scorers
from sklearn_tde.persistence import ModelFileError, read_model_card
from sklearn_tde.preprocessing import LightCurveFeatures

pytest.importorskip("skops", reason='needs the extra "share"')


@pytest.fixture(scope="module")
def transients():
    return make_transients(n_tde=8, n_sn_ia=12, random_state=0)


def small(**params):
    return make_lstm_pipeline(
        gridder=LightCurveGridder(n_steps=10),
        **{"hidden_dim": 4, "num_layers": 1, "max_epochs": 1, "random_state": 0} | params,
    )


@pytest.fixture(scope="module")
def fitted(transients):
    return small().fit(*transients)


@pytest.fixture
def saved(fitted, tmp_path):
    path = tmp_path / "model.tde"
    save_model(fitted, path, description="Simulated light curves.")
    return path


def members(path):
    """The members of a model file, as anyone can read them."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def host_table(X):
    """Columns of the objects, one value missing."""
    redshift = X["redshift"].to_numpy(float).copy()
    redshift[3] = np.nan
    return pd.DataFrame({"redshift": redshift, "square": redshift**2})


def recommended(**params):
    """The recommended classifier with fewer trees and a smaller network."""
    model = make_tde_classifier(simulations=False, cv=2, random_state=0, verbose=0)
    few = {"features__groups": ("color", "shape"), "classifier__n_estimators": 3}
    few = {f"features__{name}": value for name, value in few.items()}
    return model.set_params(**few, lstm=small(), **params)


def make_members(**params):
    """Two members with the same first step, and a boosted one with another."""
    boosted = make_feature_pipeline(
        features=LightCurveFeatures(groups=("color", "shape")),
        classifier=HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=2),
    )
    members = [("a", small()), ("b", small(hidden_dim=3)), ("c", boosted)]
    return EnsembleTransientClassifier(members, random_state=0, **params)


# What can be shared

SEARCHED = {"classifier__hidden_dim": [3, 4]}
FOLDS = StratifiedKFold(2, shuffle=True, random_state=0)
LIGHT_CURVE_MODELS = {
    "pipeline": lambda fitted: small(),
    "three layers, one direction": lambda fitted: small(num_layers=3, bidirectional=False),
    "routed weights": lambda fitted: Pipeline(
        [
            ("gridder", LightCurveGridder(n_steps=10)),
            ("classifier", small()[-1].set_fit_request(sample_weight=True)),
        ]
    ),
    "under-sampled": lambda fitted: ImblearnPipeline(
        [("sampler", RandomUnderSampler(random_state=0)), *small().steps]
    ),
    "over-sampled": lambda fitted: ImblearnPipeline(
        [("sampler", LightCurveOverSampler(random_state=0)), *small().steps]
    ),
    "tuned": lambda fitted: TunedThresholdClassifierCV(
        small(), scoring=make_scorer(f1_score, pos_label="TDE"), cv=FOLDS, store_cv_results=True
    ),
    "tuned by our scorer": lambda fitted: TunedThresholdClassifierCV(
        small(), scoring=tde_scorers()["f1"], cv=2
    ),
    "tuned, prefit": lambda fitted: TunedThresholdClassifierCV(fitted, cv="prefit", refit=False),
    "fixed": lambda fitted: FixedThresholdClassifier(
        FrozenEstimator(fitted), threshold=0.45, pos_label="TDE"
    ),
    "calibrated": lambda fitted: CalibratedClassifierCV(small(), cv=2),
    "calibrated, frozen": lambda fitted: CalibratedClassifierCV(
        FrozenEstimator(fitted), method="isotonic"
    ),
    "calibrated, temperature": lambda fitted: CalibratedClassifierCV(
        FrozenEstimator(fitted), method="temperature"
    ),
    "voting": lambda fitted: VotingClassifier(
        [("a", small()), ("b", small(random_state=1))], voting="soft"
    ),
    "stacked": lambda fitted: StackingClassifier([("a", small()), ("b", small())], cv=2),
    "bagged": lambda fitted: BaggingClassifier(small(), n_estimators=2, random_state=0),
    "bagged, balanced": lambda fitted: BalancedBaggingClassifier(
        small(), n_estimators=2, random_state=0
    ),
    "grid search": lambda fitted: GridSearchCV(
        small(), SEARCHED, cv=FOLDS, scoring=tde_scorers(), refit="average_precision"
    ),
    "randomized search": lambda fitted: RandomizedSearchCV(
        small(),
        SEARCHED,
        n_iter=2,
        cv=RepeatedStratifiedKFold(n_splits=2, n_repeats=1, random_state=0),
        scoring="roc_auc",
    ),
    "halving search": lambda fitted: HalvingGridSearchCV(
        small(), SEARCHED, cv=2, min_resources=8, random_state=0
    ),
    "one against the rest": lambda fitted: OneVsRestClassifier(small()),
    "recommended": lambda fitted: recommended(cv=FOLDS),
    "recommended, all else": lambda fitted: make_members(
        refit=True, threshold_scoring=None, weights=np.array([1.0, 2.0, 30.0]), cv=2
    ),
}
TABLE_MODELS = {
    "columns and trees": make_pipeline(
        ColumnTransformer(
            [
                ("filled", make_pipeline(SimpleImputer(add_indicator=True)), ["redshift"]),
                ("kept", "passthrough", ["square"]),
            ]
        ),
        RandomForestClassifier(n_estimators=3, random_state=0),
    ),
    "linear": make_pipeline(
        SimpleImputer(),
        FeatureUnion([("scaled", StandardScaler()), ("as it is", "passthrough")]),
        LogisticRegression(),
    ),
    "best-first tree": make_pipeline(
        SimpleImputer(), DecisionTreeClassifier(max_leaf_nodes=4, random_state=0)
    ),
    "selected by type": make_pipeline(
        ColumnTransformer(
            [
                ("a", SimpleImputer(), make_column_selector(dtype_include=np.number)),
                ("b", "drop", make_column_selector(dtype_include=[object, np.object_])),
                ("c", "drop", make_column_selector(dtype_exclude=[np.floating, np.integer])),
            ]
        ),
        GaussianNB(),
    ),
    "selected and boosted": make_pipeline(
        SimpleImputer(),
        VarianceThreshold(),
        SelectKBest(k=1),
        Normalizer(),
        AdaBoostClassifier(n_estimators=2, random_state=0),
    ),
    "selected by counts": make_pipeline(SimpleImputer(), SelectKBest(chi2, k=1), GaussianNB()),
    # Missing values stay what they are.
    "boosted": make_pipeline(
        StandardScaler(), HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=2)
    ),
    "balanced trees": BalancedRandomForestClassifier(n_estimators=3, random_state=0),
    "extra trees": ExtraTreesClassifier(n_estimators=3, random_state=0),
}


def check_round_trip(model, X, path):
    digest = save_model(model, path)
    assert digest == sha256(path.read_bytes()).hexdigest()
    loaded = load_model(path, sha256=digest)
    assert type(loaded) is type(model)
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    np.testing.assert_array_equal(loaded.classes_, model.classes_)
    assert loaded.classes_.dtype == model.classes_.dtype
    return loaded


@pytest.mark.parametrize("name", LIGHT_CURVE_MODELS)
def test_a_loaded_model_gives_the_same_bits(name, transients, fitted, tmp_path):
    X, y = transients
    with sklearn.config_context(enable_metadata_routing=name == "routed weights"):
        model = LIGHT_CURVE_MODELS[name](fitted).fit(X, y)
    loaded = check_round_trip(model, X, tmp_path / "model.tde")
    assert getattr(loaded, "best_threshold_", None) == getattr(model, "best_threshold_", None)
    assert getattr(loaded, "threshold", None) == getattr(model, "threshold", None)


@pytest.mark.parametrize("name", TABLE_MODELS)
def test_models_of_object_columns_are_shared_too(name, transients, tmp_path):
    X, y = transients
    table = host_table(X)
    check_round_trip(TABLE_MODELS[name].fit(table, y), table, tmp_path / "model.tde")


@pytest.mark.parametrize(
    "params",
    [{}, {"early_stopping": True, "scoring": "accuracy"}, {"max_features": 0.5}, {"max_depth": 1}],
    ids=str,
)
@pytest.mark.parametrize("labels", [["SN Ia", "TDE"], ["AGN", "SN Ia", "TDE"]], ids=len)
def test_boosted_trees_come_back_with_all_they_can_do(params, labels, tmp_path):
    rng = np.random.default_rng(0)
    X = np.where(rng.random((90, 3)) < 0.2, np.nan, rng.normal(size=(90, 3)))
    y = np.asarray(labels)[np.arange(90) % len(labels)]
    model = HistGradientBoostingClassifier(max_iter=3, random_state=0, **params).fit(X, y)
    loaded = check_round_trip(model, X, tmp_path / "model.tde")
    # A tree of 30 leaves has 4 kB of nodes; the text around each takes less.
    assert (tmp_path / "model.tde").stat().st_size < 30_000 + 8_000 * 3 * len(labels)
    for method in ("staged_predict_proba", "staged_decision_function"):
        stages = zip(getattr(loaded, method)(X), getattr(model, method)(X), strict=True)
        for found, expected in stages:
            np.testing.assert_array_equal(found, expected)
    dependence = [
        partial_dependence(m, X, [0, 2], method="recursion", response_method="decision_function")
        for m in (loaded, model)
    ]
    np.testing.assert_array_equal(dependence[0].average, dependence[1].average)
    # The next trees are drawn from the same generator.
    for m in (loaded, model):
        m.set_params(warm_start=True, max_iter=6).fit(X, y)
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize(
    "labels", [["AGN", "SN Ia", "TDE"], [0, 1, 2], np.array(["b", "c"], dtype=object), [-1.0, 2.0]]
)
def test_labels_of_every_kind_come_back(labels, tmp_path):
    X = np.random.default_rng(0).normal(size=(24, 5))
    y = np.asarray(labels)[np.arange(24) % len(labels)]
    weight = {label: k + 1.0 for k, label in enumerate(np.unique(y).tolist())}
    model = LSTMTransientClassifier(
        hidden_dim=3, max_epochs=1, random_state=0, class_weight=weight
    ).fit(X, y)
    loaded = check_round_trip(model, X, tmp_path / "model.tde")
    assert loaded.class_weight == weight
    assert loaded.class_count_.tolist() == model.class_count_.tolist()
    assert loaded.history_ == model.history_


def test_a_loaded_model_is_trained_further(transients, fitted, saved):
    X, y = transients
    loaded = load_model(saved)
    loaded.set_params(classifier__warm_start=True).fit(X, y)
    assert loaded[-1].n_iter_ == 2
    assert (loaded.predict_proba(X) != fitted.predict_proba(X)).any()


def test_a_model_of_a_cross_validation_report_is_shared(transients, tmp_path):
    X, y = transients
    report = cross_validation_report(
        small(), X, y, cv=2, threshold="tune", threshold_cv=2, return_estimators=True
    )
    check_round_trip(report.estimators_[0], X, tmp_path / "model.tde")


# What is in the file


def test_the_same_model_has_the_same_hash(fitted, saved, tmp_path):
    save_model(load_model(saved), tmp_path / "again.tde")
    first, second = (
        json.loads(members(path)["metadata.json"]) for path in (saved, tmp_path / "again.tde")
    )
    assert first["model_sha256"] == second["model_sha256"]
    assert first["model_sha256"] == sha256(members(saved)["model.skops"]).hexdigest()


def test_no_memory_beside_the_numbers_of_a_tree_is_in_the_file(transients, tmp_path):
    features = LightCurveFeatures(groups=("brightness",))
    model = make_feature_pipeline(features=features, classifier=DecisionTreeClassifier())
    model.fit(*transients)
    nodes = model[-1].tree_.__getstate__()["nodes"]
    gap = nodes.dtype.fields["missing_go_to_left"][1] + 1
    in_memory = nodes.view(np.uint8).reshape(len(nodes), -1)
    digests = set()
    for k, rubbish in enumerate((0, 255)):
        in_memory[:, gap:] = rubbish
        assert in_memory.shape[1] > gap
        save_model(model, tmp_path / f"{k}.tde")
        # The file itself holds the time.
        digests.add(json.loads(members(tmp_path / f"{k}.tde")["metadata.json"])["model_sha256"])
    assert len(digests) == 1
    assert load_model(tmp_path / "1.tde")[-1].tree_.node_count == len(nodes)


def test_metadata_say_what_the_model_is(transients, tmp_path):
    X, y = transients
    model = TunedThresholdClassifierCV(
        small(max_epochs=2), cv=2, scoring=make_scorer(f1_score, pos_label="TDE")
    ).fit(X, y)
    save_model(model, tmp_path / "model.tde", description="A test.")
    facts = json.loads(members(tmp_path / "model.tde")["metadata.json"])
    network = model.estimator_[-1]
    assert facts["format_version"] == 1
    assert facts["classes"] == ["SN Ia", "TDE"]
    assert facts["bands"] == ["g", "r"]
    assert facts["description"] == "A test."
    assert facts["thresholds"] == [
        {"where": "", "threshold": model.best_threshold_, "pos_label": "TDE"}
    ]
    assert facts["networks"] == [
        {
            "where": "estimator_.classifier",
            "objects_per_class": {"SN Ia": 12, "TDE": 8},
            "epochs": 2,
            "final_train_loss": network.history_[-1]["train_loss"],
        }
    ]
    assert facts["parameters"]["estimator__classifier__hidden_dim"] == 4
    assert facts["versions"]["scikit-learn"] == sklearn.__version__
    libraries = {"python", "sklearn_tde", "torch", "skorch", "skops", "numpy", "imbalanced-learn"}
    assert libraries < set(facts["versions"])


@pytest.mark.parametrize("pos_label", ["SN Ia", "TDE"])
def test_metadata_tell_the_class_that_a_threshold_was_tuned_for(pos_label, tmp_path):
    """Not the one that it would be by default."""
    X = np.random.default_rng(0).normal(size=(20, 2))
    model = TunedThresholdClassifierCV(
        LogisticRegression(), cv=2, scoring=make_scorer(f1_score, pos_label=pos_label)
    ).fit(X, np.array(["SN Ia", "TDE"] * 10))
    save_model(model, tmp_path / "model.tde")
    facts = json.loads(members(tmp_path / "model.tde")["metadata.json"])
    assert facts["thresholds"] == [
        {"where": "", "threshold": model.best_threshold_, "pos_label": pos_label}
    ]
    assert f"| {pos_label} from " in read_model_card(tmp_path / "model.tde")


def test_the_card_tells_people_the_same(saved):
    card = read_model_card(saved)
    assert card == members(saved)["README.md"].decode()
    for text in ("SN Ia, TDE", "Simulated light curves.", "12 SN Ia, 8 TDE; 1 epochs", "| g, r |"):
        assert text in card
    assert "load_model(" in card
    assert "The probabilities are those of the training sample" in card
    assert "- torch " in card


def test_the_card_cannot_steer_a_terminal(fitted, tmp_path):
    path = tmp_path / "model.tde"
    save_model(fitted, path, description="\x1b[2Jnothing to see\u202e")
    card = read_model_card(path)
    assert "nothing to see" in card
    assert all(c.isprintable() or c == "\n" for c in card)


def test_networks_inside_ensembles_are_all_described(transients, tmp_path):
    model = BaggingClassifier(small(), n_estimators=2, random_state=0).fit(*transients)
    save_model(model, tmp_path / "model.tde")
    networks = json.loads(members(tmp_path / "model.tde")["metadata.json"])["networks"]
    assert [n["where"] for n in networks] == [
        "estimators_[0].classifier",
        "estimators_[1].classifier",
    ]
    assert all(sum(n["objects_per_class"].values()) == 20 for n in networks)


def test_an_ensemble_is_described_with_its_threshold(transients, tmp_path):
    model = recommended(pos_label="SN Ia").fit(*transients)
    save_model(model, tmp_path / "model.tde")
    facts = json.loads(members(tmp_path / "model.tde")["metadata.json"])
    assert facts["bands"] == ["g", "r"]
    assert facts["thresholds"] == [
        {"where": "", "threshold": model.threshold_, "pos_label": "SN Ia"}
    ]
    assert [n["where"] for n in facts["networks"]] == [
        "estimators_[1][0].classifier",
        "estimators_[1][1].classifier",
    ]
    # Copies make the networks count more than there are.
    assert sum(facts["networks"][0]["objects_per_class"].values()) > len(transients[0])
    (ensemble,) = facts["ensembles"]
    assert (ensemble["where"], ensemble["objects"]) == ("", len(transients[0]))
    assert [member["name"] for member in ensemble["members"]] == ["features", "lstm"]
    assert [member["models"] for member in ensemble["members"]] == [2, 2]
    card = read_model_card(tmp_path / "model.tde")
    assert f"| Threshold | SN Ia from {model.threshold_:.4f} on |" in card
    trees = make_feature_pipeline(
        features=LightCurveFeatures(bands=("r", "g")), classifier=GaussianNB()
    )
    save_model(trees.fit(*transients), tmp_path / "trees.tde")
    assert "| Bands | r, g |" in read_model_card(tmp_path / "trees.tde")


def test_adjusted_probabilities_and_sets_are_shared(transients, tmp_path):
    X, y = transients
    trees = make_feature_pipeline(classifier=GaussianNB())
    ensemble = EnsembleTransientClassifier([("bayes", trees)], cv=2, random_state=0)
    adjusted = PriorAdjustedClassifier(ensemble, prior={"TDE": 0.02, "SN Ia": 0.98}).fit(X, y)
    save_model(adjusted, tmp_path / "adjusted.tde")
    loaded = load_model(tmp_path / "adjusted.tde")
    np.testing.assert_array_equal(loaded.predict_proba(X), adjusted.predict_proba(X))
    np.testing.assert_array_equal(loaded.predict(X), adjusted.predict(X))
    card = read_model_card(tmp_path / "adjusted.tde")
    assert f"| Threshold | TDE from {adjusted.threshold_:.4f} on; " in card
    assert "training sample: SN Ia 98.00%, TDE 2.00%." in card
    assert "The probabilities are those of the training sample" not in card
    sets = ConformalTransientClassifier(trees, confidence_level=0.5, cv=2, random_state=0).fit(X, y)
    save_model(sets, tmp_path / "sets.tde")
    loaded = load_model(tmp_path / "sets.tde")
    np.testing.assert_array_equal(loaded.predict_set(X), sets.predict_set(X))


@pytest.mark.parametrize("kind", [str, Path])
def test_paths_of_both_kinds(kind, fitted, transients, tmp_path):
    path = kind(tmp_path / "model")
    save_model(fitted, path)
    assert load_model(path).classes_.tolist() == ["SN Ia", "TDE"]
    assert "TDE" in read_model_card(path)


def test_nothing_of_the_training_is_in_the_file(transients, fitted, saved):
    X, _ = transients
    grid = fitted[0].transform(X)
    content = b"".join(members(saved).values())
    assert not any(curve.tobytes() in content for curve in grid)
    for word in (b"AdamW", b"exp_avg", b"Sequences"):
        assert word not in content


# What is not saved


class OwnTransformer(BaseEstimator):
    """An estimator that nobody else has."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X


class OwnClassifier(ClassifierMixin, BaseEstimator):
    """A classifier that nobody else has."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def own_metric(y_true, y_pred):
    return 0.5


def refused(model, path):
    with pytest.raises(ModelFileError) as caught:
        save_model(model, path)
    assert not path.exists()
    message = str(caught.value)
    assert repr(str(path)) in message
    return message


def test_an_unfitted_model_is_not_saved(tmp_path):
    with pytest.raises(NotFittedError, match="Pipeline is not fitted; expected a fitted"):
        save_model(small(), tmp_path / "model.tde")
    assert not list(tmp_path.iterdir())


def test_only_classifiers_are_saved(transients, tmp_path):
    gridder = LightCurveGridder().fit(transients[0])
    message = refused(gridder, tmp_path / "model.tde")
    assert "it is a LightCurveGridder; expected a fitted classifier" in message
    assert "it is a dict" in refused({"a": 1}, tmp_path / "model.tde")


def test_callbacks_are_named(transients, tmp_path):
    model = small(callbacks=[EpochTimer()]).fit(*transients)
    message = refused(model, tmp_path / "model.tde")
    assert "classifier__callbacks=" in message
    assert "set callbacks=None" in message
    save_model(model.set_params(classifier__callbacks=None), tmp_path / "model.tde")


def test_callbacks_of_a_clone_inside_are_named(transients, tmp_path):
    model = CalibratedClassifierCV(small(callbacks=[EpochTimer()]), cv=2).fit(*transients)
    model.set_params(estimator__classifier__callbacks=None)
    message = refused(model, tmp_path / "model.tde")
    assert "calibrated_classifiers_[0].estimator.steps[1][1].callbacks: callbacks are" in message


def test_a_cache_is_named(transients, tmp_path):
    model = Pipeline(small().steps, memory=str(tmp_path / "cache")).fit(*transients)
    message = refused(model, tmp_path / "model.tde")
    assert "memory=" in message
    assert "set memory=None" in message


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (
            make_pipeline(SimpleImputer(), FunctionTransformer(np.log1p), LogisticRegression()),
            "steps[1][1].func: a function is code",
        ),
        (
            make_pipeline(SimpleImputer(), FunctionTransformer(lambda X: X), LogisticRegression()),
            "steps[1][1].func: a function is code",
        ),
        (make_pipeline(SimpleImputer(), OwnTransformer(), LogisticRegression()), "OwnTransformer"),
        (OwnClassifier(), "OwnClassifier"),
        (
            GridSearchCV(
                make_pipeline(SimpleImputer(), LogisticRegression()),
                {"logisticregression__C": [1.0]},
                scoring=make_scorer(own_metric),
                cv=2,
            ),
            "own_metric (FunctionNode)",
        ),
        (
            make_pipeline(
                SimpleImputer(), LogisticRegression(random_state=np.random.RandomState(0))
            ),
            "steps[1][1].random_state: numpy.random",
        ),
        (make_pipeline(OneHotEncoder(), LogisticRegression()), "OneHotEncoder"),
        (
            make_pipeline(SimpleImputer(), PolynomialFeatures(), LogisticRegression()),
            "PolynomialFeatures",
        ),
        (make_pipeline(SimpleImputer(), SGDClassifier(random_state=0)), "SGDClassifier"),
        (
            HistGradientBoostingClassifier(max_iter=1, categorical_features=[0]),
            "is_categorical_: columns of categories are not shared; turn them into numbers",
        ),
        (
            HistGradientBoostingClassifier(max_iter=1, warm_start=True),
            "warm_start: training further does not compare the columns",
        ),
        (
            make_pipeline(SimpleImputer(), GradientBoostingClassifier(n_estimators=1)),
            "GradientBoostingClassifier",
        ),
    ],
)
def test_functions_and_unlisted_estimators_are_named(model, expected, transients, tmp_path):
    X, y = transients
    message = refused(model.fit(host_table(X), y), tmp_path / "model.tde")
    assert expected in message
    assert "not on the list of trusted types" in message


def labelled_by_truth(class_weight):
    X = np.random.default_rng(0).normal(size=(12, 3))
    return LSTMTransientClassifier(
        hidden_dim=3, max_epochs=1, random_state=0, class_weight=class_weight
    ).fit(X, np.arange(12) % 2 == 0), X


def test_keys_that_would_come_back_as_others_are_refused_with_advice(tmp_path):
    model, _ = labelled_by_truth({False: 1.0, True: 2.0})
    message = refused(model, tmp_path / "model.tde")
    assert "class_weight: builtins.bool (type of a key: " in message
    assert "use 0 and 1" in message


def test_the_advice_on_boolean_keys_holds(tmp_path):
    model, X = labelled_by_truth({0: 1.0, 1: 2.0})
    loaded = check_round_trip(model, X, tmp_path / "model.tde")
    by_truth, _ = labelled_by_truth({False: 1.0, True: 2.0})
    np.testing.assert_array_equal(loaded.predict_proba(X), by_truth.predict_proba(X))


@pytest.mark.parametrize("attribute", ["class_count_", "history_", "n_iter_"])
def test_a_network_of_an_earlier_version_is_named(attribute, transients, tmp_path):
    model = small().fit(*transients)
    delattr(model[-1], attribute)
    message = refused(model, tmp_path / "model.tde")
    assert f"classifier: the LSTMTransientClassifier has no {attribute}" in message
    assert "fit it again" in message


@pytest.mark.parametrize(
    ("description", "error", "expected"),
    [
        (5, TypeError, "description=5; expected text or None"),
        (b"text", TypeError, "description=b'text'; expected text or None"),
        ("a\ud800", ValueError, "no UTF-8 form at position 1; expected text without lone"),
    ],
)
def test_a_description_is_text(description, error, expected, fitted, tmp_path):
    with pytest.raises(error, match=expected) as caught:
        save_model(fitted, tmp_path / "model.tde", description=description)
    assert type(caught.value) is error
    assert not list(tmp_path.iterdir())


# Writing


def test_a_failed_write_leaves_nothing_behind_and_the_old_file_alone(fitted, tmp_path, monkeypatch):
    path = tmp_path / "model.tde"
    path.write_bytes(b"older")

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        save_model(fitted, path)
    assert [p.name for p in tmp_path.iterdir()] == ["model.tde"]
    assert path.read_bytes() == b"older"


def test_an_existing_file_is_replaced_with_the_usual_permissions(fitted, tmp_path):
    (tmp_path / "other").write_bytes(b"")
    path = tmp_path / "model.tde"
    path.write_bytes(b"older")
    digest = save_model(fitted, path)
    assert load_model(path, sha256=digest.upper())
    assert path.stat().st_mode == (tmp_path / "other").stat().st_mode
    assert len(list(tmp_path.iterdir())) == 2


def test_folders_are_no_files(fitted, tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder"):
        save_model(fitted, tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        save_model(fitted, tmp_path / "no" / "model.tde")
    with pytest.raises(ModelFileError, match="is no regular file"):
        load_model(tmp_path)
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "model.tde")


@pytest.mark.parametrize("call", [save_model, load_model])
def test_a_missing_extra_is_named(call, fitted, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "skops.io", None)
    arguments = (fitted, tmp_path / "model.tde")[call is load_model :]
    with pytest.raises(ImportError, match=r'pip install "sklearn-tde\[share\]"'):
        call(*arguments)


def test_the_card_needs_no_extra(saved, monkeypatch):
    monkeypatch.setitem(sys.modules, "skops.io", None)
    assert read_model_card(saved).startswith("# LightCurvePipeline: SN Ia, TDE\n")


# joblib, and another process

_ELSEWHERE = """
import joblib
from sklearn_tde import load_model, make_transients
X, _ = make_transients(n_tde=8, n_sn_ia=12, random_state=0)
for path in {paths!r}:
    model = load_model(path) if path.endswith(".tde") else joblib.load(path)
    print(model.predict_proba(X).tobytes().hex(), "".join(model.predict(X)))
"""


def test_dumped_and_saved_models_give_the_same_bits_in_a_fresh_process(
    transients, fitted, run_python, tmp_path
):
    X, y = transients
    models = {
        "pipeline": fitted,
        "tuned": TunedThresholdClassifierCV(small(), cv=2).fit(X, y),
        "calibrated": CalibratedClassifierCV(small(), cv=2).fit(X, y),
    }
    paths, expected = [], []
    for name, model in models.items():
        joblib.dump(model, tmp_path / f"{name}.joblib")
        save_model(model, tmp_path / f"{name}.tde")
        paths += [str(tmp_path / f"{name}.joblib"), str(tmp_path / f"{name}.tde")]
        expected += [f"{model.predict_proba(X).tobytes().hex()} {''.join(model.predict(X))}"] * 2
    assert run_python(_ELSEWHERE.format(paths=paths), tmp_path).splitlines() == expected


@pytest.mark.parametrize("wrap", [None, TunedThresholdClassifierCV, CalibratedClassifierCV])
def test_a_joblib_file_holds_weights_and_no_training(wrap, transients):
    X, y = make_transients(n_tde=60, n_sn_ia=90, random_state=0)
    model = small(hidden_dim=8) if wrap is None else wrap(small(hidden_dim=8), cv=2)
    model.fit(X, y)
    buffer = BytesIO()
    joblib.dump(model, buffer)
    content = buffer.getvalue()
    grid = LightCurveGridder(n_steps=10).fit_transform(X)
    n_networks = 2 if wrap is CalibratedClassifierCV else 1
    # 1,100 weights in each network; the folds' positions and the tuning curve are small.
    assert len(content) < 9_000 * n_networks + 14_000 < grid.nbytes
    assert not any(curve.tobytes() in content for curve in grid)
    observed = grid[0][grid[0][:, -2:].any(axis=1)]
    assert not any(step.tobytes() in content for step in observed)
    for word in (b"AdamW", b"exp_avg", b"Sequences", b"NeuralNet", b"Batches"):
        assert word not in content
    with_data = BytesIO()
    joblib.dump([model, grid], with_data)
    assert observed[0].tobytes() in with_data.getvalue()
