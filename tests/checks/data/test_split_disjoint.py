"""split_disjoint: healthy splits pass, each injected fault is named, odd but healthy data passes."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from guard.limits import missed
from rerank_guard.checks.data import _task_pairs
from rerank_guard.checks.data.split_disjoint import split_disjoint
from rerank_guard.core.errors import InvalidTaskError, SettingError
from rerank_guard.core.finding import Affected, Strength
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


def split(users=60, **options):
    return tasks_of(3 * users, seed=0, prefix="train-", **options), tasks_of(
        users, seed=1, prefix="test-", **options
    )


def other_negatives(task, seed=9):
    drawn = np.random.default_rng(seed).choice(len(ITEMS), size=task.n_candidates - 1, replace=False).tolist()
    return replace(task, candidates=(task.candidates[0], *(ITEMS[i] for i in drawn)))


def renamed(task):
    return replace(task, query_id=f"another-{task.query_id}")


def test_disjoint_users_pass():
    verdict = split_disjoint(*split())
    assert verdict.status is Status.PASSED
    assert (verdict.suspects, verdict.evidence) == ((), ())
    assert set(verdict.measured.values()) == {0}
    assert (verdict.affected, missed(verdict)) == (Affected(0, 60), set())


@pytest.mark.parametrize(
    ("inject", "by_query"),
    [
        (lambda task: task, True),
        (other_negatives, True),
        (lambda task: replace(task, history=task.history[3:]), True),  # training shows a shorter history
        (lambda task: replace(task, history=task.history[::-1]), True),
        (renamed, False),
        (lambda task: renamed(other_negatives(task)), False),
    ],
    ids=["copied", "other negatives", "shorter history", "another order", "renamed", "renamed, other negatives"],
)
@pytest.mark.parametrize("users", [1, 30])
def test_copies_of_test_tasks_in_training_are_named(inject, by_query, users):
    training, test = split()
    verdict = split_disjoint(training + [inject(task) for task in test[:users]], test)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "split-overlap")
    assert verdict.measured["overlapping_test_tasks"] == users
    assert verdict.measured["same_query_and_choice" if by_query else "same_choice_under_another_query"] == users
    assert (verdict.affected, missed(verdict)) == (Affected(users, 60), {"overlapping_test_tasks"})
    assert verdict.suspects[0].strength is Strength.SEEN
    assert "'test-0'" in verdict.evidence[0]


@pytest.mark.parametrize("history", [0, 1, 2])
@pytest.mark.parametrize("inject", [lambda task: task, lambda task: replace(task, candidates=task.candidates[:7])])
def test_copies_with_hardly_a_history_are_named(inject, history):
    training, test = split(history=history)
    verdict = split_disjoint([*training, inject(test[3])], test)
    assert verdict.fault == "split-overlap"
    assert verdict.measured["overlapping_test_tasks"] == 1


def test_a_short_history_under_another_query_needs_the_same_candidates_or_many():
    training, test = split(history=2)
    assert split_disjoint([*training, renamed(test[0])], test).fault == "split-overlap"
    one = [renamed(other_negatives(test[0]))]
    assert split_disjoint(training + one, test).status is Status.PASSED
    many = [renamed(other_negatives(task)) for task in test]
    assert split_disjoint(training + many, test).fault == "split-overlap"


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
    assert split_disjoint(training + sliding, test).status is Status.PASSED


@pytest.mark.parametrize(("history", "catalogue"), [(0, 20), (1, 200), (3, 20), (8, 20)])
def test_ids_that_count_the_rows_are_no_overlap(history, catalogue):
    training = tasks_of(1000, seed=0, history=history, catalogue=catalogue)
    test = tasks_of(1000, seed=1, history=history, catalogue=catalogue)
    verdict = split_disjoint(training, test)
    assert verdict.status is Status.PASSED, verdict.measured
    assert verdict.measured["same_query_and_target"] > 0


def test_one_popular_list_for_users_without_history_is_no_overlap():
    def cold(users, seed):
        rng = np.random.default_rng(seed)
        return [RankingTask(str(u), (), tuple(ITEMS[:20]), str(rng.integers(20)), 0) for u in range(users)]

    assert split_disjoint(cold(500, 0), cold(500, 1)).status is Status.PASSED


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
    verdict = split_disjoint(training + odd, test)
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
    assert split_disjoint(training, test).status is Status.PASSED
    copied = split_disjoint([*training, test[5]], test)
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
    verdict = split_disjoint(training + leaked, test + controls)
    assert verdict.fault == "split-overlap"
    assert verdict.measured["overlapping_test_tasks"] == 100


def test_repeated_training_tasks_and_a_single_pair_are_judged_too():
    training, test = split(users=1)
    assert split_disjoint(training * 10, test).status is Status.PASSED
    assert split_disjoint(test * 10, test).measured["overlapping_test_tasks"] == 1


def test_more_pairs_than_are_compared_at_once_are_all_found(monkeypatch):
    monkeypatch.setattr(_task_pairs, "_AT_ONCE", 7)
    training, test = split()
    assert split_disjoint(training, test).status is Status.PASSED
    verdict = split_disjoint(TaskTable.from_tasks(training + test + test), TaskTable.from_tasks(test))
    assert verdict.measured["overlapping_test_tasks"] == len(test) == 60


def test_the_level_of_what_chance_explains_can_be_set():
    """Ids that count the rows, and a catalogue so small that unrelated tasks look like one choice now and then."""
    training = tasks_of(1000, seed=0, history=3, catalogue=20)
    test = tasks_of(1000, seed=1, history=3, catalogue=20)
    copied = test[:12]
    assert split_disjoint(training + copied, test).status is Status.PASSED
    assert split_disjoint(training + copied, test, alpha=0.4).fault == "split-overlap"
    with pytest.raises(SettingError, match="alpha"):
        split_disjoint(training, test, alpha=0.5)


def test_an_empty_split_is_an_error():
    training, test = split(users=1)
    for tasks in (([], test), (training, [])):
        with pytest.raises(InvalidTaskError, match="no tasks"):
            split_disjoint(*tasks)


# seed: (same query and choice, same choice under another query, same query and target item), as found by a loop over
# pairs of tasks with sets of their ids; of seed 71 two more, copies with a history that is one item shorter
RECORDED = {
    0: (3, 1, 62), 2: (9, 0, 14), 3: (0, 0, 14), 4: (0, 0, 10), 5: (3, 4, 4), 6: (8, 0, 18), 7: (0, 0, 6),
    8: (0, 0, 2), 9: (1, 0, 3), 10: (4, 0, 29), 11: (20, 0, 30), 12: (0, 0, 64), 13: (0, 1, 25),
    14: (0, 0, 5), 15: (0, 0, 3), 16: (0, 0, 5), 17: (3, 0, 5), 19: (10, 0, 46), 20: (1, 3, 3),
    21: (0, 1, 20), 24: (8, 4, 9), 25: (4, 0, 4), 31: (0, 1, 3), 39: (2, 1, 2), 40: (0, 1, 12),
    48: (6, 8, 16), 71: (1, 4, 2), 75: (0, 2, 3), 80: (0, 1, 62), 81: (0, 1, 1), 86: (0, 2, 24),
    92: (0, 1, 16), 93: (4, 1, 4), 95: (0, 1, 33), 100: (4, 1, 5), 108: (18, 1, 27), 116: (3, 1, 3),
    123: (2, 3, 4), 129: (8, 1, 17), 130: (4, 2, 6),
}  # fmt: skip


def mixed_splits(seed):
    """Two splits of few items, of which some tasks of the one are copied into the other; and the level of chance."""
    rng = random.Random(seed)
    n_items, longest = rng.choice([10, 14, 40]), rng.choice([1, 3, 6])
    repeats = rng.random() < 0.3

    def drawn():
        items = rng.choices(range(n_items), k=longest + 4) if repeats else rng.sample(range(n_items), longest + 4)
        history = items[: rng.randint(0, longest)]
        listed = tuple(Item(str(item), "") for item in items[longest:])
        known = tuple(Item(str(item), "") for item in history)
        return RankingTask(str(rng.randrange(40)), known, listed, listed[rng.randrange(4)].item_id, 0)

    training, test = ([drawn() for _ in range(rng.choice([10, 60, 200]))] for _ in range(2))
    for task in test[: rng.choice([0, 1, 5, 20])]:
        copied = replace(task, query_id=rng.choice([task.query_id, "another"]))
        copied = replace(copied, history=copied.history[rng.choice([0, 0, 1]) :])
        training.insert(rng.choice([0, len(training)]), copied)
    for split in (training, test):  # what several users of one split do, by chance or with the same candidates
        for task in split[: rng.choice([0, 0, 4])]:
            candidates = rng.choice([task, rng.choice(test)]).candidates
            split.append(replace(task, query_id="a third", candidates=candidates))
    return training, test, rng.choice([1e-6, 1e-2, 0.2])


@pytest.mark.parametrize("seed", RECORDED)
def test_the_figures_of_mixed_splits_are_those_of_a_loop(seed):
    training, test, level = mixed_splits(seed)
    measured = split_disjoint(training, test, alpha=level).measured
    found = ("same_query_and_choice", "same_choice_under_another_query", "same_query_and_target")
    assert tuple(measured[figure] for figure in found) == RECORDED[seed]
    assert measured["overlapping_test_tasks"] == sum(RECORDED[seed][:2])
