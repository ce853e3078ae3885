"""The prompts that the scorer and the collator really use, for the guard to read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rerank_guard.core.prompts import IGNORED, ScoringPrompt, SupervisedToken, TrainingPrompt
from rerank_guard.core.types import RankingTask
from rerank_model.reranker import Reranker
from rerank_model.scoring.packed import TokenIds, fill_batches
from rerank_model.scoring.scorer import pad_prompts
from rerank_model.training.dataset import LetterCollator, LetterExample

__all__ = ["shown_scoring_prompts", "shown_training_prompts"]


def shown_scoring_prompts(reranker: Reranker, tasks: Sequence[RankingTask]) -> list[ScoringPrompt]:
    """One a task, out of the batches that are scored: its tokens there, and the position that is read."""
    if not tasks:
        return []
    ids = [reranker.encoder.encode_array(task.history, task.candidates) for task in tasks]
    n = [task.n_candidates for task in tasks]
    batched = _padded(reranker, ids, n) if reranker.why_plain else _packed(ids)
    return [
        ScoringPrompt(query_id=task.query_id, text=_text(reranker, own), token_ids=tuple(own), read_position=read)
        for task, (own, read) in zip(tasks, batched, strict=True)
    ]


def _packed(ids: Sequence[TokenIds]) -> list[tuple[list[int], int]]:
    """Each prompt's tokens and the position read, out of one packed batch."""
    found: list[tuple[list[int], int]] = [([], 0)] * len(ids)
    for batch in fill_batches(ids, sum(map(len, ids))):
        tokens, last = batch.input_ids.tolist(), batch.segments.last_tokens.tolist()
        for index, (begin, end), read in zip(batch.indices, batch.segments.bounds, last, strict=True):
            found[index] = tokens[begin:end], read - begin
    return found


def _padded(reranker: Reranker, ids: Sequence[TokenIds], n: Sequence[int]) -> list[tuple[list[int], int]]:
    """The same out of one padded batch; the whole row where it does not hold the prompt as encoded."""
    batch = pad_prompts(ids, n, reranker.pad_token_id)
    found = []
    for row, encoded in enumerate(ids):
        own, padded = np.asarray(encoded).tolist(), batch["input_ids"][row].tolist()
        start = next((i for i in range(len(padded) - len(own) + 1) if padded[i : i + len(own)] == own), None)
        if start is None:  # not what was encoded: then all that the model gets, with padding
            own, start = padded, 0
        found.append((own, int(batch["last_position"][row]) - start))
    return found


def shown_training_prompts(
    reranker: Reranker, collator: LetterCollator, tasks: Sequence[RankingTask]
) -> list[TrainingPrompt]:
    """One a task, from a batch of the collator's: its ids without padding, and the positions of its loss."""
    if not tasks:
        return []
    batch = collator([LetterExample(number, task) for number, task in enumerate(tasks)])
    letters = reranker.scorer.letter_token_ids.tolist()
    shown = []
    for row, task in enumerate(tasks):
        last = int(batch["last_position"][row])
        if "labels" not in batch:
            own = batch["input_ids"][row, : last + 1].tolist()
            supervised = (SupervisedToken(last, letters[int(batch["target_index"][row])]),)
            shown.append(TrainingPrompt(task.query_id, _text(reranker, own), tuple(own), last, supervised))
            continue
        end = last + 3  # the letter and the end of sequence follow the prompt
        own, labels = batch["input_ids"][row, :end].tolist(), batch["labels"][row, :end].tolist()
        labels += [IGNORED] * (len(own) - len(labels))
        shown.append(
            TrainingPrompt.from_labels(task.query_id, _text(reranker, own), own, labels, answer_position=last)
        )
    return shown


def _text(reranker: Reranker, ids: Sequence[int]) -> str:
    return str(reranker.tokenizer.decode(list(ids), skip_special_tokens=False))
