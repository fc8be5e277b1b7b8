"""Configuration of the documentation: ``sphinx-build -W docs docs/_build/html``."""

import os
import sys
from pathlib import Path

# One torch thread, and figures without a window, also in the processes that the gallery starts.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

_DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(_DOCS), str(_DOCS.parent)]

from api_reference import write_api_reference  # noqa: E402

import sklearn_tde  # noqa: E402

project = "sklearn_tde"
author = "sklearn_tde developers"
copyright = f"2026, {author}"
version = release = sklearn_tde.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]
default_role = "literal"

# The pages of docs/api are written anew in every build.
write_api_reference(_DOCS / "api")
autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "backreferences_dir": "api/backreferences",
    "doc_module": ("sklearn_tde",),
    "reference_url": {"sklearn_tde": None},
    "abort_on_example_error": True,
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "sklearn_tde"
# A page of its own has no section to navigate: its tables get the room.
html_sidebars = {
    page: []
    for page in (
        "quickstart",
        "own_light_curves",
        "features",
        "scikit_learn",
        "labels",
        "imbalance",
        "accuracy",
        "sharing",
        "scale",
        "reference_study",
        "speed",
        "design",
    )
}
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
}
html_show_sourcelink = False


def _skip_generated_methods(app, what, name, obj, skip, options):
    """Leave out the metadata-routing methods, whose docstrings point into scikit-learn's guide."""
    return skip or (name.startswith("set_") and name.endswith("_request"))


def setup(app):
    app.connect("autodoc-skip-member", _skip_generated_methods)
