"""Colours, markers and layout that the displays share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import Any

#: Colours that people with any colour vision tell apart (Okabe and Ito 2008; Tol 2021), close to
#: the bands' usual ones. Markers differ too, for prints without colour.
_BAND_STYLES = {
    "u": ("#5B2C9F", "^"),
    "g": ("#009E73", "o"),
    "r": ("#D55E00", "s"),
    "i": ("#882255", "D"),
    "z": ("#CC79A7", "P"),
    "y": ("#8C6D00", "X"),
    "c": ("#0077BB", "h"),
    "o": ("#E69F00", "p"),
}
_OTHER_BANDS = (("#0072B2", "<"), ("#000000", ">"), ("#56B4E9", "*"), ("#999933", "d"))
#: Colours of the classes, in their order.
_CLASS_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def import_pyplot(caller: str) -> Any:
    """Return matplotlib.pyplot, or say what to install."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(f'{caller} needs matplotlib: pip install "sklearn-tde[plot]".') from error
    return plt


def axes_to_draw_in(ax: Any, caller: str, figsize: tuple[float, float]) -> Any:
    """Return the axes that were given, or those of a new figure."""
    plt = import_pyplot(caller)
    if ax is None:
        return plt.figure(figsize=figsize, layout="constrained").add_subplot()
    if not isinstance(ax, plt.Axes):
        raise TypeError(f"ax: expected Axes of matplotlib; got {type(ax).__name__}.")
    return ax


def band_styles(bands: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return the colour and the marker of every band."""
    others = cycle(_OTHER_BANDS)
    return {band: _BAND_STYLES.get(band) or next(others) for band in bands}


def class_colors(labels: Sequence[str]) -> dict[str, str]:
    """Return the colour of every class, repeated after seven."""
    return dict(zip(labels, cycle(_CLASS_COLORS), strict=False))


def split_axes(ax: Any, n_rows: int, n_columns: int, caller: str, **ratios: Any) -> list[Any]:
    """Put a grid of axes in the place of one."""
    spec = ax.get_subplotspec()
    if spec is None:
        raise ValueError(
            f"ax has no place in a grid of subplots, and {caller} draws more than one panel; "
            "make it with plt.subplots() or figure.add_subplot()."
        )
    ax.set_axis_off()
    inner = spec.subgridspec(n_rows, n_columns, **ratios)
    return [ax.figure.add_subplot(cell) for cell in inner]


def legend_above(ax: Any, handles: Sequence[Any], *, inside: bool = False) -> None:
    """Put a legend into the line above the axes, where it covers no data, or into empty axes."""
    if handles:
        ax.legend(
            handles=handles,
            loc="lower left",
            bbox_to_anchor=(0.0, 0.0 if inside else 1.0),
            ncols=len(handles),
            frameon=False,
            borderaxespad=0.2,
            borderpad=0.1,
            columnspacing=1.2,
            handletextpad=0.5,
            fontsize="small",
        )
