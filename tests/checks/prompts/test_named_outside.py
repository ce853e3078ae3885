"""prompt_independent_of_target: the target item's title or id outside of the candidate list."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.lettered_prompts import HEAD, film_tasks, prompt_text
from guard.prompt_layouts import judged, odd_tasks
from guard.target_prompts import of_scoring, of_training, profile_of, target_of, with_own_titles
from rerank_guard.checks.prompts._named_outside import NamedOutside
from rerank_guard.core.types import Item


@pytest.mark.parametrize("where", ["head", "tail"])
@pytest.mark.parametrize(("users", "fault"), [(40, "prompt-leak"), (3, "prompt-leak"), (2, None)])
def test_answers_written_into_the_data_are_named(users, fault, where):
    verdict = judged(of_scoring(*profile_of(users, where)), fault)
    assert verdict.measured["targets_named_outside_the_list"] == users
    assert verdict.measured["changed_with_the_target"] == 0
    assert verdict.measured["leaking_prompts"] == (users if fault else 0)


@pytest.mark.parametrize(("min_users", "fault"), [(4, "prompt-leak"), (5, None)])
def test_min_users(min_users, fault):
    judged(of_scoring(*profile_of(4), min_users=min_users), fault)


def test_behind_the_list_of_a_training_prompt_is_the_answer():
    judged(of_training(*profile_of(40, "head")), "prompt-leak")
    judged(of_training(*profile_of(40, "tail")), None)


def test_both_ways_to_see_a_leak_are_shown():
    """The last prompt changes with the target as well."""
    named, tasks = profile_of(10)

    def text(task):
        marked = f"{task.target_index}\n" if task.query_id == tasks[-1].query_id else ""
        return marked + named(task)

    verdict = judged(of_scoring(text, tasks), "prompt-leak")
    assert verdict.measured["leaking_prompts"] == 11
    assert verdict.measured["changed_with_the_target"] == 1
    assert repr(tasks[-1].query_id) in verdict.evidence[0]
    assert repr(tasks[0].query_id) in verdict.evidence[1]
    assert len(verdict.evidence) == 5


@pytest.mark.parametrize(
    ("found", "others", "elsewhere", "leaks"),
    [
        (3, 0.0, 0.0, True),
        (2, 0.0, 0.0, False),
        (30, 0.03, 0.0, True),  # 3 expected
        (30, 0.031, 0.0, False),  # 30 is less than 10 times 3.1
        (30, 0.0, 3.1, False),
        (30, 0.0, 3.0, True),
        (15, 0.0, 1.5, True),  # 6.7e-7 by Poisson with mean 3
        (14, 0.0, 1.4, False),  # 1.6e-6 with mean 2.8
    ],
)
def test_how_many_users_are_a_leak(found, others, elsewhere, leaks):
    outside = NamedOutside(tuple(range(found)), 100, others, elsewhere)
    assert outside.leaks(3, 10.0, 1e-6) is leaks


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({}, "prompt-leak"),
        ({"min_ratio": 38.9}, "prompt-leak"),
        ({"min_ratio": 39.1}, None),
        ({"alpha": 1e-30}, "prompt-leak"),
        ({"alpha": 1e-40}, None),
    ],
)
def test_min_ratio_and_alpha(settings, fault):
    """39 of 40 users have their own target in the profile, the last one those of all the others: 39, where 1 is expected."""
    tasks = [with_own_titles(task) for task in film_tasks(40)]
    own = {task.query_id: target_of(task) for task in tasks[:39]}

    def text(task):
        return prompt_text(task, head=f"Wrote of {own.get(task.query_id, ', '.join(own.values()))}.\n{HEAD}")

    verdict = judged(of_scoring(text, tasks, **settings), fault)
    assert verdict.measured["targets_named_outside_the_list"] == 39
    assert verdict.measured["expected_of_the_same_titles"] == 1.0


@pytest.mark.parametrize(("whose", "fault"), [("target", "prompt-leak"), ("first", None), ("user", None)])
def test_a_targets_id_in_the_prompt_is_as_good_as_its_title(whose, fault):
    """Such as a query_id that was made of user and target, and is printed."""
    tasks = [replace(task, query_id=f"u{place} of 40") for place, task in enumerate(film_tasks(40))]
    asked = {task.query_id: task.target_id for task in tasks}

    def text(task):
        said = {"target": asked[task.query_id], "first": task.candidates[0].item_id, "user": task.query_id}[whose]
        return prompt_text(task, head=f"Request {said}\n{HEAD}")

    verdict = judged(of_scoring(text, tasks), fault)
    if fault:
        assert tasks[0].target_id in verdict.evidence[0]


def test_a_template_that_names_popular_films_is_no_leak():
    """Every target is one of three popular films, which the template's example names; the negatives hardly ever are."""
    popular = [Item(f"p{place}", title) for place, title in enumerate(("Star Wars", "Fargo", "Contact"))]
    tasks = []
    for place, task in enumerate(film_tasks(60)):
        candidates = list(task.candidates)
        candidates[task.target_index] = popular[place % 3]
        tasks.append(replace(task, candidates=tuple(candidates), target_id=popular[place % 3].item_id))
    head = "For example, one who liked Star Wars and Fargo may take Contact.\n" + HEAD
    verdict = judged(of_scoring(lambda task: prompt_text(task, head=head), tasks), None)
    assert verdict.measured["targets_named_outside_the_list"] == 60
    assert verdict.measured["expected_of_the_same_titles"] == 60.0
    assert verdict.measured["expected_of_other_candidates"] == 0.0


def test_history_and_titles_within_titles_are_no_leak():
    """Each target is in the user's history as well, and a part of a longer title there."""
    tasks = []
    for task in film_tasks(40):
        longer = Item("longer", f"{target_of(task)} Returns")
        target = next(item for item in task.candidates if item.item_id == task.target_id)
        tasks.append(replace(task, history=(*task.history, longer, target)))
    verdict = judged(of_scoring(prompt_text, tasks), None)
    assert verdict.measured["targets_named_outside_the_list"] == 0


def test_a_list_of_two_is_found():
    tasks = [with_own_titles(task) for task in film_tasks(40, n=2)]
    named = {task.query_id: target_of(task) for task in tasks}
    judged(of_scoring(lambda task: prompt_text(task, head=f"{named[task.query_id]}\n{HEAD}"), tasks), "prompt-leak")


def test_two_candidates_and_odd_titles_are_no_leak():
    judged(of_scoring(prompt_text, film_tasks(40, n=2)), None)
    judged(
        of_scoring(prompt_text, [replace(task, target_index=0, target_id="0") for task in odd_tasks()[:2]]), None
    )


def test_more_users_than_expected_are_improbable_by_a_poisson_tail():
    few = NamedOutside(users=(0, 1, 2), judged=100, others=0.001, elsewhere=0.05)
    assert few.expected == pytest.approx(0.1)
    assert few.by_chance == pytest.approx(1.0 - np.exp(-0.2) * (1.0 + 0.2 + 0.02))
