import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_validate

from sklearn_tde import (
    LightCurveFeatures,
    LightCurveGridder,
    LightCurveOverSampler,
    LightCurvePipeline,
    check_light_curves,
    flatten_light_curves,
    make_feature_pipeline,
    make_lstm_pipeline,
    make_transients,
    pack_light_curves,
    unpack_light_curves,
)
from sklearn_tde.preprocessing import LightCurveTruncator
from sklearn_tde.sampling import PartialLightCurveSampler

FIELDS = ("time", "band", "flux", "flux_err")


@pytest.fixture(scope="module")
def transients():
    return make_transients(n_tde=6, n_sn_ia=9, random_state=0)


def sampled(X, y, **params):
    sampler = PartialLightCurveSampler(**params)
    X_new, y_new = sampler.fit_resample(X, y)
    return sampler, X_new, y_new


def lengths_of(X):
    return flatten_light_curves(X).n_observations


def assert_same_curves(found, expected):
    found, expected = flatten_light_curves(found), flatten_light_curves(expected)
    for name in ("time", "band", "flux", "flux_err", "offsets"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_every_object_comes_whole_and_then_at_every_age(transients):
    X, y = transients
    sampler, X_new, y_new = sampled(X, y, ages=(30, 5, 12.5))
    n = len(X)
    pd.testing.assert_frame_equal(X_new.iloc[:n], X)
    assert sampler.sample_indices_.tolist() == [*range(n), *np.repeat(range(n), 3)]
    assert sampler.sample_ages_.tolist() == [np.inf] * n + [5.0, 12.5, 30.0] * n
    assert (sampler.sample_weight_ == 0.25).all()
    assert (y_new == y[sampler.sample_indices_]).all()
    assert len(X_new) == 4 * n


@pytest.mark.parametrize("since", ["first", "confirmed"])
@pytest.mark.parametrize("detection_snr", [5.0, 8.0])
def test_a_copy_is_what_the_truncator_leaves(transients, since, detection_snr):
    X, y = transients
    rule = {"since": since, "detection_snr": detection_snr}
    sampler, X_new, _ = sampled(X, y, ages=(4, 25), **rule)
    for age in (4.0, 25.0):
        copies = X_new[sampler.sample_ages_ == age]
        assert_same_curves(copies, LightCurveTruncator(age=age, **rule).transform(X))


def test_ages_are_drawn_evenly_over_their_logarithm():
    X, y = make_transients(n_tde=100, n_sn_ia=200, random_state=0)
    sampler, X_new, _ = sampled(X, y, ages=(2, 7, 128), n_copies=3, random_state=0)
    ages = np.log2(sampler.sample_ages_[300:]).reshape(300, 3)
    # From 2 to 128 in three equal parts, one copy in each.
    assert (np.floor((ages - 1) / 2) == [0, 1, 2]).all()
    np.testing.assert_allclose(ages.mean(axis=0), [2, 4, 6], atol=0.15)
    np.testing.assert_allclose(ages.std(axis=0), 2 / np.sqrt(12), rtol=0.15)
    for row in (300, 700, 1199):
        parent = X.iloc[[sampler.sample_indices_[row]]]
        cut = LightCurveTruncator(age=float(sampler.sample_ages_[row])).transform(parent)
        assert_same_curves(X_new.iloc[[row]], cut)


def test_what_is_drawn_depends_on_the_seed_alone(transients):
    X, y = transients
    before = np.random.get_state()  # noqa: NPY002
    first, second, other = (sampled(X, y, n_copies=4, random_state=seed) for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(first[1], second[1])
    assert (first[0].sample_ages_ == second[0].sample_ages_).all()
    assert (first[0].sample_ages_[len(X) :] != other[0].sample_ages_[len(X) :]).all()
    assert (np.random.get_state()[1] == before[1]).all()  # noqa: NPY002
    fixed, another = (sampled(X, y, random_state=seed)[1] for seed in (0, 1))
    pd.testing.assert_frame_equal(fixed, another)


def test_duplicates_are_dropped_and_an_object_still_counts_once(transients):
    X, y = transients
    ages = (3, 5, 7, 10, 14, 20, 30, 40, 50, 75, 100, 1000)
    every, X_every, _ = sampled(X, y, ages=ages)
    some, X_some, _ = sampled(X, y, ages=ages, duplicates="drop")
    assert len(X) < len(X_some) < len(X_every)
    pd.testing.assert_frame_equal(X_some.iloc[: len(X)], X)

    def lengths_by_parent(sampler, X_new):
        table = pd.DataFrame(
            {
                "parent": sampler.sample_indices_,
                "age": sampler.sample_ages_,
                "n": lengths_of(X_new),
            }
        )
        return table.sort_values(["parent", "age"])

    found = lengths_by_parent(some, X_some)
    # Of the ages with the same observations the largest remains.
    expected = lengths_by_parent(every, X_every).drop_duplicates(["parent", "n"], keep="last")
    assert found.to_numpy().tolist() == expected.to_numpy().tolist()
    for sampler in (some, every):
        weight = np.bincount(sampler.sample_indices_, sampler.sample_weight_)
        np.testing.assert_allclose(weight, 1.0)
        for parent in range(len(X)):
            assert len(set(sampler.sample_weight_[sampler.sample_indices_ == parent])) == 1


def test_objects_without_detections_or_observations_stay_as_they_are():
    X = check_light_curves(
        [
            {"g": {"t": [], "y": [], "e": []}},
            {"g": {"t": [1, 50], "y": [10, 10], "e": [5, 5]}},
            {"g": {"t": [1, 50], "y": [60, 60], "e": [5, 5]}},
        ]
    )
    _, X_new, _ = sampled(X, ["a", "b", "c"], ages=(3, 20))
    assert lengths_of(X_new).tolist() == [0, 2, 2, 0, 0, 2, 2, 1, 1]
    sampler, X_new, _ = sampled(X, ["a", "b", "c"], ages=(3, 20), duplicates="drop")
    assert lengths_of(X_new).tolist() == [0, 2, 2, 1]
    assert sampler.sample_ages_.tolist() == [np.inf] * 3 + [20.0]
    assert sampler.sample_weight_.tolist() == [1.0, 1.0, 0.5, 0.5]


def test_columns_further_fields_and_names_are_those_of_the_parent(transients):
    table = unpack_light_curves(transients[0])
    table["frame"] = [f"frame {k}" for k in range(len(table))]
    X = pack_light_curves(table, observation_columns=["frame"], object_columns=["redshift"])
    X = X.assign(host=[f"host of {name}" for name in X.index])
    sampler, X_new, _ = sampled(X, transients[1], ages=(5, 50))
    assert list(X_new.columns) == list(X.columns)
    for column in ("redshift", "host"):
        assert (X_new[column].to_numpy() == X[column].to_numpy()[sampler.sample_indices_]).all()
    assert X_new.index.is_unique
    assert X_new.index.name == X.index.name
    parents = X.index[sampler.sample_indices_[len(X) :]]
    assert [name.split("~")[0] for name in X_new.index[len(X) :]] == parents.tolist()
    old = table.set_index("frame")["time"]
    new = unpack_light_curves(X_new)
    assert (old.loc[new["frame"]].to_numpy() == new["time"].to_numpy()).all()


def test_names_may_repeat_before():
    X = make_transients(n_tde=1, n_sn_ia=1, random_state=0)[0].set_axis([7, 7])
    _, X_new, _ = sampled(X, [0, 1], ages=(5, 50))
    assert X_new.index.tolist() == ["7", "7", "7~1", "7~2", "7~3", "7~4"]


@pytest.mark.parametrize(
    "make",
    [
        np.asarray,
        list,
        lambda y: pd.Series(y, name="label"),
        pd.Categorical,
        lambda y: np.full(len(y), "TDE"),
        lambda y: np.arange(len(y)),
    ],
)
def test_any_labels_come_back_in_their_type(transients, make):
    X, y = transients
    given = make(y)
    sampler, X_new, y_new = sampled(X, given, ages=(10,))
    assert type(y_new) is type(given)
    expected = np.asarray(given)[sampler.sample_indices_]
    assert (np.asarray(y_new) == expected).all()
    if isinstance(given, pd.Series):
        assert y_new.index.equals(X_new.index)


@st.composite
def objects(draw):
    row = st.tuples(
        st.integers(0, 480).map(lambda k: k / 8),
        st.sampled_from("gr"),
        st.sampled_from([0.0, 50.0]),
        st.just(5.0),
    )
    rows = st.lists(row, max_size=20, unique_by=lambda row: row[:2])
    return [
        {name: [row[k] for row in rows] for k, name in enumerate(FIELDS)}
        for rows in draw(st.lists(rows, min_size=1, max_size=4))
    ]


@settings(max_examples=25)
@given(
    X=objects(),
    ages=st.lists(st.integers(1, 90), min_size=2, max_size=5, unique=True),
    n_copies=st.sampled_from([None, 3]),
    since=st.sampled_from(["first", "confirmed"]),
    duplicates=st.sampled_from(["keep", "drop"]),
)
def test_every_copy_is_a_beginning_of_its_parent_and_they_grow(
    X, ages, n_copies, since, duplicates
):
    params = {"ages": ages, "n_copies": n_copies, "since": since, "duplicates": duplicates}
    sampler, X_new, _ = sampled(X, [0] * len(X), **params, random_state=0)
    whole, flat = flatten_light_curves(X), flatten_light_curves(X_new)
    parents = sampler.sample_indices_
    assert len(X_new) == len(parents) == len(sampler.sample_ages_) == len(sampler.sample_weight_)
    for row, parent in enumerate(parents):
        n, begin, of_parent = flat.n_observations[row], flat.offsets[row], whole.offsets[parent]
        assert n > 0 or whole.n_observations[parent] == 0
        for name in FIELDS:
            found = getattr(flat, name)[begin : begin + n]
            assert (found == getattr(whole, name)[of_parent : of_parent + n]).all()
    lengths = flat.n_observations[len(X) :]
    siblings = parents[len(X) + 1 :] == parents[len(X) : -1]
    steps = np.diff(lengths)[siblings]
    assert (steps > 0).all() if duplicates == "drop" else (steps >= 0).all()
    assert (np.diff(sampler.sample_ages_[len(X) :])[siblings] > 0).all()
    np.testing.assert_allclose(sampler.sample_weight_.sum(), len(X))


# --- in pipelines -------------------------------------------------------------------------------


def test_a_network_trains_on_several_ages_and_predicts_what_it_is_given(transients):
    X, y = transients
    pipeline = make_lstm_pipeline(
        sampler=PartialLightCurveSampler(ages=(5, 40)),
        gridder=LightCurveGridder(n_steps=10, colors=False),
        max_epochs=1,
        hidden_dim=4,
        num_layers=1,
        random_state=0,
    ).fit(X, y)
    assert len(pipeline["sampler"].sample_ages_) == 3 * len(X)
    assert pipeline.predict_proba(X).shape == (len(X), 2)


def test_trees_know_early_ages_only_after_training_on_them():
    X, y = make_transients(n_tde=30, n_sn_ia=30, random_state=0)
    early = LightCurveTruncator(age=10).transform(X)
    features = LightCurveFeatures(groups=("color", "shape"))
    distance = {}
    for name, sampler in (("whole", None), ("all", PartialLightCurveSampler(ages=(10, 30)))):
        model = make_feature_pipeline(sampler=sampler, features=features, random_state=0)
        model.set_params(classifier__n_estimators=40).fit(X, y)
        probability = model.predict_proba(early)[:, list(model.classes_).index("TDE")]
        distance[name] = np.mean((probability - (y == "TDE")) ** 2)
    # Both have seen the objects; one of them as they were at ten days.
    assert distance["all"] < 0.5 * distance["whole"]


class Names(TransformerMixin, BaseEstimator):
    """Notes the objects that it meets in `fit`, and turns light curves into their lengths."""

    met = []

    def fit(self, X, y=None):
        self.met.append(list(X.index))
        return self

    def transform(self, X):
        return flatten_light_curves(X).n_observations[:, None]

    def __sklearn_is_fitted__(self):
        return True


def test_no_relative_of_a_test_object_is_trained_on(transients):
    X, y = transients
    Names.met = []
    pipeline = LightCurvePipeline(
        [
            ("partial", PartialLightCurveSampler(ages=(5, 20, 80))),
            ("over", LightCurveOverSampler(random_state=0)),
            ("names", Names()),
            ("classifier", LogisticRegression()),
        ]
    )
    cv = StratifiedKFold(3)
    cross_validate(pipeline, X, y, cv=cv, error_score="raise")
    assert len(Names.met) == 3
    for met, (train, _) in zip(Names.met, cv.split(X, y), strict=True):
        assert len(met) > 4 * len(train)
        assert {name.split("~")[0] for name in met} == set(X.index[train])


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"ages": ()}, "ages=.*: expected at least 1"),
        ({"ages": (5,), "n_copies": 2}, "ages=.5,.: expected at least 2 with n_copies=2"),
        ({"ages": (5, 0)}, "ages has 0; expected days above 0"),
        ({"ages": (5, -1.0)}, "ages has -1.0; expected days above 0"),
        ({"ages": (5, np.inf)}, "ages has inf; expected days above 0"),
        ({"ages": (5, np.nan)}, "ages has nan; expected days above 0"),
        ({"ages": (True,)}, "ages has True; expected days above 0"),
        ({"ages": ("5",)}, "ages has '5'; expected days above 0"),
        ({"ages": (5, 5.0)}, "repeats an age"),
        ({"ages": 5}, "'ages' parameter"),
        ({"n_copies": 0}, "'n_copies' parameter"),
        ({"since": "peak"}, "'since' parameter"),
        ({"duplicates": "raise"}, "'duplicates' parameter"),
    ],
)
def test_what_makes_no_sense_is_refused(transients, params, message):
    for method in ("fit", "fit_resample"):
        with pytest.raises(ValueError, match=message):
            getattr(PartialLightCurveSampler(**params), method)(*transients)


def test_bad_labels_are_refused(transients):
    X, y = transients
    sampler = PartialLightCurveSampler()
    with pytest.raises(ValueError, match="label of 1 of 15 objects is missing, the first at pos"):
        sampler.fit_resample(X, [None if k == 3 else label for k, label in enumerate(y)])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        sampler.fit_resample(X, y[:-1])


def test_early_stopping_behind_it_is_refused():
    with pytest.raises(ValueError, match="copies of one object on both sides"):
        make_lstm_pipeline(sampler=PartialLightCurveSampler(), early_stopping=True)
