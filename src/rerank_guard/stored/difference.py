"""What differs between two runs, so that a comparison that means nothing is refused, with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from rerank_guard.core.conditions import RunConditions, Setting
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import IntArray, RankingTask
from rerank_guard.stored.fingerprint import (
    canonical_json,
    data_part_fingerprints,
    mapping_fingerprint,
    require_unique_queries,
    text_fingerprint,
)
from rerank_guard.stored.run import StoredRun

__all__ = ["Difference", "differences", "undeclared"]

_CONTEXT = 24  # characters of a prompt shown around the first difference
_SHOWN_USERS = 3
_HASH_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs.

    Attributes:
        name: such as "sampler" or "config.learning_rate".
        reference, now: what it is in the reference run and in this run, ready to be shown.
    """

    name: str
    reference: str
    now: str

    def row(self) -> str:
        """The difference on one line."""
        return f"{self.name}: reference {self.reference}, now {self.now}"


def differences(
    reference: StoredRun, tasks: Sequence[RankingTask], conditions: RunConditions | None
) -> tuple[Difference, ...]:
    """All conditions in which this run differs from the reference run; empty when the two can be compared.

    The number of candidates and the sampler come first, since sampled metrics under others are different metrics
    (Krichene and Rendle 2020, "On sampled metrics for item recommendation"). Then the split, the users, the data's
    parts, tokenizer, prompt, and the configuration key by key. Seed, name of the reranker and versions are not conditions.

    Where the reference run declares nothing, only data can be compared, as when it was stored; see `undeclared`. Where
    it does and this run does not, that is a difference: a check must not become weaker because a method was removed.

    Args:
        reference: the reference run.
        tasks: this run's tasks, each with a query_id of its own.
        conditions: what this run's reranker declares, None when it declares nothing.

    Raises:
        InvalidTaskError: no tasks, or a query_id that appears twice.
    """
    query_ids = require_unique_queries(tasks)
    return (
        *_candidates(reference, _lengths(tasks)),
        *_declared_texts(reference.conditions, conditions, ("sampler", "split")),
        *_data(reference, tasks, set(query_ids)),
        *_tokenizer_and_prompt(reference.conditions, conditions),
        *_config(reference.conditions, conditions),
    )


def undeclared(reference: StoredRun, conditions: RunConditions | None) -> str:
    """A sentence on what could not be compared because it was not declared; empty when all was."""
    if reference.conditions is not None:
        return ""
    if conditions is None:
        return "only data were compared: the reranker has no conditions() to declare tokenizer, prompt and config"
    return (
        "only data were compared: the reference run declares no tokenizer, prompt and config; store a new one with "
        "--rerank-update-reference"
    )


def _candidates(reference: StoredRun, n_candidates: IntArray) -> Iterable[Difference]:
    earlier, later = _span(reference.standings.n_candidates), _span(n_candidates)
    if earlier != later:
        yield Difference("N (candidates)", earlier, later)


def _data(reference: StoredRun, tasks: Sequence[RankingTask], after: set[str]) -> Iterable[Difference]:
    before = set(reference.standings.query_ids)
    if before != after:
        # with other users every part of the data differs, which says nothing more
        yield Difference("users", _users(before, before - after), _users(after, after - before))
        return
    now = data_part_fingerprints(tasks)
    if now != reference.data_parts:
        parts = ", ".join(part for part in now if now[part] != reference.data_parts[part])
        yield Difference(f"data ({parts})", _short(reference.data_hash), _short(mapping_fingerprint(now)))


def _declared_texts(
    before: RunConditions | None, after: RunConditions | None, names: Sequence[str]
) -> Iterable[Difference]:
    for name in names:
        if before is not None and after is not None and getattr(before, name) != getattr(after, name):
            yield Difference(name, repr(getattr(before, name)), repr(getattr(after, name)))


def _tokenizer_and_prompt(before: RunConditions | None, after: RunConditions | None) -> Iterable[Difference]:
    if before is None:
        return
    if after is None:
        yield Difference("tokenizer, prompt, config, sampler, split", "declared", "no conditions() in the reranker")
        return
    if before.tokenizer != after.tokenizer:
        yield Difference("tokenizer", *_distinct(before.tokenizer, after.tokenizer))
    if before.prompt != after.prompt:
        at = _first_difference(before.prompt, after.prompt)
        yield Difference(f"prompt from character {at} on", _excerpt(before.prompt, at), _excerpt(after.prompt, at))


def _config(before: RunConditions | None, after: RunConditions | None) -> Iterable[Difference]:
    if before is None or after is None:
        return
    for key in sorted({*before.config, *after.config}):
        old, new = before.config.get(key), after.config.get(key)
        if canonical_json(old) != canonical_json(new):
            yield Difference(f"config.{key}", _setting(old), _setting(new))


def _setting(value: Setting | None) -> str:
    return "not there" if value is None else repr(value)


def _users(all_of_them: set[str], only_here: set[str]) -> str:
    if not only_here:
        return f"{len(all_of_them)} users"
    shown = ", ".join(repr(name) for name in sorted(only_here)[:_SHOWN_USERS])
    return f"{len(all_of_them)} users, {len(only_here)} only there such as {shown}"


def _lengths(tasks: Sequence[RankingTask]) -> IntArray:
    """(T,) N of each task, without making a table of tasks that are none."""
    if isinstance(tasks, TaskTable):
        return tasks.n_candidates
    return np.array([task.n_candidates for task in tasks], dtype=np.int64)


def _span(n_candidates: IntArray) -> str:
    low, high = int(n_candidates.min()), int(n_candidates.max())
    return str(low) if low == high else f"{low} to {high}"


def _short(digest: str) -> str:
    return f"{digest[:_HASH_DIGITS]}.."


def _distinct(before: str, after: str) -> tuple[str, str]:
    """Two hashes (or names in their place) short enough to read, and long enough to differ."""
    length = max(_HASH_DIGITS, _first_difference(before, after) + 1)
    return tuple(text if len(text) <= length else f"{text[:length]}.." for text in (before, after))  # type: ignore[return-value]


def _first_difference(before: str, after: str) -> int:
    pairs = zip(before, after, strict=False)
    return next((at for at, (one, other) in enumerate(pairs) if one != other), min(len(before), len(after)))


def _excerpt(text: str, at: int) -> str:
    end = "" if at + _CONTEXT >= len(text) else ".."
    return f"{_short(text_fingerprint(text))} {text[max(0, at - _CONTEXT // 3) : at + _CONTEXT]!r}{end}"
