"""only_letter_supervised: a loss at the letter alone passes; each other one is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guard.builders import LETTERS
from guard.lettered_prompts import Words, film_tasks, letter_table, training_prompt
from guard.prompt_layouts import judged
from rerank_guard.checks.supervision.only_letter_supervised import only_letter_supervised
from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.finding import Affected
from rerank_guard.core.prompts import SupervisedToken, TrainingPrompt
from rerank_guard.core.types import LetterTable, LetterToken
from rerank_guard.core.verdict import Status


def judge(supervised=None, *, tasks=None, broken=99, answer=lambda task: None):
    """The first `broken` examples are made with `supervised` and `answer`."""
    words, tasks = Words(), tasks or film_tasks()
    table = letter_table(words)
    prompts = [
        training_prompt(task, words, supervised=supervised, answer=answer(task))
        if place < broken
        else training_prompt(task, words)
        for place, task in enumerate(tasks)
    ]
    return only_letter_supervised(prompts, tasks, table)


def everything(place, ids):
    return tuple(SupervisedToken(position, ids[position + 1]) for position in range(len(ids) - 1))


def up_to_the_end(place, ids):
    return tuple(SupervisedToken(position, ids[position + 1]) for position in range(place, len(ids) - 1))


def nothing(place, ids):
    return ()


def only_the_end(place, ids):
    return (SupervisedToken(place + 1, ids[place + 2]),)


def shifted(by):
    return lambda task: LETTERS[(task.target_index + by) % 26]


def test_the_letter_alone_passes():
    verdict = judge()
    assert judged(verdict, None).measured == {
        "broken_examples": 0,
        "letter_share": 1.0,
        "letter_not_supervised": 0,
        "wrong_letter_variant": 0,
        "label_offset": 0,
        "loss_mask_wrong": 0,
    }


@pytest.mark.parametrize(
    ("supervised", "answer", "fault"),
    [
        (everything, lambda task: None, "loss-mask-wrong"),
        (up_to_the_end, lambda task: None, "loss-mask-wrong"),
        (nothing, lambda task: None, "letter-not-supervised"),
        (only_the_end, lambda task: None, "letter-not-supervised"),
        (None, shifted(1), "label-offset"),
        (None, shifted(13), "label-offset"),
        (up_to_the_end, shifted(1), "label-offset"),
        (None, lambda task: " " + LETTERS[task.target_index], "wrong-letter-variant"),
        (up_to_the_end, lambda task: " " + LETTERS[task.target_index], "wrong-letter-variant"),
        (everything, lambda task: " " + LETTERS[task.target_index], "wrong-letter-variant"),
        (None, lambda task: task.candidates[task.target_index].text, "wrong-letter-variant"),
    ],
)
def test_one_wrong_example_is_named(supervised, answer, fault):
    verdict = judged(judge(supervised, answer=answer, broken=1), fault)
    assert verdict.measured["broken_examples"] == verdict.measured[fault.replace("-", "_")] == 1
    assert verdict.affected == Affected(1, 12, "examples")
    assert "'u0'" in verdict.evidence[0]


@pytest.mark.parametrize(
    ("supervised", "answer", "fault"),
    [
        (everything, lambda task: None, "loss-mask-wrong"),
        (nothing, lambda task: None, "letter-not-supervised"),
        (None, shifted(1), "label-offset"),
        (None, lambda task: " " + LETTERS[task.target_index], "wrong-letter-variant"),
    ],
)
def test_examples_that_are_all_wrong_are_named(supervised, answer, fault):
    verdict = judged(judge(supervised, answer=answer), fault)
    assert verdict.measured["broken_examples"] == 12
    assert len(verdict.evidence) == 5


def test_the_share_of_the_loss_is_measured():
    verdict = judge(up_to_the_end)
    assert verdict.measured["letter_share"] == pytest.approx(1 / 3, abs=1e-3)
    assert "67%" in verdict.evidence[0]
    assert "2 behind" in judge(everything).evidence[0]
    assert judge(nothing).measured["letter_share"] == 0.0


@pytest.mark.parametrize(
    ("by", "shown"),
    [(1, "1 position(s) further on"), (3, "3 position(s) further on"), (-1, "1 position(s) before")],
)
def test_a_shift_that_all_labels_have_is_shown(by, shown):
    tasks = [task for task in film_tasks(20) if task.target_index > 0]
    assert shown in judged(judge(answer=shifted(by), tasks=tasks), "label-offset").cause


def test_labels_that_are_shifted_differently_have_no_shift():
    mixed = judge(answer=lambda task: LETTERS[(task.target_index + 1 + len(task.history) % 2) % 26])
    assert "position(s)" not in judged(mixed, "label-offset").cause


def test_weights_count():
    verdict = judge(lambda place, ids: (SupervisedToken(place, ids[place + 1], 3.0), SupervisedToken(0, 7, 1.0)))
    assert judged(verdict, "loss-mask-wrong").measured["letter_share"] == 0.75


def test_a_guessed_answer_position_is_no_evidence_of_a_wrong_letter():
    """`from_labels` of an example whose prompt is supervised says that the letter comes behind token 0."""
    words, tasks = Words(), film_tasks()
    table = letter_table(words)
    prompts = []
    for task in tasks:
        made = training_prompt(task, words)
        prompts.append(TrainingPrompt.from_labels(task.query_id, made.text, made.token_ids, made.token_ids))
    assert {prompt.answer_position for prompt in prompts} == {0}
    assert only_letter_supervised(prompts, tasks, table).fault == "loss-mask-wrong"


def test_the_label_is_that_of_target_id_at_any_of_its_positions():
    tasks = [replace(task, target_index=None) for task in film_tasks()]
    assert judge(tasks=tasks).status is Status.PASSED
    twice = [
        replace(task, candidates=(*task.candidates, task.candidates[task.target_index])) for task in film_tasks()
    ]
    assert judge(tasks=twice).status is Status.PASSED
    assert judge(tasks=twice, answer=lambda task: LETTERS[task.n_candidates - 1]).status is Status.PASSED


def test_missing_targets_and_letters_of_several_tokens_are_left_to_other_checks():
    missing = [replace(task, target_id="elsewhere") for task in film_tasks()]
    assert judge(tasks=missing).status is Status.PASSED
    assert judge(up_to_the_end, tasks=missing).fault == "loss-mask-wrong"
    words, tasks = Words(), film_tasks(n=2)
    prompts = [training_prompt(task, words) for task in tasks]
    several = LetterTable(tuple(LetterToken(x, (1, 2), 1) for x in "AB"))
    assert only_letter_supervised(prompts, tasks, several).status is Status.PASSED
    short = LetterTable(letter_table(words).letters[:1])
    assert only_letter_supervised(prompts, tasks, short).status is Status.PASSED


def test_the_most_frequent_fault_is_named_first_and_every_kind_shown():
    words, tasks = Words(), film_tasks()
    prompts = [training_prompt(task, words, supervised=up_to_the_end) for task in tasks]
    prompts[3] = training_prompt(tasks[3], words, supervised=nothing)
    verdict = only_letter_supervised(prompts, tasks, letter_table(words))
    assert judged(verdict, "loss-mask-wrong").measured["letter_not_supervised"] == 1
    assert [suspected.fault.name for suspected in verdict.suspects] == ["loss-mask-wrong", "letter-not-supervised"]
    assert "'u3'" in verdict.evidence[1]
    assert len(set(verdict.evidence)) == 5


@pytest.mark.parametrize("order", [(nothing, everything), (everything, nothing)])
def test_of_equally_frequent_faults_the_one_that_hides_the_others_is_first(order):
    words, tasks = Words(), film_tasks(2)
    prompts = [training_prompt(task, words, supervised=one) for task, one in zip(tasks, order, strict=True)]
    judged(only_letter_supervised(prompts, tasks, letter_table(words)), "letter-not-supervised")


def test_prompts_of_other_tasks_are_an_error():
    words, tasks = Words(), film_tasks()
    prompts = [training_prompt(task, words) for task in tasks]
    with pytest.raises(InvalidTaskError, match="place 0"):
        only_letter_supervised(prompts[::-1], tasks, letter_table(words))
    with pytest.raises(InvalidTaskError, match="no prompts"):
        only_letter_supervised([], [], letter_table(words))
