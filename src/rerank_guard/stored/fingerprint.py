"""SHA-256 fingerprints of what a comparison rests on: data, tokenizer, prompt, configuration.

What is hashed is canonical JSON: keys sorted, no spaces, ASCII only, and equal numbers written alike (1.0 as 1). JSON
arrays end with a bracket, which makes the concatenation of several unambiguous.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence

from rerank_guard.core.errors import InvalidTaskError, StoredRunError
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import Item, RankingTask

__all__ = [
    "DATA_PARTS",
    "canonical_json",
    "data_fingerprint",
    "data_part_fingerprints",
    "mapping_fingerprint",
    "require_unique_queries",
    "text_fingerprint",
]

DATA_PARTS = ("query_ids", "histories", "candidates", "targets", "texts", "first_stage_scores")
"""What the data's fingerprint is made of; each part has its own, so that a report can say which part differs."""

_dump = json.JSONEncoder(sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode


def canonical_json(value: object) -> str:
    """The one canonical text of `value`, which is JSON data without NaN or infinity.

    Raises:
        StoredRunError: `value` holds something that strict JSON cannot represent.
    """
    try:
        return _dump(_even(value))
    except (TypeError, ValueError) as error:
        raise StoredRunError(
            f"{value!r:.200} cannot be stored ({error}); give text, whole numbers, finite floats, True or False."
        ) from error


def text_fingerprint(text: str) -> str:
    """SHA-256 of a text such as a prompt template or a tokenizer.json, 64 hex digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def mapping_fingerprint(mapping: Mapping[str, object]) -> str:
    """SHA-256 of a mapping such as a configuration or a vocabulary, whatever the order of its keys.

    Raises:
        StoredRunError: a value that strict JSON cannot represent.
    """
    return text_fingerprint(canonical_json(mapping))


def data_fingerprint(tasks: Sequence[RankingTask]) -> str:
    """SHA-256 over all that a task holds, whatever the order of the tasks; see `data_part_fingerprints`."""
    return mapping_fingerprint(data_part_fingerprints(tasks))


def data_part_fingerprints(tasks: Sequence[RankingTask]) -> dict[str, str]:
    """SHA-256 of each of `DATA_PARTS`.

    Tasks are taken in the order of their query_id, since runs are paired by it: listing the same tasks in another
    order changes nothing. Histories and candidates keep theirs, which is part of the prompt.

    Args:
        tasks: at least one, each with a query_id of its own.

    Raises:
        InvalidTaskError: a query_id that appears twice or is not text, or a value that cannot be hashed.
    """
    names = require_unique_queries(tasks)
    hashes = {part: hashlib.sha256() for part in DATA_PARTS}
    for row in sorted(range(len(names)), key=names.__getitem__):  # of a table one task at a time is made
        task = tasks[row]
        try:
            parts = _parts(task)
        except (TypeError, ValueError) as error:
            raise InvalidTaskError(
                f"query {task.query_id!r} cannot be hashed ({error}); give ids and texts as str, target_index as "
                "int or None, and first_stage_scores as floats."
            ) from error
        for part, text in zip(DATA_PARTS, parts, strict=True):
            hashes[part].update(text.encode("ascii"))
    return {part: digest.hexdigest() for part, digest in hashes.items()}


def require_unique_queries(tasks: Sequence[RankingTask]) -> list[str]:
    """Refuse tasks that cannot be distinguished by their query_id.

    Returns:
        The query_ids, in the order of the tasks.

    Raises:
        InvalidTaskError: a query_id that is not text, or appears twice.
    """
    names = list(tasks.query_ids) if isinstance(tasks, TaskTable) else [task.query_id for task in tasks]
    seen: set[str] = set()
    for name in names:
        if not isinstance(name, str):
            raise InvalidTaskError(f"query_id {name!r} is not text; give it as str.")
        if name in seen:
            raise InvalidTaskError(
                f"query_id {name!r} appears twice; runs are paired by query_id, so give each task its own, such as user "
                "and time."
            )
        seen.add(name)
    return names


def _parts(task: RankingTask) -> tuple[str, ...]:
    """The task's share of each of `DATA_PARTS`.

    A query text, grades and a mask of scored candidates are added only where they say more than their defaults (no query,
    the target item alone relevant with grade 1, all candidates scored).
    """
    index = task.target_index
    query: list[object] = [{"query": task.query}] if task.query else []
    grades: list[object] = [] if task.grades == {task.target_id: 1.0} else [_numbers_as_text(task.grades)]
    scored: list[object] = [] if task.scored is None or all(task.scored) else [[bool(flag) for flag in task.scored]]
    scores = task.first_stage_scores
    return (
        _dump([task.query_id]),
        _dump(_ids(task.history)),
        _dump([*_ids(task.candidates), *scored]),
        _dump([task.target_id, None if index is None else int(index), *grades]),
        _dump([*(item.text for item in (*task.history, *task.candidates)), *query]),
        # as text: a first stage may well give -inf to a candidate, which strict JSON cannot represent
        _dump(None if scores is None else [repr(float(score)) for score in scores]),
    )


def _numbers_as_text(numbers: Mapping[str, float]) -> dict[str, str]:
    return {key: repr(float(number)) for key, number in numbers.items()}


def _ids(items: Sequence[Item]) -> list[str]:
    return [item.item_id for item in items]


def _even(value: object) -> object:
    """`value` with floats that are whole numbers as int, since 1 and 1.0 are one setting."""
    if isinstance(value, Mapping):
        return {key: _even(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_even(entry) for entry in value]
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return int(value)
    return value
