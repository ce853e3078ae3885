"""Arrays given from outside, as the columns of a table of tasks, or an error that names the place and the value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rerank_guard.core.candidate_column import CandidateColumn
from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.item_pool import Int32Array, ItemPool
from rerank_guard.core.ragged import Ragged, read_only
from rerank_guard.core.relevance import Relevance
from rerank_guard.core.text_pool import TextPool
from rerank_guard.core.types import IntArray

__all__ = ["code_rows", "codes", "first_stage", "item_pool", "relevance", "scored", "texts"]


def item_pool(item_ids: Sequence[str], item_texts: Sequence[str]) -> ItemPool:
    """The items, with a code for each different id.

    Raises:
        InvalidTaskError: another number of texts than ids, an entry that is not str, or the same pair twice.
    """
    if len(item_ids) != len(item_texts):
        raise InvalidTaskError(
            f"there are {len(item_ids)} item_ids but {len(item_texts)} item_texts; give one text per id."
        )
    code_of_id: dict[str, int] = {}
    id_code = np.fromiter(
        (code_of_id.setdefault(item_id, len(code_of_id)) for item_id in item_ids),
        dtype=np.int32,
        count=len(item_ids),
    )
    if len(code_of_id) < len(item_ids):
        _require_different_items(item_ids, item_texts)
    return ItemPool(
        TextPool.from_texts(code_of_id, "item_ids"),
        TextPool.from_texts(item_texts, "item_texts"),
        read_only(id_code),
    )


def _require_different_items(item_ids: Sequence[str], item_texts: Sequence[str]) -> None:
    first: dict[tuple[str, str], int] = {}
    for code, pair in enumerate(zip(item_ids, item_texts, strict=True)):
        if first.setdefault(pair, code) != code:
            raise InvalidTaskError(
                f"item {pair[0]!r} with the text {pair[1]!r:.80} is at places {first[pair]} and {code} of item_ids; give "
                "each pair of id and text once."
            )


def texts(name: str, values: Sequence[str], n: int) -> TextPool:
    """One text a task.

    Raises:
        InvalidTaskError: another number, or an entry that is not str.
    """
    if len(values) != n:
        raise InvalidTaskError(f"there are {len(values)} {name} for {n} tasks; give one per task.")
    return values if isinstance(values, TextPool) else TextPool.from_texts(values, name)


def codes(name: str, values: ArrayLike, n: int | None, low: int, high: int) -> Int32Array:
    """(n,) int32 numbers from low to high - 1.

    Raises:
        InvalidTaskError: another shape, no integers, or out of range.
    """
    array = np.asarray(values)
    if array.ndim != 1 or (n is not None and len(array) != n):
        raise InvalidTaskError(
            f"{name} has shape {array.shape}; give shape ({'' if n is None else n},), one number per task."
        )
    if array.size == 0:
        return np.zeros(0, dtype=np.int32)
    if array.dtype.kind not in "iu":
        raise InvalidTaskError(f"{name} has dtype {array.dtype}; give integers, best int32.")
    if int(array.min()) < low or int(array.max()) >= high:
        place = int(np.flatnonzero((array < low) | (array >= high))[0])
        raise InvalidTaskError(f"{name}[{place}] is {array[place]}; give numbers from {low} to {high - 1}.")
    return read_only(np.ascontiguousarray(array, dtype=np.int32))


def code_rows(
    name: str,
    values: ArrayLike,
    offsets: ArrayLike | None,
    n_items: int,
    *,
    n_rows: int | None = None,
    fewest: int = 0,
) -> Ragged[np.int32]:
    """Item codes, one row a task, from a matrix or from flat values with offsets.

    Args:
        name: what the rows hold, for the error messages.
        values: (T, N) codes, or (V,) with offsets.
        offsets: (T + 1,), or None for a matrix.
        n_items: codes run from 0 to n_items - 1.
        n_rows: T, where it is known.
        fewest: least length of a row.

    Raises:
        InvalidTaskError: whatever does not fit.
    """
    array = np.asarray(values)
    ends = _offsets(name, array, offsets, n_rows)
    lengths = np.diff(ends)
    if bool((lengths < fewest).any()):
        row = int(np.flatnonzero(lengths < fewest)[0])
        raise InvalidTaskError(
            f"task {row} has {lengths[row]} {name} items ({name}_offsets {ends[row]} to {ends[row + 1]}); give at least "
            f"{fewest}, and offsets that never decrease."
        )
    return Ragged(codes(name, array.reshape(-1), None, 0, n_items), ends)


def _offsets(name: str, array: NDArray[Any], offsets: ArrayLike | None, n_rows: int | None) -> IntArray:
    if offsets is None:
        if array.ndim != 2:
            raise InvalidTaskError(
                f"{name} has shape {array.shape} and no {name}_offsets; give a matrix, one row per task, or flat codes "
                "and (T + 1,) offsets."
            )
        ends = np.arange(len(array) + 1, dtype=np.int64) * array.shape[1]
    else:
        given = np.asarray(offsets)
        if array.ndim != 1 or given.ndim != 1 or len(given) == 0 or given.dtype.kind not in "iu":
            raise InvalidTaskError(
                f"{name} has shape {array.shape} and {name}_offsets shape {given.shape} and dtype {given.dtype}; give flat "
                "codes and (T + 1,) integers."
            )
        ends = np.ascontiguousarray(given, dtype=np.int64)
        if ends[0] != 0 or ends[-1] != len(array):
            raise InvalidTaskError(
                f"{name}_offsets run from {ends[0]} to {ends[-1]} for {len(array)} codes; start at 0 and end at their "
                "number."
            )
    if n_rows is not None and len(ends) != n_rows + 1:
        raise InvalidTaskError(f"{name} has {len(ends) - 1} rows for {n_rows} tasks; give one row per task.")
    return read_only(ends)


def relevance(ids: Ragged[np.int32], grades: ArrayLike | None, targets: Int32Array) -> Relevance:
    """The grades of these id codes.

    Args:
        ids: id codes, one row a task.
        grades: one for each of them; None for all 1.
        targets: (T,) id code of each task's target item.

    Raises:
        InvalidTaskError: another number of grades, a grade that is not finite or below 0, an id twice in one row, or a
            row that has no grade above 0 for its target item and is not empty.
    """
    values = np.ones(len(ids.values)) if grades is None else np.asarray(grades)
    if values.shape != ids.values.shape or values.dtype.kind not in "iuf":
        raise InvalidTaskError(
            f"grades have shape {values.shape} and dtype {values.dtype} for {len(ids.values)} relevant items; give one "
            "number for each."
        )
    values = np.ascontiguousarray(values, dtype=np.float64)
    row = ids.row_of_value()
    bad = ~np.isfinite(values) | (values < 0.0)
    if bool(bad.any()):
        place = int(np.flatnonzero(bad)[0])
        raise InvalidTaskError(
            f"grades[{place}], of task {row[place]}, is {values[place]}; give finite numbers >= 0, above 0 for a relevant "
            "item."
        )
    for rows, matrix in ids.matrices():
        ordered = np.sort(matrix, axis=1)
        twice = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
        if bool(twice.any()):
            raise InvalidTaskError(
                f"task {rows[twice][0]} grades the same item id twice; give each relevant item once per task."
            )
    named = np.bincount(row[(ids.values == targets[row]) & (values > 0.0)], minlength=len(targets))
    without = (named == 0) & (ids.lengths > 0)
    if bool(without.any()):
        raise InvalidTaskError(
            f"task {int(np.flatnonzero(without)[0])} has no grade above 0 for its target item ({int(without.sum())} such "
            "tasks); name a relevant item as the target."
        )
    return Relevance(ids, read_only(values))


def first_stage(values: ArrayLike | None, lists: Ragged[np.int32]) -> CandidateColumn[np.floating[Any]] | None:
    """First-stage scores of the candidates in these lists; NaN for a whole task says that it has none.

    Raises:
        InvalidTaskError: another number than candidates, no numbers, or NaN for a part of a task's candidates.
    """
    if values is None:
        return None
    array = _like_candidates("first_stage_scores", values, lists, "iuf")
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    missing = np.isnan(array)
    if not bool(missing.any()):
        return CandidateColumn(read_only(array), np.ones(len(lists), dtype=np.bool_))
    n_missing = np.add.reduceat(missing, lists.offsets[:-1], dtype=np.int64)  # no row is empty
    part = (n_missing > 0) & (n_missing < lists.lengths)
    if bool(part.any()):
        row = int(np.flatnonzero(part)[0])
        raise InvalidTaskError(
            f"first_stage_scores of task {row} are NaN for {n_missing[row]} of {lists.lengths[row]} candidates; give all "
            "of a task's candidates a score, or none."
        )
    return CandidateColumn(read_only(array), n_missing == 0)


def scored(values: ArrayLike | None, lists: Ragged[np.int32]) -> CandidateColumn[np.bool_] | None:
    """The mask of the candidates in these lists that are scored.

    Raises:
        InvalidTaskError: another number than candidates, or another dtype than bool.
    """
    if values is None:
        return None
    array = _like_candidates("scored", values, lists, "b")
    return CandidateColumn(read_only(array), np.ones(len(lists), dtype=np.bool_))


def _like_candidates(name: str, values: ArrayLike, lists: Ragged[np.int32], kinds: str) -> NDArray[Any]:
    array = np.asarray(values)
    n, lengths = len(lists.values), lists.lengths
    is_matrix = array.ndim == 2 and len(array) == len(lists) and bool((lengths == array.shape[1]).all())
    if array.dtype.kind not in kinds or not (is_matrix or array.shape == (n,)):
        expected = "True and False" if kinds == "b" else "float64 or float32"
        raise InvalidTaskError(
            f"{name} has shape {array.shape} and dtype {array.dtype} for {n} candidates of {len(lists)} tasks; give one "
            f"value per candidate, {expected}."
        )
    return np.ascontiguousarray(array.reshape(-1))
