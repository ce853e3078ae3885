"""Is a reported Recall@K possible at all, where tasks have several relevant items?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.data._recall_ceiling import within_recall_ceiling
from rerank_guard.checks.quality._metric_names import metric_of_name
from rerank_guard.core.check import check
from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.faults.data import SURVIVORSHIP
from rerank_guard.core.faults.quality import METRIC_WRONG
from rerank_guard.core.finding import Finding, not_applicable
from rerank_guard.core.membership import stated_relevance, unlisted_relevant
from rerank_guard.core.setting import Rounding
from rerank_guard.core.stage import Stage
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import IntArray, RankingTask
from rerank_guard.core.verdict import Status
from rerank_guard.metrics import Recall

__all__ = ["recall_ceiling_of_targets"]

_DECIMALS = range(2, 9)
_FLOAT32 = 4e-8


@check(
    stage=Stage.DATA,
    claim="no reported Recall@K is above the best that any ranking of these tasks can have",
    can_name=(METRIC_WRONG, SURVIVORSHIP),
)
def recall_ceiling_of_targets(
    tasks: Sequence[RankingTask], reported_metrics: Mapping[str, float], *, tolerance: Rounding = 1e-9
) -> Finding:
    """Each reported mean Recall@K is one that a ranking can have, given how many candidates of each task are relevant.

    With several relevant items a hit rate is easily reported as a recall, and a good recall looks like a failure: of m
    relevant candidates at most K are in the top K, so Recall@K is at most the mean of min(K, m)/m, and the figure is
    shown as a share of that ceiling. Relevant items that are not listed are misses of the first stage: a task without any
    relevant candidate counts as 0. Exact: no statistics.

    Read are the names of a recall that `reported_metrics` (the check) understands, such as "Recall@20" or "eval_recall_5",
    as per cent where some reported metric is above 1. A figure may be above its ceiling by rounding: by half a unit of the
    last of the two or more decimals that it has.

    Known limit: a wrong figure below the ceiling passes here; recomputing it from the scores is another check.

    Args:
        tasks: the tasks that the figures speak of, at least one, with their relevance.
        reported_metrics: name to mean over the tasks.
        tolerance: how far above the ceiling a figure may be beside its rounding, in [0, 0.01].

    Returns:
        Of the figure that is furthest above its ceiling: FAILED with metric-wrong, or with survivorship where it would be
        possible over the tasks with a relevant candidate alone. Else PASSED, with the figure that reaches the largest
        share of its ceiling. NOT_APPLICABLE where every task has one relevant item, no recall is reported, nothing
        relevant is listed, or every ceiling is 1.

    Raises:
        InvalidTaskError: no tasks, or a reported recall that is not a finite number from 0.
    """
    require_tasks(tasks)
    table = TaskTable.of(tasks)
    n_relevant = _n_relevant(table)
    if int(n_relevant.max()) <= 1:
        return not_applicable(
            "every task has one relevant item, so that a perfect ranking has a Recall@K of 1",
            "nothing to do: this check is for tasks with several relevant items",
            n=len(table),
        )
    recalls, unit = _recalls(reported_metrics)
    if not recalls:
        return not_applicable(
            f"no Recall@K is reported, but {', '.join(map(repr, reported_metrics)) or 'no figures'}",
            "report it under a name such as Recall@20 to have it compared with its ceiling",
            n=len(table),
        )
    n_listed = n_relevant - unlisted_relevant(table)
    if not n_listed.any():
        return not_applicable(
            "no task lists a relevant item, so that every recall is 0",
            "see gt_in_candidates: put the relevant items among the candidates",
            n=len(table),
        )
    findings = {}
    for name, k in recalls.items():
        value = _number(name, reported_metrics[name]) * unit
        findings[name] = within_recall_ceiling(
            n_listed, k, value, tolerance=min(0.01, tolerance + _rounding(value))
        )
    worst = max(findings, key=lambda name: _urgency(findings[name]))
    return replace(
        findings[worst],
        measured={
            **findings[worst].measured,
            "reported_as": worst,
            "figures_above_ceiling": sum(finding.status is Status.FAILED for finding in findings.values()),
            "judged": ", ".join(findings),
        },
    )


def _n_relevant(table: TaskTable) -> IntArray:
    """(T,) int64, items of grade above 0, listed or not."""
    relevance = stated_relevance(table)
    rows = relevance.ids.row_of_value()[relevance.grades > 0.0]
    return np.bincount(rows, minlength=len(table)).astype(np.int64)


def _recalls(reported: Mapping[str, float]) -> tuple[dict[str, int], float]:
    """The names of recalls with their K, and the unit of all figures: 0.01 where one of a known metric is above 1."""
    known = {name: metric for name in reported if (metric := metric_of_name(name)) is not None}
    in_per_cent = any(_number(name, reported[name]) > 1.0 + 1e-6 for name in known)
    recalls = {name: metric.k for name, metric in known.items() if isinstance(metric, Recall)}
    return recalls, 0.01 if in_per_cent else 1.0


def _number(name: str, value: object) -> float:
    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        return float(value)
    raise InvalidTaskError(f"the reported {name} is {value!r:.200}; give the mean over tasks as one number.")


def _rounding(value: float) -> float:
    """Half a unit of the last decimal, where the value has two to eight; 0 of one that has more."""
    return max((0.5 * 10.0**-d for d in _DECIMALS if abs(value - round(value, d)) <= _FLOAT32), default=0.0)


def _urgency(finding: Finding) -> tuple[bool, bool, float]:
    """What is above its ceiling first, then what has one below 1; of these, what reaches the largest share of it."""
    share = finding.measured["share_of_ceiling"]
    return finding.status is Status.FAILED, finding.status is Status.PASSED, float(share or 0.0)
