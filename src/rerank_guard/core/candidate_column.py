"""A value for each candidate of those tasks that state one: first-stage scores, the mask of scored candidates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic

from numpy.typing import NDArray

from rerank_guard.core.ragged import Ragged, ScalarT_co
from rerank_guard.core.types import BoolArray, IntArray

__all__ = ["CandidateColumn"]


@dataclass(frozen=True, slots=True, eq=False)
class CandidateColumn(Generic[ScalarT_co]):
    """Values in the order of the table's candidates.

    Attributes:
        values: (C,) the values; NaN (scores) or True (a mask) for all candidates of a task that states none.
        given: (T,) bool, the tasks that state their values.
    """

    values: NDArray[ScalarT_co]
    given: BoolArray

    def span(self, start: int, stop: int, offsets: IntArray) -> CandidateColumn[ScalarT_co]:
        """Of tasks start to stop - 1, as a view; `offsets` are those of the table's candidates."""
        return CandidateColumn(self.values[offsets[start] : offsets[stop]], self.given[start:stop])

    def take(self, rows: IntArray, offsets: IntArray) -> CandidateColumn[ScalarT_co]:
        """Of these tasks, in this order, copied; `offsets` are those of the table's candidates."""
        return CandidateColumn(Ragged(self.values, offsets).take(rows).values, self.given[rows])

    def of_task(self, row: int, begin: int, end: int) -> tuple[Any, ...] | None:
        """What task `row`, with candidates begin to end - 1 of the table, states; None where it states nothing."""
        return tuple(self.values[begin:end].tolist()) if self.given[row] else None

    @property
    def nbytes(self) -> int:
        """Bytes of both arrays."""
        return int(self.values.nbytes + self.given.nbytes)
