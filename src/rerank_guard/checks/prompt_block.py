"""Does every candidate reach the model under its own letter, and the prompt's end with it?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rerank_guard.checks._aligned import require_aligned
from rerank_guard.checks._candidate_block import Block, BlockReader, Shown, occurrences, one_line, readable
from rerank_guard.prompts import ScoringPrompt
from rerank_guard.types import LetterTable, RankingTask
from rerank_guard.verdict import MAX_EVIDENCE, Status, Verdict

__all__ = ["check_prompt_complete"]

_LEAST_READ = 0.01
_SLOTS_SHOWN = 4
_TEXT_SHOWN = 48

_EXPLANATIONS = {
    "prompt-truncated": (
        "The prompt is cut to a length: candidates, or the words before the answer, never reach the model, "
        "and the logits "
        "behind the last token are read in the middle of a list.",
        "Shorten the history instead, oldest item first, until the whole prompt fits; never truncate "
        "candidates or suffix. "
        "Raise max_length, or list fewer candidates.",
    ),
    "letter-candidate-mismatch": (
        "The prompt shows candidates without a letter, under another one's letter, or in another order than "
        "the task lists "
        "them, so a letter's logit is handed to the wrong item.",
        "Write the candidates in the task's order, each right behind its own letter (slot 0 is the first "
        "letter), and "
        "shuffle the task itself, never the prompt alone.",
    ),
}


@dataclass(frozen=True, slots=True)
class _Suffix:
    """What a sound prompt has behind its last candidate.

    Attributes:
        last_line: the last line that is not blank, with the white space behind it.
        lines: every other line, its numbers and letters blotted out, without those that hold a history.
    """

    last_line: str
    lines: tuple[str, ...]


def check_prompt_complete(
    prompts: Sequence[ScoringPrompt],
    tasks: Sequence[RankingTask],
    letters: LetterTable,
    reference: ScoringPrompt | None = None,
) -> Verdict:
    """Every candidate's text stands in the prompt behind its own letter, in slot order, and the prompt's end is there.

    Exact: no statistics. Between letter and title "A. x", "A) x", "(A) x", "[A] x", "A: x", "A x", "A - x", quotes,
    tags and a line break will do. A title counts as shown when its words are, in whatever case and punctuation, or
    when it was shortened to at least 8 characters and more text follows. Blank titles are not judged, nor are slots
    beyond the letters (`check_letter_tokens_found` names those). A letter before an unknown text is counted
    (`reworded_candidates`) and not accused: prompts rewrite titles. Candidates repeated elsewhere in the prompt do
    no harm.

    The end is compared with that of `reference`: the last line as it is, white space with it, and the other lines
    behind the last candidate, numbers and letters apart ("Answer A-T" is the same as "Answer A-B"). Lines which a
    prompt has *instead* of the reference's are taken for a wording that depends on the user, such as a history
    below the candidates; lines it merely lacks are lost. Where the reference's last candidate is not found (it must
    begin a line), or nothing follows it, the end is not judged.

    Args:
        prompts: one a task, at least one.
        tasks: the tasks, in the same order.
        letters: the letters in slot order.
        reference: the prompt of a task of two candidates, short enough that nothing is cut. None to take the
            shortest prompt that shows all of its candidates.

    Returns:
        PASSED, or FAILED as prompt-truncated (candidates or the end are lost) or letter-candidate-mismatch (all is
        there, but behind another candidate's letter, behind none, or not in slot order), whichever hits more users,
        the former in a draw. NOT_APPLICABLE where fewer than 1 % of the candidates are found in any of these ways
        (a prompt that shows ids, or a layout in which letter and title stand apart) and the end is not known to be
        lost either.

    Raises:
        InvalidTaskError: no prompts, or prompts that do not belong to the tasks.
    """
    require_aligned(prompts, tasks, ("prompts", "tasks"))
    reader = BlockReader(letters)
    blocks = [reader.read(prompt.text, task) for prompt, task in zip(prompts, tasks, strict=True)]
    judged = sum(place.shown is not Shown.BLANK for block in blocks for place in block.places)
    read = sum(len(block.slots(Shown.OWN_LETTER, Shown.OTHER_LETTER)) for block in blocks)
    unlabelled = sum(len(block.slots(Shown.NO_LETTER)) for block in blocks)
    legible = read > _LEAST_READ * judged
    # Titles with no letters right before them: a fault if the prompt has no letters at all, else an unknown layout.
    no_letters = not legible and unlabelled > 0 and not _letters_stand_alone(reader, prompts, tasks)
    suffix = _suffix_of(reader, reference, prompts, blocks, tasks)
    cut, mixed = [], []
    for prompt, task, block in zip(prompts, tasks, blocks, strict=True):
        if row := _cut_row(prompt, task, block, reader, suffix, legible):
            cut.append(row)
        elif (legible or no_letters) and (row := _mixed_row(prompt, task, block, reader)):
            mixed.append(row)
    fault = (
        ("prompt-truncated" if len(cut) >= len(mixed) else "letter-candidate-mismatch") if cut or mixed else None
    )
    if fault is None and not legible:
        return _illegible(len(prompts), read, judged)
    cause, next_step = _EXPLANATIONS[fault] if fault else ("", "")
    rows = cut + mixed if fault == "prompt-truncated" else mixed + cut
    return Verdict(
        check="prompt_complete",
        status=Status.FAILED if fault else Status.PASSED,
        claim=f"each of {len(prompts)} prompts shows every candidate behind its own letter, in slot order, and its end",
        measured={
            "broken_prompts": len(cut) + len(mixed),
            "candidates_lost": sum(len(block.slots(Shown.LOST)) for block in blocks) if legible else None,
            "candidates_without_own_letter": sum(
                len(block.slots(Shown.OTHER_LETTER, Shown.NO_LETTER)) for block in blocks
            ),
            "reworded_candidates": sum(len(block.slots(Shown.REWORDED)) for block in blocks),
            "candidates_found": sum(len(block.slots(Shown.OWN_LETTER)) for block in blocks),
            "end_compared": suffix is not None,
        },
        threshold={"broken_prompts": 0},
        n=len(prompts),
        evidence=tuple(rows[:MAX_EVIDENCE]),
        cause=cause,
        next_step=next_step,
        fault=fault,
    )


def _cut_row(
    prompt: ScoringPrompt,
    task: RankingTask,
    block: Block,
    reader: BlockReader,
    suffix: _Suffix | None,
    legible: bool,
) -> str:
    """What this prompt has lost, empty when nothing."""
    lost = block.slots(Shown.LOST) if legible else []
    if lost:
        shown = f"{len(lost)} of {task.n_candidates} candidates are lost: {_named(lost, task, reader)}"
    elif suffix is not None and not block.text.endswith(suffix.last_line):
        shown = f"the end is lost: {_tail(suffix.last_line)} should stand there"
    elif suffix is not None and (gone := _lines_gone(block, suffix, reader)):
        shown = f"lost behind the candidates: {gone!r}"
    else:
        return ""
    return f"query {prompt.query_id!r}: {shown}; {len(prompt.token_ids)} tokens, ending in {_tail(prompt.text)}"


def _mixed_row(prompt: ScoringPrompt, task: RankingTask, block: Block, reader: BlockReader) -> str:
    """Which candidates have another letter, or none; empty when all is well."""
    wrong = block.slots(Shown.OTHER_LETTER, Shown.NO_LETTER)
    if wrong:
        place = block.places[wrong[0]]
        if place.instead is None:
            instead = "without a letter"
        else:
            instead = f"mixed up with {reader.letters[place.instead]!r}"
        shown = (
            f"{len(wrong)} of {task.n_candidates} candidates, {_named(wrong, task, reader)}; the first is {instead}"
        )
    elif not block.in_slot_order:
        shown = "the candidates stand under their own letters, but not in the task's order"
    else:
        return ""
    return f"query {prompt.query_id!r}: {shown}"


def _suffix_of(
    reader: BlockReader,
    reference: ScoringPrompt | None,
    prompts: Sequence[ScoringPrompt],
    blocks: Sequence[Block],
    tasks: Sequence[RankingTask],
) -> _Suffix | None:
    """What must stand behind the last candidate; None where that cannot be told."""
    if reference is not None:
        text = readable(reference.text)
        line = reader.last_line_of(text, 1)
        behind = text[line.end() :] if line else ""
    else:
        whole = [
            place
            for place, block in enumerate(blocks)
            if block.in_slot_order and len(block.slots(Shown.OWN_LETTER)) == tasks[place].n_candidates
        ]
        if not whole:
            return None
        shortest = blocks[min(whole, key=lambda place: len(prompts[place].token_ids))]
        behind = _below(shortest)
    if not behind.strip():
        return None
    body = behind.rstrip()
    head, _, final = body.rpartition("\n")
    users_own = {one_line(item.text) for task in tasks for item in (*task.history, *task.candidates)}
    users_own |= {one_line(task.query_id) for task in tasks}
    lines = [line for line in head.split("\n") if line.strip() and _behind_all(line, users_own) == line]
    last_line = _behind_all(final, users_own)
    varying = [
        found.end() for found in _varying(reader).finditer(last_line)
    ]  # a range of letters, a number of items
    last_line = last_line[max(varying, default=0) :]
    return _Suffix(last_line + behind[len(body) :], tuple(_blotted(line, reader) for line in lines))


def _behind_all(line: str, texts: Iterable[str]) -> str:
    """What a line has behind the last of these texts; the whole line where it holds none."""
    ends = [start + len(text) for text in texts if text in line for start in occurrences(line, text)]
    return line[max(ends, default=0) :]


def _below(block: Block) -> str:
    """What stands below the line of the last candidate; all behind its text where the line is the last one."""
    assert block.end is not None, "asked of prompts whose candidates were found"
    _, line_break, below = block.text[block.end :].partition("\n")
    return line_break + below


def _lines_gone(block: Block, suffix: _Suffix, reader: BlockReader) -> str:
    """The first line that the prompt lacks behind its candidates without having another instead."""
    if block.end is None or not suffix.lines:
        return ""
    there = [_blotted(line, reader) for line in _below(block).split("\n") if line.strip()]
    gone = [line for line in suffix.lines if line not in there]
    # The last line may differ in its numbers; what stands within a lost line is what a cut has left of it.
    new = [line for line in there[:-1] if line not in suffix.lines and not any(line in full for full in gone)]
    return gone[0] if gone and not new else ""


def _blotted(line: str, reader: BlockReader) -> str:
    """The line with every run of numbers and lone letters as one "#"."""
    return re.sub(r"#(?:(?:, ?| |-|\u2013| and | or | to )#)*", "#", _varying(reader).sub("#", line))


def _varying(reader: BlockReader) -> re.Pattern[str]:
    known = "|".join(re.escape(letter) for letter in sorted(set(reader.letters), key=len, reverse=True) if letter)
    return re.compile(rf"(?<!\w)(?:\d+|{known or '(?!)'})(?!\w)")


def _letters_stand_alone(
    reader: BlockReader, prompts: Sequence[ScoringPrompt], tasks: Sequence[RankingTask]
) -> bool:
    """Whether most prompts have the letters somewhere."""
    alone = sum(
        reader.stand_alone(prompt.text, task.n_candidates) for prompt, task in zip(prompts, tasks, strict=True)
    )
    return 2 * alone >= len(prompts)


def _illegible(n: int, read: int, judged: int) -> Verdict:
    return Verdict(
        check="prompt_complete",
        status=Status.NOT_APPLICABLE,
        claim="every prompt shows every candidate behind its own letter",
        measured={"candidates_found": read, "candidates": judged},
        threshold={},
        n=n,
        cause=(
            f"{read} of {judged} candidates' texts were found behind a letter: this prompt shows something else "
            "than the "
            "items' texts, or puts letter and text apart."
        ),
        next_step="Let Item.text be what the prompt shows, and write 'A. text', so that lost candidates can be seen.",
    )


def _named(slots: Sequence[int], task: RankingTask, reader: BlockReader) -> str:
    names = [
        f"{reader.letters[slot]} {task.candidates[slot].text[:_TEXT_SHOWN]!r}" for slot in slots[:_SLOTS_SHOWN]
    ]
    return ", ".join(names) + (", ..." if len(slots) > _SLOTS_SHOWN else "")


def _tail(text: str) -> str:
    return repr(text if len(text) <= _TEXT_SHOWN else "..." + text[-_TEXT_SHOWN:])
