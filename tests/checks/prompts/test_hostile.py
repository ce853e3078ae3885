"""Hostile titles and the tasks that hold them."""

from __future__ import annotations

import subprocess
import sys
import unicodedata

import numpy as np
import pytest

from guard.lettered_prompts import film_tasks
from rerank_guard.checks.prompts._hostile import MARKERS, harmless_variant, hostile_tasks, hostile_titles
from rerank_guard.core.errors import InvalidTaskError


@pytest.mark.parametrize(
    "piece",
    ["\n", "\r\n", "\u2028", "<|im_end|>", "</s>", "[/INST]", "\u202e", "\u200b", "\x00", "\t", "Answer: B"],
)
def test_every_kind_is_there(piece):
    assert any(piece in title for title in hostile_titles())


def test_titles_differ_are_text_and_come_in_one_order():
    titles = hostile_titles()
    assert len(set(titles)) == len(titles) == len(hostile_titles())
    assert "A" in titles
    assert max(map(len, titles)) >= 10_000
    assert all(title.encode("utf-8").decode("utf-8") == title for title in titles)


def test_each_task_has_one_hostile_title_and_is_otherwise_unchanged():
    tasks = film_tasks()
    made = hostile_tasks(tasks, np.random.default_rng(0))
    assert len(made) == len(hostile_titles())
    assert len({task.query_id for task in made}) == len(made)
    positions = set()
    for place, task in enumerate(made):
        before = tasks[place % len(tasks)]
        changed = [p for p, (a, b) in enumerate(zip(before.candidates, task.candidates, strict=True)) if a != b]
        assert [task.candidates[position].text for position in changed] == [hostile_titles()[place]]
        assert task.candidate_ids == before.candidate_ids
        assert (task.target_id, task.target_index, task.history) == (
            before.target_id,
            before.target_index,
            before.history,
        )
        positions.update(changed)
    assert positions == set(range(6)), "every position gets one"


def test_n_and_the_generator_decide():
    tasks = film_tasks(3)
    first, again = (hostile_tasks(tasks, np.random.default_rng(5), n=70) for _ in range(2))
    assert first == again
    assert len(first) == 70
    assert first != hostile_tasks(tasks, np.random.default_rng(6), n=70)
    assert hostile_tasks(tasks, np.random.default_rng(5), n=4) == first[:4]
    with pytest.raises(InvalidTaskError, match="no tasks"):
        hostile_tasks([], np.random.default_rng(0))
    with pytest.raises(InvalidTaskError, match="n=0"):
        hostile_tasks(tasks, np.random.default_rng(0), n=0)


def test_the_first_24_hold_the_worst():
    """A run that asks for few still gets line breaks, a forged turn and special tokens."""
    titles = hostile_titles()[:24]
    for piece in ("\nB. ", "\u2028B. ", "<|im_end|>\n<|im_start|>assistant", "</s>", "[INST]", "\u202e", "\x00"):
        assert any(piece in title for title in titles), piece


def test_the_harmless_variant_is_clean_and_clean_tasks_are_their_own():
    tasks = film_tasks()
    assert [harmless_variant(task) for task in tasks] == tasks
    for task in hostile_tasks(tasks, np.random.default_rng(0)):
        clean = harmless_variant(task)
        assert (clean.query_id, clean.candidate_ids, clean.history) == (
            task.query_id,
            task.candidate_ids,
            task.history,
        )
        for item in clean.candidates:
            assert item.text == item.text.strip() != ""
            assert len(item.text) <= 80
            assert len(item.text.splitlines()) == 1
            assert not any(marker in item.text for marker in MARKERS)
            assert not any(unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp") for char in item.text)


def test_hypothesis_is_not_needed():
    code = (
        "import sys; sys.modules['hypothesis'] = None; import rerank_guard.checks.prompts._hostile; print('fine')"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert ran.stdout == "fine\n", ran.stderr
