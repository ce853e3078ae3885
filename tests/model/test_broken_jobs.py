"""Training jobs with one thing wrong, and what the target shows of itself before and after them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from rerank_guard.core.errors import NotOfferedError
from rerank_guard.core.training_change import LossChange, SavedAdapter, TrainingChange
from rerank_model.targets.embedded import default_settings, make_target

BATCH = 4
SETTINGS = replace(default_settings(3), max_steps=6, warmup_steps=1, batch_size=BATCH)


def silent(*_args, **_kwargs) -> None:
    """A progress callback that shows nothing."""


@pytest.fixture(scope="module")
def healthy():
    torch.set_num_threads(min(2, torch.get_num_threads()))
    return make_target(3, "cpu", n_train=6 * BATCH, n_test=12, settings=SETTINGS)


@pytest.fixture(scope="module")
def trained(healthy):
    target = healthy.rebuilt(TrainingChange())
    return target, target.train(silent)


def largest_gap(first, second) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(first, second, strict=True))


def test_what_is_shown_is_what_is_scored_and_trained_on(healthy):
    tasks = healthy.tasks()
    scoring, training = healthy.scoring_prompts(tasks), healthy.training_prompts(tasks)
    letters = healthy.reranker.scorer.letter_token_ids.tolist()
    for task, prompt, trained_on in zip(tasks, scoring, training, strict=True):
        assert prompt.token_ids == tuple(healthy.reranker.encoder.encode(task.history, task.candidates))
        assert prompt.read_position == len(prompt.token_ids) - 1
        assert trained_on.before_answer == prompt.before_answer
        (only,) = trained_on.supervised
        assert (only.position, only.token_id) == (prompt.read_position, letters[task.target_index])
        assert all(candidate.text in prompt.text for candidate in task.candidates)
    assert healthy.scoring_prompts([]) == healthy.training_prompts([]) == []


def test_the_plain_forward_pass_gives_the_scores(trained):
    target, _ = trained
    tasks = target.tasks()[:4]
    letters = target.reranker.scorer.letter_token_ids.numpy()
    logits = target.next_token_logits([prompt.token_ids for prompt in target.scoring_prompts(tasks)])
    rows = [row[letters[: task.n_candidates]] for row, task in zip(logits, tasks, strict=True)]
    assert largest_gap(target.score(tasks), rows) < 1e-4
    assert len(logits[0]) > 1000, "the whole vocabulary"


def test_a_healthy_job_moves_the_adapters_and_nothing_else(trained):
    target, trace = trained
    changes = target.parameter_changes()
    assert trace.optimizer_steps == 6
    assert {change.should_train for change in changes} == {True, False}
    assert all((change.change > 0.0) == change.should_train for change in changes)
    assert all("lora_" in change.name for change in changes if change.should_train)


def test_reload_and_adapter_off(trained):
    target, _ = trained
    tasks = target.tasks()
    assert largest_gap(target.score(tasks), target.score_reloaded(tasks)) < 1e-4
    assert largest_gap(target.score(tasks), target.score_without_adapter(tasks)) > 1e-3


def test_without_a_job_or_an_adapter_nothing_is_offered(healthy):
    untrained = healthy.rebuilt(TrainingChange())
    with pytest.raises(NotOfferedError, match="no job"):
        untrained.parameter_changes()
    with pytest.raises(NotOfferedError, match="no adapter"):
        untrained.score_without_adapter(untrained.tasks())
    alone = healthy.rebuilt(TrainingChange())
    alone.new_reranker = None
    with pytest.raises(NotOfferedError, match="new_reranker"):
        alone.rebuilt(TrainingChange())


def test_rebuilding_leaves_the_target_as_it_was(healthy):
    before = [weight.clone() for weight in healthy.reranker.scorer.parameters()]
    healthy.rebuilt(TrainingChange(learning_rate_factor=100.0, steps=2)).train(silent)
    assert all(torch.equal(a, b) for a, b in zip(before, healthy.reranker.scorer.parameters(), strict=True))
    assert healthy.settings == SETTINGS


@pytest.mark.parametrize(
    ("loss", "supervised"),
    [
        (LossChange.WHOLE_PROMPT, "everything"),
        (LossChange.LETTER_AND_END, 2),
        (LossChange.NOT_THE_LETTER, "all but one"),
        (LossChange.FLIPPED, 1),
        (LossChange.NEXT_LETTER, 1),
    ],
)
def test_another_loss_is_shown_and_trains(healthy, loss, supervised):
    target = healthy.rebuilt(TrainingChange(loss=loss, steps=2))
    task = target.tasks()[0]
    (shown,) = target.training_prompts([task])
    positions = {token.position for token in shown.supervised}
    expected = {"everything": len(shown.token_ids) - 1, "all but one": len(shown.token_ids) - 2}.get(
        supervised, supervised
    )
    assert len(positions) == expected
    assert (shown.answer_position in positions) == (loss is not LossChange.NOT_THE_LETTER)
    letters = target.reranker.scorer.letter_token_ids.tolist()
    at_answer = [token.token_id for token in shown.supervised if token.position == shown.answer_position]
    shift = int(loss is LossChange.NEXT_LETTER)
    if at_answer:
        assert at_answer == [letters[(task.target_index + shift) % task.n_candidates]]
    trace = target.train(silent)
    assert trace.optimizer_steps == 2
    assert any(change.change > 0.0 for change in target.parameter_changes())


def test_a_flipped_sign_climbs_where_a_healthy_job_descends(healthy):
    sums = {}
    for loss in (None, LossChange.FLIPPED):
        target = healthy.rebuilt(TrainingChange(loss=loss, steps=12))
        target.train_tasks = list(target.train_tasks[:BATCH]) * 12  # one batch again and again
        trace = target.train(silent)
        sums[loss] = float(trace.letter_nll[-BATCH:].mean() - trace.letter_nll[:BATCH].mean())
        assert trace.optimizer_steps == 12
    assert sums[None] < 0.0 < sums[LossChange.FLIPPED]


@pytest.mark.parametrize(
    ("change", "moved", "steps"),
    [
        (TrainingChange(frozen=True), False, 6),
        (TrainingChange(learning_rate_factor=0.0), False, 6),
        (TrainingChange(skipped=True), None, 0),
        (TrainingChange(ignores_settings=True), True, 3),
        (TrainingChange(steps=2), True, 2),
    ],
)
def test_jobs_that_do_not_do_what_they_should(healthy, change, moved, steps):
    target = healthy.rebuilt(change)
    trace = target.train(silent)
    assert trace.optimizer_steps == steps
    if moved is not None:
        assert any(one.change > 0.0 for one in target.parameter_changes()) is moved
    assert (trace.trainable_parameters == 0) is change.frozen


def test_steps_with_nan_leave_no_trace_but_in_the_gradient_norms(healthy):
    target = healthy.rebuilt(TrainingChange(nan_every=3))
    trace = target.train(silent)
    assert np.flatnonzero(~np.isfinite(trace.gradient_norm)).tolist() == [2, 5]
    assert all(np.isfinite(one.change) for one in target.parameter_changes())
    assert all(np.isfinite(row).all() for row in target.score(target.tasks()[:2]))


def test_training_prompts_of_other_tasks(healthy):
    change = TrainingChange(prompt=lambda task: replace(task, history=task.history[-1:]), steps=2)
    target = healthy.rebuilt(change)
    tasks = target.tasks()[:2]
    for scored, trained_on in zip(target.scoring_prompts(tasks), target.training_prompts(tasks), strict=True):
        assert len(trained_on.token_ids) < len(scored.token_ids)
    assert target.train(silent).optimizer_steps == 2


@pytest.mark.parametrize("saved", list(SavedAdapter))
def test_spoiled_adapters_are_not_what_was_trained(healthy, trained, saved):
    target = healthy.rebuilt(TrainingChange(saved=saved))
    target.train(silent)
    tasks = target.tasks()
    whole, _ = trained
    base = whole.score_without_adapter(tasks)
    if saved is SavedAdapter.DOUBLED:
        assert largest_gap(target.score(tasks), target.score_reloaded(tasks)) > 1e-3
    else:
        assert largest_gap(target.score(tasks), base) < 1e-4
    assert largest_gap(target.score(tasks), whole.score(tasks)) > 1e-3


def test_two_changes_of_the_batch_at_once_are_refused(healthy):
    target = healthy.rebuilt(TrainingChange(prompt=lambda task: task, loss=LossChange.NEXT_LETTER))
    with pytest.raises(NotOfferedError, match="in one job"):
        target.training_prompts(target.tasks()[:1])
