"""The trimmed last layer against the plain forward pass, value and gradient, for each architecture it is used on."""

from __future__ import annotations

import pytest
import torch
from tiny_models import SMALL, make
from transformers import GPT2Config, GPT2LMHeadModel, MistralConfig, MistralForCausalLM

from rerank_model.backends.lora_settings import LoraSettings
from rerank_model.scoring.last_token import choose_path, plain_last_hidden, trimmed_last_hidden


def batch():
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(0, 60, (3, 17), generator=generator)
    return ids, torch.tensor([16, 4, 9])


@pytest.mark.parametrize("name", ["qwen3", "qwen2", "llama"])
def test_it_equals_the_plain_path_in_value_and_gradient(name):
    model = make(name)
    decoder = model.get_decoder()
    assert choose_path(decoder) is trimmed_last_hidden
    ids, position = batch()
    results, gradients = [], []
    for path in (plain_last_hidden, trimmed_last_hidden):
        model.zero_grad()
        last = path(decoder, ids, position)
        last.square().sum().backward()
        results.append(last.detach())
        gradients.append({key: value.grad.clone() for key, value in decoder.named_parameters()})
    torch.testing.assert_close(results[1], results[0], atol=1e-5, rtol=1e-5)
    for key, expected in gradients[0].items():
        torch.testing.assert_close(
            gradients[1][key], expected, atol=2e-4, rtol=1e-4, msg=lambda m, k=key: f"{k}: {m}"
        )


def test_padding_after_a_prompt_is_not_seen():
    decoder = make("qwen3").get_decoder()
    ids, position = batch()
    other = ids.clone()
    for row, end in enumerate(position.tolist()):
        other[row, end + 1 :] = 7
    with torch.no_grad():
        torch.testing.assert_close(
            trimmed_last_hidden(decoder, other, position), trimmed_last_hidden(decoder, ids, position)
        )


def test_adapters_on_the_last_layer_count():
    from peft import LoraConfig, get_peft_model

    lora = LoraSettings(rank=2, alpha=4)
    model = get_peft_model(
        make("qwen3"), LoraConfig(r=lora.rank, lora_alpha=lora.alpha, target_modules=list(lora.target_modules))
    )
    with torch.no_grad():
        for key, value in model.named_parameters():
            if "lora_B" in key:
                value.normal_()
    decoder = model.get_base_model().get_decoder()
    ids, position = batch()
    with torch.no_grad():
        expected = plain_last_hidden(decoder, ids, position)
        torch.testing.assert_close(trimmed_last_hidden(decoder, ids, position), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "model",
    [
        lambda: GPT2LMHeadModel(GPT2Config(vocab_size=60, n_embd=32, n_layer=2, n_head=4)),
        lambda: MistralForCausalLM(MistralConfig(**SMALL, sliding_window=4)),
        lambda: make("qwen2", use_sliding_window=True, sliding_window=4, max_window_layers=0),
    ],
    ids=["another shape", "an architecture not tried", "a sliding window"],
)
def test_unknown_shapes_take_the_plain_path(model):
    assert choose_path(model().get_decoder()) is plain_last_hidden
