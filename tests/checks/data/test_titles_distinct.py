"""titles_distinct: real catalogues pass, blank and equal texts are named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.builders import random_tasks
from guard.limits import missed
from rerank_guard.checks.data._title_kinds import KINDS
from rerank_guard.checks.data.titles_distinct import titles_distinct
from rerank_guard.core.errors import InvalidTaskError, SettingError
from rerank_guard.core.finding import Affected, Strength
from rerank_guard.core.ragged import BLOCK_VALUES
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import Item, RankingTask
from rerank_guard.core.verdict import Status

USERS = 300


def healthy(users=USERS, n=20, history=5):
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
    verdict = titles_distinct(healthy(users, n, history))
    assert verdict.status is Status.PASSED
    assert (verdict.suspects, verdict.evidence, verdict.cause, verdict.measured["broken_users"]) == ((), (), "", 0)
    assert (verdict.affected, missed(verdict)) == (Affected(0, users), set())


@pytest.mark.parametrize(
    ("inject", "kind"),
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
def test_degenerate_texts_are_named(inject, kind, share):
    tasks = healthy()
    broken = int(share * USERS)
    tasks[:broken] = [inject(task) for task in tasks[:broken]]
    verdict = titles_distinct(tasks)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "degenerate-titles")
    assert verdict.measured[kind] == broken
    assert next(iter(verdict.measured.values())) == pytest.approx(broken / USERS)
    assert verdict.affected == Affected(broken, USERS)
    assert verdict.suspects[0].strength is Strength.SEEN
    assert "'user-0'" in verdict.evidence[0]
    assert len(verdict.evidence) == 5


def test_titles_cut_short_are_named():
    """Three letters of each title: every list still holds several texts, but targets have namesakes."""
    rng = np.random.default_rng(1)
    letters = "abcdef"

    def cut(item, target):
        return "".join(rng.choice(list(letters), size=2))

    verdict = titles_distinct([with_texts(task, cut) for task in healthy()])
    assert verdict.fault == "degenerate-titles"
    assert verdict.measured["target_has_namesake"] > 0.2 * USERS


@pytest.mark.parametrize("users", [1, USERS])
def test_a_few_films_of_one_name_pass(users):
    tasks = healthy(users)
    tasks[0] = namesake(tasks[0])
    assert titles_distinct(tasks).status is Status.PASSED


def test_two_copies_of_one_item_are_not_namesakes():
    def twice(task):
        return replace(task, candidates=(*task.candidates, task.candidates[task.target_index]))

    assert titles_distinct([twice(task) for task in healthy()]).status is Status.PASSED


def test_negatives_that_share_a_name_or_lack_one_pass_while_most_are_told_apart():
    def some_blank(item, target):
        return "" if not target and item.item_id.endswith(("3", "7")) else item.text

    assert titles_distinct([with_texts(task, some_blank) for task in healthy()]).status is Status.PASSED


def test_empty_histories_of_one_item_and_lost_targets_pass():
    tasks = [replace(task, history=task.history[: u % 2]) for u, task in enumerate(healthy())]
    tasks[:50] = [replace(task, target_id="elsewhere", target_index=None) for task in tasks[:50]]
    assert titles_distinct(tasks).status is Status.PASSED


def test_what_is_tolerated_can_be_set_and_senseless_settings_are_refused():
    tasks = [namesake(task) if u < 60 else task for u, task in enumerate(healthy())]
    assert titles_distinct(tasks).status is Status.FAILED
    assert titles_distinct(tasks, most_broken=0.3).status is Status.PASSED
    assert titles_distinct([namesake(task) for task in healthy(2)], most_broken=0.0).status is Status.FAILED
    with pytest.raises(SettingError, match="most_broken"):
        titles_distinct(tasks, most_broken=1.0)
    with pytest.raises(InvalidTaskError, match="no tasks"):
        titles_distinct([])


# repeats under another id


def listed_twice(task, copies=1):
    """The first negatives again, under padded ids, in place of the last ones."""
    negatives = [place for place, item in enumerate(task.candidates) if item.item_id != task.target_id]
    candidates = list(task.candidates)
    for first, last in zip(negatives[:copies], negatives[::-1], strict=False):
        candidates[last] = Item(f"0{candidates[first].item_id}", f"{candidates[first].text} ")
    return replace(task, candidates=tuple(candidates))


def catalogue_tasks(items, users=400, seed=0, history=8, n=20):
    """Users of one catalogue, drawn evenly; the target item at position 0."""
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
    verdict = titles_distinct(tasks)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "duplicate-candidates")
    assert verdict.measured["negatives_listed_twice"] == broken
    assert verdict.affected == Affected(broken, 400)
    assert missed(verdict) == {"negatives_listed_twice"}
    assert "both read" in verdict.evidence[0]


def test_remakes_in_a_catalogue_are_no_repeats():
    """1,700 films, of which 800 share their name with one other: more than one user in a hundred meets such a pair."""
    items = [Item(str(i), f"film {i if i >= 400 else i + 400}") for i in range(1700)]
    verdict = titles_distinct(catalogue_tasks(items, users=1000))
    assert verdict.measured["negatives_listed_twice"] == 46
    assert verdict.threshold["negatives_listed_twice"] == 139
    assert verdict.threshold["target_has_namesake"] == 19
    assert verdict.status is Status.PASSED


def test_two_faults_are_suspected_the_more_frequent_kind_first():
    tasks = catalogue_tasks([Item(str(i), f"film {i}") for i in range(1700)])
    blank = [with_texts(task, lambda item, target: "" if target else item.text) for task in tasks[:30]]
    verdict = titles_distinct([*blank, *map(listed_twice, tasks[30:100]), *tasks[100:]])
    assert [suspected.fault.name for suspected in verdict.suspects] == ["duplicate-candidates", "degenerate-titles"]
    assert verdict.affected == Affected(70, 400)
    assert verdict.evidence[0].startswith("query 'u30'")
    assert verdict.evidence[1].startswith("query 'u0'")


def test_an_item_listed_again_with_another_text_counts_once_by_its_last_text():
    def again(task):
        return replace(
            task, candidates=(*task.candidates, *(replace(item, text="same") for item in task.candidates))
        )

    verdict = titles_distinct([again(task) for task in healthy(40, n=4)])
    assert verdict.measured["candidates_alike"] == 40


def test_placeholders_are_no_repeats():
    def some_nan(item, target):
        return "nan" if not target and item.item_id.endswith(("3", "7")) else item.text

    verdict = titles_distinct([with_texts(task, some_nan) for task in healthy()])
    assert verdict.measured["negatives_listed_twice"] == 0


def test_negatives_without_a_text_are_named_and_a_few_gaps_are_not():
    def blank_to(last):
        return lambda item, target: "" if not target and item.item_id[-1] in "0123456789"[:last] else item.text

    gaps = titles_distinct([with_texts(task, blank_to(2)) for task in healthy()])
    assert gaps.status is Status.PASSED
    verdict = titles_distinct([with_texts(task, blank_to(4)) for task in healthy()])
    assert (verdict.fault, verdict.measured["negatives_blank"]) == ("degenerate-titles", USERS)


# the splits' titles


def retitled(tasks, text_of):
    return [replace(task, candidates=tuple(replace(i, text=text_of(i)) for i in task.candidates)) for task in tasks]


FILMS = [Item(str(i), f"Film {i}") for i in range(300)]


@pytest.mark.parametrize(
    "inject",
    [
        lambda item: f"Film {(int(item.item_id) + 1) % 300}",
        lambda item: item.text.upper(),
        lambda item: item.item_id if int(item.item_id) % 20 == 0 else item.text,
    ],
    ids=["shifted", "upper case", "one in twenty by its id"],
)
def test_titles_that_differ_between_the_splits_are_named(inject):
    test, training = catalogue_tasks(FILMS, seed=1), catalogue_tasks(FILMS, seed=2)
    assert titles_distinct(test, training).status is Status.PASSED
    verdict = titles_distinct(retitled(test, inject), training)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "degenerate-titles")
    assert verdict.measured["differing_items"] == verdict.affected.n > 0
    assert (verdict.affected.unit, verdict.n, missed(verdict)) == (
        "items",
        verdict.affected.of,
        {"differing_share"},
    )
    assert len(verdict.evidence) == 5


def test_few_differences_and_texts_that_change_by_themselves_pass():
    test, training = catalogue_tasks(FILMS, seed=1), catalogue_tasks(FILMS, seed=2)
    few = retitled(test, lambda item: f"{item.text}!" if int(item.item_id) < 3 else item.text)
    assert titles_distinct(few, training).status is Status.PASSED
    assert titles_distinct(few, training, most_broken=0.005).fault == "degenerate-titles"
    one = retitled(test, lambda item: f"{item.text}!" if int(item.item_id) < 1 else item.text)
    assert titles_distinct(one, training, most_broken=0.001).status is Status.PASSED
    priced = [
        [replace(task, candidates=tuple(replace(i, text=f"{i.text}, {u} crowns") for i in task.candidates))
         for u, task in enumerate(tasks)]
        for tasks in (test, training[::-1])
    ]  # fmt: skip
    assert titles_distinct(*priced).status is Status.PASSED
    rated = [
        replace(task, history=tuple(replace(i, text=f"{i.text} (5 stars)") for i in task.history)) for task in test
    ]
    assert titles_distinct(rated, training).status is Status.PASSED
    assert titles_distinct(test, []).n == 400


@pytest.mark.parametrize("which", ["held-out", "training", "neither"])
def test_either_split_is_judged_by_itself(which):
    """Broken texts of one user in twenty, in one split that is a small part of all tasks or in the large one."""
    test, training = (catalogue_tasks(FILMS, users=users, seed=users) for users in (60, 1200))

    def spoiled(tasks):
        return [
            with_texts(task, lambda item, target: "" if target else item.text) if u % 20 == 0 else task
            for u, task in enumerate(tasks)
        ]

    test, training = (
        spoiled(t) if which == name else t for name, t in (("held-out", test), ("training", training))
    )
    verdict = titles_distinct(TaskTable.from_tasks(test), TaskTable.from_tasks(training))
    if which == "neither":
        assert (verdict.status, verdict.n, verdict.affected) == (Status.PASSED, 1260, Affected(0, 1260))
    else:
        assert verdict.fault == "degenerate-titles"
        assert verdict.affected == (Affected(3, 60) if which == "held-out" else Affected(60, 1200))
        assert verdict.evidence[0].startswith(f"{which} query")
        assert verdict.cause.startswith(f"Of the {which} tasks")


def test_lists_beyond_the_first_block_are_judged_too():
    """Of more candidates than are read at once, the last users' texts are broken, one user for each kind."""
    users, n, kinds = BLOCK_VALUES // 20 + 8, 20, 6
    candidates = np.tile(np.arange(n), (users, 1))
    history = np.tile(np.arange(n, n + 3), (users, 1))
    texts = [f"film {i}" for i in range(n + 3)] + ["same"] * 5 + [""] + [f"FILM {i}" for i in range(2)] + [""] * 6
    same, blank, twin = n + 3, n + 8, n + 9
    first = users - kinds
    candidates[first, 1:] = same + np.arange(19) % 5  # five ids of one text, each several times
    candidates[first + 1, 0] = blank  # the target item
    candidates[first + 2, 1:7] = twin + 2 + np.arange(6)
    history[first + 3] = same + np.arange(3)
    candidates[first + 4, 19] = twin  # of the target item
    candidates[first + 5, 19] = twin + 1  # of the candidate at position 1
    table = TaskTable.from_arrays(
        item_ids=[f"i{i}" for i in range(len(texts))],
        item_texts=texts,
        query_ids=[f"u{u}" for u in range(users)],
        candidates=candidates,
        history=history,
        target=candidates[:, 0],
        target_position=np.zeros(users, dtype=np.int32),
    )
    verdict = titles_distinct(table, most_broken=0.0)
    assert [verdict.measured[kind] for kind in KINDS] == [1] * 6
    shown = {int(row.split("'u")[1].split("'")[0]) for row in verdict.evidence}
    assert shown == set(range(first, first + 5))


def one_user(candidates, history=()):
    """The target item is the last candidate."""
    listed = tuple(Item(f"i{at}", text) for at, text in enumerate(candidates))
    known = tuple(Item(f"h{at}", text) for at, text in enumerate(history))
    return RankingTask("u", known, listed, listed[-1].item_id, len(listed) - 1)


@pytest.mark.parametrize(
    ("candidates", "history", "kind"),
    [
        (["a", "a", "b", "b"], (), "target_has_namesake"),  # half of them have a text of their own
        (["a", "a", "a", "a", "b", "c", "d", "e"], (), None),  # four ids: a common name
        (["a", "a", "a", "a", "b"], (), "candidates_alike"),
        (["", "", "", "a", "b"], (), "candidates_alike"),  # to be blank is no text of one's own
        (["", "", "a", "b", "c"], (), "negatives_blank"),
        (["", "a", "b", "c"], (), None),  # a quarter
        (["a", "b", ""], (), "target_blank"),
        (["a", "b"], ("x", "x"), None),
        (["a", "b"], ("x", "x", "x"), "history_alike"),
        (["a", "b"], ("",), "history_alike"),
        (["a", "b"], ("", ""), "history_alike"),
        (["a", "b"], ("", "x"), None),
        (["a", "b"], ("x", "y", "x"), None),
        (["a", "a", "b"], (), "negatives_listed_twice"),
        (["a"], (), None),
    ],
)
def test_the_boundaries_of_each_kind(candidates, history, kind):
    measured = titles_distinct([one_user(candidates, history)]).measured
    assert {name: measured[name] for name in KINDS if measured[name]} == ({kind: 1} if kind else {})


def test_the_first_two_that_read_alike_are_shown_cut_to_60_characters():
    long, longer = "x" * 60, "y" * 61
    task = one_user(["a", long, "b", "c", long, longer, longer, "d"])
    verdict = titles_distinct([task, replace(task, query_id="v")], most_broken=0.0)
    assert verdict.evidence[0] == (
        f"query 'u': candidates 'i1' at position 1 and 'i4' at position 4 both read {long!r}"
    )
    shown = titles_distinct([one_user(["a", longer, longer]), one_user([longer, longer, "b"])]).evidence
    assert all(row.endswith(f"both read {'y' * 57 + '...'!r}") for row in shown)


@pytest.mark.parametrize(("broken", "status"), [(3, Status.PASSED), (4, Status.FAILED)])
def test_blank_texts_fail_above_the_share_that_is_tolerated(broken, status):
    tasks = healthy()
    tasks[:broken] = [with_texts(t, lambda item, target: "" if target else item.text) for t in tasks[:broken]]
    assert titles_distinct(tasks).status is status


def test_two_items_that_read_otherwise_in_the_other_split_are_enough_among_few():
    test, training = catalogue_tasks(FILMS[:40], seed=1), catalogue_tasks(FILMS[:40], seed=2)
    for differing, status in ((1, Status.PASSED), (2, Status.FAILED)):
        changed = retitled(test, lambda item, n=differing: f"{item.text}!" if int(item.item_id) < n else item.text)
        assert titles_distinct(changed, training).status is status
    two_texts = retitled(test[::2], lambda item: f"{item.text}!")
    assert titles_distinct(two_texts + test[1::2], training).status is Status.PASSED
