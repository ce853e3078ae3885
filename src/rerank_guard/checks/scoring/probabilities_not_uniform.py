"""Do the letter probabilities say anything, and does what they say depend on the input?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import entr

from rerank_guard.checks._nearest_passing import nearest_passing
from rerank_guard.checks._settings import ALPHA
from rerank_guard.checks.scoring._input_dependence import input_dependent_share, pair_shares
from rerank_guard.core.advice import setting_advice
from rerank_guard.core.check import check
from rerank_guard.core.errors import InvalidScoresError
from rerank_guard.core.fault import Fault
from rerank_guard.core.faults.scoring import POSITION_PRIOR, SILENT_FALLBACK
from rerank_guard.core.faults.training import NO_SIGNAL
from rerank_guard.core.finding import Affected, Finding, Limit, suspect
from rerank_guard.core.setting import Count, Level, Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import BoolArray, FloatArray, IntArray, RankingTask
from rerank_guard.core.verdict import Interval, Status
from rerank_guard.metrics import as_probability_matrix
from rerank_guard.stats.bets import log_e_value_above, log_e_value_below, p_value_of
from rerank_guard.stats.confidence import mean_confidence_sequence
from rerank_guard.stats.sample_size import samples_to_bet_above, samples_to_bet_below

__all__ = ["probabilities_not_uniform"]

_EXACT = 1e-9
"""Probabilities no further apart than this are equal: what the order of sums changes."""

_SMALLEST_EFFECT = 1e-6
"""An `effect` below this is never advised."""

_CAUSES = {
    SILENT_FALLBACK: "Exactly equal probabilities do not come out of a forward pass: likely no letter was found.",
    NO_SIGNAL: "The model gives every letter nearly the same probability: it is likely untrained, under-trained, or its "
    "adapter is not active.",
    POSITION_PRIOR: "Every task gets nearly the same letter distribution, whatever the prompt: the model prefers letters, "
    "not items.",
}
_FIXES = {
    NO_SIGNAL: "Look at loss_below_random first; if training went well, check that the trained weights are the loaded ones.",
}


@check(
    stage=Stage.SCORING,
    claim="the letter probabilities are not uniform, and they depend on the input",
    can_name=(SILENT_FALLBACK, NO_SIGNAL, POSITION_PRIOR),
    looks_like=NO_SIGNAL,
)
def probabilities_not_uniform(
    probabilities: Sequence[FloatArray],
    tasks: Sequence[RankingTask] | None = None,
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
    - FAILED: more than `max_uniform` tasks' probabilities are all equal to 1e-9 (silent-fallback; seen only where N is at
      least `min_letters`, as two or three half-precision logits can tie by chance); or, at alpha/2 each, "the mean deficit is at least the
      effect" or "at least half of the tasks have a deficit of the effect or more" is rejected (no-signal); or the
      deficit passes and, at alpha/2 each, the same is rejected of the pairs' shares and their reference
      (position-prior). The second rule of either kind is there because the bet on a mean near 0 needs thousands
      of tasks. So each of the two names is given to a healthy reranker with probability alpha at most.
    - INCONCLUSIVE: else, with the number of tasks that would decide.

    Args:
        probabilities: one array (N_u,) a task: softmax over the N letters in use, N_u >= 2.
        tasks: the tasks, in the same order, to refuse rows that are missing or padded; None takes each row's own length.
        alpha: level of either decision.
        effect: least deficit, and least input-dependent share, that counts; in [0, 1).
        max_uniform: how many tasks may have probabilities that are all equal.
        min_letters: fewest letters of which equal probabilities are taken for a fallback.

    Raises:
        InvalidScoresError: no rows, or probabilities that are negative, not finite, of wrong shape, another number
            of rows or length of a row than the tasks have, or off a sum of 1 by more than 0.01.
        SettingError: a setting out of range.
    """
    lengths = None if tasks is None else TaskTable.of(tasks).n_candidates.tolist()
    matrix, n_candidates = as_probability_matrix(probabilities, lengths)
    if len(matrix) == 0:
        raise InvalidScoresError("there are no probabilities to judge; give one array a task.")
    seen = _Seen(matrix, n_candidates, effect, min_letters)
    decided = _decide(seen, alpha, max_uniform)
    low, high = mean_confidence_sequence(seen.deficits, 1.0 - 2.0 * alpha)
    cause, next_step = _open(seen, decided, alpha) if decided.status is Status.INCONCLUSIVE else ("", "")
    fault = decided.fault
    return Finding(
        decided.status,
        claim=(
            f"over {seen.n} tasks the letter probabilities are not uniform, with an entropy deficit above {effect:g}, and "
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
            Limit("entropy_deficit", ">", effect),
            Limit("pair_share", ">", seen.reference),
            Limit("users_exactly_uniform", "<=", max_uniform),
        ),
        n=seen.n,
        interval=Interval(low, high, 1.0 - 2.0 * alpha, "confidence sequence"),
        evidence=_evidence(seen, fault) if fault is not None else (),
        suspects=() if fault is None else (suspect(fault, _CAUSES[fault], _FIXES.get(fault, "")),),
        cause=cause,
        next_step=next_step,
        affected=_affected(seen, fault),
        p_failed=decided.p_failed,
    )


class _Seen:
    """What was measured.

    Attributes:
        matrix, lengths: (U, Nmax) probabilities, padded on the right, and (U,) N.
        n: U.
        effect: the least deficit that counts.
        deficits: (U,) entropy deficits.
        uniform: (U,) whether a task's probabilities are all equal.
        share, compared: the input-dependent share, and over how many tasks.
        pairs: (P,) the shares of disjoint pairs of tasks.
        reference: what their mean is compared with.
    """

    def __init__(self, matrix: FloatArray, lengths: IntArray, effect: float, min_letters: int) -> None:
        self.matrix, self.lengths, self.effect = matrix, lengths, effect
        self.n = len(matrix)
        self.deficits = np.clip(1.0 - entr(matrix).sum(axis=1) / np.log(lengths), 0.0, 1.0)
        self.uniform = _exactly_uniform(matrix, lengths, min_letters)
        self.share, self.compared = input_dependent_share(matrix, lengths)
        self.pairs = pair_shares(matrix, lengths)
        self.reference = self.reference_for(effect)

    def reference_for(self, effect: float) -> float:
        """What the pairs' mean share is compared with under an effect."""
        return min(effect, math.log(2.0) / math.log(int(self.lengths.max()))) / 2.0

    def passes(self, effect: float, alpha: float) -> bool:
        """Whether both the deficits and the pairs' shares are shown to be above an effect."""
        far = _is_above(self.deficits, effect, alpha)
        return far and _is_above(self.pairs, self.reference_for(effect), alpha)


@dataclass(frozen=True, slots=True)
class _Decided:
    """The status, the fault that it points at, its p-value, and whether the deficit passes."""

    status: Status
    fault: Fault | None
    p_failed: float | None
    far: bool


def _decide(seen: _Seen, alpha: float, max_uniform: int) -> _Decided:
    far = _is_above(seen.deficits, seen.effect, alpha)
    if int(seen.uniform.sum()) > max_uniform:
        return _Decided(Status.FAILED, SILENT_FALLBACK, None, far)
    p_failed = _p_below(seen.pairs, seen.reference) if far else _p_below(seen.deficits, seen.effect)
    if far and _is_above(seen.pairs, seen.reference, alpha):
        return _Decided(Status.PASSED, None, p_failed, far)
    if p_failed <= alpha:
        return _Decided(Status.FAILED, POSITION_PRIOR if far else NO_SIGNAL, p_failed, far)
    return _Decided(Status.INCONCLUSIVE, None, p_failed, far)


def _is_above(values: FloatArray, reference: float, alpha: float) -> bool:
    return len(values) > 0 and log_e_value_above(values, reference) >= math.log(1.0 / alpha)


def _p_below(values: FloatArray, reference: float) -> float:
    """The p-value of "the mean is below, or fewer than half of the values reach the reference", at alpha/2 each."""
    if len(values) == 0:
        return 1.0
    of_mean = log_e_value_below(values, reference)
    of_half = log_e_value_below((values >= reference).astype(np.float64), 0.5)
    return min(1.0, 2.0 * p_value_of(max(of_mean, of_half)))


def _exactly_uniform(matrix: FloatArray, n_candidates: IntArray, min_letters: int) -> BoolArray:
    """(U,) whether a task's N probabilities equal each other (in half precision they need not equal 1/N)."""
    padded = np.arange(matrix.shape[1]) >= n_candidates[:, None]
    smallest = np.where(padded, np.inf, matrix).min(axis=1)
    equal = matrix.max(axis=1) - smallest <= _EXACT
    fallback: BoolArray = equal & (n_candidates >= min_letters)
    return fallback


def _affected(seen: _Seen, fault: Fault | None) -> Affected | None:
    if fault is SILENT_FALLBACK:
        return Affected(int(seen.uniform.sum()), seen.n)
    return Affected(int((seen.deficits < seen.effect).sum()), seen.n) if fault is NO_SIGNAL else None


def _evidence(seen: _Seen, fault: Fault) -> tuple[str, ...]:
    if fault is SILENT_FALLBACK:
        rows = ", ".join(map(str, np.flatnonzero(seen.uniform)[:10]))
        return (f"{int(seen.uniform.sum())} of {seen.n} tasks have N equal probabilities", f"task rows {rows}")
    if fault is NO_SIGNAL:
        below = int((seen.deficits < seen.effect).sum())
        return (f"{below} of {seen.n} tasks have a deficit below {seen.effect:g}",)
    return ("the same letter distribution for every task", _mean_distribution(seen.matrix, seen.lengths))


def _mean_distribution(matrix: FloatArray, n_candidates: IntArray) -> str:
    """The letters' mean probabilities at the commonest N, the largest first."""
    values, counts = np.unique(n_candidates, return_counts=True)
    n = int(values[counts.argmax()])
    mean = matrix[n_candidates == n, :n].mean(axis=0)
    largest = np.argsort(-mean, kind="stable")[:5]
    top = ", ".join(f"position {position}: {mean[position]:.3f}" for position in largest)
    return f"mean probabilities at N={n} (uniform {1 / n:.3f}): {top}"


def _open(seen: _Seen, decided: _Decided, alpha: float) -> tuple[str, str]:
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


def _never(seen: _Seen, alpha: float) -> str:
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
