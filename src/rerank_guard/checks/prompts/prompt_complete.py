"""Does every candidate reach the model under its own letter, and the prompt's end with it?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rerank_guard.checks._kinds import all_but
from rerank_guard.checks.comparing.aligned import require_aligned
from rerank_guard.checks.prompts._candidate_block import BlockReader
from rerank_guard.checks.prompts._prompt_end import PromptEnd, end_after, end_of_shortest, first_lost_line
from rerank_guard.checks.prompts._shown_candidates import Block, Shown
from rerank_guard.core.check import check
from rerank_guard.core.faults.prompts import LETTER_CANDIDATE_MISMATCH, PROMPT_TRUNCATED
from rerank_guard.core.finding import Affected, Finding, Limit, not_applicable, suspect
from rerank_guard.core.prompts import ScoringPrompt
from rerank_guard.core.setting import Count, NeededCount, NeededShare, Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.types import LetterTable, RankingTask
from rerank_guard.core.verdict import MAX_EVIDENCE, Status

__all__ = ["prompt_complete"]

_CANDIDATES_SHOWN = 4
_TEXT_SHOWN = 48


@dataclass(frozen=True, slots=True)
class _Read:
    """One prompt, with its task and the candidates that were found in it."""

    prompt: ScoringPrompt
    task: RankingTask
    block: Block


@check(
    stage=Stage.PROMPTS,
    claim="every candidate is in the prompt behind its own letter, and the answer's cue is at its end",
    can_name=(PROMPT_TRUNCATED, LETTER_CANDIDATE_MISMATCH),
    rules_out=(PROMPT_TRUNCATED,),
)
def prompt_complete(
    scoring_prompts: Sequence[ScoringPrompt],
    probed_tasks: Sequence[RankingTask],
    letter_table: LetterTable,
    short_prompt: ScoringPrompt | None = None,
    *,
    min_found: Share = 0.01,
    min_title: NeededCount = 8,
    min_lettered: NeededShare = 0.5,
    max_broken_prompts: Count = 0,
) -> Finding:
    """Every candidate's text is in the prompt behind its own letter, in list order, and the prompt's end is there.

    A prompt that is cut to a length loses candidates or the question without an error, and a list in another order than
    the task's gives a letter's logit to the wrong item.

    Exact: no statistics; one prompt fails, unless some are tolerated. Between letter and title "A. x", "A) x", "(A) x", "[A] x", "A: x", "A x",
    "A - x", quotes, tags and a line break will do. A title counts as shown when its words are, in whatever case and
    punctuation, or when it was shortened to at least `min_title` characters, or half of them, and more text follows. Blank titles are not judged,
    nor are positions beyond the letters (`letter_tokens_found` names those). A letter before an unknown text is counted
    (`reworded_candidates`) and is no fault: prompts rewrite titles. Candidates repeated elsewhere in the prompt do no
    harm.

    The end is compared with that of `short_prompt`: the last line as it is, white space included, and the other lines
    behind the last candidate, numbers and letters left out ("Answer A-T" is the same as "Answer A-B"). Lines which a
    prompt has *instead* of the short one's are taken for a wording that depends on the user, such as a history below the
    candidates; lines it merely lacks are lost.

    Known limits: where the short prompt's last candidate is not found (it must begin a line), or nothing follows it, the
    end is not judged (`end_compared`). A layout in which letter and title are apart, such as
    {"label": "A", "title": "x"}, is not read.

    Args:
        scoring_prompts: one a task, at least one.
        probed_tasks: the tasks, in the same order.
        letter_table: the letters, one a position of the list.
        short_prompt: the prompt of a task of two candidates, short enough that nothing is cut. None to take the
            shortest prompt that shows all of its candidates.
        min_found: share of the candidates of which more must be found behind a letter for the prompts to be judged.
        min_title: letters and digits that a title which is shortened on purpose keeps, or half of its own.
        min_lettered: share of the prompts that have all letters as words from which on titles without a letter are taken
            for a layout that is not read; below it, for lost letters.
        max_broken_prompts: largest number of prompts with a fault that is tolerated.

    Returns:
        PASSED, or FAILED as prompt-truncated (candidates or the end are lost) or letter-candidate-mismatch (all is
        there, but behind another candidate's letter, behind none, or not in list order), first the one that affects more
        prompts, prompt-truncated where they are equal. NOT_APPLICABLE where no more than `min_found` of the candidates
        are found in any of these ways (a prompt that shows ids, or a layout that is not read) and the end is not known to
        be lost either.

    Raises:
        InvalidTaskError: no prompts, or prompts that do not belong to the tasks.
    """
    require_aligned(scoring_prompts, probed_tasks, ("prompts", "tasks"))
    reader = BlockReader(letter_table, min_title)
    read = [
        _Read(prompt, task, reader.read(prompt.text, task))
        for prompt, task in zip(scoring_prompts, probed_tasks, strict=True)
    ]
    shown = Counter(place.shown for each in read for place in each.block.places)
    legible = shown[Shown.OWN_LETTER] + shown[Shown.OTHER_LETTER] > min_found * _judged(shown)
    end = _end_of(read, reader, short_prompt)
    cut, whole = _cut_and_whole(read, reader, end, legible)
    mixed = _mixed_rows(whole, reader) if legible or _has_no_letters(shown, reader, read, min_lettered) else []
    if not (legible or cut or mixed):
        return _illegible(len(read), shown)
    return _finding(read, shown, cut, mixed, max_broken_prompts, legible=legible, end=end)


def _end_of(read: Sequence[_Read], reader: BlockReader, short_prompt: ScoringPrompt | None) -> PromptEnd | None:
    """What every prompt has to have behind its last candidate; None where that is unknown."""
    prompts, tasks, blocks = zip(*((each.prompt, each.task, each.block) for each in read), strict=True)
    if short_prompt is not None:
        return end_after(reader, short_prompt, tasks)
    return end_of_shortest(reader, prompts, blocks, tasks)


def _judged(shown: Counter[Shown]) -> int:
    """How many candidates have a text to look for."""
    return shown.total() - shown[Shown.BLANK]


def _has_no_letters(shown: Counter[Shown], reader: BlockReader, read: Sequence[_Read], min_lettered: float) -> bool:
    """Whether titles are there and their letters are not, in most prompts: a fault, and no layout that is not read."""
    if not shown[Shown.NO_LETTER]:
        return False
    lettered = sum(reader.has_letters_as_words(each.prompt.text, each.task.n_candidates) for each in read)
    return lettered / len(read) < min_lettered


def _finding(
    read: Sequence[_Read],
    shown: Counter[Shown],
    cut: list[str],
    mixed: list[str],
    max_broken_prompts: int,
    *,
    legible: bool,
    end: PromptEnd | None,
) -> Finding:
    broken = len(cut) + len(mixed)
    failed = broken > max_broken_prompts
    by_count = sorted(
        ((PROMPT_TRUNCATED, cut), (LETTER_CANDIDATE_MISMATCH, mixed)), key=lambda found: -len(found[1])
    )
    return Finding(
        Status.FAILED if failed else Status.PASSED,
        claim=f"each of {len(read)} prompts shows every candidate behind its own letter, in list order, and its end"
        f"{all_but(max_broken_prompts)}",
        measured={
            "broken_prompts": broken,
            "candidates_lost": shown[Shown.LOST] if legible else None,
            "candidates_without_own_letter": shown[Shown.OTHER_LETTER] + shown[Shown.NO_LETTER],
            "reworded_candidates": shown[Shown.REWORDED],
            "candidates_found": shown[Shown.OWN_LETTER],
            "end_compared": end is not None,
        },
        limits=(Limit("broken_prompts", "<=", max_broken_prompts),),
        n=len(read),
        evidence=tuple(row for _, rows in by_count for row in rows)[:MAX_EVIDENCE] if failed else (),
        suspects=tuple(suspect(fault) for fault, rows in by_count if rows and failed),
        affected=Affected(broken, len(read), "prompts"),
    )


def _illegible(n: int, shown: Counter[Shown]) -> Finding:
    found, judged = shown[Shown.OWN_LETTER] + shown[Shown.OTHER_LETTER], _judged(shown)
    return not_applicable(
        f"{found} of {judged} candidates' texts were found behind a letter: this prompt shows something else than the "
        "items' texts, or puts letter and text apart.",
        "Let Item.text be what the prompt shows, and write 'A. text', so that lost candidates can be seen.",
        measured={"candidates_found": found, "candidates": judged},
        n=n,
    )


def _cut_and_whole(
    read: Sequence[_Read], reader: BlockReader, end: PromptEnd | None, legible: bool
) -> tuple[list[str], list[_Read]]:
    """One row a prompt that has lost something, and the other prompts."""
    rows = [_cut_row(each, reader, end, legible) for each in read]
    return [row for row in rows if row], [each for each, row in zip(read, rows, strict=True) if not row]


def _cut_row(each: _Read, reader: BlockReader, end: PromptEnd | None, legible: bool) -> str:
    """What this prompt has lost, empty when nothing."""
    lost = each.block.positions(Shown.LOST) if legible else []
    if lost:
        shown = f"{len(lost)} of {each.task.n_candidates} candidates are lost: {_named(lost, each.task, reader)}"
    elif end is not None and not each.block.text.endswith(end.last_line):
        shown = f"the end is lost: {_tail(end.last_line)} should be there"
    elif end is not None and (gone := first_lost_line(each.block, end, reader)):
        shown = f"lost behind the candidates: {gone!r}"
    else:
        return ""
    prompt = each.prompt
    return f"query {prompt.query_id!r}: {shown}; {len(prompt.token_ids)} tokens, ending in {_tail(prompt.text)}"


def _mixed_rows(read: Sequence[_Read], reader: BlockReader) -> list[str]:
    return [row for each in read if (row := _mixed_row(each, reader))]


def _mixed_row(each: _Read, reader: BlockReader) -> str:
    """Which candidates have another letter, or none; empty when all have their own."""
    wrong = each.block.positions(Shown.OTHER_LETTER, Shown.NO_LETTER)
    if wrong:
        instead = each.block.places[wrong[0]].instead
        how = "without a letter" if instead is None else f"mixed up with {reader.letters[instead]!r}"
        named = _named(wrong, each.task, reader)
        shown = f"{len(wrong)} of {each.task.n_candidates} candidates, {named}; the first is {how}"
    elif not each.block.in_list_order:
        shown = "the candidates are under their own letters, but not in the task's order"
    else:
        return ""
    return f"query {each.prompt.query_id!r}: {shown}"


def _named(positions: Sequence[int], task: RankingTask, reader: BlockReader) -> str:
    names = [
        f"{reader.letters[position]} {task.candidates[position].text[:_TEXT_SHOWN]!r}"
        for position in positions[:_CANDIDATES_SHOWN]
    ]
    return ", ".join(names) + (", ..." if len(positions) > _CANDIDATES_SHOWN else "")


def _tail(text: str) -> str:
    return repr(text if len(text) <= _TEXT_SHOWN else "..." + text[-_TEXT_SHOWN:])
