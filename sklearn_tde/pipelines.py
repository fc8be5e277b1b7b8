"""Recipes: estimators put together the recommended way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from imblearn.pipeline import Pipeline
from joblib import Memory
from sklearn.utils.metaestimators import available_if

from sklearn_tde._containers import as_nested_frame
from sklearn_tde.neural_network import LSTMTransientClassifier
from sklearn_tde.preprocessing import LightCurveGridder
from sklearn_tde.sampling import LightCurveOverSampler

__all__ = ["LightCurvePipeline", "make_lstm_pipeline"]

#: Objects predicted at a time: what the steps make of them stays small, whatever the size of X.
_CHUNK = 4096


def _last_step_has(method: str) -> Callable[[Any], bool]:
    def check(pipeline: Any) -> bool:
        getattr(super(LightCurvePipeline, pipeline), method)
        return True

    return check


class LightCurvePipeline(Pipeline):
    """Pipeline of light curves that predicts in chunks of constant memory.

    A grid of steps takes ten times the memory of the observations that it is made from. So this
    pipeline sends no more than 4,096 objects at a time through its steps when it predicts: a
    million objects need little more memory than X itself. Each object's result is that of
    :class:`imblearn.pipeline.Pipeline`, which it otherwise is; that is scikit-learn's with
    samplers allowed. `score` is not cut into chunks.

    Parameters
    ----------
    steps : list of (str, estimator)
        Names and estimators; all but the last transform or resample, each object by itself.
    transform_input : list of str or None, default=None
        Metadata that the steps transform before `fit` hands it on.
    memory : str, joblib.Memory or None, default=None
        Where fitted transformers and their results are kept, so that the candidates of a search
        grid the same light curves once.
    verbose : bool, default=False
        Whether `fit` prints the time each step takes.

    See Also
    --------
    make_lstm_pipeline : The recommended steps.

    Examples
    --------
    >>> from sklearn_tde import LightCurveGridder, LightCurvePipeline, LSTMTransientClassifier
    >>> from sklearn_tde import make_transients
    >>> X, y = make_transients(n_tde=10, n_sn_ia=20, random_state=0)
    >>> classifier = LSTMTransientClassifier(max_epochs=5, random_state=0)
    >>> model = LightCurvePipeline([("gridder", LightCurveGridder()), ("classifier", classifier)])
    >>> model.fit(X, y).predict_proba(X).shape
    (30, 2)
    """

    @available_if(_last_step_has("predict"))
    def predict(self, X: Any, **params: Any) -> np.ndarray:
        """Return the class of every object.

        Parameters
        ----------
        X : NestedFrame or sequence of tables of length n_objects
            Light curves.
        **params : dict
            Passed to the steps, as in :class:`imblearn.pipeline.Pipeline`.

        Returns
        -------
        y : ndarray of shape (n_objects,)
            What `predict` of the last step says.
        """
        return self._by_chunks(super().predict, X, params)

    @available_if(_last_step_has("predict_proba"))
    def predict_proba(self, X: Any, **params: Any) -> np.ndarray:
        """Return the probability of every class.

        Parameters
        ----------
        X : NestedFrame or sequence of tables of length n_objects
            Light curves.
        **params : dict
            Passed to the steps, as in :class:`imblearn.pipeline.Pipeline`.

        Returns
        -------
        probabilities : ndarray of shape (n_objects, n_classes)
            In the order of `classes_`.
        """
        return self._by_chunks(super().predict_proba, X, params)

    @available_if(_last_step_has("decision_function"))
    def decision_function(self, X: Any, **params: Any) -> np.ndarray:
        """Return the scores of the last step.

        Parameters
        ----------
        X : NestedFrame or sequence of tables of length n_objects
            Light curves.
        **params : dict
            Passed to the steps, as in :class:`imblearn.pipeline.Pipeline`.

        Returns
        -------
        scores : ndarray of shape (n_objects,) or (n_objects, n_classes)
            What `decision_function` of the last step says.
        """
        return self._by_chunks(super().decision_function, X, params)

    def _by_chunks(
        self, method: Callable[..., np.ndarray], X: Any, params: dict[str, Any]
    ) -> np.ndarray:
        try:
            n_objects = len(X)
        except TypeError:
            # The first step refuses what has no length, and says why.
            n_objects = 0
        # What is passed along may be per object, and to be cut as well, or not: that is not known.
        if params or n_objects <= _CHUNK:
            return method(X, **params)
        if isinstance(X, pd.DataFrame | pd.Series):
            rows = X.iloc
        elif isinstance(X, np.ndarray) and X.dtype.kind in "biuf":
            # The steps after a gridder take an array.
            rows = X
        else:
            # Objects without a name are called by their place in the whole.
            rows = as_nested_frame(X).iloc
        results = []
        for begin in range(0, n_objects, _CHUNK):
            try:
                results.append(method(rows[begin : begin + _CHUNK]))
            except ValueError as error:
                if begin:
                    error.add_note(f'"Position" in this message counts from object {begin} of X.')
                raise
        return np.concatenate(results)


def make_lstm_pipeline(
    *,
    sampler: LightCurveOverSampler | None = None,
    gridder: LightCurveGridder | None = None,
    memory: str | Memory | None = None,
    **classifier_params: Any,
) -> LightCurvePipeline:
    """Make the pipeline from light curves to probabilities.

    Parameters
    ----------
    sampler : LightCurveOverSampler or None, default=None
        A sampler of light curves before the first step, which works in `fit` only. None: no
        sampler.
    gridder : LightCurveGridder or None, default=None
        The first step. None: ``LightCurveGridder()``.
    memory : str, joblib.Memory or None, default=None
        Folder in which gridded light curves are kept, so that the candidates of a search that
        differ in the classifier alone grid them once. None: nothing is kept.
    **classifier_params : dict
        Parameters of :class:`sklearn_tde.neural_network.LSTMTransientClassifier`. Unless given,
        its `n_masks` is the number of bands of the gridder.

    Returns
    -------
    pipeline : LightCurvePipeline
        With the steps ``gridder`` and ``classifier``, not fitted; with a `sampler` the first step
        is ``sampler``.

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
        return LightCurvePipeline(steps, memory=memory)
    if isinstance(sampler, type) or not hasattr(sampler, "fit_resample"):
        raise TypeError(f"sampler must be a LightCurveOverSampler; got {sampler!r}.")
    if params.get("early_stopping"):
        raise ValueError(
            "early_stopping=True: its inner split would have copies of one object on both sides; "
            "expected early_stopping=False with a sampler. Or fit the classifier by itself, with "
            "groups=sampler.sample_indices_."
        )
    return LightCurvePipeline([("sampler", sampler), *steps], memory=memory)
