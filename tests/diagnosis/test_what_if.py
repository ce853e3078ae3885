"""what_if_probes: each misreading is undone and named, and no ranking without it is suspected."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.builders import make_task, make_tasks, noisy_scores, random_tasks
from rerank_guard.core.errors import InvalidScoresError, InvalidTaskError
from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.diagnosis import what_if_probes

USERS, N, K = 200, 16, 4


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.fixture
def tasks(rng: np.random.Generator) -> list[RankingTask]:
    return random_tasks(rng, [N] * USERS)


def rotated(rows: list[FloatArray], by: int) -> list[FloatArray]:
    return [np.roll(row, by) for row in rows]


def best(scores: list[FloatArray], tasks: list[RankingTask], k: int = K) -> str | None:
    probes = what_if_probes(scores, tasks, k)
    return probes[0].fault if probes else None


def test_each_misreading_is_undone(tasks, rng) -> None:
    healthy = noisy_scores(tasks, rng, 1.5)
    assert best([-row for row in healthy], tasks) == "reversed"
    assert best(healthy[1:] + healthy[:1], tasks) == "rows-misaligned"
    assert best(healthy[-1:] + healthy[:-1], tasks) == "rows-misaligned"
    for by in (1, -1, 2, -2):
        assert best(rotated(healthy, by), tasks) == "label-offset", by
    for by in (3, 7, 8, -6):
        assert best(rotated(healthy, by), tasks) == "letter-candidate-mismatch", by
    assert best([row[::-1] for row in healthy], tasks) == "letter-candidate-mismatch"


def test_an_index_off_by_one_that_the_model_was_trained_on_is_named(rng) -> None:
    tasks = [make_task(int(rng.integers(N - 1)), N, user=user) for user in range(USERS)]
    tasks = [replace(task, target_index=task.target_index + 1) for task in tasks]
    probes = what_if_probes(noisy_scores(tasks, rng, 3.0), tasks, K)
    assert {probe.fault for probe in probes} == {"label-offset"}
    assert "target_index" in probes[0].name


def test_a_probe_says_what_it_did_and_what_came_of_it(tasks, rng) -> None:
    probe = what_if_probes([-row for row in noisy_scores(tasks, rng, 3.0)], tasks, K)[0]
    assert probe.recall > 0.8
    assert probe.recall_as_is < 0.2
    for shown in (probe.name, f"{probe.recall:.3f}", f"{probe.recall_as_is:.3f}"):
        assert shown in probe.says
    assert probe.log_e > np.log(1e6)


@pytest.mark.parametrize(("signal", "seed"), [(0.0, 0), (0.3, 1), (1.0, 2), (3.0, 3)])
def test_rerankers_without_such_a_fault_are_not_suspected(signal, seed) -> None:
    rng = np.random.default_rng(seed)
    tasks = random_tasks(rng, [N] * USERS)
    assert what_if_probes(noisy_scores(tasks, rng, signal), tasks, K) == []


@pytest.mark.parametrize(
    ("prior", "skewed"), [("steps", True), ("first", True), ("random", True), ("first", False)]
)
def test_a_position_prior_is_not_another_order_of_the_list(rng, prior, skewed) -> None:
    """With targets at position 7, a prior on position 0 moved by 7 hits them all, and so would any other user's row."""
    positions = [7 if skewed and rng.random() < 0.8 else int(rng.integers(N)) for _ in range(USERS)]
    tasks = make_tasks(positions, [N] * USERS)
    shape = {
        "steps": -np.arange(N, dtype=np.float64),
        "first": np.eye(N)[0] * 5.0,
        "random": np.random.default_rng(1).normal(size=N),
    }[prior]
    scores = [shape + rng.normal(scale=0.1, size=N) for _ in tasks]
    assert what_if_probes(scores, tasks, K) == []


def test_a_healthy_reranker_with_a_position_prior_is_not_suspected(tasks, rng) -> None:
    scores = [row - 0.05 * np.arange(N) for row in noisy_scores(tasks, rng, 2.0)]
    assert what_if_probes(scores, tasks, K) == []


def test_constant_and_tied_scores_are_not_suspected(tasks, rng) -> None:
    assert what_if_probes([np.zeros(N) for _ in tasks], tasks, K) == []
    assert what_if_probes([np.round(row) for row in noisy_scores(tasks, rng, 1.0)], tasks, K) == []


def test_users_that_come_in_pairs_are_not_misaligned(rng) -> None:
    """A user's two tasks have the same list and target: the neighbour's row is as good, but not better."""
    first = random_tasks(rng, [N] * (USERS // 2))
    tasks = [task for task in first for _ in (0, 1)]
    rows = noisy_scores(first, rng, 2.0)
    assert what_if_probes([row for row in rows for _ in (0, 1)], tasks, K) == []


def test_ragged_lists_and_missing_targets(rng) -> None:
    lengths = [int(n) for n in rng.integers(6, 30, USERS)]
    positions = [None if rng.random() < 0.1 else int(rng.integers(n)) for n in lengths]
    tasks = make_tasks(positions, lengths)
    healthy = noisy_scores(tasks, rng, 3.0)
    assert what_if_probes(healthy, tasks, K) == []
    assert best([-row for row in healthy], tasks) == "reversed"
    assert best(rotated(healthy, 1), tasks) == "label-offset"


def test_two_candidates_with_negated_scores_are_reversed(rng) -> None:
    tasks = random_tasks(rng, [2] * USERS)
    assert best([-row for row in noisy_scores(tasks, rng, 4.0)], tasks, 1) == "reversed"
    assert what_if_probes(noisy_scores(tasks, rng, 4.0), tasks, 1) == []


def test_few_users_are_too_few_to_suspect_anything(rng) -> None:
    tasks = random_tasks(rng, [N] * 8)
    assert what_if_probes([-row for row in noisy_scores(tasks, rng, 3.0)], tasks, K) == []


def test_what_cannot_be_read_is_refused(tasks) -> None:
    with pytest.raises(InvalidTaskError, match="no tasks"):
        what_if_probes([], [], K)
    with pytest.raises(InvalidScoresError):
        what_if_probes([np.zeros(3) for _ in tasks], tasks, K)
    with pytest.raises(InvalidScoresError):
        what_if_probes([np.full(N, np.nan) for _ in tasks], tasks, K)
