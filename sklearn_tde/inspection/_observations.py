"""The observations of one object, drawn into one panel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from sklearn_tde._photometry import MICROJANSKY_ZERO_POINT
from sklearn_tde.inspection._plotting import band_styles
from sklearn_tde.light_curves import FlatLightCurves

_MAGNITUDE_PER_RELATIVE_FLUX = 2.5 / np.log(10.0)
_DASHED = (0, (4, 3))


def observation_table(flat: FlatLightCurves) -> pd.DataFrame:
    """Return the observations as a table, with the names of their bands."""
    return pd.DataFrame(
        {
            "time": flat.time,
            "band": np.asarray(flat.bands, dtype=object)[flat.band],
            "flux": flat.flux,
            "flux_err": flat.flux_err,
        }
    )


def bands_in_order(found: Sequence[str]) -> list[str]:
    """Sort bands by their wavelength, and those that are not known by their name."""
    known = [band for band in "ugcroizy" if band in set(found)]
    return known + sorted(set(found) - set(known))


def check_axes_choice(time: str, brightness: str) -> None:
    """Refuse what is not an axis of time or of brightness."""
    for argument, value, known in (
        ("time", time, ("relative", "absolute")),
        ("brightness", brightness, ("flux", "magnitude")),
    ):
        if value not in known:
            raise ValueError(f"{argument} must be {known[0]!r} or {known[1]!r}; got {value!r}.")


def time_label(time: str, start_time: float) -> str:
    """Label the axis of time."""
    if time == "relative":
        return "days since t = 0"
    # Every survey gives one of the two, but differences are all that the package needs.
    if 4e4 < start_time < 1e5:
        return "time (MJD)"
    return "time (JD)" if 2.4e6 < start_time < 2.5e6 else "time (days)"


def brightness_label(brightness: str) -> str:
    """Label the axis of brightness."""
    return "flux (µJy)" if brightness == "flux" else "AB magnitude"


def draw_observations(
    ax: Any,
    table: pd.DataFrame,
    *,
    start_time: float,
    shift: float,
    brightness: str,
    detection_snr: float,
    bands: Sequence[str],
) -> set[str]:
    """Draw the observations of one object.

    Parameters
    ----------
    ax : matplotlib Axes
        Where.
    table : DataFrame of shape (n_observations, 4)
        The columns ``time`` (days), ``band``, ``flux`` and ``flux_err`` (microjansky).
    start_time : float
        The time of t = 0.
    shift : float
        Where t = 0 is on the axis.
    brightness : {"flux", "magnitude"}
        The other axis.
    detection_snr : float
        An observation is a detection if its flux is at least so many times its error.
    bands : sequence of str
        All bands there may be, which tells their looks.

    Returns
    -------
    drawn : set of str
        The bands, and which of "measured" and "limit", that are in the picture.
    """
    if brightness == "magnitude":
        ax.invert_yaxis()
    else:
        ax.axhline(0.0, color="0.8", linewidth=0.8, zorder=0)
    if not len(table):
        ax.text(0.5, 0.5, "no observations", transform=ax.transAxes, ha="center", va="center")
        ax.set_yticks([])
        return set()
    ax.axvline(shift, color="0.5", linestyle=_DASHED, linewidth=0.8, zorder=0)
    drawn = set()
    for band, (color, marker) in band_styles(bands).items():
        rows = table[table["band"] == band]
        if len(rows):
            days = rows["time"].to_numpy() - start_time + shift
            drawn |= {band} | _draw_band(ax, days, rows, brightness, detection_snr, color, marker)
    return drawn


def legend_handles(drawn: set[str], bands: Sequence[str], detection_snr: float) -> list[Any]:
    """Explain what `draw_observations` drew."""
    from matplotlib.lines import Line2D

    if not drawn:
        return []
    handles = [
        Line2D([], [], color=color, marker=marker, linestyle="", label=band)
        for band, (color, marker) in band_styles(bands).items()
        if band in drawn
    ]
    grey = {"color": "0.35", "linestyle": "", "fillstyle": "none"}
    if "measured" in drawn:
        handles.append(Line2D([], [], marker="o", label=f"below {detection_snr:g}σ", **grey))
    if "limit" in drawn:
        handles.append(Line2D([], [], marker="v", label=f"{detection_snr:g}σ limit", **grey))
    return [*handles, Line2D([], [], color="0.5", linestyle=_DASHED, linewidth=0.8, label="t = 0")]


def _draw_band(
    ax: Any,
    days: np.ndarray,
    rows: pd.DataFrame,
    brightness: str,
    detection_snr: float,
    color: str,
    marker: str,
) -> set[str]:
    """Draw one band and return which kinds of observations it has but for detections."""
    flux, error = rows["flux"].to_numpy(), rows["flux_err"].to_numpy()
    detected = flux >= detection_snr * error
    limit = flux == 0.0 if brightness == "flux" else ~detected
    values, spread, limits = flux, error, detection_snr * error
    if brightness == "magnitude":
        positive = np.where(detected, flux, 1.0)
        values, limits = _magnitude(positive), _magnitude(limits)
        spread = _MAGNITUDE_PER_RELATIVE_FLUX * error / positive
    bars = {"fmt": marker, "color": color, "markersize": 4.5, "elinewidth": 0.9}
    look = {"color": color, "markersize": 5, "fillstyle": "none", "alpha": 0.7}
    kinds = {"detected": detected, "measured": ~detected & ~limit, "limit": limit}
    kinds = {kind: chosen for kind, chosen in kinds.items() if chosen.any()}
    for kind, chosen in kinds.items():
        if kind == "limit":
            ax.plot(days[chosen], limits[chosen], "v", **look)
            continue
        hollow = {"markerfacecolor": "none", "alpha": 0.55} if kind == "measured" else {}
        ax.errorbar(days[chosen], values[chosen], spread[chosen], **bars, **hollow)
    return set(kinds) - {"detected"}


def _magnitude(flux: np.ndarray) -> np.ndarray:
    """Return the AB magnitude of positive fluxes in microjansky."""
    return MICROJANSKY_ZERO_POINT - 2.5 * np.log10(flux)
