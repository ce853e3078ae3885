"""A docstring in parts: text, arguments, papers."""

from __future__ import annotations

import pytest

from rerank_guard.core.docstring import documentation_of, papers_in


def documented() -> None:
    """The first sentence,
    on two lines.

    Why it matters.

    - one: item
    - two

    Args:
        first: what it is,
            on two lines: with a colon.
        low, high: the ends.

    Returns:
        PASSED, or
        FAILED.

    Raises:
        ValueError: never.
    """


def bare() -> None:
    pass


def test_the_parts_of_a_docstring():
    found = documentation_of(documented)
    assert found.summary == "The first sentence, on two lines."
    assert found.body == ("Why it matters.", "- one: item\n- two")
    assert found.arguments == {
        "first": "what it is, on two lines: with a colon.",
        "low": "the ends.",
        "high": "the ends.",
    }
    assert found.returns == "PASSED, or FAILED."


def test_nothing_is_found_where_there_is_no_docstring():
    found = documentation_of(bare)
    assert (found.summary, found.body, dict(found.arguments), found.returns, found.papers) == ("", (), {}, "", ())


@pytest.mark.parametrize(
    ("text", "papers"),
    [
        ("by the test of Mann\nand Whitney (1947); (Berger 1982)", ("Mann and Whitney 1947", "Berger 1982")),
        ("(Ramdas, Gruenwald, Vovk and Shafer 2023)", ("Ramdas, Gruenwald, Vovk and Shafer 2023",)),
        ("Guo et al. 2017, Waudby-Smith and Ramdas 2023", ("Guo et al. 2017", "Waudby-Smith and Ramdas 2023")),
        ('("Aa (9)" for "Toy Story (1995)")', ()),
        ("Ville 1939, and Ville 1939 again", ("Ville 1939",)),
        ("of 2000 users", ()),
    ],
)
def test_papers_are_found(text, papers):
    assert papers_in(text) == papers
