"""Prompts: from tasks to packed token ids, beside plain tokenisation of the same texts."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from benchmarks.speed.rounds import ratio, time_in_turn
from benchmarks.speed.workload import Workload, tiny_workload

from rerank_model.prompt.encode import PromptEncoder
from rerank_model.scoring.packed import fill_batches

__all__ = ["measure"]

PROMPTS = 512
ROUNDS = 9
TOKENS_PER_BATCH = 2_048


def measure(seed: int) -> dict[str, Any]:
    """Figures of the section."""
    workload = tiny_workload(seed, PROMPTS)
    works = {
        "ours": partial(_build, workload, workload.reranker.encoder),
        "ours, every title new": partial(_with_an_empty_cache, workload),
        "plain tokenisation": partial(_plain, workload),
    }
    seconds = time_in_turn(works, ROUNDS, "prompts")
    equal = sum(
        list(prompt) == workload.reranker.encoder.encode_text(before + after)
        for prompt, (before, after) in zip(workload.prompts, workload.texts, strict=True)
    )
    return {
        "prompts": PROMPTS,
        "tokens_per_prompt": round(workload.tokens / PROMPTS, 1),
        "rounds": ROUNDS,
        "equal_to_plain_tokenisation": equal,
        "ms_per_prompt": {
            name: round(1e3 * float(np.median(taken)) / PROMPTS, 4) for name, taken in seconds.items()
        },
        "ratios": {"plain tokenisation / ours": ratio(seconds["plain tokenisation"], seconds["ours"])},
    }


def _build(workload: Workload, encoder: PromptEncoder) -> int:
    """All that stands between tasks and the model: ids, batches, tensors."""
    prompts = [encoder.encode_array(task.history, task.candidates) for task in workload.tasks]
    return sum(len(batch.input_ids) for batch in fill_batches(prompts, TOKENS_PER_BATCH))


def _with_an_empty_cache(workload: Workload) -> int:
    return _build(workload, PromptEncoder(workload.reranker.tokenizer, workload.reranker.prompt))


def _plain(workload: Workload) -> int:
    frame = workload.reranker.encoder.frame
    texts = [frame.text(task.history, task.candidates) for task in workload.tasks]
    return sum(map(len, workload.reranker.tokenizer(texts, add_special_tokens=False)["input_ids"]))
