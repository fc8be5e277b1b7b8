"""A recurrent classifier of light curves with the interface of scikit-learn."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import Tags, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_is_fitted,
    validate_data,
)

from sklearn_tde import __version__
from sklearn_tde.neural_network._sequences import Batches, Sequences
from sklearn_tde.neural_network._training import (
    class_weights,
    get_weights,
    make_net,
    plain_history,
    seeded,
    set_weights,
    standardization,
)

#: Objects predicted at a time; larger batches are slower on a CPU.
_PREDICTION_BATCH = 128


class LSTMTransientClassifier(ClassifierMixin, BaseEstimator):
    """Classify light curves with a long short-term memory network.

    A linear projection of every step, `num_layers` LSTM layers, the mean over the observed
    steps, and a head of two linear layers [1]_. The network is trained through skorch with AdamW
    and holds no memory of padding: each layer reads every sequence forwards and, if
    `bidirectional`, backwards within its own length, so that an object has the same probability
    alone and in any batch.

    Parameters
    ----------
    hidden_dim : int, default=32
        Size of the projection and of the hidden state in each direction.
    num_layers : int, default=2
        Number of stacked LSTM layers.
    bidirectional : bool, default=True
        Whether each layer also reads the sequence backwards.
    dropout : float, default=0.2
        Probability of dropping a value between the layers and in the head, while training.
    n_masks : int, default=2
        Number of channels of a 3-D X, the last ones, that mask the observations: 0 or 1. With 0,
        and for a 2-D X, every step counts as observed.
    steps : {"observed", "all"}, default="observed"
        The steps that the network reads: those where a mask is 1, or all up to the last of them.
    standardize : bool, default=True
        Whether each channel but the masks is shifted and scaled to mean 0 and variance 1 over
        the steps of the training data.
    step_dropout : float, default=0.5
        Largest fraction of an object's steps that an update leaves out; the fraction is drawn
        anew, uniformly from 0 to this, for every object and update. A regularisation, as the
        next; prediction reads every step.
    truncation : float, default=0.3
        Probability that an update sees an object only up to a step drawn at random.
    class_weight : "balanced", dict or None, default="balanced"
        Weights of the classes in the loss, as a mapping from the labels in `y`. "balanced", for
        two classes: 1 for ``classes_[0]`` and the ratio of the numbers of objects
        ``n_0 / n_1`` for ``classes_[1]``; for more: inversely proportional to the number of
        objects, 1 on average. The numbers are those given to `fit`.
    max_epochs : int, default=40
        Passes over the training data.
    batch_size : int, default=64
        Objects per update.
    lr : float, default=2e-3
        Learning rate, of the one-cycle schedule the highest.
    lr_schedule : {"one_cycle", "constant"}, default="one_cycle"
        "one_cycle" warms up over 30 % of the updates and anneals to almost zero at the last [2]_.
    weight_decay : float, default=1e-2
        Decoupled weight decay of AdamW [3]_.
    gradient_clip : float or None, default=1.0
        Largest norm of the gradient. None: no limit.
    early_stopping : bool, default=False
        Whether to set aside a stratified part of the training data, stop when its loss no longer
        improves and keep the best weights. It costs positives: meant for large samples.
    validation_fraction : float, default=0.15
        Fraction set aside with `early_stopping`.
    n_iter_no_change : int, default=10
        Epochs without improvement before `early_stopping` stops.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the last one, on the same classes and features.
    device : str, default="auto"
        Where to compute, such as "cpu" or "cuda". "auto": "cuda" where there is one.
    callbacks : list of skorch callbacks or None, default=None
        Called while training, after the estimator's own. Copies are used.
    random_state : int, RandomState instance or None, default=None
        Determines weights, order of the objects, dropout and the part set aside. The global
        generator of torch is left alone.
    verbose : int, default=0
        1: a progress bar on a terminal. 2: a line of losses per epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted. Binary: the logit belongs to ``classes_[1]``.
    n_features_in_ : int
        Number of channels of a 3-D X, of columns of a 2-D X.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, when fitted on a DataFrame with string names.
    history_ : list of dict
        One entry per epoch: ``epoch``, ``dur`` (seconds), ``train_loss``, ``train_recall`` (in
        the order of `classes_`), ``valid_loss`` and ``valid_recall`` with `early_stopping`.
    n_iter_ : int
        Number of epochs trained, those of earlier fits included with `warm_start`.
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_`` is the torch module.

    See Also
    --------
    sklearn_tde.preprocessing.LightCurveGridder : Makes X from light curves.
    sklearn_tde.pipelines.make_lstm_pipeline : Both, put together.

    Notes
    -----
    Two fits with the same data and an integer `random_state` give the same bits. An object
    without any observed step gets the probability of an empty curve.

    Class weights and oversampling shift the probabilities towards the rare class; tune the
    threshold, or calibrate, inside the training folds.

    References
    ----------
    .. [1] Hochreiter, S. and Schmidhuber, J. (1997). Long short-term memory. Neural Computation
           9, 1735.
    .. [2] Smith, L. N. and Topin, N. (2019). Super-convergence. Proc. SPIE 11006, 1100612.
    .. [3] Loshchilov, I. and Hutter, F. (2019). Decoupled weight decay regularization. ICLR.

    Examples
    --------
    >>> from sklearn_tde import LightCurveGridder, LSTMTransientClassifier, make_transients
    >>> X, y = make_transients(n_tde=10, n_sn_ia=20, random_state=0)
    >>> steps = LightCurveGridder().fit_transform(X)
    >>> classifier = LSTMTransientClassifier(hidden_dim=8, max_epochs=5, random_state=0)
    >>> classifier.fit(steps, y).predict_proba(steps).shape
    (30, 2)
    """

    _parameter_constraints = {
        "hidden_dim": [Interval(Integral, 1, None, closed="left")],
        "num_layers": [Interval(Integral, 1, None, closed="left")],
        "bidirectional": ["boolean"],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "n_masks": [Interval(Integral, 0, None, closed="left")],
        "steps": [StrOptions({"observed", "all"})],
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
        "device": [str],
        "callbacks": [list, tuple, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        hidden_dim: int = 32,
        num_layers: int = 2,
        bidirectional: bool = True,
        dropout: float = 0.2,
        n_masks: int = 2,
        steps: str = "observed",
        standardize: bool = True,
        step_dropout: float = 0.5,
        truncation: float = 0.3,
        class_weight: str | Mapping[Any, float] | None = "balanced",
        max_epochs: int = 40,
        batch_size: int = 64,
        lr: float = 2e-3,
        lr_schedule: str = "one_cycle",
        weight_decay: float = 1e-2,
        gradient_clip: float | None = 1.0,
        early_stopping: bool = False,
        validation_fraction: float = 0.15,
        n_iter_no_change: int = 10,
        warm_start: bool = False,
        device: str = "auto",
        callbacks: Sequence[Any] | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.hidden_dim = hidden_dim
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.n_masks = n_masks
        self.steps = steps
        self.standardize = standardize
        self.step_dropout = step_dropout
        self.truncation = truncation
        self.class_weight = class_weight
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.lr_schedule = lr_schedule
        self.weight_decay = weight_decay
        self.gradient_clip = gradient_clip
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.device = device
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    @classmethod
    def reference(cls, **params: Any) -> LSTMTransientClassifier:
        """Return the classifier with the published settings of the reference study.

        Hidden size 64, every step through the network, AdamW with a constant rate of 1e-4 and
        a weight decay of 1e-5, batches of 128, 500 epochs. The study kept the epoch that was
        best on the fold it scored; here the last epoch is kept.

        Parameters
        ----------
        **params : dict
            Parameters to set differently, such as ``max_epochs=100``.

        Returns
        -------
        classifier : LSTMTransientClassifier
            The classifier, not fitted.

        Examples
        --------
        >>> from sklearn_tde import LSTMTransientClassifier
        >>> LSTMTransientClassifier.reference(max_epochs=100).hidden_dim
        64
        """
        published = {
            "hidden_dim": 64,
            "steps": "all",
            "standardize": False,
            "step_dropout": 0.0,
            "truncation": 0.0,
            "max_epochs": 500,
            "batch_size": 128,
            "lr": 1e-4,
            "lr_schedule": "constant",
            "weight_decay": 1e-5,
        }
        return cls(**{**published, **params})

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> LSTMTransientClassifier:
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
        self : LSTMTransientClassifier
            The trained classifier.

        Raises
        ------
        ValueError
            If X or y is not valid, `y` has fewer than two classes, a mask is neither 0 nor 1,
            or the length of `sample_weight` is not that of X.
        """
        X, y = self._checked_training_data(X, y)
        classes, codes = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(
                f"y has one class, {classes.tolist()[0]!r}; expected at least two classes."
            )
        going_on = self.warm_start and hasattr(self, "net_")
        if going_on and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"warm_start=True: y has the classes {list(classes)}, the last fit had "
                f"{list(self.classes_)}; expected the same."
            )
        self.classes_ = classes
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        weight = weight * (len(weight) / weight.sum())
        weight = weight * class_weights(self.class_weight, classes, codes, weight)[codes]
        self._train(X, codes, weight, going_on)
        return self

    def _train(self, X: np.ndarray, codes: np.ndarray, weight: np.ndarray, going_on: bool) -> None:
        random_state = check_random_state(self.random_state)
        rows, valid = np.arange(len(X)), None
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
        )
        with seeded(seed, net.device):
            net.initialize()
            if going_on:
                set_weights(net, get_weights(self.net_))
            elif self.standardize:
                net.module_.standardize(*standardization(training, self._n_masks()))
            net.partial_fit(training)
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
        sequences = self._sequences(X)
        logits = np.empty((len(X), 1 if len(self.classes_) == 2 else len(self.classes_)))
        for rows in Batches(sequences, _PREDICTION_BATCH).rows():
            logits[rows] = self.net_.evaluation_step(sequences.batch(rows)).cpu().numpy()
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

    def _checked_training_data(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return X as (n_objects, n_steps, n_features) and y, both valid; note the features."""
        self._refuse_light_curves(X)
        X, y = validate_data(self, X, y, dtype=np.float32, allow_nd=True)
        check_classification_targets(y)
        if X.ndim == 3:
            # What counts as a feature of a sequence is its channels, not its steps.
            self.n_features_in_ = X.shape[2]
        self._is_sequence = X.ndim == 3
        return self._as_sequences(X), y

    def _checked_data(self, X: Any) -> np.ndarray:
        """Return X as (n_objects, n_steps, n_features), with the features that `fit` has seen."""
        self._refuse_light_curves(X)
        if not self._is_sequence:
            X = validate_data(self, X, dtype=np.float32, reset=False)
            return self._as_sequences(X)
        X = check_array(
            X, dtype=np.float32, allow_nd=True, ensure_2d=False, estimator=self, input_name="X"
        )
        if X.ndim != 3 or X.shape[2] != self.n_features_in_:
            raise ValueError(
                f"X has the shape {X.shape}, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input: (n_objects, n_steps, "
                f"{self.n_features_in_})."
            )
        return self._as_sequences(X)

    def _as_sequences(self, X: np.ndarray) -> np.ndarray:
        if X.ndim == 2:
            return X[:, :, None]
        if X.ndim != 3:
            raise ValueError(
                f"X has {X.ndim} dimensions; expected (n_objects, n_steps, n_features) or "
                "(n_objects, n_steps)."
            )
        if X.shape[2] <= self.n_masks:
            raise ValueError(
                f"X has {X.shape[2]} features of which n_masks={self.n_masks} are masks; expected "
                "at least one that is none."
            )
        masks = X[:, :, X.shape[2] - self.n_masks :]
        bad = ((masks != 0) & (masks != 1)).any(axis=(1, 2))
        if bad.any():
            raise ValueError(
                f"object at position {int(np.flatnonzero(bad)[0])}: its last {self.n_masks} "
                f"features are masks (n_masks={self.n_masks}) and not all 0 or 1."
            )
        return X

    def _refuse_light_curves(self, X: Any) -> None:
        if "light_curve" in getattr(X, "columns", ()):
            raise TypeError(
                f"X holds light curves; {type(self).__name__} expects arrays. Put a "
                "LightCurveGridder before it, as make_lstm_pipeline does."
            )

    def _n_masks(self) -> int:
        return self.n_masks if self._is_sequence else 0

    def _sequences(
        self, X: np.ndarray, codes: np.ndarray | None = None, weight: np.ndarray | None = None
    ) -> Sequences:
        return Sequences(
            X, codes, weight, n_masks=self._n_masks(), only_observed=self.steps == "observed"
        )

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
                self.get_params(deep=False),
                n_features=self.n_features_in_ if self._is_sequence else 1,
                n_classes=len(self.classes_),
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
