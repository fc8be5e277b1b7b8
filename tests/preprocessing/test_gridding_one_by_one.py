"""What the gridder makes of many light curves at once, against each by itself in plain loops."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sklearn_tde import LightCurveGridder, check_light_curves
from sklearn_tde.preprocessing._steps import first_step_from

FIELDS = ("time", "band", "flux", "flux_err")
BANDS = ("g", "r")

GRIDDERS = st.builds(
    LightCurveGridder,
    duration=st.just(40),
    cadence=st.sampled_from([3.0, 1.25, 0.5]),
    lead=st.sampled_from([0.0, 10.0]),
    start=st.sampled_from(["confirmed", "first"]),
    mask=st.sampled_from(["observed", "coverage"]),
    scale=st.sampled_from([None, "median", "running"]),
    log_flux=st.booleans(),
    gap_inflation=st.sampled_from([0.0, 0.1]),
    before_start=st.sampled_from(["ignore", "interpolate"]),
    after_end=st.sampled_from(["ignore", "interpolate"]),
)


def objects_of(max_size):
    """Light curves of eighths of a day, with several observations in many a night, or none."""
    row = st.tuples(
        st.integers(0, 640).map(lambda k: k / 8),
        st.sampled_from(BANDS),
        st.integers(-300, 900).map(float),
        st.integers(4, 400).map(lambda k: k / 4),
    )
    rows = st.lists(row, max_size=max_size, unique_by=lambda row: row[:2]).map(sorted)
    columns = rows.map(lambda rows: list(zip(*rows, strict=True)) or [()] * 4)
    return columns.map(lambda c: {n: np.array(v) for n, v in zip(FIELDS, c, strict=True)})


def start_of(columns, rule, snr=5.0):
    time = columns["time"]
    detections = time[columns["flux"] >= snr * columns["flux_err"]]
    if not len(detections):
        return time[0]
    if rule == "first":
        return detections[0]
    for t in detections:
        later = detections[detections - t >= 0.5]
        if len(later) and later[0] - t <= 20:
            return t
    return detections[-1]


def scale_of(flux, flux_err, average):
    positive, absolute = flux[flux > 0], np.abs(flux[flux != 0])
    fluxes = positive if len(positive) else absolute
    return max(average(fluxes) if len(fluxes) else 0.0, average(flux_err))


def slow_grid(columns, rules):
    """One light curve on the grid, as the docstring of the gridder describes it."""
    grid, cadence, n_bands = rules.grid_, rules.grid_[1] - rules.grid_[0], len(BANDS)
    out = np.zeros((len(grid), 4 * n_bands))
    out[:, 0] = grid / rules.duration
    if not len(columns["time"]):
        return out
    t = columns["time"] - start_of(columns, rules.start)
    nearest = np.floor((t - grid[0]) / cadence + 0.5).astype(int)
    if rules.mask == "observed":
        before, after = nearest < 0, nearest >= len(grid)
        counts_from = nearest
    else:
        before, after = t < grid[0], t > grid[-1]
        counts_from = np.searchsorted(grid, t)
    keep = (~before | (rules.before_start != "ignore")) & (~after | (rules.after_end != "ignore"))
    if not keep.any():
        return out
    t, f, e, band, nearest, counts_from = (
        values[keep]
        for values in (
            t, columns["flux"], columns["flux_err"], columns["band"], nearest, counts_from,
        )
    )  # fmt: skip
    scale = np.ones(len(grid))
    if rules.scale == "median":
        scale[:] = scale_of(f, e, np.median)
    elif rules.scale == "running":
        steps = np.maximum(np.arange(len(grid)), counts_from.min())
        scale[:] = [scale_of(f[k], e[k], np.mean) for k in (counts_from <= s for s in steps)]
        # What comes after the last step is in no scale.
        scale[:] = np.where(counts_from.min() < len(grid), scale, 1.0)
    for j, name in enumerate(BANDS):
        at = band == name
        if not at.any():
            continue
        flux, error = np.interp(grid, t[at], f[at]), np.interp(grid, t[at], e[at])
        seen = (grid >= t[at][0]) & (grid <= t[at][-1])
        if rules.mask == "observed":
            for k in range(len(grid)):
                here = at & (nearest == k)
                seen[k] = here.any()
                if seen[k]:
                    weight = 1 / e[here] ** 2
                    flux[k] = np.sum(weight * f[here]) / np.sum(weight)
                    error[k] = np.sum(weight) ** -0.5
        away = np.abs(grid[:, None] - t[at]).min(axis=1)
        error *= np.where(seen, 1.0, 1.0 + rules.gap_inflation * away)
        flux, error = flux / scale, error / scale
        out[:, 1 + j] = np.sign(flux) * np.log1p(np.abs(flux)) if rules.log_flux else flux
        out[:, 4 + j] = error
        out[:, 6 + j] = seen
    if set(band) == set(BANDS):
        out[:, 3] = out[:, 1] - out[:, 2]
    return out


ONE_NIGHT = {"time": [0, 0.375], "band": ["g", "g"], "flux": [50, 90], "flux_err": [2, 2]}


@settings(max_examples=100)
@example(
    [{name: np.array(values) for name, values in ONE_NIGHT.items()}],
    LightCurveGridder(duration=40, cadence=0.5),
)
@given(objects=st.lists(objects_of(40), min_size=1, max_size=4), gridder=GRIDDERS)
def test_all_at_once_is_each_by_itself(objects, gridder):
    found = gridder.fit_transform(objects)
    for grid, columns in zip(found, objects, strict=True):
        expected = slow_grid(columns, gridder)
        np.testing.assert_allclose(grid, expected, rtol=1e-6, atol=2e-5)


@pytest.mark.parametrize("scale", ["median", "running"])
def test_light_curves_of_very_different_lengths_are_gridded_together(scale):
    rng = np.random.default_rng(0)
    objects = []
    for n in (3, 700, 16, 17, 0, 64, 65, 1, 257):
        time = np.sort(rng.choice(np.arange(0, 320), 2 * n, replace=True)[:n]) / 8
        objects.append(
            {
                "time": time + np.arange(n) / 4096,
                "band": rng.choice(BANDS, n),
                "flux": rng.normal(20, 30, n),
                "flux_err": rng.uniform(2, 60, n),
            }
        )
    gridder = LightCurveGridder(duration=40, scale=scale)
    X = check_light_curves(objects)
    found = gridder.fit_transform(X)
    for k, columns in enumerate(objects):
        np.testing.assert_allclose(found[k], slow_grid(columns, gridder), rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(gridder.transform(X.iloc[[k]])[0], found[k])


@pytest.mark.parametrize("mask", ["observed", "coverage"])
def test_on_a_grid_finer_than_the_rounding_of_times_curves_stay_apart(mask):
    time = np.arange(12) * 1e-6
    objects = [
        {"time": time, "band": [band] * 12, "flux": [flux] * 12, "flux_err": [1.0] * 12}
        for band, flux in (("g", 50.0), ("r", 70.0), ("g", 90.0))
    ]
    gridder = LightCurveGridder(duration=1e-5, cadence=1e-6, mask=mask, scale=None, log_flux=False)
    flux = gridder.fit_transform(objects)[:, :, 1:3]
    np.testing.assert_allclose(flux[:, :, 0], np.repeat([[50.0], [0.0], [90.0]], 11, axis=1))
    np.testing.assert_allclose(flux[:, :, 1], np.repeat([[0.0], [70.0], [0.0]], 11, axis=1))


@pytest.mark.parametrize("zero", [0.0, 2458000.5])
def test_the_zero_point_of_time_does_not_move_the_ends_of_a_coverage_mask(zero):
    """Tenths of days are no binary numbers: after a large one they miss the steps they are on."""
    days = np.arange(60) / 10
    first, last = np.triu_indices(60, 1)
    objects = [
        {
            "time": zero + days[[0, i, j]],
            "band": ["g", "r", "r"],
            "flux": [9, 9, 9],
            "flux_err": [1] * 3,
        }
        for i, j in zip(first, last, strict=True)
    ]
    gridder = LightCurveGridder(duration=6, cadence=0.1, mask="coverage", start="first")
    found = gridder.fit_transform(objects)[:, :, -1]
    steps = np.arange(found.shape[1])
    expected = (steps >= first[:, None]) & (steps <= last[:, None])
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("grid", [np.linspace(-7.7, 300, 300), -0.3 + 0.7 * np.arange(500)])
def test_the_first_step_is_that_of_a_search(grid):
    edges = np.concatenate([grid, (grid[1:] + grid[:-1]) / 2, [-1e9, 1e9]])
    times = np.concatenate([edges, np.nextafter(edges, -np.inf), np.nextafter(edges, np.inf)])
    np.testing.assert_array_equal(first_step_from(times, grid), np.searchsorted(grid, times))
