"""What differs between the prompt that was trained on and the one that is scored: every kind, the largest first."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rerank_guard.checks.prompts._listed_lines import reordered_lists
from rerank_guard.checks.prompts._prompt_runs import (
    Run,
    changed_runs,
    in_pieces,
    left_over,
    moved_lines,
    without_answer,
)
from rerank_guard.checks.prompts._readable_text import shortened
from rerank_guard.core.prompts import ScoringPrompt, TrainingPrompt

__all__ = ["Difference", "Kind", "differences", "id_runs"]

_TEXT_SHOWN = 32
_IDS_SHOWN = 4
_SYSTEM = re.compile(r"<\|(?:im_start|start_header_id)\|>\s*system|<\|system\|>|<<SYS>>|\[SYSTEM_PROMPT\]")
_THINK = re.compile(r"think>")
_MARKER = re.compile(r"<[^<>\s]+>|\[/?[A-Z_]+\]")
_DATE = re.compile(
    r"\b\d{1,2}\.? [A-Z][a-z]{2,8}\.? \d{4}\b|\b[A-Z][a-z]{2,8} \d{1,2}, \d{4}\b|\b\d{4}-\d{2}-\d{2}\b|\b[Dd]ate: "
)
_LINES = re.compile(r"[^\n]*\n+|[^\n]+")
_BEFORE = 3
"""Pieces before a run that may hold the beginning of what it is a part of."""


class Kind(StrEnum):
    """What kind of difference it is."""

    SYSTEM_TURN = "system turn"
    THINK_BLOCK = "think block"
    START_TOKEN = "start token"
    SPECIAL_TOKEN = "special token"
    DATE = "date"
    ENDS_SOONER = "ends sooner"
    TOKENISATION = "tokenisation"
    TRAILING_SPACE = "trailing space"
    LINE_BREAKS = "line breaks"
    SPACES = "spaces"
    ORDER = "order"
    MORE_LINES = "more lines"
    WORDS = "words"


@dataclass(frozen=True, slots=True)
class Difference:
    """One kind of difference of two prompts.

    Attributes:
        kind: of the difference.
        where: "training" or "scoring" where only that one has what differs, "" where both have it in another form.
        size: how much differs, in words and markers.
        shown: a sentence about it, without a capital and a full stop.
    """

    kind: Kind
    where: str
    size: int
    shown: str


@dataclass(frozen=True, slots=True)
class _Found:
    """One run of text, and what it is."""

    kind: Kind
    where: str
    run: Run[str]

    @property
    def texts(self) -> tuple[str, str]:
        """In training, and in scoring."""
        return "".join(self.run.trained), "".join(self.run.scored)


def differences(trained: TrainingPrompt, scored: ScoringPrompt) -> list[Difference]:
    """All kinds of difference of the two prompts, the largest first; what follows the answer in training does not count.

    Said from the texts, line by line first and then word by word; from the ids where the texts are the same.

    Args:
        trained: the prompt that is trained on.
        scored: the one that is scored, of the same task, with different ids before the answer.
    """
    other = in_pieces(scored.text)
    n_after = len(trained.token_ids) - len(trained.before_answer)
    n_differ = left_over(trained.before_answer, scored.before_answer) * len(other) / max(1, len(scored.token_ids))
    one = without_answer(_answer_apart(in_pieces(trained.text), n_after), other, n_after, n_differ)
    found = list(_of_text(one, other))
    if not found or one[:1] == other[:1]:
        found.extend(_of_ids(trained, scored, alone=not found))
    return sorted(found, key=lambda difference: -difference.size)


def id_runs(trained: TrainingPrompt, scored: ScoringPrompt) -> list[Run[int]]:
    """The runs of ids before the answer that differ, the largest first."""
    return sorted(changed_runs(trained.before_answer, scored.before_answer), key=lambda run: -run.size)


def _answer_apart(pieces: list[str], n_after: int) -> list[str]:
    """With the space before the answer as a piece of its own: it may be the prompt's."""
    at = len(pieces) - n_after
    if 0 <= at < len(pieces) and len(pieces[at]) > 1 and pieces[at].startswith(" "):
        pieces[at : at + 1] = [" ", pieces[at][1:]]
    return pieces


def _of_text(one: Sequence[str], other: Sequence[str]) -> Iterator[Difference]:
    lines = [_lines(one), _lines(other)]
    for listed in reordered_lists(*lines):
        yield Difference(Kind.ORDER, "", len(in_pieces("".join(listed.moved))), listed.shown)
        lines[1] = listed.lines
    moved = moved_lines(*lines)
    if moved:
        first = shortened(next(iter(moved)).strip(), _TEXT_SHOWN)
        size = sum(len(in_pieces(line)) * times for line, times in moved.items())
        yield Difference(Kind.ORDER, "", size, f"the same lines are in another order, such as {first}")
        lines = [_without(each, moved) for each in lines]
    found: dict[tuple[Kind, str], list[_Found]] = {}
    for each in _runs(*lines):
        found.setdefault((each.kind, each.where), []).append(each)
    for (kind, where), several in found.items():
        yield Difference(kind, where, sum(each.run.size for each in several), _shown(kind, where, several))


def _lines(pieces: Sequence[str]) -> list[str]:
    """Each with its line break and the blank lines behind it, which would be matched anywhere."""
    return _LINES.findall("".join(pieces))


def _without(lines: Sequence[str], moved: Counter[str]) -> list[str]:
    """The lines without so many of each that moved."""
    left = Counter(moved)
    kept = []
    for line in lines:
        if left[line] > 0:
            left[line] -= 1
        else:
            kept.append(line)
    return kept


def _runs(one: Sequence[str], other: Sequence[str]) -> Iterator[_Found]:
    """The runs of pieces that differ within the lines that do."""
    whole = in_pieces("".join(one)), in_pieces("".join(other))
    starts = _starts(one), _starts(other)
    for block in changed_runs(one, other):
        pieces = in_pieces("".join(block.trained)), in_pieces("".join(block.scored))
        if _same_words(*pieces):
            inner = [Run(tuple(pieces[0]), tuple(pieces[1]), 0, 0)]
        else:
            inner = list(changed_runs(*pieces))
        for run in (part for each in inner for part in _parts(each)):
            moved = Run(
                run.trained,
                run.scored,
                run.at_trained + starts[0][block.at_trained],
                run.at_scored + starts[1][block.at_scored],
            )
            yield _classified(moved, *whole)


def _parts(run: Run[str]) -> Iterator[Run[str]]:
    """Markers that stand in for words are two differences: they come from other lines of the code."""
    if run.trained and run.scored and _are_markers(run.trained) != _are_markers(run.scored):
        yield Run(run.trained, (), run.at_trained, run.at_scored)
        yield Run((), run.scored, run.at_trained, run.at_scored)
    else:
        yield run


def _are_markers(pieces: Sequence[str]) -> bool:
    return all(_MARKER.fullmatch(piece.strip()) for piece in pieces)


def _starts(lines: Sequence[str]) -> list[int]:
    """Index of each line's first piece, and of the end."""
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(in_pieces(line)))
    return starts


def _same_words(one: Sequence[str], other: Sequence[str]) -> bool:
    words = [[piece.strip() for piece in pieces if piece.strip()] for pieces in (one, other)]
    return words[0] != words[1] and Counter(words[0]) == Counter(words[1])


def _classified(run: Run[str], one: Sequence[str], other: Sequence[str]) -> _Found:
    texts = ["".join(run.trained), "".join(run.scored)]
    for kind, part in ((Kind.SYSTEM_TURN, _SYSTEM), (Kind.THINK_BLOCK, _THINK)):
        has = _has(part, run, one, other)
        if has[0] != has[1]:
            return _Found(kind, _side(has[0]), run)
    where = "" if run.trained and run.scored else _side(bool(run.trained))
    if "".join(texts[0].split()) == "".join(texts[1].split()):
        at_end = run.at_trained + len(run.trained) == len(one) and run.at_scored + len(run.scored) == len(other)
        return _Found(_white_space(texts, at_end=at_end), where, run)
    if _are_markers((*run.trained, *run.scored)):
        before = one[: run.at_trained] if run.trained else other[: run.at_scored]
        at_start = _are_markers(before) and len(set(before)) <= 1
        return _Found(Kind.START_TOKEN if at_start else Kind.SPECIAL_TOKEN, where, run)
    if any(_has(_DATE, run, one, other)):
        return _Found(Kind.DATE, where, run)
    return _Found(_of_words(run, texts, one), where, run)


def _has(part: re.Pattern[str], run: Run[str], one: Sequence[str], other: Sequence[str]) -> tuple[bool, bool]:
    """Whether the run has such a part in training and in scoring, which may begin a little before it."""

    def ends_in(pieces: Sequence[str], at: int, whole: Sequence[str]) -> bool:
        before = "".join(whole[max(0, at - _BEFORE) : at])
        return any(found.end() > len(before) for found in part.finditer(before + "".join(pieces)))

    return ends_in(run.trained, run.at_trained, one), ends_in(run.scored, run.at_scored, other)


def _of_words(run: Run[str], texts: Sequence[str], one: Sequence[str]) -> Kind:
    at_end = run.at_trained + len(run.trained) == len(one)
    if at_end and run.trained and texts[0].startswith(texts[1]):
        return Kind.ENDS_SOONER
    if run.trained and run.scored:
        return Kind.ORDER if _same_words(run.trained, run.scored) else Kind.WORDS
    return Kind.MORE_LINES if "\n" in "".join(texts) else Kind.WORDS


def _white_space(texts: Sequence[str], *, at_end: bool) -> Kind:
    if texts[0].count("\n") != texts[1].count("\n"):
        return Kind.LINE_BREAKS
    return Kind.TRAILING_SPACE if at_end else Kind.SPACES


def _side(in_training: bool) -> str:
    return "training" if in_training else "scoring"


def _shown(kind: Kind, where: str, found: Sequence[_Found]) -> str:
    """In words, by the largest of the runs of one kind."""
    largest = max(found, key=lambda each: each.run.size)
    lines = sum("".join(each.texts).count("\n") for each in found)
    texts = [shortened(text, _TEXT_SHOWN) for text in largest.texts]
    text = texts[1] if where == "scoring" else texts[0]
    both = f"{texts[0]} in training, {texts[1]} in scoring"
    markers = largest.run.scored or largest.run.trained
    said = {
        Kind.SYSTEM_TURN: f"a system turn is in {where} only: {text}",
        Kind.THINK_BLOCK: f"a think block is in {where} only: {text}",
        Kind.START_TOKEN: f"the start token {markers[0].strip()!r} is {_more(where)}",
        Kind.SPECIAL_TOKEN: f"a special token is {_more(where)}: {text}",
        Kind.DATE: f"a line with a date differs: {both}",
        Kind.ENDS_SOONER: f"the prompt that is scored ends sooner, as by a cut, or without the template's last words {text}",
        Kind.TRAILING_SPACE: f"a trailing space before the answer: {both}",
        Kind.LINE_BREAKS: f"blank lines or line breaks: {both}",
        Kind.SPACES: f"spaces: {both}",
        Kind.ORDER: f"the same words are in another order: {both}",
        Kind.MORE_LINES: f"{lines} line(s) are in {where} only, such as {_a_line(largest, where)}, as with a longer history",
        Kind.WORDS: f"{text} is in {where} only" if where else f"other words: {both}",
    }[kind]
    return said if len(found) == 1 or kind is Kind.MORE_LINES else f"{said} ({len(found)} such places)"


def _more(where: str) -> str:
    return f"once more, or only, in {where}" if where else "another one"


def _a_line(found: _Found, where: str) -> str:
    text = found.texts[1] if where == "scoring" else found.texts[0]
    return shortened(next((line for line in text.splitlines() if line.strip()), text).strip(), _TEXT_SHOWN)


def _of_ids(trained: TrainingPrompt, scored: ScoringPrompt, *, alone: bool) -> Iterator[Difference]:
    """What the texts do not show: tokens at either end that are not decoded, or, `alone`, other ids for the same text."""
    runs = list(changed_runs(trained.before_answer, scored.before_answer))
    start = _start_token(runs[0], trained.before_answer, scored.before_answer) if runs else None
    if start is not None:
        yield start
        runs = runs[1:]
    if alone and runs:
        yield _other_ids(runs, len(trained.before_answer), len(scored.before_answer))


def _start_token(run: Run[int], one: Sequence[int], other: Sequence[int]) -> Difference | None:
    """Ids that one of them has before all others, or again behind the same."""
    if run.trained and run.scored:
        return None
    ids, before = (run.trained, one[: run.at_trained]) if run.trained else (run.scored, other[: run.at_scored])
    if before and set(before) != set(ids):
        return None
    where = _side(bool(run.trained))
    return Difference(Kind.START_TOKEN, where, len(ids), f"the start token (id {ids[0]}) is {_more(where)}")


def _other_ids(runs: Sequence[Run[int]], n_trained: int, n_scored: int) -> Difference:
    """Of the same text."""
    last = runs[-1]
    if len(runs) == 1 and not last.trained and last.at_trained == n_trained:
        shown = f"tokens that are not in the text come before the answer in scoring only: ids {_ids(last.scored)}"
        return Difference(Kind.SPECIAL_TOKEN, "scoring", last.size, shown)
    if len(runs) == 1 and not last.scored and last.at_scored == n_scored:
        shown = f"tokens before the answer are in training only: ids {_ids(last.trained)}"
        return Difference(Kind.ENDS_SOONER, "training", last.size, shown)
    shown = "the texts are the same, their ids are not: prompt and answer, or parts of them, are tokenised apart"
    return Difference(Kind.TOKENISATION, "", max(run.size for run in runs), shown)


def _ids(ids: Sequence[int]) -> str:
    return ", ".join(map(str, ids[:_IDS_SHOWN])) + ", ..." * (len(ids) > _IDS_SHOWN)
