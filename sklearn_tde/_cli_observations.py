"""Observations in a file, as light curves of some objects at a time.

A Parquet file is never in memory as a whole. A first pass reads the names of the objects alone. If
the rows of every object are next to each other, as files sorted by object have them, a second pass
cuts the file between objects. Otherwise the second pass writes the rows, by a hash of the name,
into temporary files that are small enough to be sorted in memory.
"""

from __future__ import annotations

import tempfile
from collections.abc import Container, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from nested_pandas import NestedFrame
from tqdm import tqdm

from sklearn_tde._photometry import cause, factorized
from sklearn_tde.datasets import load_light_curves

#: Rows read at a time.
_BATCH = 65_536
#: A chunk ends before it has more rows than this, and a file of sorted rows has about as many.
_MAX_ROWS = 500_000
#: Temporary files that are open at a time; processes may have a thousand.
_MAX_FILES = 256
#: Bytes of a Parquet file that are read ahead per column, instead of its whole row group.
_BUFFER = 1 << 20
#: How the names of folders of temporary files begin.
SPILLED = "rows-"
#: How a bar of progress looks: tqdm itself finds out whether there is a terminal.
BAR: dict[str, Any] = {"disable": None, "leave": False}


@dataclass(frozen=True)
class Chunk:
    """Some objects with all their observations.

    Attributes
    ----------
    number : int
        Number of the chunk: the same file, options and size give the same chunks.
    X : NestedFrame
        The objects.
    order : ndarray of shape (n_objects,), dtype int64
        Where each object stands in the input, to be sorted by; numbers may be left out.
    """

    number: int
    X: NestedFrame
    order: np.ndarray


class WholeTable:
    """A table that is read as a whole.

    Parameters
    ----------
    path : str
        File of the observations.
    objects : str or None
        File of the objects.
    columns : mapping
        What `load_light_curves` is told of the columns.
    size : int
        Objects in a chunk.
    """

    def __init__(
        self, path: str, objects: str | None, columns: Mapping[str, Any], size: int
    ) -> None:
        self._X, _ = load_light_curves(path, objects, label=None, object_columns=(), **columns)
        self._size = size
        self.n_objects = len(self._X)

    def chunks(self, done: Mapping[int, np.ndarray]) -> Iterator[Chunk]:
        """Serve the chunks but those that are done, of which the orders are given by number."""
        for number, begin in enumerate(range(0, self.n_objects, self._size)):
            if number not in done:
                X = self._X.iloc[begin : begin + self._size]
                yield Chunk(number, X, np.arange(begin, begin + len(X)))


class ParquetTable:
    """A Parquet file of any size.

    Parameters
    ----------
    path : str
        File of the observations.
    objects : str or None
        File of the objects, which is read as a whole.
    columns : mapping
        What `load_light_curves` is told of the columns.
    size : int
        Objects in a chunk.
    folder : Path or None
        Where temporary files are put if they are needed. None: where the system has them.
    """

    def __init__(
        self,
        path: str,
        objects: str | None,
        columns: Mapping[str, Any],
        size: int,
        folder: Path | None,
    ) -> None:
        self._path, self._columns, self._size, self._folder = path, columns, size, folder
        self._object_id = columns["object_id"]
        with self._naming_the_file(), self._open() as file:
            self._n_rows = file.metadata.num_rows
            groups = range(file.metadata.num_row_groups)
            lengths = [file.metadata.row_group(group).num_rows for group in groups]
            self._header = file.schema_arrow.empty_table().replace_schema_metadata().to_pandas()
        self._group_starts = np.cumsum([0, *lengths])
        nobody = pd.DataFrame(index=pd.Index([], name=self._object_id))
        # Also without rows, missing columns and bad objects are found.
        X = self._load(self._header, nobody if objects is None else objects)
        self._objects = None if objects is None else pd.DataFrame(X.drop(columns="light_curve"))
        if objects is None and not self._n_rows:
            raise ValueError(f"observations: {path!r} has no rows.")
        starts, n_found = self._find_objects()
        self._bounds = None if starts is None else _bounds(starts, self._n_rows, size)
        self.n_objects = n_found if self._objects is None else len(self._objects)

    def chunks(self, done: Mapping[int, np.ndarray]) -> Iterator[Chunk]:
        """Serve the chunks but those that are done, of which the orders are given by number."""
        number, orders = -1, list(done.values())
        tables = self._sorted_parts(done) if self._bounds is None else self._parts(done)
        for number, rows in enumerate(tables):
            X, order = (None, ()) if rows is None else self._pack(rows)
            if len(order):
                orders.append(order)
                yield Chunk(number, X, order)
        if self._objects is None:
            return
        # Those without observations come last.
        number = max([number, *done])
        absent = np.ones(len(self._objects), dtype=bool)
        for order in orders:
            absent[order] = False
        absent = np.flatnonzero(absent)
        for begin in range(0, len(absent), self._size):
            order = absent[begin : begin + self._size]
            number += 1
            yield Chunk(number, self._load(self._header, self._objects.iloc[order]), order)

    def _load(self, rows: pd.DataFrame, objects: Any) -> NestedFrame:
        X, _ = load_light_curves(rows, objects, label=None, object_columns=(), **self._columns)
        return X

    def _pack(self, rows: pd.DataFrame) -> tuple[NestedFrame | None, np.ndarray]:
        """Return the objects that some rows make, in their order."""
        ids = rows[self._object_id]
        first = ids[~ids.duplicated()]
        if self._objects is None:
            return self._load(rows, None), first.index.to_numpy()
        order = self._objects.index.get_indexer(pd.Index(first))
        order = np.sort(order[order >= 0])
        # Without any of them: rows to be refused, or left out.
        X = self._load(rows, self._objects.iloc[order] if len(order) else self._objects.iloc[:1])
        return X, order

    def _open(self) -> pq.ParquetFile:
        return pq.ParquetFile(self._path, buffer_size=_BUFFER, pre_buffer=False)

    @contextmanager
    def _naming_the_file(self) -> Iterator[None]:
        try:
            yield
        # The reader raises errors of many types; whichever it is, the file is at fault.
        except Exception as error:
            raise ValueError(
                f"observations: {self._path!r} cannot be read as Parquet: {cause(error)}"
            ) from error

    def _batches(self, columns: list[str], group: int = 0) -> Iterator[tuple[int, pa.Table]]:
        """Read row by row from a row group on: the number of the first row, and some rows."""
        row = int(self._group_starts[group])
        with self._naming_the_file():
            file = self._open()
        with file:
            groups = range(group, len(self._group_starts) - 1)
            batches = file.iter_batches(_BATCH, row_groups=groups, columns=columns)
            while True:
                with self._naming_the_file():
                    batch = next(batches, None)
                if batch is None:
                    return
                # What a dictionary saves, carrying that of all objects along would cost.
                yield row, _decoded(pa.Table.from_batches([batch]))
                row += len(batch)

    def _find_objects(self) -> tuple[np.ndarray | None, int]:
        """Return the rows in which objects begin, and the number of objects.

        None in place of the rows if some object is found in several places.
        """
        names, starts, last = _DistinctNames(), [np.zeros(0, dtype=np.int64)], None
        with tqdm(total=self._n_rows, desc="names", unit="row", unit_scale=True, **BAR) as bar:
            for row, table in self._batches([self._object_id]):
                hashes = self._hashes(table, row)
                begins = np.flatnonzero(np.append(hashes[:1] != last, hashes[1:] != hashes[:-1]))
                last = hashes[-1]
                names.add(hashes[begins])
                if names.repeated:
                    starts.clear()
                else:
                    starts.append(row + begins)
                bar.update(len(hashes))
        n_objects = names.count()
        return None if names.repeated else np.concatenate(starts), n_objects

    def _hashes(self, table: pa.Table, row: int) -> np.ndarray:
        """Return a hash of the name in each row, as uint64."""
        codes, names = factorized(
            table[self._object_id].to_pandas(), f"table: column {self._object_id!r}"
        )
        if (codes < 0).any():
            raise ValueError(
                f"table: {self._object_id} is missing in row {row + int(np.argmax(codes < 0))}; "
                "expected the name of the object."
            )
        return pd.util.hash_array(np.asarray(names))[codes]

    def _used(self) -> list[str]:
        roles = ["object_id", "time", "band", "limiting_mag", "sign"]
        roles += ["flux", "flux_err"] if self._columns["mag"] is None else ["mag", "mag_err"]
        named = {self._columns[role] for role in roles}
        return [name for name in self._header.columns if name in named]

    def _parts(self, done: Container[int]) -> Iterator[pd.DataFrame | None]:
        """Cut the file between objects; None for a part that is done."""
        bounds = self._bounds
        ahead = next((k for k in range(len(bounds) - 1) if k not in done), 0)
        group = int(np.searchsorted(self._group_starts, bounds[ahead], side="right")) - 1
        batches = self._batches(self._used(), group)
        held: list[tuple[int, pa.Table]] = []
        for number, (begin, end) in enumerate(zip(bounds[:-1], bounds[1:], strict=True)):
            if number in done:
                yield None
                continue
            held = [(row, table) for row, table in held if row + len(table) > begin]
            while not held or held[-1][0] + len(held[-1][1]) < end:
                row, table = next(batches)
                if row + len(table) > begin:
                    held.append((row, table))
            table = pa.concat_tables([table for _, table in held])
            yield _frame(table.slice(begin - held[0][0], end - begin), pd.RangeIndex(begin, end))

    def _sorted_parts(self, done: Container[int]) -> Iterator[pd.DataFrame | None]:
        """Sort the rows by object, by way of temporary files; None for a part that is done."""
        number = 0
        with tempfile.TemporaryDirectory(prefix=SPILLED, dir=self._folder) as folder:
            for path in self._spill(Path(folder)):
                with pa.OSFile(str(path)) as source:
                    table = pa.ipc.open_stream(source).read_all()
                last = table.num_columns - 1
                rows = _frame(table.remove_column(last), pd.Index(table.column(last).to_numpy()))
                codes, _ = factorized(rows[self._object_id], "names")
                order = np.argsort(codes, kind="stable")
                rows, codes = rows.iloc[order], codes[order]
                starts = np.flatnonzero(np.append(True, codes[1:] != codes[:-1]))
                bounds = _bounds(starts, len(rows), self._size)
                for begin, end in zip(bounds[:-1], bounds[1:], strict=True):
                    yield None if number in done else rows.iloc[begin:end]
                    number += 1

    def _spill(self, folder: Path) -> list[Path]:
        """Write the rows into files, all rows of an object into the same, and their numbers."""
        n_files = min(_MAX_FILES, -(-self._n_rows // _MAX_ROWS))
        paths = [folder / f"{k}.arrow" for k in range(n_files)]
        with ExitStack() as stack:
            writers: list[Any] = []
            for row, table in self._batches(self._used()):
                file = self._hashes(table, row) % np.uint64(n_files)
                numbers = pa.array(np.arange(row, row + len(table)))
                table = table.append_column("row", numbers).take(np.argsort(file, kind="stable"))
                if not writers:
                    make = (pa.ipc.new_stream(str(path), table.schema) for path in paths)
                    writers += [stack.enter_context(writer) for writer in make]
                counts = np.bincount(file.astype(np.int64), minlength=n_files)
                begins = np.cumsum(counts) - counts
                for writer, begin, count in zip(writers, begins, counts, strict=True):
                    writer.write_table(table.slice(begin, count))
        return paths


class _DistinctNames:
    """Names, known by hashes of 8 bytes; two of the same hash only seem to be one."""

    def __init__(self) -> None:
        self.repeated = False
        self._sorted = np.zeros(0, dtype=np.uint64)
        self._added: list[np.ndarray] = []
        self._n_added = 0

    def add(self, hashes: np.ndarray) -> None:
        """Add names; `repeated` tells, sooner or later, whether one was added before."""
        self._added.append(hashes)
        self._n_added += len(hashes)
        # Sorting only what has doubled costs no more than sorting everything twice.
        if self._n_added > len(self._sorted):
            self.count()

    def count(self) -> int:
        """Return the number of names."""
        n_all = len(self._sorted) + self._n_added
        self._sorted = np.unique(np.concatenate([self._sorted, *self._added]))
        self._added, self._n_added = [], 0
        self.repeated |= len(self._sorted) < n_all
        return len(self._sorted)


def _bounds(starts: np.ndarray, n_rows: int, size: int) -> np.ndarray:
    """Return where chunks of rows begin, and the end; an object of many rows is one by itself."""
    edges = np.append(starts, n_rows)
    bounds, first = [0], 0
    while first < len(starts):
        fitting = int(np.searchsorted(edges, edges[first] + _MAX_ROWS, side="right")) - 1
        first = max(min(first + size, fitting), first + 1)
        bounds.append(int(edges[first]))
    return np.array(bounds)


def _decoded(table: pa.Table) -> pa.Table:
    for position, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            column = table.column(position).cast(field.type.value_type)
            table = table.set_column(position, field.name, column)
    return table


def _frame(table: pa.Table, rows: pd.Index) -> pd.DataFrame:
    """Return rows of the file with their numbers, which messages name, in the index."""
    frame = table.replace_schema_metadata().to_pandas()
    frame.index = rows
    return frame
