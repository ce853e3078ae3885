"""A LoRA step: cross-entropy over the full sequence, over the answer with full logits, and ours, in one run."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import numpy as np
import torch
from benchmarks.speed.rounds import ratio, time_in_turn
from benchmarks.speed.workload import LONGEST, SHORTEST, Workload, tiny_workload
from torch import Tensor, nn
from torch.nn import functional

from rerank_model.backends.backend import TransformersBackend
from rerank_model.backends.lora_settings import LoraSettings
from rerank_model.scoring.scorer import LetterScorer, letter_nll
from rerank_model.training.dataset import LetterCollator, LetterExample
from rerank_model.training.grouping import padding_share

__all__ = ["Steps", "at_the_letter", "full_sequence", "measure"]

BATCH = 4
"""The full logits of more, their gradients and their softmax in float32 would not fit a small machine's memory."""

PROMPTS = 16
ROUNDS = 3
EXAMPLES = 1_635
"""Of a job whose padding is counted."""


def measure(seed: int) -> dict[str, Any]:
    """Figures of the section; seconds a step are means over the steps of one pass."""
    workload = tiny_workload(seed, PROMPTS)
    steps = PROMPTS // BATCH
    works = {
        "full-sequence cross-entropy": Steps(workload, full_sequence, seed),
        "the answer's, with all logits": Steps(workload, _answer_of_full_logits, seed),
        "ours": Steps(workload, at_the_letter, seed),
    }
    seconds = time_in_turn(works, ROUNDS, "training")
    lengths = np.random.default_rng(seed).integers(SHORTEST, LONGEST + 1, EXAMPLES).tolist()
    return {
        "batch": BATCH,
        "steps": steps,
        "rounds": ROUNDS,
        "threads": torch.get_num_threads(),
        "ms_per_step": {name: round(1e3 * float(np.median(taken)) / steps, 1) for name, taken in seconds.items()},
        "ratios": {
            f"{name} / ours": ratio(taken, seconds["ours"]) for name, taken in seconds.items() if name != "ours"
        },
        "greatest_gradient_gap": _gradient_gap(workload, seed),
        "padding": {
            "batch": 16,
            "examples": EXAMPLES,
            "in random order": round(padding_share(lengths, 16, grouped=False), 4),
            "grouped by length": round(padding_share(lengths, 16, grouped=True), 4),
        },
    }


class Steps:
    """One pass over the prompts, a step a batch, on a model with adapters of its own."""

    def __init__(self, workload: Workload, loss: Any, seed: int) -> None:
        reranker = workload.reranker
        model = TransformersBackend().add_lora(copy.deepcopy(reranker.scorer.model), LoraSettings(), seed)
        self.scorer = LetterScorer(model, reranker.scorer.letter_token_ids.tolist()).train()
        self.optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)
        self.loss = partial(loss, self.scorer)
        collator = LetterCollator(reranker.encoder, pad_token_id=0)
        examples = [LetterExample(number, task) for number, task in enumerate(workload.tasks)]
        self.batches = [collator(examples[start : start + BATCH]) for start in range(0, len(examples), BATCH)]

    def __call__(self) -> None:
        for batch in self.batches:
            self.optimizer.zero_grad(set_to_none=True)
            self.loss(batch).backward()
            self.optimizer.step()


def full_sequence(scorer: LetterScorer, batch: dict[str, Tensor]) -> Tensor:
    """What plain fine-tuning does: the model's own loss over every token of the prompt and the letter."""
    model: Any = scorer.model
    ids, mask = _with_letter(scorer, batch)
    loss: Tensor = model(
        input_ids=ids, attention_mask=mask, labels=ids.masked_fill(mask == 0, -100), use_cache=False
    ).loss
    return loss


def _answer_of_full_logits(scorer: LetterScorer, batch: dict[str, Tensor]) -> Tensor:
    """Labels at the letter alone, but logits of every position."""
    model: Any = scorer.model
    ids, mask = _with_letter(scorer, batch)
    labels = torch.full_like(ids, -100)
    rows = torch.arange(len(ids))
    labels[rows, batch["last_position"] + 1] = ids[rows, batch["last_position"] + 1]
    loss: Tensor = model(input_ids=ids, attention_mask=mask, labels=labels, use_cache=False).loss
    return loss


def at_the_letter(scorer: LetterScorer, batch: dict[str, Tensor]) -> Tensor:
    logits = scorer(batch["input_ids"], batch["last_position"], batch["n_candidates"])
    return letter_nll(logits, batch["target_index"]).mean()


def _with_letter(scorer: LetterScorer, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Prompts with the target letter after them, (B, L + 1), and their mask."""
    ids = functional.pad(batch["input_ids"], (0, 1))
    rows = torch.arange(len(ids))
    ids[rows, batch["last_position"] + 1] = scorer.letter_token_ids[batch["target_index"]]
    mask = (torch.arange(ids.shape[1]) <= batch["last_position"][:, None] + 1).long()
    return ids, mask


def _gradient_gap(workload: Workload, seed: int) -> float:
    """Of the adapters' gradients, ours against those of the letters cut out of the full logits; in units of the greatest."""
    steps = Steps(workload, at_the_letter, seed)
    batch = steps.batches[0]
    gradients = []
    for loss in (at_the_letter, _cut_out):
        steps.scorer.zero_grad()
        loss(steps.scorer, batch).backward()
        gradients.append(torch.cat([p.grad.flatten() for p in _trained(steps.scorer)]))
    return float((gradients[0] - gradients[1]).abs().max() / gradients[1].abs().max())


def _cut_out(scorer: LetterScorer, batch: dict[str, Tensor]) -> Tensor:
    model: Any = scorer.model
    logits = model(input_ids=batch["input_ids"], use_cache=False).logits
    letters = logits[torch.arange(len(logits)), batch["last_position"]][:, scorer.letter_token_ids]
    positions = torch.arange(letters.shape[1])
    return letter_nll(
        letters.masked_fill(positions >= batch["n_candidates"][:, None], -torch.inf), batch["target_index"]
    ).mean()


def _trained(module: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in module.parameters() if parameter.requires_grad]
