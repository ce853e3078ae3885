"""What a reported figure may be in place of the metric of its name: the mistakes that would give just that value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rerank_guard.checks.quality._metric_names import cutoff_of, with_cutoff
from rerank_guard.checks.quality._ranking_spans import Ranking, Span, span_of, standing_of_ranks
from rerank_guard.core.fault import Fault
from rerank_guard.core.faults.quality import METRIC_TAMPERED, METRIC_WRONG
from rerank_guard.core.ragged import Ragged
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import FloatArray
from rerank_guard.metrics import NDCG, Hit, Metric, Precision, ReciprocalRank, TargetStanding, target_standing

__all__ = ["Lookalike", "lookalikes"]

_BATCHES = (2, 4, 5, 8, 10, 16, 20, 24, 32, 48, 50, 64, 96, 100, 128, 200, 250, 256, 500, 512, 1000, 1024)
_MOST_CUTOFFS = 200

_Spans = Callable[[Metric], Iterable[Span]]


@dataclass(frozen=True, slots=True)
class Lookalike:
    """One mistake.

    Attributes:
        label: what was computed, in a few words.
        spans: the values that it gives in place of a metric; none where it does not apply.
        fault: metric-tampered where the figure then describes something else than the ranking of all users.
        exact: whether its values are so close together that a rounded figure would match one by chance.
    """

    label: str
    spans: _Spans
    fault: Fault = METRIC_WRONG
    exact: bool = False


def lookalikes(
    ranking: Ranking, table: TaskTable, cutoffs: Sequence[int], weight: FloatArray
) -> Iterator[Lookalike]:
    """All mistakes that are looked for, the most informative first.

    Args:
        ranking: of the targets under the scores.
        table: the tasks, in the same order.
        cutoffs: the K that occur in the report, for metrics that have none of their own.
        weight: (U,) weight of each task in the mean, summing to 1.
    """
    yield from _of_missing_targets(ranking, cutoffs, weight)
    yield from _of_ranks(ranking, weight)
    yield from _of_positions(ranking, table, weight)
    yield from _of_formulas(ranking, weight)
    yield from _of_means(ranking)


def _of_missing_targets(ranking: Ranking, cutoffs: Sequence[int], weight: FloatArray) -> Iterator[Lookalike]:
    standing = ranking.standing
    listed, n = standing.present, standing.n_candidates
    if bool(listed.all()) or not bool(listed.any()):
        return
    among_listed = np.where(listed, weight, 0.0) / weight[listed].sum()

    def found_at_k(metric: Metric) -> list[Span]:
        own = cutoff_of(metric)
        return [
            span_of(ranking.with_missing_at(np.full(len(n), k)), metric, weight)
            for k in (cutoffs if own is None else [own])
        ]

    yield Lookalike(
        f"the mean over the {int(listed.sum())} users with a listed target alone",
        _spans_of(standing, among_listed),
        METRIC_TAMPERED,
    )
    yield Lookalike("a missing target counted as found at rank K", found_at_k, METRIC_TAMPERED)
    for label, rank in (
        ("a missing target counted as found at rank 1", np.ones_like(n)),
        ("a missing target put in the place of the last candidate", n),
        ("a missing target appended behind the last candidate", n + 1),
    ):
        yield Lookalike(label, _spans_of(ranking.with_missing_at(rank), weight), METRIC_TAMPERED)


def _of_ranks(ranking: Ranking, weight: FloatArray) -> Iterator[Lookalike]:
    standing = ranking.standing
    listed, n = standing.present, standing.n_candidates
    shifted = {
        "ranks counted from 0": np.maximum(standing.above - 1, 0),
        "ranks counted from 2": standing.above + 1,
        "candidates sorted in ascending order of their scores": n - standing.above - standing.tied,
    }
    for label, above in shifted.items():
        other = replace(standing, above=np.where(listed, above, 0), n_candidates=n + 1)
        yield Lookalike(label, _spans_of(other, weight))
    yield Lookalike("K off by one", lambda metric: _at_cutoffs(standing, metric, weight, (1, -1)))
    if bool((standing.tied > 1).any()):
        for label, sign in (("in", 1), ("against", -1)):
            order = standing_of_ranks(ranking.sorted_ranks(sign), listed, n)
            yield Lookalike(f"ties broken {label} the order of the input", _spans_of(order, weight))


def _of_positions(ranking: Ranking, table: TaskTable, weight: FloatArray) -> Iterator[Lookalike]:
    listed, n = ranking.standing.present, ranking.standing.n_candidates
    believed = table.target_position.astype(np.int64)
    rows = [row[:length] for row, length in zip(ranking.matrix, n.tolist(), strict=True)]
    by_index = target_standing(rows, believed, present=(believed >= 0) & (believed < n))
    yield Lookalike("the candidate at target_index in place of target_id", _spans_of(by_index, weight))
    yield Lookalike(
        "the order in which the candidates were listed (a cut before the rerank), not that of the scores",
        _spans_of(standing_of_ranks(ranking.positions + 1, listed, n), weight),
        METRIC_TAMPERED,
    )
    first_stage = table.first_stage_scores
    if first_stage is not None and bool(first_stage.given.all()):
        by_first_stage = Ragged(np.asarray(first_stage.values, dtype=np.float64), table.candidates.offsets)
        retrieved = target_standing(
            [by_first_stage.row(row) for row in range(len(table))], ranking.positions, present=listed
        )
        yield Lookalike(
            "the first stage's order (a cut before the rerank), not that of the scores",
            _spans_of(retrieved, weight),
            METRIC_TAMPERED,
        )
    if not bool(listed.all()):
        share = float(weight[listed].sum())
        yield Lookalike(
            "the share of users whose target is listed at all, whatever the ranking",
            lambda _: [Span(share, share, share)],
            METRIC_TAMPERED,
        )


def _of_formulas(ranking: Ranking, weight: FloatArray) -> Iterator[Lookalike]:
    standing = ranking.standing

    def rescaled(metric: Metric, factor: float) -> list[Span]:
        return [span_of(standing, metric, weight).scaled(factor)]

    def over_k_relevant(metric: Metric) -> list[Span]:
        if not isinstance(metric, NDCG) or metric.k is None:
            return []
        return rescaled(metric, 1.0 / float((1.0 / np.log2(np.arange(2.0, metric.k + 2.0))).sum()))

    def others(metric: Metric) -> list[Span]:
        k = cutoff_of(metric)
        kinds: list[Metric] = [NDCG("binary", k), ReciprocalRank(k), ReciprocalRank(), NDCG("binary")]
        kinds += [] if k is None else [Hit(k), Precision(k)]
        return [span_of(standing, kind, weight) for kind in kinds]

    def at_any(metric: Metric) -> list[Span]:
        width = min(int(standing.n_candidates.max()), _MOST_CUTOFFS)
        return [span_of(standing, with_cutoff(metric, k), weight) for k in range(1, width + 1)]

    yield Lookalike("an ideal DCG of K relevant candidates, where a user has one", over_k_relevant)
    yield Lookalike(
        "a natural logarithm in the discount, not that to base 2",
        lambda metric: rescaled(metric, 1.0 / float(np.log(2.0))) if isinstance(metric, NDCG) else [],
    )
    yield Lookalike("another metric under this name", others)
    yield Lookalike("the metric at another cutoff", at_any)
    yield Lookalike("a percentage", lambda metric: rescaled(metric, 100.0))
    yield Lookalike("one minus the metric", lambda metric: [span_of(standing, metric, weight).complement()])


def _of_means(ranking: Ranking) -> Iterator[Lookalike]:
    standing = ranking.standing
    users = len(standing.above)

    def of_batches(metric: Metric) -> Iterator[Span]:
        policies = [standing.values(metric, policy) for policy in ("expected", "pessimistic", "optimistic")]
        for size in _BATCHES:
            if size < users and users % size:
                starts = np.arange(0, users, size)
                lengths = np.diff(np.append(starts, users))
                yield Span(*(float((np.add.reduceat(values, starts) / lengths).mean()) for values in policies))

    def of_first(metric: Metric) -> Iterator[Span]:
        means = np.cumsum(standing.values(metric)) / np.arange(1.0, users + 1.0)
        for last in {users - users % size for size in _BATCHES if size < users} - {users}:
            yield Span(*([float(means[last - 1])] * 3))

    def of_all(metric: Metric) -> list[Span]:
        total = float(standing.values(metric).sum())
        return [Span(total, total, total)]

    yield Lookalike("a mean of the means of batches, of which the last is shorter", of_batches, exact=True)
    yield Lookalike("a mean over the first users alone, as when the last batch is dropped", of_first, exact=True)
    yield Lookalike("a sum over users, not a mean", of_all)


def _spans_of(standing: TargetStanding, weight: FloatArray) -> _Spans:
    return lambda metric: [span_of(standing, metric, weight)]


def _at_cutoffs(
    standing: TargetStanding, metric: Metric, weight: FloatArray, steps: Sequence[int]
) -> Iterator[Span]:
    k = cutoff_of(metric)
    for step in steps:
        if k is not None and k + step >= 1:
            yield span_of(standing, with_cutoff(metric, k + step), weight)
