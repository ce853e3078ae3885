"""Is the ranking better than chance and than every baseline that costs nothing?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from rerank_guard.baselines import chance_recalls_at_k
from rerank_guard.checks._at_cutoff import baselines_of_rows, left_out_at, restricted
from rerank_guard.checks._nearest_passing import nearest_passing
from rerank_guard.checks._settings import ALPHA, require_tasks
from rerank_guard.checks.quality._baseline_comparison import (
    CHANCE,
    Comparison,
    Levels,
    compare_with_baseline,
    compare_with_chance,
)
from rerank_guard.checks.quality._hits import hits_interval
from rerank_guard.checks.quality._ranked_targets import rank_targets, target_positions
from rerank_guard.core.advice import setting_advice
from rerank_guard.core.check import check
from rerank_guard.core.defaults import RECALL_EFFECT
from rerank_guard.core.errors import InvalidScoresError
from rerank_guard.core.fault import Fault
from rerank_guard.core.faults.data import TARGET_NOT_LISTED
from rerank_guard.core.faults.quality import BASELINE_NOT_BEATEN, HISTORY_IGNORED
from rerank_guard.core.faults.scoring import REVERSED
from rerank_guard.core.faults.training import NO_SIGNAL, UNDER_TRAINED
from rerank_guard.core.finding import Affected, Finding, Suspected, suspect
from rerank_guard.core.row_equality import first_of_equal_questions, mean_of_equals
from rerank_guard.core.setting import Level, Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import BoolArray, FloatArray, IntArray, RankingTask
from rerank_guard.core.verdict import MAX_EVIDENCE, Status
from rerank_guard.metrics import Hit
from rerank_guard.stats.bets import log_e_value_below, p_value_of

__all__ = ["recall_beats_baseline"]

_HISTORY_BLIND = "history-blind"
_LISTED_ORDERS = frozenset({"listed order", "reversed listed order"})
_RESERVED = frozenset({CHANCE, "effect", "effect_over_chance", "alpha"})

_SMALLEST_EFFECT = 1e-6
"""An `effect` below this is never advised."""

_WORDS = {
    NO_SIGNAL: (
        "The ranking is as good as a random one. The most frequent causes: the target item is missing from the lists; "
        "the letters are not single tokens; the loss averages in the end-of-sequence token, so it fell without the "
        "letter being learned; the scored prompt is not the trained one.",
        "Look at the verdicts on target items, letter tokens and learning first, in this order; then compare a training "
        "prompt with a scoring prompt token by token.",
    ),
    REVERSED: (
        "The ranking is worse than a random one: probably sorted in ascending order, or it prefers popular items while "
        "the negatives were sampled by popularity.",
        "Check that higher means better where scores are sorted; compare with the reversed popularity.",
    ),
    UNDER_TRAINED: (
        "Better than chance, but by less than the declared effect.",
        "Train for longer or with more data.",
    ),
}
"""Cause and fix where a failure of this check says more than the fault's record."""


@check(
    stage=Stage.QUALITY,
    claim="Recall@K is above that of chance and of every known baseline",
    can_name=(NO_SIGNAL, REVERSED, TARGET_NOT_LISTED, UNDER_TRAINED, HISTORY_IGNORED, BASELINE_NOT_BEATEN),
    looks_like=NO_SIGNAL,
    per="cutoff",
)
def recall_beats_baseline(
    scores: Sequence[FloatArray],
    tasks: Sequence[RankingTask],
    k: int,
    baselines: Mapping[str, Sequence[FloatArray]],
    *,
    alpha: Level = ALPHA,
    effect: Share = RECALL_EFFECT,
) -> Finding:
    """Recall@K (one target a user) is better than chance and than every given baseline.

    With 50 candidates a random ranking has Recall@20 of 0.4, and popularity alone may have 0.6: a recall says nothing
    without what it is compared with. Ties count in expectation. Judged is the position of `target_id`; a user whose
    target is not listed is a miss (end-to-end evaluation), and the figure over the other users is measured beside it.

    Compared with chance, a bet on hits of a rate above K/N, which is valid for any N and for hits in expectation over
    ties; compared with a baseline, a bet on the difference user by user. Both are e-processes, valid however often one
    looks and however the number of users was chosen, so more users may be added until they decide (see `stats.bets`,
    `stats.paired`).

    - PASSED: against every baseline "no better" is rejected at alpha (a conjunction, so no correction is due), and
      against chance "better by at least the effect" is not rejected.
    - FAILED: against chance, or against a baseline that is not beaten, "better by at least the effect" is rejected, at
      alpha over the number of comparisons.
    - INCONCLUSIVE: else, with the number of users that would decide.

    The effect is at most half of the room that a baseline leaves below 1, and over chance at most chance itself:
    where chance is 0.02, a recall of 0.04 is a gain that counts.

    Known limit: a baseline near 1 leaves no room for an effect, so a ranking equal to it is never FAILED.

    Args:
        scores: one array (N,) a task, higher is better.
        tasks: the tasks, in the same order. Those that ask the same (history, query, list and target item) under several
            query ids are one observation, with their mean hit.
        k: cutoff, below the largest N; users with at most K candidates are left out.
        baselines: name to scores on the same tasks, such as popularity, reversed popularity, the first stage's;
            chance is always compared with. Under "history-blind" the reranker's own scores with the histories exchanged
            among the users, see `counterfactual.swapped_histories`: where only this baseline is not beaten, the fault
            is history-ignored.
        alpha: level of either decision.
        effect: least difference of Recall@K that counts, in [0, 1).

    Returns:
        A failure names no-signal, reversed or under-trained (at, below, or barely above chance), target-not-listed
        where the users whose target is listed pass, else history-ignored or baseline-not-beaten.

    Raises:
        InvalidTaskError: no tasks.
        VacuousMetricError: k at or above every N, or below 1.
        InvalidScoresError: malformed scores, of the reranker or of a baseline; a baseline named "chance", "effect",
            "effect_over_chance" or "alpha".
        SettingError: alpha or effect out of range.
    """
    require_tasks(tasks)
    table = TaskTable.of(tasks)
    whole = table
    table, scores, kept_at_k = restricted(k, whole, scores)
    baselines = baselines_of_rows(baselines, kept_at_k, len(whole))
    _require_free_names(baselines)
    positions = target_positions(table)
    ranking = rank_targets(scores, table, positions)
    once = first_of_equal_questions(table)
    first = np.unique(once)
    hits, rates = mean_of_equals(ranking.values(Hit(k)), once), chance_recalls_at_k(table.n_candidates, k)[first]
    levels = Levels(alpha, alpha / (1 + len(baselines)), effect)
    others = [
        compare_with_baseline(name, hits, mean_of_equals(_hits_of(rows, name, table, positions, k), once), levels)
        for name, rows in baselines.items()
    ]
    listed = ranking.present[first]
    comparisons = [
        compare_with_chance(hits, rates, levels),
        *sorted(others, key=lambda comparison: comparison.difference),
    ]
    status = _status(comparisons)
    suspected = _suspected(comparisons, hits, rates, listed, levels) if status is Status.FAILED else None
    cause, next_step = _undecided(comparisons, len(hits)) if status is Status.INCONCLUSIVE else ("", "")
    n_missing = int((~listed).sum())
    return Finding(
        status,
        claim=_claim(comparisons, k, table.n_candidates[first]),
        measured={
            "recall": float(hits.mean()),
            "recall_where_target_is_listed": float(hits[listed].mean()) if listed.any() else None,
            "users_without_target": n_missing,
            "tie_gap": ranking.tie_gap_at(k),
            **left_out_at(whole, kept_at_k),
            "decided_after_users": _decided_after(comparisons) if status is Status.PASSED else None,
        },
        compared_with={
            **{comparison.baseline: comparison.recall for comparison in comparisons},
            "effect": effect,
            "effect_over_chance": comparisons[0].effect,
            "alpha": alpha,
        },
        n=len(hits),
        interval=hits_interval(hits, alpha),
        evidence=tuple(comparison.row() for comparison in comparisons[:MAX_EVIDENCE]),
        suspects=() if suspected is None else (suspected,),
        cause=cause,
        next_step=next_step,
        affected=Affected(n_missing, len(hits)) if suspected and suspected.fault is TARGET_NOT_LISTED else None,
        p_failed=min(
            1.0, len(comparisons) * min(p_value_of(comparison.log_e_trivial) for comparison in comparisons)
        ),
    )


def _require_free_names(baselines: Mapping[str, object]) -> None:
    if taken := _RESERVED.intersection(baselines):
        raise InvalidScoresError(
            f"a baseline is named {min(taken)!r}, which the verdict uses itself (chance is computed exactly); give "
            "yours another name."
        )


def _hits_of(rows: Sequence[FloatArray], name: str, table: TaskTable, positions: IntArray, k: int) -> FloatArray:
    return rank_targets(rows, table, positions, what=f"scores of baseline {name!r}").values(Hit(k))


def _status(comparisons: Sequence[Comparison]) -> Status:
    if all(comparison.passed for comparison in comparisons):
        return Status.PASSED
    if any(comparison.failed for comparison in comparisons):
        return Status.FAILED
    return Status.INCONCLUSIVE


def _suspected(
    comparisons: Sequence[Comparison], hits: FloatArray, rates: FloatArray, listed: BoolArray, levels: Levels
) -> Suspected:
    """The likely cause of a failure."""
    chance = comparisons[0]
    if not chance.failed:
        return _against_baselines([comparison for comparison in comparisons if comparison.failed])
    # on the listed users alone there is one comparison, so alpha is not shared
    alone = Levels(levels.alpha, levels.alpha, levels.effect)
    some_listed = bool(listed.any())
    if not listed.all() and (not some_listed or compare_with_chance(hits[listed], rates[listed], alone).passed):
        return _missing_targets(listed)
    if log_e_value_below(hits[listed], rates[listed]) >= math.log(1.0 / levels.alpha):
        fault: Fault = REVERSED
    else:
        fault = UNDER_TRAINED if chance.beaten else NO_SIGNAL
    cause, fix = _WORDS[fault]
    if fault is UNDER_TRAINED and all(comparison.beaten for comparison in comparisons):
        fix += _smaller_effect(chance, hits)
    return suspect(fault, cause, fix, statistical=True)


def _smaller_effect(chance: Comparison, hits: FloatArray) -> str:
    """The advice of an `effect` with which a ranking passes that beats everything, but chance by too little."""
    needed = math.log(1.0 / chance.levels.alpha_failed)
    smaller = nearest_passing(
        lambda effect: log_e_value_below(hits, chance.recall + effect) < needed, chance.effect, _SMALLEST_EFFECT
    )
    if smaller is None:
        return ""
    return f" If this gain is enough for you, {setting_advice('recall_beats_baseline', 'effect', smaller)}."


def _missing_targets(listed: BoolArray) -> Suspected:
    missing = f"{int((~listed).sum())} of {len(listed)} users have no listed target item and count as misses."
    others = " The other users are ranked better than chance." if listed.any() else ""
    return suspect(TARGET_NOT_LISTED, missing + others, statistical=True)


def _against_baselines(failed: Sequence[Comparison]) -> Suspected:
    names = [comparison.baseline for comparison in failed]
    if names == [_HISTORY_BLIND]:
        cause = (
            "With the histories exchanged among the users the ranking is as good as with their own (Recall@K differs by "
            f"{failed[0].difference:+.3f}): it is a user-independent popularity or recency prior."
        )
        return suspect(HISTORY_IGNORED, cause, statistical=True)
    shuffle = " Shuffle the candidates of each task, so that positions carry no information."
    return suspect(
        BASELINE_NOT_BEATEN,
        f"The reranker adds nothing over {', '.join(names)}, which costs nothing.",
        BASELINE_NOT_BEATEN.fix + shuffle if _LISTED_ORDERS.intersection(names) else "",
        statistical=True,
    )


def _undecided(comparisons: Sequence[Comparison], n: int) -> tuple[str, str]:
    open_ones = [comparison for comparison in comparisons if not comparison.passed]
    names = ", ".join(comparison.baseline for comparison in open_ones)
    cause = f"{n} users are too few to decide whether the ranking beats {names}."
    numbers = [comparison.enough for comparison in open_ones if comparison.enough is not None]
    if len(numbers) < len(open_ones):
        return (
            cause,
            "No number of users at these rates would decide; judge on other users too.",
        )
    return cause, f"About {max(*numbers, n + 1)} users at these rates would decide (now {n})."


def _decided_after(comparisons: Sequence[Comparison]) -> int | None:
    """Users after which the last of the baselines was beaten."""
    moments = [comparison.decided_after for comparison in comparisons]
    return max((moment for moment in moments if moment is not None), default=None)


def _claim(comparisons: Sequence[Comparison], k: int, n_candidates: IntArray) -> str:
    low, high = int(n_candidates.min()), int(n_candidates.max())
    candidates = str(low) if low == high else f"{low} to {high}"
    references = f"chance ({comparisons[0].recall:.3f})"
    if len(comparisons) > 1:  # the strongest comes right after chance
        references += f" and than every baseline, at best {comparisons[1].baseline} ({comparisons[1].recall:.3f})"
    return f"over {len(n_candidates)} users Recall@{k} of {candidates} candidates is better than {references}"
