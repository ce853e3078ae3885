"""gt_in_candidates: the sound twin passes, and each saboteur is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.builders import make_task, make_tasks
from rerank_guard.checks import check_gt_in_candidates
from rerank_guard.errors import InvalidTaskError
from rerank_guard.verdict import Status


def sound(users=40, n=20):
    rng = np.random.default_rng(0)
    return make_tasks([int(rng.integers(n)) for _ in range(users)], [n] * users)


def drop_target(task):
    kept = tuple(item for item in task.candidates if item.item_id != task.target_id)
    return replace(task, candidates=kept, target_index=None)


def duplicate_target(task):
    return replace(task, candidates=(*task.candidates, task.candidates[task.target_index]))


def duplicate_negative(task):
    first, second = [slot for slot in range(task.n_candidates) if slot != task.target_index][:2]
    candidates = list(task.candidates)
    candidates[second] = candidates[first]
    return replace(task, candidates=tuple(candidates))


def shift_index(task):
    return replace(task, target_index=task.target_index + 1)


def test_sound_tasks_pass():
    verdict = check_gt_in_candidates(sound())
    assert verdict.status is Status.PASSED
    assert verdict.measured["broken_users"] == 0
    assert (verdict.n, verdict.fault, verdict.cause, verdict.evidence) == (40, None, "", ())


@pytest.mark.parametrize(
    ("saboteur", "fault"),
    [
        (drop_target, "gt-missing"),
        (lambda task: replace(task, target_id="elsewhere"), "gt-missing"),
        (duplicate_target, "gt-duplicate"),
        (duplicate_negative, "duplicate-candidates"),
        (lambda task: duplicate_target(duplicate_negative(task)), "gt-duplicate"),
        (shift_index, "label-offset"),
        (lambda task: replace(task, target_index=None), "label-offset"),
        (lambda task: replace(task, target_index=task.n_candidates), "label-offset"),
        (lambda task: replace(task, target_index=-1), "label-offset"),
    ],
)
@pytest.mark.parametrize("users", [1, 7])
def test_a_single_broken_user_fails_and_is_named(saboteur, fault, users):
    tasks = sound()
    for user in range(users):
        tasks[3 * user] = saboteur(tasks[3 * user])
    verdict = check_gt_in_candidates(tasks)
    assert verdict.status is Status.FAILED
    assert verdict.fault == fault
    assert verdict.measured["broken_users"] == users
    assert "'user-0'" in verdict.evidence[0]
    assert verdict.cause
    assert verdict.next_step
    assert len(verdict.evidence) <= 5


def test_the_commonest_fault_is_named_and_every_kind_is_shown():
    tasks = sound()
    tasks[0] = duplicate_target(tasks[0])
    tasks[1:9] = [drop_target(task) for task in tasks[1:9]]
    tasks[9] = shift_index(tasks[9])
    tasks[10] = duplicate_negative(tasks[10])
    verdict = check_gt_in_candidates(tasks)
    assert verdict.fault == "gt-missing"
    assert verdict.measured["candidates_duplicated"] == 1
    shown = " ".join(verdict.evidence)
    for words in ("not among", "stands at slots", "target_index says", "is listed 2 times"):
        assert words in shown, f"{words!r} is missing from {verdict.evidence}"


def test_renamed_items_and_another_order_of_users_change_nothing():
    tasks = [shift_index(task) if i % 5 == 0 else task for i, task in enumerate(sound())]
    first, second = check_gt_in_candidates(tasks), check_gt_in_candidates(tasks[::-1])
    assert (first.status, first.fault, first.measured) == (second.status, second.fault, second.measured)


def test_no_tasks_and_indices_that_are_no_integers_are_errors():
    with pytest.raises(InvalidTaskError, match="no tasks"):
        check_gt_in_candidates([])
    for bad in (True, 1.0, "1"):
        with pytest.raises(InvalidTaskError, match=r"user-0.*target_index .* of type"):
            check_gt_in_candidates([replace(make_task(1, 3), target_index=bad)])


def test_a_list_of_one_candidate_is_judged_like_any_other():
    assert check_gt_in_candidates([make_task(0, 1)]).status is Status.PASSED
    assert check_gt_in_candidates([make_task(None, 1)]).fault == "gt-missing"
    assert check_gt_in_candidates([make_task(0, 1, target_index=1)]).fault == "label-offset"
