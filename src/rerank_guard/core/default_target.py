"""Which reranker is judged when none is named; a string, because the guard never imports the model package."""

from __future__ import annotations

__all__ = ["DEFAULT_TARGET"]

DEFAULT_TARGET = "rerank_model.targets.embedded:make_target"
"""The embedded reranker, imported only when it is needed."""
