"""The block that times probabilities at many ages of each object."""

from __future__ import annotations

import numpy as np

from sklearn_tde import LightCurveSequencer, make_transformer_pipeline, make_transients
from sklearn_tde.evaluation import score_trajectory

from .examples import Examples
from .report import Report
from .timing import take_turns

#: Objects whose trajectories are timed, and the ages of each.
_N_OBJECTS, _N_AGES = 1000, 20
#: Days between two ages.
_SPACING = 10


def trajectory(examples: Examples) -> Report:
    """The probabilities of simulated objects at 20 ages, and after every observation."""
    report = Report("trajectory", "Trajectories: probabilities at many ages of each object")
    settings = examples.settings
    n = min(_N_OBJECTS, settings.objects)
    X, y = make_transients(n_tde=n // 5, n_sn_ia=n - n // 5, random_state=0)
    model = make_transformer_pipeline(
        sequencer=LightCurveSequencer(scale="running"), max_epochs=1, random_state=0
    ).fit(X, y)
    ages = _SPACING * np.arange(1, _N_AGES + 1)
    for what, given in ((f"{_N_AGES} ages", ages), ("every observation", None)):
        samples = take_turns(
            {
                method: lambda given=given, method=method: score_trajectory(
                    model, X, ages=given, method=method
                )
                for method in ("shared", "recompute")
            },
            settings.repeats,
            settings.threads,
        )
        shared, recomputed = samples["shared"], samples["recompute"]
        what = f"{what} of {n:,} objects"
        target = "< 30 s" if given is not None else ""
        report.value(f"{what}, shared", "CPU, 1 thread", "s", shared.cpu)
        report.value(f"{what}, shared", f"wall, up to {settings.threads}", "s", shared.wall, target)
        report.value(f"{what}, recomputed", "CPU, 1 thread", "s", recomputed.cpu)
        ratio = np.divide(recomputed.cpu, shared.cpu).tolist()
        report.value(f"{what}, recomputed over shared", "CPU, 1 thread", "", ratio)
        tables = [score_trajectory(model, X, ages=given, method=m) for m in ("shared", "recompute")]
        difference = np.abs(tables[0]["probability"] - tables[1]["probability"]).max()
        report.value(f"{what}, largest difference", "", "", [float(difference)], "< 1e-6")
    report.note(
        "score_trajectory of make_transformer_pipeline with scale='running', by one pass over each "
        "light curve and by predicting every age anew."
    )
    return report
