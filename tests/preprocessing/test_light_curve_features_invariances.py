"""What must not matter to the features, and their bulk sums against loops over objects."""

import warnings
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_tde import check_light_curves, flatten_light_curves, make_transients
from sklearn_tde.preprocessing import LightCurveFeatures, _features
from sklearn_tde.preprocessing._feature_groups import _grouped
from sklearn_tde.preprocessing._feature_groups._color import matched_colors
from sklearn_tde.preprocessing._feature_groups._curves import make_curves

FIELDS = ("time", "band", "flux", "flux_err")
FITS = ("template", "power_law", "linex", "temperature", "gaussian_process", "activity")
#: Luminosities need redshifts.
ALL = tuple(name for name in _features.GROUPS if name != "luminosity")
GROUPS = tuple(name for name in ALL if name not in FITS)
OF_FLUX_RATIOS = tuple(name for name in GROUPS if name != "brightness")


@st.composite
def objects(draw):
    """Some objects of up to 25 observations in up to three bands."""
    found = []
    for _ in range(draw(st.integers(1, 4))):
        row = st.tuples(
            st.integers(-160, 1600).map(lambda k: k / 8),
            st.sampled_from("gri"),
            st.floats(-60, 900).map(lambda flux: round(flux, 2)),
            st.floats(1, 40),
        )
        rows = draw(st.lists(row, max_size=25, unique_by=lambda row: row[:2]))
        values = zip(*rows, strict=True) if rows else [[]] * 4
        found.append(dict(zip(FIELDS, map(list, values), strict=True)))
    return found


def transform(X, groups=GROUPS, bands=("g", "r", "i")):
    return LightCurveFeatures(bands=bands, groups=groups, duration=150).fit(X).transform(X)


def changed(X, **functions):
    return [
        {name: functions.get(name, np.asarray)(np.asarray(o[name])) for name in FIELDS} for o in X
    ]


def assert_same(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


@settings(max_examples=7)
@given(X=objects(), seed=st.integers(0, 99))
def test_rows_objects_and_neighbours_may_come_in_any_order(X, seed):
    rng = np.random.default_rng(seed)
    expected = transform(X)
    order = [rng.permutation(len(o["time"])) for o in X]
    shuffled = [
        {name: np.asarray(o[name])[rows] for name in FIELDS}
        for o, rows in zip(X, order, strict=True)
    ]
    np.testing.assert_array_equal(transform(shuffled), expected)
    rows = rng.integers(0, len(X), 6)
    np.testing.assert_array_equal(transform([X[row] for row in rows]), expected[rows])
    np.testing.assert_array_equal(transform(X[-1:]), expected[-1:])


@settings(max_examples=7)
@given(X=objects(), offset=st.floats(-2.5e6, 2.5e6), factor=st.floats(1e-3, 1e6))
def test_zero_point_of_time_and_unit_of_flux_do_not_matter(X, offset, factor):
    shifted = changed(X, time=lambda time: time.astype(float) + offset)
    found, expected = transform(shifted), transform(X)
    # Times are rounded to 5e-10 days.
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    scaled = changed(X, flux=lambda f: f * factor, flux_err=lambda e: e * factor)
    assert_same(transform(scaled, OF_FLUX_RATIOS), transform(X, OF_FLUX_RATIOS))


@settings(max_examples=7)
@given(X=objects())
def test_the_order_of_bands_orders_the_columns_of_bands(X):
    groups = ("shape", "decay", "rebrightening", "history", "brightness", "cadence")
    here, there = (
        LightCurveFeatures(bands=bands, groups=groups, duration=150).fit(X)
        for bands in (("g", "r", "i"), ("i", "g", "r"))
    )
    names = here.get_feature_names_out().tolist()
    shared = [name for name in there.get_feature_names_out() if name in names]
    assert len(names) - len(shared) == 1  # the lag of r and i
    places = [there.get_feature_names_out().tolist().index(name) for name in shared]
    expected = here.transform(X)[:, [names.index(name) for name in shared]]
    np.testing.assert_array_equal(there.transform(X)[:, places], expected)


@settings(max_examples=7)
@given(X=objects(), power=st.integers(-40, 40), small=st.integers(-12, 3))
def test_nothing_warns_and_nothing_is_infinite(X, power, small):
    wild = changed(
        X, flux=lambda f: f.astype(float) * 10.0**power, flux_err=lambda e: e * 10.0**small
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = transform(wild, ALL)
    assert not np.isinf(found).any()


# --- sums over groups ---------------------------------------------------------------------------


@cache
def curves():
    X, _ = make_transients(n_tde=12, n_sn_ia=12, random_state=1)
    flat = flatten_light_curves(check_light_curves(X), bands=("g", "r"))
    return make_curves(flat, start="confirmed", duration=200.0, detection_snr=5.0)


def rows_of(c, position, band, used=None):
    rows = (c.position == position) & (c.band == band)
    return np.flatnonzero(rows if used is None else rows & used)


def every_group(c):
    return [(i, b) for i in range(c.n_objects) for b in range(c.n_bands)]


def test_the_smoothed_flux_is_the_weighted_mean_of_near_points():
    c = curves()
    for i, b in every_group(c):
        rows = rows_of(c, i, b)
        for row in rows:
            near = rows[np.abs(c.since[rows] - c.since[row]) <= 2.5]
            weight = c.flux_err[near] ** -2.0
            expected = np.average(c.flux[near], weights=weight)
            assert c.smooth_flux[row] == pytest.approx(expected, rel=1e-12, abs=1e-12)
            assert c.smooth_flux_err[row] == pytest.approx(weight.sum() ** -0.5)
        detected = rows_of(c, i, b, c.is_detection & (c.since >= 0) & (c.since <= 200))
        # Points that average over the same neighbours have equal means: the first counts.
        mean = c.smooth_flux[detected]
        peak = detected[mean >= mean.max() * (1 - 1e-9)][0] if len(detected) else -1
        assert c.peak_row[i, b] == peak


def test_lines_are_those_of_a_weighted_least_squares_fit():
    c = curves()
    rows = np.flatnonzero(c.has_magnitude & np.isfinite(c.magnitude))
    lines = _grouped.fit_lines(
        c.group[rows], c.since[rows], c.magnitude[rows], c.magnitude_err[rows], c.n_groups
    )
    checked = 0
    for i, b in every_group(c):
        group = i * c.n_bands + b
        mine = rows_of(c, i, b, c.has_magnitude & np.isfinite(c.magnitude))
        if len(mine) < 5:
            continue
        x, y, weight = c.since[mine], c.magnitude[mine], 1 / c.magnitude_err[mine]
        (slope, start), covariance = np.polyfit(x, y, 1, w=weight, cov="unscaled")
        residual = (weight * (y - slope * x - start)) ** 2
        assert lines.slope[group] == pytest.approx(slope, rel=1e-8)
        assert lines.slope_err[group] == pytest.approx(covariance[0, 0] ** 0.5, rel=1e-8)
        assert lines.chi2[group] == pytest.approx(residual.sum() / (len(x) - 2), rel=1e-8)
        bent = np.polyfit(x, y, 2, w=weight)
        residual = (weight * (y - np.polyval(bent, x))) ** 2
        assert lines.curvature[group] == pytest.approx(bent[0], rel=1e-5)
        assert lines.chi2_bent[group] == pytest.approx(residual.sum() / (len(x) - 3), rel=1e-6)
        checked += 1
    assert checked > 20


def test_colors_are_interpolated_from_the_better_sampled_band():
    c = curves()
    rows, color, error = matched_colors(c, 0, 1)
    assert (error > 0.02).all()
    expected = {}
    for i in range(c.n_objects):
        both = [rows_of(c, i, b, c.has_magnitude) for b in (0, 1)]
        few, many = both if len(both[0]) < len(both[1]) else both[::-1]
        sign = 1.0 if few is both[0] else -1.0
        for row in few if len(many) else []:
            days = c.since[many] - c.since[row]
            before, after = days[days <= 0], days[days >= 0]
            between = len(before) and len(after) and after[0] - before[-1] <= 10
            if between:
                flux = np.interp(c.since[row], c.since[many], c.flux[many])
            elif np.abs(days).min() <= 3:
                flux = c.flux[many][np.argmin(np.abs(days))]
            else:
                continue
            expected[row] = -sign * 2.5 * np.log10(c.flux[row] / flux)
    assert len(expected) > 100
    assert sorted(expected) == rows.tolist()
    np.testing.assert_allclose(color, [expected[row] for row in rows], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rising", [True, False])
def test_levels_are_crossed_where_the_smoothed_flux_first_falls_below(rising):
    c = curves()
    found = _grouped.crossing(c, 0.5, rising=rising)
    assert np.isfinite(found).sum() > 15
    for i, b in every_group(c):
        rows, peak = rows_of(c, i, b, c.is_flare), c.peak_row[i, b]
        if peak < 0:
            assert np.isnan(found[i, b])
            continue
        path = rows[rows <= peak][::-1] if rising else rows[rows >= peak]
        relative = c.smooth_flux[path] / c.smooth_flux[peak]
        days = np.abs(c.since[path] - c.since[peak])
        if (relative >= 0.5).all():
            assert np.isnan(found[i, b])
            continue
        last = np.argmax(relative < 0.5)
        pair = slice(last - 1, last + 1)
        expected = np.interp(-0.5, -relative[pair], days[pair])
        assert found[i, b] == pytest.approx(expected)


def test_the_smallest_value_so_far_starts_anew_in_each_group():
    rng = np.random.default_rng(0)
    group = np.sort(rng.integers(0, 30, 200))
    values = rng.integers(0, 50, 200).astype(float)
    found = values[_grouped.running_smallest(group, values)]
    expected = [np.minimum.accumulate(values[group == k]) for k in range(30)]
    np.testing.assert_array_equal(found, np.concatenate(expected))
