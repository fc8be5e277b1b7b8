"""Probabilities for another mix of classes than the one trained on."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

import numpy as np
from scipy.special import logsumexp
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags, get_tags
from sklearn.utils._param_validation import (
    HasMethods,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.validation import check_is_fitted

from sklearn_tde._labels import checked_labels
from sklearn_tde.calibration._priors import (
    PRESETS,
    UNIFORM,
    class_shares,
    counted_shares,
    given_weight,
)
from sklearn_tde.ensemble import EnsembleTransientClassifier
from sklearn_tde.ensemble._decision import best_threshold, codes_at
from sklearn_tde.ensemble._members import member_probabilities


class PriorAdjustedClassifier(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """Adjust the probabilities of a classifier to the mix of classes that it is used on.

    Probabilities depend on how common the classes are where a classifier is trained. Of training
    samples 3 to 11 % are TDEs, of what a survey finds about 0.5 %. This classifier trains another
    one and turns its probabilities into those for a stated mix, by Bayes' theorem [1]_.

    Parameters
    ----------
    estimator : classifier
        With calibrated probabilities, such as an
        :class:`~sklearn_tde.ensemble.EnsembleTransientClassifier` of pipelines of light curves. A
        copy is trained; a fitted one in a :class:`~sklearn.frozen.FrozenEstimator` is kept.
    prior : dict of label to float, or {"all transients", "nuclear", "uniform"}, \
default="all transients"
        The share of every class among the objects to be predicted; the shares add up to 1. With
        two classes one of them is enough. "all transients" and "nuclear" are mixes of the sky,
        given in the notes; "uniform" is the same share for all classes.
    training_prior : dict of label to float, "uniform" or None, default=None
        The mix that the probabilities of `estimator` are about. None: the shares in the `y` of
        `fit`, weighted by `sample_weight` if that is given. State it where the classifier was told
        otherwise: "uniform" after balanced class weights or over-sampling to equal classes without
        a calibration after them, or the mix that a frozen classifier was trained on if it is not
        that of the `y` given here.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    prior_ : ndarray of shape (n_classes,), dtype float64
        Shares that the probabilities are about, in the order of `classes_`.
    training_prior_ : ndarray of shape (n_classes,), dtype float64
        Shares that the probabilities of `estimator_` are about.
    threshold_ : float or None
        An object whose probability of `pos_label_` is as large is called so. None: `predict`
        returns the most probable class.
    pos_label_ : int, float, bool, str or None
        The class that has the threshold. None: there is no threshold.
    estimator_ : classifier
        The fitted classifier.
    n_features_in_ : int
        Number of features, if `estimator_` counts them.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if `estimator_` knows them.

    See Also
    --------
    sklearn_tde.evaluation.follow_up_curve : What a number of spectra finds at a stated mix.
    sklearn.calibration.CalibratedClassifierCV : Calibration to the mix of the training sample.

    Notes
    -----
    The probability of class c becomes proportional to p(c) prior(c) / training_prior(c). That is
    exact under two conditions: the probabilities of `estimator` are calibrated for the training
    mix, and an object of a class looks the same in both samples, which only how often classes come
    up tells apart. It therefore takes a mix of all classes, and not the share of the TDEs alone:
    with twice as many active nuclei among the others, light curves of active nuclei are less often
    TDEs. For two classes, TDEs against all others, the others must be mixed in training as they are
    where the classifier is used. An object that was given the probability 0 of every class whose
    share is above 0 gets the shares themselves.

    The ready mixes are approximate, by a factor of two for the rare classes:

    - "all transients": extragalactic transients of a magnitude-limited survey that takes spectra
      of all it finds, in the manner of the ZTF Bright Transient Survey (peak brighter than 18.5 to
      19 mag, wherever in a galaxy) [2]_. SN Ia 74.2 %, SN II 13.5 %, SN Ibc 6.5 %, SN IIn 3.5 %,
      SLSN 1.5 %, TDE 0.5 %, AGN 0.3 %. Three quarters of its supernovae are of type Ia, a quarter
      from core collapse. It leaves out known active nuclei; flares of nuclei that did not vary
      before are here as many per TDE as in the next mix.
    - "nuclear": rising transients at the centre of a galaxy, without a history of variability, as
      223 classified events of ZTF [3]_: TDE 2.2 %, AGN 1.4 % (Bowen fluorescence flares
      included), SN Ia 79.0 %; the remaining supernovae share what is left as in "all transients":
      SN II 9.5 %, SN Ibc 4.5 %, SN IIn 2.5 %, SLSN 0.9 %. The number of TDEs behind it is five.
      Without the cut on earlier variability many more would be active nuclei: use a dict.

    No stars, cataclysmic variables or false detections are in them. Classes that `estimator` does
    not know are left out, with a warning; one that a mix does not name is an error.

    A threshold that was tuned on the training mix loses its meaning. Where `estimator` is an
    :class:`~sklearn_tde.ensemble.EnsembleTransientClassifier` with a threshold, also as the last
    step of a pipeline or in a search, the threshold is found again: its `out_of_fold_proba_` are
    adjusted, every object is weighted by how much more common its like is in the new mix, and the
    threshold has the best score to be expected. In all other cases `predict` returns the most
    probable class, whatever the threshold of `estimator`; to set one, look it up with
    :func:`~sklearn_tde.evaluation.threshold_for`.

    References
    ----------
    .. [1] Saerens, M., Latinne, P., and Decaestecker, C. (2002). Adjusting the outputs of a
           classifier to new a priori probabilities: a simple procedure. Neural Computation 14,
           21-41.
    .. [2] Perley, D. A., et al. (2020). The Zwicky Transient Facility Bright Transient Survey. II.
           The Astrophysical Journal 904, 35.
    .. [3] Dgany, Y., et al. (2023). Needle in a haystack: finding supermassive black hole-related
           flares in the Zwicky Transient Facility public survey. The Astrophysical Journal 957, 57.

    Examples
    --------
    >>> from sklearn_tde import EnsembleTransientClassifier, make_feature_pipeline
    >>> from sklearn_tde import make_transients
    >>> from sklearn_tde.calibration import PriorAdjustedClassifier
    >>> X, y = make_transients(n_tde=20, n_sn_ia=60, random_state=0)
    >>> trees = make_feature_pipeline().set_params(classifier__n_estimators=50)
    >>> ensemble = EnsembleTransientClassifier([("trees", trees)], cv=3, random_state=0)
    >>> model = PriorAdjustedClassifier(ensemble, prior={"SN Ia": 0.995, "TDE": 0.005}).fit(X, y)
    >>> model.training_prior_
    array([0.75, 0.25])
    >>> model.predict_proba(X).shape
    (80, 2)
    """

    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "predict_proba"])],
        "prior": [dict, StrOptions({*PRESETS, UNIFORM})],
        "training_prior": [dict, StrOptions({UNIFORM}), None],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        prior: Mapping[Any, float] | str = "all transients",
        training_prior: Mapping[Any, float] | str | None = None,
    ) -> None:
        self.estimator = estimator
        self.prior = prior
        self.training_prior = training_prior

    def fit(self, X: Any, y: Any, **fit_params: Any) -> Self:
        """Train the classifier, and find the mixes.

        Parameters
        ----------
        X : NestedFrame, or whatever the classifier takes, of length n_objects
            The objects.
        y : array-like of shape (n_objects,)
            Class labels.
        **fit_params : dict
            Passed to the `fit` of the classifier, such as `groups` or `sample_weight`.

        Returns
        -------
        self : PriorAdjustedClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If `prior` or `training_prior` do not say the share of every class, or `y` holds no
            object of a class and `training_prior` is None.

        Warns
        -----
        UserWarning
            If `prior` is the name of a mix with classes that the classifier does not know, or
            `training_prior` is None and the classifier, or one inside it, weights classes or
            resamples them, or a sampler stands before it, without a calibration after that.
        """
        validate_parameter_constraints(
            self._parameter_constraints, self.get_params(deep=False), type(self).__name__
        )
        labels = checked_labels(X, y)
        if fit_params and get_config()["enable_metadata_routing"]:
            fit_params = process_routing(self, "fit", **fit_params).estimator.fit
        fitted = clone(self.estimator).fit(X, labels, **fit_params)
        self.classes_ = np.asarray(fitted.classes_)
        self.prior_ = class_shares(self.prior, self.classes_, "prior")
        if self.training_prior is None and (shift := _shift(fitted)):
            warnings.warn(
                f"the probabilities of the estimator are not about the mix in y: {shift}. Expected "
                "it in an EnsembleTransientClassifier or a CalibratedClassifierCV, which set them "
                'right, or training_prior to be stated: "uniform" if it makes all classes weigh '
                "the same.",
                UserWarning,
                stacklevel=2,
            )
        self.training_prior_ = self._training_shares(labels, fit_params)
        self.pos_label_, self.threshold_ = self._found_again(fitted)
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(fitted, name):
                setattr(self, name, getattr(fitted, name))
        self.estimator_ = fitted
        return self

    def _training_shares(self, labels: np.ndarray, fit_params: Mapping[str, Any]) -> np.ndarray:
        if self.training_prior is not None:
            shares = class_shares(self.training_prior, self.classes_, "training_prior")
            where = "training_prior"
        else:
            weight = given_weight(fit_params)
            shares = counted_shares(labels, self.classes_, weight)
            where = "y" if weight is None else "y, weighted by sample_weight,"
        if not shares.all():
            label = self.classes_.tolist()[int(shares.argmin())]
            raise ValueError(
                f"{where} has no share of {label!r}, which the classifier knows; expected "
                "training_prior to be the mix that it was trained on."
            )
        return shares

    def _found_again(self, fitted: Any) -> tuple[Any, float | None]:
        """Return the class that has a threshold, and the threshold at the new mix."""
        *_, last = _inwards(fitted)
        if not isinstance(last, EnsembleTransientClassifier) or last.threshold_ is None:
            return None, None
        adjusted, evidence = self._adjusted(last.out_of_fold_proba_)
        found = adjusted[:, self.classes_ == last.pos_label_].ravel()
        return last.pos_label_, best_threshold(found, last.threshold_scoring, evidence)

    def _adjusted(self, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return adjusted probabilities, and how much more common the like of an object is."""
        with np.errstate(divide="ignore"):
            logs = np.log(np.clip(probabilities, 0, None))
            logs += np.log(self.prior_) - np.log(self.training_prior_)
        evidence = logsumexp(logs, axis=1, keepdims=True)
        known = np.isfinite(evidence)
        adjusted = np.exp(logs - np.where(known, evidence, 0.0))
        return np.where(known, adjusted, self.prior_), np.exp(evidence[:, 0])

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of every class at the stated mix.

        Parameters
        ----------
        X : NestedFrame, or whatever the classifier takes, of length n_objects
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
        found = member_probabilities(self.estimator_, X, self.classes_, "estimator")
        return self._adjusted(found)[0]

    def predict(self, X: Any) -> np.ndarray:
        """Return the class of every object.

        Parameters
        ----------
        X : NestedFrame, or whatever the classifier takes, of length n_objects
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
        if self.threshold_ is None:
            return probabilities.argmax(axis=1)
        positive = int(np.flatnonzero(self.classes_ == self.pos_label_)[0])
        return codes_at(probabilities, positive, self.threshold_)

    def get_metadata_routing(self) -> MetadataRouter:
        """Return where metadata go: to the `fit` of the classifier.

        Returns
        -------
        routing : MetadataRouter
            The routing.
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        return MetadataRouter(owner=self).add(estimator=self.estimator, method_mapping=mapping)

    def __sklearn_tags__(self) -> Tags:
        """Return the tags: what the classifier takes goes in."""
        tags = super().__sklearn_tags__()
        given = self.estimator[0] if isinstance(self.estimator, Pipeline) else self.estimator
        tags.input_tags = get_tags(given).input_tags
        tags.no_validation = get_tags(given).no_validation
        return tags


def _inwards(fitted: Any) -> Iterator[Any]:
    """Yield an estimator and, one inside the other, down to the classifier, those it is made of."""
    while True:
        yield fitted
        if isinstance(fitted, FrozenEstimator):
            fitted = fitted.estimator
        elif isinstance(fitted, Pipeline):
            fitted = fitted[-1]
        elif hasattr(fitted, "best_estimator_"):
            fitted = fitted.best_estimator_
        else:
            return


def _shift(estimator: Any) -> str:
    """Say what makes a classifier learn from another mix than that in y; empty: nothing."""
    if isinstance(estimator, FrozenEstimator):
        return _shift(estimator.estimator)
    if isinstance(estimator, CalibratedClassifierCV | EnsembleTransientClassifier):
        # Whatever is inside, its probabilities are set right on the objects of y.
        return ""
    name = type(estimator).__name__
    if isinstance(estimator, PriorAdjustedClassifier):
        return f"{name} adjusts them to a mix of its own"
    for step_name, step in estimator.steps if isinstance(estimator, Pipeline) else ():
        if hasattr(step, "fit_resample"):
            return f"{type(step).__name__}, the step {step_name!r}, resamples before it"
    if getattr(estimator, "class_weight", None) is not None:
        return f"{name} has class_weight={estimator.class_weight!r}"
    # What imbalanced-learn calls it in its samplers, and in the classifiers with one inside.
    if getattr(estimator, "sampling_strategy", None) is not None:
        return f"{name} resamples with sampling_strategy={estimator.sampling_strategy!r}"
    return next(filter(None, map(_shift, _asked(estimator))), "")


def _asked(estimator: Any) -> list[Any]:
    """Return the classifiers inside an estimator that its probabilities come from."""
    if isinstance(estimator, Pipeline):
        return [estimator[-1]]
    # The fitted ones, and of stacked classifiers the last; otherwise those that it was given.
    names = ("best_estimator_", "final_estimator_", "estimators_", "estimator_")
    fitted = [getattr(estimator, name) for name in names if hasattr(estimator, name)][:1]
    found = fitted or getattr(estimator, "get_params", dict)().values()
    return [part for part in _flat(found) if hasattr(part, "predict_proba")]


def _flat(values: Iterable[Any]) -> Iterator[Any]:
    """Yield what lists hold, such as those of names and estimators."""
    for value in values:
        if isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim):
            yield from _flat(value)
        else:
            yield value
