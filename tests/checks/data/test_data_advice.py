"""What a message of the checks of tasks advises, executed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from guard.advised import advised
from rerank_guard import checks
from rerank_guard.checks.data.no_history_leak import no_history_leak
from rerank_guard.core.stage import Stage
from rerank_guard.core.types import Item, RankingTask
from rerank_guard.core.verdict import Status


def tasks_of(users, *, taken_again=(), negative_known=(), by_text=()):
    """Every item is another one; some users have their target item, or a negative, in the history."""
    made = []
    for user in range(users):
        past = tuple(Item(f"h{user}-{i}", f"Past {user} of {i}") for i in range(4))
        listed = tuple(Item(f"c{user}-{i}", f"Film {user} of {i}") for i in range(5))
        known = [listed[0]] * (user in taken_again) + [listed[1]] * (user in negative_known)
        known += [Item(f"r{user}", listed[0].text)] * (user in by_text)
        made.append(RankingTask(f"q{user}", (*past, *known), listed, listed[0].item_id, 0))
    return made


@pytest.mark.parametrize(
    ("tested", "trained"), [(range(3), None), (range(3), range(0)), (range(2), range(7)), ((), range(7))]
)
def test_users_who_take_items_again_can_be_allowed_to(tested, trained):
    """The largest number of both sets: the one that fails first may have fewer than the other."""
    tasks = tasks_of(20, taken_again=tested)
    training = None if trained is None else tasks_of(30, taken_again=trained)
    verdict = no_history_leak(tasks, training)
    settings = advised(verdict.next_step)["no_history_leak"]
    assert verdict.status is Status.FAILED
    allowed = no_history_leak(tasks, training, **settings)
    assert allowed.status is Status.PASSED
    assert not allowed.next_step
    less = {name: value - 1 for name, value in settings.items()}
    assert no_history_leak(tasks, training, **less).status is Status.FAILED


@pytest.mark.parametrize(
    "also", [{"negative_known": range(2)}, {"by_text": range(8, 13)}, {"negative_known": range(9)}]
)
def test_nothing_is_advised_that_would_not_help(also):
    tasks = tasks_of(20, taken_again=range(3), **also)
    for given in ((tasks,), (tasks_of(20, taken_again=range(3)), tasks), (tasks, tasks_of(20))):
        verdict = no_history_leak(*given)
        assert verdict.status is Status.FAILED
        assert advised(verdict.next_step) == {}


def test_these_are_all_messages_that_advise_a_setting():
    """Each one that is written has its test here."""
    stages = (Stage.DATA, Stage.ANSWER_TOKENS, Stage.PROMPTS, Stage.SUPERVISION)
    files = [path for stage in stages for path in (Path(checks.__path__[0]) / stage.folder).glob("*.py")]
    calls = re.compile(r"setting_advice\(\s*\"(\w+)\", \"(\w+)\"")
    found = [call for path in files for call in calls.findall(path.read_text(encoding="utf-8"))]
    assert found == [("no_history_leak", "max_target_in_history")]
