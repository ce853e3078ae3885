"""adapter_active and survives_reload: weights that do nothing, were lost, or were applied twice."""

from __future__ import annotations

import numpy as np
import pytest

from guard.builders import make_tasks
from guard.letter_logits import in_half_precision, letters_of, log_softmax, world
from rerank_guard.checks.adapter import check_adapter_active, check_survives_reload
from rerank_guard.checks.explain import letter_probabilities
from rerank_guard.errors import InvalidScoresError, RerankGuardError
from rerank_guard.verdict import Status

KINDS = [lambda row: row, log_softmax, letter_probabilities]


def trained(n=20, *, strength=2.0, seed=0):
    """Tasks, the scores of the trained reranker, and those of the base."""
    tasks, _, logits, _ = world(32, n, seed=seed)
    base = letters_of(logits, tasks)
    rng = np.random.default_rng(seed + 1)
    return tasks, [row + rng.normal(scale=strength, size=len(row)) for row in base], base


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("strength", [0.01, 2.0])
@pytest.mark.parametrize("n", [2, 20])
def test_an_adapter_that_changes_the_scores_is_active(n, strength, kind):
    tasks, scores, base = trained(n, strength=strength)
    verdict = check_adapter_active([kind(row) for row in scores], [kind(row) for row in base], tasks)
    assert verdict.status is Status.PASSED


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("noise", [0.0, 2e-7])
def test_an_adapter_that_changes_nothing_is_inactive(noise, kind):
    rng = np.random.default_rng(2)
    tasks, _, base = trained()
    scores = [row * (1.0 + rng.normal(scale=noise, size=len(row))) for row in base]
    verdict = check_adapter_active([kind(row) for row in scores], [kind(row) for row in base], tasks)
    assert verdict.status is Status.FAILED
    assert verdict.fault == "adapter-inactive"
    assert verdict.evidence


def test_confident_scores_whose_probabilities_hide_the_adapter_are_active():
    tasks, scores, base = trained()
    verdict = check_adapter_active([1e4 * row for row in scores], [1e4 * row for row in base], tasks)
    assert verdict.status is Status.PASSED


def test_without_training_it_does_not_apply():
    tasks, _, base = trained()
    verdict = check_adapter_active(base, base, tasks, trained=False)
    assert verdict.status is Status.NOT_APPLICABLE
    assert verdict.cause


@pytest.mark.parametrize("with_base", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_equal_and_half_precision_survive(kind, with_base):
    rng = np.random.default_rng(0)
    tasks, scores, base = trained()
    without = [kind(row) for row in base] if with_base else None
    same = [kind(row) for row in scores]
    assert check_survives_reload(same, same, tasks, without=without).status is Status.PASSED
    one, other = ([kind(row) for row in in_half_precision(scores, rng)] for _ in range(2))
    assert check_survives_reload(one, other, tasks, without=without).status is Status.PASSED


def test_an_adapter_that_does_nothing_survives():
    tasks, _, base = trained()
    assert check_survives_reload(base, base, tasks, without=base).status is Status.PASSED


@pytest.mark.parametrize("strength", [0.05, 2.0])
def test_lost_weights_are_told(strength):
    tasks, scores, base = trained(strength=strength)
    verdict = check_survives_reload(scores, base, tasks, without=base)
    assert verdict.status is Status.FAILED
    assert verdict.fault == "adapter-inactive"
    assert "not saved" in verdict.cause
    assert verdict.measured["mean_distance_from_base"] == 0.0


def test_an_adapter_applied_twice_is_told():
    tasks, scores, base = trained()
    twice = [2 * row - b for row, b in zip(scores, base, strict=True)]
    verdict = check_survives_reload(scores, [log_softmax(row) for row in twice], tasks, without=base)
    assert verdict.fault == "adapter-inactive"
    assert "twice the strength" in verdict.cause


@pytest.mark.parametrize("with_base", [True, False])
@pytest.mark.parametrize("n", [2, 20])
def test_other_scores_after_loading_are_told(n, with_base):
    tasks, scores, base = trained(n)
    _, other, _ = trained(n, seed=9)
    verdict = check_survives_reload(scores, other, tasks, without=base if with_base else None)
    assert verdict.fault == "adapter-inactive"
    assert "other scores" in verdict.cause
    assert verdict.evidence


def test_errors():
    tasks, scores, base = trained()
    with pytest.raises(InvalidScoresError, match="reloaded"):
        check_survives_reload(scores, scores[:-1], tasks)
    with pytest.raises(InvalidScoresError, match="without the adapter"):
        check_adapter_active(scores, base[:-1], tasks)
    with pytest.raises(RerankGuardError, match="tolerance=-1"):
        check_survives_reload(scores, scores, tasks, tolerance=-1)


@pytest.mark.parametrize("row", [np.zeros(6), -np.arange(6.0), np.linspace(0.0, 3.0, 6)])
def test_scores_that_ignore_the_task_say_nothing_of_the_adapter(row):
    tasks = make_tasks([1] * 8, [6] * 8)
    verdict = check_adapter_active([row] * 8, [row] * 8, tasks)
    assert verdict.status is Status.NOT_APPLICABLE
    assert "do not depend on the task" in verdict.cause
