"""What the guard is shown is what is scored: out of the packed batches, or out of the padded ones where those are used."""

from __future__ import annotations

from dataclasses import replace

from rerank_guard.checks.prompts.logit_position_correct import logit_position_correct
from rerank_model.reranker import Reranker
from rerank_model.scoring.packed.segments import Segments
from rerank_model.targets import shown_prompts
from rerank_model.targets.embedded import embedded_base


def unequal(tasks):
    return [replace(task, history=task.history[: i % 4]) for i, task in enumerate(tasks)]


def test_packed_and_padded_show_the_same(few_tasks):
    reranker = Reranker.from_pretrained(embedded_base(), device="cpu")
    tasks = unequal(few_tasks)
    packed = shown_prompts.shown_scoring_prompts(reranker, tasks)
    reranker.scorer.model.model.norm.register_forward_hook(lambda module, given, out: out)
    assert reranker.why_plain is not None
    padded = shown_prompts.shown_scoring_prompts(reranker, tasks)
    assert packed == padded
    for task, shown in zip(tasks, packed, strict=True):
        assert shown.query_id == task.query_id
        assert list(shown.token_ids) == reranker.encoder.encode(task.history, task.candidates)
        assert shown.read_position == len(shown.token_ids) - 1


def test_a_packed_batch_that_is_read_one_token_early_fails(monkeypatch, base_reranker, few_tasks):
    monkeypatch.setattr(Segments, "last_tokens", property(lambda self: self.ends[1:] - 2))
    shown = shown_prompts.shown_scoring_prompts(base_reranker, unequal(few_tasks))
    assert all(prompt.read_position == len(prompt.token_ids) - 2 for prompt in shown)
    assert logit_position_correct(shown).status == "failed"
