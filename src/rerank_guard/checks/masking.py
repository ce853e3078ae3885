"""Does the training loss look at the target's letter, and at nothing else?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rerank_guard.checks._aligned import require_aligned
from rerank_guard.prompts import SupervisedToken, TrainingPrompt
from rerank_guard.types import LetterTable, RankingTask
from rerank_guard.verdict import MAX_EVIDENCE, Status, Verdict

__all__ = ["check_only_letter_supervised"]

_SHOWN = 4

_EXPLANATIONS = {
    "letter-not-supervised": (
        "No loss is taken where the letter is predicted: it is masked with -100, the labels are shifted "
        "twice or not at all, or "
        "the answer was cut off.",
        "Put the letter's id at labels[answer_position + 1] (transformers shifts labels itself), and -100 elsewhere.",
    ),
    "wrong-letter-variant": (
        "The id that is trained is not the letter's id in context: 'A' and ' A' are different tokens, or the "
        "answer begins "
        "with something else.",
        "Take the answer's id from prompt and letter tokenized together, in training as in scoring.",
    ),
    "label-offset": (
        "Another candidate's letter is trained: the target's slot was computed before a shuffle or a cut, "
        "counts from 1, or "
        "is off by one.",
        "Compute the label last, as candidate_ids.index(target_id), after every shuffle and cut.",
    ),
    "loss-mask-wrong": (
        "The loss also averages over tokens that are no ranking: a loss below log N then says that these are "
        "learned, not the "
        "letter.",
        "Set every label but the letter's to -100 (prompt, end of turn, line break), or sum the letter's loss apart.",
    ),
}


@dataclass(frozen=True, slots=True)
class _Finding:
    """What is wrong with one example: the fault, words that show it, and by how many slots the label is off."""

    fault: str
    shown: str
    shift: int | None = None


def check_only_letter_supervised(
    prompts: Sequence[TrainingPrompt], tasks: Sequence[RankingTask], letters: LetterTable
) -> Verdict:
    """The loss is taken at one place, where the letter is predicted, and wants the in-context id of the target's letter.

    Exact. The letter is that of the slot at which target_id stands, whatever target_index says. Examples without a
    target among the candidates, or with one beyond the letters or a letter of several tokens, are checked for the
    place alone (other checks name those).

    An example has the first fault of this list, for each hides the next; the verdict has the commonest, the first
    where two are equally common:

    - letter-not-supervised: nothing is wanted at answer_position.
    - wrong-letter-variant: what is wanted there is the in-context id of no letter.
    - label-offset: what is wanted there is another slot's letter.
    - loss-mask-wrong: the right letter is wanted, and a loss is taken at other places too. So is an example whose
      answer_position is merely the first place with a loss (`TrainingPrompt.from_labels` guesses so) and whose
      letter is wanted further on.

    Args:
        prompts: one a task, from the code that trains, at least one.
        tasks: the tasks, in the same order.
        letters: the letters in slot order, with their in-context ids.

    Returns:
        PASSED or FAILED. measured["letter_share"] is the mean share of an example's loss that is taken at the
        letter.

    Raises:
        InvalidTaskError: no prompts, or prompts that do not belong to the tasks.
    """
    require_aligned(prompts, tasks, ("prompts", "tasks"))
    slot_of = {
        letter.token_ids[0]: slot for slot, letter in enumerate(letters.letters) if len(letter.token_ids) == 1
    }
    rows: dict[str, list[str]] = {fault: [] for fault in _EXPLANATIONS}
    shifts: Counter[int | None] = Counter()
    shares: list[float] = []
    for prompt, task in zip(prompts, tasks, strict=True):
        wanted = _wanted_ids(task, letters)
        shares.append(_share_at_letter(prompt, wanted))
        finding = _finding(prompt, task, wanted, slot_of, letters)
        if finding is not None:
            rows[finding.fault].append(f"query {prompt.query_id!r}: {finding.shown}")
            if finding.fault == "label-offset":
                shifts[finding.shift] += 1
    broken = sum(map(len, rows.values()))
    worst = max(rows, key=lambda fault: len(rows[fault])) if broken else None
    cause, next_step = _EXPLANATIONS[worst] if worst else ("", "")
    if worst == "label-offset" and len(shifts) == 1 and (shift := next(iter(shifts))):
        cause = f"Every wrong label is {abs(shift)} slot(s) {'further on' if shift > 0 else 'before'}. {cause}"
    kinds = [found for _, found in sorted(rows.items(), key=lambda item: -len(item[1])) if found]
    evidence = [found[0] for found in kinds] + [row for found in kinds for row in found[1:]]
    return Verdict(
        check="only_letter_supervised",
        status=Status.FAILED if worst else Status.PASSED,
        claim=f"in each of {len(prompts)} training examples the loss is taken at the target's letter and nowhere else",
        measured={
            "broken_examples": broken,
            "letter_share": round(sum(shares) / len(shares), 4),
            **{fault.replace("-", "_"): len(found) for fault, found in rows.items()},
        },
        threshold={"broken_examples": 0},
        n=len(prompts),
        evidence=tuple(evidence[:MAX_EVIDENCE]),
        cause=cause,
        next_step=next_step,
        fault=worst,
    )


def _wanted_ids(task: RankingTask, letters: LetterTable) -> frozenset[int]:
    """The in-context ids of the target's letter, one for each slot it is listed at; none where that cannot be told."""
    slots = [slot for slot, item_id in enumerate(task.candidate_ids) if item_id == task.target_id]
    tokens = [letters.letters[slot].token_ids for slot in slots if slot < len(letters.letters)]
    return frozenset(ids[0] for ids in tokens if len(ids) == 1)


def _finding(
    prompt: TrainingPrompt,
    task: RankingTask,
    wanted: frozenset[int],
    slot_of: dict[int, int],
    letters: LetterTable,
) -> _Finding | None:
    at_answer = [token for token in prompt.supervised if token.position == prompt.answer_position]
    elsewhere = [token for token in prompt.supervised if token.position != prompt.answer_position]
    if not at_answer:
        places = f"only at {_places(elsewhere)}" if elsewhere else "nowhere"
        return _Finding(
            "letter-not-supervised", f"a loss is taken {places}, the letter comes at {prompt.answer_position}"
        )
    right = [token for token in at_answer if token.token_id in wanted]
    if wanted and not right:
        got = at_answer[0].token_id
        other = slot_of.get(got)
        meant = _letters_of(task, letters)
        if other is not None:
            shift = other - next(
                slot for slot, item_id in enumerate(task.candidate_ids) if item_id == task.target_id
            )
            return _Finding(
                "label-offset", f"{letters.letters[other].letter!r} is trained, {meant} is meant", shift
            )
        first = prompt.answer_position == min(token.position for token in prompt.supervised)
        if not (first and any(token.token_id in wanted for token in elsewhere)):
            return _Finding("wrong-letter-variant", f"id {got} is trained, {meant} is meant (ids {sorted(wanted)})")
    others = [*elsewhere, *(token for token in at_answer if wanted and token.token_id not in wanted)]
    if not others:
        return None
    share = 1.0 - _share_at_letter(prompt, wanted)
    before = sum(token.position < prompt.answer_position for token in others)
    where = (
        f"{before} before the letter, {len(others) - before} behind"
        if before
        else f"{len(others)} behind the letter"
    )
    return _Finding(
        "loss-mask-wrong",
        f"{share:.0%} of the loss is taken at {len(others)} other place(s), {where}: {_places(others)}",
    )


def _share_at_letter(prompt: TrainingPrompt, wanted: frozenset[int]) -> float:
    total = sum(token.weight for token in prompt.supervised)
    at_letter = sum(
        token.weight
        for token in prompt.supervised
        if token.position == prompt.answer_position and (not wanted or token.token_id in wanted)
    )
    return at_letter / total if total > 0 else 0.0


def _letters_of(task: RankingTask, letters: LetterTable) -> str:
    slots = [slot for slot, item_id in enumerate(task.candidate_ids) if item_id == task.target_id]
    return " or ".join(repr(letters.letters[slot].letter) for slot in slots if slot < len(letters.letters))


def _places(tokens: Sequence[SupervisedToken]) -> str:
    shown = ", ".join(f"{token.position} (id {token.token_id})" for token in tokens[:_SHOWN])
    return shown + (", ..." if len(tokens) > _SHOWN else "")
