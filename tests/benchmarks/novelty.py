"""Classes left out of training: how well a novelty score finds their objects.

Run from the root of the repository, with the benchmark's tables in the folder that
SKLEARN_TDE_DATA names (or ../shared/data)::

    python tests/benchmarks/novelty.py
    python tests/benchmarks/novelty.py --simulated
    python tests/benchmarks/novelty.py --simulated --ages --only CV AGN

Five folds. In each, every class in turn is left out of the training objects, and all objects of the
other fold are scored. The AUC is that of the objects left out against those of the classes that
were trained on: against all of them, in the mix of the sample ("pooled"), and against one class
after the other, averaged ("by class"), with 95 % intervals of a stratified bootstrap of the
objects. "Found" is the share of the class left out that the detector flags; "false alarms", by
class, the share of the objects of training classes. With ``--simulated`` the classes are simulated
ones, among them cataclysmic variables, which the real sample does not have.

With ``--ages`` the objects that are scored are cut so many days after their first detection, and
the detector is trained twice: on whole light curves alone, and on their earlier states as well.
Two folds; the AUC is the pooled one.
"""

from __future__ import annotations

import argparse
import runpy
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.covariance import LedoitWolf
from sklearn.ensemble import ExtraTreesClassifier, IsolationForest
from sklearn.impute import SimpleImputer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import FunctionTransformer, RobustScaler

from sklearn_tde import LightCurveFeatures, make_transients
from sklearn_tde.novelty import TransientNoveltyDetector
from sklearn_tde.preprocessing import LightCurveTruncator
from sklearn_tde.sampling import PartialLightCurveSampler

ACCURACY = runpy.run_path(str(Path(__file__).with_name("accuracy.py")))
SIMULATED = {
    "n_tde": 150,
    "n_sn_ia": 400,
    "n_sn_ii": 200,
    "n_sn_ibc": 100,
    "n_sn_iin": 100,
    "n_slsn": 80,
    "n_agn": 150,
    "n_cv": 150,
}
#: Days since the first detection at which light curves are cut; infinite for whole ones.
AGES = (5.0, 10.0, 20.0, 50.0, np.inf)
SAMPLERS = {"whole light curves": None, "earlier states, too": PartialLightCurveSampler()}


def trees(seed: int) -> ExtraTreesClassifier:
    """Return the classifier that the detector has by default."""
    return ExtraTreesClassifier(200, max_features=0.3, class_weight="balanced", random_state=seed)


def isolation(train, y, test, seed: int) -> np.ndarray:
    """Isolation forest of all training objects."""
    forest = IsolationForest(n_estimators=100, random_state=seed).fit(train)
    return forest.score_samples(test)


def isolation_by_class(train, y, test, seed: int) -> np.ndarray:
    """Isolation forest of each class; the best score counts."""
    return np.max([isolation(train[y == c], None, test, seed) for c in np.unique(y)], axis=0)


def mahalanobis(train, y, test, seed: int) -> np.ndarray:
    """Shrunken Mahalanobis distance to the nearest class, in scaled features."""
    scaler = RobustScaler().fit(train)
    train, test = (np.arcsinh(scaler.transform(part)) for part in (train, test))
    distances = [LedoitWolf().fit(train[y == c]).mahalanobis(test) for c in np.unique(y)]
    return -np.min(distances, axis=0)


def proximity(train, y, test, seed: int) -> np.ndarray:
    """Share of trees in which the ten closest training objects have the object's leaf."""
    forest = trees(seed).fit(train, y)
    known, leaves = forest.apply(train), forest.apply(test)
    shared = np.zeros((len(test), len(train)))
    for number in range(known.shape[1]):
        shared += leaves[:, [number]] == known[:, number]
    return np.sort(shared, axis=1)[:, -10:].mean(axis=1)


def largest_probability(train, y, test, seed: int) -> np.ndarray:
    """How sure the classifier is of its class."""
    return trees(seed).fit(train, y).predict_proba(test).max(axis=1)


#: Higher scores for more normal objects, from features without gaps.
RIVALS = {
    "isolation forest": isolation,
    "isolation forest per class": isolation_by_class,
    "Mahalanobis per class": mahalanobis,
    "leaf proximity": proximity,
    "largest probability": largest_probability,
}


def score_fold(table, y, train, test, seed: int) -> pd.DataFrame:
    """Return the scores of the test objects, and whether the detector flags them."""
    imputer = SimpleImputer(keep_empty_features=True, strategy="median").fit(table[train])
    filled = [imputer.transform(table[rows]) for rows in (train, test)]
    scores = {name: rival(filled[0], y[train], filled[1], seed) for name, rival in RIVALS.items()}
    options = {"features": FunctionTransformer(), "random_state": seed}
    alone = TransientNoveltyDetector(**options).fit(table[train])
    scores["distance"] = alone.score_samples(table[test])
    detector = TransientNoveltyDetector(**options).fit(table[train], y[train])
    scores["detector"] = detector.score_samples(table[test])
    scores["flagged"] = detector.decision_function(table[test]) < 0
    return pd.DataFrame(scores, index=test)


def auc(novel: np.ndarray, normal: np.ndarray) -> float:
    """Return the chance that a novel object scores lower than a normal one."""
    return roc_auc_score(np.repeat([1, 0], [len(novel), len(normal)]), -np.r_[novel, normal])


def both_aucs(score: np.ndarray, y: np.ndarray, left_out: str) -> tuple[float, float]:
    """Return the AUC against all objects of the training classes, and the mean over classes."""
    novel, others = score[y == left_out], [c for c in np.unique(y) if c != left_out]
    by_class = [auc(novel, score[y == c]) for c in others]
    return auc(novel, score[y != left_out]), float(np.mean(by_class))


def with_interval(score: np.ndarray, y: np.ndarray, left_out: str, n_draws: int) -> np.ndarray:
    """Return both AUCs, each with the ends of its interval, shape (2, 3)."""
    rng = np.random.default_rng(0)
    members = [np.flatnonzero(y == c) for c in np.unique(y)]
    draws = []
    for _ in range(n_draws):
        rows = np.concatenate([rng.choice(m, len(m)) for m in members])
        draws.append(both_aucs(score[rows], y[rows], left_out))
    ends = np.quantile(draws, [0.025, 0.975], axis=0)
    return np.vstack([both_aucs(score, y, left_out), ends]).T


def leave_out(table: np.ndarray, y: np.ndarray, left_out: str, seed: int) -> pd.DataFrame:
    """Return the scores of all objects when a class is not trained on."""
    folds = StratifiedKFold(5, shuffle=True, random_state=seed).split(table, y)
    parts = [score_fold(table, y, train[y[train] != left_out], test, seed) for train, test in folds]
    return pd.concat(parts).sort_index()


def score_ages(X: pd.DataFrame, y: np.ndarray, left_out: str, seed: int) -> pd.DataFrame:
    """Return score and flag of every object at every age, by either training."""
    cuts = {age: LightCurveTruncator(age=age).transform(X) for age in AGES[:-1]} | {np.inf: X}
    parts = []
    for train, test in StratifiedKFold(2, shuffle=True, random_state=seed).split(X, y):
        train = train[y[train] != left_out]
        for name, sampler in SAMPLERS.items():
            detector = TransientNoveltyDetector(sampler=sampler, cv=3, random_state=seed)
            detector.fit(X.iloc[train], y[train])
            for age, cut in cuts.items():
                with warnings.catch_warnings():
                    # That the young ones have few features is what is measured.
                    warnings.filterwarnings("ignore", "X: .*features", UserWarning)
                    score = detector.score_samples(cut.iloc[test])
                columns = {"training": name, "age": age, "class": y[test], "score": score}
                parts.append(pd.DataFrame(columns | {"flagged": ~(score >= detector.offset_)}))
    return pd.concat(parts, ignore_index=True)


def print_ages(X: pd.DataFrame, y: np.ndarray, left_out: str, seed: int) -> None:
    """Print how well the objects left out are found at each age, and who is flagged."""
    scores = score_ages(X, y, left_out, seed)
    groups = scores.groupby(["training", "age"], sort=False)
    found = pd.DataFrame(
        {
            "AUC": groups[["class", "score"]].apply(
                lambda part: both_aucs(part["score"].to_numpy(), part["class"], left_out)[0]
            ),
            "all others": groups[["class", "flagged"]].apply(
                lambda part: part["flagged"][part["class"] != left_out].mean()
            ),
        }
    )
    by_class = scores.groupby(["training", "age", "class"], sort=False)["flagged"].mean()
    print(f"\n{left_out} left out: AUC, and the share flagged")
    print(found.join(by_class.unstack("class")).round(2).to_string(), flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulated", action="store_true")
    parser.add_argument("--only", nargs="*", default=None, help="classes to leave out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--draws", type=int, default=300)
    parser.add_argument("--ages", action="store_true", help="score young light curves")
    args = parser.parse_args()
    if args.simulated:
        X, y = make_transients(**SIMULATED, random_state=0)
    else:
        X, y = ACCURACY["load_ztf"](classes=None)
    y = np.asarray(y)
    if args.ages:
        for left_out in args.only or np.unique(y):
            print_ages(X, y, left_out, args.seed)
        return
    table = LightCurveFeatures().fit_transform(X)
    rows, flags = [], []
    for left_out in args.only or np.unique(y):
        scores = leave_out(table, y, left_out, args.seed)
        flagged = scores.pop("flagged").to_numpy()
        flags.append(pd.Series(flagged).groupby(y).mean().rename(left_out))
        for name, score in scores.items():
            pooled, by_class = with_interval(score.to_numpy(), y, left_out, args.draws)
            rows.append((left_out, name, *pooled, *by_class))
        part = pd.DataFrame(rows[-len(scores.columns) :]).round(3)
        print(part.to_string(index=False, header=False), flush=True)
    columns = ["left out", "score", "pooled", "low", "high", "by class", "low ", "high "]
    result = pd.DataFrame(rows, columns=columns)
    print(result.groupby("score", sort=False)[["pooled", "by class"]].mean().round(3))
    print("\nshare flagged; left out in rows, true classes in columns (the diagonal is found)")
    print(pd.DataFrame(flags).round(3).to_string())


if __name__ == "__main__":
    main()
