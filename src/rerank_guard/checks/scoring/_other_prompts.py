"""Prompts that the scores may be of, though another one is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from rerank_guard.core.fault import Fault
from rerank_guard.core.faults.prompts import LETTER_CANDIDATE_MISMATCH, PROMPT_SKEW
from rerank_guard.core.faults.quality import HISTORY_IGNORED
from rerank_guard.core.faults.scoring import ROWS_MISALIGNED
from rerank_guard.core.prompts import ScoringPrompt, TrainingPrompt
from rerank_guard.core.types import RankingTask

__all__ = ["OtherPrompt", "TryPrompts", "other_prompts"]

_LONGEST_CUT = 12
"""History lengths that are tried, from none on."""

TryPrompts = Callable[[Sequence[RankingTask]], "Sequence[ScoringPrompt] | None"]
"""From any tasks to their scoring prompts; None where the builder refuses one."""


@dataclass(frozen=True, slots=True)
class OtherPrompt:
    """One hypothesis: its fault, what it is in words, and the token ids of each task's prompt."""

    fault: Fault
    words: str
    token_ids: Sequence[Sequence[int]]


def other_prompts(
    tasks: Sequence[RankingTask],
    shown: Sequence[ScoringPrompt],
    try_prompts: TryPrompts | None,
    trained: Sequence[TrainingPrompt] | None,
) -> Iterator[OtherPrompt]:
    """From the likeliest on; only those that differ from what is shown.

    Args:
        tasks: the tasks that were scored.
        shown: the prompts that are said to have been scored, one a task.
        try_prompts: builds the prompts of changed tasks; None tries no changed tasks.
        trained: the training prompts of those tasks that have a target; None where they are not shown.
    """
    shown_ids = [tuple(prompt.token_ids) for prompt in shown]
    if trained is not None:
        before = [prompt.before_answer for prompt in trained]
        yield from _if_other(shown_ids, OtherPrompt(PROMPT_SKEW, "the prompt as it is trained on", before))
    if try_prompts is not None:
        for fault, words, changed in _changed(tasks):
            prompts = try_prompts(changed)
            if prompts is not None:
                ids = [tuple(prompt.token_ids) for prompt in prompts]
                yield from _if_other(shown_ids, OtherPrompt(fault, words, ids))


def _changed(tasks: Sequence[RankingTask]) -> Iterator[tuple[Fault, str, list[RankingTask]]]:
    """The tasks as a faulty prompt builder would see them."""
    yield HISTORY_IGNORED, "a prompt without the history", [replace(task, history=()) for task in tasks]
    longest = max(len(task.history) for task in tasks)
    for kept in range(1, min(_LONGEST_CUT, longest)):
        cut = [replace(task, history=task.history[-kept:]) for task in tasks]
        yield PROMPT_SKEW, f"a prompt with the last {kept} of the history alone", cut
    backwards = [replace(task, candidates=task.candidates[::-1]) for task in tasks]
    yield LETTER_CANDIDATE_MISMATCH, "a prompt whose candidates are listed in reversed order", backwards
    exchanged = [replace(task, history=tasks[i - 1].history) for i, task in enumerate(tasks)]
    yield ROWS_MISALIGNED, "a prompt with another user's history", exchanged


def _if_other(shown: list[tuple[int, ...]], other: OtherPrompt) -> Iterator[OtherPrompt]:
    if len(other.token_ids) == len(shown) and list(other.token_ids) != shown:
        yield other
