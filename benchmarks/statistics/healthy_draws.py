"""Draws of what a healthy reranker gives, one function a grid: from a generator to the inputs of a check.

Each draws its sizes and shapes as well, so that a rate is over all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rerank_guard.core.permuted import Permuted
from rerank_guard.core.throughput import Throughput
from rerank_guard.core.types import FloatArray, Item, RankingTask, TrainingTrace
from rerank_guard.stats.letters import mean_rank, tempered_nll
from rerank_guard.stored import stored_run_of

__all__ = [
    "calibrated_probabilities",
    "coarse_losses",
    "exact_posterior",
    "exchangeable_scores",
    "films_with_remakes",
    "half_precision",
    "item_tastes",
    "learned_letters",
    "letter_prior",
    "preference_for_early_positions",
    "same_pace",
    "scores_without_positions",
    "true_losses",
    "uniform_positions",
    "unlearned_letters",
    "with_another_seed",
]

Rng = np.random.Generator


def calibrated_probabilities(rng: Rng) -> dict[str, Any]:
    """Targets drawn from a softmax, and that softmax at a temperature that does not make it bolder by more than a fifth."""
    n, sharp, heat = rng.choice([2, 20]), rng.choice([0.0, 1.0, 4.0]), rng.choice([0.0, 0.3, 1.0, 1.2])
    logits = sharp * rng.normal(size=(500, n))
    targets = [int(rng.choice(n, p=row)) for row in _softmax(logits)]
    return {"probabilities": list(_softmax(heat * logits)), "tasks": _tasks(targets, [n] * 500)}


def half_precision(rng: Rng) -> dict[str, Any]:
    """Logits of size 16 to 32 as bfloat16 gives them in two batches: noise of 0.1, rounded to 0.125."""
    n, sharp = int(rng.choice([2, 20, 50])), rng.choice([0.5, 1.0, 3.0])
    tasks = _random_tasks(rng, [n] * 64)
    rows = _noisy_scores(rng, tasks, signal=2.0, scale=sharp)
    rounded = [[np.round((row + rng.normal(scale=0.1, size=n)) * 8.0) / 8.0 for row in rows] for _ in range(2)]
    return {"probed_scores": rounded[0], "scored_alone": rounded[1], "probed_tasks": tasks}


def item_tastes(rng: Rng) -> dict[str, Any]:
    """Scores before and after a permutation: the items' part is larger than the positions', or there is only noise.

    Lists are of 20 or more where positions have a part: of few positions a drawn prior can be larger than the items' part.
    """
    item, position, noise = [(1, 0, 0), (1, 0, 1), (1, 0.7, 0.3), (0, 0, 1), (0.3, 0, 1), (0, 0, 0)][
        rng.integers(6)
    ]
    lengths = ([[20], [20, 50]] if position else [[2], [5], [20], [2, 3, 20, 50]])[
        rng.integers(2 if position else 4)
    ]
    tasks = _random_tasks(rng, lengths * (96 // len(lengths)))
    prior = position * rng.normal(size=50)
    orders, before, after = [], [], []
    for task in tasks:
        n = task.n_candidates
        order, taste = rng.permutation(n), item * rng.normal(size=n)
        before.append(taste + prior[:n] + noise * rng.normal(size=n))
        after.append(taste[order] + prior[:n] + noise * rng.normal(size=n))
        orders.append(order)
    return {"permuted": Permuted(tasks, orders, before, after)}


def exchangeable_scores(rng: Rng) -> dict[str, Any]:
    """Scores that do not depend on the position; lists of 2 to 50."""
    lengths = [[2], [3], [5], [10], [50], [2, 5, 9, 30]][rng.integers(6)]
    tasks = _random_tasks(rng, lengths * (200 // len(lengths)))
    return {"scores": _noisy_scores(rng, tasks, signal=rng.choice([0.0, 2.0, 20.0])), "tasks": tasks}


def preference_for_early_positions(rng: Rng) -> dict[str, Any]:
    """Scores that fall with the position, as they are, rounded, or as ranks."""
    n, slope = int(rng.choice([5, 20, 50])), rng.choice([0.05, 0.2, 0.5, 1.0, 2.0])
    tasks = _random_tasks(rng, [n] * 200)
    rows = [row - slope * np.arange(n) for row in _noisy_scores(rng, tasks, signal=2.0)]
    kind = rng.integers(3)
    if kind == 1:
        rows = [np.round(2 * row) / 2 for row in rows]
    elif kind == 2:
        rows = [np.argsort(np.argsort(row)) * 1.0 for row in rows]
    return {"scores": rows, "tasks": tasks}


def letter_prior(rng: Rng) -> dict[str, Any]:
    """A strong prior over letters whose last eight are the least likely, in the order of the alphabet."""
    tasks = _random_tasks(rng, [20] * 100)
    prior = rng.normal(scale=5.0, size=20)
    prior[-8:] = np.sort(prior[-8:])[::-1] - 10.0
    return {"scores": [prior + 0.2 * row for row in _noisy_scores(rng, tasks, signal=2.0)], "tasks": tasks}


def scores_without_positions(rng: Rng) -> dict[str, Any]:
    """A ranker whose hits do not depend on the position; lists of one length and of four."""
    lengths = [[8], [9], [20], [6, 7, 20, 51]][rng.integers(4)]
    tasks = _random_tasks(rng, lengths * (500 // len(lengths)))
    return {"scores": _noisy_scores(rng, tasks, signal=rng.choice([0.0, 2.0, 20.0])), "tasks": tasks, "k": 5}


def uniform_positions(rng: Rng) -> dict[str, Any]:
    """Targets at uniform positions; 300 users, lists of one length and of four."""
    lengths = [[2], [20], [50], [5, 9, 30, 50]][rng.integers(4)]
    return {"tasks": _random_tasks(rng, lengths * (300 // len(lengths)))}


def coarse_losses(rng: Rng) -> dict[str, Any]:
    """Losses of two values, in steps of two examples: equal pairs are frequent by chance."""
    return {"training_trace": _trace(rng.integers(2, size=30) * 0.25 + 3.5, 50, steps=15)}


def true_losses(rng: Rng) -> dict[str, Any]:
    """Letter losses with the ranks that belong to them, from nearly uniform to confident, some of them tied."""
    logits, targets = rng.normal(scale=rng.choice([0.1, 1.0, 4.0]), size=(2000, 20)), rng.integers(20, size=2000)
    return {"training_trace": _lettered(np.round(logits) if rng.random() < 0.5 else logits, targets)}


def learned_letters(rng: Rng) -> dict[str, Any]:
    """Targets drawn from the model's own softmax, which is far from uniform."""
    logits = rng.normal(scale=2.0, size=(200, 20))
    targets = (_softmax(logits).cumsum(axis=1) > rng.random((200, 1))).argmax(axis=1)
    return {"training_trace": _lettered(logits, targets)}


def unlearned_letters(rng: Rng) -> dict[str, Any]:
    """Uniform positions, and a model that knows nothing, a little, or much."""
    targets = rng.integers(20, size=300)
    logits = rng.normal(scale=0.3, size=(300, 20))
    logits[np.arange(300), targets] += rng.choice([0.0, 0.4, 1.0])
    return {"training_trace": _lettered(logits, targets)}


def exact_posterior(rng: Rng) -> dict[str, Any]:
    """A ranker that knows the posterior, which is its own ceiling."""
    posterior = rng.dirichlet(np.full(8, 0.5), size=200)
    targets = [int(rng.choice(8, p=row)) for row in posterior]
    rows = list(posterior)
    return {"scores": rows, "tasks": _tasks(targets, [8] * 200), "k": 2, "oracle_probabilities": rows}


def with_another_seed(rng: Rng) -> dict[str, Any]:
    """The reranker of a reference run, trained again with noise of its own."""
    tasks = _random_tasks(rng, [20] * 1500)
    before, now = (_noisy_scores(rng, tasks, signal=2.0) for _ in range(2))
    reference = stored_run_of(
        before, tasks, target="tiny", created="2026-01-01", seed=0, versions={}, conditions=None
    )
    return {"scores": now, "tasks": tasks, "k": 5, "reference_run": reference}


def same_pace(rng: Rng) -> dict[str, Any]:
    """Scoring as fast as in the reference run, or up to a fifth slower, with noise of 3 % in every timing."""
    pace = rng.choice([0.5, 1.0, 1.1, 1.2])
    return {"measured_throughput": _timings(rng, pace), "reference_throughput": _timings(rng, 1.0)}


def films_with_remakes(rng: Rng) -> dict[str, Any]:
    """1,700 films of which up to 800 share their name with another one; 400 users of one catalogue."""
    remakes = int(rng.choice([0, 17, 150, 400]))
    films = [Item(str(i), f"film {i if i >= remakes else i + remakes}") for i in range(1700)]
    tasks = []
    for user in range(400):
        drawn = [films[i] for i in rng.choice(1700, size=28, replace=False).tolist()]
        position = int(rng.integers(20))
        tasks.append(
            RankingTask(f"u{user}", tuple(drawn[20:]), tuple(drawn[:20]), drawn[position].item_id, position)
        )
    return {"tasks": tasks}


def _tasks(targets: Sequence[int], lengths: Sequence[int]) -> list[RankingTask]:
    made = []
    for user, (target, n) in enumerate(zip(targets, lengths, strict=True)):
        candidates = tuple(Item(f"u{user}-i{i}", f"item {i}") for i in range(n))
        made.append(RankingTask(f"user-{user}", (), candidates, candidates[target].item_id, target))
    return made


def _random_tasks(rng: Rng, lengths: Sequence[int]) -> list[RankingTask]:
    return _tasks([int(rng.integers(n)) for n in lengths], lengths)


def _noisy_scores(rng: Rng, tasks: Sequence[RankingTask], signal: float, scale: float = 1.0) -> list[FloatArray]:
    rows = []
    for task in tasks:
        row = rng.normal(scale=scale, size=task.n_candidates)
        row[task.target_index or 0] += signal
        rows.append(row)
    return rows


def _lettered(logits: FloatArray, targets: np.ndarray) -> TrainingTrace:
    rows, n = np.arange(len(targets)), np.full(len(targets), logits.shape[1])
    return _trace(
        -np.log(_softmax(logits)[rows, targets]),
        logits.shape[1],
        target_index=targets,
        tempered_nll=tempered_nll(logits, targets, n),
        target_rank=mean_rank(logits, targets, n),
    )


def _trace(nll: FloatArray, n: int, steps: int = 100, **letters: Any) -> TrainingTrace:
    examples = len(nll)
    return TrainingTrace(
        letter_nll=np.asarray(nll, dtype=np.float64),
        n_candidates=np.full(examples, n, dtype=np.int64),
        example_step=np.arange(examples, dtype=np.int64) * steps // examples,
        first_pass=np.ones(examples, dtype=np.bool_),
        learning_rate=np.full(steps, 1e-3),
        gradient_norm=np.ones(steps),
        planned_steps=steps,
        trainable_parameters=16_000,
        seconds=1.0,
        **letters,
    )


def _timings(rng: Rng, pace: float) -> Throughput:
    def around(value: float) -> tuple[float, ...]:
        return tuple((value * np.exp(rng.normal(scale=0.03, size=20))).tolist())

    return Throughput(32, around(pace), around(0.006), around(0.002), "cpu; a processor, 2 cores")


def _softmax(logits: FloatArray) -> FloatArray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
