"""Prompts for the tests of prompt_independent_of_target, and its verdicts on them."""

from __future__ import annotations

from dataclasses import replace

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
from rerank_guard.checks.prompts.prompt_independent_of_target import prompt_independent_of_target
from rerank_guard.core.types import Item


def target_of(task):
    return next(item.text for item in task.candidates if item.item_id == task.target_id)


def of_scoring(text_of, tasks=None, **settings):
    words, tasks = Words(), tasks or film_tasks(40)
    prompts = [scoring_prompt(task, words, text_of(task)) for task in tasks]
    moved = [scoring_prompt(task, words, text_of(task)) for task in map(moved_target, tasks)]
    return prompt_independent_of_target(prompts, moved, tasks, **settings)


def of_training(text_of, tasks=None):
    """Training prompts, beside healthy scoring prompts of other tasks."""
    words, tasks, held_out = Words(), tasks or film_tasks(40), film_tasks(12, seed=3)
    scoring = [scoring_prompt(task, words) for task in held_out]
    prompts = [training_prompt(task, words, text_of(task)) for task in tasks]
    moved = [training_prompt(task, words, text_of(task)) for task in map(moved_target, tasks)]
    return prompt_independent_of_target(scoring, scoring, held_out, None, prompts, moved, tasks)


def with_own_titles(task):
    """No other user's prompt has these titles."""
    return replace(
        task, candidates=tuple(Item(i.item_id, f"{i.text} for {task.query_id}") for i in task.candidates)
    )


def profile_of(users, where="head"):
    """In the prompts of the first users a profile names the target item, whichever candidate is declared the target."""
    tasks = [with_own_titles(task) for task in film_tasks(60) if task.target_index < 5][:40]
    leaked = {task.query_id: target_of(task) for task in tasks[:users]}

    def text(task):
        hint = f"The user wrote of {leaked.get(task.query_id, 'nothing')}.\n"
        return prompt_text(task, **{where: hint + {"head": HEAD, "tail": TAIL}[where]})

    return text, tasks
