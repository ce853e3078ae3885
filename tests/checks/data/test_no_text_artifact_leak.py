"""no_text_artifact_leak: real titles pass, each way in which a target item's text may look different is named."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from guard.builders import make_task
from guard.limits import missed
from rerank_guard.checks.data.no_text_artifact_leak import no_text_artifact_leak
from rerank_guard.core.errors import InvalidTaskError, SettingError
from rerank_guard.core.finding import Strength
from rerank_guard.core.types import Item, RankingTask
from rerank_guard.core.verdict import Status

WORDS = (
    "Toy",
    "Story",
    "of",
    "the",
    "Lost",
    "Kingdom",
    "Night",
    "IT",
    "Été",
    "Usual",
    "Moon",
    "Return",
    "Blue",
    "Vertigo",
)


@cache
def catalogue(size=800, seed=0):
    """Titles of 1 to 5 words, most with a year, some with a comma, a colon, a number or all in capitals."""
    rng = np.random.default_rng(seed)
    made = []
    for i in range(size):
        title = " ".join(rng.choice(WORDS, size=rng.integers(1, 6)))
        title = title.upper() if rng.random() < 0.05 else title
        title += rng.choice(["", ", The", ": Part 2", "!", " 3"], p=[0.7, 0.12, 0.08, 0.05, 0.05])
        made.append(Item(str(i), f"{title} ({rng.integers(1930, 2000)})" if rng.random() < 0.95 else title))
    return made


def tasks_of(users=100, n=20, seed=1, weight=None):
    """Candidates drawn uniformly, the target by `weight` of its text (uniformly by default)."""
    rng = np.random.default_rng(seed)
    items = catalogue()
    p = np.ones(len(items)) if weight is None else np.array([weight(item.text) for item in items])
    made = []
    for user in range(users):
        drawn = rng.choice(len(items), size=n, replace=False).tolist()
        target = int(rng.choice(len(items), p=p / p.sum()))
        drawn = [i for i in drawn if i != target][: n - 1]
        position = int(rng.integers(len(drawn) + 1))
        drawn.insert(position, target)
        made.append(
            RankingTask(f"user-{user}", (), tuple(items[i] for i in drawn), items[target].item_id, position)
        )
    return made


def looks(tasks, target=str, negative=str, share=1.0):
    """The texts of a share of the targets, and of all negatives, remade."""
    rng = np.random.default_rng(2)
    made = []
    for task in tasks:
        change = target if rng.random() < share else str
        candidates = tuple(
            replace(item, text=change(item.text) if item.item_id == task.target_id else negative(item.text))
            for item in task.candidates
        )
        made.append(replace(task, candidates=candidates))
    return made


@pytest.mark.parametrize(("users", "n"), [(1, 2), (200, 2), (100, 50)])
def test_targets_that_look_like_the_others_pass(users, n):
    verdict = no_text_artifact_leak(tasks_of(users, n))
    assert verdict.status is Status.PASSED
    assert (verdict.suspects, verdict.evidence, verdict.cause, missed(verdict)) == ((), (), "", set())
    assert verdict.n == users


@pytest.mark.parametrize(
    "weight",
    [
        lambda text: 1.0 / len(text),  # popular titles are shorter
        lambda text: 3.0 if "(199" in text else 1.0,  # and newer
        lambda text: 3.0 if "Part" in text else 1.0,
        lambda text: 0.3 if any(ord(char) > 127 for char in text) else 1.0,
    ],
)
def test_what_popular_titles_have_in_common_passes(weight):
    assert no_text_artifact_leak(tasks_of(800, weight=weight)).status is Status.PASSED


LOOKS = {
    "upper case": {"target": str.upper},
    "lower case": {"target": str.lower},
    "negatives in lower case": {"negative": str.lower},
    "trailing space": {"target": lambda text: text + " "},
    "leading line break": {"negative": lambda text: "\n" + text},
    "double spaces": {"target": lambda text: "  ".join(text.split(" ")) + "  x"},
    "year only in the target": {"negative": lambda text: text.split(" (")[0]},
    "no year in the target": {"target": lambda text: text.split(" (")[0]},
    "full stop": {"target": lambda text: text + "."},
    "quoted": {"target": lambda text: f'"{text}"'},
    "marked": {"target": lambda text: "[x] " + text},
    "cut": {"target": lambda text: text[:3]},
    "negatives cut": {"negative": lambda text: text[:6]},
    "genres behind it": {"target": lambda text: text + " | Drama, Comedy and Romance"},
    "zero-width": {"target": lambda text: text + "\u200b"},
    "no-break spaces": {"target": lambda text: text.replace("(", "\xa0(") + "\xa0"},
    "accents lost": {"negative": lambda text: text + " é"},
    "underscores": {"target": lambda text: text.replace(" ", "_") + "_"},
}


@pytest.mark.parametrize("look", LOOKS)
def test_each_look_of_the_target_items_is_named(look):
    verdict = no_text_artifact_leak(looks(tasks_of(), **LOOKS[look]))
    assert (verdict.status, verdict.fault) == (Status.FAILED, "text-artifact-leak"), verdict.measured
    assert verdict.p_failed <= 1e-6
    assert missed(verdict) == {"p_value"}
    figure, value = next(iter(verdict.measured.items()))
    assert value > verdict.threshold[figure]
    assert verdict.measured["feature"] in verdict.cause
    assert verdict.suspects[0].strength is Strength.MEASURED
    assert len(verdict.evidence) == 5
    assert "query 'user-" in verdict.evidence[0]


@pytest.mark.parametrize("look", ["full stop", "trailing space", "marked", "zero-width"])
def test_a_mark_passes_when_every_text_bears_it(look):
    change = LOOKS[look]["target"]
    assert no_text_artifact_leak(looks(tasks_of(), target=change, negative=change)).status is Status.PASSED


@pytest.mark.parametrize(("share", "status"), [(0.6, Status.FAILED), (0.15, Status.PASSED)])
def test_a_mark_on_a_part_of_the_targets_is_named_from_a_severity_on(share, status):
    marked = looks(tasks_of(200), target=lambda text: text + "\t", share=share)
    assert no_text_artifact_leak(marked).status is status


def test_a_single_popular_item_is_one_item_however_many_users_take_it():
    """Three short titles that all users take: that they are short is theirs, not the data's."""
    tasks = []
    for user, task in enumerate(tasks_of(600)):
        target = Item(f"hit-{user % 3}", "Up")
        candidates = list(task.candidates)
        candidates[task.target_index] = target
        tasks.append(replace(task, candidates=tuple(candidates), target_id=target.item_id))
    verdict = no_text_artifact_leak(tasks)
    assert verdict.status is Status.PASSED
    assert verdict.measured["different_targets"] == 3


def test_repeated_tasks_say_nothing_more():
    tasks = looks(tasks_of(8), target=lambda text: text + ".")
    once = no_text_artifact_leak(tasks)
    assert once.status is Status.PASSED  # eight targets prove nothing
    assert no_text_artifact_leak(tasks * 50).measured == once.measured


def test_ragged_lists_are_judged_together():
    tasks = [
        replace(task, candidates=tuple(task.candidates[(task.target_index + i) % 19] for i in range(2 + u % 15)))
        for u, task in enumerate(tasks_of(200, n=19))
        if task.n_candidates == 19
    ]
    assert no_text_artifact_leak(tasks).status is Status.PASSED
    assert no_text_artifact_leak(looks(tasks, target=lambda text: text + " ")).fault == "text-artifact-leak"


def test_blank_texts_and_lost_targets_do_not_break_it():
    blank = [make_task(u % 5, 5, user=u) for u in range(50)]
    blank = [replace(task, candidates=tuple(replace(item, text="") for item in task.candidates)) for task in blank]
    assert no_text_artifact_leak(blank).status is Status.PASSED
    lost = [make_task(None, 5, user=u) for u in range(5)]
    assert no_text_artifact_leak(lost).status is Status.NOT_APPLICABLE
    assert no_text_artifact_leak(lost + blank).n == 50
    alone = [make_task(0, 1, user=u) for u in range(5)]
    assert no_text_artifact_leak(alone).status is Status.NOT_APPLICABLE
    twice = [replace(task, candidates=(*task.candidates, task.candidates[task.target_index])) for task in blank]
    assert no_text_artifact_leak(twice).status is Status.NOT_APPLICABLE


def test_the_excess_that_is_allowed_can_be_set():
    marked = looks(tasks_of(250), target=lambda text: text + "\t", share=0.25)
    assert no_text_artifact_leak(marked).status is Status.PASSED
    verdict = no_text_artifact_leak(marked, most_excess=0.05)
    assert verdict.fault == "text-artifact-leak"
    figure, value = next(iter(verdict.measured.items()))
    assert figure == "share_where_target_alone_has_most"
    assert value == pytest.approx(0.25, abs=0.05)
    assert verdict.threshold[figure] == pytest.approx(1 / 20 + 0.05)


@pytest.mark.parametrize("which", ["held-out", "training"])
def test_two_sets_share_the_level(which):
    marked, healthy = looks(tasks_of(40), target=str.upper), tasks_of(40, seed=5)
    tasks, training = (marked, healthy) if which == "held-out" else (healthy, marked)
    p_value = no_text_artifact_leak(marked).p_failed
    assert no_text_artifact_leak(tasks, training, alpha=1.9 * p_value).status is Status.PASSED
    verdict = no_text_artifact_leak(tasks, training, alpha=2.1 * p_value)
    assert verdict.fault == "text-artifact-leak"
    assert verdict.threshold["p_value"] == pytest.approx(1.05 * p_value)
    assert verdict.p_failed == pytest.approx(2.0 * p_value)
    assert verdict.evidence[0].startswith(f"{which} query ")


def test_both_sets_count_where_neither_fails():
    verdict = no_text_artifact_leak(tasks_of(100), tasks_of(150, seed=5))
    assert (verdict.status, verdict.n) == (Status.PASSED, 250)


def test_settings_and_empty_lists_are_refused():
    with pytest.raises(InvalidTaskError, match="no tasks"):
        no_text_artifact_leak([])
    for most_excess in (0.0, 0.5):
        with pytest.raises(SettingError, match="most_excess"):
            no_text_artifact_leak(tasks_of(2), most_excess=most_excess)
    with pytest.raises(SettingError, match="alpha"):
        no_text_artifact_leak(tasks_of(2), alpha=1.0)
