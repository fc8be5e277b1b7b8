"""The command ``sklearn-tde``: simulate, cross-validate, fit and predict from the shell.

Only the standard library is imported here, so that ``--help`` is quick; what a command needs is
imported once its arguments are understood.
"""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from sklearn_tde._cli_parser import BadArgumentsError, make_parser

__all__ = ["main"]


#: What the package's messages advise a Python user, and the options that do the same.
_OPTIONS = {
    "pack_light_curves(..., duplicates='drop')": "--duplicates drop",
    "Use missing_labels='drop' to leave them out, or label=None to load the objects without "
    "labels.": "Use --missing-labels drop to leave them out.",
    'give the names in band_names, such as {1: "g", 2: "r"}': "give the names with --band-name, "
    "such as --band-name 1=g",
    "Other names are given by argument.": "Other names are given by option, see --help.",
    "(load_light_curves does with unlisted='drop')": "(--unlisted drop)",
    "(name bands with band_names when packing, and leave out the rows of those that are not "
    "wanted)": "(name bands with --band-name, and leave out the rows of those that are not wanted)",
    "as in band_names": "as in --band-name",
    "a class like it to be put together with it": "a class like it to be put together with it "
    "(--no-multiclass: all but one)",
    "threshold_cv=": "--threshold-folds ",
    "cv=": "--folds ",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command ``sklearn-tde``.

    Parameters
    ----------
    argv : sequence of str or None, default=None
        The arguments. None: those of the process.

    Returns
    -------
    status : int
        0 if all is well; 2 for bad input and 1 for any other error, either with one line on the
        standard error, after the traceback with ``--debug``; 130 if interrupted.

    Examples
    --------
    >>> from sklearn_tde.cli import main
    >>> main(["--version"])
    sklearn-tde ...
    0
    """
    debug, arguments = False, Namespace()
    try:
        arguments = make_parser().parse_args(argv)
        debug = arguments.debug
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            print(_run(arguments), end="", flush=True)
    except SystemExit as done:
        # --help and --version.
        return int(done.code or 0)
    except KeyboardInterrupt as interruption:
        # Python's own says nothing.
        print(f"sklearn-tde: interrupted {interruption}".rstrip(), file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader, such as head, has seen enough; nor must the interpreter's last flush fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (BadArgumentsError, ValueError, TypeError, OSError, ImportError) as error:
        return _complain(f"error: {_naming_files(_one_line(error), arguments)}", 2, debug)
    except Exception as error:
        hint = "" if debug else "; --debug shows where"
        text = f"internal error: {type(error).__name__}: {_one_line(error)}{hint}"
        return _complain(text, 1, debug)
    return 0


def _run(arguments: Namespace) -> str:
    """Run a command and return what it has to say."""
    _check_files(arguments)
    from sklearn_tde import _cli_commands

    return getattr(_cli_commands, arguments.command.replace("-", "_"))(arguments)


def _check_files(arguments: Namespace) -> None:
    """Look for the files to read before torch and pandas are imported, which takes seconds."""
    # The output of cross-validate is a folder.
    if arguments.command != "cross-validate":
        _refuse_to_overwrite(arguments)
    if arguments.command == "simulate":
        return
    for name, what in (
        ("model", "MODEL"),
        ("observations", "observations"),
        ("objects", "objects"),
    ):
        path = getattr(arguments, name, None)
        if path is not None and os.path.isdir(path):
            raise ValueError(f"{what}: {path!r} is a folder; expected a file.")
        if path is not None and not os.path.exists(path):
            raise ValueError(f"{what}: there is no file {path!r}.")


def _refuse_to_overwrite(arguments: Namespace) -> None:
    """Refuse one file in two places, one of which is written."""
    seen: dict[str, str] = {}
    for name, what in (
        ("model", "MODEL"),
        ("observations", "OBSERVATIONS"),
        ("objects", "OBJECTS" if arguments.command == "simulate" else "--objects"),
        ("output", "--output"),
    ):
        path = getattr(arguments, name, None)
        if path is None:
            continue
        other = seen.setdefault(os.path.realpath(path), what)
        if other != what and (what == "--output" or arguments.command == "simulate"):
            raise ValueError(
                f"{what}: {path!r} is the same file as {other}, which it would overwrite; "
                "expected another."
            )


def _in_options(text: str) -> str:
    """Say what a message of the package advises in the words of the command line."""
    for python, option in _OPTIONS.items():
        text = text.replace(python, option)
    return text


def _naming_files(text: str, arguments: Namespace) -> str:
    """Say which file a message of the package is about: it knows tables, not where they are."""
    path = getattr(arguments, "observations", None)
    for role, file in (("table", path), ("objects", getattr(arguments, "objects", None))):
        if file is not None and text.startswith(f"{role}: ") and repr(file) not in text:
            return f"{file!r}: {text.removeprefix(f'{role}: ')}"
    return text if path is None else text.replace(" of the table;", f" of {path!r};")


def _complain(text: str, status: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    print(f"sklearn-tde: {text}", file=sys.stderr)
    return status


def _one_line(error: BaseException) -> str:
    return _in_options(" ".join(str(error).split()))


def _show_warning(message: Any, *args: Any, **kwargs: Any) -> None:
    print(f"sklearn-tde: warning: {_one_line(message)}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
