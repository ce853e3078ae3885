"""Why do all candidates of some tasks have one score? Told by what is equal, and for whom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rerank_guard.checks.comparing.ragged_rows import Rows, row_max, row_min
from rerank_guard.core.fault import Fault
from rerank_guard.core.faults.answer_tokens import LETTER_COLLISION
from rerank_guard.core.faults.prompts import PROMPT_TRUNCATED
from rerank_guard.core.faults.scoring import SCORE_SCALE_WRONG, SCORES_SATURATED, SILENT_FALLBACK, TIES_DECIDE
from rerank_guard.core.finding import Strength, Suspected, suspect
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import BoolArray, FloatArray, IntArray, LetterTable

__all__ = ["EQUAL_ROW_FAULTS", "NEAR_END", "at_end_of_scale", "equal_rows", "one_id_for_all", "why_equal"]

EQUAL_ROW_FAULTS: tuple[Fault, ...] = (
    LETTER_COLLISION,
    PROMPT_TRUNCATED,
    SCORE_SCALE_WRONG,
    SCORES_SATURATED,
    SILENT_FALLBACK,
    TIES_DECIDE,
)
"""What `why_equal` may name."""

NEAR_END = 0.02
_FEWEST_NEAR = 3
"""Different values within `NEAR_END` of an end of the scale, the end left out, from which on scores run up to it."""

_OWN_VALUES = 0.5
"""Share of the tasks with values of their own from which on no value was filled in."""

_LONGER = 0.9
"""Least chance that a task with equal scores is longer than one without, for the length to be what distinguishes them."""

_COMPARED = 1000
"""Tasks of either kind whose texts are measured."""


@dataclass(frozen=True, slots=True)
class _Equal:
    """The tasks with equal scores, their values, and whether these are all tasks."""

    rows: IntArray
    values: FloatArray
    everybody: bool

    @property
    def one_value(self) -> bool:
        return bool((self.values == self.values[0]).all())

    @property
    def own_values(self) -> bool:
        """Whether most of them have a value that no other one has."""
        _, times = np.unique(self.values, return_counts=True)
        return int((times == 1).sum()) >= max(2.0, _OWN_VALUES * len(self.values))


def why_equal(scores: Rows, chosen: BoolArray, table: TaskTable, letters: LetterTable | None = None) -> Suspected:
    """What makes the scores of some tasks equal, as far as the scores tell.

    - The letter table reads one id for all letters: letter-collision, seen.
    - One value for all of them. At the end of a scale that the other tasks' scores run up to (probabilities at 1.0 in
      half precision): scores-saturated. 1.0 for every candidate of every task: score-scale-wrong, as of a softmax over a
      single logit. Any other: silent-fallback, a value that is filled in.
    - A value of its own for each, which the model gave. Where these tasks have the longest texts: prompt-truncated, as
      inputs are equal once their ends are cut off. Else ties-decide, with what would decide.

    Args:
        scores: one row a task, finite.
        chosen: (U,) the tasks with equal scores, at least one.
        table: the tasks.
        letters: the letter table, where there is one.
    """
    if (token := one_id_for_all(letters)) is not None:
        return suspect(LETTER_COLLISION, f"The logits of all letters are read at one token id, {token}.")
    rows = np.flatnonzero(chosen)
    equal = _Equal(rows, scores.values[scores.offsets[rows]], len(rows) == len(scores))
    if equal.one_value:
        return _of_one_value(scores, equal)
    if not equal.own_values:
        shared = len(np.unique(equal.values))
        return suspect(SILENT_FALLBACK, f"These tasks have one of {shared} values for all candidates: filled in.")
    return _of_own_values(table, equal)


def one_id_for_all(letters: LetterTable | None) -> int | None:
    """The token id at which the letter table reads every letter; None where there are several, or fewer than two letters."""
    if letters is None or len(letters.letters) < 2:
        return None
    ids = {token.scored_token_id for token in letters.letters}
    return ids.pop() if len(ids) == 1 else None


def at_end_of_scale(scores: Rows, value: float) -> bool:
    """Whether a value is the end of a scale from 0 to 1 that the scores run up to: some come close to it without reaching it."""
    values = scores.values
    if value not in (0.0, 1.0) or float(values.min()) < 0.0 or float(values.max()) > 1.0:
        return False
    near = values[(np.abs(values - value) < NEAR_END) & (values != value)]
    return len(np.unique(near)) >= _FEWEST_NEAR


def _of_one_value(scores: Rows, equal: _Equal) -> Suspected:
    value = float(equal.values[0])
    if equal.everybody and value == 1.0:
        cause = "Every candidate of every task has exactly 1.0, as from a softmax over a single logit."
        return suspect(SCORE_SCALE_WRONG, cause, "Take the logit itself, or its sigmoid.")
    if at_end_of_scale(scores, value):
        return suspect(
            SCORES_SATURATED,
            f"All candidates of these tasks have {value:g}, the end of a scale that the other scores run up to.",
        )
    whom = "every task" if equal.everybody else "these tasks"
    cause = f"All candidates of {whom} have one and the same score, {value:g}: a value that is filled in."
    return suspect(SILENT_FALLBACK, cause)


def _of_own_values(table: TaskTable, equal: _Equal) -> Suspected:
    """The model was asked, and its answer is the same for all candidates of a task."""
    seen = "Each of these tasks has a score of its own, and the same for all of its candidates"
    if not equal.everybody and _chance_longer(table, equal.rows) >= _LONGER:
        cause = f"{seen}; they are the ones with the longest texts: what tells the candidates apart is cut off."
        return Suspected(PROMPT_TRUNCATED, Strength.MEASURED, cause)
    cause = (
        f"{seen}: the model was asked, and what it was asked does not depend on the candidate, as where one token is read for "
        "all of them, or where their inputs are equal (cut to a length, or all of one text)."
    )
    fix = "Compare the inputs of two candidates of such a task token by token, and the token ids at which they are read."
    return suspect(TIES_DECIDE, cause, fix)


def _chance_longer(table: TaskTable, rows: IntArray) -> float:
    """How often a task of these is longer than one of the others: query, history, and the longest candidate."""
    others = np.setdiff1d(np.arange(len(table)), rows, assume_unique=True)
    these, those = (_text_lengths(table, some[:: max(1, len(some) // _COMPARED)]) for some in (rows, others))
    ordered = np.sort(those)
    below, up_to = (np.searchsorted(ordered, these, side=side) for side in ("left", "right"))
    return float((below + up_to).mean() / (2.0 * len(those)))


def _text_lengths(table: TaskTable, rows: IntArray) -> FloatArray:
    lengths = []
    for task in (table[int(row)] for row in rows):
        texts = [task.query, *(item.text for item in task.history)]
        lengths.append(sum(map(len, texts)) + max(len(item.text) for item in task.candidates))
    return np.array(lengths, dtype=np.float64)


def equal_rows(scores: Rows) -> BoolArray:
    """(U,) whether all scores of a task are equal."""
    return np.asarray(row_max(scores) == row_min(scores))
