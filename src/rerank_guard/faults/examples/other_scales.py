"""Figures on another scale than they are read on: probabilities, scores, and the losses of a job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from rerank_guard.core.faults.scoring import PROBABILITIES_NOT_NORMALISED, SCORE_SCALE_WRONG, SCORES_SATURATED
from rerank_guard.core.faults.training import LOSS_SCALE_WRONG
from rerank_guard.core.target import Progress, Trains
from rerank_guard.core.types import FloatArray, RankingTask, TrainingTrace
from rerank_guard.core.verdict import Verdict
from rerank_guard.faults.example import Example
from rerank_guard.faults.workbench import Workbench
from rerank_guard.faults.wrapped import Wrapped

__all__ = []

_OTHER_TOKENS = 50.0
"""Weight of the tokens that are no letter, against the likeliest letter's."""

_STEPS = 4

_SURE = 8.5


def _of_vocabulary(row: FloatArray) -> FloatArray:
    odds = np.exp(row - row.max())
    return np.asarray(odds / (odds.sum() + _OTHER_TOKENS))


def _saturated(row: FloatArray) -> FloatArray:
    """A yes-probability in half precision, of a model that says yes to all."""
    return np.asarray(1.0 / (1.0 + np.exp(-(_SURE + row - row.mean()))), dtype=np.float16).astype(np.float64)


def _rows_changed(
    workbench: Workbench, check: str, method: str, change: Callable[[FloatArray], FloatArray]
) -> Verdict:
    """The check on the healthy reranker with the rows of one method made of changed scores."""
    healthy = workbench.healthy

    def rows(tasks: Sequence[RankingTask]) -> list[FloatArray]:
        return [change(row) for row in healthy.score(tasks)]

    return workbench.judged(check, Wrapped(healthy, **{method: rows}))


def _divided_losses(workbench: Workbench) -> Verdict:
    healthy = workbench.healthy
    assert isinstance(healthy, Trains)

    def train(progress: Progress) -> TrainingTrace:
        trace = healthy.train(progress)
        return replace(trace, letter_nll=trace.letter_nll / _STEPS, tempered_nll=None, target_rank=None)

    return workbench.judged("loss_recorded_per_letter", Wrapped(healthy, train=train))


WHOLE_VOCABULARY = Example(
    PROBABILITIES_NOT_NORMALISED,
    "probabilities_not_uniform",
    "the softmax is taken over the whole vocabulary",
    lambda workbench: _rows_changed(workbench, "probabilities_not_uniform", "predict_proba", _of_vocabulary),
)
ONE_LOGIT = Example(
    SCORE_SCALE_WRONG,
    "scores_well_formed",
    "each candidate's score is a softmax over a single logit",
    lambda workbench: _rows_changed(workbench, "scores_well_formed", "score", np.ones_like),
)
HALF_PRECISION = Example(
    SCORES_SATURATED,
    "scores_well_formed",
    "the scores are yes-probabilities in half precision, all near 1",
    lambda workbench: _rows_changed(workbench, "scores_well_formed", "score", _saturated),
)
DIVIDED = Example(
    LOSS_SCALE_WRONG,
    "loss_recorded_per_letter",
    "the recorded losses are divided by 4 accumulation steps",
    _divided_losses,
)
