"""What seems to differ between two prompts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guard.lettered_prompts import (
    HEAD,
    PLAIN_PIECES,
    TAIL,
    Words,
    film_tasks,
    prompt_text,
    scoring_prompt,
    training_prompt,
)
from guard.prompt_layouts import reversed_order
from rerank_guard.checks.prompts._prompt_difference import Kind, differences
from rerank_guard.core.types import Item

TASK = replace(film_tasks(1)[0], history=(Item("h1", "Old Film"), Item("h2", "New Film")))
NO_THINK = TAIL.replace("<think>\n\n</think>\n\n", "")


def difference(in_training, in_scoring):
    words = Words()
    return differences(training_prompt(TASK, words, in_training), scoring_prompt(TASK, words, in_scoring))[0]


CHANGED = {
    "system turn": (prompt_text(TASK, head="<|im_start|>system\nYou rank.<|im_end|>\n" + HEAD), Kind.SYSTEM_TURN),
    "think block": (prompt_text(TASK, tail=NO_THINK), Kind.THINK_BLOCK),
    "one line break less": (prompt_text(TASK, tail=TAIL[:-1]), Kind.LINE_BREAKS),
    "a space more": (prompt_text(TASK, tail=TAIL + " "), Kind.TRAILING_SPACE),
    "a line break in the head": (prompt_text(TASK, head=HEAD.replace("user\n", "user\n\n")), Kind.LINE_BREAKS),
    "two spaces": (prompt_text(TASK, between=".  "), Kind.SPACES),
    "candidates reversed": (reversed_order(TASK), Kind.ORDER),
    "another mark": (prompt_text(TASK, between=") "), Kind.WORDS),
    "shorter history": (prompt_text(TASK, newest=1), Kind.MORE_LINES),
}


@pytest.mark.parametrize("name", CHANGED)
def test_a_changed_scoring_prompt(name):
    changed, kind = CHANGED[name]
    assert difference(prompt_text(TASK), changed).kind is kind


@pytest.mark.parametrize("name", ["system turn", "think block", "two spaces", "another mark", "shorter history"])
def test_a_changed_training_prompt(name):
    changed, kind = CHANGED[name]
    assert difference(changed, prompt_text(TASK)).kind is kind


def test_which_side_has_more_is_said():
    for name in ("system turn", "shorter history"):
        one, other = (
            difference(CHANGED[name][0], prompt_text(TASK)),
            difference(prompt_text(TASK), CHANGED[name][0]),
        )
        assert ("training only" in one.shown) == ("scoring only" in other.shown)
        assert one.shown != other.shown


def test_a_prompt_that_ends_sooner():
    whole = prompt_text(TASK, tail=NO_THINK)
    assert difference(whole, whole[:-30]).kind is Kind.ENDS_SOONER


def test_the_same_lines_in_another_order():
    lines = prompt_text(TASK, tail="Answer:\n").split("\n")
    swapped = [*lines[:2], lines[3], lines[2], *lines[4:]]
    assert difference("\n".join(lines), "\n".join(swapped)).kind is Kind.ORDER


@pytest.mark.parametrize("cue", ["Answer: ", "Answer:"])
def test_the_same_words_in_another_order(cue):
    """The answer, which training's text has as well, is a word of its own or joins the last one."""
    one, other = f"Which is it, sea or land?\n{cue}", f"Which is it, land? or sea\n{cue}"
    assert difference(one, other).kind is Kind.ORDER
    assert difference(one, other.replace("Which", "What")).kind is Kind.WORDS
    assert difference(f"so many words and more {one}", other).kind is Kind.WORDS


def test_the_same_text_in_other_ids_is_tokenised_apart():
    words = Words()
    apart = words.encode(prompt_text(TASK), PLAIN_PIECES)
    scored = replace(scoring_prompt(TASK, words), token_ids=apart, read_position=len(apart) - 1)
    assert differences(training_prompt(TASK, words), scored)[0].kind is Kind.TOKENISATION
