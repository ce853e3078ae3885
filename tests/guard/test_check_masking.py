"""only_letter_supervised: the sound twin passes, each saboteur is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guard.builders import LETTERS
from guard.lettered_prompts import Words, film_tasks, letter_table, training_prompt
from rerank_guard.checks.masking import check_only_letter_supervised
from rerank_guard.errors import InvalidTaskError
from rerank_guard.prompts import SupervisedToken, TrainingPrompt
from rerank_guard.types import LetterTable, LetterToken
from rerank_guard.verdict import Status


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
    return check_only_letter_supervised(prompts, tasks, table)


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
    assert (verdict.status, verdict.fault, verdict.evidence, verdict.cause) == (Status.PASSED, None, (), "")
    assert verdict.measured["letter_share"] == 1.0
    assert next(iter(verdict.measured)) == "broken_examples"


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
@pytest.mark.parametrize("broken", [1, 99])
def test_saboteurs_are_named(supervised, answer, fault, broken):
    verdict = judge(supervised, answer=answer, broken=broken)
    assert verdict.status is Status.FAILED
    assert verdict.fault == fault, verdict
    assert verdict.measured["broken_examples"] == min(broken, 12)
    assert verdict.cause
    assert verdict.next_step
    assert "'u0'" in verdict.evidence[0]


def test_the_share_of_the_loss_and_the_shift_are_said():
    verdict = judge(up_to_the_end)
    assert verdict.measured["letter_share"] == pytest.approx(1 / 3, abs=1e-3)
    assert "67%" in verdict.evidence[0]
    assert "1 slot(s) further on" in judge(answer=shifted(1)).cause
    mixed = judge(answer=lambda task: LETTERS[(task.target_index + 1 + len(task.history) % 2) % 26])
    assert mixed.fault == "label-offset"
    assert "slot(s) further" not in mixed.cause


def test_weights_count():
    verdict = judge(lambda place, ids: (SupervisedToken(place, ids[place + 1], 3.0), SupervisedToken(0, 7, 1.0)))
    assert verdict.fault == "loss-mask-wrong"
    assert verdict.measured["letter_share"] == 0.75


def test_a_guessed_answer_position_is_not_taken_at_its_word():
    """`from_labels` of an example whose prompt is supervised says that the letter comes behind token 0."""
    words, tasks = Words(), film_tasks()
    table = letter_table(words)
    prompts = []
    for task in tasks:
        made = training_prompt(task, words)
        prompts.append(TrainingPrompt.from_labels(task.query_id, made.text, made.token_ids, made.token_ids))
    assert {prompt.answer_position for prompt in prompts} == {0}
    assert check_only_letter_supervised(prompts, tasks, table).fault == "loss-mask-wrong"


def test_the_label_is_that_of_target_id_and_any_of_its_slots():
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
    assert check_only_letter_supervised(prompts, tasks, several).status is Status.PASSED
    short = LetterTable(letter_table(words).letters[:1])
    assert check_only_letter_supervised(prompts, tasks, short).status is Status.PASSED


def test_the_commonest_fault_is_named_and_every_kind_shown():
    words, tasks = Words(), film_tasks()
    prompts = [training_prompt(task, words, supervised=up_to_the_end) for task in tasks]
    prompts[3] = training_prompt(tasks[3], words, supervised=nothing)
    verdict = check_only_letter_supervised(prompts, tasks, letter_table(words))
    assert verdict.fault == "loss-mask-wrong"
    assert verdict.measured["letter_not_supervised"] == 1
    assert any("'u3'" in row for row in verdict.evidence)


def test_prompts_of_other_tasks_are_an_error():
    words, tasks = Words(), film_tasks()
    prompts = [training_prompt(task, words) for task in tasks]
    with pytest.raises(InvalidTaskError, match="place 0"):
        check_only_letter_supervised(prompts[::-1], tasks, letter_table(words))
    with pytest.raises(InvalidTaskError, match="no prompts"):
        check_only_letter_supervised([], [], letter_table(words))
