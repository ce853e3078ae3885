"""Checks on what healthy rerankers give, over many seeds, sizes and shapes: how often does one fail, or not decide?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from benchmarks.statistics import healthy_draws as draws
from tqdm import tqdm

from rerank_guard.checks.data.no_history_leak import no_history_leak
from rerank_guard.checks.data.target_positions_uniform import target_positions_uniform
from rerank_guard.checks.data.titles_distinct import titles_distinct
from rerank_guard.checks.quality.no_regression import no_regression
from rerank_guard.checks.quality.no_slowdown import no_slowdown
from rerank_guard.checks.quality.recall_within_ceiling import recall_within_ceiling
from rerank_guard.checks.scoring.batch_invariant import batch_invariant
from rerank_guard.checks.scoring.calibrated import calibrated
from rerank_guard.checks.scoring.no_order_fallback import no_order_fallback
from rerank_guard.checks.scoring.permutation_equivariant import permutation_equivariant
from rerank_guard.checks.scoring.recall_uniform_by_position import recall_uniform_by_position
from rerank_guard.checks.training.loss_below_letter_prior import loss_below_letter_prior
from rerank_guard.checks.training.loss_below_random import loss_below_random
from rerank_guard.checks.training.loss_recorded_per_letter import loss_recorded_per_letter
from rerank_guard.core.check import Check
from rerank_guard.core.verdict import Status

__all__ = ["GRIDS", "Grid", "measure"]


@dataclass(frozen=True)
class Grid:
    """Healthy inputs of one check.

    Attributes:
        name: what is drawn.
        draw: from a generator to the check's inputs, by name.
        check: the one that must not fail, at its own level.
        draws: how many.
    """

    name: str
    draw: Callable[[np.random.Generator], dict[str, Any]]
    check: Check[...]
    draws: int = 200


GRIDS = (
    Grid("targets at uniform positions", draws.uniform_positions, target_positions_uniform, 400),
    Grid("films with remakes of the same name", draws.films_with_remakes, titles_distinct, 40),
    Grid("films with remakes, in history and candidates", draws.films_with_remakes, no_history_leak, 40),
    Grid("targets drawn from the model's softmax", draws.learned_letters, loss_below_random),
    Grid("uniform positions, knowing nothing to much", draws.unlearned_letters, loss_below_letter_prior, 400),
    Grid("losses with their ranks, some tied", draws.true_losses, loss_recorded_per_letter),
    Grid("losses of two values", draws.coarse_losses, loss_recorded_per_letter, 400),
    Grid("two batches in half precision", draws.half_precision, batch_invariant),
    Grid("probabilities, calibrated or too flat", draws.calibrated_probabilities, calibrated),
    Grid("exchangeable scores", draws.exchangeable_scores, no_order_fallback),
    Grid(
        "scores that fall by up to two standard deviations a position",
        draws.preference_for_early_positions,
        no_order_fallback,
    ),
    Grid("a strong letter prior", draws.letter_prior, no_order_fallback),
    Grid("items that matter most, or nothing does", draws.item_tastes, permutation_equivariant),
    Grid("hits that do not depend on the position", draws.scores_without_positions, recall_uniform_by_position),
    Grid("a ranking by the exact posterior", draws.exact_posterior, recall_within_ceiling),
    Grid("the same job with another seed", draws.with_another_seed, no_regression, 100),
    Grid("the same pace, or up to a fifth slower", draws.same_pace, no_slowdown, 400),
)


def measure(seed: int) -> dict[str, Any]:
    """Verdicts of each grid; its draws depend on the seed and its place alone."""
    return {"grids": [_row(grid, seed, place) for place, grid in enumerate(tqdm(GRIDS, desc="grids", leave=False))]}


def _row(grid: Grid, seed: int, place: int) -> dict[str, Any]:
    verdicts = (
        grid.check(**grid.draw(np.random.default_rng([seed, 41, place, number]))) for number in range(grid.draws)
    )
    counts = Counter(verdict.status for verdict in verdicts)
    return {
        "grid": grid.name,
        "check": grid.check.name,
        "alpha": grid.check.settings.get("alpha"),
        "draws": grid.draws,
        "failed": counts[Status.FAILED],
        "inconclusive": counts[Status.INCONCLUSIVE],
        "not_applicable": counts[Status.NOT_APPLICABLE],
    }
