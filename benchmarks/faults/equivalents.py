"""Changes that change nothing that matters: each must leave every check as it was."""

from __future__ import annotations

import copy
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.faults.healthy_target import Healthy, healthy_target, load, save
from benchmarks.faults.processes import in_processes

from rerank_guard.core.types import FloatArray, Item, RankingTask
from rerank_guard.core.verdict import Status
from rerank_guard.suite import RunSettings, check_reranker
from rerank_model.backends.lora_settings import LoraSettings
from rerank_model.prompt.prompt import LETTERS, PromptConfig
from rerank_model.reranker import Reranker
from rerank_model.targets.embedded import WorldTarget, default_settings, embedded_base, make_target

__all__ = ["RETRAINED", "SCORED_OTHERWISE", "measure"]


@dataclass(frozen=True)
class Change:
    """One change for a process of its own; `healthy` is the file of the trained target."""

    name: str
    seed: int
    healthy: Path


def measure(seed: int) -> dict[str, Any]:
    """Verdicts of every equivalent of the default target."""
    with tempfile.TemporaryDirectory(prefix="rerank-faults-") as folder:
        file = save(healthy_target(seed), Path(folder))
        changes = [Change(name, seed, file) for name in (*RETRAINED, *SCORED_OTHERWISE)]
        return {"changes": in_processes(_judged, changes, "equivalent changes")}


def _judged(change: Change) -> dict[str, Any]:
    started = time.monotonic()
    report = check_reranker(_changed(change), RunSettings(seed=change.seed))
    return {
        "change": change.name,
        "raised": [verdict.check for verdict in report.verdicts if not verdict.ok],
        "judged": sum(verdict.status is Status.PASSED for verdict in report.verdicts),
        "recall": {v.check: v.measured["recall"] for v in report.verdicts if "recall" in v.measured},
        "seconds": round(time.monotonic() - started, 1),
    }


def _changed(change: Change) -> WorldTarget:
    if change.name in RETRAINED:
        return RETRAINED[change.name](change.seed)
    return SCORED_OTHERWISE[change.name](_trained_once(load(change.healthy)))


def _trained_once(healthy: Healthy) -> WorldTarget:
    """The one trained target, for changes that leave its jobs as they are."""
    target, trace, smoke_trace = copy.copy(healthy.world), healthy.trace, healthy.smoke_trace
    target.train = lambda progress, monitor=None: trace  # type: ignore[method-assign]
    target.train_one_batch = lambda progress: smoke_trace  # type: ignore[method-assign]
    target._last_scores = None  # those of the unchanged target
    return target


def another_seed(seed: int) -> WorldTarget:
    return make_target(seed + 1000, "cpu")


def another_batch_size(seed: int) -> WorldTarget:
    return make_target(seed, "cpu", settings=replace(default_settings(seed), batch_size=24))


def another_scoring_batch(target: WorldTarget) -> WorldTarget:
    target.reranker = copy.copy(target.reranker)
    target.reranker.tokens_per_batch = 997
    return target


def candidates_reshuffled(seed: int) -> WorldTarget:
    target = make_target(seed, "cpu")
    rng = np.random.default_rng([seed, 11])
    orders = {task.query_id: rng.permutation(task.n_candidates) for task in target.test_tasks}
    target.test_tasks = [_reordered(task, orders[task.query_id]) for task in target.test_tasks]
    target.train_tasks = [_reordered(task, rng.permutation(task.n_candidates)) for task in target.train_tasks]
    target._posterior = {name: row[orders[name]] for name, row in target._posterior.items()}
    return target


def _reordered(task: RankingTask, order: np.ndarray) -> RankingTask:
    candidates = tuple(task.candidates[i] for i in order)
    return replace(task, candidates=candidates, target_index=[c.item_id for c in candidates].index(task.target_id))


OTHER_LETTERS = LETTERS[:40] + LETTERS[42:]
"""Ten positions have other letters. (With all letters in another order the tiny base has to learn them from the start, and does
not in 200 steps: the checks then say so, rightly.)"""


def another_alphabet(seed: int) -> WorldTarget:
    target = make_target(seed, "cpu")
    target.reranker = Reranker.from_pretrained(
        embedded_base(), device="cpu", prompt=PromptConfig(letters=OTHER_LETTERS)
    )
    return target


def bfloat16(target: WorldTarget) -> WorldTarget:
    """Trained in float32, scored in bfloat16."""
    target.reranker = copy.deepcopy(target.reranker)
    target.reranker.scorer.to(torch.bfloat16)
    return target


def ids_renamed(seed: int) -> WorldTarget:
    target = make_target(seed, "cpu")

    def renamed(item: Item) -> Item:
        return Item(f"https://example.org/item/{item.item_id}", item.text)

    def task_renamed(task: RankingTask) -> RankingTask:
        return replace(
            task,
            history=tuple(map(renamed, task.history)),
            candidates=tuple(map(renamed, task.candidates)),
            target_id=renamed(Item(task.target_id, "")).item_id,
        )

    target.train_tasks = [task_renamed(task) for task in target.train_tasks]
    target.test_tasks = [task_renamed(task) for task in target.test_tasks]
    target.popularity = {renamed(Item(name, "")).item_id: count for name, count in target.popularity.items()}
    return target


def rank_doubled(seed: int) -> WorldTarget:
    settings = replace(default_settings(seed), lora=LoraSettings(rank=16, alpha=32))
    return make_target(seed, "cpu", settings=settings)


def left_padded(target: WorldTarget) -> WorldTarget:
    """Scored by transformers' own forward pass, padded on the left, with the mask and positions that belong to it."""

    @torch.inference_mode()
    def score(tasks: Sequence[RankingTask], progress: Any = None) -> list[FloatArray]:
        reranker, rows = target.reranker, []
        reranker.scorer.eval()
        letters = reranker.scorer.letter_token_ids
        for start in range(0, len(tasks), 16):
            some = tasks[start : start + 16]
            prompts = [reranker.encoder.encode(task.history, task.candidates) for task in some]
            width = max(map(len, prompts))
            ids = torch.tensor([[reranker.pad_token_id] * (width - len(p)) + p for p in prompts])
            mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
            logits = reranker.scorer.model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=(mask.cumsum(1) - 1).clamp(min=0),
                use_cache=False,
                logits_to_keep=1,
            ).logits[:, -1, letters]
            rows += [row[: task.n_candidates].double().numpy() for row, task in zip(logits, some, strict=True)]
        return rows

    target.score = score  # type: ignore[method-assign]
    return target


def plain_tokenizer(target: WorldTarget) -> WorldTarget:
    """Every prompt tokenised whole, instead of joined from cached pieces."""
    target.reranker = copy.copy(target.reranker)
    target.reranker.encoder = copy.copy(target.reranker.encoder)
    target.reranker.encoder.joins = False
    return target


def users_in_another_order(target: WorldTarget) -> WorldTarget:
    target.test_tasks = [
        target.test_tasks[i] for i in np.random.default_rng(12).permutation(len(target.test_tasks))
    ]
    return target


def scores_on_another_scale(target: WorldTarget) -> WorldTarget:
    """Higher is still better: 3 s + 7."""
    unscaled = copy.copy(target)

    def score(tasks: Sequence[RankingTask], progress: Any = None) -> list[FloatArray]:
        return [3.0 * row + 7.0 for row in WorldTarget.score(unscaled, tasks)]

    target.score = score  # type: ignore[method-assign]
    target.predict_proba = lambda tasks: WorldTarget.predict_proba(unscaled, tasks)  # type: ignore[method-assign]
    return target


RETRAINED: dict[str, Callable[[int], WorldTarget]] = {
    "another seed": another_seed,
    "another batch size in training (24 for 16)": another_batch_size,
    "candidates reshuffled": candidates_reshuffled,
    "another letter alphabet": another_alphabet,
    "item ids renamed": ids_renamed,
    "LoRA rank doubled": rank_doubled,
}
SCORED_OTHERWISE: dict[str, Callable[[WorldTarget], WorldTarget]] = {
    "another batch size in scoring (7 for 32)": another_scoring_batch,
    "bfloat16 for float32 in scoring": bfloat16,
    "padding side changed together with its positions": left_padded,
    "prompts tokenised whole instead of from cached pieces": plain_tokenizer,
    "users in another order": users_in_another_order,
    "scores on another scale (3 s + 7)": scores_on_another_scale,
}
