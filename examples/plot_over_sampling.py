"""
New light curves from old ones
==============================

With fifty TDEs and a thousand supernovae, a classifier sees too little of one class.
:class:`~sklearn_tde.sampling.LightCurveOverSampler` makes new light curves from those that are
there: measured again within the errors, on fewer nights, not yet to the end, from farther away.
This example draws what it makes, and puts it where it belongs: inside the pipeline, so that it
works on the training part of a fold and on nothing else.
"""

# %%
# One TDE and what becomes of it
# ------------------------------
#
# Every change is a parameter and can be looked at alone. The sampler wants all classes at once;
# `sampling_strategy=None` balances nothing, so that every object gets one copy.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV

from sklearn_tde import (
    LightCurveDisplay,
    LightCurveOverSampler,
    make_lstm_pipeline,
    make_transients,
    tde_scorers,
)

X, y = make_transients(n_tde=33, n_sn_ia=133, random_state=0)
parent = X.index[y == "TDE"][7]

off = {"flux_noise": 0.0, "drop": 0.0, "truncation": 0.0}
changes = {
    "fluxes redrawn": {**off, "flux_noise": 1.0},
    "observations dropped": {**off, "drop": 0.9},
    "not yet to the end": {**off, "truncation": 1.0},
    "from farther away": {**off, "redshift_factor": 1.5},
    "all together": {"redshift_factor": 1.5},
}


def draw(ax, X, name, title):
    """Draw one light curve under a title of its own."""
    LightCurveDisplay.from_light_curves(X, name, ax=ax)
    ax.get_legend().remove()
    ax.set_title(f"{title}, z = {X.loc[name, 'redshift']:.3f}", loc="left", fontsize="medium")
    ax.label_outer()


fig, axes = plt.subplots(2, 3, figsize=(12, 6), layout="constrained", sharex=True, sharey=True)
draw(axes[0, 0], X, parent, parent)
for ax, (title, params) in zip(axes.flat[1:], changes.items(), strict=True):
    sampler = LightCurveOverSampler(sampling_strategy=None, n_copies=1, random_state=5, **params)
    X_new, _ = sampler.fit_resample(X, y)
    draw(ax, X_new, f"{parent}~1", title)
plt.show()

# %%
# Who descends from whom
# ----------------------
#
# The objects come first, unchanged. `sample_indices_` tells the parent of every copy; that is also
# the group to give to scikit-learn's group splitters if you split after sampling.

sampler = LightCurveOverSampler(random_state=0)
X_new, y_new = sampler.fit_resample(X, y)
print(np.unique(y_new, return_counts=True))
X_new.iloc[len(X) : len(X) + 4].assign(parent=X.index[sampler.sample_indices_[len(X) :][:4]])

# %%
# Inside the pipeline
# -------------------
#
# `make_lstm_pipeline` puts the sampler before the gridder, in the pipeline of imbalanced-learn. A
# search can change its parameters or leave it out; each candidate has the same number of updates
# of the network.

model = make_lstm_pipeline(sampler=sampler, class_weight=None, random_state=0)
search = GridSearchCV(
    model,
    [
        {"sampler": ["passthrough"], "classifier__max_epochs": [20]},
        {"sampler__redshift_factor": [1.0, 1.3], "classifier__max_epochs": [12]},
    ],
    scoring=tde_scorers()["average_precision"],
    cv=3,
    refit=False,
).fit(X, y)

for params, mean, sd in zip(
    search.cv_results_["params"],
    search.cv_results_["mean_test_score"],
    search.cv_results_["std_test_score"],
    strict=True,
):
    print(f"{mean:.3f} +- {sd:.3f}  {params}")

# %%
# 33 TDEs in three folds decide nothing: the spread of the folds is as large as the differences.
# What the strategies are worth on real light curves is measured in :doc:`../imbalance`.
