"""What transformers of light curves into arrays of three axes share."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags

from sklearn_tde._photometry import shown


class BaseLightCurveTransformer(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):
    """Transformer of light curves into an array (n_objects, n_steps, n_features), float32.

    A subclass has the parameters, `bands` and `context` among them, and `get_feature_names_out`.
    It passes ``auto_wrap_output_keys=None`` as well, which is not inherited.
    """

    def set_output(self, *, transform: str | None = None) -> Self:
        """Refuse tables as the output, which has three axes.

        Nor does ``sklearn.set_config(transform_output="pandas")`` change it.

        Parameters
        ----------
        transform : {"default"} or None, default=None
            "default" and None leave the output what it is, an array.

        Returns
        -------
        self : object
            The transformer, unchanged.

        Raises
        ------
        ValueError
            If `transform` is anything else, such as "pandas" or "polars".
        """
        if transform not in ("default", None):
            raise ValueError(
                f"set_output(transform={transform!r}): the output of {type(self).__name__} is an "
                "array of shape (n_objects, n_steps, n_features), which no table can hold; "
                "expected 'default'. In a pipeline, set the output of the other steps one by one."
            )
        return self

    def _check_names(self) -> None:
        """Refuse bands and context columns that cannot name features."""
        for name in ("bands", "context"):
            values = getattr(self, name)
            if any(not isinstance(value, str) for value in values) or len(set(values)) < len(
                values
            ):
                raise ValueError(f"{name} must be different strings; got {values!r}.")
        if not len(self.bands):
            raise ValueError("bands is empty; expected at least one band.")
        names = self.get_feature_names_out().tolist()
        taken = [name for name in self.context if names.count(name) > 1]
        if taken:
            raise ValueError(
                f"context: {taken[0]!r} is the name of another feature already; rename the column."
            )

    def _refuse_infinite(self, array: np.ndarray, index: pd.Index, where: str = "") -> None:
        """Refuse values that are too large for the type of the array; `where` says what it is."""
        bad = ~np.isfinite(array)
        if bad.any():
            position, _, feature = np.argwhere(bad)[0]
            raise ValueError(
                f"object {shown(index[position])}: {self.get_feature_names_out()[feature]} is "
                f"too large for {array.dtype}{where}; expected fluxes and errors of fewer "
                "orders of magnitude."
            )

    def __sklearn_tags__(self) -> Tags:
        """Return the tags: light curves in, nothing learned about them."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = False
        tags.requires_fit = True
        tags.no_validation = True
        # float32 whatever comes in.
        tags.transformer_tags.preserves_dtype = []
        return tags
