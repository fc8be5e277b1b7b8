"""
Search, decide, save
====================

The pipeline is a scikit-learn pipeline. So a grid search reaches the parameters of the gridder and
of the network at once, scikit-learn's threshold classifiers decide, and a file that is safe to load
keeps the model for others.
"""

# %%
# Two samples: one to learn from, one that plays the new objects of tonight.

import tempfile
from pathlib import Path

import pandas as pd
from sklearn.model_selection import GridSearchCV, StratifiedKFold, TunedThresholdClassifierCV

from sklearn_tde import (
    load_model,
    make_lstm_pipeline,
    make_transients,
    save_model,
    tde_scorers,
)

X, y = make_transients(n_tde=30, n_sn_ia=120, random_state=0)
tonight, truth = make_transients(n_tde=5, n_sn_ia=45, random_state=1)

# %%
# Search
# ------
# Names of parameters follow scikit-learn's rule: the step, two underscores, the parameter. The
# scorers are about one class, which `tde_scorers` is told by name (`"TDE"` by default).

scorers = tde_scorers()

folds = StratifiedKFold(3, shuffle=True, random_state=0)
search = GridSearchCV(
    make_lstm_pipeline(max_epochs=10, random_state=0),
    {"gridder__cadence": [3, 6], "classifier__hidden_dim": [8, 16]},
    scoring=scorers["average_precision"],
    cv=folds,
).fit(X, y)
columns = ["param_gridder__cadence", "param_classifier__hidden_dim", "mean_test_score"]
pd.DataFrame(search.cv_results_)[columns].round(3)

# %%
# Decide
# ------
# A threshold for F1, tuned by cross-validation within the data given to `fit`.

model = TunedThresholdClassifierCV(search.best_estimator_, scoring=scorers["f1"], cv=folds).fit(
    X, y
)
print(f"threshold {model.best_threshold_:.2f}, F1 in cross-validation {model.best_score_:.2f}")

# %%
# Save and load
# -------------
# The file holds weights and parameters, neither data nor the state of the optimiser, and executes
# nothing when it is loaded. Its hash, published elsewhere, proves that it is the one that you made.
# (:doc:`../sharing` says what else there is.)

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "model.tde"
    digest = save_model(model, path, description="Simulated TDEs and type Ia supernovae.")
    print(f"{path.stat().st_size / 1000:.0f} kB, SHA-256 {digest[:16]}...")
    loaded = load_model(path, sha256=digest)

# %%
# Score new objects
# -----------------
# The candidates, best first; `truth` is what a spectrum would say.

ranked = pd.DataFrame(
    {
        "probability": loaded.predict_proba(tonight)[:, list(loaded.classes_).index("TDE")],
        "prediction": loaded.predict(tonight),
        "truth": truth,
    },
    index=tonight.index,
).sort_values("probability", ascending=False)
ranked.head(8).round(3)
