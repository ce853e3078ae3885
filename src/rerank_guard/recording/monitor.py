"""Follow a training job as it runs, and report when its verdicts are decided."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr

from rerank_guard.core.defaults import ALPHA, LEARNING_EFFECT
from rerank_guard.core.types import BoolArray, FloatArray, IntArray, TrainingTrace
from rerank_guard.stats.letters import LettersAgainstChance, LettersAgainstPrior

__all__ = ["TrainingMonitor", "decided_after", "feed"]


LOOK_EVERY = 5
"""Optimiser steps between two looks: saves nearly as many steps as a look after each, at a fifth of the cost."""

_SPARE = 2.0
"""The evidence expected of the held-out users before a job is ended, as a multiple of what a verdict needs."""


class TrainingMonitor:
    """Feeds the e-processes of the training checks, and reports when all of them have passed.

    A job that is decided may stop: what the checks test has been shown, and e-processes are valid at a moment chosen by
    looking at them (Ville 1939). A check that has not passed is never decided before the job's budget is spent: a job
    may learn late.

    Shown to learn is not yet good enough to beat a baseline on the held-out users. Where their number is known, the job
    continues until the ranking of its own first-pass examples is so far above chance that this many users would show it
    against any baseline at chance level, twice over. (A baseline above chance may take more users: then train longer.)

    Args:
        alpha: level of each check.
        effect: least gain over chance that counts as learning, as a share of log N, over the last half of the
            examples so far.
        cutoffs: the K of Recall@K that the held-out users will be judged at.
        n_users: how many held-out users there are; None to stop as soon as the training checks have passed.

    Attributes:
        chance: the e-process against chance.
        prior: the e-process against the best constant letter distribution; moves only where target positions are given.
        decided_after: steps after which all were decided; None before.
    """

    def __init__(
        self,
        *,
        alpha: float = ALPHA,
        effect: float = LEARNING_EFFECT,
        cutoffs: Sequence[int] = (),
        n_users: int | None = None,
    ) -> None:
        self.alpha = alpha
        self.effect = effect
        self.chance = LettersAgainstChance()
        self.prior = LettersAgainstPrior()
        self.decided_after: int | None = None
        self._cutoffs = tuple(cutoffs) if n_users is not None else ()
        self._n_users = n_users or 0
        self._steps = 0
        self._pending: list[_Rows] = []
        self._knows_positions = True
        self._finite = True
        # running sums over the first-pass examples, so that the last half is one subtraction: gain, log N, then for
        # each cutoff the hits and those expected by chance
        self._sums = [np.zeros(2 + 2 * len(self._cutoffs))]

    @property
    def decided(self) -> bool:
        """Whether every training check has passed, and the held-out users can be expected to decide."""
        return self.decided_after is not None

    @property
    def log10_e_value(self) -> float:
        """The largest E against chance so far, as a power of ten."""
        return self.chance.largest / math.log(10.0)

    def batch(
        self,
        nll: FloatArray,
        n_candidates: IntArray,
        first_pass: BoolArray,
        target_index: IntArray | None = None,
        tempered: FloatArray | None = None,
        target_rank: FloatArray | None = None,
    ) -> None:
        """Take in the examples of one optimiser step, all stated before that step.

        Args:
            nll: (B,) float64, nats: letter NLL. After a value that is not a finite number nothing is decided: such
                a job fails.
            n_candidates: (B,) int64.
            first_pass: (B,) bool; only these are bet on.
            target_index: (B,) int64, positions of the targets, where known.
            tempered: (B, T) float64, NLL at each temperature, where logits are known.
            target_rank: (B,) float64, mean rank of the target, where logits are known.
        """
        self._steps += 1
        finite = np.isfinite(nll)
        self._finite = self._finite and bool(finite.all())
        kept = first_pass & finite
        if bool(kept.any()):
            self._pending.append(
                _Rows(
                    nll[kept],
                    n_candidates[kept],
                    None if target_index is None else target_index[kept],
                    nll[kept, None] if tempered is None else tempered[kept],
                    None if target_rank is None else target_rank[kept],
                )
            )
        if self._steps % LOOK_EVERY == 0:
            self.look()

    def look(self) -> None:
        """Bet on the steps since the last look, as one batch; `batch` calls it every few steps."""
        if not self._pending:
            return
        rows = _Rows.joined(self._pending)
        self._pending = []
        self.chance.update(rows.bets, rows.n)
        if rows.positions is None:
            self._knows_positions = False
        else:
            self.prior.update(rows.bets, rows.n, rows.positions)
        log_n = np.log(rows.n.astype(np.float64))
        columns = [log_n - rows.nll, log_n]
        for k in self._cutoffs:
            # without ranks no example is a hit, so that such a job runs to its budget
            hits = np.zeros(len(log_n)) if rows.ranks is None else rows.ranks <= k
            columns += [hits.astype(np.float64), np.minimum(k / rows.n, 1.0)]
        self._sums += list(self._sums[-1] + np.cumsum(np.stack(columns, axis=1), axis=0))
        if self.decided_after is None and self._all_passed():
            self.decided_after = self._steps

    def _all_passed(self) -> bool:
        needed = math.log(1.0 / self.alpha)
        if not self._finite:
            return False
        if self.chance.largest < needed or (self._knows_positions and self.prior.largest < needed):
            return False
        half = (len(self._sums) - 1) // 2
        late = self._sums[-1] - self._sums[half]
        if late[0] < self.effect * late[1]:
            return False
        means = late[2:] / (len(self._sums) - 1 - half)
        return all(
            self._n_users * _growth(float(hit), float(chance)) >= _SPARE * needed
            for hit, chance in means.reshape(-1, 2)
        )


@dataclass(frozen=True, slots=True)
class _Rows:
    """First-pass examples of some steps."""

    nll: FloatArray
    n: IntArray
    positions: IntArray | None
    bets: FloatArray  # (B, T)
    ranks: FloatArray | None

    @staticmethod
    def joined(parts: Sequence[_Rows]) -> _Rows:
        return _Rows(
            np.concatenate([part.nll for part in parts]),
            np.concatenate([part.n for part in parts]),
            _joined([part.positions for part in parts]),
            np.concatenate([part.bets for part in parts]),
            _joined([part.ranks for part in parts]),
        )


def _joined(parts: Sequence[NDArray[Any] | None]) -> NDArray[Any] | None:
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if len(known) == len(parts) else None


def _growth(rate: float, chance: float) -> float:
    """Nats a user that the best paired bet gains, for a ranker of this hit rate against another one at chance.

    Of the users on whom two independent rankers differ, the share w = r(1-c) / (r(1-c) + c(1-r)) is won by the first: a
    coin of that bias, KL(w || 1/2) each.
    """
    wins, losses = rate * (1.0 - chance), chance * (1.0 - rate)
    if wins <= losses:
        return 0.0
    share = wins / (wins + losses)
    return float((wins + losses) * (rel_entr(share, 0.5) + rel_entr(1.0 - share, 0.5)))


def feed(monitor: TrainingMonitor, trace: TrainingTrace) -> None:
    """Pass a recorded job to the monitor, the examples of one optimiser step at a time."""
    edges = np.flatnonzero(np.diff(trace.example_step)) + 1
    for rows in np.split(np.arange(len(trace.letter_nll)), edges):
        monitor.batch(
            trace.letter_nll[rows],
            trace.n_candidates[rows],
            trace.first_pass[rows],
            None if trace.target_index is None else trace.target_index[rows],
            None if trace.tempered_nll is None else trace.tempered_nll[rows],
            None if trace.target_rank is None else trace.target_rank[rows],
        )
    monitor.look()


def decided_after(trace: TrainingTrace, *, alpha: float = ALPHA, effect: float = LEARNING_EFFECT) -> int | None:
    """After how many optimiser steps of a recorded job its training checks had all passed; None if they never did."""
    monitor = TrainingMonitor(alpha=alpha, effect=effect)
    feed(monitor, trace)
    return monitor.decided_after
