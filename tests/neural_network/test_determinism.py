"""The same seed gives the same bits, whatever goes on around it."""

import hashlib
import random
import textwrap

import numpy as np
import pandas as pd
import pytest
import torch
from joblib import parallel_config
from sklearn.model_selection import cross_validate

from sklearn_tde import (
    LightCurveGridder,
    LightCurveOverSampler,
    cross_validation_report,
    make_lstm_pipeline,
    make_transients,
    tde_scorers,
)

# What a fresh process is told to do, and this one as well.
RECIPE = """
from sklearn_tde import (
    LightCurveGridder, LightCurveOverSampler, make_lstm_pipeline, make_transients
)

X, y = make_transients(n_tde=8, n_sn_ia=16, random_state=0)
model = make_lstm_pipeline(
    sampler=LightCurveOverSampler(random_state=1),
    gridder=LightCurveGridder(n_steps=12),
    hidden_dim=8,
    max_epochs=2,
    random_state=2,
)
probability = model.fit(X, y).predict_proba(X)
"""


def pipeline(sampler=None, **params):
    return make_lstm_pipeline(
        sampler=sampler,
        gridder=LightCurveGridder(n_steps=12),
        **{"hidden_dim": 4, "max_epochs": 1, "batch_size": 16, "random_state": 0} | params,
    )


@pytest.fixture(scope="module")
def sample():
    return make_transients(n_tde=10, n_sn_ia=20, random_state=0)


@pytest.fixture
def threads():
    """Set the number of torch's threads for a test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def generators():
    """Return the states of the global generators, as comparable values."""
    name, keys, *rest = np.random.get_state()  # noqa: NPY002
    return random.getstate(), (name, keys.tobytes(), *rest), torch.get_rng_state().numpy().tobytes()


def test_a_fresh_process_gives_the_same_bits(run_python, tmp_path):
    code = RECIPE + textwrap.dedent("""
        import hashlib
        print(hashlib.sha256(probability.tobytes()).hexdigest())
    """)
    here = {}
    exec(RECIPE, here)
    expected = hashlib.sha256(here["probability"].tobytes()).hexdigest()
    # Threads and hashes of strings differ from those of this process.
    before = "import torch\ntorch.set_num_threads(2)\ntorch.manual_seed(3)\n"
    assert run_python(before + code, tmp_path).split() == [expected]


@pytest.mark.parametrize("params", [{}, {"early_stopping": True, "validation_fraction": 0.3}])
def test_one_thread_and_two_give_the_same_bits_and_are_left_as_they_are(sample, threads, params):
    X, y = sample
    found = []
    for n_threads in (1, 2):
        threads(n_threads)
        model = pipeline(**params).fit(X, y)
        found.append(model.predict_proba(X))
        assert torch.get_num_threads() == n_threads
    np.testing.assert_array_equal(*found)


def test_the_global_generators_neither_change_nor_matter(sample):
    X, y = sample
    found = []
    for seed in (0, 1):
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        torch.manual_seed(seed)
        before = generators()
        simulated, _ = make_transients(n_tde=2, n_sn_ia=2, random_state=0)
        assert generators() == before
        resampled, labels = LightCurveOverSampler(random_state=0).fit_resample(X, y)
        assert generators() == before
        model = pipeline(dropout=0.5, early_stopping=True).fit(resampled, labels)
        assert generators() == before
        probability = model.predict_proba(simulated)
        assert generators() == before
        report = cross_validation_report(
            pipeline(LightCurveOverSampler(), random_state=None),
            *(X, y),
            cv=2,
            threshold=0.5,
            n_bootstrap=5,
        )
        assert generators() == before
        found.append([probability, report.y_proba, report.pooled_["low"].to_numpy()])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_generator_of_the_caller_is_drawn_from_and_an_integer_is_not(sample):
    X, y = sample
    generator = np.random.RandomState(0)
    one, other = (pipeline(random_state=generator).fit(X, y).predict_proba(X) for _ in range(2))
    assert not np.array_equal(one, other)
    model = pipeline().fit(X, y)
    again = model.predict_proba(X)
    np.testing.assert_array_equal(model.fit(X, y).predict_proba(X), again)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_folds_side_by_side_give_the_same_results(sample, backend):
    X, y = sample
    model = pipeline(LightCurveOverSampler(random_state=0), max_epochs=3)
    options = {"cv": 2, "scoring": tde_scorers(), "error_score": "raise"}
    one = cross_validate(model, X, y, n_jobs=1, **options)
    with parallel_config(backend):
        two = cross_validate(model, X, y, n_jobs=2, **options)
    for name in tde_scorers():
        np.testing.assert_array_equal(two[f"test_{name}"], one[f"test_{name}"])
    options = {"cv": 2, "n_bootstrap": 5}
    one = cross_validation_report(model, X, y, n_jobs=1, **options)
    with parallel_config(backend):
        two = cross_validation_report(model, X, y, n_jobs=2, **options)
    pd.testing.assert_frame_equal(two.predictions_, one.predictions_, check_exact=True)
    pd.testing.assert_frame_equal(two.pooled_, one.pooled_, check_exact=True)


def test_an_object_has_one_probability_alone_in_a_batch_and_in_any_order(sample):
    X, y = sample
    model = pipeline(hidden_dim=16, max_epochs=20, lr=1e-2).fit(X, y)
    together = model.predict_proba(X)
    alone = np.concatenate([model.predict_proba(X.iloc[k : k + 1]) for k in range(len(X))])
    np.testing.assert_allclose(alone, together, atol=1e-6)
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_allclose(model.predict_proba(X.iloc[order]), together[order], atol=1e-6)
    assert np.ptp(together[:, 1]) > 0.05
