"""Nested cross-validation of a classifier, with intervals."""

from collections.abc import Callable, Mapping
from numbers import Integral, Real

import numpy as np
import pandas as pd
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from sklearn_tde._cross_fitting import seed_estimator
from sklearn_tde._labels import check_class_sizes, check_pos_label

from ._checks import (
    check_classifier,
    check_labels,
    check_per_object,
    check_weighted,
    default_name,
    object_names,
)
from ._folds import fit_and_predict, plan_folds, predict_splits, run_folds
from ._report import CrossValidationReport
from ._threshold import (
    THRESHOLD_METRICS,
    check_threshold_request,
    describe_threshold,
    fix_threshold,
    threshold_splits,
    tune_threshold,
)


@validate_params(
    {
        "pos_label": [Real, str, "boolean", None],
        "cv": [Interval(Integral, 2, None, closed="left"), "cv_object"],
        "n_repeats": [Interval(Integral, 1, None, closed="left")],
        "threshold": [StrOptions({"tune"}), Interval(Real, 0, 1, closed="neither"), None],
        "threshold_scoring": [StrOptions(set(THRESHOLD_METRICS)), callable],
        "threshold_cv": [Interval(Integral, 2, None, closed="left"), "cv_object"],
        "params": [dict, None],
        "n_bootstrap": [Interval(Integral, 1, None, closed="left")],
        "confidence_level": [Interval(Real, 0, 1, closed="neither")],
        "random_state": [Interval(Integral, 0, None, closed="left")],
        "return_estimators": ["boolean"],
        "name": [str, None],
        "n_jobs": [Integral, None],
        "verbose": [Interval(Integral, 0, None, closed="left")],
    },
    prefer_skip_nested_validation=False,
)
def cross_validation_report(
    estimator,
    X,
    y,
    *,
    pos_label: int | float | bool | str | None = None,
    cv=5,
    n_repeats: int = 1,
    groups=None,
    threshold: str | float | None = None,
    threshold_scoring: str | Callable = "balanced_accuracy",
    threshold_cv=5,
    params: Mapping | None = None,
    n_bootstrap: int = 2000,
    confidence_level: float = 0.95,
    random_state: int = 0,
    return_estimators: bool = False,
    name: str | None = None,
    n_jobs: int | None = None,
    verbose: int = 1,
) -> CrossValidationReport:
    """Cross-validate a classifier and say how far its scores can be trusted.

    What a fold scores is never seen by anything that is fitted or chosen: neither by the
    estimator nor by the decision threshold, which, if asked for, is tuned by a second
    cross-validation within the training set of each fold.

    Parameters
    ----------
    estimator : estimator
        Any scikit-learn classifier with `predict_proba`; it is cloned, and left unfitted.

    X : indexable of length n_objects
        The objects: a NestedFrame of light curves, an array of any number of dimensions, a
        DataFrame, a list. Rows are taken by position; the index only names them.

    y : array-like of shape (n_objects,)
        Class labels, two classes or more.

    pos_label : int, float, bool or str, default=None
        The class that the scores are about. None stands for `"TDE"` where that is among the
        labels, and for 1 where the labels are 0 and 1 or -1 and 1; otherwise it must be given.

    cv : int, splitter or iterable of (train, test), default=5
        The outer folds. An integer gives `StratifiedKFold`, or `StratifiedGroupKFold` where there
        are `groups`, shuffled with the seed of the repeat. Anything else is used as given, in
        each repeat; it must score an object at most once per repeat, but need not score all.

    n_repeats : int, default=1
        How often to repeat all of it with other seeds: repeat `r` has the seed
        `random_state + r`, so that it can be had alone.

    groups : array-like of shape (n_objects,), default=None
        Objects of one group stay on one side of each fold, the folds of `threshold_cv` included.

    threshold : {"tune"} or float, default=None
        How `predict` turns the probability of `pos_label` into a label. None: as the estimator
        does. A number between 0 and 1: `FixedThresholdClassifier`. "tune":
        `TunedThresholdClassifierCV` on each training set. Two classes only.

    threshold_scoring : {"balanced_accuracy", "f1", "matthews_corrcoef", "accuracy"} or callable, \
            default="balanced_accuracy"
        What a tuned threshold maximises. A callable is a metric `metric(y_true, y_pred)` of labels
        that are 1 for `pos_label` and 0 otherwise, larger being better.

    threshold_cv : int or splitter, default=5
        The folds, within a training set, for tuning the threshold. A splitter is given `y` and
        `groups` of the training set, but not its `X`. `StratifiedShuffleSplit(1, test_size=0.25)`
        costs one further fit per fold where the default costs five.

    params : dict, default=None
        Passed to `fit`, as in :func:`sklearn.model_selection.cross_validate`: values with one
        entry per object are cut to the training set. Together with a `threshold` this needs
        scikit-learn's metadata routing. Weights do not change the scores.

    n_bootstrap : int, default=2000
        Number of bootstrap draws of objects, stratified by class.

    confidence_level : float, default=0.95
        Level of the bootstrap intervals.

    random_state : int, default=0
        Seed of the first repeat, and of the bootstrap. In each repeat every parameter of the
        estimator that is called `random_state`, at any depth, is set to an integer drawn from the
        repeat's seed, whatever it was before. Splitters inside the estimator keep their own.

    return_estimators : bool, default=False
        Whether to keep the fitted estimators, as `estimators_`.

    name : str, default=None
        What to call the estimator in the tables; None stands for its class, or for the class of
        a pipeline's last step.

    n_jobs : int, default=None
        Number of folds fitted in parallel. None means 1 unless in a
        :obj:`joblib.parallel_config` context, -1 all processors.

    verbose : int, default=1
        With 1, a progress bar if the standard error is a terminal; with 0, none.

    Returns
    -------
    report : CrossValidationReport
        Its tables are `pooled_`, `folds_` and `predictions_`.

    Raises
    ------
    TypeError
        If the estimator has no `predict_proba`, or `threshold_scoring` is a scorer.

    ValueError
        If labels or groups are missing or of another length than `X`, if there is a single class,
        if a class has fewer objects than there are folds, if `pos_label` is not a class or cannot
        be guessed, if a threshold is asked for more than two classes, if `cv` scores what it
        trains on, if `params` has sample weights and the estimator a sampler, or if the estimator
        predicts anything but probabilities.

    Warns
    -----
    UserWarning
        If rows of the same name are on both sides of a fold.

    See Also
    --------
    compare_reports : Paired comparison of two reports.
    sklearn.model_selection.cross_validate : Scores by fold, for any scorer.

    Notes
    -----
    All scores are those of `pos_label` against the rest, also for more than two classes:

    - `recall`, `precision` and `f1` of `pos_label`; precision is 0 where nothing is called
      positive;
    - `specificity`, the recall of the others taken together, and `balanced_accuracy`, the mean of
      `recall` and `specificity`;
    - `average_precision` and `roc_auc` of the probability of `pos_label`, and
      `recall_at_precision`, the highest recall of any threshold whose precision is 0.8 or better,
      which is picked on the objects that it scores. Chance level of the average precision is the
      share of positives;
    - `brier_score`, the mean squared error of that probability, and `brier_skill`, one minus its
      ratio to that of always predicting the share of positives among the scored objects: 1 is
      perfect, 0 no better than that share; `log_loss`, minus the mean logarithm of the
      probability of what each object is, `pos_label` or not;
    - `calibration_slope`, of a logistic regression of the labels on the logits of the
      probabilities [2]_: 1 is right, below 1 the probabilities are too extreme, above too timid;
      and `calibration_intercept`, of one with the slope held at 1 ("calibration in the large"): 0
      is right, below 0 they are too high. Probabilities are moved to at least 1e-6 from 0 and 1.
      There is no finite slope (NaN) where a threshold parts the classes without a mistake, as
      in small folds it often does, so that `fold_mean` leaves out the best of them;
    - `macro_recall` and `macro_f1`, the means over the classes that the scored objects have, only
      for more than two classes in `y`. A prediction of any other class is a miss.

    The pooled scores put the predictions of all folds of a repeat together, which does not ask a
    fold for more positives than it has, and are averaged over the repeats. Their intervals are
    percentile bootstrap intervals [1]_: objects are drawn with replacement within each class, the
    same ones for every metric and repeat, and scored with the predictions they have. They tell
    how much the scores owe to the objects at hand; they hold neither the luck of the training,
    which `repeat_sd` shows, nor the dependence between objects of one group. A recall of exactly 1
    has an interval without width, for no draw can miss an object that was not missed: with `n`
    positives, all recalled, the true recall is above ``1 - 3 / n`` at 95 % confidence. A draw
    that has no score counts as beyond both ends of the interval.

    Renaming the classes changes nothing, except that a tie of an estimator's probabilities is
    broken by its own rule.

    References
    ----------
    .. [1] B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap", Chapman & Hall,
       1993, chapter 13.

    .. [2] D. R. Cox, "Two further applications of a model for binary regression", Biometrika 45,
       562, 1958.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_tde.evaluation import cross_validation_report
    >>> X, positive = make_classification(400, weights=[0.9], class_sep=1.5, random_state=0)
    >>> y = np.where(positive, "TDE", "SN Ia")
    >>> report = cross_validation_report(LogisticRegression(), X, y, threshold="tune")
    >>> print(report)
    LogisticRegression: TDE against SN Ia, 41 of 400 objects (10.2%)
    5 folds, pooled out of fold; 95% bootstrap intervals over objects (2000 draws)
    threshold: tuned within each training set for balanced accuracy (0.050 to 0.283)
    <BLANKLINE>
                             pooled     95% interval folds, mean +- sd
    balanced accuracy         0.904   0.852 to 0.947    0.903 +- 0.063
    recall (TDE)              0.902   0.805 to 0.976    0.900 +- 0.163
    precision (TDE)           0.521   0.446 to 0.613    0.549 +- 0.113
    F1 (TDE)                  0.661   0.584 to 0.741    0.665 +- 0.071
    recall of the others      0.905   0.875 to 0.936    0.905 +- 0.050
    average precision         0.875   0.795 to 0.946    0.887 +- 0.084
    recall at precision 0.8   0.780   0.634 to 0.902    0.783 +- 0.154
    ROC AUC                   0.963   0.921 to 0.990    0.963 +- 0.051
    Brier score               0.031   0.020 to 0.043    0.031 +- 0.010
    Brier skill               0.661   0.531 to 0.784    0.662 +- 0.111
    log loss                  0.117   0.075 to 0.167    0.117 +- 0.053
    calibration slope         0.908   0.703 to 1.344    1.125 +- 0.316
    calibration intercept    -0.139  -0.642 to 0.341   -0.190 +- 0.884
    """
    check_classifier(estimator)
    check_weighted(estimator, params)
    names = object_names(X)
    y = check_labels(y, names)
    if groups is not None:
        groups = check_per_object(groups, "groups", names)
    classes = np.unique(y)
    pos_label = check_pos_label(pos_label, classes)
    check_class_sizes(y, cv, "cv")
    check_threshold_request(threshold, threshold_scoring, classes)
    folds = plan_folds(
        X, y, groups, names, pos_label, cv=cv, n_repeats=n_repeats, random_state=random_state
    )
    # Prepared before the first fit, so that a bad request fails at once.
    tasks = [
        (
            seed_estimator(estimator, fold.seed),
            fold,
            _inner_splits(threshold, threshold_cv, y, groups, pos_label, fold),
        )
        for fold in folds
    ]
    results = run_folds(
        _run_fold,
        tasks,
        n_jobs=n_jobs,
        verbose=verbose,
        X=X,
        y=y,
        threshold=threshold,
        scoring=threshold_scoring,
        keep=return_estimators,
        params=params,
        pos_label=pos_label,
        names=names,
    )
    predictions, rows, inner, fitted = zip(*results, strict=True)
    return CrossValidationReport(
        pd.concat(predictions),
        pd.DataFrame(rows),
        pos_label=pos_label,
        name=default_name(estimator) if name is None else name,
        threshold=describe_threshold(threshold, threshold_scoring),
        n_bootstrap=n_bootstrap,
        confidence_level=confidence_level,
        random_state=random_state,
        estimators=list(fitted) if return_estimators else None,
        classes=classes,
        inner_predictions=pd.concat(inner, ignore_index=True) if threshold == "tune" else None,
    )


def _inner_splits(threshold, cv, y, groups, pos_label, fold):
    """Splits of a fold's training set, if a threshold is to be tuned."""
    if threshold != "tune":
        return None
    groups = None if groups is None else groups[fold.train]
    return threshold_splits(cv, y[fold.train], groups, pos_label, fold.seed)


def _run_fold(estimator, fold, splits, *, X, y, threshold, scoring, keep, **options):
    """One fold's rows of the report's tables, and the fitted estimator if it is to be kept."""
    pos_label, names = options["pos_label"], options["names"]
    inner, tuning_time = None, 0.0
    if splits is not None:
        # The same splits as TunedThresholdClassifierCV would fit, but their predictions are kept.
        inner, tuning_time = predict_splits(estimator, X, y, fold, splits, **options)
        threshold = tune_threshold(inner, scoring, pos_label)
    if threshold is not None:
        estimator = fix_threshold(estimator, threshold, pos_label)
    result = fit_and_predict(estimator, X, y, fold, **options)
    used = np.nan if threshold is None else float(threshold)
    predictions = pd.DataFrame(
        {
            "repeat": fold.repeat,
            "position": fold.test,
            "object_id": names[fold.test],
            "fold": fold.number,
            "y": y[fold.test],
            "probability": result["probability"],
            "prediction": result["prediction"],
            "threshold": used,
        }
    )
    row = {
        "repeat": fold.repeat,
        "fold": fold.number,
        "n_train": len(fold.train),
        "n_test": len(fold.test),
        "n_pos": int((y[fold.test] == pos_label).sum()),
        "threshold": used,
        "fit_time": result["fit_time"] + tuning_time,
        "score_time": result["score_time"],
    }
    return predictions, row, inner, result["estimator"] if keep else None
