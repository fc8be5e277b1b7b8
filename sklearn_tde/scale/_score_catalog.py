"""Scores of catalogues that need not fit into memory, computed by Dask."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from numbers import Integral
from os import PathLike
from typing import TYPE_CHECKING, Any

from sklearn_tde.scale._checks import check_catalog, check_model, checked_names
from sklearn_tde.scale._inputs import is_hats, is_path, open_parquet, parquet_files
from sklearn_tde.scale._models import ModelBytes, ModelFile, built, model_source
from sklearn_tde.scale._partition import Scoring, score_partition

if TYPE_CHECKING:
    import dask.dataframe as dd
    import lsdb


def score_catalog(
    catalog: lsdb.Catalog | dd.DataFrame | str | PathLike[str] | Sequence[str | PathLike[str]],
    model: Any,
    *,
    object_id: str | None = "object_id",
    light_curve: str = "light_curve",
    columns: Sequence[str] = (),
    time: str = "time",
    band: str = "band",
    flux: str = "flux",
    flux_err: str = "flux_err",
    mag: str | None = None,
    mag_err: str | None = None,
    limiting_mag: str | None = None,
    sign: str | None = None,
    zero_point: float = 23.9,
    band_names: Mapping[Any, str] | None = None,
    bands: Sequence[str] | None = None,
    duplicates: str = "raise",
    chunk_size: int = 5000,
    on_error: str = "raise",
) -> lsdb.Catalog | dd.DataFrame:
    """Score every object of a catalogue that need not fit into memory, on a Dask cluster.

    The result is lazy: nothing is scored before it is written or computed. Whatever Dask runs on,
    threads, the processes of one machine or a cluster, scores the partitions one by one, in any
    order, and a partition that was lost with a worker is scored again.

    Parameters
    ----------
    catalog : lsdb.Catalog, dask.dataframe.DataFrame, path or list of paths
        One row per object, the observations in a nested column:

        - an ``lsdb.Catalog``, or the path of a folder in the HATS format;
        - a Dask collection whose partitions are NestedFrames;
        - the path of a Parquet file as ``NestedFrame.to_parquet`` writes it, of a folder of such
          files, or a list of paths. Each row group becomes a partition.

        From a path only the columns that are needed are read; of an open catalogue, open no
        others.
    model : path or estimator
        A file of :func:`sklearn_tde.save_model` or of ``joblib.dump`` that has the same path on
        every worker, or a fitted classifier. Every worker process loads it once. A joblib file
        can run code when it is loaded.
    object_id : str or None, default="object_id"
        Column, or name of the index, with the names of the objects. None: the index, whatever it
        is called.
    light_curve : str, default="light_curve"
        The nested column.
    columns : sequence of str, default=()
        Further columns to read: the model sees them, such as a redshift that its gridder takes
        as context, and they are kept in the result.
    time, band, flux, flux_err : str
        Fields of the nested column; their default is their own name. See
        :func:`sklearn_tde.pack_light_curves` for these and for what follows.
    mag, mag_err, limiting_mag, sign : str or None, default=None
        Fields with magnitudes in place of fluxes, with limits, and with the sign of the flux.
    zero_point : float, default=23.9
        Magnitude of a flux of 1: 23.9 for microjansky, 31.4 for nanojansky.
    band_names : mapping or None, default=None
        From the values in the field `band` to names, such as ``{1: "g", 2: "r"}``.
    bands : sequence of str or None, default=None
        Names of the bands to use; observations in others are left out. None: all, and one that
        the model does not know is an error.
    duplicates : {"raise", "drop"}, default="raise"
        What to do with several observations of one object in one band at the same time.
    chunk_size : int, default=5000
        Objects scored at a time. More make the arrays between the steps of the model larger,
        and it hardly faster.
    on_error : {"raise", "null"}, default="raise"
        What to do with an object that is refused (ValueError or TypeError), such as one with a
        missing flux: stop with an error that names it, or leave its probabilities and its
        prediction missing and write the reason into a column ``error``.

    Returns
    -------
    scores : lsdb.Catalog or dask.dataframe.DataFrame
        An ``lsdb.Catalog`` for one, or for a HATS folder, otherwise a Dask DataFrame. The same
        index and partitions as `catalog`, and the columns:

        - `object_id`, where it is a column; of an ``lsdb.Catalog`` right ascension and
          declination; then `columns`;
        - ``prob_<class>`` (float64), one per class of the model, in the order of its ``classes_``;
        - ``prediction``, what its `predict` returns;
        - ``n_observations`` (int64), how many of them in `bands` the catalogue has;
        - ``error`` (string), with ``on_error="null"``: why it has no probability.

    Raises
    ------
    ImportError
        If Dask, or LSDB for a HATS folder, is not installed.
    OSError
        If there is no such file.
    TypeError
        If `catalog` is none of these, `model` is no fitted classifier, or a column or an argument
        is of a wrong type.
    ValueError
        If a column or a field is missing, the model does not know a band of `bands` or
        `band_names`, it needs a column that is not among `columns`, a name is taken twice, or an
        argument is out of range. What is wrong with single objects shows only when they are
        scored; then the message names object and field.

    See Also
    --------
    sklearn_tde.save_model : Writes a model to give to the workers.

    Notes
    -----
    Probabilities and predictions are, bit for bit, those of the same model on the same
    light curves in memory, in whatever partitions and chunks, on the same kind of machine.

    Start the ``distributed.Client`` before: an estimator is then sent to each worker of it once. To
    an ``lsdb.Catalog`` that is scored by processes without a client, it goes with every partition.

    The network runs on one thread, so give the cluster one worker process per core
    (``threads_per_worker=1``). A worker needs memory for the libraries, about 600 MB, for one
    partition, and for less than 10 KB per object of a chunk.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_tde import make_lstm_pipeline, make_transients
    >>> from sklearn_tde.scale import score_catalog
    >>> X, y = make_transients(n_tde=5, n_sn_ia=10, random_state=0)
    >>> model = make_lstm_pipeline(max_epochs=1, random_state=0).fit(X, y)
    >>> with TemporaryDirectory() as folder:
    ...     X.to_parquet(Path(folder, "night.parquet"))
    ...     scores = score_catalog(Path(folder, "night.parquet"), model, columns=["redshift"])
    ...     table = scores.compute(scheduler="synchronous")
    >>> list(table.columns)
    ['object_id', 'redshift', 'prob_SN Ia', 'prob_TDE', 'prediction', 'n_observations']
    >>> bool((table["prob_TDE"] == model.predict_proba(X)[:, 1]).all())
    True
    """
    _import("dask.dataframe")
    if not isinstance(chunk_size, Integral) or isinstance(chunk_size, bool) or chunk_size < 1:
        raise ValueError(f"chunk_size={chunk_size!r}; expected a whole number of 1 at least.")
    if on_error not in ("raise", "null"):
        raise ValueError(f"on_error={on_error!r}; expected 'raise' or 'null'.")
    bands = None if bands is None else checked_names(bands, "bands")
    columns = checked_names(columns, "columns")
    opened = _opened(catalog)
    source = model_source(model)
    estimator = built(source)
    check_model(estimator, columns, band_names, bands)
    meta = opened.meta if _is_lsdb(opened) else opened._meta
    scoring = Scoring(
        object_id=object_id,
        light_curve=light_curve,
        columns=columns,
        kept=_kept(opened, meta, object_id, columns),
        packing={
            "time": time,
            "band": band,
            "flux": flux,
            "flux_err": flux_err,
            "mag": mag,
            "mag_err": mag_err,
            "limiting_mag": limiting_mag,
            "sign": sign,
            "zero_point": zero_point,
            "band_names": band_names,
            "duplicates": duplicates,
        },
        bands=bands,
        chunk_size=int(chunk_size),
        on_error=on_error,
    )
    check_catalog(meta, scoring, estimator.classes_)
    opened = _opened(catalog, [*scoring.kept, light_curve])
    meta = score_partition(meta.iloc[:0], source, scoring)
    return opened.map_partitions(score_partition, _sent(source, opened), scoring, meta=meta)


def _import(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f'score_catalog needs {module.partition(".")[0]}: pip install "sklearn-tde[scale]".'
        ) from error


def _is_lsdb(catalog: Any) -> bool:
    # Nobody has such a catalogue without having imported it, which takes seconds.
    return "lsdb" in sys.modules and isinstance(catalog, sys.modules["lsdb"].Catalog)


def _opened(catalog: Any, columns: Sequence[str] | None = None) -> Any:
    """Return the catalogue as a lazy collection; from a path, with the given columns or all."""
    if is_path(catalog) and is_hats(catalog):
        return _import("lsdb").open_catalog(catalog, columns="all" if columns is None else columns)
    is_list = isinstance(catalog, list | tuple) and all(map(is_path, catalog))
    if is_path(catalog) or is_list:
        return open_parquet(parquet_files(catalog), columns)
    if _is_lsdb(catalog) or isinstance(catalog, sys.modules["dask.dataframe"].DataFrame):
        return catalog
    raise TypeError(
        f"catalog: got {type(catalog).__name__}; expected an lsdb.Catalog, a Dask DataFrame of "
        "NestedFrames, the path of a HATS folder, or the path or paths of Parquet files. Light "
        "curves in memory need no cluster: model.predict_proba(X)."
    )


def _kept(
    catalog: Any, meta: Any, object_id: str | None, columns: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the columns of the objects that the result has, each once."""
    kept = [object_id] if object_id in meta.columns else []
    if _is_lsdb(catalog):
        info = catalog.hc_structure.catalog_info
        kept += [info.ra_column, info.dec_column]
    return tuple(dict.fromkeys([*kept, *columns]))


def _sent(source: ModelFile | ModelBytes, catalog: Any) -> Any:
    """Return the model as an argument that reaches each worker once."""
    if isinstance(source, ModelFile):
        return source
    name = f"model-{source.digest}"
    if not _is_lsdb(catalog):
        return _import("dask").delayed(source, name=name, traverse=False)
    # LSDB builds its graphs itself, and knows no delayed arguments.
    try:
        client = _import("distributed").default_client()
    except ValueError:
        return source
    return client.submit(_same, source, key=name)


def _same(source: ModelBytes) -> ModelBytes:
    return source
