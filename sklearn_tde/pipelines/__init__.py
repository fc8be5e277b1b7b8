"""Recipes: estimators put together the recommended way."""

from ._pipeline import LightCurvePipeline
from ._recipes import (
    make_feature_pipeline,
    make_lstm_pipeline,
    make_tde_classifier,
    make_transformer_pipeline,
)

__all__ = [
    "LightCurvePipeline",
    "make_feature_pipeline",
    "make_lstm_pipeline",
    "make_tde_classifier",
    "make_transformer_pipeline",
]
