"""The conditions of a run: what has to be equal before two runs can be compared at all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from rerank_guard.core.errors import StoredRunError

__all__ = ["Fingerprints", "RunConditions", "Setting"]

Setting = str | int | float | bool


@dataclass(frozen=True, slots=True)
class RunConditions:
    """What a target declares about a run. Hashes are made from it where texts are long; it stays readable itself.

    Attributes:
        tokenizer: a hash of the tokenizer, such as `text_fingerprint` of its tokenizer.json.
        prompt: the literal template, or one rendered prompt; two runs with other words in it are not compared.
        config: setting name to value, flat, of whatever the quality depends on (not the seed or the batch size).
        sampler: how the candidates beside the target were chosen, such as "49 uniform negatives".
        split: which interactions are judged on, such as "last interaction of each user".

    Raises:
        StoredRunError: a value of another type, NaN or an infinity, or an empty tokenizer.
    """

    tokenizer: str
    prompt: str
    config: Mapping[str, Setting] = field(default_factory=dict)
    sampler: str = ""
    split: str = ""

    def __post_init__(self) -> None:
        for name in ("tokenizer", "prompt", "sampler", "split"):
            value: object = getattr(self, name)
            if not isinstance(value, str):
                raise StoredRunError(f"{name} is {value!r:.200}, which is not text; give it as str.")
        if not self.tokenizer:
            raise StoredRunError("tokenizer is empty; give a hash of it, such as text_fingerprint(tokenizer.json).")
        if not isinstance(self.config, Mapping):
            raise StoredRunError(f"config is {self.config!r:.200}; give a mapping from setting name to value.")
        for key, value in self.config.items():
            _require_setting(key, value)
        object.__setattr__(self, "config", dict(self.config))


@runtime_checkable
class Fingerprints(Protocol):
    """Says under which conditions it runs, so that it can be compared with a reference run."""

    def conditions(self) -> RunConditions:
        """Tokenizer, prompt, configuration, sampler and split; asked after training."""
        ...


def _require_setting(key: object, value: object) -> None:
    if not isinstance(key, str):
        raise StoredRunError(f"config has the key {key!r:.200}; give setting names as str.")
    if not isinstance(value, str | int | float | bool):
        raise StoredRunError(
            f"config[{key!r}] is {value!r:.200} of type {type(value).__name__}; give text, a whole number, a finite "
            "float, True or False."
        )
    if isinstance(value, float) and not math.isfinite(value):
        raise StoredRunError(f"config[{key!r}] is {value}; give a finite number, or its name as text.")
