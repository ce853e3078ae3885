"""A killed job continues from its checkpoint with the same result as an uninterrupted one."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from rerank_guard.core.errors import InvalidTraceError
from rerank_model.backends.lora_settings import LoraSettings
from rerank_model.data.world import SplitTasteRule, world_tasks
from rerank_model.errors import TrainingError
from rerank_model.reranker import Reranker
from rerank_model.targets.embedded import embedded_base
from rerank_model.training.settings import TrainingSettings
from rerank_model.training.trainer import latest_checkpoint

KILLED = """
import os, signal, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from test_resume import settings, tasks
from rerank_model.targets.embedded import embedded_base
from rerank_model.reranker import Reranker

def die(done, total, note=""):
    if done == 7:
        os.kill(os.getpid(), signal.SIGKILL)

Reranker.from_pretrained(embedded_base(), device="cpu").fit(tasks(), settings(Path(sys.argv[1]), lora=True), die)
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


def silent(done, total, note="") -> None:
    """A progress callback that shows nothing."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """From `lora` to a reranker and its trace after the job without an interruption, which runs once for each."""

    @cache
    def trained(lora: bool):
        reranker = Reranker.from_pretrained(embedded_base(), device="cpu")
        return reranker, reranker.fit(tasks(), settings(tmp_path_factory.mktemp("whole"), lora), silent)

    return trained


def assert_resumes(folder, lora, whole) -> None:
    """The job in `folder` broke off at step 7, and continues from its last checkpoint to what the whole job gives."""
    checkpoint = latest_checkpoint(folder)
    assert checkpoint is not None
    assert checkpoint.name == "checkpoint-6"
    calls: list[int] = []
    resumed = Reranker.from_pretrained(embedded_base(), device="cpu")
    trace = resumed.fit(
        tasks(), settings(folder, lora), lambda done, total, note="": calls.append(done), checkpoint
    )
    reranker, expected = whole(lora)
    assert calls == [7, 8, 9, 10], "the steps before the checkpoint are not taken again"
    np.testing.assert_allclose(trace.letter_nll, expected.letter_nll, atol=1e-5)
    np.testing.assert_allclose(trace.learning_rate, expected.learning_rate)
    np.testing.assert_array_equal(trace.example_step, expected.example_step)
    np.testing.assert_array_equal(trace.first_pass, expected.first_pass)
    np.testing.assert_allclose(resumed.score_tasks(tasks()), reranker.score_tasks(tasks()), atol=1e-4)


@pytest.mark.parametrize("lora", [True, False], ids=["adapters", "every weight"])
def test_a_job_that_breaks_off_resumes(tmp_path, lora, whole):
    def break_off(done, total, note=""):
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Reranker.from_pretrained(embedded_base(), device="cpu").fit(tasks(), settings(tmp_path, lora), break_off)
    assert_resumes(tmp_path, lora, whole)


@pytest.mark.slow
def test_a_killed_job_resumes(tmp_path, request, whole):
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        cwd=request.path.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert_resumes(tmp_path, True, whole)


def test_a_checkpoint_of_another_job_is_refused(tmp_path):
    own = replace(settings(tmp_path, True), max_steps=3)
    Reranker.from_pretrained(embedded_base(), device="cpu").fit(tasks(), own, silent)
    other = replace(own, lora=LoraSettings(target_modules=("q_proj",)))
    with pytest.raises(TrainingError, match="another adapter"):
        Reranker.from_pretrained(embedded_base(), device="cpu").fit(
            tasks(), other, silent, tmp_path / "checkpoint-3"
        )


def test_a_half_written_checkpoint_is_passed_over_or_refused(tmp_path):
    (tmp_path / "checkpoint-9").mkdir()
    assert latest_checkpoint(tmp_path) is None
    (tmp_path / "checkpoint-9" / "training_trace.npz").write_bytes(b"PK\x03\x04cut")
    with pytest.raises(InvalidTraceError, match="written whole"):
        Reranker.from_pretrained(embedded_base(), device="cpu").fit(
            tasks(), settings(tmp_path, True), silent, tmp_path / "checkpoint-9"
        )
