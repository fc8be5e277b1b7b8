"""Coverage of conformal sets on real light curves, whole and young.

Run from the root of the repository, with the benchmark's tables in the folder that
SKLEARN_TDE_DATA names (or ../shared/data)::

    python tests/benchmarks/coverage.py ia
    python tests/benchmarks/coverage.py all --level 0.9

For each outer fold the sets of the recommended classifier, one model with bins of age, and those of
a random forest on 34 features, trained and calibrated anew on light curves cut at each age, are
counted on the objects left out, cut alike.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from _proof.models import forest
from _proof.tasks import load_task
from sklearn.model_selection import StratifiedKFold

from sklearn_tde import (
    ConformalTransientClassifier,
    EnsembleTransientClassifier,
    LightCurveTruncator,
    coverage_report,
    make_tde_classifier,
)

AGES = (5, 10, 20, 30, 50, np.inf)


def measure(task: str, seed: int, level: float) -> pd.DataFrame:
    """Return the true class and the set of every object, by model and age."""
    X, y = load_task(task)
    at_age = {age: LightCurveTruncator(age=age).fit_transform(X) for age in AGES[:-1]} | {np.inf: X}
    splitter = StratifiedKFold(5, shuffle=True, random_state=seed)
    rows = []
    for train, test in splitter.split(y, y):
        model = make_tde_classifier(random_state=seed, verbose=0)
        ours = ConformalTransientClassifier(model, confidence_level=level, bins="age")
        ours.fit(X.iloc[train], y[train])
        for age, cut in at_age.items():
            trees = EnsembleTransientClassifier(
                [("forest", forest(task))], random_state=seed, verbose=0
            )
            theirs = ConformalTransientClassifier(trees, confidence_level=level)
            theirs.fit(cut.iloc[train], y[train])
            for name, sets in {"recommended": ours, "forest": theirs}.items():
                table = pd.DataFrame(sets.predict_set(cut.iloc[test]), columns=sets.classes_)
                rows.append(table.assign(true=y[test], model=name, age=age))
    return pd.concat(rows, ignore_index=True)


def main() -> None:
    """Print coverage by model, age and class."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=["ia", "all"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--level", type=float, default=0.9)
    args = parser.parse_args()
    found = measure(args.task, args.seed, args.level)
    classes = np.unique(found["true"])
    for model, of_model in found.groupby("model"):
        sets = of_model[classes].to_numpy()
        table = coverage_report(sets, of_model["true"].to_numpy(), classes, by=of_model["age"])
        print(f"\n{model}\n{table.round(3).to_string()}")
        single = of_model[classes].sum(axis=1).eq(1).groupby(of_model["age"]).mean()
        print(f"share of sets with a single class, all objects\n{single.round(3).to_string()}")


if __name__ == "__main__":
    main()
