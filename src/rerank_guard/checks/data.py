"""Is the ground truth among the candidates, where the pipeline says it is, and is no candidate listed twice?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rerank_guard.checks._settings import require_tasks
from rerank_guard.errors import InvalidTaskError
from rerank_guard.types import RankingTask
from rerank_guard.verdict import MAX_EVIDENCE, Status, Verdict

__all__ = ["check_gt_in_candidates"]

_CAUSES = {
    "gt-missing": "The target was never among the candidates, or was cut off when the list was shortened to N.",
    "gt-duplicate": "The target was sampled again as a negative, or inserted into a list that already held it.",
    "label-offset": "target_index was computed before a shuffle or a cut, counts from 1, or is off by one.",
    "duplicate-candidates": (
        "An item was sampled with replacement, or several sources were joined without removing what they share. With "
        "fewer than N different candidates, chance is not K/N."
    ),
}
_NEXT_STEPS = {
    "gt-missing": (
        "Look at the queries above: cut the candidates before the target is added, not after, or keep such users "
        "as misses and report the retriever's recall. Never skip them in silence."
    ),
    "gt-duplicate": "Exclude the target when negatives are sampled, and remove duplicates before the cut to N.",
    "label-offset": "Compute target_index last, as candidate_ids.index(target_id), after every shuffle and cut.",
    "duplicate-candidates": "Sample without replacement, and remove duplicates before the cut to N.",
}


def check_gt_in_candidates(tasks: Sequence[RankingTask]) -> Verdict:
    """Every task lists its target at target_index, and no candidate twice.

    Exact: zero tolerance, no threshold, no statistics.

    Args:
        tasks: the tasks to judge, at least one.

    Returns:
        PASSED, or FAILED with the commonest fault: gt-missing (target_id not among the candidates), gt-duplicate
        (listed more than once), label-offset (listed once, but target_index is None, out of range, or elsewhere),
        duplicate-candidates (another candidate is listed more than once). A task counts under the first of these.

    Raises:
        InvalidTaskError: no tasks, or a target_index that is not an integer or None.
    """
    require_tasks(tasks)
    rows: dict[str, list[str]] = {fault: [] for fault in _CAUSES}
    for task in tasks:
        if found := _fault_of(task):
            fault, row = found
            rows[fault].append(row)
    counts = {fault: len(found) for fault, found in rows.items()}
    broken = sum(counts.values())
    worst = max(counts, key=lambda fault: counts[fault])  # the first of the list where counts are equal
    kinds = [found for _, found in sorted(rows.items(), key=lambda item: -len(item[1])) if found]
    return Verdict(
        check="gt_in_candidates",
        status=Status.FAILED if broken else Status.PASSED,
        claim=(
            f"each of {len(tasks)} users has the target among the candidates, at target_index, and no candidate is "
            "listed twice"
        ),
        measured={
            "broken_users": broken,
            "target_missing": counts["gt-missing"],
            "target_duplicated": counts["gt-duplicate"],
            "index_wrong": counts["label-offset"],
            "candidates_duplicated": counts["duplicate-candidates"],
        },
        threshold={"broken_users": 0},
        n=len(tasks),
        evidence=_from_each(kinds),
        cause=_CAUSES[worst] if broken else "",
        next_step=_NEXT_STEPS[worst] if broken else "",
        fault=worst if broken else None,
    )


def _fault_of(task: RankingTask) -> tuple[str, str] | None:
    """The task's fault and the row that shows it."""
    index = task.target_index
    if index is not None and (isinstance(index, bool) or not hasattr(index, "__index__")):
        raise InvalidTaskError(
            f"query {task.query_id!r} has target_index {index!r} of type {type(index).__name__}; give an int, or "
            "None."
        )
    who = f"query {task.query_id!r}: target {task.target_id!r}"
    slots = [slot for slot, item_id in enumerate(task.candidate_ids) if item_id == task.target_id]
    if not slots:
        return "gt-missing", f"{who} is not among its {task.n_candidates} candidates (target_index {index})"
    if len(slots) > 1:
        return "gt-duplicate", f"{who} stands at slots {', '.join(map(str, slots))}"
    if index != slots[0]:
        return "label-offset", f"{who} stands at slot {slots[0]}, target_index says {index}"
    repeated = {item_id: times for item_id, times in Counter(task.candidate_ids).items() if times > 1}
    if repeated:
        item_id, times = next(iter(repeated.items()))
        listed = f"candidate {item_id!r} is listed {times} times"
        return "duplicate-candidates", f"query {task.query_id!r}: {listed} ({len(repeated)} such candidates)"
    return None


def _from_each(kinds: list[list[str]]) -> tuple[str, ...]:
    """The first row of every kind, then more of the commonest."""
    heads = [rows[0] for rows in kinds]
    rest = [row for rows in kinds for row in rows[1:]]
    return tuple((heads + rest)[:MAX_EVIDENCE])
