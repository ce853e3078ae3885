"""Are the held-out lists as long as the lists that were trained on?"""

from __future__ import annotations

import numpy as np

from rerank_guard.checks._settings import require_tasks
from rerank_guard.core.check import check
from rerank_guard.core.faults.data import TRAIN_TEST_MISMATCH
from rerank_guard.core.finding import Affected, Finding, Limit, suspect
from rerank_guard.core.setting import Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import LetterTable
from rerank_guard.core.verdict import MAX_EVIDENCE, Status

__all__ = ["list_lengths_match"]


@check(
    stage=Stage.DATA,
    claim="the held-out lists are as long as lists that were trained on",
    can_name=(TRAIN_TEST_MISMATCH,),
    rules_out=(TRAIN_TEST_MISMATCH,),
)
def list_lengths_match(
    tasks: TaskTable,
    training_tasks: TaskTable,
    letter_table: LetterTable,  # noqa: ARG001  asked for because a reranker of single pairs has no lists to train on
    *,
    max_outside: Share = 0.5,
) -> Finding:
    """The number of candidates N of the held-out tasks lies between the shortest and the longest training list.

    A model that reads a whole list learns where a list of N ends, and of the letters only those that were ever right.
    On a longer list it has never seen the last letters; on a shorter one it gives them a share that no candidate takes.

    Exact: a task is outside where its N is below the least or above the greatest N of the training tasks. It fails where
    a share above `max_outside` of the held-out tasks is, since some lists are shorter everywhere. No statistics, so no
    level. It does not stop the job, as scores say something all the same.

    Known limits: lengths inside that range which training hardly ever has are not seen. Not applicable to rerankers that
    read one candidate at a time, which have no letters.

    Args:
        tasks: held-out tasks, at least one.
        training_tasks: those trained on, at least one.
        letter_table: of a reranker that reads lists.
        max_outside: largest share of the held-out tasks outside, in [0, 1).

    Returns:
        PASSED, or FAILED with train-test-mismatch.

    Raises:
        InvalidTaskError: no tasks.
        SettingError: a setting out of range.
    """
    require_tasks(tasks)
    require_tasks(training_tasks)
    lengths, trained = tasks.n_candidates, training_tasks.n_candidates
    least, greatest = int(trained.min()), int(trained.max())
    outside = np.flatnonzero((lengths < least) | (lengths > greatest))
    share = len(outside) / len(tasks)
    failed = share > max_outside
    known = f"{least}" if least == greatest else f"{least} to {greatest}"
    return Finding(
        Status.FAILED if failed else Status.PASSED,
        claim=f"at most {max_outside:.0%} of {len(tasks)} held-out lists have another N than the training lists' {known}",
        measured={"share_outside": share},
        limits=(Limit("share_outside", "<=", max_outside),),
        n=len(tasks),
        evidence=tuple(
            f"query {tasks.query_ids[row]!r}: {lengths[row]} candidates, training lists have {known}"
            for row in outside[:MAX_EVIDENCE].tolist()
        )
        if failed
        else (),
        suspects=(
            suspect(
                TRAIN_TEST_MISMATCH,
                f"{len(outside)} of {len(tasks)} held-out lists have {lengths[outside].min()} to {lengths[outside].max()} "
                f"candidates, where the training lists have {known}.",
            ),
        )
        if failed
        else (),
        affected=Affected(len(outside), len(tasks)) if failed else None,
    )
