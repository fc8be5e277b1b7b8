"""Paired comparison of two early classification reports."""

from __future__ import annotations

from numbers import Integral, Real

import pandas as pd
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from ._comparison import check_comparable
from ._early_cuts import AGE, N_DETECTIONS
from ._early_report import EarlyClassificationReport
from ._early_scores import by_metric
from ._scores import percentile_interval


@validate_params(
    {
        "report": [EarlyClassificationReport],
        "baseline": [EarlyClassificationReport],
        "by": [StrOptions({AGE, N_DETECTIONS, "peak"})],
        "n_bootstrap": [Interval(Integral, 1, None, closed="left")],
        "confidence_level": [Interval(Real, 0, 1, closed="neither")],
        "random_state": [Interval(Integral, 0, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def compare_early_reports(
    report: EarlyClassificationReport,
    baseline: EarlyClassificationReport,
    *,
    by: str = "age",
    n_bootstrap: int = 2000,
    confidence_level: float = 0.95,
    random_state: int = 0,
) -> pd.DataFrame:
    """Compare two estimators on the same objects, folds and cuts.

    As in :func:`compare_reports`, each bootstrap draw of objects is applied to both, and the
    interval is that of the difference.

    Parameters
    ----------
    report : EarlyClassificationReport
        Report of the one estimator.

    baseline : EarlyClassificationReport
        Report of the other, on the same objects, labels, folds, repeats and cuts, with the same
        `precision` and `recall`. Whether they were trained anew for each cut may differ.

    by : {"age", "n_detections", "peak"}, default="age"
        Which of the tables to compare.

    n_bootstrap : int, default=2000
        Number of bootstrap draws of objects, stratified by class.

    confidence_level : float, default=0.95
        Level of the intervals.

    random_state : int, default=0
        Seed of the bootstrap.

    Returns
    -------
    comparison : DataFrame of shape (n_metrics * n_cuts, 6)
        One row per metric and cut: the pooled `value` of `report` and of the `baseline`;
        `difference`, the first minus the second; `low` and `high`, the paired bootstrap interval of
        the difference; `repeat_sd`, the standard deviation of the difference between repeats (NaN
        for one repeat). A larger value is better, but for the Brier score and the log loss, and
        for the calibration, whose slope is best at 1 and whose intercept at 0.

    Raises
    ------
    ValueError
        If the reports are about different objects, labels, folds, cuts, positive classes or
        levels.

    See Also
    --------
    early_classification_report : Makes the reports.
    compare_reports : Paired comparison on whole light curves.

    Examples
    --------
    >>> from sklearn_tde import make_feature_pipeline, make_transients
    >>> from sklearn_tde.evaluation import compare_early_reports, early_classification_report
    >>> X, y = make_transients(n_tde=20, n_sn_ia=60, random_state=0)
    >>> model = make_feature_pipeline().set_params(classifier__n_estimators=50)
    >>> options = {"ages": (20, 50), "n_detections": (), "cv": 2, "n_bootstrap": 200}
    >>> one_for_all = early_classification_report(model, X, y, **options)
    >>> anew = early_classification_report(model, X, y, retrain=True, **options)
    >>> comparison = compare_early_reports(anew, one_for_all, n_bootstrap=200)
    >>> comparison.loc["brier_skill", ["difference", "low", "high"]].round(1)
          difference  low  high
    age
    20.0         0.1 -0.1   0.3
    50.0         0.1 -0.0   0.2
    """
    _check_same_cuts(report, baseline)
    check_comparable(report, baseline)
    draws = report._bootstrap(by, n_bootstrap, random_state)
    # The same seed and strata: the same objects are drawn for both.
    baseline_draws = baseline._bootstrap(by, n_bootstrap, random_state)
    groups, baseline_groups = report._groups[by], baseline._groups[by]
    rows = {}
    for key, group in groups.items():
        scores, others = group.repeat_scores(), baseline_groups[key].repeat_scores()
        # A report whose labels are known from its predictions alone may lack the macro scores.
        for metric in [metric for metric in scores if metric in others]:
            difference = draws[key][metric] - baseline_draws[key][metric]
            low, high = percentile_interval(difference, confidence_level)
            by_repeat = scores[metric] - others[metric]
            rows[metric, key] = {
                "value": scores[metric].mean(skipna=False),
                "baseline": others[metric].mean(skipna=False),
                "difference": by_repeat.mean(skipna=False),
                "low": low,
                "high": high,
                "repeat_sd": by_repeat.std(skipna=False),
            }
    return by_metric(rows, by)


def _check_same_cuts(report, baseline):
    names = f"{report.name!r} and {baseline.name!r}"
    for cut, parameter in ((AGE, "ages"), (N_DETECTIONS, "n_detections")):
        ours, theirs = (
            sorted(r.predictions_.loc[r.predictions_["cut"] == cut, "cut_value"].unique().tolist())
            for r in (report, baseline)
        )
        if ours != theirs:
            raise ValueError(f"the reports {names} have different {parameter}: {ours}, {theirs}.")
    for parameter in ("precision", "recall", "since", "detection_snr"):
        ours, theirs = getattr(report, parameter), getattr(baseline, parameter)
        if ours != theirs:
            raise ValueError(
                f"the reports {names} have different levels or clocks: {parameter}={ours!r} and "
                f"{parameter}={theirs!r}."
            )
