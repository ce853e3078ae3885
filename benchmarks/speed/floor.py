"""The floor: the matrix products of the packed path and its attention, and nothing else.

The same batches, shapes, dtype and threads, on arbitrary numbers; no prompts, norms, rotation, masks or copies.
What the last layer saves is saved here too.
"""

from __future__ import annotations

import math

import torch
from benchmarks.speed.workload import Workload
from torch import Tensor

from rerank_model.scoring.packed import (
    Batch,
    DecoderWeights,
    Workspace,
    each_in_a_thread,
    fill_batches,
    read_weights,
)
from rerank_model.scoring.packed.attention import QUERIES
from rerank_model.scoring.score import pick_tokens_per_batch

__all__ = ["Products"]


class Products:
    """Runs them once for all prompts at each call; weights are read and batches made beforehand."""

    def __init__(self, workload: Workload, dtype: torch.dtype) -> None:
        reranker = workload.reranker
        self.weights = read_weights(reranker.scorer.model, reranker.scorer.letter_token_ids, dtype)
        self.threads = torch.get_num_threads()
        most = pick_tokens_per_batch(reranker.tokens_per_batch, self.weights.device, dtype)
        share = math.ceil(workload.tokens / self.threads)
        self.batches = list(fill_batches(workload.prompts, min(most, share)))

    def __call__(self) -> None:
        if self.threads > 1:
            for _ in each_in_a_thread(self._compute, self.batches, self._workspace, self.threads):
                pass
            return
        workspace = self._workspace()
        for batch in self.batches:
            self._compute(batch, workspace)

    def _compute(self, batch: Batch, workspace: Workspace) -> None:
        with torch.inference_mode():
            _products(self.weights, batch, workspace)

    def _workspace(self) -> Workspace:
        return Workspace(self.weights.device, self.weights.dtype)


def _products(weights: DecoderWeights, batch: Batch, workspace: Workspace) -> None:
    tokens, prompts = len(batch.input_ids), len(batch.segments)
    for number, layer in enumerate(weights.layers):
        last = number == len(weights.layers) - 1
        rows = prompts if last else tokens
        _product(layer.key.matrix, tokens, workspace)
        _product(layer.value.matrix, tokens, workspace)
        _product(layer.query.matrix, rows, workspace)
        if not last:
            _attention(weights, batch, workspace)
        for linear in (layer.output, layer.gate, layer.up, layer.down):
            _product(linear.matrix, rows, workspace)


def _product(matrix: Tensor, rows: int, workspace: Workspace) -> None:
    given = workspace(f"in {matrix.shape[0]}", rows, matrix.shape[0])
    torch.mm(given, matrix, out=workspace("out", rows, matrix.shape[1]))


def _attention(weights: DecoderWeights, batch: Batch, workspace: Workspace) -> None:
    groups, size = weights.key_value_heads, weights.head_dim
    shared = weights.heads // groups
    for begin, end in batch.segments.bounds:
        for start in range(begin, end, QUERIES):
            rows, seen = (min(start + QUERIES, end) - start) * shared, min(start + QUERIES, end) - begin
            query = workspace("query", groups, rows, size)
            keys = workspace("keys", groups, seen, size)
            scores = torch.bmm(query, keys.transpose(1, 2), out=workspace("scores", groups, rows, seen))
            chances = torch.softmax(scores, dim=-1, out=workspace("weights", groups, rows, seen))
            torch.bmm(chances, keys, out=workspace("attended", groups, rows, size))
