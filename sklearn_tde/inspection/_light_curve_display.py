"""A picture of one light curve."""

from __future__ import annotations

from collections.abc import Hashable
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from sklearn_tde._photometry import MICROJANSKY_ZERO_POINT, shown
from sklearn_tde.inspection._plotting import axes_to_draw_in, band_styles, legend_above, split_axes
from sklearn_tde.light_curves import check_light_curves, flatten_light_curves
from sklearn_tde.preprocessing import LightCurveGridder
from sklearn_tde.preprocessing._start import start_times

_MAGNITUDE_PER_RELATIVE_FLUX = 2.5 / np.log(10.0)


class LightCurveDisplay:
    """Light curve of one object: its observations and, if asked for, what a gridder makes of them.

    Make it with :meth:`from_light_curves`; the parameters are stored as attributes.

    Parameters
    ----------
    observations : DataFrame of shape (n_observations, 4)
        The columns ``time`` (days), ``band``, ``flux`` and ``flux_err`` (microjansky).
    start_time : float
        The time of t = 0, in the days of `observations`.
    detection_snr : float, default=5.0
        An observation is a detection if its flux is at least so many times its error.
    features : DataFrame of shape (n_steps, n_features) or None, default=None
        What a gridder made of the observations: days since t = 0 in the index, the names of the
        features as columns.
    features_unit : str, default=""
        What the fluxes in `features` are, for the label of their axis.
    name : str or None, default=None
        Name of the object, for the title.
    label : str or None, default=None
        Class of the object, for the title.
    probability : float or None, default=None
        Probability of `pos_label`, for the title.
    pos_label : str, default="TDE"
        The class that `probability` is about.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The panel with the observations.
    axes_ : ndarray of shape (1,) or (3,), dtype object
        All panels from top to bottom: observations and, with `features`, the gridded fluxes and
        the masks.
    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    TrainingHistoryDisplay : How a network learned.

    Examples
    --------
    >>> from sklearn_tde import LightCurveDisplay, LightCurveGridder, make_transients
    >>> X, y = make_transients(n_tde=2, n_sn_ia=2, random_state=0)
    >>> display = LightCurveDisplay.from_light_curves(
    ...     X, position=0, gridder=LightCurveGridder(), label=y[0]
    ... )
    >>> display.ax_.get_ylabel()
    'flux (µJy)'
    """

    def __init__(
        self,
        observations: pd.DataFrame,
        *,
        start_time: float,
        detection_snr: float = 5.0,
        features: pd.DataFrame | None = None,
        features_unit: str = "",
        name: str | None = None,
        label: str | None = None,
        probability: float | None = None,
        pos_label: str = "TDE",
    ) -> None:
        self.observations = observations
        self.start_time = start_time
        self.detection_snr = detection_snr
        self.features = features
        self.features_unit = features_unit
        self.name = name
        self.label = label
        self.probability = probability
        self.pos_label = pos_label

    @classmethod
    def from_light_curves(
        cls,
        X: Any,
        object_id: Any = None,
        *,
        position: int | None = None,
        gridder: LightCurveGridder | None = None,
        label: str | None = None,
        probability: float | None = None,
        pos_label: str = "TDE",
        ax: Any = None,
        time: str = "relative",
        brightness: str = "flux",
    ) -> LightCurveDisplay:
        """Draw one of many light curves.

        Parameters
        ----------
        X : NestedFrame of shape (n_objects, n_columns)
            Light curves, or any container of :func:`sklearn_tde.check_light_curves`.
        object_id : object or None, default=None
            Name of the object in the index of `X`. None: it is told by `position`.
        position : int or None, default=None
            Position of the object in `X`. None: it is told by `object_id`, or is the only one.
        gridder : LightCurveGridder or None, default=None
            Its result is drawn below the observations, and its rule for t = 0 is used; it need
            not be fitted, and is left as it is. None: the observations alone, with t = 0 as
            ``LightCurveGridder()`` sees it.
        label : str or None, default=None
            Class of the object, for the title.
        probability : float or None, default=None
            Probability of `pos_label`, for the title.
        pos_label : str, default="TDE"
            The class that `probability` is about.
        ax : matplotlib Axes or None, default=None
            Where to draw. None: a new figure. With a gridder, three panels take its place.
        time : {"relative", "absolute"}, default="relative"
            The axis of time: days since t = 0, or the times of the observations.
        brightness : {"flux", "magnitude"}, default="flux"
            The other axis: microjansky, or AB magnitudes.

        Returns
        -------
        display : LightCurveDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If it is not clear which object is meant, or its light curve is not valid.
        ImportError
            If matplotlib is not installed.
        """
        if not isinstance(gridder, LightCurveGridder | None):
            raise TypeError(f"gridder: expected a LightCurveGridder; got {shown(gridder)}.")
        X = check_light_curves(X)
        X = X.iloc[[_find(X.index, object_id, position)]]
        flat = flatten_light_curves(X)
        observations = pd.DataFrame(
            {
                "time": flat.time,
                "band": np.asarray(flat.bands, dtype=object)[flat.band],
                "flux": flat.flux,
                "flux_err": flat.flux_err,
            }
        )
        rules = LightCurveGridder() if gridder is None else gridder
        features, unit = None, ""
        if gridder is not None:
            fitted = clone(gridder).fit(X)
            features = pd.DataFrame(
                fitted.transform(X)[0],
                index=pd.Index(fitted.grid_, name="days since t = 0"),
                columns=fitted.get_feature_names_out(),
            )
            unit = _describe_unit(fitted)
        display = cls(
            observations,
            start_time=float(start_times(flat, rules.start, rules.detection_snr)[0]),
            detection_snr=rules.detection_snr,
            features=features,
            features_unit=unit,
            name=str(X.index[0]),
            label=label,
            probability=probability,
            pos_label=pos_label,
        )
        return display.plot(ax, time=time, brightness=brightness)

    def plot(
        self, ax: Any = None, *, time: str = "relative", brightness: str = "flux"
    ) -> LightCurveDisplay:
        """Draw the light curve.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw. None: a new figure. With `features`, three panels take its place.
        time : {"relative", "absolute"}, default="relative"
            The axis of time: days since t = 0, or the times of the observations.
        brightness : {"flux", "magnitude"}, default="flux"
            The other axis: microjansky, or AB magnitudes.

        Returns
        -------
        display : LightCurveDisplay
            The display itself.

        Raises
        ------
        ValueError
            If an argument has another value than these.
        ImportError
            If matplotlib is not installed.

        Notes
        -----
        Detections are filled, other measurements hollow, both with one-sigma errors. A triangle
        pointing down is an upper limit, `detection_snr` times the error: in fluxes for a row
        that was entered as a limit (its flux is 0), in magnitudes for all that is no detection.
        """
        if not isinstance(self.probability, Real | None):
            raise TypeError(f"probability: expected a number; got {shown(self.probability)}.")
        for argument, value, known in (
            ("time", time, ("relative", "absolute")),
            ("brightness", brightness, ("flux", "magnitude")),
        ):
            if value not in known:
                raise ValueError(f"{argument} must be {known[0]!r} or {known[1]!r}; got {value!r}.")
        n_bands = 0 if self.features is None else len(self._features_of("mask_"))
        height = 3.6 if self.features is None else 5.4 + 0.15 * n_bands
        ax = axes_to_draw_in(ax, "LightCurveDisplay", (7.0, height))
        panels = [ax]
        if self.features is not None:
            heights = [3.0, 2.0, 0.15 * (n_bands + 1)]
            panels = split_axes(ax, 3, 1, "LightCurveDisplay", height_ratios=heights)
        shift = self.start_time if time == "absolute" else 0.0
        self._draw_observations(panels[0], shift, brightness)
        if self.features is not None:
            self._draw_features(*panels[1:], shift)
            for panel in panels[1:]:
                panel.sharex(panels[0])
            for panel in panels[:-1]:
                panel.tick_params(labelbottom=False)
            panels[0].autoscale(axis="x")
        panels[-1].set_xlabel(self._time_label(time))
        panels[0].figure.align_ylabels(panels[:2])
        self.ax_ = panels[0]
        self.axes_ = np.array(panels, dtype=object)
        self.figure_ = panels[0].figure
        return self

    def _draw_observations(self, ax: Any, shift: float, brightness: str) -> None:
        from matplotlib.lines import Line2D

        table = self.observations
        if brightness == "magnitude":
            ax.invert_yaxis()
            ax.set_ylabel("AB magnitude")
        else:
            ax.axhline(0.0, color="0.8", linewidth=0.8, zorder=0)
            ax.set_ylabel("flux (µJy)")
        if self.name is not None:
            ax.set_title(self._title(), loc="left", fontsize="medium", pad=20)
        if not len(table):
            ax.text(0.5, 0.5, "no observations", transform=ax.transAxes, ha="center", va="center")
            ax.set_yticks([])
            return
        ax.axvline(shift, color="0.5", linestyle=(0, (4, 3)), linewidth=0.8, zorder=0)
        handles, kinds = [], set()
        for band, (color, marker) in band_styles(self._bands()).items():
            rows = table[table["band"] == band]
            if not len(rows):
                continue
            days = rows["time"].to_numpy() - self.start_time + shift
            kinds |= self._draw_band(ax, days, rows, brightness, color, marker)
            handles.append(Line2D([], [], color=color, marker=marker, linestyle="", label=band))
        grey = {"color": "0.35", "linestyle": ""}
        if "measured" in kinds:
            text = f"below {self.detection_snr:g}σ"
            handles.append(Line2D([], [], marker="o", fillstyle="none", label=text, **grey))
        if "limit" in kinds:
            text = f"{self.detection_snr:g}σ limit"
            handles.append(Line2D([], [], marker="v", fillstyle="none", label=text, **grey))
        handles.append(
            Line2D([], [], color="0.5", linestyle=(0, (4, 3)), linewidth=0.8, label="t = 0")
        )
        legend_above(ax, handles)

    def _draw_band(
        self,
        ax: Any,
        days: np.ndarray,
        rows: pd.DataFrame,
        brightness: str,
        color: str,
        marker: str,
    ) -> set[str]:
        """Draw one band and return which kinds of observations it has but for detections."""
        flux, error = rows["flux"].to_numpy(), rows["flux_err"].to_numpy()
        detected = flux >= self.detection_snr * error
        limit = flux == 0.0 if brightness == "flux" else ~detected
        values, spread, limits = flux, error, self.detection_snr * error
        if brightness == "magnitude":
            positive = np.where(detected, flux, 1.0)
            values, limits = _magnitude(positive), _magnitude(limits)
            spread = _MAGNITUDE_PER_RELATIVE_FLUX * error / positive
        bars = {"fmt": marker, "color": color, "markersize": 4.5, "elinewidth": 0.9}
        kinds = {"detected": detected, "measured": ~detected & ~limit, "limit": limit}
        for kind, chosen in kinds.items():
            if not chosen.any():
                continue
            if kind == "limit":
                ax.plot(
                    days[chosen],
                    limits[chosen],
                    "v",
                    color=color,
                    markersize=5,
                    fillstyle="none",
                    alpha=0.7,
                )
                continue
            hollow = {"markerfacecolor": "none", "alpha": 0.55} if kind == "measured" else {}
            ax.errorbar(days[chosen], values[chosen], spread[chosen], **bars, **hollow)
        return {kind for kind, chosen in kinds.items() if chosen.any()}

    def _draw_features(self, curves: Any, masks: Any, shift: float) -> None:
        """Draw the gridded fluxes and errors, and below them a row of ticks per mask."""
        from matplotlib.lines import Line2D

        days = self.features.index.to_numpy() + shift
        step = days[1] - days[0]
        curves.axhline(0.0, color="0.8", linewidth=0.8, zorder=0)
        flux, error = self._features_of("flux_"), self._features_of("flux_err_")
        marked = self._features_of("mask_")
        styles = band_styles(list(marked))
        for row, (band, (color, marker)) in enumerate(styles.items()):
            mask = marked[band] > 0
            if mask.any():
                curves.plot(days, flux[band], color=color, linewidth=1.0)
                curves.plot(days, error[band], color=color, linewidth=1.0, linestyle=(0, (1, 1.5)))
                curves.plot(
                    days[mask],
                    flux[band][mask],
                    marker,
                    color=color,
                    markersize=3,
                    markeredgewidth=0,
                )
            left = days[mask] - step / 2
            masks.broken_barh(
                [(x, step) for x in left], (row - 0.35, 0.7), facecolor=color, linewidth=0
            )
        legend_above(
            curves,
            [
                Line2D([], [], color="0.35", linewidth=1.0, label="gridded flux"),
                Line2D([], [], color="0.35", linewidth=1.0, linestyle=(0, (1, 1.5)), label="error"),
            ],
        )
        curves.set_ylabel(self.features_unit, fontsize="small")
        masks.set_yticks(range(len(styles)), list(styles))
        masks.set_ylim(len(styles) - 0.5, -0.5)
        masks.tick_params(axis="y", length=0)
        masks.set_ylabel("mask", rotation=0, ha="right", va="center")

    def _bands(self) -> list[str]:
        """Bands in the order of the gridder, or else of the wavelength, then by name."""
        if self.features is not None:
            return list(self._features_of("mask_"))
        found = set(self.observations["band"])
        known = [band for band in "ugcroizy" if band in found]
        return known + sorted(found - set(known))

    def _features_of(self, prefix: str) -> dict[str, np.ndarray]:
        """Return the features of every band whose name starts so."""
        names = [str(name) for name in self.features.columns]
        bands = [name.removeprefix("mask_") for name in names if name.startswith("mask_")]
        return {band: self.features[prefix + band].to_numpy() for band in bands}

    def _title(self) -> str:
        parts = [self.name or ""]
        if self.label is not None:
            parts.append(str(self.label))
        if self.probability is not None:
            parts.append(f"P({self.pos_label}) = {self.probability:.3f}")
        return "   ".join(parts)

    def _time_label(self, time: str) -> str:
        if time == "relative":
            return "days since t = 0"
        # Every survey gives one of the two, but differences are all that the package needs.
        if 4e4 < self.start_time < 1e5:
            return "time (MJD)"
        return "time (JD)" if 2.4e6 < self.start_time < 2.5e6 else "time (days)"


def _find(index: pd.Index, object_id: Any, position: int | None) -> int:
    """Return the position of the object that is meant."""
    if object_id is not None and position is not None:
        raise ValueError(
            f"object_id={object_id!r} and position={position!r}: give one of them, the other is "
            "None."
        )
    if object_id is not None:
        if not isinstance(object_id, Hashable):
            raise TypeError(f"object_id: expected the name of one object; got {shown(object_id)}.")
        found = np.flatnonzero([bool(name == object_id) for name in index])
        if len(found) != 1:
            times = "not in X" if not len(found) else f"the name of {len(found)} rows of X"
            raise ValueError(f"object_id={shown(object_id)} is {times}; expected the name of one.")
        return int(found[0])
    if position is None:
        if len(index) != 1:
            raise ValueError(
                f"X has {len(index)} objects; name the one to draw with object_id or position."
            )
        return 0
    if not isinstance(position, Integral) or isinstance(position, bool):
        raise TypeError(f"position: expected an integer; got {shown(position)}.")
    if not -len(index) <= position < len(index):
        raise ValueError(f"position={position!r} is beyond the {len(index)} objects of X.")
    return int(position)


def _magnitude(flux: np.ndarray) -> np.ndarray:
    """Return the AB magnitude of positive fluxes in microjansky."""
    return MICROJANSKY_ZERO_POINT - 2.5 * np.log10(flux)


def _describe_unit(gridder: LightCurveGridder) -> str:
    """Say what the fluxes of a gridder are."""
    names = {None: "flux", "median": "flux / median", "running": "flux / mean so far"}
    text = names[gridder.scale]
    if gridder.log_flux:
        return f"log(1 + {text})"
    return text if gridder.scale else f"{text} (µJy)"
