"""Scores of another prompt than the one that is shown are named by what is other about it, with as few questions as needed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.lettered_prompts import Words, film_tasks, letter_table, scoring_prompt, training_prompt
from rerank_guard.checks.comparing.letter_logits import letter_ids, letter_rows
from rerank_guard.checks.scoring._other_prompts import other_prompts
from rerank_guard.checks.scoring.scores_match_forward_pass import scores_match_forward_pass
from rerank_guard.core.finding import Strength
from rerank_guard.core.verdict import Status

VOCABULARY = 500


class Model:
    """Logits that depend on the whole prompt and nothing else; counts how often it is asked."""

    def __init__(self):
        self.words = Words()
        self.letters = letter_table(self.words)
        self.asked = 0

    def forward(self, prompts):
        self.asked += 1
        return [np.random.default_rng(list(ids)).normal(scale=3.0, size=VOCABULARY) for ids in prompts]

    def show(self, tasks):
        return [scoring_prompt(task, self.words) for task in tasks]

    def ids(self, tasks):
        return [prompt.token_ids for prompt in self.show(tasks)]

    def scores(self, tasks):
        lengths = [task.n_candidates for task in tasks]
        return letter_rows(self.forward(self.ids(tasks)), letter_ids(self.letters, max(lengths)), lengths)


def with_histories(n_tasks=8):
    """Six films each in the history, so that all its shorter cuts differ from it."""
    return [
        replace(task, history=other.candidates)
        for task, other in zip(film_tasks(n_tasks), film_tasks(n_tasks, seed=1), strict=True)
    ]


def judge(model, tasks, scored, *, try_prompts=True, trained=None):
    shown = model.show(tasks)
    return scores_match_forward_pass(
        model.scores(scored),
        model.forward([prompt.token_ids for prompt in shown]),
        shown,
        tasks,
        model.letters,
        model.forward,
        model.show if try_prompts is True else try_prompts,
        trained,
    )


CHANGES = {
    "no history": ("history-ignored", lambda tasks: [replace(task, history=()) for task in tasks]),
    "the last 3 of the history": (
        "prompt-skew",
        lambda tasks: [replace(task, history=task.history[-3:]) for task in tasks],
    ),
    "reversed candidates": (
        "letter-candidate-mismatch",
        lambda tasks: [replace(task, candidates=task.candidates[::-1]) for task in tasks],
    ),
    "another user's history": (
        "rows-misaligned",
        lambda tasks: [replace(task, history=tasks[i - 1].history) for i, task in enumerate(tasks)],
    ),
}


@pytest.mark.parametrize(("fault", "change"), CHANGES.values(), ids=CHANGES)
def test_what_is_other_about_the_scored_prompt_is_named(fault, change):
    model, tasks = Model(), with_histories()
    verdict = judge(model, tasks, change(tasks))
    assert verdict.status is Status.FAILED
    assert verdict.fault == fault
    assert verdict.suspects[0].strength is Strength.SEEN
    assert "scoring_prompts()" in verdict.cause
    without = judge(model, tasks, change(tasks), try_prompts=None)
    assert without.fault == "scores-not-from-model"
    assert without.measured == verdict.measured


def test_the_training_prompt_is_tried_first():
    model, tasks = Model(), with_histories()
    cut = [replace(task, history=task.history[:1]) for task in tasks]
    trained = [training_prompt(task, model.words) for task in cut]
    assert judge(model, tasks, cut, trained=trained).fault == "prompt-skew"
    assert model.asked == 6, "the scores, the logits, three positions earlier, the training prompt"
    assert judge(model, tasks, cut).fault == "scores-not-from-model", "the oldest alone is no cut that is tried"
    assert judge(model, tasks, cut, trained=trained[1:]).fault == "scores-not-from-model", "of other tasks"


def test_prompts_that_are_refused_or_the_same_are_not_tried():
    model, tasks = Model(), with_histories()
    verdict = judge(model, tasks, [replace(task, history=()) for task in tasks], try_prompts=lambda changed: None)
    assert verdict.fault == "scores-not-from-model"
    shown = model.show(tasks)
    assert not list(other_prompts(tasks, shown, lambda changed: shown, None))
    faults = [other.fault.name for other in other_prompts(tasks, shown, model.show, None)]
    assert faults == ["history-ignored", *["prompt-skew"] * 5, "letter-candidate-mismatch", "rows-misaligned"]
    (last_two,) = (other for other in other_prompts(tasks, shown, model.show, None) if " 2 " in other.words)
    assert last_two.token_ids == model.ids([replace(task, history=task.history[-2:]) for task in tasks])
    long = [replace(task, history=task.history * 9) for task in tasks]
    cuts = [
        other
        for other in other_prompts(long, model.show(long), model.show, None)
        if other.fault.name == "prompt-skew"
    ]
    assert len(cuts) == 11


def test_a_fault_that_is_explained_asks_for_no_other_prompt():
    model, tasks = Model(), with_histories()
    shown = model.show(tasks)

    def never(changed):
        raise AssertionError("asked for a prompt")

    verdict = scores_match_forward_pass(
        [-row for row in model.scores(tasks)],
        model.forward([prompt.token_ids for prompt in shown]),
        shown,
        tasks,
        model.letters,
        model.forward,
        never,
    )
    assert verdict.fault == "reversed"


ONE_ROW = np.array([0.3, 0.1, 0.0, -0.1, -0.2, -0.3])
"""What every task is scored by in the tests below: flatter than 1 nat, so that logits within 0.3 nats match it."""


def judge_one_row(without_history):
    """One row of scores for all; the model gives each task something else, and by `without_history(task number)` without."""
    model, tasks = Model(), with_histories()
    shown = model.show(tasks)
    blank = {ids: number for number, ids in enumerate(model.ids([replace(task, history=()) for task in tasks]))}

    def forward(prompts):
        found = []
        for prompt in prompts:
            rng = np.random.default_rng(list(prompt))
            logits = rng.normal(size=VOCABULARY)
            own = without_history(blank[tuple(prompt)]) if tuple(prompt) in blank else rng.normal(scale=0.5, size=6)
            logits[letter_ids(model.letters, 6)] = own
            found.append(logits)
        return found

    return scores_match_forward_pass(
        [ONE_ROW] * len(tasks),
        forward([prompt.token_ids for prompt in shown]),
        shown,
        tasks,
        model.letters,
        forward,
        lambda changed: model.show(changed) if not changed[0].history else None,
    )


@pytest.mark.parametrize(("off", "fault"), [(0.07, "history-ignored"), (0.11, "position-prior")])
def test_another_prompt_has_to_be_five_times_nearer_than_the_shown_one(off, fault):
    verdict = judge_one_row(lambda task: ONE_ROW + off * np.array([1, -1, 1, -1, 1, -1]))
    assert verdict.fault == fault


@pytest.mark.parametrize(("n_exchanged", "fault"), [(1, "history-ignored"), (2, "position-prior")])
def test_another_prompt_may_have_two_percent_of_the_clear_pairs_swapped(n_exchanged, fault):
    """One of 11 clear pairs is exchanged in some of the 8 tasks: 1.1 % or 2.3 % of all."""
    exchanged = ONE_ROW[[0, 3, 2, 1, 4, 5]]
    verdict = judge_one_row(lambda task: exchanged if task < n_exchanged else ONE_ROW)
    assert verdict.fault == fault
