"""Scores together with the orders in which their candidates could have been left: that of the list, that of the first stage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from rerank_guard.checks.comparing.ragged_rows import Rows
from rerank_guard.checks.scoring._first_stage_copies import Copies, copies_of_first_stage, first_stage_rows
from rerank_guard.core.listed import listed_grades
from rerank_guard.core.ragged import Ragged, offsets_of
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import BoolArray, IntArray

__all__ = ["ListedRows"]


@dataclass(frozen=True, slots=True)
class ListedRows:
    """The candidates that are scored, in the order of the list.

    Attributes:
        rows: their scores.
        relevant: whether each is relevant, in rows of the same lengths.
        first_stage: their first-stage scores, NaN for a task that states none; None where no task states any.
    """

    rows: Rows
    relevant: Ragged[np.bool_]
    first_stage: Rows | None

    @classmethod
    def of(cls, rows: Rows, table: TaskTable) -> ListedRows:
        """Without the candidates that a task declares as not scored, unless these are all of its candidates."""
        relevant = Ragged(listed_grades(table).values > 0.0, rows.offsets)
        given = cls(rows, relevant, first_stage_rows(table))
        if table.scored is None:
            return given
        kept = table.scored.values.copy()
        n_kept = np.add.reduceat(kept.astype(np.int64), rows.offsets[:-1])
        kept |= np.repeat(n_kept == 0, rows.lengths)
        n_kept = np.where(n_kept == 0, rows.lengths, n_kept)
        return given._taken(np.flatnonzero(kept), offsets_of(n_kept))

    def copies(self, most: float) -> Copies:
        """Where the scores are the first stage's own; none where no first stage is given."""
        if self.first_stage is None:
            return Copies(np.zeros(0, dtype=np.int64), False)
        return copies_of_first_stage(self.rows, self.first_stage, most)

    def orders(self) -> Iterator[ListedRows]:
        """These rows, then the same in the order of the first stage, where all tasks state one and it is another."""
        yield self
        if self.first_stage is None or np.isnan(self.first_stage.values).any():
            return
        task = self.rows.row_of_value()
        order = np.lexsort((np.arange(len(task)), -self.first_stage.values, task))
        if (order != np.arange(len(order))).any():
            yield self._taken(order, self.rows.offsets)

    def only_relevant(self, runs: IntArray) -> BoolArray:
        """(U,) whether the candidates ranked above the lowest `runs` (U,) are all relevant, and there are some."""
        only = np.zeros(len(self.rows), dtype=np.bool_)
        for tasks, matrix in self.rows.matrices():
            order = np.argsort(-matrix, axis=1, kind="stable")
            places = self.rows.offsets[tasks][:, None] + order
            above = np.arange(matrix.shape[1]) < (matrix.shape[1] - runs[tasks])[:, None]
            only[tasks] = above.any(axis=1) & (self.relevant.values[places] | ~above).all(axis=1)
        return only

    def _taken(self, places: IntArray, offsets: IntArray) -> ListedRows:
        first_stage = self.first_stage
        return replace(
            self,
            rows=Ragged(self.rows.values[places], offsets),
            relevant=Ragged(self.relevant.values[places], offsets),
            first_stage=None if first_stage is None else Ragged(first_stage.values[places], offsets),
        )
