"""Honest predictions of the training objects, the rule of `predict`, and scikit-learn's ways."""

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    LeaveOneGroupOut,
    ShuffleSplit,
    StratifiedKFold,
    cross_val_predict,
    cross_validate,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_tde import (
    EnsembleTransientClassifier,
    LightCurveGridder,
    make_feature_pipeline,
    make_lstm_pipeline,
    make_transients,
)
from sklearn_tde.preprocessing import LightCurveFeatures


@pytest.fixture(scope="module")
def table():
    generator = np.random.default_rng(0)
    code = generator.permutation(np.repeat([0, 1, 2], [30, 40, 20]))
    X = generator.normal(size=(90, 3)) + 1.5 * (np.arange(3) == code[:, None])
    return X, np.array(["AGN", "SN Ia", "TDE"])[code]


def trees(**params):
    return ExtraTreesClassifier(5, **{"max_depth": 4, "class_weight": "balanced"} | params)


def ensemble(**params):
    members = [("trees", trees()), ("bayes", GaussianNB())]
    return EnsembleTransientClassifier(members, **{"cv": 3, "random_state": 0} | params)


@pytest.fixture(scope="module")
def fitted(table):
    return ensemble().fit(*table)


def assert_same(model, other, X):
    np.testing.assert_array_equal(model.predict_proba(X), other.predict_proba(X))
    np.testing.assert_array_equal(model.out_of_fold_proba_, other.out_of_fold_proba_)
    assert model.threshold_ == other.threshold_


# What is said of the training objects


def raw_log_odds(model):
    p = model.out_of_fold_proba_[:, model.classes_.tolist().index(model.pos_label_)]
    return (np.log(p) - np.log1p(-p) - model.intercept_) / model.slope_


def test_the_label_of_an_object_has_no_part_in_its_own_probability(table):
    X, y = table
    before = raw_log_odds(ensemble(cv=KFold(3)).fit(X, y))
    changed = y.copy()
    changed[70] = "AGN" if y[70] == "TDE" else "TDE"
    after = raw_log_odds(ensemble(cv=KFold(3)).fit(X, changed))
    np.testing.assert_allclose(after[60:], before[60:], rtol=1e-9)
    assert not np.isclose(after[:60], before[:60]).all()


def noise_in_pairs():
    """Labels that X tells nothing about, and every object twice."""
    generator = np.random.default_rng(0)
    X, y = np.repeat(generator.normal(size=(150, 2)), 2, axis=0), generator.random(150) < 0.4
    return X, np.repeat(y, 2), np.repeat(np.arange(150), 2)


def test_a_member_that_learns_by_heart_is_seen_through():
    X, y, _ = noise_in_pairs()
    X, y = X[::2], y[::2]
    members = [("by heart", KNeighborsClassifier(1))]
    model = EnsembleTransientClassifier(members, cv=5, refit=True, random_state=0).fit(X, y)
    assert (model.estimators_[0][0].predict(X) == y).all()
    assert abs(roc_auc_score(y, model.out_of_fold_proba_[:, 1]) - 0.5) < 0.1
    # Its calibrated probabilities say that it knows little more than the share.
    assert np.ptp(model.predict_proba(X)[:, 1]) < 0.25


def test_relatives_stay_together():
    X, y, groups = noise_in_pairs()
    members = [("by heart", KNeighborsClassifier(1))]
    model = EnsembleTransientClassifier(members, cv=5, random_state=0)
    assert roc_auc_score(y, model.fit(X, y).out_of_fold_proba_[:, 1]) > 0.8
    names = [f"object {k}" for k in groups]
    together = model.fit(X, y, groups=names).out_of_fold_proba_[:, 1]
    assert abs(roc_auc_score(y, together) - 0.5) < 0.1
    with sklearn.config_context(enable_metadata_routing=True):
        cv = [(np.arange(300), np.arange(4))]
        routed = cross_validate(
            model, X, y, cv=cv, params={"groups": names}, return_estimator=True
        )["estimator"][0]
    np.testing.assert_array_equal(routed.out_of_fold_proba_[:, 1], together)


def test_members_that_know_nothing_are_announced(table):
    X, y = table
    members = [("constant", DummyClassifier())]
    model = EnsembleTransientClassifier(members, cv=3, random_state=0)
    with pytest.warns(UserWarning, match="find 'TDE' among .* no better than chance: .* 0.2"):
        model.fit(X, y)
    assert len(np.unique(model.predict_proba(X)[:, 2])) == 1


BAD_PARTS = {
    "some are never left out": (
        lambda y: ShuffleSplit(2, test_size=0.3, random_state=0),
        "cv leaves the object at position 0 out 0 times",
    ),
    "some are left out twice": (
        lambda y: [(np.arange(10, 90), np.arange(45)), (np.arange(45), np.arange(20, 90))],
        "cv leaves the object at position 20 out 2 times",
    ),
    "some are on both sides": (
        lambda y: [(np.arange(40, 90), np.arange(45)), (np.arange(45), np.arange(45, 90))],
        "cv trains on the object at position 40 and leaves it out in part 0",
    ),
    "a class is left out as a whole": (
        lambda y: [(np.flatnonzero(y == "TDE"), np.flatnonzero(y != "TDE")),
                   (np.flatnonzero(y != "TDE"), np.flatnonzero(y == "TDE"))],
        "cv leaves no object of the class 'AGN' to train on in part 0",
    ),
    "a part is empty": (
        lambda y: [(np.arange(90), []), (np.arange(45), np.arange(45, 90)),
                   (np.arange(45, 90), np.arange(45))],
        "cv leaves no object out in part 0",
    ),
    "too many parts": (lambda y: 21, "class 'TDE' has 20 objects in y, fewer than the 21 folds"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_PARTS)
def test_parts_that_are_not_honest_are_refused(case, table):
    X, y = table
    make, message = BAD_PARTS[case]
    with pytest.raises(ValueError, match=message):
        ensemble(cv=make(y)).fit(X, y)


def test_groups_are_checked(table):
    X, y = table
    groups = np.arange(90) // 2
    splitting = [(np.arange(45, 90), np.arange(45)), (np.arange(45), np.arange(45, 90))]
    with pytest.raises(ValueError, match="position 44 out in part 0, but trains on others of its"):
        ensemble(cv=splitting).fit(X, y, groups=groups)
    with pytest.raises(ValueError, match="groups has 3 values for 90 objects"):
        ensemble().fit(X, y, groups=[1, 2, 3])
    by_group = ensemble(cv=LeaveOneGroupOut()).fit(X, y, groups=np.arange(90) % 4)
    assert len(by_group.estimators_[0]) == 4


# Classes and predictions


@pytest.mark.parametrize("pos_label", [None, "AGN", "SN Ia"])
def test_the_class_is_the_one_of_the_threshold_or_the_best_other(pos_label, table):
    X, y = table
    model = ensemble(pos_label=pos_label).fit(X, y)
    label = "TDE" if pos_label is None else pos_label
    assert model.pos_label_ == label
    p, column = model.predict_proba(X), model.classes_.tolist().index(label)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    expected = []
    for row in p:
        others = [k for k in range(3) if k != column]
        best = max(others, key=lambda k: row[k])
        expected.append(model.classes_[column if row[column] >= model.threshold_ else best])
    assert model.predict(X).tolist() == expected
    assert 0 < model.threshold_ < 1
    # It is another rule than the largest probability.
    assert (model.predict(X) != model.classes_[p.argmax(axis=1)]).any()


def test_without_a_threshold_the_largest_probability_wins(table, fitted):
    X, y = table
    model = ensemble(threshold_scoring=None).fit(X, y)
    assert model.threshold_ is None
    p = model.predict_proba(X)
    np.testing.assert_array_equal(p, fitted.predict_proba(X))
    assert model.predict(X).tolist() == model.classes_[p.argmax(axis=1)].tolist()
    assert model.best_threshold("f1") == fitted.threshold_


def test_a_threshold_for_another_score_needs_no_other_training(table, fitted):
    X, y = table
    other = ensemble(threshold_scoring="balanced_accuracy").fit(X, y)
    assert fitted.best_threshold("balanced_accuracy") == other.threshold_ != fitted.threshold_
    with pytest.raises(ValueError, match="scoring='recall'; expected one of accuracy, balanced_"):
        fitted.best_threshold("recall")


KINDS_OF_LABELS = {
    "list": lambda y: [str(label) for label in y],
    "tuple": lambda y: tuple(y),
    "Series": lambda y: pd.Series(y, index=np.arange(len(y))[::-1]),
    "categorical": lambda y: pd.Series(y, dtype="category"),
    "objects": lambda y: y.astype(object),
}


@pytest.mark.parametrize("kind", KINDS_OF_LABELS)
def test_labels_come_in_any_container(kind, table, fitted):
    X, y = table
    model = ensemble().fit(X, KINDS_OF_LABELS[kind](y))
    assert model.classes_.tolist() == ["AGN", "SN Ia", "TDE"]
    assert_same(model, fitted, X)


@pytest.mark.parametrize("dtype", [bool, int, float, "Int64", "boolean"])
def test_of_zero_and_one_the_one_is_looked_for(dtype, table):
    X, y = table
    model = ensemble().fit(X, pd.Series(y == "TDE").astype(dtype))
    assert model.pos_label_ == 1
    named = ensemble().fit(X, np.where(y == "TDE", "TDE", "other"))
    # The classes of names are in the other order.
    np.testing.assert_allclose(model.predict_proba(X), named.predict_proba(X)[:, ::-1], atol=0.35)
    assert set(model.predict(X)) == {0, 1}


@pytest.mark.parametrize(
    ("labels", "params", "message"),
    [
        (lambda y: np.where(y == "TDE", 2, 1), {}, "pos_label must name the class to report"),
        (lambda y: y, {"pos_label": "CV"}, "pos_label='CV' is not among the classes of y"),
        (lambda y: np.full(90, "TDE"), {}, "y has one class, 'TDE'; expected at least two"),
        (lambda y: y[:-1], {}, "y has 89 labels for 90 objects"),
        (lambda y: [*y[:-1], None], {}, "label of 1 of 90 objects is missing, .* position 89"),
        (lambda y: np.linspace(0, 1, 90), {}, "Unknown label type: continuous"),
        (lambda y: y, {"cv": 1}, "The 'cv' parameter of EnsembleTransientClassifier must be"),
        (lambda y: y, {"threshold_scoring": "recall"}, "The 'threshold_scoring' parameter"),
    ],
)
def test_labels_and_parameters_are_checked(labels, params, message, table):
    X, y = table
    with pytest.raises(ValueError, match=message):
        ensemble(**params).fit(X, labels(y))


def test_a_long_table_is_to_be_packed_first():
    rows = pd.DataFrame({"object_id": list("aab"), "time": 0.0, "band": "g", "flux": 1.0})
    with pytest.raises(ValueError, match="2 labels for 3 objects; .* pack_light_curves, or load_"):
        ensemble().fit(rows, ["SN Ia", "TDE"])


def test_weights_are_those_of_the_average(table, fitted):
    X, y = table
    assert fitted.weights_.tolist() == [1.0, 1.0]
    equal = ensemble(weights=(3, 3)).fit(X, y)
    np.testing.assert_allclose(equal.predict_proba(X), fitted.predict_proba(X), rtol=1e-10)
    bayes = EnsembleTransientClassifier([("bayes", GaussianNB())], cv=3, random_state=0).fit(X, y)
    nearly = ensemble(weights=[1e-9, 1.0]).fit(X, y)
    np.testing.assert_allclose(nearly.predict_proba(X), bayes.predict_proba(X), atol=1e-6)
    assert not np.allclose(fitted.predict_proba(X), bayes.predict_proba(X), atol=1e-3)


def test_members_are_trained_once_more_on_all_if_asked(table, fitted):
    X, y = table
    model = ensemble(refit=True).fit(X, y)
    assert [len(models) for models in fitted.estimators_] == [3, 3]
    assert [len(models) for models in model.estimators_] == [1, 1]
    expected = GaussianNB().fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(model.estimators_[1][0].predict_proba(X), expected)


# Seeds


def test_the_same_seed_gives_the_same_bits(table, fitted):
    X, y = table
    assert_same(ensemble().fit(X, y), fitted, X)
    # Seeds of the members themselves do not matter.
    assert_same(ensemble().set_params(trees__random_state=7).fit(X, y), fitted, X)
    given = [ensemble(random_state=np.random.RandomState(0)).fit(X, y) for _ in range(2)]
    assert_same(given[0], fitted, X)
    assert_same(given[1], fitted, X)
    for other in (1, None):
        found = ensemble(random_state=other).fit(X, y)
        assert (found.predict_proba(X) != fitted.predict_proba(X)).any()
    state = np.random.RandomState(0)
    model = ensemble(random_state=state)
    first = model.fit(X, y).predict_proba(X)
    assert (model.fit(X, y).predict_proba(X) != first).any()


def test_two_jobs_give_the_same_bits(table, fitted):
    X, y = table
    # Processes do as well, and take seconds to start.
    with joblib.parallel_config("threading"):
        assert_same(ensemble(n_jobs=2).fit(X, y), fitted, X)


def test_members_are_left_as_they_are(table):
    X, y = table
    members = [
        ("trees", trees(random_state=3)),
        ("line", make_pipeline(StandardScaler(), LogisticRegression())),
    ]
    model = EnsembleTransientClassifier(members, cv=2, random_state=0).fit(X, y)
    assert members[0][1].random_state == 3
    assert not hasattr(members[0][1], "classes_")
    assert not hasattr(members[1][1][-1], "classes_")
    assert model.estimators is members
    seeds = [part.random_state for part in model.estimators_[0]]
    assert len({*seeds, 3}) == 3


# scikit-learn's ways


class Broken(GaussianNB):
    """Fails where it is told to."""

    def __init__(self, broken=False):
        super().__init__()
        self.broken = broken

    def fit(self, X, y):
        if self.broken:
            raise RuntimeError("broken")
        return super().fit(X, y)


def test_a_training_that_fails_leaves_nothing_of_the_earlier_one(table):
    X, y = table
    model = EnsembleTransientClassifier([("a", GaussianNB()), ("b", Broken())], cv=2)
    with pytest.raises(NotFittedError):
        model.predict(X)
    before = model.fit(X, y).predict_proba(X)
    # What is refused before it begins leaves the model alone.
    with pytest.raises(ValueError, match="one class"):
        model.fit(X, np.full(len(y), "CV"))
    np.testing.assert_array_equal(model.predict_proba(X), before)
    with pytest.raises(RuntimeError, match="broken"):
        model.set_params(b__broken=True).fit(X, np.where(y == "AGN", "CV", y))
    assert not hasattr(model, "estimators_")
    assert not hasattr(model, "threshold_")
    for call in (model.predict, model.predict_proba, model.best_threshold):
        with pytest.raises(NotFittedError, match="EnsembleTransientClassifier instance is not"):
            call(X)


def test_a_second_fit_forgets_the_first(table, fitted):
    X, y = table
    model = ensemble().fit(X[:, :2], np.where(y == "TDE", "TDE", "other"))
    assert_same(model.fit(X, y), fitted, X)
    assert joblib.hash({k: v for k, v in vars(model).items() if k != "estimators"}) == joblib.hash(
        {k: v for k, v in vars(fitted).items() if k != "estimators"}
    )


def test_parameters_of_members_are_got_set_and_searched(table):
    X, y = table
    model = ensemble()
    assert model.get_params()["trees__max_depth"] == 4
    assert clone(model).set_params(bayes=LogisticRegression()).get_params()["bayes__C"] == 1.0
    assert isinstance(model.get_params()["bayes"], GaussianNB)
    with pytest.raises(ValueError, match="Invalid parameter 'depth'"):
        model.set_params(trees__depth=3)
    grid = {"trees__max_depth": [1, 4], "weights": [None, (1.0, 5.0)]}
    search = GridSearchCV(model, grid, cv=2, scoring="neg_log_loss", error_score="raise")
    search.fit(X, y)
    assert len(set(search.cv_results_["mean_test_score"])) == 4
    best = clone(model).set_params(**search.best_params_).fit(X, y)
    assert_same(search.best_estimator_, best, X)


def test_it_stands_in_pipelines_and_cross_validations(table, fitted):
    X, y = table
    np.testing.assert_allclose(
        make_pipeline(StandardScaler(), ensemble()).fit(X, y).predict_proba(X),
        fitted.predict_proba(X),
        atol=0.2,
    )
    folds = StratifiedKFold(2, shuffle=True, random_state=0)
    scores = cross_validate(ensemble(), X, y, cv=folds, scoring="f1_macro", error_score="raise")
    predicted = cross_val_predict(ensemble(), X, y, cv=folds)
    by_hand = [
        ensemble().fit(X[train], y[train]).predict(X[test]) for train, test in folds.split(X, y)
    ]
    tests = [test for _, test in folds.split(X, y)]
    for test, labels in zip(tests, by_hand, strict=True):
        assert predicted[test].tolist() == labels.tolist()
    assert scores["test_score"].min() > 0.4


def test_a_dumped_model_gives_the_same_bits(table, fitted, tmp_path):
    X, _ = table
    joblib.dump(fitted, tmp_path / "model.joblib")
    loaded = joblib.load(tmp_path / "model.joblib")
    assert_same(loaded, fitted, X)
    assert loaded.predict(X).tolist() == fitted.predict(X).tolist()


def test_nothing_is_written_where_there_is_no_terminal(table, capsys):
    ensemble(verbose=1).fit(*table)
    assert capsys.readouterr() == ("", "")


# Light curves


@pytest.fixture(scope="module")
def light_curves():
    X, y = make_transients(n_tde=10, n_sn_ia=16, n_agn=8, random_state=0)
    features = make_feature_pipeline(
        features=LightCurveFeatures(groups=("history", "shape")), classifier=trees(max_depth=None)
    )
    lstm = make_lstm_pipeline(
        gridder=LightCurveGridder(n_steps=12), hidden_dim=4, num_layers=1, max_epochs=1
    )
    members = [("features", features), ("lstm", lstm)]
    model = EnsembleTransientClassifier(members, cv=2, random_state=0)
    return X, y, clone(model).fit(X, y), model


def test_every_container_of_light_curves_is_taken(light_curves):
    X, y, expected, model = light_curves
    tables = [pd.DataFrame(X["light_curve"].iloc[k]) for k in range(len(X))]
    objects = np.empty(len(X), dtype=object)
    objects[:] = tables
    for given in (tables, tuple(tables), objects, pd.Series(tables), X["light_curve"]):
        assert_same(clone(model).fit(given, y), expected, given)
        np.testing.assert_array_equal(expected.predict_proba(given), expected.predict_proba(X))


def test_the_order_and_the_names_of_the_objects_do_not_matter(light_curves):
    X, _, model, _ = light_curves
    order = np.random.default_rng(0).permutation(len(X))
    expected = model.predict_proba(X)
    np.testing.assert_allclose(model.predict_proba(X.iloc[order]), expected[order], atol=1e-9)
    for k in (0, 20):
        np.testing.assert_allclose(model.predict_proba(X.iloc[[k]])[0], expected[k], atol=1e-9)
    renamed = X.set_axis(["one name"] * len(X))
    np.testing.assert_array_equal(model.predict_proba(renamed), expected)


def test_errors_name_the_object(light_curves):
    _, _, model, unfitted = light_curves
    one = {"time": [0.0], "band": ["i"], "flux": [50.0], "flux_err": [5.0]}
    with pytest.raises(ValueError, match="object 0: band is 'i'"):
        model.predict_proba([one])
    with pytest.raises(ValueError, match="object 0: band is 'i'"):
        clone(unfitted).fit([one] * 8, ["TDE", "SN Ia"] * 4)


def test_no_objects_have_no_probabilities(table, fitted):
    X = table[0]
    assert fitted.predict_proba(X[:0]).shape == (0, len(fitted.classes_))
    assert fitted.predict(X[:0]).shape == (0,)
