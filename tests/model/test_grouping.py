"""Batches of similar length: when they are made, that they save padding, and that every example comes once."""

from __future__ import annotations

import numpy as np
import pytest

from rerank_model.backends.lora_settings import LoraSettings
from rerank_model.reranker import Reranker
from rerank_model.targets.embedded import embedded_base
from rerank_model.training.grouping import GroupedByLength, grouping_pays, padding_share
from rerank_model.training.settings import TrainingSettings
from rerank_model.training.trainer import LetterTrainer

RNG = np.random.default_rng(5)
UNEQUAL = RNG.integers(50, 700, 400).tolist()
ALIKE = RNG.integers(300, 312, 400).tolist()


def test_it_is_done_where_it_saves_padding_and_not_where_it_does_not():
    assert grouping_pays(UNEQUAL, 16)
    assert not grouping_pays(ALIKE, 16)
    assert not grouping_pays(UNEQUAL, 1)
    assert padding_share([10, 10, 20], 3, grouped=False) == pytest.approx(1 - 40 / 60)
    assert padding_share(UNEQUAL, 16, grouped=True) < 0.2 < 0.3 < padding_share(UNEQUAL, 16, grouped=False)


def test_each_example_comes_once_a_pass_and_in_another_order_each():
    order = GroupedByLength(UNEQUAL, 16, seed=3)
    first, again = list(order), list(order)
    order.set_epoch(1)
    second = list(order)
    assert first == again
    assert first != second
    assert first != list(GroupedByLength(UNEQUAL, 16, seed=4))
    assert sorted(first) == sorted(second) == list(range(400))
    assert len(order) == 400


def test_batches_come_in_random_order_and_not_from_long_to_short():
    order = list(GroupedByLength(UNEQUAL, 16, seed=3))
    means = [np.mean([UNEQUAL[index] for index in order[start : start + 16]]) for start in range(0, 400, 16)]
    falls = np.mean(np.diff(means) < 0)
    assert 0.2 < falls < 0.8


def test_examples_that_come_again_and_again_are_not_grouped_into_batches_of_themselves(few_tasks):
    from transformers import AutoTokenizer

    from rerank_model.prompt.encode import PromptEncoder
    from rerank_model.prompt.prompt import PromptConfig
    from rerank_model.training.dataset import LetterCollator
    from rerank_model.training.train import _order

    collator = LetterCollator(PromptEncoder(AutoTokenizer.from_pretrained(embedded_base()), PromptConfig()), 0)
    from dataclasses import replace

    four = [replace(task, history=task.history[:i]) for i, task in enumerate(few_tasks[:4])]
    short = [replace(task, candidates=task.candidates[:2]) for task in four[:2]]
    settings = TrainingSettings(batch_size=4)
    assert _order(collator, [*short, *four[2:]] * 60, settings, 1) is None
    different = [replace(task, query_id=str(i)) for i in range(60) for task in [*short, *four[2:]]]
    assert _order(collator, different, settings, 1) is not None


@pytest.mark.parametrize("asked", [True, False])
def test_a_job_uses_it(monkeypatch, few_tasks, asked):
    """Histories of none and of all items make prompts of very different lengths."""
    from dataclasses import replace

    orders = []
    made = LetterTrainer.__init__

    def spy(self, *, order=None, **others):
        orders.append(order)
        made(self, order=order, **others)

    monkeypatch.setattr(LetterTrainer, "__init__", spy)
    tasks = [
        replace(task, candidates=task.candidates[:2], target_id=task.candidates[0].item_id, target_index=0)
        if i % 2
        else task
        for i, task in enumerate(
            replace(task, query_id=f"{task.query_id}{half}") for half in "ab" for task in few_tasks
        )
    ]
    reranker = Reranker.from_pretrained(embedded_base(), device="cpu")
    settings = TrainingSettings(
        lora=LoraSettings(), batch_size=4, max_steps=3, warmup_steps=1, group_by_length=asked, seed=7
    )
    trace = reranker.fit(tasks, settings, lambda done, total, note="": None)
    assert isinstance(orders[0], GroupedByLength) == asked
    assert trace.optimizer_steps == 3
    if asked:
        in_order = [tasks[index].n_candidates for index in orders[0]]
        assert trace.n_candidates.tolist() == in_order[: len(trace.n_candidates)]
