"""Case 19: every kind of difference between the trained and the scored prompt is said, the largest first."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from guard.builders import LETTERS
from guard.lettered_prompts import Words, film_tasks
from rerank_guard.checks.prompts.prompts_match import prompts_match
from rerank_guard.core.prompts import ScoringPrompt, SupervisedToken, TrainingPrompt
from rerank_guard.core.types import Item
from rerank_guard.core.verdict import Status

PIECES = re.compile(r"<\|\w+\|>|</?\w+>|\n| ?\w+| ?[^\w\s]|\s")
CHATML = {
    "start": "",
    "system": "<|im_start|>system\nYou rank films.<|im_end|>\n",
    "user": "<|im_start|>user\n",
    "end": "<|im_end|>\n<|im_start|>assistant\n",
    "stop": "<|im_end|>\n",
}
LLAMA3 = {
    "start": "<|begin_of_text|>",
    "system": "<|start_header_id|>system<|end_header_id|>\n\nYou rank films.<|eot_id|>",
    "user": "<|start_header_id|>user<|end_header_id|>\n\n",
    "end": "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
    "stop": "<|eot_id|>",
}
LLAMA2 = {
    "start": "<s>",
    "system": "<<SYS>>\nYou rank films.\n<</SYS>>\n\n",
    "user": "[INST] ",
    "end": " [/INST]",
    "stop": "</s>",
}
PLAIN = {"start": "<s>", "system": "", "user": "", "end": "\nAnswer:", "stop": "</s>"}
TEMPLATES = {"chatml": CHATML, "llama3": LLAMA3, "llama2": LLAMA2, "plain": PLAIN}
THINK = "<think>\n\n</think>\n\n"


def tasks_of(n=8, history=10, users=6):
    made = film_tasks(users, n, history=0)
    return [
        replace(task, history=tuple(Item(f"h{i}", f"Old Film {user} {i}") for i in range(history)))
        for user, task in enumerate(made)
    ]


def text_of(
    task, template, *, history=10, think="", date="", tail="", system=None, start=None, between=". ", blank=""
):
    past = "".join(f"- {item.text}\n" for item in task.history[-history:])
    offered = "".join(f"{LETTERS[i]}{between}{item.text}\n" for i, item in enumerate(task.candidates))
    return (
        f"{template['start'] if start is None else start}{template['system'] if system is None else system}"
        f"{template['user']}{date}Liked:\n{past}{blank}Candidates:\n{offered}Which one?{template['end']}{think}{tail}"
    )


def cause(in_training, in_scoring, template, tasks, hidden=()):
    """Of all tasks, with the texts made by two functions; `hidden` ids are not in the text."""
    words = Words()

    def shown(ids):
        return words.decode(token for token in ids if token >= 10)

    training, scoring = [], []
    for task in tasks:
        ids = words.encode(in_training(task), PIECES)
        answer = words.encode(LETTERS[task.target_index] + template["stop"], PIECES)
        place = len(ids) - 1
        trained = (*ids, *answer)
        training.append(
            TrainingPrompt(task.query_id, shown(trained), trained, place, (SupervisedToken(place, answer[0]),))
        )
        ids = (*hidden, *words.encode(in_scoring(task), PIECES))
        scoring.append(ScoringPrompt(task.query_id, shown(ids), ids, len(ids) - 1))
    verdict = prompts_match(training, scoring)
    assert verdict.status is Status.FAILED
    assert verdict.fault == "prompt-skew"
    assert all("runs of ids" in row for row in verdict.evidence)
    return verdict.cause


ONE_KIND = {
    "start token": ({"start": "twice"}, "start token"),
    "no start token": ({"start": ""}, "start token"),
    "end token": ({"tail": "stop"}, "special token"),
    "no system turn": ({"system": ""}, "system turn"),
    "trailing space": ({"tail": " "}, "trailing space"),
    "think block": ({"think": THINK}, "think block"),
    "blank line": ({"blank": "\n"}, "blank lines"),
    "blank lines at the end": ({"tail": "\n\n"}, "blank lines"),
    "date": ({"date": "Today Date: 26 Jul 2024\n"}, "date"),
    "other marks": ({"between": ") "}, "other words"),
    "history of 5": ({"history": 5}, "5 line(s) are in {} only, such as '- Old Film"),
    "history of 9": ({"history": 9}, "1 line(s) are in {} only, such as '- Old Film"),
}
ONLY_WITH = {"start token": "start", "no start token": "start", "no system turn": "system"}
LESS_IN_SCORING = {"history of 5", "history of 9"}


def settings(name, template):
    changed = dict(ONE_KIND[name][0])
    if changed.get("start") == "twice":
        changed["start"] = 2 * template["start"]
    if changed.get("tail") == "stop":
        changed["tail"] = template["stop"].strip()
    return changed


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
@pytest.mark.parametrize("name", ONE_KIND)
@pytest.mark.parametrize("changed_in", ["scoring", "training"])
@pytest.mark.parametrize("n", [2, 20])
def test_one_kind_alone(name, template, changed_in, n):
    if name in ONLY_WITH and not template[ONLY_WITH[name]]:
        pytest.skip("the template has none")
    tasks = tasks_of(n)
    texts = [lambda task: text_of(task, template), lambda task: text_of(task, template, **settings(name, template))]
    said = cause(*(texts if changed_in == "scoring" else texts[::-1]), template, tasks)
    more_in = {"scoring": "training", "training": "scoring"}[changed_in]
    assert ONE_KIND[name][1].format(more_in) in said
    assert "(2)" not in said, "nothing else differs"
    assert "shuffled" not in said


@pytest.mark.parametrize("template", [LLAMA3, LLAMA2, PLAIN], ids=["llama3", "llama2", "plain"])
@pytest.mark.parametrize("n", [2, 5, 20, 50])
@pytest.mark.parametrize("history", [0, 1, 10, 50])
def test_a_doubled_start_token(template, n, history):
    tasks = tasks_of(n, history)
    double = 2 * template["start"]
    said = cause(
        lambda task: text_of(task, template, history=99),
        lambda task: text_of(task, template, history=99, start=double),
        template,
        tasks,
    )
    assert "start token" in said
    assert "in scoring" in said
    assert "shuffled" not in said


@pytest.mark.parametrize("hidden", [(1,), (2,)])
def test_a_start_token_that_the_text_does_not_show(hidden):
    said = cause(lambda t: text_of(t, CHATML), lambda t: text_of(t, CHATML), CHATML, tasks_of(), hidden)
    assert "start token" in said
    assert f"id {hidden[0]}" in said
    both = cause(
        lambda t: text_of(t, CHATML), lambda t: text_of(t, CHATML, think=THINK), CHATML, tasks_of(), hidden
    )
    assert "start token" in both
    assert "think block" in both


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
@pytest.mark.parametrize("n", [5, 20])
@pytest.mark.parametrize(("longer", "shorter"), [(10, 5), (20, 10), (10, 9), (50, 5)])
def test_a_shorter_history_shows_beside_a_think_block(template, n, longer, shorter):
    tasks = tasks_of(n, longer)
    said = cause(
        lambda t: text_of(t, template, history=longer),
        lambda t: text_of(t, template, history=shorter, think=THINK),
        template,
        tasks,
    )
    assert f"{longer - shorter} line(s) are in training only, such as '- Old Film" in said
    assert "a think block is in scoring only" in said
    if longer - shorter > 2:
        assert said.index("line(s)") < said.index("think block"), "the largest first"


def test_many_kinds_at_once():
    tasks = tasks_of(20)
    said = cause(
        lambda t: text_of(t, LLAMA3, date="Today Date: 26 Jul 2024\n"),
        lambda t: text_of(
            t,
            LLAMA3,
            start=2 * LLAMA3["start"],
            history=5,
            think=THINK,
            date="Today Date: 01 Dec 2026\n",
            system="",
        ),
        LLAMA3,
        tasks,
    )
    for kind in ("start token", "5 line(s)", "think block", "date", "system turn"):
        assert kind in said
    assert "shuffled" not in said


def shuffled(task):
    order = np.random.default_rng(len(task.query_id) + int(task.query_id[1:])).permutation(task.n_candidates)
    return replace(task, candidates=tuple(task.candidates[i] for i in order))


@pytest.mark.parametrize("n", [5, 20, 26])
@pytest.mark.parametrize(
    "extra", [{}, {"think": THINK}, {"history": 5}, {"start": "<s><s>"}, {"between": ") "}], ids=str
)
def test_candidates_that_are_shuffled_are_said_to_be(n, extra):
    tasks = tasks_of(n)
    said = cause(lambda t: text_of(t, LLAMA2), lambda t: text_of(shuffled(t), LLAMA2, **extra), LLAMA2, tasks)
    assert "shuffled again" in said
    assert ("think block" in said) == ("think" in extra)
    assert ("line(s) are in training only" in said) == ("history" in extra)
    assert ("start token" in said) == ("start" in extra)
    assert ("other words: '.' in training, ')' in scoring" in said) == ("between" in extra)


@pytest.mark.parametrize("change", ["one less", "one other", "history reversed"])
def test_what_is_not_the_same_candidates_in_another_order_is_not_shuffled(change):
    def other(task):
        if change == "history reversed":
            return replace(task, history=task.history[::-1])
        mixed = shuffled(task)
        kept = mixed.candidates[1:]
        return replace(
            mixed, candidates=kept if change == "one less" else (*kept, Item("x", "Some Other Film (2020)"))
        )

    said = cause(lambda t: text_of(t, PLAIN), lambda t: text_of(other(t), PLAIN), PLAIN, tasks_of(12))
    assert "shuffled" not in said
    if change == "history reversed":
        assert "in another order" in said


@pytest.mark.parametrize(
    "changes", [{"start": "<s><s>"}, {"think": THINK}, {"history": 5}, {"tail": "</s>"}], ids=str
)
def test_an_answer_with_a_space_before_it_is_no_difference(changes):
    words = Words()
    training, scoring = [], []
    for task in tasks_of():
        ids = words.encode(text_of(task, PLAIN), PIECES)
        trained = (*ids, *words.encode(f" {LETTERS[task.target_index]}</s>", PIECES))
        place = len(ids) - 1
        supervised = (SupervisedToken(place, trained[place + 1]),)
        training.append(TrainingPrompt(task.query_id, words.decode(trained), trained, place, supervised))
        scored = words.encode(text_of(task, PLAIN, **changes), PIECES)
        scoring.append(ScoringPrompt(task.query_id, words.decode(scored), scored, len(scored) - 1))
    said = prompts_match(training, scoring).cause
    assert "(2)" not in said
    assert "space" not in said
