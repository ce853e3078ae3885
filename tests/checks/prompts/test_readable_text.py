"""Text as it is searched."""

from __future__ import annotations

import pytest

from rerank_guard.checks.prompts._readable_text import occurrences, one_line, readable, shortened


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb  c", "a b c"),
        ("a\r\nb\rc\u2028d\x85e\x0bf", "a\nb\nc\nd\ne\nf"),
        ("\ufb01lm \uff21", "film A"),
        ("plain", "plain"),
        ("a\n\nb", "a\n\nb"),
    ],
)
def test_readable(text, shown):
    assert readable(text) == shown


def test_one_line():
    assert one_line("  The\u2028Film\t\n(1990) ") == "The Film (1990)"


@pytest.mark.parametrize(
    ("text", "title", "found"),
    [
        ("Heat, Heater, Preheat, Heat", "Heat", [0, 23]),
        ("aHeat", "Heat", []),
        ("Heata", "Heat", []),
        ("x(A)y", "(A)", [1]),  # at marks nothing is a part of a word
        ("a a a", "a a", [0, 2]),
        ("Heat", "", []),
        ("", "Heat", []),
    ],
)
def test_occurrences(text, title, found):
    assert list(occurrences(text, title)) == found


def test_shortened():
    assert shortened("abcd", 4) == "'abcd'"
    assert shortened("abcde", 4) == "'abcd...'"
