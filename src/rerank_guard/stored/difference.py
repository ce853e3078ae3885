"""In what two runs differ, so that a comparison that means nothing is refused with its reason in sight."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rerank_guard.stored.conditions import RunConditions, Setting
from rerank_guard.stored.fingerprint import (
    canonical_json,
    data_part_fingerprints,
    mapping_fingerprint,
    text_fingerprint,
)
from rerank_guard.stored.run import StoredRun
from rerank_guard.types import RankingTask

__all__ = ["Difference", "differences", "undeclared"]

_CONTEXT = 24  # characters of a prompt shown around the first difference
_SHOWN_USERS = 3
_HASH_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs.

    Attributes:
        name: such as "sampler" or "config.learning_rate".
        stored, now: what it is in either run, ready to be shown.
    """

    name: str
    stored: str
    now: str

    def row(self) -> str:
        """The difference on one line."""
        return f"{self.name}: stored {self.stored}, now {self.now}"


def differences(
    stored: StoredRun, tasks: Sequence[RankingTask], conditions: RunConditions | None
) -> tuple[Difference, ...]:
    """All in which this run's conditions are not those of the stored one; empty when the two can be compared.

    The number of candidates and the sampler come first, since sampled metrics under others are different metrics
    (Krichene and Rendle 2020, "On sampled metrics for item recommendation"). Then the split, the users, the data's
    parts, tokenizer, prompt, and the configuration key by key. Seed, target name and versions are not conditions.

    Where the stored run declares nothing, only data can be compared, as when it was stored; see `undeclared`. Where
    it does and this run does not, that is a difference: a gate must not grow weaker by a method that got lost.

    Args:
        stored: the stored run.
        tasks: this run's tasks, each with a query_id of its own.
        conditions: what this run's target declares, None when it declares nothing.

    Raises:
        InvalidTaskError: no tasks, or a query_id that comes twice.
    """
    return (
        *_candidates(stored, tasks),
        *_declared_texts(stored.conditions, conditions, ("sampler", "split")),
        *_data(stored, tasks),
        *_tokenizer_and_prompt(stored.conditions, conditions),
        *_config(stored.conditions, conditions),
    )


def undeclared(stored: StoredRun, conditions: RunConditions | None) -> str:
    """A sentence on what could not be compared because it was not declared; empty when all was."""
    if stored.conditions is not None:
        return ""
    if conditions is None:
        return "only data were compared: the target has no conditions() to tell tokenizer, prompt and config"
    return (
        "only data were compared: the stored run declares no tokenizer, prompt and config; store a new one with "
        "--rerank-update-baseline"
    )


def _candidates(stored: StoredRun, tasks: Sequence[RankingTask]) -> Iterable[Difference]:
    before, after = stored.standings.n_candidates, [task.n_candidates for task in tasks]
    earlier, later = _span(int(before.min()), int(before.max())), _span(min(after), max(after))
    if earlier != later:
        yield Difference("N (candidates)", earlier, later)


def _data(stored: StoredRun, tasks: Sequence[RankingTask]) -> Iterable[Difference]:
    now = data_part_fingerprints(tasks)
    before, after = set(stored.standings.query_ids), {task.query_id for task in tasks}
    if before != after:
        # with other users every part of the data differs, which says nothing more
        yield Difference("users", _users(before, before - after), _users(after, after - before))
    elif now != stored.data_parts:
        parts = ", ".join(part for part in now if now[part] != stored.data_parts[part])
        yield Difference(f"data ({parts})", _short(stored.data_hash), _short(mapping_fingerprint(now)))


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
        yield Difference("tokenizer, prompt, config, sampler, split", "declared", "no conditions() in the target")
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


def _span(low: int, high: int) -> str:
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
