"""Can a title pass for a part of the prompt: another candidate, or the end of the turn?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rerank_guard.checks._kinds import all_but
from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.comparing.aligned import require_same_length
from rerank_guard.checks.prompts._candidate_block import BlockReader
from rerank_guard.checks.prompts._frame_markers import MARKER, frame_markers, texts_of
from rerank_guard.checks.prompts._readable_text import one_line, readable, shortened
from rerank_guard.core.check import check
from rerank_guard.core.faults.prompts import PROMPT_INJECTION
from rerank_guard.core.finding import Affected, Finding, Limit, suspect
from rerank_guard.core.prompts import ScoringPrompt
from rerank_guard.core.setting import Count, NeededCount
from rerank_guard.core.stage import Stage
from rerank_guard.core.types import LetterTable, RankingTask
from rerank_guard.core.verdict import MAX_EVIDENCE, Status

__all__ = ["prompt_injection_safe"]

_TEXT_SHOWN = 48
_ODD_WITHIN = 200
"""Characters of a title by which the one to show is chosen."""

_Shown = tuple[ScoringPrompt, RankingTask, ScoringPrompt | None]
"""A prompt with its task, and the prompt of the harmless task, where there is one."""


@dataclass(frozen=True, slots=True)
class _Usual:
    """What a prompt holds that no title has forged.

    Attributes:
        beginnings: lines that may begin like a candidate.
        texts: of prompts to compare with: what each of them holds is the frame's.
    """

    beginnings: int
    texts: tuple[str, ...]


@check(
    stage=Stage.PROMPTS,
    claim="no title can forge a letter, a line or a turn of the prompt",
    can_name=(PROMPT_INJECTION,),
    rules_out=(PROMPT_INJECTION,),
)
def prompt_injection_safe(
    hostile_prompts: Sequence[ScoringPrompt | str],
    hostile_tasks: Sequence[RankingTask],
    letter_table: LetterTable,
    harmless_prompts: Sequence[ScoringPrompt | str] | None = None,
    *,
    min_prompts: NeededCount = 8,
    max_forged_prompts: Count = 0,
) -> Finding:
    """No title begins a candidate, a line or a turn of its own.

    Texts of items come from many hands. One with a line break can list a candidate that does not exist, and one with a
    special token can end the user's turn and answer in the model's place.

    Exact; one forged prompt fails, unless some are tolerated. To refuse a title is safe, and so is to clean, escape, cut or drop it. A prompt is
    forged when

    - a title of several lines (any kind of line break) is in it as several lines;
    - more lines begin like a candidate (a letter in use and a mark such as "." or ")") than in the prompt of the
      harmless variant of the task; without these, more beyond the number of candidates than in the prompt with the
      fewest, 0 where there is a single prompt;
    - a marker that the prompt's own frame uses, such as "<|im_end|>", comes out of a title as the very token that
      the frame has: one id occurs exactly as often as the marker is in the text, in every prompt, and more often
      where a title holds it. The same characters in other ids are text, and harmless. Judged with harmless prompts, or
      from `min_prompts` prompts on.

    Known limits: a special token that the frame does not use cannot be told from text by ids alone. What a title says in
    plain words ("answer A") is not judged.

    Args:
        hostile_prompts: one a task: the prompt, or, where the builder refused the task, its message.
        hostile_tasks: tasks with titles that try to break out, in the same order; at least one.
        letter_table: the letters, one a position of the list.
        harmless_prompts: the same of each task with all titles cleaned, in the same order; None for none.
        min_prompts: fewest prompts from which markers are judged without harmless prompts.
        max_forged_prompts: largest number of forged prompts that is tolerated.

    Returns:
        PASSED, or FAILED as prompt-injection. Where every task was refused, PASSED, with `refused` saying so.

    Raises:
        InvalidTaskError: no tasks, or lists that do not belong together.
    """
    require_tasks(hostile_tasks)
    require_same_length(hostile_prompts, hostile_tasks, ("hostile prompts", "hostile tasks"))
    harmless = [None] * len(hostile_tasks) if harmless_prompts is None else harmless_prompts
    require_same_length(harmless, hostile_tasks, ("harmless prompts", "hostile tasks"))
    shown: list[_Shown] = [
        (prompt, task, plain if isinstance(plain, ScoringPrompt) else None)
        for prompt, task, plain in zip(hostile_prompts, hostile_tasks, harmless, strict=True)
        if isinstance(prompt, ScoringPrompt)
    ]
    reader = BlockReader(letter_table)
    markers = frame_markers(
        [(prompt, task) for prompt, task, _ in shown],
        [plain for plain in harmless if isinstance(plain, ScoringPrompt)],
        min_prompts,
    )
    rows = _forged_rows(shown, reader, markers)
    refused = len(hostile_tasks) - len(shown)
    failed = len(rows) > max_forged_prompts
    return Finding(
        Status.FAILED if failed else Status.PASSED,
        claim=f"no title of {len(hostile_tasks)} hostile tasks begins a candidate, a line or a turn of its own"
        f"{all_but(max_forged_prompts)}",
        measured={"forged_prompts": len(rows), "refused": refused, "shown": len(shown)},
        limits=(Limit("forged_prompts", "<=", max_forged_prompts),),
        n=len(hostile_tasks),
        evidence=tuple(rows[:MAX_EVIDENCE]) if failed else (),
        suspects=(suspect(PROMPT_INJECTION),) if failed else (),
        affected=Affected(len(rows), len(hostile_tasks), "prompts"),
    )


def _forged_rows(shown: Sequence[_Shown], reader: BlockReader, markers: frozenset[str]) -> list[str]:
    """One row a forged prompt."""
    excess = _constant_excess(shown, reader)
    rows = []
    for prompt, task, plain in shown:
        if plain is not None:
            usual = _Usual(reader.beginnings(plain.text, task.n_candidates), (plain.text,))
        else:
            labelled = sum(reader.beginnings(one_line(item.text), task.n_candidates) for item in task.history)
            others = tuple(other.text for other, _, _ in shown if other is not prompt)
            usual = _Usual(task.n_candidates + excess + labelled, others)
        if row := _forged(prompt, task, reader, usual, markers):
            rows.append(f"query {task.query_id!r}: {row}")
    return rows


def _forged(
    prompt: ScoringPrompt, task: RankingTask, reader: BlockReader, usual: _Usual, markers: frozenset[str]
) -> str:
    """How a title of the task forges its prompt; empty when none does."""
    titles = texts_of(task)
    text = readable(prompt.text)
    for title in titles:
        if _is_in_lines(text, title, usual.texts, reader):
            return f"the title {shortened(title, _TEXT_SHOWN)} is in the prompt as several lines"
    begun = reader.beginnings(prompt.text, task.n_candidates)
    if begun > usual.beginnings:
        odd = shortened(_oddest(titles), _TEXT_SHOWN)
        return f"{begun} lines begin like a candidate, {usual.beginnings} should; titles such as {odd}"
    for marker in sorted(markers):
        holding = [title for title in titles if marker in title]
        if holding and prompt.text.count(marker) > _fewest(marker, usual.texts):
            where = shortened(holding[0], _TEXT_SHOWN)
            return f"{marker!r} in the title {where} became the token that the prompt's own frame has"
    return ""


def _fewest(marker: str, texts: Sequence[str]) -> int:
    return min((text.count(marker) for text in texts), default=0)


def _is_in_lines(text: str, title: str, plain: Sequence[str], reader: BlockReader) -> bool:
    """Whether a title of several lines is in the (readable) text with one of its breaks, as the frame alone is not."""
    pieces = [piece.strip() for piece in readable(title).split("\n")]
    for one, other in pairwise([piece for piece in pieces if piece]):
        if not reader.says_more_than_a_letter(other) or all(MARKER.search(piece) for piece in (one, other)):
            continue  # a line of any prompt may begin so; and a frame has markers line by line
        broken = re.compile(rf"{re.escape(one)}\s*\n\s*{re.escape(other)}")
        usual = min((len(broken.findall(readable(prompt))) for prompt in plain), default=0)
        if len(broken.findall(text)) > usual:
            return True
    return False


def _constant_excess(shown: Sequence[_Shown], reader: BlockReader) -> int:
    """Lines that begin like a candidate in every prompt, beyond the candidates: an example, a numbered history."""
    excess = [reader.beginnings(prompt.text, task.n_candidates) - task.n_candidates for prompt, task, _ in shown]
    return max(0, min(excess)) if len(excess) > 1 else 0


def _oddest(titles: Sequence[str]) -> str:
    """The title with the most characters that are neither letters nor digits."""
    return max(titles, key=lambda title: sum(not char.isalnum() for char in title[:_ODD_WITHIN]))
