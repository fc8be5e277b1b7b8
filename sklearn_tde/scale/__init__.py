"""Catalogues larger than memory: saved models on Dask clusters."""

from sklearn_tde.scale._score_catalog import score_catalog

__all__ = ["score_catalog"]
