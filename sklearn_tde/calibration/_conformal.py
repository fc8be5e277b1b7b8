"""Sets of classes that hold the true one with a stated probability, class by class."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.utils import Tags, get_tags, indexable
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.validation import _num_samples, check_is_fitted

from sklearn_tde._cross_fitting import forget_fit
from sklearn_tde._labels import check_groups, checked_labels
from sklearn_tde.calibration._bins import bins_of, coded, names_of
from sklearn_tde.calibration._cells import CalibrationCells, class_codes, n_needed
from sklearn_tde.calibration._copies import copied_again
from sklearn_tde.calibration._left_out import predict_left_out
from sklearn_tde.ensemble._members import member_probabilities


class ConformalTransientClassifier(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """Return sets of classes instead of one: as many as cannot be ruled out.

    Of the objects of *each* class, the TDEs as well as the supernovae, a share of
    `confidence_level` has its true class in the set. An object with several classes in its set is
    one to abstain on, and one with none is unlike all classes.

    Parameters
    ----------
    estimator : classifier
        With `predict_proba`. A copy is trained; a fitted one in a
        :class:`~sklearn.frozen.FrozenEstimator` is kept, and the objects given to `fit`, which it
        must not have been trained on, only calibrate the sets.
    confidence_level : float, default=0.9
        The share. It may be changed after `fit`; with `bins`, fit at the highest one.
    cv : int or splitter, default=5
        Parts of the objects, each of which is scored by a model that is trained on the others; an
        integer makes stratified ones, shuffled with `random_state`. Not used for a
        :class:`~sklearn.frozen.FrozenEstimator` and for an
        :class:`~sklearn_tde.ensemble.EnsembleTransientClassifier`, whose `out_of_fold_proba_` it
        has itself, and whose copies, such as the earlier states of the objects, calibrate as well.
    bins : {"age"}, callable or None, default=None
        A function from `X` to the bin of each object, an integer or a string. The share then holds
        in every bin of every class that has enough objects. "age": of light curves, the days from
        the first detection to the last observation, less than 7.5, 15 or 30, or more. None: one
        bin.
    random_state : int, RandomState instance or None, default=None
        Determines the parts.
    n_jobs : int or None, default=None
        Number of fits that run in parallel. None means 1 unless in a
        :obj:`joblib.parallel_config` context, -1 all processors.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    estimator_ : classifier
        Trained on all objects of `fit`, or the frozen one: what `predict` and `predict_proba` ask.
    estimators_ : list of classifiers
        Those that the sets come from: one for each part, or `estimator_` alone.
    bins_ : ndarray of shape (n_bins,)
        The bins met in `fit`, sorted; for "age" all four, the youngest first.
    n_calibration_ : DataFrame of shape (n_classes, n_bins)
        Number of calibration objects of each class and bin.
    n_features_in_ : int
        Number of features seen by the estimator, if it counts them.

    See Also
    --------
    sklearn_tde.evaluation.coverage_report : Measure the share on other objects.
    sklearn_tde.novelty.TransientNoveltyDetector : Objects unlike all classes.

    Notes
    -----
    The p-value of a class is the share of calibration objects of that class (and bin) whose
    probability of it was no higher than that of the new object, which counts among them; the class
    is in the set if it is above ``1 - confidence_level`` [1]_. Because every class is compared
    with itself, the share does not depend on how many objects of each class there are, neither in
    training nor in the sky, as long as those of a class look alike. It does not hold for other
    objects than those: a fainter survey, another cadence, younger light curves, a new class.

    With a calibration set of its own (``FrozenEstimator``) the share is at least the level, on
    average over calibration sets. With `cv` a new object is compared with the objects of each part
    by the model that has not seen them [2]_: that the sets miss the true class at most twice as
    often as they may is proven, and in practice they miss it as often as they may. An ensemble
    scores new objects by an average of models that scored the calibration objects one by one;
    the average is the better model, which makes the sets too large rather than too small, but
    nothing is proven.

    Objects to which the classifier gives the same probability, as trees do, cannot be put in order,
    and the sets of their class are larger than they need to be. Where a class is told apart more
    often than the level asks for, sets are empty rather than wrong: ask for a higher level.

    A class can only be ruled out with ``1 / (1 - confidence_level) - 1`` calibration objects or
    more, 9 for 0.9: with fewer `fit` warns, and the class is in every set. A bin that has fewer
    objects of a class in `fit`, for the level of `fit`, takes all objects of that class instead,
    and the share is not promised within it. That choice stays when the level is changed later: the
    p-values do not depend on the level, and a higher one never leaves out a class that a lower one
    holds. At a raised level a bin may have too few objects of a class; then the class is in every
    set there, and another `fit` at that level would take all objects of the class.

    Several light curves of one object, such as it was at several ages, count as one object if
    `groups` tells so [3]_.

    References
    ----------
    .. [1] Vovk, V., Gammerman, A., and Shafer, G. (2005). Algorithmic learning in a random world.
           Springer, section 4.5.
    .. [2] Vovk, V. (2015). Cross-conformal predictors. Annals of Mathematics and Artificial
           Intelligence 74, 9-28.
    .. [3] Lee, Y., Barber, R. F., and Willett, R. (2023). Distribution-free inference with
           hierarchical data. arXiv:2306.06342.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn_tde import make_feature_pipeline, make_transients
    >>> from sklearn_tde.calibration import ConformalTransientClassifier
    >>> X, y = make_transients(n_tde=30, n_sn_ia=60, random_state=0)
    >>> model = ConformalTransientClassifier(make_feature_pipeline(classifier=GaussianNB()))
    >>> model.fit(X[:80], y[:80]).predict_set(X[80:]).shape
    (10, 2)
    """

    # As for scikit-learn's splitters: groups that are routed at all are meant to be kept together.
    __metadata_request__fit = {"groups": True}

    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "predict_proba"])],
        "confidence_level": [Interval(Real, 0, 1, closed="neither")],
        "cv": [Interval(Integral, 2, None, closed="left"), "cv_object"],
        "bins": [StrOptions({"age"}), callable, None],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        confidence_level: float = 0.9,
        cv: Any = 5,
        bins: str | Callable[[Any], Any] | None = None,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.estimator = estimator
        self.confidence_level = confidence_level
        self.cv = cv
        self.bins = bins
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:
        """Train the classifiers, and score each object by one that has not seen it.

        Parameters
        ----------
        X : NestedFrame, or whatever the estimator takes, of length n_objects
            The objects.
        y : array-like of shape (n_objects,)
            Class labels, two classes or more.
        groups : array-like of shape (n_objects,) or None, default=None
            The object that each row belongs to: its rows stay in one part and count as one
            calibration object. None: each row is an object.

        Returns
        -------
        self : ConformalTransientClassifier
            The fitted classifier.

        Raises
        ------
        TypeError
            If `estimator` has no `predict_proba`, or `bins` returns what are no bins.
        ValueError
            If labels are missing, there is a single class, a frozen estimator does not know a
            label, a class has fewer objects than there are parts, `bins` does not return one bin
            for each object, or the copies of an ensemble have bins and cannot be made again.

        Warns
        -----
        UserWarning
            If there are too few calibration objects of a class, or of a class in a bin.
        """
        validate_parameter_constraints(
            self._parameter_constraints, self.get_params(deep=False), type(self).__name__
        )
        (X,) = indexable(X)
        y = checked_labels(X, y)
        groups = check_groups(groups, len(y))
        bins_of(self.bins, X, len(y))
        forget_fit(self)
        found = predict_left_out(
            self.estimator, X, y, groups, self.cv, self.random_state, self.n_jobs
        )
        self.estimator_, self.estimators_ = found.estimator, found.models
        parents = found.parents
        code = class_codes(y, found.classes)[parents]
        score = 1 - found.probabilities[np.arange(len(code)), code]
        if self.bins is not None and len(parents) > len(y):
            X = copied_again(self.estimator_.sampler_, X, y, parents)
        bins = bins_of(self.bins, X, len(code))
        self.bins_ = names_of(self.bins, bins)
        bin_code, _ = coded(bins, self.bins_)
        group = parents if groups is None else groups[parents]
        order = np.argsort(score, kind="stable")
        self._cells = CalibrationCells(
            *(values[order] for values in (score, code, bin_code, group, found.model)),
            n_classes=len(found.classes),
            n_bins=len(self.bins_),
            n_models=len(self.estimators_),
            needed=n_needed(self.confidence_level),
        )
        if hasattr(self.estimator_, "n_features_in_"):
            self.n_features_in_ = self.estimator_.n_features_in_
        self._level_of_fit = self.confidence_level
        # The last one: only with it is the classifier fitted.
        self.classes_ = found.classes
        for message in self._shortages():
            warnings.warn(message, UserWarning, stacklevel=2)
        return self

    def _shortages(self) -> list[str]:
        """Say which classes and bins have too few objects for the level."""
        return self._cells.shortages(self.confidence_level, self.classes_, self.bins_)

    @property
    def n_calibration_(self) -> pd.DataFrame:
        """Number of calibration objects of each class and bin."""
        check_is_fitted(self)
        return pd.DataFrame(self._cells.sizes()[1], index=self.classes_, columns=self.bins_)

    def p_values(self, X: Any) -> np.ndarray:
        """Return how well each object goes with each class.

        Parameters
        ----------
        X : NestedFrame, or whatever the estimator takes, of length n_objects
            The objects.

        Returns
        -------
        p_values : ndarray of shape (n_objects, n_classes), dtype float64
            In the order of `classes_`: the share of the calibration objects of the class, the
            object itself among them, whose probability of it is no higher. Above 0, at most 1;
            rows do not add up to 1. The set at any level has the classes whose p-value is above
            ``1 - confidence_level``.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.

        Warns
        -----
        UserWarning
            If `bins` returns a bin that `fit` has not met: all objects of a class stand in.
        """
        check_is_fitted(self)
        return self._p_values(X)

    def _p_values(self, X: Any) -> np.ndarray:
        n_objects = _num_samples(X)
        if not n_objects:
            return np.empty((0, len(self.classes_)))
        scores = [
            1 - member_probabilities(model, X, self.classes_, "estimator")
            for model in self.estimators_
        ]
        bins, message = coded(bins_of(self.bins, X, n_objects), self.bins_)
        if message:
            warnings.warn(message, UserWarning, stacklevel=3)
        return self._cells.p_values(scores, bins)

    def predict_set(self, X: Any) -> np.ndarray:
        """Return the classes that cannot be ruled out.

        Parameters
        ----------
        X : NestedFrame, or whatever the estimator takes, of length n_objects
            The objects.

        Returns
        -------
        sets : ndarray of shape (n_objects, n_classes), dtype bool
            Whether a class, in the order of `classes_`, is in the set of the object. A set may be
            empty.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.

        Warns
        -----
        UserWarning
            If `bins` returns a bin that `fit` has not met, or `confidence_level` was raised after
            `fit` and there are too few calibration objects for it.
        """
        check_is_fitted(self)
        if n_needed(self.confidence_level) > n_needed(self._level_of_fit):
            for message in self._shortages():
                warnings.warn(message, UserWarning, stacklevel=2)
        # 1 - 0.9 is a little less than 0.1.
        return self._p_values(X) > (1 - self.confidence_level) * (1 + 1e-9)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probabilities of `estimator_`.

        Parameters
        ----------
        X : NestedFrame, or whatever the estimator takes, of length n_objects
            The objects.

        Returns
        -------
        probabilities : ndarray of shape (n_objects, n_classes)
            In the order of `classes_`.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        """
        check_is_fitted(self)
        return self.estimator_.predict_proba(X)

    def predict(self, X: Any) -> np.ndarray:
        """Return the classes that `estimator_` predicts.

        Parameters
        ----------
        X : NestedFrame, or whatever the estimator takes, of length n_objects
            The objects.

        Returns
        -------
        y : ndarray of shape (n_objects,)
            The classes, each of which is not always in the object's set.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        """
        check_is_fitted(self)
        return self.estimator_.predict(X)

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether `fit` has come to its end."""
        return hasattr(self, "classes_")

    def __sklearn_tags__(self) -> Tags:
        """Return the tags: what the estimator takes goes in, two classes or more."""
        tags = super().__sklearn_tags__()
        # Whatever it is instead of a classifier, `fit` says so.
        if hasattr(self.estimator, "__sklearn_tags__"):
            of_estimator = get_tags(self.estimator)
            tags.input_tags = of_estimator.input_tags
            tags.no_validation = of_estimator.no_validation
        return tags
