"""
Cross-validate a classifier honestly
====================================

How many TDEs would be found, and how many supernovae would be taken for one? This example answers
it for the LSTM pipeline on simulated light curves, with the threshold tuned inside each training
fold, and draws the answer with scikit-learn's displays.
"""

# %%
# A sample of simulated light curves; half the size of the default one, to be quick. `X` has one
# row per object, `y` holds the names of the classes.

import matplotlib.pyplot as plt
from sklearn.calibration import CalibrationDisplay
from sklearn.metrics import ConfusionMatrixDisplay, PrecisionRecallDisplay
from sklearn.model_selection import StratifiedShuffleSplit

from sklearn_tde import cross_validation_report, make_lstm_pipeline, make_transients

X, y = make_transients(n_tde=33, n_sn_ia=277, random_state=0)
X.head(3)

# %%
# Five folds. In each, the threshold that maximises the balanced accuracy is found on a quarter of
# the training part; what the fold scores has been seen by nothing before.

model = make_lstm_pipeline(max_epochs=20)
report = cross_validation_report(
    model,
    X,
    y,
    pos_label="TDE",
    cv=5,
    threshold="tune",
    threshold_cv=StratifiedShuffleSplit(1, test_size=0.25, random_state=0),
    random_state=0,
)
print(report)

# %%
# The intervals are wide: 33 TDEs are few. The tables behind the report hold every fold and every
# object.

report.folds_[["fold", "n_train", "n_test", "n_pos", "threshold", "balanced_accuracy"]]

# %%
# The report also holds what it needs to tune the thresholds for another score, each within its
# training set and without a fit. With a quarter of 26 TDEs to tune on they are noisy: what was
# tuned for F1 need not have the higher F1.

at_f1 = report.at_threshold("f1")
print(
    report.folds_["threshold"].round(2).tolist(), "->", at_f1.folds_["threshold"].round(2).tolist()
)
at_f1.pooled_.loc[["f1", "balanced_accuracy"], ["value", "low", "high"]].round(2)

# %%
# The report keeps what the displays of scikit-learn take.

is_tde = report.y_true == "TDE"
fig, axes = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
ConfusionMatrixDisplay.from_predictions(
    report.y_true, report.y_pred, ax=axes[0], colorbar=False, cmap="Blues"
)
PrecisionRecallDisplay.from_predictions(
    is_tde, report.y_proba, ax=axes[1], name="LSTM", plot_chance_level=True
)
CalibrationDisplay.from_predictions(
    is_tde, report.y_proba, n_bins=5, strategy="quantile", ax=axes[2], name="LSTM"
)
axes[0].set_title("Out-of-fold predictions")
axes[1].set_title("Precision and recall of TDEs")
axes[2].set_title("Calibration")
plt.show()

# %%
# The points of the calibration curve lie below the diagonal: class weights make the network call
# TDE more often than there are TDEs, which a tuned threshold undoes for decisions, and calibration
# for probabilities.
#
# Which steps of the recipe matter? The same report on the same folds, without class weights:

from sklearn_tde.evaluation import compare_reports  # noqa: E402
from sklearn_tde.inspection import MistakesDisplay, ReportComparisonDisplay  # noqa: E402

without = cross_validation_report(
    make_lstm_pipeline(max_epochs=20, class_weight=None),
    X,
    y,
    pos_label="TDE",
    cv=5,
    random_state=0,
    name="no class weights, threshold 0.5",
)
compare_reports(report, without).round(3)

# %%
# A picture of one of the metrics. The interval of the difference, on the right, is what tells
# whether two models differ: both are scored on the same few TDEs, and lucky together.

ReportComparisonDisplay.from_reports({"default": report, "no class weights": without}, "default")
plt.show()

# %%
# What fools the network most, by the logarithm of the probability of the true class.

MistakesDisplay.from_report(report, X, n_objects=8)
plt.show()
