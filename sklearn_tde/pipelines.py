"""Recipes: estimators put together the recommended way."""

from __future__ import annotations

from typing import Any

from imblearn.pipeline import Pipeline as SamplingPipeline
from sklearn.pipeline import Pipeline

from sklearn_tde.neural_network import LSTMTransientClassifier
from sklearn_tde.preprocessing import LightCurveGridder
from sklearn_tde.sampling import LightCurveOverSampler

__all__ = ["make_lstm_pipeline"]


def make_lstm_pipeline(
    *,
    sampler: LightCurveOverSampler | None = None,
    gridder: LightCurveGridder | None = None,
    **classifier_params: Any,
) -> Pipeline:
    """Make the pipeline from light curves to probabilities.

    Parameters
    ----------
    sampler : LightCurveOverSampler or None, default=None
        A sampler of light curves before the first step, which works in `fit` only. None: no
        sampler.
    gridder : LightCurveGridder or None, default=None
        The first step. None: ``LightCurveGridder()``.
    **classifier_params : dict
        Parameters of :class:`sklearn_tde.neural_network.LSTMTransientClassifier`. Unless given,
        its `n_masks` is the number of bands of the gridder.

    Returns
    -------
    pipeline : sklearn.pipeline.Pipeline or imblearn.pipeline.Pipeline
        With the steps ``gridder`` and ``classifier``, not fitted. With a `sampler` it is
        imbalanced-learn's, and the first step is ``sampler``.

    Raises
    ------
    TypeError
        If the classifier has no parameter of a given name, `gridder` is no gridder, or `sampler`
        no sampler.
    ValueError
        If there is a `sampler` and `early_stopping` is true, whose inner split would have copies
        of one object on both sides.

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
    steps = [("gridder", gridder), ("classifier", LSTMTransientClassifier(**params))]
    if sampler is None:
        return Pipeline(steps)
    if isinstance(sampler, type) or not hasattr(sampler, "fit_resample"):
        raise TypeError(f"sampler must be a LightCurveOverSampler; got {sampler!r}.")
    if params.get("early_stopping"):
        raise ValueError(
            "early_stopping=True: its inner split would have copies of one object on both sides; "
            "expected early_stopping=False with a sampler. Or fit the classifier by itself, with "
            "groups=sampler.sample_indices_."
        )
    return SamplingPipeline([("sampler", sampler), *steps])
