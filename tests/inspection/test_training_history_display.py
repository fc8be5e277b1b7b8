import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
    cross_validate,
)
from sklearn.pipeline import make_pipeline

from sklearn_tde import (
    LSTMTransientClassifier,
    TrainingHistoryDisplay,
    cross_validation_report,
)


@pytest.fixture(scope="module")
def data():
    X = np.random.default_rng(0).normal(size=(24, 5))
    return X, np.where(np.arange(24) % 3, "SN Ia", "TDE")


TINY = LSTMTransientClassifier(hidden_dim=2, num_layers=1, max_epochs=3, random_state=0)


def epoch(loss, *recall, valid=None):
    entry = {"train_loss": loss, "train_recall": list(recall)}
    return entry if valid is None else {**entry, "valid_loss": valid, "valid_recall": list(recall)}


def curves(ax, width):
    return [line.get_ydata().tolist() for line in ax.lines if line.get_linewidth() == width]


def legend_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_one_history():
    history = [epoch(0.8, 1.0, 0.0), epoch(0.5, 0.9, 0.7)]
    display = TrainingHistoryDisplay.from_history(history, classes=["SN Ia", "TDE"])
    loss, recall = display.axes_
    assert curves(loss, 2.0) == [[0.8, 0.5]]
    assert curves(recall, 2.0) == [[1.0, 0.9], [0.0, 0.7]]
    assert legend_of(recall) == ["SN Ia", "TDE"]
    assert (loss.get_ylabel(), recall.get_ylabel()) == ("training loss", "training recall")


def test_mean_of_several_histories_ends_with_the_shortest():
    long = [epoch(0.8, 1.0, 0.0), epoch(0.6, 1.0, 0.2), epoch(0.4, 1.0, 0.4)]
    short = [epoch(0.6, 0.0, 0.0), epoch(0.2, 0.5, 1.0)]
    loss, recall = TrainingHistoryDisplay.from_history([long, short]).axes_
    assert curves(loss, 0.7) == [[0.8, 0.6, 0.4], [0.6, 0.2]]
    np.testing.assert_allclose(curves(loss, 2.0), [[0.7, 0.4]])
    np.testing.assert_allclose(curves(recall, 2.0), [[0.5, 0.75], [0.0, 0.6]])
    assert legend_of(loss) == ["mean", "each of 2 networks"]
    assert legend_of(recall) == ["class 0", "class 1"]


def test_validation_is_dashed():
    history = [epoch(0.8, 1.0, 0.0, valid=0.9), epoch(0.5, 0.9, 0.7, valid=0.85)]
    loss, recall = TrainingHistoryDisplay.from_history(history).axes_
    assert [line.get_linestyle() for line in loss.lines] == ["-", "--"]
    assert curves(loss, 2.0) == [[0.8, 0.5], [0.9, 0.85]]
    assert legend_of(loss) == ["training", "validation"]
    assert loss.get_ylabel() == "loss"


def test_a_single_epoch_is_a_point():
    loss, _ = TrainingHistoryDisplay.from_history([epoch(0.8, 1.0, 0.0)]).axes_
    assert loss.lines[0].get_marker() == "o"


@pytest.mark.parametrize(
    ("wrap", "n_networks"),
    [
        (lambda network: network, 1),
        (lambda network: make_pipeline("passthrough", network), 1),
        (lambda network: FixedThresholdClassifier(network, threshold=0.7), 1),
        (lambda network: TunedThresholdClassifierCV(make_pipeline(network), cv=2), 1),
        (lambda network: CalibratedClassifierCV(network, cv=2), 2),
        (lambda network: GridSearchCV(make_pipeline(network), {}, cv=2), 1),
        (lambda network: VotingClassifier([("a", network), ("b", LogisticRegression())]), 1),
        (lambda network: VotingClassifier([("a", network), ("b", clone(network))]), 2),
    ],
)
def test_finds_the_networks_within(data, wrap, n_networks):
    display = TrainingHistoryDisplay.from_estimator(wrap(clone(TINY)).fit(*data))
    assert [len(history) for history in display.histories] == [3] * n_networks
    if n_networks == 1:
        # Voting and the like encode the labels.
        assert len(display.classes) == 2


def test_classes_are_named(data):
    display = TrainingHistoryDisplay.from_estimator(clone(TINY).fit(*data))
    assert display.classes == ["SN Ia", "TDE"]


def test_finds_a_frozen_network(data):
    display = TrainingHistoryDisplay.from_estimator(FrozenEstimator(clone(TINY).fit(*data)))
    assert len(display.histories) == 1


def test_one_line_per_fold(data):
    folds = cross_validate(TINY, *data, cv=3, return_estimator=True)
    for source in (folds, folds["estimator"]):
        display = TrainingHistoryDisplay.from_estimator(source)
        assert display.histories == [network.history_ for network in folds["estimator"]]
        assert len(curves(display.axes_[0], 0.7)) == 3


def test_takes_a_report(data):
    report = cross_validation_report(
        make_pipeline(TINY),
        *data,
        cv=2,
        threshold=0.5,
        n_bootstrap=10,
        return_estimators=True,
        verbose=0,
    )
    assert len(TrainingHistoryDisplay.from_estimator(report).histories) == 2


def test_draws_where_it_is_told(data):
    figure, axes = plt.subplots(2)
    display = TrainingHistoryDisplay.from_history([epoch(0.5, 1.0)], ax=axes[1])
    assert display.figure_ is figure
    assert display.axes_[0].get_position().y1 < axes[0].get_position().y0


@pytest.mark.parametrize(
    "estimator", [TINY, LogisticRegression(), make_pipeline(TINY), [], {"test_score": []}, None]
)
def test_nothing_trained_is_refused(estimator):
    with pytest.raises(NotFittedError, match="found no training history"):
        TrainingHistoryDisplay.from_estimator(estimator)


def test_networks_of_different_classes_are_refused(data):
    X, y = data
    networks = [clone(TINY).fit(X, y), clone(TINY).fit(X, y == "TDE")]
    with pytest.raises(ValueError, match="one network has the classes"):
        TrainingHistoryDisplay.from_estimator(networks)


@pytest.mark.parametrize("history", [[], [[]], ["loss"], [{"epoch": 1}], [[{"epoch": 1}]]])
def test_no_history_is_refused(history):
    with pytest.raises(ValueError, match="expected a list with one dict per epoch"):
        TrainingHistoryDisplay.from_history(history)


def test_too_few_names_of_classes_are_refused():
    with pytest.raises(ValueError, match="classes has 1 names; .* recall of 2 classes"):
        TrainingHistoryDisplay.from_history([epoch(0.5, 1.0, 1.0)], classes=["TDE"])


def test_missing_matplotlib_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"TrainingHistoryDisplay .*sklearn-tde\[plot\]"):
        TrainingHistoryDisplay.from_history([epoch(0.5, 1.0)])
