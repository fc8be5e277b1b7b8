"""How often sets of classes hold the true one, and how large they are."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest
from sklearn.utils._param_validation import Interval, validate_params

from ._checks import check_per_object


@validate_params(
    {
        "sets": ["array-like"],
        "y_true": ["array-like"],
        "classes": ["array-like"],
        "by": ["array-like", None],
        "confidence_level": [Interval(Real, 0, 1, closed="neither")],
    },
    prefer_skip_nested_validation=True,
)
def coverage_report(
    sets: Any,
    y_true: Any,
    classes: Any,
    *,
    by: Any = None,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """Count how often sets of classes hold the true one, and how large they are.

    Parameters
    ----------
    sets : array-like of shape (n_objects, n_classes), dtype bool
        Whether a class is in the set of an object, such as
        :meth:`ConformalTransientClassifier.predict_set
        <sklearn_tde.calibration.ConformalTransientClassifier.predict_set>` returns them for
        objects that had no part in its `fit`.
    y_true : array-like of shape (n_objects,)
        The true classes.
    classes : array-like of shape (n_classes,)
        The class of each column of `sets`.
    by : array-like of shape (n_objects,) or None, default=None
        A bin for each object, such as one of age: every class is reported bin by bin. Missing
        bins are refused. None: no bins.
    confidence_level : float, default=0.95
        Level of the intervals of the coverage.

    Returns
    -------
    report : DataFrame of shape (n_classes or n_classes * n_bins, 7)
        One row per class that has objects, in the order of `classes` and named in the index, with
        a second level for the bin if there is `by`. `n_objects`; `coverage`, the share of the
        objects with the true class in the set; `low`, `high`, its Clopper-Pearson interval [1]_;
        `single`, the share with one class in the set; `empty`, with none; `mean_size` of the sets.

    Raises
    ------
    ValueError
        If the lengths differ, `sets` holds other values than true and false, classes repeat, or a
        true class is not among them.

    See Also
    --------
    sklearn_tde.inspection.ConformalCoverageDisplay : The same as a picture.

    Notes
    -----
    The intervals are for rows that are independent of each other. Several light curves of one
    object, such as it was at several ages, are not: put them into different bins. They are about
    the luck of these objects; that of the n objects of a class that calibrated the sets moves the
    coverage itself, with a standard deviation of about the root of 0.09 / n at 0.9.

    References
    ----------
    .. [1] Clopper, C. J., and Pearson, E. S. (1934). The use of confidence or fiducial limits
           illustrated in the case of the binomial. Biometrika 26, 404-413.

    Examples
    --------
    >>> from sklearn_tde.evaluation import coverage_report
    >>> sets = [[True, False], [True, True], [False, True], [True, False]]
    >>> y_true = ["SN Ia", "SN Ia", "TDE", "TDE"]
    >>> coverage_report(sets, y_true, ["SN Ia", "TDE"])[["n_objects", "coverage", "single"]]
           n_objects  coverage  single
    class
    SN Ia          2       1.0     0.5
    TDE            2       0.5     1.0
    """
    sets = _check_sets(sets)
    rows = np.arange(len(sets))
    y_true = check_per_object(y_true, "y_true", rows)
    classes = pd.Index(np.asarray(classes))
    if len(classes) != sets.shape[1] or not classes.is_unique:
        raise ValueError(
            f"classes holds {classes.tolist()}; expected a different one for each of the "
            f"{sets.shape[1]} columns of sets."
        )
    codes = classes.get_indexer(y_true)
    if (codes < 0).any():
        position = int(np.argmax(codes < 0))
        raise ValueError(
            f"y_true has {y_true.tolist()[position]!r} at position {position}; expected one of "
            f"{classes.tolist()}."
        )
    size = sets.sum(axis=1)
    table = pd.DataFrame(
        {
            "class": pd.Categorical.from_codes(codes, classes),
            "covered": sets[rows, codes],
            "single": size == 1,
            "empty": size == 0,
            "size": size,
        }
    )
    keys = ["class"]
    if by is not None:
        table["bin"] = check_per_object(by, "by", rows)
        keys.append("bin")
    report = table.groupby(keys, observed=True).agg(
        n_objects=("covered", "size"),
        coverage=("covered", "mean"),
        n_covered=("covered", "sum"),
        single=("single", "mean"),
        empty=("empty", "mean"),
        mean_size=("size", "mean"),
    )
    ends = [
        binomtest(int(k), int(n)).proportion_ci(confidence_level)
        for k, n in zip(report.pop("n_covered"), report["n_objects"], strict=True)
    ]
    report.insert(2, "low", [end.low for end in ends])
    report.insert(3, "high", [end.high for end in ends])
    return report


def _check_sets(sets: Any) -> np.ndarray:
    sets = np.asarray(sets)
    if sets.ndim != 2:
        raise ValueError(f"sets has {sets.ndim} dimensions; expected two, a column for each class.")
    if sets.dtype != bool and not np.isin(sets, (0, 1)).all():
        raise ValueError(f"sets holds {sets.dtype} values; expected true and false.")
    return sets.astype(bool)
