"""What is in the file of a model, and whether this version reads it."""

from __future__ import annotations

import json
from hashlib import sha256 as sha256_of
from typing import Any

from sklearn_tde import __version__
from sklearn_tde.persistence._container import ModelFileError, check_seal, unpack
from sklearn_tde.persistence._facts import FORMAT_VERSION

METADATA, CARD, MODEL = MEMBERS = ["metadata.json", "README.md", "model.skops"]


def check_digest(data: bytes, expected: str) -> None:
    """Refuse another file than the one whose digest is expected."""
    found = sha256_of(data).hexdigest()
    if not isinstance(expected, str) or expected.strip().lower() != found:
        raise ModelFileError(f"its SHA-256 is {found}; expected sha256={expected!r}")


def open_members(data: bytes) -> dict[str, bytes]:
    """Return the members of a whole and undamaged file of a known format."""
    check_seal(data)
    members = unpack(data)
    if list(members) != MEMBERS:
        raise ModelFileError(f"it has the members {list(members)}; expected {MEMBERS}")
    metadata = _metadata(members)
    if metadata.get("format") != "sklearn-tde model":
        raise ModelFileError("its metadata are not those of a model; expected a file of save_model")
    found = metadata.get("format_version")
    if type(found) is not int or found != FORMAT_VERSION:
        raise ModelFileError(
            f"it has version {found!r} of the format; sklearn_tde {__version__} reads version "
            f"{FORMAT_VERSION}, a newer one may read more"
        )
    if metadata.get("model_sha256") != sha256_of(members[MODEL]).hexdigest():
        raise ModelFileError("its model is not the one that its metadata describe")
    return members


def _metadata(members: dict[str, bytes]) -> dict[str, Any]:
    try:
        metadata = json.loads(members[METADATA])
    except (ValueError, RecursionError) as error:
        raise ModelFileError("its metadata are no JSON") from error
    return metadata if isinstance(metadata, dict) else {}


def check_versions(members: dict[str, bytes]) -> None:
    """Refuse a file of a version of sklearn_tde whose models may mean something else."""
    versions = _metadata(members).get("versions")
    written = versions.get("sklearn_tde") if isinstance(versions, dict) else None
    try:
        major, minor = (int(part) for part in str(written).split(".")[:2])
    except ValueError:
        raise ModelFileError(
            f"its metadata name {written!r} as the version of sklearn_tde; expected one like "
            f"{__version__}"
        ) from None
    here = tuple(int(part) for part in __version__.split(".")[:2])
    if (major, minor) > here:
        raise ModelFileError(
            f"it was written by sklearn_tde {written}, which is newer than the {__version__} "
            f'installed; expected at most {here[0]}.{here[1]}: pip install "sklearn-tde>={written}"'
        )
    if major != here[0] or (major == 0 and minor != here[1]):
        raise ModelFileError(
            f"it was written by sklearn_tde {written}, which {__version__} no longer reads; fit it "
            f'again, or pip install "sklearn-tde=={major}.{minor}.*"'
        )
