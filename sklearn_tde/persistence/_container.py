"""The file of a shared model: a plain zip archive with a seal at its end."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Mapping
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

#: Comment of the archive, before the SHA-256 of every byte that precedes the comment.
_SEAL = b"sklearn-tde sha256 "
_SEAL_LENGTH = len(_SEAL) + 64
_ZIP_START = b"PK\x03\x04"
#: What a classic zip archive can hold is more than twice as large.
_LARGEST_FILE = 2**31


class ModelFileError(ValueError):
    """A file that cannot be taken for a shared model, or a model that cannot be shared.

    The message names the file, what is wrong with it and what was expected.

    Examples
    --------
    >>> from sklearn_tde.persistence import ModelFileError
    >>> issubclass(ModelFileError, ValueError)
    True
    """


def pack(members: Mapping[str, bytes]) -> bytes:
    """Return a zip archive of uncompressed members; the same members give the same bytes."""
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_STORED) as archive:
        for name, content in members.items():
            # The earliest time that the format knows: the date is in the metadata.
            info = ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, content)
    return buffer.getvalue()


def unpack(data: bytes) -> dict[str, bytes]:
    """Return the members of an archive as `pack` makes them.

    Nothing in it is compressed, so that no member can grow beyond the file. The names are not
    checked here, and nothing is ever written under them.

    Raises
    ------
    ModelFileError
        If it is another kind of archive, or a damaged one.
    """
    if not data.startswith(_ZIP_START):
        raise ModelFileError("it is no zip archive")
    members: dict[str, bytes] = {}
    try:
        with ZipFile(BytesIO(data)) as archive:
            entries = archive.infolist()
            if sum(entry.file_size for entry in entries) > len(data):
                raise ModelFileError("its members claim to be larger than the file")
            for entry in entries:
                if entry.filename in members:
                    raise ModelFileError(f"it has two members {entry.filename!r}")
                if entry.compress_type != ZIP_STORED or entry.compress_size != entry.file_size:
                    raise ModelFileError(f"its member {entry.filename!r} is compressed")
                members[entry.filename] = archive.read(entry)
    # zipfile answers damage with errors of many kinds.
    except (BadZipFile, EOFError, OSError, RuntimeError, NotImplementedError, ValueError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"its archive is damaged ({error})") from error
    return members


def sealed(data: bytes) -> bytes:
    """Return an archive without a comment with the seal as its comment."""
    # The length of the comment is in the last two bytes.
    body = data[:-2] + _SEAL_LENGTH.to_bytes(2, "little")
    return body + _SEAL + sha256(body).hexdigest().encode()


def check_seal(data: bytes) -> None:
    """Refuse a file of which any byte is missing or not what was written."""
    body, seal = data[:-_SEAL_LENGTH], data[-_SEAL_LENGTH:]
    if seal == _SEAL + sha256(body).hexdigest().encode():
        return
    if data.startswith(_ZIP_START) and (_SEAL in seal or b"metadata.json" in data[:64]):
        raise ModelFileError(
            "it is damaged, incomplete or changed: its bytes are not those that its hash was made "
            "from; expected the file as save_model wrote it, so get it again"
        )
    raise ModelFileError("it is not a model file, or damaged; expected one that save_model wrote")


def read_bytes(path: Path) -> bytes:
    """Return the content of a regular file that is not absurdly large."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ModelFileError("it is no regular file; expected one that save_model wrote")
    if status.st_size > _LARGEST_FILE:
        raise ModelFileError(
            f"it has {status.st_size} bytes; a model file has at most {_LARGEST_FILE}"
        )
    return path.read_bytes()


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file or nothing: under another name first, which is then replaced."""
    if len(data) > _LARGEST_FILE:
        raise ModelFileError(
            f"the model takes {len(data)} bytes; a model file has at most {_LARGEST_FILE}"
        )
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
