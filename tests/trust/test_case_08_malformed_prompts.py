"""Malformed training prompts are a verdict of the checks that look at them, and what is dropped is counted and shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rerank_guard.core.prompts import IGNORED, TrainingPrompt
from rerank_guard.core.types import Item
from rerank_guard.core.verdict import Status
from trust.judged_variants import report_on, trained, verdicts, with_status

CONCERNED = {"only_letter_supervised", "prompts_match"}


def healthy(tasks):
    return trained().training_prompts(tasks)


def shown_by(change):
    """training_prompts() with each prompt changed: change(place, prompt)."""
    return lambda tasks: [change(place, prompt) for place, prompt in enumerate(healthy(tasks))]


def masked(prompt):
    return TrainingPrompt.from_labels(
        prompt.query_id, prompt.text, prompt.token_ids, [IGNORED] * len(prompt.token_ids)
    )


def refusing(refused):
    """training_prompts() that raises for the tasks of these places among all training tasks."""
    ids = {task.query_id for place, task in enumerate(trained().training_tasks()) if refused(place)}

    def shown(tasks):
        for task in tasks:
            if task.query_id in ids:
                raise ValueError(f"{task.query_id} is longer than max_length")
        return healthy(tasks)

    return shown


@pytest.mark.parametrize(
    "shown",
    [
        lambda tasks: healthy(tasks)[:22],
        lambda tasks: healthy(tasks)[1:],
        lambda tasks: [],
        lambda tasks: [*healthy(tasks), *healthy(tasks[:1])],
        lambda tasks: (prompt for prompt in healthy(tasks)[:-1]),
    ],
)
def test_another_number_of_prompts_is_a_verdict_and_the_rest_goes_on(shown):
    report = report_on(training_prompts=shown)
    assert set(with_status(report, Status.FAILED)) == CONCERNED
    assert {verdicts(report)[name].fault for name in CONCERNED} == {"prompts-unusable"}
    assert with_status(report, Status.NOT_RUN) == []
    assert verdicts(report)["prompt_independent_of_target"].status is Status.PASSED
    assert report.diagnosis.fault == "prompts-unusable"


@pytest.mark.parametrize("places", [lambda place: place == 0, lambda place: place % 2 == 0])
def test_examples_that_are_refused_are_a_verdict_that_names_one(places):
    report = report_on(training_prompts=refusing(places))
    failed = verdicts(report)["only_letter_supervised"]
    assert (failed.status, failed.fault) == (Status.FAILED, "prompts-unusable")
    assert "train-0" in failed.evidence[0]
    assert "max_length" in failed.evidence[0]
    assert with_status(report, Status.NOT_RUN) == []


def test_a_builder_that_refuses_everything_is_broken_and_shown_as_it_raised():
    with pytest.raises(ValueError, match="max_length"):
        report_on(training_prompts=refusing(lambda place: True))


@pytest.mark.parametrize("places", [lambda place: True, lambda place: place == 0, lambda place: place % 3 == 0])
def test_labels_that_are_ignored_everywhere_are_letter_not_supervised(places):
    shown = shown_by(lambda place, prompt: masked(prompt) if places(place) else prompt)
    report = report_on(training_prompts=shown)
    of_labels = verdicts(report)["only_letter_supervised"]
    assert (of_labels.status, of_labels.fault) == (Status.FAILED, "letter-not-supervised")
    assert of_labels.measured["letter_not_supervised"] == sum(map(places, range(32)))
    assert verdicts(report)["prompts_match"].fault == "letter-not-supervised"
    assert verdicts(report)["prompt_independent_of_target"].status is Status.PASSED
    assert report.diagnosis.fault == "letter-not-supervised"


@pytest.mark.parametrize(
    "places", [lambda place: place == 0, lambda place: place % 3 == 0, lambda place: place > 0]
)
def test_examples_that_the_pipeline_drops_are_counted_and_shown(places):
    def shown(tasks):
        ids = {task.query_id for row, task in enumerate(trained().training_tasks()) if places(row)}
        return [None if prompt.query_id in ids else prompt for prompt in healthy(tasks)]

    report = report_on(training_prompts=shown)
    of_labels = verdicts(report)["only_letter_supervised"]
    assert of_labels.status is Status.PASSED
    assert of_labels.measured["dropped_examples"] + of_labels.n == 32
    assert of_labels.measured["dropped_examples"] >= 1
    assert "train-" in of_labels.claim
    assert verdicts(report)["prompts_match"].measured["dropped_examples"] == of_labels.measured["dropped_examples"]
    assert report.ok


def test_a_pipeline_that_drops_every_example_has_nothing_to_pass_with():
    report = report_on(training_prompts=lambda tasks: [None] * len(tasks))
    assert set(with_status(report, Status.FAILED)) >= CONCERNED


@pytest.mark.parametrize("character", ["\x00", "\x07", "\n", "\u202e", "\u2028", "\x1b[31m", "\ud800"])
@pytest.mark.parametrize("what", ["history", "candidates"])
def test_titles_with_control_characters_end_no_run(character, what):
    tasks = list(trained().tasks())
    item = getattr(tasks[0], what)[0]
    renamed = Item(item.item_id, f"{character}{item.text}{character}")
    tasks = [
        replace(
            task,
            history=tuple(renamed if each == item else each for each in task.history),
            candidates=tuple(renamed if each == item else each for each in task.candidates),
        )
        for task in tasks
    ]
    report = report_on(tasks=lambda: tasks)
    assert not report.errors
    assert report.verdicts


@pytest.mark.parametrize("refused", ["\x00", "\x1b"])
def test_a_builder_that_refuses_a_title_is_a_verdict(refused):
    tasks = list(trained().tasks())
    first = tasks[0].candidates[0]
    tasks[0] = replace(tasks[0], candidates=(Item(first.item_id, first.text + refused), *tasks[0].candidates[1:]))

    def shown(asked):
        for task in asked:
            if any(refused in item.text for item in task.candidates):
                raise ValueError(f"a title of {task.query_id} holds {refused!r}")
        return trained().scoring_prompts(asked)

    report = report_on(tasks=lambda: tasks, scoring_prompts=shown)
    assert verdicts(report)["prompt_complete"].fault == "prompts-unusable"
    assert verdicts(report)["loss_below_random"].status is Status.PASSED
    assert report.diagnosis.fault == "prompts-unusable"
