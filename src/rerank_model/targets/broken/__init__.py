"""Training jobs that are broken on purpose, so that the checks can be tested on real jobs (`RerankerTarget.rebuilt`)."""

from __future__ import annotations

from rerank_model.targets.broken.job import run_broken_job
from rerank_model.targets.broken.saved import spoil_adapter

__all__ = ["run_broken_job", "spoil_adapter"]
