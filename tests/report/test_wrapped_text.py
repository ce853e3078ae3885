"""Paragraphs and lists of docstrings, wrapped."""

from __future__ import annotations

from rerank_guard.report.wrapped_text import reflowed, wrapped


def test_a_paragraph_is_wrapped_with_its_indentation():
    lines = list(wrapped("one two three four five six seven", 16, indent=2, hanging=3))
    assert lines[0] == "  one two three"
    assert all(line.startswith("     ") and len(line) <= 16 for line in lines[1:])
    assert " ".join(" ".join(lines).split()) == "one two three four five six seven"


def test_nothing_comes_of_an_empty_text():
    assert list(wrapped("", 40, indent=2)) == []


def test_list_items_stay_apart_and_hang():
    block = "Refused where:\n- the first one is\n  on two lines\n- the second"
    assert list(reflowed(block, 60, 2)) == [
        "  Refused where:",
        "  - the first one is on two lines",
        "  - the second",
    ]
    narrow = list(reflowed("- one two three four", 14))
    assert narrow == ["- one two", "  three four"]
