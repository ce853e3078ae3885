"""The learning curve is drawn in the format that the file's ending names."""

from __future__ import annotations

import numpy as np

from rerank_guard.core.types import TrainingTrace
from rerank_guard.report.plot import draw_learning_curve


def test_a_learning_curve_is_drawn(tmp_path):
    examples = 40
    trace = TrainingTrace(
        letter_nll=np.linspace(3.9, 1.0, examples),
        n_candidates=np.full(examples, 50),
        example_step=np.arange(examples) // 4,
        first_pass=np.ones(examples, dtype=np.bool_),
        learning_rate=np.full(10, 1e-3),
        gradient_norm=np.full(10, 1.0),
        planned_steps=10,
        trainable_parameters=5,
        seconds=1.0,
    )
    draw_learning_curve(trace, tmp_path / "training.png")
    assert (tmp_path / "training.png").read_bytes().startswith(b"\x89PNG")
    draw_learning_curve(trace, tmp_path / "training.svg")
    assert "<svg" in (tmp_path / "training.svg").read_text()
