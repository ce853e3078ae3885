"""Is the prompt that is scored the one that was trained on, and is the letter read at its end?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from rerank_guard.checks._aligned import require_aligned
from rerank_guard.checks.prompt_blind import check_prompt_blind_to_target
from rerank_guard.checks.prompt_block import check_prompt_complete
from rerank_guard.checks.prompt_forged import check_prompt_not_forged
from rerank_guard.errors import InvalidTaskError
from rerank_guard.prompts import ScoringPrompt, TrainingPrompt
from rerank_guard.verdict import MAX_EVIDENCE, Status, Verdict

__all__ = [
    "check_letter_read_last",
    "check_prompt_blind_to_target",
    "check_prompt_complete",
    "check_prompt_not_forged",
    "check_prompts_match",
]

_GUESSED = 200
_TEXT_SHOWN = 32
_ANSWER_WORDS = 4
"""Training's text has the answer, which may join the words beside it: so many words may differ by that alone."""
_SYSTEM = re.compile(r"<\|(?:im_start|start_header_id)\|>\s*system|<\|system\|>|<<SYS>>|\[SYSTEM_PROMPT\]")

_EXPLANATIONS = {
    "prompt-skew": "The model is scored on a prompt that it was not trained on",
    "wrong-logit-position": (
        "The prompts are the same, but the logits are read before the end of the one that is scored"
    ),
    "loss-mask-wrong": "The prompts are the same, but training takes its loss before the place where the "
    "letter is read",
    "letter-not-supervised": (
        "The prompts are the same, but training takes no loss at the place where the letter is read"
    ),
}
_NEXT_STEPS = {
    "prompt-skew": (
        "Build both prompts with one function, and let training append the letter to exactly what is scored "
        "(add_generation_prompt and enable_thinking alike in both)."
    ),
    "wrong-logit-position": "Read the logits behind the last token of the prompt.",
    "loss-mask-wrong": "Take the loss at the letter alone: one label that is not -100.",
    "letter-not-supervised": "Put the letter's id into labels right behind the prompt.",
}


def check_prompts_match(training: Sequence[TrainingPrompt], scoring: Sequence[ScoringPrompt]) -> Verdict:
    """The ids up to the answer are the same in training as in scoring, for every task.

    Exact: token by token, no tolerance. What stands behind the answer in training is not compared.

    Args:
        training: one a task, at least one.
        scoring: of the same tasks in the same order.

    Returns:
        PASSED, or FAILED with the commonest fault of: prompt-skew (other ids); where the ids agree as far as both
        go and only the positions differ, wrong-logit-position (read before the prompt ends), loss-mask-wrong
        (training's answer position is earlier, and a loss is taken at the place that is read as well) or
        letter-not-supervised (none is). `cause` says what seems to differ: system turn, think block, blank lines,
        spaces, order or number of lines, tokenisation.

    Raises:
        InvalidTaskError: no prompts, or the two lists are of other tasks.
    """
    require_aligned(training, scoring, ("training prompts", "scoring prompts"))
    rows: dict[str, list[str]] = {}
    guesses: Counter[str] = Counter()
    firsts: list[int] = []
    for trained, scored in zip(training, scoring, strict=True):
        if trained.before_answer == scored.before_answer:
            continue
        fault = _which_difference(trained, scored)
        first = _first_difference(trained.before_answer, scored.before_answer)
        firsts.append(first)
        rows.setdefault(fault, []).append(_row(trained, scored, first))
        if fault == "prompt-skew" and sum(guesses.values()) < _GUESSED:
            guesses[_guess(trained, scored)] += 1
    differing = len(firsts)
    worst = max(rows, key=lambda fault: len(rows[fault])) if rows else None
    guess = f": {guesses.most_common(1)[0][0]}" if worst == "prompt-skew" else ""
    return Verdict(
        check="prompts_match",
        status=Status.FAILED if worst else Status.PASSED,
        claim=f"the ids before the answer are the same in training and in scoring, for each of {len(training)} tasks",
        measured={"differing_prompts": differing, "earliest_difference": min(firsts, default=None)},
        threshold={"differing_prompts": 0},
        n=len(training),
        evidence=tuple(rows[worst][:MAX_EVIDENCE]) if worst else (),
        cause=f"{_EXPLANATIONS[worst]}{guess}." if worst else "",
        next_step=_NEXT_STEPS[worst] if worst else "",
        fault=worst,
    )


def check_letter_read_last(prompts: Sequence[ScoringPrompt]) -> Verdict:
    """The letter logits are read behind the last token of every prompt.

    Exact. A causal model knows nothing of what stands behind the position that is read: read earlier, it ranks
    without the question, or without the candidates.

    Args:
        prompts: at least one.

    Returns:
        PASSED, or FAILED as wrong-logit-position.

    Raises:
        InvalidTaskError: no prompts.
    """
    if len(prompts) == 0:
        raise InvalidTaskError("there are no prompts to judge; give at least one.")
    early = [len(prompt.token_ids) - 1 - prompt.read_position for prompt in prompts]
    broken = [place for place, tokens in enumerate(early) if tokens]
    same = {early[place] for place in broken}
    many = f"{next(iter(same))} token(s)" if len(same) == 1 else "a varying number of tokens"
    return Verdict(
        check="letter_read_last",
        status=Status.FAILED if broken else Status.PASSED,
        claim=f"the logits are read behind the last token of each of {len(prompts)} prompts",
        measured={"broken_prompts": len(broken), "tokens_too_early": max(early)},
        threshold={"broken_prompts": 0},
        n=len(prompts),
        evidence=tuple(
            f"query {prompts[place].query_id!r}: read behind token {prompts[place].read_position} of "
            f"{len(prompts[place].token_ids)} (counted from 0), {early[place]} before the last"
            for place in broken[:MAX_EVIDENCE]
        ),
        cause=f"The logits are read {many} before the end of the prompt." if broken else "",
        next_step=(
            "Read at the last token that is not padding: logits[:, -1] with left padding, or "
            "attention_mask.sum(1) - 1 "
            "with right padding."
            if broken
            else ""
        ),
        fault="wrong-logit-position" if broken else None,
    )


def _which_difference(trained: TrainingPrompt, scored: ScoringPrompt) -> str:
    """Whether the prompts differ, or only the places in them."""
    in_training, in_scoring = trained.before_answer, scored.before_answer
    if len(in_scoring) < len(in_training) and scored.token_ids[: len(in_training)] == in_training:
        return "wrong-logit-position"
    if len(in_training) < len(in_scoring) and trained.token_ids[: len(in_scoring)] == in_scoring:
        at_answer = any(token.position == scored.read_position for token in trained.supervised)
        return "loss-mask-wrong" if at_answer else "letter-not-supervised"
    return "prompt-skew"


def _first_difference(one: Sequence[int], other: Sequence[int]) -> int:
    shorter = min(len(one), len(other))
    return next((place for place in range(shorter) if one[place] != other[place]), shorter)


def _row(trained: TrainingPrompt, scored: ScoringPrompt, first: int) -> str:
    def at(ids: Sequence[int]) -> str:
        return str(ids[first]) if first < len(ids) else f"missing ({len(ids)} tokens)"

    split = _common(trained.text, scored.text)
    ids = f"token {first} is {at(trained.before_answer)} in training, {at(scored.before_answer)} in scoring"
    if split == min(len(trained.text), len(scored.text)) == len(scored.text):
        return f"query {trained.query_id!r}: {ids}; the texts are the same up to {scored.text[-_TEXT_SHOWN:]!r}"
    before = trained.text[max(0, split - _TEXT_SHOWN) : split]
    one, other = trained.text[split : split + _TEXT_SHOWN], scored.text[split : split + _TEXT_SHOWN]
    return f"query {trained.query_id!r}: {ids}; behind {before!r} comes {one!r}, in scoring {other!r}"


def _common(one: str, other: str) -> int:
    """Length of the common beginning, by halving: string comparison is far faster than a loop."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _guess(trained: TrainingPrompt, scored: ScoringPrompt) -> str:
    """What seems to differ, from the two texts; training's goes on behind the answer."""
    in_training, in_scoring = trained.text, scored.text
    if bool(_SYSTEM.search(in_training)) != bool(_SYSTEM.search(in_scoring)):
        return f"a system turn stands in {_only(bool(_SYSTEM.search(in_training)))}"
    if ("<think>" in in_training) != ("<think>" in in_scoring):
        return f"a think block stands in {_only('<think>' in in_training)}"
    shorter = len(trained.before_answer) > len(scored.before_answer)
    if in_training.startswith(in_scoring) and not (shorter and in_training[len(in_scoring) :][:1].isspace()):
        if shorter:
            return "the prompt that is scored ends sooner, as by a cut, or without the template's last words"
        return "the texts are the same, their ids are not: prompt and answer, or parts of them, are tokenised apart"
    if "".join(in_training.split()).startswith("".join(in_scoring.split())):
        return _white_space(in_training, in_scoring)
    one, other = _lines(in_training), _lines(in_scoring)
    if in_scoring and not other[-1].strip():
        other = other[:-1]
    lacking, extra = Counter(other) - Counter(one), Counter(one) - Counter(other)
    if not lacking:
        shared = iter(one)
        if not all(line in shared for line in other):
            return "the same lines stand in another order, as where candidates or history are shuffled again"
        inner = [line for line in extra if line.strip()]
        return f"lines stand in training only, such as {_shortened(inner[0] if inner else '')}, as with a longer history"
    if set(extra) <= {one[-1]}:
        return f"lines stand in scoring only, such as {_shortened(next(iter(lacking)))}, as with a longer history"
    words, of_training = Counter(in_scoring.split()), Counter(in_training.split())
    if (words - of_training).total() + (of_training - words).total() <= _ANSWER_WORDS:
        return "the same words stand in another order, as where candidates or history are shuffled again"
    return f"other words, such as {_shortened(next(iter(lacking)))} in scoring"


def _white_space(in_training: str, in_scoring: str) -> str:
    """The texts have the same visible characters as far as scoring's goes."""
    visible = in_scoring.rstrip()
    if in_training.startswith(visible):
        rest = in_training[len(visible) :]
        ends = in_scoring[len(visible) :], rest[: len(rest) - len(rest.lstrip())]
        same_breaks = ends[0].count("\n") == ends[1].count("\n")
        return f"{'a trailing space' if same_breaks else 'blank lines'} before the answer"
    breaks = [_breaks(text) for text in (in_training, in_scoring)]
    return "blank lines or line breaks" if breaks[0][: len(breaks[1])] != breaks[1] else "spaces"


def _breaks(text: str) -> list[int]:
    """How many visible characters stand between one line break and the next."""
    places = [0, *(found.start() for found in re.finditer("\n", text))]
    return [len("".join(text[start:end].split())) for start, end in pairwise(places)]


def _lines(text: str) -> list[str]:
    return text.split("\n")


def _only(in_training: bool) -> str:
    return "training only" if in_training else "scoring only"


def _shortened(line: str) -> str:
    return repr(line if len(line) <= _TEXT_SHOWN else line[:_TEXT_SHOWN] + "...")
