"""The page of the documentation that explains every column."""

import re
from itertools import product
from pathlib import Path

import pytest

from sklearn_tde.preprocessing import LightCurveFeatures
from sklearn_tde.preprocessing._feature_groups import GROUPS

PAGE = Path(__file__).parents[2] / "docs" / "features.rst"


def expanded(pattern):
    """Return the names that a pattern with braces stands for."""
    parts = [part.split(",") for part in re.split(r"[{}]", pattern)]
    return ["".join(choice) for choice in product(*parts)]


def sections():
    """Return the names in the tables of each group, as they are for the bands g and r."""
    found = {}
    for section in re.split(r'\n(?="\w+"\n-+\n)', PAGE.read_text(encoding="utf-8"))[1:]:
        patterns = re.findall(r"\* - ``(.+)``", section)
        names = [name for pattern in patterns for name in expanded(pattern)]
        in_r = [re.sub(r"_g(?=_|$)", "_r", name) for name in names if "_g_r" not in name]
        found[section.split('"')[1]] = {*names, *in_r}
    return found


@pytest.mark.parametrize("group", GROUPS)
def test_every_column_is_explained_and_no_other(group):
    features = LightCurveFeatures(groups=(group,), rest_frame=True)
    assert sections()[group] == set(features.get_feature_names_out())


def test_the_page_says_which_groups_are_the_default():
    text = PAGE.read_text(encoding="utf-8")
    said = re.findall(r'\n"(\w+)"\n-+\n\nDefault', text)
    assert said == list(LightCurveFeatures().groups)
    assert len(re.findall(r'\n"(\w+)"\n-+\n\nNot among the default', text)) + len(said) == len(
        GROUPS
    )
