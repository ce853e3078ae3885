"""Does a model in training know more of the target's letter than chance, or than any fixed letter prior?

Against chance. If the target's position is uniform and the model knows nothing of it, then E[N p(y)] = 1 whatever the
model's probabilities p over the N letters are, as long as they were stated before the model trained on the example.
So prod_t N_t p_t(y_t) is an e-process (Ville 1939; Shafer 2021, "Testing by betting"). Nothing is clipped: a clipped
loss would not average to chance any more. Three mixtures keep its power, each of e-processes and so one itself:

- over temperatures, p_T proportional to p^(1/T): an over-confident model loses more on its misses than it gains, and
  still knows something;
- over shares s of the wealth that are staked, the factor being 1 - s + s N p(y), for the same reason where only p(y) was
  recorded;
- over the batch at which the betting starts, with prior 1/(b (b + 1)) on batch b: a job's first hundred batches, in
  which it has learned nothing, would otherwise have to be won back.

Against a letter prior. prod_t p_t(y_t) over the best constant letter distribution in hindsight,
prod_j (c_j / n)^c_j for letter counts c: the denominator is at least what any constant distribution gives, so the
ratio is below the likelihood ratio against each of them and an e-process under all of them (the numerator may be any
predictive model: Wasserman, Ramdas and Balakrishnan 2020, "Universal inference"). Here too the numerator mixes over
temperatures, and betting may start late.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import logsumexp, xlogy

from rerank_guard.core.types import FloatArray, IntArray

__all__ = ["SHARES", "TEMPERATURES", "LettersAgainstChance", "LettersAgainstPrior", "mean_rank", "tempered_nll"]

TEMPERATURES = (1.0, 2.0, 4.0)
"""1 first: the model's own probabilities."""

SHARES = (1.0, 0.5, 0.1)
"""Shares of the wealth that are staked."""


def tempered_nll(letter_logits: FloatArray, target_index: IntArray, n_candidates: IntArray) -> FloatArray:
    """The target letter's NLL at each of `TEMPERATURES`.

    Args:
        letter_logits: (B, Nmax) real; columns from N on are ignored.
        target_index: (B,) int64, position of the target.
        n_candidates: (B,) int64, N of each example.

    Returns:
        (B, len(TEMPERATURES)) float64, nats.
    """
    logits = _in_use(letter_logits, n_candidates)
    rows = np.arange(len(logits))
    logits = logits - logits.max(axis=1, keepdims=True)  # the largest is 0, so no exponential overflows
    scaled = logits[:, None, :] / np.array(TEMPERATURES)[:, None]
    return np.asarray(np.log(np.exp(scaled).sum(axis=2)) - scaled[rows, :, target_index], dtype=np.float64)


def mean_rank(letter_logits: FloatArray, target_index: IntArray, n_candidates: IntArray) -> FloatArray:
    """(B,) float64 rank of the target's letter, 1 the best; tied letters share their mean rank. Arguments as above."""
    logits = _in_use(letter_logits, n_candidates)
    own = logits[np.arange(len(logits)), target_index][:, None]
    return np.asarray(0.5 + (logits > own).sum(axis=1) + 0.5 * (logits == own).sum(axis=1), dtype=np.float64)


def _in_use(letter_logits: FloatArray, n_candidates: IntArray) -> FloatArray:
    logits = np.asarray(letter_logits, dtype=np.float64)
    return np.where(np.arange(logits.shape[1]) < n_candidates[:, None], logits, -np.inf)


class LettersAgainstChance:
    """The e-process against "the letters are at chance", fed batch by batch; a batch costs some microseconds.

    Attributes:
        log_e: log E after the last batch, nats.
        largest: the largest log E so far; reject at alpha when it is at least log(1/alpha).
    """

    def __init__(self) -> None:
        self.log_e = 0.0
        self.largest = 0.0
        self._batches = 0
        self._log_started: FloatArray | None = None  # wealth of the bets that have started, before mixing

    def update(self, nll: FloatArray, n_candidates: IntArray) -> None:
        """Bet on a batch.

        Args:
            nll: (B, T) float64, nats: the target letter's NLL at each temperature (or at the first alone, T = 1),
                stated before the step that trains on the batch; the same T at every call.
            n_candidates: (B,) int64, N of each example.
        """
        if len(nll) == 0:
            return
        self._batches += 1
        ratio = np.log(n_candidates.astype(np.float64))[:, None] - nll  # log N p(y)
        share = np.array(SHARES)
        with np.errstate(divide="ignore"):
            factors = np.logaddexp(np.log1p(-share), np.log(share) + ratio[..., None]).sum(axis=0).reshape(-1)
        begins = -math.log(self._batches) - math.log(self._batches + 1.0)
        waiting = -math.log(self._batches + 1.0)
        before = np.full(len(factors), -np.inf) if self._log_started is None else self._log_started
        self._log_started = np.logaddexp(before, begins) + factors
        self.log_e = float(np.logaddexp(logsumexp(self._log_started) - math.log(len(factors)), waiting))
        self.largest = max(self.largest, self.log_e)


class LettersAgainstPrior:
    """The e-process against "a constant letter distribution explains the targets as well", fed batch by batch.

    Betting starts at batch 1, 2, 4, 8, ..., each with an equal share of what is left, so that the letters counted in
    hindsight are those of the same stretch. Examples of another N than the first one's are left out: a letter
    distribution is one over N letters.

    Attributes:
        log_e: log E after the last batch, nats.
        largest: the largest log E so far.
    """

    def __init__(self) -> None:
        self.log_e = 0.0
        self.largest = 0.0
        self._batches = 0
        self._n: int | None = None
        self._counts = np.zeros((0, 0))  # (starts, N)
        self._log_numerators = np.zeros((0, 0))  # (starts, T)

    def update(self, nll: FloatArray, n_candidates: IntArray, target_index: IntArray) -> None:
        """Bet on a batch; see `LettersAgainstChance.update`. `target_index` is (B,) int64."""
        if self._n is None and len(n_candidates):
            self._n = int(n_candidates[0])
            self._counts = np.zeros((0, self._n))
            self._log_numerators = np.zeros((0, nll.shape[1]))
        kept = n_candidates == self._n
        if not bool(kept.any()):
            return
        self._batches += 1
        if self._batches & (self._batches - 1) == 0:  # a power of two: one more start
            self._counts = np.vstack([self._counts, np.zeros(self._counts.shape[1])])
            self._log_numerators = np.vstack([self._log_numerators, np.zeros(self._log_numerators.shape[1])])
        self._counts += np.bincount(target_index[kept], minlength=self._counts.shape[1])
        self._log_numerators -= nll[kept].sum(axis=0)
        n = self._counts.sum(axis=1)
        in_hindsight = xlogy(self._counts, self._counts).sum(axis=1) - xlogy(n, n)
        numerators = logsumexp(self._log_numerators, axis=1) - math.log(self._log_numerators.shape[1])
        # start s has prior 2^-s; those still waiting keep the rest, with a wealth of 1
        starts = np.arange(1, len(n) + 1)
        log_prior = -starts * math.log(2.0)
        self.log_e = float(logsumexp(np.append(log_prior + numerators - in_hindsight, -len(n) * math.log(2.0))))
        self.largest = max(self.largest, self.log_e)
