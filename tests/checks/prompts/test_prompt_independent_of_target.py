"""prompt_independent_of_target: prompts without the answer pass; those that change with the target are named."""

from __future__ import annotations

import pytest

from guard.lettered_prompts import (
    HEAD,
    TAIL,
    Words,
    film_tasks,
    moved_target,
    prompt_text,
    scoring_prompt,
    training_prompt,
)
from guard.prompt_layouts import HEALTHY_LAYOUTS, judged
from guard.target_prompts import of_scoring, of_training, profile_of, target_of
from rerank_guard.checks.prompts.prompt_independent_of_target import prompt_independent_of_target
from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.finding import Affected


@pytest.mark.parametrize("judge", [of_scoring, of_training])
@pytest.mark.parametrize("layout", ["'. '", "in one line", "history below", "json", "block twice"])
def test_prompts_without_the_answer_pass(layout, judge):
    judged(judge(HEALTHY_LAYOUTS[layout]), None)


MADE_FROM_TARGET = [
    lambda task: prompt_text(task, head=f"Hint: {target_of(task)}\n{HEAD}"),
    lambda task: prompt_text(task, tail=f"Hint: {target_of(task)}\n{TAIL}"),
    lambda task: prompt_text(task, tail=f"(number {task.target_index})\n{TAIL}"),
    lambda task: prompt_text(task).replace(target_of(task), target_of(task) + "*"),
]


@pytest.mark.parametrize("text_of", MADE_FROM_TARGET)
def test_prompts_made_from_the_target_are_named(text_of):
    verdict = judged(of_scoring(text_of), "prompt-leak")
    assert verdict.measured["changed_with_the_target"] == 40
    assert verdict.measured["leaking_prompts"] == 40
    assert len(verdict.evidence) == 5


@pytest.mark.parametrize("text_of", MADE_FROM_TARGET[::2])
def test_training_prompts_made_from_the_target_are_named(text_of):
    verdict = judged(of_training(text_of), "prompt-leak")
    assert verdict.measured["changed_with_the_target"] == verdict.n == 40


def test_one_prompt_that_changes_is_enough():
    def text(task):
        return (
            prompt_text(task, head=f"{task.target_index}\n{HEAD}") if task.query_id == "u7" else prompt_text(task)
        )

    verdict = judged(of_scoring(text), "prompt-leak")
    assert verdict.affected == Affected(1, 40, "prompts")
    assert "'u7'" in verdict.evidence[0]


# built again


def built_again(text_of, again_of=None, tasks=None):
    """The verdict, and how often the builder was called again."""
    words, tasks, calls = Words(), tasks or film_tasks(40), []

    def show(tasks):
        calls.append(len(tasks))
        return [scoring_prompt(task, words, (again_of or text_of)(task)) for task in tasks]

    prompts = [scoring_prompt(task, words, text_of(task)) for task in tasks]
    moved = [scoring_prompt(task, words, text_of(task)) for task in map(moved_target, tasks)]
    return prompt_independent_of_target(prompts, moved, tasks, show), calls


def test_a_random_builder_is_named_for_what_it_is():
    def shuffled(task):
        return prompt_text(task, head=f"{task.target_index}\n{HEAD}")

    def again(task):
        return prompt_text(task) if int(task.query_id[1:]) < 7 else shuffled(task)

    verdict, calls = built_again(shuffled, again)
    assert judged(verdict, "nondeterministic").affected == Affected(7, 40, "prompts")
    assert verdict.measured["changed_with_the_target"] == 40
    assert [suspected.fault.name for suspected in verdict.suspects] == ["nondeterministic"]
    assert "'u0'" in verdict.evidence[0]
    assert calls == [40]


def test_a_builder_that_repeats_itself_leaks():
    verdict, calls = built_again(MADE_FROM_TARGET[0])
    assert judged(verdict, "prompt-leak").measured["changed_with_the_target"] == 40
    assert calls == [40]
    assert "random" not in verdict.cause
    assert "random" in of_scoring(MADE_FROM_TARGET[0]).cause


def test_nothing_is_built_again_where_nothing_changes():
    for text, tasks in [(prompt_text, None), profile_of(40)]:
        assert built_again(text, tasks=tasks)[1] == []


# training prompts


def test_training_prompts_are_judged_where_scoring_prompts_pass():
    words, tasks = Words(), film_tasks(20)
    scoring = [scoring_prompt(task, words) for task in tasks]
    moved = [scoring_prompt(task, words, MADE_FROM_TARGET[2](task)) for task in tasks]
    trained = [training_prompt(task, words) for task in tasks[:9]]
    moved_trained = [training_prompt(task, words, MADE_FROM_TARGET[2](task)) for task in tasks[:9]]
    of_trained = (None, trained, moved_trained, tasks[:9])
    assert judged(prompt_independent_of_target(scoring, moved, tasks, *of_trained), "prompt-leak").n == 20
    assert judged(prompt_independent_of_target(scoring, scoring, tasks, *of_trained), "prompt-leak").n == 9
    healthy = (None, trained, trained, tasks[:9])
    assert judged(prompt_independent_of_target(scoring, scoring, tasks, *healthy), None).n == 20
    for missing in [
        (None, None, moved_trained, tasks[:9]),
        (None, trained, None, tasks[:9]),
        (None, trained, moved),
    ]:
        judged(prompt_independent_of_target(scoring, scoring, tasks, *missing), None)


def test_lists_that_do_not_belong_together_are_an_error():
    words, tasks = Words(), film_tasks(3)
    prompts = [scoring_prompt(task, words) for task in tasks]
    with pytest.raises(InvalidTaskError, match="place 0"):
        prompt_independent_of_target(prompts[::-1], prompts, tasks)
    with pytest.raises(InvalidTaskError, match="3 prompts but 2"):
        prompt_independent_of_target(prompts, prompts[:2], tasks)
    with pytest.raises(InvalidTaskError, match="no prompts"):
        prompt_independent_of_target([], [], [])
    trained = [training_prompt(task, words) for task in tasks]
    with pytest.raises(InvalidTaskError, match="3 training prompts but 2 tasks"):
        prompt_independent_of_target(prompts, prompts, tasks, None, trained, trained, tasks[:2])
