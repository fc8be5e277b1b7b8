"""Models on their way to the worker processes, each of which builds one once."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from os import PathLike
from pathlib import Path
from threading import Lock
from typing import Any

import joblib

from sklearn_tde._photometry import cause
from sklearn_tde.persistence import load_model

#: Models that a process keeps; a notebook that scores with many must not collect them all.
_KEPT = 2
_LOADED: dict[str, Any] = {}
# Threads of one worker ask for the same model at the same time.
_LOCK = Lock()


@dataclass(frozen=True)
class ModelFile:
    """A saved model that every worker reads from the same path."""

    path: str
    digest: str

    def build(self) -> Any:
        """Read the model, which must be the one that was there when the work began."""
        try:
            data = Path(self.path).read_bytes()
        except OSError as error:
            raise OSError(
                f"model: {self.path!r} cannot be read here ({error.strerror}); expected a path "
                "that is the same on every worker. Give the fitted estimator to have it sent."
            ) from error
        if sha256(data).hexdigest() != self.digest:
            raise RuntimeError(
                f"model: {self.path!r} is no longer the file that score_catalog was given; "
                "expected it to stay as it is until all objects are scored."
            )
        # A zip archive is nothing that joblib writes: a model to share, under any name.
        if self.path.lower().endswith(".tde") or data.startswith(b"PK\x03\x04"):
            return load_model(self.path, sha256=self.digest)
        try:
            return joblib.load(BytesIO(data))
        # Unpickling anything raises anything.
        except Exception as error:
            raise ValueError(
                f"model: {self.path!r} cannot be loaded ({cause(error)}); expected a file of "
                "save_model or of joblib.dump, written with the versions installed here."
            ) from error


@dataclass(frozen=True)
class ModelBytes:
    """A fitted estimator that is sent to the workers."""

    digest: str
    data: bytes = field(repr=False)

    def build(self) -> Any:
        """Unpickle the estimator."""
        import cloudpickle

        return cloudpickle.loads(self.data)

    def __dask_tokenize__(self) -> str:
        return self.digest


def model_source(model: Any) -> ModelFile | ModelBytes:
    """Return what the workers build the model from."""
    if not isinstance(model, str | PathLike):
        import cloudpickle

        data = cloudpickle.dumps(model)
        return ModelBytes(sha256(data).hexdigest(), data)
    path = Path(model).absolute()
    if not path.is_file():
        raise FileNotFoundError(f"model: there is no file {str(path)!r}.")
    return ModelFile(str(path), sha256(path.read_bytes()).hexdigest())


def built(source: ModelFile | ModelBytes) -> Any:
    """Return the model, built when this process first asks for it."""
    with _LOCK:
        if source.digest not in _LOADED:
            while len(_LOADED) >= _KEPT:
                del _LOADED[next(iter(_LOADED))]
            _LOADED[source.digest] = source.build()
        return _LOADED[source.digest]
