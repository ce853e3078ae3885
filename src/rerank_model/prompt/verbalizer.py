"""Which token id each letter is: the id at the label position when prompt and letter are tokenised together."""

from __future__ import annotations

from dataclasses import dataclass

from rerank_guard.core.types import Item, LetterTable, LetterToken
from rerank_model.errors import PromptError
from rerank_model.prompt.encode import PromptEncoder

__all__ = ["Verbalizer", "letters_in_context"]

_PROBE = (Item("probe-1", "First"), Item("probe-2", "Second"))


def letters_in_context(encoder: PromptEncoder) -> LetterTable:
    """Tokenise a prompt with each letter appended and read the letter's ids.

    A letter that changes the prompt's own ids (a merge across the joint) has no id of its own; it is
    listed with all ids from the first difference on, so that the guard can show it.

    Returns:
        One `LetterToken` a letter of the alphabet; `scored_token_id` is None where the letter is no single token.
    """
    text = encoder.frame.text((), _PROBE)
    prompt = encoder.encode_text(text)
    letters = []
    for letter in encoder.frame.letters:
        together = encoder.encode_text(text + letter)
        same = 0
        while same < min(len(prompt), len(together)) and prompt[same] == together[same]:
            same += 1
        own = tuple(together[same:])
        clean = same == len(prompt) and len(own) == 1
        letters.append(LetterToken(letter=letter, token_ids=own, scored_token_id=own[0] if clean else None))
    return LetterTable(letters=tuple(letters), unk_token_id=encoder.tokenizer.unk_token_id)


@dataclass(frozen=True, slots=True)
class Verbalizer:
    """Letters and their token ids, in the order of positions; each letter is one token, known and distinct."""

    letters: tuple[str, ...]
    letter_token_ids: tuple[int, ...]

    @classmethod
    def from_table(cls, table: LetterTable) -> Verbalizer:
        """Take the ids of a table in which every letter can be scored.

        Raises:
            PromptError: a letter is several tokens, unknown, or shares its id with another; names them all.
        """
        broken = [
            f"{entry.letter!r} -> {list(entry.token_ids)}"
            for entry in table.letters
            if entry.scored_token_id is None or entry.scored_token_id == table.unk_token_id
        ]
        if broken:
            raise PromptError(
                f"{len(broken)} letter(s) are not single tokens at the position of the answer: {', '.join(broken[:10])}; "
                "declare an alphabet whose labels are, with PromptConfig(letters=...)."
            )
        ids = [entry.scored_token_id for entry in table.letters if entry.scored_token_id is not None]
        shared = sorted({entry.letter for entry in table.letters if ids.count(entry.scored_token_id or 0) > 1})
        if len(set(ids)) != len(ids):
            raise PromptError(
                f"letters {shared} share a token id; declare labels that the tokenizer distinguishes."
            )
        return cls(letters=tuple(entry.letter for entry in table.letters), letter_token_ids=tuple(ids))
