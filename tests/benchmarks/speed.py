"""Speed, against a straightforward implementation of the reference recipe in the same run.

Run from the root of the repository, with the benchmark's tables in the folder that
SKLEARN_TDE_DATA names (or ../shared/data); without them the light curves are simulated::

    python tests/benchmarks/speed.py                   # everything but the slow blocks
    python tests/benchmarks/speed.py gridding predict  # some blocks
    python tests/benchmarks/speed.py scaling cross-validation  # the slow ones
    python tests/benchmarks/speed.py --stored          # the tables of earlier runs again

The reference (_speed/reference_recipe.py) is a loop of ``numpy.interp`` over the objects and a
plain torch network that reads all 300 steps, in batches of 128 and float32. Both get the same
objects and take turns, so that other work on the machine slows down both. A ratio is how many
times quicker the package is: the median, the least and the largest of the turns. Processor time
is that of one thread; wall time is the better of one thread and ``--threads``. Every timing goes
to ``--output``, one file per block.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from _speed import machine, objects, processes, trajectories
from _speed.examples import REPOSITORY, Examples, Settings
from _speed.report import Report

BLOCKS = {
    "gridding": objects.gridding,
    "features": objects.features,
    "epoch": objects.epoch,
    "predict": objects.predict,
    "alert": objects.alert,
    "trajectory": trajectories.trajectory,
    "import": processes.imports,
    "machine": machine.machine,
    "memory": processes.memory,
    "scaling": processes.scaling,
    "cross-validation": processes.cross_validation,
}
SLOW = ("scaling", "cross-validation")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    default = Settings()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "blocks", nargs="*", metavar="BLOCK", help=f"{', '.join(BLOCKS)}; default: all but {SLOW}"
    )
    parser.add_argument("--repeats", type=int, default=default.repeats, help="turns of each timing")
    parser.add_argument("--threads", type=int, default=default.threads, help="for the wall times")
    parser.add_argument("--calls", type=int, default=default.calls, help="single alerts")
    parser.add_argument(
        "--objects", type=int, default=default.objects, help="the larger sample of gridding"
    )
    parser.add_argument(
        "--largest", type=float, default=default.largest, help="last size of scaling"
    )
    parser.add_argument("--data", choices=["auto", "ztf", "simulated"], default=default.data)
    parser.add_argument("--n-tde", type=int, default=default.n_tde, help="simulated TDEs")
    parser.add_argument("--n-sn-ia", type=int, default=default.n_sn_ia, help="simulated SNe Ia")
    parser.add_argument("--epochs", type=int, default=None, help="default: the pipeline's own")
    parser.add_argument("--output", type=Path, default=REPOSITORY / "results" / "speed")
    parser.add_argument("--stored", action="store_true", help="print what --output holds")
    return parser


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and store what the command line asks for."""
    parser = make_parser()
    options = vars(parser.parse_args(arguments))
    blocks, output, stored = (options.pop(name) for name in ("blocks", "output", "stored"))
    for block in blocks:
        if block not in BLOCKS:
            parser.error(f"there is no block {block!r}; expected some of {', '.join(BLOCKS)}")
    if stored:
        print_stored(output, blocks or list(BLOCKS))
        return
    settings = Settings(**options | {"largest": int(options["largest"])})
    output.mkdir(parents=True, exist_ok=True)
    facts = machine.facts()
    with tempfile.TemporaryDirectory() as folder:
        examples = Examples(settings, Path(folder))
        facts["light curves"] = f"{len(examples.X):,} {'real' if examples.real else 'simulated'}"
        print_facts(facts)
        for block in blocks or [name for name in BLOCKS if name not in SLOW]:
            report = BLOCKS[block](examples)
            report.print()
            report.write(output, facts)


def print_facts(facts: dict[str, str]) -> None:
    """Print what the numbers depend on."""
    for name, value in facts.items():
        print(f"{name:<13} {value}")


def print_stored(folder: Path, blocks: list[str]) -> None:
    """Print the tables of earlier runs."""
    for block in blocks:
        path = folder / f"{block}.json"
        if path.exists():
            report, facts = Report.read(path)
            print_facts(facts)
            report.print()


if __name__ == "__main__":
    main()
