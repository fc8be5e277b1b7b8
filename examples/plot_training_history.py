"""
How a network learned
=====================

:class:`~sklearn_tde.inspection.TrainingHistoryDisplay` draws the loss and the recall of every class
per epoch, for one network or for those of all folds.
"""

# %%
# The networks of a cross-validation: ``return_estimator=True`` keeps them.

import matplotlib.pyplot as plt
from sklearn.model_selection import StratifiedKFold, cross_validate

from sklearn_tde import TrainingHistoryDisplay, make_lstm_pipeline, make_transients

X, y = make_transients(n_tde=33, n_sn_ia=277, random_state=0)
folds = cross_validate(
    make_lstm_pipeline(max_epochs=25, random_state=0),
    X,
    y,
    cv=StratifiedKFold(3, shuffle=True, random_state=0),
    scoring="balanced_accuracy",
    return_estimator=True,
)
print("balanced accuracy:", folds["test_score"].round(2))

# %%
# One thin line per fold, and their mean. While the one-cycle schedule warms up, the networks call
# everything by the name of one class; then they find out how the classes differ.

TrainingHistoryDisplay.from_estimator(folds)
plt.show()

# %%
# With early stopping a part of the training data is set aside, and its curves are dashed. Nothing
# here is a score: the training curves are those of the data that is learned from, with dropout,
# and the validation loss has chosen the epoch. With few TDEs the part set aside says little about
# them.

model = make_lstm_pipeline(
    max_epochs=25, early_stopping=True, validation_fraction=0.25, random_state=0
)
TrainingHistoryDisplay.from_estimator(model.fit(X, y))
plt.show()
