"""How often sets hold the true class, counted by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta

from sklearn_tde.evaluation import coverage_report

CLASSES = ["SN Ia", "TDE", "AGN"]
SETS = np.array(
    [[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0], [0, 1, 1], [1, 0, 0], [1, 1, 1]], dtype=bool
)
Y = ["SN Ia", "SN Ia", "SN Ia", "SN Ia", "TDE", "TDE", "TDE"]


def test_every_class_is_counted():
    report = coverage_report(SETS, Y, CLASSES)
    assert report.index.tolist() == ["SN Ia", "TDE"]
    assert report["n_objects"].tolist() == [4, 3]
    assert report["coverage"].tolist() == [2 / 4, 2 / 3]
    assert report["single"].tolist() == [2 / 4, 1 / 3]
    assert report["empty"].tolist() == [1 / 4, 0]
    assert report["mean_size"].tolist() == [1, 2]


def test_intervals_are_those_of_clopper_and_pearson():
    report = coverage_report(SETS, Y, CLASSES, confidence_level=0.9)
    np.testing.assert_allclose(report.loc["SN Ia", "low"], beta.ppf(0.05, 2, 3))
    np.testing.assert_allclose(report.loc["SN Ia", "high"], beta.ppf(0.95, 3, 2))
    wide = coverage_report(SETS, Y, CLASSES)
    assert (wide["low"] < report["low"]).all()
    all_covered = coverage_report([[True], [True]], ["a", "a"], ["a"])
    assert all_covered.loc["a", "high"] == 1
    np.testing.assert_allclose(all_covered.loc["a", "low"], 0.025**0.5)


def test_bins_are_reported_one_by_one():
    age = [30, 5, 30, 5, 5, 30, 30]
    report = coverage_report(SETS, Y, CLASSES, by=age)
    assert report.index.tolist() == [("SN Ia", 5), ("SN Ia", 30), ("TDE", 5), ("TDE", 30)]
    assert report["coverage"].tolist() == [1 / 2, 1 / 2, 1, 1 / 2]
    for number in (5, 30):
        there = np.array(age) == number
        alone = coverage_report(SETS[there], np.array(Y)[there], CLASSES)
        pd.testing.assert_frame_equal(
            report.xs(number, level="bin"), alone, check_index_type=False, check_categorical=False
        )


def test_columns_are_found_by_their_class():
    order = [2, 0, 1]
    turned = coverage_report(SETS[:, order], Y, np.array(CLASSES)[order])
    expected = coverage_report(SETS, Y, CLASSES)
    assert turned["coverage"].to_dict() == expected["coverage"].to_dict()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sets": SETS[0]}, "sets has 1 dimensions"),
        ({"sets": SETS * 0.5}, "sets holds float64 values"),
        ({"classes": ["SN Ia", "TDE"]}, "a different one for each of the 3 columns"),
        ({"classes": ["SN Ia", "TDE", "TDE"]}, "a different one for each"),
        ({"classes": ["SN Ia", "CV", "AGN"]}, "y_true has 'TDE' at position 4"),
        ({"y_true": Y[1:]}, "y_true must have one value per object: X has 7 objects"),
        ({"by": [1, 2]}, "by must have one value per object"),
        ({"by": [1, 2, 3, None, 1, 1, 1]}, "by is missing"),
    ],
)
def test_what_makes_no_sense_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        coverage_report(**{"sets": SETS, "y_true": Y, "classes": CLASSES, **change})
