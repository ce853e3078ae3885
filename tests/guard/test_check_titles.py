"""titles_tell_apart: real catalogues pass, blank and equal texts are named."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from guard.builders import random_tasks
from rerank_guard.checks.titles import check_titles_agree, check_titles_tell_apart
from rerank_guard.errors import InvalidTaskError, RerankGuardError
from rerank_guard.suite.catalogue.static import DATA_GATES
from rerank_guard.suite.gates import judge
from rerank_guard.suite.session import SuiteSession
from rerank_guard.types import Item, RankingTask
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


# repeats under another id


def listed_twice(task, copies=1):
    """The first negatives again, under padded ids, in place of the last ones."""
    negatives = [slot for slot, item in enumerate(task.candidates) if item.item_id != task.target_id]
    candidates = list(task.candidates)
    for first, last in zip(negatives[:copies], negatives[::-1], strict=False):
        candidates[last] = Item(f"0{candidates[first].item_id}", f"{candidates[first].text} ")
    return replace(task, candidates=tuple(candidates))


def catalogue_tasks(items, users=400, seed=0, history=8, n=20):
    """Users of one catalogue, drawn evenly; the target at slot 0."""
    rng = np.random.default_rng(seed)
    made = []
    for user in range(users):
        drawn = [items[i] for i in rng.choice(len(items), size=history + n, replace=False).tolist()]
        made.append(
            RankingTask(f"u{user}", tuple(drawn[:history]), tuple(drawn[history:]), drawn[history].item_id, 0)
        )
    return made


@pytest.mark.parametrize("share", [0.05, 1.0])
@pytest.mark.parametrize("copies", [1, 3])
def test_negatives_listed_again_under_another_id_are_named(share, copies):
    tasks = catalogue_tasks([Item(str(i), f"film {i}") for i in range(1700)])
    broken = int(share * len(tasks))
    tasks = [listed_twice(task, copies) if u < broken else task for u, task in enumerate(tasks)]
    verdict = check_titles_tell_apart(tasks)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "duplicate-candidates")
    assert verdict.measured["negatives_listed_twice"] == broken
    assert "both read" in verdict.evidence[0]
    assert "under two ids" in verdict.cause


@pytest.mark.parametrize("remakes", [0, 30, 150])
def test_a_catalogue_with_remakes_is_not_accused_of_repeats(remakes):
    """1,700 films, of which up to 300 share their name with one other."""
    items = [Item(str(i), f"film {i if i >= remakes else i + remakes}") for i in range(1700)]
    for seed in range(5):
        tasks = catalogue_tasks(items, seed=seed)
        verdict = check_titles_tell_apart(tasks)
        assert verdict.measured["negatives_listed_twice"] <= verdict.threshold["negatives_listed_twice"]
        assert verdict.fault != "duplicate-candidates"


def test_placeholders_are_no_repeats():
    def some_nan(item, target):
        return "nan" if not target and item.item_id.endswith(("3", "7")) else item.text

    verdict = check_titles_tell_apart([with_texts(task, some_nan) for task in sound()])
    assert verdict.measured["negatives_listed_twice"] == 0


def test_negatives_without_a_text_are_named_and_a_few_gaps_are_not():
    def blank_to(last):
        return lambda item, target: "" if not target and item.item_id[-1] in "0123456789"[:last] else item.text

    gaps = check_titles_tell_apart([with_texts(task, blank_to(2)) for task in sound()])
    assert gaps.status is Status.PASSED
    verdict = check_titles_tell_apart([with_texts(task, blank_to(4)) for task in sound()])
    assert (verdict.fault, verdict.measured["negatives_blank"]) == ("degenerate-titles", USERS)
    assert "have no text" in verdict.evidence[0]


# the splits' titles


def retitled(tasks, text_of):
    return [replace(task, candidates=tuple(replace(i, text=text_of(i)) for i in task.candidates)) for task in tasks]


FILMS = [Item(str(i), f"Film {i}") for i in range(300)]


@pytest.mark.parametrize(
    "saboteur",
    [
        lambda item: f"Film {(int(item.item_id) + 1) % 300}",
        lambda item: item.text.upper(),
        lambda item: item.item_id if int(item.item_id) % 20 == 0 else item.text,
    ],
    ids=["shifted", "upper case", "one in twenty by its id"],
)
def test_titles_that_differ_between_the_splits_are_named(saboteur):
    test, training = catalogue_tasks(FILMS, seed=1), catalogue_tasks(FILMS, seed=2)
    assert check_titles_agree(test, training).status is Status.PASSED
    verdict = check_titles_agree(retitled(test, saboteur), training)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "degenerate-titles")
    assert "in training" in verdict.evidence[0]
    assert verdict.cause
    assert verdict.next_step


def test_few_differences_and_texts_that_change_by_themselves_pass():
    test, training = catalogue_tasks(FILMS, seed=1), catalogue_tasks(FILMS, seed=2)
    few = retitled(test, lambda item: f"{item.text}!" if int(item.item_id) < 3 else item.text)
    assert check_titles_agree(few, training).status is Status.PASSED
    priced = [
        [replace(task, candidates=tuple(replace(i, text=f"{i.text}, {u} crowns") for i in task.candidates))
         for u, task in enumerate(tasks)]
        for tasks in (test, training[::-1])
    ]  # fmt: skip
    assert check_titles_agree(*priced).measured["differing_items"] == 0
    rated = [
        replace(task, history=tuple(replace(i, text=f"{i.text} (5 stars)") for i in task.history)) for task in test
    ]
    assert check_titles_agree(rated, training).status is Status.PASSED
    with pytest.raises(InvalidTaskError, match="no tasks"):
        check_titles_agree(test, [])


@pytest.mark.parametrize("which", ["held-out", "training", "neither"])
def test_the_suite_judges_either_split_by_itself(which):
    """Broken texts of one user in twenty, in one split that is a small part of all tasks or in the large one."""
    test, training = (catalogue_tasks(FILMS, users=users, seed=users) for users in (200, 4000))

    def spoiled(tasks):
        return [
            with_texts(task, lambda item, target: "" if target else item.text) if u % 20 == 0 else task
            for u, task in enumerate(tasks)
        ]

    test, training = (
        spoiled(t) if which == name else t for name, t in (("held-out", test), ("training", training))
    )
    target = SimpleNamespace(
        name="data", tasks=lambda: test, training_tasks=lambda: training, score=lambda tasks: []
    )
    gate = next(gate for gate in DATA_GATES if gate.family == "titles_tell_apart")
    verdict = judge(gate, SuiteSession(target))
    if which == "neither":
        assert (verdict.status, verdict.n) == (Status.PASSED, 4200)
    else:
        assert verdict.fault == "degenerate-titles"
        assert verdict.evidence[0].startswith(f"{which} query")
        assert verdict.cause.startswith(f"Of the {which} tasks")
