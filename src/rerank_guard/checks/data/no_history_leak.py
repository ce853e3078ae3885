"""Is a candidate in the history of its own user?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from rerank_guard.checks._settings import require_share, require_tasks
from rerank_guard.checks.data._both_sets import worse_of_both
from rerank_guard.checks.data._shown_texts import (
    NamesByRow,
    ShownTexts,
    namesakes_tolerated,
    share_of_pairs_that_meet,
    shown_text,
)
from rerank_guard.core.check import check
from rerank_guard.core.faults.data import HISTORY_LEAK
from rerank_guard.core.finding import Affected, Finding, Limit, suspect
from rerank_guard.core.membership import candidates_in_history
from rerank_guard.core.ragged import row_blocks
from rerank_guard.core.stage import Stage
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import BoolArray, IntArray, RankingTask
from rerank_guard.core.verdict import MAX_EVIDENCE, Status

__all__ = ["no_history_leak"]

_TARGET, _NEGATIVES = "target", "negatives"

_CAUSES = {
    _TARGET: (
        "The target item is in the history that the prompt shows: the history was cut after the target item instead of "
        "before it, or the user took the same item twice and repeats were not removed."
    ),
    _NEGATIVES: (
        "Negatives were drawn without leaving out what the user has already taken, so that the model is taught, or "
        "asked, to rank what the user is known to like below the target item."
    ),
}
_FIXES = {
    _TARGET: (
        "End each history strictly before its target item, and remove repeats. Where users do take items again and that "
        "is to be predicted, this check does not fit the task: leave it out."
    ),
    _NEGATIVES: (
        "Draw negatives from the items that are not in the user's history, whole and not only the part that is shown; "
        "filter a first stage's list in the same way."
    ),
}


@check(
    stage=Stage.DATA,
    claim="no candidate is in the history of its own user",
    can_name=(HISTORY_LEAK,),
    rules_out=(HISTORY_LEAK,),
)
def no_history_leak(
    tasks: Sequence[RankingTask],
    training_tasks: Sequence[RankingTask] | None = None,
    *,
    most_namesakes: float = 0.01,
) -> Finding:
    """No candidate, target item or negative, is in the user's own history: by item id, and by text under another id.

    A target item that the prompt shows in the history is copied rather than predicted; a negative that the user has
    taken is no negative. Held-out and training tasks are judged separately, and the worse finding counts.

    By item id it is exact, from one user on. A text that two or three item ids of these tasks have may be one item under
    two ids (padded, re-imported), or namesakes. So users with such a text in both history and candidates fail only where
    they exceed, by three standard errors, `most_namesakes` of all or twice the share of pairs of other users in which the
    history of the one meets the candidates of the other so; and from two users on. Texts are compared without regard to
    case and to the amount of white space.

    Known limit: one item under more than three ids, and texts that differ by a character, are not seen.

    Args:
        tasks: the held-out tasks, at least one.
        training_tasks: the tasks that were trained on, where they are known.
        most_namesakes: largest share of users with a text of their history among their candidates, under another id, that
            is taken for namesakes, in [0, 1).

    Returns:
        PASSED, or FAILED with history-leak; the cause is that of the target item where more users have the target item in
        their history than a negative.

    Raises:
        InvalidTaskError: no tasks.
        RerankGuardError: most_namesakes out of range.
    """
    require_share("most_namesakes", most_namesakes, 0.01)
    require_tasks(tasks)
    return worse_of_both(partial(_of_one_set, most_namesakes=most_namesakes), tasks, training_tasks)


def _of_one_set(table: TaskTable, most_namesakes: float) -> Finding:
    known = candidates_in_history(table)
    shown = ShownTexts.of(table)
    renamed, n_renamed, tolerated = _known_by_text(table, shown, most_namesakes)
    if n_renamed > tolerated:
        known[renamed] = True
    places = np.flatnonzero(known)
    rows = np.searchsorted(table.candidates.offsets, places, side="right") - 1
    is_target = table.pool.id_codes(table.candidates.values[places]) == table.target[rows]
    users = {_TARGET: np.unique(rows[is_target]), _NEGATIVES: np.unique(rows[~is_target])}
    n_users = {what: len(found) for what, found in users.items()}
    broken = len(np.unique(rows))
    worst = _TARGET if n_users[_TARGET] > n_users[_NEGATIVES] else _NEGATIVES
    return Finding(
        Status.FAILED if broken else Status.PASSED,
        claim=f"no candidate of {len(table)} users is in the user's own history",
        measured={
            "broken_users": broken,
            "users_with_target_in_history": n_users[_TARGET],
            "users_with_negatives_in_history": n_users[_NEGATIVES],
            "candidates_in_history": len(places),
            "users_with_a_text_of_their_history": n_renamed,
        },
        limits=(
            Limit("broken_users", "<=", 0),
            Limit("users_with_a_text_of_their_history", "<=", int(tolerated)),
        ),
        n=len(table),
        evidence=_evidence(table, known, users, worst),
        suspects=(suspect(HISTORY_LEAK, _CAUSES[worst], _FIXES[worst]),) if broken else (),
        affected=Affected(broken, len(table)),
    )


def _known_by_text(table: TaskTable, shown: ShownTexts, most_namesakes: float) -> tuple[IntArray, int, float]:
    """The candidates whose text the user's history shows under another id; their users; and how many chance explains."""
    met = np.zeros(len(table), dtype=np.bool_)
    parts = [np.zeros(0, dtype=np.int64)]
    offsets = table.candidates.offsets
    for start, stop in row_blocks(offsets):
        names = NamesByRow(shown.few_in(table.histories.span(start, stop), table.pool), len(shown.texts))
        listed = shown.few_in(table.candidates.span(start, stop), table.pool)
        again = listed.where(names.under_another_id(listed.rows, listed.texts, listed.ids))
        met[start + again.rows] = True
        parts.append(offsets[start] + again.places)
    by_chance = 2.0 * share_of_pairs_that_meet(table.histories, table.candidates, shown, table.pool, ~met)
    tolerated = namesakes_tolerated(len(table), max(most_namesakes, by_chance))
    return np.concatenate(parts), int(met.sum()), tolerated


def _evidence(table: TaskTable, known: BoolArray, users: dict[str, IntArray], worst: str) -> tuple[str, ...]:
    """A row of either part, then more of the one that more users have."""
    other = _NEGATIVES if worst == _TARGET else _TARGET
    chosen = [(worst, row) for row in users[worst][:1]]
    chosen += [(other, row) for row in users[other][:1]]
    chosen += [(worst, row) for row in users[worst][1:MAX_EVIDENCE]]
    return tuple(_row(table, known, int(row), what) for what, row in chosen[:MAX_EVIDENCE])


def _row(table: TaskTable, known: BoolArray, row: int, what: str) -> str:
    task, begin = table[row], int(table.candidates.offsets[row])
    of_part = [
        position
        for position, item in enumerate(task.candidates)
        if known[begin + position] and (item.item_id == task.target_id) == (what == _TARGET)
    ]
    position = of_part[0]
    item = task.candidates[position]
    place, known_id = _place_in_history(task, position)
    name = "target item" if what == _TARGET else f"{len(of_part)} of its negatives, such as"
    under = "" if known_id == item.item_id else f", under the id {known_id!r}"
    return (
        f"query {task.query_id!r}: {name} {item.item_id!r} ({item.text[:40]!r}) at position {position} is item {place} "
        f"of {len(task.history)} in the history{under}"
    )


def _place_in_history(task: RankingTask, position: int) -> tuple[int, str]:
    """Where the history has this candidate, by id or else by text, and under which id."""
    item = task.candidates[position]
    ids = [known.item_id for known in task.history]
    if item.item_id in ids:
        return ids.index(item.item_id), item.item_id
    text = shown_text(item.text)
    place = max(place for place, known in enumerate(task.history) if shown_text(known.text) == text)
    return place, ids[place]
