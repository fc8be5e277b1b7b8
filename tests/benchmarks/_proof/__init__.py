"""Parts of the proof of accuracy, tests/benchmarks/proof.py."""
