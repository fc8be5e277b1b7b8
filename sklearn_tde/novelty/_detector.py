"""How unlike the training objects an object is."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.utils import (
    Tags,
    _safe_indexing,
    check_array,
    check_random_state,
    get_tags,
    indexable,
)
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    validate_parameter_constraints,
)
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _num_samples, check_is_fitted

from sklearn_tde._cross_fitting import seed_estimator
from sklearn_tde._labels import check_groups, checked_labels
from sklearn_tde.ensemble._members import _LEARN_NOTHING
from sklearn_tde.ensemble._parts import split_into_parts
from sklearn_tde.ensemble._samples import resampled, with_copies
from sklearn_tde.novelty._known import count_known, least_of, too_little
from sklearn_tde.novelty._reference import Reference
from sklearn_tde.novelty._surprise import Surprise, weights_of
from sklearn_tde.preprocessing import LightCurveFeatures


class TransientNoveltyDetector(OutlierMixin, BaseEstimator):
    """Flag objects unlike those of the training classes.

    A classifier gives every object to one of its classes, a cataclysmic variable or a new kind of
    transient as well. Here an object is suspicious if its features lie far from those of all
    training objects, or if a classifier finds that it is of no class in particular.

    Parameters
    ----------
    features : transformer or None, default=None
        Makes a table of numbers, which may have NaN, from `X`; what it learns, it learns anew for
        each part from the others. None: :class:`~sklearn_tde.preprocessing.LightCurveFeatures`
        with its defaults.
    classifier : classifier or None, default=None
        With `predict_proba`, trained on the table if `fit` is given `y`. None: 200 extremely
        randomised trees with balanced class weights, each split chosen among three tenths of the
        features.
    sampler : sampler or None, default=None
        What adds copies to the objects of `fit`; to score young light curves,
        :class:`~sklearn_tde.sampling.PartialLightCurveSampler` adds their earlier states. Copies
        stay where their parents are. The result begins with the objects themselves, and the
        sampler has `sample_indices_`. None: no copies.
    n_neighbors : int, default=10
        Number of nearest training objects whose mean distance counts.
    false_alarm_rate : float, default=0.05
        Share of the objects *of* the training classes that are flagged; with a `sampler` of those
        of which about as many features are known, an object counting as much as its copies.
    cv : int or splitter, default=5
        Parts of the objects, each of which is scored by what was learned from the others; an
        integer makes shuffled ones, stratified if there is `y`.
    random_state : int, RandomState instance or None, default=None
        Determines the parts and the seeds of the classifiers.
    n_jobs : int or None, default=None
        Number of fits that run in parallel. None means 1 unless in a
        :obj:`joblib.parallel_config` context, -1 all processors.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,) or None
        The training classes; None without `y`.
    out_of_fold_scores_ : ndarray of shape (n_objects,), dtype float64
        Scores of the training objects, without copies, by what was learned from others. Their own
        `score_samples` flatter them. NaN for an object of which no feature is known, and which
        teaches nothing.
    offset_ : float
        The score below which an object is flagged.
    features_ : transformer
        Fitted.
    n_features_in_ : int
        Number of features seen by `features`, if it counts them.

    See Also
    --------
    sklearn_tde.calibration.ConformalTransientClassifier : Sets of classes; an empty one hints at
        a novelty as well.

    Notes
    -----
    *Distance*: the mean of those to the nearest training objects, of whatever class, in features
    that are centred and scaled robustly and go through the inverse hyperbolic sine; the median
    stands for what is not defined. *Entropy*: of the classifier's probabilities [1]_. Each becomes
    a p-value, the share of training objects whose own, out of fold, is as large; the score is the
    sum of the logarithms of both [2]_, higher for more normal objects. Beyond the largest distance
    of a training object the p-value falls exponentially. Without `y`, or with one class, there is
    the distance alone. With a `sampler` an object is compared with the training objects and copies
    of which about as many features are known, ten kinds of them, or fewer so that there are 200 of
    each, and the scores of a kind are moved to where `offset_` holds for it.

    Far away lie objects of a wholly different behaviour, such as the outbursts of a cataclysmic
    variable, which a classifier may well be sure of; between the classes lie those that look like
    several of them. A class that resembles one training class closely is not found. On the page
    "Abstention and novelty" of the documentation is how well classes left out of training were.

    An object of a training class with a poor or unusual light curve is suspicious, too, and more so
    if its class is rare or varied: TDEs are flagged several times as often as `false_alarm_rate`.

    A young light curve has few features, and what is not known counts as typical: trained on whole
    light curves alone, the detector cannot tell young ones apart, and warns. Give it a `sampler` to
    score them. Even then few are found in the first weeks.

    References
    ----------
    .. [1] Hendrycks, D., and Gimpel, K. (2017). A baseline for detecting misclassified and
           out-of-distribution examples in neural networks. ICLR.
    .. [2] Fisher, R. A. (1932). Statistical methods for research workers, 4th edition,
           section 21.1.

    Examples
    --------
    >>> from sklearn_tde import make_transients
    >>> from sklearn_tde.novelty import TransientNoveltyDetector
    >>> from sklearn_tde.sampling import PartialLightCurveSampler
    >>> X, y = make_transients(n_tde=30, n_sn_ia=60, random_state=0)
    >>> sampler = PartialLightCurveSampler(ages=(10, 30))
    >>> detector = TransientNoveltyDetector(sampler=sampler, cv=3, random_state=0).fit(X, y)
    >>> other, _ = make_transients(n_tde=0, n_sn_ia=0, n_cv=20, random_state=1)
    >>> bool((detector.predict(other) == -1).mean() > 0.5)
    True
    """

    # As for scikit-learn's splitters: groups that are routed at all are meant to be kept together.
    __metadata_request__fit = {"groups": True}

    _parameter_constraints = {
        "features": [HasMethods(["fit", "transform"]), None],
        "classifier": [HasMethods(["fit", "predict_proba"]), None],
        "sampler": [HasMethods(["fit_resample"]), None],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "false_alarm_rate": [Interval(Real, 0, 1, closed="neither")],
        "cv": [Interval(Integral, 2, None, closed="left"), "cv_object"],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        *,
        features: Any = None,
        classifier: Any = None,
        sampler: Any = None,
        n_neighbors: int = 10,
        false_alarm_rate: float = 0.05,
        cv: Any = 5,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.features = features
        self.classifier = classifier
        self.sampler = sampler
        self.n_neighbors = n_neighbors
        self.false_alarm_rate = false_alarm_rate
        self.cv = cv
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None, groups: Any = None) -> Self:
        """Learn what the training objects look like.

        Parameters
        ----------
        X : NestedFrame, or whatever `features` takes, of length n_objects
            The objects.
        y : array-like of shape (n_objects,) or None, default=None
            Class labels; give all classes by name where they are known. None: the distance alone
            is used.
        groups : array-like of shape (n_objects,) or None, default=None
            Relatives, such as light curves of one object at several ages: they stay in one part,
            and count once in `false_alarm_rate`.

        Returns
        -------
        self : TransientNoveltyDetector
            The fitted detector.

        Raises
        ------
        ValueError
            If there is one object, labels are missing, a class has fewer objects than there are
            parts, an object is not left out exactly once, a group is split, a part has no object of
            a class to train on, no feature is known of any, or a sampler does not return the
            objects first.
        """
        validate_parameter_constraints(
            self._parameter_constraints, self.get_params(deep=False), type(self).__name__
        )
        (X,) = indexable(X)
        features = LightCurveFeatures() if self.features is None else clone(self.features)
        n_objects = _num_samples(X)
        if n_objects < 2:
            raise ValueError(f"X has n_samples={n_objects}; expected at least two objects.")
        labels = np.zeros(n_objects, dtype=int) if y is None else checked_labels(X, y)
        groups = check_groups(groups, n_objects)
        random_state = check_random_state(self.random_state)
        parts = split_into_parts(self.cv, labels, groups, random_state.randint(2**31 - 1))
        X, labels, parents, _ = resampled(self.sampler, X, labels, random_state)
        parts = with_copies(parts, parents)
        table = _checked_table(features.fit(X).transform(X))
        classes, codes = np.unique(labels, return_inverse=True)
        self.classes_ = None if y is None else classes
        measured = self._measure_left_out(X, features, table, codes, parts, random_state)
        last = self._classifier(random_state.randint(2**31 - 1))
        self._reference = Reference(table, codes, last, self.n_neighbors)
        n_known = count_known(table)
        weight = weights_of(groups, parents, n_objects)
        self._surprise = Surprise(
            measured, n_known, weight, self.sampler is not None, self.false_alarm_rate
        )
        self.out_of_fold_scores_ = self._surprise.scores(measured, n_known)[:n_objects]
        self.offset_ = self._surprise.offset
        self._least = least_of(n_known)
        if hasattr(features, "n_features_in_"):
            self.n_features_in_ = features.n_features_in_
        # The last one: only with it is the detector fitted.
        self.features_ = features
        return self

    def _measure_left_out(
        self,
        X: Any,
        features: Any,
        table: np.ndarray,
        codes: np.ndarray,
        parts: list[tuple[np.ndarray, np.ndarray]],
        random_state: np.random.RandomState,
    ) -> np.ndarray:
        """Return distance and entropy of each by what was learned from the other parts."""
        given, learns = table, None
        if type(features) not in _LEARN_NOTHING:
            given, learns = X, features
        fits = Parallel(n_jobs=self.n_jobs)(
            delayed(_learn_and_measure)(
                None if learns is None else clone(learns),
                self._classifier(random_state.randint(2**31 - 1)),
                _safe_indexing(given, train),
                codes[train],
                _safe_indexing(given, test),
                self.n_neighbors,
            )
            for train, test in parts
        )
        measured = np.empty((len(table), fits[0].shape[1]))
        for (_, test), of_part in zip(parts, fits, strict=True):
            measured[test] = of_part
        return measured

    def _classifier(self, seed: int) -> Any:
        """Return a classifier to train, or None if there is nothing to tell apart."""
        if self.classes_ is None or len(self.classes_) < 2:
            return None
        if self.classifier is None:
            return ExtraTreesClassifier(
                200, max_features=0.3, class_weight="balanced", random_state=seed
            )
        return seed_estimator(self.classifier, seed)

    def score_samples(self, X: Any) -> np.ndarray:
        """Return how normal each object is.

        Parameters
        ----------
        X : NestedFrame, or whatever `features` takes, of length n_objects
            The objects.

        Returns
        -------
        scores : ndarray of shape (n_objects,), dtype float64
            The lower, the more unlike the training objects. NaN for an object of which no feature
            is known, such as one without observations.

        Raises
        ------
        NotFittedError
            If the detector is not fitted.

        Warns
        -----
        UserWarning
            If no feature is known of an object, or if more objects than chance makes them are not
            flagged while they have fewer features than 99 % of the training objects have, as
            young ones do after training on old ones.
        """
        return self._score_samples(X)

    def _score_samples(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        table = _checked_table(self.features_.transform(X))
        n_known = count_known(table)
        scores = self._surprise.scores(self._reference.measure(table), n_known)
        passes = scores >= self.offset_
        message = too_little(n_known, passes, self._least, table.shape[1])
        if message:
            warnings.warn(message, UserWarning, stacklevel=3)
        return scores

    def decision_function(self, X: Any) -> np.ndarray:
        """Return how far each object is from being flagged.

        Parameters
        ----------
        X : NestedFrame, or whatever `features` takes, of length n_objects
            The objects.

        Returns
        -------
        decision : ndarray of shape (n_objects,), dtype float64
            `score_samples` less `offset_`: negative for flagged objects. NaN for an object of which
            no feature is known.

        Raises
        ------
        NotFittedError
            If the detector is not fitted.

        Warns
        -----
        UserWarning
            As `score_samples`.
        """
        return self._score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """Flag the objects unlike the training objects.

        Parameters
        ----------
        X : NestedFrame, or whatever `features` takes, of length n_objects
            The objects.

        Returns
        -------
        flags : ndarray of shape (n_objects,), dtype int
            -1 for a flagged object, 1 for another. An object of which no feature is known is
            flagged: it is not known to be like any.

        Raises
        ------
        NotFittedError
            If the detector is not fitted.

        Warns
        -----
        UserWarning
            As `score_samples`.
        """
        return np.where(self._score_samples(X) >= self.offset_, 1, -1)

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether `fit` has come to its end."""
        return hasattr(self, "features_")

    def __sklearn_tags__(self) -> Tags:
        """Return the tags: what the features are made from goes in."""
        tags = super().__sklearn_tags__()
        features = LightCurveFeatures() if self.features is None else self.features
        # Whatever it is instead of a transformer, `fit` says so.
        if hasattr(features, "__sklearn_tags__"):
            of_features = get_tags(features)
            tags.input_tags = of_features.input_tags
            tags.no_validation = of_features.no_validation
        return tags


def _learn_and_measure(
    features: Any, classifier: Any, known: Any, codes: np.ndarray, others: Any, n_neighbors: int
) -> np.ndarray:
    """Return distance and entropy of the others; without features both are tables already."""
    if features is not None:
        features.fit(known)
        known, others = (_checked_table(features.transform(X)) for X in (known, others))
    return Reference(known, codes, classifier, n_neighbors).measure(others)


def _checked_table(table: Any) -> np.ndarray:
    """Return the features as numbers, NaN allowed."""
    return check_array(table, ensure_all_finite="allow-nan", ensure_min_samples=0, dtype=np.float64)
