"""Can a title pass for a part of the prompt: another candidate, or the end of the turn?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from rerank_guard.checks._candidate_block import BlockReader, one_line, readable
from rerank_guard.checks._settings import require_tasks
from rerank_guard.errors import InvalidTaskError
from rerank_guard.hostile import MARKERS
from rerank_guard.prompts import ScoringPrompt
from rerank_guard.types import LetterTable, RankingTask
from rerank_guard.verdict import MAX_EVIDENCE, Status, Verdict

__all__ = ["check_prompt_not_forged"]

_MARKER = re.compile(r"<\|[^|<>\s]{1,40}\|>")
_FEWEST_WITHOUT_TWINS = 8
_TEXT_SHOWN = 48


def check_prompt_not_forged(
    outcomes: Sequence[ScoringPrompt | str],
    tasks: Sequence[RankingTask],
    letters: LetterTable,
    *,
    harmless: Sequence[ScoringPrompt | str] | None = None,
) -> Verdict:
    """No title begins a candidate, a line or a turn of its own.

    Exact. A refusal is sound, and so is a title that was cleaned, escaped, cut or left out. A prompt is forged when

    - a title of several lines (any kind of line break) stands in it as several lines;
    - more lines begin like a candidate (a letter in use and a mark such as "." or ")") than in the prompt of the
      harmless twin; without twins, more beyond the number of candidates than in the least of the prompts, 0 where
      there is one alone;
    - a marker that the prompt's own frame uses, such as "<|im_end|>", comes out of a title as the very token that
      the frame has: one id occurs exactly as often as the marker stands in the text, in every prompt, and oftener
      where a title holds it. The same characters in other ids are text, and harmless. Judged with twins, or from 8
      prompts on.

    A special token that the frame does not use cannot be told from text by ids alone.

    Args:
        outcomes: one a task: the prompt, or, where the builder refused the task, its message.
        tasks: with hostile titles (`hostile.hostile_tasks`), in the same order; at least one.
        letters: the letters in slot order.
        harmless: what came of `hostile.harmless_twin` of each task, in the same order; None for no twins.

    Returns:
        PASSED, or FAILED as titles-forge-prompt. Where every task was refused, PASSED, with `refused` saying so.

    Raises:
        InvalidTaskError: no tasks, or lists that do not belong together.
    """
    require_tasks(tasks)
    twins: Sequence[ScoringPrompt | str | None] = [None] * len(tasks) if harmless is None else harmless
    for what, given in (("outcomes", outcomes), ("harmless twins", twins)):
        if len(given) != len(tasks):
            raise InvalidTaskError(
                f"{len(given)} {what} but {len(tasks)} tasks; give one for each, in the same order."
            )
    reader = BlockReader(letters)
    shown = [outcome for outcome in outcomes if isinstance(outcome, ScoringPrompt)]
    excess = _constant_excess(outcomes, tasks, reader)
    structural = _structural_markers(outcomes, tasks, twins)
    rows = []
    for outcome, task, twin in zip(outcomes, tasks, twins, strict=True):
        if isinstance(outcome, str):
            continue
        if isinstance(twin, ScoringPrompt):
            expected, plain = reader.beginnings(twin.text, task.n_candidates), [twin.text]
        else:
            labelled = sum(reader.beginnings(one_line(item.text), task.n_candidates) for item in task.history)
            expected = task.n_candidates + excess + labelled
            plain = [prompt.text for prompt in shown if prompt is not outcome]
        if row := _forged(outcome, task, reader, expected, plain, structural):
            rows.append(f"query {task.query_id!r}: {row}")
    refused = sum(isinstance(outcome, str) for outcome in outcomes)
    return Verdict(
        check="prompt_not_forged",
        status=Status.FAILED if rows else Status.PASSED,
        claim=f"no title of {len(tasks)} hostile tasks begins a candidate, a line or a turn of its own",
        measured={"forged_prompts": len(rows), "refused": refused, "shown": len(tasks) - refused},
        threshold={"forged_prompts": 0},
        n=len(tasks),
        evidence=tuple(rows[:MAX_EVIDENCE]),
        cause="Titles are written into the prompt as they are, and some pass for its structure." if rows else "",
        next_step=(
            "Refuse or clean titles with line breaks, control characters and special tokens before they are "
            "written into "
            "the prompt, or tokenise titles apart with split_special_tokens=True."
            if rows
            else ""
        ),
        fault="titles-forge-prompt" if rows else None,
    )


def _forged(
    prompt: ScoringPrompt,
    task: RankingTask,
    reader: BlockReader,
    expected: int,
    plain: Sequence[str],
    structural: frozenset[str],
) -> str:
    """How a title of the task forges its prompt; empty when none does.

    Args:
        prompt: of the task.
        task: with its titles.
        reader: of the letters.
        expected: lines that may begin like a candidate.
        plain: prompts to compare with: what stands in each of them is the frame's.
        structural: markers that titles bring in as the frame's own token.
    """
    titles = [item.text for item in (*task.candidates, *task.history)]
    text = readable(prompt.text)
    for title in titles:
        if _stands_in_lines(text, title, plain, reader):
            return f"the title {_shortened(title)} stands in the prompt as several lines"
    begun = reader.beginnings(prompt.text, task.n_candidates)
    if begun > expected:
        return (
            f"{begun} lines begin like a candidate, {expected} should; titles such as {_shortened(_oddest(titles))}"
        )
    for marker in sorted(structural):
        usual = min((other.count(marker) for other in plain), default=0)
        for title in titles:
            if marker in title and prompt.text.count(marker) > usual:
                return (
                    f"{marker!r} in the title {_shortened(title)} became the token that the prompt's own frame has"
                )
    return ""


def _stands_in_lines(text: str, title: str, plain: Sequence[str], reader: BlockReader) -> bool:
    """Whether a title of several lines is in the (readable) text with one of its breaks, as the frame alone is not."""
    pieces = [piece.strip() for piece in readable(title).split("\n")]
    for one, other in pairwise([piece for piece in pieces if piece]):
        if not reader.says_more_than_a_letter(other) or all(_MARKER.search(piece) for piece in (one, other)):
            continue  # a line may begin so by right; and a frame has markers line by line
        broken = re.compile(rf"{re.escape(one)}\s*\n\s*{re.escape(other)}")
        usual = min((len(broken.findall(readable(prompt))) for prompt in plain), default=0)
        if len(broken.findall(text)) > usual:
            return True
    return False


def _constant_excess(
    outcomes: Sequence[ScoringPrompt | str], tasks: Sequence[RankingTask], reader: BlockReader
) -> int:
    """Lines that begin like a candidate in every prompt, beyond the candidates: an example, a numbered history."""
    excess = [
        reader.beginnings(outcome.text, task.n_candidates) - task.n_candidates
        for outcome, task in zip(outcomes, tasks, strict=True)
        if isinstance(outcome, ScoringPrompt)
    ]
    return max(0, min(excess)) if len(excess) > 1 else 0


def _structural_markers(
    outcomes: Sequence[ScoringPrompt | str],
    tasks: Sequence[RankingTask],
    twins: Sequence[ScoringPrompt | str | None],
) -> frozenset[str]:
    """Markers of the frame that titles bring in as the same token."""
    shown = [
        (prompt, task) for prompt, task in zip(outcomes, tasks, strict=True) if isinstance(prompt, ScoringPrompt)
    ]
    plain = [twin for twin in twins if isinstance(twin, ScoringPrompt)]
    prompts = [*(prompt for prompt, _ in shown), *plain]
    if not shown or (not plain and len(prompts) < _FEWEST_WITHOUT_TWINS):
        return frozenset()
    ids = [Counter(prompt.token_ids) for prompt in prompts]
    titles = [[item.text for item in (*task.candidates, *task.history)] for _, task in shown]
    markers = {*MARKERS, *(found for of_task in titles for title in of_task for found in _MARKER.findall(title))}
    structural = set()
    for marker in markers:
        times = [prompt.text.count(marker) for prompt in prompts]
        base = min(times)
        brought = [
            place
            for place, of_task in enumerate(titles)
            if times[place] > base and any(marker in title for title in of_task)
        ]
        if not base or not brought:
            continue
        candidates = {token for token, count in ids[brought[0]].items() if count == times[brought[0]]}
        if any(all(of[token] == count for of, count in zip(ids, times, strict=True)) for token in candidates):
            structural.add(marker)
    return frozenset(structural)


def _oddest(titles: Sequence[str]) -> str:
    """The title with the most characters that are neither letters nor digits."""
    return max(titles, key=lambda title: sum(not char.isalnum() for char in title[:200]))


def _shortened(title: str) -> str:
    return repr(title if len(title) <= _TEXT_SHOWN else title[:_TEXT_SHOWN] + "...")
