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
    debug = False
    try:
        arguments = make_parser().parse_args(argv)
        debug = arguments.debug
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            print(_run(arguments), end="", flush=True)
    except SystemExit as done:
        # --help and --version.
        return int(done.code or 0)
    except KeyboardInterrupt:
        print("sklearn-tde: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader, such as head, has seen enough; nor must the interpreter's last flush fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (BadArgumentsError, ValueError, TypeError, OSError, ImportError) as error:
        return _complain(f"error: {_one_line(error)}", 2, debug)
    except Exception as error:
        hint = "" if debug else "; --debug shows where"
        text = f"internal error: {type(error).__name__}: {_one_line(error)}{hint}"
        return _complain(text, 1, debug)
    return 0


def _run(arguments: Namespace) -> str:
    """Run a command and return what it has to say."""
    from sklearn_tde import _cli_commands

    return getattr(_cli_commands, arguments.command.replace("-", "_"))(arguments)


def _complain(text: str, status: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    print(f"sklearn-tde: {text}", file=sys.stderr)
    return status


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _show_warning(message: Any, *args: Any, **kwargs: Any) -> None:
    print(f"sklearn-tde: warning: {_one_line(message)}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
