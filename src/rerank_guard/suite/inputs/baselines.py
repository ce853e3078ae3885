"""Inputs that the ranking is compared with, as far as the reranker's data and methods allow."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from rerank_guard.baselines import (
    chance_recalls_at_k,
    first_stage_scores,
    listed_order_scores,
    popularity_scores,
    recency_scores,
    reversed_listed_order_scores,
    reversed_popularity_scores,
    reversed_recency_scores,
)
from rerank_guard.baselines.counterfactual import (
    blank_prompts,
    content_free_scores,
    has_histories_to_swap,
    swapped_histories,
)
from rerank_guard.core.given import Cost, gives
from rerank_guard.core.listed import falls_by_first_stage, target_listing
from rerank_guard.core.target import ScoresSyntheticTasks
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import BoolArray, FloatArray
from rerank_guard.stats.bets import log_e_value_above
from rerank_guard.suite.asking import Asking
from rerank_guard.suite.rows import as_float_rows

__all__: list[str] = []

_MOST_IN_ORDER = 0.9
"""Share of the lists by falling first-stage scores from which on the listed order is the first stage's."""

_POSITION_SKEW_ALPHA = 0.01
"""Level at which the listed order counts as better than chance and becomes a baseline of its own."""


@gives()
def swapped_tasks(asking: Asking, tasks: TaskTable) -> TaskTable | None:
    """The held-out tasks with the histories exchanged among the users; None where there is nothing to exchange."""
    if not has_histories_to_swap(tasks):
        return None
    return swapped_histories(tasks, np.random.default_rng(asking.settings.seed)).tasks


@gives(needs=ScoresSyntheticTasks, cost=Cost.SCORING)
def raw_blank_scores(asking: Asking, tasks: TaskTable) -> object:
    """What score_synthetic() gave for blank prompts."""
    __tracebackhide__ = True
    method = asking.capable(ScoresSyntheticTasks).score_synthetic
    return asking.ask(method, blank_prompts(tasks), "scoring, blank prompts")


@gives(needs=ScoresSyntheticTasks, cost=Cost.SCORING)
def raw_swapped_scores(asking: Asking, swapped_tasks: TaskTable | None) -> object:
    """What score_synthetic() gave for exchanged histories; None where there are none."""
    __tracebackhide__ = True
    if swapped_tasks is None:
        return None
    method = asking.capable(ScoresSyntheticTasks).score_synthetic
    return asking.ask(method, swapped_tasks, "scoring, histories swapped")


@gives()
def own_baselines(
    tasks: TaskTable, raw_blank_scores: object, raw_swapped_scores: object
) -> dict[str, list[FloatArray]]:
    """The model itself on blank prompts (Zhao et al. 2021) and with swapped histories."""
    of_blanks = as_float_rows(raw_blank_scores, "scores (blank prompts)", "score_synthetic()")
    baselines = {"content-free prior": content_free_scores(tasks, of_blanks)}
    if raw_swapped_scores is not None:
        baselines["history-blind"] = as_float_rows(
            raw_swapped_scores, "scores (histories swapped)", "score_synthetic()"
        )
    return baselines


@gives()
def baselines(
    tasks: TaskTable,
    k: int,
    item_popularity: Mapping[str, int] | None = None,
    item_times: Mapping[str, Mapping[str, float]] | None = None,
    own_baselines: dict[str, list[FloatArray]] | None = None,
) -> dict[str, list[FloatArray]]:
    """Name to scores on the held-out tasks; chance is not among them, since the check computes it exactly.

    Raises:
        InvalidTaskError: first_stage_scores for some tasks only, or a popularity or times that know no candidate.
    """
    found = _skewed_orders(tasks, k)
    if _in_first_stage_order(tasks):
        found.pop("listed order", None)  # it is the retriever's order, which is compared with by that name
    if item_popularity is not None:
        found["popularity"] = popularity_scores(tasks, item_popularity)
        found["reversed popularity"] = reversed_popularity_scores(tasks, item_popularity)
    if tasks.first_stage_scores is not None:
        found["retriever order"] = first_stage_scores(tasks)
    for kind, times in (item_times or {}).items():
        found[f"newest first ({kind})"] = recency_scores(tasks, times)
        found[f"oldest first ({kind})"] = reversed_recency_scores(tasks, times)
    return found | (own_baselines or {})


def _in_first_stage_order(tasks: TaskTable) -> bool:
    return float(falls_by_first_stage(tasks).mean()) >= _MOST_IN_ORDER


def _skewed_orders(tasks: TaskTable, k: int) -> dict[str, list[FloatArray]]:
    """The listed order and its reverse, each where it beats chance by itself (p <= 0.01): positions are then not uniform.

    Where positions are uniform these orders are chance, which is tested exactly already; a paired comparison with one
    draw of them would only cost users.
    """
    position, n = target_listing(tasks).position, tasks.n_candidates
    orders: dict[str, tuple[BoolArray, Callable[[TaskTable], list[FloatArray]]]] = {
        "listed order": ((position >= 0) & (position < k), listed_order_scores),
        "reversed listed order": ((position >= 0) & (position >= n - k), reversed_listed_order_scores),
    }
    rates, needed = chance_recalls_at_k(n, k), math.log(1.0 / _POSITION_SKEW_ALPHA)
    return {
        name: scores(tasks)
        for name, (hits, scores) in orders.items()
        if log_e_value_above(hits.astype(np.float64), rates) >= needed
    }
