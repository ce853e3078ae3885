"""Are the items of both splits shown under the same texts?"""

from __future__ import annotations

import numpy as np

from rerank_guard.checks.data._title_kinds import cut
from rerank_guard.core.faults.data import DEGENERATE_TITLES
from rerank_guard.core.finding import Affected, Finding, Limit, suspect
from rerank_guard.core.item_use import codes_in, negative_items
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import IntArray
from rerank_guard.core.verdict import MAX_EVIDENCE, Status

__all__ = ["titles_agree"]

_CAUSE = (
    "Test and training join ids and titles in different ways: another version of the table, ids counted anew, or a text "
    "that is normalised in one of them only."
)
_FIX = "Make one table of id and text, and take the texts of both splits from it."


def titles_agree(test: TaskTable, training: TaskTable, most_broken: float, min_differing: int) -> Finding:
    """An item that is a negative in both splits is shown under the same text in both.

    Exact, by item id, of the items that have one text in all of test and one in all of training: texts that change with
    the user or with time are no mark of a broken join. Negatives are compared with negatives, since what singles out the
    target items is the subject of `no_text_artifact_leak`. Case and white space count: the model sees them.

    Args:
        test: the tasks that are tested on.
        training: the tasks that were trained on.
        most_broken: largest share of differing items that is tolerated, in [0, 1).
        min_differing: fewest differing items that fail.

    Returns:
        PASSED, or FAILED with degenerate-titles where so many items, and more than that share of them, differ.
    """
    tested, trained = _only_text(test), _only_text(training)
    place = codes_in(test.pool.ids, training.pool.ids)
    both = np.flatnonzero((tested >= 0) & (place >= 0))
    both = both[trained[place[both]] >= 0]
    texts = [
        (test.pool.ids[code], test.pool.texts[tested[code]], training.pool.texts[trained[place[code]]])
        for code in both.tolist()
    ]
    differing = [(item_id, one, other) for item_id, one, other in texts if one != other]
    failed = len(differing) >= max(min_differing, most_broken * len(both) + 1e-9)
    return Finding(
        Status.FAILED if failed else Status.PASSED,
        claim=f"{len(both)} items that are negatives in both splits have the same text in both, for all but "
        f"{most_broken:.1%}",
        measured={"differing_share": len(differing) / max(1, len(both)), "differing_items": len(differing)},
        limits=(Limit("differing_share", "<=", most_broken),),
        compared_with={"differing_items": min_differing},  # a failure needs both
        n=len(both),
        evidence=tuple(
            f"item {item_id!r} reads {cut(one)} in test and {cut(other)} in training"
            for item_id, one, other in differing[: MAX_EVIDENCE if failed else 0]
        ),
        suspects=(suspect(DEGENERATE_TITLES, _CAUSE, _FIX),) if failed else (),
        affected=Affected(len(differing), len(both), "items"),
    )


def _only_text(table: TaskTable) -> IntArray:
    """(I,) int64 by id code, the item code of each negative that has one text alone; -1 of all others."""
    codes = np.flatnonzero(negative_items(table))
    ids = table.pool.id_code[codes]
    only = np.full(len(table.pool.ids), -1, dtype=np.int64)
    only[ids] = codes
    only[np.bincount(ids, minlength=len(only)) > 1] = -1
    return only
