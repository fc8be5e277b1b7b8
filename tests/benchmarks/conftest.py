"""The modules of the speed benchmark import each other as scripts do, which pytest's way cannot."""

collect_ignore = ["speed.py", "_speed"]
