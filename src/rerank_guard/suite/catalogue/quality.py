"""Gates on the quality of the ranking, most of them once a cutoff."""

from __future__ import annotations

from operator import methodcaller

from rerank_guard.checks.carries_over import check_ranking_carries_over
from rerank_guard.checks.ceiling import check_recall_within_ceiling
from rerank_guard.checks.ranking import check_recall_beats_baseline
from rerank_guard.checks.recall_by_slot import check_recall_even_by_slot
from rerank_guard.checks.regression import check_no_regression
from rerank_guard.checks.reported_metric import check_reported_metrics
from rerank_guard.checks.survivorship import check_users_accounted_for
from rerank_guard.checks.throughput import check_throughput
from rerank_guard.stored import StoredRun
from rerank_guard.suite.baselines import baselines_of
from rerank_guard.suite.gates import Gate, Need, Tier
from rerank_guard.suite.session import SuiteSession
from rerank_guard.target import DeclaresPopulation, KnowsOracle, ReportsMetrics, Trains

__all__ = ["quality_gates"]


def quality_gates(session: SuiteSession) -> tuple[Gate, ...]:
    """All of them, for the session's cutoffs and stored run."""
    cutoffs = session.cutoffs()
    return (
        _RANKING_CARRIES_OVER,
        *(_recall_beats_baseline(k) for k in cutoffs),
        *(_recall_even_by_slot(k) for k in cutoffs),
        *(_recall_within_ceiling(k) for k in cutoffs),
        *(_users_accounted_for(k) for k in cutoffs),
        _REPORTED_METRICS,
        *(_no_regression(k, session.stored) for k in cutoffs if session.stored is not None),
        *(
            [_throughput(session.stored)]
            if session.stored is not None and session.stored.throughput is not None
            else []
        ),
    )


_RANKING_CARRIES_OVER = Gate(
    family="ranking_carries_over",
    k=None,
    tier=Tier.QUALITY,
    claim="what the job's own ranking gained over chance is there on the held-out tasks",
    needs=(Need(Trains, "train(progress)"),),
    inputs=(methodcaller("raw_scores"), methodcaller("training_trace")),
    check=lambda session: check_ranking_carries_over(session.training_trace(), session.scores(), session.tasks()),
)


_REPORTED_METRICS = Gate(
    family="reported_metrics",
    k=None,
    tier=Tier.QUALITY,
    claim="the figures that the target reports of itself are those recomputed from its scores",
    needs=(Need(ReportsMetrics, "reported_metrics()"),),
    inputs=(methodcaller("raw_scores"), methodcaller("reported_metrics")),
    check=lambda session: check_reported_metrics(session.reported_metrics(), session.scores(), session.tasks()),
)


def _throughput(stored: StoredRun) -> Gate:
    return Gate(
        family="throughput",
        k=None,
        tier=Tier.QUALITY,
        claim="scoring is not slower than in the stored run",
        needs=(),
        inputs=(methodcaller("throughput"),),
        check=lambda session: check_throughput(session.throughput(), stored.throughput),
    )


def _recall_even_by_slot(k: int) -> Gate:
    return Gate(
        family="recall_even_by_slot",
        k=k,
        tier=Tier.QUALITY,
        claim=f"Recall@{k} does not depend on where in the list the target stands",
        needs=(),
        inputs=(methodcaller("raw_scores"),),
        check=lambda session: check_recall_even_by_slot(session.scores(), session.tasks(), k=k),
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
