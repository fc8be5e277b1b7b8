import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from sklearn_tde import LightCurveDisplay, LightCurveGridder, make_transients, pack_light_curves
from sklearn_tde.inspection import _plotting


def light_curves(**columns):
    table = pd.DataFrame({"object_id": "a", "flux_err": 10.0, **columns})
    return pack_light_curves(table, objects=pd.DataFrame(index=["a", "empty"]))


@pytest.fixture
def X():
    """Two detections, a measurement below 5 sigma, an upper limit and a negative flux."""
    return light_curves(
        time=[59000.0, 59001.0, 59004.0, 59005.0, 59006.0],
        band=["g", "r", "g", "g", "r"],
        flux=[100.0, 80.0, 20.0, 0.0, -90.0],
    )


def drawn(ax, color, marker):
    """Points drawn in the axes with a colour and a marker, as (x, y, filled)."""
    return sorted(
        (
            round(float(x), 3),
            round(float(y), 3),
            line.get_fillstyle() == "full" and line.get_markerfacecolor() != "none",
        )
        for line in ax.lines
        if line.get_marker() == marker and line.get_color() == color
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    )


def legend_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_fluxes_are_where_they_were_measured_and_filled_if_detected(X):
    ax = LightCurveDisplay.from_light_curves(X, "a").ax_
    (green, circle), (red, square) = _plotting.band_styles(["g", "r"]).values()
    assert drawn(ax, green, circle) == [(0.0, 100.0, True), (4.0, 20.0, False)]
    assert drawn(ax, red, square) == [(1.0, 80.0, True), (6.0, -90.0, False)]
    # The row with flux 0 is an upper limit, 5 sigma.
    assert drawn(ax, green, "v") == [(5.0, 50.0, False)]
    assert legend_of(ax) == ["g", "r", "below 5σ", "5σ limit", "t = 0"]
    assert ax.get_xlabel() == "days since t = 0"
    assert ax.get_ylabel() == "flux (µJy)"


def test_error_bars_are_one_sigma(X):
    ax = LightCurveDisplay.from_light_curves(X, "a").ax_
    lengths = [
        segment[1, 1] - segment[0, 1] for bars in ax.collections for segment in bars.get_segments()
    ]
    assert lengths == [20.0] * 4


def test_magnitudes_are_upside_down_and_non_detections_limits(X):
    ax = LightCurveDisplay.from_light_curves(X, position=0, brightness="magnitude").ax_
    (green, circle), (red, square) = _plotting.band_styles(["g", "r"]).values()
    assert drawn(ax, green, circle) == [(0.0, 18.9, True)]
    assert drawn(ax, red, square) == [(1.0, 19.142, True)]
    limit = round(23.9 - 2.5 * np.log10(50.0), 3)
    assert drawn(ax, green, "v") == [(4.0, limit, False), (5.0, limit, False)]
    assert drawn(ax, red, "v") == [(6.0, limit, False)]
    assert ax.yaxis_inverted()


def test_absolute_time(X):
    ax = LightCurveDisplay.from_light_curves(X, "a", time="absolute").ax_
    assert drawn(ax, "#009E73", "o")[0][0] == 59000.0
    assert ax.get_xlabel() == "time (MJD)"


@pytest.mark.parametrize(
    ("zero_point", "label"), [(2400000.5, "time (JD)"), (-59000.0, "time (days)")]
)
def test_the_axis_names_the_kind_of_date(X, zero_point, label):
    table = X["light_curve"].iloc[0]
    moved = light_curves(
        **{name: table[name].to_numpy() for name in ("band", "flux")},
        time=table["time"].to_numpy() + zero_point,
    )
    display = LightCurveDisplay.from_light_curves(moved, "a", time="absolute")
    assert display.ax_.get_xlabel() == label


def test_gridder_adds_its_flux_and_its_masks(X):
    gridder = LightCurveGridder(duration=10, cadence=1, scale=None, log_flux=False)
    display = LightCurveDisplay.from_light_curves(X, "a", gridder=gridder)
    curves, masks = display.axes_[1:]
    features = gridder.fit(X).transform(X)[0]
    np.testing.assert_array_equal(display.features, features)
    flux = {
        line.get_color(): line.get_ydata()
        for line in curves.lines
        if len(line.get_xdata()) > 5 and line.get_linestyle() == "-"
    }
    np.testing.assert_array_equal(flux["#009E73"], features[:, 1])
    np.testing.assert_array_equal(flux["#D55E00"], features[:, 2])
    assert curves.get_ylabel() == "flux (µJy)"
    ticks = [text.get_text() for text in masks.get_yticklabels()]
    assert ticks == ["g", "r"]
    left = [sorted(p.vertices[:, 0].min() for p in bars.get_paths()) for bars in masks.collections]
    assert left == [[-0.5, 3.5, 4.5], [0.5, 5.5]]
    assert masks.get_xlabel() == "days since t = 0"
    assert masks.get_xlim() == display.ax_.get_xlim()


@pytest.mark.parametrize(
    ("params", "label"),
    [
        ({}, "log(1 + flux / median)"),
        ({"scale": "running"}, "log(1 + flux / mean so far)"),
        ({"log_flux": False}, "flux / median"),
    ],
)
def test_gridded_flux_says_what_it_is(X, params, label):
    display = LightCurveDisplay.from_light_curves(X, "a", gridder=LightCurveGridder(**params))
    assert display.axes_[1].get_ylabel() == label


def test_gridder_is_left_as_it_is(X):
    gridder = LightCurveGridder()
    LightCurveDisplay.from_light_curves(X, "a", gridder=gridder)
    assert not hasattr(gridder, "grid_")


def test_t0_follows_the_rule_of_the_gridder():
    X = light_curves(time=[0.0, 100.0, 103.0], band=["g", "g", "g"], flux=[60.0, 100.0, 100.0])
    confirmed = LightCurveDisplay.from_light_curves(X, "a")
    first = LightCurveDisplay.from_light_curves(X, "a", gridder=LightCurveGridder.reference())
    assert (confirmed.start_time, first.start_time) == (100.0, 0.0)


@pytest.mark.parametrize("gridder", [None, LightCurveGridder()])
@pytest.mark.parametrize("brightness", ["flux", "magnitude"])
@pytest.mark.parametrize("flux", [[100.0], [10.0], [-100.0]])
def test_a_single_observation(flux, brightness, gridder):
    X = light_curves(time=[5.0], band=["r"], flux=flux)
    display = LightCurveDisplay.from_light_curves(X, "a", gridder=gridder, brightness=brightness)
    display.figure_.canvas.draw()
    assert legend_of(display.ax_)[0] == "r"


@pytest.mark.parametrize("gridder", [None, LightCurveGridder()])
def test_an_object_without_observations_says_so(X, gridder):
    display = LightCurveDisplay.from_light_curves(X, "empty", gridder=gridder)
    display.figure_.canvas.draw()
    assert [text.get_text() for text in display.ax_.texts] == ["no observations"]


def test_bands_of_other_surveys_have_a_look_of_their_own():
    bands = [*"ugrizyco", "W1", "F200W"]
    looks = _plotting.band_styles(bands)
    assert len(set(looks.values())) == len(bands)
    X = light_curves(time=np.arange(10.0), band=bands, flux=np.full(10, 100.0))
    display = LightCurveDisplay.from_light_curves(X, "a")
    assert legend_of(display.ax_) == [*"ugcroizy", "F200W", "W1", "t = 0"]


def test_title_has_name_class_and_probability(X):
    display = LightCurveDisplay.from_light_curves(X, "a", label="SN Ia", probability=0.0314)
    assert display.ax_.get_title(loc="left") == "a   SN Ia   P(TDE) = 0.031"


def test_draws_where_it_is_told_and_again(X):
    figure, axes = plt.subplots(1, 2)
    display = LightCurveDisplay.from_light_curves(X, "a", ax=axes[1])
    assert display.ax_ is axes[1]
    assert not axes[0].lines
    display.plot(axes[0], time="absolute")
    assert display.ax_ is axes[0]
    assert display.figure_ is figure


def test_the_only_object_needs_no_name():
    X, y = make_transients(n_tde=1, n_sn_ia=0, random_state=0)
    assert LightCurveDisplay.from_light_curves(X).name == X.index[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "X has 2 objects; name the one to draw"),
        ({"object_id": "b"}, "object_id='b' is not in X"),
        ({"position": 2}, "position=2 is beyond the 2 objects"),
        ({"object_id": "a", "position": 0}, "give one of them"),
        ({"position": 0, "time": "mjd"}, "time must be 'relative' or 'absolute'; got 'mjd'"),
        ({"position": 0, "brightness": "mag"}, "brightness must be 'flux' or 'magnitude'"),
        ({"position": 0, "gridder": LightCurveGridder(bands=("g",))}, "object 'a': band is 'r'"),
    ],
)
def test_what_cannot_be_drawn_is_refused(X, arguments, message):
    with pytest.raises(ValueError, match=message):
        LightCurveDisplay.from_light_curves(X, **arguments)


def test_a_name_of_two_rows_is_refused(X):
    with pytest.raises(ValueError, match="object_id='a' is the name of 2 rows"):
        LightCurveDisplay.from_light_curves(X.iloc[[0, 0]], "a")


def test_several_panels_need_a_place_in_a_grid(X):
    ax = plt.figure().add_axes((0.1, 0.1, 0.8, 0.8))
    with pytest.raises(ValueError, match="ax has no place in a grid of subplots"):
        LightCurveDisplay.from_light_curves(X, "a", gridder=LightCurveGridder(), ax=ax)


def test_missing_matplotlib_names_the_extra(X, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"sklearn-tde\[plot\]"):
        LightCurveDisplay.from_light_curves(X, "a")


@pytest.mark.parametrize(
    "argument",
    [
        {"position": "0"},
        {"position": 0.5},
        {"position": True},
        {"object_id": ["a"]},
        {"ax": 3},
        {"gridder": "gridder"},
        {"gridder": LightCurveGridder},
        {"probability": "high"},
    ],
    ids=str,
)
def test_an_argument_of_a_wrong_type_is_named(X, argument):
    where = {} if {"position", "object_id"} & {*argument} else {"position": 0}
    with pytest.raises(TypeError, match=f"^{next(iter(argument))}: expected"):
        LightCurveDisplay.from_light_curves(X, **where, **argument)


def test_names_are_compared_one_by_one():
    X, _ = make_transients(n_tde=1, n_sn_ia=2, random_state=0)
    pairs = pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)])
    X.index = pairs
    assert "2" in LightCurveDisplay.from_light_curves(X, ("a", 2)).name
