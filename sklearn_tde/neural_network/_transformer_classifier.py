"""A classifier of light curves that attends to their observations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.utils._param_validation import Interval

from sklearn_tde.neural_network._base import BaseSequenceClassifier
from sklearn_tde.neural_network._transformer_module import TransformerNetwork


class TransformerTransientClassifier(BaseSequenceClassifier):
    """Classify light curves with causal attention over their observations.

    Every observation is embedded: its flux and its error, each through hyperbolic tangents of
    several widths, its time through sines and cosines of several periods, its band, the last
    observation of each band and the change since the one before in its own. Blocks of
    self-attention, in which an observation attends to itself and those before it and knows how
    many days they are apart [1]_ [2]_ [3]_, the maximum over the observations, and a head of two
    linear layers follow. The interface and the training are those of
    :class:`LSTMTransientClassifier`. It is made to read what
    :class:`~sklearn_tde.preprocessing.LightCurveSequencer` gives, where nothing is interpolated.

    Parameters
    ----------
    hidden_dim : int, default=32
        Size of an embedded observation, an even multiple of `num_heads`.
    num_layers : int, default=1
        Number of blocks of attention.
    num_heads : int, default=2
        Number of heads of each attention.
    dropout : float, default=0.1
        Probability of dropping a value of what a block adds and in the head, while training.
    n_masks : int, default=2
        Number of channels of a 3-D X, the last ones, that mask the bands: 0 or 1. Steps without
        any are not read. With 0, and for a 2-D X, every step counts as an observation.
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
        "one_cycle" warms up over 30 % of the updates and anneals to almost zero at the last [4]_.
    weight_decay : float, default=1e-2
        Decoupled weight decay of AdamW [5]_.
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
        A fitted TransformerTransientClassifier in a :class:`sklearn.frozen.FrozenEstimator` (which
        keeps it fitted when this one is cloned), whose weights the training begins with in place of
        random ones: such as the last step of a pipeline fitted on simulations,
        ``FrozenEstimator(pipeline[-1])``. It has the same size and number of features, which must
        mean the same (same grid, same bands: that is not checked), and is left as it is; where its
        classes are others, the last layer begins anew.
    device : str, default="auto"
        Where to compute, such as "cpu" or "cuda". "auto": "cuda" where there is one.
    mixed_precision : bool, default=False
        Whether embedding and blocks compute in bfloat16, in `fit` and in prediction. It moves
        probabilities by about 1e-3. It is meant for large networks on a GPU.
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
    LSTMTransientClassifier : A recurrent network in place of the attention.
    sklearn_tde.preprocessing.LightCurveSequencer : Makes X from light curves.
    sklearn_tde.pipelines.make_transformer_pipeline : Both, put together.

    Notes
    -----
    The first channel of a 3-D X is the time. The others but the masks are values, each with an
    embedding of its own. A step that has several masks, as those of a gridder have, gets the sum
    of the embeddings of its bands. A 2-D X is read as one value per step, with the number of the
    column as the time.

    What an observation contributes does not depend on later ones. Time and memory of training
    grow with the square of the number of observations of an object: see `max_observations` of the
    sequencer.

    On the CPU it trains and predicts on one thread, whatever torch is set to, and predicts in
    float64: an object has the same probability alone and in any batch. Two fits with the same
    data and an integer `random_state` give the same bits. An object without any observation gets
    the probability of an empty curve.

    Class weights and oversampling shift the probabilities towards the rare class; tune the
    threshold, or calibrate, inside the training folds.

    References
    ----------
    .. [1] Vaswani, A. et al. (2017). Attention is all you need. NeurIPS.
    .. [2] Tung (2025). ATCAT. arXiv:2511.00614. Embeddings of several widths and causal attention
           are after it. There the band rotates the encoding of the time, no earlier observation
           is embedded with another, and the last one is read out in place of the maximum.
    .. [3] Su, J. et al. (2021). RoFormer: enhanced transformer with rotary position embedding.
           arXiv:2104.09864.
    .. [4] Smith, L. N. and Topin, N. (2019). Super-convergence. Proc. SPIE 11006, 1100612.
    .. [5] Loshchilov, I. and Hutter, F. (2019). Decoupled weight decay regularization. ICLR.

    Examples
    --------
    >>> from sklearn_tde import LightCurveSequencer, TransformerTransientClassifier
    >>> from sklearn_tde import make_transients
    >>> X, y = make_transients(n_tde=10, n_sn_ia=20, random_state=0)
    >>> steps = LightCurveSequencer().fit_transform(X)
    >>> classifier = TransformerTransientClassifier(max_epochs=5, random_state=0)
    >>> classifier.fit(steps, y).predict_proba(steps).shape
    (30, 2)
    """

    _parameter_constraints = {
        **BaseSequenceClassifier._parameter_constraints,
        "num_heads": [Interval(Integral, 1, None, closed="left")],
    }
    _kept_params = ("hidden_dim", "num_layers", "num_heads", "n_masks", "standardize")
    _reads_time = True
    _remedy = "Put a LightCurveSequencer before it, as make_transformer_pipeline does."

    def __init__(
        self,
        *,
        hidden_dim: int = 32,
        num_layers: int = 1,
        num_heads: int = 2,
        dropout: float = 0.1,
        n_masks: int = 2,
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
        self.hidden_dim = hidden_dim
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.dropout = dropout
        self.n_masks = n_masks
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

    def _network(
        self, params: Mapping[str, Any]
    ) -> tuple[type[TransformerNetwork], dict[str, Any]]:
        if params["hidden_dim"] % (2 * params["num_heads"]):
            raise ValueError(
                f"hidden_dim={params['hidden_dim']!r} is no even multiple of num_heads="
                f"{params['num_heads']!r}; expected 2, 4, 6, ... times as much."
            )
        names = ("hidden_dim", "num_layers", "num_heads", "dropout", "mixed_precision")
        arguments = {name: params[name] for name in names}
        return TransformerNetwork, {**arguments, "n_masks": self._n_masks()}
