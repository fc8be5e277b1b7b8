"""A recurrent classifier of light curves with the interface of scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.utils._param_validation import StrOptions

from sklearn_tde.neural_network._base import BaseSequenceClassifier
from sklearn_tde.neural_network._lstm_module import LSTMNetwork


class LSTMTransientClassifier(BaseSequenceClassifier):
    """Classify light curves with a long short-term memory network.

    A linear projection of every step, `num_layers` recurrent layers, the mean over the observed
    steps, and a head of two linear layers [1]_. The network is trained through skorch with AdamW
    and holds no memory of padding: each layer reads every sequence forwards and, if
    `bidirectional`, backwards within its own length, so that an object has the same probability
    alone and in any batch.

    Parameters
    ----------
    cell : {"lstm", "gru"}, default="lstm"
        Kind of the recurrent layers: long short-term memory, or gated recurrent units, which
        have a quarter fewer weights.
    hidden_dim : int, default=16
        Size of the projection and of the hidden state in each direction.
    num_layers : int, default=1
        Number of stacked recurrent layers.
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
        two classes: 1 for the more frequent one and the ratio of the numbers of objects for the
        rarer one, whatever they are called; for more: inversely proportional to the number of
        objects, 1 on average. The numbers are those given to `fit`; an object of weight 2 counts
        as two.
    max_epochs : int, default=30
        Passes over the training data.
    batch_size : int, default=64
        Objects per update.
    lr : float, default=4e-3
        Learning rate, of the one-cycle schedule the highest.
    lr_schedule : {"one_cycle", "constant"}, default="one_cycle"
        "one_cycle" warms up over 30 % of the updates and anneals to almost zero at the last [2]_.
    weight_decay : float, default=1e-2
        Decoupled weight decay of AdamW [3]_.
    gradient_clip : float or None, default=1.0
        Largest norm of the gradient. None: no limit.
    early_stopping : bool, default=False
        Whether to set aside a stratified part of the training data, stop when its loss no longer
        improves and keep the best weights. It costs positives: meant for large samples. Copies of
        one object must not be on both sides: give `fit` the `groups`.
    validation_fraction : float, default=0.15
        Fraction set aside with `early_stopping`. Of `groups` it is one of the equal parts that
        come nearest to it, 1/7 for 0.15.
    n_iter_no_change : int, default=10
        Epochs without improvement before `early_stopping` stops.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the last one, on the same classes and features.
    pretrained : FrozenEstimator or None, default=None
        A fitted LSTMTransientClassifier in a :class:`sklearn.frozen.FrozenEstimator` (which
        keeps it fitted when this one is cloned), whose weights the training begins with in place of
        random ones: such as the last step of a pipeline fitted on simulations,
        ``FrozenEstimator(pipeline[-1])``. It has the same size and number of features, which must
        mean the same (same grid, same bands: that is not checked), and is left as it is; where its
        classes are others, the last layer begins anew.
    device : str, default="auto"
        Where to compute, such as "cpu" or "cuda". "auto": "cuda" where there is one.
    mixed_precision : bool, default=False
        Whether the recurrent layers compute in bfloat16, in `fit` and in prediction. It moves
        probabilities by about 1e-3. On a CPU with instructions for it a hidden size of 64 or more
        trains up to twice as fast, and the default one no faster.
    callbacks : list of skorch callbacks or None, default=None
        Called while training, after the estimator's own. Copies are used. Until training ends,
        class codes and outputs of the net are in the order from the most to the least frequent
        class.
    random_state : int, RandomState instance or None, default=None
        Determines weights, order of the objects, dropout and the part set aside. The global
        generator of torch is left alone.
    verbose : int, default=0
        1: a progress bar on a terminal. 2: a line of losses per epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted. Binary: the logit belongs to ``classes_[1]``.
    class_count_ : ndarray of shape (n_classes,), dtype int64
        Number of objects of each class in the last `fit`, without those of weight 0.
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
    On the CPU it trains and predicts on one thread, whatever torch is set to: the network is small,
    and threads that wait for each other on a busy machine cost far more than they gain. Folds and
    candidates run side by side with the `n_jobs` of scikit-learn's tools.

    Two fits with the same data and an integer `random_state` give the same bits, and so do two
    classes under other names; more classes under other names agree within rounding. An object
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
        **BaseSequenceClassifier._parameter_constraints,
        "cell": [StrOptions({"lstm", "gru"})],
        "bidirectional": ["boolean"],
        "steps": [StrOptions({"observed", "all"})],
    }

    _kept_params = (
        "cell",
        "hidden_dim",
        "num_layers",
        "bidirectional",
        "n_masks",
        "steps",
        "standardize",
    )

    def __init__(
        self,
        *,
        cell: str = "lstm",
        hidden_dim: int = 16,
        num_layers: int = 1,
        bidirectional: bool = True,
        dropout: float = 0.2,
        n_masks: int = 2,
        steps: str = "observed",
        standardize: bool = True,
        step_dropout: float = 0.5,
        truncation: float = 0.3,
        class_weight: str | Mapping[Any, float] | None = "balanced",
        max_epochs: int = 30,
        batch_size: int = 64,
        lr: float = 4e-3,
        lr_schedule: str = "one_cycle",
        weight_decay: float = 1e-2,
        gradient_clip: float | None = 1.0,
        early_stopping: bool = False,
        validation_fraction: float = 0.15,
        n_iter_no_change: int = 10,
        warm_start: bool = False,
        pretrained: FrozenEstimator | None = None,
        device: str = "auto",
        mixed_precision: bool = False,
        callbacks: Sequence[Any] | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.cell = cell
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
        self.pretrained = pretrained
        self.device = device
        self.mixed_precision = mixed_precision
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    @classmethod
    def reference(cls, **params: Any) -> LSTMTransientClassifier:
        """Return the classifier with the published settings of the reference study.

        Two layers of hidden size 64, every step through the network, AdamW with a constant rate
        of 1e-4 and a weight decay of 1e-5, batches of 128, 500 epochs. The study kept the epoch
        that was best on the fold it scored; here the last epoch is kept.

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
            "num_layers": 2,
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

    def _network(self, params: Mapping[str, Any]) -> tuple[type[LSTMNetwork], dict[str, Any]]:
        names = ("cell", "hidden_dim", "num_layers", "bidirectional", "dropout", "mixed_precision")
        return LSTMNetwork, {name: params[name] for name in names}
