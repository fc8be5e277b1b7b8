"""The light curves of each task, and how controls change them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd

from sklearn_tde import load_light_curves, pack_light_curves, unpack_light_curves

REPOSITORY = Path(__file__).resolve().parents[3]
DATA = Path(os.environ.get("SKLEARN_TDE_DATA", REPOSITORY.parent / "shared" / "data"))


def load_task(task: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Return light curves and class names of "ia" (TDE and SN Ia), "all" or "mallorn"."""
    if task == "mallorn":
        return load_mallorn()
    X, y = load_light_curves(DATA / "ztf_observations.parquet", DATA / "ztf_objects.parquet")
    if task == "all":
        return X, y
    chosen = np.isin(y, ["TDE", "SN Ia"])
    return X[chosen], y[chosen]


#: Subtypes with too few objects for inner folds, and what they are counted as.
_MERGED = {
    "SN Ia-91T-like": "SN Ia",
    "SN Ia-91bg-like": "SN Ia",
    "SN Ia-pec": "SN Ia",
    "SN IIP": "SN II",
    "SN IIb": "SN Ibc",
    "SN Ib": "SN Ibc",
    "SN Ic": "SN Ibc",
    "SLSN-I": "SLSN",
    "SLSN-II": "SLSN",
}


def load_mallorn() -> tuple[pd.DataFrame, np.ndarray]:
    """Return the simulated light curves in six bands, without the 735 rows that have no flux."""
    observations = pd.read_parquet(DATA / "mallorn_observations.parquet")
    objects = pd.read_parquet(DATA / "mallorn_objects.parquet")
    X, _ = load_light_curves(
        observations[observations["flux"].notna()].drop(columns="split"),
        objects.drop(columns=["subtype", "split"]),
    )
    return X, objects["subtype"].replace(_MERGED).to_numpy(dtype=object)


def thinned(X: pd.DataFrame, y: np.ndarray, share: float, seed: int) -> pd.DataFrame:
    """Drop a share of the observations of all objects but the TDEs, at random."""
    table = unpack_light_curves(X)
    tdes = X.index[y == "TDE"]
    drawn = np.random.default_rng(seed).random(len(table))
    return pack_light_curves(table[table["object_id"].isin(tdes) | (drawn >= share)]).loc[X.index]


def before_and_after(X: pd.DataFrame, y: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return one split: trained on what was found early, tested on what was found later.

    The date is that after which three tenths of the others were found; TDEs are spread over more
    years, and most come after it.
    """
    table = unpack_light_curves(X)
    first = table.groupby("object_id")["time"].min().loc[X.index].to_numpy()
    date = np.quantile(first[y != "TDE"], 0.7)
    return [(np.flatnonzero(first < date), np.flatnonzero(first >= date))]
