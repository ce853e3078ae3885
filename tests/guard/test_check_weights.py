"""weights_moved: what should train has changed, what should stay has not."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from rerank_guard.checks.weights import check_weights_moved
from rerank_guard.errors import RerankGuardError
from rerank_guard.training_plan import ParameterChange
from rerank_guard.verdict import MAX_EVIDENCE, Status

BASE = [ParameterChange(f"layers.{i}.q_proj.weight", 9216, False, 0.0, 5.0) for i in range(3)]
LORA_A = [ParameterChange(f"layers.{i}.q_proj.lora_A", 768, True, 0.3, 1.6) for i in range(3)]
LORA_B = [ParameterChange(f"layers.{i}.q_proj.lora_B", 768, True, 0.1, 0.0) for i in range(3)]
SOUND = BASE + LORA_A + LORA_B


@pytest.mark.parametrize(
    "changes",
    [
        SOUND,
        LORA_B,  # only tensors that start at 0
        [replace(change, should_train=True, change=0.01) for change in BASE],  # all weights
        [*SOUND, ParameterChange("empty", 0, True, 0.0, 0.0)],
        # a tensor that hardly moved, beside others that did
        [*SOUND, ParameterChange("norm.weight", 96, True, 1e-8, 9.0)],
        [*BASE, *(replace(change, change=1e-7) for change in LORA_A), *LORA_B],
    ],
)
def test_sound_jobs_pass(changes):
    verdict = check_weights_moved(changes)
    assert verdict.status is Status.PASSED, verdict
    assert (verdict.fault, verdict.cause, verdict.evidence) == (None, "", ())
    for value in verdict.measured.values():
        assert not isinstance(value, float) or math.isfinite(value)


@pytest.mark.parametrize(
    ("changes", "fault", "first"),
    [
        ([], "no-trainable-parameters", "tensors_to_train"),
        (BASE, "no-trainable-parameters", "tensors_to_train"),
        ([*BASE, ParameterChange("empty", 0, True, 0.0, 0.0)], "no-trainable-parameters", "tensors_to_train"),
        ([*BASE, *(replace(c, change=0.0) for c in LORA_A + LORA_B)], "no-update", "tensors_unmoved"),
        ([replace(c, change=0.0) for c in LORA_B], "no-update", "tensors_unmoved"),
        ([*BASE, *LORA_A[:2], replace(LORA_A[2], change=0.0), *LORA_B], "no-update", "tensors_unmoved"),
        ([replace(c, should_train=True, change=1e-7) for c in BASE], "no-update", "relative_change"),
        (
            [*(replace(c, change=1e-7) for c in LORA_A), *(replace(c, change=1e-8) for c in LORA_B)],
            "no-update",
            "relative_change",
        ),
        ([*SOUND[:-1], replace(LORA_B[2], change=math.nan)], "silent-nan", "tensors_not_finite"),
        ([*SOUND[:-1], replace(LORA_B[2], change=math.inf)], "silent-nan", "tensors_not_finite"),
        ([replace(BASE[0], change=math.nan), *SOUND[1:]], "silent-nan", "tensors_not_finite"),
        ([replace(BASE[0], change=1e-9), *SOUND[1:]], "frozen-weights-moved", "frozen_tensors_moved"),
        ([replace(c, change=1.0) for c in BASE], "no-trainable-parameters", "tensors_to_train"),
    ],
)
def test_each_saboteur_is_named(changes, fault, first):
    verdict = check_weights_moved(changes)
    assert (verdict.status, verdict.fault) == (Status.FAILED, fault)
    assert next(iter(verdict.measured)) == first
    assert first in verdict.threshold
    assert verdict.cause
    assert verdict.next_step
    assert 1 <= len(verdict.evidence) <= MAX_EVIDENCE
    for value in verdict.measured.values():
        assert not isinstance(value, float) or math.isfinite(value), "cannot be written as JSON"


def test_a_layer_out_of_the_graph_is_shown_by_name():
    unmoved = replace(LORA_A[1], change=0.0)
    verdict = check_weights_moved([*BASE, LORA_A[0], unmoved, *LORA_B])
    assert "outside of the graph" in verdict.cause
    assert any(row.startswith("layers.1.q_proj.lora_A") for row in verdict.evidence)
    everything = check_weights_moved([replace(change, change=0.0) for change in LORA_A])
    assert "No weight that should train has moved" in everything.cause


def test_the_frozen_tensor_that_moved_most_is_shown_first():
    changes = [replace(BASE[0], change=1e-9), replace(BASE[1], change=2.0), *LORA_A]
    assert check_weights_moved(changes).evidence[1].startswith("layers.1.q_proj.weight")


@pytest.mark.parametrize("change", [{"change": -1.0}, {"norm": -1.0}, {"elements": -1}])
def test_negative_norms_are_errors(change):
    with pytest.raises(RerankGuardError, match=r"layers\.0"):
        check_weights_moved([replace(BASE[0], **change)])
