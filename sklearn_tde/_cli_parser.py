"""The arguments of ``sklearn-tde``."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from sklearn_tde import __version__
from sklearn_tde._cli_texts import (
    CROSS_VALIDATE,
    DESCRIPTION,
    EPILOG,
    FIT,
    PREDICT,
    SIMULATE,
)


class BadArgumentsError(Exception):
    """The arguments are not understood."""


class _Parser(argparse.ArgumentParser):
    """A parser that leaves the printing of errors to `main`."""

    def error(self, message: str) -> NoReturn:
        raise BadArgumentsError(f"{message} (see {self.prog} --help)")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser; its errors are `BadArgumentsError`."""
    look = {"formatter_class": argparse.RawDescriptionHelpFormatter, "allow_abbrev": False}
    parser = _Parser(prog="sklearn-tde", description=DESCRIPTION, epilog=EPILOG, **look)
    parser.add_argument("--version", action="version", version=f"sklearn-tde {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, add_arguments, description, epilog in (
        ("simulate", _add_simulate, "Write a simulated sample of light curves.", SIMULATE),
        (
            "cross-validate",
            _add_cross_validate,
            "Cross-validate a model and report its scores with 95 % intervals.",
            CROSS_VALIDATE,
        ),
        ("fit", _add_fit, "Train a model on labelled light curves.", FIT),
        ("predict", _add_predict, "Rank objects by probability with a saved model.", PREDICT),
    ):
        command = commands.add_parser(name, description=description, epilog=epilog, **look)
        add_arguments(command)
        command.add_argument(
            "--debug", action="store_true", help="show the traceback of an error as well"
        )
    return parser


def _add_simulate(parser: argparse.ArgumentParser) -> None:
    table = ".csv (also compressed, .csv.gz) or .parquet; an existing file is overwritten"
    parser.add_argument("observations", metavar="OBSERVATIONS", help=f"table to write: {table}")
    parser.add_argument(
        "objects", metavar="OBJECTS", help="table of objects to write, with the column label"
    )
    for name, default in (
        ("tde", 66),
        ("sn-ia", 555),
        ("sn-ii", 0),
        ("sn-ibc", 0),
        ("sn-iin", 0),
        ("slsn", 0),
        ("agn", 0),
        ("cv", 0),
    ):
        parser.add_argument(
            f"--n-{name}",
            type=_integer(0),
            default=default,
            metavar="N",
            help="number of these objects (default: %(default)s)",
        )
    _add_bands(parser)
    parser.add_argument(
        "--forced-photometry",
        action="store_true",
        help="also write the observations below 5 sigma around the detections",
    )
    _add_random_state(parser)


def _add_cross_validate(parser: argparse.ArgumentParser) -> None:
    _add_input(parser, nargs="?", labelled=True)
    _add_classes(parser)
    _add_model(parser)
    validation = parser.add_argument_group("validation")
    validation.add_argument(
        "--folds", type=_integer(2), default=5, metavar="N", help="folds (default: %(default)s)"
    )
    validation.add_argument(
        "--repeats",
        type=_integer(1),
        default=1,
        metavar="N",
        help="repeats with other seeds (default: %(default)s)",
    )
    _add_threshold(validation, 3)
    _add_random_state(parser)
    output = parser.add_argument_group("output")
    output.add_argument(
        "--output", metavar="DIR", help="folder for tables and figures, made if need be"
    )
    output.add_argument("--no-plots", action="store_true", help="write tables only")
    output.add_argument(
        "--plot-format",
        choices=("png", "pdf", "svg"),
        default="png",
        help="format of the figures (default: %(default)s)",
    )


def _add_fit(parser: argparse.ArgumentParser) -> None:
    _add_input(parser, labelled=True)
    _add_classes(parser)
    _add_model(parser)
    _add_threshold(parser, 5)
    _add_random_state(parser)
    parser.add_argument(
        "--output",
        required=True,
        metavar="MODEL",
        help="file to write, overwritten: .tde to share, any other ending for joblib",
    )


def _add_predict(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="file that fit has written, .tde or joblib")
    _add_input(parser, labelled=False)
    parser.add_argument(
        "--positive-class",
        metavar="NAME",
        help="class to rank by (default: that of the threshold of --model recommended; else "
        "TDE, or the second class of two)",
    )
    parser.add_argument(
        "--output",
        metavar="TABLE",
        help="table to write, .csv or .parquet (default: CSV on the standard output)",
    )
    parser.add_argument(
        "--chunk-size",
        type=_integer(1),
        default=10_000,
        metavar="N",
        help="objects scored at a time, which takes the memory (default: %(default)s)",
    )
    parser.add_argument(
        "--restart",
        action="store_true",
        help="start anew where an earlier run has left a part of the results",
    )
    parser.add_argument(
        "--sha256",
        metavar="HEX",
        help="digest that the file MODEL must have, as fit prints it; else it is not loaded",
    )


def _add_input(
    parser: argparse.ArgumentParser, *, labelled: bool, nargs: str | None = None
) -> None:
    parser.add_argument(
        "observations",
        nargs=nargs,
        metavar="OBSERVATIONS",
        help="table with one row per observation: .csv (also compressed) or .parquet",
    )
    parser.add_argument("--objects", metavar="TABLE", help="table with one row per object")
    parser.add_argument(
        "--unlisted",
        choices=("raise", "drop"),
        default="raise",
        help="observations of objects that TABLE does not list: an error, or left out "
        "(default: %(default)s)",
    )
    _add_columns(parser.add_argument_group("columns of the tables"), labelled)


def _add_columns(columns: Any, labelled: bool) -> None:
    """Add what the columns of the tables are called, and how their values are meant."""
    for option, default, text in (
        ("--object-id", "object_id", "name of the object, in both tables"),
        ("--time", "time", "time in days"),
        ("--band", "band", "band"),
        ("--flux", "flux", "difference flux"),
        ("--flux-err", "flux_err", "its error, one sigma"),
    ):
        columns.add_argument(
            option, default=default, metavar="COLUMN", help=f"{text} (default: %(default)s)"
        )
    for option, text in (
        ("--mag", "magnitude of the difference flux, in place of the flux"),
        ("--mag-err", "its error, one sigma"),
        ("--sign", "sign of the difference flux (isdiffpos: t, f, 1, 0, -1)"),
        ("--limiting-mag", "5-sigma limiting magnitude, where there is no flux"),
    ):
        columns.add_argument(option, metavar="COLUMN", help=text)
    if labelled:
        columns.add_argument(
            "--label",
            default="label",
            metavar="COLUMN",
            help="class of the object, in TABLE if there is one (default: %(default)s)",
        )
        columns.add_argument(
            "--missing-labels",
            choices=("raise", "drop"),
            default="raise",
            help="objects without a label: an error, or left out (default: %(default)s)",
        )
    columns.add_argument(
        "--zero-point",
        type=float,
        default=23.9,
        metavar="MAG",
        help="AB magnitude of a flux of 1: 23.9 (default) microjansky, 31.4 nanojansky",
    )
    columns.add_argument(
        "--band-name",
        action="append",
        type=_band_name,
        metavar="VALUE=NAME",
        help="name of a band by its value in the column, such as 1=g; repeat for each",
    )
    columns.add_argument(
        "--duplicates",
        choices=("raise", "drop"),
        default="raise",
        help="second observations at one time in one band: an error, or left out "
        "(default: %(default)s)",
    )


def _add_classes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--positive-class",
        default="TDE",
        metavar="NAME",
        help="class to find among all others (default: %(default)s)",
    )
    parser.add_argument(
        "--classes",
        type=_names,
        metavar="NAMES",
        help='classes to keep, such as "TDE,SN Ia" (default: all)',
    )
    parser.add_argument(
        "--multiclass",
        action=argparse.BooleanOptionalAction,
        help="keep the classes apart, which helps trees to find the TDEs, or learn all but "
        "--positive-class as one, other (default: apart with --model recommended, unless "
        "--threshold is a number; else as one)",
    )


def _add_model(parser: argparse.ArgumentParser) -> None:
    model = parser.add_argument_group("model")
    model.add_argument(
        "--model",
        # The command predict calls the file of a model so.
        dest="kind",
        choices=("lstm", "features", "transformer", "recommended"),
        default="lstm",
        help="networks (lstm, transformer), trees on hand-made features, or trees and networks "
        "together, calibrated: better, and slower (default: %(default)s)",
    )
    model.add_argument(
        "--reference", action="store_true", help="the reference study's LSTM, 500 epochs"
    )
    model.add_argument(
        "--epochs", type=_integer(1), metavar="N", help="epochs of training a network (default: 30)"
    )
    _add_bands(model)
    model.add_argument(
        "--n-jobs",
        type=int,
        metavar="N",
        help="processes, one thread each (default: one per processor and task)",
    )


def _add_bands(parser: Any) -> None:
    parser.add_argument(
        "--bands",
        type=_names,
        default=["g", "r"],
        metavar="NAMES",
        help="the bands (default: g,r)",
    )


def _add_threshold(parser: Any, folds: int) -> None:
    parser.add_argument(
        "--threshold",
        type=_threshold,
        metavar="T",
        help="probability from which on an object is called positive: tune (default: for balanced "
        "accuracy), none (the larger probability wins) or a number between 0 and 1",
    )
    parser.add_argument(
        "--threshold-folds",
        type=_integer(2),
        default=folds,
        metavar="N",
        help="folds of the training set that tune it, and that --model recommended is trained on "
        "(default: %(default)s)",
    )


def _add_random_state(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--random-state",
        type=_integer(0),
        default=0,
        metavar="SEED",
        help="the same seed gives the same result (default: %(default)s)",
    )


def _integer(least: int) -> Any:
    """Return a converter of integers that are not smaller than `least`."""

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"expected an integer of at least {least}; got {text}")
        return value

    return convert


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise argparse.ArgumentTypeError("expected names, separated by commas")
    return names


def _band_name(text: str) -> tuple[str, str]:
    value, equals, name = text.partition("=")
    if not (value.strip() and equals and name.strip()):
        raise argparse.ArgumentTypeError(f"expected VALUE=NAME, such as 1=g; got {text!r}")
    return value.strip(), name.strip()


def _threshold(text: str) -> str | float:
    if text in ("tune", "none"):
        return text
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < 1.0:
        raise argparse.ArgumentTypeError(
            f"expected tune, none or a number between 0 and 1; got {text}"
        )
    return value
