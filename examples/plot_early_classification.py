"""
How early is it right?
======================

A TDE that is recognised after it has faded is of no use. This example cuts simulated light curves
at several ages and asks, at each of them, how well TDEs are told from supernovae: by trees trained
on whole light curves, by trees trained on light curves of all ages, and by trees trained anew for
each age.
"""

# %%
# The report trains on one part of the objects and predicts the others as they were so many days
# after their first detection. What came later is gone before any step sees a light curve.

import matplotlib.pyplot as plt
import numpy as np

from sklearn_tde import make_feature_pipeline, make_transients
from sklearn_tde.evaluation import (
    compare_early_reports,
    early_classification_report,
    expected_calibration_error,
)
from sklearn_tde.inspection import EarlyClassificationDisplay, ReliabilityDisplay
from sklearn_tde.sampling import PartialLightCurveSampler

X, y = make_transients(n_tde=50, n_sn_ia=200, random_state=0)
# Fewer trees than by default, to be quick.
trees = make_feature_pipeline().set_params(classifier__n_estimators=200)
options = {"pos_label": "TDE", "cv": 4, "random_state": 0}
whole = early_classification_report(trees, X, y, **options, name="trees")
print(whole)

# %%
# Younger than about twenty days these trees know next to nothing: what they have learned from whole
# light curves, such as how fast the colour changes after the peak, is not there yet.
#
# A :class:`~sklearn_tde.sampling.PartialLightCurveSampler` adds to each training object its earlier
# states. The result is still one model. The alternative is a model for each age.

sampler = PartialLightCurveSampler(ages=(3, 5, 7, 10, 15, 20, 30, 50))
partial_trees = make_feature_pipeline(sampler=sampler).set_params(classifier__n_estimators=200)
reports = {
    "whole light curves": whole,
    "one model, all ages": early_classification_report(
        partial_trees, X, y, **options, name="all ages"
    ),
    "anew for each age": early_classification_report(
        trees, X, y, **options, retrain=True, n_detections=(), name="anew"
    ),
}
fig, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
EarlyClassificationDisplay.from_reports(reports, ax=axes[0])
EarlyClassificationDisplay.from_reports(reports, metric="brier_skill", ax=axes[1])
plt.show()

# %%
# The bands overlap, because all models are scored on the same 50 TDEs. Paired differences tell
# whether one of them is better.

partial = reports["one model, all ages"]
compare_early_reports(partial, whole).loc["average_precision"].round(2)

# %%
# Ages flatter objects that are observed often. By number of detections, the light curves have equal
# amounts of data, but the later rows are about fewer and brighter objects.

EarlyClassificationDisplay.from_reports(
    {"whole light curves": whole, "one model, all ages": partial}, by="n_detections"
)
plt.show()

# %%
# When would a telescope have been pointed, if it waits for a probability of 0.8? A quarter, half
# and three quarters of the TDEs are called not later than so many days after their first detection
# (inf: fewer ever are). These are upper limits: the report looks at the ages of its grid only, and
# what is called with the whole light curve only has the day of its last observation. For the day
# itself, :func:`~sklearn_tde.evaluation.score_trajectory` looks after each observation, and
# :func:`~sklearn_tde.evaluation.first_trigger` finds the first of them
# (:ref:`sphx_glr_auto_examples_plot_score_trajectory.py`).

partial.time_to_call(0.8).round(0)

# %%
# How many TDEs have been called by each age, and how many of a thousand supernovae were called
# wrongly by then?

partial.calls(0.8)[["value", "low", "high"]].round(2)

# %%
# Are the probabilities to be believed, early as well as late? Where they are, the share of TDEs is
# what they promise, and the points lie on the diagonal.

at_ten_days = partial.predictions_.query("cut == 'age' and cut_value == 10")
at_fifty_days = partial.predictions_.query("cut == 'age' and cut_value == 50")
fig, axes = plt.subplots(1, 2, figsize=(10, 5.4), layout="constrained")
for ax, rows in zip(axes, (at_ten_days, at_fifty_days), strict=True):
    ReliabilityDisplay.from_predictions(
        rows["y"],
        rows["probability"],
        n_bins=6,
        name=f"{rows['cut_value'].iloc[0]:g} days",
        ax=ax,
    )
plt.show()

# %%
# One number for it, beside what right probabilities would score with as few objects:

for age, rows in partial.predictions_.query("cut == 'age'").groupby("cut_value"):
    error = expected_calibration_error(rows["y"], rows["probability"], n_bins=6).round(3)
    print("whole" if np.isinf(age) else f"{age:g} days", error.to_dict())
