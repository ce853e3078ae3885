"""What seems to differ between the prompt that was trained on and the one that is scored, judged by their texts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from rerank_guard.checks.prompts._readable_text import shortened
from rerank_guard.core.prompts import ScoringPrompt, TrainingPrompt

__all__ = ["Difference", "Kind", "likely_difference"]

_TEXT_SHOWN = 32
_ANSWER_LINES = 2
"""Training's text has the answer and what follows it: so many lines at its end may differ by that alone."""
_ANSWER_WORDS = 4
"""Likewise words, which may be joined to the last one of the prompt."""
_SYSTEM = re.compile(r"<\|(?:im_start|start_header_id)\|>\s*system|<\|system\|>|<<SYS>>|\[SYSTEM_PROMPT\]")


class Kind(StrEnum):
    """What kind of difference it is."""

    SYSTEM_TURN = "system turn"
    THINK_BLOCK = "think block"
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
    """What seems to differ.

    Attributes:
        kind: of the difference.
        shown: a sentence about it, without a capital and a full stop.
    """

    kind: Kind
    shown: str


def likely_difference(trained: TrainingPrompt, scored: ScoringPrompt) -> Difference:
    """What seems to differ, from the two texts; training's goes on behind the answer.

    Args:
        trained: the prompt that is trained on.
        scored: the one that is scored, of the same task, with different ids before the answer.
    """
    return (
        _of_template(trained.text, scored.text)
        or _of_ids(trained, scored)
        or _of_white_space(trained.text, scored.text)
        or _of_lines(trained.text, scored.text)
    )


def _of_template(in_training: str, in_scoring: str) -> Difference | None:
    """A part of the chat template that one of them has."""
    systems = [bool(_SYSTEM.search(text)) for text in (in_training, in_scoring)]
    if systems[0] != systems[1]:
        return Difference(Kind.SYSTEM_TURN, f"a system turn is in {_only(systems[0])}")
    thinks = ["<think>" in text for text in (in_training, in_scoring)]
    if thinks[0] != thinks[1]:
        return Difference(Kind.THINK_BLOCK, f"a think block is in {_only(thinks[0])}")
    return None


def _of_ids(trained: TrainingPrompt, scored: ScoringPrompt) -> Difference | None:
    """Of texts that agree as far as the one that is scored goes."""
    if not trained.text.startswith(scored.text):
        return None
    shorter = len(trained.before_answer) > len(scored.before_answer)
    if shorter and trained.text[len(scored.text) :][:1].isspace():
        return None
    if shorter:
        return Difference(
            Kind.ENDS_SOONER,
            "the prompt that is scored ends sooner, as by a cut, or without the template's last words",
        )
    return Difference(
        Kind.TOKENISATION,
        "the texts are the same, their ids are not: prompt and answer, or parts of them, are tokenised apart",
    )


def _of_white_space(in_training: str, in_scoring: str) -> Difference | None:
    """Of texts with the same visible characters as far as the one that is scored goes."""
    if not "".join(in_training.split()).startswith("".join(in_scoring.split())):
        return None
    visible = in_scoring.rstrip()
    if in_training.startswith(visible):
        rest = in_training[len(visible) :]
        ends = in_scoring[len(visible) :], rest[: len(rest) - len(rest.lstrip())]
        if ends[0].count("\n") == ends[1].count("\n"):
            return Difference(Kind.TRAILING_SPACE, "a trailing space before the answer")
        return Difference(Kind.LINE_BREAKS, "blank lines before the answer")
    breaks = [_breaks(text) for text in (in_training, in_scoring)]
    if breaks[0][: len(breaks[1])] != breaks[1]:
        return Difference(Kind.LINE_BREAKS, "blank lines or line breaks")
    return Difference(Kind.SPACES, "spaces")


def _of_lines(in_training: str, in_scoring: str) -> Difference:
    one, other = in_training.split("\n"), in_scoring.split("\n")
    if in_scoring and not other[-1].strip():
        other = other[:-1]
    lacking, extra = Counter(other) - Counter(one), Counter(one) - Counter(other)
    if not lacking:
        return _of_extra_lines(one, other, extra)
    first = shortened(next(iter(lacking)), _TEXT_SHOWN)
    if set(extra) <= set(one[-_ANSWER_LINES:]):
        return Difference(Kind.MORE_LINES, f"lines are in scoring only, such as {first}, as with a longer history")
    if _same_words(in_training.split(), in_scoring.split()):
        return Difference(
            Kind.ORDER,
            "the same words are in another order, as where candidates or history are shuffled again",
        )
    return Difference(Kind.WORDS, f"other words, such as {first} in scoring")


def _of_extra_lines(one: Sequence[str], other: Sequence[str], extra: Counter[str]) -> Difference:
    """Of texts where training has every line of the one that is scored.

    Args:
        one: lines in training.
        other: lines in scoring.
        extra: lines in training only.
    """
    shared = iter(one)
    if not all(line in shared for line in other):
        return Difference(
            Kind.ORDER,
            "the same lines are in another order, as where candidates or history are shuffled again",
        )
    inner = next((line for line in extra if line.strip()), "")
    return Difference(
        Kind.MORE_LINES,
        f"lines are in training only, such as {shortened(inner, _TEXT_SHOWN)}, as with a longer history",
    )


def _same_words(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether training has the words of the one that is scored, in any order, and little else."""
    lacking, extra = Counter(other) - Counter(one), Counter(one) - Counter(other)
    return set(lacking) <= set(other[-1:]) and extra.total() <= _ANSWER_WORDS


def _breaks(text: str) -> list[int]:
    """How many visible characters are between one line break and the next."""
    places = [0, *(found.start() for found in re.finditer("\n", text))]
    return [len("".join(text[start:end].split())) for start, end in pairwise(places)]


def _only(in_training: bool) -> str:
    return "training only" if in_training else "scoring only"
