"""The hypotheses about misread logits: what each predicts, and where it can be made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from guard.letter_logits import lettered
from rerank_guard.checks.scoring._wrong_readings import wrong_readings
from rerank_guard.core.types import LetterTable

LOGITS = [np.arange(300.0) + 1000 * task for task in range(5)]


def readings(lengths=(3, 3, 3, 3, 3), letters=None, logits=LOGITS, earlier=None):
    found = list(wrong_readings(logits, letters or lettered(3), lengths, earlier or {}))
    return [(reading.fault.name, reading.says, [row.tolist() for row in reading.rows]) for reading in found]


def of(fault, found):
    return [rows for name, _, rows in found if name == fault]


def test_reversed_and_shifted_positions():
    found = readings()
    assert found[0][0] == "reversed"
    assert found[0][2][0] == [-100.0, -101.0, -102.0]
    assert [rows[0] for rows in of("label-offset", found)] == [[102.0, 100.0, 101.0], [101.0, 102.0, 100.0]]


def test_the_next_letters_token_is_read_where_there_is_one():
    assert of("label-offset", readings(letters=lettered(4)))[-1][0] == [101.0, 102.0, 103.0]
    short = [row[:103] for row in LOGITS]
    assert len(of("label-offset", readings(letters=lettered(4), logits=short))) == 2, (
        "its id is outside of the logits"
    )
    assert len(of("label-offset", readings(letters=lettered(4), logits=[row[:104] for row in LOGITS]))) == 3


def with_scored(ids):
    tokens = lettered(3).letters
    return LetterTable(tuple(replace(token, scored_token_id=one) for token, one in zip(tokens, ids, strict=True)))


def test_declared_ids_other_than_those_in_context():
    assert of("wrong-letter-variant", readings()) == []
    assert of("wrong-letter-variant", readings(letters=with_scored([7, None, 9])))[0][1] == [1007.0, 1101.0, 1009.0]
    for outside in (-1, 300):
        assert of("wrong-letter-variant", readings(letters=with_scored([7, 8, outside]))) == []
    assert of("wrong-letter-variant", readings(letters=with_scored([7, 8, 299]))) != []


def test_other_token_positions():
    found = readings(earlier={-2: [row + 0.5 for row in LOGITS], 1: LOGITS})
    (before, after) = [(says, rows[0]) for name, says, rows in found if name == "wrong-logit-position"]
    assert "2 position(s) before" in before[0]
    assert before[1] == [100.5, 101.5, 102.5]
    assert "1 position(s) after" in after[0]


def test_rows_of_other_tasks_by_their_place():
    starts = [[row[0] // 1000 for row in rows] for rows in of("rows-misaligned", readings())]
    assert starts == [
        [1, 2, 3, 4, 0],
        [4, 0, 1, 2, 3],
        [2, 3, 4, 0, 1],
        [3, 4, 0, 1, 2],
        [3, 4, 0, 1, 2],
        [2, 3, 4, 0, 1],
        [4, 3, 2, 1, 0],
    ]
    alternating = of("rows-misaligned", readings(lengths=(3, 2, 3, 2, 3)))
    assert [[len(row) for row in rows] for rows in alternating] == [[3, 2, 3, 2, 3]], "only reversed"
    assert of("rows-misaligned", readings(lengths=(3,), logits=LOGITS[:1])) == [], "a single task has no other"
