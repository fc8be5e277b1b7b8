import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.pipeline import Pipeline

from sklearn_tde import (
    LightCurveFeatures,
    LightCurveGridder,
    LightCurvePipeline,
    LightCurveSequencer,
    LSTMTransientClassifier,
    flatten_light_curves,
    make_transients,
    pack_light_curves,
    unpack_light_curves,
)
from sklearn_tde._prefixes import select_observations
from sklearn_tde.evaluation import _shared_trajectory
from sklearn_tde.preprocessing import LightCurveTruncator
from sklearn_tde.preprocessing._start import start_times
from sklearn_tde.testing import check_prefix_consistency

AGES = [5.0, 20.0, 50.0]
# Which object, which age, and by how much.
FOUND = (
    r"^object 'sim\d+', (cut )?[\d.]+ days after its first detection: .* is .* as far as was "
    r"known then, and .*: a difference of ([\d.e+-]+|inf) \(tolerance 1e-06\)"
)


@pytest.fixture(scope="module")
def simulated():
    return make_transients(6, 6, random_state=0)


@pytest.fixture(scope="module")
def X(simulated):
    return simulated[0]


class Gridder(TransformerMixin, BaseEstimator):
    """One channel on a grid of days since the first detection: the last flux, or as `leak` says."""

    def __init__(self, leak=None):
        self.leak = leak

    def fit(self, X, y=None):
        self.grid_ = np.arange(0.0, 120.0, 4.0)
        return self

    def transform(self, X):
        flat = flatten_light_curves(X)
        start = start_times(flat, "first", 5.0)
        out = np.zeros((flat.n_objects, len(self.grid_), 1))
        for k, (begin, end) in enumerate(zip(flat.offsets[:-1], flat.offsets[1:], strict=True)):
            since, flux = flat.time[begin:end] - start[k], flat.flux[begin:end]
            last = np.searchsorted(since, self.grid_ + 1e-6) - 1
            out[k, :, 0] = np.where(last >= 0, flux[np.maximum(last, 0)], 0.0)
            scale = np.maximum.accumulate(np.abs(flux))[np.maximum(last, 0)]
            if self.leak == "interpolation":
                out[k, :, 0] = np.interp(self.grid_, since, flux)
            if self.leak == "scale":
                scale = np.abs(flux).max()
            if self.leak == "number":
                scale = len(flux)
            if self.leak == "band":
                scale = 1.0 + (flat.band[begin:end] == 0).mean()
            out[k, :, 0] /= scale
        return out


class Steps(Gridder):
    """The same steps, without telling when they are."""

    def fit(self, X, y=None):
        self.hidden_ = Gridder(self.leak).fit(X)
        return self

    def transform(self, X):
        return np.repeat(self.hidden_.transform(X), 2, axis=2)


class Features(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.ones((len(X), 3))


class Brightness(ClassifierMixin, BaseEstimator):
    """Says how bright the last observation is, compared with other objects if `by_batch`."""

    def __init__(self, by_batch=False):
        self.by_batch = by_batch

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        flat = flatten_light_curves(X)
        last = flat.flux[flat.offsets[1:] - 1]
        positive = expit((last - last.mean() * self.by_batch) / 100.0)
        return np.column_stack([1.0 - positive, positive])


@pytest.mark.parametrize("leak", ["scale", "interpolation", "number", "band"])
def test_a_leaking_gridder_is_caught(X, leak):
    with pytest.raises(AssertionError, match=FOUND) as error:
        check_prefix_consistency(Gridder(leak).fit(X), X)
    assert "It depends on what comes later." in str(error.value)
    with pytest.raises(AssertionError, match=FOUND):
        check_prefix_consistency(Gridder(leak).fit(X), X, ages=AGES)
    with pytest.raises(AssertionError, match="cut 20 days after"):
        check_prefix_consistency(Gridder(leak).fit(X), X, ages=20)


def test_the_same_gridder_without_a_leak_passes(X):
    check_prefix_consistency(Gridder().fit(X), X)
    check_prefix_consistency(Gridder().fit(X), X, ages=AGES)
    check_prefix_consistency(Pipeline([("g", Gridder())]).fit(X), X, ages=AGES)


def test_the_difference_is_that_of_the_object_at_the_age():
    table = pd.DataFrame(
        {
            "object_id": "a",
            "time": [100.0, 110.0, 130.0, 150.0],
            "band": "g",
            "flux": [50.0, 100.0, 80.0, 400.0],
            "flux_err": 1.0,
        }
    )
    X = pack_light_curves(table)
    with pytest.raises(AssertionError) as error:
        check_prefix_consistency(Gridder("scale").fit(X), X, ages=[30])
    # At its largest on day 12, where 100 is the maximum until the cut.
    assert str(error.value) == (
        "object 'a', cut 30 days after its first detection: feature 0 of step 3 is 1 as far as was "
        "known then, and 0.25 with what was observed later: a difference of 0.75 (tolerance "
        "1e-06). It depends on what comes later."
    )


def test_a_larger_tolerance_lets_more_pass(X):
    with pytest.raises(AssertionError):
        check_prefix_consistency(Gridder("scale").fit(X), X, tolerance=0.5)
    check_prefix_consistency(Gridder("scale").fit(X), X, tolerance=1.0)


def test_poison_finds_what_the_light_curves_themselves_do_not(X):
    # All in one band: another one is only met in the poison.
    one_band = unpack_light_curves(X)
    one_band = one_band[one_band["band"] == "g"].assign(
        band=lambda table: table["band"].astype(str)
    )
    dull = pack_light_curves(one_band.assign(flux=100.0, flux_err=1.0))
    for leak in ("scale", "interpolation"):
        with pytest.raises(AssertionError, match="of huge flux"):
            check_prefix_consistency(Gridder(leak).fit(dull), dull, ages=AGES)


@pytest.mark.parametrize("leak", [None, "scale"])
def test_steps_at_times_that_are_told(X, leak):
    def step_times(X):
        start = start_times(flatten_light_curves(X), "first", 5.0)
        return start[:, None] + np.arange(0.0, 120.0, 4.0)

    steps = Steps(leak).fit(X)
    if leak is None:
        check_prefix_consistency(steps, X, step_times=step_times)
        return
    with pytest.raises(AssertionError, match=FOUND):
        check_prefix_consistency(steps, X, step_times=step_times)


@pytest.mark.parametrize(
    ("params", "passes"),
    [
        ({"start": "first", "scale": "running"}, True),
        ({"start": "first", "scale": None, "context": ("redshift",)}, True),
        ({"start": "first", "scale": "running", "detection_snr": 8.0}, True),
        # The clock moves until a detection is confirmed.
        ({"start": "confirmed", "scale": "running"}, False),
        ({"start": "first", "scale": "median"}, False),
        ({"start": "first", "scale": "running", "max_observations": 5}, False),
    ],
)
def test_sequencers(params, passes):
    X, _ = make_transients(15, 15, forced_photometry=True, random_state=1)
    sequencer = LightCurveSequencer(**params).fit(X)
    if passes:
        check_prefix_consistency(sequencer, X)
        return
    with pytest.raises(AssertionError, match=FOUND):
        check_prefix_consistency(sequencer, X, ages=[0, 1, 3, 10, 30])


@pytest.mark.parametrize("scale", ["median", "running"])
def test_the_gridder_of_the_package_interpolates_ahead(X, scale):
    with pytest.raises(AssertionError, match=FOUND):
        check_prefix_consistency(LightCurveGridder(scale=scale, start="first").fit(X), X)


@pytest.fixture(scope="module")
def lstm():
    return LSTMTransientClassifier(
        hidden_dim=8, max_epochs=4, lr=0.01, bidirectional=False, random_state=0
    )


@pytest.fixture(scope="module")
def shared_model(simulated, lstm):
    steps = [("sequencer", LightCurveSequencer(scale="running")), ("classifier", lstm)]
    return LightCurvePipeline(steps).fit(*simulated)


def test_a_classifier_of_whole_light_curves_passes(simulated, X, shared_model):
    check_prefix_consistency(shared_model, X)
    check_prefix_consistency(Brightness().fit(*simulated), X)


def test_work_that_is_shared_wrongly_is_caught(simulated, X, lstm, monkeypatch):
    steps = [("sequencer", LightCurveSequencer(scale="median")), ("classifier", lstm)]
    model = LightCurvePipeline(steps).fit(*simulated)
    check_prefix_consistency(model, X, ages=AGES)
    monkeypatch.setattr(_shared_trajectory, "_what_looks_ahead", lambda *steps: None)
    with pytest.raises(AssertionError, match=FOUND):
        check_prefix_consistency(model, X, ages=AGES)


def cut_and_predicted(model):
    def trajectory(X, ages):
        cut = [LightCurveTruncator(age=age).transform(X) for age in ages]
        return np.column_stack([model.predict_proba(some)[:, 1] for some in cut])

    return trajectory


def test_a_trajectory_of_the_users_own(simulated, X):
    model = Brightness().fit(*simulated)
    honest = cut_and_predicted(model)
    check_prefix_consistency(model, X, ages=AGES, trajectory=honest)

    def off_by_one_night(X, ages):
        return honest(X, ages + 5.0)

    def of_the_whole(X, ages):
        return np.repeat(model.predict_proba(X)[:, [1]], len(ages), axis=1)

    def changed_afterwards(X, ages):
        # Right for the light curves as they are, but not if they had gone on in another way.
        flat = flatten_light_curves(X)
        return honest(X, ages) + 0.01 * (flat.flux.max() > 1e6)

    for wrong in (off_by_one_night, of_the_whole, changed_afterwards):
        with pytest.raises(AssertionError, match=FOUND):
            check_prefix_consistency(model, X, ages=AGES, trajectory=wrong)
    with pytest.raises(ValueError, match="trajectory returned an array of shape"):
        check_prefix_consistency(model, X, trajectory=lambda X, ages: model.predict_proba(X))


BY_OTHERS = FOUND + r"\. It depends on the other objects that are given with it"


def test_results_that_depend_on_other_objects_are_caught(simulated, X):
    with pytest.raises(AssertionError, match=BY_OTHERS):
        check_prefix_consistency(Brightness(by_batch=True).fit(*simulated), X)


class Observations(TransformerMixin, BaseEstimator):
    """The fluxes, over the largest of the object if `leaks`, filled up to the longest object."""

    def __init__(self, filling="zeros", leaks=False):
        self.filling, self.leaks = filling, leaks

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        flat = flatten_light_curves(X)
        out = np.zeros((flat.n_objects, flat.n_observations.max(), 2))
        if self.filling != "zeros":
            out[:] = np.nan if self.filling == "nan" else -1.0
        for row, begin, end in zip(out, flat.offsets[:-1], flat.offsets[1:], strict=True):
            steps = slice(-(end - begin), None) if self.filling == "before" else slice(end - begin)
            flux = flat.flux[begin:end]
            row[steps] = np.column_stack([flux / flux.max() if self.leaks else flux, flux])
        return out


@pytest.mark.parametrize("filling", ["zeros", "nan"])
def test_filling_up_to_the_longest_object_is_not_looking_ahead(X, filling):
    check_prefix_consistency(Observations(filling).fit(X), X, ages=AGES)
    with pytest.raises(AssertionError, match=r"\. It depends on what comes later\.$"):
        check_prefix_consistency(Observations(filling, leaks=True).fit(X), X, ages=AGES)


@pytest.mark.parametrize("filling", ["ones", "before"])
def test_filling_that_is_taken_for_steps_is_told_from_looking_ahead(X, filling):
    with pytest.raises(AssertionError, match=BY_OTHERS):
        check_prefix_consistency(Observations(filling).fit(X), X, ages=AGES)


class OverMaximum(TransformerMixin, BaseEstimator):
    """Divides the fluxes by the largest one and returns light curves."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        table = unpack_light_curves(X)
        largest = table.groupby("object_id", sort=False)["flux"].transform("max")
        table["flux"], table["flux_err"] = table["flux"] / largest, table["flux_err"] / largest
        return pack_light_curves(table)


def make_cutting(simulated, lstm, *before, **limit):
    steps = [(f"before{k}", step) for k, step in enumerate(before)]
    steps += [
        ("truncator", LightCurveTruncator(**limit)),
        ("gridder", LightCurveGridder(n_steps=12, scale=None, start="first")),
        ("classifier", lstm),
    ]
    return LightCurvePipeline(steps).fit(*simulated)


@pytest.mark.parametrize(
    "limit", [{"age": 20}, {"n_detections": 4}, {"age": 5, "since": "confirmed"}]
)
def test_a_pipeline_that_truncates_first_passes(simulated, X, lstm, limit):
    check_prefix_consistency(make_cutting(simulated, lstm, **limit), X)


def test_a_step_before_the_truncator_is_caught(simulated, X, lstm):
    model = make_cutting(simulated, lstm, OverMaximum(), age=20)
    with pytest.raises(AssertionError, match=FOUND):
        check_prefix_consistency(model, X)


@pytest.mark.parametrize(
    "limit", [{"age": 0}, {"age": 30}, {"age": 3, "since": "confirmed"}, {"n_detections": 3}]
)
def test_truncators_pass(limit):
    X, _ = make_transients(15, 15, forced_photometry=True, random_state=1)
    check_prefix_consistency(LightCurveTruncator(**limit).fit(X), X)


class Peak(TransformerMixin, BaseEstimator):
    """Cuts light curves at their maximum."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        flat = flatten_light_curves(X)
        largest = np.maximum.reduceat(flat.flux, flat.offsets[:-1])[flat.object_position]
        after = flat.flux >= largest
        cut = np.full(flat.n_objects, np.inf)
        np.minimum.at(cut, flat.object_position[after], flat.time[after])
        return select_observations(X, flat.time <= cut[flat.object_position])


def test_a_truncator_that_knows_the_peak_is_caught(X):
    with pytest.raises(AssertionError, match="of observation"):
        check_prefix_consistency(Peak().fit(X), X)


class WithoutGaps(Gridder):
    """Looks whether a further field is known for all observations."""

    def transform(self, X):
        airmass = X["light_curve.airmass"]
        gaps = airmass.isna().groupby(airmass.index, sort=False).any().to_numpy()
        return super().transform(X) + gaps.reshape(len(X), 1, 1)


def test_further_fields_are_missing_in_the_poison(X):
    table = unpack_light_curves(X).assign(airmass=1.2)
    with_airmass = pack_light_curves(table, observation_columns=["airmass"])
    check_prefix_consistency(Gridder().fit(X), with_airmass, ages=[20])
    with pytest.raises(AssertionError, match=FOUND):
        check_prefix_consistency(WithoutGaps().fit(X), with_airmass, ages=[20])


@pytest.mark.parametrize(
    ("make", "arguments", "error", "message"),
    [
        (LightCurveFeatures, {}, TypeError, "returns a table"),
        (Features, {}, TypeError, "returns a table"),
        (object, {}, TypeError, "has neither predict_proba nor transform"),
        (Gridder, {"ages": [-1.0]}, ValueError, "ages=.*numbers of 0 or more"),
        (Gridder, {"ages": [1e4]}, ValueError, "no object was observed later than 10000 days"),
        (Gridder, {"trajectory": len}, TypeError, "has no predict_proba"),
        (Gridder, {"tolerance": -1.0}, ValueError, "The 'tolerance' parameter"),
        (Steps, {"step_times": np.ones_like}, ValueError, "step_times returned|no step before"),
        (
            lambda: LightCurveTruncator(age=5),
            {"ages": AGES},
            ValueError,
            "cuts light curves itself",
        ),
        (LightCurveTruncator, {}, ValueError, "cuts nothing off"),
    ],
)
def test_what_cannot_be_checked_is_refused(X, make, arguments, error, message):
    estimator = make()
    if hasattr(estimator, "fit"):
        estimator.fit(X)
    with pytest.raises(error, match=message):
        check_prefix_consistency(estimator, X, **arguments)


def test_objects_without_a_detection_have_no_age(X):
    faint = unpack_light_curves(X).assign(flux=1.0, flux_err=1.0)
    with pytest.raises(ValueError, match="no object has a detection"):
        check_prefix_consistency(Gridder().fit(X), pack_light_curves(faint))
