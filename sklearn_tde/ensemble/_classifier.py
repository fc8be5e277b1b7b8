"""Several classifiers as one, calibrated and with a tuned threshold."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from scipy.special import expit
from sklearn.base import ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.validation import check_is_fitted

from sklearn_tde._chunks import by_chunks
from sklearn_tde._cross_fitting import forget_fit
from sklearn_tde._labels import check_groups, check_pos_label, checked_labels, refuse_one_class
from sklearn_tde._photometry import shown
from sklearn_tde.ensemble._ages import FULL_GROWTH, growth
from sklearn_tde.ensemble._composition import MembersByName
from sklearn_tde.ensemble._decision import (
    SCORINGS,
    best_threshold,
    calibrated,
    codes_at,
    fit_calibration,
)
from sklearn_tde.ensemble._members import (
    check_members,
    check_weights,
    prepare,
    prepare_again,
    refuse_early_stopping,
)
from sklearn_tde.ensemble._models import average_left_out, average_of_all, train_models
from sklearn_tde.ensemble._other_classes import fit_shifts
from sklearn_tde.ensemble._parts import split_into_parts
from sklearn_tde.ensemble._samples import resampled, with_copies


class EnsembleTransientClassifier(ClassifierMixin, MembersByName):
    """Average classifiers, calibrate the average, and tune the threshold of one class.

    All from one cross-validation within `fit`: each member is trained on every training part and
    predicts the part left out. From these predictions, which no member was trained on, come the
    calibration and the threshold. To predict, the models of all parts are averaged.

    Parameters
    ----------
    estimators : list of (str, estimator)
        Names and classifiers with `predict_proba`, such as pipelines of light curves. Copies are
        trained; every `random_state` in them is set anew. A frozen one must not have been trained
        on objects of `fit`.
    weights : array-like of shape (n_estimators,) or None, default=None
        Weights of the members in the average, above 0. None: all weigh the same.
    sampler : sampler or None, default=None
        What adds copies to the objects of `fit`, such as
        :class:`sklearn_tde.sampling.PartialLightCurveSampler` their earlier states. Copies stay
        where their parents are, train the members and take part in the calibration, where an
        object and its copies together count once. Its result begins with the objects themselves,
        and it has `sample_indices_`. None: no copies.
    pos_label : int, float, bool, str or None, default=None
        The class that is calibrated and has the threshold. None: "TDE" where that is a label,
        or 1 where the labels are 0 and 1.
    calibrate_by : {"age"} or None, default=None
        "age": slope and intercept of the calibration are linear in ln(1 + a), with `a` the days
        from the first detection, at 5 sigma, to the last observation, 40 at most. For light
        curves, with a `sampler` that makes young ones. None: they are the same for all objects.
    threshold_scoring : {"f1", "balanced_accuracy", "matthews_corrcoef", "accuracy"} or None, \
default="f1"
        What the threshold maximises, of `pos_label` against the rest. None: `predict` returns the
        most probable class.
    cv : int or splitter, default=5
        The parts; an integer makes stratified ones, shuffled with `random_state`. Each object is
        left out once.
    refit : bool, default=False
        Whether each member is trained once more, on all objects, and predicts alone. That takes
        one more fit of each, and predicts faster; the average of networks trained on different
        parts is usually better.
    random_state : int, RandomState instance or None, default=None
        Determines the parts and the seeds of the members.
    n_jobs : int or None, default=None
        Number of fits that run in parallel. None means 1 unless in a
        :obj:`joblib.parallel_config` context, -1 all processors.
    verbose : int, default=1
        1: a progress bar over the fits if the standard error is a terminal. 0: none.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    pos_label_ : int, float, bool or str
        The class that is calibrated and has the threshold.
    threshold_ : float or None
        An object whose probability of `pos_label_` is as large is called so. None: there is no
        threshold.
    slope_, intercept_ : float
        Of the calibration: the log-odds of `pos_label_` against the rest are multiplied and
        shifted by them.
    age_slope_, age_intercept_ : float
        What is added to them times ln(1 + a); 0 unless `calibrate_by` is "age".
    class_intercepts_, age_class_intercepts_ : ndarray of shape (n_classes,), dtype float64
        The same of the other classes: what is added to their log-probabilities. 0 for
        `pos_label`.
    out_of_fold_proba_ : ndarray of shape (n_objects, n_classes), dtype float64
        Calibrated probabilities of the training objects by models that were not trained on them.
    out_of_fold_copies_ : ndarray of shape (n_copies, n_classes), dtype float64
        The same of the copies that the sampler made.
    sampler_ : sampler or None
        The sampler with the seed that it had: given the same objects, it makes the same copies.
    copy_indices_ : ndarray of shape (n_copies,), dtype int64
        Position of the parent of each copy among the training objects.
    weights_ : ndarray of shape (n_estimators,), dtype float64
        The weights of the members.
    estimators_ : list of list of estimators
        The models of every member that predict. Where its first step learns nothing, they begin
        after it.
    transformers_ : list of transformers or None
        That first step of every member, or None.

    See Also
    --------
    sklearn_tde.pipelines.make_tde_classifier : The recommended members.
    sklearn.ensemble.VotingClassifier : The average alone.
    sklearn.model_selection.TunedThresholdClassifierCV : The threshold alone.

    Notes
    -----
    The average is the normalised geometric mean of the probabilities, those under 0.001 counted
    as 0.001. Its log-odds of `pos_label` against the rest go through a logistic regression with
    the targets of Platt [1]_: what class weights and the confidence of the members did to the
    probabilities is undone, and they are about frequencies among objects like those of `fit`. With
    more than two classes the others share what is left, in proportions that have an intercept for
    each class, of a multinomial regression: on average they are as frequent as in `fit`.

    The threshold has the best score to be *expected* from the calibrated probabilities [2]_, which
    hangs less on single objects than the best score reached. With more than two classes `predict`
    returns the most probable of the others below it.

    What lies above the members is fitted to predictions of single models and applied to averages
    of them, which are a little less extreme. Training on all classes tells more about TDEs than
    training on TDEs against the rest: give `y` with the names of the classes where they are known.

    References
    ----------
    .. [1] Platt, J. (1999). Probabilistic outputs for support vector machines. Advances in Large
           Margin Classifiers, 61-74.
    .. [2] Lipton, Z. C., Elkan, C., and Naryanaswamy, B. (2014). Optimal thresholding of
           classifiers to maximize F1 measure. ECML PKDD, 225-239.

    Examples
    --------
    >>> from sklearn_tde import EnsembleTransientClassifier, make_feature_pipeline
    >>> from sklearn_tde import make_lstm_pipeline, make_transients
    >>> X, y = make_transients(n_tde=20, n_sn_ia=40, random_state=0)
    >>> lstm = make_lstm_pipeline(max_epochs=5)
    >>> members = [("features", make_feature_pipeline()), ("lstm", lstm)]
    >>> model = EnsembleTransientClassifier(members, cv=3, random_state=0).fit(X, y)
    >>> model.predict_proba(X).shape
    (60, 2)
    """

    # As for scikit-learn's splitters: groups that are routed at all are meant to be kept together.
    __metadata_request__fit = {"groups": True}

    _parameter_constraints = {
        "estimators": [list],
        "weights": ["array-like", None],
        "sampler": [HasMethods(["fit_resample"]), None],
        "pos_label": [Real, str, "boolean", None],
        "calibrate_by": [StrOptions({"age"}), None],
        "threshold_scoring": [StrOptions(set(SCORINGS)), None],
        "cv": [Interval(Integral, 2, None, closed="left"), "cv_object"],
        "refit": ["boolean"],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
        "verbose": [Interval(Integral, 0, None, closed="left")],
    }

    def __init__(
        self,
        estimators: list[tuple[str, Any]],
        *,
        weights: Sequence[float] | None = None,
        sampler: Any = None,
        pos_label: int | float | bool | str | None = None,
        calibrate_by: str | None = None,
        threshold_scoring: str | None = "f1",
        cv: Any = 5,
        refit: bool = False,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        verbose: int = 1,
    ) -> None:
        self.estimators = estimators
        self.weights = weights
        self.sampler = sampler
        self.pos_label = pos_label
        self.calibrate_by = calibrate_by
        self.threshold_scoring = threshold_scoring
        self.cv = cv
        self.refit = refit
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:
        """Train the members, calibrate their average and tune the threshold.

        Parameters
        ----------
        X : NestedFrame, or whatever the members take, of length n_objects
            The objects.
        y : array-like of shape (n_objects,)
            Class labels, two classes or more.
        groups : array-like of shape (n_objects,) or None, default=None
            Relatives, such as copies of one object, which stay in one part. The members are not
            told.

        Returns
        -------
        self : EnsembleTransientClassifier
            The fitted classifier.

        Raises
        ------
        TypeError
            If a member is no classifier with `predict_proba`.
        ValueError
            If labels are missing, there is a single class, a class has fewer objects than there
            are parts, `pos_label` is no class, names of members repeat, an object is not left out
            exactly once, a group is split, a member stops early by a split of its own while there
            is a `sampler`, a part has no object of a class to train on, or a
            member returns what are no probabilities of these classes.

        Warns
        -----
        UserWarning
            If the members do no better than chance on what they were not trained on, and every
            object gets the same probability of `pos_label`.
        """
        validate_parameter_constraints(
            self._parameter_constraints, self.get_params(deep=False), type(self).__name__
        )
        check_members(self.estimators, self.get_params(deep=False))
        weights = check_weights(self.weights, len(self.estimators))
        if self.sampler is not None:
            refuse_early_stopping(self.estimators)
        y = checked_labels(X, y)
        classes = np.unique(y)
        refuse_one_class(classes)
        pos_label = check_pos_label(self.pos_label, classes)
        groups = check_groups(groups, len(y))
        random_state = check_random_state(self.random_state)
        parts = split_into_parts(self.cv, y, groups, random_state.randint(2**31 - 1))
        X, y, parents, sampler = resampled(self.sampler, X, y, random_state)
        parts = with_copies(parts, parents)
        forget_fit(self)
        self.sampler_ = sampler
        self.classes_, self.pos_label_, self.weights_ = classes, pos_label, weights
        self._names = [name for name, _ in self.estimators]
        self.transformers_, prepared, rest = prepare(self.estimators, X)
        rows = [train for train, _ in parts] + [np.arange(len(y))] * bool(self.refit)
        models = train_models(rest, prepared, y, rows, random_state, self.n_jobs, self.verbose)
        average = average_left_out(models, prepared, parts, classes, self._names, weights)
        self._by_age = self.calibrate_by == "age"
        self._decide(average, y, parents, self._growth(X))
        if not self.slope_:
            warnings.warn(
                f"the members find {pos_label!r} among objects they were not trained on no better "
                f"than chance: every object gets the probability {expit(self.intercept_):.3f}.",
                UserWarning,
                stacklevel=2,
            )
        # The last one: only with it is the classifier fitted.
        self.estimators_ = [of_parts[-1:] for of_parts in models] if self.refit else models
        return self

    def _decide(
        self, average: np.ndarray, y: np.ndarray, parents: np.ndarray, growth: np.ndarray | None
    ) -> None:
        """Calibrate and tune by what models say of the objects they were not trained on."""
        positive = self._positive()
        # An object and its copies together count once.
        weight = 1.0 / np.bincount(parents)[parents]
        self.slope_, self.intercept_, self.age_slope_, self.age_intercept_ = fit_calibration(
            average[:, positive], y == self.pos_label_, weight, growth, FULL_GROWTH
        )
        self.class_intercepts_, self.age_class_intercepts_ = fit_shifts(
            average, np.searchsorted(self.classes_, y), positive, weight, growth
        )
        proba = self._calibrated(average, growth)
        n_objects = parents.max() + 1
        self.out_of_fold_proba_, self.out_of_fold_copies_ = proba[:n_objects], proba[n_objects:]
        self.copy_indices_ = parents[n_objects:]
        self.threshold_ = None
        if self.threshold_scoring is not None:
            found = self.out_of_fold_proba_[:, positive]
            self.threshold_ = best_threshold(found, self.threshold_scoring)

    def best_threshold(self, scoring: str) -> float:
        """Return the threshold that `fit` would have chosen for another score.

        Parameters
        ----------
        scoring : {"f1", "balanced_accuracy", "matthews_corrcoef", "accuracy"}
            What it maximises.

        Returns
        -------
        threshold : float
            On the probability of `pos_label_`.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        ValueError
            If `scoring` is none of these.
        """
        check_is_fitted(self)
        if scoring not in SCORINGS:
            raise ValueError(f"scoring={shown(scoring)}; expected one of {', '.join(SCORINGS)}.")
        return best_threshold(self.out_of_fold_proba_[:, self._positive()], scoring)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the calibrated probability of every class.

        Parameters
        ----------
        X : NestedFrame, or whatever the members take, of length n_objects
            The objects.

        Returns
        -------
        probabilities : ndarray of shape (n_objects, n_classes), dtype float64
            In the order of `classes_`, each row adding up to 1.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        """
        check_is_fitted(self)
        return by_chunks(self._probabilities, X)

    def predict(self, X: Any) -> np.ndarray:
        """Return the class of every object.

        Parameters
        ----------
        X : NestedFrame, or whatever the members take, of length n_objects
            The objects.

        Returns
        -------
        y : ndarray of shape (n_objects,)
            `pos_label_` where its probability reaches `threshold_`, otherwise the most probable
            of the other classes; without a threshold the most probable of all.

        Raises
        ------
        NotFittedError
            If the classifier is not fitted.
        """
        codes = self._codes(self.predict_proba(X))
        return self.classes_[codes]

    def _codes(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the position in `classes_` of the class that `predict` returns."""
        return codes_at(probabilities, self._positive(), self.threshold_)

    def _probabilities(self, X: Any) -> np.ndarray:
        if not len(X):
            return np.empty((0, len(self.classes_)))
        prepared = prepare_again(self.transformers_, X)
        average = average_of_all(
            self.estimators_, prepared, self.classes_, self._names, self.weights_
        )
        return self._calibrated(average, self._growth(X))

    def _growth(self, X: Any) -> np.ndarray | None:
        """Return what the calibration depends on, if it does."""
        return growth(X) if self._by_age else None

    def _calibrated(self, average: np.ndarray, growth: np.ndarray | None) -> np.ndarray:
        slope, intercept, shifts = self.slope_, self.intercept_, self.class_intercepts_
        if growth is not None:
            slope = slope + self.age_slope_ * growth
            intercept = intercept + self.age_intercept_ * growth
            shifts = shifts + self.age_class_intercepts_ * growth[:, None]
        return calibrated(average, self._positive(), slope, intercept, shifts)

    def _positive(self) -> int:
        """Return the column of `pos_label_`."""
        return int(np.flatnonzero(self.classes_ == self.pos_label_)[0])

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether `fit` has come to its end."""
        return hasattr(self, "estimators_")
