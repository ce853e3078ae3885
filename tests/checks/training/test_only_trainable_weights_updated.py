"""only_trainable_weights_updated: what should train has changed, what should stay has not."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from guard.limits import missed
from rerank_guard.checks.training.only_trainable_weights_updated import only_trainable_weights_updated
from rerank_guard.core.errors import RerankGuardError
from rerank_guard.core.finding import Strength
from rerank_guard.core.training_plan import ParameterChange
from rerank_guard.core.verdict import MAX_EVIDENCE, Status

BASE = [ParameterChange(f"layers.{i}.q_proj.weight", 9216, False, 0.0, 5.0) for i in range(3)]
LORA_A = [ParameterChange(f"layers.{i}.q_proj.lora_A", 768, True, 0.3, 1.6) for i in range(3)]
LORA_B = [ParameterChange(f"layers.{i}.q_proj.lora_B", 768, True, 0.1, 0.0) for i in range(3)]
HEALTHY = BASE + LORA_A + LORA_B


@pytest.mark.parametrize(
    "changes",
    [
        HEALTHY,
        LORA_B,  # only tensors that start at 0
        [replace(change, should_train=True, change=0.01) for change in BASE],  # all weights
        [*HEALTHY, ParameterChange("empty", 0, True, 0.0, 0.0)],
        # a tensor that hardly moved, beside others that did
        [*HEALTHY, ParameterChange("norm.weight", 96, True, 1e-8, 9.0)],
        [*BASE, *(replace(change, change=1e-7) for change in LORA_A), *LORA_B],
        # a small tensor that moved, beside a large one that hides it in the change of both together
        [ParameterChange("embedding", 9, True, 1e-3, 1e6), ParameterChange("head", 9, True, 1e-4, 1e-3)],
    ],
)
def test_healthy_jobs_pass(changes):
    verdict = only_trainable_weights_updated(changes)
    assert verdict.status is Status.PASSED, verdict
    assert (verdict.fault, verdict.cause, verdict.evidence) == (None, "", ())
    assert next(iter(verdict.measured)) == "tensors_unmoved"
    assert missed(verdict) == set()
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
        ([ParameterChange("small", 9, True, 1e-8, 0.1)], "no-update", "relative_change"),
        ([*HEALTHY[:-1], replace(LORA_B[2], change=math.nan)], "silent-nan", "tensors_not_finite"),
        ([*HEALTHY[:-1], replace(LORA_B[2], change=math.inf)], "silent-nan", "tensors_not_finite"),
        ([replace(BASE[0], norm=math.nan), *HEALTHY[1:]], "silent-nan", "tensors_not_finite"),
        ([replace(BASE[0], change=1e-9), *HEALTHY[1:]], "frozen-weights-updated", "frozen_tensors_moved"),
        ([replace(c, change=1.0) for c in BASE], "no-trainable-parameters", "tensors_to_train"),
    ],
)
def test_each_faulty_job_is_named(changes, fault, first):
    verdict = only_trainable_weights_updated(changes)
    assert (verdict.status, verdict.fault) == (Status.FAILED, fault)
    assert verdict.suspects[0].strength is Strength.SEEN
    assert next(iter(verdict.measured)) == first
    assert first in missed(verdict)
    assert verdict.cause
    assert verdict.next_step
    assert 1 <= len(verdict.evidence) <= MAX_EVIDENCE
    for value in verdict.measured.values():
        assert not isinstance(value, float) or math.isfinite(value), "cannot be written as JSON"


def test_a_layer_out_of_the_graph_is_shown_by_name_and_explained_otherwise_than_a_job_without_updates():
    unmoved = replace(LORA_A[1], change=0.0)
    part = only_trainable_weights_updated([*BASE, LORA_A[0], unmoved, *LORA_B])
    assert any(row.startswith("layers.1.q_proj.lora_A") for row in part.evidence)
    assert "1 of 5 tensors" in part.cause
    assert part.evidence[0].startswith("1 of 8 tensors")
    everything = only_trainable_weights_updated([replace(change, change=0.0) for change in LORA_A])
    assert everything.cause == everything.suspects[0].fault.what != part.cause
    # of a job in which one tensor has 0 and the others next to nothing, none moved
    barely = only_trainable_weights_updated([unmoved, *(replace(change, change=1e-9) for change in LORA_A)])
    assert barely.cause == everything.cause


def test_what_starts_at_zero_has_a_relative_change_only_where_it_stays_there():
    assert only_trainable_weights_updated(LORA_B).measured["relative_change"] is None
    still = only_trainable_weights_updated([replace(change, change=0.0) for change in LORA_B])
    assert still.measured["relative_change"] == 0.0
    assert still.threshold["tensors_to_train"] == 1


def test_the_frozen_tensor_that_moved_most_is_shown_first():
    changes = [replace(BASE[0], change=1e-9), replace(BASE[1], change=2.0), *LORA_A]
    verdict = only_trainable_weights_updated(changes)
    assert verdict.evidence[1].startswith("layers.1.q_proj.weight")
    assert verdict.measured["frozen_tensors_moved"] == 2


def test_the_least_relative_change_is_a_setting():
    changes = [replace(change, change=1.6e-6) for change in LORA_A]  # 1e-6 of the norm each
    assert only_trainable_weights_updated(changes, least_relative_change=0.9e-6).status is Status.PASSED
    failed = only_trainable_weights_updated(changes, least_relative_change=1.1e-6)
    assert failed.fault == "no-update"
    assert failed.threshold["relative_change"] == 1.1e-6
    assert only_trainable_weights_updated([replace(c, change=1.5e-6) for c in LORA_A]).fault == "no-update"
    assert only_trainable_weights_updated([replace(c, change=1.7e-6) for c in LORA_A]).status is Status.PASSED
    with pytest.raises(RerankGuardError, match="least_relative_change=-1"):
        only_trainable_weights_updated(changes, least_relative_change=-1)


@pytest.mark.parametrize("change", [{"change": -1.0}, {"norm": -1.0}, {"elements": -1}])
def test_negative_norms_are_errors(change):
    with pytest.raises(RerankGuardError, match=r"layers\.0"):
        only_trainable_weights_updated([replace(BASE[0], **change)])
