"""Light curves from the ALeRCE broker."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from nested_pandas import NestedFrame

from sklearn_tde._photometry import cause, is_name, shown, shown_path
from sklearn_tde.light_curves import pack_light_curves

__all__ = ["load_alerce_detections"]

_BAND_NAMES = {1: "g", 2: "r", 3: "i", "1": "g", "2": "r", "3": "i", "g": "g", "r": "r", "i": "i"}

# Names of one quantity in the older and the newer interface. The corrected magnitudes, magpsf_corr
# and mag_corr, are left out on purpose: they add the host galaxy's flux in the reference image.
_MAGNITUDE = ("magpsf", "mag")
_MAGNITUDE_ERROR = ("sigmapsf", "e_mag")


def load_alerce_detections(
    source: str | Path | list | Mapping[str, Any],
    *,
    object_id: str | None = None,
    duplicates: str = "raise",
) -> NestedFrame:
    """Load light curves from the JSON of the ALeRCE broker's detections endpoint.

    Fluxes are differences from the reference image: made from ``magpsf`` (``mag`` in the newer
    interface), never from ``magpsf_corr``, and with the sign of ``isdiffpos``, so that an object
    whose reference image holds the transient itself gets negative fluxes.

    Parameters
    ----------
    source : str, Path, list or dict
        A path to a JSON file, a string of JSON, or what the broker's client has already parsed: a
        list of detections, a dict ``{"detections": [...], "non_detections": [...]}``, or a list
        of such dicts. A detection has ``mjd``, ``fid`` (1, 2, 3 for g, r, i), ``magpsf``,
        ``sigmapsf``, ``isdiffpos`` and, if several objects are given, ``oid``.
    object_id : str or None, default=None
        Name of the object, for records without ``oid``, as the endpoint for a single object gives
        them. If all records have an ``oid``, one of them must be this.
    duplicates : {"raise", "drop"}, default="raise"
        What to do with several records of one object in one band at the same time.

    Returns
    -------
    X : NestedFrame of shape (n_objects, 1)
        One row per object, fluxes in microjansky. Records in ``non_detections`` are upper limits:
        flux 0 with an error of a fifth of the flux of ``diffmaglim``; those without a limit are
        left out.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the JSON cannot be read, a record lacks a field, a band or a sign is unknown, records
        have no name and `object_id` is not given, or all of them have another name than the one
        given.
    TypeError
        If `source` is none of the above.

    See Also
    --------
    load_light_curves : Light curves from tables.

    Notes
    -----
    The key ``forced_photometry`` of the newer interface is not read.

    References
    ----------
    .. [1] Förster, F., et al. (2021), "The Automatic Learning for the Rapid Classification of
       Events (ALeRCE) alert broker", AJ 161, 242.

    Examples
    --------
    >>> from sklearn_tde.datasets import load_alerce_detections
    >>> detections = [
    ...     {"mjd": 59000.3, "fid": 1, "magpsf": 18.9, "sigmapsf": 0.1, "isdiffpos": 1},
    ...     {"mjd": 59003.3, "fid": 2, "magpsf": 18.9, "sigmapsf": 0.1, "isdiffpos": -1},
    ... ]
    >>> X = load_alerce_detections(detections, object_id="ZTF20aaaaaaa")
    >>> [round(float(flux)) for flux in X["light_curve"].iloc[0]["flux"]]
    [100, -100]
    """
    rows, names = [], []
    for name, detections, limits in _light_curves(_parse(source), object_id):
        found = [_detection(record, name) for record in detections]
        found += [_limit(record, name) for record in limits if _has_limit(record)]
        if name is not None and _is_owner(name, [*detections, *limits]):
            names.append(str(name))
        names += [row["object_id"] for row in found]
        rows += found
    names = list(dict.fromkeys(names))
    if object_id is not None and str(object_id) not in names:
        raise ValueError(
            f"object_id: {str(object_id)!r} contradicts the 'oid' of the records; found "
            f"{_listed(names) or 'no detection and no limit'}. Leave it out, or check the source."
        )
    if not names:
        raise ValueError("source: there are no detections, and no object_id is given.")
    columns = ["object_id", "mjd", "fid", "mag", "mag_err", "limit", "isdiffpos"]
    return pack_light_curves(
        pd.DataFrame(rows, columns=columns),
        time="mjd",
        band="fid",
        mag="mag",
        mag_err="mag_err",
        limiting_mag="limit",
        sign="isdiffpos",
        band_names=_BAND_NAMES,
        objects=pd.DataFrame(index=pd.Index(names, name="object_id")),
        duplicates=duplicates,
    )


def _parse(source: Any) -> Any:
    """Return the lists and dicts behind a path or a string of JSON."""
    if isinstance(source, list | Mapping):
        return source
    if not isinstance(source, str | Path):
        raise TypeError(
            "source: expected a path, a string of JSON, a list or a dict; got "
            f"{type(source).__name__}."
        )
    text, where = source, "the string"
    if isinstance(source, Path) or not source.lstrip().startswith(("[", "{")):
        path, where = Path(source), shown_path(source)
        try:
            if not path.exists():
                raise FileNotFoundError(f"source: there is no file {where}.")
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise
        except (OSError, ValueError) as error:
            raise ValueError(f"source: {where} cannot be read: {cause(error)}") from error
    try:
        return json.loads(text)
    # Numbers of thousands of digits are a ValueError too, lists of thousands of lists are not.
    except (ValueError, RecursionError) as error:
        raise ValueError(f"source: {where} is no valid JSON: {cause(error)}") from error


def _light_curves(
    parsed: Any, object_id: str | None
) -> Iterator[tuple[str | None, list[dict], list[dict]]]:
    """Yield name, detections and non-detections of every light curve."""
    if isinstance(parsed, Mapping):
        parsed = [parsed]
    if not isinstance(parsed, list) or not all(isinstance(item, Mapping) for item in parsed):
        raise ValueError("source: expected a list of detections, or a dict with 'detections'.")
    if any("detections" in item for item in parsed):
        for item in parsed:
            if "detections" not in item:
                raise ValueError(
                    "source: expected 'detections' in every entry; one has "
                    f"{', '.join(map(str, item)) or 'nothing'}."
                )
            detections, limits = item["detections"] or [], item.get("non_detections") or []
            yield _named(item.get("oid"), object_id, detections, limits)
    else:
        yield _named(None, object_id, parsed, [])


def _named(
    name: str | None, object_id: str | None, detections: list[dict], limits: list[dict]
) -> tuple[str | None, list[dict], list[dict]]:
    """Find the name of the records that lack one, as non-detections often do."""
    for records in (detections, limits):
        if not isinstance(records, list) or not all(isinstance(one, Mapping) for one in records):
            raise ValueError("source: expected lists of records in detections and non_detections.")
    for oid in [name, *(record.get("oid") for record in [*detections, *limits])]:
        if not (oid is None or is_name(oid) or (isinstance(oid, int) and oid is not True)):
            raise TypeError(f"source: an 'oid' is {shown(oid)}; expected the name of an object.")
    found = list(dict.fromkeys(record.get("oid") for record in detections))
    if name is not None:
        records = detections or limits
        if not _is_owner(name, records):
            others = list(dict.fromkeys(str(record["oid"]) for record in records))
            raise ValueError(
                f"source: the light curve of {str(name)!r} holds only records of other objects, "
                f"{_listed(others)}."
            )
    elif object_id is not None and (None in found or len(found) != 1):
        name = object_id
    else:
        found = [oid for oid in found if oid is not None]
        name = found[0] if len(found) == 1 else None
    return name, detections, limits


def _is_owner(name: str, records: list[dict]) -> bool:
    """Whether `name` is that of a record, or of one without a name, or there are no records."""
    oids = [record.get("oid") for record in records]
    return not oids or None in oids or str(name) in map(str, oids)


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names[:5])) + (", ..." if len(names) > 5 else "")


def _object_name(record: Mapping[str, Any], name: str | None) -> str:
    found = record.get("oid")
    if found is None:
        found = name
    if found is None:
        raise ValueError("source: a record has no 'oid'; give the name in object_id.")
    return str(found)


def _required(record: Mapping[str, Any], names: tuple[str, ...], owner: str) -> Any:
    """The first of the fields `names` that the record has."""
    for name in names:
        if record.get(name) is not None:
            return record[name]
    hint = ""
    if names == _MAGNITUDE and not {"magpsf_corr", "mag_corr"}.isdisjoint(record):
        hint = " The corrected magnitude holds the host galaxy too and cannot stand in for it."
    wanted = " or ".join(map(repr, names))
    raise ValueError(f"object {owner!r}: a record has no {wanted}; expected a value.{hint}")


def _detection(record: Mapping[str, Any], name: str | None) -> dict[str, Any]:
    owner = _object_name(record, name)
    return {
        "object_id": owner,
        "mjd": _required(record, ("mjd",), owner),
        "fid": _required(record, ("fid",), owner),
        "mag": _required(record, _MAGNITUDE, owner),
        "mag_err": _required(record, _MAGNITUDE_ERROR, owner),
        "limit": np.nan,
        "isdiffpos": _required(record, ("isdiffpos",), owner),
    }


def _has_limit(record: Mapping[str, Any]) -> bool:
    limit = record.get("diffmaglim")
    if limit is not None and not isinstance(limit, Real):
        raise ValueError(
            f"source: a non-detection has diffmaglim {shown(limit)}; expected a number."
        )
    # Archives write -999 for a limit that is not known.
    return limit is not None and limit > 0


def _limit(record: Mapping[str, Any], name: str | None) -> dict[str, Any]:
    owner = _object_name(record, name)
    return {
        "object_id": owner,
        "mjd": _required(record, ("mjd",), owner),
        "fid": _required(record, ("fid",), owner),
        "mag": np.nan,
        "mag_err": np.nan,
        "limit": record["diffmaglim"],
        "isdiffpos": None,
    }
