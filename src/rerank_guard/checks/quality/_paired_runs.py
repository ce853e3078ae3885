"""Two runs on the same users: the hits of both, paired, and two bets on their difference."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rerank_guard.baselines import chance_recalls_at_k
from rerank_guard.checks._nearest_passing import nearest_passing
from rerank_guard.checks.quality._hits import e_value_text
from rerank_guard.core.advice import setting_advice
from rerank_guard.core.types import FloatArray, IntArray
from rerank_guard.core.verdict import Status
from rerank_guard.stats.bets import first_crossing
from rerank_guard.stats.paired import log_e_path_better, log_e_path_worse_than
from rerank_guard.stats.sample_size import samples_to_bet_above, samples_to_bet_below
from rerank_guard.stored.standing import Standings

__all__ = ["REGRESSION_MARGIN", "PairedRuns"]

REGRESSION_MARGIN = 0.05
"""Least loss of Recall@K against the reference run that counts."""

_SHOWN_USERS = 2


@dataclass(frozen=True, slots=True, eq=False)
class PairedRuns:
    """This run and the reference run, user by user in the order of the query_ids' hashes.

    Attributes:
        now, reference: how each run ranks the targets.
        hits, reference_hits: (U,) expected hit of each user in the top K.
        chance: Recall@K of a random ranking.
        asked_margin: least loss that counts, as it was asked for.
        room: half of what the reference run had above chance.
        margin: the asked margin, at most the room.
        alpha: level of either decision.
        path_within: log e-process against "worse by the margin or more".
        path_worse: log e-process against "no worse".
    """

    now: Standings
    reference: Standings
    hits: FloatArray
    reference_hits: FloatArray
    chance: float
    asked_margin: float
    room: float
    margin: float
    alpha: float
    path_within: FloatArray
    path_worse: FloatArray

    @classmethod
    def of(cls, now: Standings, reference: Standings, k: int, *, alpha: float, margin: float) -> PairedRuns:
        """Pair the same users of both runs, and bet."""
        now, reference = now.taken(_hash_order(now.query_ids)), reference.taken(_hash_order(reference.query_ids))
        hits, reference_hits = now.hits_at(k), reference.hits_at(k)
        chance = float(chance_recalls_at_k(now.n_candidates, k).mean())
        room = max(float(reference_hits.mean()) - chance, 0.0) / 2.0
        allowed = min(margin, room)
        return cls(
            now=now,
            reference=reference,
            hits=hits,
            reference_hits=reference_hits,
            chance=chance,
            asked_margin=margin,
            room=room,
            margin=allowed,
            alpha=alpha,
            path_within=log_e_path_better(hits, reference_hits, -allowed),
            path_worse=log_e_path_worse_than(hits, reference_hits, 0.0),
        )

    @property
    def recall(self) -> float:
        """Of this run."""
        return float(self.hits.mean())

    @property
    def reference_recall(self) -> float:
        """Of the reference run."""
        return float(self.reference_hits.mean())

    @property
    def difference(self) -> float:
        """Recall of this run minus that of the reference run."""
        return float((self.hits - self.reference_hits).mean())

    @property
    def n_better(self) -> int:
        """Users with a higher expected hit than in the reference run."""
        return int((self.hits > self.reference_hits).sum())

    @property
    def n_worse(self) -> int:
        """Users with a lower expected hit than in the reference run."""
        return int((self.hits < self.reference_hits).sum())

    @property
    def log_e_worse(self) -> float:
        """Log E against "no worse", after all users."""
        return float(self.path_worse[-1])

    @property
    def is_within(self) -> bool:
        """Whether "worse by the margin or more" is rejected."""
        return float(self.path_within[-1]) >= math.log(1.0 / self.alpha)

    @property
    def is_worse(self) -> bool:
        """Whether "no worse" is rejected."""
        return self.log_e_worse >= math.log(1.0 / self.alpha)

    @property
    def status(self) -> Status:
        """Passed within the margin, whether or not it is worse; failed where it is worse; else inconclusive."""
        if self.is_within:
            return Status.PASSED
        return Status.FAILED if self.is_worse else Status.INCONCLUSIVE

    def rows(self) -> tuple[str, ...]:
        """Both decisions, a loss below the margin, and a margin that was reduced."""
        found = [
            self._decision(self.path_within, f"worse by {self.margin:.3g} or more"),
            self._decision(self.path_worse, "no worse"),
        ]
        if self.is_within and self.is_worse:
            found.append(f"a loss of about {-self.difference:.2g} is significant, and less than the margin")
        if self.margin < self.asked_margin:
            found.append(
                f"the margin is {self.margin:.3g} and not {self.asked_margin:g}, half of what the reference run had above "
                "chance"
            )
        return tuple(found)

    def largest_falls(self) -> tuple[str, ...]:
        """Of a failed comparison, the users whose target fell furthest among those who lost their hit."""
        if self.status is not Status.FAILED:
            return ()
        ranks, reference_ranks = self.now.ranks(), self.reference.ranks()
        fall = np.where(self.hits < self.reference_hits, ranks - reference_ranks, -np.inf)
        worst = np.argsort(-fall, kind="stable")[:_SHOWN_USERS]
        return tuple(
            f"{self.now.query_ids[row]!r}: target at rank {reference_ranks[row]:g} of {self.now.n_candidates[row]} in the "
            f"reference run, now at {ranks[row]:g}"
            for row in worst
            if fall[row] > 0
        )

    def undecided(self) -> tuple[str, str]:
        """Cause and next step of an inconclusive comparison."""
        n, halves = len(self.hits), (self.hits - self.reference_hits + 1.0) / 2.0
        cause = (
            f"{n} users are too few to decide whether the ranking is worse than the reference run's by {self.margin:.3g} or "
            "more."
        )
        if self.margin == 0.0:
            cause = (
                "The reference run is no better than chance, and this run is not clearly better or worse than it."
            )
        numbers = [
            number
            for number in (
                samples_to_bet_above(halves, (1.0 - self.margin) / 2.0, self.alpha),
                samples_to_bet_below(halves, 0.5, self.alpha),
            )
            if number is not None
        ]
        if not numbers:
            return cause, (
                f"No number of users at these rates would decide; judge on other users too{self._wider()}, or store a better "
                "run with --rerank-update-reference."
            )
        return cause, (
            f"About {max(min(numbers), n + 1)} users at these rates would decide (now {n}); since runs are compared on the "
            "same users, the reference run has to be judged on them too."
        )

    def _wider(self) -> str:
        """The advice of a margin with which this run passes, within what the reference run had above chance."""
        if self.margin < self.asked_margin or self.room <= self.margin:
            return ""
        wider = nearest_passing(
            lambda margin: (
                log_e_path_better(self.hits, self.reference_hits, -margin)[-1] >= math.log(1.0 / self.alpha)
            ),
            self.asked_margin,
            self.room,
        )
        return "" if wider is None else f", {setting_advice('no_regression', 'margin', wider)}"

    def _decision(self, path: FloatArray, what: str) -> str:
        after = first_crossing(path, len(self.hits), self.alpha)
        when = f", rejected after {after} users" if after else ""
        return f'"{what}": {e_value_text(float(path[-1]))}{when}'


def _hash_order(query_ids: Sequence[str]) -> IntArray:
    digests = [hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest() for name in query_ids]
    return np.array(sorted(range(len(digests)), key=digests.__getitem__), dtype=np.int64)
