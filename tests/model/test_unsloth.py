"""The unsloth backend against the plain one; in a process of its own, since unsloth patches transformers."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

from rerank_model.errors import BackendError
from rerank_model.reranker import Reranker
from rerank_model.targets.embedded import embedded_base

SCRIPT = """
import sys
import unsloth  # before transformers, as it asks
import numpy as np
from rerank_model.training.settings import TrainingSettings
from rerank_model.data.world import SplitTasteRule, world_tasks
from rerank_model.targets.embedded import embedded_base
from rerank_model.reranker import Reranker

tasks = world_tasks(SplitTasteRule(), 16, 8, np.random.default_rng(0))[0]
plain = Reranker.from_pretrained(embedded_base(), device="cuda")
fast = Reranker.from_pretrained(embedded_base(), device="cuda", backend="unsloth")
np.testing.assert_allclose(plain.score_tasks(tasks), fast.score_tasks(tasks), atol=5e-2)

settings = TrainingSettings(learning_rate=1e-2, batch_size=4, max_steps=4, warmup_steps=0)
trace = fast.fit(tasks, settings, lambda done, total, note="": None)
assert trace.optimizer_steps == 4 and np.isfinite(trace.letter_nll).all(), trace
assert not np.allclose(plain.score_tasks(tasks), fast.score_tasks(tasks), atol=5e-2), "nothing was learned"

fast.save_pretrained(sys.argv[1])
again = Reranker.from_pretrained(sys.argv[1], device="cuda")
np.testing.assert_allclose(fast.score_tasks(tasks), again.score_tasks(tasks), atol=5e-2)
print("unsloth agrees")
"""


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("unsloth") is None, reason="unsloth is not installed (extra `unsloth`)"
)
def test_unsloth_scores_trains_and_saves(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "unsloth agrees" in done.stdout


@pytest.mark.skipif(importlib.util.find_spec("unsloth") is not None, reason="unsloth is installed")
def test_without_unsloth_the_extra_is_named():
    with pytest.raises(BackendError, match=r"rerank-guard\[unsloth\]"):
        Reranker.from_pretrained(embedded_base(), device="cpu", backend="unsloth")
