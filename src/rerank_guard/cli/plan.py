"""How many users, and how many training examples and steps, the checks will need."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from scipy.special import rel_entr

from rerank_guard.core.defaults import ALPHA, LEARNING_EFFECT, RECALL_EFFECT
from rerank_guard.core.errors import RerankGuardError
from rerank_guard.core.setting import require_level
from rerank_guard.metrics import require_informative_cutoff
from rerank_guard.stats.letters import SHARES, TEMPERATURES
from rerank_guard.stats.power import hits_needed, hits_tolerated, users_until, when_decided

__all__ = ["CheckPlan", "plan_checks", "plan_lines"]

_MOST_USERS = 20_000
"""Beyond these the exact distribution is not carried on: quadratic in the users, some seconds here."""


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """What a check will need.

    Attributes:
        n_candidates, k, chance, recall, alpha, batch_size: what was asked.
        declared_effect: what a reranker at chance is failed against.
        users_median: users after which half of the rerankers that good have passed; None beyond 20,000.
        users_most: users after which 95 % of them have.
        users_to_fail: users after which half of the rerankers at chance have failed; None beyond 20,000.
        gain: nats by which the letter NLL lies below log N.
        gain_was_given: False when it is the least that the effect takes.
        examples: training examples at that gain that decide the check of the letter loss.
        steps: the same in optimiser steps.
    """

    n_candidates: int
    k: int
    chance: float
    recall: float
    alpha: float
    batch_size: int
    declared_effect: float
    users_median: int | None
    users_most: int | None
    users_to_fail: int | None
    gain: float
    gain_was_given: bool
    examples: int
    steps: int


def plan_checks(
    *,
    n_candidates: int,
    k: int,
    effect: float,
    declared_effect: float = RECALL_EFFECT,
    alpha: float = ALPHA,
    batch_size: int = 16,
    gain: float | None = None,
) -> CheckPlan:
    """Plan the checks of Recall@K (one target a user) and of the letter loss.

    Users: exact, by `stats.power`. Examples: the e-process against chance grows by the gain a example, log(1/alpha)
    has to be reached, and the mixtures over temperatures, shares and starts cost the log of their prior. Where no
    gain is given, it is the least that goes with the effect: among all letter distributions that put probability
    p1 on the top K instead of p0 = K/N, the Kullback-Leibler divergence from uniform is least for the one that is flat
    inside and outside, and is KL(p1 || p0) then.

    Args:
        n_candidates: N, at least 2.
        k: cutoff, below N.
        effect: Recall@K minus chance that is expected, above 0.
        declared_effect: the check's least effect.
        alpha: level of the checks.
        batch_size: training examples an optimiser step.
        gain: log N minus letter NLL that is expected, nats.

    Raises:
        VacuousMetricError: k is not below N.
        RerankGuardError: an effect, level, gain or batch size that no check can have.
    """
    if n_candidates < 2:
        raise RerankGuardError(f"N={n_candidates} is no ranking; give at least 2 candidates.")
    require_informative_cutoff(k, [n_candidates])
    chance = k / n_candidates
    recall = chance + effect
    if not (effect > 0.0 and recall <= 1.0):
        raise RerankGuardError(
            f"an effect of {effect} over a chance of {chance:.3f} is a Recall@{k} of {recall:.3f}; give an effect above 0 and "
            f"at most {1 - chance:.3f}."
        )
    require_level("alpha", alpha)
    if not 0.0 <= declared_effect < 1.0:
        raise RerankGuardError(
            f"declared_effect={declared_effect!r} is not a share; give a number from 0 to below 1, such as {RECALL_EFFECT}."
        )
    if batch_size < 1 or (gain is not None and not 0.0 < gain <= math.log(n_candidates)):
        raise RerankGuardError(
            f"batch_size={batch_size}, gain={gain}: give a batch size of at least 1, and a gain above 0 and at most "
            f"log N = {math.log(n_candidates):.3f} nats."
        )
    declared = min(declared_effect, chance, (1.0 - chance) / 2.0)
    users_median, users_most = _users(recall, chance, alpha)
    least_gain = float(rel_entr(recall, chance) + rel_entr(1.0 - recall, 1.0 - chance))
    expected = least_gain if gain is None else gain
    return CheckPlan(
        n_candidates=n_candidates,
        k=k,
        chance=chance,
        recall=recall,
        alpha=alpha,
        batch_size=batch_size,
        declared_effect=declared,
        users_median=users_median,
        users_most=users_most,
        users_to_fail=_users_to_fail(chance, declared, alpha),
        gain=expected,
        gain_was_given=gain is not None,
        examples=_examples(expected, alpha, batch_size),
        steps=math.ceil(_examples(expected, alpha, batch_size) / batch_size),
    )


def plan_lines(plan: CheckPlan) -> Iterator[str]:
    """The plan as text."""
    yield (
        f"Recall@{plan.k} of {plan.n_candidates} candidates: chance is {plan.chance:.3f}, expected {plan.recall:.3f}, "
        f"alpha {plan.alpha:g}"
    )
    yield f"  users to PASS           {_number(plan.users_median)} (half of such rerankers), {_number(plan.users_most)} (95 %)"
    yield (
        f"  users to FAIL           {_number(plan.users_to_fail)} (half of the rerankers at chance, against a declared "
        f"effect of {plan.declared_effect:g})"
    )
    origin = "as given" if plan.gain_was_given else "the least that goes with this Recall@K"
    yield f"letter loss: {plan.gain:.4f} nats below log N = {math.log(plan.n_candidates):.3f} ({origin})"
    yield (
        f"  examples at that level  {plan.examples:,}: {plan.steps:,} steps of {plan.batch_size}, after the steps that it "
        "takes to get there"
    )
    yield f"  first pass              at least {2 * plan.examples:,} distinct examples: the last half is judged for its size"
    least = LEARNING_EFFECT * math.log(plan.n_candidates)
    if plan.gain < least:
        yield (
            f"  note                    the check also asks for a gain of {least:.3f} nats ({LEARNING_EFFECT:.1%} of log N), "
            "more than this; it would stay inconclusive"
        )


def _users(recall: float, chance: float, alpha: float) -> tuple[int | None, int | None]:
    """Median and 95 % users to pass; the horizon grows until both are inside."""
    horizon = 250
    while True:
        passed, _ = when_decided(recall, hits_needed(chance, horizon, alpha))
        median, most = users_until(0.5, passed), users_until(0.95, passed)
        if most is not None or horizon >= _MOST_USERS:
            return median, most
        horizon = min(4 * horizon, _MOST_USERS)


def _users_to_fail(chance: float, declared: float, alpha: float) -> int | None:
    horizon = 1000
    while True:
        _, failed = when_decided(
            chance, hits_needed(chance, horizon, alpha), hits_tolerated(chance + declared, horizon, alpha)
        )
        median = users_until(0.5, failed)
        if median is not None or horizon >= _MOST_USERS:
            return median
        horizon = min(4 * horizon, _MOST_USERS)


def _examples(gain: float, alpha: float, batch_size: int) -> int:
    """Examples until the mixture reaches 1/alpha, betting from some hundredth batch on."""
    needed = math.log(1.0 / alpha) + math.log(len(TEMPERATURES) * len(SHARES)) + 2.0 * math.log(100.0)
    return math.ceil(max(needed / gain, batch_size))


def _number(users: int | None) -> str:
    return f"{users:,}" if users is not None else f"more than {_MOST_USERS:,}"
