"""letter_tokens_found: the sound twin passes, and each saboteur is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guard.builders import make_letter_table
from rerank_guard.checks import check_letter_tokens_found
from rerank_guard.errors import InvalidTaskError
from rerank_guard.types import LetterTable
from rerank_guard.verdict import Status


def with_letter(slot, **changes):
    table = make_letter_table(20)
    letters = list(table.letters)
    letters[slot] = replace(letters[slot], **changes)
    return LetterTable(tuple(letters), table.unk_token_id)


@pytest.mark.parametrize("given", [20, 52])
def test_a_sound_table_passes_with_letters_to_spare_or_without(given):
    verdict = check_letter_tokens_found(make_letter_table(given), 20)
    assert verdict.status is Status.PASSED
    assert verdict.measured["usable_letters"] == 20
    assert (verdict.fault, verdict.evidence) == (None, ())


@pytest.mark.parametrize(
    ("table", "fault", "words"),
    [
        (make_letter_table(19), "letters-exhausted", "20 candidates but 19 letters"),
        (LetterTable(()), "letters-exhausted", "20 candidates but 0 letters"),
        (with_letter(4, token_ids=(7, 8), scored_token_id=7), "multi-token-letter", "'E' is 2 tokens"),
        (with_letter(4, token_ids=(), scored_token_id=None), "multi-token-letter", "'E' is 0 tokens"),
        (with_letter(4, token_ids=(0,), scored_token_id=0), "multi-token-letter", "'E' is unknown"),
        (with_letter(4, scored_token_id=None), "silent-fallback", "'E': no token id"),
        (with_letter(4, token_ids=(101,), scored_token_id=101), "letter-collision", "'B' and 'E' share id 101"),
        (with_letter(4, letter="B"), "letter-collision", "slots 1 and 4 have the same letter 'B'"),
        (with_letter(4, scored_token_id=101), "letter-collision", "'B' and 'E' share id 101 (scored)"),
        (with_letter(4, scored_token_id=999), "wrong-letter-variant", "id 104 in context, id 999 is scored"),
    ],
)
def test_each_saboteur_is_named(table, fault, words):
    verdict = check_letter_tokens_found(table, 20)
    assert verdict.status is Status.FAILED
    assert verdict.fault == fault
    assert any(words in row for row in verdict.evidence), f"{words!r} is missing from {verdict.evidence}"
    assert verdict.measured["usable_letters"] < 20
    assert verdict.cause
    assert verdict.next_step


def test_all_letters_read_without_their_leading_space_is_one_fault_with_five_rows():
    table = make_letter_table(26)
    shifted = LetterTable(tuple(replace(x, scored_token_id=x.scored_token_id + 500) for x in table.letters), 0)
    verdict = check_letter_tokens_found(shifted, 26)
    assert verdict.fault == "wrong-letter-variant"
    assert verdict.measured["usable_letters"] == 0
    assert len(verdict.evidence) == 5


def test_letters_beyond_the_longest_list_are_not_judged_and_another_alphabet_changes_nothing():
    assert check_letter_tokens_found(with_letter(15, token_ids=(1, 2)), 10).status is Status.PASSED
    renamed = LetterTable(tuple(replace(x, letter=f"<{x.letter}>") for x in make_letter_table(20).letters))
    assert check_letter_tokens_found(renamed, 20).status is Status.PASSED


@pytest.mark.parametrize("n", [1, 0, -3])
def test_fewer_than_two_candidates_is_an_error(n):
    with pytest.raises(InvalidTaskError, match=f"n_candidates={n}"):
        check_letter_tokens_found(make_letter_table(5), n)
