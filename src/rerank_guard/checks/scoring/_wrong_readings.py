"""What the scores would be if the logits were read or given out in one of the usual wrong ways."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rerank_guard.checks.comparing.letter_logits import letter_ids, letter_rows
from rerank_guard.core.fault import Fault
from rerank_guard.core.faults.answer_tokens import WRONG_LETTER_VARIANT
from rerank_guard.core.faults.data import LABEL_OFFSET
from rerank_guard.core.faults.scoring import REVERSED, ROWS_MISALIGNED, WRONG_LOGIT_POSITION
from rerank_guard.core.types import FloatArray, LetterTable

__all__ = ["Reading", "wrong_readings"]

_SHIFTS = (1, -1)
_TASKS_SHIFTED = (1, -1, 2, -2, 3, -3)


@dataclass(frozen=True, slots=True)
class Reading:
    """One hypothesis: its fault, what it is in words, and the letter logits (N_u,) that it predicts for each task."""

    fault: Fault
    says: str
    rows: tuple[FloatArray, ...]


def wrong_readings(
    logits: Sequence[FloatArray],
    letters: LetterTable,
    lengths: Sequence[int],
    earlier: Mapping[int, Sequence[FloatArray]],
) -> Iterator[Reading]:
    """Every hypothesis that predicts scores from the model alone, the simplest first.

    Args:
        logits: one array (V,) a task, of the forward pass behind the prompt.
        letters: the letters in the order of the positions.
        lengths: (U,) N of each task.
        earlier: offset to logits as in `logits`, taken so many token positions after (below 0: before) the right one.
    """
    most = max(lengths)
    ids = letter_ids(letters, most) or []
    plain = letter_rows(logits, ids, lengths)
    yield Reading(REVERSED, "those of the forward pass with the sign flipped", tuple(-row for row in plain))
    yield from _offset(logits, letters, lengths, plain)
    yield from _at_scored_ids(logits, letters, lengths, ids)
    for offset, rows in earlier.items():
        where = "before" if offset < 0 else "after"
        says = f"the logits {abs(offset)} position(s) {where} the right one"
        yield Reading(WRONG_LOGIT_POSITION, says, letter_rows(rows, ids, lengths))
    yield from _of_other_tasks(plain, lengths)


def _offset(
    logits: Sequence[FloatArray], letters: LetterTable, lengths: Sequence[int], plain: Sequence[FloatArray]
) -> Iterator[Reading]:
    for shift in _SHIFTS:
        says = f"those of the forward pass, {shift:+d} position(s) away, the last moved to the other end"
        yield Reading(LABEL_OFFSET, says, tuple(np.roll(row, shift) for row in plain))
    further = letter_ids(letters, max(lengths) + 1)
    if further is not None and max(further) < min(len(row) for row in logits):
        says = "the logit of the letter after each candidate's own"
        yield Reading(LABEL_OFFSET, says, letter_rows(logits, further[1:], lengths))


def _at_scored_ids(
    logits: Sequence[FloatArray], letters: LetterTable, lengths: Sequence[int], ids: Sequence[int]
) -> Iterator[Reading]:
    """At the ids that the letter table says are read, where these are not the ids in context."""
    tokens = letters.letters[: len(ids)]
    scored = [
        token.scored_token_id if token.scored_token_id is not None else own
        for token, own in zip(tokens, ids, strict=True)
    ]
    vocabulary = min(len(row) for row in logits)
    if scored != list(ids) and all(0 <= token_id < vocabulary for token_id in scored):
        says = "the logits at the letters' scored_token_id, which is not their id in context"
        yield Reading(WRONG_LETTER_VARIANT, says, letter_rows(logits, scored, lengths))


def _of_other_tasks(plain: Sequence[FloatArray], lengths: Sequence[int]) -> Iterator[Reading]:
    """Rows given to the wrong tasks: shifted by a few, or in reversed order, where the lengths allow it."""
    tasks = np.arange(len(plain))
    orders = {f"those of the task {k:+d} place(s) away": np.roll(tasks, -k) for k in _TASKS_SHIFTED}
    orders["those of the tasks in reversed order"] = tasks[::-1]
    for says, order in orders.items():
        fits = [lengths[other] == lengths[task] for task, other in enumerate(order.tolist())]
        if all(fits) and not np.array_equal(order, tasks):
            yield Reading(ROWS_MISALIGNED, says, tuple(plain[other] for other in order.tolist()))
