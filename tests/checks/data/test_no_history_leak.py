"""no_history_leak: healthy tasks pass, each injected fault is named, odd but healthy data passes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.limits import missed
from rerank_guard.checks.data.no_history_leak import no_history_leak
from rerank_guard.core.errors import InvalidTaskError, SettingError
from rerank_guard.core.finding import Affected, Strength
from rerank_guard.core.ragged import BLOCK_VALUES
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import Item, RankingTask
from rerank_guard.core.verdict import Status

ITEMS = [Item(str(i), f"film {i}") for i in range(5000)]


def tasks_of(users, *, seed, history=7, n=10, prefix="", catalogue=5000):
    """Users with distinct items in history and candidates; the target item at position 0."""
    rng = np.random.default_rng(seed)
    made = []
    for user in range(users):
        drawn = rng.choice(catalogue, size=history + n, replace=False).tolist()
        items = tuple(ITEMS[i] for i in drawn)
        made.append(RankingTask(f"{prefix}{user}", items[:history], items[history:], items[history].item_id, 0))
    return made


@pytest.mark.parametrize("history", [0, 1, 7])
def test_candidates_apart_from_the_history_pass(history):
    verdict = no_history_leak(tasks_of(30, seed=0, history=history))
    assert verdict.status is Status.PASSED
    assert (verdict.suspects, verdict.evidence, verdict.cause, verdict.next_step) == ((), (), "", "")
    assert (verdict.affected, missed(verdict)) == (Affected(0, 30), set())


def test_an_item_of_other_users_histories_is_no_leak():
    first, second = tasks_of(2, seed=0)
    second = replace(second, candidates=(second.candidates[0], first.history[0]))
    assert no_history_leak([first, second]).status is Status.PASSED


@pytest.mark.parametrize("users", [1, 20])
@pytest.mark.parametrize("what", ["target", "negatives"])
def test_a_known_candidate_is_named_with_its_part(what, users):
    tasks = tasks_of(40, seed=0)
    for user in range(users):
        candidates = tasks[user].candidates
        known = candidates[0] if what == "target" else candidates[3]
        tasks[user] = replace(tasks[user], history=(*tasks[user].history[1:], known))
    verdict = no_history_leak(tasks)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "history-leak")
    assert next(iter(verdict.measured.values())) == users
    assert verdict.measured[f"users_with_{what}_in_history"] == users
    assert (verdict.affected, missed(verdict)) == (Affected(users, 40), {"broken_users"})
    assert verdict.suspects[0].strength is Strength.SEEN
    assert ("repeats" in verdict.next_step) == (what == "target")
    assert f"position {0 if what == 'target' else 3} " in verdict.evidence[0]


def test_both_parts_are_shown():
    tasks = tasks_of(10, seed=0)
    for user, position in ((0, 0), (1, 4), (2, 5)):
        tasks[user] = replace(tasks[user], history=(tasks[user].candidates[position],))
    verdict = no_history_leak(tasks)
    assert verdict.measured["users_with_negatives_in_history"] == 2
    assert [row.split(":")[0] for row in verdict.evidence] == ["query '1'", "query '0'", "query '2'"]


@pytest.mark.parametrize("users", [20, 400])
@pytest.mark.parametrize("what", ["target", "negatives"])
def test_the_same_text_under_another_id_is_named(what, users):
    tasks = tasks_of(400, seed=0)
    for user, task in enumerate(tasks[:users]):
        if what == "target":
            known = Item(f"0{task.target_id}", f" {task.candidates[0].text.upper()}")
            tasks[user] = replace(task, history=(*task.history[1:], known))
        else:
            known = Item(f"0{task.history[2].item_id}", task.history[2].text)
            tasks[user] = replace(task, candidates=(*task.candidates[:5], known, *task.candidates[6:]))
    verdict = no_history_leak(tasks)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "history-leak")
    assert verdict.measured[f"users_with_{what}_in_history"] == users
    assert verdict.affected == Affected(users, 400)
    assert "users_with_a_text_of_their_history" in missed(verdict)
    assert "under the id '0" in verdict.evidence[0] if what == "target" else "negatives" in verdict.evidence[0]


@pytest.mark.parametrize(("remakes", "met", "tolerated"), [(17, 2, 11), (800, 57, 143)])
def test_namesakes_in_history_and_candidates_pass(remakes, met, tolerated):
    """1,700 films, each of the first so many with a remake of the same name among the next."""
    names = [Item(str(i), f"film {i if i >= remakes else i + remakes}") for i in range(1700)]
    tasks = [
        replace(
            task,
            history=tuple(names[int(item.item_id)] for item in task.history),
            candidates=tuple(names[int(item.item_id)] for item in task.candidates),
        )
        for task in tasks_of(500, seed=0, history=10, n=20, catalogue=1700)
    ]
    verdict = no_history_leak(tasks)
    assert verdict.status is Status.PASSED
    assert verdict.measured["users_with_a_text_of_their_history"] == met
    assert verdict.threshold["users_with_a_text_of_their_history"] == tolerated


def test_one_namesake_and_a_placeholder_are_no_leak():
    tasks = tasks_of(40, seed=0)
    one = replace(tasks[0], history=(Item("remake", tasks[0].candidates[0].text),))
    assert no_history_leak([one, *tasks[1:]]).status is Status.PASSED
    blank = [
        replace(
            task,
            history=(Item(f"h{user}", "nan"), *task.history[1:]),
            candidates=(*task.candidates[:-1], Item(f"c{user}", "nan")),
        )
        for user, task in enumerate(tasks)
    ]
    assert no_history_leak(blank).status is Status.PASSED


def test_what_passes_for_namesakes_can_be_set_and_senseless_settings_are_refused():
    tasks = tasks_of(40, seed=0)
    tasks[:3] = [replace(task, history=(Item("remake", task.candidates[0].text),)) for task in tasks[:3]]
    assert no_history_leak(tasks).fault == "history-leak"
    assert no_history_leak(tasks, most_namesakes=0.05).status is Status.PASSED
    with pytest.raises(SettingError, match="most_namesakes"):
        no_history_leak(tasks, most_namesakes=1.0)
    with pytest.raises(InvalidTaskError, match="no tasks"):
        no_history_leak([])


@pytest.mark.parametrize("which", ["held-out", "training"])
def test_either_split_is_judged_by_itself(which):
    """Namesakes of five of a hundred held-out users would pass among ten thousand training users."""
    healthy, leaky = tasks_of(300, seed=0), tasks_of(100, seed=1)
    leaky[:5] = [replace(task, history=(Item("remake", task.candidates[0].text),)) for task in leaky[:5]]
    verdict = no_history_leak(leaky, healthy) if which == "held-out" else no_history_leak(healthy, leaky)
    assert (verdict.fault, verdict.affected) == ("history-leak", Affected(5, 100))
    assert verdict.evidence[0].startswith(f"{which} query ")


def test_one_namesake_of_few_users_passes_and_two_fail():
    tasks = tasks_of(4, seed=0)
    renamed = [replace(task, history=(Item("remake", task.candidates[1].text),)) for task in tasks]
    assert no_history_leak([*renamed[:1], *tasks[1:]], most_namesakes=0.0).status is Status.PASSED
    verdict = no_history_leak([*renamed[:2], *tasks[2:]], most_namesakes=0.0)
    assert verdict.fault == "history-leak"
    assert verdict.threshold["users_with_a_text_of_their_history"] == 1


def test_where_both_parts_are_as_frequent_the_cause_is_that_of_the_negatives():
    tasks = tasks_of(6, seed=0)
    for user, position in ((0, 0), (1, 4)):
        tasks[user] = replace(tasks[user], history=(tasks[user].candidates[position],))
    assert "Draw negatives" in no_history_leak(tasks).next_step


def test_lists_beyond_the_first_block_are_judged_too():
    """Of more candidates than are read at once, the last user's last one is known: by id, and by text alone."""
    users, n = BLOCK_VALUES // 50 + 2, 50
    candidates = np.tile(np.arange(n), (users, 1))
    history = np.full((users, 1), n)
    history[-1] = n - 1
    for last_two in ("by id", "by text"):
        if last_two == "by text":
            history[-2:] = n + 1
        table = TaskTable.from_arrays(
            item_ids=[f"i{i}" for i in range(n + 2)],
            item_texts=[*(f"film {i}" for i in range(n + 1)), f"FILM {n - 1}"],
            query_ids=[f"u{u}" for u in range(users)],
            candidates=candidates,
            history=history,
            target=np.zeros(users, dtype=np.int32),
            target_position=np.zeros(users, dtype=np.int32),
        )
        verdict = no_history_leak(table, most_namesakes=0.0)
        assert (verdict.fault, verdict.affected.n) == ("history-leak", 1 if last_two == "by id" else 2)
        assert f"'i{n - 1}' ('film {n - 1}') at position {n - 1} is item 0 of 1" in verdict.evidence[0]
