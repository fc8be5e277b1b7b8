"""The API reference: which rooms it shows, in which order, and the pages made from them."""

import importlib
from pathlib import Path

import sklearn_tde

# Each room with what it holds. What a room exports is read from its ``__all__``.
ROOMS = {
    "light_curves": (
        "The container",
        "What `X` is: one row per object, its observations in one nested column.",
    ),
    "datasets": (
        "Datasets",
        "Where light curves come from: simulated, or read from files.",
    ),
    "preprocessing": (
        "Preprocessing",
        "Light curves to arrays.",
    ),
    "sampling": (
        "Sampling",
        "New light curves for training, made from those that are there.",
    ),
    "neural_network": (
        "Neural networks",
        "Arrays to probabilities.",
    ),
    "ensemble": (
        "Ensembles",
        "Several classifiers as one, calibrated and with a tuned threshold.",
    ),
    "pipelines": (
        "Pipelines",
        "Estimators put together the recommended way.",
    ),
    "calibration": (
        "Calibration",
        "Probabilities for another mix of classes, and sets of classes that hold the true one.",
    ),
    "novelty": (
        "Novelty",
        "Objects unlike all that a classifier was trained on.",
    ),
    "evaluation": (
        "Evaluation",
        "Honest numbers: nested cross-validation, intervals and paired comparisons.",
    ),
    "inspection": (
        "Inspection",
        "Pictures of light curves, of training, of mistakes and of comparisons.",
    ),
    "testing": (
        "Testing",
        "Checks for estimators of light curves, yours included.",
    ),
    "persistence": (
        "Persistence",
        "Models in files that are safe to share, and networks for other languages.",
    ),
    "scale": (
        "Scale",
        "Catalogues larger than memory, scored on Dask clusters.",
    ),
}

_PAGE = """\
{title}
{underline}

{text}

.. currentmodule:: sklearn_tde.{room}

.. autosummary::
   :toctree: generated

{names}
"""

_INDEX = """\
API reference
=============

Everything is imported from its room, as in `from sklearn_tde.preprocessing import
LightCurveGridder`. The names used most are also found at the top of the package, as in
`from sklearn_tde import LightCurveGridder`:
{names}.

.. toctree::
   :maxdepth: 2

{rooms}
"""


def _indented(lines):
    return "\n".join(f"   {line}" for line in lines)


def _room_page(room, names):
    title, text = ROOMS[room]
    listed = _indented(sorted(names, key=str.lower))
    return _PAGE.format(title=title, underline="=" * len(title), text=text, room=room, names=listed)


def write_api_reference(folder):
    """Write one page per public room, and their index, into `folder`.

    Parameters
    ----------
    folder : path-like
        Folder of the pages; made if it does not exist.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    at_the_top = sorted(sklearn_tde._ROOM_OF.items(), key=lambda item: item[0].lower())
    pages = {
        room: _room_page(room, importlib.import_module(f"sklearn_tde.{room}").__all__)
        for room in sklearn_tde._ROOMS
    }
    pages["index"] = _INDEX.format(
        names=",\n".join(f":obj:`~sklearn_tde.{room}.{name}`" for name, room in at_the_top),
        rooms=_indented(room for room in ROOMS if room in pages),
    )
    for name, text in pages.items():
        path = folder / f"{name}.rst"
        # A page that is written again is read again by Sphinx, even if it is the same.
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
