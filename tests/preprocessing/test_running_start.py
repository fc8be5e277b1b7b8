import numpy as np
import pandas as pd
import pytest

from sklearn_tde import flatten_light_curves, pack_light_curves
from sklearn_tde._prefixes import take_prefixes
from sklearn_tde.preprocessing._running_start import running_start_times
from sklearn_tde.preprocessing._start import start_times


@pytest.fixture(scope="module")
def X():
    """Many short light curves on a coarse grid of times, so that nights and windows are met."""
    rng = np.random.default_rng(0)
    number = rng.integers(0, 14, 200)
    n = number.sum()
    table = pd.DataFrame(
        {
            "object_id": np.repeat(np.arange(200), number),
            "time": 59000.0 + rng.integers(0, 480, n) / 4,
            "band": rng.choice(["g", "r"], n),
            "flux": rng.choice([0.0, 10.0, 40.0, 50.0, 60.0], n),
            "flux_err": 10.0,
        }
    )
    objects = pd.DataFrame(index=np.arange(200))
    return pack_light_curves(table, objects=objects, duplicates="drop")


@pytest.mark.parametrize("rule", ["first", "confirmed"])
def test_the_clock_is_that_of_the_light_curve_so_far(X, rule):
    flat = flatten_light_curves(X)
    position = flat.object_position
    is_last = np.append((np.diff(flat.time) != 0) | (np.diff(position) != 0), True)
    length = np.arange(len(position)) - flat.offsets[:-1][position] + 1
    so_far = flatten_light_curves(take_prefixes(X, position[is_last], length[is_last]))
    expected = start_times(so_far, rule, 5.0)
    found = running_start_times(flat, rule, 5.0)[is_last]
    np.testing.assert_array_equal(found, expected)
    moved = np.diff(found)[np.diff(position[is_last]) == 0] != 0
    assert moved.mean() > 0.05


def test_no_observations_at_all(X):
    empty = flatten_light_curves(take_prefixes(X, np.arange(3), np.zeros(3, dtype=int)))
    assert running_start_times(empty, "confirmed", 5.0).shape == (0,)
