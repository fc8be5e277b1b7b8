"""A small model, light curves on the sky, and the same as a HATS catalogue on disk."""

import numpy as np
import pandas as pd
import pytest

from sklearn_tde import make_lstm_pipeline, make_transients


@pytest.fixture(autouse=True)
def no_threads():
    """Score in this process where a test starts no cluster."""
    dask = pytest.importorskip("dask")
    with dask.config.set(scheduler="synchronous"):
        yield


@pytest.fixture(scope="session")
def sky():
    """Return light curves with positions, and their classes."""
    X, y = make_transients(n_tde=20, n_sn_ia=40, random_state=0)
    generator = np.random.default_rng(0)
    X["ra"] = generator.uniform(0.0, 360.0, len(X))
    X["dec"] = generator.uniform(-60.0, 60.0, len(X))
    return X, y


@pytest.fixture(scope="session")
def model(sky):
    """Return a fitted pipeline."""
    return make_lstm_pipeline(hidden_dim=4, num_layers=1, max_epochs=2, random_state=0).fit(*sky)


@pytest.fixture(scope="session")
def hats(sky, tmp_path_factory):
    """Return the folder of a HATS catalogue with a dozen partitions."""
    dask, lsdb = pytest.importorskip("dask"), pytest.importorskip("lsdb")
    folder = tmp_path_factory.mktemp("hats") / "catalog"
    catalog = lsdb.from_dataframe(sky[0].reset_index(), partition_rows=10, margin_threshold=None)
    with dask.config.set(scheduler="synchronous"):
        catalog.write_catalog(folder, catalog_name="catalog", progress_bar=False)
    assert catalog.npartitions >= 8
    return folder


@pytest.fixture(scope="session")
def expected(sky, model):
    """Return the probabilities of the model in memory, by name."""
    columns = [f"prob_{label}" for label in model.classes_]
    frame = pd.DataFrame(sky[0][["redshift"]])
    frame[columns] = model.predict_proba(sky[0])
    frame["prediction"] = model.predict(sky[0])
    return frame
