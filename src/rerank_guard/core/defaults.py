"""The levels and effects that checks use unless told otherwise."""

from __future__ import annotations

__all__ = ["ALPHA", "LEARNING_EFFECT", "RECALL_EFFECT"]

ALPHA = 1e-3
"""How often a check may pass a broken reranker, and how often it may fail a healthy one."""

LEARNING_EFFECT = 0.025
"""Least gain over chance that counts as learning, as a share of log N."""

RECALL_EFFECT = 0.05
"""Least difference of Recall@K that counts."""
