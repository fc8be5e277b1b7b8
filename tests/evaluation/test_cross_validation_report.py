"""What a cross-validation report promises, with plain scikit-learn classifiers."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import config_context, metrics
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibrationDisplay
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    PredefinedSplit,
    StratifiedKFold,
    StratifiedShuffleSplit,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_validate,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_tde.evaluation import (
    CrossValidationReport,
    compare_reports,
    cross_validation_report,
)


@pytest.fixture(scope="module")
def binary():
    X, positive = make_classification(
        240, 6, weights=[0.85], class_sep=0.8, flip_y=0.02, random_state=0
    )
    return X, np.where(positive, "TDE", "SN Ia")


@pytest.fixture(scope="module")
def multiclass():
    X, codes = make_classification(
        240, 6, n_informative=4, n_classes=3, weights=[0.6, 0.25], random_state=0
    )
    return X, np.array(["SN Ia", "AGN", "TDE"])[codes]


def report_of(estimator, X, y, **options):
    return cross_validation_report(estimator, X, y, **{"n_bootstrap": 50, **options})


class Recorder(ClassifierMixin, BaseEstimator):
    """Nearest-mean classifier that remembers, on the class, which rows it was fitted on."""

    fitted_on: list = []

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.means_ = np.array([X[y == label, 1:].mean(axis=0) for label in self.classes_])
        Recorder.fitted_on.append(X[:, 0].astype(int))
        return self

    def predict_proba(self, X):
        distance = ((X[:, np.newaxis, 1:] - self.means_) ** 2).sum(axis=2)
        weights = np.exp(-(distance - distance.min(axis=1, keepdims=True)) / 2)
        return weights / weights.sum(axis=1, keepdims=True)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class TestScores:
    def test_fold_scores_are_those_of_cross_validate(self, binary):
        X, y = binary
        cv = StratifiedKFold(4, shuffle=True, random_state=1)
        report = report_of(LogisticRegression(), X, y, cv=cv)
        scoring = {
            "balanced_accuracy": "balanced_accuracy",
            "recall": metrics.make_scorer(metrics.recall_score, pos_label="TDE"),
            "precision": metrics.make_scorer(metrics.precision_score, pos_label="TDE"),
            "f1": metrics.make_scorer(metrics.f1_score, pos_label="TDE"),
            "specificity": metrics.make_scorer(metrics.recall_score, pos_label="SN Ia"),
            "roc_auc": "roc_auc",
        }
        expected = cross_validate(LogisticRegression(), X, y, cv=cv, scoring=scoring)
        for metric in scoring:
            assert report.folds_[metric].to_numpy() == pytest.approx(expected[f"test_{metric}"])
            mean, sd = report.pooled_.loc[metric, ["fold_mean", "fold_sd"]]
            assert mean == pytest.approx(expected[f"test_{metric}"].mean())
            assert sd == pytest.approx(expected[f"test_{metric}"].std(ddof=1))

    def test_pooled_scores_are_those_of_all_out_of_fold_predictions(self, binary):
        X, y = binary
        cv = StratifiedKFold(5, shuffle=True, random_state=0)
        probability = cross_val_predict(LogisticRegression(), X, y, cv=cv, method="predict_proba")[
            :, 1
        ]
        report = report_of(LogisticRegression(), X, y)
        assert report.y_proba == pytest.approx(probability)
        assert report.pooled_.loc["average_precision", "value"] == pytest.approx(
            metrics.average_precision_score(y, probability, pos_label="TDE")
        )
        assert report.pooled_.loc["brier_score", "value"] == pytest.approx(
            metrics.brier_score_loss(y, probability, pos_label="TDE")
        )

    def test_intervals_hold_the_value_and_narrow_with_the_level(self, binary):
        wide = report_of(GaussianNB(), *binary, n_bootstrap=400).pooled_
        narrow = report_of(GaussianNB(), *binary, n_bootstrap=400, confidence_level=0.5).pooled_
        assert (wide["low"] < wide["value"]).all() and (wide["value"] < wide["high"]).all()
        assert (narrow["low"] > wide["low"]).all() and (narrow["high"] < wide["high"]).all()

    def test_multiclass_scores_are_those_of_one_class_against_the_rest(self, multiclass):
        X, y = multiclass
        report = report_of(LogisticRegression(), X, y)
        cv = StratifiedKFold(5, shuffle=True, random_state=0)
        probability = cross_val_predict(LogisticRegression(), X, y, cv=cv, method="predict_proba")[
            :, 2
        ]
        prediction = cross_val_predict(LogisticRegression(), X, y, cv=cv)
        assert (report.y_pred == prediction).all()
        value = report.pooled_["value"]
        is_tde, called = y == "TDE", prediction == "TDE"
        assert value["roc_auc"] == pytest.approx(metrics.roc_auc_score(is_tde, probability))
        assert value["balanced_accuracy"] == pytest.approx(
            metrics.balanced_accuracy_score(is_tde, called)
        )
        assert value["macro_recall"] == pytest.approx(
            metrics.balanced_accuracy_score(y, prediction)
        )
        assert value["macro_f1"] == pytest.approx(metrics.f1_score(y, prediction, average="macro"))

    def test_binary_reports_have_no_macro_scores(self, binary):
        assert "macro_f1" not in report_of(GaussianNB(), *binary).pooled_.index


class TestLabels:
    @pytest.mark.parametrize("threshold", [None, 0.3, "tune"])
    @pytest.mark.parametrize("other", ["AGN", "Unknown"])
    def test_the_alphabet_does_not_matter(self, binary, other, threshold):
        X, y = binary
        options = {"threshold": threshold, "threshold_cv": 2, "cv": 3}
        expected = report_of(GaussianNB(), X, y == "TDE", **options)
        named = report_of(GaussianNB(), X, np.where(y == "TDE", "TDE", other), **options)
        numbers = ["value", "low", "high", "fold_mean", "fold_sd"]
        pd.testing.assert_frame_equal(named.pooled_[numbers], expected.pooled_[numbers])
        assert named.folds_["threshold"].to_numpy() == pytest.approx(
            expected.folds_["threshold"].to_numpy(), nan_ok=True
        )

    def test_naming_the_other_class_turns_the_scores_around(self, binary):
        X, y = binary
        tde = report_of(GaussianNB(), X, y).pooled_["value"]
        other = report_of(GaussianNB(), X, y, pos_label="SN Ia").pooled_["value"]
        assert other["recall"] == pytest.approx(tde["specificity"])
        assert other["roc_auc"] == pytest.approx(tde["roc_auc"])
        assert other["average_precision"] > tde["average_precision"]

    @pytest.mark.parametrize("labels", [[0, 1], [-1, 1], [0.0, 1.0], [False, True]])
    def test_one_is_positive_without_being_named(self, binary, labels):
        X, y = binary
        report = report_of(GaussianNB(), X, np.array(labels)[(y == "TDE").astype(int)])
        assert report.pos_label == 1
        assert report.folds_["n_pos"].sum() == (y == "TDE").sum()

    @pytest.mark.parametrize("kind", ["list", "category", "string", "object"])
    def test_labels_of_any_type_are_taken_by_position(self, binary, kind):
        X, y = binary
        labels = list(y) if kind == "list" else pd.Series(y, index=range(500, 740), dtype=kind)
        report = report_of(GaussianNB(), X, labels)
        assert (report.y_true == y).all()


class TestFolds:
    def test_each_object_is_predicted_once_by_an_estimator_that_never_saw_it(self, binary):
        X, y = binary
        report = report_of(
            Recorder(), np.column_stack([np.arange(240), X]), y, return_estimators=True
        )
        assert report.predictions_["position"].tolist() == list(range(240))
        assert len(report.estimators_) == len(report.folds_) == 5
        assert report_of(GaussianNB(), X, y).estimators_ is None

    def test_tuning_a_threshold_fits_on_nothing_but_the_training_fold(self, binary):
        X, y = binary
        X = np.column_stack([np.arange(240), X])
        Recorder.fitted_on.clear()
        report = report_of(Recorder(), X, y, threshold="tune", threshold_cv=2, cv=3)
        fits = np.array_split(np.arange(len(Recorder.fitted_on)), 3)
        # Per outer fold one fit on all of the training set, and two on parts of it.
        assert len(Recorder.fitted_on) == 3 * 3
        for fold, numbers in enumerate(fits):
            of_fold = report.predictions_["fold"] == fold
            tested = set(report.predictions_.loc[of_fold, "position"])
            for number in numbers:
                assert not tested & set(Recorder.fitted_on[number])

    def test_the_threshold_does_not_depend_on_the_labels_that_are_scored(self, binary):
        X, y = binary
        rows = np.arange(240)
        cv = [(rows[80:], rows[:80])]
        before = report_of(LogisticRegression(), X, y, cv=cv, threshold="tune")
        mangled = y.copy()
        mangled[:80] = mangled[:80][::-1]
        after = report_of(LogisticRegression(), X, mangled, cv=cv, threshold="tune")
        assert before.folds_["threshold"].tolist() == after.folds_["threshold"].tolist()
        assert (before.y_pred == after.y_pred).all()
        assert before.pooled_.loc["roc_auc", "value"] != after.pooled_.loc["roc_auc", "value"]

    def test_a_tuned_threshold_is_that_of_scikit_learn(self, binary):
        X, y = binary
        inner = StratifiedShuffleSplit(1, test_size=0.5, random_state=3)
        report = report_of(
            LogisticRegression(), X, y == "TDE", threshold="tune", threshold_scoring="f1",
            threshold_cv=inner,
            cv=2,
        )  # fmt: skip
        tuned = TunedThresholdClassifierCV(LogisticRegression(), scoring="f1", cv=inner)
        outer = StratifiedKFold(2, shuffle=True, random_state=0)
        for fold, (train, test) in enumerate(outer.split(X, y)):
            tuned.fit(X[train], y[train] == "TDE")
            rows = report.predictions_.set_index("position").loc[test]
            assert (rows["fold"] == fold).all()
            assert rows["threshold"].to_numpy() == pytest.approx(tuned.best_threshold_)
            assert (rows["prediction"] == tuned.predict(X[test])).all()

    def test_a_callable_decides_what_a_tuned_threshold_maximises(self, binary):
        X, y = binary

        def few_calls(y_true, y_pred):
            assert set(np.unique(y_true)) == {0, 1}
            return -y_pred.sum()

        options = {"threshold": "tune", "threshold_cv": 2, "cv": 2}
        strict = report_of(GaussianNB(), X, y, threshold_scoring=few_calls, **options)
        balanced = report_of(GaussianNB(), X, y, **options)
        assert strict.pooled_.loc["recall", "value"] < balanced.pooled_.loc["recall", "value"]
        assert "few calls" in str(strict)

    def test_a_fixed_threshold_is_applied_to_the_positive_class(self, binary):
        report = report_of(GaussianNB(), *binary, threshold=0.8)
        assert ((report.y_pred == "TDE") == (report.y_proba >= 0.8)).all()
        assert (report.predictions_["threshold"] == 0.8).all()

    def test_groups_stay_together_in_outer_and_inner_folds(self, binary):
        X, y = binary
        order = np.argsort(y, kind="stable")
        X, y, groups = np.column_stack([np.arange(240), X])[order], y[order], np.arange(240) // 2
        X[:, 0] = np.arange(240)
        Recorder.fitted_on.clear()
        report = report_of(Recorder(), X, y, groups=groups, threshold="tune", threshold_cv=2, cv=3)
        assert (report.predictions_.groupby(groups)["fold"].nunique() == 1).all()
        for rows in Recorder.fitted_on:
            sizes = np.bincount(groups[rows], minlength=120)
            assert set(sizes) == {0, 2}

    def test_a_splitter_is_used_as_given_and_need_not_score_everything(self, binary):
        X, y = binary
        folds = np.tile([0, 1, -1], 80)
        report = report_of(GaussianNB(), X, y, cv=PredefinedSplit(folds))
        assert report.predictions_["position"].tolist() == np.flatnonzero(folds >= 0).tolist()
        assert report.predictions_["fold"].tolist() == folds[folds >= 0].tolist()

    def test_masks_and_generators_of_splits_serve_all_repeats(self, binary):
        X, y = binary
        test = np.arange(240) % 2 == 0
        splits = ((~side, side) for side in (test, ~test))
        report = report_of(RandomForestClassifier(5), X, y, cv=splits, n_repeats=2)
        assert report.folds_["n_test"].tolist() == [120] * 4
        assert report.pooled_.loc["brier_score", "repeat_sd"] > 0

    def test_permuting_the_rows_permutes_the_predictions(self, binary):
        X, y = binary
        folds = np.arange(240) % 5
        order = np.random.default_rng(0).permutation(240)
        report = report_of(GaussianNB(), X, y, cv=PredefinedSplit(folds))
        permuted = report_of(GaussianNB(), X[order], y[order], cv=PredefinedSplit(folds[order]))
        assert permuted.y_proba == pytest.approx(report.y_proba[order])
        assert permuted.pooled_["value"].to_numpy() == pytest.approx(
            report.pooled_["value"].to_numpy()
        )


class TestSeeds:
    def test_the_same_seed_gives_the_same_report(self, binary):
        forest = RandomForestClassifier(5)
        options = {"threshold": "tune", "threshold_cv": 2, "cv": 2}
        one, two = (report_of(forest, *binary, **options) for _ in range(2))
        pd.testing.assert_frame_equal(one.predictions_, two.predictions_)
        pd.testing.assert_frame_equal(one.pooled_, two.pooled_)

    def test_parallel_folds_give_the_same_report(self, binary):
        forest = RandomForestClassifier(5)
        one = report_of(forest, *binary, n_repeats=2)
        two = report_of(forest, *binary, n_repeats=2, n_jobs=2)
        pd.testing.assert_frame_equal(one.predictions_, two.predictions_)

    def test_a_repeat_can_be_had_alone(self, binary):
        forest = RandomForestClassifier(5, random_state=7)
        both = report_of(forest, *binary, n_repeats=2, random_state=3).predictions_
        alone = report_of(forest, *binary, random_state=4).predictions_
        second = both[both["repeat"] == 1].reset_index(drop=True).assign(repeat=0)
        pd.testing.assert_frame_equal(second, alone)
        assert not np.allclose(both["probability"][:240], both["probability"][240:])

    def test_repeats_are_averaged_and_their_scatter_is_told(self, binary):
        X, y = binary
        report = report_of(RandomForestClassifier(5), X, y, n_repeats=3)
        values = [
            metrics.roc_auc_score(y, rows["probability"])
            for _, rows in report.predictions_.groupby("repeat")
        ]
        pooled = report.pooled_.loc["roc_auc"]
        assert pooled["value"] == pytest.approx(np.mean(values))
        assert pooled["repeat_sd"] == pytest.approx(np.std(values, ddof=1))

    def test_nested_random_states_are_seeded_and_the_estimator_is_left_alone(self, binary):
        vote = VotingClassifier(
            [(name, RandomForestClassifier(3, random_state=0)) for name in "ab"], voting="soft"
        )
        pipeline = make_pipeline(StandardScaler(), vote)
        report = report_of(pipeline, *binary, cv=2, return_estimators=True)
        seeds = [
            value
            for name, value in report.estimators_[0].get_params().items()
            if name.endswith("random_state")
        ]
        assert len(set(seeds)) == len(seeds) == 2 and 0 not in seeds
        assert vote.estimators[0][1].random_state == 0


class TestInputs:
    def test_tables_are_named_by_their_index_and_taken_by_position(self, binary):
        X, y = binary
        names = [f"ZTF{number}" for number in range(240)]
        frame = pd.DataFrame(X, index=names)
        report = report_of(GaussianNB(), frame, pd.Series(y, index=names[::-1]))
        expected = report_of(GaussianNB(), X, y)
        assert report.y_proba.tolist() == expected.y_proba.tolist()
        assert report.predictions_["object_id"].tolist() == names
        assert expected.predictions_["object_id"].tolist() == list(range(240))

    @pytest.mark.parametrize("kind", ["3-D", "list", "sparse"])
    def test_whatever_scikit_learn_indexes_will_do(self, binary, kind):
        X, y = binary
        expected = report_of(LogisticRegression(), X, y).y_proba
        given = {"3-D": X.reshape(240, 3, 2), "list": X.tolist(), "sparse": sparse.coo_array(X)}
        estimator = LogisticRegression()
        if kind == "3-D":
            flatten = FunctionTransformer(lambda X: X.reshape(len(X), -1))
            estimator = make_pipeline(flatten, estimator)
        assert report_of(estimator, given[kind], y).y_proba == pytest.approx(expected, abs=1e-6)

    def test_light_curves_are_taken_object_by_object(self, binary):
        nested_pandas = pytest.importorskip("nested_pandas")
        X, y = binary
        table = pd.DataFrame({"flux": X.ravel()}, index=np.repeat(np.arange(240), 6))
        frame = nested_pandas.NestedFrame(index=range(240)).join_nested(table, "light_curve")

        def fluxes(X):
            return X["light_curve.flux"].to_numpy().reshape(len(X), 6)

        pipeline = make_pipeline(FunctionTransformer(fluxes), GaussianNB())
        report = report_of(pipeline, frame, y)
        assert report.y_proba == pytest.approx(report_of(GaussianNB(), X, y).y_proba)

    def test_rows_of_one_name_on_both_sides_of_a_fold_are_reported(self, binary):
        X, y = binary
        order = np.argsort(y, kind="stable")
        frame = pd.DataFrame(X[order], index=[f"ZTF{number // 2}" for number in range(240)])
        with pytest.warns(UserWarning, match="rows named ZTF.* groups=X.index"):
            report_of(GaussianNB(), frame, y[order])
        report = report_of(GaussianNB(), frame, y[order], groups=frame.index)
        assert (report.predictions_.groupby("object_id")["fold"].nunique() == 1).all()

    def test_sample_weights_are_cut_to_the_training_set(self, binary):
        X, y = binary
        weight = np.where(y == "TDE", 6.0, 1.0)
        plain = report_of(LogisticRegression(), X, y).y_proba
        weighted = report_of(LogisticRegression(), X, y, params={"sample_weight": weight})
        assert weighted.y_proba.mean() > plain.mean() + 0.1
        with config_context(enable_metadata_routing=True):
            routed = report_of(
                LogisticRegression().set_fit_request(sample_weight=True),
                *(X, y),
                params={"sample_weight": weight},
                threshold=0.5,
            )
        assert routed.y_proba == pytest.approx(weighted.y_proba)


class NaiveBayesWithSteps(GaussianNB):
    """A classifier with a parameter that happens to be called as a pipeline's steps are."""

    def __init__(self, steps="observed"):
        super().__init__()
        self.steps = steps


class TestOutput:
    def test_it_is_named_after_the_estimator_or_the_last_step(self, binary):
        X, y = binary
        assert report_of(NaiveBayesWithSteps(), X, y, cv=2).name == "NaiveBayesWithSteps"
        pipeline = make_pipeline(StandardScaler(), GaussianNB())
        assert report_of(pipeline, X, y, cv=2).name == "GaussianNB"

    def test_the_tables_have_the_documented_columns(self, binary):
        report = report_of(GaussianNB(), *binary)
        assert list(report.predictions_) == [
            *("repeat", "position", "object_id", "fold"),
            *("y", "probability", "prediction", "threshold"),
        ]
        folds = list(report.folds_)
        assert folds[:6] == ["repeat", "fold", "n_train", "n_test", "n_pos", "threshold"]
        assert folds[6:-2] == list(report.pooled_.index)
        assert folds[-2:] == ["fit_time", "score_time"]
        assert (report.folds_["n_train"] + report.folds_["n_test"] == 240).all()
        assert list(report.pooled_) == [
            *("value", "low", "high", "repeat_sd", "fold_mean", "fold_sd")
        ]

    def test_the_printed_table_says_what_was_done(self, binary):
        X, y = binary
        options = {"threshold": "tune", "threshold_scoring": "f1", "threshold_cv": 2}
        text = str(report_of(GaussianNB(), X, y, cv=2, n_repeats=2, **options))
        assert "GaussianNB: TDE against SN Ia" in text
        assert f"{(y == 'TDE').sum()} of 240 objects" in text
        assert "2 folds x 2 repeats" in text
        assert "tuned within each training set for f1" in text
        for row in ("balanced accuracy", "recall (TDE)", "average precision", "sd of repeats"):
            assert row in text

    def test_what_is_not_defined_is_printed_as_a_dash_and_explained(self, binary):
        _, y = binary
        parted = (y == "TDE").astype(float)[:, None]
        report = report_of(GaussianNB(), parted + np.linspace(0, 0.01, len(y))[:, None], y)
        slope = report.pooled_.loc["calibration_slope"]
        assert slope[["value", "low", "high", "fold_mean"]].isna().all()
        for text in (str(report), report._repr_html_()):
            assert "nan" not in text.lower()
            assert text.count("-: not defined for these objects") == 1
        (row,) = [line for line in str(report).splitlines() if line.startswith("calibration slope")]
        assert row.split() == ["calibration", "slope", "-", "-", "-"]

    def test_half_of_an_interval_is_printed(self, binary):
        report = report_of(GaussianNB(), *binary)
        assert "not defined" not in str(report) + report._repr_html_()
        report.pooled_.loc["calibration_slope", ["value", "low", "high"]] = [1.2, 0.9, np.nan]
        report.pooled_.loc["calibration_slope", ["fold_mean", "fold_sd"]] = [0.762, np.nan]
        (row,) = [line for line in str(report).splitlines() if line.startswith("calibration slope")]
        assert row.split()[2:] == ["1.200", "0.900", "to", "-", "0.762"]

    def test_the_html_table_escapes_names(self, binary):
        page = report_of(GaussianNB(), *binary, name="<script>")._repr_html_()
        assert "&lt;script&gt;" in page and "<script>" not in page
        assert "<table" in page and "Brier score" in page

    def test_a_pipeline_is_called_by_its_last_step(self, binary):
        pipeline = make_pipeline(StandardScaler(), GaussianNB())
        assert report_of(pipeline, *binary).name == "GaussianNB"

    def test_a_report_survives_pickling(self, binary):
        report = report_of(GaussianNB(), *binary)
        assert str(pickle.loads(pickle.dumps(report))) == str(report)

    def test_the_accessors_fit_scikit_learns_displays(self, binary):
        pytest.importorskip("matplotlib").use("Agg")
        report = report_of(GaussianNB(), *binary)
        metrics.ConfusionMatrixDisplay.from_predictions(report.y_true, report.y_pred)
        display = metrics.PrecisionRecallDisplay.from_predictions(
            report.y_true, report.y_proba, pos_label="TDE"
        )
        assert display.average_precision == pytest.approx(
            report.pooled_.loc["average_precision", "value"]
        )
        CalibrationDisplay.from_predictions(report.y_true, report.y_proba, pos_label="TDE")

    def test_nothing_is_printed_where_there_is_no_terminal(self, binary, capfd):
        report_of(GaussianNB(), *binary)
        assert capfd.readouterr() == ("", "")

    def test_a_terminal_shows_a_bar_unless_told_otherwise(self, binary, monkeypatch, capsys):
        monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
        report_of(GaussianNB(), *binary)
        assert "5/5" in capsys.readouterr().err
        report_of(GaussianNB(), *binary, verbose=0)
        assert capsys.readouterr().err == ""


def test_scores_that_a_fold_cannot_have_are_nan_and_left_out_of_the_mean(binary):
    X, y = binary
    order = np.argsort(y != "TDE", kind="stable")
    n_positive = (y == "TDE").sum()
    folds = np.full(240, 2)
    folds[: n_positive // 2] = 0
    folds[n_positive // 2 : n_positive + 20] = 1
    report = report_of(GaussianNB(), X[order], y[order], cv=PredefinedSplit(folds))
    assert report.folds_["roc_auc"].isna().tolist() == [True, False, True]
    assert report.folds_["recall"].isna().tolist() == [False, False, True]
    assert report.pooled_.loc["roc_auc", "fold_mean"] == report.folds_["roc_auc"][1]
    assert np.isfinite(report.pooled_.loc["roc_auc", "value"])


@pytest.mark.parametrize("alone", ["AGN", "Unknown"])
@pytest.mark.parametrize("n_scored", [2, 3])
def test_a_class_that_is_only_in_training_makes_predictions_of_it_misses(alone, n_scored):
    rng = np.random.default_rng(0)
    y = np.repeat(["SN Ia", "TDE", "SN II", alone], [80, 60, 40, 60])
    X = rng.normal(size=(240, 2)) + 1.2 * pd.factorize(y)[0][:, np.newaxis]
    scored = ["SN Ia", "TDE", "SN II"][:n_scored]
    folds = np.where(np.isin(y, scored), np.arange(240) % 3, -1)
    report = report_of(GaussianNB(), X, y, cv=PredefinedSplit(folds))
    assert report.classes_.tolist() == sorted(set(y))
    assert (report.y_pred == alone).any()
    options = {"labels": scored, "average": "macro"}
    value = report.pooled_["value"]
    assert value["macro_recall"] == pytest.approx(
        metrics.recall_score(report.y_true, report.y_pred, **options)
    )
    assert value["macro_f1"] == pytest.approx(
        metrics.f1_score(report.y_true, report.y_pred, **options)
    )
    assert alone in str(report)


class TestTables:
    """Reports put together from tables, without the classes being named."""

    @staticmethod
    def tables(prediction):
        y = np.array(["SN Ia", "TDE"] * 4)
        rows = {"repeat": 0, "position": np.arange(8), "object_id": np.arange(8), "fold": 0}
        values = {"y": y, "probability": np.linspace(0, 1, 8), "prediction": prediction}
        times = {"fit_time": 0.0, "score_time": 0.0}
        return (
            pd.DataFrame(rows | values | {"threshold": np.nan}),
            pd.DataFrame([{"repeat": 0, "fold": 0, "threshold": np.nan} | times]),
        )

    def test_the_classes_are_those_of_labels_and_predictions(self):
        prediction = ["SN Ia", "TDE", "SN Ia", "AGN", "Unknown", "TDE", "TDE", "TDE"]
        report = CrossValidationReport(*self.tables(prediction), pos_label="TDE", name="a")
        assert report.classes_.tolist() == ["AGN", "SN Ia", "TDE", "Unknown"]
        assert report.pooled_.loc["macro_recall", "value"] == pytest.approx((2 / 4 + 3 / 4) / 2)

    def test_the_classes_can_be_given(self):
        report = CrossValidationReport(
            *self.tables(["SN Ia", "TDE"] * 4),
            pos_label="TDE",
            name="a",
            classes=["AGN", "SN Ia", "TDE"],
        )
        assert report.classes_.tolist() == ["AGN", "SN Ia", "TDE"]
        assert report.pooled_.loc["macro_f1", "value"] == 1

    def test_a_positive_class_and_a_name_from_an_array_are_shown_plainly(self):
        reports = [
            CrossValidationReport(
                *self.tables(["SN Ia", "TDE"] * 4), pos_label=label, name=np.str_("forest")
            )
            for label in np.array(["TDE", "SN Ia"])
        ]
        assert repr(reports[0]).endswith("pos_label='TDE'>")
        match = "'forest' and 'forest' are about.*pos_label='TDE' and pos_label='SN Ia'"
        with pytest.raises(ValueError, match=match):
            compare_reports(*reports)

    def test_reports_of_which_one_predicts_a_further_class_are_compared(self):
        two = ["SN Ia", "TDE", "SN Ia", "SN Ia", "TDE", "TDE", "TDE", "TDE"]
        reports = [
            CrossValidationReport(*self.tables(prediction), pos_label="TDE", name="a")
            for prediction in (two, ["AGN", *two[1:]])
        ]
        for pair in (reports, reports[::-1]):
            comparison = compare_reports(*pair, n_bootstrap=10)
            assert comparison.index.tolist() == reports[0].pooled_.index.tolist()


def test_a_splitter_for_the_threshold_saves_fits(binary):
    X, y = binary
    Recorder.fitted_on.clear()
    report_of(
        Recorder(),
        np.column_stack([np.arange(240), X]),
        y,
        threshold="tune",
        threshold_cv=StratifiedShuffleSplit(1, test_size=0.25, random_state=0),
        cv=2,
    )
    assert len(Recorder.fitted_on) == 4
