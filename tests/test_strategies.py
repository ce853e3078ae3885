"""The strategies make what they say, and the docstring's example finds a naive builder and lets a safe one pass."""

from __future__ import annotations

import importlib.util
import sys
import textwrap

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from guard.lettered_prompts import Words, letter_table, prompt_text, scoring_prompt
from rerank_guard import strategies
from rerank_guard.checks.prompts import _hostile as hostile
from rerank_guard.core.types import Item

QUICK = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@QUICK
@given(strategies.titles())
def test_titles_are_harmless(title):
    assert title == title.strip() != ""
    assert len(title.splitlines()) == 1
    assert len(title) <= 60
    assert not any(marker in title for marker in hostile.MARKERS)


@pytest.mark.parametrize("wanted", ["\n", "<|im_end|>", "\u202e", "\u2028"])
def test_hostile_titles_are_found(wanted):
    assert wanted in find(
        strategies.hostile_titles(), lambda title: wanted in title, settings=settings(QUICK, max_examples=2000)
    )


@QUICK
@given(strategies.items(), strategies.items(st.just("x")))
def test_items_have_ids_that_are_numbers(item, named):
    assert item.item_id.isdigit()
    assert named.text == "x"


@QUICK
@given(strategies.ranking_tasks(min_candidates=3, max_candidates=7))
def test_tasks_are_valid(task):
    assert 3 <= task.n_candidates <= 7
    assert len({*task.candidate_ids, *(item.item_id for item in task.history)}) == task.n_candidates + len(
        task.history
    )
    assert task.candidate_ids.index(task.target_id) == task.target_index


def test_tasks_of_two_and_of_many_candidates_and_of_given_titles_are_drawn():
    quick = settings(QUICK, max_examples=2000)
    assert find(strategies.ranking_tasks(), lambda task: task.n_candidates == 2, settings=quick)
    assert find(strategies.ranking_tasks(20, 20), lambda task: task.n_candidates == 20, settings=quick)
    task = find(strategies.ranking_tasks(titles=st.just("Heat")), lambda task: bool(task.history), settings=quick)
    assert {item.text for item in (*task.candidates, *task.history)} == {"Heat"}


def naive(task, words):
    return scoring_prompt(task, words)


def refusing(task, words):
    if not all(item.text.isprintable() and "<" not in item.text for item in (*task.candidates, *task.history)):
        raise ValueError("a title is not printable")
    return naive(task, words)


def cleaning(task, words):
    return naive(hostile.harmless_variant(task), words)


def example(builder):
    """The docstring's example, with this prompt builder."""
    block = strategies.__doc__.split("For example:\n\n")[1].split("\nwhere ")[0]
    words = Words()
    names = {"letters": letter_table(words, 26), "scoring_prompt": lambda task: builder(task, words)}
    exec(textwrap.dedent(block), names)
    return QUICK(names["test_titles_cannot_forge_the_prompt"])


def test_the_example_finds_a_naive_builder():
    with pytest.raises(AssertionError, match=r"query 'u\d"):
        example(naive)()


@pytest.mark.parametrize("builder", [refusing, cleaning])
def test_the_example_lets_a_safe_builder_pass(builder):
    example(builder)()


def test_letters_and_titles_of_the_test_builder_agree():
    item = Item("1", "Heat")
    task = find(strategies.ranking_tasks(titles=st.just("Heat")), lambda task: True)
    assert f"A. {item.text}\n" in prompt_text(task)


def test_without_hypothesis_the_error_names_the_fix(monkeypatch):
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    spec = importlib.util.spec_from_file_location("strategies_without_hypothesis", strategies.__file__)
    with pytest.raises(ImportError, match=r"rerank_guard\.strategies needs hypothesis.*pip install hypothesis"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
