"""A picture of how networks learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline

from sklearn_tde.inspection._plotting import axes_to_draw_in, class_colors, legend_above, split_axes

#: Where the estimators of scikit-learn and imbalanced-learn keep what they fitted.
_FITTED_PARTS = (
    "best_estimator_",
    "estimator_",
    "estimators_",
    "calibrated_classifiers_",
    "final_estimator_",
)
_DASHED = (0, (4, 2))


class TrainingHistoryDisplay:
    """Loss and recall of every class per epoch, with one line per network and their mean.

    Make it with :meth:`from_estimator` or :meth:`from_history`.

    Parameters
    ----------
    histories : list of list of dict
        One history per network (``history_`` of
        :class:`sklearn_tde.neural_network.LSTMTransientClassifier`): one entry per epoch with
        ``train_loss``, and where there is ``train_recall``, ``valid_loss`` and ``valid_recall``.
    classes : sequence or None, default=None
        Names of the classes, in the order of the recalls. None: they are numbered.

    Attributes
    ----------
    histories : list of list of dict
        The histories.
    classes : list of str
        Names of the classes.
    axes_ : ndarray of shape (2,), dtype object
        The panels: loss, recall.
    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    LightCurveDisplay : Picture of a light curve.

    Notes
    -----
    Training losses and recalls are those with dropout, gathered while the weights change. They
    tell whether a network learned, not how well it does on other objects.

    Examples
    --------
    >>> from sklearn.model_selection import cross_validate
    >>> from sklearn_tde import TrainingHistoryDisplay, make_lstm_pipeline, make_transients
    >>> X, y = make_transients(n_tde=10, n_sn_ia=20, random_state=0)
    >>> model = make_lstm_pipeline(hidden_dim=8, max_epochs=5, random_state=0)
    >>> folds = cross_validate(model, X, y, cv=2, return_estimator=True)
    >>> display = TrainingHistoryDisplay.from_estimator(folds["estimator"])
    >>> display.classes
    ['SN Ia', 'TDE']
    """

    def __init__(
        self,
        histories: Sequence[Sequence[Mapping[str, Any]]],
        *,
        classes: Sequence[Any] | None = None,
    ) -> None:
        self.histories = [list(history) for history in histories]
        n_classes = max((len(h[0].get("train_recall", ())) for h in self.histories if h), default=0)
        if classes is None:
            classes = [f"class {number}" for number in range(n_classes)]
        self.classes = [str(label) for label in classes]
        if n_classes and len(self.classes) != n_classes:
            raise ValueError(
                f"classes has {len(self.classes)} names; the histories have the recall of "
                f"{n_classes} classes."
            )

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> TrainingHistoryDisplay:
        """Draw how the networks within fitted estimators learned.

        Parameters
        ----------
        estimator : estimator, list of estimator, dict or CrossValidationReport
            A fitted classifier; anything of scikit-learn that holds some (a pipeline, a search,
            a tuned threshold, a calibrated classifier, an ensemble); a list of these; or the
            result of :func:`sklearn.model_selection.cross_validate` or
            :func:`sklearn_tde.evaluation.cross_validation_report` with the estimators in it.
        ax : matplotlib Axes or None, default=None
            Where to draw; two panels take its place. None: a new figure.

        Returns
        -------
        display : TrainingHistoryDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If there is no training history in `estimator`.
        ValueError
            If the networks were trained on different classes.
        ImportError
            If matplotlib is not installed.
        """
        found = _find_networks(estimator)
        if not found:
            raise NotFittedError(
                f"estimator: found no training history in {type(estimator).__name__}; expected a "
                "fitted LSTMTransientClassifier, or what holds one (cross_validate needs "
                "return_estimator=True, cross_validation_report return_estimators=True)."
            )
        classes = [str(label) for label in found[0].classes_]
        for network in found[1:]:
            if [str(label) for label in network.classes_] != classes:
                raise ValueError(
                    f"estimator: one network has the classes {classes}, another "
                    f"{[str(label) for label in network.classes_]}; draw them apart."
                )
        return cls([network.history_ for network in found], classes=classes).plot(ax)

    @classmethod
    def from_history(
        cls, history: Sequence[Any], *, classes: Sequence[Any] | None = None, ax: Any = None
    ) -> TrainingHistoryDisplay:
        """Draw one history, or several.

        Parameters
        ----------
        history : list of dict or list of list of dict
            ``history_`` of a classifier, or a list of them.
        classes : sequence or None, default=None
            Names of the classes, in the order of the recalls. None: they are numbered.
        ax : matplotlib Axes or None, default=None
            Where to draw; two panels take its place. None: a new figure.

        Returns
        -------
        display : TrainingHistoryDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If there is no epoch, or `classes` is not as long as the recalls.
        ImportError
            If matplotlib is not installed.
        """
        histories = [history] if len(history) and isinstance(history[0], Mapping) else history
        if not len(histories) or not all(
            len(entry) and isinstance(entry[0], Mapping) and "train_loss" in entry[0]
            for entry in histories
        ):
            raise ValueError(
                "history: expected a list with one dict per epoch that has 'train_loss', or a "
                "list of such lists."
            )
        return cls(histories, classes=classes).plot(ax)

    def plot(self, ax: Any = None) -> TrainingHistoryDisplay:
        """Draw the histories.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; two panels take its place. None: a new figure.

        Returns
        -------
        display : TrainingHistoryDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        ax = axes_to_draw_in(ax, "TrainingHistoryDisplay", (9.0, 3.6))
        from matplotlib.lines import Line2D
        from matplotlib.ticker import MaxNLocator

        loss_ax, recall_ax = split_axes(ax, 1, 2, "TrainingHistoryDisplay")
        has_valid = any("valid_loss" in epoch for history in self.histories for epoch in history)
        parts = {"train": "-", "valid": _DASHED} if has_valid else {"train": "-"}
        colors = class_colors(self.classes)
        for part, style in parts.items():
            self._draw(loss_ax, self._values(f"{part}_loss"), "0.15", style)
            for number, color in enumerate(colors.values()):
                self._draw(recall_ax, self._values(f"{part}_recall", number), color, style)
        kinds = []
        if has_valid:
            names = {"train": "training", "valid": "validation"}
            kinds = [
                Line2D([], [], color="0.15", linestyle=style, label=names[part])
                for part, style in parts.items()
            ]
        if len(self.histories) > 1:
            text = f"each of {len(self.histories)} networks"
            kinds.append(Line2D([], [], color="0.15", linewidth=0.7, alpha=0.4, label=text))
            kinds.insert(0, Line2D([], [], color="0.15", linewidth=2, label="mean"))
        legend_above(loss_ax, kinds)
        legend_above(
            recall_ax,
            [Line2D([], [], color=color, linewidth=2, label=k) for k, color in colors.items()],
        )
        loss_ax.set_ylabel("training loss" if not has_valid else "loss")
        loss_ax.set_ylim(
            0.0, 1.1 * max((line.get_ydata().max() for line in loss_ax.lines), default=1.0)
        )
        recall_ax.set_ylabel("training recall" if not has_valid else "recall")
        recall_ax.set_ylim(-0.02, 1.02)
        for panel in (loss_ax, recall_ax):
            panel.set_xlabel("epoch")
            panel.xaxis.set_major_locator(MaxNLocator(integer=True))
            panel.grid(axis="y", color="0.9", linewidth=0.8)
            panel.set_axisbelow(True)
        self.axes_ = np.array([loss_ax, recall_ax], dtype=object)
        self.figure_ = loss_ax.figure
        return self

    def _values(self, name: str, number: int | None = None) -> list[np.ndarray]:
        """Return one value per epoch of every network that recorded it."""
        curves = []
        for history in self.histories:
            if history and all(name in epoch for epoch in history):
                values = [
                    epoch[name] if number is None else epoch[name][number] for epoch in history
                ]
                curves.append(np.asarray(values, dtype=np.float64))
        return curves

    def _draw(self, ax: Any, curves: list[np.ndarray], color: str, style: Any) -> None:
        """Draw each network thinly and their mean over the epochs that all of them have."""
        if not curves:
            return
        # A single epoch is no line.
        marker = "o" if max(map(len, curves)) == 1 else None
        look = {"color": color, "linestyle": style, "marker": marker}
        if len(curves) > 1:
            for curve in curves:
                ax.plot(np.arange(1, len(curve) + 1), curve, linewidth=0.7, alpha=0.4, **look)
        common = min(map(len, curves))
        mean = np.mean([curve[:common] for curve in curves], axis=0)
        ax.plot(np.arange(1, common + 1), mean, linewidth=2.0, **look)


def _find_networks(estimator: Any) -> list[Any]:
    """Return the fitted networks within an estimator, in the order in which it holds them."""
    if estimator is None or isinstance(estimator, (str, bytes)):
        return []
    if isinstance(estimator, Mapping):
        return _find_networks(estimator.get("estimator"))
    if isinstance(estimator, (list, tuple, np.ndarray)):
        return [network for entry in estimator for network in _find_networks(entry)]
    if isinstance(getattr(estimator, "history_", None), list):
        return [estimator]
    if isinstance(estimator, Pipeline):
        return _find_networks(estimator.steps[-1][1])
    found = [
        network
        for part in _FITTED_PARTS
        for network in _find_networks(getattr(estimator, part, None))
    ]
    # A frozen estimator, or the inner one of a calibrated classifier, was fitted in place.
    return found or _find_networks(getattr(estimator, "estimator", None))
