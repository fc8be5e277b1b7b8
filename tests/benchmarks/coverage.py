"""Coverage of conformal sets on real light curves, whole and young.

Run from the root of the repository, with the benchmark's tables in the folder that
SKLEARN_TDE_DATA names (or ../shared/data)::

    python tests/benchmarks/coverage.py ia
    python tests/benchmarks/coverage.py all --level 0.9

For each outer fold the sets of the recommended classifier, in bins of age, and of a random forest
on 34 features are calibrated on the training part, and counted on the objects left out: on their
whole light curves, and on those cut at several ages.
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


def models(task: str, seed: int) -> dict[str, tuple[object, str | None]]:
    """Return the classifiers, and their bins."""
    return {
        "recommended": (make_tde_classifier(random_state=seed, verbose=0), "age"),
        "forest": (
            EnsembleTransientClassifier([("forest", forest(task))], random_state=seed, verbose=0),
            None,
        ),
    }


def measure(task: str, seed: int, level: float) -> pd.DataFrame:
    """Return the true class and the set of every object, by model and age."""
    X, y = load_task(task)
    splitter = StratifiedKFold(5, shuffle=True, random_state=seed)
    rows = []
    for train, test in splitter.split(y, y):
        for name, (model, bins) in models(task, seed).items():
            sets = ConformalTransientClassifier(model, confidence_level=level, bins=bins)
            sets.fit(X.iloc[train], y[train])
            for age in AGES:
                cut = X.iloc[test]
                if np.isfinite(age):
                    cut = LightCurveTruncator(age=age).fit_transform(cut)
                table = pd.DataFrame(sets.predict_set(cut), columns=sets.classes_)
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
