"""Every container of light curves through every tool of scikit-learn that people use.

A cell gives the same bits as the cell of the NestedFrame. What scikit-learn refuses before our
code sees it fails loudly, and works on ``check_light_curves(X)``.
"""

import numpy as np
import pandas as pd
import pytest
import sklearn
from imblearn.ensemble import BalancedBaggingClassifier
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import Pipeline as SamplingPipeline
from nested_pandas import NestedFrame
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingGridSearchCV,
    RepeatedStratifiedKFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_validate,
    learning_curve,
    permutation_test_score,
    train_test_split,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import _safe_indexing

from sklearn_tde import (
    LightCurveGridder,
    LightCurveOverSampler,
    check_light_curves,
    flatten_light_curves,
    make_lstm_pipeline,
    make_transients,
)
from sklearn_tde.preprocessing import _gridder

FIELDS = ("time", "band", "flux", "flux_err")
TRANSIENTS, Y = make_transients(n_tde=8, n_sn_ia=12, random_state=0)
GROUPS = np.arange(len(Y)) // 2
X_NESTED = TRANSIENTS[["light_curve"]]


# --- containers ---------------------------------------------------------------------------------


def tables(X):
    return [pd.DataFrame(X["light_curve"].iloc[k]) for k in range(len(X))]


def structured(table):
    columns = [table[field].to_numpy(dtype="U1" if field == "band" else float) for field in FIELDS]
    return np.rec.fromarrays(columns, names=FIELDS).view(np.ndarray)


def object_array(entries):
    array = np.empty(len(entries), dtype=object)
    for k, entry in enumerate(entries):
        array[k] = entry
    return array


def by_band(table):
    keys = {"t": "time", "y": "flux", "e": "flux_err"}
    return {
        band: {key: part[field].to_numpy() for key, field in keys.items()}
        for band, part in table.groupby("band", observed=True)
    }


def list_columns(X):
    return pd.DataFrame({field: [t[field].tolist() for t in tables(X)] for field in FIELDS})


CONTAINERS = {
    "NestedFrame": X_NESTED,
    "list of DataFrames": tables(X_NESTED),
    "object array of structured arrays": object_array([structured(t) for t in tables(X_NESTED)]),
    "list of reference dicts": [by_band(t) for t in tables(X_NESTED)],
    "DataFrame of list columns": list_columns(X_NESTED),
}
FOREIGN = [name for name in CONTAINERS if name != "NestedFrame"]


def network(gridder=None, sampler=None, **params):
    params = {"hidden_dim": 4, "num_layers": 1, "max_epochs": 1, "random_state": 0} | params
    gridder = LightCurveGridder(n_steps=12) if gridder is None else gridder
    return make_lstm_pipeline(sampler=sampler, gridder=gridder, **params)


def brightness(X):
    """A small table of features: brightest flux and number of observations of each object."""
    flat = flatten_light_curves(X)
    brightest = np.full(flat.n_objects, -np.inf)
    np.maximum.at(brightest, flat.object_position, flat.flux)
    columns = {"log_flux": np.log1p(brightest), "n_observations": flat.n_observations}
    return pd.DataFrame(columns, index=flat.index)


def of_table(columns="light_curve"):
    """A linear model of the small table, beside nothing else."""
    features = ColumnTransformer([("brightness", FunctionTransformer(brightness), columns)])
    return make_pipeline(features, StandardScaler(), LogisticRegression())


# --- operations ---------------------------------------------------------------------------------


def fitted(model, X, y=Y):
    return model.fit(X, y).predict_proba(X)


def train_and_test(X):
    X_train, X_test, y_train, _ = train_test_split(X, Y, stratify=Y, random_state=0)
    return network().fit(X_train, y_train).predict_proba(X_test)


def groups_for(splitter):
    return GROUPS if isinstance(splitter, StratifiedGroupKFold) else None


def by_hand(splitter):
    def split_and_fit(X):
        return np.concatenate(
            [
                network().fit(_safe_indexing(X, train), Y[train]).decision_function(
                    _safe_indexing(X, test)
                )
                for train, test in splitter.split(X, Y, groups_for(splitter))
            ]
        )  # fmt: skip

    return split_and_fit


def by_cross_validate(splitter):
    def scores(X):
        found = cross_validate(
            network(), X, Y, groups=groups_for(splitter), cv=splitter,
            scoring=["roc_auc", "neg_log_loss"],
            return_train_score=True, error_score="raise",
        )  # fmt: skip
        return np.array([found[name] for name in sorted(found) if not name.endswith("_time")])

    return scores


def learning(X):
    found = learning_curve(
        network(), X, Y, cv=2, train_sizes=[0.6, 1.0], scoring="neg_log_loss", shuffle=True,
        random_state=0, error_score="raise",
    )  # fmt: skip
    return np.concatenate(found[1:], axis=1)


def permuted(X):
    found = permutation_test_score(
        network(), X, Y, cv=2, n_permutations=2, scoring="neg_log_loss", random_state=0
    )
    return np.append(found[1], found[0])


def searched(search, **params):
    def scores(X):
        grid = {"gridder__mask": ["observed", "coverage"]}
        found = search(network(), grid, cv=2, scoring="neg_log_loss", **params).fit(X, Y)
        return np.append(found.cv_results_["mean_test_score"], found.predict_proba(X)[:, 1])

    return scores


def tuned(X):
    model = TunedThresholdClassifierCV(network(), cv=2, thresholds=20).fit(X, Y)
    return np.append(model.predict(X) == "TDE", model.best_threshold_)


def tuned_when_trained(X):
    trained = network().fit(X, Y)
    model = TunedThresholdClassifierCV(trained, cv="prefit", refit=False, thresholds=20).fit(X, Y)
    return np.append(model.predict(X) == "TDE", model.best_threshold_)


def fixed(X):
    model = FixedThresholdClassifier(network(), threshold=0.49, pos_label="TDE").fit(X, Y)
    kept = FixedThresholdClassifier(FrozenEstimator(network().fit(X, Y)), threshold=0.49)
    return np.concatenate([model.predict(X) == "TDE", kept.fit(X, Y).predict_proba(X)[:, 1]])


def calibrated(X):
    model = CalibratedClassifierCV(network(), cv=2, method="sigmoid").fit(X, Y)
    frozen = CalibratedClassifierCV(FrozenEstimator(network().fit(X, Y)), ensemble=False)
    return np.concatenate([model.predict_proba(X), frozen.fit(X, Y).predict_proba(X)])


def voting(X):
    pair = [("a", network()), ("b", network(hidden_dim=3))]
    return fitted(VotingClassifier(pair, voting="soft"), X)


def stacking(X):
    pair = [("a", network()), ("b", network(hidden_dim=3))]
    return fitted(StackingClassifier(pair, LogisticRegression(), cv=2), X)


def over_sampled(X):
    return fitted(network(sampler=LightCurveOverSampler(n_copies=1, random_state=0)), X)


REPEATED = RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=0)
OPERATIONS = {
    "train_test_split": train_and_test,
    "StratifiedKFold": by_hand(StratifiedKFold(2)),
    "StratifiedGroupKFold": by_hand(StratifiedGroupKFold(2)),
    "RepeatedStratifiedKFold": by_hand(REPEATED),
    "cross_validate": by_cross_validate(StratifiedKFold(2, shuffle=True, random_state=0)),
    "cross_validate by group": by_cross_validate(StratifiedGroupKFold(2)),
    "cross_validate repeatedly": by_cross_validate(REPEATED),
    "cross_val_predict": lambda X: cross_val_predict(network(), X, Y, cv=2, method="predict_proba"),
    "learning_curve": learning,
    "permutation_test_score": permuted,
    "GridSearchCV": searched(GridSearchCV),
    "HalvingGridSearchCV": searched(HalvingGridSearchCV, random_state=0, factor=2),
    "TunedThresholdClassifierCV": tuned,
    "TunedThresholdClassifierCV, prefit": tuned_when_trained,
    "FixedThresholdClassifier": fixed,
    "CalibratedClassifierCV": calibrated,
    "VotingClassifier": voting,
    "StackingClassifier": stacking,
    "imblearn Pipeline": over_sampled,
}  # fmt: skip
#: What makes an array of X by itself: only a NestedFrame survives that.
MAKING_ARRAYS = {
    "BaggingClassifier": lambda X: fitted(
        BaggingClassifier(network(), n_estimators=2, random_state=0), X
    ),
    "BalancedBaggingClassifier": lambda X: fitted(
        BalancedBaggingClassifier(network(), n_estimators=2, random_state=0), X
    ),
    "RandomOverSampler": lambda X: fitted(
        SamplingPipeline([("sampler", RandomOverSampler(random_state=0)), *network().steps]), X
    ),
    "ColumnTransformer": lambda X: fitted(of_table(["light_curve"]), X),
}


@pytest.fixture(scope="module")
def expected():
    """The results of the NestedFrame, each computed once, when it is first asked for."""
    results = {}

    def result(operation):
        if operation not in results:
            results[operation] = (OPERATIONS | MAKING_ARRAYS)[operation](X_NESTED)
        return results[operation]

    return result


@pytest.mark.parametrize("container", FOREIGN)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_container_gives_the_same_bits(operation, container, expected):
    found = OPERATIONS[operation](CONTAINERS[container])
    assert np.isfinite(found).all()
    assert len(np.unique(found)) > 2
    np.testing.assert_array_equal(found, expected(operation))


def test_worker_processes_give_the_same_bits(expected):
    for name, X in CONTAINERS.items():
        scores = searched(GridSearchCV, n_jobs=2)(X)
        np.testing.assert_array_equal(scores, expected("GridSearchCV"), err_msg=name)


# --- what makes an array of X -------------------------------------------------------------------

#: What scikit-learn says of a container that it would make an array of.
REFUSED = (
    "inhomogeneous|Expected 2D array|list columns lose their names|are not columns|tuple index"
)


@pytest.mark.parametrize("container", FOREIGN)
@pytest.mark.parametrize("operation", MAKING_ARRAYS)
def test_what_makes_an_array_of_x_takes_a_nested_frame(operation, container, expected):
    X = CONTAINERS[container]
    if (operation, container) == ("RandomOverSampler", "DataFrame of list columns"):
        np.testing.assert_array_equal(MAKING_ARRAYS[operation](X), expected(operation))
    else:
        with pytest.raises((ValueError, TypeError, IndexError), match=f"(?i){REFUSED}"):
            MAKING_ARRAYS[operation](X)
    found = MAKING_ARRAYS[operation](check_light_curves(X))
    np.testing.assert_array_equal(found, expected(operation))


@pytest.mark.parametrize("operation", ["BaggingClassifier", "BalancedBaggingClassifier"])
def test_bagging_takes_a_column_of_anything(operation, expected):
    for entries in (
        tables(X_NESTED),
        [structured(t) for t in tables(X_NESTED)],
        [by_band(t) for t in tables(X_NESTED)],
        [t.to_dict("list") for t in tables(X_NESTED)],
    ):
        column = object_array(entries).reshape(-1, 1)
        np.testing.assert_array_equal(MAKING_ARRAYS[operation](column), expected(operation))


@pytest.mark.parametrize("operation", [*MAKING_ARRAYS, "StackingClassifier"])
def test_curves_of_one_length_are_not_taken_for_a_table_of_numbers(operation):
    short = [t.iloc[:4] for t in tables(X_NESTED)]
    nested = check_light_curves(short)
    run, read = (OPERATIONS | MAKING_ARRAYS)[operation], 0
    expected = run(nested)
    for X in (
        short,
        [structured(t) for t in short],
        np.array([structured(t) for t in short]),
        np.array([structured(t) for t in short], dtype=object),
        [by_band(t) for t in short],
        list_columns(nested),
    ):
        try:
            found = run(X)
        except (ValueError, TypeError, IndexError):
            continue
        np.testing.assert_array_equal(found, expected)
        read += 1
    assert read == {"StackingClassifier": 5, "ColumnTransformer": 0}.get(operation, 2)


def test_a_table_of_structured_arrays_has_one_object_per_row():
    short = [t.iloc[:4] for t in tables(X_NESTED)]
    rows = np.array([structured(t) for t in short])
    assert rows.shape == (len(short), 4)
    expected = MAKING_ARRAYS["BaggingClassifier"](check_light_curves(short))
    np.testing.assert_array_equal(MAKING_ARRAYS["BaggingClassifier"](rows), expected)


def test_bagging_loses_the_columns_of_the_objects_and_says_so_when_they_are_needed(expected):
    with_context = network(LightCurveGridder(n_steps=12, context=("redshift",)))
    bagging = BaggingClassifier(with_context, n_estimators=2, random_state=0)
    with pytest.raises(ValueError, match="context column 'redshift' is missing"):
        bagging.fit(TRANSIENTS, Y)
    # Columns that no step names do not matter, behind the light curves ...
    found = MAKING_ARRAYS["BaggingClassifier"](TRANSIENTS[["light_curve", "redshift"]])
    np.testing.assert_array_equal(found, expected("BaggingClassifier"))
    # ... and before them could be what a stacking has put there.
    with pytest.raises(TypeError, match="Expected light curves first"):
        MAKING_ARRAYS["BaggingClassifier"](TRANSIENTS[["redshift", "light_curve"]])


def test_list_columns_in_an_array_name_the_remedy():
    array = np.asarray(list_columns(X_NESTED))
    assert array.shape == (len(Y), 4)
    with pytest.raises(TypeError, match=r"lose their names in an array.*check_light_curves\(X\)"):
        network().fit(array, Y)


# --- tables of features beside the network ------------------------------------------------------


# A stacking hands its own table on, and then wonders about its names.
@pytest.mark.filterwarnings("ignore:X has feature names")
def test_features_and_columns_of_the_objects_stand_beside_the_network():
    table = ColumnTransformer(
        [
            ("brightness", FunctionTransformer(brightness), "light_curve"),
            ("redshift", StandardScaler(), ["redshift"]),
        ]
    )
    linear = make_pipeline(table, LogisticRegression())
    with_context = network(LightCurveGridder(n_steps=12, context=("redshift",)))
    model = VotingClassifier([("table", linear), ("network", with_context)], voting="soft")
    found = fitted(model, TRANSIENTS)
    assert linear.fit(TRANSIENTS, Y)[0].transform(TRANSIENTS).shape == (len(Y), 3)
    separate = [clone(part).fit(TRANSIENTS, Y).predict_proba(TRANSIENTS)
                for part in (linear, with_context)]  # fmt: skip
    np.testing.assert_array_equal(found, np.mean(separate, axis=0))
    # The same of a list of mappings, which hold the redshift as a single value.
    entries = [
        by_band(t) | {"redshift": z}
        for t, z in zip(tables(TRANSIENTS), TRANSIENTS["redshift"], strict=True)
    ]
    np.testing.assert_array_equal(fitted(model, check_light_curves(entries)), found)
    stacked = StackingClassifier(model.estimators, LogisticRegression(), cv=2)
    with_numpy = fitted(stacked, TRANSIENTS)
    assert with_numpy.shape == (len(Y), 2)
    with sklearn.config_context(transform_output="pandas"):
        np.testing.assert_array_equal(fitted(stacked, TRANSIENTS), with_numpy)
        np.testing.assert_array_equal(fitted(network(), X_NESTED), fitted(network(), X_NESTED))


def test_a_grid_does_not_go_through_a_column_transformer():
    grid = ColumnTransformer([("grid", LightCurveGridder(n_steps=12), ["light_curve"])])
    with pytest.raises(ValueError, match="output of the 'grid' transformer should be 2D"):
        grid.fit_transform(X_NESTED)
    with pytest.raises(ValueError, match="no table can hold"):
        grid.set_output(transform="pandas")


# --- stacking with X passed through -------------------------------------------------------------


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("last", ["linear", "network", "grid"])
def test_stacking_that_passes_x_through_fails_and_never_ignores_the_members(last, container):
    finals = {
        "linear": LogisticRegression(),
        "network": network()[-1],
        "grid": network(),
    }
    model = StackingClassifier([("a", network())], finals[last], cv=2, passthrough=True)
    with pytest.raises((ValueError, TypeError)) as raised:
        model.fit(CONTAINERS[container], Y)
    said = str(raised.value)
    if (last, container) == ("grid", "NestedFrame"):
        assert "StackingClassifier(passthrough=True)" in said
    elif container in ("NestedFrame", "DataFrame of list columns"):
        assert "array element with a sequence" in said or "lose their names" in said
    else:
        assert "inhomogeneous" in said or "must have same number of dimensions" in said


# --- caching ------------------------------------------------------------------------------------


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_cache_grids_once_and_changes_nothing(container, tmp_path, monkeypatch, expected):
    calls = []
    grid_curves = _gridder.grid_curves

    def counted(*args, **kwargs):
        calls.append(1)
        return grid_curves(*args, **kwargs)

    monkeypatch.setattr(_gridder, "grid_curves", counted)
    X = CONTAINERS[container]
    without = network().fit(X, Y).decision_function(X)
    cached = Pipeline(network().steps, memory=str(tmp_path))
    first = clone(cached).fit(X, Y)
    calls.clear()
    second = clone(cached).set_params(classifier__max_epochs=1).fit(X, Y)
    assert not calls
    other = clone(cached).set_params(gridder__mask="coverage").fit(X, Y)
    assert calls
    for model in (first, second):
        np.testing.assert_array_equal(model.decision_function(X), without)
    assert (other.decision_function(X) != without).any()


# --- what goes wrong in silence elsewhere -------------------------------------------------------


def test_the_random_over_sampler_keeps_light_curves_only():
    resampled, labels = RandomOverSampler(random_state=0).fit_resample(X_NESTED, Y)
    assert isinstance(resampled, np.ndarray)
    assert resampled.dtype == object
    assert len(check_light_curves(resampled)) == len(labels) == 24
    ours, _ = LightCurveOverSampler(random_state=0).fit_resample(TRANSIENTS, Y)
    assert isinstance(ours, NestedFrame)
    assert list(ours.columns) == list(TRANSIENTS.columns)
