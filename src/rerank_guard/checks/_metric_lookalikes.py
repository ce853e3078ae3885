"""What a reported figure may be in place of the metric it is called: the mistakes that would give just that value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rerank_guard.checks._metric_names import cutoff_of, with_cutoff
from rerank_guard.metrics import NDCG, Hit, Metric, Precision, ReciprocalRank, TargetStanding, target_standing
from rerank_guard.types import BoolArray, FloatArray, IntArray, RankingTask

__all__ = ["Lookalike", "Ranking", "Span", "lookalikes"]

_BATCHES = (2, 4, 5, 8, 10, 16, 20, 24, 32, 48, 50, 64, 96, 100, 128, 200, 250, 256, 500, 512, 1000, 1024)
_MOST_CUTOFFS = 200


@dataclass(frozen=True, slots=True)
class Span:
    """A mean over users: in expectation over tie orders, and in the worst and the best of them."""

    expected: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """Where the targets stand.

    Attributes:
        standing: of U targets, ties left open.
        matrix: (U, Nmax) float64, the scores, -inf on the right of shorter rows.
        slots: (U,) int64, where the target is listed; 0 where it is not.
    """

    standing: TargetStanding
    matrix: FloatArray
    slots: IntArray

    def span(self, metric: Metric, weight: FloatArray | None = None) -> Span:
        """The metric's mean; weight is (U,), summing to 1, and the same for all by default."""
        return _span(self.standing, metric, weight)


@dataclass(frozen=True, slots=True)
class Lookalike:
    """One mistake.

    Attributes:
        label: what was computed, in a few words.
        spans: the values that it gives in place of a metric; none where it does not apply.
        fault: metric-tampered where it makes the figure speak of something else than the ranking of all users.
        exact: whether its values lie so close together that a rounded figure would meet one by chance.
    """

    label: str
    spans: Callable[[Metric], Iterable[Span]]
    fault: str = "metric-wrong"
    exact: bool = False


def lookalikes(
    ranking: Ranking, tasks: Sequence[RankingTask], cutoffs: Sequence[int], weight: FloatArray
) -> Iterator[Lookalike]:
    """All mistakes that are looked for, the more telling first.

    Args:
        ranking: the targets' standing under the scores.
        tasks: the tasks, in the same order.
        cutoffs: the K that occur in the report, for metrics that have none of their own.
        weight: (U,) weight of each task in the mean, summing to 1.
    """
    yield from _of_missing_targets(ranking, cutoffs, weight)
    yield from _of_ranks(ranking, weight)
    yield from _of_slots(ranking, tasks, weight)
    yield from _of_formulas(ranking, weight)
    yield from _of_means(ranking)


def _of_missing_targets(ranking: Ranking, cutoffs: Sequence[int], weight: FloatArray) -> Iterator[Lookalike]:
    standing = ranking.standing
    listed, n = standing.present, standing.n_candidates
    if bool(listed.all()) or not bool(listed.any()):
        return
    tampered = "metric-tampered"
    among_listed = np.where(listed, weight, 0.0) / weight[listed].sum()
    n_listed = int(listed.sum())
    yield Lookalike(
        f"the mean over the {n_listed} users with a listed target alone",
        lambda metric: [_span(standing, metric, among_listed)],
        tampered,
    )
    yield Lookalike(
        "a missing target counted as found at rank K",
        lambda metric: [
            _span(_with_missing_at(standing, np.full(len(n), k)), metric, weight)
            for k in ([cutoff_of(metric)] if cutoff_of(metric) else cutoffs)
            if k is not None
        ],
        tampered,
    )
    for label, rank in (
        ("a missing target counted as found at rank 1", np.ones_like(n)),
        ("a missing target put in the place of the last candidate", n),
        ("a missing target appended behind the last candidate", n + 1),
    ):
        moved = _with_missing_at(standing, rank)
        yield Lookalike(label, lambda metric, moved=moved: [_span(moved, metric, weight)], tampered)  # type: ignore[misc]


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
        yield Lookalike(label, lambda metric, other=other: [_span(other, metric, weight)])  # type: ignore[misc]
    yield Lookalike("K off by one", lambda metric: _at_cutoffs(standing, metric, weight, (1, -1)))
    if bool((standing.tied > 1).any()):
        for label, kept in (("in", 1), ("against", -1)):
            order = _standing_of_ranks(_sorted_ranks(ranking, kept), listed, n)
            yield Lookalike(
                f"ties broken {label} the order of the input",
                lambda metric, order=order: [_span(order, metric, weight)],  # type: ignore[misc]
            )


def _of_slots(ranking: Ranking, tasks: Sequence[RankingTask], weight: FloatArray) -> Iterator[Lookalike]:
    listed, n = ranking.standing.present, ranking.standing.n_candidates
    believed = [
        slot if (slot := task.target_index) is not None and 0 <= slot < task.n_candidates else None
        for task in tasks
    ]
    rows = [row[:length] for row, length in zip(ranking.matrix, n, strict=True)]
    by_index = target_standing(rows, believed)
    yield Lookalike(
        "the candidate at target_index in place of target_id",
        lambda metric: [_span(by_index, metric, weight)],
    )
    tampered = "metric-tampered"
    in_input_order = _standing_of_ranks(ranking.slots + 1, listed, n)
    yield Lookalike(
        "the order in which the candidates were listed (a cut before the rerank), not that of the scores",
        lambda metric: [_span(in_input_order, metric, weight)],
        tampered,
    )
    if all(task.retriever_scores is not None for task in tasks):
        slots = [int(slot) if there else None for slot, there in zip(ranking.slots, listed, strict=True)]
        retrieved = target_standing([np.asarray(task.retriever_scores, dtype=np.float64) for task in tasks], slots)
        yield Lookalike(
            "the retriever's order (a cut before the rerank), not that of the scores",
            lambda metric: [_span(retrieved, metric, weight)],
            tampered,
        )
    if not bool(listed.all()):
        share = float(weight[listed].sum())
        yield Lookalike(
            "the share of users whose target is listed at all, whatever the ranking",
            lambda _: [Span(share, share, share)],
            tampered,
        )


def _of_formulas(ranking: Ranking, weight: FloatArray) -> Iterator[Lookalike]:
    standing = ranking.standing

    def rescaled(metric: Metric, factor: float) -> list[Span]:
        span = _span(standing, metric, weight)
        return [Span(span.expected * factor, span.low * factor, span.high * factor)]

    def over_k_relevant(metric: Metric) -> list[Span]:
        if not isinstance(metric, NDCG) or metric.k is None:
            return []
        return rescaled(metric, 1.0 / float((1.0 / np.log2(np.arange(2.0, metric.k + 2.0))).sum()))

    def others(metric: Metric) -> list[Span]:
        k = cutoff_of(metric)
        kinds: list[Metric] = [NDCG("binary", k), ReciprocalRank(k), ReciprocalRank(), NDCG("binary")]
        kinds += [] if k is None else [Hit(k), Precision(k)]
        return [_span(standing, kind, weight) for kind in kinds]

    def at_any(metric: Metric) -> list[Span]:
        width = min(int(standing.n_candidates.max()), _MOST_CUTOFFS)
        return [_span(standing, with_cutoff(metric, k), weight) for k in range(1, width + 1)]

    yield Lookalike("an ideal DCG of K relevant candidates, where a user has one", over_k_relevant)
    yield Lookalike(
        "a natural logarithm in the discount, not that to base 2",
        lambda metric: rescaled(metric, 1.0 / float(np.log(2.0))) if isinstance(metric, NDCG) else [],
    )
    yield Lookalike("another metric under this name", others)
    yield Lookalike("the metric at another cutoff", at_any)
    yield Lookalike("a percentage", lambda metric: rescaled(metric, 100.0))
    yield Lookalike("one minus the metric", lambda metric: _complement(_span(standing, metric, weight)))


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


def _span(standing: TargetStanding, metric: Metric, weight: FloatArray | None) -> Span:
    policies = (
        standing.values(metric),
        standing.values(metric, "pessimistic"),
        standing.values(metric, "optimistic"),
    )
    return Span(*(float(values.mean() if weight is None else values @ weight) for values in policies))


def _at_cutoffs(
    standing: TargetStanding, metric: Metric, weight: FloatArray, steps: Sequence[int]
) -> Iterator[Span]:
    k = cutoff_of(metric)
    for step in steps:
        if k is not None and k + step >= 1:
            yield _span(standing, with_cutoff(metric, k + step), weight)


def _complement(span: Span) -> list[Span]:
    return [Span(1.0 - span.expected, 1.0 - span.high, 1.0 - span.low)]


def _with_missing_at(standing: TargetStanding, rank: IntArray) -> TargetStanding:
    """Every user's target listed: the missing ones at the given 1-based rank."""
    listed = standing.present
    above, tied = np.where(listed, standing.above, rank - 1), np.where(listed, standing.tied, 1)
    widest = np.maximum(standing.n_candidates, above + tied)
    return TargetStanding(above, tied, widest, np.ones(len(listed), dtype=np.bool_))


def _standing_of_ranks(rank: IntArray, listed: BoolArray, n_candidates: IntArray) -> TargetStanding:
    """Of 1-based ranks without ties."""
    return TargetStanding(np.where(listed, rank - 1, 0), listed.astype(np.int64), n_candidates, listed)


def _sorted_ranks(ranking: Ranking, sign: int) -> IntArray:
    """(U,) 1-based rank when a tie goes to the earlier slot (sign 1) or to the later one (sign -1)."""
    target = np.take_along_axis(ranking.matrix, ranking.slots[:, None], axis=1)
    ahead = sign * np.arange(ranking.matrix.shape[1]) < sign * ranking.slots[:, None]
    above = (ranking.matrix > target) | ((ranking.matrix == target) & ahead)
    return np.asarray(above.sum(axis=1) + 1, dtype=np.int64)
