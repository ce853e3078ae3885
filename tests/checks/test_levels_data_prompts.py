"""The checks of tasks and prompts that decide by statistics follow `alpha`: two levels, two statuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guard.builders import make_tasks
from guard.lettered_prompts import HEAD, film_tasks, prompt_text
from guard.target_prompts import of_scoring, target_of, with_own_titles
from rerank_guard.checks.data.no_text_artifact_leak import no_text_artifact_leak
from rerank_guard.checks.data.split_disjoint import split_disjoint
from rerank_guard.checks.data.target_positions_uniform import target_positions_uniform
from rerank_guard.core.types import Item, RankingTask
from rerank_guard.core.verdict import Status


def marked(both=False):
    """Target items in capitals."""
    tasks = []
    for user in range(40):
        listed = tuple(Item(f"c{user}-{i}", f"{'FILM' if i == 3 else 'Film'} {user}") for i in range(20))
        tasks.append(RankingTask(f"q{user}", (), listed, listed[3].item_id, 3))
    return lambda alpha: no_text_artifact_leak(tasks, tasks if both else None, alpha=alpha)


def skewed(first):
    tasks = make_tasks([0 if user < first else user % 10 for user in range(60)], [10] * 60)
    return lambda alpha: target_positions_uniform(tasks, alpha=alpha)


def task(query, target, past, negative):
    return RankingTask(
        query, tuple(Item(i, i) for i in past), (Item(target, target), Item(negative, negative)), target, 0
    )


def same_choices_of_a_query():
    """Every query takes t in both splits; 12 of 20 after the same history, of which four queries have one history."""

    def made(kind, user):
        past = ("a", "b") if user < 4 else tuple(f"{kind if user >= 12 else ''}{i}-{user}" for i in range(2))
        return task(f"q{user}", "t", past, f"{kind}{user}")

    training, test = [made("x", user) for user in range(20)], [made("y", user) for user in range(20)]
    return lambda alpha: split_disjoint(training, test, alpha=alpha)


def histories_that_share_an_item():
    """One of six items is shared by the same query's pairs, and by no others."""

    def made(kind, user):
        past = (f"{user % 10}-own", *(f"{kind}{user}-{i}" for i in range(5)))
        return task(f"q{user}", "t", past, f"{kind}-n{user}")

    training, test = [made("a", user) for user in range(10)], [made("b", user) for user in range(10)]
    return lambda alpha: split_disjoint(training, test, alpha=alpha)


def choices_of_other_queries(n):
    """Some choices are in both splits, one is made twice within training."""
    training = [task(f"q{u}", f"t{u}", (f"a{u}", f"b{u}"), f"n{u}") for u in range(30)]
    training.append(replace(training[-1], query_id="again"))
    test = [task(f"x{u}", f"t{u}", (f"a{u}", f"b{u}"), f"m{u}") for u in range(n)]
    test += [task(f"y{u}", f"s{u}", (f"c{u}", f"d{u}"), f"k{u}") for u in range(30 - n)]
    return lambda alpha: split_disjoint(training, test, alpha=alpha)


def named():
    """39 of 40 prompts name their target item, where 1 is expected."""
    tasks = [with_own_titles(task) for task in film_tasks(40)]
    own = {task.query_id: target_of(task) for task in tasks[:39]}

    def text(task):
        return prompt_text(task, head=f"Wrote of {own.get(task.query_id, ', '.join(own.values()))}.\n{HEAD}")

    return lambda alpha: of_scoring(text, tasks, alpha=alpha)


CASES = [
    ("no_text_artifact_leak", marked(), 1e-30, 1e-6),
    ("no_text_artifact_leak", marked(both=True), 1e-30, 1e-6),
    ("target_positions_uniform", skewed(20), 1e-12, 1e-2),
    ("split_disjoint", same_choices_of_a_query(), 1e-12, 1e-2),
    ("split_disjoint", histories_that_share_an_item(), 1e-12, 1e-3),
    ("split_disjoint", choices_of_other_queries(12), 1e-12, 1e-2),
    ("prompt_independent_of_target", named(), 1e-40, 1e-30),
]


@pytest.mark.parametrize(("check", "judge", "passes", "fails"), CASES)
def test_the_level_decides(check, judge, passes, fails):
    assert judge(fails).check == check
    assert judge(fails).status is Status.FAILED
    assert judge(passes).status is Status.PASSED
