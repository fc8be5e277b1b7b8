"""
=========================================
Simulated transients beside the real ones
=========================================

:func:`~sklearn_tde.datasets.make_transients` is the sample that the examples of this package
run on. How close is it to what the Zwicky Transient Facility records? This example draws one
simulated object of every class, and then compares the distributions of nine quantities with those
of real, spectroscopically classified objects.

The real light curves are not part of the package. They are drawn if their folder is there:
``../shared/data`` beside the repository, or the one named by the environment variable
``SKLEARN_TDE_DATA``. Otherwise the figure shows the simulation alone.
"""

# %%
# Eight classes
# -------------
#
# Every class comes from a model of its own. Rows are detections in g and r, in microjansky.

import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sklearn_tde.datasets import load_light_curves, make_transients
from sklearn_tde.light_curves import unpack_light_curves

COLORS = {"g": "tab:green", "r": "tab:red"}

X, y = make_transients(4, 4, n_sn_ii=4, n_sn_ibc=4, n_sn_iin=4, n_slsn=4, n_agn=4, n_cv=4,
                       random_state=1)  # fmt: skip
table = unpack_light_curves(X)
fig, axes = plt.subplots(2, 4, figsize=(11, 4.5), layout="constrained")
for label, ax in zip(pd.unique(y), axes.flat, strict=True):
    names = X.index[y == label]
    # The one with the most detections shows its class best.
    name = table.loc[table["object_id"].isin(names), "object_id"].value_counts().index[0]
    one = table[table["object_id"] == name]
    for band, rows in one.groupby("band", observed=True):
        days = rows["time"] - one["time"].min()
        ax.errorbar(
            days, rows["flux"], rows["flux_err"], fmt="o", ms=3, color=COLORS[band], label=band
        )
    ax.set_title(f"{label}, z = {X.loc[name, 'redshift']:.2f}", fontsize="medium")
axes[0, 0].legend()
fig.supxlabel("days since first detection")
fig.supylabel("difference flux [microjansky]")
plt.show()

# %%
# Nine quantities of every object
# -------------------------------
#
# The peak is the brightest detection in g. A colour needs detections in both bands within four days
# of its phase, a decline needs three in g during the 40 days after the peak, and the duration is
# that of the main flare: detections without a gap of more than 40 days.


def main_flare(days):
    """Length of the run of detections around the peak, at day 0."""
    gaps = np.flatnonzero(np.diff(days) > 40.0)
    peak = np.searchsorted(days, 0.0)
    first = max((gap + 1 for gap in gaps if gap + 1 <= peak), default=0)
    last = min((gap for gap in gaps if gap >= peak), default=len(days) - 1)
    return days[last] - days[first]


def summarize(light_curve):
    """Return the nine quantities of the detections of one object, in order of time."""
    in_g = light_curve["band"].to_numpy() == "g"
    flux = light_curve["flux"].to_numpy()
    magnitude = 23.9 - 2.5 * np.log10(flux)
    peak = np.argmax(np.where(in_g, flux, -np.inf))
    days = light_curve["time"].to_numpy() - light_curve["time"].to_numpy()[peak]
    after = in_g & (days >= 0.0) & (days <= 40.0)
    decline = np.nan
    if after.sum() >= 3:
        decline = np.polyfit(days[after], magnitude[after], 1)[0]
    colors = []
    for phase in (0.0, 20.0, 40.0):
        near = np.abs(days - phase) <= 4.0
        both = (near & in_g).any() and (near & ~in_g).any()
        colors.append(
            magnitude[near & in_g].mean() - magnitude[near & ~in_g].mean() if both else np.nan
        )
    return {
        "points per object": len(flux),
        "duration [d]": main_flare(days),
        "median S/N": np.median(flux / light_curve["flux_err"]),
        "peak magnitude, g": magnitude[peak],
        "first detection to peak [d]": -days[days >= -100.0][0],
        "decline, g [mag/d]": decline,
        "g - r at peak": colors[0],
        "g - r at +20 d": colors[1],
        "g - r at +40 d": colors[2],
    }


def summaries(X, y):
    """Return one row of quantities per object, with its class as the index."""
    rows = unpack_light_curves(X)
    detected = rows[rows["flux"] >= 5.0 * rows["flux_err"]]
    quantities = {name: summarize(one) for name, one in detected.groupby("object_id", sort=False)}
    labels = pd.Series(y, index=X.index)
    frame = pd.DataFrame.from_dict(quantities, orient="index")
    return frame.set_index(labels.loc[frame.index].to_numpy())


simulated = summaries(*make_transients(n_tde=300, n_sn_ia=300, random_state=0))

# %%
# The real ones, if they are there
# --------------------------------

# A notebook, or the gallery, has no ``__file__``; both run where the repository is.
here = Path(__file__).resolve().parent if "__file__" in globals() else Path.cwd()
folder = os.environ.get("SKLEARN_TDE_DATA")
candidates = [Path(folder)] if folder else [here.parents[i] / "shared" / "data" for i in (0, 1)]
found = [path for path in candidates if (path / "ztf_objects.parquet").is_file()]
real = None
if found:
    X_real, y_real = load_light_curves(
        found[0] / "ztf_observations.parquet", found[0] / "ztf_objects.parquet"
    )
    wanted = np.isin(y_real, ["TDE", "SN Ia"])
    real = summaries(X_real[wanted], y_real[wanted])
    medians = {"simulated": simulated, "real": real}
    medians = {name: frame.groupby(level=0).median().T for name, frame in medians.items()}
    print(pd.concat(medians, axis=1).round(2).to_string())
else:
    print("The real light curves are not here: the figure shows the simulation alone.")

# %%
# Filled: simulated. Lines: real.

RANGES = [(0, 120), (0, 300), (5, 25), (15, 20.5), (0, 90), (-0.02, 0.12), *[(-0.8, 1.6)] * 3]
CLASS_COLORS = {"TDE": "tab:blue", "SN Ia": "tab:orange"}

fig, axes = plt.subplots(3, 3, figsize=(10, 8), layout="constrained")
for ax, quantity, limits in zip(axes.flat, simulated.columns, RANGES, strict=True):
    style = {"bins": np.linspace(*limits, 25), "density": True}
    for label, color in CLASS_COLORS.items():
        ax.hist(
            simulated.loc[label, quantity], **style, color=color, alpha=0.35,
            label=f"{label}, simulated",
        )  # fmt: skip
        if real is not None:
            ax.hist(
                real.loc[label, quantity], **style, color=color, histtype="step", lw=1.8,
                label=f"{label}, real",
            )  # fmt: skip
    ax.set_xlabel(quantity)
    ax.set_yticks([])
axes[0, 0].legend(fontsize="small")
plt.show()

# %%
# TDEs last longer, fade more slowly and stay blue, while supernovae of type Ia redden within three
# weeks. Brightness and signal-to-noise ratio hardly differ: a classifier gains little from them.
