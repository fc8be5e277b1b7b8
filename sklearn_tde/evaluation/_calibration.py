"""Logistic recalibration of probabilities, for many weightings of the same objects at once."""

import numpy as np
from scipy.special import logit

# A probability of exactly 0 or 1 has no logit.
_CLIP = 1e-6

_MAX_STEPS = 50
# Largest change of a logit in the last step; the next would change it by about its square.
_TOLERANCE = 1e-4


def calibration_scores(
    probability: np.ndarray, positive: np.ndarray, negative: np.ndarray
) -> dict[str, np.ndarray]:
    """Slope and intercept that logistic recalibration finds.

    The slope is that of a logistic regression of the labels on the logits of the probabilities,
    the intercept that of one whose slope is held at 1 (Cox 1958).

    Parameters
    ----------
    probability : ndarray of shape (n_values,)
        The distinct probabilities, from high to low.

    positive, negative : ndarray of shape (n_draws, n_values)
        Weight of the positive and of the other objects of each probability.

    Returns
    -------
    scores : dict of str to ndarray of shape (n_draws,)
        `calibration_slope`: NaN where it has no finite value, because a threshold parts the
        classes without a mistake or all probabilities are the same. `calibration_intercept`: NaN
        where a class has no weight.
    """
    logits = logit(np.clip(probability, _CLIP, 1 - _CLIP))
    slope = np.full(len(positive), np.nan)
    intercept = np.full(len(positive), np.nan)

    overlap = _overlap(logits, positive, negative)
    if overlap.any():
        # Centred, so that the two parameters hardly depend on each other.
        design = np.vstack([np.ones_like(logits), logits - logits.mean()])
        slope[overlap] = _fit(design, 0.0, positive[overlap], negative[overlap])[:, 1]
    both = (positive.sum(axis=1) > 0) & (negative.sum(axis=1) > 0)
    if both.any():
        design = np.ones((1, len(logits)))
        intercept[both] = _fit(design, logits, positive[both], negative[both])[:, 0]
    return {"calibration_slope": slope, "calibration_intercept": intercept}


def _overlap(logits, positive, negative):
    """Whether neither class lies wholly on one side of the other: only then is a slope finite."""
    ranges = []
    for weight in (positive, negative):
        there = weight > 0
        highest = logits[there.argmax(axis=1)]
        lowest = logits[len(logits) - 1 - there[:, ::-1].argmax(axis=1)]
        ranges.append((there.any(axis=1), lowest, highest))
    (some, low, high), (others, low_other, high_other) = ranges
    return some & others & (low < high_other) & (low_other < high)


def _fit(design, offset, positive, negative):
    """Logistic regression of every draw; NaN where it does not converge.

    Newton's method, each step times log(1 + d) / d with d its largest change of a logit: this
    always climbs, because the curvature of the likelihood changes by a factor of e^d at most
    (Bach 2010, Electronic Journal of Statistics 4, 384), and is a full step near the top.
    """
    total = positive + negative
    found = np.zeros((len(total), len(design)))
    if len(total) > 1:
        # The fit to all draws together is close to that of each.
        whole = _fit(design, offset, positive.sum(axis=0)[None], negative.sum(axis=0)[None])
        found += np.nan_to_num(whole)
    # Products of the columns, from which the curvature is summed.
    products = (design[:, np.newaxis] * design).reshape(-1, design.shape[1])
    left = np.arange(len(total))
    for _ in range(_MAX_STEPS):
        # The logistic function by way of tanh, which is several times faster.
        chance = np.tanh((found[left] @ design + offset) / 2)
        chance += 1
        chance /= 2
        expected = total[left] * chance
        gradient = (positive[left] - expected) @ design.T
        expected *= 1 - chance
        step = _solve(expected @ products.T, gradient)
        change = np.abs(step @ design).max(axis=1)
        found[left] += step * (np.log1p(change) / np.maximum(change, 1e-300))[:, np.newaxis]
        left = left[change > _TOLERANCE]
        if not left.size:
            break
    found[left] = np.nan
    return found


def _solve(curvature, gradient):
    """Newton's step for one or two parameters; NaN where the likelihood is flat."""
    with np.errstate(invalid="ignore", divide="ignore"):
        if gradient.shape[1] == 1:
            return gradient / curvature
        a, b, _, d = curvature.T
        first, second = gradient.T
        step = np.column_stack([d * first - b * second, a * second - b * first])
        return step / (a * d - b * b)[:, np.newaxis]
