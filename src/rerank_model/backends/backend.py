"""Load a causal language model and its tokenizer: plain transformers, or unsloth on top of it."""

from __future__ import annotations

import importlib.util
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from safetensors import SafetensorError
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from rerank_model.backends.lora_settings import LoraSettings
from rerank_model.errors import BackendError

__all__ = ["BACKENDS", "Backend", "BackendName", "Loaded", "TransformersBackend", "UnslothBackend", "pick_device"]

BackendName = Literal["transformers", "unsloth"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model on its device, and its tokenizer."""

    model: nn.Module
    tokenizer: PreTrainedTokenizerBase


class Backend(Protocol):
    """Loads a checkpoint, and adds adapters to its model."""

    def load(
        self, name: str, tokenizer_name: str, device: torch.device, dtype: torch.dtype, max_length: int
    ) -> Loaded:
        """Load weights and tokenizer from folders or hub names; safetensors only, no remote code."""
        ...

    def add_lora(self, model: nn.Module, settings: LoraSettings, seed: int) -> nn.Module:
        """A model whose adapters train and whose other weights do not."""
        ...


class TransformersBackend:
    """Plain transformers and peft."""

    def load(
        self,
        name: str,
        tokenizer_name: str,
        device: torch.device,
        dtype: torch.dtype,
        max_length: int,  # noqa: ARG002 - plain models take prompts of any length
    ) -> Loaded:
        """Load weights and tokenizer from folders or hub names.

        Raises:
            BackendError: no such checkpoint, weights only as pickle, or a file that cannot be read.
        """
        refuse_pickle(name)
        try:
            tokenizer = AutoTokenizer.from_pretrained(tokenizer_name, trust_remote_code=False)
            model: Any = AutoModelForCausalLM.from_pretrained(
                name, dtype=dtype, use_safetensors=True, trust_remote_code=False
            )
        except (OSError, ValueError, KeyError, ImportError, SafetensorError, RuntimeError) as error:
            raise BackendError(_unreadable(name, error)) from error
        require_vocabulary(tokenizer, tokenizer_name)
        model.config.use_cache = False
        return Loaded(model=model.to(device), tokenizer=tokenizer)

    def add_lora(self, model: nn.Module, settings: LoraSettings, seed: int) -> nn.Module:
        """A peft model with fresh adapters, initialised from `seed` without touching the global generator.

        Raises:
            BackendError: none of `target_modules` is in the model.
        """
        config = LoraConfig(
            r=settings.rank,
            lora_alpha=settings.alpha,
            lora_dropout=settings.dropout,
            target_modules=list(settings.target_modules),
            task_type=TaskType.CAUSAL_LM,
        )
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            try:
                return get_peft_model(model, config)
            except ValueError as error:
                raise BackendError(
                    f"no adapter could be attached to {list(settings.target_modules)}: {error}; name linear layers "
                    "that this architecture has."
                ) from error


class UnslothBackend:
    """unsloth's patched models and kernels.

    unsloth drops attention masks in training and replaces a tensor `logits_to_keep`; letter scoring right-pads,
    passes no mask and reads the decoder's hidden states, so neither matters here.
    """

    def load(
        self, name: str, tokenizer_name: str, device: torch.device, dtype: torch.dtype, max_length: int
    ) -> Loaded:
        """Load through unsloth, without quantisation.

        Raises:
            BackendError: unsloth is not installed, or it cannot load the checkpoint.
        """
        fast = _fast_language_model()
        refuse_pickle(name)
        try:
            model, tokenizer = fast.from_pretrained(
                model_name=name,
                tokenizer_name=tokenizer_name,
                max_seq_length=max_length,
                dtype=dtype,
                load_in_4bit=False,
                use_gradient_checkpointing=False,  # TrainingSettings decides; unsloth's own needs pinned memory
                trust_remote_code=False,
                local_files_only=Path(name).is_dir(),
            )
        except (OSError, ValueError, KeyError, ImportError, SafetensorError, RuntimeError) as error:
            raise BackendError(_unreadable(name, error)) from error
        model.config.use_cache = False
        return Loaded(model=model.to(device), tokenizer=tokenizer)

    def add_lora(self, model: nn.Module, settings: LoraSettings, seed: int) -> nn.Module:
        """Adapters through unsloth's own call."""
        peft_model: nn.Module = _fast_language_model().get_peft_model(
            model,
            r=settings.rank,
            lora_alpha=settings.alpha,
            lora_dropout=settings.dropout,
            target_modules=list(settings.target_modules),
            bias="none",
            use_gradient_checkpointing=False,
            random_state=seed,
        )
        return peft_model


BACKENDS: dict[BackendName, type[Backend]] = {"transformers": TransformersBackend, "unsloth": UnslothBackend}


def pick_device(device: str | torch.device | None) -> torch.device:
    """The device asked for, else CUDA where there is one, else the CPU.

    Raises:
        BackendError: CUDA was asked for and is missing.
    """
    if device is None:
        return torch.device(f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise BackendError(f"{device!r} is not a device ({error}); give 'cpu', 'cuda' or 'cuda:0'.") from error
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise BackendError(
            f"device {str(chosen)!r} was asked for, but torch {torch.__version__} sees no CUDA device; install a CUDA "
            "build of torch and check the driver, or pass device='cpu'."
        )
    return chosen


def attach_saved_adapter(model: nn.Module, folder: Path) -> PeftModel:
    """Attach a saved adapter to its base, and check that all its weights were loaded.

    Raises:
        BackendError: the adapter cannot be read, or leaves weights at their initial values.
    """
    refuse_pickle(str(folder))
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            peft_model: PeftModel = PeftModel.from_pretrained(model, str(folder), is_trainable=True)
    except (OSError, ValueError, KeyError, ImportError, SafetensorError, RuntimeError) as error:
        raise BackendError(_unreadable(str(folder), error)) from error
    missing = [str(warning.message) for warning in caught if "missing adapter keys" in str(warning.message)]
    if missing:
        raise BackendError(f"{folder}: the adapter was saved without some of its weights: {missing[0][:300]}")
    return peft_model


def require_vocabulary(tokenizer: PreTrainedTokenizerBase, name: str) -> None:
    """Refuse an empty tokenizer: transformers makes one from the model's configuration where the files are missing.

    Raises:
        BackendError: the tokenizer has no token for a letter.
    """
    if not tokenizer("A", add_special_tokens=False)["input_ids"]:
        raise BackendError(
            f"cannot load {name!r}: its tokenizer has no vocabulary ({len(tokenizer)} tokens), so its files are likely "
            "missing; copy tokenizer.json and tokenizer_config.json there, or pass tokenizer=."
        )


def refuse_pickle(name: str) -> None:
    """Refuse a folder whose weights exist only as pickle files, which run code when read.

    Raises:
        BackendError: names the files.
    """
    folder = Path(name)
    if not folder.is_dir():
        return
    pickles = sorted(path.name for pattern in ("*.bin", "*.pt", "*.pkl", "*.ckpt") for path in folder.glob(pattern))
    pickles = [file for file in pickles if file not in ("training_args.bin", "optimizer.pt", "scheduler.pt")]
    adapter_as_pickle = "adapter_model.bin" in pickles and not (folder / "adapter_model.safetensors").is_file()
    if adapter_as_pickle or (pickles and not any(folder.glob("*.safetensors"))):
        raise BackendError(
            f"{name} holds weights only as pickle ({', '.join(pickles[:3])}), which can run code when loaded; convert "
            "them to safetensors where you trust them, and load that."
        )


def _fast_language_model() -> Any:
    if importlib.util.find_spec("unsloth") is None:
        raise BackendError('backend="unsloth" needs unsloth: pip install "rerank-guard[unsloth]"')
    from unsloth import FastLanguageModel  # imported here: it patches transformers for the whole process

    return FastLanguageModel


def _unreadable(name: str, error: Exception) -> str:
    first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return (
        f"cannot load {name!r}: {first_line} ({type(error).__name__}). Give a folder with config.json, tokenizer files "
        "and safetensors weights, or a hub name that can be reached."
    )
