"""Networks for other languages and machines."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import Any

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sklearn_tde import __version__
from sklearn_tde.neural_network._base import BaseSequenceClassifier
from sklearn_tde.persistence._container import write_bytes
from sklearn_tde.preprocessing import LightCurveGridder
from sklearn_tde.preprocessing._base import BaseLightCurveTransformer


def export_onnx(model: Any, path: str | PathLike[str]) -> None:
    """Write the network of a fitted classifier as an ONNX file.

    The graph takes what the gridder or the sequencer gives, as it is: it finds the observed steps
    itself. That step stays outside; its parameters are in the metadata of the file, for whoever
    makes arrays of the light curves there.

    Parameters
    ----------
    model : LSTMTransientClassifier, TransformerTransientClassifier or Pipeline
        The fitted classifier, or a fitted pipeline that ends with one.
    path : str or path-like
        The file, replaced if it exists.

    Raises
    ------
    ImportError
        If onnx is not installed.
    NotFittedError
        If the classifier is not fitted.
    TypeError
        If `model` is none of these, or its pipeline has steps before the classifier that are no
        gridder or sequencer and act on what is predicted.
    OSError
        If the file cannot be written.

    See Also
    --------
    save_model : Keeps the whole model, for Python.

    Notes
    -----
    Input ``X``: float32, (n_objects, n_steps, n_features), or (n_objects, n_features) where the
    network was trained on 2-D arrays; any number of objects and steps, all values finite, which
    the graph does not check. Output ``probabilities``: float32, (n_objects, n_classes), as
    `predict_proba` within about 1e-6.

    The metadata hold JSON: ``classes`` (in the order of the columns), ``sklearn_tde`` (the
    version), ``n_masks`` and ``steps``; of a pipeline with a gridder also ``gridder`` (its
    parameters), with a sequencer ``sequencer``, and ``features`` (their names). Thresholds and
    calibration are not part of the network.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import onnx
    >>> from sklearn_tde import export_onnx, make_lstm_pipeline, make_transients
    >>> X, y = make_transients(n_tde=10, n_sn_ia=20, random_state=0)
    >>> model = make_lstm_pipeline(max_epochs=2, random_state=0).fit(X, y)
    >>> with TemporaryDirectory() as folder:
    ...     export_onnx(model, Path(folder, "model.onnx"))
    ...     written = onnx.load(Path(folder, "model.onnx"))
    >>> {entry.key: entry.value for entry in written.metadata_props}["classes"]
    '["SN Ia", "TDE"]'
    """
    try:
        from sklearn_tde.neural_network._onnx import network_to_onnx
    except ImportError as error:
        raise ImportError('export_onnx needs onnx: pip install "sklearn-tde[onnx]".') from error
    classifier, before = _parts(model)
    check_is_fitted(classifier)
    facts = {
        "sklearn_tde": __version__,
        "classes": [
            getattr(label, "item", lambda label=label: label)() for label in classifier.classes_
        ],
        "n_masks": classifier._n_masks(),
        "steps": "observed" if classifier._only_observed() else "all",
    }
    if before is not None:
        kind = "gridder" if isinstance(before, LightCurveGridder) else "sequencer"
        facts[kind] = before.get_params()
        facts["features"] = before.get_feature_names_out().tolist()
    metadata = {name: json.dumps(value) for name, value in facts.items()}
    write_bytes(Path(path), network_to_onnx(classifier, metadata).SerializeToString())


def _parts(model: Any) -> tuple[BaseSequenceClassifier, BaseLightCurveTransformer | None]:
    """Return the classifier, and the gridder or sequencer before it if there is one."""
    if not isinstance(model, Pipeline):
        if isinstance(model, BaseSequenceClassifier):
            return model, None
        raise TypeError(
            f"model is a {type(model).__name__}; expected an LSTMTransientClassifier, a "
            "TransformerTransientClassifier or a Pipeline that ends with one. Of a thresholded, "
            "calibrated or searched model export the network inside (estimator_, "
            "best_estimator_), and decide outside."
        )
    *before, (_, classifier) = model.steps
    if not isinstance(classifier, BaseSequenceClassifier):
        raise TypeError(
            f"the last step of the pipeline is a {type(classifier).__name__}; expected an "
            "LSTMTransientClassifier or a TransformerTransientClassifier."
        )
    # A sampler only acts when the pipeline is fitted.
    acting = [
        (name, step)
        for name, step in before
        if step not in (None, "passthrough") and not hasattr(step, "fit_resample")
    ]
    for name, step in acting:
        if not isinstance(step, BaseLightCurveTransformer):
            raise TypeError(
                f"the step {name!r} of the pipeline is a {type(step).__name__}, which ONNX would "
                "leave out; expected a LightCurveGridder or LightCurveSequencer only. To export "
                "the network alone, give the last step."
            )
    return classifier, acting[-1][1] if acting else None
