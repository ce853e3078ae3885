"""Refusal of prompts that do not belong to the tasks they come with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rerank_guard.core.errors import InvalidTaskError

__all__ = ["HasQueryId", "require_aligned", "require_same_length"]


class HasQueryId(Protocol):
    """Whatever names its query: a task, a prompt."""

    @property
    def query_id(self) -> str:
        """Of the task."""
        ...


def require_aligned(first: Sequence[HasQueryId], second: Sequence[HasQueryId], names: tuple[str, str]) -> None:
    """Refuse two lists that are empty or do not match: one entry a task, with the same query_id at each place.

    Raises:
        InvalidTaskError: nothing to judge, different lengths, or different query_ids at some place.
    """
    require_same_length(first, second, names)
    if len(first) == 0:
        raise InvalidTaskError(f"there are no {names[0]} to judge; give at least one.")
    for place, (one, other) in enumerate(zip(first, second, strict=True)):
        if one.query_id != other.query_id:
            raise InvalidTaskError(
                f"place {place} is query {one.query_id!r} in the {names[0]} but {other.query_id!r} in the {names[1]}; "
                "give both for the same tasks in the same order."
            )


def require_same_length(first: Sequence[object], second: Sequence[object], names: tuple[str, str]) -> None:
    """Refuse two lists of different lengths.

    Raises:
        InvalidTaskError: with both lengths.
    """
    if len(first) != len(second):
        raise InvalidTaskError(
            f"{len(first)} {names[0]} but {len(second)} {names[1]}; give one for each task, in the same order."
        )
