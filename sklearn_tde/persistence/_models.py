"""Models are written to, and read from, files that strangers can exchange."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from hashlib import sha256 as sha256_of
from importlib.metadata import version
from inspect import ismethod
from os import PathLike
from pathlib import Path
from typing import Any

from sklearn.base import is_classifier
from sklearn.utils._metadata_requests import MetadataRequest, MethodMetadataRequest
from sklearn.utils.validation import check_is_fitted

from sklearn_tde.persistence._audit import SchemaAudit, canonical
from sklearn_tde.persistence._container import (
    ModelFileError,
    pack,
    read_bytes,
    sealed,
    unpack,
    write_bytes,
)
from sklearn_tde.persistence._contents import (
    CARD,
    MEMBERS,
    MODEL,
    check_digest,
    check_versions,
    open_members,
)
from sklearn_tde.persistence._facts import describe, write_card
from sklearn_tde.persistence._trusted_types import ATTRIBUTES_LEFT_OUT, all_trusted_types

#: Libraries whose estimators a model can be made of.
_LIBRARIES = {"imblearn", "sklearn", "sklearn_tde"}


def save_model(estimator: Any, path: str | PathLike[str], *, description: str | None = None) -> str:
    """Write a fitted classifier to a file that can be loaded without trusting its author.

    The file holds the model in the format of skops, a metadata.json and a README.md, a model card
    written from the same facts: what the model is, what it was trained on, its versions and its
    parameters. Training data, optimiser and callbacks are not in it; labels and positions of
    training objects can be, where an ensemble or the folds of a search keep them.

    Parameters
    ----------
    estimator : estimator
        A fitted classifier, alone or in a pipeline, thresholded, calibrated, stacked, bagged,
        searched, ..., made of the estimators of this package and of those that
        :func:`load_model` accepts.
    path : str or path-like
        The file, replaced if it exists. It appears when it is complete, or not at all.
    description : str or None, default=None
        What the author has to say about the model, for the card: the survey, the sample, how well
        it does.

    Returns
    -------
    sha256 : str
        The SHA-256 of the file, in hexadecimal digits. Publish it elsewhere than the file:
        :func:`load_model` compares.

    Raises
    ------
    ImportError
        If skops is not installed.
    NotFittedError
        If the estimator is not fitted.
    ModelFileError
        If the model holds something that cannot be shared, such as a callback, a cache, a function
        or an estimator of one's own; the message names the parameter.
    TypeError
        If `description` is neither text nor None.
    ValueError
        If `description` holds half a character, which no file can.
    OSError
        If the file cannot be written.

    See Also
    --------
    export_onnx : Writes the network alone, for other languages.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_tde import load_model, make_lstm_pipeline, make_transients, save_model
    >>> X, y = make_transients(n_tde=10, n_sn_ia=20, random_state=0)
    >>> model = make_lstm_pipeline(max_epochs=2, random_state=0).fit(X, y)
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "model.tde")
    ...     digest = save_model(model, path, description="Simulated ZTF light curves.")
    ...     loaded = load_model(path, sha256=digest)
    >>> bool((loaded.predict_proba(X) == model.predict_proba(X)).all())
    True
    """
    _check_description(description)
    _import_skops("save_model")
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{str(path)!r} is a folder; expected the name of a file.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{str(path)!r}: there is no folder {str(path.parent)!r}.")
    with _naming(f"{type(estimator).__name__} cannot be saved to {str(path)!r}: "):
        _check_classifier(estimator)
        _check_parameters(estimator)
        model = _dump(estimator)
        facts = describe(estimator, description) | {"model_sha256": sha256_of(model).hexdigest()}
        members = [json.dumps(facts, indent=2, ensure_ascii=False), write_card(facts)]
        contents = [*(member.encode() for member in members), model]
        data = sealed(pack(dict(zip(MEMBERS, contents, strict=True))))
        # What cannot be read back is not written.
        _build(model)
        write_bytes(path, data)
    return sha256_of(data).hexdigest()


def load_model(path: str | PathLike[str], *, sha256: str | None = None) -> Any:
    """Read a classifier that `save_model` has written.

    Before anything is built, the whole file is compared with a fixed list of types, those of
    this package and a choice of those of scikit-learn and imbalanced-learn; whatever else it
    names is refused, and nothing in it is executed. It is not the hash inside the file that
    makes this safe, which only tells damage: whoever changes a file can change its hash.

    Parameters
    ----------
    path : str or path-like
        The file.
    sha256 : str or None, default=None
        The SHA-256 that `save_model` returned, from someone who knows: it proves that the file is
        theirs. None: any file is accepted that is safe.

    Returns
    -------
    estimator : estimator
        The fitted classifier. It predicts the same bits as the saved one, with the same versions
        of all libraries on the same kind of machine.

    Raises
    ------
    ImportError
        If skops is not installed.
    ModelFileError
        If it is not a model file, is damaged, has another hash, was written by a version of
        sklearn_tde that is newer or too old, or holds types that are not on the list.
    OSError
        If the file cannot be read.

    Warns
    -----
    InconsistentVersionWarning
        If it was written with another version of scikit-learn, or another patch of sklearn_tde.

    Notes
    -----
    Version 0.y of sklearn_tde reads the files of 0.y, whatever follows; from 1.0 on, those of the
    same major version that are not newer.

    A safe file can still hold a bad model, or one that is made to mislead: check it on objects
    whose class is known.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_tde import load_model, save_model
    >>> model = LogisticRegression().fit([[0.0], [1.0]], ["SN Ia", "TDE"])
    >>> with TemporaryDirectory() as folder:
    ...     digest = save_model(model, Path(folder, "model.tde"))
    ...     loaded = load_model(Path(folder, "model.tde"), sha256=digest)
    >>> loaded.classes_.tolist()
    ['SN Ia', 'TDE']
    """
    _import_skops("load_model")
    path = Path(path)
    with _naming(f"{str(path)!r} cannot be loaded: "):
        data = read_bytes(path)
        if sha256 is not None:
            check_digest(data, sha256)
        members = open_members(data)
        check_versions(members)
        model = _build(members[MODEL])
    return model


def read_model_card(path: str | PathLike[str]) -> str:
    """Return the model card of a file that `save_model` has written, without loading the model.

    Parameters
    ----------
    path : str or path-like
        The file. It is a zip archive: the card is its README.md, and its metadata.json has
        the same facts for programs.

    Returns
    -------
    card : str
        The card, in Markdown. It says what the author of the file wants it to say; characters that
        could steer a terminal are replaced.

    Raises
    ------
    ModelFileError
        If it is not a model file or is damaged.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_tde import make_lstm_pipeline, make_transients, save_model
    >>> from sklearn_tde.persistence import read_model_card
    >>> X, y = make_transients(n_tde=10, n_sn_ia=20, random_state=0)
    >>> model = make_lstm_pipeline(max_epochs=2, random_state=0).fit(X, y)
    >>> with TemporaryDirectory() as folder:
    ...     _ = save_model(model, Path(folder, "model.tde"))
    ...     card = read_model_card(Path(folder, "model.tde"))
    >>> card.splitlines()[0]
    '# LightCurvePipeline: SN Ia, TDE'
    """
    path = Path(path)
    with _naming(f"{str(path)!r} cannot be read: "):
        text = open_members(read_bytes(path))[CARD].decode("utf-8", errors="replace")
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def _check_description(description: Any) -> None:
    if not isinstance(description, str | None):
        raise TypeError(f"description={description!r}; expected text or None.")
    try:
        (description or "").encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"description={description!r} has no UTF-8 form at position {error.start}; expected "
            "text without lone surrogates."
        ) from error


def _import_skops(caller: str) -> Any:
    try:
        import skops.io
    except ImportError as error:
        raise ImportError(f'{caller} needs skops: pip install "sklearn-tde[share]".') from error
    return skops.io


@contextmanager
def _naming(what: str) -> Iterator[None]:
    """Say which file an error is about."""
    try:
        yield
    except ModelFileError as error:
        raise ModelFileError(f"{what}{str(error).rstrip('.')}.") from error


def _check_classifier(model: Any) -> None:
    if not (hasattr(model, "__sklearn_tags__") and is_classifier(model)):
        raise ModelFileError(f"it is a {type(model).__name__}; expected a fitted classifier")
    check_is_fitted(
        model, msg="%(name)s is not fitted; expected a fitted classifier, which a model file holds."
    )
    if not hasattr(model, "classes_"):
        raise ModelFileError(
            f"the {type(model).__name__} has no classes_; expected it to be fitted"
        )


def _check_parameters(estimator: Any) -> None:
    """Refuse what is easy to find before it is copied, which it may not survive."""
    advice = {
        name: text
        for type_name, attributes in ATTRIBUTES_LEFT_OUT.items()
        for name, text in attributes.items()
        if not type_name.endswith("FunctionTransformer")
    }
    for name, value in estimator.get_params(deep=True).items():
        last = name.rpartition("__")[2]
        if last in advice and value is not None and value != []:
            raise ModelFileError(f"{name}={value!r}: {advice[last]}")


def _dump(estimator: Any) -> bytes:
    """Return the estimator in the format of skops, with nothing that is not trusted."""
    try:
        copied = deepcopy(estimator)
        _break_circles(copied, set())
        members = canonical(_written(copied))
    # Whatever the parameters and attributes of unknown estimators raise.
    except Exception as error:
        raise ModelFileError(
            f"something in it cannot be written ({type(error).__name__}: {error}); expected "
            "estimators, arrays, numbers and text"
        ) from error
    _audit(members, "joblib shares any model, among people who trust each other")
    return pack(members)


class _Members(dict):
    """What skops takes for the archive that it writes into."""

    namelist = dict.keys

    def writestr(self, name: str, content: bytes | memoryview) -> None:
        """Keep a member."""
        self[name] = bytes(content)


def _written(estimator: Any) -> dict[str, bytes]:
    """Return the members of the archive that `skops.io.dumps` makes, without the archive.

    That looks through all members for each new one and indents its text: a third of the time that
    saving thousands of trees took.
    """
    skops = _import_skops("save_model")
    members = _Members()
    context = skops._utils.SaveContext(zip_file=members)
    schema = skops._utils.get_state(estimator, context)
    schema |= {"protocol": context.protocol, "_skops_version": version("skops")}
    return {**members, "schema.json": json.dumps(schema).encode()}


def _break_circles(value: Any, seen: set[int]) -> None:
    """Take out what leads back to where it hangs: skops follows it without end.

    That is the owner of a metadata request, in whose place its name is put, and an object's own
    method, which boosting with a score for early stopping leaves among its attributes.
    """
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, MetadataRequest | MethodMetadataRequest):
        value.owner = value.owner if isinstance(value.owner, str) else type(value.owner).__name__
    if isinstance(value, dict):
        children = list(value.values())
    elif isinstance(value, list | tuple):
        children = list(value)
    elif type(value).__module__.partition(".")[0] in _LIBRARIES:
        attributes = getattr(value, "__dict__", {})
        for name, child in list(attributes.items()):
            own = ismethod(child) and child.__self__ is value
            if own and child.__func__ is getattr(type(value), name, None):
                del attributes[name]
        children = list(attributes.values())
    else:
        return
    for child in children:
        _break_circles(child, seen)


def _audit(members: dict[str, bytes], advice: str) -> set[str]:
    """Refuse what is not trusted; return the names of the types that there are."""
    audit = SchemaAudit(members)
    audit.run()
    if audit.refused:
        shown = "; ".join(dict.fromkeys(audit.refused[:5]))
        more = f"; and {len(audit.refused) - 5} more" if len(audit.refused) > 5 else ""
        raise ModelFileError(
            f"it holds what is not on the list of trusted types: {shown}{more}. Expected "
            "estimators of sklearn_tde and those of scikit-learn and imbalanced-learn that the "
            f"user guide lists, without functions; {advice}"
        )
    return audit.names


def _build(model: bytes) -> Any:
    """Return the classifier in a skops archive, once it holds trusted types only."""
    members = unpack(model)
    names = _audit(members, "do not load this file by other means unless you trust who made it")
    # Each node takes a copy of the list: the shorter, the quicker.
    trusted = [name for name in all_trusted_types() if name in names]
    try:
        estimator = _import_skops("load_model").loads(model, trusted=trusted)
        _check_classifier(estimator)
    # Attributes that do not fit together can raise anything.
    except Exception as error:
        raise ModelFileError(
            f"its parts do not make a model ({type(error).__name__}: {error}); expected what "
            "save_model writes, with the versions installed here"
        ) from error
    return estimator
