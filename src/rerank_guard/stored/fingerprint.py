"""SHA-256 fingerprints of what a comparison rests on: data, tokenizer, prompt, configuration.

What is hashed is canonical JSON: keys sorted, no spaces, ASCII only, and numbers that are equal written alike (1.0 as
1). Each JSON array ends where it says so, which makes the concatenation of several unambiguous.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence

from rerank_guard.errors import InvalidTaskError, StoredRunError
from rerank_guard.types import Item, RankingTask

__all__ = [
    "DATA_PARTS",
    "canonical_json",
    "data_fingerprint",
    "data_part_fingerprints",
    "mapping_fingerprint",
    "require_unique_queries",
    "text_fingerprint",
]

DATA_PARTS = ("query_ids", "histories", "candidates", "targets", "texts", "retriever_scores")
"""What the data's fingerprint is made of; each part has its own, so that a difference can be told apart."""

_dump = json.JSONEncoder(sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode


def canonical_json(value: object) -> str:
    """The one text that stands for `value`, which is JSON data without NaN or infinity.

    Raises:
        StoredRunError: `value` holds something that strict JSON cannot say.
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
        StoredRunError: a value that strict JSON cannot say.
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
        InvalidTaskError: a query_id that comes twice or is not text, or a value that cannot be hashed.
    """
    require_unique_queries(tasks)
    hashes = {part: hashlib.sha256() for part in DATA_PARTS}
    for task in sorted(tasks, key=lambda task: task.query_id):
        try:
            parts = _parts(task)
        except (TypeError, ValueError) as error:
            raise InvalidTaskError(
                f"query {task.query_id!r} cannot be hashed ({error}); give ids and texts as str, target_index as "
                "int or None, and retriever_scores as floats."
            ) from error
        for part, text in zip(DATA_PARTS, parts, strict=True):
            hashes[part].update(text.encode("ascii"))
    return {part: digest.hexdigest() for part, digest in hashes.items()}


def require_unique_queries(tasks: Sequence[RankingTask]) -> None:
    """Refuse tasks that cannot be told apart by their query_id.

    Raises:
        InvalidTaskError: a query_id that is not text, or comes twice.
    """
    seen: set[str] = set()
    for task in tasks:
        if not isinstance(task.query_id, str):
            raise InvalidTaskError(f"query_id {task.query_id!r} is not text; give it as str.")
        if task.query_id in seen:
            raise InvalidTaskError(
                f"query_id {task.query_id!r} comes twice; runs are paired by query_id, so give each task its own, "
                "such as user and time."
            )
        seen.add(task.query_id)


def _parts(task: RankingTask) -> tuple[str, ...]:
    """The task's share of each of `DATA_PARTS`."""
    scores = task.retriever_scores
    index = task.target_index
    return (
        _dump([task.query_id]),
        _dump(_ids(task.history)),
        _dump(_ids(task.candidates)),
        _dump([task.target_id, None if index is None else int(index)]),
        _dump([item.text for item in (*task.history, *task.candidates)]),
        # as text: a first stage may well give -inf to a candidate, which strict JSON cannot say
        _dump(None if scores is None else [repr(float(score)) for score in scores]),
    )


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
