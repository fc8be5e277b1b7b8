"""The modules of the benchmarks import each other as scripts do, which pytest's way cannot."""

collect_ignore = ["speed.py", "_speed", "proof.py", "_proof"]
