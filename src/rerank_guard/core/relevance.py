"""Relevance of many tasks: which item ids are relevant to each, and how much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rerank_guard.core.ragged import Ragged
from rerank_guard.core.types import FloatArray, IntArray

__all__ = ["Relevance"]


@dataclass(frozen=True, slots=True, eq=False)
class Relevance:
    """One row of id codes a task, with a grade each.

    An empty row means what `RankingTask.relevance` of None means: the target item alone, with grade 1.

    Attributes:
        ids: id codes of the graded items, different within a task; some may not be among the task's candidates.
        grades: float64, one for each value of `ids`: finite, >= 0, above 0 is relevant.
    """

    ids: Ragged[np.int32]
    grades: FloatArray

    def span(self, start: int, stop: int) -> Relevance:
        """Of tasks start to stop - 1, as views."""
        offsets = self.ids.offsets
        return Relevance(self.ids.span(start, stop), self.grades[offsets[start] : offsets[stop]])

    def take(self, rows: IntArray) -> Relevance:
        """Of these tasks, in this order, copied."""
        return Relevance(self.ids.take(rows), Ragged(self.grades, self.ids.offsets).take(rows).values)

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return int(self.ids.nbytes + self.grades.nbytes)
