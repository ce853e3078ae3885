"""Texts as they are compared, and how often namesakes meet: each figure is the one that a loop over the tasks finds."""

from __future__ import annotations

import numpy as np
import pytest

from rerank_guard.checks.data import _shown_texts
from rerank_guard.checks.data._shown_texts import (
    ByChance,
    NamesByRow,
    ShownTexts,
    share_of_pairs_that_meet,
    shown_text,
)
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import Item, RankingTask


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("  The   Étoile\t", "the étoile"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("a\u200bb\ufeff c\u00ad", "ab c"),
        ("é\x00\u00a0\u2003f", "é f"),
        ("\u200b \u00a0", ""),
        ("", ""),
    ],
)
def test_case_white_space_and_invisible_characters_are_folded(text, shown):
    assert shown_text(text) == shown


@pytest.mark.parametrize(
    ("n", "share", "tolerated"),
    [(100, 0.01, 4.0), (900, 0.01, 18.0), (3, 0.0, 1.0), (1, 0.01, 1.0), (400, 0.25, 130.0)],
)
def test_as_many_namesakes_as_chance_gives_and_three_standard_errors_pass(n, share, tolerated):
    assert ByChance(3.0, 2).tolerated(n, share) == pytest.approx(tolerated)
    assert ByChance(0.0, 1).tolerated(n, share) == pytest.approx(share * n)


def some_tasks(seed, users=30, n_items=60, n_texts=40):
    """Few texts for many ids, one text each, one of them blank."""
    rng = np.random.default_rng(seed)
    texts = ["" if text == 0 else f"Film {text}" for text in rng.integers(n_texts, size=n_items)]
    items = [Item(str(i), text) for i, text in enumerate(texts)]
    tasks = []
    for user in range(users):
        drawn = [items[i] for i in rng.choice(n_items, size=14, replace=False)]
        tasks.append(RankingTask(f"u{user}", tuple(drawn[:6]), tuple(drawn[6:]), drawn[6].item_id, 0))
    return tasks


def few_texts(tasks):
    bearers = {}
    for task in tasks:
        for item in (*task.history, *task.candidates):
            bearers.setdefault(shown_text(item.text), set()).add(item.item_id)
    return {text for text, ids in bearers.items() if text and len(ids) in (2, 3)}


def test_few_bearers_are_two_or_three_ids_of_the_tables_own_tasks():
    tasks = some_tasks(0)
    whole = TaskTable.from_tasks(tasks)
    for table, of in ((whole, tasks), (whole[:3], tasks[:3])):
        shown, few = ShownTexts.of(table, 3), few_texts(of)
        marked = {shown_text(table.pool.texts[code]) for code in np.flatnonzero(shown.few_bearers)}
        assert 2 < len(few) == len(marked & few)
        assert marked == few
        assert shown.texts[shown.blank] == ""
        entries = shown.few_in(table.candidates, table.pool)
        assert entries.places.tolist() == [
            place
            for place, item in enumerate(item for task in of for item in task.candidates)
            if shown_text(item.text) in few
        ]
        assert [table.pool.ids[code] for code in entries.ids] == [
            item.item_id for task in of for item in task.candidates if shown_text(item.text) in few
        ]


def test_the_last_of_several_names_counts():
    task = RankingTask("u", (Item("a", "X"), Item("b", "x")), (Item("a", "X"), Item("b", "x")), "a", 0)
    table = TaskTable.from_tasks([task])
    shown = ShownTexts.of(table, 3)
    names = NamesByRow(shown.few_in(table.histories, table.pool), len(shown.texts))
    listed = shown.few_in(table.candidates, table.pool)
    assert names.under_another_id(listed.rows, listed.texts, listed.ids).tolist() == [True, False]
    assert names.under_another_id(listed.rows + 1, listed.texts, listed.ids).tolist() == [False, False]


def met_by_loop(tasks, few):
    """Each user's history with the candidates of four others."""
    step, met = max(1, len(tasks) // 5), 0
    for row, task in enumerate(tasks):
        known = {shown_text(item.text): item.item_id for item in task.history if shown_text(item.text) in few}
        for turn in range(1, 5):
            other = tasks[(row + turn * step) % len(tasks)].candidates
            met += any(known.get(shown_text(item.text), item.item_id) != item.item_id for item in other)
    return met / max(1, 4 * len(tasks))


@pytest.mark.parametrize("users", [0, 1, 4, 11, 30])
@pytest.mark.parametrize("most", [7, 2**16])
def test_the_share_of_pairs_that_meet_is_that_of_a_loop(users, most, monkeypatch):
    monkeypatch.setattr(_shown_texts, "_MOST_PAIRED", most)
    tasks = some_tasks(users)
    table, few = TaskTable.from_tasks(tasks), few_texts(tasks)
    paired = np.arange(len(tasks)) < users
    share = share_of_pairs_that_meet(table.histories, table.candidates, ShownTexts.of(table, 3), table.pool, paired)
    chosen = tasks[:users][:: users // most + 1]
    assert share == met_by_loop(chosen, few)
    assert (share > 0) == (users > 0)
