"""Paired comparison of two cross-validation reports."""

from numbers import Integral, Real

import pandas as pd
from sklearn.utils._param_validation import Interval, validate_params

from ._report import CrossValidationReport
from ._scores import percentile_interval


@validate_params(
    {
        "report": [CrossValidationReport],
        "baseline": [CrossValidationReport],
        "n_bootstrap": [Interval(Integral, 1, None, closed="left")],
        "confidence_level": [Interval(Real, 0, 1, closed="neither")],
        "random_state": [Interval(Integral, 0, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def compare_reports(
    report: CrossValidationReport,
    baseline: CrossValidationReport,
    *,
    n_bootstrap: int = 2000,
    confidence_level: float = 0.95,
    random_state: int = 0,
) -> pd.DataFrame:
    """Compare two estimators on the same objects and folds.

    Two estimators that are scored on the same few positive objects are lucky and unlucky
    together, so their separate intervals overlap even where one is better on nearly every
    object. Here each bootstrap draw of objects is applied to both, and the interval is that of
    the difference.

    Parameters
    ----------
    report : CrossValidationReport
        Report of the one estimator.

    baseline : CrossValidationReport
        Report of the other, on the same objects and labels in the same order, with the same folds
        and repeats: give :func:`cross_validation_report` the same `y`, `cv`, `n_repeats`,
        `groups` and `random_state`. `X` may differ, and so may the thresholds.

    n_bootstrap : int, default=2000
        Number of bootstrap draws of objects, stratified by class.

    confidence_level : float, default=0.95
        Level of the intervals.

    random_state : int, default=0
        Seed of the bootstrap.

    Returns
    -------
    comparison : DataFrame of shape (n_metrics, 6)
        One row per metric: the pooled `value` of `report` and of the `baseline`; `difference`,
        the first minus the second, so that positive means `report` is higher (which is better,
        but for the Brier score and the log loss, and for the calibration, whose slope is best at
        1 and whose intercept at 0); `low` and `high`, the paired bootstrap interval of the
        difference; `repeat_sd`, the standard deviation of the difference between repeats (NaN for
        one repeat). What one of the two does not have is NaN.

    Raises
    ------
    ValueError
        If the reports are about different objects, labels, folds or positive classes.

    See Also
    --------
    cross_validation_report : Makes the reports.

    Notes
    -----
    The interval is about the draw of objects. It does not hold the luck of the training, which
    `repeat_sd` shows when there are several repeats.

    References
    ----------
    .. [1] B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap", Chapman & Hall,
       1993, chapter 13.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn_tde.evaluation import compare_reports, cross_validation_report
    >>> X, y = make_classification(400, weights=[0.9], class_sep=1.5, random_state=0)
    >>> logistic = cross_validation_report(LogisticRegression(), X, y)
    >>> bayes = cross_validation_report(GaussianNB(), X, y)
    >>> comparison = compare_reports(logistic, bayes)
    >>> comparison.loc[["roc_auc", "brier_score"], ["difference", "low", "high"]].round(2)
                 difference   low  high
    metric
    roc_auc            0.01 -0.01  0.03
    brier_score       -0.01 -0.02 -0.00
    """
    check_comparable(report, baseline)
    draws = report._bootstrap(n_bootstrap, random_state)
    # The same seed and strata: the same objects are drawn for both.
    baseline_draws = baseline._bootstrap(n_bootstrap, random_state)
    differences = report._repeat_scores() - baseline._repeat_scores()
    rows = {}
    # A report whose labels are known from its predictions alone may lack the macro scores.
    for metric in [metric for metric in draws if metric in baseline_draws]:
        low, high = percentile_interval(draws[metric] - baseline_draws[metric], confidence_level)
        rows[metric] = {
            "value": report.pooled_.loc[metric, "value"],
            "baseline": baseline.pooled_.loc[metric, "value"],
            "difference": differences[metric].mean(skipna=False),
            "low": low,
            "high": high,
            "repeat_sd": differences[metric].std(skipna=False),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("metric")


def check_comparable(report, baseline) -> None:
    """Refuse reports on different objects, labels, folds or positive classes.

    Parameters
    ----------
    report, baseline : CrossValidationReport or EarlyClassificationReport
        The reports.
    """
    names = f"{report.name!r} and {baseline.name!r}"
    if report.pos_label != baseline.pos_label:
        raise ValueError(
            f"the reports {names} are about different classes: "
            f"pos_label={report.pos_label!r} and pos_label={baseline.pos_label!r}."
        )
    ours, theirs = report.predictions_, baseline.predictions_
    if len(ours) != len(theirs):
        raise ValueError(
            f"the reports {names} hold {len(ours)} and {len(theirs)} predictions; "
            "compare reports on the same objects with the same number of repeats."
        )
    for column, meaning in {
        "repeat": "repeats",
        "position": "objects",
        "y": "labels",
        "fold": "folds",
    }.items():
        differ = ours[column].to_numpy() != theirs[column].to_numpy()
        if differ.any():
            raise ValueError(
                f"the reports {names} have different {meaning}, first in row "
                f"{int(differ.argmax())} of predictions_; use the same y, cv, n_repeats, groups "
                "and random_state for both."
            )
    named = [p["object_id"].to_numpy() != p["position"].to_numpy() for p in (ours, theirs)]
    if all(n.any() for n in named):
        differ = ours["object_id"].to_numpy() != theirs["object_id"].to_numpy()
        if differ.any():
            row = int(differ.argmax())
            raise ValueError(
                f"the reports {names} are about different objects: row {row} of predictions_ is "
                f"{ours['object_id'].iloc[row]} in one, {theirs['object_id'].iloc[row]} in the "
                "other."
            )
