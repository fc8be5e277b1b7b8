"""Results that are kept beside the output while they become complete.

The folder ``OUTPUT.part`` holds ``run.json``, what the results were made from, and one file per
chunk of objects. A file appears under its name only when it is complete and on the disk, so that a
run may end at any moment: what has a name is done, anything else is not.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import pandas as pd

from sklearn_tde._cli_observations import SPILLED

try:
    import fcntl
except ImportError:  # On Windows nobody hinders a second run of the same command.
    fcntl = None  # type: ignore[assignment]

_CHUNK = re.compile(r"chunk-(\d{6,})\.parquet")
_FACTS, _LOCK, _UNFINISHED = "run.json", "lock", ".unfinished"


class PartialResult:
    """Chunks of the table of results, each kept as soon as it is there.

    Parameters
    ----------
    output : str or None
        File of the complete table. None: chunks are kept in memory only.
    facts : mapping
        What the results depend on, by a name for messages; values as JSON has them.
    restart : bool
        Throw away what an earlier run has kept.
    """

    def __init__(self, output: str | None, facts: Mapping[str, Any], restart: bool) -> None:
        self.chunks: dict[int, pd.DataFrame] = {}
        self.folder: Path | None = None
        if output is None:
            return
        self._output = Path(os.path.realpath(output))
        self._shown = f"{output}.part"
        self.folder = self._output.with_name(f"{self._output.name}.part")
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise ValueError(
                f"cannot write into the folder {self._shown!r}: {error.strerror}; "
                "it is for what is done so far."
            ) from error
        self._refuse_strangers()
        self._lock = self._locked()
        try:
            if restart:
                self._clear()
            self._take_up(json.loads(json.dumps(facts)))
        except BaseException:
            os.close(self._lock)
            raise

    @property
    def n_objects(self) -> int:
        """Number of objects in the chunks."""
        return sum(len(table) for table in self.chunks.values())

    def add(self, number: int, table: pd.DataFrame) -> None:
        """Keep a chunk."""
        if self.folder is not None:
            path = self.folder / f"chunk-{number:06d}.parquet"
            _write_durably(path, lambda unfinished: table.to_parquet(unfinished, index=False))
        self.chunks[number] = table

    def complete(self, write: Callable[[str], None]) -> None:
        """Put the complete table in its place, written by `write`, and forget the chunks."""
        # The name has to stay: archives hold it, and its ending is the format.
        unfinished = self.folder / self._output.name
        write(str(unfinished))
        _synchronize(unfinished)
        os.replace(unfinished, self._output)
        _synchronize(self._output.parent)
        self.chunks.clear()

    def __enter__(self) -> PartialResult:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the folder behind only if it holds something to go on from."""
        if self.folder is None:
            return
        try:
            if self.chunks:
                return
            self._clear()
            # While it is locked, so that no other run begins in it.
            if fcntl is not None:
                self._remove_folder()
        finally:
            os.close(self._lock)
        if fcntl is None:
            self._remove_folder()

    def _remove_folder(self) -> None:
        (self.folder / _LOCK).unlink()
        # A run that is refused may have made the file anew.
        with suppress(OSError):
            self.folder.rmdir()

    def _is_ours(self, name: str) -> bool:
        known = name in (_FACTS, _LOCK, self._output.name) or name.endswith(_UNFINISHED)
        return known or bool(_CHUNK.fullmatch(name)) or name.startswith(SPILLED)

    def _refuse_strangers(self) -> None:
        """Refuse a folder of somebody else, for its content would be thrown away."""
        for path in self.folder.iterdir():
            if not self._is_ours(path.name):
                raise ValueError(
                    f"{self._shown!r} is where unfinished results are kept, but it holds "
                    f"{path.name!r}; move it away, or choose another --output."
                )

    def _locked(self) -> int:
        """Return an open file that no other process has locked."""
        lock = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT)
        if fcntl is not None:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                raise ValueError(
                    f"{self._shown!r} is in use: another process is writing the same output."
                ) from None
            # Some file systems know no locks.
            except OSError:
                pass
            if os.fstat(lock).st_nlink == 0:
                os.close(lock)
                raise ValueError(
                    f"{self._shown!r} was removed by a run that has just ended; try again."
                )
        return lock

    def _clear(self) -> None:
        # Without the facts the rest counts as nothing, should this be interrupted.
        (self.folder / _FACTS).unlink(missing_ok=True)
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != _LOCK:
                path.unlink()

    def _take_up(self, facts: Mapping[str, Any]) -> None:
        """Read what an earlier run has kept, if it was made from the same."""
        path = self.folder / _FACTS
        if not path.exists():
            self._clear()
            text = json.dumps(facts, indent=1)
            _write_durably(path, lambda unfinished: Path(unfinished).write_text(text))
            return
        try:
            kept = json.loads(path.read_text())
            other = [name for name in {**kept, **facts} if kept.get(name) != facts.get(name)]
        except (ValueError, TypeError):
            other = [_FACTS]
        if other:
            raise ValueError(
                f"{self._shown!r} holds part of the results of another run, which differs in "
                f"{', '.join(other)}; start anew with --restart, or choose another --output."
            )
        for path in sorted(self.folder.iterdir()):
            match = _CHUNK.fullmatch(path.name)
            if match:
                table = _read_chunk(path)
                if table is not None:
                    self.chunks[int(match[1])] = table
            elif path.is_dir():
                shutil.rmtree(path)


def _read_chunk(path: Path) -> pd.DataFrame | None:
    """Return a chunk; None if a disk, or somebody, has damaged it: it is to be made again."""
    try:
        return pd.read_parquet(path)
    except Exception:
        return None


def _write_durably(path: Path, write: Callable[[str], Any]) -> None:
    unfinished = f"{path}{_UNFINISHED}"
    write(unfinished)
    _synchronize(unfinished)
    os.replace(unfinished, path)
    _synchronize(path.parent)


def _synchronize(path: str | Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    if os.path.isdir(path) and os.name != "posix":
        return
    file = os.open(path, os.O_RDONLY if os.path.isdir(path) else os.O_RDWR)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def identity(path: str) -> list[Any]:
    """Return what tells a file from others, and from itself before it was changed."""
    found = os.stat(path)
    with open(path, "rb") as file:
        # At the end, where Parquet describes all the rest.
        file.seek(-min(found.st_size, 1 << 20), os.SEEK_END)
        digest = hashlib.sha256(file.read()).hexdigest()
    return [found.st_size, found.st_mtime_ns, digest]
