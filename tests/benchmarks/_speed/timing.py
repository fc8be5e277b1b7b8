"""Clocks that take turns, and the peak of memory."""

from __future__ import annotations

import ctypes
import gc
import math
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import torch

#: Seconds that one timing takes at least: quicker functions are called several times.
SHORTEST = 0.1
_MEGABYTE = 2**20
_STATUS = Path("/proc/self/status")


@dataclass
class Samples:
    """Seconds per call of one function: of the processor on one thread, of the clock at best."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)


def seconds(function: Callable[[], object], number: int = 1) -> tuple[float, float]:
    """Return the processor's and the clock's seconds per call."""
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(number):
        function()
    return (time.process_time() - cpu) / number, (time.perf_counter() - wall) / number


def take_turns(
    functions: dict[str, Callable[[], object]], repeats: int, threads: int
) -> dict[str, Samples]:
    """Time functions in turns, so that a busy spell of the machine meets all of them.

    Each is called once before, to warm up. In every turn all run once with torch on one thread,
    whose processor time counts, and once with `threads`; of the two wall times the shorter one
    counts, as threads that wait for each other on a busy machine are the slower choice.
    """
    numbers = {}
    torch.set_num_threads(1)
    for name, function in functions.items():
        once = seconds(function)[0]
        if once < SHORTEST:
            once = seconds(function)[0]
        numbers[name] = math.ceil(SHORTEST / max(once, 1e-5))
    samples = {name: Samples() for name in functions}
    for _ in range(repeats):
        on_one = {name: seconds(function, numbers[name]) for name, function in functions.items()}
        on_all = on_one
        if threads > 1:
            torch.set_num_threads(threads)
            on_all = {name: seconds(functions[name], numbers[name]) for name in functions}
            torch.set_num_threads(1)
        for name in functions:
            samples[name].cpu.append(on_one[name][0])
            samples[name].wall.append(min(on_one[name][1], on_all[name][1]))
    return samples


class PeakMemory:
    """How many megabytes a block of code takes at its peak above what was there before.

    Where the system cannot forget an earlier peak (only Linux can), it counts from that one.
    """

    def __enter__(self) -> PeakMemory:
        give_back_memory()
        self.before = resident_megabytes()
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            self.before = max(self.before, peak_megabytes())
        return self

    def __exit__(self, *error: object) -> None:
        self.megabytes = peak_megabytes() - self.before


def give_back_memory() -> None:
    """Let the allocators return what is free: what they keep would hide a part of the next peak."""
    gc.collect()
    pa.default_memory_pool().release_unused()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def resident_megabytes() -> float:
    """Return the memory of this process now, or its peak where only that is known."""
    return _status("VmRSS") if _STATUS.exists() else peak_megabytes()


def peak_megabytes() -> float:
    """Return the largest memory of this process so far, on Linux since it was last reset."""
    if _STATUS.exists():
        return _status("VmHWM")
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / _MEGABYTE


def _status(name: str) -> float:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


def children_cpu() -> float:
    """Return the processor's seconds of the child processes that have ended."""
    times = os.times()
    return times.children_user + times.children_system
