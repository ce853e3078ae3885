"""User-independent rankings: by how often each item was taken, and by how new it is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from rerank_guard.baselines._rows import rows_of
from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.listed import id_blocks
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import FloatArray, RankingTask

__all__ = ["popularity_scores", "recency_scores", "reversed_popularity_scores", "reversed_recency_scores"]


def popularity_scores(tasks: Sequence[RankingTask], item_popularity: Mapping[str, int]) -> list[FloatArray]:
    """Each candidate's count in the training data, (N,) float64 a task; an unknown item counts 0.

    Raises:
        InvalidTaskError: no counts at all, or counts for none of the candidates (keys of another type or spelling),
            which would silently make the baseline chance.
    """
    if not item_popularity:
        raise InvalidTaskError(
            f"the item popularity is {item_popularity!r}; count the items in the training data, or leave the "
            "popularity baseline out."
        )
    table = TaskTable.of(tasks)
    _require_known_candidate(table, item_popularity, what="item popularity", values="counts")
    return _looked_up(table, item_popularity, unknown=0.0)


def reversed_popularity_scores(
    tasks: Sequence[RankingTask], item_popularity: Mapping[str, int]
) -> list[FloatArray]:
    """The least popular first, which wins against negatives that were sampled by popularity."""
    return [-scores for scores in popularity_scores(tasks, item_popularity)]


def recency_scores(tasks: Sequence[RankingTask], item_times: Mapping[str, float]) -> list[FloatArray]:
    """Each candidate's time, (N,) float64 a task: the newest first; an unknown item ranks below all known ones.

    Which time is the caller's choice, and they are different baselines: the item's latest interaction in the training
    data is correlated with its popularity, its release date need not be.

    Args:
        tasks: the tasks.
        item_times: item_id to a finite time in any unit that grows, such as seconds since 1970 or the release year.
            An unknown item's time is the float next below the smallest of them.

    Raises:
        InvalidTaskError: no times at all, a time that is not a finite number, or times for none of the candidates
            (keys of another type or spelling), which would silently make the baseline chance.
    """
    if not item_times:
        raise InvalidTaskError(
            f"the item times are {item_times!r}; give each item the time of its latest interaction in the training "
            "data or its release date, or leave the recency baseline out."
        )
    for item_id, time in item_times.items():
        if not _is_finite_number(time):
            raise InvalidTaskError(
                f"item {item_id!r} has the time {time!r} (type {type(time).__name__}); give a finite number, such as "
                "seconds since 1970 or the release year, and leave items without a time out of the mapping."
            )
    table = TaskTable.of(tasks)
    _require_known_candidate(table, item_times, what="item times", values="times")
    oldest = min(float(time) for time in item_times.values())
    return _looked_up(table, item_times, unknown=float(np.nextafter(oldest, -np.inf)))


def reversed_recency_scores(tasks: Sequence[RankingTask], item_times: Mapping[str, float]) -> list[FloatArray]:
    """The oldest first, unknown items before all, which wins where negatives are newer than what users take."""
    return [-scores for scores in recency_scores(tasks, item_times)]


def _require_known_candidate(table: TaskTable, known: Mapping[str, float], *, what: str, values: str) -> None:
    if len(table) == 0:
        return
    is_known = np.fromiter((item_id in known for item_id in table.pool.ids), np.bool_, count=len(table.pool.ids))
    if not any(bool(is_known[ids].any()) for _, _, ids in id_blocks(table)):
        key, item_id = next(iter(known)), table[0].candidate_ids[0]
        raise InvalidTaskError(
            f"none of the {len(known)} keys of the {what} (such as {key!r}, {type(key).__name__}) is the id of a "
            f"candidate (such as {item_id!r}, {type(item_id).__name__}); key the {values} by item_id."
        )


def _looked_up(table: TaskTable, known: Mapping[str, float], *, unknown: float) -> list[FloatArray]:
    of_id = table.pool.of_ids(known, unknown)
    values = np.empty(len(table.candidates.values), dtype=np.float64)
    offsets = table.candidates.offsets
    for start, stop, ids in id_blocks(table):
        values[offsets[start] : offsets[stop]] = of_id[ids]
    return rows_of(values, offsets)


def _is_finite_number(value: object) -> bool:
    try:
        return math.isfinite(value)  # type: ignore[arg-type]
    except (TypeError, OverflowError):  # no number; an int beyond the range of floats
        return False
