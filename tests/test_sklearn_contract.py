"""The checks of scikit-learn and imbalanced-learn, over every public estimator of the package.

What takes light curves cannot be given the tables of numbers that these checks are made of, and
its tags switch most of them off. So it also meets them with a thin layer before it, in which every
row of a table is the light curve of one object.
"""

import warnings

import imblearn.utils.estimator_checks
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted, validate_data

import sklearn_tde
from sklearn_tde import (
    ConformalTransientClassifier,
    EnsembleTransientClassifier,
    LightCurvePipeline,
    PriorAdjustedClassifier,
    flatten_light_curves,
    make_lstm_pipeline,
    make_transients,
    pack_light_curves,
)
from sklearn_tde.preprocessing import LightCurveTruncator

#: Parameters that make an estimator quick enough; the others run with their defaults.
QUICK = {
    "LSTMTransientClassifier": {
        "max_epochs": 5,
        "hidden_dim": 8,
        "num_layers": 1,
        "batch_size": 64,
        "lr": 0.2,
    },
    "TransformerTransientClassifier": {
        "max_epochs": 12,
        "hidden_dim": 8,
        "num_heads": 1,
        "batch_size": 64,
        "lr": 0.03,
    },
    "EnsembleTransientClassifier": {
        "estimators": [("linear", LogisticRegression()), ("bayes", GaussianNB())],
        "cv": 2,
        # A check asks for the largest probability.
        "threshold_scoring": None,
        "random_state": 0,
    },
    "PriorAdjustedClassifier": {"estimator": LogisticRegression(), "prior": "uniform"},
    "ConformalTransientClassifier": {"estimator": LogisticRegression(), "cv": 2},
    "TransientNoveltyDetector": {
        "features": StandardScaler(),
        "classifier": LogisticRegression(),
        "cv": 2,
    },
    # Copies that equal their parents, which the checks can find again in the table.
    "LightCurveOverSampler": {"flux_noise": 0.0, "drop": 0.0, "truncation": 0.0},
    "PartialLightCurveSampler": {"ages": (1e6,)},
}
TAKE_WHAT_THEIR_PARTS_TAKE = (
    ConformalTransientClassifier,
    ConformalTransientClassifier,
    EnsembleTransientClassifier,
    PriorAdjustedClassifier,
)
OF_SAMPLERS = {
    "check_samplers_multiclass_ova": "labels are one per object, not one column per class",
    "check_n_features_in": "it counts the columns of the light curves, not of the table",
    "check_n_features_in_after_fitting": (
        "it counts the columns of the light curves, not of the table"
    ),
}
#: Checks that fail always, and why.
EXPECTED_FAILURES = {
    **{
        name: {
            "check_sample_weight_equivalence_on_dense_data": (
                "repeated objects make other batches, and other random numbers, than weighted ones"
            )
        }
        for name in ("LSTMTransientClassifier", "TransformerTransientClassifier")
    },
    "LightCurveOverSamplerOfNumbers": OF_SAMPLERS,
    "PartialLightCurveSamplerOfNumbers": {
        **OF_SAMPLERS,
        "check_samplers_one_label": "it balances nothing, and takes any labels",
        "check_samplers_fit": "it balances nothing, and has no strategy",
    },
    "LightCurvePipeline": {
        "check_dont_overwrite_parameters": "scikit-learn's Pipeline fits its steps in place",
        "check_estimators_overwrite_params": "scikit-learn's Pipeline fits its steps in place",
    },
}
#: What imbalanced-learn checks of the container of X and its columns, which are those of the layer.
OF_THE_CONTAINER = {
    "check_samplers_pandas",
    "check_samplers_pandas_sparse",
    "check_samplers_list",
    "check_samplers_preserve_dtype",
    "check_sampler_get_feature_names_out",
    "check_sampler_get_feature_names_out_pandas",
}


def public_classes():
    """Return every public class of the package and of its rooms."""
    modules = [sklearn_tde, *(getattr(sklearn_tde, room) for room in sklearn_tde._ROOMS)]
    public = {getattr(module, name) for module in modules for name in module.__all__}
    return sorted((c for c in public if isinstance(c, type)), key=lambda c: c.__name__)


# A pipeline is checked with its steps, below.
ESTIMATORS = [
    c for c in public_classes() if issubclass(c, BaseEstimator) and not issubclass(c, Pipeline)
]


def quick(estimator_class):
    return estimator_class(**QUICK.get(estimator_class.__name__.removesuffix("OfNumbers"), {}))


def takes_light_curves(estimator_class):
    return not get_tags(quick(estimator_class)).input_tags.two_d_array


def light_curves_of(X):
    """Return one light curve per row of a table: its numbers are the fluxes, a day apart."""
    n_objects, n_features = X.shape
    day = np.tile(np.arange(n_features), n_objects)
    table = pd.DataFrame(
        {
            "object_id": np.repeat(np.arange(n_objects), n_features),
            "time": day.astype(float),
            "band": np.array(["g", "r"])[day % 2],
            "flux": np.asarray(X, dtype=np.float64).ravel(),
            "flux_err": 0.1,
        }
    )
    return pack_light_curves(table)


class OfNumbers:
    """Puts a table of numbers in the place of light curves."""

    def fit(self, X, y=None):
        return super().fit(light_curves_of(validate_data(self, X)), y)

    def transform(self, X):
        check_is_fitted(self)
        return super().transform(light_curves_of(validate_data(self, X, reset=False)))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.no_validation = False
        return tags


class SamplerOfNumbers(OfNumbers):
    """The same for samplers, which hand a table of numbers back."""

    @property
    def transform(self):
        raise AttributeError("a sampler does not transform")

    def fit_resample(self, X, y):
        table = validate_data(self, X)
        light_curves, y = super().fit_resample(light_curves_of(table), y)
        flux = flatten_light_curves(light_curves).flux
        return flux.reshape(-1, table.shape[1]), y


class TruncatorOfNumbers(OfNumbers):
    """The same for what hands light curves on: with no limit set, the numbers that came in."""

    def fit(self, X, y=None):
        super().fit(X, y)
        validate_data(self, X)
        return self

    def transform(self, X):
        n_features = validate_data(self, X, reset="n_features_in_" not in vars(self)).shape[1]
        return flatten_light_curves(super().transform(X)).flux.reshape(-1, n_features)


class EnsembleTransientClassifierOfNumbers(EnsembleTransientClassifier):
    """The same for an ensemble of such classifiers, whose class to find is the last label."""

    def fit(self, X, y):
        X, y = validate_data(self, X, y)
        model = EnsembleTransientClassifier(**self.get_params(deep=False))
        model.set_params(pos_label=np.unique(y)[-1]).fit(X, y)
        vars(self).update({k: v for k, v in vars(model).items() if k not in self.get_params()})
        return self

    def predict_proba(self, X):
        check_is_fitted(self)
        return super().predict_proba(validate_data(self, X, reset=False))


class LightCurvesOfNumbers(TransformerMixin, BaseEstimator):
    """The same as the first step of a pipeline."""

    def fit(self, X, y=None):
        validate_data(self, X)
        return self

    def transform(self, X):
        check_is_fitted(self)
        return light_curves_of(validate_data(self, X, reset=False))


def of_numbers(estimator_class, layer):
    name = f"{estimator_class.__name__}OfNumbers"
    made = type(name, (layer, estimator_class), {"__module__": __name__, "__qualname__": name})
    globals()[name] = made  # where pickle looks for it
    return made


def expected_failures(estimator):
    return EXPECTED_FAILURES.get(type(estimator).__name__, {})


NUMERIC = [
    EnsembleTransientClassifierOfNumbers if c is EnsembleTransientClassifier else c
    for c in ESTIMATORS
    if not takes_light_curves(c)
]
TRANSFORMERS = [
    of_numbers(c, TruncatorOfNumbers if c is LightCurveTruncator else OfNumbers)
    for c in ESTIMATORS
    if takes_light_curves(c) and hasattr(c, "transform")
]
SAMPLERS = [of_numbers(c, SamplerOfNumbers) for c in ESTIMATORS if hasattr(c, "fit_resample")]
# The defaults of the gridder, on steps of a day.
PIPELINE = make_lstm_pipeline(
    gridder=sklearn_tde.LightCurveGridder(cadence=1, duration=10, scale=None),
    random_state=0,
    **QUICK["LSTMTransientClassifier"],
)


def test_every_public_estimator_is_checked():
    names = {c.__name__ for c in ESTIMATORS}
    assert {"LSTMTransientClassifier", "LightCurveGridder", "LightCurveOverSampler"} <= names
    checked = {c for layered in NUMERIC + TRANSFORMERS + SAMPLERS for c in layered.__mro__}
    missing = {c.__name__ for c in ESTIMATORS} - {c.__name__ for c in checked}
    assert not missing, f"{missing} take light curves: give them a layer here"


@parametrize_with_checks(
    [quick(c) for c in NUMERIC + TRANSFORMERS + SAMPLERS]
    + [LightCurvePipeline([("light_curves", LightCurvesOfNumbers()), *PIPELINE.steps])],
    expected_failed_checks=expected_failures,
    xfail_strict=True,
)
# Some checks have labels that X tells nothing about.
@pytest.mark.filterwarnings("ignore:the members find")
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def imblearn_checks():
    found = []
    for sampler in map(quick, SAMPLERS):
        for check in imblearn.utils.estimator_checks._yield_all_checks(sampler):
            name = getattr(check, "func", check).__name__
            if name not in OF_THE_CONTAINER:
                reason = expected_failures(sampler).get(name)
                marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
                label = f"{type(sampler).__name__}-{name}"
                found.append(pytest.param(sampler, check, id=label, marks=marks))
    return found


@pytest.mark.parametrize(("sampler", "check"), imblearn_checks())
def test_imbalanced_learn_checks(sampler, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # imbalanced-learn's own, as its runner does
        check(type(sampler).__name__, sampler)


def test_a_classifier_declares_what_it_takes():
    for estimator_class in ESTIMATORS:
        if estimator_class in TAKE_WHAT_THEIR_PARTS_TAKE:
            continue
        if issubclass(estimator_class, ClassifierMixin):
            tags = get_tags(quick(estimator_class))
            assert tags.input_tags.two_d_array
            assert tags.input_tags.three_d_array
            assert tags.target_tags.required


def test_real_sequences_are_predicted_alone_as_closely_as_the_checks_ask():
    """The tables of `check_methods_subset_invariance` make a few steps of one length only."""
    X, y = make_transients(n_tde=30, n_sn_ia=60, random_state=0)
    model = make_lstm_pipeline(max_epochs=20, lr=1e-2, random_state=0).fit(X, y)
    together = model.decision_function(X)
    assert np.abs(together).max() > 1
    alone = np.concatenate([model.decision_function(X.iloc[[k]]) for k in range(len(X))])
    np.testing.assert_allclose(alone, together, rtol=1e-7, atol=1e-7)
    for rows in (np.arange(89, -1, -1), np.array([3, 3, 70]), np.arange(0, 90, 7)):
        np.testing.assert_allclose(
            model.decision_function(X.iloc[rows]), together[rows], rtol=1e-7, atol=1e-7
        )
