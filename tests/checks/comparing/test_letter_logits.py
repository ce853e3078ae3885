"""The letters' columns of a vocabulary's logits."""

from __future__ import annotations

import numpy as np
import pytest

from guard.letter_logits import lettered
from rerank_guard.checks.comparing.letter_logits import as_vocabulary_rows, letter_ids, letter_rows
from rerank_guard.core.errors import InvalidScoresError
from rerank_guard.core.types import LetterTable, LetterToken


def test_the_first_letters_have_their_ids_in_context():
    assert letter_ids(lettered(5), 3) == [100, 101, 102]
    assert letter_ids(lettered(5), 6) is None, "more candidates than letters"
    unknown = LetterTable((*lettered(2).letters, LetterToken("C", (), 7)))
    assert letter_ids(unknown, 2) == [100, 101]
    assert letter_ids(unknown, 3) is None, "a letter without a token"


def test_each_task_has_the_logits_of_as_many_letters_as_candidates():
    logits = [np.arange(10.0), np.arange(10.0) + 0.5]
    rows = letter_rows(logits, [7, 3, 9], [2, 3])
    assert [row.tolist() for row in rows] == [[7.0, 3.0], [7.5, 3.5, 9.5]]


def test_rows_that_are_missing_or_short_are_refused():
    rows = as_vocabulary_rows([np.zeros((1, 4), dtype=np.float32)], 1, 3)
    assert (rows[0].shape, rows[0].dtype) == ((4,), np.float64)
    with pytest.raises(InvalidScoresError, match="1 rows of logits for 2 tasks"):
        as_vocabulary_rows([np.zeros(4)], 2, 3)
    with pytest.raises(InvalidScoresError, match="4 entries, but a letter has the id 4"):
        as_vocabulary_rows([np.zeros(4)], 1, 4)
