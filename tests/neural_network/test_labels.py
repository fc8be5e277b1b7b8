"""Labels of every type, and names of classes that change nothing but the names."""

import pickle

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.model_selection import (
    FixedThresholdClassifier,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_val_predict,
)

from sklearn_tde import (
    LightCurveGridder,
    LSTMTransientClassifier,
    cross_validation_report,
    make_lstm_pipeline,
    make_transients,
    tde_scorers,
)
from sklearn_tde.neural_network._training import class_weights, rank_classes


def small(**params):
    return LSTMTransientClassifier(
        **{"hidden_dim": 4, "num_layers": 1, "max_epochs": 2, "batch_size": 16, "random_state": 0}
        | params
    )


@pytest.fixture(scope="module")
def rare():
    """Sequences, and a mask of the rare class."""
    rng = np.random.default_rng(0)
    is_rare = np.arange(48) % 4 == 1
    X = rng.normal(size=(48, 8, 5)).astype(np.float32)
    X[:, :, 0] += is_rare[:, np.newaxis]
    X[:, :, -2:] = rng.random((48, 8, 2)) < 0.7
    return X, is_rare


@pytest.fixture(scope="module")
def expected(rare):
    X, is_rare = rare
    return small().fit(X, is_rare).predict_proba(X)[:, 1]


def names(mask, other, dtype=None):
    labels = np.where(mask, "TDE", other)
    return labels if dtype is None else pd.Series(labels, index=range(100, 148)).astype(dtype)


# Labels of a mask, their positive class, and the type of `classes_`.
LABELS = {
    "int": (lambda t: t.astype(int), 1, int),
    "int, first": (lambda t: 1 - t.astype(int), 0, int),
    "uint8": (lambda t: t.astype(np.uint8), 1, int),
    "float": (lambda t: t.astype(float), 1.0, float),
    "bool": (lambda t: t, True, bool),
    "bool, first": (lambda t: ~t, False, bool),
    "str": (lambda t: names(t, "SN Ia"), "TDE", str),
    "str, first": (lambda t: names(t, "Unknown"), "TDE", str),
    "object": (lambda t: names(t, "SN Ia").astype(object), "TDE", str),
    "list, first": (lambda t: names(t, "Unknown").tolist(), "TDE", str),
    "objects that are booleans": (lambda t: t.astype(object), True, bool),
    "objects that are integers, first": (lambda t: (1 - t).astype(object), 0, int),
    "Series": (lambda t: names(t, "SN Ia", "str"), "TDE", str),
    "string, first": (lambda t: names(t, "Unknown", "string"), "TDE", str),
    "pyarrow string": (lambda t: names(t, "SN Ia", pd.ArrowDtype(pa.string())), "TDE", str),
    "Int64": (lambda t: pd.Series(t.astype(int), dtype="Int64"), 1, int),
    "Int64, first": (lambda t: pd.Series(1 - t.astype(int), dtype="Int64"), 0, int),
    "boolean": (lambda t: pd.Series(t, dtype="boolean"), True, bool),
    "pyarrow bool, first": (lambda t: pd.Series(~t, dtype="bool[pyarrow]"), False, bool),
    "category": (lambda t: names(t, "SN Ia", "category"), "TDE", str),
    "ordered category with an unused one, first": (
        lambda t: names(t, "X", pd.CategoricalDtype(["X", "AGN", "TDE"], ordered=True)),
        "TDE",
        str,
    ),
    "category of booleans": (lambda t: pd.Categorical(t), True, bool),
    "Index": (lambda t: pd.Index(names(t, "SN Ia")), "TDE", str),
}


@pytest.mark.parametrize("kind", LABELS)
def test_type_and_order_of_the_labels_change_no_bit(rare, expected, kind):
    X, is_rare = rare
    make, pos_label, kind_of_class = LABELS[kind]
    model = small().fit(X, make(is_rare))
    classes = model.classes_.tolist()
    assert all(type(label) is kind_of_class for label in classes)
    column = classes.index(pos_label)
    probabilities = model.predict_proba(X)
    np.testing.assert_array_equal(probabilities[:, column], expected)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-15)
    logits = model.decision_function(X)
    np.testing.assert_array_equal(logits > 0, probabilities[:, 1] > 0.5)
    np.testing.assert_array_equal(model.predict(X) == pos_label, expected > 0.5)


@pytest.mark.parametrize("kind", [list, lambda labels: np.array(labels, dtype=object)])
def test_labels_of_two_types_are_refused(rare, kind):
    X, is_rare = rare
    mixed = kind(["TDE" if positive else 0 for positive in is_rare])
    match = "y mixes strings with other types: 'TDE' at position 1, 0 at position 0;"
    with pytest.raises(ValueError, match=match):
        small().fit(X, mixed)


# Two classes under other names: nothing that is measured may change.


def rarest_second(mask):
    return np.where(mask, "TDE", "SN Ia")


def rarest_first(mask):
    return np.where(mask, "TDE", "Unknown")


@pytest.mark.parametrize(
    "params",
    [
        {"early_stopping": True, "validation_fraction": 0.25},
        {"class_weight": None},
        {"bidirectional": False, "steps": "all", "dropout": 0.0},
    ],
    ids=repr,
)
@pytest.mark.parametrize("share", ["rare", "frequent", "even"])
def test_names_change_no_bit(rare, share, params):
    X, mask = rare
    mask = {"rare": mask, "frequent": ~mask, "even": np.arange(48) % 2 == 0}[share]
    second, first = (small(**params).fit(X, name(mask)) for name in (rarest_second, rarest_first))
    assert (second.classes_.tolist().index("TDE"), first.classes_.tolist().index("TDE")) == (1, 0)
    np.testing.assert_array_equal(second.predict_proba(X)[:, 1], first.predict_proba(X)[:, 0])
    np.testing.assert_array_equal(second.decision_function(X), -first.decision_function(X))
    for one, two in zip(second.history_, first.history_, strict=True):
        assert one["train_loss"] == two["train_loss"]
        assert one["train_recall"] == two["train_recall"][::-1]
        assert one.get("valid_recall", []) == two.get("valid_recall", [])[::-1]


def test_names_change_no_bit_of_weighted_trainings(rare):
    X, mask = rare
    weight = np.random.default_rng(1).integers(0, 4, 48)
    # The weights make the class of fewer objects the heavier one.
    weight = np.where(mask, 5 * weight, weight)
    second = small(class_weight={"TDE": 3, "SN Ia": 1}).fit(X, rarest_second(mask), weight)
    first = small(class_weight={"TDE": 3, "Unknown": 1}).fit(X, rarest_first(mask), weight)
    np.testing.assert_array_equal(second.predict_proba(X)[:, 1], first.predict_proba(X)[:, 0])


def test_names_change_no_bit_of_copies_and_of_trainings_that_go_on(rare):
    X, mask = rare
    found = []
    for name, column in ((rarest_second, 1), (rarest_first, 0)):
        model = small(warm_start=True).fit(X, name(mask))
        model = pickle.loads(pickle.dumps(model)).fit(X, name(mask))
        # On objects of which the other class is the rarer one.
        model.fit(X, name(~mask))
        found.append(pickle.loads(pickle.dumps(model)).predict_proba(X)[:, column])
    np.testing.assert_array_equal(*found)


def test_a_training_that_goes_on_begins_with_the_probabilities_that_there_were(rare):
    X, mask = rare
    for name in (rarest_second, rarest_first):
        model = small(warm_start=True).fit(X, name(mask))
        before = model.predict_proba(X)
        model.set_params(lr=1e-12, weight_decay=0.0).fit(X, name(~mask))
        np.testing.assert_allclose(model.predict_proba(X), before, atol=1e-6)


@pytest.mark.parametrize("order", [[1, 2, 0], [2, 1, 0], [0, 2, 1]])
def test_names_of_more_classes_change_nothing_but_rounding(rare, order):
    X, _ = rare
    codes = np.random.default_rng(0).choice(3, 48, p=[0.5, 0.3, 0.2])
    plain = small().fit(X, codes)
    renamed = small().fit(X, np.array(order)[codes])
    np.testing.assert_allclose(
        renamed.predict_proba(X)[:, order], plain.predict_proba(X), atol=1e-6
    )
    np.testing.assert_allclose(
        renamed.decision_function(X)[:, order], plain.decision_function(X), atol=1e-5
    )
    recall = plain.history_[-1]["train_recall"]
    assert [renamed.history_[-1]["train_recall"][k] for k in order] == recall


@pytest.mark.parametrize("rarer", [0, 1])
def test_balanced_weights_are_those_of_the_reference_for_the_rarer_class(rarer):
    codes = np.array([rarer] * 3 + [1 - rarer] * 12)
    weights = class_weights("balanced", np.arange(2), codes, np.ones(15))
    assert weights[rarer] == 12 / 3
    assert weights[1 - rarer] == 1


def test_outputs_rank_the_classes_by_weight_and_then_by_appearance():
    codes = np.array([2, 0, 1, 0, 2, 3])
    assert rank_classes(codes, np.ones(6), 5).tolist() == [2, 0, 1, 3, 4]
    assert rank_classes(codes, np.array([1, 1, 9, 1, 1, 4.0]), 5).tolist() == [1, 3, 2, 0, 4]


# The way to decisions.


@pytest.fixture(scope="module")
def light_curves():
    X, y = make_transients(n_tde=10, n_sn_ia=20, random_state=0)
    return X, y == "TDE"


def pipeline(**params):
    gridder = LightCurveGridder(n_steps=12, colors=False)
    return make_lstm_pipeline(
        gridder=gridder, hidden_dim=4, num_layers=1, random_state=0, **{"max_epochs": 1, **params}
    )


@pytest.mark.parametrize("kind", ["bool, first", "str", "str, first", "Int64, first"])
def test_thresholds_are_on_the_named_class(light_curves, kind):
    X, is_tde = light_curves
    make, pos_label, _ = LABELS[kind]
    y = make(is_tde)
    cv = StratifiedKFold(2)
    fixed = FixedThresholdClassifier(
        pipeline(), threshold=0.51, pos_label=pos_label, response_method="predict_proba"
    )
    scorer = tde_scorers(pos_label)["balanced_accuracy"]
    tuned = TunedThresholdClassifierCV(pipeline(), scoring=scorer, cv=cv)
    probability = pipeline().fit(X, is_tde).predict_proba(X)[:, 1]
    reference = TunedThresholdClassifierCV(pipeline(), scoring="balanced_accuracy", cv=cv)
    threshold = reference.fit(X, is_tde).best_threshold_
    np.testing.assert_array_equal(fixed.fit(X, y).predict(X) == pos_label, probability >= 0.51)
    assert tuned.fit(X, y).best_threshold_ == threshold
    np.testing.assert_array_equal(tuned.predict(X) == pos_label, probability >= threshold)


def test_reports_with_tuned_thresholds_do_not_depend_on_the_names(light_curves):
    X, is_tde = light_curves
    options = {"cv": 2, "threshold": "tune", "threshold_cv": 2, "n_bootstrap": 5}
    second, first = (
        cross_validation_report(pipeline(), X, name(is_tde), **options)
        for name in (rarest_second, rarest_first)
    )
    np.testing.assert_array_equal(second.y_proba, first.y_proba)
    np.testing.assert_array_equal(second.y_pred == "TDE", first.y_pred == "TDE")
    assert second.folds_["threshold"].tolist() == first.folds_["threshold"].tolist()
    pd.testing.assert_frame_equal(second.pooled_, first.pooled_)


def test_more_than_two_classes_from_light_curves_to_scores():
    X, y = make_transients(n_tde=12, n_sn_ia=24, n_agn=12, random_state=0)
    model = pipeline(max_epochs=30, lr=2e-2)
    probabilities = cross_val_predict(model, X, y, cv=StratifiedKFold(2), method="predict_proba")
    assert probabilities.shape == (48, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    report = cross_validation_report(model, X, y, cv=2, n_bootstrap=5, return_estimators=True)
    assert report.estimators_[0].classes_.tolist() == ["AGN", "SN Ia", "TDE"]
    # Chance is 1/3 and 1/4.
    assert report.pooled_.loc["macro_recall", "value"] > 0.4
    assert report.pooled_.loc["average_precision", "value"] > 0.4
    folds = report.predictions_["fold"].to_numpy() == 0
    recall = tde_scorers()["recall"](report.estimators_[0], X[folds], y[folds])
    assert recall == report.folds_.loc[0, "recall"]
