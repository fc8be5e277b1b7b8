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


def load_mallorn() -> tuple[pd.DataFrame, np.ndarray]:
    """Return the simulated light curves in six bands, without the rows that have no flux."""
    observations = pd.read_parquet(DATA / "mallorn_observations.parquet")
    objects = pd.read_parquet(DATA / "mallorn_objects.parquet")
    X, y = load_light_curves(
        observations[observations["flux"].notna()].drop(columns="split"),
        objects.drop(columns="split"),
    )
    # What the others are is told by the subtype; the rarest are put together.
    kind = np.where(y == "TDE", "TDE", X["subtype"].astype(str))
    names, sizes = np.unique(kind, return_counts=True)
    return X, np.where(np.isin(kind, names[sizes < 25]), "rare", kind)


def thinned(X: pd.DataFrame, y: np.ndarray, share: float, seed: int) -> pd.DataFrame:
    """Drop a share of the observations of all objects but the TDEs, at random."""
    table = unpack_light_curves(X)
    tdes = X.index[y == "TDE"]
    drawn = np.random.default_rng(seed).random(len(table))
    return pack_light_curves(table[table["object_id"].isin(tdes) | (drawn >= share)]).loc[X.index]


def before_and_after(X: pd.DataFrame, y: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return one split: trained on what was found early, tested on what was found later.

    The date is that which leaves half of the TDEs on either side.
    """
    table = unpack_light_curves(X)
    first = table.groupby("object_id")["time"].min().loc[X.index].to_numpy()
    date = np.median(first[y == "TDE"])
    return [(np.flatnonzero(first < date), np.flatnonzero(first >= date))]
