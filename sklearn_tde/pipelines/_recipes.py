"""Recipes: estimators put together the recommended way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from joblib import Memory
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.impute import SimpleImputer

from sklearn_tde.ensemble import EnsembleTransientClassifier
from sklearn_tde.neural_network import LSTMTransientClassifier, TransformerTransientClassifier
from sklearn_tde.pipelines._pipeline import LightCurvePipeline
from sklearn_tde.preprocessing import (
    LightCurveFeatures,
    LightCurveGridder,
    LightCurveSequencer,
    SimulationFeatures,
)
from sklearn_tde.sampling import LightCurveOverSampler, PartialLightCurveSampler


def make_lstm_pipeline(
    *,
    sampler: LightCurveOverSampler | PartialLightCurveSampler | None = None,
    gridder: LightCurveGridder | None = None,
    memory: str | Memory | None = None,
    **classifier_params: Any,
) -> LightCurvePipeline:
    """Make the pipeline from light curves to probabilities.

    Parameters
    ----------
    sampler : LightCurveOverSampler, PartialLightCurveSampler or None, default=None
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
    return _with_sampler(sampler, steps, memory)


def make_transformer_pipeline(
    *,
    sampler: LightCurveOverSampler | PartialLightCurveSampler | None = None,
    sequencer: LightCurveSequencer | None = None,
    memory: str | Memory | None = None,
    **classifier_params: Any,
) -> LightCurvePipeline:
    """Make the pipeline from light curves to probabilities by attention to the observations.

    Parameters
    ----------
    sampler : LightCurveOverSampler, PartialLightCurveSampler or None, default=None
        A sampler of light curves before the first step, which works in `fit` only. None: no
        sampler.
    sequencer : LightCurveSequencer or None, default=None
        The first step. None: ``LightCurveSequencer()``.
    memory : str, joblib.Memory or None, default=None
        Folder in which the sequences are kept, so that the candidates of a search that differ in
        the classifier alone make them once. None: nothing is kept.
    **classifier_params : dict
        Parameters of :class:`sklearn_tde.neural_network.TransformerTransientClassifier`. Unless
        given, its `n_masks` is the number of bands of the sequencer.

    Returns
    -------
    pipeline : LightCurvePipeline
        With the steps ``sequencer`` and ``classifier``, not fitted; with a `sampler` the first
        step is ``sampler``.

    Raises
    ------
    TypeError
        If the classifier has no parameter of a given name, `sequencer` is no sequencer, or
        `sampler` no sampler.
    ValueError
        If there is a `sampler` and `early_stopping` is true, whose inner split would have copies
        of one object on both sides.

    See Also
    --------
    make_lstm_pipeline : The recurrent network.

    Examples
    --------
    >>> from sklearn_tde import make_transformer_pipeline, make_transients
    >>> X, y = make_transients(n_tde=10, n_sn_ia=20, random_state=0)
    >>> model = make_transformer_pipeline(max_epochs=5, random_state=0).fit(X, y)
    >>> model.predict_proba(X).shape
    (30, 2)
    """
    sequencer = LightCurveSequencer() if sequencer is None else sequencer
    if not hasattr(sequencer, "bands") or not hasattr(sequencer, "transform"):
        raise TypeError(f"sequencer must be a LightCurveSequencer; got {sequencer!r}.")
    params = {"n_masks": len(sequencer.bands), **classifier_params}
    steps = [("sequencer", sequencer), ("classifier", TransformerTransientClassifier(**params))]
    return _with_sampler(sampler, steps, memory)


def make_feature_pipeline(
    *,
    sampler: LightCurveOverSampler | PartialLightCurveSampler | None = None,
    features: LightCurveFeatures | SimulationFeatures | None = None,
    classifier: Any = None,
    memory: str | Memory | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> LightCurvePipeline:
    """Make the pipeline from light curves to probabilities by hand-made features.

    Parameters
    ----------
    sampler : LightCurveOverSampler, PartialLightCurveSampler or None, default=None
        A sampler of light curves before the first step, which works in `fit` only. None: no
        sampler.
    features : LightCurveFeatures, SimulationFeatures or None, default=None
        The first step. None: ``LightCurveFeatures()``.
    classifier : classifier or None, default=None
        The last step. None: 500 extremely randomised trees [1]_ with balanced class weights, each
        split chosen among three tenths of the features.
    memory : str, joblib.Memory or None, default=None
        Folder in which the features are kept, so that the candidates of a search that differ in
        the classifier alone compute them once. None: nothing is kept.
    random_state : int, RandomState instance or None, default=None
        That of the classifier; refused where it has none.

    Returns
    -------
    pipeline : LightCurvePipeline
        With the steps ``features``, ``imputer`` (the median of the training data in place of
        what is not defined, 0 where it never is) and ``classifier``, not fitted; with a `sampler`
        the first step is ``sampler``.

    Raises
    ------
    TypeError
        If `features` is no transformer, `sampler` no sampler, or `classifier` no classifier.
    ValueError
        If there is a `random_state` and the classifier has none, or a `sampler` and
        `early_stopping` is true, or the "auto" of gradient boosting: its inner split would have
        copies of one object on both sides.

    See Also
    --------
    make_tde_classifier : Features and networks together, calibrated.

    Notes
    -----
    On real light curves, TDEs against everything, these trees did better than random forests and
    than ``HistGradientBoostingClassifier``, the more so with all classes named in `y`.

    References
    ----------
    .. [1] Geurts, P., Ernst, D., and Wehenkel, L. (2006). Extremely randomized trees. Machine
           Learning 63, 3-42.

    Examples
    --------
    >>> from sklearn_tde import make_feature_pipeline, make_transients
    >>> X, y = make_transients(n_tde=10, n_sn_ia=20, random_state=0)
    >>> model = make_feature_pipeline(random_state=0).fit(X, y)
    >>> model.predict_proba(X).shape
    (30, 2)
    """
    features = LightCurveFeatures() if features is None else features
    if isinstance(features, type) or not hasattr(features, "transform"):
        raise TypeError(f"features must be a LightCurveFeatures; got {features!r}.")
    if classifier is None:
        classifier = ExtraTreesClassifier(500, max_features=0.3, class_weight="balanced")
    if isinstance(classifier, type) or not hasattr(classifier, "predict_proba"):
        raise TypeError(f"classifier must be a classifier with predict_proba; got {classifier!r}.")
    if random_state is not None:
        if "random_state" not in classifier.get_params():
            raise ValueError(
                f"random_state={random_state!r}: {classifier!r} has no such parameter; expected "
                "None."
            )
        classifier = clone(classifier).set_params(random_state=random_state)
    imputer = SimpleImputer(strategy="median", keep_empty_features=True)
    steps = [("features", features), ("imputer", imputer), ("classifier", classifier)]
    return _with_sampler(sampler, steps, memory)


def make_tde_classifier(
    *,
    bands: Sequence[str] = ("g", "r"),
    simulations: bool = True,
    pos_label: int | float | bool | str | None = None,
    threshold_scoring: str | None = "f1",
    cv: Any = 5,
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
    verbose: int = 1,
) -> EnsembleTransientClassifier:
    """Make the recommended classifier of TDEs, for light curves of all ages.

    Trees on hand-made features and recurrent networks on the light curves, trained on every object
    whole and as it was at 5, 10, 20, 40 and 80 days, averaged and calibrated; `predict` uses a
    threshold tuned within `fit`.

    Parameters
    ----------
    bands : sequence of str, default=("g", "r")
        The bands of the light curves, from blue to red.
    simulations : bool, default=True
        Whether the trees are also given what a classifier trained on simulations makes of a light
        curve (:class:`sklearn_tde.preprocessing.SimulationFeatures`). It helps most in the first
        weeks, and takes some ten seconds once. For bands of ugrizy only.
    pos_label : int, float, bool, str or None, default=None
        The class that is looked for. None: "TDE" where that is a label, or 1 where the labels are
        0 and 1.
    threshold_scoring : {"f1", "balanced_accuracy", "matthews_corrcoef", "accuracy"} or None, \
default="f1"
        What the threshold on the probability of `pos_label` maximises, for whole light curves.
        None: `predict` returns the most probable class.
    cv : int or splitter, default=5
        The parts.
    random_state : int, RandomState instance or None, default=None
        Determines the parts and the training.
    n_jobs : int or None, default=None
        Number of fits that run in parallel; None means 1, -1 all processors.
    verbose : int, default=1
        1: a progress bar over the fits if the standard error is a terminal. 0: none.

    Returns
    -------
    classifier : EnsembleTransientClassifier
        Not fitted, with the members ``features`` (:func:`make_feature_pipeline`) and ``lstm``
        (:func:`make_lstm_pipeline`), the first with four times the weight of the second, and with
        a :class:`sklearn_tde.sampling.PartialLightCurveSampler`.

    See Also
    --------
    make_feature_pipeline : Trees alone, for whole light curves.

    Notes
    -----
    Give `y` with the names of all classes where they are known, not only TDEs and others: what is
    learned about the others, above all about the rare ones, helps to find the TDEs. The accuracy,
    measured on real light curves, is on the page "Accuracy" of the documentation, and that of young
    light curves on the page "Early light curves".

    Objects without observations, or with next to none, get probabilities as well: near the shares
    of the classes, as of a light curve that has just begun. Objects that lack a band which the
    training objects have get those of median colours, which are often wrong. Look at the number of
    observations in each band first.

    Examples
    --------
    >>> from sklearn_tde import make_tde_classifier, make_transients
    >>> X, y = make_transients(n_tde=20, n_sn_ia=40, random_state=0)
    >>> model = make_tde_classifier(cv=3, simulations=False, random_state=0).fit(X, y)
    >>> model.predict_proba(X).shape
    (60, 2)
    >>> 0 < model.threshold_ < 1
    True
    """
    bands = tuple(bands)
    features = LightCurveFeatures(bands=bands)
    if simulations:
        features = SimulationFeatures(features=features)
    # A leaf holds more than one object, each of which is there at six ages.
    trees = ExtraTreesClassifier(500, max_features=0.3, min_samples_leaf=8, class_weight="balanced")
    lstm = make_lstm_pipeline(gridder=LightCurveGridder(bands=bands), max_epochs=12)
    return EnsembleTransientClassifier(
        [("features", make_feature_pipeline(features=features, classifier=trees)), ("lstm", lstm)],
        weights=(4.0, 1.0),
        sampler=PartialLightCurveSampler(ages=(5, 10, 20, 40, 80)),
        pos_label=pos_label,
        calibrate_by="age",
        threshold_scoring=threshold_scoring,
        cv=cv,
        random_state=random_state,
        n_jobs=n_jobs,
        verbose=verbose,
    )


def _with_sampler(
    sampler: LightCurveOverSampler | PartialLightCurveSampler | None,
    steps: list[tuple[str, Any]],
    memory: str | Memory | None,
) -> LightCurvePipeline:
    """Return the pipeline of some steps, after a sampler if there is one."""
    if sampler is None:
        return LightCurvePipeline(steps, memory=memory)
    if isinstance(sampler, type) or not hasattr(sampler, "fit_resample"):
        raise TypeError(
            "sampler must be a LightCurveOverSampler or a PartialLightCurveSampler; got "
            f"{sampler!r}."
        )
    early_stopping = getattr(steps[-1][1], "early_stopping", False)
    # Gradient boosting's "auto" is true of many objects.
    if early_stopping in (True, "auto"):
        raise ValueError(
            f"early_stopping={early_stopping!r}: its inner split would have copies of one object "
            "on both sides; expected early_stopping=False with a sampler. Or fit a classifier that "
            "takes them by itself, with groups=sampler.sample_indices_."
        )
    return LightCurvePipeline([("sampler", sampler), *steps], memory=memory)
