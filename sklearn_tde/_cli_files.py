"""Files that the commands of ``sklearn-tde`` read and write: their endings, columns and checks."""

from __future__ import annotations

from argparse import Namespace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

CSV = (".csv", ".csv.gz", ".csv.bz2", ".csv.xz", ".csv.zip")
PARQUET = (".parquet", ".pq", ".parq")
#: Ending of a model that is safe to load from anyone.
_SHARED = ".tde"


def table_columns(arguments: Namespace) -> dict[str, Any]:
    """Return what `load_light_curves` is told of the columns of the tables."""
    names = (
        "object_id",
        "time",
        "band",
        "flux",
        "flux_err",
        "mag",
        "mag_err",
        "limiting_mag",
        "sign",
        "zero_point",
        "duplicates",
        "unlisted",
    )
    columns = {name: getattr(arguments, name) for name in names}
    band_names: dict[Any, str] = dict(arguments.band_name or ())
    # A CSV file does not say whether a 1 is a number or a word.
    numbers = {int(value): name for value, name in band_names.items() if value.isdecimal()}
    columns["band_names"] = {**band_names, **numbers} or None
    return columns


def is_shared(path: str, name: str) -> bool:
    """Return whether a model is, or shall be, in a file that anyone can load safely."""
    if path.lower().endswith(".skops"):
        raise ValueError(
            f"{name}: {path!r}: a model to share ends in {_SHARED}, one for joblib in .joblib."
        )
    if not path.lower().endswith(_SHARED):
        return False
    if find_spec("skops") is None:
        raise ImportError(f'{name} {path} needs skops: pip install "sklearn-tde[share]".')
    return True


def check_table_path(path: str, name: str) -> None:
    """Refuse a table that cannot be written, before it is made."""
    if not path.lower().endswith(CSV + PARQUET):
        raise ValueError(
            f"{name}: {path!r} has no known ending; expected one of {', '.join(CSV + PARQUET)}."
        )
    check_writable(path)


def check_writable(path: str) -> None:
    """Fail now rather than when the work is done."""
    if Path(path).is_dir():
        raise ValueError(f"cannot write {path!r}: it is a folder.")
    existed = Path(path).exists()
    try:
        with open(path, "ab"):
            pass
    except OSError as error:
        raise ValueError(f"cannot write {path!r}: {error.strerror}.") from error
    if not existed:
        Path(path).unlink()


def write_table(table: pd.DataFrame, path: str) -> None:
    """Write a table in the format that its ending says."""
    if path.lower().endswith(CSV):
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path, index=False)
