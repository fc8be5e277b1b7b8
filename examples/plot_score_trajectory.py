"""
What would it have said at the time?
====================================

A tidal disruption event that is recognised after it has faded is of no use.
:func:`~sklearn_tde.evaluation.score_trajectory` returns the probability after every observation:
each is the one that the classifier would have given then, without what came later.
"""

# %%
# A network that can be asked at every observation at once: attention in which an observation sees
# only those before it, fluxes divided by the mean *so far*. In training some light curves end
# early, at random. Half of the simulated objects are kept for testing.

import matplotlib.pyplot as plt
import numpy as np

from sklearn_tde import LightCurveSequencer, make_transformer_pipeline, make_transients
from sklearn_tde.evaluation import first_trigger, score_trajectory
from sklearn_tde.inspection import TrajectoryDisplay

X, y = make_transients(n_tde=150, n_sn_ia=450, random_state=0)
test = np.arange(len(y)) % 2 == 1
model = make_transformer_pipeline(
    sequencer=LightCurveSequencer(scale="running"), truncation=0.7, random_state=0
)
model.fit(X[~test], y[~test])

# %%
# One TDE, and the probability as its light curve grows. The vertical line is the first time that
# it reached the threshold: when the object would have been called.

trajectory = score_trajectory(model, X[test], verbose=1)
triggers = first_trigger(trajectory, threshold=0.9)
labels = y[test]
called_late = np.flatnonzero((labels == "TDE") & (triggers["age"] > 15))
TrajectoryDisplay.from_estimator(
    model, X[test], position=int(called_late[0]), threshold=0.9, label="TDE"
)
plt.show()

# %%
# The same table has the probabilities of all objects. Given ages, it has one row per object and
# age: here the middle half of the probabilities of each class. The training made TDEs weigh as much
# as supernovae; among as many supernovae as there are in the sky the probabilities would be lower.

ages = np.arange(0, 101, 4)
at_ages = score_trajectory(model, X[test], ages=ages)
at_ages["label"] = labels[at_ages["position"]]
fig, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
for label, color in (("TDE", "#0072B2"), ("SN Ia", "#D55E00")):
    one = at_ages[at_ages["label"] == label].groupby("age")["probability"]
    ax.plot(ages, one.median(), color=color, label=label)
    ax.fill_between(ages, one.quantile(0.25), one.quantile(0.75), color=color, alpha=0.2, lw=0)
ax.set(xlabel="days since the first detection", ylabel="P(TDE)", ylim=(-0.03, 1.03))
ax.legend(frameon=False)
plt.show()

# %%
# How long until the TDEs were called, and what else was by then.

fig, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
for label, color in (("TDE", "#0072B2"), ("SN Ia", "#D55E00")):
    found = triggers.loc[labels == label, "age"]
    share = (found.to_numpy()[:, None] <= ages).mean(axis=0)
    ax.step(
        ages, share, where="post", color=color, label=f"{label}, {found.notna().mean():.0%} ever"
    )
ax.set(xlabel="days since the first detection", ylabel="share called, P(TDE) ≥ 0.9", ylim=(0, 1.03))
ax.legend(frameon=False)
plt.show()
