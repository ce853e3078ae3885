"""Can the reranker name every candidate with one letter token, and does it read the token that it is trained on?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from rerank_guard.checks._kinds import all_but
from rerank_guard.checks._settings import require_tasks
from rerank_guard.core.check import check
from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.fault import Fault
from rerank_guard.core.faults.answer_tokens import (
    LETTER_COLLISION,
    LETTERS_EXHAUSTED,
    MULTI_TOKEN_LETTER,
    WRONG_LETTER_VARIANT,
)
from rerank_guard.core.faults.scoring import SILENT_FALLBACK
from rerank_guard.core.finding import Affected, Finding, Limit, Suspected, suspect
from rerank_guard.core.setting import Count
from rerank_guard.core.stage import Stage
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import LetterTable, LetterToken, RankingTask
from rerank_guard.core.verdict import MAX_EVIDENCE, Status

__all__ = ["letter_tokens_found"]

_Problem: TypeAlias = tuple[Fault, tuple[int, ...], str]
"""A fault, the positions whose letters it spoils, and the row that shows it."""

_NOTHING_READ = (
    "No token id is read for the letter, so its candidate gets an invented score or its place in the input order.",
    "Read the logit at the letter's in-context id for every candidate, and raise where there is none.",
)


@check(
    stage=Stage.ANSWER_TOKENS,
    claim="every letter in use is one token of its own, and that token is the one scored",
    can_name=(LETTERS_EXHAUSTED, MULTI_TOKEN_LETTER, SILENT_FALLBACK, LETTER_COLLISION, WRONG_LETTER_VARIANT),
    rules_out=(MULTI_TOKEN_LETTER, LETTERS_EXHAUSTED, LETTER_COLLISION, WRONG_LETTER_VARIANT),
)
def letter_tokens_found(
    letter_table: LetterTable, tasks: Sequence[RankingTask], *, max_unusable: Count = 0
) -> Finding:
    """Each of the first N letters is one known token at the answer position, its own, and the one that is scored.

    The logit of another token than the trained one knows nothing of the answer, and two candidates with one token cannot
    be told apart. N is the largest number of candidates of any task; letters beyond it are not in use and are not judged.
    Exact; one letter fails, unless some are tolerated.

    Known limit: the table is taken as the reranker states it; `scores_match_forward_pass` shows whether scores follow it.

    Args:
        letter_table: the letters in the order of the list, tokenized in context.
        tasks: the tasks to be ranked, at least one, one of them with two candidates or more.
        max_unusable: largest number of letters in use with a fault that is tolerated.

    Returns:
        PASSED, or FAILED with the first fault of: letters-exhausted, multi-token-letter (several tokens, none, or
        unknown), silent-fallback (no id is scored), letter-collision (the same text or id for two positions),
        wrong-letter-variant. The order is that in which one fault hides the next. Letters that have any of these count
        as affected.

    Raises:
        InvalidTaskError: no tasks, or none with two candidates.
    """
    require_tasks(tasks)
    n_candidates = int(TaskTable.of(tasks).n_candidates.max())
    if n_candidates < 2:
        raise InvalidTaskError("no task has more than 1 candidate; a ranking needs at least 2, so 2 letters.")
    problems = list(_problems(letter_table.letters[:n_candidates], n_candidates, letter_table.unk_token_id))
    spoiled = len({position for _, positions, _ in problems for position in positions})
    failed = spoiled > max_unusable
    return Finding(
        Status.FAILED if failed else Status.PASSED,
        claim=(
            f"each of the {n_candidates} letters in use is one token of its own in context, and that token is scored"
            f"{all_but(max_unusable)}"
        ),
        measured={"usable_letters": n_candidates - spoiled, "letters_given": len(letter_table.letters)},
        limits=(Limit("usable_letters", ">=", n_candidates - max_unusable),),
        n=n_candidates,
        evidence=tuple(row for _, _, row in problems[:MAX_EVIDENCE]) if failed else (),
        suspects=tuple(_suspected(fault) for fault in dict.fromkeys(fault for fault, _, _ in problems))
        if failed
        else (),
        affected=Affected(spoiled, n_candidates, "letters"),
    )


def _suspected(fault: Fault) -> Suspected:
    return suspect(fault, *_NOTHING_READ) if fault is SILENT_FALLBACK else suspect(fault)


def _problems(letters: Sequence[LetterToken], n_candidates: int, unk_token_id: int | None) -> Iterator[_Problem]:
    """What is wrong with these letters, the most basic kind first."""
    if len(letters) < n_candidates:
        lacking = tuple(range(len(letters), n_candidates))
        yield LETTERS_EXHAUSTED, lacking, f"{n_candidates} candidates but {len(letters)} letters"
    yield from _not_one_token(letters, unk_token_id)
    for position, letter in enumerate(letters):
        if letter.scored_token_id is None:
            yield SILENT_FALLBACK, (position,), f"letter {letter.letter!r}: no token id is scored"
    yield from _collisions(letters)
    for position, letter in enumerate(letters):
        scored = letter.scored_token_id
        if scored is not None and len(letter.token_ids) == 1 and scored != letter.token_ids[0]:
            row = f"letter {letter.letter!r}: id {letter.token_ids[0]} in context, id {scored} is scored"
            yield WRONG_LETTER_VARIANT, (position,), row


def _not_one_token(letters: Sequence[LetterToken], unk_token_id: int | None) -> Iterator[_Problem]:
    for position, letter in enumerate(letters):
        if len(letter.token_ids) != 1:
            row = f"letter {letter.letter!r} is {len(letter.token_ids)} tokens in context: {list(letter.token_ids)}"
            yield MULTI_TOKEN_LETTER, (position,), row
        elif unk_token_id is not None and letter.token_ids[0] == unk_token_id:
            row = f"letter {letter.letter!r} is unknown to the tokenizer (id {unk_token_id})"
            yield MULTI_TOKEN_LETTER, (position,), row


def _collisions(letters: Sequence[LetterToken]) -> Iterator[_Problem]:
    in_context: dict[int, int] = {}
    scored: dict[int, int] = {}
    texts: dict[str, int] = {}
    for position, letter in enumerate(letters):
        first = texts.setdefault(letter.letter, position)
        if first != position:
            row = f"positions {first} and {position} have the same letter {letter.letter!r}"
            yield LETTER_COLLISION, (first, position), row
            continue
        single = letter.token_ids[0] if len(letter.token_ids) == 1 else None
        for what, token_id, seen in (
            ("in context", single, in_context),
            ("scored", letter.scored_token_id, scored),
        ):
            if token_id is None:
                continue
            other = seen.setdefault(token_id, position)
            if other != position:
                row = f"letters {letters[other].letter!r} and {letter.letter!r} share id {token_id} ({what})"
                yield LETTER_COLLISION, (other, position), row
                break
