"""A picture of one light curve."""

from __future__ import annotations

from collections.abc import Hashable
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from sklearn_tde._photometry import shown
from sklearn_tde.inspection._observations import (
    bands_in_order,
    brightness_label,
    check_axes_choice,
    draw_observations,
    legend_handles,
    observation_table,
    time_label,
)
from sklearn_tde.inspection._plotting import axes_to_draw_in, band_styles, legend_above, split_axes
from sklearn_tde.light_curves import check_light_curves, flatten_light_curves
from sklearn_tde.preprocessing import LightCurveGridder
from sklearn_tde.preprocessing._start import start_times


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
        X = X.iloc[[find_object(X.index, object_id, position)]]
        flat = flatten_light_curves(X)
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
            observation_table(flat),
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
        check_axes_choice(time, brightness)
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
        panels[-1].set_xlabel(time_label(time, self.start_time))
        panels[0].figure.align_ylabels(panels[:2])
        self.ax_ = panels[0]
        self.axes_ = np.array(panels, dtype=object)
        self.figure_ = panels[0].figure
        return self

    def _draw_observations(self, ax: Any, shift: float, brightness: str) -> None:
        ax.set_ylabel(brightness_label(brightness))
        if self.name is not None:
            ax.set_title(self._title(), loc="left", fontsize="medium", pad=20)
        bands = self._bands()
        drawn = draw_observations(
            ax,
            self.observations,
            start_time=self.start_time,
            shift=shift,
            brightness=brightness,
            detection_snr=self.detection_snr,
            bands=bands,
        )
        legend_above(ax, legend_handles(drawn, bands, self.detection_snr))

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
        return bands_in_order(self.observations["band"])

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


def find_object(index: pd.Index, object_id: Any, position: int | None) -> int:
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


def _describe_unit(gridder: LightCurveGridder) -> str:
    """Say what the fluxes of a gridder are."""
    names = {None: "flux", "median": "flux / median", "running": "flux / mean so far"}
    text = names[gridder.scale]
    if gridder.log_flux:
        return f"log(1 + {text})"
    return text if gridder.scale else f"{text} (µJy)"
