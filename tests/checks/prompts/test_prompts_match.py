"""prompts_match: equal prompts pass; each way to differ is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guard.lettered_prompts import HEAD, Words, film_tasks, prompt_text, scoring_prompt, training_prompt
from guard.prompt_layouts import judged
from rerank_guard.checks.prompts.prompts_match import prompts_match
from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.finding import Affected


def matched(text_of_training, text_of_scoring, tasks=None, words=None):
    words, tasks = words or Words(), tasks or film_tasks()
    return prompts_match(
        [training_prompt(task, words, text_of_training(task)) for task in tasks],
        [scoring_prompt(task, words, text_of_scoring(task)) for task in tasks],
    )


def with_system(task):
    return prompt_text(task, head="<|im_start|>system\nYou rank.<|im_end|>\n" + HEAD)


def test_equal_prompts_match():
    verdict = judged(matched(prompt_text, prompt_text), None)
    assert verdict.measured == {"differing_prompts": 0, "earliest_difference": None}
    assert verdict.n == 12


def test_one_differing_prompt_is_found():
    verdict = matched(prompt_text, lambda task: prompt_text(task, between=") " if task.query_id == "u7" else ". "))
    assert judged(verdict, "prompt-skew").measured["differing_prompts"] == 1
    assert "'u7'" in verdict.evidence[0]
    assert verdict.affected == Affected(1, 12, "prompts")


def test_the_earliest_difference_is_the_first_token_that_differs_in_any_prompt():
    words = Words()
    at = len(words.encode(HEAD))
    verdict = matched(
        prompt_text,
        lambda task: prompt_text(task, head=HEAD + ("x" if task.query_id == "u3" else ""), between=") "),
        words=words,
    )
    assert judged(verdict, "prompt-skew").measured == {"differing_prompts": 12, "earliest_difference": at}
    assert matched(prompt_text, lambda task: prompt_text(task)[: len(HEAD)]).measured["earliest_difference"] == at
    assert matched(lambda task: prompt_text(task)[: len(HEAD)], prompt_text).measured["earliest_difference"] == at


def test_the_most_frequent_kind_of_difference_is_explained():
    """A longer history shows another line for each user: all of them are one kind."""
    tasks = [task for task in film_tasks(30) if len(task.history) > 1][:9]

    def text(task):
        return prompt_text(task, newest=1) if task in tasks[4:] else with_system(task)

    few, many = matched(prompt_text, text, tasks), matched(prompt_text, with_system, tasks)
    assert "history" in few.cause
    assert "system turn" in many.cause


def test_positions_that_differ_are_told_from_prompts_that_differ():
    words, tasks = Words(), film_tasks()
    training = [training_prompt(task, words) for task in tasks]
    scoring = [scoring_prompt(task, words) for task in tasks]
    early = [replace(prompt, read_position=prompt.read_position - 2) for prompt in scoring]
    judged(prompts_match(training, early), "wrong-logit-position")
    masked = [replace(prompt, answer_position=0) for prompt in training]
    judged(prompts_match(masked, scoring), "loss-mask-wrong")
    judged(prompts_match([replace(p, supervised=()) for p in masked], scoring), "letter-not-supervised")


def test_all_faults_are_suspected_the_most_frequent_first():
    words, tasks = Words(), film_tasks()
    training = [training_prompt(task, words) for task in tasks]
    scoring = [scoring_prompt(task, words) for task in tasks]
    scoring[0] = replace(scoring[0], read_position=3)
    scoring[1:3] = [scoring_prompt(task, words, prompt_text(task, between=") ")) for task in tasks[1:3]]
    verdict = judged(prompts_match(training, scoring), "prompt-skew")
    assert [suspected.fault.name for suspected in verdict.suspects] == ["prompt-skew", "wrong-logit-position"]
    assert verdict.measured["differing_prompts"] == 3
    assert len(verdict.evidence) == 2, "of the most frequent fault alone"


def test_training_tasks_are_judged_with_the_held_out_ones():
    words, tasks, trained = Words(), film_tasks(), film_tasks(5, seed=1)
    training = [training_prompt(task, words) for task in tasks]
    scoring = [scoring_prompt(task, words) for task in tasks]
    of_trained = [training_prompt(task, words) for task in trained]
    as_scored = [scoring_prompt(task, words) for task in trained]
    assert judged(prompts_match(training, scoring, None, of_trained, as_scored), None).n == 17
    as_scored[2] = scoring_prompt(trained[2], words, prompt_text(trained[2], between=") "))
    verdict = judged(prompts_match(training, scoring, None, of_trained, as_scored), "prompt-skew")
    assert verdict.measured["differing_prompts"] == 1
    with pytest.raises(InvalidTaskError, match="17 training prompts but 12"):
        prompts_match(training, scoring, None, of_trained)


def test_tasks_without_a_target_have_no_training_prompt():
    words, tasks = Words(), film_tasks()
    tasks[4] = replace(tasks[4], target_index=None)
    scoring = [scoring_prompt(task, words) for task in tasks]
    training = [training_prompt(task, words) for task in tasks if task.target_index is not None]
    assert judged(prompts_match(training, scoring, tasks), None).n == 11
    with pytest.raises(InvalidTaskError, match="11 training prompts but 12"):
        prompts_match(training, scoring)
    with pytest.raises(InvalidTaskError, match="12 scoring prompts but 11 tasks"):
        prompts_match(training, scoring, tasks[1:])


def test_lists_of_other_tasks_are_an_error():
    words, tasks = Words(), film_tasks()
    scoring = [scoring_prompt(task, words) for task in tasks]
    with pytest.raises(InvalidTaskError, match=r"place 0 is query 'u0'.*'u11'"):
        prompts_match([training_prompt(task, words) for task in tasks], scoring[::-1])
    with pytest.raises(InvalidTaskError, match="12 scoring"):
        prompts_match([], scoring)
    with pytest.raises(InvalidTaskError, match="no training prompts"):
        prompts_match([], [])
