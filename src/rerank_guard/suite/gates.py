"""The gates in order, each with the methods it needs and the outcome when they are missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from operator import methodcaller

import numpy as np

from rerank_guard.baselines import (
    chance_recall_at_k,
    listed_order_scores,
    popularity_scores,
    retriever_scores,
    reversed_listed_order_scores,
    reversed_popularity_scores,
)
from rerank_guard.checks._settings import true_slots
from rerank_guard.checks.ceiling import check_recall_within_ceiling
from rerank_guard.checks.data import check_gt_in_candidates
from rerank_guard.checks.labels import check_letter_tokens_found
from rerank_guard.checks.learning import check_loss_below_random
from rerank_guard.checks.ranking import check_recall_beats_baseline
from rerank_guard.checks.scores import check_probabilities_not_uniform, check_scores_well_formed
from rerank_guard.errors import InvalidScoresError, InvalidTaskError, InvalidTraceError
from rerank_guard.metrics import expected_hit_at_k
from rerank_guard.stats.tails import poisson_binomial_upper_tail
from rerank_guard.suite.session import SuiteSession
from rerank_guard.target import KnowsLetters, KnowsOracle, PredictsProba, Trains
from rerank_guard.types import FloatArray, RankingTask
from rerank_guard.verdict import Status, Verdict

__all__ = ["Gate", "Need", "Tier", "gates_for", "judge", "prepare"]


_SLOT_SKEW_ALPHA = 0.01
"""Level at which the listed order counts as better than chance and becomes a baseline of its own."""


class Tier(IntEnum):
    """How much a gate costs; gates run from the cheapest, most upstream tier to the dearest."""

    STATIC = 0
    TRAIN = 1
    FORWARD = 2
    QUALITY = 3


@dataclass(frozen=True, slots=True)
class Need:
    """A capability that a gate needs, and the method that brings it."""

    capability: type
    method: str


@dataclass(frozen=True, slots=True)
class Gate:
    """One entry of the suite.

    Attributes:
        family: the check's name without its cutoff.
        k: the cutoff, for gates that have one.
        tier: its cost.
        claim: the sentence it tests; shown when it does not apply or could not be judged.
        needs: capabilities without which it does not apply.
        inputs: what has to be asked of the target before it can judge, in this order. Not lambdas, whose frames
            would stand in the traceback of whatever the target raises.
        check: from the session to a verdict; runs after the inputs are there.
    """

    family: str
    k: int | None
    tier: Tier
    claim: str
    needs: tuple[Need, ...]
    inputs: tuple[Callable[[SuiteSession], object], ...]
    check: Callable[[SuiteSession], Verdict]

    @property
    def name(self) -> str:
        """The check's name, such as "recall_beats_baseline[K=20]"."""
        return self.family if self.k is None else f"{self.family}[K={self.k}]"


def gates_for(session: SuiteSession) -> tuple[Gate, ...]:
    """All gates in suite order, those of Recall@K once a cutoff.

    Raises:
        VacuousMetricError, InvalidTaskError, TargetError: see `SuiteSession.cutoffs`.
    """
    cutoffs = session.cutoffs()
    return (
        _GT_IN_CANDIDATES,
        _LETTER_TOKENS_FOUND,
        _LOSS_BELOW_RANDOM,
        _SCORES_WELL_FORMED,
        _PROBABILITIES_NOT_UNIFORM,
        *(_recall_beats_baseline(k) for k in cutoffs),
        *(_recall_within_ceiling(k) for k in cutoffs),
    )


def prepare(gate: Gate, session: SuiteSession) -> None:
    """Ask the target for all that `gate` judges; nothing when the gate does not apply.

    Raises:
        Exception: whatever the target raises.
    """
    __tracebackhide__ = True
    if not _missing(gate, session):
        for ask in gate.inputs:
            ask(session)


def judge(gate: Gate, session: SuiteSession) -> Verdict:
    """The gate's verdict. Malformed data becomes a failed verdict; what the target itself raises is passed on."""
    missing = _missing(gate, session)
    if missing:
        return _not_applicable(gate, session, missing)
    prepare(gate, session)
    try:
        verdict = gate.check(session)
    except (InvalidScoresError, InvalidTaskError, InvalidTraceError) as error:
        return _unreadable(gate, error)
    return verdict if verdict.check == gate.name else replace(verdict, check=gate.name)


def _missing(gate: Gate, session: SuiteSession) -> tuple[Need, ...]:
    return tuple(need for need in gate.needs if not isinstance(session.target, need.capability))


def _not_applicable(gate: Gate, session: SuiteSession, missing: tuple[Need, ...]) -> Verdict:
    methods = " and ".join(need.method for need in missing)
    return Verdict(
        check=gate.name,
        status=Status.NOT_APPLICABLE,
        claim=gate.claim,
        measured={},
        threshold={},
        n=0,
        cause=f"the target {session.target.name!r} has no {methods}",
        next_step=f"add {methods} to the target to have this checked",
    )


def _unreadable(gate: Gate, error: Exception) -> Verdict:
    """A claim that cannot be judged on malformed data has not been shown, so the verdict is FAILED."""
    return Verdict(
        check=gate.name,
        status=Status.FAILED,
        claim=gate.claim,
        measured={},
        threshold={},
        n=0,
        evidence=(str(error),),
        cause="the data that this check judges is malformed",
        next_step="correct what the evidence names; the checks before this one in the suite may say more",
    )


_GT_IN_CANDIDATES = Gate(
    family="gt_in_candidates",
    k=None,
    tier=Tier.STATIC,
    claim="every task's target is among its candidates, at the slot the pipeline believes, and none is listed twice",
    needs=(),
    inputs=(methodcaller("tasks"),),
    check=lambda session: check_gt_in_candidates(session.tasks()),
)

_LETTER_TOKENS_FOUND = Gate(
    family="letter_tokens_found",
    k=None,
    tier=Tier.STATIC,
    claim="every letter in use is one token of its own, and that token is the one scored",
    needs=(Need(KnowsLetters, "letter_table()"),),
    inputs=(methodcaller("tasks"), methodcaller("letter_table")),
    check=lambda session: check_letter_tokens_found(
        session.letter_table(), max(task.n_candidates for task in session.tasks())
    ),
)

_LOSS_BELOW_RANDOM = Gate(
    family="loss_below_random",
    k=None,
    tier=Tier.TRAIN,
    claim="training brings the letter's own loss below that of a random guess",
    needs=(Need(Trains, "train(progress)"),),
    inputs=(methodcaller("training_trace"),),
    check=lambda session: check_loss_below_random(session.training_trace(), alpha=session.alpha),
)

_SCORES_WELL_FORMED = Gate(
    family="scores_well_formed",
    k=None,
    tier=Tier.FORWARD,
    claim="every task has one finite score a candidate, and ties do not decide the ranking",
    needs=(),
    inputs=(methodcaller("raw_scores"),),
    check=lambda session: check_scores_well_formed(session.scores(), session.tasks()),
)

_PROBABILITIES_NOT_UNIFORM = Gate(
    family="probabilities_not_uniform",
    k=None,
    tier=Tier.FORWARD,
    claim="the probabilities over the letters differ from the uniform distribution",
    needs=(Need(PredictsProba, "predict_proba(tasks)"),),
    inputs=(methodcaller("raw_probabilities"),),
    check=lambda session: check_probabilities_not_uniform(
        session.probabilities(),
        n_candidates=[task.n_candidates for task in session.tasks()],
        alpha=session.alpha,
    ),
)


def _recall_beats_baseline(k: int) -> Gate:
    return Gate(
        family="recall_beats_baseline",
        k=k,
        tier=Tier.QUALITY,
        claim=f"Recall@{k} is above that of chance and of every baseline known",
        needs=(),
        inputs=(methodcaller("raw_scores"), methodcaller("known_popularity")),
        check=lambda session: check_recall_beats_baseline(
            session.scores(), session.tasks(), k=k, baselines=_baselines(session, k), alpha=session.alpha
        ),
    )


def _recall_within_ceiling(k: int) -> Gate:
    return Gate(
        family="recall_within_ceiling",
        k=k,
        tier=Tier.QUALITY,
        claim=f"Recall@{k} is not above what the known truth allows",
        needs=(Need(KnowsOracle, "oracle_proba(tasks)"),),
        inputs=(methodcaller("raw_scores"), methodcaller("raw_oracle")),
        # Its own, smaller alpha stands: hits above the ceiling accuse the data of a leak.
        check=lambda session: check_recall_within_ceiling(
            session.scores(), session.tasks(), session.oracle_probabilities(), k=k
        ),
    )


def _baselines(session: SuiteSession, k: int) -> dict[str, list[FloatArray]]:
    """The baselines that the target's data allow; chance is always held against by the check itself.

    Raises:
        InvalidTaskError: retriever_scores for some tasks only, or a popularity that knows no candidate.
    """
    tasks = session.tasks()
    baselines = _skewed_orders(tasks, k)
    popularity = session.known_popularity()
    if popularity is not None:
        baselines["popularity"] = popularity_scores(tasks, popularity)
        baselines["reversed popularity"] = reversed_popularity_scores(tasks, popularity)
    if any(task.retriever_scores is not None for task in tasks):
        baselines["retriever order"] = retriever_scores(tasks)
    return baselines


def _skewed_orders(tasks: Sequence[RankingTask], k: int) -> dict[str, list[FloatArray]]:
    """The listed order and its reverse, each where it beats chance by itself (p <= 0.01): slots are then not uniform.

    Where slots are uniform these orders are chance, which is tested exactly already; a paired comparison with one
    draw of them would only cost users.
    """
    slots = true_slots(tasks)
    rates = np.array([chance_recall_at_k(task.n_candidates, k) for task in tasks])
    orders = {
        "listed order": listed_order_scores(tasks),
        "reversed listed order": reversed_listed_order_scores(tasks),
    }
    return {
        name: scores
        for name, scores in orders.items()
        if poisson_binomial_upper_tail(round(expected_hit_at_k(scores, slots, k).sum()), rates) <= _SLOT_SKEW_ALPHA
    }
