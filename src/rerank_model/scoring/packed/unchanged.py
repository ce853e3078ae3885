"""Whether prompts of a model can be packed: its shape is known, and nothing changes what its modules compute."""

from __future__ import annotations

from typing import Any

import torch
from peft import PeftModel
from peft.tuners.lora.layer import Linear as LoraLinear
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from rerank_model.backends.causal_lm import causal_lm_of
from rerank_model.scoring.packed.known_shape import is_its_own, unknown_shape

__all__ = ["why_not_packed"]

_HARMLESS_HOOKS = (
    # left behind by a call with `output_hidden_states`: they record, and change nothing
    "transformers.utils.output_capturing.",
    # of gradient checkpointing with adapters: lets gradients through, and nothing else
    "transformers.modeling_utils.PreTrainedModel.enable_input_require_grads.",
)
"""By module and name."""


def why_not_packed(model: nn.Module) -> str | None:
    """Why prompts of this model are not packed, in words; None where they can be.

    A packed forward pass computes from the weights what the modules would. It is only right as long as
    nothing changes the modules' own: a hook, another forward method, an adapter of another kind than plain LoRA.

    Args:
        model: a causal LM, or a peft model around one.
    """
    base = causal_lm_of(model)
    decoder = base.get_decoder()
    reason = unknown_shape(decoder) or _unusual_values(base, decoder)
    if reason is not None:
        return reason
    if isinstance(model, PeftModel) and str(getattr(model.active_peft_config.peft_type, "value", "")) != "LORA":
        return f"its adapter is of the kind {model.active_peft_config.peft_type}"
    if torch_module._global_forward_hooks or torch_module._global_forward_pre_hooks:
        return "there are forward hooks on all modules"
    for name, module in model.named_modules():
        reason = _interference(module)
        if reason is not None:
            return f"{name or type(model).__name__} {reason}"
    return None


def _unusual_values(base: Any, decoder: Any) -> str | None:
    weight = decoder.embed_tokens.weight
    if weight.dtype not in (torch.float32, torch.bfloat16) and not (
        weight.dtype == torch.float16 and weight.device.type == "cuda"
    ):
        return f"its weights are {weight.dtype} on {weight.device.type}"
    if decoder.embed_tokens.max_norm is not None:
        return "its embeddings are renormalised"
    head = base.get_output_embeddings()
    if type(head) is not nn.Linear:
        return f"its head is a {type(head).__name__}"
    first = decoder.layers[0].self_attn
    for number, layer in enumerate(decoder.layers):
        attention, mlp = layer.self_attn, layer.mlp
        if attention.head_dim != first.head_dim:
            return f"the heads of layers.{number} are of another size"
        for projection in (
            *(getattr(attention, part) for part in ("q_proj", "k_proj", "v_proj", "o_proj")),
            *(getattr(mlp, part) for part in ("gate_proj", "up_proj", "down_proj")),
        ):
            reason = _unusual_projection(projection)
            if reason is not None:
                return f"a projection of layers.{number} {reason}"
    return None


def _unusual_projection(projection: Any) -> str | None:
    """Why a projection is not one matrix and one bias; None where it is, with or without plain LoRA."""
    linear = projection
    if isinstance(projection, LoraLinear):
        linear = projection.base_layer
        if type(projection) is not LoraLinear:
            return f"is a {type(projection).__qualname__}"
        if projection.lora_variant or any(projection.lora_bias.values()):
            return "has an adapter that is more than a product of two matrices"
        if projection.merged and projection.disable_adapters:
            return "has a merged adapter that is switched off"
    if type(linear) is not nn.Linear:
        return f"is a {type(linear).__qualname__}"
    if type(linear.weight) not in (nn.Parameter, Tensor) or not linear.weight.is_floating_point():
        return f"holds its weight as {type(linear.weight).__name__} of {linear.weight.dtype}"
    return None


def _interference(module: nn.Module) -> str | None:
    """What changes a module's own forward pass; None where nothing does."""
    for hook in [*module._forward_hooks.values(), *module._forward_pre_hooks.values()]:
        name = getattr(hook, "__qualname__", type(hook).__name__)
        if not f"{getattr(hook, '__module__', '')}.{name}".startswith(_HARMLESS_HOOKS):
            return f"has a forward hook ({name}); remove it, or save the reranker and load it again"
    if "forward" in module.__dict__:
        return "has a forward method that replaces that of its class"
    if isinstance(module, nn.Linear | nn.Embedding | LoraLinear) and not is_its_own(type(module)):
        return f"is of a class whose forward method has been replaced ({type(module).__name__})"
    return None
