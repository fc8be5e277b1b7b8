"""What classifiers of sequences share: checked input, training, prediction, persistence."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.utils import Tags, check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from sklearn_tde import __version__
from sklearn_tde._labels import (
    check_groups,
    plain_labels,
    refuse_missing_labels,
    refuse_one_class,
)
from sklearn_tde.neural_network._held_out import split_held_out
from sklearn_tde.neural_network._inputs import (
    check_n_features,
    check_sequences,
    columns_as_steps,
    refuse_light_curves,
)
from sklearn_tde.neural_network._per_object import check_weights
from sklearn_tde.neural_network._prediction import (
    as_probabilities,
    predicted_logits,
    refuse_not_finite,
    stepwise_logits,
)
from sklearn_tde.neural_network._saved import rebuilt_net
from sklearn_tde.neural_network._sequences import Sequences
from sklearn_tde.neural_network._starts import begin_with, check_pretrained, check_warm_start
from sklearn_tde.neural_network._training import (
    class_weights,
    get_weights,
    make_net,
    one_thread,
    plain_history,
    rank_classes,
    reorder_outputs,
    resolve_device,
    seeded,
    set_weights,
    standardization,
    train,
)


class BaseSequenceClassifier(ClassifierMixin, BaseEstimator):
    """Classifier that trains a network on sequences of steps through skorch.

    A subclass has the parameters, all in its `__init__`, and says which network they ask for.
    """

    #: Those of the parameters that every subclass has.
    _parameter_constraints = {
        "hidden_dim": [Interval(Integral, 1, None, closed="left")],
        "num_layers": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "n_masks": [Interval(Integral, 0, None, closed="left")],
        "standardize": ["boolean"],
        "step_dropout": [Interval(Real, 0, 1, closed="left")],
        "truncation": [Interval(Real, 0, 1, closed="both")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "lr_schedule": [StrOptions({"one_cycle", "constant"})],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "gradient_clip": [Interval(Real, 0, None, closed="neither"), None],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "warm_start": ["boolean"],
        # What else it must be is checked when it is used, with a message of our own.
        "pretrained": [HasMethods(["predict_proba"]), None],
        "device": [str],
        "mixed_precision": ["boolean"],
        "callbacks": [list, tuple, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }
    #: Parameters that a trained network cannot change any more.
    _kept_params: tuple[str, ...]
    #: Whether the network reads the first channel of a sequence as the time.
    _reads_time = False
    #: What to do about light curves.
    _remedy = "Put a LightCurveGridder before it, as make_lstm_pipeline does."

    # As for scikit-learn's splitters: groups that are routed at all are meant to be kept together.
    __metadata_request__fit = {"groups": True}

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: np.ndarray,
        y: np.ndarray,
        sample_weight: np.ndarray | None = None,
        groups: np.ndarray | None = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n_objects, n_steps, n_features) or (n_objects, n_steps)
            Features, the masks last. A 2-D X is one channel.
        y : array-like of shape (n_objects,)
            Class labels, two classes or more: strings, integers or booleans, in any container.
        sample_weight : array-like of shape (n_objects,) or None, default=None
            Weights of the objects in the loss, multiplied with those of the classes; only their
            ratios matter. An object of weight 0 is left out of the training, its label is not.
        groups : array-like of shape (n_objects,) or None, default=None
            Relatives, such as copies of one object: `early_stopping` keeps each group on one side
            of its split. Without it they are not looked at. Metadata routing passes them on
            unless ``set_fit_request(groups=False)`` was called.

        Returns
        -------
        self : object
            The trained classifier.

        Raises
        ------
        ValueError
            If X or y is not valid, `y` has fewer than two classes, a mask is neither 0 nor 1,
            `sample_weight` or `groups` has another length than X, only one class has weight, or
            `early_stopping` finds no part to set aside.
        """
        going_on = self.warm_start and hasattr(self, "net_")
        X, y = self._checked_training_data(X, y, reset=not going_on)
        classes, codes = np.unique(y, return_inverse=True)
        refuse_one_class(classes)
        if going_on:
            check_warm_start(self, classes)
        weight = check_weights(sample_weight, X, codes, classes)
        groups = check_groups(groups, len(X)) if self.early_stopping else None
        kept = weight > 0
        if not kept.all():
            X, codes, weight = X[kept], codes[kept], weight[kept]
            groups = None if groups is None else groups[kept]
        order = rank_classes(codes, weight, len(classes))
        weight = weight * class_weights(self.class_weight, classes, codes, weight)[codes]
        if not going_on:
            # A training that fails must not leave an older network under new labels.
            vars(self).pop("net_", None)
        self.classes_ = classes
        self.class_count_ = np.bincount(codes, minlength=len(classes))
        self._train(X, np.argsort(order)[codes], weight, groups, order, going_on)
        return self

    def _train(
        self,
        X: np.ndarray,
        ranks: np.ndarray,
        weight: np.ndarray,
        groups: np.ndarray | None,
        order: np.ndarray,
        going_on: bool,
    ) -> None:
        """Train on objects of the classes ``order[ranks]``; the net has that order meanwhile."""
        random_state = check_random_state(self.random_state)
        rows, valid = np.arange(len(X)), None
        # What prediction and a saved model need, whatever `set_params` does later.
        self._fitted_params = {name: getattr(self, name) for name in self._kept_params}
        check_pretrained(self)
        if self.early_stopping:
            split_seed = random_state.randint(2**31 - 1)
            rows, held_out = split_held_out(ranks, groups, self.validation_fraction, split_seed)
            valid = self._sequences(X[held_out], ranks[held_out], weight[held_out])
        training = self._sequences(X[rows], ranks[rows], weight[rows])
        seed = random_state.randint(2**31 - 1)
        params = self.get_params(deep=False)
        net = make_net(
            *self._network(params),
            params,
            n_features=X.shape[2],
            n_classes=len(order),
            class_order=order,
            n_updates=self.max_epochs * -(-len(training) // self.batch_size),
            valid=valid,
            random_state=random_state,
            device=resolve_device(self.device),
        )
        with one_thread(), seeded(seed, net.device):
            net.initialize()
            if going_on:
                set_weights(net, get_weights(self.net_))
                reorder_outputs(net, order)
            elif self.pretrained is not None:
                begin_with(net, self.pretrained.estimator, self.classes_, order)
            elif self.standardize:
                net.module_.standardize(*standardization(training, self._n_masks()))
            train(net, training)
        reorder_outputs(net, np.argsort(order))
        earlier = self.history_ if going_on else []
        self.net_ = net
        self.history_ = earlier + plain_history(net, len(earlier))
        self.n_iter_ = len(self.history_)
        # The part set aside would stay in memory with the net.
        net.train_split = None

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
        # A model of a computer with a GPU predicts without one; on loading it says so.
        device = resolve_device(self.device, missing="ignore")
        logits = predicted_logits(self.net_, self._sequences(X), device, self.mixed_precision)
        refuse_not_finite(logits, np.arange(len(logits)))
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
        return as_probabilities(self.decision_function(X))

    def _stepwise_proba(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the probabilities after every step that is read, as if X ended there.

        They are exact where the network reads forwards only, and computes in full precision. The
        second array tells where each object begins in the first, (n_all_steps, n_classes).
        """
        check_is_fitted(self)
        sequences = self._sequences(self._checked_data(X))
        device = resolve_device(self.device, missing="ignore")
        logits = stepwise_logits(self.net_, sequences, device)
        refuse_not_finite(logits, np.repeat(np.arange(len(sequences)), sequences.lengths))
        if len(self.classes_) == 2:
            logits = logits[:, 0]
        return as_probabilities(logits), sequences.first

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
        refuse_light_curves(X, type(self).__name__, self._remedy)
        refuse_missing_labels(y)
        y = plain_labels(y)
        if not reset:
            X = self._checked_data(X)
            y = column_or_1d(y, warn=True)
            check_consistent_length(X, y)
            return X, y
        X, y = validate_data(self, X, y, dtype=np.float32, allow_nd=True)
        check_classification_targets(y)
        if X.ndim == 2:
            sequences = columns_as_steps(X, self._reads_time)
        else:
            sequences = check_sequences(X, self.n_masks)
            # What counts as a feature of a sequence is its channels, not its steps.
            self.n_features_in_ = X.shape[2]
        self._is_sequence = X.ndim == 3
        return sequences, y

    def _checked_data(self, X: Any) -> np.ndarray:
        """Return X as (n_objects, n_steps, n_features), with the features that `fit` has seen."""
        refuse_light_curves(X, type(self).__name__, self._remedy)
        if not self._is_sequence:
            X = validate_data(self, X, dtype=np.float32, reset=False)
            return columns_as_steps(X, self._reads_time)
        X = check_array(
            X, dtype=np.float32, allow_nd=True, ensure_2d=False, estimator=self, input_name="X"
        )
        check_n_features(X, self.n_features_in_, type(self).__name__)
        return check_sequences(X, self._n_masks())

    def _n_channels(self) -> int:
        return self.n_features_in_ if self._is_sequence else 1 + self._reads_time

    def _n_masks(self) -> int:
        return self._fitted_params["n_masks"] if self._is_sequence else 0

    def _sequences(
        self, X: np.ndarray, codes: np.ndarray | None = None, weight: np.ndarray | None = None
    ) -> Sequences:
        return Sequences(
            X, codes, weight, n_masks=self._n_masks(), only_observed=self._only_observed()
        )

    def _only_observed(self) -> bool:
        # A network without this parameter reads nothing else.
        return self._fitted_params.get("steps", "observed") == "observed"

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
            fitted = {name: self._fitted_params[name] for name in self._kept_params}
            params = {**self.get_params(deep=False), **fitted}
            self.net_ = rebuilt_net(
                weights,
                *self._network(params),
                params,
                n_features=self._n_channels(),
                n_classes=len(self.classes_),
                device=resolve_device(self.device, missing="warn"),
            )

    def __sklearn_tags__(self) -> Tags:
        """Return the tags: sequences (3-D) or tables (2-D) in, two classes or more."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
