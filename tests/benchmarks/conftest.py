"""The modules of the benchmarks import each other as scripts do, which pytest's way cannot."""

collect_ignore = [
    "_proof",
    "_speed",
    "accuracy.py",
    "coverage.py",
    "imbalance.py",
    "novelty.py",
    "proof.py",
    "speed.py",
]
