"""What classifiers of sequences share: checked input, training, prediction, persistence."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
import pandas as pd
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import Tags, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from sklearn_tde import __version__
from sklearn_tde.neural_network._sequences import Batches, Sequences
from sklearn_tde.neural_network._training import (
    class_weights,
    get_weights,
    make_net,
    one_thread,
    plain_history,
    resolve_device,
    seeded,
    set_weights,
    standardization,
    train,
)

#: Objects predicted at a time; larger batches are slower on a CPU.
_PREDICTION_BATCH = 128
#: Parameters that a trained network cannot change any more.
_KEPT_PARAMS = ("hidden_dim", "num_layers", "bidirectional", "n_masks", "steps", "standardize")


class BaseSequenceClassifier(ClassifierMixin, BaseEstimator):
    """Classifier that trains a network on sequences of steps through skorch.

    A subclass has the parameters, all in its `__init__`.
    """

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n_objects, n_steps, n_features) or (n_objects, n_steps)
            Features, the masks last. A 2-D X is one channel.
        y : array-like of shape (n_objects,)
            Class labels, strings or integers, two classes or more.
        sample_weight : array-like of shape (n_objects,) or None, default=None
            Weights of the objects in the loss, multiplied with those of the classes and scaled
            to a mean of 1.

        Returns
        -------
        self : object
            The trained classifier.

        Raises
        ------
        ValueError
            If X or y is not valid, `y` has fewer than two classes, a mask is neither 0 nor 1,
            or the length of `sample_weight` is not that of X.
        """
        going_on = self.warm_start and hasattr(self, "net_")
        X, y = self._checked_training_data(X, y, reset=not going_on)
        classes, codes = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(
                f"y has one class, {classes.tolist()[0]!r}; expected at least two classes."
            )
        if going_on:
            self._check_warm_start(classes)
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        weight = weight * (len(weight) / weight.sum())
        weight = weight * class_weights(self.class_weight, classes, codes, weight)[codes]
        if not going_on:
            # A training that fails must not leave an older network under new labels.
            vars(self).pop("net_", None)
        self.classes_ = classes
        self._train(X, codes, weight, going_on)
        return self

    def _train(self, X: np.ndarray, codes: np.ndarray, weight: np.ndarray, going_on: bool) -> None:
        random_state = check_random_state(self.random_state)
        rows, valid = np.arange(len(X)), None
        # What prediction and a saved model need, whatever `set_params` does later.
        self._fitted_params = {name: getattr(self, name) for name in _KEPT_PARAMS}
        if self.early_stopping:
            rows, held_out = train_test_split(
                rows,
                test_size=self.validation_fraction,
                stratify=codes,
                random_state=random_state.randint(2**31 - 1),
            )
            valid = self._sequences(X[held_out], codes[held_out], weight[held_out])
        training = self._sequences(X[rows], codes[rows], weight[rows])
        seed = random_state.randint(2**31 - 1)
        net = make_net(
            self.get_params(deep=False),
            n_features=X.shape[2],
            n_classes=len(self.classes_),
            n_updates=self.max_epochs * -(-len(training) // self.batch_size),
            valid=valid,
            random_state=random_state,
            device=resolve_device(self.device),
        )
        with one_thread(), seeded(seed, net.device):
            net.initialize()
            if going_on:
                set_weights(net, get_weights(self.net_))
            elif self.standardize:
                net.module_.standardize(*standardization(training, self._n_masks()))
            train(net, training)
        earlier = self.history_ if going_on else []
        self.net_ = net
        self.history_ = earlier + plain_history(net, len(earlier))
        self.n_iter_ = len(self.history_)
        # The part set aside would stay in memory with the net.
        net.train_split = None

    def _check_warm_start(self, classes: np.ndarray) -> None:
        """Refuse to go on with a network that no longer fits."""
        if not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"warm_start=True: y has the classes {classes.tolist()}, the last fit had "
                f"{self.classes_.tolist()}; expected the same."
            )
        for name, value in self._fitted_params.items():
            if getattr(self, name) != value:
                raise ValueError(
                    f"warm_start=True: {name} is {getattr(self, name)!r}, the last fit had "
                    f"{value!r}; expected the same."
                )

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        """Return the logits.

        Parameters
        ----------
        X : array-like of shape (n_objects, n_steps, n_features) or (n_objects, n_steps)
            Features, the masks last.

        Returns
        -------
        logits : ndarray of shape (n_objects,) or (n_objects, n_classes), dtype float64
            Binary: the logit of ``classes_[1]``; otherwise one per class.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        ValueError
            If X is not valid or has another number of features than in `fit`.
        """
        check_is_fitted(self)
        X = self._checked_data(X)
        sequences = self._sequences(X)
        logits = np.empty((len(X), 1 if len(self.classes_) == 2 else len(self.classes_)))
        with one_thread():
            for rows in Batches(sequences, _PREDICTION_BATCH).rows():
                logits[rows] = self.net_.evaluation_step(sequences.batch(rows)).cpu().numpy()
        bad = ~np.isfinite(logits).all(axis=1)
        if bad.any():
            raise ValueError(
                f"object at position {int(np.flatnonzero(bad)[0])}: its logit is not finite; "
                "expected features of the size of those in fit."
            )
        return logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return the probability of every class.

        Parameters
        ----------
        X : array-like of shape (n_objects, n_steps, n_features) or (n_objects, n_steps)
            Features, the masks last.

        Returns
        -------
        probabilities : ndarray of shape (n_objects, n_classes), dtype float64
            In the order of `classes_`, each row adding up to 1.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        ValueError
            If X is not valid or has another number of features than in `fit`.
        """
        logits = self.decision_function(X)
        if logits.ndim == 2:
            return softmax(logits, axis=1)
        positive = expit(logits)
        return np.column_stack([1.0 - positive, positive])

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the most probable class.

        Parameters
        ----------
        X : array-like of shape (n_objects, n_steps, n_features) or (n_objects, n_steps)
            Features, the masks last.

        Returns
        -------
        y : ndarray of shape (n_objects,)
            Labels as in `classes_`.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        ValueError
            If X is not valid or has another number of features than in `fit`.
        """
        logits = self.decision_function(X)
        codes = logits.argmax(axis=1) if logits.ndim == 2 else (logits > 0).astype(int)
        return self.classes_[codes]

    def _checked_training_data(self, X: Any, y: Any, reset: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return X as (n_objects, n_steps, n_features) and y, both valid; note the features."""
        self._refuse_light_curves(X)
        _refuse_missing_labels(y)
        if not reset:
            X = self._checked_data(X)
            y = column_or_1d(y, warn=True)
            check_consistent_length(X, y)
            return X, y
        X, y = validate_data(self, X, y, dtype=np.float32, allow_nd=True)
        check_classification_targets(y)
        sequences = self._as_sequences(X, self.n_masks)
        if X.ndim == 3:
            # What counts as a feature of a sequence is its channels, not its steps.
            self.n_features_in_ = X.shape[2]
        self._is_sequence = X.ndim == 3
        return sequences, y

    def _checked_data(self, X: Any) -> np.ndarray:
        """Return X as (n_objects, n_steps, n_features), with the features that `fit` has seen."""
        self._refuse_light_curves(X)
        if not self._is_sequence:
            X = validate_data(self, X, dtype=np.float32, reset=False)
            return X[:, :, None]
        X = check_array(
            X, dtype=np.float32, allow_nd=True, ensure_2d=False, estimator=self, input_name="X"
        )
        if X.ndim != 3 or X.shape[2] != self.n_features_in_:
            raise ValueError(
                f"X has the shape {X.shape}, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input: (n_objects, n_steps, "
                f"{self.n_features_in_})."
            )
        return self._as_sequences(X, self._n_masks())

    def _as_sequences(self, X: np.ndarray, n_masks: int) -> np.ndarray:
        if X.ndim == 2:
            return X[:, :, None]
        if X.ndim != 3:
            raise ValueError(
                f"X has {X.ndim} dimensions; expected (n_objects, n_steps, n_features) or "
                "(n_objects, n_steps)."
            )
        if X.shape[2] <= n_masks:
            raise ValueError(
                f"X has {X.shape[2]} features of which n_masks={n_masks} are masks; expected "
                "at least one that is none."
            )
        masks = X[:, :, X.shape[2] - n_masks :]
        bad = ((masks != 0) & (masks != 1)).any(axis=(1, 2))
        if bad.any():
            raise ValueError(
                f"object at position {int(np.flatnonzero(bad)[0])}: its last {n_masks} "
                f"features are masks (n_masks={n_masks}) and not all 0 or 1; expected one mask "
                "per band of the gridder."
            )
        if n_masks:
            # A mask that is taken for a feature would hide observations. Unlike a mask, a flag
            # of the object does not change from step to step.
            before = X[:, :, X.shape[2] - n_masks - 1]
            if ((before == 0) | (before == 1)).all() and (np.diff(before, axis=1) != 0).any():
                raise ValueError(
                    f"X: the feature before the last n_masks={n_masks} is 0 or 1 as well, like "
                    "a mask; expected n_masks to be the number of bands of the gridder."
                )
        return X

    def _refuse_light_curves(self, X: Any) -> None:
        if "light_curve" in getattr(X, "columns", ()):
            raise TypeError(
                f"X holds light curves; {type(self).__name__} expects arrays. Put a "
                "LightCurveGridder before it, as make_lstm_pipeline does."
            )

    def _n_masks(self) -> int:
        return self._fitted_params["n_masks"] if self._is_sequence else 0

    def _sequences(
        self, X: np.ndarray, codes: np.ndarray | None = None, weight: np.ndarray | None = None
    ) -> Sequences:
        only_observed = self._fitted_params["steps"] == "observed"
        return Sequences(X, codes, weight, n_masks=self._n_masks(), only_observed=only_observed)

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether there is a trained network."""
        return hasattr(self, "net_")

    def __getstate__(self) -> dict[str, Any]:
        """Return the state with the weights in place of the net, its optimiser and data."""
        state = dict(super().__getstate__())
        if "net_" in state:
            state["_weights"] = get_weights(state.pop("net_"))
            state["_version"] = __version__
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the state and rebuild the net around its weights."""
        state = dict(state)
        weights, version = state.pop("_weights", None), state.pop("_version", __version__)
        super().__setstate__(state)
        if version != __version__:
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=type(self).__name__,
                    current_sklearn_version=__version__,
                    original_sklearn_version=version,
                ),
                stacklevel=2,
            )
        if weights is not None:
            net = make_net(
                {**self.get_params(deep=False), **self._fitted_params},
                n_features=self.n_features_in_ if self._is_sequence else 1,
                n_classes=len(self.classes_),
                device=resolve_device(self.device, replace_missing=True),
            )
            with seeded(0, net.device):
                net.initialize()
            set_weights(net, weights)
            self.net_ = net

    def __sklearn_tags__(self) -> Tags:
        """Return the tags: sequences (3-D) or tables (2-D) in, two classes or more."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def _refuse_missing_labels(y: Any) -> None:
    """Name the first object without a label."""
    labels = np.asarray(y, dtype=object)
    if labels.ndim == 1:
        missing = pd.isna(labels)
        if missing.any():
            raise ValueError(
                f"y: the label of {int(missing.sum())} of {len(labels)} objects is missing, the "
                f"first at position {int(np.flatnonzero(missing)[0])}; expected a class for each."
            )
