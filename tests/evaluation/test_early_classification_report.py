"""Reports on light curves that end early, with a plain classifier of a few summaries."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_tde import (
    flatten_light_curves,
    make_transients,
    pack_light_curves,
    unpack_light_curves,
)
from sklearn_tde.evaluation import (
    EarlyClassificationReport,
    compare_early_reports,
    compare_reports,
    cross_validation_report,
    early_classification_report,
    first_trigger,
    score_trajectory,
)

AGES, NUMBERS = (3, 15, 40, np.inf), (1, 4, 25)
SMALL = {"ages": (15,), "n_detections": (4,), "n_bootstrap": 1}
#: What the estimator was given: tables of observations, in the order of the calls.
SEEN = {"fit": [], "predict": []}


def summaries(X):
    """Number of observations, logarithm of the brightest flux, and mean colour."""
    flat = flatten_light_curves(X, bands=("g", "r"))
    counts = np.maximum(flat.n_observations, 1)
    rows = [
        np.bincount(flat.object_position, values, minlength=flat.n_objects) / counts
        for values in (flat.flux * (flat.band == 0), flat.flux * (flat.band == 1))
    ]
    return np.column_stack([counts, *np.log(np.maximum(rows, 1))])


class Recorder(LogisticRegression):
    """Logistic regression of the summaries that remembers which light curves it met."""

    def fit(self, X, y):
        SEEN["fit"].append((list(X.index), contents(X)))
        return super().fit(summaries(X), y)

    def predict_proba(self, X):
        SEEN["predict"].append((list(X.index), contents(X)))
        return super().predict_proba(summaries(X))

    def predict(self, X):
        return self.classes_[super().predict_proba(summaries(X)).argmax(axis=1)]


def contents(X):
    """The times of every light curve."""
    flat = flatten_light_curves(X)
    return [tuple(times) for times in np.split(flat.time, flat.offsets[1:-1])]


def model(C=1.0):
    return make_pipeline(
        FunctionTransformer(summaries), StandardScaler(), LogisticRegression(C=C, max_iter=500)
    )


def report_of(estimator, X, y, **options):
    defaults = {"ages": AGES, "n_detections": NUMBERS, "cv": 3, "n_bootstrap": 60}
    return early_classification_report(estimator, X, y, **{**defaults, **options})


@pytest.fixture(scope="module")
def sample():
    return make_transients(n_tde=20, n_sn_ia=50, forced_photometry=True, random_state=0)


@pytest.fixture(scope="module")
def tables(sample):
    """Times, fluxes, and which of them are detections, of every object."""
    long = unpack_light_curves(sample[0])
    long["detected"] = long["flux"] / long["flux_err"] >= 5
    columns = ["time", "flux", "detected"]
    return {
        name: tuple(rows[column].to_numpy() for column in columns)
        for name, rows in long.groupby("object_id")
    }


@pytest.fixture(scope="module")
def report(sample):
    return report_of(model(), *sample, name="ours")


@pytest.fixture(scope="module")
def small(sample):
    return report_of(model(), *sample, **SMALL, name="small")


@pytest.fixture(scope="module")
def other(sample):
    return report_of(model(C=0.003), *sample, name="theirs")


def cut_at(table, cut, value):
    """Which observations are left of an object, worked out one by one."""
    time, _, detected = table
    detections = np.sort(time[detected])
    return time <= (detections[0] + value if cut == "age" else detections[int(value) - 1])


def times_left(table, cut, value):
    return tuple(table[0][cut_at(table, cut, value)])


class TestCuts:
    def test_what_is_left_of_each_object_is_told(self, report, tables):
        for row in report.predictions_.itertuples():
            time, flux, detected = table = tables[row.object_id]
            left = cut_at(table, row.cut, row.cut_value)
            brightest = time[np.argmax(np.where(detected, flux, 0))]
            assert row.n_observations == left.sum()
            assert row.n_detections == detected[left].sum()
            assert row.age == pytest.approx(time[left].max() - time[detected].min())
            assert row.past_peak == (brightest <= time[left].max())

    def test_objects_that_never_reach_a_number_are_not_scored_there(self, report, tables):
        reached = [name for name, table in tables.items() if table[2].sum() >= 25]
        rows = report.predictions_.query("cut == 'n_detections' and cut_value == 25")
        assert sorted(rows["object_id"]) == sorted(reached)
        assert 0 < len(reached) < len(tables)
        counted = report.by_n_detections_.loc[("roc_auc", 25)]
        assert counted["n_objects"] == len(reached)
        assert counted["n_pos"] == (rows["y"] == "TDE").sum()
        assert (report.by_age_["n_objects"] == len(tables)).all()

    def test_the_estimator_meets_nothing_that_comes_later(self, sample, tables):
        X, y = sample
        for met in SEEN.values():
            met.clear()
        report = report_of(Recorder(max_iter=500), X, y, n_bootstrap=1)
        whole = dict(zip(X.index, contents(X), strict=True))
        for k, (names, curves) in enumerate(SEEN["predict"]):
            test = report.predictions_.query("fold == @k")
            expected = {
                (row.object_id, times_left(tables[row.object_id], row.cut, row.cut_value))
                for row in test.itertuples()
            }
            met = list(zip(names, curves, strict=True))
            # Each light curve once, however many cuts leave it the same.
            assert set(met) == expected and len(met) == len(expected) < len(test)
            trained, curves = SEEN["fit"][k]
            assert not set(trained) & set(names)
            assert curves == [whole[name] for name in trained]
        assert len(SEEN["fit"]) == len(SEEN["predict"]) == 3

    def test_retraining_cuts_the_training_part_alike(self, sample, tables):
        for met in SEEN.values():
            met.clear()
        options = {"ages": (15,), "n_detections": (25,), "n_bootstrap": 1}
        report_of(Recorder(max_iter=500), *sample, retrain=True, **options)
        assert len(SEEN["fit"]) == len(SEEN["predict"]) == 6
        for k, (names, curves) in enumerate(SEEN["fit"]):
            cut, value = (("age", 15), ("n_detections", 25))[k % 2]
            tested, _ = SEEN["predict"][k]
            expected = {
                name: times_left(table, cut, value)
                for name, table in tables.items()
                if name not in tested and (cut == "age" or table[2].sum() >= value)
            }
            met = dict(zip(names, curves, strict=True))
            # Test objects that do not reach 25 are not tested, and not met in training either.
            assert met == {name: times for name, times in expected.items() if name in met}
            assert len(met) == len(expected) if cut == "age" else len(met) > 10

    def test_ages_can_be_counted_from_the_confirmed_detection(self, sample, report):
        confirmed = report_of(model(), *sample, since="confirmed", ages=(3,), n_bootstrap=1)
        first, later = (
            r.predictions_.query("cut == 'age' and cut_value == 3").set_index("object_id")
            for r in (report, confirmed)
        )
        assert (later["n_detections"] >= 2).all()
        assert (later["n_observations"] >= first["n_observations"]).all()
        assert (later["n_observations"] > first["n_observations"]).any()
        assert "first confirmed detection" in str(confirmed)


class TestScores:
    def test_they_are_those_of_the_predictions_at_each_cut(self, report):
        by_cut = report.predictions_.groupby("cut")
        for cut, table in (("age", report.by_age_), ("n_detections", report.by_n_detections_)):
            for value, rows in by_cut.get_group(cut).groupby("cut_value"):
                found = table.xs(value, level=1)["value"]
                positive, called = rows["y"] == "TDE", rows["prediction"] == "TDE"
                p = rows["probability"]
                precision, recall, _ = metrics.precision_recall_curve(positive, p)
                expected = {
                    "average_precision": metrics.average_precision_score(positive, p),
                    "roc_auc": metrics.roc_auc_score(positive, p),
                    "recall_at_precision": recall[precision >= 0.8].max(),
                    "precision_at_recall": precision[recall >= 0.8].max(),
                    "brier_skill": metrics.d2_brier_score(positive, p),
                    "log_loss": metrics.log_loss(positive, p),
                    "balanced_accuracy": metrics.balanced_accuracy_score(positive, called),
                    "f1": metrics.f1_score(positive, called),
                }
                assert found[list(expected)].to_dict() == pytest.approx(expected)

    def test_whole_light_curves_have_the_scores_of_the_ordinary_report(self, sample, report):
        ordinary = cross_validation_report(model(), *sample, cv=3, n_bootstrap=60)
        whole = report.by_age_.xs(np.inf, level="age")
        columns = ["value", "low", "high"]
        pd.testing.assert_frame_equal(
            whole.loc[ordinary.pooled_.index, columns], ordinary.pooled_[columns]
        )

    def test_levels_of_precision_and_recall_can_be_set(self, sample):
        low = report_of(model(), *sample, precision=0.4, recall=0.3, **SMALL)
        rows = low.predictions_.query("cut == 'age' and cut_value == 15")
        precision, recall, _ = metrics.precision_recall_curve(rows["y"] == "TDE", rows.probability)
        found = low.by_age_["value"].xs(15, level="age")
        assert found["recall_at_precision"] == recall[precision >= 0.4].max()
        assert found["precision_at_recall"] == precision[recall >= 0.3].max()
        assert "recall at precision 0.4 precision at recall 0.3" in str(low)

    @pytest.mark.parametrize(("phase", "past"), [("before", False), ("after", True)])
    def test_an_object_counts_once_on_each_side_of_its_peak(self, report, phase, past):
        rows = report.predictions_.query("cut == 'age' and past_peak == @past")
        counts = rows["position"].map(rows["position"].value_counts())
        assert counts.max() > 1
        found = report.by_peak_.xs(phase, level="peak")
        arguments = rows["y"] == "TDE", rows["probability"]
        assert found.loc["average_precision", "value"] == pytest.approx(
            metrics.average_precision_score(*arguments, sample_weight=1 / counts)
        )
        assert found.loc["log_loss", "value"] == pytest.approx(
            metrics.log_loss(*arguments, sample_weight=1 / counts)
        )
        assert found["n_objects"].unique().tolist() == [rows["position"].nunique()]

    def test_repeats_are_averaged(self, sample):
        both = report_of(model(), *sample, n_repeats=2, **SMALL)
        alone = [report_of(model(), *sample, random_state=r, **SMALL) for r in (0, 1)]
        values = [r.by_age_["value"].to_numpy() for r in alone]
        assert both.by_age_["value"].to_numpy() == pytest.approx(np.mean(values, axis=0))
        spread = both.by_age_["repeat_sd"].to_numpy()
        assert spread == pytest.approx(np.std(values, axis=0, ddof=1))
        days = [r.time_to_call(0.2, shares=(0.1,))["value"].item() for r in (*alone, both)]
        assert days[2] == pytest.approx(np.mean(days[:2])) and days[0] != days[1]
        assert np.isinf(both.time_to_call(1.0)["value"]).all()

    def test_one_class_among_several(self):
        X, y = make_transients(n_tde=15, n_sn_ia=20, n_sn_ii=15, random_state=1)
        report = report_of(model(), X, y, ages=(10, 40), n_detections=())
        rows = report.predictions_.query("cut_value == 40")
        value = report.by_age_["value"].xs(40, level="age")
        assert value["roc_auc"] == pytest.approx(
            metrics.roc_auc_score(rows["y"] == "TDE", rows["probability"])
        )
        assert value["macro_f1"] == pytest.approx(
            metrics.f1_score(rows["y"], rows["prediction"], average="macro")
        )
        assert set(rows["prediction"]) <= set(report.classes_) == {"SN II", "SN Ia", "TDE"}
        assert "TDE against the others (SN II, SN Ia)" in str(report)
        assert report.by_n_detections_.empty


class TestCalls:
    @pytest.mark.parametrize("threshold", [None, 0.35])
    def test_calls_are_counted_from_the_first(self, report, threshold):
        by_age = report.predictions_.query("cut == 'age'")
        called = by_age["prediction"] == "TDE"
        if threshold is not None:
            called = by_age["probability"] >= threshold
        wide = called.groupby([by_age["position"], by_age["cut_value"]]).first().unstack()
        # Some calls are taken back at a later age; the spectrum is not.
        wide = wide.to_numpy(dtype=int)
        assert (np.diff(wide, axis=1) < 0).any()
        ever = np.maximum.accumulate(wide, axis=1)
        is_tde = (by_age.drop_duplicates("position")["y"] == "TDE").to_numpy()
        table = report.calls(threshold)
        assert table["value"]["called"].tolist() == pytest.approx(ever[is_tde].mean(axis=0))
        assert table["value"]["false_alarms"].tolist() == pytest.approx(
            1000 * ever[~is_tde].mean(axis=0)
        )
        assert (table["low"] <= table["value"]).all() and (table["value"] <= table["high"]).all()

        calls = report.first_calls(threshold).set_index("position")
        for position, row in calls.iterrows():
            rows = by_age[called & (by_age["position"] == position)]
            if len(rows):
                first = rows.nsmallest(1, "cut_value").iloc[0]
                assert (row["cut_value"], row["days"]) == (first["cut_value"], first["age"])
            else:
                assert np.isnan(row["cut_value"]) and np.isinf(row["days"])

    def test_delays_count_objects_that_are_never_called(self, report):
        calls = report.first_calls(0.4).query("y == 'TDE'")
        days = np.sort(calls["days"])
        table = report.time_to_call(0.4, shares=(0.1, 0.5, 1.0))
        assert len(days) == 20 and np.isinf(days[-1])
        assert table["value"].tolist() == [days[1], days[9], np.inf]
        assert table.loc[0.1, "low"] <= days[1] <= table.loc[0.1, "high"]
        never = report.time_to_call(1.0)
        assert np.isinf(never[["value", "low", "high"]]).all(axis=None)
        assert "fewer than half of them ever are" not in str(report)

    def test_no_call_is_later_than_the_grid_of_ages_says(self, sample, tables):
        X, y = sample
        balanced = model().set_params(logisticregression__class_weight="balanced")
        options = {"ages": (5, 20, np.inf), "n_detections": (), "n_bootstrap": 20}
        report = report_of(balanced, X, y, **options, return_estimators=True)
        calls = report.first_calls(0.5).set_index("position")
        fold = report.predictions_.drop_duplicates("position").set_index("position")["fold"]
        exact = pd.Series(np.inf, index=calls.index)
        for number, fitted in enumerate(report.estimators_):
            there = fold.index[fold == number]
            triggers = first_trigger(score_trajectory(fitted, X.iloc[there]), threshold=0.5)
            exact[there] = triggers["age"].fillna(np.inf).to_numpy()
        called = np.isfinite(calls["days"])
        assert (exact[called] <= calls["days"][called] + 1e-9).all()
        assert (exact[called] < calls["days"][called] - 5).any()
        # With the whole light curve: the last observation, whenever the call came.
        whole = np.isinf(calls["cut_value"])
        assert whole.any()
        found = (tables[name] for name in calls["object_id"][whole])
        last = [time.max() - time[detected].min() for time, _, detected in found]
        np.testing.assert_allclose(calls["days"][whole], last)
        assert "half of them not later than day" in str(report)


class TestComparison:
    def test_whole_light_curves_compare_as_ordinary_reports_do(self, sample, report, other):
        options = {"cv": 3, "n_bootstrap": 60}
        ordinary = [cross_validation_report(model(C=C), *sample, **options) for C in (1.0, 0.003)]
        expected = compare_reports(*ordinary, n_bootstrap=50)
        found = compare_early_reports(report, other, n_bootstrap=50).xs(np.inf, level="age")
        pd.testing.assert_frame_equal(found.loc[expected.index], expected)

    @pytest.mark.parametrize("by", ["age", "n_detections", "peak"])
    def test_differences_are_paired(self, report, other, by):
        table = compare_early_reports(report, other, by=by, n_bootstrap=60)
        values = [getattr(r, f"by_{by}_") for r in (report, other)]
        assert table["difference"].to_numpy() == pytest.approx(
            (values[0]["value"] - values[1]["value"]).to_numpy(), nan_ok=True
        )
        scores = ["roc_auc", "average_precision"]
        widths = [(v.loc[scores, "high"] - v.loc[scores, "low"]).to_numpy() for v in values]
        paired = (table.loc[scores, "high"] - table.loc[scores, "low"]).to_numpy()
        assert paired.mean() < np.hypot(*widths).mean()
        itself = compare_early_reports(report, report, by=by, n_bootstrap=20)
        scored = itself.loc[["roc_auc", "brier_score", "f1"], ["difference", "low", "high"]]
        assert (scored == 0).all(axis=None)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"ages": (3, 15)}, "'small' and 'other' have different ages"),
            ({"n_detections": ()}, "have different n_detections"),
            ({"random_state": 1}, "different folds"),
            ({"pos_label": "SN Ia"}, "different classes"),
            ({"precision": 0.5}, "precision=0.8 and precision=0.5"),
            ({"since": "confirmed"}, "since='first' and since='confirmed'"),
        ],
    )
    def test_reports_that_are_not_paired_are_refused(self, sample, small, options, message):
        unlike = report_of(model(), *sample, **{**SMALL, "name": "other", **options})
        with pytest.raises(ValueError, match=message):
            compare_early_reports(small, unlike)


class TestObjects:
    @pytest.fixture
    def with_undetected(self, sample):
        """The sample with a TDE and a supernova that never rise above the noise."""
        X, y = sample
        X, y = X.iloc[[0, 1, 2, 3, 20, 21, 22, 23, 24]], y[[0, 1, 2, 3, 20, 21, 22, 23, 24]]
        long = unpack_light_curves(X)
        faint = long["object_id"].isin(X.index[[1, 5]])
        long.loc[faint, "flux"] /= 1e4
        return pack_light_curves(long, objects=pd.DataFrame(index=X.index)), y

    def test_those_without_a_detection_are_scored_nowhere(self, with_undetected):
        X, y = with_undetected
        report = report_of(model(), X, y, cv=2, n_bootstrap=5)
        assert report.n_left_out == 2
        assert sorted(set(report.predictions_["position"])) == [0, 2, 3, 4, 6, 7, 8]
        assert (report.by_age_["n_objects"] == 7).all() and (report.by_age_["n_pos"] == 3).all()
        assert "objects without such a detection, scored nowhere: 2" in str(report)

    def test_a_class_without_a_detection_is_refused(self, with_undetected):
        X, y = with_undetected
        only = np.where(np.isin(np.arange(9), [1, 5]), "TDE", "SN Ia")
        with pytest.raises(ValueError, match="no object of 'TDE' has a detection"):
            report_of(model(), X, only, cv=2)

    def test_other_containers_are_read(self, sample):
        X, y = (part[10:30] for part in sample)
        tables = [X["light_curve"].iloc[k] for k in range(len(X))]
        framed, listed = (report_of(model(), x, list(y), **SMALL) for x in (X, tables))
        assert (listed.predictions_["probability"] == framed.predictions_["probability"]).all()
        assert (listed.predictions_["object_id"] == listed.predictions_["position"]).all()

    def test_groups_stay_together(self, sample):
        X, y = sample
        groups = np.arange(len(y)) // 2
        report = report_of(model(), X, y, groups=groups, **SMALL)
        folds = report.predictions_.groupby(groups[report.predictions_["position"]])["fold"]
        assert (folds.nunique() == 1).all()


def test_a_report_can_be_made_of_stored_predictions(report):
    again = EarlyClassificationReport(
        report.predictions_.sample(frac=1, random_state=0),
        report.folds_,
        pos_label="TDE",
        name="ours",
        n_bootstrap=60,
    )
    for table in ("predictions_", "by_age_", "by_n_detections_", "by_peak_"):
        pd.testing.assert_frame_equal(getattr(again, table), getattr(report, table))
    assert str(again) == str(report)


def test_it_prints_a_row_for_each_cut(report):
    lines = str(report).splitlines()
    assert lines[0] == "ours: TDE against SN Ia, 20 of 70 objects (28.6%)"
    assert "3 folds, trained once per fold" in lines[1]
    labels = [" ".join(line.split()[:2]) for line in lines[5:14]]
    assert labels == [
        "3 days", "15 days", "40 days", "whole 20", "1 detection", "4 detections",
        "25 detections", "before the", "after the",
    ]  # fmt: skip
    value, low, high = report.by_age_.loc[("average_precision", 15), ["value", "low", "high"]]
    assert f"20 of 70  {value:.2f} [{low:.2f}, {high:.2f}]" in lines[6]
    assert lines[-1].startswith("false alarms per thousand others by then: ")
    expected = "<EarlyClassificationReport of ours: 70 objects, 7 cuts, pos_label='TDE'>"
    assert repr(report) == expected
    assert report._repr_html_().count("<tr") == 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ages": ()}, "ages is empty"),
        ({"ages": (5, -1)}, "ages holds -1"),
        ({"ages": (np.nan,)}, "ages holds nan"),
        ({"n_detections": (0,)}, "n_detections holds 0"),
        ({"n_detections": (2.5,)}, "n_detections holds 2.5"),
        ({"pos_label": "AGN"}, "pos_label='AGN' is not among the classes"),
        ({"precision": 0.0}, "'precision' parameter of early_classification_report"),
        ({"since": "last"}, "'since' parameter"),
        ({"retrain": True, "n_detections": (500,)}, "reaches the cut n_detections=500"),
    ],
)
def test_what_makes_no_sense_is_refused(sample, options, message):
    with pytest.raises(ValueError, match=message):
        report_of(model(), *sample, **options)


def test_an_estimator_without_probabilities_is_refused(sample):
    with pytest.raises(TypeError, match="has no predict_proba"):
        report_of(FunctionTransformer(summaries), *sample)


class Odd(Recorder):
    def predict(self, X):
        return np.full(len(X), "AGN")


def test_a_class_that_was_not_learned_is_refused(sample):
    with pytest.raises(ValueError, match=r"not in classes_ for object 'sim\d+' and \d+ more"):
        report_of(Odd(max_iter=500), *sample, **SMALL)


class Told(BaseEstimator, ClassifierMixin):
    """Keep what `fit` was told."""

    def fit(self, X, y, groups=None):
        self.classes_, self.told_ = np.unique(y), (X.index.tolist(), groups)
        return self

    def predict_proba(self, X):
        return np.tile([0.5, 0.5], (len(X), 1))

    def predict(self, X):
        return np.repeat(self.classes_[:1], len(X))


def test_fit_is_told_what_belongs_to_its_training_objects():
    X, y = make_transients(n_tde=6, n_sn_ia=12, random_state=0)
    groups = np.array([f"group of {name}" for name in X.index])
    options = {"ages": (10, np.inf), "n_detections": (), "cv": 3, "n_bootstrap": 10}
    report = early_classification_report(
        Told(), X, y, params={"groups": groups}, return_estimators=True, **options
    )
    assert len(report.estimators_) == 3
    for model in report.estimators_:
        names, told = model.told_
        assert told.tolist() == [f"group of {name}" for name in names]
    with pytest.raises(ValueError, match="return_estimators=True: with retrain=True"):
        early_classification_report(Told(), X, y, retrain=True, return_estimators=True, **options)
    assert early_classification_report(Told(), X, y, **options).estimators_ is None
