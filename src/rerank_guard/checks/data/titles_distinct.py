"""Do the candidates' texts tell the candidates apart?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.data._both_sets import worse_of_both
from rerank_guard.checks.data._shown_texts import ByChance
from rerank_guard.checks.data._title_kinds import (
    CANDIDATES_ALIKE,
    HISTORY_ALIKE,
    NEGATIVES_BLANK,
    NEGATIVES_LISTED_TWICE,
    TARGET_BLANK,
    TARGET_HAS_NAMESAKE,
    Legible,
    TitleKinds,
)
from rerank_guard.checks.data._titles_agree import titles_agree
from rerank_guard.core.check import check
from rerank_guard.core.fault import Fault
from rerank_guard.core.faults.data import DEGENERATE_TITLES, DUPLICATE_CANDIDATES
from rerank_guard.core.finding import Affected, Finding, Limit, Suspected, suspect
from rerank_guard.core.setting import Count, NeededCount, NeededShare, Ratio, Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import RankingTask
from rerank_guard.core.verdict import MAX_EVIDENCE, Status

__all__ = ["titles_distinct"]

_EXPLANATIONS = {
    TARGET_BLANK: (
        "The target item's text is empty: its title is missing from the catalogue, or the join of items and titles lost it.",
        "Look the item ids above up in the table of titles; compare the ids' type and padding in both tables.",
    ),
    CANDIDATES_ALIKE: (
        "Most candidates of a task are shown under the same text or under none: a placeholder, a wrong column, or one "
        "item's text written to all.",
        "Print one task's candidates; check the column that Item.text is read from, and what fills its gaps.",
    ),
    NEGATIVES_BLANK: (
        "Many of the negatives have no text and the target item has one, so that they are no choice: their "
        "titles come by another join than the target item's.",
        "Look the negatives' item ids up in the table of titles; take target item and negatives from the same one.",
    ),
    HISTORY_ALIKE: (
        "The items of a history have no text, or all the same one, so the model learns nothing about the user from it.",
        "Fill the history's texts from the same table of titles as the candidates'.",
    ),
    TARGET_HAS_NAMESAKE: (
        "The target item is shown under the same text as another candidate, so that no model can tell which is right: "
        "titles were cut short, or lack what tells variants apart.",
        "Add what differs to the text (year, artist, size), do not cut it, and merge items that are the same thing.",
    ),
    NEGATIVES_LISTED_TWICE: (
        "The same thing is listed twice under two ids (padded, re-imported, of two sources): what removed the repeats went "
        "by id. With fewer than N different candidates, chance is not K/N.",
        "Bring ids to one form before candidates are joined; remove repeats by what is shown, too.",
    ),
}
_BY_CHANCE = (TARGET_HAS_NAMESAKE, NEGATIVES_LISTED_TWICE)


@check(
    stage=Stage.DATA,
    claim="the candidates' texts are not blank, and tell the target item from the others",
    can_name=(DEGENERATE_TITLES, DUPLICATE_CANDIDATES),
    rules_out=(DEGENERATE_TITLES,),
)
def titles_distinct(
    tasks: Sequence[RankingTask],
    training_tasks: Sequence[RankingTask] | None = None,
    *,
    most_broken: Share = 0.01,
    min_distinct: NeededShare = 0.5,
    max_blank: Share = 0.25,
    min_history: NeededCount = 3,
    max_bearers: Count = 3,
    min_namesakes: NeededCount = 2,
    min_differing: NeededCount = 2,
    standard_errors: Ratio = 3.0,
) -> Finding:
    """Target items have a text of their own, the candidates' texts differ, and both splits show the same texts.

    A model reads nothing but the texts: what they do not tell apart, it cannot rank. Held-out and training tasks are
    judged separately, and the worse finding counts. Where neither fails, the two are compared with each other: an item
    that is a negative in both has the same text in both, for all but `most_broken` of the items that have only one text
    in each; `min_differing` items or more have to differ.

    A user is broken, under the first of these that holds, where

    - candidates_alike: a share below `min_distinct` of the different candidates have a text of their own;
    - target_blank: the target item's text shows nothing (empty, or only white space and invisible characters);
    - negatives_blank: the same of a share above `max_blank` of the candidates, and not of the target item;
    - history_alike: no item of a history that is not empty has a text, or all of its different items share one, and these
      are `min_history` or more;
    - target_has_namesake: another candidate, of another item id, has the target item's text;
    - negatives_listed_twice: two negatives of different ids have the same text, one that at most `max_bearers` ids of all
      have (of more it is a placeholder, or a common name). This one is named duplicate-candidates.

    Within a split, texts are compared without regard to case and to the amount of white space. Only equal texts are
    alike: "item 1" and "item 2" differ, "N/A" and "n/a " do not. No statistics, but for a tolerance: the first four kinds
    fail together, from more than `most_broken` of the users on. Catalogues do hold a few films of the same name, so each
    of the last two kinds fails only from `min_namesakes` users on, and where it exceeds `most_broken` of n users by
    `standard_errors` of a Poisson count, sqrt(most_broken * n) each. For negatives_listed_twice, in place of `most_broken`, the share of pairs of other
    users in which the one's candidates meet those of the other so, where that is more.

    Known limit: texts that differ but say nothing ("item 17") pass.

    Args:
        tasks: the held-out tasks, at least one.
        training_tasks: the tasks that were trained on, where they are known.
        most_broken: largest share of broken users, and of items that differ between the splits, that is tolerated, in
            [0, 1).
        min_distinct: share of a user's different candidates that need a text of their own, above 0.
        max_blank: largest share of a user's candidates without a text that is tolerated, in [0, 1).
        min_history: fewest different items of a history that are alike where they share one text.
        max_bearers: most item ids that are taken for one thing listed under several ids; of 0 or 1 no two are.
        min_namesakes: fewest users from which namesakes, or things listed twice, fail.
        min_differing: fewest items from which texts that differ between the splits fail.
        standard_errors: by how many these users have to exceed what is tolerated.

    Returns:
        PASSED, or FAILED with degenerate-titles (duplicate-candidates) and the most frequent kind as the cause.

    Raises:
        InvalidTaskError: no tasks.
    """
    require_tasks(tasks)
    measure = partial(
        _of_one_set,
        most_broken=most_broken,
        legible=Legible(min_distinct, max_blank, min_history, max_bearers),
        by_chance=ByChance(standard_errors, min_namesakes),
    )
    apart = worse_of_both(measure, tasks, training_tasks)
    if apart.status is Status.FAILED or training_tasks is None or len(training_tasks) == 0:
        return apart
    agree = titles_agree(TaskTable.of(tasks), TaskTable.of(training_tasks), most_broken, min_differing)
    return agree if agree.status is Status.FAILED else apart


def _of_one_set(table: TaskTable, most_broken: float, legible: Legible, by_chance: ByChance) -> Finding:
    kinds, n = TitleKinds.of(table, legible), len(table)
    counts = kinds.counts
    broken = sum(counts.values())
    tolerated = {
        TARGET_HAS_NAMESAKE: by_chance.tolerated(n, most_broken),
        NEGATIVES_LISTED_TWICE: by_chance.tolerated(n, max(most_broken, kinds.met_by_chance)),
    }
    certain = broken - sum(counts[kind] for kind in _BY_CHANCE) > most_broken * n
    failing = [kind for kind in counts if (counts[kind] > tolerated[kind] if kind in tolerated else certain)]
    failing.sort(key=lambda kind: -counts[kind])  # stable: of equally frequent ones the first
    suspects = _suspects(failing)
    return Finding(
        Status.FAILED if failing else Status.PASSED,
        claim=f"the candidates' texts of {n} users tell the target item from the others, for all but {most_broken:.1%} "
        "of them",
        measured={"broken_share": broken / n, "broken_users": broken, **counts},
        limits=tuple(Limit(kind, "<=", math.floor(count)) for kind, count in tolerated.items()),
        compared_with={"broken_share": most_broken},
        n=n,
        evidence=_evidence(table, kinds, failing[0]) if failing else (),
        suspects=suspects,
        affected=Affected(
            sum(counts[kind] for kind in failing if _fault_of(kind) is suspects[0].fault) if failing else 0, n
        ),
    )


def _fault_of(kind: str) -> Fault:
    return DUPLICATE_CANDIDATES if kind == NEGATIVES_LISTED_TWICE else DEGENERATE_TITLES


def _suspects(failing: Sequence[str]) -> tuple[Suspected, ...]:
    """Each fault once, in the words of its most frequent kind."""
    first: dict[str, Suspected] = {}
    for kind in failing:
        first.setdefault(_fault_of(kind).name, suspect(_fault_of(kind), *_EXPLANATIONS[kind]))
    return tuple(first.values())


def _evidence(table: TaskTable, kinds: TitleKinds, worst: str) -> tuple[str, ...]:
    """A row of every kind, then more of them; the kind that decided first."""
    counts = kinds.counts
    order = sorted((kind for kind in counts if counts[kind]), key=lambda kind: (kind != worst, -counts[kind]))
    chosen = [(kind, int(kinds.rows[kind][0])) for kind in order]
    chosen += [(kind, int(row)) for kind in order for row in kinds.rows[kind][1:MAX_EVIDENCE]]
    return tuple(kinds.evidence_row(table[row], kind) for kind, row in chosen[:MAX_EVIDENCE])
