"""A letter-token reranker: one forward pass, the logits at the letter tokens are the ranking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rerank_model.reranker import Reranker

__all__ = ["Reranker"]


def __getattr__(name: str) -> Any:
    """Import torch only when the reranker is asked for: the data half needs none."""
    if name == "Reranker":
        from rerank_model.reranker import Reranker

        return Reranker
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
