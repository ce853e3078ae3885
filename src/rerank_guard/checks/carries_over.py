"""Does the trained ranking arrive where it is judged, or is it lost between the job and the held-out scores?"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rerank_guard.checks._settings import require_settings, require_tasks, true_slots
from rerank_guard.metrics import as_score_rows
from rerank_guard.metrics.target_standing import target_standing
from rerank_guard.stats.bets import log_e_value_below, p_value_of
from rerank_guard.stats.confidence import mean_confidence_sequence
from rerank_guard.types import FloatArray, RankingTask, TrainingTrace
from rerank_guard.verdict import Interval, Measured, Status, Verdict

__all__ = ["check_ranking_carries_over"]

_CHECK = "ranking_carries_over"
_CHANCE = 0.5
_FEWEST = 50
"""Examples and users from which on a comparison can say anything."""

_CAUSE = (
    "On examples that the job had not seen it ranked the target above {trained:.0%} of the other candidates; on the held-out "
    "tasks above {held_out:.0%} (50% is chance). What was learned is lost between training and scoring: another model, another "
    "prompt, other letters, or tasks that are made otherwise."
)
_NEXT_STEP = (
    "Score some training tasks by the very path that scores the held-out ones. If they rank badly too, the path is at fault "
    "(checkpoint, adapter, prompt, letters, position); if they rank well, the held-out tasks are (sampler, texts, histories)."
)


def check_ranking_carries_over(
    trace: TrainingTrace,
    scores: Sequence[FloatArray],
    tasks: Sequence[RankingTask],
    *,
    share: float = 0.5,
    alpha: float = 1e-6,
) -> Verdict:
    """The held-out ranking has kept at least a share of what the job's own ranking had gained over chance.

    The rank of each first-pass target was recorded before the job had seen the example, so it is a held-out figure itself.
    Compared is the share of the other candidates that the target is ranked above, (N - r)/(N - 1), whose mean is the area
    under the ROC curve of one target against its negatives: chance is 1/2 at any N, ties count half, and confidence plays no
    part. Taken are the last half of the first-pass examples; the model that is scored has seen more, and should be better.

    The job's mean is bounded from below at alpha/2 (`stats.confidence`). FAILED when "the held-out mean is at least
    1/2 + share (that bound - 1/2)" is rejected at alpha/2 by a bet (`stats.bets`).

    Args:
        trace: of the job, with `target_rank`.
        scores: one array (N_u,) a held-out task, higher is better; finite.
        tasks: the tasks, in the same order; those whose target is not listed are left out.
        share: of the gain that has to arrive, in [0, 1). Held-out tasks may be harder than those trained on.
        alpha: how often a ranking that keeps that share may be failed.

    Returns:
        PASSED, which says only that no such loss was shown; FAILED with lost-after-training, whose cause
        the other checks and the diagnosis have to find; NOT_APPLICABLE where no ranks were recorded, too few, or the job's
        own ranking is not above chance.

    Raises:
        InvalidTaskError: no tasks.
        InvalidScoresError: another number of rows or another length of a row than the tasks have, or not finite.
        RerankGuardError: alpha or share out of range.
    """
    require_settings(alpha, share)
    require_tasks(tasks)
    trained = _of_trace(trace)
    held_out = _of_scores(scores, tasks)
    n = len(held_out)
    if len(trained) < _FEWEST or n < _FEWEST:
        return _aside(n, "too few target ranks are known, of the job's examples or of the held-out tasks")
    level = 1.0 - alpha  # two-sided, so that each end has alpha / 2
    least = mean_confidence_sequence(trained, level)[0]
    if least <= _CHANCE:
        return _aside(n, "the job's own ranking was not shown to be above chance, so nothing can be lost")
    needed = _CHANCE + share * (least - _CHANCE)
    log_e = log_e_value_below(held_out, needed)
    failed = log_e >= math.log(2.0 / alpha) and float(held_out.mean()) < needed
    measured: dict[str, Measured] = {
        "ranked_above": float(held_out.mean()),
        "ranked_above_in_training": float(trained.mean()),
        "log10_e_value": log_e / math.log(10.0),
    }
    low, high = mean_confidence_sequence(held_out, level)
    return Verdict(
        check=_CHECK,
        status=Status.FAILED if failed else Status.PASSED,
        claim=(
            f"of what the job's own ranking gained over chance, at least {share:.0%} is there over {n} held-out users"
        ),
        measured=measured,
        threshold={"ranked_above": needed, "chance": _CHANCE, "log10_e_value": math.log10(2.0 / alpha)},
        n=n,
        interval=Interval(low, high, level, "confidence sequence"),
        cause=_CAUSE.format(trained=trained.mean(), held_out=held_out.mean()) if failed else "",
        next_step=_NEXT_STEP if failed else "",
        fault="lost-after-training" if failed else None,
        p_failed=min(1.0, alpha / 2.0 + p_value_of(log_e)),
    )


def _of_trace(trace: TrainingTrace) -> FloatArray:
    """(E,) of the last half of the first pass; empty without ranks."""
    if trace.target_rank is None:
        return np.zeros(0)
    first_pass = np.flatnonzero(trace.first_pass)
    late = first_pass[len(first_pass) // 2 :]
    late = late[np.isfinite(trace.target_rank[late]) & (trace.n_candidates[late] > 1)]
    n = trace.n_candidates[late].astype(np.float64)
    above: FloatArray = np.clip((n - trace.target_rank[late]) / (n - 1.0), 0.0, 1.0)
    return above


def _of_scores(scores: Sequence[FloatArray], tasks: Sequence[RankingTask]) -> FloatArray:
    """(U,) of the users whose target is listed."""
    lengths = [task.n_candidates for task in tasks]
    rows = as_score_rows(scores, lengths)
    slots = true_slots(tasks)
    standing = target_standing(rows, slots)
    kept = np.array([slot is not None and n > 1 for slot, n in zip(slots, lengths, strict=True)], dtype=np.bool_)
    n = np.array(lengths, dtype=np.float64)[kept]
    rank = standing.above[kept] + (standing.tied[kept] + 1.0) / 2.0  # the target is level with itself
    above: FloatArray = (n - rank) / (n - 1.0)
    return above


def _aside(n: int, cause: str) -> Verdict:
    return Verdict(
        check=_CHECK,
        status=Status.NOT_APPLICABLE,
        claim="what the job's own ranking gained over chance is there over the held-out users",
        measured={},
        threshold={},
        n=n,
        cause=cause,
        next_step="hand the letter logits of each training batch to TraceRecorder.letters, which keeps the target's rank",
    )
