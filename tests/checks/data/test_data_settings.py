"""Every setting of the checks of tasks decides a verdict."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.builders import make_task, make_tasks, scores_that_hit
from guard.deciding import assert_decides
from rerank_guard.checks.data.gt_in_candidates import gt_in_candidates
from rerank_guard.checks.data.no_future_training_data import no_future_training_data
from rerank_guard.checks.data.no_history_leak import no_history_leak
from rerank_guard.checks.data.no_text_artifact_leak import no_text_artifact_leak
from rerank_guard.checks.data.recall_ceiling_of_targets import recall_ceiling_of_targets
from rerank_guard.checks.data.split_disjoint import split_disjoint
from rerank_guard.checks.data.target_positions_uniform import target_positions_uniform
from rerank_guard.checks.data.titles_distinct import titles_distinct
from rerank_guard.checks.data.users_accounted_for import users_accounted_for
from rerank_guard.core.population import Population
from rerank_guard.core.split_times import SplitTimes
from rerank_guard.core.types import Item, RankingTask
from rerank_guard.core.verdict import Status

N = 10


def users(n=40, *, history=6, start=0):
    """Tasks in which every item is another one, the target item at a varying position."""
    made = []
    for user in range(start, start + n):
        past = tuple(Item(f"h{user}-{i}", f"Past {user} of {i}") for i in range(history))
        listed = tuple(Item(f"c{user}-{i}", f"Film {user} of {i}") for i in range(N))
        made.append(RankingTask(f"q{user}", past, listed, listed[user % N].item_id, user % N))
    return made


def first(n, change, tasks=None):
    """The first n tasks are changed."""
    tasks = users() if tasks is None else tasks
    return [change(task) if place < n else task for place, task in enumerate(tasks)]


def negatives(task):
    return [place for place in range(N) if place != task.target_index]


def with_candidates(task, changed):
    """changed: position to item."""
    return replace(task, candidates=tuple(changed.get(i, item) for i, item in enumerate(task.candidates)))


def twice(task):
    one, other = negatives(task)[:2]
    return with_candidates(task, {other: task.candidates[one]})


def renamed_twice(task):
    """Two negatives of one text, under two ids."""
    one, other = negatives(task)[:2]
    return with_candidates(task, {other: Item(f"again-{task.query_id}", task.candidates[one].text)})


def known(position_of):
    return lambda task: replace(task, history=(*task.history[1:], task.candidates[position_of(task)]))


def known_by_text(task):
    return replace(task, history=(*task.history[1:], Item(f"r{task.query_id}", task.candidates[0].text)))


def alike_texts(task):
    """Four different texts: the target item's, two more, and a placeholder."""
    kept = {task.target_index, *negatives(task)[:2]}
    return with_candidates(task, {i: replace(task.candidates[i], text="n/a") for i in range(N) if i not in kept})


def three_blank(task):
    return with_candidates(task, {i: replace(task.candidates[i], text="") for i in negatives(task)[:3]})


def blank_target(task):
    return with_candidates(task, {task.target_index: replace(task.candidates[task.target_index], text=" ")})


def gt(change):
    return lambda **settings: gt_in_candidates(first(3, change), **settings)


def leak(change, n=3, of=40):
    return lambda **settings: no_history_leak(first(n, change, users(of)), **settings)


def titles(change, n=3, of=40, **fixed):
    return lambda **settings: titles_distinct(first(n, change, users(of)), **{**fixed, **settings})


def overlap(change, n=3, tasks=None):
    """The first test tasks are in training, changed."""

    def judge(**settings):
        test = users() if tasks is None else tasks
        return split_disjoint([*users(start=100), *(change(task) for task in test[:n])], test, **settings)

    return judge


def shares(n_shared):
    """The newest history items are replaced, and all other candidates."""

    def change(task):
        new = tuple(Item(f"new-{task.query_id}-{i}", f"New {i}") for i in range(len(task.history) - n_shared))
        return replace(other_candidates(task), history=(*task.history[:n_shared], *new))

    return change


def other_candidates(task):
    return with_candidates(task, {i: Item(f"o-{task.query_id}-{i}", f"Other {i}") for i in negatives(task)})


def repeating():
    """One task in ten has an item twice in its history."""
    again = [replace(task, history=(*task.history[:5], task.history[0])) for task in users()[36:]]
    return [*users(36), *again]


def later(**settings):
    return no_future_training_data(
        SplitTimes(["a"] * 9, [1, 2, 3, 4, 5, 6, 7, 8, 9], ["a"], [6], "time"), **settings
    )


def retitled(**settings):
    """Three items that are negatives in both splits have other texts in training."""
    test = users()
    ids = {task.candidates[negatives(task)[0]].item_id for task in test[:3]}
    training = [
        with_candidates(
            t, {i: replace(x, text=f"{x.text}!") for i, x in enumerate(t.candidates) if x.item_id in ids}
        )
        for t in test
    ]
    return titles_distinct(test, training, **{"most_broken": 0.0, **settings})


def history_of_one_text(task):
    return replace(task, history=tuple(replace(item, text="a film") for item in task.history[:3]))


def marked(**settings):
    """Three target items in ten have a mark."""
    tasks = users(400)
    return no_text_artifact_leak(
        [
            with_candidates(t, {t.target_index: replace(t.candidates[t.target_index], text="Film *")})
            if place % 10 < 3
            else t
            for place, t in enumerate(tasks)
        ],
        **settings,
    )


def recall(**settings):
    task = make_task(0, 20)
    task = replace(task, relevance=dict.fromkeys(task.candidate_ids[:6], 1.0))
    return recall_ceiling_of_targets([task], {"Recall@4": 0.672}, **settings)


def positions(position_of, *, ordered=0.0):
    """Some lists are in the order of the first stage's scores."""
    n, users = 20, 400
    tasks = make_tasks([position_of(u) for u in range(users)], [n] * users)
    falling = tuple(float(n - i) for i in range(n))
    tasks = [replace(t, first_stage_scores=falling) if u < ordered * users else t for u, t in enumerate(tasks)]
    return lambda **settings: target_positions_uniform(tasks, **settings)


def population(n_tasks, **left_out):
    def judge(**settings):
        tasks = make_tasks([0] * n_tasks, [N] * n_tasks)
        scores = scores_that_hit(tasks, [True] * n_tasks)
        return users_accounted_for(scores, tasks, Population(100, left_out), 3, **settings)

    return judge


DROPPED = lambda task: replace(task, target_id="elsewhere", target_index=None)  # noqa: E731
LISTED_TWICE = lambda task: replace(task, candidates=(*task.candidates, task.candidates[task.target_index]))  # noqa: E731
OFF_BY_ONE = lambda task: replace(task, target_index=task.target_index + 1)  # noqa: E731
SKILL = np.random.default_rng(0).exponential(2.0, size=400).astype(int).clip(max=19)

CASES = [
    ("gt_in_candidates", "max_missing", gt(DROPPED), 2, 3),
    ("gt_in_candidates", "max_target_duplicated", gt(LISTED_TWICE), 2, 3),
    ("gt_in_candidates", "max_index_wrong", gt(OFF_BY_ONE), 2, 3),
    ("gt_in_candidates", "max_candidates_duplicated", gt(twice), 2, 3),
    ("no_future_training_data", "max_later", later, 2, 3),
    ("no_history_leak", "max_target_in_history", leak(known(lambda task: task.target_index)), 2, 3),
    ("no_history_leak", "max_negatives_in_history", leak(known(lambda task: negatives(task)[0])), 2, 3),
    ("no_history_leak", "most_namesakes", leak(known_by_text), 0.01, 0.05),
    ("no_history_leak", "max_bearers", leak(known_by_text), 2, 1),
    ("no_history_leak", "min_namesakes", leak(known_by_text), 3, 4),
    ("no_history_leak", "standard_errors", leak(known_by_text, 8, 400), 1.0, 3.0),
    ("no_text_artifact_leak", "most_excess", marked, 0.05, 0.25),
    ("recall_ceiling_of_targets", "tolerance", recall, 0.0, 0.006),
    ("split_disjoint", "max_overlapping", overlap(lambda task: task), 2, 3),
    ("split_disjoint", "min_share", overlap(shares(3)), 0.5, 0.6),
    ("split_disjoint", "min_items", overlap(shares(2), tasks=users(history=3)), 2, 3),
    (
        "split_disjoint",
        "min_history",
        overlap(lambda t: replace(other_candidates(t), query_id=f"x{t.query_id}"), tasks=users(history=3)),
        3,
        4,
    ),
    ("split_disjoint", "min_repeats", overlap(shares(3), tasks=repeating()), 0.5, 0.01),
    ("target_positions_uniform", "effect", positions(lambda user: 0), 0.01, 0.96),
    ("target_positions_uniform", "most_first", positions(lambda user: 0, ordered=1.0), 0.9, 0.999),
    ("target_positions_uniform", "min_in_order", positions(SKILL.__getitem__, ordered=0.8), 0.9, 0.8),
    ("titles_distinct", "most_broken", titles(blank_target, 4), 0.09, 0.1),
    ("titles_distinct", "min_distinct", titles(alike_texts), 0.5, 0.4),
    ("titles_distinct", "max_blank", titles(three_blank), 0.25, 0.3),
    ("titles_distinct", "min_history", titles(history_of_one_text), 3, 4),
    ("titles_distinct", "max_bearers", titles(renamed_twice), 2, 1),
    ("titles_distinct", "min_namesakes", titles(renamed_twice, most_broken=0.0), 3, 4),
    ("titles_distinct", "standard_errors", titles(renamed_twice, 8, 400), 1.0, 3.0),
    ("titles_distinct", "min_differing", retitled, 3, 4),
    ("users_accounted_for", "most_left_out", population(90, lost=10), 0.09, 0.1),
    ("users_accounted_for", "max_unaccounted", population(97), 2, 3),
    ("users_accounted_for", "max_unaccounted", population(103), 2, 3),
]
NOT_APPLICABLE = {"most_first", "min_in_order"}


@pytest.mark.parametrize(
    ("check", "setting", "judge", "fails", "passes"), CASES, ids=[f"{c[0]}.{c[1]}" for c in CASES]
)
def test_a_setting_decides(check, setting, judge, fails, passes):
    otherwise = Status.NOT_APPLICABLE if setting in NOT_APPLICABLE else Status.PASSED
    assert assert_decides(judge, setting, fails, passes, otherwise).check.startswith(check)


@pytest.mark.parametrize(
    ("setting", "judge", "figure", "count"),
    [
        ("max_missing", gt(DROPPED), "target_missing", 3),
        ("max_later", later, "training_interactions_after_first_test_time", 3),
        ("max_negatives_in_history", leak(known(lambda t: negatives(t)[0])), "users_with_negatives_in_history", 3),
        ("max_overlapping", overlap(lambda task: task), "overlapping_test_tasks", 3),
        ("max_unaccounted", population(97), "users_unaccounted_for", 3),
        ("max_unaccounted", population(103), "users_unaccounted_for", -3),
    ],
)
def test_what_is_tolerated_is_measured_and_shown_with_its_limit(setting, judge, figure, count):
    verdict = judge(**{setting: 7})
    assert (verdict.status, verdict.measured[figure]) == (Status.PASSED, count)
    assert abs(verdict.threshold[figure]) == 7
    assert "7" in verdict.claim


def test_of_several_kinds_the_one_above_its_tolerance_is_named_alone():
    tasks = first(2, OFF_BY_ONE)
    tasks[10:15] = [DROPPED(task) for task in tasks[10:15]]
    verdict = gt_in_candidates(tasks, max_missing=5)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "label-offset")
    assert next(iter(verdict.measured.items())) == ("index_wrong", 2)
    assert (verdict.measured["target_missing"], verdict.measured["broken_users"]) == (5, 7)
    assert (len(verdict.suspects), verdict.affected.n, len(verdict.evidence)) == (1, 2, 2)


def test_texts_of_the_history_fail_whatever_is_tolerated_by_id():
    verdict = leak(known_by_text)(max_target_in_history=40, max_negatives_in_history=40)
    assert verdict.status is Status.FAILED
    assert next(iter(verdict.measured.items())) == ("users_with_a_text_of_their_history", 3)
