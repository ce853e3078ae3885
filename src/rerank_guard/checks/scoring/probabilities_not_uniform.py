"""Do the letter probabilities say anything, and does what they say depend on the input?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rerank_guard.checks._nearest_passing import nearest_passing
from rerank_guard.checks._settings import ALPHA
from rerank_guard.checks.comparing.equal_rows import EQUAL_ROW_FAULTS, equal_rows, one_id_for_all, why_equal
from rerank_guard.checks.comparing.not_normalised import not_normalised
from rerank_guard.checks.comparing.ragged_rows import ragged
from rerank_guard.checks.scoring._deficits import Seen, is_above, p_below
from rerank_guard.checks.scoring._sharpened import POWERS, Sharpened, sharpened
from rerank_guard.core.advice import setting_advice
from rerank_guard.core.check import check
from rerank_guard.core.errors import InvalidScoresError
from rerank_guard.core.fault import Fault
from rerank_guard.core.faults.answer_tokens import LETTER_COLLISION
from rerank_guard.core.faults.scoring import POSITION_PRIOR, PROBABILITIES_NOT_NORMALISED, SILENT_FALLBACK
from rerank_guard.core.faults.training import NO_SIGNAL
from rerank_guard.core.finding import Affected, Finding, Limit, Suspected, suspect
from rerank_guard.core.listed import target_listing
from rerank_guard.core.setting import Count, Level, Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import FloatArray, IntArray, LetterTable, RankingTask
from rerank_guard.core.verdict import Interval, Status
from rerank_guard.metrics import as_probability_matrix, as_score_rows
from rerank_guard.stats.confidence import mean_confidence_sequence
from rerank_guard.stats.sample_size import samples_to_bet_above, samples_to_bet_below

__all__ = ["probabilities_not_uniform"]

_SMALLEST_EFFECT = 1e-6
"""An `effect` below this is never advised."""

_CAUSES = {
    NO_SIGNAL: "The model gives every letter nearly the same probability: it is likely untrained, under-trained, or its "
    "adapter is not active.",
    POSITION_PRIOR: "Every task gets nearly the same letter distribution, whatever the prompt: the model prefers letters, "
    "not items.",
}
_FIXES = {
    NO_SIGNAL: "Look at loss_below_random first; if training went well, check that the trained weights are the loaded ones.",
}
_DIFFERING_SCORES = "The scores of these tasks differ, and their probabilities are all equal: they are filled in."


@check(
    stage=Stage.SCORING,
    claim="the letter probabilities are not uniform, and they depend on the input",
    can_name=(PROBABILITIES_NOT_NORMALISED, *EQUAL_ROW_FAULTS, NO_SIGNAL, POSITION_PRIOR),
    rules_out=(PROBABILITIES_NOT_NORMALISED,),
    looks_like=NO_SIGNAL,
)
def probabilities_not_uniform(
    probabilities: Sequence[FloatArray],
    tasks: Sequence[RankingTask] | None = None,
    scores: Sequence[FloatArray] | None = None,
    letter_table: LetterTable | None = None,
    *,
    alpha: Level = ALPHA,
    effect: Share = 0.01,
    max_uniform: Count = 0,
    min_letters: Count = 4,
) -> Finding:
    """The letter probabilities differ from uniform, and differ from task to task.

    Measured is a task's entropy deficit d = 1 - H(p) / log N: 0 for uniform, 1 for certain, and of the same meaning
    for every N. (The standard deviation of p, often compared with 0.01, has no such meaning: it is at most
    sqrt(N - 1) / N, and one and the same threshold asks for a deficit of 0.0003 at N=2 and of 0.03 at N=50.)

    Being far from uniform is not enough: a fixed preference for the letter A is too. So the part of the deficit
    that depends on the input must reach the effect as well: the generalised Jensen-Shannon divergence of the tasks'
    distributions (Lin 1991), entropy of the mean minus mean of the entropies, over tasks of the same N, divided by
    log N. That share is shown; it is tested on the divergences of disjoint pairs of tasks of the same N, taken in
    order, which are independent of each other and lie in [0, 1] when divided by log N. Their reference is half of
    the effect: to second order in the differences of the distributions, the divergence of m independent ones is in
    expectation (1 - 1/m) of that of all, as with a variance, so a pair's is half. As a pair's divergence cannot
    exceed log 2, the reference is at most half of log 2 / log N at the largest N, where a large effect is declared.

    - PASSED: "the mean deficit is at most the effect" and "the mean pair share is at most its reference" are both
      rejected at alpha by bets that hold at every moment (see `stats.bets`).
      Or, where that is not shown, they are rejected at alpha of the same probabilities raised to the power that suits the
      targets best, which undoes a temperature or a softmax over bounded scores, and so is "where the target item is has
      nothing to do with the probabilities" (see `_sharpened`): what says something on a small scale is not uniform.
    - FAILED: the values of some task do not sum to 1 within 0.01 (probabilities-not-normalised); or more than `max_uniform`
      tasks' probabilities are all equal to 1e-9 (seen only where N is at least `min_letters`, as two or three half-precision
      logits can tie by chance; named by what else is equal, see `comparing.equal_rows`); or, at alpha/2 each, "the mean deficit is at least the
      effect" or "at least half of the tasks have a deficit of the effect or more" is rejected (no-signal); or the
      deficit passes and, at alpha/2 each, the same is rejected of the pairs' shares and their reference
      (position-prior). The second rule of either kind is there because the bet on a mean near 0 needs thousands
      of tasks. So each of the two names is given to a healthy reranker with probability alpha at most.
    - INCONCLUSIVE: else, with the number of tasks that would decide.

    Args:
        probabilities: one array (N_u,) a task: softmax over the N letters in use, N_u >= 2.
        tasks: the tasks, in the same order, to refuse rows that are missing or padded, and to know the targets; None takes
            each row's own length.
        scores: one array (N_u,) a task, which tell why probabilities are equal; None where they are not known.
        letter_table: the letters; None where they are not shown.
        alpha: level of either decision.
        effect: least deficit, and least input-dependent share, that counts; in [0, 1).
        max_uniform: how many tasks may have probabilities that are all equal.
        min_letters: fewest letters of which equal probabilities are taken for a fallback.

    Raises:
        InvalidScoresError: no rows, or probabilities that are negative, not finite, of wrong shape, or another
            number of rows or length of a row than the tasks have.
        SettingError: a setting out of range.
    """
    table = None if tasks is None else TaskTable.of(tasks)
    lengths = [np.size(row) for row in probabilities] if table is None else table.n_candidates.tolist()
    if wrong := not_normalised(probabilities, lengths):
        return wrong
    matrix, n_candidates = as_probability_matrix(probabilities, lengths)
    if len(matrix) == 0:
        raise InvalidScoresError("there are no probabilities to judge; give one array a task.")
    seen = Seen(matrix, n_candidates, effect, min_letters)
    if int(seen.uniform.sum()) > max_uniform:
        return _finding(seen, _equal(seen, max_uniform, scores, table, letter_table), max_uniform, alpha)
    decided = _decide(seen, alpha)
    if decided.status is not Status.PASSED and table is not None:
        raised = sharpened(matrix, n_candidates, target_listing(table).position)
        if passed := _passed_by_scale(seen, raised, min_letters, alpha):
            return passed
    return _finding(seen, decided, max_uniform, alpha)


@dataclass(frozen=True, slots=True)
class _Decided:
    """The status, the fault that it points at, its p-value, and whether the deficit passes."""

    status: Status
    suspected: Suspected | None
    p_failed: float | None
    far: bool


def _decide(seen: Seen, alpha: float) -> _Decided:
    far = is_above(seen.deficits, seen.effect, alpha)
    p_failed = p_below(seen.pairs, seen.reference) if far else p_below(seen.deficits, seen.effect)
    if far and is_above(seen.pairs, seen.reference, alpha):
        return _Decided(Status.PASSED, None, p_failed, far)
    if p_failed <= alpha:
        fault = POSITION_PRIOR if far else NO_SIGNAL
        return _Decided(Status.FAILED, suspect(fault, _CAUSES[fault], _FIXES.get(fault, "")), p_failed, far)
    return _Decided(Status.INCONCLUSIVE, None, p_failed, far)


def _equal(
    seen: Seen,
    max_uniform: int,
    scores: Sequence[FloatArray] | None,
    table: TaskTable | None,
    letters: LetterTable | None,
) -> _Decided:
    """Some tasks have N equal probabilities: named by their scores, where these are known."""
    suspected = suspect(SILENT_FALLBACK, "Where all N probabilities are equal, a value is likely filled in.")
    if scores is not None and table is not None:
        rows = ragged(as_score_rows(scores, table.n_candidates.tolist()))
        equal = equal_rows(rows)
        suspected = suspect(SILENT_FALLBACK, _DIFFERING_SCORES)
        if int((seen.uniform & equal).sum()) > max_uniform and bool(np.isfinite(rows.values).all()):
            suspected = why_equal(rows, seen.uniform & equal, table, letters)
    elif (token := one_id_for_all(letters)) is not None:
        suspected = suspect(LETTER_COLLISION, f"The logits of all letters are read at one token id, {token}.")
    return _Decided(Status.FAILED, suspected, None, far=False)


def _passed_by_scale(seen: Seen, raised: Sharpened, min_letters: int, alpha: float) -> Finding | None:
    """The finding on probabilities that are flat by their scale alone; None where that is not shown."""
    needed = math.log(1.0 / alpha)
    sharp = Seen(raised.matrix, seen.lengths, seen.effect, min_letters)
    # the power was chosen by these targets, among as many as there are
    if raised.log_e < needed or not sharp.passes(seen.effect, alpha / len(POWERS)):
        return None
    return Finding(
        Status.PASSED,
        claim=(
            f"over {seen.n} tasks the letter probabilities, though nearly uniform, say something of the target items: raised "
            f"to the power {raised.power:g}, they are not uniform and depend on the input"
        ),
        measured={
            "log10_e_value": raised.log_e / math.log(10.0),
            "sharpened_entropy_deficit": float(sharp.deficits.mean()),
            "sharpened_pair_share": float(sharp.pairs.mean()),
            "power": raised.power,
            "entropy_deficit": float(seen.deficits.mean()),
            "users_exactly_uniform": int(seen.uniform.sum()),
        },
        limits=(
            Limit("log10_e_value", ">=", -math.log10(alpha)),
            Limit("sharpened_entropy_deficit", ">", seen.effect),
            Limit("sharpened_pair_share", ">", sharp.reference),
        ),
        n=seen.n,
        p_failed=1.0,
    )


def _finding(seen: Seen, decided: _Decided, max_uniform: int, alpha: float) -> Finding:
    low, high = mean_confidence_sequence(seen.deficits, 1.0 - 2.0 * alpha)
    cause, next_step = _open(seen, decided, alpha) if decided.status is Status.INCONCLUSIVE else ("", "")
    fault = None if decided.suspected is None else decided.suspected.fault
    return Finding(
        decided.status,
        claim=(
            f"over {seen.n} tasks the letter probabilities are not uniform, with an entropy deficit above {seen.effect:g}, and "
            f"they depend on the input, with a Jensen-Shannon share between two tasks above {seen.reference:g}"
        ),
        measured={
            "entropy_deficit": float(seen.deficits.mean()),
            "input_dependent_share": seen.share,
            "pair_share": float(seen.pairs.mean()) if len(seen.pairs) else None,
            "users_exactly_uniform": int(seen.uniform.sum()),
            "users_compared": seen.compared,
        },
        limits=(
            Limit("entropy_deficit", ">", seen.effect),
            Limit("pair_share", ">", seen.reference),
            Limit("users_exactly_uniform", "<=", max_uniform),
        ),
        n=seen.n,
        interval=Interval(low, high, 1.0 - 2.0 * alpha, "confidence sequence"),
        evidence=_evidence(seen, fault) if fault is not None else (),
        suspects=() if decided.suspected is None else (decided.suspected,),
        cause=cause,
        next_step=next_step,
        affected=_affected(seen, fault),
        p_failed=decided.p_failed,
    )


def _affected(seen: Seen, fault: Fault | None) -> Affected | None:
    if fault is None or fault is POSITION_PRIOR:
        return None
    return Affected(int((seen.deficits < seen.effect if fault is NO_SIGNAL else seen.uniform).sum()), seen.n)


def _evidence(seen: Seen, fault: Fault) -> tuple[str, ...]:
    if fault is NO_SIGNAL:
        below = int((seen.deficits < seen.effect).sum())
        return (f"{below} of {seen.n} tasks have a deficit below {seen.effect:g}",)
    if fault is POSITION_PRIOR:
        return ("the same letter distribution for every task", _mean_distribution(seen.matrix, seen.lengths))
    rows = ", ".join(map(str, np.flatnonzero(seen.uniform)[:10]))
    return (f"{int(seen.uniform.sum())} of {seen.n} tasks have N equal probabilities", f"task rows {rows}")


def _mean_distribution(matrix: FloatArray, n_candidates: IntArray) -> str:
    """The letters' mean probabilities at the commonest N, the largest first."""
    values, counts = np.unique(n_candidates, return_counts=True)
    n = int(values[counts.argmax()])
    mean = matrix[n_candidates == n, :n].mean(axis=0)
    largest = np.argsort(-mean, kind="stable")[:5]
    top = ", ".join(f"position {position}: {mean[position]:.3f}" for position in largest)
    return f"mean probabilities at N={n} (uniform {1 / n:.3f}): {top}"


def _open(seen: Seen, decided: _Decided, alpha: float) -> tuple[str, str]:
    """Why nothing was decided, and how many tasks would decide."""
    if not decided.far:
        words = f"A mean deficit of {seen.deficits.mean():.4f} over {seen.n} tasks decides neither for nor against {seen.effect:g}."
        enough = _enough(seen.deficits, seen.effect, alpha)
        return (
            words,
            _never(seen, alpha)
            if enough is None
            else f"About {enough} tasks at this rate would decide (now {seen.n}).",
        )
    pairs, reference = seen.pairs, seen.reference
    if len(pairs) == 0:
        return (
            "No two tasks have the same number of candidates, so whether the input matters is open.",
            "Give tasks with the same N: some ten pairs decide clear cases.",
        )
    words = (
        f"A mean share of {pairs.mean():.4f} over {len(pairs)} pairs of tasks of the same N decides neither for nor against "
        f"{reference:g}, so whether the input matters is open."
    )
    enough = _enough(pairs, reference, alpha)
    if enough is None:
        return words, _never(seen, alpha)
    return words, f"About {2 * enough} tasks in such pairs at this rate would decide (now {2 * len(pairs)})."


def _never(seen: Seen, alpha: float) -> str:
    """What to do where no number of tasks would decide."""
    smaller = nearest_passing(lambda effect: seen.passes(effect, alpha), seen.effect, _SMALLEST_EFFECT)
    advice = "No number of tasks at this rate would decide; train for longer"
    if smaller is None:
        return f"{advice}."
    enough = setting_advice("probabilities_not_uniform", "effect", smaller)
    return f"{advice}, or, if this much is enough for you, {enough}."


def _enough(values: FloatArray, reference: float, alpha: float) -> int | None:
    """How many values would decide, more than there are; None where none would."""
    if float(values.mean()) > reference:
        enough = samples_to_bet_above(values, reference, alpha)
    else:
        enough = samples_to_bet_below(values, reference, alpha / 2.0)
    return None if enough is None else max(enough, len(values) + 1)
