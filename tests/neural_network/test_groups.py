"""Relatives stay on one side of the split that early stopping makes."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.model_selection import StratifiedGroupKFold, cross_validate
from skorch.callbacks import Callback

from sklearn_tde import (
    LightCurveGridder,
    LightCurveOverSampler,
    LSTMTransientClassifier,
    make_lstm_pipeline,
    make_transients,
    tde_scorers,
)
from sklearn_tde.neural_network._held_out import split_held_out


class Sides(Callback):
    """Remember, on the class, the mark that every object of the two sides has in channel 1."""

    def on_epoch_begin(self, net, **kwargs):
        Sides.marks = {True: set(), False: set()}

    def on_batch_end(self, net, batch=None, training=False, **kwargs):
        marks = batch[0]["steps"][:, 0, 1].tolist()
        Sides.marks[training] |= {round(mark) for mark in marks}


def small(**params):
    defaults = {"hidden_dim": 4, "num_layers": 1, "max_epochs": 1, "random_state": 0}
    unchanged = {"step_dropout": 0.0, "truncation": 0.0, "early_stopping": True}
    return LSTMTransientClassifier(**defaults | unchanged | params)


@pytest.fixture(scope="module")
def marked():
    """Objects in threes, each marked with the number of its group."""
    groups = np.random.default_rng(0).permutation(np.repeat(np.arange(40), 3))
    y = np.where(groups % 8 == 0, "TDE", "SN Ia")
    X = np.random.default_rng(1).normal(size=(120, 6, 5)).astype(np.float32)
    X[:, :, 1] = groups[:, np.newaxis]
    X[:, :, -2:] = 1
    return X, y, groups


@pytest.mark.parametrize(
    "kind", [np.asarray, lambda g: [f"AT{k}" for k in g], lambda g: pd.Series(g, dtype="Int64")]
)
def test_groups_stay_on_one_side(marked, kind):
    X, y, groups = marked
    small(callbacks=[Sides()]).fit(X, y, groups=kind(groups))
    assert not Sides.marks[True] & Sides.marks[False]
    assert Sides.marks[True] | Sides.marks[False] == set(range(40))
    small(callbacks=[Sides()]).fit(X, y)
    assert Sides.marks[True] & Sides.marks[False]


@pytest.mark.parametrize("fraction", [0.1, 0.15, 0.3, 0.5, 0.7])
def test_the_share_set_aside_is_the_nearest_of_equal_parts(fraction):
    codes = (np.arange(600) % 6 == 0).astype(int)
    rows, held_out = split_held_out(codes, np.arange(600) // 2 // 6 * 6 + codes, fraction, 0)
    assert np.array_equal(np.sort(np.concatenate([rows, held_out])), np.arange(600))
    for code in (0, 1):
        assert (codes[held_out] == code).sum() / (codes == code).sum() == pytest.approx(
            fraction, abs=0.05
        )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_rare_groups", [2, 3, 5])
def test_a_rare_class_is_on_both_sides(seed, n_rare_groups):
    groups = np.concatenate([np.arange(100), 100 + np.arange(4 * n_rare_groups) // 4])
    codes = (groups >= 100).astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows, held_out = split_held_out(codes, groups, 0.15, seed)
    assert (codes[held_out] == 1).sum() == 4
    assert (codes[rows] == 1).sum() == 4 * (n_rare_groups - 1)
    assert 0.1 < (codes[held_out] == 0).mean() * len(held_out) / 100 < 0.2
    assert not set(groups[rows]) & set(groups[held_out])


def test_seeds_make_the_split_and_names_do_not():
    groups = np.random.default_rng(0).integers(0, 50, 200)
    codes = (groups < 10).astype(int)
    splits = [split_held_out(codes, groups, 0.2, seed)[1].tolist() for seed in (0, 0, 1)]
    assert splits[0] == splits[1] != splits[2]
    X = np.random.default_rng(1).normal(size=(200, 4)).astype(np.float32)
    named = np.array([f"AT{k}" for k in np.random.default_rng(2).permutation(50)])[groups]
    one, other = (small().fit(X, codes, groups=g).predict_proba(X) for g in (groups, named))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "groups",
    [np.zeros(20), np.arange(20) % 2, np.where(np.arange(20) % 4 == 0, -1, np.arange(20))],
    ids=["one group", "a group per class", "one group of the rare class"],
)
def test_groups_that_cannot_be_split_are_refused(groups):
    y = np.arange(20) % 2 if len(set(groups)) == 2 else np.arange(20) % 4 == 0
    X = np.random.default_rng(0).normal(size=(20, 4))
    with pytest.raises(ValueError, match="early_stopping=True: groups leave no part .* two groups"):
        small().fit(X, y, groups=groups)


def test_a_class_too_small_to_split_is_refused():
    X = np.random.default_rng(0).normal(size=(20, 4))
    match = "early_stopping=True: validation_fraction=0.15 of 20 objects cannot be set aside"
    with pytest.raises(ValueError, match=match):
        small().fit(X, np.arange(20) == 7)


def test_bad_groups_are_named(marked):
    X, y, groups = marked
    for bad, match in (
        (groups[:-1], "groups has 119 values for 120 objects; expected one per object"),
        (groups[:, np.newaxis], "groups has 2 dimensions; expected one"),
        (np.where(groups == groups[3], np.nan, groups), "groups is missing .* position 3;"),
        (["a"] * 100 + [None] * 20, "groups is missing .* position 100;"),
    ):
        with pytest.raises(ValueError, match=match):
            small().fit(X, y, groups=bad)


def test_without_early_stopping_they_change_nothing(marked):
    X, y, groups = marked
    given = small(early_stopping=False).fit(X, y, groups=groups)
    none = small(early_stopping=False).fit(X, y)
    np.testing.assert_array_equal(given.predict_proba(X), none.predict_proba(X))


def test_objects_of_weight_zero_are_in_no_group(marked):
    X, y, groups = marked
    kept = groups != 5
    with_them = small().fit(X, y, sample_weight=kept, groups=groups)
    without = small().fit(X[kept], y[kept], groups=groups[kept])
    np.testing.assert_array_equal(with_them.predict_proba(X), without.predict_proba(X))


def test_copies_made_by_a_sampler_stay_with_their_parents():
    X, y = make_transients(n_tde=8, n_sn_ia=16, random_state=0)
    sampler = LightCurveOverSampler(n_copies=1, random_state=0)
    copies, labels = sampler.fit_resample(X, y)
    steps = LightCurveGridder(n_steps=12, colors=False).fit_transform(copies)
    steps[:, :, 1] = sampler.sample_indices_[:, np.newaxis]
    steps[:, 0, -2:] = 1
    model = small(callbacks=[Sides()], standardize=False, validation_fraction=0.25)
    model.fit(steps, labels, groups=sampler.sample_indices_)
    assert not Sides.marks[True] & Sides.marks[False]
    assert len(Sides.marks[True] | Sides.marks[False]) == 24


def test_they_are_routed_with_the_folds_and_can_be_kept_back(marked):
    X, y, groups = marked
    options = {"cv": StratifiedGroupKFold(2), "scoring": tde_scorers(), "error_score": "raise"}
    with config_context(enable_metadata_routing=True):
        Sides.marks = {}
        model = small(callbacks=[Sides()])
        cross_validate(model, X, y, params={"groups": groups}, **options)
        assert not Sides.marks[True] & Sides.marks[False]
        asked = small(callbacks=[Sides()]).set_fit_request(groups=True)
        cross_validate(asked, X, y, params={"groups": groups}, **options)
        assert not Sides.marks[True] & Sides.marks[False]
        without = small(callbacks=[Sides()]).set_fit_request(groups=False)
        cross_validate(without, X, y, params={"groups": groups}, **options)
        assert Sides.marks[True] & Sides.marks[False]


def test_a_sampler_that_changes_the_objects_before_them_is_refused():
    X, y = make_transients(n_tde=8, n_sn_ia=16, random_state=0)
    gridder = LightCurveGridder(n_steps=12, colors=False)
    sampler = LightCurveOverSampler(random_state=0)
    pipeline = make_lstm_pipeline(sampler=sampler, gridder=gridder, hidden_dim=4, max_epochs=1)
    pipeline.set_params(classifier__early_stopping=True)
    match = "groups has 24 values for 32 objects; .* groups=sampler.sample_indices_"
    with pytest.raises(ValueError, match=match):
        pipeline.fit(X, y, classifier__groups=np.arange(24))
