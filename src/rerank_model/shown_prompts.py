"""Prompts as the scorer and the collator really make them, for the guard to read."""

from __future__ import annotations

from collections.abc import Sequence

from rerank_guard.prompts import IGNORED, ScoringPrompt, SupervisedToken, TrainingPrompt
from rerank_guard.types import RankingTask
from rerank_model.dataset import LetterCollator, LetterExample
from rerank_model.reranker import Reranker
from rerank_model.scorer import pad_prompts

__all__ = ["shown_scoring_prompts", "shown_training_prompts"]


def shown_scoring_prompts(reranker: Reranker, tasks: Sequence[RankingTask]) -> list[ScoringPrompt]:
    """One a task: the encoder's ids, and the position that the padded batch says is read."""
    if not tasks:
        return []
    ids = [reranker.encoder.encode(task.history, task.candidates) for task in tasks]
    batch = pad_prompts(ids, [task.n_candidates for task in tasks], reranker.pad_token_id)
    shown = []
    for row, (task, own) in enumerate(zip(tasks, ids, strict=True)):
        padded = batch["input_ids"][row].tolist()
        start = next((i for i in range(len(padded) - len(own) + 1) if padded[i : i + len(own)] == own), None)
        if start is None:  # not what was encoded: then what the model gets, padding and all
            own, start = padded, 0
        shown.append(
            ScoringPrompt(
                query_id=task.query_id,
                text=_text(reranker, own),
                token_ids=tuple(own),
                read_position=int(batch["last_position"][row]) - start,
            )
        )
    return shown


def shown_training_prompts(
    reranker: Reranker, collator: LetterCollator, tasks: Sequence[RankingTask]
) -> list[TrainingPrompt]:
    """One a task, from a batch of the collator's: its ids without padding, and where its loss looks."""
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
        end = last + 3  # the letter and the end of sequence stand behind the prompt
        own, labels = batch["input_ids"][row, :end].tolist(), batch["labels"][row, :end].tolist()
        labels += [IGNORED] * (len(own) - len(labels))
        shown.append(
            TrainingPrompt.from_labels(task.query_id, _text(reranker, own), own, labels, answer_position=last)
        )
    return shown


def _text(reranker: Reranker, ids: Sequence[int]) -> str:
    return str(reranker.tokenizer.decode(list(ids), skip_special_tokens=False))
