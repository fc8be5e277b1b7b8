"""
Say "I do not know"
===================

A classifier names a class for every object, whether it knows or not. Two ways to have it abstain:
sets of classes that hold the true one as often as is asked for, and a flag on objects unlike
anything in training. Here on simulated light curves; what to expect of real ones is on the page
:doc:`/abstention`.
"""

# %%
# Sets of classes
# ---------------
#
# TDEs and three types of supernova. The classifier is trained three times, each time without a
# third of the objects; what it says of those tells how low the probability of the *true* class may
# be.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sklearn_tde import flatten_light_curves, make_feature_pipeline, make_transients
from sklearn_tde.calibration import ConformalTransientClassifier
from sklearn_tde.inspection import ConformalCoverageDisplay
from sklearn_tde.novelty import TransientNoveltyDetector

counts = {"n_tde": 80, "n_sn_ia": 200, "n_sn_ii": 120, "n_slsn": 60}
X, y = make_transients(**counts, random_state=0)
X_new, y_new = make_transients(**counts, random_state=1)

trees = make_feature_pipeline(random_state=0)
model = ConformalTransientClassifier(trees, cv=3, random_state=0).fit(X, y)
sets = pd.DataFrame(model.predict_set(X_new), index=X_new.index, columns=model.classes_)
sets.assign(true=y_new).head(6)

# %%
# Of every class, the rare ones too, nine of ten objects are to have the true class in their set. A
# set with one class is an answer; one with several says what is left to be told apart. The
# intervals are those of the new objects; the share itself hangs on the luck of the objects of
# `fit`, by 0.03 for a hundred of a class.

ConformalCoverageDisplay.from_estimator(model, X_new, y_new)
plt.show()

# %%
# The share is that of the class as a whole: objects with few observations may be covered less
# often, and the others more often. With `bins` each kind of light curve has a share of its own.


def richness(light_curves):
    """Tell light curves of few observations from those of many."""
    n_observations = flatten_light_curves(light_curves).n_observations
    return np.where(n_observations < 30, "under 30 points", "30 points or more")


binned = ConformalTransientClassifier(trees, cv=3, bins=richness, random_state=0).fit(X, y)
ConformalCoverageDisplay.from_estimator(binned, X_new, y_new, by=richness(X_new))
plt.show()

# %%
# Novelties
# ---------
#
# Cataclysmic variables and active nuclei are in none of the classes, but the classifier has a class
# for each of them, and the sets are about the classes that it knows.

others, kind = make_transients(0, 0, n_cv=80, n_agn=80, random_state=2)
pd.crosstab(kind, model.predict(others), rownames=["true"], colnames=["said to be"])

# %%
# The detector flags what lies far from all training objects, or between the classes; on average one
# of twenty objects of the training classes is flagged as well.

detector = TransientNoveltyDetector(random_state=0).fit(X, y)
scores = {"training classes": detector.score_samples(X_new)}
scores |= {name: detector.score_samples(others[kind == name]) for name in ("AGN", "CV")}
fig, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
for name, values in scores.items():
    ax.ecdf(values, label=f"{name}: {np.mean(values < detector.offset_):.0%} flagged")
ax.axvline(detector.offset_, color="0.45", linewidth=1)
ax.set(xlim=(-16, 0), xlabel="novelty score", ylabel="share of the objects below")
ax.legend(frameon=False)
plt.show()
