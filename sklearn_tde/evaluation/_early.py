"""Cross-validation of a classifier on light curves that are not complete yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.utils._param_validation import Interval, StrOptions, validate_params
from sklearn.utils.validation import _check_method_params

from sklearn_tde._chunks import by_chunks
from sklearn_tde._cross_fitting import seed_estimator
from sklearn_tde._decisions import predicted_codes
from sklearn_tde._labels import check_class_sizes, check_pos_label
from sklearn_tde._prefixes import take_prefixes
from sklearn_tde.light_curves import check_light_curves, flatten_light_curves

from ._checks import (
    check_classifier,
    check_labels,
    check_per_object,
    check_weighted,
    default_name,
    describe_objects,
    object_names,
)
from ._early_cuts import Cuts, check_ages, check_n_detections, make_cuts
from ._early_report import EarlyClassificationReport
from ._folds import Fold, check_probabilities, plan_folds, run_folds


@validate_params(
    {
        "ages": ["array-like"],
        "n_detections": ["array-like"],
        "since": [StrOptions({"confirmed", "first"})],
        "detection_snr": [Interval(Real, 0, None, closed="neither")],
        "retrain": ["boolean"],
        "pos_label": [Real, str, "boolean", None],
        "cv": [Interval(Integral, 2, None, closed="left"), "cv_object"],
        "n_repeats": [Interval(Integral, 1, None, closed="left")],
        "params": [dict, None],
        "precision": [Interval(Real, 0, 1, closed="right")],
        "recall": [Interval(Real, 0, 1, closed="right")],
        "return_estimators": ["boolean"],
        "n_bootstrap": [Interval(Integral, 1, None, closed="left")],
        "confidence_level": [Interval(Real, 0, 1, closed="neither")],
        "random_state": [Interval(Integral, 0, None, closed="left")],
        "name": [str, None],
        "n_jobs": [Integral, None],
        "verbose": [Interval(Integral, 0, None, closed="left")],
    },
    prefer_skip_nested_validation=False,
)
def early_classification_report(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    ages: Sequence[float] = (5, 10, 20, 30, 50, np.inf),
    n_detections: Sequence[int] = (2, 3, 5, 8, 12),
    since: str = "first",
    detection_snr: float = 5.0,
    retrain: bool = False,
    pos_label: int | float | bool | str | None = None,
    cv: Any = 5,
    n_repeats: int = 1,
    groups: Any = None,
    params: Mapping | None = None,
    precision: float = 0.8,
    recall: float = 0.8,
    return_estimators: bool = False,
    n_bootstrap: int = 2000,
    confidence_level: float = 0.95,
    random_state: int = 0,
    name: str | None = None,
    n_jobs: int | None = None,
    verbose: int = 1,
) -> EarlyClassificationReport:
    """Cross-validate a classifier on light curves that end early, and say how early it is right.

    In each outer fold the estimator is fitted on the training part, and predicts the light curves
    of the test part as they were at each age and after each number of detections: later
    observations are gone before any step of the estimator sees the light curve.

    Parameters
    ----------
    estimator : estimator
        A scikit-learn classifier of light curves with `predict_proba`, such as a pipeline of this
        package; it is cloned, and left unfitted.

    X : NestedFrame of shape (n_objects, n_columns)
        The objects: whole light curves, or any container of
        :func:`sklearn_tde.check_light_curves`. Columns of the objects stay with every cut, even
        where they were found out later, such as a spectroscopic redshift.

    y : array-like of shape (n_objects,)
        Class labels, two classes or more.

    ages : sequence of float, default=(5, 10, 20, 30, 50, np.inf)
        Days since t = 0 up to which observations are kept; all that come before t = 0 are. A
        light curve that has ended by then stays whole. ``np.inf`` keeps all.

    n_detections : sequence of int, default=(2, 3, 5, 8, 12)
        Observations are kept up to so many detections, and those at the time of the last of them.
        Only objects that reach the number are scored. Empty: none.

    since : {"first", "confirmed"}, default="first"
        What t = 0 is: the first detection; or the first that another one follows on a different
        night within 20 days, the observations up to which are kept at any age. Objects without
        such a detection would have come to nobody's attention and are scored nowhere; the report
        tells how many.

    detection_snr : float, default=5.0
        An observation is a detection if its flux is at least so many times its error.

    retrain : bool, default=False
        Whether to train the estimator anew for each cut, on the light curves of the training part
        cut alike (those that reach it). False: it is trained once per fold, on whole light
        curves, and how it copes with partial ones is its own matter.

    pos_label : int, float, bool or str, default=None
        The class that the scores are about. None stands for `"TDE"` where that is among the
        labels, and for 1 where the labels are 0 and 1 or -1 and 1; otherwise it must be given.

    cv : int, splitter or iterable of (train, test), default=5
        The outer folds, as in :func:`cross_validation_report`.

    n_repeats : int, default=1
        How often to repeat all of it with other seeds.

    groups : array-like of shape (n_objects,), default=None
        Objects of one group stay on one side of each fold. An estimator that splits its training
        objects again is told through `params`.

    params : dict, default=None
        Passed to `fit`: values with one entry per object are cut to those that train.

    precision : float, default=0.8
        The precision of the metric `recall_at_precision`.

    recall : float, default=0.8
        The recall of the metric `precision_at_recall`.

    return_estimators : bool, default=False
        Whether to keep the fitted estimator of each fold, as `estimators_`. Not with `retrain`.

    n_bootstrap : int, default=2000
        Number of bootstrap draws of objects, stratified by class.

    confidence_level : float, default=0.95
        Level of the bootstrap intervals.

    random_state : int, default=0
        Seed of the first repeat, and of the bootstrap, as in :func:`cross_validation_report`: with
        the same folds, the same objects train.

    name : str, default=None
        What to call the estimator; None stands for its class, or for the class of a pipeline's
        last step.

    n_jobs : int, default=None
        Number of folds fitted in parallel. None means 1 unless in a
        :obj:`joblib.parallel_config` context, -1 all processors.

    verbose : int, default=1
        With 1, a progress bar if the standard error is a terminal; with 0, none.

    Returns
    -------
    report : EarlyClassificationReport
        Its tables are `by_age_`, `by_n_detections_`, `by_peak_` and `predictions_`; its methods
        tell not later than when objects are first called, and how many wrongly.

    Raises
    ------
    TypeError
        If the estimator has no `predict_proba`, or `X` holds no light curves.

    ValueError
        If an age or a number of detections is none, if there are `return_estimators` with
        `retrain`, if no object of `pos_label`, or none of the
        others, has a detection to count from, if a training part has none for a cut (with
        `retrain`), or as :func:`cross_validation_report`.

    Warns
    -----
    UserWarning
        If rows of the same name are on both sides of a fold.

    See Also
    --------
    cross_validation_report : The same of whole light curves, for any `X`.
    compare_early_reports : Paired comparison of two reports.
    sklearn_tde.inspection.EarlyClassificationDisplay : Draws metrics against age.
    sklearn_tde.preprocessing.LightCurveTruncator : Cuts light curves.

    Notes
    -----
    The metrics are those of :func:`cross_validation_report`, each pooled over the folds, with
    percentile bootstrap intervals over objects. The same objects are drawn for every cut and
    metric. `recall_at_precision` and `precision_at_recall` are the best of any threshold that
    reaches the level, picked on the objects that it scores; `balanced_accuracy`, `f1`, `precision`,
    `recall` and `specificity` are those of the estimator's own `predict`.

    Chance level of the average precision is the share of positives, `n_pos` over `n_objects`. It
    is the same at all ages, but not for all numbers of detections: the fainter objects never reach
    the larger ones, so that its rows are about ever fewer and ever brighter objects.

    Light curves that several cuts leave alike are predicted once. Between `ages` no object is
    looked at, and a first call there is known too late: :func:`score_trajectory` and
    :func:`first_trigger` find the day itself.

    Examples
    --------
    >>> from sklearn_tde import make_feature_pipeline, make_transients
    >>> from sklearn_tde.evaluation import early_classification_report
    >>> X, y = make_transients(n_tde=20, n_sn_ia=60, random_state=0)
    >>> model = make_feature_pipeline().set_params(classifier__n_estimators=50)
    >>> report = early_classification_report(
    ...     model, X, y, ages=(10, 50), n_detections=(), cv=2, n_bootstrap=200
    ... )
    >>> report.by_age_.loc["recall_at_precision", ["value", "low", "high"]].round(1)
          value  low  high
    age
    10.0    0.0  0.0   0.4
    50.0    1.0  0.6   1.0

    How many TDEs would have been called by then, and how many of a thousand others?

    >>> report.calls()["value"].unstack("age").round(1)
    age           10.0  50.0
    metric
    called         0.0   0.7
    false_alarms   0.0  33.3
    """
    check_classifier(estimator)
    check_weighted(estimator, params)
    X = check_light_curves(X)
    names = object_names(X)
    y = check_labels(y, names)
    if groups is not None:
        groups = check_per_object(groups, "groups", names)
    classes = np.unique(y)
    pos_label = check_pos_label(pos_label, classes)
    check_class_sizes(y, cv, "cv")
    ages, n_detections = check_ages(ages), check_n_detections(n_detections)
    flat = flatten_light_curves(X)
    cuts = make_cuts(flat, ages, n_detections, since=since, detection_snr=detection_snr)
    folds = plan_folds(
        X, y, groups, names, pos_label, cv=cv, n_repeats=n_repeats, random_state=random_state
    )
    scored = np.concatenate([fold.test for fold in folds if fold.repeat == 0])
    n_left_out = _check_scored(cuts, y, scored, pos_label, since)
    if retrain and return_estimators:
        raise ValueError(
            "return_estimators=True: with retrain=True there is one for each cut; expected False."
        )
    if retrain:
        _check_training(cuts, y, folds, pos_label)
    results = run_folds(
        _run_fold,
        [(seed_estimator(estimator, fold.seed), fold) for fold in folds],
        n_jobs=n_jobs,
        verbose=verbose,
        X=X,
        y=y,
        cuts=cuts,
        retrain=retrain,
        params=params,
        pos_label=pos_label,
        names=names,
        keep=return_estimators,
    )
    predictions, rows, estimators = zip(*results, strict=True)
    return EarlyClassificationReport(
        pd.concat(predictions),
        pd.DataFrame(rows),
        pos_label=pos_label,
        name=default_name(estimator) if name is None else name,
        retrain=retrain,
        precision=precision,
        recall=recall,
        n_bootstrap=n_bootstrap,
        confidence_level=confidence_level,
        random_state=random_state,
        since=since,
        detection_snr=detection_snr,
        n_left_out=n_left_out,
        classes=classes,
        estimators=list(estimators) if return_estimators else None,
    )


def _check_scored(cuts: Cuts, y, scored, pos_label, since) -> int:
    """Refuse a sample without objects to score; return how many of them are scored nowhere."""
    started = scored[cuts.reached[0, scored]]
    positive = y[started] == pos_label
    if positive.all() or not positive.any():
        missing = "other objects" if positive.any() else f"object of {pos_label!r}"
        detection = "detection" if since == "first" else "confirmed detection"
        raise ValueError(
            f"no {missing} has a {detection} to count the age from; check flux_err, or lower "
            "detection_snr."
        )
    return len(scored) - len(started)


def _check_training(cuts: Cuts, y, folds: list[Fold], pos_label) -> None:
    for kind, value, reached in zip(cuts.kinds, cuts.values, cuts.reached, strict=True):
        for fold in folds:
            positive = y[fold.train[reached[fold.train]]] == pos_label
            if positive.all() or not positive.any():
                raise ValueError(
                    f"retrain: in fold {fold.number} of repeat {fold.repeat} no training object of "
                    f"{pos_label!r}, or none of the others, reaches the cut {kind}={value:g}; "
                    "leave it out."
                )


def _run_fold(estimator, fold: Fold, *, X, y, cuts: Cuts, retrain, params, pos_label, names, keep):
    """One fold's rows of the report's tables."""
    n_cuts = len(cuts.values)
    parts = [np.array([cut]) for cut in range(n_cuts)] if retrain else [np.arange(n_cuts)]
    tables, fit_time, score_time = [], 0.0, 0.0
    for part in parts:
        begin = perf_counter()
        train, X_train = fold.train, X
        if retrain:
            train = train[cuts.reached[part[0], train]]
            X_train = take_prefixes(X, train, cuts.n_observations[part[0], train])
        else:
            X_train = X.iloc[train]
        told = _check_method_params(X, params or {}, indices=train)
        fitted = clone(estimator).fit(X_train, y[train], **told)
        middle = perf_counter()
        tables.append(_predict_cuts(fitted, fold, part, X, cuts, pos_label, names))
        fit_time += middle - begin
        score_time += perf_counter() - middle
    predictions = pd.concat(tables)
    predictions.insert(4, "y", y[predictions["position"]])
    row = {
        "repeat": fold.repeat,
        "fold": fold.number,
        "n_train": len(fold.train),
        "n_test": len(fold.test),
        "n_pos": int((y[fold.test] == pos_label).sum()),
        "fit_time": fit_time,
        "score_time": score_time,
    }
    return predictions, row, fitted if keep else None


def _predict_cuts(fitted, fold: Fold, part, X, cuts: Cuts, pos_label, names) -> pd.DataFrame:
    """Predict what some of the cuts leave of the test objects."""
    cut, place = np.nonzero(cuts.reached[np.ix_(part, fold.test)])
    cut, position = part[cut], fold.test[place]
    lengths = cuts.n_observations[cut, position]
    # Several cuts may leave the same of an object.
    distinct, source = np.unique(np.column_stack([position, lengths]), axis=0, return_inverse=True)
    probability, prediction = np.empty(0), fitted.classes_[:0]
    if len(distinct):
        stack = take_prefixes(X, distinct[:, 0], distinct[:, 1])
        probability, prediction = _predict(fitted, stack, fold, distinct[:, 0], pos_label, names)
    return pd.DataFrame(
        {
            "repeat": fold.repeat,
            "position": position,
            "object_id": names[position],
            "fold": fold.number,
            "cut": np.array(cuts.kinds, dtype=object)[cut],
            "cut_value": cuts.values[cut],
            "n_observations": lengths,
            "n_detections": cuts.n_detections[cut, position],
            "age": cuts.age[cut, position],
            "past_peak": cuts.past_peak[cut, position],
            "probability": probability[source],
            "prediction": prediction[source],
        }
    )


def _predict(fitted, stack, fold: Fold, position, pos_label, names):
    """Return the probability of the positive class, and the labels, of light curves."""
    # In parts, so that memory does not grow with the number of cuts.
    probability = np.asarray(by_chunks(fitted.predict_proba, stack), dtype=np.float64)
    check_probabilities(probability, fitted, fold._replace(test=position), names)
    codes = predicted_codes(fitted, stack, probability)
    if (codes < 0).any():
        raise ValueError(
            "predict returned a class that is not in classes_ for "
            f"{describe_objects(names, position[codes < 0])}."
        )
    classes = np.asarray(fitted.classes_)
    return probability[:, classes.tolist().index(pos_label)], classes[codes]
