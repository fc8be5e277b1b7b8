"""A classifier that has only seen simulations finds the real tidal disruption events."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, balanced_accuracy_score

from sklearn_tde.datasets import load_light_curves, make_transients
from sklearn_tde.pipelines import make_lstm_pipeline


@pytest.mark.slow
def test_network_trained_on_simulations_finds_real_tdes(ztf_data_folder):
    X_real, y_real = load_light_curves(
        ztf_data_folder / "ztf_observations.parquet", ztf_data_folder / "ztf_objects.parquet"
    )
    wanted = np.isin(y_real, ["TDE", "SN Ia"])
    X_real, y_real = X_real[wanted], y_real[wanted]
    X, y = make_transients(n_tde=500, n_sn_ia=1500, random_state=0)
    pipeline = make_lstm_pipeline(max_epochs=20, random_state=0).fit(X, y)
    probability = pipeline.predict_proba(X_real)[:, list(pipeline.classes_).index("TDE")]
    assert average_precision_score(y_real == "TDE", probability) >= 0.85
    assert balanced_accuracy_score(y_real, pipeline.predict(X_real)) >= 0.90
