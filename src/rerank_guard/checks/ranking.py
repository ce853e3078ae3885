"""Does the ranking beat what comes for free?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rerank_guard.baselines import chance_recall_at_k
from rerank_guard.checks._hits import e_value_text, hits_interval
from rerank_guard.checks._settings import ALPHA, require_settings, require_tasks, true_slots
from rerank_guard.defaults import RECALL_EFFECT
from rerank_guard.errors import InvalidScoresError
from rerank_guard.metrics import (
    as_score_matrix,
    expected_hit_at_k,
    require_informative_cutoff,
    tie_gap_at_k,
)
from rerank_guard.stats.bets import (
    first_crossing,
    log_e_path_above,
    log_e_path_below,
    log_e_value_below,
    p_value_of,
)
from rerank_guard.stats.paired import log_e_path_better, log_e_path_worse_than
from rerank_guard.stats.sample_size import samples_to_bet_above, samples_to_bet_below
from rerank_guard.types import BoolArray, FloatArray, RankingTask
from rerank_guard.verdict import MAX_EVIDENCE, Status, Verdict

__all__ = ["check_recall_beats_baseline"]

_CHANCE = "chance"
_HISTORY_BLIND = "history-blind"
_RESERVED = frozenset({_CHANCE, "effect", "effect_over_chance", "alpha"})

_EXPLANATIONS = {
    "no-signal": (
        "The ranking is as good as a random one. The usual suspects: the target is missing from the lists; the "
        "letters are not single tokens; the loss averages in the end-of-sequence token, so it fell without the "
        "letter being learned; the scored prompt is not the trained one.",
        "Look at the verdicts on targets, letter tokens and learning first, in this order; then compare a training "
        "prompt with a scoring prompt token by token.",
    ),
    "reversed": (
        "The ranking is worse than a random one: likely sorted ascending, or it prefers popular items while the "
        "negatives were sampled by popularity.",
        "Check that higher means better where scores are sorted; compare with popularity turned round.",
    ),
    "gt-missing": (
        "The users whose target is listed are ranked better than chance; the missing targets pull the rest down.",
        "Repair the candidate lists: the target must survive the cut to N.",
    ),
    "under-trained": (
        "Better than chance, but by less than the declared effect.",
        "Train for longer or with more data; if this much is enough for you, declare a smaller `effect`.",
    ),
    "history-ignored": (
        "With the histories exchanged among the users the ranking is as good as with their own: it does not depend on "
        "who asks, and is a popularity or recency prior in disguise.",
        "Print a prompt and look for the history in it: cut off by the length limit, empty, or another user's. If it is "
        "there, train on negatives that are as popular and as recent as the targets, so that only the history tells "
        "them apart.",
    ),
    "baseline-not-beaten": (
        "The reranker adds nothing over a baseline that costs nothing.",
        "Use the baseline's order, or give the model what it lacks: more training, the history in the prompt, "
        "negatives that popularity or the retriever cannot tell apart. Where it is the listed order, shuffle the "
        "candidates of each task: the slots then tell nothing.",
    ),
}


@dataclass(frozen=True, slots=True)
class _Comparison:
    """How the reranker stands against one baseline."""

    baseline: str
    recall: float  # the baseline's
    difference: float
    effect: float
    log_e_better: float  # log E against "the reranker is no better"
    log_e_trivial: float  # log E against "the reranker is better by at least the effect"
    alpha: float
    alpha_failed: float  # alpha shared among the comparisons of this check
    decided_after: int | None  # users after which "no better" was rejected
    enough: int | None  # users that would decide

    @property
    def beaten(self) -> bool:
        return self.log_e_better >= math.log(1.0 / self.alpha)

    @property
    def trivial(self) -> bool:
        return self.log_e_trivial >= math.log(1.0 / self.alpha_failed)

    @property
    def failed(self) -> bool:
        # beating a real baseline for certain is worth having however small the gain; beating chance is not
        return self.trivial and (self.baseline == _CHANCE or not self.beaten)

    @property
    def passed(self) -> bool:
        return self.beaten and not self.failed

    def row(self) -> str:
        when = f", decided after {self.decided_after} users" if self.beaten and self.decided_after else ""
        return (
            f"{self.baseline} {self.recall:.3f} (difference {self.difference:+.3f}, "
            f"{e_value_text(self.log_e_better)}{when})"
        )


def check_recall_beats_baseline(
    scores: Sequence[FloatArray],
    tasks: Sequence[RankingTask],
    *,
    k: int,
    baselines: Mapping[str, Sequence[FloatArray]],
    alpha: float = ALPHA,
    effect: float = RECALL_EFFECT,
) -> Verdict:
    """Recall@K (one target a user) is better than chance and than every given baseline.

    Ties count in expectation. Judged is the slot of `target_id`; a user whose target is not listed is a miss
    (end-to-end evaluation), and the figure over the other users is measured beside it.

    Against chance, a bet on hits of rate above K/N, which holds for any N and for hits in expectation over ties; against
    a baseline, a bet on the difference user by user. Both are e-processes, valid however often one looks and however
    the number of users was chosen, so more users may be added until they decide (see `stats.bets`, `stats.paired`).

    - PASSED: against every baseline "no better" is rejected at alpha (a conjunction, so no correction is due), and
      against chance "better by at least the effect" is not rejected.
    - FAILED: against chance, or against a baseline that is not beaten, "better by at least the effect" is rejected, at
      alpha over the number of comparisons.
    - INCONCLUSIVE: else, with the number of users that would decide.

    The effect is at most half of the room that a baseline leaves below 1, and over chance at most chance itself:
    where chance is 0.02, to double it is no trifle.

    Args:
        scores: one array (N_u,) a task, higher is better.
        tasks: the tasks, in the same order.
        k: cutoff, below the smallest N.
        baselines: name to scores on the same tasks, such as popularity, reversed popularity, the retriever's;
            chance is always in. Under "history-blind" the reranker's own scores with the histories exchanged among the
            users, see `counterfactual.swapped_histories`: where nothing but these fails it, it is history-ignored.
        alpha: level of either decision.
        effect: least difference of Recall@K that counts, in [0, 1).

    Raises:
        InvalidTaskError: no tasks.
        VacuousMetricError: k at or above the smallest N, or below 1.
        InvalidScoresError: malformed scores, of the reranker or of a baseline; a baseline named "chance", "effect",
            "effect_over_chance" or "alpha".
        RerankGuardError: alpha or effect out of range.
    """
    require_settings(alpha, effect)
    require_tasks(tasks)
    lengths = [task.n_candidates for task in tasks]
    require_informative_cutoff(k, lengths)
    if taken := _RESERVED.intersection(baselines):
        raise InvalidScoresError(
            f"a baseline is named {min(taken)!r}, which the verdict uses itself (chance is computed exactly); give "
            "yours another name."
        )
    for name, rows in {"scores": scores, **baselines}.items():
        as_score_matrix(rows, lengths, what=name if name == "scores" else f"scores of baseline {name!r}")
    slots = true_slots(tasks)
    present = np.array([slot is not None for slot in slots], dtype=np.bool_)
    hits = expected_hit_at_k(scores, slots, k)
    rates = np.array([chance_recall_at_k(n, k) for n in lengths])

    alphas = alpha, alpha / (1 + len(baselines))
    chance = _against_chance(hits, rates, effect, *alphas)
    others = [
        _against_baseline(name, hits, expected_hit_at_k(rows, slots, k), effect, *alphas)
        for name, rows in baselines.items()
    ]
    comparisons = [chance, *sorted(others, key=lambda comparison: comparison.difference)]
    if all(comparison.passed for comparison in comparisons):
        status = Status.PASSED
    elif any(comparison.failed for comparison in comparisons):
        status = Status.FAILED
    else:
        status = Status.INCONCLUSIVE
    fault = _fault(comparisons, hits, rates, present, effect, alpha) if status is Status.FAILED else None
    cause, next_step = _EXPLANATIONS[fault] if fault else ("", "")
    if status is Status.INCONCLUSIVE:
        cause, next_step = _undecided(comparisons, len(hits))
    references = f"chance ({chance.recall:.3f})"
    if len(comparisons) > 1:  # the strongest stands right after chance
        references += f" and than every baseline, at best {comparisons[1].baseline} ({comparisons[1].recall:.3f})"
    return Verdict(
        check=f"recall_beats_baseline[K={k}]",
        status=status,
        claim=(
            f"over {len(tasks)} users Recall@{k} of {_candidates(lengths)} candidates is better than {references}"
        ),
        measured={
            "recall": float(hits.mean()),
            "recall_where_target_is_listed": float(hits[present].mean()) if present.any() else None,
            "users_without_target": int((~present).sum()),
            "tie_gap": tie_gap_at_k(scores, slots, k),
            "decided_after_users": _decided_after(comparisons) if status is Status.PASSED else None,
        },
        threshold={
            **{comparison.baseline: comparison.recall for comparison in comparisons},
            "effect": effect,
            "effect_over_chance": chance.effect,
            "alpha": alpha,
        },
        n=len(tasks),
        interval=hits_interval(hits, alpha),
        evidence=tuple(comparison.row() for comparison in comparisons[:MAX_EVIDENCE]),
        cause=cause,
        next_step=next_step,
        fault=fault,
        p_failed=min(
            1.0, len(comparisons) * min(p_value_of(comparison.log_e_trivial) for comparison in comparisons)
        ),
    )


def _against_chance(
    hits: FloatArray, rates: FloatArray, effect: float, alpha: float, alpha_failed: float
) -> _Comparison:
    chance, recall, n = float(rates.mean()), float(hits.mean()), len(hits)
    effect = min(effect, chance, (1.0 - chance) / 2.0)
    better = log_e_path_above(hits, rates)
    # the mean alone is shifted: a rate of its own plus the effect could leave [0, 1] where N is small
    trivial = log_e_path_below(hits, chance + effect)
    return _Comparison(
        baseline=_CHANCE,
        recall=chance,
        difference=recall - chance,
        effect=effect,
        log_e_better=float(better[-1]),
        log_e_trivial=float(trivial[-1]),
        alpha=alpha,
        alpha_failed=alpha_failed,
        decided_after=first_crossing(better, n, alpha),
        enough=_fewest(
            [samples_to_bet_above(hits, rates, alpha), samples_to_bet_below(hits, chance + effect, alpha_failed)]
        ),
    )


def _against_baseline(
    name: str, hits: FloatArray, baseline_hits: FloatArray, effect: float, alpha: float, alpha_failed: float
) -> _Comparison:
    differences, recall = hits - baseline_hits, float(baseline_hits.mean())
    effect = min(effect, (1.0 - recall) / 2.0)
    halves = (differences + 1.0) / 2.0
    better = log_e_path_better(hits, baseline_hits)
    return _Comparison(
        baseline=name,
        recall=recall,
        difference=float(differences.mean()),
        effect=effect,
        log_e_better=float(better[-1]),
        log_e_trivial=float(log_e_path_worse_than(hits, baseline_hits, effect)[-1]),
        alpha=alpha,
        alpha_failed=alpha_failed,
        decided_after=first_crossing(better, len(hits), alpha),
        enough=_fewest(
            [
                samples_to_bet_above(halves, 0.5, alpha),
                samples_to_bet_below(halves, (1.0 + effect) / 2.0, alpha_failed),
            ]
        ),
    )


def _fault(
    comparisons: Sequence[_Comparison],
    hits: FloatArray,
    rates: FloatArray,
    present: BoolArray,
    effect: float,
    alpha: float,
) -> str:
    """The likely cause of a failure."""
    chance = comparisons[0]
    if not chance.failed:
        failed = [comparison.baseline for comparison in comparisons if comparison.failed]
        return "history-ignored" if failed == [_HISTORY_BLIND] else "baseline-not-beaten"
    listed, listed_rates = hits[present], rates[present]
    if 0 < len(listed) < len(hits) and _against_chance(listed, listed_rates, effect, alpha, alpha).passed:
        return "gt-missing"
    if len(listed) == 0:
        return "gt-missing"
    if log_e_value_below(listed, listed_rates) >= math.log(1.0 / alpha):
        return "reversed"
    return "under-trained" if chance.beaten else "no-signal"


def _undecided(comparisons: Sequence[_Comparison], n: int) -> tuple[str, str]:
    open_ones = [comparison for comparison in comparisons if not comparison.passed]
    names = ", ".join(comparison.baseline for comparison in open_ones)
    seen = f"{n} users are too few to tell whether the ranking beats {names}."
    numbers = [comparison.enough for comparison in open_ones if comparison.enough is not None]
    if len(numbers) < len(open_ones):
        return (
            seen,
            "No number of users at these rates would decide; judge on other users too, or declare another effect.",
        )
    return seen, f"About {max(*numbers, n + 1)} users at these rates would decide (now {n})."


def _decided_after(comparisons: Sequence[_Comparison]) -> int | None:
    """Users after which the last of the baselines was beaten."""
    moments = [comparison.decided_after for comparison in comparisons]
    return max((moment for moment in moments if moment is not None), default=None)


def _fewest(numbers: Sequence[int | None]) -> int | None:
    return min((number for number in numbers if number is not None), default=None)


def _candidates(lengths: Sequence[int]) -> str:
    low, high = min(lengths), max(lengths)
    return str(low) if low == high else f"{low} to {high}"
