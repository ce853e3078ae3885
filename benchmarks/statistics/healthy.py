"""A ranker that is better than chance: is it ever failed, does the verdict flip, is it undecided?"""

from __future__ import annotations

from typing import Any

import numpy as np
from benchmarks.statistics.cases import ALPHA
from tqdm import tqdm

from rerank_guard.checks.quality.recall_beats_baseline import recall_beats_baseline
from rerank_guard.core.defaults import RECALL_EFFECT
from rerank_guard.core.types import Item, RankingTask
from rerank_guard.core.verdict import Status
from rerank_guard.stats import hits_needed, hits_tolerated, when_decided

__all__ = ["measure"]

N_CANDIDATES, K, TRUTH = 20, 5, 0.45
SEEDS, REPLAYS, USERS = 100, 1_000, 1_000


def measure(seed: int) -> dict[str, Any]:
    """Verdicts of 1,000 replays for each of 100 seeds, from `seed` on, with the exact probabilities."""
    chance = K / N_CANDIDATES
    needed, tolerated = hits_needed(chance, USERS, ALPHA), hits_tolerated(chance + RECALL_EFFECT, USERS, ALPHA)
    totals = dict.fromkeys(("passed", "failed", "flipped", "inconclusive", "open_again"), 0)
    checks: dict[str, int] = dict.fromkeys((str(status) for status in Status), 0)
    for one in tqdm(range(seed, seed + SEEDS), desc="healthy", leave=False):
        hits = np.random.default_rng(one).random((REPLAYS, USERS)) < TRUTH
        counts = np.cumsum(hits, axis=1)
        up, down = _first(counts >= needed), _first(counts <= tolerated)
        passed, failed = up < down, down < up
        totals["passed"] += int(passed.sum())
        totals["failed"] += int(failed.sum())
        # the other verdict's boundary is reached too, at some later look
        totals["flipped"] += int(((passed & (down < USERS)) | (failed & (up < USERS))).sum())
        totals["inconclusive"] += int((~passed & ~failed).sum())
        after = np.arange(USERS) > up[:, None]
        totals["open_again"] += int((passed & (after & (counts < needed)).any(axis=1)).sum())
        checks[str(_check(hits[0]))] += 1
    exact_passed, exact_failed = when_decided(TRUTH, needed, tolerated)
    return {
        "check": f"Hit@{K} of {N_CANDIDATES}",
        "chance": chance,
        "truth": TRUTH,
        "declared_effect": RECALL_EFFECT,
        "alpha": ALPHA,
        "seeds": SEEDS,
        "replays_a_seed": REPLAYS,
        "replays": SEEDS * REPLAYS,
        "users": USERS,
        **totals,
        "exact_failed": float(exact_failed[-1]),
        "exact_inconclusive": float(1.0 - exact_passed[-1] - exact_failed[-1]),
        "checks_on_all_users": checks,
    }


def _first(reached: np.ndarray[Any, np.dtype[np.bool_]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The first look at which a replay has reached it; USERS where it never does."""
    return np.where(reached.any(axis=1), reached.argmax(axis=1), USERS)


_ITEMS = tuple(Item(f"item-{position}", "an item") for position in range(N_CANDIDATES))
_TASKS = tuple(RankingTask(f"user-{user}", (), _ITEMS, "item-0", 0) for user in range(USERS))


def _check(hits: np.ndarray[Any, np.dtype[np.bool_]]) -> Status:
    """The verdict of the check itself on scores that put the target first or last."""
    scores = np.tile(np.arange(1.0, 1.0 + N_CANDIDATES), (USERS, 1))
    scores[:, 0] = np.where(hits, 1.0 + N_CANDIDATES, 0.0)
    return recall_beats_baseline(list(scores), _TASKS, K, {}, alpha=ALPHA).status
