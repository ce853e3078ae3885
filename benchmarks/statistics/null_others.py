"""The other e-processes under their nulls: how often do they ever cross 1/alpha?"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from benchmarks.statistics.cases import ALPHA
from scipy.stats import beta
from tqdm import tqdm

from rerank_guard.stats import (
    LettersAgainstChance,
    LettersAgainstPrior,
    log_e_path_better,
    log_e_path_counts_above,
    log_e_path_uneven,
    log_e_path_worse_than,
    tempered_nll,
)

__all__ = ["measure"]

USERS, BATCHES, BATCH, POSITIONS = 1_000, 60, 16, 50
N = np.full(BATCH, POSITIONS)


def measure(seed: int) -> dict[str, Any]:
    """The share of null replays whose largest E reaches 1/alpha, for each e-process."""
    rng = np.random.default_rng(seed)
    needed = math.log(1.0 / ALPHA)
    rows = []
    for name, looks, simulations, largest in _NULLS:
        crossed = sum(
            largest(rng) >= needed
            for _ in tqdm(range(simulations), desc=f"null: {name}", leave=False, mininterval=1)
        )
        rows.append(
            {
                "null": name,
                "looks": looks,
                "simulations": simulations,
                "crossed": int(crossed),
                "share": crossed / simulations,
                "at_most": float(beta.ppf(0.95, crossed + 1, simulations - crossed)),  # Clopper-Pearson, one-sided
            }
        )
    return {"alpha": ALPHA, "nulls": rows}


def equal_rankers(rng: np.random.Generator) -> float:
    """Hit rates of 0.45 each; on half of the users the two are the same ranker."""
    first, own = rng.random(USERS) < 0.45, rng.random(USERS) < 0.45
    second = np.where(rng.random(USERS) < 0.5, first, own)
    return float(log_e_path_better(first.astype(float), second.astype(float)).max())


def better_by_the_effect(rng: np.random.Generator) -> float:
    """Exactly 0.05 better, and so it must not be failed as "better by less than 0.05"."""
    shared = rng.random(USERS)
    return float(log_e_path_worse_than((shared < 0.5).astype(float), (shared < 0.45).astype(float), 0.05).max())


def several_targets(rng: np.random.Generator) -> float:
    """Three targets among 50 in a random order, cut at 20."""
    ones = np.ones(USERS, dtype=np.int64)
    return float(log_e_path_counts_above(50 * ones, 3 * ones, 20, rng.hypergeometric(3, 47, 20, USERS)).max())


def uniform_positions(rng: np.random.Generator) -> float:
    return float(log_e_path_uneven(rng.integers(0, POSITIONS, USERS), POSITIONS).max())


def ignorant(spread: float) -> Callable[[np.random.Generator], float]:
    """A model of favourite letters and fresh noise, both of this spread in logits; it knows nothing of the target."""

    def largest(rng: np.random.Generator) -> float:
        process, favourites = LettersAgainstChance(), rng.normal(0.0, spread, POSITIONS)
        for _ in range(BATCHES):
            logits = favourites + rng.normal(0.0, spread, (BATCH, POSITIONS))
            process.update(tempered_nll(logits, rng.integers(0, POSITIONS, BATCH), N), N)
        return process.largest

    return largest


def knows_the_positions(rng: np.random.Generator) -> float:
    """Targets that favour the first positions, and a model that knows their shares exactly, and nothing else."""
    process, shares = LettersAgainstPrior(), np.exp(-np.arange(POSITIONS) / 10.0)
    shares /= shares.sum()
    logits = np.tile(np.log(shares), (BATCH, 1))
    for _ in range(BATCHES):
        positions = rng.choice(POSITIONS, BATCH, p=shares)
        process.update(tempered_nll(logits, positions, N), N, positions)
    return process.largest


_USERS_LOOKED, _BATCHES_LOOKED = f"{USERS:,} users", f"{BATCHES} batches of {BATCH}"
_NULLS: tuple[tuple[str, str, int, Callable[[np.random.Generator], float]], ...] = (
    ("paired comparison, two equal rankers", _USERS_LOOKED, 10_000, equal_rankers),
    ("paired comparison, better by exactly the effect, FAILED", _USERS_LOOKED, 5_000, better_by_the_effect),
    ("three targets among 50, a random order", _USERS_LOOKED, 5_000, several_targets),
    ("positions, uniformly used", _USERS_LOOKED, 20_000, uniform_positions),
    (
        "letters against chance, ignorant and over-confident (logits' spread 4)",
        _BATCHES_LOOKED,
        2_000,
        ignorant(4.0),
    ),
    ("letters against chance, ignorant and nearly uniform (spread 0.3)", _BATCHES_LOOKED, 2_000, ignorant(0.3)),
    (
        "letters against a prior, skewed positions and a model that knows only these",
        _BATCHES_LOOKED,
        2_000,
        knows_the_positions,
    ),
)
