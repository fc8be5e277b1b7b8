"""What every transformer and sampler that takes light curves promises.

scikit-learn's checks stop where X is no table of numbers. These go on, over every public estimator
that takes light curves: a new one is found by itself, and `EXAMPLES` gives it further settings.
"""

import copy
import inspect
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from nested_pandas import NestedFrame
from sklearn.base import BaseEstimator, clone
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils._param_validation import InvalidParameterError

import sklearn_tde
from sklearn_tde import (
    LightCurveGridder,
    LightCurveOverSampler,
    check_light_curves,
    flatten_light_curves,
    make_transients,
    unpack_light_curves,
)
from sklearn_tde.novelty import TransientNoveltyDetector
from sklearn_tde.preprocessing import (
    LightCurveFeatures,
    LightCurveSequencer,
    LightCurveTruncator,
    SimulationFeatures,
)
from sklearn_tde.sampling import PartialLightCurveSampler

FIELDS = ("time", "band", "flux", "flux_err")
#: Settings to check; a public estimator without one is checked as it comes.
EXAMPLES = [
    LightCurveGridder(n_steps=15),
    LightCurveGridder(
        cadence=10,
        lead=20,
        mask="coverage",
        scale="running",
        gap_inflation=0.1,
        before_start="interpolate",
        context=("redshift",),
    ),
    LightCurveGridder(bands=("r", "g"), scale=None, log_flux=False, colors=False, start="first"),
    LightCurveFeatures(groups=("color", "shape", "decay", "rebrightening", "early", "history")),
    LightCurveFeatures(
        bands=("r", "g"),
        groups=("cadence", "template", "power_law", "linex", "temperature", "brightness"),
        start="first",
        rest_frame=True,
    ),
    LightCurveSequencer(),
    LightCurveSequencer(
        bands=("r", "g"),
        duration=60,
        lead=20,
        max_observations=9,
        scale="running",
        context=("redshift",),
    ),
    # The training is the same whatever the light curves are.
    SimulationFeatures(classes=("TDE", "SN Ia"), n_objects=20, n_ages=0),
    LightCurveTruncator(age=12.0, n_detections=9, since="confirmed", bands=("g", "r")),
    LightCurveOverSampler(random_state=0),
    LightCurveOverSampler(n_copies=1, redshift_factor=1.5, time_shift=5.0, random_state=0),
    TransientNoveltyDetector(cv=2, random_state=0),
    PartialLightCurveSampler(n_copies=9, since="confirmed", duplicates="drop", random_state=0),
]


def public_estimators():
    modules = [sklearn_tde, *(getattr(sklearn_tde, room) for room in sklearn_tde._ROOMS)]
    public = {getattr(module, name) for module in modules for name in module.__all__}
    classes = [c for c in public if isinstance(c, type) and issubclass(c, BaseEstimator)]
    # A pipeline keeps what its steps promise.
    classes = [c for c in classes if not issubclass(c, Pipeline)]
    return sorted(classes, key=lambda c: c.__name__)


#: What an estimator cannot be made without; it is what it is called by, and comes first.
REQUIRED = {
    "ConformalTransientClassifier": {"estimator": DummyClassifier()},
    "EnsembleTransientClassifier": {"estimators": [("dummy", DummyClassifier())]},
    "PriorAdjustedClassifier": {"estimator": DummyClassifier()},
}


def made(estimator_class):
    return estimator_class(**REQUIRED.get(estimator_class.__name__, {}))


def takes_light_curves(estimator_class):
    return not get_tags(made(estimator_class)).input_tags.two_d_array


ESTIMATORS = EXAMPLES + [
    made(c)
    for c in public_estimators()
    if takes_light_curves(c) and not any(isinstance(example, c) for example in EXAMPLES)
]


def numbered(estimators):
    return [
        pytest.param(e, id=f"{type(e).__name__}-{k}") for k, e in enumerate(e for e in estimators)
    ]


TRANSFORMERS = numbered(e for e in ESTIMATORS if hasattr(e, "transform"))
SAMPLERS = numbered(e for e in ESTIMATORS if hasattr(e, "fit_resample"))
every_class = pytest.mark.parametrize("estimator_class", public_estimators())
every_estimator = pytest.mark.parametrize("estimator", numbered(ESTIMATORS))
every_transformer = pytest.mark.parametrize("transformer", TRANSFORMERS)
every_sampler = pytest.mark.parametrize("sampler", SAMPLERS)


# --- containers ---------------------------------------------------------------------------------


def tables(X):
    return [pd.DataFrame(X["light_curve"].iloc[k])[list(FIELDS)] for k in range(len(X))]


def structured(table):
    columns = [table[field].to_numpy(dtype="U1" if field == "band" else float) for field in FIELDS]
    array = np.rec.fromarrays(columns, names=FIELDS).view(np.ndarray)
    array.flags.writeable = False
    return array


def object_array(entries):
    array = np.empty(len(entries), dtype=object)
    for k, entry in enumerate(entries):
        array[k] = entry
    return array


def by_band(table):
    """An object of the reference study, without the bands that it lacks."""
    keys = {"t": "time", "y": "flux", "e": "flux_err"}
    return {
        band: {key: part[field].to_numpy() for key, field in keys.items()}
        for band, part in table.groupby("band", observed=True)
    }


def redshifts(X):
    return [{"redshift": z} for z in X["redshift"]]


#: The first hold a redshift too, as a column or as a single value of each object.
WITH_REDSHIFT = {
    "nested frame": lambda X: X,
    "frame of tables": lambda X: pd.DataFrame(
        {"light_curve": tables(X), "redshift": X["redshift"].to_numpy()}
    ),
    "list columns": lambda X: pd.DataFrame(
        {field: [t[field].tolist() for t in tables(X)] for field in FIELDS}
        | {"redshift": X["redshift"].to_numpy()}
    ),
    "mappings": lambda X: [
        t.to_dict("list") | z for t, z in zip(tables(X), redshifts(X), strict=True)
    ],
    "reference dicts": lambda X: [
        by_band(t) | z for t, z in zip(tables(X), redshifts(X), strict=True)
    ],
    "in two chunks": lambda X: pd.concat([X.iloc[:3], X.iloc[3:]]),
}
WITHOUT_REDSHIFT = {
    "nested series": lambda X: X["light_curve"],
    "list of tables": tables,
    "tuple of tables": lambda X: tuple(tables(X)),
    "series of tables": lambda X: pd.Series(tables(X)),
    "object array of tables": lambda X: object_array(tables(X)),
    "structured arrays": lambda X: object_array([structured(t) for t in tables(X)]),
    "column of structured arrays": lambda X: object_array(
        [structured(t) for t in tables(X)]
    ).reshape(-1, 1),
    "column of tables": lambda X: object_array(tables(X)).reshape(-1, 1),
    "column of reference dicts": lambda X: object_array([by_band(t) for t in tables(X)]).reshape(
        -1, 1
    ),
}
CONTAINERS = WITH_REDSHIFT | WITHOUT_REDSHIFT


def containers_for(estimator):
    needs_redshift = (
        "redshift" in getattr(estimator, "context", ())
        or getattr(estimator, "redshift_factor", 1) > 1
        or getattr(estimator, "rest_frame", False)
    )
    return WITH_REDSHIFT if needs_redshift else CONTAINERS


@pytest.fixture(scope="module")
def data():
    """Light curves with odd objects among them: empty, of one band, of one observation."""
    X, y = make_transients(n_tde=4, n_sn_ia=7, random_state=3)
    curves = tables(X)
    curves[1] = curves[1].iloc[:0]
    curves[2] = curves[2][curves[2]["band"] == "g"]
    curves[6] = curves[6].iloc[:1]
    entries = [t.to_dict("list") | z for t, z in zip(curves, redshifts(X), strict=True)]
    return NestedFrame(check_light_curves(entries).set_axis(X.index)), y


def state(estimator):
    return joblib.hash(vars(estimator))


def assert_same_curves(X, expected):
    flat, other = flatten_light_curves(X), flatten_light_curves(expected)
    assert flat.bands == other.bands
    for name in (*FIELDS, "offsets"):
        np.testing.assert_array_equal(getattr(flat, name), getattr(other, name))


def assert_same_values(found, expected):
    if found.ndim > 2:
        np.testing.assert_array_equal(found, expected)
    else:
        # Fits to many objects at once multiply matrices, whose size decides the last bits.
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


# --- parameters, of every public estimator ------------------------------------------------------


@every_class
def test_init_only_stores_its_parameters(estimator_class):
    names = list(inspect.signature(estimator_class).parameters)
    assert names
    given = {name: object() for name in names}
    estimator = estimator_class(**given)
    assert vars(estimator) == given
    assert estimator.get_params(deep=False) == given


@every_class
def test_every_parameter_has_a_constraint_that_is_checked_in_fit(estimator_class):
    names = set(inspect.signature(estimator_class).parameters)
    assert set(estimator_class._parameter_constraints) == names
    for name in names:
        estimator = made(estimator_class).set_params(**{name: object()})
        message = f"The '{name}' parameter of {estimator_class.__name__} must be"
        with pytest.raises(InvalidParameterError, match=message):
            estimator.fit(None, None)


@every_class
def test_defaults_are_immutable(estimator_class):
    for name, parameter in inspect.signature(estimator_class).parameters.items():
        if name in REQUIRED.get(estimator_class.__name__, {}):
            assert parameter.default is inspect.Parameter.empty
            continue
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        assert isinstance(parameter.default, (str, int, float, bool, tuple, type(None)))


@every_estimator
def test_parameters_are_got_set_cloned_and_shown(estimator):
    params = estimator.get_params()
    copied = clone(estimator)
    assert copied is not estimator
    assert copied.get_params() == params
    fresh = type(estimator)()
    assert fresh.set_params(**params) is fresh
    assert fresh.get_params() == params
    with pytest.raises(ValueError, match="Invalid parameter 'no_such'"):
        fresh.set_params(no_such=1)
    changed = {k: v for k, v in params.items() if v != type(estimator)().get_params()[k]}
    shown = repr(estimator)
    assert shown.startswith(f"{type(estimator).__name__}(")
    assert all(f"{name}=" in shown for name in changed)
    assert type(estimator).__name__ in estimator._repr_html_()


@every_estimator
def test_tags_say_that_light_curves_go_in(estimator):
    tags = get_tags(estimator)
    assert not tags.input_tags.two_d_array
    assert not tags.input_tags.three_d_array
    assert not tags.input_tags.sparse
    if hasattr(estimator, "transform"):
        assert tags.estimator_type is None
        assert not tags.target_tags.required
        # One type whatever comes in.
        assert tags.transformer_tags.preserves_dtype == []


# --- fitting ------------------------------------------------------------------------------------


@every_estimator
def test_fit_returns_self_keeps_the_parameters_and_can_be_repeated(estimator, data):
    X, y = data
    estimator = clone(estimator)
    params = joblib.hash(estimator.get_params())
    assert estimator.fit(X, y) is estimator
    assert joblib.hash(estimator.get_params()) == params
    learned = set(vars(estimator)) - set(estimator.get_params())
    assert learned
    assert all(name.startswith("_") or name.endswith("_") for name in learned)
    once = state(estimator)
    assert state(estimator.fit(X, y)) == once
    assert state(clone(estimator).fit(X, y)) == once


@every_estimator
def test_fit_forgets_what_an_earlier_fit_saw(estimator, data):
    X, y = data
    rows = [0, 3, 4, 5, 7, 8]
    again = clone(estimator).fit(X.iloc[rows], y[rows]).fit(X, y)
    assert state(again) == state(clone(estimator).fit(X, y))


@every_estimator
@pytest.mark.filterwarnings("ignore:X. no feature is known")
def test_neither_X_nor_y_is_changed(estimator, data):
    X, y = data
    for name, container in containers_for(estimator).items():
        given, labels = container(X), y.copy()
        labels.flags.writeable = False
        before = joblib.hash(given)
        kept = copy.deepcopy(given)
        estimator = clone(estimator)
        if hasattr(estimator, "transform"):
            estimator.fit(given, labels).transform(given)
        elif hasattr(estimator, "fit_resample"):
            estimator.fit_resample(given, labels)
        else:
            estimator.fit(given, labels).predict(given)
        assert joblib.hash(given) == before, name
        assert_same_curves(given, kept)
        np.testing.assert_array_equal(labels, y)


# --- transformers -------------------------------------------------------------------------------


def values_of(Xt):
    """Return the output of a transformer as an array; light curves are filled up with zeros."""
    if not isinstance(Xt, NestedFrame):
        return Xt
    flat = flatten_light_curves(Xt, bands=("g", "r"))
    rank = np.arange(len(flat.time)) - flat.offsets[flat.object_position]
    values = np.zeros((len(Xt), 400, len(FIELDS)))
    values[flat.object_position, rank] = np.column_stack([getattr(flat, name) for name in FIELDS])
    return values


def transform(transformer, X):
    return values_of(transformer.transform(X))


def gives_light_curves(transformer, X):
    return isinstance(clone(transformer).fit(X).transform(X), NestedFrame)


@every_transformer
def test_an_unfitted_transformer_says_so(transformer, data):
    if not get_tags(transformer).requires_fit:
        fitted = clone(transformer).fit(data[0])
        unfitted = transform(clone(transformer), data[0])
        np.testing.assert_array_equal(unfitted, transform(fitted, data[0]))
        return
    with pytest.raises(NotFittedError, match=f"This {type(transformer).__name__} instance is not"):
        clone(transformer).transform(data[0])


@every_transformer
def test_the_output_is_finite_and_named_on_its_last_axis(transformer, data):
    X, y = data
    if gives_light_curves(transformer, X):
        pytest.skip("the output is light curves")
    transformer = clone(transformer)
    Xt = transformer.fit_transform(X, y)
    assert isinstance(Xt, np.ndarray)
    assert len(Xt) == len(X)
    # A table may say that a value is not defined.
    assert np.isfinite(Xt).all() if Xt.ndim > 2 else not np.isinf(Xt).any()
    assert len(np.unique(Xt)) > len(X)
    names = transformer.get_feature_names_out()
    assert names.shape == Xt.shape[-1:]
    assert names.dtype == object
    assert len(set(names)) == len(names)
    np.testing.assert_array_equal(transformer.transform(X), Xt)
    np.testing.assert_array_equal(clone(transformer).fit(X).transform(X), Xt)


@every_transformer
def test_transform_leaves_no_trace(transformer, data):
    transformer = clone(transformer).fit(data[0])
    before = state(transformer)
    transformer.transform(data[0])
    transformer.transform(data[0].iloc[:3])
    assert state(transformer) == before


@every_transformer
def test_saving_and_loading_keeps_every_bit(transformer, data, tmp_path):
    X, _ = data
    fitted = clone(transformer).fit(X)
    expected = transform(fitted, X)
    joblib.dump(fitted, tmp_path / "transformer.joblib")
    for loaded in (
        pickle.loads(pickle.dumps(fitted)),
        joblib.load(tmp_path / "transformer.joblib"),
        copy.deepcopy(fitted),
    ):
        assert loaded.get_params() == fitted.get_params()
        np.testing.assert_array_equal(transform(loaded, X), expected)


@every_transformer
def test_an_object_is_transformed_the_same_in_any_company(transformer, data):
    X, _ = data
    fitted = clone(transformer).fit(X)
    expected = transform(fitted, X)
    rows = np.array([7, 7, 1, 0, 10, 6, 2])  # repeated, out of order, the odd objects among them
    assert_same_values(transform(fitted, X.iloc[rows]), expected[rows])
    assert_same_values(transform(fitted, X.iloc[::-1]), expected[::-1])
    for k in range(len(X)):
        assert_same_values(transform(fitted, X.iloc[[k]]), expected[[k]])
    assert transform(fitted, X.iloc[:0]).shape == (0, *expected.shape[1:])
    many = pd.concat([X] * 60)
    assert_same_values(transform(fitted, many), np.concatenate([expected] * 60))


@every_transformer
def test_the_names_of_objects_do_not_matter(transformer, data):
    X, _ = data
    fitted = clone(transformer).fit(X)
    same_name = NestedFrame(X.set_axis(["one name"] * len(X)))
    np.testing.assert_array_equal(transform(fitted, same_name), transform(fitted, X))


@every_transformer
def test_every_container_is_transformed_the_same(transformer, data):
    X, _ = data
    expected = transform(clone(transformer).fit(X), X)
    for name, container in containers_for(transformer).items():
        given = container(X)
        for Xt in (
            transform(clone(transformer).fit(given), given),
            values_of(clone(transformer).fit_transform(given)),
            transform(clone(transformer).fit(X), given),
        ):
            np.testing.assert_array_equal(Xt, expected, err_msg=name)


@every_transformer
def test_the_order_of_observations_does_not_matter(transformer, data):
    X, _ = data
    expected = transform(clone(transformer).fit(X), X)
    table = unpack_light_curves(X).sample(frac=1, random_state=0)
    shuffled = [
        table.loc[(table["object_id"] == name) & table["time"].notna(), list(FIELDS)].to_dict(
            "list"
        )
        | {"redshift": z}
        for name, z in zip(X.index, X["redshift"], strict=True)
    ]
    np.testing.assert_array_equal(values_of(clone(transformer).fit_transform(shuffled)), expected)


@every_transformer
def test_an_output_of_three_axes_stays_an_array(transformer, data):
    X, _ = data
    fitted = clone(transformer).fit(X)
    expected = fitted.transform(X)
    if expected.ndim < 3:
        pytest.skip("the output is a table")
    assert fitted.set_output(transform="default") is fitted
    assert fitted.set_output(transform=None) is fitted
    pipeline = Pipeline([("first", transformer), ("last", "passthrough")])
    for container in ("pandas", "polars"):
        for refusing in (fitted, pipeline):
            with pytest.raises(ValueError, match=f"transform='{container}'.*no table can hold"):
                refusing.set_output(transform=container)
    np.testing.assert_array_equal(fitted.transform(X), expected)
    with sklearn.config_context(transform_output="pandas"):
        for Xt in (fitted.transform(X), clone(transformer).fit_transform(X)):
            assert type(Xt) is np.ndarray
            np.testing.assert_array_equal(Xt, expected)


@every_transformer
def test_light_curves_that_come_out_keep_their_names_columns_and_type(transformer, data):
    X, _ = data
    if not gives_light_curves(transformer, X):
        pytest.skip("the output is an array")
    fitted = clone(transformer).fit(X)
    expected = fitted.transform(X)
    assert expected.index.equals(X.index)
    pd.testing.assert_frame_equal(
        pd.DataFrame(expected).drop(columns="light_curve"),
        pd.DataFrame(X).drop(columns="light_curve"),
    )
    assert expected["light_curve"].dtype == X["light_curve"].dtype
    assert fitted.get_feature_names_out().tolist() == list(X.columns)
    for container in ("default", "pandas", None):
        assert fitted.set_output(transform=container) is fitted
    with pytest.raises(ValueError, match="transform='polars'.*is a NestedFrame"):
        Pipeline([("first", transformer), ("last", "passthrough")]).set_output(transform="polars")
    for container in ("pandas", "polars"):
        with sklearn.config_context(transform_output=container):
            for Xt in (fitted.transform(X), clone(transformer).fit_transform(X)):
                assert isinstance(Xt, NestedFrame)
                pd.testing.assert_frame_equal(Xt, expected)


# --- samplers -----------------------------------------------------------------------------------


def resampled(sampler, X, y):
    sampler = clone(sampler)
    return (*sampler.fit_resample(X, y), sampler.sample_indices_)


@every_sampler
def test_the_same_random_state_gives_the_same_objects(sampler, data):
    X, y = data
    first, second = resampled(sampler, X, y), resampled(sampler, X, y)
    pd.testing.assert_frame_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])
    np.testing.assert_array_equal(first[2], second[2])
    assert len(first[0]) > len(X)
    other = resampled(clone(sampler).set_params(random_state=1), X, y)
    a, b = flatten_light_curves(first[0]).flux, flatten_light_curves(other[0]).flux
    assert len(a) != len(b) or (a != b).any()
    again = clone(sampler)
    again.fit_resample(X, y)
    pd.testing.assert_frame_equal(again.fit_resample(X, y)[0], first[0])


@every_sampler
def test_the_originals_come_first_unchanged_and_labels_follow_their_parents(sampler, data):
    X, y = data
    X_new, y_new, indices = resampled(sampler, X, y)
    assert isinstance(X_new, NestedFrame)
    pd.testing.assert_frame_equal(X_new.iloc[: len(X)], X)
    assert_same_curves(X_new.iloc[: len(X)], X)
    np.testing.assert_array_equal(indices[: len(X)], np.arange(len(X)))
    np.testing.assert_array_equal(y_new, y[indices])
    assert len(X_new) == len(y_new) == len(indices)
    assert X_new.index.is_unique
    assert get_tags(sampler).sampler_tags.sample_indices


@every_sampler
def test_every_container_is_resampled_the_same(sampler, data):
    X, y = data
    expected, labels, indices = resampled(sampler, X, y)
    for container in containers_for(sampler).values():
        found, found_labels, found_indices = resampled(sampler, container(X), y)
        assert isinstance(found, NestedFrame)
        assert_same_curves(found, expected)
        np.testing.assert_array_equal(found_labels, labels)
        np.testing.assert_array_equal(found_indices, indices)


@every_sampler
def test_a_sampler_survives_saving(sampler, data):
    X, y = data
    loaded = pickle.loads(pickle.dumps(clone(sampler).fit(X, y)))
    pd.testing.assert_frame_equal(loaded.fit_resample(X, y)[0], resampled(sampler, X, y)[0])


def test_every_public_estimator_that_takes_light_curves_is_checked():
    methods = ("transform", "fit_resample", "score_samples")
    checked = {type(e) for e in ESTIMATORS if any(hasattr(e, method) for method in methods)}
    assert {c for c in public_estimators() if takes_light_curves(c)} == checked
    assert len(TRANSFORMERS) >= 3
    assert len(SAMPLERS) >= 2
