"""Reported figures compared with the metrics of their names, and the mistake that explains the wrong ones."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rerank_guard.checks.quality._metric_lookalikes import Lookalike, lookalikes
from rerank_guard.checks.quality._metric_names import cutoff_of
from rerank_guard.checks.quality._ranking_spans import Ranking, Span
from rerank_guard.checks.quality._relevant_spans import RelevantRanking
from rerank_guard.core.row_equality import first_equal_rows
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import FloatArray, IntArray
from rerank_guard.metrics import Hit, Metric, Recall

__all__ = ["Agreement", "Figure", "explain", "judge_figures", "vacuous_share"]

_DECIMALS = range(2, 9)
_FLOAT32 = 4e-8


@dataclass(frozen=True, slots=True)
class Figure:
    """One reported figure whose name is understood.

    Attributes:
        name, metric, value: as it was reported.
        recomputed: the metric's mean over all users.
        right: whether the two agree.
        note: how they agree, where not to the last digit.
    """

    name: str
    metric: Metric
    value: float
    recomputed: Span
    right: bool
    note: str

    @property
    def difference(self) -> float:
        """Between reported and recomputed; infinite where one is no number."""
        difference = abs(self.value - self.recomputed.expected)
        return math.inf if math.isnan(difference) else difference

    def row(self, label: str | None, n_candidates: IntArray) -> str:
        """The figure on one line; `label` is the mistake that gives its value."""
        span = self.recomputed
        shown = f"{self.name}: reported {self.value:.6g}, recomputed {span.expected:.6g}"
        if span.width > 1e-9:
            shown += f" ({span.low:.6g} to {span.high:.6g} by the order of tied candidates)"
        if not self.right:
            shown += f"; looks like {label}" if label else "; like no common mistake"
        elif self.note:
            shown += f"; agrees {self.note}"
        if vacuous_share(self.metric, n_candidates):
            full = int((n_candidates <= (cutoff_of(self.metric) or 0)).sum())
            shown += f"; 1 by construction for each listed target of {full} of {len(n_candidates)} users"
        return shown


@dataclass(frozen=True, slots=True)
class Agreement:
    """When a reported value counts as equal to a recomputed one.

    Attributes:
        tolerance: largest difference that is rounding of floats.
        max_tie_gap: between the worst and the best order of ties; above it a value inside the gap does not agree.
        per_cent: whether values may be in per cent.
    """

    tolerance: float
    max_tie_gap: float
    per_cent: bool

    def how(self, value: float, span: Span, *, exact: bool = False) -> str | None:
        """How a value agrees with a mean: "" to the last digit; None where it does not. `exact` allows no rounding."""
        for read, unit in ((value, ""), (value / 100.0, "in per cent")) if self.per_cent else ((value, ""),):
            half = 0.0 if exact else _half_of_last_decimal(read)
            for allowed, rounded in ((self.tolerance, ""), (half + self.tolerance, "rounded")):
                if abs(read - span.expected) <= allowed:
                    return _joined(rounded, unit)
                inside = span.low - allowed <= read <= span.high + allowed
                if inside and span.width <= self.max_tie_gap:
                    return _joined(rounded, unit, "by an order of tied candidates")
        return None


def judge_figures(
    metrics: Mapping[str, Metric],
    values: Mapping[str, float],
    ranking: Ranking,
    table: TaskTable,
    agreement: Agreement,
) -> list[Figure]:
    """Each figure with whether it is right.

    Args:
        metrics: name to the metric that is called so.
        values: name to the reported mean.
        ranking: of the targets under the scores.
        table: the tasks, in the same order.
        agreement: what counts as equal.
    """
    near_ties, by_user = ranking.with_near_ties(), _user_weights(table)
    several = RelevantRanking.of(ranking, table)

    def judged(name: str, metric: Metric) -> Figure:
        of_all = [] if several is None else several.spans(metric)
        recomputed = of_all[0][1] if of_all else ranking.span(metric)
        of_target = _accepted(metric, ranking.span(metric), near_ties, ranking, by_user, agreement.max_tie_gap)
        for note, span in [*of_all, *of_target]:
            agreed = agreement.how(values[name], span)
            if agreed is not None:
                notes = "; ".join(part for part in (agreed, note) if part)
                return Figure(name, metric, values[name], recomputed, True, notes)
        return Figure(name, metric, values[name], recomputed, False, "")

    return [judged(name, metric) for name, metric in metrics.items()]


def explain(
    wrong: Sequence[Figure], ranking: Ranking, table: TaskTable, agreement: Agreement
) -> tuple[dict[str, str], Lookalike | None]:
    """The wrong figures' names with what each looks like, and the one mistake that explains most of them, at least half."""
    cutoffs = sorted({k for figure in wrong if (k := cutoff_of(figure.metric)) is not None})
    weight = np.full(len(table), 1.0 / len(table))
    labels: dict[str, str] = {}
    chosen: Lookalike | None = None
    most = (0, 0)
    for mistake in lookalikes(ranking, table, cutoffs, weight):
        nearness = {figure.name: _nearness(figure, mistake, agreement) for figure in wrong}
        matched = [name for name, near in nearness.items() if near]
        # a rounded figure matches several values, so that of two mistakes the one that needs no rounding is named
        score = (len(matched), sum(nearness.values()))
        if score > most:
            most, chosen = score, mistake
            labels |= dict.fromkeys(matched, mistake.label)
        for name in matched:
            labels.setdefault(name, mistake.label)
    # a mistake made once shows in most figures; one that matches a few of many wrong values does so by chance
    return labels, chosen if 2 * most[0] >= len(wrong) else None


def vacuous_share(metric: Metric, n_candidates: IntArray) -> float:
    """Share of users for whom a listed target is always found."""
    return float((n_candidates <= metric.k).mean()) if isinstance(metric, Hit | Recall) else 0.0


def _accepted(
    metric: Metric,
    recomputed: Span,
    near_ties: Ranking,
    ranking: Ranking,
    by_user: FloatArray | None,
    max_tie_gap: float,
) -> Iterator[tuple[str, Span]]:
    """What a figure may be, and how it then agrees."""
    yield "", recomputed
    near = near_ties.span(metric)
    if near.width <= max_tie_gap:
        yield "scores that float32 cannot separate sorted otherwise", near
    if by_user is not None:
        averaged = ranking.span(metric, by_user)
        yield "averaged user by user first, since several tasks have one query_id", averaged


def _nearness(figure: Figure, mistake: Lookalike, agreement: Agreement) -> int:
    """2 where the mistake gives the reported value, 1 where it does once rounded, else 0."""
    if not math.isfinite(figure.value):
        return 0
    agreed = [agreement.how(figure.value, span, exact=mistake.exact) for span in mistake.spans(figure.metric)]
    return max((1 if how.startswith("rounded") else 2 for how in agreed if how is not None), default=0)


def _half_of_last_decimal(value: float) -> float:
    """By how much a value with so few decimals may have been rounded; 0 where it has too many."""
    return max((0.5 * 10.0**-d for d in _DECIMALS if abs(value - round(value, d)) <= _FLOAT32), default=0.0)


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _user_weights(table: TaskTable) -> FloatArray | None:
    """(U,) weights that count each query_id once; None where each has one task anyway."""
    _, user, counts = np.unique(first_equal_rows(table.query_ids.encoded), return_inverse=True, return_counts=True)
    if len(counts) == len(table):
        return None
    return np.asarray(1.0 / (counts[user] * len(counts)))
