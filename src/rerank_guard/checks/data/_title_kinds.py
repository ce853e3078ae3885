"""Which users' texts do not tell their candidates apart, by kind, and the row that shows it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rerank_guard.checks.data._shown_texts import ShownTexts, share_of_pairs_that_meet, shown_text
from rerank_guard.core.listed import distinct_per_row, id_blocks
from rerank_guard.core.ragged import Ragged, offsets_of, row_blocks
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import BoolArray, IntArray, RankingTask

__all__ = [
    "CANDIDATES_ALIKE",
    "HISTORY_ALIKE",
    "KINDS",
    "NEGATIVES_BLANK",
    "NEGATIVES_LISTED_TWICE",
    "TARGET_BLANK",
    "TARGET_HAS_NAMESAKE",
    "Legible",
    "TitleKinds",
    "cut",
]

CANDIDATES_ALIKE = "candidates_alike"
TARGET_BLANK = "target_blank"
NEGATIVES_BLANK = "negatives_blank"
HISTORY_ALIKE = "history_alike"
TARGET_HAS_NAMESAKE = "target_has_namesake"
NEGATIVES_LISTED_TWICE = "negatives_listed_twice"

KINDS = (
    CANDIDATES_ALIKE,
    TARGET_BLANK,
    NEGATIVES_BLANK,
    HISTORY_ALIKE,
    TARGET_HAS_NAMESAKE,
    NEGATIVES_LISTED_TWICE,
)
"""In the order in which a user counts under one of them."""

_NONE = (
    -2
)  # the text of a target item that is not listed; -1 may be the number of the blank text, where there is none


@dataclass(frozen=True, slots=True)
class Legible:
    """When a user's texts tell nothing apart; see `titles_distinct` for the settings.

    Attributes:
        min_distinct: share of the candidates that need a text of their own.
        max_blank: share of the candidates that may be blank.
        min_history: different items that have to share one text for a history to be alike.
        max_bearers: ids under which one thing may be listed.
    """

    min_distinct: float
    max_blank: float
    min_history: int
    max_bearers: int


@dataclass(frozen=True, slots=True, eq=False)
class TitleKinds:
    """The kind of each user.

    Attributes:
        rows: kind to (n,) int64, the users that count under it.
        met_by_chance: the share of pairs of other users in which a candidate of the one has the text of one of the
            other's, under another id. There are twice as many pairs of candidates in it as within one list, so namesakes
            show at least as often.
        few_texts: the texts that few item ids have, and more than one.
    """

    rows: dict[str, IntArray]
    met_by_chance: float
    few_texts: frozenset[str]

    @classmethod
    def of(cls, table: TaskTable, legible: Legible) -> TitleKinds:
        """Of all users of a table."""
        shown = ShownTexts.of(table, legible.max_bearers)
        listed = _last_of_each_id(table, table.candidates)
        n_blank = _count_per_row(shown.code[listed.values] == shown.blank, listed)
        n_texts = distinct_per_row(listed, shown.code) - (n_blank > 0)
        target_text = _target_texts(table, listed, shown)
        is_listed = target_text != _NONE
        conditions = (
            n_texts / listed.lengths < legible.min_distinct,
            is_listed & (target_text == shown.blank),
            is_listed & (n_blank / listed.lengths > legible.max_blank),
            _history_alike(table, shown, legible.min_history),
            _target_has_namesake(table, shown, target_text),
            _negatives_listed_twice(table, shown),
        )
        kind = np.select(conditions, range(len(KINDS)), default=-1)
        rows = {name: np.flatnonzero(kind == place).astype(np.int64) for place, name in enumerate(KINDS)}
        few_texts = frozenset(shown.texts[code] for code in np.unique(shown.code[shown.few_bearers]).tolist())
        met = share_of_pairs_that_meet(table.candidates, table.candidates, shown, table.pool, kind < 0)
        return cls(rows, met, few_texts)

    @property
    def counts(self) -> dict[str, int]:
        """Kind to the number of its users."""
        return {kind: len(rows) for kind, rows in self.rows.items()}

    def evidence_row(self, task: RankingTask, kind: str) -> str:
        """The row that shows why a task counts under this kind."""
        shown = _twice_row(task, self.few_texts) if kind == NEGATIVES_LISTED_TWICE else _ROWS[kind](task)
        return f"query {task.query_id!r}: {shown}"


def _last_of_each_id(table: TaskTable, lists: Ragged[np.int32]) -> Ragged[np.int32]:
    """The lists with each item id once, as its last place has it."""
    if int(distinct_per_row(lists, table.pool.id_code).sum()) == len(lists.values):
        return lists
    keep = np.zeros(len(lists.values), dtype=np.bool_)
    lengths = np.zeros(len(lists), dtype=np.int64)
    for start, stop in row_blocks(lists.offsets):
        part = lists.span(start, stop)
        keys = part.row_of_value() * len(table.pool.ids) + table.pool.id_codes(part.values)
        different, from_end = np.unique(keys[::-1], return_index=True)
        keep[lists.offsets[start] + len(keys) - 1 - from_end] = True
        lengths[start:stop] = np.bincount(different // len(table.pool.ids), minlength=stop - start)
    return Ragged(lists.values[keep], offsets_of(lengths))


def _count_per_row(marked: BoolArray, rows: Ragged[np.int32]) -> IntArray:
    """(R,) int64, how many values of each row are marked."""
    at = np.searchsorted(rows.offsets, np.flatnonzero(marked), side="right") - 1
    return np.bincount(at, minlength=len(rows)).astype(np.int64)


def _target_texts(table: TaskTable, listed: Ragged[np.int32], shown: ShownTexts) -> IntArray:
    """(T,) int64, the number of the target item's text; `_NONE` where it is not listed."""
    texts = np.full(len(table), _NONE, dtype=np.int64)
    for start, stop in row_blocks(listed.offsets):
        part = listed.span(start, stop)
        is_target = table.pool.id_codes(part.values) == np.repeat(table.target[start:stop], part.lengths)
        at = np.flatnonzero(is_target)
        texts[start + np.searchsorted(part.offsets, at, side="right") - 1] = shown.code[part.values[at]]
    return texts


def _history_alike(table: TaskTable, shown: ShownTexts, min_history: int) -> BoolArray:
    """(T,) no item of a history that is not empty has a text, or so many different items share one."""
    histories = _last_of_each_id(table, table.histories)
    n_texts = distinct_per_row(histories, shown.code)
    n_blank = _count_per_row(shown.code[histories.values] == shown.blank, histories)
    all_blank = (n_blank > 0) & (n_texts == 1)
    return np.asarray(all_blank | ((n_texts == 1) & (histories.lengths >= min_history)))


def _target_has_namesake(table: TaskTable, shown: ShownTexts, target_text: IntArray) -> BoolArray:
    """(T,) another candidate, of another item id, has the target item's text."""
    found = np.zeros(len(table), dtype=np.bool_)
    offsets = table.candidates.offsets
    for start, stop, ids in id_blocks(table):
        lengths = np.diff(offsets[start : stop + 1])
        alike = shown.code[table.candidates.values[offsets[start] : offsets[stop]]] == np.repeat(
            target_text[start:stop], lengths
        )
        at = np.flatnonzero(alike & (ids != np.repeat(table.target[start:stop], lengths)))
        found[np.searchsorted(offsets, at + offsets[start], side="right") - 1] = True
    return found


def _negatives_listed_twice(table: TaskTable, shown: ShownTexts) -> BoolArray:
    """(T,) two negatives of different ids have the same text, one that few ids of all have."""
    found = np.zeros(len(table), dtype=np.bool_)
    for start, stop in row_blocks(table.candidates.offsets):
        few = shown.few_in(table.candidates.span(start, stop), table.pool)
        few = few.where(few.ids != table.target[start:stop][few.rows])
        keys = few.rows * len(shown.texts) + few.texts
        _, first, group = np.unique(keys, return_index=True, return_inverse=True)
        found[start + few.rows[few.ids != few.ids[first][group]]] = True
    return found


def cut(text: str) -> str:
    """The text in quotes, at most 60 characters of it."""
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _alike_row(task: RankingTask) -> str:
    shown = {item.item_id: shown_text(item.text) for item in task.candidates}
    distinct = len(set(shown.values()) - {""})
    return f"{distinct} different texts for {len(shown)} candidates, such as {cut(task.candidates[0].text)}"


def _target_blank_row(task: RankingTask) -> str:
    position = task.candidate_ids.index(task.target_id)
    text = task.candidates[position].text
    return f"target item {task.target_id!r} at position {position} has the text {cut(text)}"


def _negatives_blank_row(task: RankingTask) -> str:
    shown = {item.item_id: shown_text(item.text) for item in task.candidates}
    position = next(at for at, item in enumerate(task.candidates) if not shown_text(item.text))
    named = task.candidates[position].item_id
    blank = sum(text == "" for text in shown.values())
    return f"{blank} of {len(shown)} candidates, such as {named!r} at position {position}, have no text"


def _history_row(task: RankingTask) -> str:
    n_items = len({item.item_id for item in task.history})
    return f"{n_items} history items all have the text {cut(task.history[0].text)}"


def _namesake_row(task: RankingTask) -> str:
    target = {item.item_id: shown_text(item.text) for item in task.candidates}[task.target_id]
    position, item = next(
        (at, item)
        for at, item in enumerate(task.candidates)
        if item.item_id != task.target_id and shown_text(item.text) == target
    )
    names = f"target item {task.target_id!r} and candidate {item.item_id!r} at position {position}"
    return f"{names} both read {cut(item.text)}"


def _twice_row(task: RankingTask, few_texts: frozenset[str]) -> str:
    first: dict[str, int] = {}
    listed = [
        (first.setdefault(shown_text(item.text), position), position)
        for position, item in enumerate(task.candidates)
        if item.item_id != task.target_id and shown_text(item.text) in few_texts
    ]
    items = task.candidates
    one, other = next(pair for pair in listed if items[pair[0]].item_id != items[pair[1]].item_id)
    names = f"candidates {items[one].item_id!r} at position {one} and {items[other].item_id!r} at position {other}"
    return f"{names} both read {cut(items[other].text)}"


_ROWS = {
    CANDIDATES_ALIKE: _alike_row,
    TARGET_BLANK: _target_blank_row,
    NEGATIVES_BLANK: _negatives_blank_row,
    HISTORY_ALIKE: _history_row,
    TARGET_HAS_NAMESAKE: _namesake_row,
}
