"""Recipes: estimators put together the recommended way."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import Pipeline

from sklearn_tde.neural_network import LSTMTransientClassifier
from sklearn_tde.preprocessing import LightCurveGridder

__all__ = ["make_lstm_pipeline"]


def make_lstm_pipeline(
    *, gridder: LightCurveGridder | None = None, **classifier_params: Any
) -> Pipeline:
    """Make the pipeline from light curves to probabilities.

    Parameters
    ----------
    gridder : LightCurveGridder or None, default=None
        The first step. None: ``LightCurveGridder()``.
    **classifier_params : dict
        Parameters of :class:`sklearn_tde.neural_network.LSTMTransientClassifier`. Unless given,
        its `n_masks` is the number of bands of the gridder.

    Returns
    -------
    pipeline : sklearn.pipeline.Pipeline
        With the steps ``gridder`` and ``classifier``, not fitted.

    Raises
    ------
    TypeError
        If the classifier has no parameter of a given name, or `gridder` is no gridder.

    Examples
    --------
    >>> from sklearn_tde import make_lstm_pipeline, make_transients
    >>> X, y = make_transients(n_tde=10, n_sn_ia=20, random_state=0)
    >>> model = make_lstm_pipeline(max_epochs=5, random_state=0).fit(X, y)
    >>> model.predict_proba(X).shape
    (30, 2)
    """
    gridder = LightCurveGridder() if gridder is None else gridder
    if not hasattr(gridder, "bands") or not hasattr(gridder, "transform"):
        raise TypeError(f"gridder must be a LightCurveGridder; got {gridder!r}.")
    params = {"n_masks": len(gridder.bands), **classifier_params}
    return Pipeline([("gridder", gridder), ("classifier", LSTMTransientClassifier(**params))])
