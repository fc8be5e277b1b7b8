"""A picture of the probability of one object as its light curve grows."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from sklearn_tde._decisions import decision_threshold
from sklearn_tde._labels import check_pos_label
from sklearn_tde._photometry import shown
from sklearn_tde.evaluation import first_trigger, score_trajectory
from sklearn_tde.inspection._light_curve_display import find_object
from sklearn_tde.inspection._observations import (
    bands_in_order,
    brightness_label,
    check_axes_choice,
    draw_observations,
    legend_handles,
    observation_table,
    time_label,
)
from sklearn_tde.inspection._plotting import axes_to_draw_in, legend_above, split_axes
from sklearn_tde.light_curves import check_light_curves, flatten_light_curves
from sklearn_tde.preprocessing._start import start_times

_TRIGGER_COLOR = "#0072B2"
_TRIGGER_LINE = {"color": _TRIGGER_COLOR, "linewidth": 1.2, "zorder": 0.5}
_DOTTED = (0, (1, 1.5))


class TrajectoryDisplay:
    """Probability of one object after each observation, above its light curve.

    Make it with :meth:`from_estimator`; the parameters are stored as attributes.

    Parameters
    ----------
    trajectory : DataFrame of shape (n_times, n_columns)
        The rows of the object, as :func:`sklearn_tde.evaluation.score_trajectory` returns them.
    observations : DataFrame of shape (n_observations, 4)
        The columns ``time`` (days), ``band``, ``flux`` and ``flux_err`` (microjansky).
    start_time : float
        The time of t = 0, in the days of `observations`.
    threshold : float, default=0.5
        Probability at which the object triggers.
    detection_snr : float, default=5.0
        An observation is a detection if its flux is at least so many times its error.
    name : str or None, default=None
        Name of the object, for the title.
    label : str or None, default=None
        Class of the object, for the title.
    pos_label : int, float, bool or str, default="TDE"
        The class that the probabilities are about.

    Attributes
    ----------
    trigger_time_ : float
        When the probability first reached `threshold`, in the days of `observations`; NaN if it
        never did.
    axes_ : ndarray of shape (2,), dtype object
        The panels: the probability, and below it the light curve.
    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    sklearn_tde.evaluation.score_trajectory : The probabilities of all objects.
    LightCurveDisplay : One light curve, and what a gridder makes of it.

    Examples
    --------
    >>> from sklearn_tde import make_feature_pipeline, make_transients
    >>> from sklearn_tde.inspection import TrajectoryDisplay
    >>> X, y = make_transients(n_tde=10, n_sn_ia=20, random_state=0)
    >>> model = make_feature_pipeline(random_state=0).fit(X, y)
    >>> display = TrajectoryDisplay.from_estimator(model, X, position=1, label=y[1])
    >>> display.axes_[0].get_ylabel()
    'P(TDE)'
    """

    def __init__(
        self,
        trajectory: pd.DataFrame,
        observations: pd.DataFrame,
        *,
        start_time: float,
        threshold: float = 0.5,
        detection_snr: float = 5.0,
        name: str | None = None,
        label: str | None = None,
        pos_label: int | float | bool | str = "TDE",
    ) -> None:
        self.trajectory = trajectory
        self.observations = observations
        self.start_time = start_time
        self.threshold = threshold
        self.detection_snr = detection_snr
        self.name = name
        self.label = label
        self.pos_label = pos_label

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        object_id: Any = None,
        *,
        position: int | None = None,
        threshold: float | None = None,
        pos_label: int | float | bool | str | None = None,
        detection_snr: float = 5.0,
        label: str | None = None,
        ax: Any = None,
        time: str = "relative",
        brightness: str = "flux",
    ) -> TrajectoryDisplay:
        """Draw what an estimator would have said of an object after each observation.

        Parameters
        ----------
        estimator : classifier
            A fitted classifier of light curves with `predict_proba`.
        X : NestedFrame of shape (n_objects, n_columns)
            Light curves, or any container of :func:`sklearn_tde.check_light_curves`.
        object_id : object or None, default=None
            Name of the object in the index of `X`. None: it is told by `position`.
        position : int or None, default=None
            Position of the object in `X`. None: it is told by `object_id`, or is the only one.
        threshold : float or None, default=None
            Probability at which the object triggers, from 0 to 1. None: from which on the
            estimator predicts `pos_label`, if it has such a threshold, or else 0.5.
        pos_label : int, float, bool, str or None, default=None
            The class whose probability is drawn. None: that of the estimator (`pos_label_`) if it
            has one, otherwise "TDE" where that is a label, or 1 where the labels are 0 and 1.
        detection_snr : float, default=5.0
            An observation is a detection if its flux is at least so many times its error; the
            first one is at t = 0.
        label : str or None, default=None
            Class of the object, for the title.
        ax : matplotlib Axes or None, default=None
            Where to draw; two panels take its place. None: a new figure.
        time : {"relative", "absolute"}, default="relative"
            The axis of time: days since t = 0, or the times of the observations.
        brightness : {"flux", "magnitude"}, default="flux"
            The axis of the light curve: microjansky, or AB magnitudes.

        Returns
        -------
        display : TrajectoryDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If it is not clear which object is meant, its light curve is not valid, `pos_label` is
            no class, or another argument is out of range.
        ImportError
            If matplotlib is not installed.
        """
        X = check_light_curves(X)
        X = X.iloc[[find_object(X.index, object_id, position)]]
        trajectory = score_trajectory(
            estimator, X, pos_label=pos_label, detection_snr=detection_snr
        )
        if pos_label is None:
            pos_label = getattr(estimator, "pos_label_", None)
        pos_label = check_pos_label(pos_label, np.asarray(estimator.classes_))
        if threshold is None:
            threshold = decision_threshold(estimator, pos_label)
        flat = flatten_light_curves(X)
        display = cls(
            trajectory,
            observation_table(flat),
            start_time=float(start_times(flat, "first", detection_snr)[0]),
            threshold=0.5 if threshold is None else threshold,
            detection_snr=detection_snr,
            name=str(X.index[0]),
            label=label,
            pos_label=pos_label,
        )
        return display.plot(ax, time=time, brightness=brightness)

    def plot(
        self, ax: Any = None, *, time: str = "relative", brightness: str = "flux"
    ) -> TrajectoryDisplay:
        """Draw the probability and the light curve.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; two panels take its place. None: a new figure.
        time : {"relative", "absolute"}, default="relative"
            The axis of time: days since t = 0, or the times of the observations.
        brightness : {"flux", "magnitude"}, default="flux"
            The axis of the light curve: microjansky, or AB magnitudes.

        Returns
        -------
        display : TrajectoryDisplay
            The display itself.

        Raises
        ------
        ValueError
            If an argument has another value than these, or `threshold` is no probability.
        ImportError
            If matplotlib is not installed.

        Notes
        -----
        A probability holds until the next observation changes it. The symbols of the light curve
        are those of :class:`LightCurveDisplay`.
        """
        check_axes_choice(time, brightness)
        if not isinstance(self.threshold, Real):
            raise TypeError(f"threshold: expected a number; got {shown(self.threshold)}.")
        triggers = first_trigger(self.trajectory, self.threshold)["time"]
        self.trigger_time_ = float(triggers.iloc[0]) if len(triggers) else np.nan
        ax = axes_to_draw_in(ax, "TrajectoryDisplay", (7.0, 5.2))
        upper, lower = split_axes(ax, 2, 1, "TrajectoryDisplay", height_ratios=[2.0, 3.0])
        shift = 0.0 if time == "relative" else self.start_time
        self._draw_light_curve(lower, shift, brightness)
        lower.set_xlabel(time_label(time, self.start_time))
        self._draw_probability(upper, shift)
        upper.sharex(lower)
        upper.tick_params(labelbottom=False)
        if np.isfinite(self.trigger_time_):
            for panel in (upper, lower):
                panel.axvline(self._place(self.trigger_time_, shift), **_TRIGGER_LINE)
        upper.set_title(self._title(), loc="left", fontsize="medium")
        upper.figure.align_ylabels([upper, lower])
        self.axes_ = np.array([upper, lower], dtype=object)
        self.figure_ = upper.figure
        return self

    def _draw_probability(self, ax: Any, shift: float) -> None:
        days = self._place(self.trajectory["time"].to_numpy(), shift)
        chance = self.trajectory["probability"].to_numpy()
        ax.axhline(self.threshold, color=_TRIGGER_COLOR, linestyle=_DOTTED, linewidth=1.0, zorder=0)
        ax.step(days, chance, where="post", color="0.2", linewidth=1.2)
        ax.plot(days, chance, "o", color="0.2", markersize=2.5)
        ax.set_ylim(-0.03, 1.03)
        ax.set_ylabel(f"P({self.pos_label})")

    def _draw_light_curve(self, ax: Any, shift: float, brightness: str) -> None:
        ax.set_ylabel(brightness_label(brightness))
        bands = bands_in_order(self.observations["band"])
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

    def _place(self, times: Any, shift: float) -> Any:
        """Return where times are on the axis."""
        return times - self.start_time + shift

    def _title(self) -> str:
        parts = [str(part) for part in (self.name, self.label) if part is not None]
        goal = f"P({self.pos_label}) ≥ {self.threshold:.3g}"
        if not np.isfinite(self.trigger_time_):
            return "   ".join([*parts, f"{goal}: never"])
        day = self.trigger_time_ - self.start_time
        # "time (MJD)" is what the axis would be called.
        zero = time_label("absolute", self.start_time).removeprefix("time (").removesuffix(")")
        date = f"{zero.replace('days', 'time')} {self.trigger_time_:.2f}"
        return "   ".join([*parts, f"{goal} first on day {day:.1f} ({date})"])
