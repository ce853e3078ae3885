"""Was one and the same row of scores handed to tasks with different candidates?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from rerank_guard.types import FloatArray, RankingTask

__all__ = ["shared_rows"]

_FEWEST_VALUES = 8
_FEWEST_TASKS = 10
_SHARE = 0.02
_DECIMALS = 3


def shared_rows(rows: Sequence[FloatArray], tasks: Sequence[RankingTask]) -> list[int]:
    """The tasks whose row, bit by bit, is also that of a task with other candidates; none if these are few.

    Rows of ranks and of few decimals do not count, as they coincide by chance. Where one row is that of half of the tasks,
    it is a preference for slots, or a constant, and has its name elsewhere. Users without a history beside others that have
    one are left out: a score of history times candidate says the same of any list to somebody of whom nothing is known.
    """
    known = any(task.history for task in tasks)
    groups: dict[bytes, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        if known and not tasks[index].history:
            continue
        if len(np.unique(row)) >= _FEWEST_VALUES and not np.array_equal(row, np.round(row, _DECIMALS)):
            groups[row.tobytes()].append(index)
    if any(2 * len(group) >= len(rows) for group in groups.values()):
        return []
    found = [
        index
        for group in groups.values()
        if len({tasks[index].candidate_ids for index in group}) > 1
        for index in group
    ]
    return sorted(found) if len(found) >= _FEWEST_TASKS and len(found) > _SHARE * len(rows) else []
