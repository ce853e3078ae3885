"""Is the answer known beforehand: from the user's own history, or from training?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import TypeAlias

from scipy.stats import binom, hypergeom

from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.titles import few_bearers, namesakes_tolerated, shown_text
from rerank_guard.types import RankingTask
from rerank_guard.verdict import MAX_EVIDENCE, Status, Verdict

__all__ = ["check_no_history_leak", "check_split_disjoint"]

_ALPHA = 1e-6
_LONG = 4
_CONTROLS = 4
_TAKEN_AGAIN = 0.01
_MOST_CONTROLLED = 20_000
_NAMESAKES = 0.01

_LEAK_CAUSES = {
    "target": (
        "The target stands in the history that the prompt shows: the history was cut after the target instead of before "
        "it, or the user took the same item twice and repeats were not removed."
    ),
    "negatives": (
        "Negatives were drawn without leaving out what the user has already taken, so that the model is taught, or "
        "asked, to rank what the user is known to like below the target."
    ),
}
_LEAK_NEXT = {
    "target": (
        "End each history strictly before its target, and remove repeats. Where users do take items again and that is to "
        "be predicted, this claim is not yours to make: leave the check out."
    ),
    "negatives": (
        "Draw negatives from the items that are not in the user's history, whole and not only the part that is shown; "
        "filter a retriever's list in the same way."
    ),
}
_SPLIT_CAUSE = (
    "The same choice of the same user stands in training and in test: the split was made over rows after examples were "
    "built, the test target was not held out, or a file was read twice. The test then measures memory."
)
_SPLIT_NEXT = (
    "Hold the test interactions out first, then build the training examples from what is left; look the queries above up "
    "in both."
)

_Rows: TypeAlias = dict[tuple[str, str], list[int]]


def check_no_history_leak(tasks: Sequence[RankingTask]) -> Verdict:
    """No candidate, target or negative, stands in the user's own history: by item_id, and by text under another id.

    By item_id it is exact. A text that two or three item ids of these tasks have may be one item under two ids (padded,
    re-imported), or namesakes. So users with such a text in both history and candidates fail only where they exceed, by
    three standard errors, 1 % of all or twice the share of pairs of other users in which the history of the one meets the
    candidates of the other so; and from two users on.

    Args:
        tasks: the tasks to judge, at least one.

    Returns:
        PASSED, or FAILED with history-leak; the cause is that of the target where more users have the target in their
        history than a negative.

    Raises:
        InvalidTaskError: no tasks.
    """
    require_tasks(tasks)
    rows: dict[str, list[str]] = {"target": [], "negatives": []}
    renamed, tolerated = _known_by_text(tasks, few_bearers(tasks))
    told = renamed if len(renamed) > tolerated else {}
    broken = leaked = 0
    for user, task in enumerate(tasks):
        places = {item.item_id: place for place, item in reversed(list(enumerate(task.history)))}
        again = {slot: places[item.item_id] for slot, item in enumerate(task.candidates) if item.item_id in places}
        again |= told.get(user, {})
        if not again:
            continue
        broken, leaked = broken + 1, leaked + len(again)
        for what in ("target", "negatives"):
            slots = [
                s for s in sorted(again) if (task.candidates[s].item_id == task.target_id) == (what == "target")
            ]
            if slots:
                item = task.candidates[slots[0]]
                place = again[slots[0]]
                known = task.history[place].item_id
                under = "" if known == item.item_id else f", under the id {known!r}"
                name = "target" if what == "target" else f"{len(slots)} of its negatives, such as"
                rows[what].append(
                    f"query {task.query_id!r}: {name} {item.item_id!r} ({item.text[:40]!r}) at slot {slots[0]} is item "
                    f"{place} of {len(task.history)} in the history{under}"
                )
    worst = "target" if len(rows["target"]) > len(rows["negatives"]) else "negatives"
    other = "negatives" if worst == "target" else "target"
    return Verdict(
        check="no_history_leak",
        status=Status.FAILED if broken else Status.PASSED,
        claim=f"no candidate of {len(tasks)} users stands in the user's own history",
        measured={
            "broken_users": broken,
            "users_with_target_in_history": len(rows["target"]),
            "users_with_negatives_in_history": len(rows["negatives"]),
            "candidates_in_history": leaked,
            "users_with_a_text_of_their_history": len(renamed),
        },
        threshold={"broken_users": 0, "users_with_a_text_of_their_history": int(tolerated)},
        n=len(tasks),
        evidence=tuple((rows[worst][:1] + rows[other][:1] + rows[worst][1:])[:MAX_EVIDENCE]),
        cause=_LEAK_CAUSES[worst] if broken else "",
        next_step=_LEAK_NEXT[worst] if broken else "",
        fault="history-leak" if broken else None,
    )


def _known_by_text(tasks: Sequence[RankingTask], rare: Set[str]) -> tuple[dict[int, dict[int, int]], float]:
    """User to slot to place in the history of the same text under another id; and how many users namesakes explain."""
    histories = [_places(task, rare) for task in tasks]
    found = {user: again for user, task in enumerate(tasks) if (again := _again_by_text(histories[user], task))}
    others = [user for user in range(len(tasks)) if user not in found]
    step = max(1, len(others) // (_CONTROLS + 1))
    pairs = [
        (histories[user], tasks[others[(row + turn * step) % len(others)]])
        for row, user in enumerate(others)
        if histories[user]
        for turn in range(1, _CONTROLS + 1)
    ]
    met = sum(bool(_again_by_text(history, task)) for history, task in pairs)
    by_chance = 2.0 * met / max(1, _CONTROLS * len(others))
    return found, namesakes_tolerated(len(tasks), max(_NAMESAKES, by_chance))


def _places(task: RankingTask, rare: Set[str]) -> dict[str, tuple[int, str]]:
    """Each text of the history that is one of these, to its place and item_id."""
    shown = [(shown_text(item.text), place, item.item_id) for place, item in enumerate(task.history)]
    return {text: (place, item_id) for text, place, item_id in shown if text in rare}


def _again_by_text(history: Mapping[str, tuple[int, str]], task: RankingTask) -> dict[int, int]:
    if not history:
        return {}
    again = {}
    for slot, item in enumerate(task.candidates):
        text = shown_text(item.text)
        if text in history and history[text][1] != item.item_id:
            again[slot] = history[text][0]
    return again


def check_split_disjoint(training: Sequence[RankingTask], test: Sequence[RankingTask]) -> Verdict:
    """No test task stands in training: the same user who takes the same target at the same moment.

    A task does not say when it happened nor who "5" is, so the same choice is told by the history before it.

    - Same query_id and target_id: at least two history items shared, and half of the shorter history; or, where a history
      is shorter than two, equal histories and at least half of the other candidates shared. Pairs that share less are
      counted where they share an item far more often than others do (below).
    - Another query_id: the same target after the same history of at least 4 different items; or of 2 or 3, and at least
      half of the other candidates shared.

    Ids that merely count the rows of each split coincide without meaning anything, and users of a small catalogue, or of a
    series watched in order, do the same thing by chance. So either rule is exact only where unrelated tasks never meet it:
    for the first, up to 8 test tasks of other query_ids for each pair, 4 of them with the same target (of at most some
    20,000 pairs); for the second, the tasks of each split among themselves. Where they do, the matches have to be more than
    chance gives, by a one-sided Fisher test (a binomial one for the second) at 1e-6. Where users take items again (1 task
    in 100 has a repeat, or its target, in its history), the first rule asks instead that one history ends with the other.

    Not seen: training examples under ids of their own that stand in training several times, once for each pass, say.

    Cost: one pass over each split, with hashed keys.

    Args:
        training: the tasks that were trained on, at least one; the same task may come several times.
        test: the tasks that are tested on, at least one.

    Returns:
        PASSED, or FAILED with split-overlap.

    Raises:
        InvalidTaskError: no training or no test tasks.
    """
    require_tasks(training)
    require_tasks(test)
    by_query, query_matches = _same_query(training, test)
    by_content = _same_content(training, test)
    found = {**by_content, **by_query}
    rows = [_row(training[where], test[row]) for row, where in sorted(found.items())[:MAX_EVIDENCE]]
    return Verdict(
        check="split_disjoint",
        status=Status.FAILED if found else Status.PASSED,
        claim=f"none of {len(test)} test tasks stands among the {len(training)} training tasks",
        measured={
            "overlapping_test_tasks": len(found),
            "share_of_test": len(found) / len(test),
            "same_query_and_choice": len(by_query),
            "same_choice_under_another_query": len(by_content.keys() - by_query.keys()),
            "same_query_and_target": query_matches,
        },
        threshold={"overlapping_test_tasks": 0},
        n=len(test),
        evidence=tuple(rows),
        cause=_SPLIT_CAUSE if found else "",
        next_step=_SPLIT_NEXT if found else "",
        fault="split-overlap" if found else None,
    )


def _same_query(training: Sequence[RankingTask], test: Sequence[RankingTask]) -> tuple[dict[int, int], int]:
    """Test row to training row of the same query's same choice; and how many test rows share query and target at all."""
    rows: _Rows = defaultdict(list)
    of_target: dict[str, list[int]] = defaultdict(list)
    for row, task in enumerate(test):
        rows[task.query_id, task.target_id].append(row)
        if len(of_target[task.target_id]) <= 2 * _CONTROLS:
            of_target[task.target_id].append(row)
    pairs = [
        (row, where) for where, task in enumerate(training) for row in rows.get((task.query_id, task.target_id), ())
    ]
    if not pairs:
        return {}, 0
    taken_again = _taken_again(test) + _taken_again(training) >= _TAKEN_AGAIN * (len(test) + len(training))
    strict: dict[int, int] = {}
    loose: dict[int, int] = {}
    for row, where in pairs:
        if row not in strict and _is_same_choice(training[where], test[row], taken_again):
            strict[row] = where
        if row not in loose and _shares_an_item(training[where], test[row]):
            loose[row] = where
    n_rows = len({row for row, _ in pairs})
    counts = _controls(pairs[:: len(pairs) // _MOST_CONTROLLED + 1], training, test, of_target, taken_again)
    kept: dict[int, int] = {}
    if all(alike == 0 or _more(len(strict), n_rows, alike, n) for n, alike, _ in counts):
        kept = strict
    n, _, sharing = counts[0]
    if not taken_again and _more(len(loose), n_rows, sharing, n):
        kept = loose | kept
    return kept, n_rows


def _controls(
    pairs: Sequence[tuple[int, int]],
    training: Sequence[RankingTask],
    test: Sequence[RankingTask],
    of_target: Mapping[str, Sequence[int]],
    taken_again: bool,
) -> list[tuple[int, int, int]]:
    """How often unrelated tasks meet the rules: with the same target, and from anywhere; n, strictly, sharing an item."""
    counts = [(0, 0, 0), (0, 0, 0)]
    stride = max(1, len(test) // (_CONTROLS + 1))
    for row, where in pairs:
        task = training[where]
        anywhere = [(row + step * stride) % len(test) for step in range(1, _CONTROLS + 1)]
        for kind, rows in enumerate((of_target[task.target_id], anywhere)):
            for other in _others(rows, test, task.query_id):
                n, alike, sharing = counts[kind]
                same = _is_same_choice(task, other, taken_again)
                counts[kind] = (n + 1, alike + same, sharing + _shares_an_item(task, other))
    return counts


def _others(rows: Sequence[int], test: Sequence[RankingTask], query_id: str) -> Iterator[RankingTask]:
    """Up to `_CONTROLS` of these test tasks, of other queries."""
    found = 0
    for row in rows:
        if found < _CONTROLS and test[row].query_id != query_id:
            found += 1
            yield test[row]


def _more(hits: int, n: int, control_hits: int, n_controls: int) -> bool:
    """Fisher's exact test, one-sided at 1e-6: hits of n are more than control_hits of n_controls."""
    if n_controls == 0 or hits == 0:
        return False
    return bool(hypergeom.sf(hits - 1, n + n_controls, hits + control_hits, n) <= _ALPHA)


def _is_same_choice(one: RankingTask, other: RankingTask, taken_again: bool) -> bool:
    first, second = [item.item_id for item in one.history], [item.item_id for item in other.history]
    if min(len(first), len(second)) < 2:
        return first == second and _candidates_alike(one, other)
    if taken_again:
        length = min(len(first), len(second))
        return first[-length:] == second[-length:]
    ids, other_ids = set(first), set(second)
    shared = len(ids & other_ids)
    return shared >= 2 and 2 * shared >= min(len(ids), len(other_ids))


def _shares_an_item(one: RankingTask, other: RankingTask) -> bool:
    return not {item.item_id for item in one.history}.isdisjoint(item.item_id for item in other.history)


def _candidates_alike(one: RankingTask, other: RankingTask) -> bool:
    """At least half of the candidates beside the targets are the same, and at least one."""
    first = {item.item_id for item in one.candidates} - {one.target_id}
    second = {item.item_id for item in other.candidates} - {other.target_id}
    shared = len(first & second)
    return shared >= 1 and 2 * shared >= min(len(first), len(second))


def _taken_again(tasks: Sequence[RankingTask]) -> int:
    """How many tasks show an item taken twice."""
    found = 0
    for task in tasks:
        ids = {item.item_id for item in task.history}
        found += len(ids) < len(task.history) or task.target_id in ids
    return found


class _Choices:
    """The choices of one split after two or more different items, (history, target) by hash.

    Attributes:
        first: choice to the first row that made it, of short (index 0) and of long histories (index 1).
        shared: the choices that more than one query made, likewise.
        alike: whether any of those had much the same candidates too, likewise.
    """

    def __init__(self, tasks: Sequence[RankingTask]) -> None:
        self.first: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self.shared: tuple[set[int], set[int]] = (set(), set())
        self.alike = [False, False]
        for row, task in enumerate(tasks):
            ids = tuple([item.item_id for item in task.history])
            n_items = len(set(ids))
            if n_items < 2:
                continue
            key, long = hash((ids, task.target_id)), n_items >= _LONG
            seen = self.first[long].setdefault(key, row)
            if seen != row and tasks[seen].query_id != task.query_id:
                self.shared[long].add(key)
                self.alike[long] = self.alike[long] or _candidates_alike(tasks[seen], task)


def _same_content(training: Sequence[RankingTask], test: Sequence[RankingTask]) -> dict[int, int]:
    """Test row to training row of another query that made the same choice after the same history."""
    kept: dict[int, int] = {}
    trained, tested = _Choices(training), _Choices(test)
    for long in (True, False):
        first, first_tested = trained.first[long], tested.first[long]
        both = [
            (row, first[key], key)
            for key, row in first_tested.items()
            if key in first and training[first[key]].query_id != test[row].query_id
        ]
        if not both:
            continue
        natural = trained.shared[long] | tested.shared[long]
        natural_alike = trained.alike[long] or tested.alike[long]
        n_across = sum(key not in natural for _, _, key in both)
        share = len(first) / (len(first) + len(first_tested))
        # of two tasks drawn from all, that they come from both splits
        by_chance = float(binom.sf(n_across - 1, n_across + len(natural), 2.0 * share * (1.0 - share)))
        for row, where, key in both:
            certain = (long and not natural) or (
                not natural_alike and _candidates_alike(training[where], test[row])
            )
            if certain or (by_chance <= _ALPHA and key not in natural):
                kept[row] = where
    return kept


def _row(trained: RankingTask, tested: RankingTask) -> str:
    history, other = ([item.item_id for item in task.history] for task in (trained, tested))
    shared = len(set(history) & set(other))
    return (
        f"test query {tested.query_id!r} and training query {trained.query_id!r}: target {tested.target_id!r} after "
        f"{shared} shared history items of {len(other)} and {len(history)}"
    )
