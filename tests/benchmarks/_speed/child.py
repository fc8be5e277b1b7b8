"""What is measured in a process of its own: peaks of memory, and two trainings side by side.

``python -m _speed.child TASK`` reads its arguments from the standard input as a line of JSON and
prints its result as one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from sklearn_tde import load_model

from .examples import REPOSITORY, Examples, Settings
from .timing import PeakMemory, give_back_memory, resident_megabytes, seconds

#: Objects predicted before anything is measured, so that libraries are loaded.
_WARM_UP = 256


def start(task: str, examples: Examples, **arguments: Any) -> subprocess.Popen:
    """Start a task in a new process."""
    paths = [str(Path(__file__).resolve().parents[1]), str(REPOSITORY)]
    paths += filter(None, [os.environ.get("PYTHONPATH")])
    child = subprocess.Popen(
        [sys.executable, "-m", "_speed.child", task],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    arguments |= {"settings": examples.settings.as_dict(), "folder": str(examples.folder)}
    tell(child, arguments)
    return child


def tell(child: subprocess.Popen, what: Any) -> None:
    """Send a line to a child."""
    print(json.dumps(what), file=child.stdin, flush=True)


def hear(child: subprocess.Popen) -> Any:
    """Wait for a line from a child."""
    line = child.stdout.readline()
    if not line:
        raise RuntimeError(f"a process of the benchmark ended with status {child.wait()}.")
    return json.loads(line)


def run(task: str, examples: Examples, **arguments: Any) -> dict[str, float]:
    """Run a task in a new process and return its result."""
    with start(task, examples, **arguments) as child:
        return hear(child)


def predict(examples: Examples, *, model: str, n: int, calls: int) -> dict[str, Any]:
    """Score `n` objects."""
    classifier = load_model(model)
    classifier.predict_proba(examples.repeated(_WARM_UP))
    give_back_memory()
    before = resident_megabytes()
    X = examples.repeated(n)
    with PeakMemory() as memory:
        timings = [seconds(lambda: classifier.predict_proba(X)) for _ in range(calls)]
    cpu, wall = (list(values) for values in zip(*timings, strict=True))
    return {
        "cpu": cpu,
        "wall": wall,
        "input": memory.before - before,
        "above": memory.megabytes,
    }


def fit(examples: Examples) -> dict[str, float]:
    """Train the default pipeline on the first fold."""
    train = examples.folds[0][0]
    X, y = examples.X.iloc[train], examples.y[train]
    warm_up = examples.make_pipeline().set_params(classifier__max_epochs=1)
    # A few objects of both classes: the first ones of the one and of the other.
    few = sum([(y == label).nonzero()[0][:8].tolist() for label in ("TDE", "SN Ia")], [])
    warm_up.fit(X.iloc[few], y[few])
    with PeakMemory() as memory:
        examples.make_pipeline().fit(X, y)
    return {"above": memory.megabytes}


def fit_reference(examples: Examples) -> dict[str, float]:
    """Train the reference on the first fold, for an epoch."""
    examples.reference_training().epoch(16)
    # The objects are there; the grid and the training are not.
    with PeakMemory() as memory:
        examples.reference_training().epoch()
    return {"above": memory.megabytes}


def reference_epoch(examples: Examples, *, fold: int) -> dict[str, float]:
    """Train the reference for one epoch, when told to."""
    training = examples.reference_training(fold)
    training.epoch(16)
    print(json.dumps("ready"), flush=True)
    sys.stdin.readline()
    return {"wall": seconds(training.epoch)[1]}


TASKS = {task.__name__: task for task in (predict, fit, fit_reference, reference_epoch)}


def main() -> None:
    """Run the task that the command line names."""
    torch.set_num_threads(1)
    arguments = json.loads(sys.stdin.readline())
    settings = Settings(**arguments.pop("settings"))
    examples = Examples(settings, Path(arguments.pop("folder")))
    print(json.dumps(TASKS[sys.argv[1]](examples, **arguments)), flush=True)


if __name__ == "__main__":
    main()
