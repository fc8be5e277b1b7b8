"""What weights of objects mean, and the ways on which they reach the classifier."""

import numpy as np
import pandas as pd
import pytest
from imblearn.under_sampling import RandomUnderSampler
from sklearn import config_context
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_validate
from sklearn.pipeline import Pipeline
from skorch.callbacks import Callback

from sklearn_tde import (
    LightCurveGridder,
    LightCurveOverSampler,
    LSTMTransientClassifier,
    cross_validation_report,
    make_lstm_pipeline,
    make_transients,
    tde_scorers,
)
from sklearn_tde.neural_network._training import class_weights

#: Once each, on the object and its weight: what an epoch of one batch is made of.
WHOLE = {"batch_size": 100, "dropout": 0.0, "step_dropout": 0.0, "truncation": 0.0}


class Targets(Callback):
    """Remember, on the class, the class codes and weights of the batches of an epoch."""

    def on_epoch_begin(self, net, **kwargs):
        Targets.seen = []

    def on_batch_end(self, net, batch=None, training=False, **kwargs):
        if training:
            Targets.seen.append(np.stack([values.numpy() for values in batch[1]], axis=1))


def small(**params):
    return LSTMTransientClassifier(
        **{"hidden_dim": 4, "num_layers": 1, "max_epochs": 2, "batch_size": 16, "random_state": 0}
        | params
    )


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    y = np.where(np.arange(40) % 4 == 1, "TDE", "SN Ia")
    X = rng.normal(size=(40, 8, 5)).astype(np.float32)
    X[:, :, 0] += (y == "TDE")[:, np.newaxis]
    X[:, :, -2:] = rng.random((40, 8, 2)) < 0.7
    return X, y


def test_objects_of_weight_zero_are_as_good_as_absent(data):
    X, y = data
    weight = np.random.default_rng(0).integers(0, 3, 40)
    kept = weight > 0
    mangled = X.copy()
    mangled[~kept, :, :3] = 1e6
    for params in ({}, {"early_stopping": True, "validation_fraction": 0.3}):
        with_them = small(**params).fit(mangled, y, sample_weight=weight)
        without = small(**params).fit(X[kept], y[kept], sample_weight=weight[kept])
        np.testing.assert_array_equal(with_them.predict_proba(X), without.predict_proba(X))


def test_a_class_without_any_weight_stays_a_class(data):
    X, y = data
    three = np.where(np.arange(40) % 5 == 0, "AGN", y)
    model = small(max_epochs=20, lr=2e-2).fit(X, three, sample_weight=three != "AGN")
    assert model.classes_.tolist() == ["AGN", "SN Ia", "TDE"]
    assert model.predict_proba(X)[:, 0].mean() < 1 / 3
    assert np.isnan(model.history_[-1]["train_recall"][0])


def test_weight_on_one_class_only_is_refused(data):
    X, y = data
    match = "sample_weight is 0 for every object but those of one class, 'TDE'; expected two"
    with pytest.raises(ValueError, match=match):
        small().fit(X, y, sample_weight=y == "TDE")


@pytest.mark.parametrize("factor", [4.0, 1e-3, 8e307])
def test_scaling_all_weights_changes_nothing(data, factor):
    X, y = data
    weight = np.random.default_rng(1).uniform(0.5, 2, 40)
    one, other = (small().fit(X, y, sample_weight=w) for w in (weight, factor * weight))
    np.testing.assert_allclose(other.predict_proba(X), one.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("value", [8.0, 1e308, 1e-320])
def test_equal_weights_are_none(data, value):
    X, y = data
    equal = small().fit(X, y, sample_weight=np.full(40, value))
    np.testing.assert_array_equal(equal.predict_proba(X), small().fit(X, y).predict_proba(X))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_integer_weights_give_the_class_weights_of_repetitions(n_classes):
    rng = np.random.default_rng(0)
    codes, weight = rng.integers(0, n_classes, 60), rng.integers(0, 4, 60)
    repeated = np.repeat(codes, weight)
    classes = np.arange(n_classes)
    np.testing.assert_allclose(
        class_weights("balanced", classes, codes, weight.astype(float)),
        class_weights("balanced", classes, repeated, np.ones(len(repeated))),
    )


def test_integer_weights_give_the_loss_of_repetitions(data):
    X, y = data
    weight = np.random.default_rng(2).integers(0, 4, 40)
    # A rate of almost zero: the loss is that of the first weights, which the seed determines.
    first_loss = small(max_epochs=1, lr=1e-12, standardize=False, **WHOLE)
    weighted = first_loss.fit(X, y, sample_weight=weight).history_[0]["train_loss"]
    rows = np.repeat(np.arange(40), weight)
    repeated = first_loss.fit(X[rows], y[rows]).history_[0]["train_loss"]
    assert weighted == pytest.approx(repeated, rel=1e-5)


def test_weights_of_classes_and_objects_are_multiplied(data):
    X, y = data
    weight = np.where(np.arange(40) < 20, 3.0, 1.0)
    small(max_epochs=1, callbacks=[Targets()], **WHOLE).fit(X, y, sample_weight=weight)
    codes, found = np.concatenate(Targets.seen).T
    # 10 TDEs and 30 others, each half of them of weight 3; 2 on average.
    assert sorted(set(found[codes == 0])) == [0.5, 1.5]
    assert sorted(set(found[codes == 1])) == [1.5, 4.5]


@pytest.mark.parametrize("kind", [list, pd.Series, lambda w: pd.Series(w, dtype="Float64")])
def test_weights_come_in_any_container(data, kind):
    X, y = data
    weight = np.random.default_rng(1).uniform(0.5, 2, 40)
    expected = small().fit(X, y, sample_weight=weight).predict_proba(X)
    found = small().fit(X, y, sample_weight=kind(weight)).predict_proba(X)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("weight", "match"),
    [
        (np.full(40, -1.0), "Negative values"),
        (np.full(40, np.nan), "sample_weight contains NaN"),
        (np.ones((40, 2)), "[Ss]ample.weight"),
        (np.zeros(40), "sample_weight is zero for every object; expected two classes with weight"),
        (["a"] * 40, "sample_weight cannot be read as numbers: .*; expected one finite number"),
        ([[1.0], [1.0, 2.0]], "sample_weight cannot be read as numbers: .*; expected one finite"),
        (np.ones(39), "sample_weight has 39 values for 40 objects; expected one per object"),
    ],
)
def test_bad_weights_are_named(data, weight, match):
    with pytest.raises(ValueError, match=match):
        small().fit(*data, sample_weight=weight)


class TestRouting:
    """From light curves, through pipelines and searches."""

    @pytest.fixture(scope="class")
    @staticmethod
    def light_curves():
        X, y = make_transients(n_tde=10, n_sn_ia=20, random_state=0)
        return X, y, np.where(y == "TDE", 1.0, np.arange(30) % 3)

    @staticmethod
    def pipeline(sampler=None, **params):
        return make_lstm_pipeline(
            sampler=sampler,
            gridder=LightCurveGridder(n_steps=12, colors=False),
            **{"hidden_dim": 4, "num_layers": 1, "max_epochs": 2, "random_state": 0} | params,
        )

    @classmethod
    def asking(cls, *args, **params):
        """Return a pipeline whose classifier asks for the weights, in fit and in score."""
        pipeline = cls.pipeline(*args, **params)
        pipeline[-1].set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        return pipeline

    @pytest.fixture(scope="class")
    @classmethod
    def direct(cls, light_curves):
        X, y, weight = light_curves
        gridder, classifier = cls.pipeline().named_steps.values()
        return classifier.fit(gridder.fit_transform(X), y, sample_weight=weight)

    def test_a_pipeline_passes_them_on(self, light_curves, direct):
        X, y, weight = light_curves
        expected = direct.predict_proba(self.pipeline()[0].fit_transform(X))
        named = self.pipeline().fit(X, y, classifier__sample_weight=weight)
        np.testing.assert_array_equal(named.predict_proba(X), expected)
        assert not np.array_equal(self.pipeline().fit(X, y).predict_proba(X), expected)
        with config_context(enable_metadata_routing=True):
            routed = self.asking().fit(X, y, sample_weight=weight)
        np.testing.assert_array_equal(routed.predict_proba(X), expected)

    def test_cross_validation_cuts_them_to_the_folds(self, light_curves):
        X, y, weight = light_curves
        cv = StratifiedKFold(2)
        expected = []
        for train, test in cv.split(X, y):
            fold = self.pipeline().fit(
                X.iloc[train], y[train], classifier__sample_weight=weight[train]
            )
            right = fold.predict(X.iloc[test]) == y[test]
            expected.append(np.average(right, weights=weight[test]))
        with config_context(enable_metadata_routing=True):
            found = cross_validate(
                self.asking(), X, y, cv=cv, params={"sample_weight": weight}, error_score="raise"
            )
        assert found["test_score"].tolist() == pytest.approx(expected)

    def test_a_grid_is_searched_with_them(self, light_curves, direct):
        X, y, weight = light_curves
        expected = direct.predict_proba(self.pipeline()[0].fit_transform(X))
        options = {"refit": "roc_auc", "cv": 2, "error_score": "raise"}
        grid = {"classifier__hidden_dim": [4]}
        search = GridSearchCV(self.pipeline(), grid, scoring=tde_scorers(), **options)
        search.fit(X, y, classifier__sample_weight=weight)
        np.testing.assert_array_equal(search.predict_proba(X), expected)
        with config_context(enable_metadata_routing=True):
            scoring = {
                name: scorer.set_score_request(sample_weight=False)
                for name, scorer in tde_scorers().items()
            }
            routed = GridSearchCV(self.asking(), grid, scoring=scoring, **options)
            routed.fit(X, y, sample_weight=weight)
        np.testing.assert_array_equal(routed.predict_proba(X), expected)
        assert routed.best_score_ == search.best_score_

    def test_reports_take_them(self, light_curves):
        X, y, weight = light_curves
        options = {"cv": 2, "n_bootstrap": 2}
        params = {"classifier__sample_weight": weight}
        plain = cross_validation_report(self.pipeline(), X, y, params=params, **options)
        with config_context(enable_metadata_routing=True):
            params = {"sample_weight": weight}
            routed = cross_validation_report(self.asking(), X, y, params=params, **options)
        np.testing.assert_array_equal(routed.y_proba, plain.y_proba)
        without = cross_validation_report(self.pipeline(), X, y, **options)
        assert not np.array_equal(without.y_proba, plain.y_proba)

    def test_a_sampler_that_makes_objects_before_them_is_refused(self, light_curves):
        X, y, weight = light_curves
        match = "sample_weight has 30 values for 40 objects; .* A sampler before the classifier"
        sampler = LightCurveOverSampler(random_state=0)
        with pytest.raises(ValueError, match=match):
            self.pipeline(sampler).fit(X, y, classifier__sample_weight=weight)
        with (
            config_context(enable_metadata_routing=True),
            pytest.raises(ValueError, match=match),
        ):
            self.asking(sampler).fit(X, y, sample_weight=weight)

    @pytest.mark.parametrize("routing", [False, True])
    def test_a_report_refuses_even_a_sampler_that_only_changes_the_order(
        self, light_curves, routing
    ):
        X, y, weight = light_curves
        balanced = np.concatenate([np.flatnonzero(y == label)[:10] for label in ("TDE", "SN Ia")])
        rows = np.random.default_rng(0).permutation(balanced)
        sampler = RandomUnderSampler(random_state=0)
        labels = y[rows]
        _, resampled = sampler.fit_resample(np.zeros((20, 1)), labels)
        # As many objects as before, and in another order: the classifier could not notice.
        assert len(resampled) == 20
        assert resampled.tolist() != labels.tolist()
        name = "sample_weight" if routing else "classifier__sample_weight"
        match = f"params: '{name}' cannot follow the objects through the sampler 'sampler'"
        with (
            config_context(enable_metadata_routing=routing),
            pytest.raises(ValueError, match=match),
        ):
            pipeline = self.asking(sampler) if routing else self.pipeline(sampler)
            cross_validation_report(pipeline, X.iloc[rows], labels, params={name: weight[rows]})

    def test_a_step_that_is_no_sampler_is_no_obstacle(self, light_curves):
        X, y, weight = light_curves
        steps = [("keep", "passthrough"), *self.pipeline().steps]
        report = cross_validation_report(
            Pipeline(steps),
            *(X, y),
            cv=2,
            n_bootstrap=2,
            params={"classifier__sample_weight": weight},
        )
        assert len(report.y_proba) == 30
