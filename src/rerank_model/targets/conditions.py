"""The conditions under which a reranker is judged: they have to be equal before two runs are compared."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from rerank_guard.core.types import Item
from rerank_guard.stored import RunConditions, text_fingerprint
from rerank_model.reranker import Reranker
from rerank_model.training.settings import TrainingSettings

__all__ = ["run_conditions"]

_WHERE_NOT_WHAT = frozenset(
    {"seed", "checkpoint_dir", "checkpoint_every", "gradient_checkpointing", "group_by_length", "lora"}
)
"""Settings that change where or how a job runs, or its random draws, but not what is trained. `lora` is written apart."""


def run_conditions(
    reranker: Reranker, settings: TrainingSettings, *, n_train: int, sampler: str, split: str
) -> RunConditions:
    """Tokenizer, prompt and settings of a reranker as a reference run keeps them.

    Args:
        reranker: trained or not.
        settings: of its training job.
        n_train: training examples.
        sampler: how the candidates beside the target were chosen.
        split: which interactions are judged on.
    """
    config: dict[str, str | int | float | bool] = {
        "base": _portable(reranker.base_name),
        "backend": reranker.backend,
        "train_examples": n_train,
    }
    for name, value in asdict(settings).items():
        if name not in _WHERE_NOT_WHAT:
            config[name] = "none" if value is None else value
    if reranker.scoring_dtype not in (None, next(reranker.scorer.parameters()).dtype):
        config["scoring_dtype"] = str(reranker.scoring_dtype).removeprefix("torch.")
    if settings.lora is not None:
        config |= {
            "lora_rank": settings.lora.rank,
            "lora_alpha": settings.lora.alpha,
            "lora_dropout": settings.lora.dropout,
            "lora_target_modules": " ".join(settings.lora.target_modules),
        }
    else:
        config["lora_rank"] = 0
    return RunConditions(
        tokenizer=_tokenizer_fingerprint(reranker),
        prompt=_sample_prompt(reranker),
        config=config,
        sampler=sampler,
        split=split,
    )


def _portable(base: str) -> str:
    """A hub name as it is; of a folder only its own name, which is the same on another machine."""
    return Path(base).name if Path(base).is_dir() else base


def _tokenizer_fingerprint(reranker: Reranker) -> str:
    tokenizer = reranker.encoder.tokenizer
    if tokenizer.is_fast:
        return text_fingerprint(str(tokenizer.backend_tokenizer.to_str()))
    return text_fingerprint(json.dumps(sorted(tokenizer.get_vocab().items())))


def _sample_prompt(reranker: Reranker) -> str:
    """One rendered prompt, so that a change of the template, a heading or a letter shows as itself."""
    encoder = reranker.encoder
    sample = [Item(name, name) for name in ("first", "second", "third")]
    ids = encoder.encode(sample[:1], sample[1:])
    return str(encoder.tokenizer.decode(ids, skip_special_tokens=False))
