"""The default world can show faults that leave prompts of one length unchanged: padding, last position, truncation.

Each fault is put into a scorer that computes padded batches through the model's own modules, and costs the trained default
reranker Recall@5, measured user by user on its 500 held-out users.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from embedded_once import Trained
from scipy import stats

from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.metrics import expected_hit_at_k
from rerank_model.data.world import SplitTasteRule, world_tasks
from rerank_model.scoring.scorer import Prompts, pad_prompts
from rerank_model.targets.embedded import N_CANDIDATES, WorldTarget

BATCH = 16
K = 5
Change = Callable[[Prompts, int], Prompts]
"""From a right-padded batch and the padding token's id to the batch of a faulty scorer."""


@pytest.fixture(scope="module")
def trained(embedded: Trained) -> WorldTarget:
    return embedded.world


@pytest.fixture(scope="module")
def prompts(trained: WorldTarget) -> list[list[int]]:
    return [trained.reranker.encoder.encode(task.history, task.candidates) for task in trained.test_tasks]


@pytest.fixture(scope="module")
def healthy(trained: WorldTarget, prompts: list[list[int]]) -> list[FloatArray]:
    return padded_scores(trained, prompts)


@torch.inference_mode()
def padded_scores(
    target: WorldTarget,
    prompts: Sequence[list[int]],
    change: Change = lambda batch, _: batch,
    tasks: Sequence[RankingTask] | None = None,
) -> list[FloatArray]:
    """(N,) letter logits of each task (default: the held-out ones), scored in batches of 16 in the tasks' order."""
    reranker, tasks = target.reranker, target.test_tasks if tasks is None else tasks
    rows: list[FloatArray] = []
    for start in range(0, len(tasks), BATCH):
        lengths = [task.n_candidates for task in tasks[start : start + BATCH]]
        batch = pad_prompts(prompts[start : start + BATCH], lengths, reranker.pad_token_id)
        logits = reranker.scorer(**change(batch, reranker.pad_token_id))
        rows += [row[:n].double().numpy() for row, n in zip(logits, lengths, strict=True)]
    return rows


def padded_left(batch: Prompts, pad_token_id: int) -> Prompts:
    """The padding side is changed; the last position is still that of right padding."""
    ids = torch.full_like(batch["input_ids"], pad_token_id)
    for row, (given, last) in enumerate(zip(batch["input_ids"], batch["last_position"].tolist(), strict=True)):
        ids[row, ids.shape[1] - last - 1 :] = given[: last + 1]
    return {**batch, "input_ids": ids}


def padded_left_without_mask(batch: Prompts, pad_token_id: int) -> Prompts:
    """The last position is adapted, but every token also attends to the padding before the prompt."""
    changed = padded_left(batch, pad_token_id)
    return {**changed, "last_position": torch.full_like(batch["last_position"], batch["input_ids"].shape[1] - 1)}


def last_column(batch: Prompts, pad_token_id: int) -> Prompts:
    """`logits[:, -1]` of a right-padded batch: behind the padding."""
    return {
        **batch,
        "last_position": torch.full_like(batch["last_position"], batch["input_ids"].shape[1] - 1),
    }


def last_position_of_the_row_before(batch: Prompts, pad_token_id: int) -> Prompts:
    return {**batch, "last_position": batch["last_position"].roll(1)}


def test_lengths_are_unlike(trained, prompts):
    """N from 30 to 50, histories of 5 to 12, and prompts of which the longest tenth is much longer than the shortest."""
    tasks = trained.test_tasks
    assert {task.n_candidates for task in tasks} == set(range(30, 51))
    assert {len(task.history) for task in tasks} == set(range(5, 13))
    shortest, longest = np.quantile([len(ids) for ids in prompts], [0.1, 0.9])
    assert longest > 1.3 * shortest


def test_padded_batches_give_the_scores(trained, healthy):
    """What the faults below are put into is healthy itself, so that the losses are theirs."""
    scores = trained.score(trained.test_tasks)
    assert max(float(np.abs(a - b).max()) for a, b in zip(scores, healthy, strict=True)) < 1e-3


@pytest.mark.parametrize(
    "change", [padded_left, padded_left_without_mask, last_column, last_position_of_the_row_before]
)
def test_padding_and_position_faults_cost_recall(trained, prompts, healthy, change):
    lost = recall_lost(trained.test_tasks, healthy, padded_scores(trained, prompts, change))
    assert lost > 0.1


def test_a_limit_that_cuts_the_longest_tenth_costs_recall(trained):
    """Cut on the right, as `truncation=True` cuts: the last candidates, or the words before the answer, are gone.

    2,000 fresh users, of whom only those that are cut are scored: the others' prompts are as they were.
    """
    tasks, _ = world_tasks(SplitTasteRule(), 2000, N_CANDIDATES, np.random.default_rng(3))
    prompts = [trained.reranker.encoder.encode(task.history, task.candidates) for task in tasks]
    limit = int(np.quantile([len(ids) for ids in prompts], 0.9))
    hurt = [index for index, ids in enumerate(prompts) if len(ids) > limit]
    assert 0.05 < len(hurt) / len(prompts) <= 0.1
    theirs = [tasks[index] for index in hurt]
    before, after = (
        padded_scores(trained, [prompts[index][:end] for index in hurt], tasks=theirs) for end in (None, limit)
    )
    assert recall_lost(theirs, before, after) * len(hurt) / len(prompts) > 0.02


def recall_lost(tasks: Sequence[RankingTask], healthy: Sequence[FloatArray], faulty: Sequence[FloatArray]) -> float:
    """How much lower Recall@5 is; significant by the sign test over the users who differ, p < 1e-6."""
    positions = [task.target_index for task in tasks]
    before, after = (expected_hit_at_k(list(rows), positions, K) for rows in (healthy, faulty))
    worse, better = int((after < before).sum()), int((after > before).sum())
    assert stats.binomtest(worse, worse + better, alternative="greater").pvalue < 1e-6
    return float((before - after).mean())
