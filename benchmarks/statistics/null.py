"""How often does a ranker that knows nothing pass, when somebody looks after every user?

Random scores go through the product's own metric; the boundary of hits is the product's own (`stats.power`), and a
sample of the replays is decided by the e-process itself to show that both agree.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from benchmarks.statistics.gates import ALPHA, NULL_GATES, NullGate
from scipy.stats import binom
from tqdm import tqdm

from rerank_guard.metrics import Hit, target_standing
from rerank_guard.stats import first_crossing, hits_needed, log_e_path_above, when_decided

__all__ = ["measure"]

SIMULATIONS = 20_000
USERS = 1_000
LONG_RUN = 20_000  # users of the exact figure beside
AT_ONCE = 200
CHECKED_AT_ONCE = 5  # by the e-process itself, beside all that passed
NAIVE_USERS = 100


def measure(seed: int) -> dict[str, Any]:
    """Shares of null rankers that pass, a gate each, with the exact probabilities."""
    rng = np.random.default_rng(seed)
    passed = dict.fromkeys(NULL_GATES, 0)
    naive_once, naive_every = dict.fromkeys(NULL_GATES, 0), dict.fromkeys(NULL_GATES, 0)
    needed = {gate: hits_needed(gate.chance, USERS, ALPHA) for gate in NULL_GATES}
    paths_checked, disagreements = 0, 0
    naive = {gate: naive_needed(gate) for gate in NULL_GATES}
    for _ in tqdm(range(SIMULATIONS // AT_ONCE), desc="null: random rankers", leave=False):
        for n_candidates in sorted({gate.n_candidates for gate in NULL_GATES}):
            standing = target_standing(
                rng.random((AT_ONCE * USERS, n_candidates)), rng.integers(0, n_candidates, AT_ONCE * USERS)
            )
            for gate in (gate for gate in NULL_GATES if gate.n_candidates == n_candidates):
                hits = standing.values(Hit(gate.k)).reshape(AT_ONCE, USERS)
                counts = np.cumsum(hits, axis=1)
                crossed = (counts >= needed[gate]).any(axis=1)
                passed[gate] += int(crossed.sum())
                naive_once[gate] += int((counts[:, NAIVE_USERS - 1] >= naive[gate][-1]).sum())
                naive_every[gate] += int((counts[:, :NAIVE_USERS] >= naive[gate]).any(axis=1).sum())
                for row in np.union1d(np.flatnonzero(crossed), np.arange(CHECKED_AT_ONCE)).tolist():
                    path = log_e_path_above(hits[row], gate.chance)
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
        "gates": [
            {
                "gate": gate.name,
                "chance": gate.chance,
                "passed": passed[gate],
                "share": passed[gate] / SIMULATIONS,
                "standard_error": math.sqrt(passed[gate] * (1 - passed[gate] / SIMULATIONS)) / SIMULATIONS,
                **_exact(gate),
                "naive_share": naive_once[gate] / SIMULATIONS,
                "naive_exact": float(binom.sf(naive[gate][-1] - 1, NAIVE_USERS, gate.chance)),
                "naive_every_user_share": naive_every[gate] / SIMULATIONS,
                "naive_every_user_exact": float(when_decided(gate.chance, naive[gate])[0][-1]),
            }
            for gate in NULL_GATES
        ],
    }


def naive_needed(gate: NullGate) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Hits from which on the share of hits is above K/N, after 1, 2, ... users."""
    return np.arange(1, NAIVE_USERS + 1) * gate.k // gate.n_candidates + 1


def _exact(gate: NullGate) -> dict[str, float]:
    passed, _ = when_decided(gate.chance, hits_needed(gate.chance, LONG_RUN, ALPHA))
    return {"exact": float(passed[USERS - 1]), "exact_long_run": float(passed[-1])}
