"""Many tasks as arrays: a task of 50 candidates and 10 history items takes 282 bytes.

As a `RankingTask` it takes 1.2 kB where all tasks share the objects of one catalogue, and 12.8 kB where each has its own
(`python -m benchmarks.tables`).
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike

from rerank_guard.core import table_columns
from rerank_guard.core.candidate_column import CandidateColumn
from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.item_pool import Int32Array, ItemPool
from rerank_guard.core.ragged import Ragged
from rerank_guard.core.relevance import Relevance
from rerank_guard.core.task_encoder import TaskEncoder, believed_position
from rerank_guard.core.text_pool import TextPool
from rerank_guard.core.types import IntArray, RankingTask

__all__ = ["TaskTable"]


@dataclass(frozen=True, slots=True, eq=False)
class TaskTable(Sequence[RankingTask]):
    """A sequence of T tasks, held as arrays; `table[i]` makes the task anew, equal to the one that was given.

    Items are known by two codes: the item code tells (item id, text) pairs apart, the id code only ids. Whether two
    items are the same one is a question of the id. All arrays are to be left unchanged.

    Attributes:
        pool: the items, shared by all tables that were cut from one.
        query_ids: (T,).
        queries: (T,) the queries' texts; None where all are empty.
        candidates: item codes, one row of N >= 1 a task, in the order of the list.
        histories: item codes, one row a task, oldest first.
        target: (T,) int32, id code of each task's target item, which need not be listed.
        target_position: (T,) int32, the 0-based position at which the pipeline believes the target item is; -1 where it
            believes that it is not listed; p - 1 for a position p < 0, a fault that is kept as it was given.
        relevance: grades; None where each task's target item alone is relevant, with grade 1.
        first_stage_scores: float64 or float32, higher is better; None where no task has a first stage.
        scored: the candidates that the reranker scores; None where it scores all.
    """

    pool: ItemPool
    query_ids: TextPool
    queries: TextPool | None
    candidates: Ragged[np.int32]
    histories: Ragged[np.int32]
    target: Int32Array
    target_position: Int32Array
    relevance: Relevance | None = None
    first_stage_scores: CandidateColumn[np.floating[Any]] | None = None
    scored: CandidateColumn[np.bool_] | None = None

    @classmethod
    def from_tasks(cls, tasks: Iterable[RankingTask]) -> TaskTable:
        """The table of these tasks, read once and one at a time.

        Args:
            tasks: any number, also from a generator; only their arrays are kept.

        Raises:
            InvalidTaskError: an entry that is no RankingTask, an id or text that is not str, a target_index that is no
                whole number of 32 bits, or a score, grade or `scored` of another type.
        """
        encoder = TaskEncoder()
        for task in tasks:
            encoder.add(task)
        return cls(
            pool=encoder.pool(),
            query_ids=encoder.query_ids(),
            queries=encoder.queries(),
            candidates=encoder.candidates(),
            histories=encoder.histories(),
            target=encoder.targets(),
            target_position=encoder.positions(),
            relevance=encoder.relevance(),
            first_stage_scores=encoder.first_stage(),
            scored=encoder.scored(),
        )

    @classmethod
    def of(cls, tasks: Iterable[RankingTask]) -> TaskTable:
        """The table of these tasks: itself where it is one already, else `from_tasks`, with its errors."""
        return tasks if isinstance(tasks, TaskTable) else cls.from_tasks(tasks)

    @classmethod
    def from_arrays(
        cls,
        *,
        item_ids: Sequence[str],
        item_texts: Sequence[str],
        query_ids: Sequence[str],
        candidates: ArrayLike,
        target: ArrayLike,
        target_position: ArrayLike,
        candidate_offsets: ArrayLike | None = None,
        history: ArrayLike | None = None,
        history_offsets: ArrayLike | None = None,
        queries: Sequence[str] | None = None,
        relevant: ArrayLike | None = None,
        relevant_offsets: ArrayLike | None = None,
        grades: ArrayLike | None = None,
        first_stage_scores: ArrayLike | None = None,
        scored: ArrayLike | None = None,
    ) -> TaskTable:
        """The table of T tasks given as arrays, in which item code c is (item_ids[c], item_texts[c]).

        An array that has the dtype named here already is kept, not copied: leave it unchanged afterwards.

        Args:
            item_ids: (V,) of each item; one id may come several times, with different texts.
            item_texts: (V,).
            query_ids: (T,).
            candidates: (T, N) item codes, or (C,) those of all tasks one after the other; int32.
            target: (T,) item code of each target item, with any of its texts; int32.
            target_position: (T,) 0-based position at which the pipeline believes the target item is, -1 where it
                believes that it is not listed; int32. Give what the pipeline says, not what is found in the lists.
            candidate_offsets: (T + 1,) where each task's candidates begin and the last ones end; int64. None for a
                matrix.
            history: (T, H) or flat item codes, oldest first; int32. None for empty histories.
            history_offsets: like candidate_offsets.
            queries: (T,) texts of the queries; None where there are none.
            relevant: (T, M) or flat item codes of the graded items; int32. None where each target item alone is
                relevant, with grade 1; an empty row says the same of one task.
            relevant_offsets: like candidate_offsets.
            grades: one for each of `relevant`, >= 0; float64. None for all 1.
            first_stage_scores: shaped like `candidates`, float64 or float32; NaN for all candidates of a task that has
                none.
            scored: bool, shaped like `candidates`.

        Raises:
            InvalidTaskError: arrays that do not belong together, codes or offsets out of range, a task without
                candidates, an item given twice, grades that are not finite or below 0, or a task that has grades but
                none above 0 for its target item. The message names the place and the value.
        """
        pool = table_columns.item_pool(item_ids, item_texts)
        lists = table_columns.code_rows("candidate", candidates, candidate_offsets, len(pool), fewest=1)
        n = len(lists)
        targets = pool.id_codes(table_columns.codes("target", target, n, 0, len(pool)))
        positions = table_columns.codes("target_position", target_position, n, -1, 2**31 - 1)
        if history is None:
            histories = Ragged(np.zeros(0, dtype=np.int32), np.zeros(n + 1, dtype=np.int64))
        else:
            histories = table_columns.code_rows("history", history, history_offsets, len(pool), n_rows=n)
        relevance = None
        if relevant is not None:
            rows = table_columns.code_rows("relevant", relevant, relevant_offsets, len(pool), n_rows=n)
            relevance = table_columns.relevance(Ragged(pool.id_codes(rows.values), rows.offsets), grades, targets)
        elif grades is not None:
            raise InvalidTaskError(
                "there are grades but no relevant items; give `relevant`, one item code per grade."
            )
        return cls(
            pool=pool,
            query_ids=table_columns.texts("query_ids", query_ids, n),
            queries=None if queries is None else table_columns.texts("queries", queries, n),
            candidates=lists,
            histories=histories,
            target=targets,
            target_position=positions,
            relevance=relevance,
            first_stage_scores=table_columns.first_stage(first_stage_scores, lists),
            scored=table_columns.scored(scored, lists),
        )

    def __len__(self) -> int:
        return len(self.target)

    @overload
    def __getitem__(self, index: int) -> RankingTask: ...
    @overload
    def __getitem__(self, index: slice) -> TaskTable: ...
    def __getitem__(self, index: int | slice) -> RankingTask | TaskTable:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step == 1:
                return self._span(start, max(start, stop))
            return self.take(np.arange(start, stop, step, dtype=np.int64))
        row = operator.index(index)
        if row < 0:
            row += len(self)
        if not 0 <= row < len(self):
            raise IndexError(f"task {index} of a table of {len(self)}")
        return self._task(row)

    def __iter__(self) -> Iterator[RankingTask]:
        return map(self._task, range(len(self)))

    def take(self, rows: ArrayLike) -> TaskTable:
        """The tasks of these row numbers, in this order; the items are shared, the rest is copied.

        Args:
            rows: (n,) integers from 0 to T - 1; a row may come several times.

        Raises:
            InvalidTaskError: no integers, or out of range (negative numbers are, as -1 mostly means "missing").
        """
        at = np.asarray(rows)
        if at.ndim != 1 or (at.size and at.dtype.kind not in "iu"):
            raise InvalidTaskError(
                f"rows to take have shape {at.shape} and dtype {at.dtype}; give row numbers as a 1-D array of "
                "integers, such as np.flatnonzero(mask)."
            )
        outside = (at < 0) | (at >= len(self))
        if bool(outside.any()):
            raise InvalidTaskError(
                f"row {at[outside][0]} is not among the {len(self)} tasks of the table; rows run from 0 to "
                f"{len(self) - 1}."
            )
        at = at.astype(np.int64, copy=False)
        offsets = self.candidates.offsets
        return TaskTable(
            pool=self.pool,
            query_ids=self.query_ids.take(at),
            queries=None if self.queries is None else self.queries.take(at),
            candidates=self.candidates.take(at),
            histories=self.histories.take(at),
            target=self.target[at],
            target_position=self.target_position[at],
            relevance=None if self.relevance is None else self.relevance.take(at),
            first_stage_scores=None
            if self.first_stage_scores is None
            else self.first_stage_scores.take(at, offsets),
            scored=None if self.scored is None else self.scored.take(at, offsets),
        )

    @property
    def n_candidates(self) -> IntArray:
        """(T,) int64, N of each task."""
        return self.candidates.lengths

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays, those of the items included (which tables cut from one share)."""
        columns = (self.queries, self.relevance, self.first_stage_scores, self.scored)
        whole = (self.pool, self.query_ids, self.candidates, self.histories, self.target, self.target_position)
        return sum(int(part.nbytes) for part in (*whole, *columns) if part is not None)

    def _span(self, start: int, stop: int) -> TaskTable:
        """Tasks start to stop - 1; all but the offsets are views."""
        offsets = self.candidates.offsets
        first_stage = self.first_stage_scores
        return TaskTable(
            pool=self.pool,
            query_ids=self.query_ids[start:stop],
            queries=None if self.queries is None else self.queries[start:stop],
            candidates=self.candidates.span(start, stop),
            histories=self.histories.span(start, stop),
            target=self.target[start:stop],
            target_position=self.target_position[start:stop],
            relevance=None if self.relevance is None else self.relevance.span(start, stop),
            first_stage_scores=None if first_stage is None else first_stage.span(start, stop, offsets),
            scored=None if self.scored is None else self.scored.span(start, stop, offsets),
        )

    def _task(self, row: int) -> RankingTask:
        begin, end = self.candidates.offsets[row : row + 2].tolist()
        first_stage, scored, relevance = self.first_stage_scores, self.scored, None
        if self.relevance is not None and len(ids := self.relevance.ids.row(row)):
            first = self.relevance.ids.offsets[row]
            grades = self.relevance.grades[first : first + len(ids)]
            relevance = {
                self.pool.ids[code]: grade for code, grade in zip(ids.tolist(), grades.tolist(), strict=True)
            }
        return RankingTask(
            query_id=self.query_ids[row],
            history=self.pool.items(self.histories.row(row).tolist()),
            candidates=self.pool.items(self.candidates.values[begin:end].tolist()),
            target_id=self.pool.ids[int(self.target[row])],
            target_index=believed_position(int(self.target_position[row])),
            first_stage_scores=None if first_stage is None else first_stage.of_task(row, begin, end),
            query="" if self.queries is None else self.queries[row],
            relevance=relevance,
            scored=None if scored is None else scored.of_task(row, begin, end),
        )
