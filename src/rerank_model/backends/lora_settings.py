"""Settings of the adapters, validated when they are made."""

from __future__ import annotations

from dataclasses import dataclass

from rerank_model.errors import ConfigError

__all__ = ["LoraSettings", "at_least"]


@dataclass(frozen=True, slots=True)
class LoraSettings:
    """Low-rank adapters (Hu et al., 2021), through peft.

    Attributes:
        rank: r.
        alpha: scale; the update is alpha / r times the product.
        dropout: on the adapter's input.
        target_modules: names of the linear layers that get an adapter.
    """

    rank: int = 8
    alpha: int = 16
    dropout: float = 0.0
    target_modules: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj")

    def __post_init__(self) -> None:
        at_least("rank", self.rank, 1)
        at_least("alpha", self.alpha, 1)
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"dropout {self.dropout} must be in [0, 1).")
        if not self.target_modules:
            raise ConfigError(
                "target_modules is empty, so nothing would train; name linear layers such as 'q_proj'."
            )


def at_least(name: str, value: int, least: int) -> None:
    """Refuse a setting below its least value.

    Raises:
        ConfigError: with the value and the least one.
    """
    if value < least:
        raise ConfigError(f"{name} is {value}; it must be at least {least}.")
