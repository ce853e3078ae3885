"""The packaged demo, which is judged when it is asked for by name; strings, because the guard never imports the model package."""

from __future__ import annotations

__all__ = ["DEMO", "DEMO_TARGET"]

DEMO = "demo"
"""What stands for it on the command line and in a configuration."""

DEMO_TARGET = "rerank_model.targets.embedded:make_target"
"""The embedded reranker, imported only when it is needed."""
