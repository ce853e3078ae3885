"""What a reference run keeps of a reranker: another seed changes nothing, its prompt and settings do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rerank_model.backends.lora_settings import LoraSettings
from rerank_model.prompt.prompt import PromptConfig
from rerank_model.reranker import Reranker
from rerank_model.targets.conditions import run_conditions
from rerank_model.targets.embedded import embedded_base
from rerank_model.training.settings import TrainingSettings


@pytest.fixture(scope="module")
def reranker():
    return Reranker.from_pretrained(embedded_base(), device="cpu")


def conditions(reranker, settings=None):
    return run_conditions(reranker, settings or TrainingSettings(), n_train=10, sampler="uniform", split="by user")


def test_the_same_job_with_another_seed_has_the_same_conditions(reranker):
    again = Reranker.from_pretrained(embedded_base(), device="cpu")
    assert conditions(reranker) == conditions(again, TrainingSettings(seed=5, checkpoint_every=7))
    assert conditions(reranker).config["base"] == "tiny-qwen3", "no folder of one machine"


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        (TrainingSettings(learning_rate=1e-3), "learning_rate"),
        (TrainingSettings(max_steps=9), "max_steps"),
        (TrainingSettings(lora=LoraSettings(rank=4)), "lora_rank"),
        (TrainingSettings(lora=None), "lora_rank"),
    ],
)
def test_a_setting_that_matters_shows_under_its_name(reranker, changed, key):
    before, after = conditions(reranker).config, conditions(reranker, changed).config
    assert before[key] != after[key]


def test_another_prompt_shows_as_text(reranker):
    other = Reranker.from_pretrained(
        embedded_base(), device="cpu", prompt=replace(PromptConfig(), question="Which one, then?")
    )
    assert conditions(reranker).tokenizer == conditions(other).tokenizer
    assert "Which one, then?" in conditions(other).prompt
    assert "Which one, then?" not in conditions(reranker).prompt
    assert "A. second" in conditions(reranker).prompt
