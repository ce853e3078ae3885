"""what_if_probes: each misreading is undone and named, and no ranking without it is accused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.builders import make_task, make_tasks, noisy_scores, random_tasks
from rerank_guard.diagnosis import what_if_probes
from rerank_guard.errors import InvalidScoresError, InvalidTaskError
from rerank_guard.types import FloatArray, RankingTask

USERS, N, K = 300, 20, 5


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


@pytest.mark.parametrize("signal", [1.5, 3.0])
def test_each_misreading_is_undone(tasks, rng, signal) -> None:
    sound = noisy_scores(tasks, rng, signal)
    assert best([-row for row in sound], tasks) == "reversed"
    assert best(sound[1:] + sound[:1], tasks) == "rows-misaligned"
    assert best(sound[-1:] + sound[:-1], tasks) == "rows-misaligned"
    for by in (1, -1, 2, -2):
        assert best(rotated(sound, by), tasks) == "label-offset", by
    for by in (3, 7, 10, -6):
        assert best(rotated(sound, by), tasks) == "letter-candidate-mismatch", by
    assert best([row[::-1] for row in sound], tasks) == "letter-candidate-mismatch"


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
    assert probe.says == (
        f"With every score's sign flipped Recall@5 is {probe.recall:.3f} instead of {probe.recall_as_is:.3f}."
    )
    assert probe.log_e > np.log(1e6)


@pytest.mark.parametrize("signal", [0.0, 0.3, 1.0, 3.0])
@pytest.mark.parametrize("seed", range(5))
def test_rankers_without_such_a_fault_are_not_accused(signal, seed) -> None:
    rng = np.random.default_rng(seed)
    tasks = random_tasks(rng, [N] * USERS)
    assert what_if_probes(noisy_scores(tasks, rng, signal), tasks, K) == []


@pytest.mark.parametrize("prior", ["steps", "first", "random"])
@pytest.mark.parametrize("skewed", [False, True])
def test_a_slot_prior_is_not_another_order_of_the_list(rng, prior, skewed) -> None:
    """With targets that stand at slot 7, a prior on slot 0 turned by 7 hits them all, and so would anybody else's row."""
    slots = [7 if skewed and rng.random() < 0.8 else int(rng.integers(N)) for _ in range(USERS)]
    tasks = make_tasks(slots, [N] * USERS)
    shape = {
        "steps": -np.arange(N, dtype=np.float64),
        "first": np.eye(N)[0] * 5.0,
        "random": np.random.default_rng(1).normal(size=N),
    }[prior]
    scores = [shape + rng.normal(scale=0.1, size=N) for _ in tasks]
    assert what_if_probes(scores, tasks, K) == []


def test_a_healthy_ranker_with_a_slot_prior_is_not_accused(tasks, rng) -> None:
    scores = [row - 0.05 * np.arange(N) for row in noisy_scores(tasks, rng, 2.0)]
    assert what_if_probes(scores, tasks, K) == []


def test_constant_and_tied_scores_are_not_accused(tasks, rng) -> None:
    assert what_if_probes([np.zeros(N) for _ in tasks], tasks, K) == []
    assert what_if_probes([np.round(row) for row in noisy_scores(tasks, rng, 1.0)], tasks, K) == []


def test_users_that_come_in_pairs_are_not_misaligned(rng) -> None:
    """A user's two tasks have the same list and target: the neighbour's row is as good, but not better."""
    first = random_tasks(rng, [N] * (USERS // 2))
    tasks = [task for task in first for _ in (0, 1)]
    rows = noisy_scores(first, rng, 2.0)
    assert what_if_probes([row for row in rows for _ in (0, 1)], tasks, K) == []


@pytest.mark.parametrize("seed", range(3))
def test_ragged_lists_and_missing_targets(seed) -> None:
    rng = np.random.default_rng(seed)
    lengths = [int(n) for n in rng.integers(6, 30, USERS)]
    slots = [None if rng.random() < 0.1 else int(rng.integers(n)) for n in lengths]
    tasks = make_tasks(slots, lengths)
    sound = noisy_scores(tasks, rng, 3.0)
    assert what_if_probes(sound, tasks, K) == []
    assert best([-row for row in sound], tasks) == "reversed"
    assert best(rotated(sound, 1), tasks) == "label-offset"


def test_two_candidates_read_upside_down_are_reversed(rng) -> None:
    tasks = random_tasks(rng, [2] * USERS)
    assert best([-row for row in noisy_scores(tasks, rng, 4.0)], tasks, 1) == "reversed"
    assert what_if_probes(noisy_scores(tasks, rng, 4.0), tasks, 1) == []


def test_few_users_are_too_few_to_accuse(rng) -> None:
    tasks = random_tasks(rng, [N] * 8)
    assert what_if_probes([-row for row in noisy_scores(tasks, rng, 3.0)], tasks, K) == []


def test_what_cannot_be_read_is_refused(tasks) -> None:
    with pytest.raises(InvalidTaskError, match="no tasks"):
        what_if_probes([], [], K)
    with pytest.raises(InvalidScoresError):
        what_if_probes([np.zeros(3) for _ in tasks], tasks, K)
    with pytest.raises(InvalidScoresError):
        what_if_probes([np.full(N, np.nan) for _ in tasks], tasks, K)
