"""How many users does a ranker of a known rate need until it passes? Exactly, and by replays of the e-process."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from benchmarks.statistics.cases import ALPHA, CASES, Case
from scipy.special import betainc, betaln, rel_entr
from tqdm import tqdm

from rerank_guard.stats import first_crossing, hits_needed, log_e_path_above, users_until, when_decided

__all__ = ["measure"]

USERS = 2_000
BETA_USERS = 800  # enough for a median
REPLAYS = 1_000
SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
CURVE_EVERY = 4  # users, of the curve that is drawn


def measure(seed: int) -> dict[str, Any]:
    """Quantiles of the deciding user for each case, beside the limit, the oracle and plain Beta mixtures."""
    rng = np.random.default_rng(seed)
    return {
        "alpha": ALPHA,
        "users": USERS,
        "replays": REPLAYS,
        "shares": list(SHARES),
        "curve_every": CURVE_EVERY,
        "cases": [_case(case, rng) for case in tqdm(CASES, desc="median users", leave=False)],
    }


def _case(case: Case, rng: np.random.Generator) -> dict[str, Any]:
    passed, _ = when_decided(case.truth, hits_needed(case.chance, USERS, ALPHA))
    kl = float(rel_entr(case.truth, case.chance) + rel_entr(1.0 - case.truth, 1.0 - case.chance))
    decided = [_replay(case, rng) for _ in range(REPLAYS)]
    return {
        "case": case.name,
        "chance": case.chance,
        "truth": case.truth,
        "limit": case.limit,
        "kl": kl,
        "oracle": math.log(1.0 / ALPHA) / kl,
        "median": users_until(0.5, passed),
        "quantiles": [users_until(share, passed) for share in SHARES],
        **{
            f"median_{name}": users_until(
                0.5, when_decided(case.truth, beta_needed(case.chance, BETA_USERS, ALPHA, shape))[0]
            )
            for name, shape in (("flat", 1.0), ("jeffreys", 0.5))
        },
        "median_simulated": float(np.median(decided)),
        # the exact probability of a pass no later than the simulated median; 1/2 up to the simulation's error
        "exact_at_simulated_median": float(passed[int(np.median(decided)) - 1]),
        "curve": [round(float(share), 5) for share in passed[CURVE_EVERY - 1 :: CURVE_EVERY]],
    }


def _replay(case: Case, rng: np.random.Generator) -> int:
    """Users after which the e-process itself passes; the horizon plus 1 when it has not."""
    hits = (rng.random(USERS) < case.truth).astype(np.float64)
    return first_crossing(log_e_path_above(hits, case.chance), USERS, ALPHA) or USERS + 1


def beta_needed(chance: float, n_users: int, alpha: float, shape: float) -> np.ndarray[Any, np.dtype[np.int64]]:
    """As `hits_needed`, for the wealth under a Beta(shape, shape) prior of the rate, cut to (chance, 1).

    For comparison alone; shape 1 is flat, shape 1/2 Jeffreys's.
    """
    n = np.arange(1, n_users + 1)[:, None]
    hits = np.arange(n_users + 1)[None, :]
    misses = np.maximum(n - hits, 0)
    with np.errstate(divide="ignore"):  # no mass above chance is a wealth of 0
        log_e = np.log(betainc(misses + shape, hits + shape, 1.0 - chance))
    log_e += betaln(hits + shape, misses + shape)
    log_e -= math.log(betainc(shape, shape, 1.0 - chance)) + betaln(shape, shape)
    log_e -= hits * math.log(chance) + misses * math.log1p(-chance)
    reached = (log_e >= math.log(1.0 / alpha)) & (hits <= n)
    return np.where(reached.any(axis=1), reached.argmax(axis=1), n[:, 0] + 1)
