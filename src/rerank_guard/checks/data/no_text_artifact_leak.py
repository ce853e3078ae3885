"""Does the look of a candidate's text alone tell the target item, whatever it says?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.data._both_sets import worse_of_both
from rerank_guard.checks.data._text_features import FEATURES, Standing
from rerank_guard.core.check import check
from rerank_guard.core.faults.data import TEXT_ARTIFACT_LEAK
from rerank_guard.core.finding import Finding, Limit, not_applicable, suspect
from rerank_guard.core.listed import target_listing
from rerank_guard.core.row_equality import distinct_tasks
from rerank_guard.core.setting import Excess, Level
from rerank_guard.core.stage import Stage
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.core.verdict import MAX_EVIDENCE, Status
from rerank_guard.stats.bets import log_e_value_above, p_value_of

__all__ = ["no_text_artifact_leak"]

_CLAIM = "no surface feature of the text tells the target item among the candidates"
_CAUSE = (
    "The target item's text was written by another code path than the negatives' (another column, a cut, a stripped year, a "
    "marker, other case or white space), so a model can find it without reading what it says."
)
_NO_TARGET = (
    "no task lists its target item once beside another candidate, so there is no text to compare with the others",
    "see gt_in_candidates: put the target item among the candidates",
)
_LAST_MEAN = 0.95
"""A mean that is allowed is at most this: of a list of two, 1/2 and an excess near 1/2 leave nothing that can fail."""


@dataclass(frozen=True, slots=True)
class _Figure:
    """One feature, one direction, one of the two figures.

    Attributes:
        p_value: against "at most `allowed`".
        name: of the figure.
        column: of the feature.
        direction: "most" or "least".
        value: the mean over the different target items.
        allowed: its threshold.
    """

    p_value: float
    name: str
    column: int
    direction: str
    value: float
    allowed: float


@check(
    stage=Stage.DATA,
    claim="neither length, case nor format of its text alone gives the target item away",
    can_name=(TEXT_ARTIFACT_LEAK,),
    rules_out=(TEXT_ARTIFACT_LEAK,),
)
def no_text_artifact_leak(
    tasks: Sequence[RankingTask],
    training_tasks: Sequence[RankingTask] | None = None,
    *,
    alpha: Level = 1e-6,
    most_excess: Excess = 0.25,
) -> Finding:
    """The target item cannot be picked by how its text looks.

    A model finds such a mark sooner than it learns to rank, and loses it with the next data set.

    Surface features: length in characters and in words, digits, share of upper case, punctuation, share of non-ASCII
    characters, white space around and within, invisible characters, and how few of the other candidates have a text of
    the same shape ("Aa (9)" for "Toy Story (1995)"), first or last character. For each, in either direction, two figures:

    - the mean percentile of the target item among its other candidates, ties counted half: 1/2 where it looks like the
      others;
    - how often the target item alone is the extreme one: at most 1/N where it looks like the others. This shows a mark that
      only a part of the target items bears.

    Popular films may have shorter titles and a genre its own typography, so a difference alone fails nothing. FAILED is
    for a figure that is significantly above 1/2 + `most_excess`, or 1/N + `most_excess`: the bet (`stats.bets`) on "at most
    that" reaches (number of figures)/alpha (Bonferroni). Values are first averaged over the users of the same target item,
    and the bet is on these averages: a hundred users of one short title are one item that has a short title. So some 65
    different target items are needed to show that a feature always tells the target item, and some 15 where it alone is the
    extreme one (N=20).

    Held-out and training tasks are judged separately, at half of alpha each, and the worse finding counts. Users whose
    target item is not listed exactly once, or is the only candidate, are left out; identical tasks count once.

    Args:
        tasks: the held-out tasks, at least one.
        training_tasks: the tasks that were trained on, where they are known.
        alpha: how often lists may be failed in which every figure is within what `most_excess` allows, in (0, 0.5).
        most_excess: how far a figure may be above that of an inconspicuous target item, in (0, 0.5).

    Returns:
        FAILED with text-artifact-leak; PASSED where that was not shown; NOT_APPLICABLE without a listed target item.

    Raises:
        InvalidTaskError: no tasks.
    """
    require_tasks(tasks)
    level = alpha / 2.0 if training_tasks is not None and len(training_tasks) else alpha
    return worse_of_both(partial(_of_one_set, alpha=level, most_excess=most_excess), tasks, training_tasks)


def _of_one_set(table: TaskTable, alpha: float, most_excess: float) -> Finding:
    table = _judged(table)
    if len(table) == 0:
        return not_applicable(*_NO_TARGET, claim=_CLAIM)
    position = target_listing(table).position
    standing = Standing.of(table, position)
    figures = list(_figures(table, standing, most_excess))
    worst = min(figures, key=lambda figure: (figure.p_value, figure.allowed - figure.value))
    p_value = min(1.0, worst.p_value * len(figures))
    failed = p_value <= alpha
    feature = FEATURES[worst.column]
    cause = f"{feature}: {worst.name} {worst.value:.2f}. {_CAUSE}"
    return Finding(
        Status.FAILED if failed else Status.PASSED,
        claim=_CLAIM,
        measured={
            worst.name: worst.value,
            "feature": feature,
            "p_value": p_value,
            "different_targets": len(np.unique(table.target)),
        },
        limits=(Limit("p_value", ">", alpha),),
        compared_with={worst.name: worst.allowed},
        n=len(table),
        evidence=_rows(table, standing, worst) if failed else (),
        suspects=(suspect(TEXT_ARTIFACT_LEAK, cause, statistical=True),) if failed else (),
        p_failed=p_value,
    )


def _judged(table: TaskTable) -> TaskTable:
    """The different tasks that list their target item once, beside another candidate."""
    kept = distinct_tasks(table)
    compares = (target_listing(table).times == 1) & (table.n_candidates > 1)
    return table.take(kept[compares[kept]])


def _figures(table: TaskTable, standing: Standing, most_excess: float) -> Iterator[_Figure]:
    """Every feature in both directions by both figures."""
    _, item = np.unique(table.target, return_inverse=True)
    users = np.bincount(item)

    def by_item(values: FloatArray) -> FloatArray:
        averaged = np.bincount(item, weights=values) / users
        return np.asarray(np.clip(averaged, 0.0, 1.0), dtype=np.float64)  # sums of thirds may pass 1 by rounding

    percentile_allowed = np.full(len(users), 0.5 + most_excess)
    alone_allowed = np.minimum(by_item(1.0 / table.n_candidates) + most_excess, _LAST_MEAN)
    for column in range(len(FEATURES)):
        for direction in ("most", "least"):
            fewer = standing.fewer(column, direction)
            percentile = by_item((fewer + 0.5 * standing.tied[:, column]) / standing.others)
            for name, values, allowed in (
                (f"mean_percentile_of_target_by_{direction}", percentile, percentile_allowed),
                (f"share_where_target_alone_has_{direction}", by_item(fewer == standing.others), alone_allowed),
            ):
                mean, limit = float(values.mean()), float(allowed.mean())
                yield _Figure(_p_value(values, allowed), name, column, direction, mean, limit)


def _p_value(values: FloatArray, allowed: FloatArray) -> float:
    """Of the bet on a mean above `allowed`."""
    if allowed.min() == allowed.max() and values.mean() <= allowed[0]:
        return 1.0  # no bet gains then, by Jensen's inequality; most figures are such
    return p_value_of(log_e_value_above(values, allowed))


def _rows(table: TaskTable, standing: Standing, worst: _Figure) -> tuple[str, ...]:
    """The users where the target item differs most, with the text of one other candidate."""
    fewer = standing.fewer(worst.column, worst.direction)
    first = np.argsort(-(fewer / standing.others), kind="stable")[:MAX_EVIDENCE]
    sign = "less" if worst.direction == "most" else "more"
    rows = []
    for row in first.tolist():
        task = table[row]
        position = task.candidate_ids.index(task.target_id)
        target, other = task.candidates[position].text, task.candidates[0 if position else 1].text
        rows.append(
            f"query {task.query_id!r}: target item {target[:60]!r} at position {position}, {fewer[row]} of "
            f"{standing.others[row]} others have {sign}, such as {other[:60]!r}"
        )
    return tuple(rows)
