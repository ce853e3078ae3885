"""Recall of the reranker compared with chance or with one baseline, as two bets: "no better" and "better by the effect"."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rerank_guard.checks.quality._hits import e_value_text
from rerank_guard.core.types import FloatArray
from rerank_guard.stats.bets import first_crossing, log_e_path_above, log_e_path_below
from rerank_guard.stats.paired import log_e_path_better, log_e_path_worse_than
from rerank_guard.stats.sample_size import samples_to_bet_above, samples_to_bet_below

__all__ = ["CHANCE", "Comparison", "Levels", "compare_with_baseline", "compare_with_chance"]

CHANCE = "chance"


@dataclass(frozen=True, slots=True)
class Levels:
    """What decides a comparison.

    Attributes:
        alpha: level at which "no better" is rejected.
        alpha_failed: level at which "better by at least the effect" is rejected: alpha, shared among all comparisons.
        effect: least difference of Recall@K that counts.
    """

    alpha: float
    alpha_failed: float
    effect: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The reranker compared with one baseline.

    Attributes:
        baseline: its name.
        recall: the baseline's Recall@K.
        difference: the reranker's Recall@K minus the baseline's.
        effect: least difference that counts here.
        log_e_better: log E against "the reranker is no better".
        log_e_trivial: log E against "the reranker is better by at least the effect".
        levels: what the two are compared with.
        decided_after: users after which "no better" was rejected; None if it never was.
        enough: users that would decide at these rates; None where no number would.
    """

    baseline: str
    recall: float
    difference: float
    effect: float
    log_e_better: float
    log_e_trivial: float
    levels: Levels
    decided_after: int | None
    enough: int | None

    @property
    def beaten(self) -> bool:
        """Whether "no better" is rejected."""
        return self.log_e_better >= math.log(1.0 / self.levels.alpha)

    @property
    def failed(self) -> bool:
        """Whether "better by at least the effect" is rejected, and the gain, if any, does not count.

        Beating a real baseline for certain is useful however small the gain; beating chance is not.
        """
        trivial = self.log_e_trivial >= math.log(1.0 / self.levels.alpha_failed)
        return trivial and (self.baseline == CHANCE or not self.beaten)

    @property
    def passed(self) -> bool:
        """Whether the baseline is beaten, by an amount that counts."""
        return self.beaten and not self.failed

    def row(self) -> str:
        """The comparison on one line."""
        when = f", decided after {self.decided_after} users" if self.beaten and self.decided_after else ""
        return (
            f"{self.baseline} {self.recall:.3f} (difference {self.difference:+.3f}, "
            f"{e_value_text(self.log_e_better)}{when})"
        )


def compare_with_chance(hits: FloatArray, rates: FloatArray, levels: Levels) -> Comparison:
    """A bet on hits of a rate above K/N, which is valid for any N and for hits in expectation over ties.

    The effect is at most chance itself, and at most half of the room above chance: where chance is 0.02, a recall of
    0.04 is a gain that counts.

    Args:
        hits: (U,) in [0, 1].
        rates: (U,) chance of a hit, K/N.
        levels: what decides.
    """
    chance, recall, n = float(rates.mean()), float(hits.mean()), len(hits)
    effect = min(levels.effect, chance, (1.0 - chance) / 2.0)
    better = log_e_path_above(hits, rates)
    # the mean alone is shifted: a rate of its own plus the effect could leave [0, 1] where N is small
    trivial = log_e_path_below(hits, chance + effect)
    return Comparison(
        baseline=CHANCE,
        recall=chance,
        difference=recall - chance,
        effect=effect,
        log_e_better=float(better[-1]),
        log_e_trivial=float(trivial[-1]),
        levels=levels,
        decided_after=first_crossing(better, n, levels.alpha),
        enough=_fewest(
            [
                samples_to_bet_above(hits, rates, levels.alpha),
                samples_to_bet_below(hits, chance + effect, levels.alpha_failed),
            ]
        ),
    )


def compare_with_baseline(name: str, hits: FloatArray, baseline_hits: FloatArray, levels: Levels) -> Comparison:
    """A bet on the difference user by user. The effect is at most half of the room that the baseline leaves below 1.

    Args:
        name: of the baseline.
        hits: (U,) in [0, 1], of the reranker.
        baseline_hits: the same of the baseline, the same users in the same order.
        levels: what decides.
    """
    differences, recall = hits - baseline_hits, float(baseline_hits.mean())
    effect = min(levels.effect, (1.0 - recall) / 2.0)
    halves = (differences + 1.0) / 2.0
    better = log_e_path_better(hits, baseline_hits)
    return Comparison(
        baseline=name,
        recall=recall,
        difference=float(differences.mean()),
        effect=effect,
        log_e_better=float(better[-1]),
        log_e_trivial=float(log_e_path_worse_than(hits, baseline_hits, effect)[-1]),
        levels=levels,
        decided_after=first_crossing(better, len(hits), levels.alpha),
        enough=_fewest(
            [
                samples_to_bet_above(halves, 0.5, levels.alpha),
                samples_to_bet_below(halves, (1.0 + effect) / 2.0, levels.alpha_failed),
            ]
        ),
    )


def _fewest(numbers: Sequence[int | None]) -> int | None:
    return min((number for number in numbers if number is not None), default=None)
