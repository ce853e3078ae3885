"""titles_tell_apart: real catalogues pass, blank and equal texts are named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.builders import random_tasks
from rerank_guard.checks.titles import check_titles_tell_apart
from rerank_guard.errors import InvalidTaskError, RerankGuardError
from rerank_guard.types import Item
from rerank_guard.verdict import Status

USERS = 300


def sound(users=USERS, n=20, history=5):
    tasks = random_tasks(np.random.default_rng(0), [n] * users)
    return [
        replace(task, history=tuple(Item(f"h{u}-{i}", f"old film {i}") for i in range(history)))
        for u, task in enumerate(tasks)
    ]


def with_texts(task, text_of):
    """Every candidate's text remade from (item, whether it is the target)."""
    made = tuple(replace(item, text=text_of(item, item.item_id == task.target_id)) for item in task.candidates)
    return replace(task, candidates=made)


def namesake(task):
    candidates = list(task.candidates)
    other = (task.target_index + 1) % task.n_candidates
    candidates[other] = replace(candidates[other], text=f"  {candidates[task.target_index].text.upper()} ")
    return replace(task, candidates=tuple(candidates))


def with_history(task, text_of):
    return replace(task, history=tuple(replace(item, text=text_of(item)) for item in task.history))


@pytest.mark.parametrize(("users", "n", "history"), [(USERS, 20, 5), (1, 2, 0), (3, 50, 1)])
def test_different_texts_pass(users, n, history):
    verdict = check_titles_tell_apart(sound(users, n, history))
    assert verdict.status is Status.PASSED
    assert (verdict.fault, verdict.evidence, verdict.cause, verdict.measured["broken_users"]) == (None, (), "", 0)


@pytest.mark.parametrize(
    ("saboteur", "kind"),
    [
        (lambda task: with_texts(task, lambda item, target: ""), "candidates_alike"),
        (lambda task: with_texts(task, lambda item, target: "N/A"), "candidates_alike"),
        (lambda task: with_texts(task, lambda item, target: item.text if target else " "), "candidates_alike"),
        (lambda task: with_texts(task, lambda item, target: item.text[:5]), "candidates_alike"),
        (lambda task: with_texts(task, lambda item, target: "" if target else item.text), "target_blank"),
        (lambda task: with_texts(task, lambda item, target: " \t\u200b" if target else item.text), "target_blank"),
        (lambda task: with_history(task, lambda item: ""), "history_alike"),
        (lambda task: with_history(task, lambda item: "unknown"), "history_alike"),
        (namesake, "target_has_namesake"),
    ],
)
@pytest.mark.parametrize("share", [0.1, 1.0])
def test_degenerate_texts_are_named(saboteur, kind, share):
    tasks = sound()
    broken = int(share * USERS)
    tasks[:broken] = [saboteur(task) for task in tasks[:broken]]
    verdict = check_titles_tell_apart(tasks)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "degenerate-titles")
    assert verdict.measured[kind] == broken
    assert next(iter(verdict.measured.values())) == pytest.approx(broken / USERS)
    assert "'user-0'" in verdict.evidence[0]
    assert verdict.cause
    assert verdict.next_step


def test_titles_cut_short_are_named():
    """Three letters of each title: every list still holds several texts, but targets have namesakes."""
    rng = np.random.default_rng(1)
    letters = "abcdef"

    def cut(item, target):
        return "".join(rng.choice(list(letters), size=2))

    verdict = check_titles_tell_apart([with_texts(task, cut) for task in sound()])
    assert verdict.fault == "degenerate-titles"
    assert verdict.measured["target_has_namesake"] > 0.2 * USERS


@pytest.mark.parametrize("users", [1, 20, 100, USERS])
def test_a_few_films_of_one_name_pass(users):
    tasks = sound(users)
    tasks[0] = namesake(tasks[0])
    assert check_titles_tell_apart(tasks).status is Status.PASSED


def test_two_copies_of_one_item_are_not_namesakes():
    def twice(task):
        return replace(task, candidates=(*task.candidates, task.candidates[task.target_index]))

    assert check_titles_tell_apart([twice(task) for task in sound()]).status is Status.PASSED


def test_negatives_that_share_a_name_or_lack_one_pass_while_most_are_told_apart():
    def some_blank(item, target):
        return "" if not target and item.item_id.endswith(("3", "7")) else item.text

    assert check_titles_tell_apart([with_texts(task, some_blank) for task in sound()]).status is Status.PASSED


def test_empty_histories_of_one_item_and_lost_targets_pass():
    tasks = [replace(task, history=task.history[: u % 2]) for u, task in enumerate(sound())]
    tasks[:50] = [replace(task, target_id="elsewhere", target_index=None) for task in tasks[:50]]
    assert check_titles_tell_apart(tasks).status is Status.PASSED


def test_what_is_tolerated_can_be_set_and_senseless_settings_are_refused():
    tasks = [namesake(task) if u < 60 else task for u, task in enumerate(sound())]
    assert check_titles_tell_apart(tasks, most=0.3).status is Status.PASSED
    assert check_titles_tell_apart([namesake(task) for task in sound(2)], most=0.0).status is Status.FAILED
    with pytest.raises(RerankGuardError, match="most"):
        check_titles_tell_apart(tasks, most=1.0)
    with pytest.raises(InvalidTaskError, match="no tasks"):
        check_titles_tell_apart([])
