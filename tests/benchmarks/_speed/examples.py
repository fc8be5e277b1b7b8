"""The light curves, models and ready arrays that are timed, each made when it is first needed."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from nested_pandas import NestedFrame
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline

from sklearn_tde import (
    flatten_light_curves,
    load_light_curves,
    make_lstm_pipeline,
    make_transients,
    save_model,
)

from . import reference_recipe

REPOSITORY = Path(__file__).resolve().parents[3]
DATA = Path(os.environ.get("SKLEARN_TDE_DATA", REPOSITORY.parent / "shared" / "data"))


@dataclass(frozen=True)
class Settings:
    """What the command line asks for."""

    data: str = "auto"
    n_tde: int = 52
    n_sn_ia: int = 1049
    epochs: int | None = None
    repeats: int = 5
    threads: int = 2
    calls: int = 200
    objects: int = 10_000
    largest: int = 1_000_000

    def as_dict(self) -> dict:
        """Return the settings for another process."""
        return asdict(self)


class Examples:
    """Real light curves where the data folder is there, simulated ones otherwise."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings, self.folder = settings, folder

    @cached_property
    def real(self) -> bool:
        """Whether the light curves are the real ones."""
        found = (DATA / "ztf_objects.parquet").is_file()
        asked, automatic = (self.settings.data == choice for choice in ("ztf", "auto"))
        if not found and (asked or (automatic and "SKLEARN_TDE_DATA" in os.environ)):
            raise SystemExit(
                f"there is no ztf_objects.parquet in {str(DATA)!r}; set SKLEARN_TDE_DATA to the "
                "folder of the real light curves, or leave it unset and simulate them."
            )
        return asked or (automatic and found)

    @cached_property
    def _labelled(self) -> tuple[NestedFrame, np.ndarray]:
        if not self.real:
            return make_transients(self.settings.n_tde, self.settings.n_sn_ia, random_state=0)
        X, y = load_light_curves(DATA / "ztf_observations.parquet", DATA / "ztf_objects.parquet")
        chosen = np.isin(y, ["TDE", "SN Ia"])
        return X[chosen], y[chosen]

    @property
    def X(self) -> NestedFrame:
        """The light curves of TDEs and type Ia supernovae."""
        return self._labelled[0]

    @property
    def y(self) -> np.ndarray:
        """Their classes."""
        return self._labelled[1]

    @cached_property
    def folds(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """The rows of the training and the test part of each of five folds."""
        splitter = StratifiedKFold(5, shuffle=True, random_state=0)
        return list(splitter.split(self.y, self.y))

    def repeated(self, n: int) -> NestedFrame:
        """Return `n` objects, the same ones again and again."""
        return self.X.iloc[np.arange(n) % len(self.X)]

    def make_pipeline(self) -> Pipeline:
        """Return the default pipeline."""
        epochs = self.settings.epochs
        return make_lstm_pipeline(
            random_state=0, **({} if epochs is None else {"max_epochs": epochs})
        )

    @cached_property
    def model(self) -> Pipeline:
        """The default pipeline, trained on the first fold."""
        train = self.folds[0][0]
        return self.make_pipeline().fit(self.X.iloc[train], self.y[train])

    @cached_property
    def model_file(self) -> Path:
        """The trained pipeline in a file."""
        path = self.folder / "speed.tde"
        save_model(self.model, path)
        return path

    @cached_property
    def ready(self) -> list[dict[str, reference_recipe.Curve]]:
        """The arrays that the reference's loop starts from."""
        flat = flatten_light_curves(self.X, bands=reference_recipe.BANDS)
        band = np.array(flat.bands)[flat.band]
        return reference_recipe.split_objects(
            flat.time, band, flat.flux, flat.flux_err, flat.offsets
        )

    @cached_property
    def reference_network(self) -> reference_recipe.ReferenceNetwork:
        """The reference's network; how long it takes does not depend on its weights."""
        torch.manual_seed(0)
        return reference_recipe.ReferenceNetwork()

    def reference_training(self, fold: int = 0) -> reference_recipe.ReferenceTraining:
        """Return the reference's training on the training part of a fold."""
        train = self.folds[fold][0]
        grid = reference_recipe.grid([self.ready[k] for k in train])
        return reference_recipe.ReferenceTraining(grid, (self.y[train] == "TDE").astype(int))
