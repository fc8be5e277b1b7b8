"""
Decide what to follow up
========================

There are 100 new nuclear transients tonight and time for ten spectra. How many TDEs will they find,
how pure is the list, and above which probability is an object worth a spectrum? The training sample
does not say: every seventh of its objects is a TDE, and of nuclear transients one in fifty. This
example adjusts the probabilities of a classifier to the mix of the sky and reads the numbers off a
curve. The page :doc:`/follow_up` explains what stands behind it.
"""

# %%
# Simulated light curves of seven classes, in a mix that is good for training and like no sky. The
# features of a light curve depend on nothing but that light curve, so they can be measured once.

import matplotlib.pyplot as plt
import pandas as pd

from sklearn_tde import (
    EnsembleTransientClassifier,
    LightCurveFeatures,
    cross_validation_report,
    make_feature_pipeline,
    make_transients,
)
from sklearn_tde.calibration import PriorAdjustedClassifier
from sklearn_tde.evaluation import follow_up_curve, threshold_for
from sklearn_tde.inspection import FollowUpDisplay

X, y = make_transients(
    n_tde=50, n_sn_ia=120, n_sn_ii=60, n_sn_ibc=40, n_sn_iin=40, n_slsn=30, n_agn=30, random_state=0
)
features = LightCurveFeatures().fit_transform(X)
pd.Series(y).value_counts(normalize=True).round(3)

# %%
# The ensemble calibrates its probabilities by a cross-validation of its own, which Bayes' theorem
# needs. `PriorAdjustedClassifier` turns them from the training mix into a stated one: here that of
# transients at the centres of galaxies.

# All but the features, and fewer trees to be quick.
trees = make_feature_pipeline()[1:].set_params(classifier__n_estimators=100)
model = EnsembleTransientClassifier([("trees", trees)], cv=3, random_state=0)
adjusted = PriorAdjustedClassifier(model, prior="nuclear")
adjusted.fit(features, y)
pd.DataFrame(
    {"training": adjusted.training_prior_, "nuclear": adjusted.prior_}, index=adjusted.classes_
).round(3)

# %%
# A threshold depends on the mix as well: the one that is best for F1 is found again.

print(f"threshold of TDEs {adjusted.estimator_.threshold_:.2f} -> {adjusted.threshold_:.2f}")

# %%
# What would spectra find? Both models predict objects that they were not trained on, and the
# objects are weighted to the mix of the sky: 100 candidates a night, of which 2.2 are TDEs. Both
# rank the candidates about equally well. The dashed lines are what the probabilities promise: as
# trained, nearly twice the TDEs that there are; adjusted, four of five, for on fifty TDEs
# probabilities are calibrated only roughly.

folds = {"pos_label": "TDE", "cv": 4, "random_state": 0}
reports = {
    "as trained": cross_validation_report(model, features, y, **folds),
    "adjusted": cross_validation_report(adjusted, features, y, **folds),
}
night = {"n_candidates": 100, "prior": "nuclear"}
curves = {name: follow_up_curve(report, **night) for name, report in reports.items()}
FollowUpDisplay(curves).plot()
plt.show()

# %%
# The rows of the curve for a few numbers of spectra. `n_others` counts the simulated objects that
# are no TDEs and come so high: a purity that rests on a handful of them is hardly known.

curve = follow_up_curve(reports["adjusted"], n_spectra=[1, 2, 5, 10, 20], **night)
columns = ["found", "found_low", "found_high", "purity", "recall", "expected", "n_others"]
curve.table[columns].round(2)

# %%
# The threshold that half of the flagged candidates being TDEs asks for, and the one that flags five
# of them a night, with what each reaches.

for target in ({"precision": 0.5}, {"budget": 5}):
    found = threshold_for(reports["adjusted"], **target, **night)
    low, high = found.recall_interval
    print(
        f"{target}: threshold {found.threshold:.2f} flags {found.n_flagged:.1f} a night, "
        f"{found.precision:.0%} of them TDEs, and {found.recall:.0%} ({low:.0%} to {high:.0%}) "
        "of all TDEs"
    )
