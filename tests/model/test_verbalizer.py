from __future__ import annotations

import pytest

from rerank_guard.core.types import LetterTable, LetterToken
from rerank_model.errors import PromptError
from rerank_model.prompt.encode import PromptEncoder
from rerank_model.prompt.prompt import LETTERS, PromptConfig
from rerank_model.prompt.verbalizer import Verbalizer, letters_in_context


def test_ids_are_those_at_the_label_position(tokenizer, encoder):
    table = letters_in_context(encoder)
    assert [entry.letter for entry in table.letters] == list(LETTERS)
    for entry in table.letters:
        assert entry.token_ids == (tokenizer.convert_tokens_to_ids(entry.letter),)
        assert tokenizer.convert_tokens_to_ids(f"Ġ{entry.letter}") != entry.scored_token_id


def test_a_label_of_two_tokens_has_no_id(tokenizer):
    table = letters_in_context(PromptEncoder(tokenizer, PromptConfig(letters=("A", "QX"))))
    assert table.letters[1].scored_token_id is None
    assert len(table.letters[1].token_ids) == 2
    with pytest.raises(PromptError, match=r"'QX' -> \[\d+, \d+\]"):
        Verbalizer.from_table(table)


def test_a_letter_that_merges_with_the_prompt_has_no_id(tokenizer):
    """A prompt that ends in a word lets a letter merge into it: "...or" + "d" is the token "ord"."""
    encoder = PromptEncoder(tokenizer, PromptConfig(letters=("s", "A")))
    encoder.frame = type(encoder.frame)(head="The ", middle="x\n", tail="Say the word", letters=("s", "A"))
    table = letters_in_context(encoder)
    assert table.letters[0].scored_token_id is None


def test_shared_and_unknown_ids_are_refused():
    def table(*ids: int, unk: int | None = None) -> LetterTable:
        return LetterTable(tuple(LetterToken(chr(65 + i), (t,), t) for i, t in enumerate(ids)), unk)

    assert Verbalizer.from_table(table(5, 6)).letter_token_ids == (5, 6)
    with pytest.raises(PromptError, match=r"\['A', 'B'\] share"):
        Verbalizer.from_table(table(5, 5))
    with pytest.raises(PromptError, match="single tokens"):
        Verbalizer.from_table(table(5, 0, unk=0))
