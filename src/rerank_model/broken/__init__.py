"""Training jobs that are broken on purpose, so that the gates can be tried on the real thing (`RerankerTarget.rebuilt`)."""

from __future__ import annotations

from rerank_model.broken.job import run_broken_job
from rerank_model.broken.saved import spoil_adapter

__all__ = ["run_broken_job", "spoil_adapter"]
