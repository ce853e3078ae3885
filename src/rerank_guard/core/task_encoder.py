"""Tasks read one after the other into growing arrays, so that a stream of any length needs no list of objects."""

from __future__ import annotations

import math
import operator
from array import array
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rerank_guard.core.candidate_column import CandidateColumn
from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.item_pool import Int32Array, ItemPool
from rerank_guard.core.ragged import Ragged, ScalarT_co, read_only
from rerank_guard.core.relevance import Relevance
from rerank_guard.core.text_pool import TextBuffer, TextPool
from rerank_guard.core.types import Item, RankingTask

__all__ = ["TaskEncoder", "believed_position", "stored_position"]

_MOST = 2**31 - 2
_MOST_RECENT = 2**18


class TaskEncoder:
    """Collects tasks; the columns are ready when all were added, and the encoder takes no more then."""

    def __init__(self) -> None:
        self._items = _ItemCodes()
        self._query_ids, self._queries = TextBuffer(), TextBuffer()
        self._candidates, self._histories = _Rows("i"), _Rows("i")
        self._targets, self._positions = array("i"), array("i")
        self._relevant, self._grades = _Rows("i"), array("d")
        self._first_stage, self._scored = _OptionalColumn("d", math.nan), _OptionalColumn("b", True)

    def add(self, task: RankingTask) -> None:
        """Add one task.

        Raises:
            InvalidTaskError: no RankingTask; an id or text that is not str; a target_index that is no whole number of
                32 bits; a first-stage score or a `scored` that is no number.
        """
        if not isinstance(task, RankingTask):
            raise InvalidTaskError(
                f"task {len(self._targets)} is {task!r:.80} of type {type(task).__name__}; give every task as a "
                "RankingTask."
            )
        try:
            self._add(task)
        except (TypeError, ValueError, OverflowError, AttributeError) as error:
            raise InvalidTaskError(
                f"query {task.query_id!r} cannot be stored in a table ({error}); give ids and texts as str, "
                "target_index as int or None, scores and grades as float, scored as bool."
            ) from error

    def _add(self, task: RankingTask) -> None:
        self._query_ids.append(_text(task.query_id))
        self._queries.append(_text(task.query))
        self._candidates.append(self._items.codes(task.candidates))
        self._histories.append(self._items.codes(task.history))
        self._targets.append(self._items.id_codes[task.target_id])
        self._positions.append(stored_position(task.target_index))
        relevance = {} if task.relevance is None else task.relevance
        self._relevant.append(map(self._items.id_codes.__getitem__, relevance))
        self._grades.extend(relevance.values())
        self._first_stage.append(task.first_stage_scores, len(self._candidates))
        scored = None if task.scored is None else [_flag(value) for value in task.scored]
        self._scored.append(scored, len(self._candidates))

    def pool(self) -> ItemPool:
        """The items of all tasks."""
        items = self._items
        return ItemPool(items.id_codes.buffer.pool(), items.texts.pool(), _int32(items.id_code_of_item))

    def query_ids(self) -> TextPool:
        """Of each task."""
        return self._query_ids.pool()

    def queries(self) -> TextPool | None:
        """Of each task; None where all are empty."""
        pool = self._queries.pool()
        return pool if len(pool.encoded.values) else None

    def candidates(self) -> Ragged[np.int32]:
        """Item codes."""
        return self._candidates.ragged()

    def histories(self) -> Ragged[np.int32]:
        """Item codes."""
        return self._histories.ragged()

    def targets(self) -> Int32Array:
        """Id codes."""
        return _int32(self._targets)

    def positions(self) -> Int32Array:
        """As `stored_position` has them."""
        return _int32(self._positions)

    def relevance(self) -> Relevance | None:
        """None where no task states one."""
        if not self._grades:
            return None
        return Relevance(self._relevant.ragged(), _array(self._grades, np.float64))

    def first_stage(self) -> CandidateColumn[np.float64] | None:
        """float64, NaN for the tasks without; None where no task has any."""
        return self._first_stage.column(np.float64, len(self._candidates))

    def scored(self) -> CandidateColumn[np.bool_] | None:
        """True for all candidates of the tasks without; None where no task has any."""
        return self._scored.column(np.bool_, len(self._candidates))


def stored_position(target_index: int | None) -> int:
    """What a table holds for a believed position: itself from 0 on, -1 for None, and p - 1 for p < 0.

    A negative position is a fault that a check names, so it has to come back as it was, and not as None.

    Raises:
        TypeError: not an integer.
        OverflowError: not of 32 bits.
    """
    if target_index is None:
        return -1
    if isinstance(target_index, bool):
        raise TypeError(f"target_index is {target_index!r}")
    position = operator.index(target_index)
    if not -_MOST <= position <= _MOST:
        raise OverflowError(f"target_index is {position}")
    return position if position >= 0 else position - 1


def believed_position(stored: int) -> int | None:
    """The inverse of `stored_position`."""
    if stored >= 0:
        return stored
    return None if stored == -1 else stored + 1


class _IdCodes(dict[str, int]):
    """Code of each item id, given out when it is first seen."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = TextBuffer()

    def __missing__(self, item_id: str) -> int:
        self.buffer.append(_text(item_id))
        code = self[item_id] = len(self)
        return code


class _ItemCodes:
    """Code of each (item id, text), given out when it is first seen."""

    def __init__(self) -> None:
        self.id_codes = _IdCodes()
        self.id_code_of_item = array("i")
        self.texts = TextBuffer()
        self._codes: dict[tuple[str, str], int] = {}
        # Most tasks share the objects of one catalogue, and an object is found three times faster than its texts.
        # What is kept in `_recent` stays alive, so that its address remains its own.
        self._code_at: dict[int, int] = {}
        self._recent: list[Item] = []
        self._n_looked_up = 0
        self._is_object_shared = True

    def codes(self, items: Sequence[Item]) -> list[int]:
        """The code of each item."""
        if not self._is_object_shared:
            return [self._code(item) for item in items]
        self._n_looked_up += len(items)
        try:
            return list(map(self._code_at.__getitem__, map(id, items)))
        except KeyError:
            return [self._remembered(item) for item in items]

    def _code(self, item: Item) -> int:
        code = self._codes.get((item.item_id, item.text))
        return self._new_code(item) if code is None else code

    def _remembered(self, item: Item) -> int:
        code = self._code_at.get(id(item))
        if code is not None:
            return code
        if len(self._recent) >= _MOST_RECENT:  # of as many look-ups, most were of new objects: no use to go on
            self._is_object_shared = self._n_looked_up >= 2 * len(self._recent)
            self._n_looked_up = 0
            self._code_at.clear()
            self._recent.clear()
        code = self._code_at[id(item)] = self._code(item)
        self._recent.append(item)
        return code

    def _new_code(self, item: Item) -> int:
        text = _text(item.text)
        self.id_code_of_item.append(self.id_codes[item.item_id])
        self.texts.append(text)
        code = self._codes[item.item_id, text] = len(self._codes)
        return code


class _Rows:
    """Rows that are appended."""

    def __init__(self, typecode: str) -> None:
        self.values: array[int] = array(typecode)
        self.offsets = array("q", [0])

    def __len__(self) -> int:
        return len(self.values)

    def append(self, row: Iterable[int]) -> None:
        self.values.extend(row)
        self.offsets.append(len(self.values))

    def ragged(self) -> Ragged[np.int32]:
        return Ragged(_int32(self.values), _array(self.offsets, np.int64))


class _OptionalColumn:
    """One value per candidate, where some tasks, or all, have none: nothing is held before the first that has."""

    def __init__(self, typecode: str, fill: float) -> None:
        self._values: array[float] = array(typecode)
        self._given = array("b")
        self._fill = array(typecode, [fill])

    def append(self, values: Sequence[float] | None, n_values: int) -> None:
        """Add a task's values; `n_values` counts the candidates of all tasks so far, this one included."""
        self._given.append(values is not None)
        if values is not None:
            self._fill_to(n_values - len(values))
            self._values.extend(values)

    def column(self, dtype: type[ScalarT_co], n_values: int) -> CandidateColumn[ScalarT_co] | None:
        """All values, `n_values` of them; None where no task stated any."""
        if not self._values:
            return None
        self._fill_to(n_values)
        given = _array(self._given, np.bool_)
        return CandidateColumn(_array(self._values, dtype), given)

    def _fill_to(self, n_values: int) -> None:
        if missing := n_values - len(self._values):
            self._values.extend(self._fill * missing)


def _text(value: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.80} is of type {type(value).__name__}")
    return value


def _flag(value: bool) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"scored holds {value!r:.80} of type {type(value).__name__}")
    return bool(value)


def _int32(values: array[int]) -> Int32Array:
    return _array(values, np.int32)


def _array(values: array[Any], dtype: type[ScalarT_co]) -> NDArray[ScalarT_co]:
    """The array's own memory, which can grow no more then."""
    return read_only(np.frombuffer(values, dtype=dtype))
