"""Are a few scores of each row a value that was filled in, and all others those of the forward pass?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from rerank_guard.checks.comparing.agreement import agreement
from rerank_guard.checks.comparing.probability_rows import probability_rows
from rerank_guard.core.types import BoolArray, FloatArray

__all__ = ["LEFT", "filled_in"]

_MOST = 0.8
_FEWEST_TASKS = 3
_FEWEST_OTHERS = 2
_MOST_OF_A_ROW = 0.5
_OF_VARIATION = 0.05
"""A logit that varies so much less over the tasks than the letter's own does is one value, up to half precision's noise."""

_TIMES_AS_FREQUENT = 2
LEFT = 0.5
"""Default of the largest share of the disagreement that may be left among the others: what was filled in is the fault, not beside it."""

_ROUNDING = 1e-6
"""Of a row's range: how exactly a mean is met, whatever order its terms were added in."""

_Rows = Sequence[FloatArray]
_Masks = Sequence[BoolArray]
_STATISTICS: dict[str, Callable[[FloatArray], float]] = {
    "smallest": np.min,
    "largest": np.max,
    "mean": np.mean,
    "median": np.median,
}


def filled_in(scores: _Rows, plain: _Rows, tolerance: float, max_left: float = LEFT) -> str | None:
    """What was filled in, in words: one value, or one that is made from the row's other scores; None where nothing was.

    A value was filled in where it is the same, bit by bit, in most rows (of scores, or of logits before they were
    normalised), or where it is the smallest, largest, mean or median score of its row, while the other scores of the row,
    at least half of it, agree with the forward pass. No token's logit is the same for every prompt.

    Args:
        scores: one array (N_u,) a task, finite or infinite, of tasks that are to be explained.
        plain: the letters' logits by the forward pass, of the same shapes.
        tolerance: total variation distance that is put down to rounding.
        max_left: largest share of the disagreement that may be left among the others.
    """
    if len({row.tobytes() for row in scores}) < _FEWEST_TASKS:  # of one row alone, any value comes again
        return None
    for says, masks in _hypotheses(scores, plain):
        if _others_agree(scores, plain, masks, tolerance, max_left):
            return says
    return None


def _hypotheses(scores: _Rows, plain: _Rows) -> Iterator[tuple[str, _Masks]]:
    """What may have been filled in, and (N_u,) for each task where."""
    value = _commonest(scores)
    if value is not None:
        yield f"one value ({value:.6g}) for some candidates", [row == value for row in scores]
    (probabilities,) = probability_rows(scores)
    if all(bool((row > 0.0).all()) for row in probabilities):
        logarithms = [np.log(row) for row in probabilities]
        steady = _steady(logarithms, plain)
        yield "one logit for some letters, whatever the prompt", [steady[: len(row)] for row in scores]
    else:
        logarithms = list(scores)
    for spaces in (scores, logarithms):
        for name, statistic in _STATISTICS.items():
            yield f"the row's {name} score for some candidates", [_equals_others(row, statistic) for row in spaces]


def _commonest(scores: _Rows) -> float | None:
    """The value that is in most rows; None where the others come again about as often, as in rows that are all the same."""
    values, counts = np.unique(np.concatenate([np.unique(row) for row in scores]), return_counts=True)
    return float(values[np.argmax(counts)]) if counts.max() >= _TIMES_AS_FREQUENT * np.median(counts) else None


def _steady(logarithms: _Rows, plain: _Rows) -> BoolArray:
    """(N,) positions whose logit, its row shifted onto the forward pass's, hardly varies, though the letter's own does."""
    n = max(len(row) for row in plain)
    shifted, own = np.full((2, len(plain), n), np.nan)
    for task, (row, expected) in enumerate(zip(logarithms, plain, strict=True)):
        shifted[task, : len(row)] = row + np.median(expected - row)
        own[task, : len(row)] = expected
    several = np.isfinite(own).sum(axis=0) >= _FEWEST_TASKS
    steady = np.zeros(n, dtype=np.bool_)
    steady[several] = np.nanstd(shifted[:, several], axis=0) < _OF_VARIATION * np.nanstd(own[:, several], axis=0)
    return steady


def _equals_others(row: FloatArray, statistic: Callable[[FloatArray], float]) -> BoolArray:
    """(N,) the scores that are the statistic of the row's other ones."""
    if not np.isfinite(row).all():
        return np.zeros(len(row), dtype=np.bool_)
    near = _ROUNDING * float(np.ptp(row))
    others = [float(statistic(np.delete(row, at))) if len(row) > 1 else np.inf for at in range(len(row))]
    return np.asarray(np.abs(row - others) <= near, dtype=np.bool_)


def _others_agree(scores: _Rows, plain: _Rows, masks: _Masks, tolerance: float, max_left: float) -> bool:
    """Whether most rows have such scores, not too many, and agree with the forward pass without them."""
    usable = [
        task
        for task, mask in enumerate(masks)
        if 0 < mask.sum() <= _MOST_OF_A_ROW * len(mask) and len(mask) - mask.sum() >= _FEWEST_OTHERS
    ]
    if len(usable) < max(_FEWEST_TASKS, _MOST * len(scores)):
        return False
    others = [~masks[task] for task in usable]
    rest = [scores[task][kept] for task, kept in zip(usable, others, strict=True)]
    expected = [plain[task][kept] for task, kept in zip(usable, others, strict=True)]
    fit = agreement(rest, expected)
    whole = agreement([scores[task] for task in usable], [plain[task] for task in usable])
    explained = float((fit.apart + fit.discordant).mean()) <= max_left * float(
        (whole.apart + whole.discordant).mean()
    )
    return explained and float(fit.matched(tolerance).mean()) >= _MOST
