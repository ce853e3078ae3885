"""How often does a ranker that knows nothing pass, when there is a look after every user?

Random scores go through the product's own metric; the boundary of hits is the product's own (`stats.power`), and a
sample of the replays is decided by the e-process itself to show that both agree.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from benchmarks.statistics.cases import ALPHA, NULL_CHECKS, NullCheck
from scipy.stats import binom
from tqdm import tqdm

from rerank_guard.metrics import Hit, target_standing
from rerank_guard.stats import first_crossing, hits_needed, log_e_path_above, when_decided

__all__ = ["measure"]

SIMULATIONS = 20_000
USERS = 1_000
LONG_RUN = 20_000  # users of the second exact figure
AT_ONCE = 200
CHECKED_AT_ONCE = 5  # by the e-process itself, besides all that passed
NAIVE_USERS = 100


def measure(seed: int) -> dict[str, Any]:
    """Shares of null rankers that pass, for each check, with the exact probabilities."""
    rng = np.random.default_rng(seed)
    passed = dict.fromkeys(NULL_CHECKS, 0)
    naive_once, naive_every = dict.fromkeys(NULL_CHECKS, 0), dict.fromkeys(NULL_CHECKS, 0)
    needed = {check: hits_needed(check.chance, USERS, ALPHA) for check in NULL_CHECKS}
    paths_checked, disagreements = 0, 0
    naive = {check: naive_needed(check) for check in NULL_CHECKS}
    for _ in tqdm(range(SIMULATIONS // AT_ONCE), desc="null: random rankers", leave=False):
        for n_candidates in sorted({check.n_candidates for check in NULL_CHECKS}):
            standing = target_standing(
                rng.random((AT_ONCE * USERS, n_candidates)), rng.integers(0, n_candidates, AT_ONCE * USERS)
            )
            for check in (check for check in NULL_CHECKS if check.n_candidates == n_candidates):
                hits = standing.values(Hit(check.k)).reshape(AT_ONCE, USERS)
                counts = np.cumsum(hits, axis=1)
                crossed = (counts >= needed[check]).any(axis=1)
                passed[check] += int(crossed.sum())
                naive_once[check] += int((counts[:, NAIVE_USERS - 1] >= naive[check][-1]).sum())
                naive_every[check] += int((counts[:, :NAIVE_USERS] >= naive[check]).any(axis=1).sum())
                for row in np.union1d(np.flatnonzero(crossed), np.arange(CHECKED_AT_ONCE)).tolist():
                    path = log_e_path_above(hits[row], check.chance)
                    paths_checked += 1
                    disagreements += (first_crossing(path, USERS, ALPHA) is not None) != crossed[row]
    return {
        "simulations": SIMULATIONS,
        "users": USERS,
        "long_run_users": LONG_RUN,
        "naive_users": NAIVE_USERS,
        "alpha": ALPHA,
        "paths_checked": paths_checked,
        "paths_that_disagree_with_the_boundary": int(disagreements),
        "checks": [
            {
                "check": check.name,
                "chance": check.chance,
                "passed": passed[check],
                "share": passed[check] / SIMULATIONS,
                "standard_error": math.sqrt(passed[check] * (1 - passed[check] / SIMULATIONS)) / SIMULATIONS,
                **_exact(check),
                "naive_share": naive_once[check] / SIMULATIONS,
                "naive_exact": float(binom.sf(naive[check][-1] - 1, NAIVE_USERS, check.chance)),
                "naive_every_user_share": naive_every[check] / SIMULATIONS,
                "naive_every_user_exact": float(when_decided(check.chance, naive[check])[0][-1]),
            }
            for check in NULL_CHECKS
        ],
    }


def naive_needed(check: NullCheck) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Hits from which on the share of hits is above K/N, after 1, 2, ... users."""
    return np.arange(1, NAIVE_USERS + 1) * check.k // check.n_candidates + 1


def _exact(check: NullCheck) -> dict[str, float]:
    passed, _ = when_decided(check.chance, hits_needed(check.chance, LONG_RUN, ALPHA))
    return {"exact": float(passed[USERS - 1]), "exact_long_run": float(passed[-1])}
