"""
Compare models on the same folds
================================

Trees on hand-made features, a recurrent network, and the recommended classifier, which averages
both: which one finds the TDEs best? This example compares them object by object on simulated light
curves, and shows the objects that fool the best one. The same comparison on real light curves is on
the page :doc:`/accuracy`.
"""

# %%
# What a classifier by hand-made features looks at is a table, one row per object.

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.model_selection import StratifiedShuffleSplit

from sklearn_tde import (
    LightCurveFeatures,
    MistakesDisplay,
    ReportComparisonDisplay,
    cross_validation_report,
    make_feature_pipeline,
    make_lstm_pipeline,
    make_tde_classifier,
    make_transients,
)

X, y = make_transients(n_tde=40, n_sn_ia=160, random_state=0)
features = LightCurveFeatures().set_output(transform="pandas").fit_transform(X)
features[["color_g_r_peak", "decline_g_0_40", "template_ratio", "inverse_temperature_rate"]].head(3)

# %%
# TDEs stay blue, and decline in all bands alike; so two of these numbers tell most of them apart.

fig, ax = plt.subplots(layout="constrained")
for name, points in features.groupby(y):
    ax.scatter(points["template_ratio"], points["color_g_r_rate_0_60"], s=12, label=name)
ax.set(xlabel="misfit of a SN Ia over that of a TDE (log)", ylabel="change of g - r (mag per day)")
ax.legend()
plt.show()

# %%
# All models have the same folds. The threshold of the recommended classifier is tuned inside its
# `fit`; for the others the report does it, on a quarter of each training part. Here it does without
# simulations, which on light curves of the same simulator would flatter it, and with fewer trees.

folds = {"pos_label": "TDE", "cv": 4, "random_state": 0}
tuned = {
    "threshold": "tune",
    "threshold_scoring": "f1",
    "threshold_cv": StratifiedShuffleSplit(1, test_size=0.25, random_state=0),
}
few_trees = make_tde_classifier(simulations=False, cv=3)
few_trees.set_params(features__classifier__n_estimators=100)
reports = {
    "LSTM": cross_validation_report(make_lstm_pipeline(max_epochs=20), X, y, **folds, **tuned),
    "features": cross_validation_report(make_feature_pipeline(), X, y, **folds, **tuned),
    "recommended": cross_validation_report(few_trees, X, y, **folds),
}
scores = ["average_precision", "f1", "recall_at_precision", "brier_skill", "calibration_slope"]
pd.DataFrame({name: report.pooled_.loc[scores, "value"] for name, report in reports.items()}).round(
    3
)

# %%
# Paired differences tell models apart that intervals of their own do not: both have met the same
# difficult objects.

ReportComparisonDisplay.from_reports(reports, "LSTM")
plt.show()

# %%
# The objects on which the recommended classifier is most wrong. Most often the light curve shows
# little of what would decide: one colour, or a single side of the peak.

MistakesDisplay.from_report(reports["recommended"], X, n_objects=8)
plt.show()
