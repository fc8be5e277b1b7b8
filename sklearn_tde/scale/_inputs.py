"""Catalogues on disk, opened lazily, with no more columns than are needed."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from nested_pandas import NestedFrame, from_pyarrow

#: Files that mark a folder as a catalogue of the HATS format, or as a collection of them.
_HATS_MARKS = ("hats.properties", "properties", "collection.properties")
_ENDINGS = (".parquet", ".pq", ".parq")


def is_path(catalog: Any) -> bool:
    """Whether the catalogue is given by its path."""
    return isinstance(catalog, str | PathLike)


def is_hats(path: str | PathLike[str]) -> bool:
    """Whether a path is a folder in the HATS format."""
    return any(Path(path, name).is_file() for name in _HATS_MARKS)


def parquet_files(catalog: Any) -> list[Path]:
    """Return the Parquet files of a path or of a list of paths."""
    paths = [Path(catalog)] if is_path(catalog) else [Path(path) for path in catalog]
    files: list[Path] = []
    for path in paths:
        path = path.absolute()
        if path.is_dir():
            found = sorted(entry for entry in path.iterdir() if entry.suffix.lower() in _ENDINGS)
        elif path.is_file():
            found = [path]
        else:
            raise FileNotFoundError(
                f"catalog: there is no file or folder {str(path)!r}. What is not on a disk of this "
                "machine is opened first, as with lsdb.open_catalog(...)."
            )
        if not found:
            raise ValueError(
                f"catalog: the folder {str(path)!r} is neither a HATS catalogue nor has it files "
                f"that end in {', '.join(_ENDINGS)}."
            )
        files.extend(found)
    if not files:
        raise ValueError("catalog: an empty list of files; expected at least one.")
    return files


def open_parquet(files: Sequence[Path], columns: Sequence[str] | None = None) -> Any:
    """Return a Dask collection of the files, whose partitions are their row groups."""
    import dask.dataframe as dd

    schema = pq.read_schema(files[0])
    places = []
    for file in files:
        parquet = pq.ParquetFile(file)
        if not parquet.schema_arrow.equals(schema):
            raise ValueError(
                f"catalog: {str(file)!r} has other columns, or of other types, than "
                f"{str(files[0])!r}; expected the same in all files."
            )
        places += [(str(file), group) for group in range(parquet.num_row_groups)]
    meta = _read(str(files[0]), None, columns)
    if not places:
        places = [(str(files[0]), None)]
    return dd.from_map(_read, *zip(*places, strict=True), columns=columns, meta=meta)


def _read(path: str, group: int | None, columns: Sequence[str] | None) -> NestedFrame:
    """Read a row group of a file, or its columns alone."""
    groups = [] if group is None else [group]
    with pq.ParquetFile(path) as file:
        columns = None if columns is None else list(columns)
        return from_pyarrow(file.read_row_groups(groups, columns, use_pandas_metadata=True))
