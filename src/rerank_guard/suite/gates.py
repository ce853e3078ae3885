"""The gates in order, each with the methods it needs and the outcome when they are missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum
from operator import methodcaller

from rerank_guard.checks.ceiling import check_recall_within_ceiling
from rerank_guard.checks.data import check_gt_in_candidates
from rerank_guard.checks.labels import check_letter_tokens_found
from rerank_guard.checks.learning import check_loss_below_random
from rerank_guard.checks.letter_prior import check_loss_below_letter_prior
from rerank_guard.checks.ranking import check_recall_beats_baseline
from rerank_guard.checks.regression import check_no_regression
from rerank_guard.checks.scores import check_probabilities_not_uniform, check_scores_well_formed
from rerank_guard.checks.survivorship import check_users_accounted_for
from rerank_guard.checks.temporal import check_no_future_training_data
from rerank_guard.errors import InvalidScoresError, InvalidTaskError, InvalidTraceError
from rerank_guard.stored import StoredRun
from rerank_guard.suite.baselines import baselines_of
from rerank_guard.suite.session import SuiteSession
from rerank_guard.target import DeclaresPopulation, KnowsLetters, KnowsOracle, KnowsTimes, PredictsProba, Trains
from rerank_guard.verdict import Status, Verdict

__all__ = ["Gate", "Need", "Tier", "gates_for", "judge", "prepare"]


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
        _NO_FUTURE_TRAINING_DATA,
        _LETTER_TOKENS_FOUND,
        _LOSS_BELOW_RANDOM,
        _LOSS_BELOW_LETTER_PRIOR,
        _SCORES_WELL_FORMED,
        _PROBABILITIES_NOT_UNIFORM,
        *(_recall_beats_baseline(k) for k in cutoffs),
        *(_recall_within_ceiling(k) for k in cutoffs),
        *(_users_accounted_for(k) for k in cutoffs),
        *(_no_regression(k, session.stored) for k in cutoffs if session.stored is not None),
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

_NO_FUTURE_TRAINING_DATA = Gate(
    family="no_future_training_data",
    k=None,
    tier=Tier.STATIC,
    claim="nothing was trained on that happened after the moment it is tested at",
    needs=(Need(KnowsTimes, "split_times()"),),
    inputs=(methodcaller("split_times"),),
    check=lambda session: check_no_future_training_data(session.split_times()),
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

_LOSS_BELOW_LETTER_PRIOR = Gate(
    family="loss_below_letter_prior",
    k=None,
    tier=Tier.TRAIN,
    claim="training teaches more than which letters are right most often",
    needs=(Need(Trains, "train(progress)"),),
    inputs=(methodcaller("training_trace"),),
    check=lambda session: check_loss_below_letter_prior(session.training_trace(), alpha=session.alpha),
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
        inputs=(
            methodcaller("raw_scores"),
            methodcaller("known_popularity"),
            methodcaller("known_item_times"),
            methodcaller("raw_made_up"),
        ),
        check=lambda session: check_recall_beats_baseline(
            session.scores(), session.tasks(), k=k, baselines=baselines_of(session, k), alpha=session.alpha
        ),
    )


def _users_accounted_for(k: int) -> Gate:
    return Gate(
        family="users_accounted_for",
        k=k,
        tier=Tier.QUALITY,
        claim="no user left the evaluation in silence, and few for a reason that depends on the target",
        needs=(Need(DeclaresPopulation, "population()"),),
        inputs=(methodcaller("raw_scores"), methodcaller("population")),
        check=lambda session: check_users_accounted_for(
            session.scores(), session.tasks(), population=session.population(), k=k
        ),
    )


def _no_regression(k: int, stored: StoredRun) -> Gate:
    return Gate(
        family="no_regression",
        k=k,
        tier=Tier.QUALITY,
        claim=f"Recall@{k} is not below that of the stored run",
        needs=(),
        inputs=(methodcaller("raw_scores"), methodcaller("conditions")),
        check=lambda session: check_no_regression(
            session.scores(),
            session.tasks(),
            stored,
            k=k,
            conditions=session.conditions(),
            alpha=session.alpha,
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
