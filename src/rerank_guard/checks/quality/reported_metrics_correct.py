"""Are the figures that a reranker reports of itself those that its scores give?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.quality._metric_lookalikes import Lookalike
from rerank_guard.checks.quality._metric_names import metric_of_name
from rerank_guard.checks.quality._ranking_spans import Ranking
from rerank_guard.checks.quality._reported_figures import (
    Agreement,
    Figure,
    explain,
    judge_figures,
    vacuous_share,
)
from rerank_guard.core.check import check
from rerank_guard.core.errors import RerankGuardError
from rerank_guard.core.faults.quality import METRIC_TAMPERED, METRIC_WRONG, VACUOUS_METRIC
from rerank_guard.core.finding import Affected, Finding, Limit, Suspected, not_applicable, suspect
from rerank_guard.core.setting import Count, Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import FloatArray, IntArray, RankingTask
from rerank_guard.core.verdict import MAX_EVIDENCE, Measured, Status

__all__ = ["reported_metrics_correct"]


@check(
    stage=Stage.QUALITY,
    claim="the figures that the reranker reports of itself are those recomputed from its scores",
    can_name=(METRIC_TAMPERED, METRIC_WRONG, VACUOUS_METRIC),
    rules_out=(VACUOUS_METRIC, METRIC_TAMPERED, METRIC_WRONG),
    looks_like=METRIC_WRONG,
)
def reported_metrics_correct(
    reported_metrics: Mapping[str, float],
    scores: Sequence[FloatArray],
    tasks: Sequence[RankingTask],
    *,
    tolerance: Share = 1e-6,
    max_tie_gap: Share = 0.05,
    max_vacuous: Share = 0.0,
    max_at_fault: Count = 0,
) -> Finding:
    """Each reported figure is the metric of its name, recomputed end to end from the scores.

    A metric that drops users without a target, counts from rank 0 or cuts at a K above the length of the list looks good
    for any ranking. Understood are Recall@K, Hit@K (HR, hit_rate), Precision@K, NDCG@K, MRR, MAP, in upper or lower case,
    with "@5", "_5" or "_at_5", and "eval" or "test" before them; with one target a user Hit@K and Recall@K are the same.
    Other names are listed, not judged. A user whose target is not among the candidates counts as 0. Exact: no statistics.

    A figure is right where it agrees within the tolerance with the mean over users, ties in expectation; and as well

    - anywhere between the worst and the best order of ties (and of scores that float32 cannot separate), unless these
      are more than `max_tie_gap` apart: then the order of ties would be what was reported;
    - where it is that value rounded to the two or more decimals that it has;
    - in per cent, where some reported figure is above 1;
    - averaged user by user first, where several tasks have one query_id.

    - FAILED, metric-tampered: the figures that are not right are best explained by users with a missing target left out
      of the mean or counted as found, or by a recall of a set that was cut before the rerank.
    - FAILED, metric-wrong: another explanation (K off by one, ranks from 0, ascending order, ties broken by input order,
      ...), or none. The mistake that gives most of the wrong values, and at least half, is named; on few users several may.
    - FAILED, vacuous-metric: all are right, but one is a Recall@K or Hit@K where more than `max_vacuous` of the users
      have at most K candidates.
    - NOT_APPLICABLE: no name is understood.

    Args:
        reported_metrics: name to mean over the tasks.
        scores: one array (N,) a task, higher is better.
        tasks: the tasks, in the same order.
        tolerance: largest difference that is rounding.
        max_tie_gap: largest gap between the worst and the best order of ties inside which a figure is right.
        max_vacuous: largest share of users with at most K candidates that passes.
        max_at_fault: how many figures may be wrong or vacuous.

    Raises:
        InvalidTaskError: no tasks.
        InvalidScoresError: malformed scores.
        RerankGuardError: a reported value that is no number; a SettingError of a setting out of range.
    """
    require_tasks(tasks)
    table = TaskTable.of(tasks)
    ranking = Ranking.of(scores, table)
    metrics = {name: metric for name in reported_metrics if (metric := metric_of_name(name)) is not None}
    values = {name: _number(name, reported_metrics[name]) for name in metrics}
    others = ", ".join(repr(name) for name in reported_metrics if name not in metrics)
    if not metrics:
        return _not_understood(others, len(table))
    agreement = Agreement(tolerance, max_tie_gap, any(value > 1.0 + tolerance for value in values.values()))
    figures = judge_figures(metrics, values, ranking, table, agreement)
    return _finding(figures, others, ranking, table, agreement, max_vacuous, max_at_fault)


def _finding(
    figures: Sequence[Figure],
    others: str,
    ranking: Ranking,
    table: TaskTable,
    agreement: Agreement,
    max_vacuous: float,
    max_at_fault: int,
) -> Finding:
    wrong = [figure for figure in figures if not figure.right]
    vacuous = [figure for figure in figures if vacuous_share(figure.metric, table.n_candidates) > max_vacuous]
    labels, mistake = explain(wrong, ranking, table, agreement) if wrong else ({}, None)
    shown = wrong + [figure for figure in vacuous if figure not in wrong]
    suspects = _suspects(wrong, vacuous, mistake) if len(shown) > max_at_fault else ()
    n_listed = int(ranking.standing.present.sum())
    measured = _measured(figures, wrong, vacuous, len(shown), n_listed)
    return Finding(
        Status.FAILED if suspects else Status.PASSED,
        claim=(
            f"over {len(table)} users ({n_listed} with their target listed) each reported figure is that of the scores, "
            "missing targets counted as 0"
        ),
        measured=measured | ({"not_judged": others} if others else {}),
        limits=(Limit("figures_at_fault", "<=", max_at_fault),),
        compared_with={"tolerance": agreement.tolerance, "tie_gap": agreement.max_tie_gap},
        n=len(table),
        evidence=_evidence(shown, figures, labels, table.n_candidates),
        suspects=suspects,
        affected=Affected(len(shown), len(figures), "figures"),
    )


def _suspects(
    wrong: Sequence[Figure], vacuous: Sequence[Figure], mistake: Lookalike | None
) -> tuple[Suspected, ...]:
    """What is wrong with the wrong figures; only where there are none, the vacuous ones."""
    if wrong and mistake is None:
        cause = (
            "The evaluation's figure is not that of its scores, and no common mistake gives this value: it may come from "
            "other scores, other users, or another run."
        )
        return (suspect(METRIC_WRONG, cause),)
    if mistake is not None:
        described = (
            "The reported figure describes something else than the ranking of all users: it"
            if mistake.fault is METRIC_TAMPERED
            else "The evaluation's figure is not that of its scores; it"
        )
        return (suspect(mistake.fault, f"{described} looks like {mistake.label}."),)
    return (suspect(VACUOUS_METRIC),) if vacuous else ()


def _measured(
    figures: Sequence[Figure], wrong: Sequence[Figure], vacuous: Sequence[Figure], at_fault: int, n_listed: int
) -> dict[str, Measured]:
    worst = max(figures, key=lambda figure: (not figure.right, figure.difference))
    return {
        "figures_at_fault": at_fault,
        "figures_off": len(wrong),
        "vacuous_figures": len(vacuous),
        "furthest_off": worst.name,
        "reported": worst.value,
        "recomputed": worst.recomputed.expected,
        "widest_tie_gap": max(figure.recomputed.width for figure in figures),
        "users_with_target_listed": n_listed,
        "judged": ", ".join(figure.name for figure in figures),
    }


def _evidence(
    shown: Sequence[Figure], figures: Sequence[Figure], labels: Mapping[str, str], n_candidates: IntArray
) -> tuple[str, ...]:
    """The figures at fault, then those that are right though not to the last digit."""
    rest = [figure for figure in figures if figure not in shown and figure.note]
    return tuple(figure.row(labels.get(figure.name), n_candidates) for figure in [*shown, *rest][:MAX_EVIDENCE])


def _number(name: str, value: object) -> float:
    if isinstance(value, bool | np.bool_ | str):
        number = None
    else:
        try:
            number = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            number = None
    if number is None:
        raise RerankGuardError(f"the reported {name} is {value!r:.200}; give the mean over users as one number.")
    return number


def _not_understood(others: str, n: int) -> Finding:
    return not_applicable(
        "None of the reported names is that of a known ranking metric.",
        "Report figures under names such as Recall@20, Hit@5, NDCG@10 or MRR.",
        measured={"figures_at_fault": 0, "not_judged": others or "no figures"},
        n=n,
    )
