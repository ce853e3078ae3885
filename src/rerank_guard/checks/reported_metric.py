"""Are the figures that a target reports of itself those that its scores give?"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rerank_guard.checks._metric_lookalikes import Lookalike, Ranking, Span, lookalikes
from rerank_guard.checks._metric_names import cutoff_of, metric_of_name
from rerank_guard.checks._settings import require_tasks, true_slots
from rerank_guard.errors import RerankGuardError
from rerank_guard.metrics import Hit, Metric, Recall, TargetStanding, as_score_matrix, target_standing
from rerank_guard.types import FloatArray, IntArray, RankingTask
from rerank_guard.verdict import MAX_EVIDENCE, Measured, Status, Verdict

__all__ = ["check_reported_metrics"]

_WIDE_TIE_GAP = 0.05
"""Between the worst and the best order of ties; above it a figure inside the gap is that of the order, not of scores."""

_NEAR_TIE = 1e-6  # relative to a row's largest score: what float32 cannot tell apart may be sorted either way
_DECIMALS = range(2, 9)
_FLOAT32 = 4e-8

_EXPLANATIONS = {
    "metric-tampered": (
        "The reported figure speaks of something else than the ranking of all users: it looks like {label}.",
        "Count a user whose target is not among the candidates as 0, keep all users in the mean, and rank by the scores "
        "before anything is cut off; a figure over other users may stand beside it, under a name that says so.",
    ),
    "metric-wrong": (
        "The evaluation's figure is not that of its scores; it looks like {label}.",
        "Compute the rank as 1 + the number of candidates with a higher score (ties at random), the metric from it user "
        "by user, and the mean over all users; rerank_guard.metrics does that.",
    ),
    "vacuous-metric": (
        "With K at or above the number of candidates every listed target is found, whatever the scores are.",
        "Report a K below the smallest number of candidates, or list more candidates.",
    ),
}
_NOTHING_FITS = (
    "The evaluation's figure is not that of its scores, and no common mistake gives this value: it may come from other "
    "scores, other users, or another run."
)


@dataclass(frozen=True, slots=True)
class _Figure:
    """One reported figure that is understood."""

    name: str
    metric: Metric
    value: float
    recomputed: Span
    right: bool
    note: str  # how it agrees, where it does not to the last digit


def check_reported_metrics(
    reported: Mapping[str, float],
    scores: Sequence[FloatArray],
    tasks: Sequence[RankingTask],
    *,
    tolerance: float = 1e-6,
    most_vacuous: float = 0.0,
) -> Verdict:
    """Each reported figure is the metric of its name, recomputed end to end from the scores.

    Understood are Recall@K, Hit@K (HR, hit_rate), Precision@K, NDCG@K, MRR, MAP, in upper or lower case, with "@5", "_5"
    or "_at_5", and "eval" or "test" before them; with one target a user Hit@K and Recall@K are one. Other names are listed,
    not judged. A user whose target is not among the candidates counts as 0. Exact: no statistics.

    A figure is right where it agrees within the tolerance with the mean over users, ties in expectation; and as well

    - anywhere between the worst and the best order of ties (and of scores that float32 cannot tell apart), unless these
      are more than 0.05 apart: then the order of ties would be what was reported;
    - where it is that value rounded to the two or more decimals that it has;
    - in per cent, where some reported figure is above 1;
    - averaged user by user first, where several tasks have one query_id.

    - FAILED, metric-tampered: the figures that are not right are best explained by users with a missing target left out
      of the mean or counted as found, or by a recall of a set that was cut before the rerank.
    - FAILED, metric-wrong: another explanation (K off by one, ranks from 0, ascending order, ties broken by input order,
      ...), or none. The mistake that gives most of the wrong values, and at least half, is named; on few users several may.
    - FAILED, vacuous-metric: all are right, but one is a Recall@K or Hit@K where more than `most_vacuous` of the users
      have at most K candidates.
    - NOT_APPLICABLE: no name is understood.

    Args:
        reported: name to mean over the tasks.
        scores: one array (N_u,) a task, higher is better.
        tasks: the tasks, in the same order.
        tolerance: largest difference that is rounding, in [0, 0.01].
        most_vacuous: largest share of users with at most K candidates that passes, in [0, 1].

    Raises:
        InvalidTaskError: no tasks.
        InvalidScoresError: malformed scores.
        RerankGuardError: a reported value that is no number, or a tolerance or share out of range.
    """
    require_tasks(tasks)
    _require_share("tolerance", tolerance, 0.01)
    _require_share("most_vacuous", most_vacuous, 1.0)
    matrix, n_candidates = as_score_matrix(scores, [task.n_candidates for task in tasks])
    slots = true_slots(tasks)
    ranking = Ranking(
        target_standing(scores, slots), matrix, np.array([slot or 0 for slot in slots], dtype=np.int64)
    )
    understood = {name: metric for name in reported if (metric := metric_of_name(name)) is not None}
    values = {name: _number(name, value) for name, value in reported.items() if name in understood}
    per_cent = any(value > 1.0 + tolerance for value in values.values())
    n_listed = int(ranking.standing.present.sum())
    claim = (
        f"over {len(tasks)} users ({n_listed} with their target listed) each reported figure is that of the scores, "
        "missing targets counted as 0"
    )
    others = ", ".join(repr(name) for name in reported if name not in understood)
    if not understood:
        return _not_understood(claim, others, len(tasks))

    loose = _loose(ranking)

    def judged(name: str, metric: Metric) -> _Figure:
        return _judged(name, metric, values[name], ranking, loose, tasks, tolerance, per_cent)

    figures = [judged(name, metric) for name, metric in understood.items()]
    wrong = [figure for figure in figures if not figure.right]
    vacuous = [figure for figure in figures if _vacuous_share(figure.metric, n_candidates) > most_vacuous]
    labels, chosen = _explained(wrong, ranking, tasks, tolerance, per_cent) if wrong else ({}, None)
    fault = None
    if wrong:
        fault = chosen.fault if chosen else "metric-wrong"
    elif vacuous:
        fault = "vacuous-metric"
    cause, next_step = _EXPLANATIONS[fault] if fault else ("", "")
    if wrong:
        cause = cause.format(label=chosen.label) if chosen else _NOTHING_FITS
    shown = wrong + [figure for figure in vacuous if figure not in wrong]
    rest = [figure for figure in figures if figure not in shown and figure.note]
    worst = max(figures, key=lambda figure: (not figure.right, _difference(figure)))
    measured: dict[str, Measured] = {
        "figures_at_fault": len(shown),
        "figures_off": len(wrong),
        "vacuous_figures": len(vacuous),
        "furthest_off": worst.name,
        "reported": worst.value,
        "recomputed": worst.recomputed.expected,
        "widest_tie_gap": max(figure.recomputed.high - figure.recomputed.low for figure in figures),
        "users_with_target_listed": n_listed,
        "judged": ", ".join(figure.name for figure in figures),
    }
    if others:
        measured["not_judged"] = others
    return Verdict(
        check="reported_metrics",
        status=Status.FAILED if fault else Status.PASSED,
        claim=claim,
        measured=measured,
        threshold={"figures_at_fault": 0, "tolerance": tolerance, "tie_gap": _WIDE_TIE_GAP},
        n=len(tasks),
        evidence=tuple(_row(figure, labels.get(figure.name), n_candidates) for figure in (*shown, *rest))[
            :MAX_EVIDENCE
        ],
        cause=cause,
        next_step=next_step,
        fault=fault,
    )


def _judged(
    name: str,
    metric: Metric,
    value: float,
    ranking: Ranking,
    loose: Ranking,
    tasks: Sequence[RankingTask],
    tolerance: float,
    per_cent: bool,
) -> _Figure:
    spans = {"": ranking.span(metric)}
    near = loose.span(metric)
    if near.high - near.low <= _WIDE_TIE_GAP:
        spans["scores that float32 cannot tell apart sorted otherwise"] = near
    by_user = _user_weights(tasks)
    if by_user is not None:
        spans["averaged user by user first, since several tasks have one query_id"] = ranking.span(metric, by_user)
    for note, span in spans.items():
        agreed = _agreement(value, span, tolerance, per_cent)
        if agreed is not None:
            notes = "; ".join(part for part in (agreed, note) if part)
            return _Figure(name, metric, value, spans[""], True, notes)
    return _Figure(name, metric, value, spans[""], False, "")


def _agreement(value: float, span: Span, tolerance: float, per_cent: bool, *, exact: bool = False) -> str | None:
    """How a reported value agrees with a recomputed one: "" to the last digit; None where it does not."""
    for read, unit in ((value, ""), (value / 100.0, "in per cent")) if per_cent else ((value, ""),):
        decimals = range(0) if exact else _DECIMALS
        half = max((0.5 * 10.0**-d for d in decimals if abs(read - round(read, d)) <= _FLOAT32), default=0.0)
        for allowed, how in ((tolerance, ""), (half + tolerance, "rounded")):
            if abs(read - span.expected) <= allowed:
                return " ".join(part for part in (how, unit) if part)
            inside = span.low - allowed <= read <= span.high + allowed
            if inside and span.high - span.low <= _WIDE_TIE_GAP:
                return " ".join(part for part in (how, unit, "by an order of tied candidates") if part)
    return None


def _explained(
    wrong: Sequence[_Figure],
    ranking: Ranking,
    tasks: Sequence[RankingTask],
    tolerance: float,
    per_cent: bool,
) -> tuple[dict[str, str], Lookalike | None]:
    """The wrong figures' names with what each looks like, and the one mistake that explains most of them, at least half."""
    cutoffs = sorted({k for figure in wrong if (k := cutoff_of(figure.metric)) is not None})
    weight = np.full(len(tasks), 1.0 / len(tasks))
    labels: dict[str, str] = {}
    chosen: Lookalike | None = None
    most = (0, 0)
    for mistake in lookalikes(ranking, tasks, cutoffs, weight):
        nearness = {figure.name: _nearness(figure, mistake, tolerance, per_cent) for figure in wrong}
        matched = [name for name, near in nearness.items() if near]
        # a rounded figure meets several values, so that of two mistakes the one that needs no rounding is named
        score = (len(matched), sum(nearness.values()))
        if score > most:
            most, chosen = score, mistake
            labels |= dict.fromkeys(matched, mistake.label)
        for name in matched:
            labels.setdefault(name, mistake.label)
    # a mistake made once shows in most figures; one that meets a few of many wrong values does so by chance
    return labels, chosen if 2 * most[0] >= len(wrong) else None


def _nearness(figure: _Figure, mistake: Lookalike, tolerance: float, per_cent: bool) -> int:
    """2 where the mistake gives the reported value, 1 where it does once rounded, else 0."""
    if not math.isfinite(figure.value):
        return 0
    agreed = [
        _agreement(figure.value, span, tolerance, per_cent, exact=mistake.exact)
        for span in mistake.spans(figure.metric)
    ]
    return max((1 if how.startswith("rounded") else 2 for how in agreed if how is not None), default=0)


def _loose(ranking: Ranking) -> Ranking:
    """The same with scores that float32 cannot tell apart taken as tied."""
    standing, matrix = ranking.standing, ranking.matrix
    target = np.take_along_axis(matrix, ranking.slots[:, None], axis=1)
    largest = np.abs(np.where(np.isfinite(matrix), matrix, 0.0)).max(axis=1, keepdims=True)
    above = (matrix > target + _NEAR_TIE * largest).sum(axis=1)
    tied = (matrix >= target - _NEAR_TIE * largest).sum(axis=1) - above
    listed = standing.present
    return Ranking(
        TargetStanding(np.where(listed, above, 0), np.where(listed, tied, 0), standing.n_candidates, listed),
        matrix,
        ranking.slots,
    )


def _user_weights(tasks: Sequence[RankingTask]) -> FloatArray | None:
    """(U,) weights that count each query_id once; None where each has one task anyway."""
    counts = Counter(task.query_id for task in tasks)
    if len(counts) == len(tasks):
        return None
    return np.array([1.0 / (counts[task.query_id] * len(counts)) for task in tasks])


def _vacuous_share(metric: Metric, n_candidates: IntArray) -> float:
    """Share of users for whom a listed target is always found."""
    return float((n_candidates <= metric.k).mean()) if isinstance(metric, Hit | Recall) else 0.0


def _difference(figure: _Figure) -> float:
    difference = abs(figure.value - figure.recomputed.expected)
    return math.inf if math.isnan(difference) else difference


def _row(figure: _Figure, label: str | None, n_candidates: IntArray) -> str:
    span, shown = (
        figure.recomputed,
        f"{figure.name}: reported {figure.value:.6g}, recomputed {figure.recomputed.expected:.6g}",
    )
    if span.high - span.low > 1e-9:
        shown += f" ({span.low:.6g} to {span.high:.6g} by the order of tied candidates)"
    if not figure.right:
        shown += f"; looks like {label}" if label else "; like no common mistake"
    elif figure.note:
        shown += f"; agrees {figure.note}"
    share = _vacuous_share(figure.metric, n_candidates)
    if share:
        full = int((n_candidates <= (cutoff_of(figure.metric) or 0)).sum())
        shown += f"; 1 by construction for each listed target of {full} of {len(n_candidates)} users"
    return shown


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


def _require_share(name: str, value: float, most: float) -> None:
    if not 0.0 <= value <= most:
        raise RerankGuardError(f"{name}={value!r} is out of range; give a number from 0 to {most:g}.")


def _not_understood(claim: str, others: str, n: int) -> Verdict:
    return Verdict(
        check="reported_metrics",
        status=Status.NOT_APPLICABLE,
        claim=claim,
        measured={"figures_at_fault": 0, "not_judged": others or "no figures"},
        threshold={"figures_at_fault": 0},
        n=n,
        cause="None of the reported names is that of a known ranking metric.",
        next_step="Report figures under names such as Recall@20, Hit@5, NDCG@10 or MRR.",
    )
