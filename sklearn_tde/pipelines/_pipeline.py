"""Pipelines that predict any number of light curves in constant memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
import pandas as pd
from imblearn.pipeline import Pipeline
from sklearn.base import is_classifier
from sklearn.utils.metaestimators import available_if

from sklearn_tde._chunks import by_chunks


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

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Fit the steps, one after the other.

        Parameters
        ----------
        X : NestedFrame or sequence of tables of length n_objects
            Light curves.
        y : array-like of shape (n_objects,) or None, default=None
            Class labels, two classes or more where the last step is a classifier.
        **params : dict
            Passed to the steps, as in :class:`imblearn.pipeline.Pipeline`.

        Returns
        -------
        self : LightCurvePipeline
            The fitted pipeline.

        Raises
        ------
        ValueError
            If `y` has a single class, of which some classifiers would be certain ever after.
        """
        if y is not None and is_classifier(self):
            _refuse_one_class(y)
        return super().fit(X, y, **params)

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
        # What is passed along may be per object, and to be cut as well, or not: that is not known.
        return method(X, **params) if params else by_chunks(method, X)


def _refuse_one_class(y: Any) -> None:
    try:
        classes = pd.unique(np.asarray(y, dtype=object).ravel())
    # Whatever it is instead of labels, the steps say so.
    except Exception:
        return
    if len(classes) == 1:
        raise ValueError(f"y has one class, {classes[0]!r}; expected at least two classes.")
