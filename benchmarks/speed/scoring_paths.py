"""The same prompts scored in the ways that are in use; each gives letter logits (P, A) in the order given."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.speed.workload import Workload
from torch import nn
from transformers import Qwen3Config, Qwen3ForSequenceClassification

from rerank_model.scoring.score import score_plain

__all__ = ["BATCH", "Scored", "cross_encoder", "naive", "padded", "whole_path"]

BATCH = 16
"""Prompts a forward pass of the padded paths; sentence-transformers keeps its own default of 32."""

Scored = Callable[[], np.ndarray]


@torch.inference_mode()
def naive(workload: Workload, *, logits_to_keep: int = 0, by_length: bool = False) -> np.ndarray:
    """LlamaRec's way: tokenise, pad to the longest of the batch, logits (B, L, V) of every position, keep the last.

    With `logits_to_keep=1` the same without the logits of the other positions, as transformers itself offers it;
    `by_length` sorts the prompts first, as a careful user would.
    """
    reranker = workload.reranker
    tokenizer, model = reranker.tokenizer, reranker.scorer.model
    letters = reranker.scorer.letter_token_ids
    side, tokenizer.padding_side = tokenizer.padding_side, "left"
    whole = [before + after for before, after in workload.texts]
    order = sorted(range(len(whole)), key=lambda index: len(whole[index])) if by_length else list(range(len(whole)))
    rows = []
    for start in range(0, len(whole), BATCH):
        texts = [whole[index] for index in order[start : start + BATCH]]
        inputs = tokenizer(texts, padding=True, add_special_tokens=False, return_tensors="pt")
        logits = model(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            use_cache=False,
            logits_to_keep=logits_to_keep,
        ).logits
        rows.append(logits[:, -1, letters].float())
    tokenizer.padding_side = side
    return torch.cat(rows)[np.argsort(order)].numpy()


def padded(workload: Workload) -> np.ndarray:
    """Our own reference: sorted, right-padded, letter rows, the last layer trimmed; through the model's modules."""
    prompts = [workload.reranker.encoder.encode(task.history, task.candidates) for task in workload.tasks]
    n = [task.n_candidates for task in workload.tasks]
    out = np.empty((len(prompts), max(n)), dtype=np.float32)
    for indices, logits in score_plain(
        workload.reranker.scorer, prompts, n, tokens_per_batch=8_192, pad_token_id=0
    ):
        out[list(indices)] = logits.numpy()
    return out


def whole_path(workload: Workload, dtype: torch.dtype) -> np.ndarray:
    """Ours as users call it: from tasks to scores, prompts made on the way."""
    reranker = workload.reranker
    before, reranker.scoring_dtype = reranker.scoring_dtype, dtype
    try:
        return np.stack(reranker.score_tasks(workload.tasks))
    finally:
        reranker.scoring_dtype = before


def cross_encoder(workload: Workload) -> Scored:
    """sentence-transformers' CrossEncoder on the same weights and prompts; its own tokenising, sorting and batching.

    The letter rows of the head become the rows of a classification head, so that the scores are the same.
    """
    from sentence_transformers import CrossEncoder

    reranker = workload.reranker
    letters = reranker.scorer.letter_token_ids
    causal_lm: Any = reranker.scorer.model
    of_the_head = {"num_labels": len(letters), "pad_token_id": reranker.tokenizer.pad_token_id}
    config = Qwen3Config(**{**causal_lm.config.to_dict(), "id2label": None, "label2id": None, **of_the_head})
    model = Qwen3ForSequenceClassification(config)
    model.model.load_state_dict(causal_lm.model.state_dict())
    with torch.no_grad():
        model.score.weight.copy_(causal_lm.lm_head.weight[letters])
    with tempfile.TemporaryDirectory(prefix="rerank-speed-") as folder:
        model.save_pretrained(folder)
        tokenizer = copy.deepcopy(reranker.tokenizer)
        tokenizer.chat_template = None  # the texts have been through it already
        tokenizer.save_pretrained(folder)
        encoder = CrossEncoder(str(Path(folder)), device="cpu", local_files_only=True)
    pairs = [list(pair) for pair in workload.texts]

    def predict() -> np.ndarray:
        return np.asarray(encoder.predict(pairs, activation_fn=nn.Identity(), show_progress_bar=False))

    return predict
