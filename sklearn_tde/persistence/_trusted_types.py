"""The types that a model file may hold: exact names, nothing by pattern, nothing by default.

skops trusts every estimator of scikit-learn, and a type that it trusts anywhere it also lets a
file call, with arguments of the file's choice. So what it reads is checked against this list
first, kind of node by kind of node (see `_audit`).

What a type must be to stand here: its `__new__`, its `__setstate__` and every public method, not
prediction alone, with any attributes at all, run nothing that comes from the file, neither Python
nor compiled code that takes an index or a size from the file without a check. Where compiled code
needs a check, `_audit` makes it. Left out for that reason, among others:

- functions, `functools.partial`, `operator.*` and bound methods: they are code, or call it;
- distributions of `scipy.stats`: they compile source text from their attributes;
- support vector machines, nearest neighbours, gradient boosting without histograms and networks of
  scikit-learn: their compiled parts read their attributes unchecked;
- one-hot encoders, whose sparse output is filled at positions counted from an attribute;
- polynomial features, whose sparse output is as large as an attribute makes it, not as is needed;
- stochastic gradient descent, which is trained further on averages whose size is not checked;
- random generators, whose position in their table is not checked; an integer seed does it.
"""

from __future__ import annotations

_ESTIMATORS = (
    "sklearn_tde.calibration._cells.CalibrationCells",
    "sklearn_tde.calibration._conformal.ConformalTransientClassifier",
    "sklearn_tde.calibration._prior_adjusted.PriorAdjustedClassifier",
    "sklearn_tde.ensemble._classifier.EnsembleTransientClassifier",
    "sklearn_tde.neural_network._lstm_classifier.LSTMTransientClassifier",
    "sklearn_tde.neural_network._transformer_classifier.TransformerTransientClassifier",
    "sklearn_tde.pipelines._pipeline.LightCurvePipeline",
    "sklearn_tde.preprocessing._features.LightCurveFeatures",
    "sklearn_tde.preprocessing._gridder.LightCurveGridder",
    "sklearn_tde.preprocessing._sequencer.LightCurveSequencer",
    "sklearn_tde.preprocessing._simulation_features.SimulationFeatures",
    "sklearn_tde.preprocessing._truncator.LightCurveTruncator",
    "sklearn_tde.sampling._over_sampler.LightCurveOverSampler",
    "sklearn_tde.sampling._partial_sampler.PartialLightCurveSampler",
    # Put together
    "imblearn.pipeline.Pipeline",
    "sklearn.compose._column_transformer.ColumnTransformer",
    "sklearn.compose._column_transformer.make_column_selector",
    "sklearn.frozen._frozen.FrozenEstimator",
    "sklearn.pipeline.FeatureUnion",
    "sklearn.pipeline.Pipeline",
    # Many in one
    "imblearn.ensemble._bagging.BalancedBaggingClassifier",
    "imblearn.ensemble._forest.BalancedRandomForestClassifier",
    "sklearn.ensemble._bagging.BaggingClassifier",
    "sklearn.ensemble._stacking.StackingClassifier",
    "sklearn.ensemble._voting.VotingClassifier",
    "sklearn.ensemble._weight_boosting.AdaBoostClassifier",
    "sklearn.multiclass.OneVsRestClassifier",
    "sklearn.multiclass._ConstantPredictor",
    # Searched, thresholded, calibrated
    "sklearn.calibration.CalibratedClassifierCV",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.isotonic.IsotonicRegression",
    "sklearn.model_selection._classification_threshold.FixedThresholdClassifier",
    "sklearn.model_selection._classification_threshold.TunedThresholdClassifierCV",
    "sklearn.model_selection._search.GridSearchCV",
    "sklearn.model_selection._search.RandomizedSearchCV",
    "sklearn.model_selection._search_successive_halving.HalvingGridSearchCV",
    "sklearn.model_selection._search_successive_halving.HalvingRandomSearchCV",
    # Samplers: used by `fit` only
    "imblearn.over_sampling._random_over_sampler.RandomOverSampler",
    "imblearn.under_sampling._prototype_selection._random_under_sampler.RandomUnderSampler",
    # Features: numpy throughout
    "sklearn.decomposition._pca.PCA",
    "sklearn.feature_selection._univariate_selection.SelectKBest",
    "sklearn.feature_selection._variance_threshold.VarianceThreshold",
    "sklearn.impute._base.MissingIndicator",
    "sklearn.impute._base.SimpleImputer",
    # "passthrough" in a ColumnTransformer; with a function it is refused (ATTRIBUTES_LEFT_OUT).
    "sklearn.preprocessing._function_transformer.FunctionTransformer",
    "sklearn.preprocessing._data.MaxAbsScaler",
    "sklearn.preprocessing._data.MinMaxScaler",
    "sklearn.preprocessing._data.Normalizer",
    "sklearn.preprocessing._data.PowerTransformer",
    "sklearn.preprocessing._data.QuantileTransformer",
    "sklearn.preprocessing._data.RobustScaler",
    "sklearn.preprocessing._data.StandardScaler",
    "sklearn.preprocessing._encoders.OrdinalEncoder",
    "sklearn.preprocessing._label.LabelBinarizer",
    "sklearn.preprocessing._label.LabelEncoder",
    # Classifiers: numpy, or trees, whose nodes are checked one by one
    "sklearn.discriminant_analysis.LinearDiscriminantAnalysis",
    "sklearn.dummy.DummyClassifier",
    "sklearn.ensemble._forest.ExtraTreesClassifier",
    "sklearn.ensemble._forest.RandomForestClassifier",
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier",
    "sklearn.linear_model._logistic.LogisticRegression",
    "sklearn.linear_model._logistic.LogisticRegressionCV",
    "sklearn.linear_model._ridge.RidgeClassifier",
    "sklearn.linear_model._ridge.RidgeClassifierCV",
    "sklearn.naive_bayes.GaussianNB",
    "sklearn.tree._classes.DecisionTreeClassifier",
    "sklearn.tree._classes.ExtraTreeClassifier",
)

_SCORERS = (
    # What a threshold or a search was tuned for. Of functions they can hold FUNCTIONS only.
    "sklearn.metrics._scorer._CurveScorer",
    "sklearn.metrics._scorer._MultimetricScorer",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.metrics._scorer._Scorer",
    "sklearn_tde.evaluation._scorers.LabelScorer",
    "sklearn_tde.evaluation._scorers.ProbabilityScorer",
)

#: Of numbers that a loss takes.
_RANGES = ("sklearn._loss.link.Interval",)

_REQUESTS = (
    # Which metadata `set_fit_request` and its like ask for: names and booleans.
    "sklearn.utils._metadata_requests.MetadataRequest",
    "sklearn.utils._metadata_requests.MethodMetadataRequest",
)

_SPLITTERS = tuple(
    f"sklearn.model_selection._split.{name}"
    for name in (
        "GroupKFold",
        "GroupShuffleSplit",
        "KFold",
        "PredefinedSplit",
        "RepeatedKFold",
        "RepeatedStratifiedKFold",
        "ShuffleSplit",
        "StratifiedGroupKFold",
        "StratifiedKFold",
        "StratifiedShuffleSplit",
        "_CVIterableWrapper",
    )
)

#: Scores of labels, probabilities and features: pure functions of arrays.
_FUNCTIONS = (
    "sklearn.feature_selection._univariate_selection.chi2",
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.metrics._classification.accuracy_score",
    "sklearn.metrics._classification.balanced_accuracy_score",
    "sklearn.metrics._classification.brier_score_loss",
    "sklearn.metrics._classification.cohen_kappa_score",
    "sklearn.metrics._classification.f1_score",
    "sklearn.metrics._classification.fbeta_score",
    "sklearn.metrics._classification.jaccard_score",
    "sklearn.metrics._classification.log_loss",
    "sklearn.metrics._classification.matthews_corrcoef",
    "sklearn.metrics._classification.precision_score",
    "sklearn.metrics._classification.recall_score",
    "sklearn.metrics._ranking.average_precision_score",
    "sklearn.metrics._ranking.roc_auc_score",
    # These take the name of a score, the last one a function, which can be one of these only.
    "sklearn_tde.evaluation._scorers.score_labels",
    "sklearn_tde.evaluation._scorers.score_probabilities",
    "sklearn_tde.evaluation._threshold._score_positive_class",
)

_NUMPY_TYPES = tuple(
    f"numpy.{name}"
    for name in (
        "bool",
        "float32",
        "float64",
        "int32",
        "int64",
        "str_",
        "uint64",
    )
)

#: Kinds of columns that a `make_column_selector` selects by: classes, never called.
_COLUMN_KINDS = (
    "builtins.object",
    *(f"numpy.{name}" for name in ("floating", "integer", "number", "object_")),
)

#: Types of the keys of a dict, called with the key as text: "False" would become True, so no bool.
KEY_TYPES = frozenset(
    {"builtins.float", "builtins.int", "builtins.str", "numpy.float64", "numpy.int64", "numpy.str_"}
)

#: Kind of node in a skops file, and the types that it may have.
TRUSTED_TYPES: dict[str, frozenset[str]] = {
    "DictNode": frozenset(
        {"builtins.dict", "collections.OrderedDict", "sklearn.utils._bunch.Bunch"}
    ),
    "DTypeNode": frozenset({"numpy.dtype"}),
    "FunctionNode": frozenset(_FUNCTIONS),
    # Text, numbers, booleans and None: skops calls them all text.
    "JsonNode": frozenset({"builtins.str"}),
    "ListNode": frozenset({"builtins.list"}),
    "MaskedArrayNode": frozenset({"numpy.ma.MaskedArray"}),
    "NdArrayNode": frozenset({"numpy.ndarray", *_NUMPY_TYPES}),
    "ObjectNode": frozenset({*_ESTIMATORS, *_SCORERS, *_REQUESTS, *_SPLITTERS, *_RANGES}),
    "SetNode": frozenset({"builtins.set"}),
    "SliceNode": frozenset({"builtins.slice"}),
    "TupleNode": frozenset({"builtins.tuple"}),
    # Types as values: of an encoder's output, of columns, and what a repeated splitter repeats.
    "TypeNode": frozenset(
        {
            "builtins.bool",
            "builtins.float",
            "builtins.int",
            "builtins.str",
            *_COLUMN_KINDS,
            *_NUMPY_TYPES,
            "sklearn.model_selection._split.KFold",
            "sklearn.model_selection._split.StratifiedKFold",
        }
    ),
}

#: The compiled tree, which only a tree estimator may hold, as `tree_`, with its nodes checked.
TREE = "sklearn.tree._tree.Tree"
TREE_ESTIMATORS = frozenset(
    {"sklearn.tree._classes.DecisionTreeClassifier", "sklearn.tree._classes.ExtraTreeClassifier"}
)

_BOOSTING = "sklearn.ensemble._hist_gradient_boosting"
#: Boosted trees, and what they alone hold, in its own place: `_trees` checks each.
BOOSTER = f"{_BOOSTING}.gradient_boosting.HistGradientBoostingClassifier"
PREDICTOR = f"{_BOOSTING}.predictor.TreePredictor"
BIN_MAPPER = f"{_BOOSTING}.binning._BinMapper"
GENERATOR = "numpy.random._generator.Generator"
LOSSES = frozenset(
    f"sklearn._loss.loss.{name}" for name in ("HalfBinomialLoss", "HalfMultinomialLoss")
)
COMPILED_LOSSES = frozenset(
    f"sklearn._loss._loss.{name}" for name in ("CyHalfBinomialLoss", "CyHalfMultinomialLoss")
)
LINKS = frozenset(f"sklearn._loss.link.{name}" for name in ("LogitLink", "MultinomialLogit"))
_PLACED = frozenset({TREE, PREDICTOR, BIN_MAPPER, GENERATOR, *LOSSES, *COMPILED_LOSSES, *LINKS})

#: Every attribute that these have: another, such as `_in_fit`, can take a check out of the way.
KNOWN_ATTRIBUTES: dict[str, frozenset[str]] = {
    BOOSTER: frozenset(
        [
            "loss",
            "learning_rate",
            "max_iter",
            "max_leaf_nodes",
            "max_depth",
            "min_samples_leaf",
            "l2_regularization",
            "max_features",
            "max_bins",
            "categorical_features",
            "monotonic_cst",
            "interaction_cst",
            "warm_start",
            "early_stopping",
            "scoring",
            "validation_fraction",
            "n_iter_no_change",
            "tol",
            "verbose",
            "random_state",
            "class_weight",
            "classes_",
            "do_early_stopping_",
            "feature_names_in_",
            "is_categorical_",
            "n_features_in_",
            "n_trees_per_iteration_",
            "train_score_",
            "validation_score_",
            "_baseline_prediction",
            "_bin_mapper",
            "_feature_subsample_rng",
            "_fitted_with_sw",
            "_is_categorical_remapped",
            "_label_encoder",
            "_loss",
            "_metadata_request",
            "_n_features",
            "_predictors",
            "_preprocessor",
            "_random_seed",
            "_scorer",
            "_sklearn_version",
            "_use_validation_data",
        ]
    ),
    PREDICTOR: frozenset({"nodes", "binned_left_cat_bitsets", "raw_left_cat_bitsets"}),
    BIN_MAPPER: frozenset(
        [
            "n_bins",
            "subsample",
            "is_categorical",
            "known_categories",
            "random_state",
            "n_threads",
            "bin_thresholds_",
            "is_categorical_",
            "missing_values_bin_idx_",
            "n_bins_non_missing_",
            "_sklearn_version",
        ]
    ),
}

#: What is filled at the positions of labels among these attributes: arrays of plain values, because
#: objects may have no order.
ORDERED_LABELS = {"sklearn.preprocessing._label.LabelBinarizer": "classes_"}

#: Attributes that must be None, or empty, and what to do about one that is not.
ATTRIBUTES_LEFT_OUT: dict[str, dict[str, str]] = {
    **{
        f"sklearn_tde.neural_network.{name}": {
            "callbacks": "callbacks are code and serve training only; set callbacks=None",
            # Rebuilt from the weights; an object in its place would answer in its stead.
            "net_": "a model file holds the weights",
        }
        for name in (
            "_lstm_classifier.LSTMTransientClassifier",
            "_transformer_classifier.TransformerTransientClassifier",
        )
    },
    BOOSTER: dict.fromkeys(
        ("is_categorical_", "_is_categorical_remapped", "_preprocessor"),
        "columns of categories are not shared; turn them into numbers before the model, and set "
        "categorical_features=None",
    ),
    **{
        name: {"memory": "a cache is a folder of pickles on one computer; set memory=None"}
        for name in (
            "imblearn.pipeline.Pipeline",
            "sklearn.pipeline.Pipeline",
            "sklearn_tde.pipelines._pipeline.LightCurvePipeline",
        )
    },
    "sklearn.preprocessing._function_transformer.FunctionTransformer": {
        "func": "a function is code; transform before the model, or without a function",
        "inverse_func": "a function is code; transform before the model, or without a function",
    },
}


def all_trusted_types() -> list[str]:
    """Return every name of the list, for skops."""
    return sorted({*_PLACED, *KEY_TYPES}.union(*TRUSTED_TYPES.values()))
