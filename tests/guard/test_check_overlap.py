"""no_history_leak and split_disjoint: the sound twins pass, each saboteur is named, odd but sound data is let be."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from rerank_guard.checks.overlap import check_no_history_leak, check_split_disjoint
from rerank_guard.errors import InvalidTaskError
from rerank_guard.types import Item, RankingTask
from rerank_guard.verdict import Status

ITEMS = [Item(str(i), f"film {i}") for i in range(5000)]


def tasks_of(users, *, seed, history=7, n=10, prefix="", catalogue=5000):
    """Users with distinct items in history and candidates; the target at slot 0."""
    rng = np.random.default_rng(seed)
    made = []
    for user in range(users):
        drawn = rng.choice(catalogue, size=history + n, replace=False).tolist()
        items = tuple(ITEMS[i] for i in drawn)
        made.append(RankingTask(f"{prefix}{user}", items[:history], items[history:], items[history].item_id, 0))
    return made


def split(users=60, **options):
    return tasks_of(3 * users, seed=0, prefix="train-", **options), tasks_of(
        users, seed=1, prefix="test-", **options
    )


def other_negatives(task, seed=9):
    drawn = np.random.default_rng(seed).choice(len(ITEMS), size=task.n_candidates - 1, replace=False).tolist()
    return replace(task, candidates=(task.candidates[0], *(ITEMS[i] for i in drawn)))


def renamed(task):
    return replace(task, query_id=f"another-{task.query_id}")


# the history's leak


@pytest.mark.parametrize("history", [0, 1, 7])
def test_candidates_apart_from_the_history_pass(history):
    verdict = check_no_history_leak(tasks_of(30, seed=0, history=history))
    assert verdict.status is Status.PASSED
    assert (verdict.fault, verdict.evidence, verdict.cause, verdict.next_step) == (None, (), "", "")


def test_an_item_of_other_users_histories_is_no_leak():
    first, second = tasks_of(2, seed=0)
    second = replace(second, candidates=(second.candidates[0], first.history[0]))
    assert check_no_history_leak([first, second]).status is Status.PASSED


@pytest.mark.parametrize("users", [1, 20])
@pytest.mark.parametrize("what", ["target", "negatives"])
def test_a_known_candidate_is_named_with_its_part(what, users):
    tasks = tasks_of(40, seed=0)
    for user in range(users):
        candidates = tasks[user].candidates
        known = candidates[0] if what == "target" else candidates[3]
        tasks[user] = replace(tasks[user], history=(*tasks[user].history[1:], known))
    verdict = check_no_history_leak(tasks)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "history-leak")
    assert next(iter(verdict.measured.values())) == users
    assert verdict.measured[f"users_with_{what}_in_history"] == users
    assert ("target stands in the history" in verdict.cause) == (what == "target")
    assert "slot 0" in verdict.evidence[0] if what == "target" else "slot 3" in verdict.evidence[0]


def test_both_parts_are_shown():
    tasks = tasks_of(10, seed=0)
    for user, slot in ((0, 0), (1, 4), (2, 5)):
        tasks[user] = replace(tasks[user], history=(tasks[user].candidates[slot],))
    verdict = check_no_history_leak(tasks)
    assert verdict.measured["users_with_negatives_in_history"] == 2
    assert any("target" in row for row in verdict.evidence)
    assert any("negatives" in row for row in verdict.evidence)


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
    verdict = check_no_history_leak(tasks)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "history-leak")
    assert verdict.measured[f"users_with_{what}_in_history"] == users
    assert ("target stands in the history" in verdict.cause) == (what == "target")
    assert "under the id" in verdict.evidence[0]


@pytest.mark.parametrize("remakes", [17, 150, 800])
def test_namesakes_in_history_and_candidates_pass(remakes):
    """1,700 films, each of the first so many with a remake of the same name among the next."""
    names = [Item(str(i), f"film {i if i >= remakes else i + remakes}") for i in range(1700)]
    for seed in range(5):
        tasks = [
            replace(
                task,
                history=tuple(names[int(item.item_id)] for item in task.history),
                candidates=tuple(names[int(item.item_id)] for item in task.candidates),
            )
            for task in tasks_of(500, seed=seed, history=10, n=20, catalogue=1700)
        ]
        assert check_no_history_leak(tasks).status is Status.PASSED


def test_one_namesake_and_a_placeholder_are_no_leak():
    tasks = tasks_of(40, seed=0)
    one = replace(tasks[0], history=(Item("remake", tasks[0].candidates[0].text),))
    assert check_no_history_leak([one, *tasks[1:]]).status is Status.PASSED
    blank = [
        replace(
            task,
            history=(Item(f"h{user}", "nan"), *task.history[1:]),
            candidates=(*task.candidates[:-1], Item(f"c{user}", "nan")),
        )
        for user, task in enumerate(tasks)
    ]
    assert check_no_history_leak(blank).status is Status.PASSED


# the split


def test_disjoint_users_pass():
    verdict = check_split_disjoint(*split())
    assert verdict.status is Status.PASSED
    assert (verdict.measured["overlapping_test_tasks"], verdict.fault, verdict.evidence) == (0, None, ())


@pytest.mark.parametrize(
    "saboteur",
    [
        lambda task: task,
        other_negatives,
        lambda task: replace(task, history=task.history[3:]),  # training shows a shorter history
        lambda task: replace(task, history=task.history[::-1]),
        renamed,
        lambda task: renamed(other_negatives(task)),
    ],
    ids=["copied", "other negatives", "shorter history", "another order", "renamed", "renamed, other negatives"],
)
@pytest.mark.parametrize("users", [1, 30])
def test_copies_of_test_tasks_in_training_are_named(saboteur, users):
    training, test = split()
    verdict = check_split_disjoint(training + [saboteur(task) for task in test[:users]], test)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "split-overlap")
    assert verdict.measured["overlapping_test_tasks"] == users
    assert "'test-0'" in verdict.evidence[0]


@pytest.mark.parametrize("history", [0, 1, 2])
@pytest.mark.parametrize(
    "saboteur", [lambda task: task, lambda task: replace(task, candidates=task.candidates[:7])]
)
def test_copies_with_hardly_a_history_are_named(saboteur, history):
    training, test = split(history=history)
    verdict = check_split_disjoint([*training, saboteur(test[3])], test)
    assert verdict.fault == "split-overlap"
    assert verdict.measured["overlapping_test_tasks"] == 1


def test_a_short_history_under_another_query_needs_the_same_candidates_or_many():
    training, test = split(history=2)
    assert check_split_disjoint([*training, renamed(test[0])], test).fault == "split-overlap"
    one = [renamed(other_negatives(test[0]))]
    assert check_split_disjoint(training + one, test).status is Status.PASSED
    many = [renamed(other_negatives(task)) for task in test]
    assert check_split_disjoint(training + many, test).fault == "split-overlap"


def test_the_same_user_with_other_targets_passes():
    """Leave-last-out: each training target precedes the test's, of the same query and with the same items around."""
    training, test = split()
    sliding = [
        replace(
            task,
            history=task.history[:3],
            candidates=(task.history[3], *task.candidates[1:]),
            target_id=task.history[3].item_id,
        )
        for task in test
    ]
    assert check_split_disjoint(training + sliding, test).status is Status.PASSED


@pytest.mark.parametrize("history", [0, 1, 2, 3, 8])
@pytest.mark.parametrize("catalogue", [20, 200])
def test_ids_that_count_the_rows_accuse_nobody(history, catalogue):
    training = tasks_of(3000, seed=0, history=history, catalogue=catalogue)
    test = tasks_of(3000, seed=1, history=history, catalogue=catalogue)
    verdict = check_split_disjoint(training, test)
    assert verdict.status is Status.PASSED, verdict.measured
    assert verdict.measured["same_query_and_target"] > 0


def test_one_popular_list_for_users_without_history_accuses_nobody():
    def cold(users, seed):
        rng = np.random.default_rng(seed)
        return [RankingTask(str(u), (), tuple(ITEMS[:20]), str(rng.integers(20)), 0) for u in range(users)]

    assert check_split_disjoint(cold(500, 0), cold(500, 1)).status is Status.PASSED


@pytest.mark.parametrize("copied", [0, 60])
def test_sessions_that_many_users_share_are_natural_until_they_are_copied(copied):
    """Six episodes in order, then the seventh: hundreds of users do the same."""

    def sessions(users, seed, prefix):
        rng = np.random.default_rng(seed)
        tasks = tasks_of(users, seed=seed, prefix=prefix)
        for user in range(0, users, 2):
            start = 10 * int(rng.integers(40))
            history = tuple(ITEMS[start : start + 6])
            target = ITEMS[start + 6]
            tasks[user] = replace(
                tasks[user],
                history=history,
                candidates=(target, *tasks[user].candidates[1:]),
                target_id=target.item_id,
            )
        return tasks

    training, test = sessions(600, 0, "a"), sessions(300, 1, "b")
    odd = [renamed(task) for task in test[1::2]][:copied]
    verdict = check_split_disjoint(training + odd, test)
    assert verdict.status is (Status.FAILED if copied else Status.PASSED)
    if copied:
        assert verdict.measured["overlapping_test_tasks"] >= copied


def test_items_taken_again_by_the_same_user_are_not_the_same_choice():
    training, test = [], []
    for user, task in enumerate(tasks_of(80, seed=0, history=12)):
        favourite = task.candidates[0]
        early = (*task.history[:4], favourite, *task.history[4:6])
        training.append(replace(task, query_id=str(user), history=early))
        later = (*task.history[2:6], favourite, *task.history[7:9])
        test.append(replace(task, query_id=str(user), history=later))
    assert check_split_disjoint(training, test).status is Status.PASSED
    copied = check_split_disjoint([*training, test[5]], test)
    assert (copied.fault, copied.measured["overlapping_test_tasks"]) == ("split-overlap", 1)


def test_targets_of_random_histories_are_found_by_what_users_share():
    """Training draws a random target and random others of the user's items, so the histories hardly overlap."""
    training, test = split(users=100)
    rng = np.random.default_rng(3)
    leaked = []
    for task in test:
        others = tuple(ITEMS[i] for i in rng.choice(5000, size=9, replace=False))
        leaked.append(other_negatives(replace(task, history=(*others, task.history[0]))))
    popular = tasks_of(400, seed=5, prefix="p-")
    controls = [
        replace(task, candidates=test[i % 100].candidates, target_id=test[i % 100].target_id)
        for i, task in enumerate(popular)
    ]
    verdict = check_split_disjoint(training + leaked, test + controls)
    assert verdict.fault == "split-overlap"
    assert verdict.measured["overlapping_test_tasks"] == 100


def test_repeated_training_tasks_and_a_single_pair_are_judged_too():
    training, test = split(users=1)
    assert check_split_disjoint(training * 10, test).status is Status.PASSED
    assert check_split_disjoint(test * 10, test).measured["overlapping_test_tasks"] == 1


def test_many_tasks_take_seconds():
    training, test = split(users=2_000)
    training, test = (
        training * 25,
        [replace(task, query_id=f"{task.query_id}-{i}") for i in range(10) for task in test],
    )
    start = time.perf_counter()
    assert check_split_disjoint(training, test).status is Status.PASSED
    verdict = check_split_disjoint(training + test, test)
    assert verdict.measured["overlapping_test_tasks"] == len(test)
    assert time.perf_counter() - start < 20.0


def test_an_empty_split_is_an_error():
    training, test = split(users=1)
    for tasks in (([], test), (training, [])):
        with pytest.raises(InvalidTaskError, match="no tasks"):
            check_split_disjoint(*tasks)
    with pytest.raises(InvalidTaskError, match="no tasks"):
        check_no_history_leak([])
