"""What the machine is, and how far from its limits the package stays."""

from __future__ import annotations

import mmap
import os
import platform
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import nn

import sklearn_tde
from sklearn_tde import LightCurveGridder

from .examples import Examples
from .report import Report, microseconds_per
from .timing import seconds, take_turns

_PACKAGES = ("torch", "numpy", "pandas", "pyarrow", "scikit-learn", "nested-pandas")
#: Rows and columns of a product that keeps the processor as busy as it can be.
_LARGE = 2048


def facts() -> dict[str, str]:
    """Return the processor, its load and the versions of what is measured."""
    cpu_info = Path("/proc/cpuinfo")
    names = [
        line.partition(":")[2].strip()
        for line in (cpu_info.read_text().splitlines() if cpu_info.exists() else ())
        if line.startswith("model name")
    ]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": str(os.cpu_count()),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "load before": " ".join(f"{load:.1f}" for load in os.getloadavg()),
        "system": platform.platform(),
        "python": platform.python_version(),
        "sklearn_tde": sklearn_tde.__version__,
        **{name: version(name) for name in _PACKAGES},
    }


def machine(examples: Examples) -> Report:
    """Inference against matrix products, gridding against writing memory."""
    report = Report("machine", "Distance from the limits of the machine, on one thread")
    torch.set_num_threads(1)
    _add_products(report, examples)
    _add_copies(report, examples)
    return report


def _add_products(report: Report, examples: Examples) -> None:
    """Compare the operations per second of the recurrent layers with those of matrix products."""
    model, clock = examples.model, "CPU, 1 thread"
    classifier, X = (
        model.named_steps["classifier"],
        model.named_steps["gridder"].transform(examples.X),
    )
    layers = [m for m in classifier.net_.module_.modules() if isinstance(m, nn.LSTM)]
    needed = _read_steps(classifier, X) * sum(map(_operations, layers))
    large = torch.rand(_LARGE, _LARGE)
    rates = {name: [] for name in ("all", "layers", "same shapes", "large")}
    classifier.predict_proba(X)
    for _ in range(examples.settings.repeats):
        with _watched(layers) as watched:
            whole = seconds(lambda: classifier.predict_proba(X))[0]
        rates["all"].append(needed / whole)
        rates["layers"].append(needed / watched.seconds if watched.seconds else float("nan"))
        rates["same shapes"].append(_product_rate(layers, watched.rows or 128))
        rates["large"].append(2 * _LARGE**3 / _product_seconds(large, large))
    gigaflops = {name: (np.array(values) / 1e9).tolist() for name, values in rates.items()}
    rows = watched.rows or 128
    report.value("classifier.predict_proba, all of it", clock, "GFLOP/s", gigaflops["all"])
    report.value("its recurrent layers", clock, "GFLOP/s", gigaflops["layers"])
    report.value(f"products of {rows} rows of one step", clock, "GFLOP/s", gigaflops["same shapes"])
    report.value(f"product of {_LARGE} x {_LARGE}", clock, "GFLOP/s", gigaflops["large"])
    for name, limit in (("same shapes", "products of the same shapes"), ("large", "large product")):
        share = 100 * np.divide(rates["layers"], rates[name])
        report.value(f"recurrent layers against {limit}", clock, "%", share.tolist())
    if watched.steps:
        padding = 100 * (1 - _read_steps(classifier, X) * len(layers) / watched.steps)
        report.value("steps computed that are padding", "", "%", [padding])
    report.note(
        "Operations are 2 x 4 x hidden x (inputs + hidden) per step, layer and direction; steps "
        "that are padding, and everything that is no product, count as nothing."
    )


def _operations(lstm: nn.LSTM) -> int:
    """Return the operations of the products of one step."""
    directions = 2 if lstm.bidirectional else 1
    sizes = [lstm.input_size] + [directions * lstm.hidden_size] * (lstm.num_layers - 1)
    return sum(2 * 4 * lstm.hidden_size * (n + lstm.hidden_size) * directions for n in sizes)


def _read_steps(classifier, X: np.ndarray) -> int:
    """Return how many steps of all objects the network has to read."""
    seen = (X[:, :, X.shape[2] - classifier.n_masks :] > 0).any(axis=2)
    if classifier.steps == "observed":
        return int(seen.sum())
    return int(np.maximum.accumulate(seen[:, ::-1], axis=1).sum())


class _Watch:
    """Time and work of the layers while they are watched."""

    def __init__(self) -> None:
        self.seconds, self.steps, self.batches = 0.0, 0, []

    @property
    def rows(self) -> int:
        """The usual number of objects in a batch, 0 if no batch was seen."""
        return int(statistics.median(self.batches)) if self.batches else 0

    def begin(self, layer: nn.Module, inputs: tuple) -> None:
        self.batches.append(inputs[0].shape[0])
        self.steps += inputs[0].shape[0] * inputs[0].shape[1]
        self.start = time.process_time()

    def end(self, *ignored: object) -> None:
        self.seconds += time.process_time() - self.start


@contextmanager
def _watched(layers: list[nn.LSTM]) -> Iterator[_Watch]:
    """Time the layers alone, whatever calls them."""
    watch = _Watch()
    hooks = [layer.register_forward_pre_hook(watch.begin) for layer in layers]
    hooks += [layer.register_forward_hook(watch.end) for layer in layers]
    try:
        yield watch
    finally:
        for hook in hooks:
            hook.remove()


def _product_rate(layers: list[nn.LSTM], rows: int) -> float:
    """Return the operations per second of the products of one step of every layer alone."""
    spent, operations = 0.0, 0
    for lstm in layers:
        width = _operations(lstm) // (8 * lstm.hidden_size)
        spent += _product_seconds(torch.rand(rows, width), torch.rand(width, 4 * lstm.hidden_size))
        operations += rows * _operations(lstm)
    return operations / spent


def _product_seconds(left: torch.Tensor, right: torch.Tensor) -> float:
    """Return the seconds of one product into memory that is there."""
    out = torch.empty(left.shape[0], right.shape[1])
    once = seconds(lambda: torch.mm(left, right, out=out))[0]
    number = max(int(0.05 / max(once, 1e-7)), 1)
    return seconds(lambda: torch.mm(left, right, out=out), number)[0]


def _add_copies(report: Report, examples: Examples) -> None:
    """Compare gridding with a mere copy of its result."""
    settings, n = examples.settings, examples.settings.objects
    X = examples.repeated(n)
    gridder = LightCurveGridder().fit(X)
    result = gridder.transform(X)
    there = np.empty_like(result)
    samples = take_turns(
        {
            "gridding": lambda: gridder.transform(X),
            "into new memory": lambda: np.copyto(_new_memory(result), result),
            "into used memory": lambda: np.copyto(there, result),
        },
        settings.repeats,
        settings.threads,
    )
    clock = "CPU, 1 thread"
    unit, show = microseconds_per(n)
    gridding = samples.pop("gridding").cpu
    report.value(f"LightCurveGridder(), {n:,} objects", clock, unit, [show(v) for v in gridding])
    for name, copy in samples.items():
        report.value(f"copy of its result {name}", clock, unit, [show(v) for v in copy.cpu])
    times = np.divide(gridding, samples["into new memory"].cpu).tolist()
    report.value("gridding against the copy into new memory", clock, "times", times)
    report.note(f"The grid takes {result.nbytes / n / 1024:.1f} kB per object.")


def _new_memory(like: np.ndarray) -> np.ndarray:
    """Return an array of memory that no earlier array has used, which `np.empty` may be."""
    return np.frombuffer(mmap.mmap(-1, like.nbytes), like.dtype).reshape(like.shape)
