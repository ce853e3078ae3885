"""letter_tokens_found: a healthy table passes, and each injected fault is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guard.builders import make_letter_table, make_task
from rerank_guard.checks.answer_tokens.letter_tokens_found import letter_tokens_found
from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.finding import Affected, Strength
from rerank_guard.core.types import LetterTable
from rerank_guard.core.verdict import Status


def tasks_of(n):
    """Two tasks, the longer of n candidates."""
    return [make_task(0, 2), make_task(1, n, user=1)]


def with_letter(position, **changes):
    table = make_letter_table(20)
    letters = list(table.letters)
    letters[position] = replace(letters[position], **changes)
    return LetterTable(tuple(letters), table.unk_token_id)


@pytest.mark.parametrize("given", [20, 52])
def test_a_healthy_table_passes_with_letters_to_spare_or_without(given):
    verdict = letter_tokens_found(make_letter_table(given), tasks_of(20))
    assert verdict.status is Status.PASSED
    assert verdict.measured["usable_letters"] == 20
    assert (verdict.suspects, verdict.evidence, verdict.affected) == ((), (), Affected(0, 20, "letters"))
    assert verdict.measured["letters_given"] == given


@pytest.mark.parametrize(
    ("table", "fault", "words", "usable"),
    [
        (make_letter_table(19), "letters-exhausted", "20 candidates but 19 letters", 19),
        (LetterTable(()), "letters-exhausted", "20 candidates but 0 letters", 0),
        (with_letter(4, token_ids=(7, 8), scored_token_id=7), "multi-token-letter", "'E' is 2 tokens", 19),
        (with_letter(4, token_ids=(), scored_token_id=None), "multi-token-letter", "'E' is 0 tokens", 19),
        (with_letter(4, token_ids=(0,), scored_token_id=0), "multi-token-letter", "'E' is unknown", 19),
        (with_letter(4, scored_token_id=None), "silent-fallback", "'E': no token id", 19),
        (with_letter(4, token_ids=(101,), scored_token_id=101), "letter-collision", "'B' and 'E' share id 101", 18),
        (with_letter(4, letter="B"), "letter-collision", "positions 1 and 4 have the same letter 'B'", 18),
        (with_letter(4, scored_token_id=101), "letter-collision", "'B' and 'E' share id 101 (scored)", 18),
        (with_letter(4, scored_token_id=999), "wrong-letter-variant", "id 104 in context, id 999 is scored", 19),
    ],
)
def test_each_injected_fault_is_named(table, fault, words, usable):
    verdict = letter_tokens_found(table, tasks_of(20))
    assert verdict.status is Status.FAILED
    assert verdict.fault == fault
    assert any(words in row for row in verdict.evidence), f"{words!r} is missing from {verdict.evidence}"
    assert verdict.measured["usable_letters"] == usable
    assert verdict.affected == Affected(20 - usable, 20, "letters")
    assert verdict.suspects[0].strength is Strength.SEEN
    assert (verdict.suspects[0].cause != "") == (fault == "silent-fallback")


def test_all_letters_read_without_their_leading_space_is_one_fault_of_all_letters():
    table = make_letter_table(26)
    shifted = LetterTable(tuple(replace(x, scored_token_id=x.scored_token_id + 500) for x in table.letters), 0)
    verdict = letter_tokens_found(shifted, tasks_of(26))
    assert verdict.fault == "wrong-letter-variant"
    assert len(verdict.suspects) == 1
    assert verdict.measured["usable_letters"] == 0
    assert verdict.affected == Affected(26, 26, "letters")
    assert len(verdict.evidence) == 5


def test_faults_that_come_together_are_all_suspected_the_most_basic_first():
    letters = list(make_letter_table(20).letters)
    letters[4] = replace(letters[4], token_ids=(7, 8), scored_token_id=None)
    letters[5] = replace(letters[5], scored_token_id=999)
    verdict = letter_tokens_found(LetterTable(tuple(letters), 0), tasks_of(20))
    assert [suspected.fault.name for suspected in verdict.suspects] == [
        "multi-token-letter",
        "silent-fallback",
        "wrong-letter-variant",
    ]
    assert verdict.affected == Affected(2, 20, "letters")


def test_letters_beyond_the_longest_list_are_not_judged_and_another_alphabet_changes_nothing():
    assert letter_tokens_found(with_letter(15, token_ids=(1, 2)), tasks_of(10)).status is Status.PASSED
    renamed = LetterTable(tuple(replace(x, letter=f"<{x.letter}>") for x in make_letter_table(20).letters))
    assert letter_tokens_found(renamed, tasks_of(20)).status is Status.PASSED


def test_two_candidates_need_two_letters():
    assert letter_tokens_found(make_letter_table(2), [make_task(0, 2)]).status is Status.PASSED
    verdict = letter_tokens_found(make_letter_table(1), [make_task(0, 2)])
    assert (verdict.fault, verdict.affected) == ("letters-exhausted", Affected(1, 2, "letters"))


def test_no_tasks_and_tasks_of_one_candidate_are_errors():
    for tasks in ([], [make_task(0, 1)]):
        with pytest.raises(InvalidTaskError, match="no task"):
            letter_tokens_found(make_letter_table(5), tasks)
