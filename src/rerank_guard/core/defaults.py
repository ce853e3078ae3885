"""The levels, effects and places that are used unless they are configured."""

from __future__ import annotations

__all__ = ["ALPHA", "LEARNING_EFFECT", "RECALL_EFFECT", "REPORT_FOLDER"]

ALPHA = 1e-3
"""How often a check may pass a broken reranker, and how often it may fail a healthy one."""

LEARNING_EFFECT = 0.025
"""Least gain over chance that counts as learning, as a share of log N."""

RECALL_EFFECT = 0.05
"""Least difference of Recall@K that counts."""

REPORT_FOLDER = "rerank-report"
"""Where a pytest run of the suite writes its report."""
