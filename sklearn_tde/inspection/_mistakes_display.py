"""A gallery of the objects that fool a classifier most."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

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
from sklearn_tde.inspection._plotting import axes_to_draw_in, legend_above, split_axes
from sklearn_tde.light_curves import check_light_curves, flatten_light_curves
from sklearn_tde.preprocessing import LightCurveGridder
from sklearn_tde.preprocessing._start import start_times

if TYPE_CHECKING:
    from sklearn_tde.evaluation import CrossValidationReport


class MistakesDisplay:
    """Light curves of the objects whose probabilities are most wrong, the worst first.

    Make it with :meth:`from_report`; the parameters are stored as attributes.

    Parameters
    ----------
    mistakes : DataFrame of shape (n_objects, 5)
        The objects, as
        :meth:`CrossValidationReport.mistakes <sklearn_tde.evaluation.CrossValidationReport>`
        returns them.
    observations : list of DataFrame
        The observations of each of them, with the columns ``time`` (days), ``band``, ``flux`` and
        ``flux_err`` (microjansky).
    start_times : array-like of shape (n_objects,)
        The time of t = 0 of each of them, in the days of `observations`.
    detection_snr : float, default=5.0
        An observation is a detection if its flux is at least so many times its error.
    pos_label : int, float, bool or str, default="TDE"
        The class that the probabilities are about.

    Attributes
    ----------
    axes_ : ndarray of shape (n_objects,), dtype object
        The panels, in the order of `mistakes`.
    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    LightCurveDisplay : One light curve, and what a gridder makes of it.

    Examples
    --------
    >>> from sklearn_tde import cross_validation_report, make_lstm_pipeline, make_transients
    >>> from sklearn_tde.inspection import MistakesDisplay
    >>> X, y = make_transients(n_tde=10, n_sn_ia=20, random_state=0)
    >>> model = make_lstm_pipeline(hidden_dim=4, num_layers=1, max_epochs=2)
    >>> report = cross_validation_report(model, X, y, cv=2)
    >>> display = MistakesDisplay.from_report(report, X, n_objects=4)
    >>> display.mistakes["log_loss"].is_monotonic_decreasing
    True
    """

    def __init__(
        self,
        mistakes: pd.DataFrame,
        observations: Sequence[pd.DataFrame],
        *,
        start_times: Sequence[float],
        detection_snr: float = 5.0,
        pos_label: int | float | bool | str = "TDE",
    ) -> None:
        self.mistakes = mistakes
        self.observations = observations
        self.start_times = start_times
        self.detection_snr = detection_snr
        self.pos_label = pos_label

    @classmethod
    def from_report(
        cls,
        report: CrossValidationReport,
        X: Any,
        *,
        n_objects: int = 12,
        gridder: LightCurveGridder | None = None,
        ax: Any = None,
        n_columns: int = 4,
        days: tuple[float, float] | None = (-100.0, 300.0),
        time: str = "relative",
        brightness: str = "flux",
    ) -> MistakesDisplay:
        """Draw the objects of a report whose probabilities are most wrong.

        Parameters
        ----------
        report : CrossValidationReport
            The report.
        X : NestedFrame of shape (n_objects, n_columns)
            The light curves that were cross-validated, in the same order.
        n_objects : int, default=12
            How many objects to draw; fewer if there are no more.
        gridder : LightCurveGridder or None, default=None
            Its rule for t = 0 is used, and its `detection_snr`. None: those of
            ``LightCurveGridder()``.
        ax : matplotlib Axes or None, default=None
            Where to draw; the panels take its place. None: a new figure.
        n_columns : int, default=4
            Number of panels side by side.
        days : tuple of two floats or None, default=(-100.0, 300.0)
            First and last day to draw, counted from t = 0; a panel says how many observations it
            leaves out. None: all of them.
        time : {"relative", "absolute"}, default="relative"
            The axis of time: days since t = 0, or the times of the observations.
        brightness : {"flux", "magnitude"}, default="flux"
            The other axis: microjansky, or AB magnitudes.

        Returns
        -------
        display : MistakesDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If `X` does not hold the objects of the report, or an argument has another value than
            these.
        ImportError
            If matplotlib is not installed.
        """
        if not isinstance(gridder, LightCurveGridder | None):
            raise TypeError(f"gridder: expected a LightCurveGridder; got {shown(gridder)}.")
        mistakes = report.mistakes(n_objects)
        X = _take(check_light_curves(X), mistakes, report)
        rules = LightCurveGridder() if gridder is None else gridder
        flat = flatten_light_curves(X)
        observations = observation_table(flat)
        parts = [
            observations.iloc[start:end]
            for start, end in zip(flat.offsets[:-1], flat.offsets[1:], strict=True)
        ]
        display = cls(
            mistakes,
            parts,
            start_times=start_times(flat, rules.start, rules.detection_snr),
            detection_snr=rules.detection_snr,
            pos_label=report.pos_label,
        )
        return display.plot(ax, n_columns=n_columns, days=days, time=time, brightness=brightness)

    def plot(
        self,
        ax: Any = None,
        *,
        n_columns: int = 4,
        days: tuple[float, float] | None = (-100.0, 300.0),
        time: str = "relative",
        brightness: str = "flux",
    ) -> MistakesDisplay:
        """Draw the objects.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; the panels take its place. None: a new figure.
        n_columns : int, default=4
            Number of panels side by side.
        days : tuple of two floats or None, default=(-100.0, 300.0)
            First and last day to draw, counted from t = 0; a panel says how many observations it
            leaves out. None: all of them.
        time : {"relative", "absolute"}, default="relative"
            The axis of time: days since t = 0, or the times of the observations.
        brightness : {"flux", "magnitude"}, default="flux"
            The other axis: microjansky, or AB magnitudes.

        Returns
        -------
        display : MistakesDisplay
            The display itself.

        Raises
        ------
        ValueError
            If an argument has another value than these.
        ImportError
            If matplotlib is not installed.

        Notes
        -----
        The symbols are those of :class:`LightCurveDisplay`. Every panel has its own scale of
        brightness.
        """
        check_axes_choice(time, brightness)
        _check_days(days)
        if not isinstance(n_columns, Integral) or isinstance(n_columns, bool) or n_columns < 1:
            raise ValueError(f"n_columns must be an integer of 1 or more; got {shown(n_columns)}.")
        n_objects = len(self.mistakes)
        n_columns = min(int(n_columns), n_objects)
        n_rows = -(-n_objects // n_columns)
        ax = axes_to_draw_in(ax, "MistakesDisplay", (0.6 + 2.7 * n_columns, 0.6 + 2.1 * n_rows))
        # A strip for the one legend, and all the rest.
        heights = [0.3, 2.1 * n_rows]
        strip, rest = split_axes(ax, 2, 1, "MistakesDisplay", height_ratios=heights)
        panels = split_axes(rest, n_rows, n_columns, "MistakesDisplay")
        for panel in panels[n_objects:]:
            panel.remove()
        panels = panels[:n_objects]
        bands = bands_in_order([band for part in self.observations for band in part["band"]])
        drawn: set[str] = set()
        for number, panel in enumerate(panels):
            drawn |= self._draw_object(panel, number, bands, days, time, brightness)
            if number % n_columns == 0:
                panel.set_ylabel(brightness_label(brightness), fontsize="small")
            if number + n_columns >= n_objects:
                label = time_label(time, self.start_times[number])
                panel.set_xlabel(label, fontsize="small")
        strip.set_axis_off()
        legend_above(strip, legend_handles(drawn, bands, self.detection_snr), inside=True)
        self.axes_ = np.array(panels, dtype=object)
        self.figure_ = ax.figure
        return self

    def _draw_object(
        self,
        ax: Any,
        number: int,
        bands: Sequence[str],
        days: tuple[float, float] | None,
        time: str,
        brightness: str,
    ) -> set[str]:
        """Draw one object and return what is to be explained in the legend."""
        table, start = self.observations[number], self.start_times[number]
        shift = 0.0 if time == "relative" else start
        if days is not None:
            elapsed = table["time"] - start
            outside = [int((elapsed < days[0]).sum()), int((elapsed > days[1]).sum())]
            for count, word, x in zip(outside, ("earlier", "later"), (0.02, 0.98), strict=True):
                if count:
                    side = "left" if x < 0.5 else "right"
                    look = {"fontsize": "x-small", "color": "0.35", "ha": side, "va": "top"}
                    ax.text(x, 0.98, f"{count} {word}", transform=ax.transAxes, **look)
            table = table[elapsed.between(*days)]
            ax.set_xlim(days[0] + shift, days[1] + shift)
        row = self.mistakes.iloc[number]
        chance = f"P({self.pos_label}) = {row['probability']:.3f}"
        ax.set_title(
            f"{self.mistakes.index[number]}. {row['object_id']}\n{row['y']}   {chance}",
            loc="left",
            fontsize="small",
        )
        ax.tick_params(labelsize="small")
        return draw_observations(
            ax,
            table,
            start_time=start,
            shift=shift,
            brightness=brightness,
            detection_snr=self.detection_snr,
            bands=bands,
        )


def _take(X: pd.DataFrame, mistakes: pd.DataFrame, report: Any) -> pd.DataFrame:
    """Return the rows of the mistakes, if they are the objects of the report."""
    scored = report.predictions_.drop_duplicates("position")
    if len(X) <= scored["position"].max():
        raise ValueError(
            f"X has {len(X)} objects; the report {report.name!r} is about more: give it the X "
            "that was cross-validated."
        )
    positions, names = scored["position"].to_numpy(), scored["object_id"].to_numpy()
    differ = (X.index[positions] != names) & (names != positions)
    if differ.any():
        first = int(differ.argmax())
        raise ValueError(
            f"X has object {X.index[positions[first]]!r} where the report {report.name!r} has "
            f"{names[first]!r}: give the X that was cross-validated, in the same order."
        )
    return X.iloc[mistakes["position"].to_numpy()]


def _check_days(days: Any) -> None:
    if days is None:
        return
    ends = list(days) if isinstance(days, (tuple, list)) else []
    if len(ends) != 2 or not all(isinstance(end, Real) for end in ends) or not ends[0] < ends[1]:
        raise ValueError(f"days must be two numbers, the first below the last; got {shown(days)}.")
