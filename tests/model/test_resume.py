"""A job killed without warning goes on from its checkpoint as if nothing had happened."""

from __future__ import annotations

import signal
import subprocess
import sys

import numpy as np
import pytest

from rerank_guard.errors import InvalidTraceError
from rerank_model.config import LoraSettings, TrainingSettings
from rerank_model.data.world import SplitTasteRule, world_tasks
from rerank_model.embedded import embedded_base
from rerank_model.errors import TrainingError
from rerank_model.reranker import Reranker
from rerank_model.trainer import latest_checkpoint

KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np, torch
torch.set_num_threads(min(2, torch.get_num_threads()))
from test_resume import settings, tasks
from rerank_model.embedded import embedded_base
from rerank_model.reranker import Reranker

def die(done, total, note=""):
    if done == 7:
        os.kill(os.getpid(), signal.SIGKILL)

Reranker.from_pretrained(embedded_base(), device="cpu").fit(tasks(), settings(Path(sys.argv[1]), {lora}), die)
"""


def settings(folder, lora: bool) -> TrainingSettings:
    return TrainingSettings(
        lora=LoraSettings(dropout=0.1) if lora else None,
        learning_rate=3e-3,
        batch_size=4,
        max_steps=10,
        warmup_steps=2,
        checkpoint_dir=folder,
        checkpoint_every=3,
        seed=3,
    )


def tasks():
    return world_tasks(SplitTasteRule(), 20, 6, np.random.default_rng(0))[0]


@pytest.mark.parametrize("lora", [True, False], ids=["adapters", "every weight"])
def test_a_killed_job_resumes(tmp_path, lora, request):
    killed = subprocess.run(
        [sys.executable, "-c", KILLED.format(lora=lora), str(tmp_path / "killed")],
        cwd=request.path.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    checkpoint = latest_checkpoint(tmp_path / "killed")
    assert checkpoint is not None
    assert checkpoint.name == "checkpoint-6"

    calls: list[int] = []
    resumed = Reranker.from_pretrained(embedded_base(), device="cpu")
    trace = resumed.fit(
        tasks(), settings(tmp_path / "killed", lora), lambda done, total, note="": calls.append(done), checkpoint
    )
    whole = Reranker.from_pretrained(embedded_base(), device="cpu")
    expected = whole.fit(tasks(), settings(tmp_path / "whole", lora), lambda done, total, note="": None)

    assert calls == [7, 8, 9, 10], "the steps before the checkpoint are not taken again"
    np.testing.assert_allclose(trace.letter_nll, expected.letter_nll, atol=1e-5)
    np.testing.assert_allclose(trace.learning_rate, expected.learning_rate)
    np.testing.assert_array_equal(trace.example_step, expected.example_step)
    np.testing.assert_array_equal(trace.first_pass, expected.first_pass)
    np.testing.assert_allclose(resumed.score_tasks(tasks()), whole.score_tasks(tasks()), atol=1e-4)


def test_a_checkpoint_of_another_job_is_refused(tmp_path):
    from dataclasses import replace

    own = replace(settings(tmp_path, True), max_steps=3)
    Reranker.from_pretrained(embedded_base(), device="cpu").fit(tasks(), own, lambda done, total, note="": None)
    other = replace(own, lora=LoraSettings(target_modules=("q_proj",)))
    with pytest.raises(TrainingError, match="another adapter"):
        Reranker.from_pretrained(embedded_base(), device="cpu").fit(
            tasks(), other, lambda done, total, note="": None, tmp_path / "checkpoint-3"
        )


def test_a_half_written_checkpoint_is_passed_over_or_refused(tmp_path):
    (tmp_path / "checkpoint-9").mkdir()
    assert latest_checkpoint(tmp_path) is None
    (tmp_path / "checkpoint-9" / "training_trace.npz").write_bytes(b"PK\x03\x04cut")
    with pytest.raises(InvalidTraceError, match="written whole"):
        Reranker.from_pretrained(embedded_base(), device="cpu").fit(
            tasks(), settings(tmp_path, True), lambda done, total, note="": None, tmp_path / "checkpoint-9"
        )
