"""Surface features of texts, and where a target item stands among the others by each."""

from __future__ import annotations

import numpy as np
import pytest

from rerank_guard.checks.data._text_features import FEATURES, Standing, _kind, _shape
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import Item, RankingTask


def standing(*texts, target=0):
    """Of one task, by feature: how many others have less, and as many."""
    items = tuple(Item(str(at), text) for at, text in enumerate(texts))
    table = TaskTable.from_tasks([RankingTask("u", (), items, str(target), target)])
    found = Standing.of(table, np.array([target]))
    assert found.others.tolist() == [len(texts) - 1]
    pairs = zip(found.below[0].tolist(), found.tied[0].tolist(), strict=True)
    return dict(zip(FEATURES, pairs, strict=True)), found


@pytest.mark.parametrize(
    ("feature", "more", "less"),
    [
        ("length in characters", "abc", "ab"),
        ("number of words", "a b", "a_b"),
        ("number of digits", "a12", "a1b"),
        ("share of upper case", "ABc", "Abc"),
        ("share of upper case", "AB", "ABc"),
        ("amount of punctuation", "a-b!", "a-bc"),
        ("amount of punctuation", "a$b", "axb"),
        ("share of non-ASCII characters", "éé", "éa"),
        ("share of non-ASCII characters", "é", "éa"),
        ("white space around the text", " a ", "a b"),
        ("white space within, beyond single spaces", "a  b", "a b "),
        ("invisible characters", "a\u200b", "ab"),
        ("invisible characters", "a\x07", "ab"),
    ],
)
def test_a_text_with_more_of_a_feature_is_above_one_with_less(feature, more, less):
    above, _ = standing(more, less, less)
    below, _ = standing(less, more, less)
    assert (above[feature], below[feature]) == ((2, 0), (0, 1))


@pytest.mark.parametrize(
    ("feature", "odd", "usual"),
    [
        ("odd one out in shape", "Alien 3", ("Blue Moon", "Red")),
        ("odd one out in its first character's kind", "7 Days", ("Blue", "Red")),
        ("odd one out in its first character's kind", "", ("Blue", "Red")),
        ("odd one out in its last character's kind", "Blue!", ("Blue", "Red")),
    ],
)
def test_the_odd_one_out_is_the_text_of_the_rarest_kind(feature, odd, usual):
    assert standing(odd, *usual, *usual)[0][feature] == (4, 0)
    assert standing(usual[0], odd, *usual)[0][feature] == (0, 2)
    assert standing(*usual, *usual)[0][feature] == (0, 3)


def test_both_directions_are_counted_from_others_below_and_tied():
    by_feature, found = standing("aaa", "a", "aa", "aaa", "aaaa", target=2)
    assert by_feature["length in characters"] == (1, 0)
    column = FEATURES.index("length in characters")
    assert (found.fewer(column, "most").tolist(), found.fewer(column, "least").tolist()) == ([1], [3])


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("Toy Story (1995)", "Aa (9)"),
        ("Toy", "Aa"),
        ("toy story", "a"),
        ("a toy", "a"),
        ("TOY STORY", "AA"),
        ("A TOY", "AA"),
        ("IT", "AA"),
        ("The IT crowd", "Aa"),
        ("Été 42", "Aa 9"),
        ("東京 物語", "Aa"),
        ("x", "a"),
        ("", ""),
        ("toy_story", "a_a"),
    ],
)
def test_shapes(text, shape):
    assert _shape(text) == shape


@pytest.mark.parametrize(("char", "kind"), [("É", "A"), ("é", "a"), ("東", "x"), ("٣", "9"), ("!", "!"), ("", "")])
def test_kinds(char, kind):
    assert _kind(char) == kind


def test_tasks_of_different_lengths_keep_their_rows():
    long = RankingTask("long", (), tuple(Item(f"l{i}", "a" * (i + 1)) for i in range(5)), "l3", 3)
    short = RankingTask("short", (), tuple(Item(f"s{i}", "a" * (9 - i)) for i in range(3)), "s1", 1)
    table = TaskTable.from_tasks([long, short, long])
    found = Standing.of(table, np.array([3, 1, 3]))
    assert found.below[:, 0].tolist() == [3, 1, 3]
    assert found.others.tolist() == [4, 2, 4]
