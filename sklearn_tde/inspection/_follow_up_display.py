"""A picture of what numbers of spectra a night find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sklearn_tde._photometry import shown
from sklearn_tde.evaluation import CrossValidationReport, FollowUpCurve, follow_up_curve
from sklearn_tde.inspection._plotting import (
    axes_to_draw_in,
    class_colors,
    legend_above,
    split_axes,
)

#: Wide and pale, to be seen beside a line that lies on it.
_POSSIBLE = {"color": "0.75", "linewidth": 5.0}
_BY_CHANCE = {"color": "0.45", "linewidth": 1.0, "linestyle": (0, (1, 2))}
#: A purity that fewer objects of other classes tell about is drawn dotted.
_FEW = 5


class FollowUpDisplay:
    """TDEs found, and purity of the list, against the number of spectra a night.

    Make it with :meth:`from_predictions` or :meth:`from_report`; the parameters are stored as
    attributes.

    Parameters
    ----------
    curves : dict of str to FollowUpCurve
        The curves by the names of their classifiers, for the same candidates: equal `n_candidates`,
        `prior` and `pos_label`.

    Attributes
    ----------
    axes_ : ndarray of shape (2,), dtype object
        The panels: number found, purity.
    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    sklearn_tde.evaluation.follow_up_curve : The numbers.

    Notes
    -----
    Bands are intervals. The dashed lines of the left panel are the numbers by the
    probabilities alone: they lie on the others if these are calibrated for the mix of the
    candidates. The purity is dotted where fewer than five objects of other classes are ranked so
    highly: it is then hardly known, whatever the band says. Grey lines are what is possible, the
    wide one, which shows beside lines that lie on it, and candidates taken by chance.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn_tde import cross_validation_report
    >>> from sklearn_tde.inspection import FollowUpDisplay
    >>> X, y = make_classification(400, weights=[0.9], class_sep=1.5, random_state=0)
    >>> report = cross_validation_report(GaussianNB(), X, y)
    >>> display = FollowUpDisplay.from_report(report, n_candidates=50, prior={0: 0.98, 1: 0.02})
    >>> round(display.curves["GaussianNB"].n_positive, 2)
    1.0
    """

    def __init__(self, curves: dict[str, FollowUpCurve]) -> None:
        self.curves = curves

    @classmethod
    def from_predictions(
        cls,
        y_true: Sequence[Any],
        probability: Sequence[float],
        *,
        n_candidates: int,
        name: str = "classifier",
        ax: Any = None,
        **kwargs: Any,
    ) -> FollowUpDisplay:
        """Draw the curve of labels and probabilities.

        Parameters
        ----------
        y_true : array-like of shape (n_objects,)
            True labels of objects that the classifier was not trained on.
        probability : array-like of shape (n_objects,)
            Probabilities of the class to find.
        n_candidates : int
            Number of new candidates a night.
        name : str, default="classifier"
            What the classifier is called.
        ax : matplotlib Axes or None, default=None
            Where to draw; two panels take its place. None: a new figure.
        **kwargs : dict
            The other parameters of :func:`~sklearn_tde.evaluation.follow_up_curve`, such as
            `prior`.

        Returns
        -------
        display : FollowUpDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            As by :func:`~sklearn_tde.evaluation.follow_up_curve`.
        ImportError
            If matplotlib is not installed.
        """
        curve = follow_up_curve(y_true, probability, n_candidates=n_candidates, **kwargs)
        return cls({name: curve}).plot(ax)

    @classmethod
    def from_report(
        cls, report: CrossValidationReport, *, n_candidates: int, ax: Any = None, **kwargs: Any
    ) -> FollowUpDisplay:
        """Draw the curve of the out-of-fold predictions of a report.

        Parameters
        ----------
        report : CrossValidationReport
            The report.
        n_candidates : int
            Number of new candidates a night.
        ax : matplotlib Axes or None, default=None
            Where to draw; two panels take its place. None: a new figure.
        **kwargs : dict
            The other parameters of :func:`~sklearn_tde.evaluation.follow_up_curve`, such as
            `prior`.

        Returns
        -------
        display : FollowUpDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If `report` is no report.
        ValueError
            As by :func:`~sklearn_tde.evaluation.follow_up_curve`.
        ImportError
            If matplotlib is not installed.
        """
        if not isinstance(report, CrossValidationReport):
            raise TypeError(f"report: expected a CrossValidationReport; got {shown(report)}.")
        curve = follow_up_curve(report, n_candidates=n_candidates, **kwargs)
        return cls({report.name: curve}).plot(ax)

    def plot(self, ax: Any = None) -> FollowUpDisplay:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; two panels take its place. None: a new figure.

        Returns
        -------
        display : FollowUpDisplay
            The display itself.

        Raises
        ------
        TypeError
            If `curves` is no mapping of names to FollowUpCurve.
        ValueError
            If the curves are not about the same candidates.
        ImportError
            If matplotlib is not installed.
        """
        first = _same_candidates(self.curves)
        ax = axes_to_draw_in(ax, "FollowUpDisplay", (9.0, 4.4))
        # Strips for the names and for what the lines are, and all the rest.
        ratios = [0.25, 0.25, 3.9]
        names, kinds, rest = split_axes(ax, 3, 1, "FollowUpDisplay", height_ratios=ratios)
        found, purity = split_axes(rest, 1, 2, "FollowUpDisplay")
        for name, color in class_colors(list(self.curves)).items():
            table = self.curves[name].table
            for panel, column in ((found, "found"), (purity, "purity")):
                low, high = table[f"{column}_low"], table[f"{column}_high"]
                panel.fill_between(table.index, low, high, color=color, alpha=0.2, linewidth=0)
            found.plot(table.index, table["found"], color=color, label=name)
            found.plot(table.index, table["expected"], color=color, linestyle=(0, (4, 2)))
            few = table["n_others"] < _FEW
            # Up to the first point that is known, so that no gap is left.
            dotted = table["purity"].where(few | few.shift(fill_value=False))
            purity.plot(table.index, table["purity"].where(~few), color=color)
            purity.plot(table.index, dotted, color=color, linestyle=":")
        _draw_limits(found, purity, first)
        for panel in (found, purity):
            panel.set_xscale("log")
            panel.xaxis.set_major_formatter("{x:g}")
            panel.set_xlabel(f"spectra a night, of {first.n_candidates} candidates")
            panel.grid(color="0.9", linewidth=0.8)
            panel.set_axisbelow(True)
        promised = max(curve.table["expected"].max() for curve in self.curves.values())
        # Promises of several times what there is leave the picture.
        found.set_ylim(0, 1.05 * min(max(first.n_positive, promised), 2 * first.n_positive))
        purity.set_ylim(0, 1.05)
        found.set_ylabel(f"{first.pos_label} found a night")
        purity.set_ylabel(f"share of {first.pos_label} in the list")
        dotted = any((c.table["n_others"] < _FEW).any() for c in self.curves.values())
        handles = found.get_legend_handles_labels()[0], _explanations(dotted)
        for strip, some in zip((names, kinds), handles, strict=True):
            strip.set_axis_off()
            legend_above(strip, some, inside=True)
        self.axes_ = np.array([found, purity], dtype=object)
        self.figure_ = found.figure
        return self


def _same_candidates(curves: dict[str, FollowUpCurve]) -> FollowUpCurve:
    """Return the first curve, if all are about the same candidates."""
    if not isinstance(curves, Mapping):
        raise TypeError(
            "curves: expected a mapping of names to FollowUpCurve, such as {'classifier': curve}; "
            f"got {shown(curves)}."
        )
    if not curves:
        raise ValueError("curves is empty; expected at least one FollowUpCurve.")
    first_name, first = next(iter(curves.items()))
    for name, curve in curves.items():
        if not isinstance(curve, FollowUpCurve):
            raise TypeError(
                f"curves[{name!r}] is {shown(curve)}; expected a FollowUpCurve, as follow_up_curve "
                "makes it."
            )
        for field in ("n_candidates", "prior", "pos_label"):
            ours, theirs = getattr(first, field), getattr(curve, field)
            if ours != theirs:
                raise ValueError(
                    f"the curves {first_name!r} and {name!r} are about other candidates: {field} "
                    f"is {ours!r} and {theirs!r}; expected the same."
                )
    return first


def _draw_limits(found: Any, purity: Any, curve: FollowUpCurve) -> None:
    """Draw what a list without a mistake finds, and what chance does."""
    numbers, share = curve.table.index.to_numpy(), curve.prior[curve.pos_label]
    possible = curve.table["possible"].to_numpy()
    for panel, limit, chance in (
        (found, possible, share * numbers),
        (purity, possible / numbers, np.full(len(numbers), share)),
    ):
        panel.plot(numbers, limit, zorder=1, **_POSSIBLE)
        panel.plot(numbers, chance, zorder=1, **_BY_CHANCE)


def _explanations(dotted: bool) -> list[Any]:
    """Return lines for the legend, one for purities that are `dotted` if any are."""
    from matplotlib.lines import Line2D

    label = f"purity that rests on fewer than {_FEW} others"
    few = Line2D([], [], color="black", linestyle=":", label=label)
    return [
        Line2D([], [], color="black", linestyle=(0, (4, 2)), label="by the probabilities"),
        *([few] if dotted else ()),
        Line2D([], [], label="possible", **_POSSIBLE),
        Line2D([], [], label="by chance", **_BY_CHANCE),
    ]
