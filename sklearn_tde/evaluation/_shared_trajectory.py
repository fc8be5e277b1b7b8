"""Probabilities of many beginnings of a light curve from one pass over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from imblearn.pipeline import Pipeline as ResamplingPipeline
from nested_pandas import NestedFrame
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.pipeline import Pipeline

from sklearn_tde._prefixes import take_prefixes
from sklearn_tde.light_curves import FlatLightCurves, flatten_light_curves
from sklearn_tde.neural_network import LSTMTransientClassifier, TransformerTransientClassifier
from sklearn_tde.pipelines import LightCurvePipeline
from sklearn_tde.preprocessing import LightCurveGridder, LightCurveSequencer
from sklearn_tde.preprocessing._running_start import running_start_times

#: Exactly these: what inherits from them may do anything before and after.
_PIPELINES = (Pipeline, ResamplingPipeline, LightCurvePipeline)
_CLASSIFIERS = (TransformerTransientClassifier, LSTMTransientClassifier)


@dataclass(frozen=True)
class SharedSteps:
    """A sequencer and a network of which each step depends on nothing after it."""

    sequencer: LightCurveSequencer
    classifier: TransformerTransientClassifier | LSTMTransientClassifier


def find_shared_steps(estimator: Any) -> SharedSteps | str:
    """Return the steps that can share work between the ages, or say what keeps them from it."""
    pipeline = _without_wrappers(estimator)
    if type(pipeline) not in _PIPELINES:
        return (
            f"{type(pipeline).__name__} is no pipeline of a LightCurveSequencer and a "
            "TransformerTransientClassifier or an LSTMTransientClassifier"
        )
    steps = [step for _, step in pipeline.steps if step not in (None, "passthrough")]
    # A sampler works in fit only.
    steps = [step for step in steps if not hasattr(step, "fit_resample")]
    if isinstance(steps[0], LightCurveGridder):
        return (
            "LightCurveGridder interpolates towards the next observation; put a "
            "LightCurveSequencer(scale='running') in its place"
        )
    names = " and ".join(type(step).__name__ for step in steps)
    if [type(step) for step in steps[:-1]] != [LightCurveSequencer]:
        return f"the steps are {names}; expected a LightCurveSequencer before the classifier alone"
    sequencer, classifier = steps
    if type(classifier) not in _CLASSIFIERS:
        return (
            f"the classifier is a {type(classifier).__name__}; expected a "
            "TransformerTransientClassifier or an LSTMTransientClassifier(bidirectional=False)"
        )
    found = _what_looks_ahead(sequencer, classifier)
    return SharedSteps(sequencer, classifier) if found is None else found


def _without_wrappers(estimator: Any) -> Any:
    """Return the estimator whose probabilities are those of the one that was given."""
    while True:
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, FixedThresholdClassifier | TunedThresholdClassifierCV):
            estimator = getattr(estimator, "estimator_", estimator.estimator)
        elif isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        else:
            return estimator


def _what_looks_ahead(sequencer: LightCurveSequencer, classifier: Any) -> str | None:
    """Name the parameter with which a step depends on what comes after it, and what to set."""
    if sequencer.scale == "median":
        return (
            "the sequencer's scale='median' is that of the whole light curve; set "
            "scale='running', or scale=None, and fit again"
        )
    if not classifier._is_sequence or classifier._n_masks() != len(sequencer.bands):
        return (
            f"the classifier's n_masks is not the number of bands, {len(sequencer.bands)}, so "
            f"that it does not know the padding; set n_masks={len(sequencer.bands)} and fit again"
        )
    if classifier._fitted_params.get("bidirectional", False):
        return (
            "the classifier's bidirectional=True also reads the light curve backwards; set "
            "bidirectional=False and fit again"
        )
    if classifier.mixed_precision:
        return (
            "the classifier's mixed_precision=True rounds by more than the results may differ; "
            "set mixed_precision=False"
        )
    return None


@dataclass(frozen=True)
class Segments:
    """Beginnings of light curves that are told apart by their length alone.

    Attributes
    ----------
    last : ndarray of shape (n_segments,), dtype int
        The longest one of each, as a position among the beginnings.
    segment : ndarray of shape (n_beginnings,), dtype int
        The segment that each belongs to, ascending.
    """

    last: np.ndarray
    segment: np.ndarray


def find_segments(
    steps: SharedSteps, flat: FlatLightCurves, position: np.ndarray, length: np.ndarray
) -> Segments:
    """Find beginnings with the same clock, of which the longest has the steps of all.

    `position` and `length` are those of the beginnings, none of them empty, in ascending order.
    """
    sequencer = steps.sequencer
    start = running_start_times(flat, sequencer.start, sequencer.detection_snr)
    start = start[flat.offsets[position] + length - 1]
    begins = np.append(True, (np.diff(position) != 0) | (np.diff(start) != 0))[: len(position)]
    if sequencer.max_observations is not None:
        # Of one with more a selection is taken, which is another one for each length.
        alone = length > sequencer.max_observations
        begins |= alone
        begins[1:] |= alone[:-1]
    segment = np.cumsum(begins) - 1
    last = np.flatnonzero(np.append(begins[1:], True)[: len(begins)])
    return Segments(last, segment)


def segment_probabilities(
    steps: SharedSteps,
    X: NestedFrame,
    position: np.ndarray,
    length: np.ndarray,
    segments: Segments,
) -> np.ndarray:
    """Return the probabilities of beginnings of light curves, shape (n_beginnings, n_classes)."""
    sequencer, last, segment = steps.sequencer, segments.last, segments.segment
    longest = take_prefixes(X, position[last], length[last])
    flat = flatten_light_curves(longest, bands=sequencer.bands)
    _, used = sequencer._window(flat)
    before = np.concatenate([[0], np.cumsum(used)])
    begin = flat.offsets[segment]
    n_steps = before[begin + length] - before[begin]
    if sequencer.max_observations is not None:
        n_steps = np.minimum(n_steps, sequencer.max_observations)
    found, first = steps.classifier._stepwise_proba(sequencer.transform(longest))
    # The clock starts at an observation, which is always within the window.
    return found[first[segment] + n_steps - 1]


def blank_probabilities(steps: SharedSteps) -> np.ndarray:
    """Return the probabilities of an object without observations, shape (n_classes,)."""
    blank = np.zeros((1, 1, steps.classifier.n_features_in_), np.float32)
    return steps.classifier.predict_proba(blank)[0]
