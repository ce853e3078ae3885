"""What is wrong with the loss of one training example: no loss at the letter, another label, or a loss elsewhere too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rerank_guard.core.fault import Fault
from rerank_guard.core.faults.answer_tokens import WRONG_LETTER_VARIANT
from rerank_guard.core.faults.data import LABEL_OFFSET
from rerank_guard.core.faults.supervision import LETTER_NOT_SUPERVISED, LOSS_MASK_WRONG
from rerank_guard.core.prompts import SupervisedToken, TrainingPrompt
from rerank_guard.core.types import LetterTable, RankingTask

__all__ = ["Letters", "Wanted", "Wrong", "share_at_letter", "what_is_wrong"]

_PLACES_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with one example.

    Attributes:
        fault: its first fault.
        shown: words that show it.
        shift: of a label-offset: how many positions further on than the target item the label's candidate is.
    """

    fault: Fault
    shown: str
    shift: int | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an example should be trained on.

    Attributes:
        positions: at which the task lists its target item.
        token_ids: the in-context ids of the letters there; none where that is unknown, for a target item that is not
            listed, or that has no letter or one of several tokens.
        letters: these letters, for a reader.
    """

    positions: tuple[int, ...]
    token_ids: frozenset[int]
    letters: str


class Letters:
    """The letters, by position and by token id.

    Args:
        table: one letter a position.
    """

    def __init__(self, table: LetterTable) -> None:
        self._letters = table.letters
        self._position_of = {
            letter.token_ids[0]: position
            for position, letter in enumerate(table.letters)
            if len(letter.token_ids) == 1
        }

    def wanted(self, task: RankingTask) -> Wanted:
        """What the example of a task should be trained on, by target_id, whatever target_index says."""
        positions = tuple(
            position for position, item_id in enumerate(task.candidate_ids) if item_id == task.target_id
        )
        letters = [self._letters[position] for position in positions if position < len(self._letters)]
        return Wanted(
            positions,
            frozenset(letter.token_ids[0] for letter in letters if len(letter.token_ids) == 1),
            " or ".join(repr(letter.letter) for letter in letters),
        )

    def position_of(self, token_id: int) -> int | None:
        """The position whose letter is this very token; None where no letter is."""
        return self._position_of.get(token_id)

    def name(self, position: int) -> str:
        """The letter of a position."""
        return self._letters[position].letter


def what_is_wrong(prompt: TrainingPrompt, wanted: Wanted, letters: Letters) -> Wrong | None:
    """The first fault of an example, in the order in which each hides the next; None of a right one."""
    at_answer, elsewhere = _by_place(prompt)
    if not at_answer:
        places = f"only at {_places(elsewhere)}" if elsewhere else "nowhere"
        return Wrong(
            LETTER_NOT_SUPERVISED, f"a loss is taken {places}, the letter comes at {prompt.answer_position}"
        )
    return _other_label(prompt, at_answer, elsewhere, wanted, letters) or _loss_elsewhere(
        prompt, at_answer, elsewhere, wanted
    )


def share_at_letter(prompt: TrainingPrompt, wanted: Wanted) -> float:
    """The share of an example's loss that is taken at the letter, by weight; 0 where none is taken."""
    at_answer, _ = _by_place(prompt)
    total = sum(token.weight for token in prompt.supervised)
    at_letter = sum(
        token.weight for token in at_answer if not wanted.token_ids or token.token_id in wanted.token_ids
    )
    return at_letter / total if total > 0 else 0.0


def _by_place(prompt: TrainingPrompt) -> tuple[list[SupervisedToken], list[SupervisedToken]]:
    """The supervised tokens at the answer position, and those elsewhere."""
    at_answer = [token for token in prompt.supervised if token.position == prompt.answer_position]
    return at_answer, [token for token in prompt.supervised if token.position != prompt.answer_position]


def _other_label(
    prompt: TrainingPrompt,
    at_answer: Sequence[SupervisedToken],
    elsewhere: Sequence[SupervisedToken],
    wanted: Wanted,
    letters: Letters,
) -> Wrong | None:
    """Another label than the letter's at the answer position; None where the right one is among those there."""
    if not wanted.token_ids or any(token.token_id in wanted.token_ids for token in at_answer):
        return None
    got = at_answer[0].token_id
    other = letters.position_of(got)
    if other is not None:
        shown = f"{letters.name(other)!r} is trained, {wanted.letters} is meant"
        return Wrong(LABEL_OFFSET, shown, other - wanted.positions[0])
    # An answer_position that is merely the first place with a loss is a guess: the letter may be wanted further on.
    is_first = prompt.answer_position == min(token.position for token in prompt.supervised)
    if is_first and any(token.token_id in wanted.token_ids for token in elsewhere):
        return None
    meant = f"{wanted.letters} is meant (ids {sorted(wanted.token_ids)})"
    return Wrong(WRONG_LETTER_VARIANT, f"id {got} is trained, {meant}")


def _loss_elsewhere(
    prompt: TrainingPrompt,
    at_answer: Sequence[SupervisedToken],
    elsewhere: Sequence[SupervisedToken],
    wanted: Wanted,
) -> Wrong | None:
    wrong_label = (token for token in at_answer if wanted.token_ids and token.token_id not in wanted.token_ids)
    others = [*elsewhere, *wrong_label]
    if not others:
        return None
    share = 1.0 - share_at_letter(prompt, wanted)
    before = sum(token.position < prompt.answer_position for token in others)
    behind = f"{len(others) - before} behind"
    where = f"{before} before the letter, {behind}" if before else f"{behind} the letter"
    return Wrong(
        LOSS_MASK_WRONG,
        f"{share:.0%} of the loss is taken at {len(others)} other place(s), {where}: {_places(others)}",
    )


def _places(tokens: Sequence[SupervisedToken]) -> str:
    shown = ", ".join(f"{token.position} (id {token.token_id})" for token in tokens[:_PLACES_SHOWN])
    return shown + (", ..." if len(tokens) > _PLACES_SHOWN else "")
