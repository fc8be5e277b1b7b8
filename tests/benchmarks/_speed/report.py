"""Rows of results: printed as a table, stored with every timing they come from."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .timing import Samples

COLUMNS = ["measured", "clock", "unit", "reference", "package", "ratio", "min", "max", "target"]


def microseconds_per(n: int) -> tuple[str, Callable[[float], float]]:
    """Show seconds as microseconds per object."""
    return "us/object", lambda value: value * 1e6 / n


def objects_per_second(n: int) -> tuple[str, Callable[[float], float]]:
    """Show seconds as objects per second."""
    return "objects/s", lambda value: n / value


def as_seconds() -> tuple[str, Callable[[float], float]]:
    """Show seconds."""
    return "s", lambda value: value


class Report:
    """What one block of the benchmark has measured."""

    def __init__(self, block: str, title: str) -> None:
        self.block, self.title = block, title
        self.rows: list[dict[str, Any]] = []
        self.raw: dict[str, Any] = {}
        self.notes: list[str] = []

    def compare(
        self,
        measured: str,
        clock: str,
        reference: Sequence[float],
        package: Sequence[float],
        *,
        shown: tuple[str, Callable[[float], float]],
        target: str = "",
    ) -> None:
        """Add the seconds of both, measured in turns; the ratio is how much quicker the package is.

        Medians, and the median, the least and the largest of the ratios of the turns.
        """
        unit, show = shown
        ratios = np.divide(reference, package)
        self.rows.append(
            {
                "measured": measured,
                "clock": clock,
                "unit": unit,
                "reference": show(float(np.median(reference))),
                "package": show(float(np.median(package))),
                "ratio": float(np.median(ratios)),
                "min": float(ratios.min()),
                "max": float(ratios.max()),
                "target": target,
            }
        )
        timings = {"reference": list(reference), "package": list(package)}
        self.raw[f"{measured}, {clock}, s"] = timings

    def compare_samples(
        self,
        measured: str,
        reference: Samples,
        package: Samples,
        threads: int,
        *,
        shown: tuple[str, Callable[[float], float]],
        target: str = "",
    ) -> None:
        """Add two rows: processor time on one thread, wall time with up to so many."""
        self.compare(
            measured, "CPU, 1 thread", reference.cpu, package.cpu, shown=shown, target=target
        )
        clock = f"wall, up to {threads}"
        self.compare(measured, clock, reference.wall, package.wall, shown=shown)

    def value(
        self, measured: str, clock: str, unit: str, values: Sequence[float], target: str = ""
    ) -> None:
        """Add what only the package has; of several values the median."""
        row = dict.fromkeys(COLUMNS, "")
        self.rows.append(
            row
            | {
                "measured": measured,
                "clock": clock,
                "unit": unit,
                "package": float(np.median(values)),
                "target": target,
            }
        )
        self.raw[f"{measured}, {clock}, {unit}"] = list(values)

    def note(self, text: str) -> None:
        """Add a line below the table."""
        self.notes.append(text)

    def print(self) -> None:
        """Print title, table and notes."""
        table = pd.DataFrame(self.rows, columns=COLUMNS).map(_short)
        used = [name for name in COLUMNS if (table[name] != "").any()]
        print(f"\n{self.title}\n{'-' * len(self.title)}")
        print(table[used].to_string(index=False))
        for text in self.notes:
            print(text)
        print(flush=True)

    def write(self, folder: Path, machine: dict[str, Any]) -> None:
        """Write everything to ``<block>.json``."""
        (folder / f"{self.block}.json").write_text(
            json.dumps({**vars(self), "machine": machine}, indent=1)
        )

    @classmethod
    def read(cls, path: Path) -> tuple[Report, dict[str, Any]]:
        """Return a report that was written, and the machine it comes from."""
        stored = json.loads(path.read_text())
        machine = stored.pop("machine")
        report = cls(stored["block"], stored["title"])
        vars(report).update(stored)
        return report, machine


def _short(value: Any) -> str:
    """Show three digits, or all of a larger number."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
