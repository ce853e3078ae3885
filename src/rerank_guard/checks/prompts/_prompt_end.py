"""What a prompt has to have behind its last candidate: the question and the cue of the answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rerank_guard.checks.prompts._candidate_block import BlockReader
from rerank_guard.checks.prompts._readable_text import occurrences, one_line, readable
from rerank_guard.checks.prompts._shown_candidates import Block, Shown
from rerank_guard.core.prompts import ScoringPrompt
from rerank_guard.core.types import RankingTask

__all__ = ["PromptEnd", "end_after", "end_of_shortest", "first_lost_line"]


@dataclass(frozen=True, slots=True)
class PromptEnd:
    """What a healthy prompt has behind its last candidate.

    Attributes:
        last_line: the last line that is not blank, with the white space behind it.
        lines: every other line, with "#" for its numbers and letters, without those that hold an item's text.
    """

    last_line: str
    lines: tuple[str, ...]


def end_after(reader: BlockReader, short: ScoringPrompt, tasks: Sequence[RankingTask]) -> PromptEnd | None:
    """The end of the prompt of a task of two candidates; None where it cannot be found.

    Args:
        reader: of the letters.
        short: a prompt in which nothing is cut.
        tasks: whose texts are not the template's.
    """
    return _end_in(reader, reader.behind_line_of(readable(short.text), 1), tasks)


def end_of_shortest(
    reader: BlockReader,
    prompts: Sequence[ScoringPrompt],
    blocks: Sequence[Block],
    tasks: Sequence[RankingTask],
) -> PromptEnd | None:
    """The end of the shortest prompt that shows all of its candidates in list order; None where there is none."""
    whole = [
        (len(prompt.token_ids), place)
        for place, (prompt, block, task) in enumerate(zip(prompts, blocks, tasks, strict=True))
        if block.in_list_order and len(block.positions(Shown.OWN_LETTER)) == task.n_candidates
    ]
    return _end_in(reader, _below(blocks[min(whole)[1]]), tasks) if whole else None


def first_lost_line(block: Block, end: PromptEnd, reader: BlockReader) -> str:
    """The first line that a prompt lacks behind its candidates without having another one instead; empty without one."""
    if block.end is None:
        return ""
    there = [_template_of(line, reader) for line in _below(block).split("\n") if line.strip()]
    gone = [line for line in end.lines if line not in there]
    # The last line may differ in its numbers.
    return "" if not gone or any(_is_instead(line, gone, end) for line in there[:-1]) else gone[0]


def _is_instead(line: str, gone: Sequence[str], end: PromptEnd) -> bool:
    """Whether a line is the prompt's own in place of a lost one; what is a part of a lost line is what a cut has left."""
    return line not in end.lines and not any(line in full for full in gone)


def _end_in(reader: BlockReader, behind: str, tasks: Sequence[RankingTask]) -> PromptEnd | None:
    """The end, of the text behind the last candidate; None where that is blank."""
    if not behind.strip():
        return None
    body = behind.rstrip()
    head, _, final = body.rpartition("\n")
    own_texts = _texts_of(tasks)
    lines = [line for line in head.split("\n") if line.strip() and _behind_all(line, own_texts) == line]
    last_line = _behind_all(final, own_texts)
    # Behind a range of letters or a number of items, which are others in another task.
    last_line = last_line[max((found.end() for found in reader.varying.finditer(last_line)), default=0) :]
    return PromptEnd(last_line + behind[len(body) :], tuple(_template_of(line, reader) for line in lines))


def _texts_of(tasks: Sequence[RankingTask]) -> set[str]:
    """All that a prompt may hold of its own task: item texts and query_ids."""
    texts = {one_line(item.text) for task in tasks for item in (*task.history, *task.candidates)}
    return texts | {one_line(task.query_id) for task in tasks}


def _behind_all(line: str, texts: Iterable[str]) -> str:
    """What a line has behind the last of these texts; the whole line where it holds none."""
    ends = [start + len(text) for text in texts if text in line for start in occurrences(line, text)]
    return line[max(ends, default=0) :]


def _below(block: Block) -> str:
    """What is below the line of the last candidate; all behind its text where that line is the last one."""
    _, line_break, below = block.text[block.end :].partition("\n")
    return line_break + below


def _template_of(line: str, reader: BlockReader) -> str:
    """The line with every run of numbers and lone letters as one "#"."""
    return re.sub(r"#(?:(?:, ?| |-|\u2013| and | or | to )#)*", "#", reader.varying.sub("#", line))
