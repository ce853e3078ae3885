"""What is known about each item for itself, whoever asks: how often it was taken, and how new it is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from rerank_guard.errors import InvalidTaskError
from rerank_guard.types import FloatArray, RankingTask

__all__ = ["popularity_scores", "recency_scores", "reversed_popularity_scores", "reversed_recency_scores"]


def popularity_scores(tasks: Sequence[RankingTask], item_popularity: Mapping[str, int]) -> list[FloatArray]:
    """Each candidate's count in the training data, (N,) float64 a task; an unknown item counts 0.

    Raises:
        InvalidTaskError: no counts at all, or counts for none of the candidates (keys of another type or spelling),
            which would make the baseline chance in silence.
    """
    if not item_popularity:
        raise InvalidTaskError(
            f"the item popularity is {item_popularity!r}; count the items in the training data, or leave the "
            "popularity baseline out."
        )
    _require_known_candidate(tasks, item_popularity, what="item popularity", values="counts")
    return _looked_up(tasks, item_popularity, unknown=0.0)


def reversed_popularity_scores(
    tasks: Sequence[RankingTask], item_popularity: Mapping[str, int]
) -> list[FloatArray]:
    """The least popular first: what wins against negatives that were sampled by popularity."""
    return [-scores for scores in popularity_scores(tasks, item_popularity)]


def recency_scores(tasks: Sequence[RankingTask], item_times: Mapping[str, float]) -> list[FloatArray]:
    """Each candidate's time, (N,) float64 a task: the newest first; an unknown item ranks below all known ones.

    Which time is the caller's choice, and they are different baselines: the item's latest interaction in the training
    data goes with its popularity, its release date need not.

    Args:
        tasks: the tasks.
        item_times: item_id to a finite time in any unit that grows, such as seconds since 1970 or the release year.
            An unknown item's time is the float next below the smallest of them.

    Raises:
        InvalidTaskError: no times at all, a time that is not a finite number, or times for none of the candidates
            (keys of another type or spelling), which would make the baseline chance in silence.
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
    _require_known_candidate(tasks, item_times, what="item times", values="times")
    oldest = min(float(time) for time in item_times.values())
    return _looked_up(tasks, item_times, unknown=float(np.nextafter(oldest, -np.inf)))


def reversed_recency_scores(tasks: Sequence[RankingTask], item_times: Mapping[str, float]) -> list[FloatArray]:
    """The oldest first, unknown items before all: what wins where negatives are newer than what users take."""
    return [-scores for scores in recency_scores(tasks, item_times)]


def _require_known_candidate(
    tasks: Sequence[RankingTask], known: Mapping[str, float], *, what: str, values: str
) -> None:
    if tasks and not any(item_id in known for task in tasks for item_id in task.candidate_ids):
        key, item_id = next(iter(known)), tasks[0].candidate_ids[0]
        raise InvalidTaskError(
            f"none of the {len(known)} keys of the {what} (such as {key!r}, {type(key).__name__}) is the id of a "
            f"candidate (such as {item_id!r}, {type(item_id).__name__}); key the {values} by item_id."
        )


def _looked_up(tasks: Sequence[RankingTask], known: Mapping[str, float], *, unknown: float) -> list[FloatArray]:
    return [
        np.array([known.get(item_id, unknown) for item_id in task.candidate_ids], dtype=np.float64)
        for task in tasks
    ]


def _is_finite_number(value: object) -> bool:
    try:
        return math.isfinite(value)  # type: ignore[arg-type]
    except (TypeError, OverflowError):  # no number; an int beyond the range of floats
        return False
