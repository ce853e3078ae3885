"""Is a candidate in the history of its own user?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rerank_guard.checks._kinds import Kinds
from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.data._both_sets import worse_of_both
from rerank_guard.checks.data._shown_texts import (
    ByChance,
    NamesByRow,
    ShownTexts,
    share_of_pairs_that_meet,
    shown_text,
)
from rerank_guard.core.advice import setting_advice
from rerank_guard.core.check import check
from rerank_guard.core.faults.data import HISTORY_LEAK
from rerank_guard.core.finding import Affected, Finding, Limit, suspect
from rerank_guard.core.membership import candidates_in_history
from rerank_guard.core.ragged import row_blocks
from rerank_guard.core.setting import Count, NeededCount, Ratio, Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import BoolArray, IntArray, RankingTask
from rerank_guard.core.verdict import MAX_EVIDENCE, Status

__all__ = ["no_history_leak"]

_TARGET, _NEGATIVES = "target", "negatives"
_FIGURES = {what: f"users_with_{what}_in_history" for what in (_TARGET, _NEGATIVES)}

_BY_TEXT = "users_with_a_text_of_their_history"

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
    _TARGET: "End each history strictly before its target item, and remove repeats.",
    _NEGATIVES: (
        "Draw negatives from the items that are not in the user's history, whole and not only the part that is shown; "
        "filter a first stage's list in the same way."
    ),
}


@dataclass(frozen=True, slots=True)
class _Settings:
    """The settings of the check; see there."""

    max_target_in_history: int
    max_negatives_in_history: int
    most_namesakes: float
    max_bearers: int
    by_chance: ByChance


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
    max_target_in_history: Count = 0,
    max_negatives_in_history: Count = 0,
    most_namesakes: Share = 0.01,
    max_bearers: Count = 3,
    min_namesakes: NeededCount = 2,
    standard_errors: Ratio = 3.0,
) -> Finding:
    """No candidate, target item or negative, is in the user's own history: by item id, and by text under another id.

    A target item that the prompt shows in the history is copied rather than predicted; a negative that the user has
    taken is no negative. Held-out and training tasks are judged separately, and the worse finding counts.

    By item id it is exact, from one user on unless some are tolerated. A text that several item ids of these tasks have, at
    most `max_bearers`, may be one item under two ids (padded, re-imported), or namesakes. So users with such a text in both
    history and candidates fail only where they exceed, by `standard_errors` of a Poisson count, `most_namesakes` of all or
    twice the share of pairs of other users in which the history of the one meets the candidates of the other so; and from
    `min_namesakes` users on. Texts are compared without regard to case and to the amount of white space.

    Known limit: one item under more than `max_bearers` ids, and texts that differ by a character, are not seen.

    Args:
        tasks: the held-out tasks, at least one.
        training_tasks: the tasks that were trained on, where they are known.
        max_target_in_history: largest number of users with the target item in their history that is tolerated, in each set.
        max_negatives_in_history: the same of users with a negative in their history.
        most_namesakes: largest share of users with a text of their history among their candidates, under another id, that
            is taken for namesakes, in [0, 1).
        max_bearers: most item ids that are taken for one item under several ids; of 0 or 1 no two are.
        min_namesakes: fewest users from which such texts fail.
        standard_errors: by how many these users have to exceed what is tolerated.

    Returns:
        PASSED, or FAILED with history-leak; the cause is that of the target item where more users have the target item in
        their history than a negative.

    Raises:
        InvalidTaskError: no tasks.
    """
    require_tasks(tasks)
    settings = _Settings(
        max_target_in_history,
        max_negatives_in_history,
        most_namesakes,
        max_bearers,
        ByChance(standard_errors, min_namesakes),
    )
    of_each: list[Finding] = []

    def measure(table: TaskTable) -> Finding:
        of_each.append(_of_one_set(table, settings))
        return of_each[-1]

    worse = worse_of_both(measure, tasks, training_tasks)
    if worse.status is not Status.FAILED or not all(_fails_by_target_alone(finding) for finding in of_each):
        return worse
    users = max(int(finding.measured[_FIGURES[_TARGET]] or 0) for finding in of_each)
    advice = setting_advice("no_history_leak", "max_target_in_history", users)
    return replace(
        worse,
        next_step=f"{_FIXES[_TARGET]} Where users do take items again and that is to be predicted, {advice}.",
    )


def _fails_by_target_alone(finding: Finding) -> bool:
    """Whether nothing else of a set would fail if its target items were allowed in the histories."""
    kept = {limit.figure: limit.value for limit in finding.limits}
    return all(
        int(finding.measured[figure] or 0) <= int(kept.get(figure) or 0)
        for figure in (_FIGURES[_NEGATIVES], _BY_TEXT)
    )


def _of_one_set(table: TaskTable, settings: _Settings) -> Finding:
    known = candidates_in_history(table)
    shown = ShownTexts.of(table, settings.max_bearers)
    renamed, n_renamed, tolerated = _known_by_text(table, shown, settings)
    by_text = n_renamed > tolerated
    if by_text:
        known[renamed] = True
    places = np.flatnonzero(known)
    rows = np.searchsorted(table.candidates.offsets, places, side="right") - 1
    is_target = table.pool.id_codes(table.candidates.values[places]) == table.target[rows]
    users = {_TARGET: np.unique(rows[is_target]), _NEGATIVES: np.unique(rows[~is_target])}
    kinds = Kinds(
        "broken_users",
        len(np.unique(rows)),
        {_FIGURES[what]: len(users[what]) for what in (_NEGATIVES, _TARGET)},  # of equally frequent ones the first
        {
            _FIGURES[_NEGATIVES]: settings.max_negatives_in_history,
            _FIGURES[_TARGET]: settings.max_target_in_history,
        },
    )
    failed = by_text or bool(kinds.failing)
    decisive = {_BY_TEXT: n_renamed} if by_text and not kinds.failing else {}
    candidates = [what for what in (_NEGATIVES, _TARGET) if _FIGURES[what] in kinds.failing] or [
        _NEGATIVES,
        _TARGET,
    ]
    worst = max(candidates, key=lambda what: len(users[what]))
    return Finding(
        Status.FAILED if failed else Status.PASSED,
        claim=f"no candidate of {len(table)} users is in the user's own history{kinds.exempt}",
        measured={**decisive, **kinds.measured, "candidates_in_history": len(places), _BY_TEXT: n_renamed},
        limits=(*kinds.limits, Limit(_BY_TEXT, "<=", int(tolerated))),
        n=len(table),
        evidence=_evidence(table, known, users, worst) if failed else (),
        suspects=(suspect(HISTORY_LEAK, _CAUSES[worst], _FIXES[worst]),) if failed else (),
        affected=Affected(kinds.total, len(table)),
    )


def _known_by_text(table: TaskTable, shown: ShownTexts, settings: _Settings) -> tuple[IntArray, int, float]:
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
    tolerated = settings.by_chance.tolerated(len(table), max(settings.most_namesakes, by_chance))
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
