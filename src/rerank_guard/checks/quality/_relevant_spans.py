"""Metrics of all relevant items of a user, in the readings under which people report them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rerank_guard.checks.quality._metric_names import cutoff_of
from rerank_guard.checks.quality._ranking_spans import Ranking, Span
from rerank_guard.core.listed import listed_grades
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import FloatArray, IntArray
from rerank_guard.metrics import NDCG, AveragePrecision, Metric, Recall, TiePolicy, metric_values

__all__ = ["RelevantRanking"]

_POLICIES: tuple[TiePolicy, ...] = ("expected", "pessimistic", "optimistic")


@dataclass(frozen=True, slots=True)
class RelevantRanking:
    """All relevant items among the scores of their lists; only of tasks of which some have more than one, or grades.

    Attributes:
        rows, grades: one array (N_u,) a task.
        unlisted: the grades of relevant items that a task does not list, one array a task.
    """

    rows: Sequence[FloatArray]
    grades: Sequence[FloatArray]
    unlisted: Sequence[FloatArray]

    @classmethod
    def of(cls, ranking: Ranking, table: TaskTable) -> RelevantRanking | None:
        """None where the target item alone is relevant."""
        if table.relevance is None:
            return None
        lengths: IntArray = table.n_candidates
        grades = listed_grades(table)
        listed = [grades.row(task) for task in range(len(table))]
        rows = [row[:n] for row, n in zip(ranking.matrix, lengths.tolist(), strict=True)]
        return cls(rows, listed, [_unlisted(table, task, listed[task]) for task in range(len(table))])

    def spans(self, metric: Metric) -> list[tuple[str, Span]]:
        """What the metric may be, and how it is then read; the first is the usual reading."""
        found: list[tuple[str, Span]] = []
        for note, reading, rows, grades in self._readings(metric):
            values = [metric_values(rows, grades, [reading], tie_policy=policy)[0] for policy in _POLICIES]
            found.append((note, Span(*(float(each.mean()) for each in values))))
        return found

    def _readings(self, metric: Metric) -> Iterator[tuple[str, Metric, Sequence[FloatArray], Sequence[FloatArray]]]:
        rows, grades = self._with_unlisted()
        some_unlisted = any(len(each) for each in self.unlisted)
        for note, reading in _variants(metric):
            # an unlisted item is below all candidates, so that it counts in the ideal and is never found above K
            is_end_to_end = isinstance(reading, Recall | NDCG | AveragePrecision) and cutoff_of(reading) is not None
            if some_unlisted and is_end_to_end and all(len(row) >= (cutoff_of(reading) or 0) for row in self.rows):
                yield _joined(note, "relevant items that are not listed in the denominator"), reading, rows, grades
                yield _joined(note, "of the listed relevant items"), reading, self.rows, self.grades
            else:
                yield note, reading, self.rows, self.grades

    def _with_unlisted(self) -> tuple[list[FloatArray], list[FloatArray]]:
        rows, grades = [], []
        for row, listed, more in zip(self.rows, self.grades, self.unlisted, strict=True):
            below = row.min() - 1.0 - np.abs(row).max() - np.arange(len(more))
            rows.append(np.concatenate([row, below]))
            grades.append(np.concatenate([listed, more]))
        return rows, grades


def _variants(metric: Metric) -> list[tuple[str, Metric]]:
    if isinstance(metric, NDCG):
        return [
            ("with the grades as gains", NDCG("linear", metric.k)),
            ("with exponential gains, 2^grade - 1", NDCG("exponential", metric.k)),
            ("with a gain of 1 for each relevant item", NDCG("binary", metric.k)),
        ]
    if isinstance(metric, AveragePrecision):
        return [("", AveragePrecision("m", metric.k)), ("over min(m, K)", AveragePrecision("min(m, K)", metric.k))]
    return [("", metric)]


def _unlisted(table: TaskTable, task: int, listed: FloatArray) -> FloatArray:
    """The grades above 0 that the task states and no candidate has."""
    if table.relevance is None or len(table.relevance.ids.row(task)) == 0:
        return np.zeros(0 if listed.any() else 1) + 1.0
    stated = table.relevance.ids.row(task)
    first = table.relevance.ids.offsets[task]
    grades = table.relevance.grades[first : first + len(stated)]
    candidates = table.pool.id_codes(table.candidates.row(task))
    return np.asarray(grades[~np.isin(stated, candidates) & (grades > 0.0)])


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
