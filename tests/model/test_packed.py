"""Packed scoring against the plain path: every architecture, every adapter state, and no neighbour seen."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from tiny_models import make
from torch.nn import functional

from rerank_model.backends.precision import has_native_bfloat16
from rerank_model.scoring.packed import attention, forward, rotary, varlen, why_not_packed
from rerank_model.scoring.packed import threads as threads_module
from rerank_model.scoring.packed.segments import Segments
from rerank_model.scoring.score import packed_gap, score_packed, score_plain, score_prompts, why_plain
from rerank_model.scoring.scorer import LetterScorer

LETTERS = [3, 5, 8, 13, 21, 34, 55]
LENGTHS = (1, 2, 40, 127, 128, 129, 300, 300, 17)
"""About the attention's blocks of 128 queries, and twice the same."""

ARCHITECTURES = {
    "qwen3": ("qwen3", {}),
    "qwen3, one layer": ("qwen3", {"num_hidden_layers": 1}),
    "qwen3, a key head a query head": ("qwen3", {"num_key_value_heads": 4}),
    "qwen3, heads wider than the model": ("qwen3", {"head_dim": 24}),
    "qwen2, biases": ("qwen2", {}),
    "llama": ("llama", {}),
    "llama, biases everywhere": ("llama", {"attention_bias": True, "mlp_bias": True}),
    "llama, scaled rotation": (
        "llama",
        {
            "rope_parameters": {
                "rope_type": "llama3",
                "rope_theta": 10_000.0,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64,
            }
        },
    ),
    "llama, yarn": ("llama", {"rope_parameters": {"rope_type": "yarn", "rope_theta": 10_000.0, "factor": 4.0}}),
}


def prompts_of(lengths=LENGTHS, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(0, 60, (length,), generator=generator).tolist() for length in lengths]


def by(path, scorer, prompts, **changes):
    """Probabilities over all letters, in the order given, one row a prompt."""
    settings = {"tokens_per_batch": 500} | changes
    if path is score_packed:
        settings = {"dtype": torch.float32} | settings
    else:
        settings |= {"n_candidates": [len(LETTERS)] * len(prompts), "pad_token_id": 0}
    out = torch.full((len(prompts), len(LETTERS)), torch.nan)
    for indices, logits in path(scorer, prompts, **settings):
        out[list(indices)] = logits
    return functional.softmax(out, dim=-1)


def with_adapters(model, names=("default",)):
    config = {"r": 3, "lora_alpha": 6, "target_modules": ["q_proj", "v_proj", "o_proj", "down_proj"]}
    adapted = get_peft_model(model, LoraConfig(**config))
    for name in names[1:]:
        adapted.add_adapter(name, LoraConfig(**config | {"r": 2}))
    torch.manual_seed(2)
    with torch.no_grad():
        for key, value in adapted.named_parameters():
            if "lora_" in key:
                value.normal_(std=0.3)
    return adapted.eval()


@pytest.mark.parametrize("case", ARCHITECTURES)
def test_it_equals_the_plain_path(case):
    name, changes = ARCHITECTURES[case]
    scorer = LetterScorer(make(name, **changes), LETTERS)
    assert why_plain(scorer) is None
    expected = by(score_plain, scorer, prompts_of())
    packed = by(score_packed, scorer, prompts_of())
    assert expected.std() > 0.01, "with equal probabilities nothing would be compared"
    torch.testing.assert_close(packed, expected, atol=1e-5, rtol=0)
    assert torch.equal(packed.argsort(dim=1), expected.argsort(dim=1))


@pytest.mark.parametrize("state", ["on", "off", "merged", "another", "both", "in training mode"])
def test_adapters_count_as_they_do_in_the_model(state):
    model = with_adapters(make("qwen3"), ("default", "second"))
    scorer = LetterScorer(model, LETTERS)
    base = by(score_packed, LetterScorer(make("qwen3"), LETTERS), prompts_of())
    if state == "off":
        model.base_model.disable_adapter_layers()
    elif state == "merged":
        model.merge_adapter()
    elif state == "another":
        model.set_adapter("second")
    elif state == "both":
        model.base_model.set_adapter(["default", "second"])
    elif state == "in training mode":
        model.train()
    assert why_plain(scorer) is None
    packed = by(score_packed, scorer, prompts_of())
    torch.testing.assert_close(packed, by(score_plain, scorer, prompts_of()), atol=1e-5, rtol=0)
    assert torch.allclose(packed, base, atol=1e-5) == (state == "off")


def test_weights_changed_between_calls_are_seen_and_none_is_changed_by_a_call():
    model = with_adapters(make("qwen3"))
    scorer = LetterScorer(model, LETTERS)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    first = by(score_packed, scorer, prompts_of())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    for key, value in model.named_parameters():
        if "lora_B" in key:
            value.data *= 2.0  # in a way that no version counter sees
    second = by(score_packed, scorer, prompts_of())
    assert not torch.allclose(first, second, atol=1e-3)
    torch.testing.assert_close(second, by(score_plain, scorer, prompts_of()), atol=1e-5, rtol=0)


def test_neighbours_are_not_seen():
    scorer = LetterScorer(make("qwen3"), LETTERS)
    prompts = prompts_of((50, 50, 50))
    others = [prompts[0], *prompts_of((50, 50), seed=9)]
    together, beside_others = (by(score_packed, scorer, given) for given in (prompts, others))
    torch.testing.assert_close(together[0], beside_others[0], atol=1e-6, rtol=0)


def test_a_pass_that_mixes_neighbours_is_caught(monkeypatch):
    """Attention over the whole batch, as a cache object left in a packed call causes it."""

    def over_all(query, key, value, segments, workspace):
        return attention.attend(query, key, value, Segments.of_lengths([len(query)]), workspace)

    monkeypatch.setattr(forward, "attend", over_all)
    scorer = LetterScorer(make("qwen3"), LETTERS)
    mixed, expected = (by(path, scorer, prompts_of()) for path in (score_packed, score_plain))
    assert (mixed - expected).abs().max() > 1e-3


@pytest.mark.skipif(not has_native_bfloat16(torch.device("cpu")), reason="needs bfloat16 in the processor")
def test_bfloat16_is_near():
    scorer = LetterScorer(make("qwen3"), LETTERS)
    half = by(score_packed, scorer, prompts_of(), dtype=torch.bfloat16)
    expected = by(score_plain, scorer, prompts_of())
    assert 0 < (half - expected).abs().max() < 0.03


def test_the_number_of_threads_changes_nothing():
    scorer = LetterScorer(make("qwen3"), LETTERS)
    before = torch.get_num_threads()
    try:
        results = []
        for count in (1, 3):
            torch.set_num_threads(count)
            results.append(by(score_packed, scorer, prompts_of(), tokens_per_batch=200))
            assert torch.get_num_threads() == count
        torch.testing.assert_close(results[0], results[1], atol=1e-6, rtol=0)
    finally:
        torch.set_num_threads(before)


def test_an_error_in_a_thread_is_raised_and_leaves_the_threads_as_they_were():
    before = torch.get_num_threads()

    def work(given, own):
        if given == 5:
            raise ValueError("the fifth")
        return given

    with pytest.raises(ValueError, match="the fifth"):
        list(threads_module.each_in_a_thread(work, range(40), dict, 2))
    with pytest.raises(ZeroDivisionError):  # the thread's own state cannot be made
        list(threads_module.each_in_a_thread(work, range(40), lambda: 1 / 0, 2))
    assert torch.get_num_threads() == before
    assert list(threads_module.each_in_a_thread(work, range(6, 40), dict, 2)) == list(range(6, 40))


@pytest.mark.parametrize("path", ["packed", "plain"])
def test_a_progress_that_raises_leaves_all_as_it_was(path):
    model = make("qwen3").train()
    scorer = LetterScorer(_hooked(model) if path == "plain" else model, LETTERS).train()
    before = torch.get_num_threads()

    def progress(done, total, note=""):
        raise KeyboardInterrupt("enough")

    torch.set_num_threads(2)
    try:
        with pytest.raises(KeyboardInterrupt) as caught:
            score_prompts(scorer, prompts_of(), [7] * len(LENGTHS), pad_token_id=0, progress=progress)
        assert caught.tb is not None, "the traceback keeps all frames alive"
        assert torch.get_num_threads() == 2
        assert scorer.training
    finally:
        torch.set_num_threads(before)


def test_prompts_are_taken_in_turn_and_come_back_in_order(monkeypatch):
    monkeypatch.setattr("rerank_model.scoring.score.WINDOW", 4)
    scorer = LetterScorer(make("qwen3"), LETTERS)
    prompts = prompts_of([5 + i % 7 for i in range(23)])
    n = [2 + i % 6 for i in range(23)]
    reported = []
    rows = score_prompts(
        scorer,
        iter(prompts),
        n,
        tokens_per_batch=30,
        pad_token_id=0,
        progress=lambda done, total, note="": reported.append((done, total)),
    )
    assert [len(row) for row in rows] == n
    assert reported == sorted(reported)
    assert reported[-1] == (23, 23)
    for prompt, row in zip(prompts, rows, strict=True):
        alone = score_prompts(scorer, [prompt], [len(row)], tokens_per_batch=30, pad_token_id=0)
        np.testing.assert_allclose(row, alone[0], atol=1e-5)


def _varlen_reference(query, key, value, cu_q, cu_k, max_q, max_k, *, scale, window_size, enable_gqa):
    """torch's documented meaning, prompt by prompt, causal from the end; its kernel itself needs CUDA."""
    assert cu_q.dtype == cu_k.dtype == torch.int32
    assert enable_gqa == (query.shape[1] != key.shape[1])
    parts = []
    for i in range(len(cu_q) - 1):
        q = query[cu_q[i] : cu_q[i + 1]].transpose(0, 1)
        k, v = (states[cu_k[i] : cu_k[i + 1]].transpose(0, 1) for states in (key, value))
        assert q.shape[1] <= max_q
        assert k.shape[1] <= max_k
        mask = None
        if window_size == (-1, 0):
            mask = torch.ones(q.shape[1], k.shape[1], dtype=torch.bool).tril(k.shape[1] - q.shape[1])
        out = functional.scaled_dot_product_attention(
            q[None], k[None], v[None], attn_mask=mask, scale=scale, enable_gqa=enable_gqa
        )
        parts.append(out[0].transpose(0, 1))
    return torch.cat(parts)


def test_the_cuda_kernel_gets_the_right_arguments(monkeypatch):
    from torch.nn.attention import varlen as kernels

    def attend(query, key, value, segments, workspace):
        return varlen.attend_varlen(query, key, value, segments)

    def attend_last(query, key, value, segments):
        return varlen.attend_varlen(query, key, value, segments, last_only=True)

    scorer = LetterScorer(make("qwen3"), LETTERS)
    expected = by(score_plain, scorer, prompts_of())
    monkeypatch.setattr(kernels, "varlen_attn", _varlen_reference)
    monkeypatch.setattr(forward, "attend", attend)
    monkeypatch.setattr(forward, "attend_last", attend_last)
    torch.testing.assert_close(by(score_packed, scorer, prompts_of()), expected, atol=1e-5, rtol=0)


def test_the_cuda_kernel_is_not_used_where_it_is_not_available():
    assert not varlen.has_varlen(torch.device("cpu"), torch.bfloat16)
    assert not varlen.has_varlen(torch.device("cuda"), torch.float32)


def test_attention_prompt_by_prompt_equals_that_in_blocks(monkeypatch):
    scorer = LetterScorer(make("qwen3"), LETTERS)
    expected = by(score_packed, scorer, prompts_of())
    monkeypatch.setattr(
        forward,
        "attend",
        lambda query, key, value, segments, workspace: attention.attend_one_by_one(query, key, value, segments),
    )
    torch.testing.assert_close(by(score_packed, scorer, prompts_of()), expected, atol=1e-5, rtol=0)


def _hooked(model):
    model.model.layers[0].mlp.register_forward_hook(lambda module, given, out: out * 0.5)
    return model


def _forward_replaced(model):
    model.model.layers[1].self_attn.o_proj.forward = lambda states: states * 0.0
    return model


def _another_module(model):
    class Doubled(torch.nn.Linear):
        def forward(self, states):
            return 2.0 * super().forward(states)

    own = model.model.layers[0].mlp.down_proj
    other = Doubled(own.in_features, own.out_features, bias=False)
    other.weight = own.weight
    model.model.layers[0].mlp.down_proj = other
    return model


def _dora(model):
    return get_peft_model(model, LoraConfig(r=2, target_modules=["q_proj"], use_dora=True)).eval()


def _layer(model, change):
    change(model.model.layers[0])
    return model


def _attribute(of, name, value):
    return lambda layer: setattr(of(layer), name, value)


def _bias_on_values_alone(layer):
    layer.self_attn.v_proj.bias = torch.nn.Parameter(torch.ones(layer.self_attn.v_proj.out_features))


def _nested_lora(model):
    inner = model.model.layers[0].self_attn.q_proj
    adapted = with_adapters(model)
    outer = adapted.base_model.model.model.layers[0].self_attn
    wrapped = with_adapters(make("qwen3")).base_model.model.model.layers[0].self_attn.q_proj
    wrapped.base_layer = outer.q_proj
    outer.q_proj = wrapped
    assert inner is outer.q_proj.base_layer.base_layer
    return adapted


# None of these goes through another class's forward pass: they are values, and computed right.
VALUES = {
    "another scaling in one layer": _attribute(lambda layer: layer.self_attn, "scaling", 0.9),
    "another epsilon in one norm": _attribute(lambda layer: layer.self_attn.k_norm, "variance_epsilon", 0.5),
    "a bias on the values alone": _bias_on_values_alone,
}


@pytest.mark.parametrize("case", VALUES)
def test_values_are_read_from_their_own_module(case):
    scorer = LetterScorer(_layer(make("qwen3"), VALUES[case]), LETTERS)
    assert why_plain(scorer) is None
    expected = by(score_plain, scorer, prompts_of())
    torch.testing.assert_close(by(score_packed, scorer, prompts_of()), expected, atol=1e-5, rtol=0)
    assert not torch.allclose(
        expected, by(score_plain, LetterScorer(make("qwen3"), LETTERS), prompts_of()), atol=1e-4
    )


@pytest.mark.parametrize(
    "where", ["the MLP's class", "the norm's class, disguised", "all modules", "the attention"]
)
def test_what_is_changed_for_all_models_at_once_is_seen(monkeypatch, where):
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
    from transformers.models.qwen3 import modeling_qwen3

    scorer = LetterScorer(make("qwen3"), LETTERS)
    if where == "the MLP's class":
        monkeypatch.setattr(modeling_qwen3.Qwen3MLP, "forward", lambda self, states: states)
    elif where == "the norm's class, disguised":
        original = modeling_qwen3.Qwen3RMSNorm.forward
        replaced = functools.wraps(original)(lambda self, states: 2.0 * original(self, states))
        monkeypatch.setattr(modeling_qwen3.Qwen3RMSNorm, "forward", replaced)
    elif where == "all modules":
        handle = torch.nn.modules.module.register_module_forward_hook(lambda module, given, out: None)
    else:
        monkeypatch.setitem(ALL_ATTENTION_FUNCTIONS, "sdpa", lambda *given, **named: None)
    try:
        assert why_plain(scorer) is not None
    finally:
        if where == "all modules":
            handle.remove()
    monkeypatch.undo()
    assert why_plain(scorer) is None


def test_the_plain_path_is_causal_under_eager_attention_too():
    """transformers' eager kernel is causal by its mask alone, which the trimmed layer does without."""
    scorer = LetterScorer(make("qwen3"), LETTERS)
    expected = by(score_plain, scorer, prompts_of())
    scorer.model.set_attn_implementation("eager")
    assert "attn_implementation='sdpa'" in why_plain(scorer)
    torch.testing.assert_close(by(score_plain, scorer, prompts_of()), expected, atol=1e-5, rtol=0)


def test_hooks_that_only_look_do_not_count():
    model = make("qwen3")
    with torch.no_grad():
        model(torch.tensor([[1, 2]]), output_hidden_states=True)
    assert why_plain(LetterScorer(model, LETTERS)) is None


CHANGED = {
    "another activation": (
        lambda model: _layer(model, _attribute(lambda layer: layer.mlp, "act_fn", torch.nn.GELU())),
        "is a GELU",
    ),
    "no longer causal": (
        lambda model: _layer(model, _attribute(lambda layer: layer.self_attn, "is_causal", False)),
        "not causal",
    ),
    "no norm": (
        lambda model: _layer(model, _attribute(lambda layer: layer, "input_layernorm", torch.nn.Identity())),
        "is a Identity",
    ),
    "no MLP in the first layer": (
        lambda model: _layer(model, _attribute(lambda layer: layer, "mlp", torch.nn.Identity())),
        "is a Identity",
    ),
    "an adapter around an adapter": (_nested_lora, "is a Linear"),
    "a hook": (_hooked, "forward hook"),
    "another forward": (_forward_replaced, "replaces that of its class"),
    "another module": (_another_module, "Doubled"),
    "DoRA": (_dora, "more than a product"),
    "merged and off": (
        lambda model: _merged_and_off(with_adapters(model)),
        "merged adapter that is switched off",
    ),
}


def _merged_and_off(model):
    model.merge_adapter()
    model.base_model.disable_adapter_layers()
    return model


@pytest.mark.parametrize("case", CHANGED)
def test_a_changed_model_takes_the_plain_path(case):
    """Else the change would be dropped silently, which is the kind of fault that this project is about."""
    change, words = CHANGED[case]
    scorer = LetterScorer(change(make("qwen3")), LETTERS)
    reason = why_plain(scorer)
    assert reason is not None
    assert words in reason
    prompts = prompts_of((9, 12))
    rows = score_prompts(scorer, prompts, [7, 7], tokens_per_batch=100, pad_token_id=0)
    for indices, logits in score_plain(scorer, prompts, [7, 7], tokens_per_batch=100, pad_token_id=0):
        for index, row in zip(indices, logits, strict=True):
            np.testing.assert_allclose(rows[index], row.numpy(), atol=1e-6)


def test_a_scorer_with_a_forward_pass_of_its_own_takes_the_plain_path():
    class Another(LetterScorer):
        def forward(self, input_ids, last_position, n_candidates):
            return -super().forward(input_ids, last_position, n_candidates)

    assert "Another has a forward pass" in why_plain(Another(make("qwen3"), LETTERS))


def test_an_architecture_that_computes_differently_is_noticed(monkeypatch):
    """As a release of transformers might; here it is our own norms that differ."""
    scorer = LetterScorer(make("qwen3"), LETTERS)
    assert packed_gap(scorer) is None
    monkeypatch.setattr(forward, "inverse_rms", lambda states, eps: 0.5 * rotary.inverse_rms(states, eps))
    scorer.packed_problem = packed_gap(scorer)
    assert "differ from the model's own by" in scorer.packed_problem
    assert why_plain(scorer) == scorer.packed_problem
    assert why_plain(LetterScorer(make("qwen3"), LETTERS)) is None


def test_a_model_loads_although_its_packed_pass_raises(monkeypatch):
    def broken(states, eps):
        raise RuntimeError("no such kernel\nand more")

    monkeypatch.setattr(forward, "inverse_rms", broken)
    reason = packed_gap(LetterScorer(make("qwen3"), LETTERS))
    assert reason == "it cannot be computed packed (RuntimeError: no such kernel)"

    def broken_without_a_message(states, eps):
        raise NotImplementedError

    monkeypatch.setattr(forward, "inverse_rms", broken_without_a_message)
    assert "(NotImplementedError: )" in packed_gap(LetterScorer(make("qwen3"), LETTERS))


def test_the_process_keeps_its_number_of_threads_while_others_work():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        inside = []

        def work(number, own):
            torch.ones(300, 300) @ torch.ones(300, 300)
            return torch.get_num_threads()

        for seen in threads_module.each_in_a_thread(work, range(8), dict, 3):
            inside.append((seen, torch.get_num_threads()))
        assert inside == [(1, 2)] * 8
    finally:
        torch.set_num_threads(before)


def test_autocast_of_the_caller_changes_nothing():
    scorer = LetterScorer(make("qwen3"), LETTERS)
    expected = by(score_packed, scorer, prompts_of())
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # other threads would not inherit it
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            under = by(score_packed, scorer, prompts_of())
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(under, expected, atol=1e-6, rtol=0)


def test_prompts_are_not_made_long_before_they_are_needed():
    made = []

    def given():
        for number in range(50):
            made.append(number)
            yield number

    results = threads_module.each_in_a_thread(lambda number, own: number, given(), dict, 2)
    assert next(results) == 0
    assert len(made) <= 6
    assert list(results) == list(range(1, 50))


def test_a_rotation_that_depends_on_the_longest_prompt_is_left_to_the_model():
    rotation = {"rope_type": "dynamic", "rope_theta": 10_000.0, "factor": 2.0}
    assert "'dynamic'" in why_not_packed(make("llama", rope_parameters=rotation, max_position_embeddings=16))
