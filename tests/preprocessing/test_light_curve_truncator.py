import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.pipeline import Pipeline as SamplingPipeline
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from sklearn_tde import (
    LightCurveFeatures,
    LightCurvePipeline,
    check_light_curves,
    flatten_light_curves,
    make_transients,
    pack_light_curves,
)
from sklearn_tde.preprocessing import LightCurveTruncator

FIELDS = ("time", "band", "flux", "flux_err")
RULES = ("first", "confirmed")


def curve(times, detected=(), bands="g"):
    """One object: detections at some of its times, fluxes below the threshold at the others."""
    return {
        "time": [float(t) for t in times],
        "band": list(bands) if len(bands) == len(times) else ["g"] * len(times),
        "flux": [50.0 if t in detected else 10.0 for t in times],
        "flux_err": [5.0] * len(times),
    }


def times_of(X):
    flat = flatten_light_curves(X)
    return [part.tolist() for part in np.split(flat.time, flat.offsets[1:-1])]


def truncated(X, **params):
    return LightCurveTruncator(**params).transform(X)


def rows_of(X):
    """Observations of every object, sorted by time and band."""
    flat = flatten_light_curves(X)
    names = np.array([*flat.bands, ""])[flat.band]
    columns = (flat.time.tolist(), names.tolist(), flat.flux.tolist(), flat.flux_err.tolist())
    rows, bounds = list(zip(*columns, strict=True)), flat.offsets
    return [sorted(rows[a:b]) for a, b in zip(bounds[:-1], bounds[1:], strict=True)]


# --- limits -------------------------------------------------------------------------------------


def test_an_age_counts_from_the_first_detection_and_its_last_day_is_kept():
    X = [curve([0, 4, 10, 11, 15, 15.5, 20], detected=[10, 15])]
    assert times_of(truncated(X, age=5)) == [[0, 4, 10, 11, 15]]
    assert times_of(truncated(X, age=0)) == [[0, 4, 10]]
    assert times_of(truncated(X, age=5 - 1e-3)) == [[0, 4, 10, 11]]
    assert times_of(truncated(X, age=5 - 1e-9)) == [[0, 4, 10, 11, 15]]
    assert times_of(truncated(X, age=100)) == times_of(X)


def test_an_age_counts_from_the_confirmed_detection_once_it_is_confirmed():
    # The detection of day 0 is confirmed by nobody, the one of day 100 on day 108.
    X = [curve([0, 50, 100, 100.2, 104, 108, 109, 112, 130], detected=[0, 100, 100.2, 108, 130])]
    assert times_of(truncated(X, age=4, since="first")) == [[0]]
    until_confirmed = [0, 50, 100, 100.2, 104, 108]
    for age in (0, 4, 8):
        assert times_of(truncated(X, age=age, since="confirmed")) == [until_confirmed]
    assert times_of(truncated(X, age=9, since="confirmed")) == [[*until_confirmed, 109]]
    assert times_of(truncated(X, age=12, since="confirmed")) == [[*until_confirmed, 109, 112]]


@pytest.mark.parametrize("since", RULES)
def test_without_a_clock_a_light_curve_stays_whole_at_any_age(since):
    X = [curve([0, 10, 50]), curve([]), curve([0, 30, 90], detected=[0, 30])]
    kept = times_of(truncated(X, age=3, since=since))
    assert kept == [[0, 10, 50], [], [0] if since == "first" else [0, 30, 90]]


def test_the_threshold_says_what_a_detection_is():
    X = [curve([0, 3, 9], detected=[3])]
    assert times_of(truncated(X, age=1)) == [[0, 3]]
    assert times_of(truncated(X, age=1, detection_snr=2)) == [[0]]
    assert times_of(truncated(X, n_detections=2, detection_snr=2)) == [[0, 3]]


def test_a_number_of_detections_keeps_all_of_the_moment_of_the_last():
    X = [
        curve([0, 1, 1, 2, 3, 3, 4], detected=[1, 3], bands="ggrgrgg"),
        curve([5, 6, 7], detected=[6]),
        curve([]),
        curve([0, 1], detected=[0, 1]),
    ]
    assert times_of(truncated(X, n_detections=1)) == [[0, 1, 1], [5, 6], [], [0]]
    assert times_of(truncated(X, n_detections=2)) == [[0, 1, 1], [5, 6, 7], [], [0, 1]]
    assert times_of(truncated(X, n_detections=3)) == [[0, 1, 1, 2, 3, 3], [5, 6, 7], [], [0, 1]]


def test_a_date_is_one_for_all_or_a_column():
    X = pd.DataFrame(
        {"light_curve": [curve([0, 5, 9]), curve([5, 7])], "trigger_date": [9.0, 4]}
    ).assign(light_curve=lambda X: [pd.DataFrame(table) for table in X["light_curve"]])
    X = check_light_curves(X)
    assert times_of(truncated(X, date=5)) == [[0, 5], [5]]
    assert times_of(truncated(X, date="trigger_date")) == [[0, 5, 9], []]
    assert times_of(truncated(X, date=-1.0)) == [[], []]


@pytest.mark.parametrize("since", RULES)
def test_of_several_limits_the_earliest_counts(since):
    X, _ = make_transients(n_tde=8, n_sn_ia=8, random_state=0)
    date = float(np.median(flatten_light_curves(X).time))
    limits = {"age": 20.0, "n_detections": 6, "date": date}
    together = LightCurveTruncator(**limits, since=since).transform(X)
    alone = [truncated(X, **{name: value}, since=since) for name, value in limits.items()]
    lengths = np.array([flatten_light_curves(Z).n_observations for Z in alone])
    assert len(set(lengths.argmin(axis=0))) == 3
    assert (flatten_light_curves(together).n_observations == lengths.min(axis=0)).all()


def test_without_limits_nothing_is_cut():
    X, _ = make_transients(n_tde=2, n_sn_ia=2, random_state=0)
    pd.testing.assert_frame_equal(truncated(X), X)


def test_further_fields_and_columns_ride_along():
    table = pd.DataFrame(curve([0, 1, 2, 3], detected=[1])).assign(name="A", frame=list("wxyz"))
    X = pack_light_curves(table, object_id="name", observation_columns=["frame"])
    X = X.assign(host="spiral")
    kept = truncated(X, age=1)
    assert kept["light_curve.frame"].tolist() == ["w", "x", "y"]
    assert kept["host"].tolist() == ["spiral"]
    assert len(flatten_light_curves(X).time) == 4


# --- what must not matter -----------------------------------------------------------------------

#: Eighths of a day, which sums of this size keep exactly.
EIGHTHS = st.integers(0, 480).map(lambda k: k / 8)
ROWS = st.tuples(EIGHTHS, st.sampled_from("gr"), st.sampled_from([0.0, 20.0, 50.0]), st.just(5.0))


@st.composite
def objects(draw):
    found = []
    for _ in range(draw(st.integers(1, 4))):
        rows = draw(st.lists(ROWS, max_size=25, unique_by=lambda row: row[:2]))
        found.append({name: [row[k] for row in rows] for k, name in enumerate(FIELDS)})
    return found


LIMITS = st.one_of(
    st.builds(dict, age=EIGHTHS, since=st.sampled_from(RULES)),
    st.builds(dict, n_detections=st.integers(1, 12)),
    st.builds(dict, date=EIGHTHS),
    st.builds(dict, n_detections=st.integers(1, 9), date=EIGHTHS),
)


def changed(X, **functions):
    return [
        {name: functions.get(name, np.asarray)(np.asarray(o[name])) for name in FIELDS} for o in X
    ]


def end_of_knowledge(rows, age, since):
    """The last moment of an age, found by going through the observations one by one."""
    detections = sorted(time for time, _, flux, error in rows if flux >= 5 * error)
    if since == "first":
        return detections[0] + age if detections else np.inf
    for first in detections:
        confirming = [t for t in detections if 0.5 <= t - first <= 20]
        if confirming:
            return max(first + age, confirming[0])
    return np.inf


@settings(max_examples=40)
@given(X=objects(), age=EIGHTHS, since=st.sampled_from(RULES))
def test_the_bulk_agrees_with_going_through_the_observations(X, age, since):
    found = rows_of(truncated(X, age=age, since=since))
    for kept, rows in zip(found, rows_of(X), strict=True):
        assert kept == [row for row in rows if row[0] <= end_of_knowledge(rows, age, since)]


@settings(max_examples=15)
@given(X=objects(), since=st.sampled_from(RULES), ages=st.lists(EIGHTHS, min_size=2, max_size=2))
def test_a_prefix_of_a_prefix_is_that_prefix(X, since, ages):
    younger, older = sorted(ages)
    direct = rows_of(truncated(X, age=younger, since=since))
    cut_before = truncated(X, age=older, since=since)
    assert rows_of(truncated(cut_before, age=younger, since=since)) == direct
    again = truncated(truncated(X, age=younger, since=since), age=older, since=since)
    assert rows_of(again) == direct


@settings(max_examples=15)
@given(X=objects(), one=LIMITS, other=LIMITS)
def test_limits_may_be_set_in_any_order(X, one, other):
    """So one limit finds in a light curve that had ended early what it finds in the whole."""
    found = truncated(truncated(X, **one), **other)
    assert rows_of(found) == rows_of(truncated(truncated(X, **other), **one))


@settings(max_examples=15)
@given(X=objects(), limits=LIMITS, bad=st.sampled_from([1e45, -1e45, 0.0]))
def test_the_future_does_not_matter(X, limits, bad):
    expected = rows_of(truncated(X, **limits))
    poisoned = []
    for rows, kept in zip(rows_of(X), expected, strict=True):
        assert rows[: len(kept)] == kept
        # Other bands, other fluxes, and more of them.
        later = [(time, "z", bad, 1e-30) for time in sorted({row[0] for row in rows[len(kept) :]})]
        if later:
            later += [(later[-1][0] + k, "u", -bad, 1e-30) for k in range(1, 4)]
        rows = [*kept, *later]
        poisoned.append({name: [row[k] for row in rows] for k, name in enumerate(FIELDS)})
    assert rows_of(truncated(poisoned, **limits)) == expected


@settings(max_examples=15)
@given(X=objects(), limits=LIMITS, seed=st.integers(0, 99))
def test_rows_and_objects_may_come_in_any_order(X, limits, seed):
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(len(o["time"])) for o in X]
    shuffled = [
        {name: np.asarray(o[name])[order] for name in FIELDS}
        for o, order in zip(X, orders, strict=True)
    ]
    expected = rows_of(truncated(X, **limits))
    assert rows_of(truncated(shuffled, **limits)) == expected
    assert rows_of(truncated(X[::-1], **limits)) == expected[::-1]


@settings(max_examples=15)
@given(X=objects(), limits=LIMITS)
def test_names_of_bands_do_not_matter(X, limits):
    other = {"g": "z", "r": "a"}
    renamed = changed(X, band=lambda band: np.array([other[name] for name in band], dtype=object))
    expected = rows_of(truncated(X, **limits))
    expected = [sorted((t, other[b], f, e) for t, b, f, e in rows) for rows in expected]
    assert rows_of(truncated(renamed, **limits)) == expected


@settings(max_examples=15)
@given(X=objects(), limits=LIMITS, offset=st.floats(-2.5e6, 2.5e6), factor=st.floats(1e-3, 1e6))
def test_zero_point_of_time_and_unit_of_flux_do_not_matter(X, limits, offset, factor):
    moved = changed(
        X,
        time=lambda time: time.astype(float) + offset,
        flux=lambda flux: flux.astype(float) * factor,
        flux_err=lambda error: error.astype(float) * factor,
    )
    there = {**limits, "date": limits["date"] + offset} if "date" in limits else limits
    expected = flatten_light_curves(truncated(X, **limits)).n_observations
    assert (flatten_light_curves(truncated(moved, **there)).n_observations == expected).all()


# --- in pipelines -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def transients():
    return make_transients(n_tde=12, n_sn_ia=18, random_state=0)


def steps(**params):
    return [
        ("truncator", LightCurveTruncator(**params)),
        ("features", LightCurveFeatures(groups=("color", "shape"))),
        ("imputer", SimpleImputer(keep_empty_features=True)),
        ("classifier", LogisticRegression(C=1e-3)),
    ]


@pytest.mark.parametrize("make", [LightCurvePipeline, SamplingPipeline])
def test_it_is_the_first_step_of_a_pipeline(transients, make):
    X, y = transients
    pipeline = make(steps(age=15)).fit(X, y)
    early = truncated(X, age=15)
    expected = LightCurvePipeline(steps()[1:]).fit(early, y).predict_proba(early)
    np.testing.assert_array_equal(pipeline.predict_proba(X), expected)
    assert (pipeline.set_params(truncator="passthrough").predict_proba(X) != expected).any()


def test_names_and_tables_come_out_of_a_pipeline_that_begins_with_it(transients):
    X, y = transients
    pipeline = LightCurvePipeline(steps(age=15)[:-1]).set_output(transform="pandas")
    table = pipeline.fit_transform(X, y)
    assert list(table.columns) == list(pipeline.get_feature_names_out())
    assert table.index.equals(X.index)


def test_a_search_goes_through_ages(transients):
    X, y = transients
    grid = {"truncator__age": [None, 1.0, 40.0], "truncator__since": ["first", "confirmed"]}
    search = GridSearchCV(LightCurvePipeline(steps()), grid, cv=2, error_score="raise")
    scores = search.fit(X, y).cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert len(set(scores)) > 1


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"age": -1}, "'age' parameter"),
        ({"age": np.nan}, "'age' parameter"),
        ({"age": np.inf}, "'age' parameter"),
        ({"age": "10"}, "'age' parameter"),
        ({"n_detections": 0}, "'n_detections' parameter"),
        ({"n_detections": 1.5}, "'n_detections' parameter"),
        ({"date": np.nan}, "'date' parameter"),
        ({"date": [1.0]}, "'date' parameter"),
        ({"since": "peak"}, "'since' parameter"),
        ({"detection_snr": 0}, "'detection_snr' parameter"),
        ({"bands": "gr"}, "'bands' parameter"),
        ({"bands": ("g",)}, "expected one of|band 'r'|unknown"),
        ({"date": "trigger"}, "column of dates 'trigger' is missing"),
        ({"date": "seen"}, "object 'sim000001': seen is nan; expected a finite number"),
    ],
)
def test_what_makes_no_sense_is_refused_with_and_without_fit(transients, params, message):
    X = transients[0].iloc[:3].assign(seen=[1.0, np.nan, 2.0])
    X.index = [f"sim00000{k}" for k in range(3)]
    for method in ("fit", "transform", "fit_transform"):
        with pytest.raises(ValueError, match=message):
            getattr(LightCurveTruncator(**params), method)(X)


def test_dates_that_are_no_numbers_are_refused(transients):
    X = transients[0].iloc[:2].assign(seen=["2020-01-01", "2020-01-02"])
    with pytest.raises(TypeError, match="column of dates 'seen' is .*; expected numbers"):
        LightCurveTruncator(date="seen").fit(X)
