"""Tasks are compared with what was given, masks are no scores, and a generator is read once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.verdict import Status
from trust.judged_variants import judge, report_on, trained, verdicts


def own_tasks(n_users=120, lists=False):
    """Tasks that the reranker may write into: dataclasses of its own, with lists in place of tuples where asked for."""
    made = [replace(task) for task in trained().tasks()[:n_users]]
    for task in made if lists else ():
        object.__setattr__(task, "candidates", list(task.candidates))
    return made


def write_target(task, row):
    first = int(np.argmax(row))
    object.__setattr__(task, "target_id", task.candidates[first].item_id)
    object.__setattr__(task, "target_index", first)


def write_index(task, row):
    object.__setattr__(task, "target_index", int((task.target_index + 1) % len(row)))


def sort_in_place(task, row):
    task.candidates.sort(key=lambda item: item.text)


def write_relevance(task, row):
    object.__setattr__(task, "relevance", {item.item_id: 1.0 for item in task.candidates})


def writing(write, tasks, users=None):
    def score(asked):
        rows = trained().score(asked)
        for task, row in zip(asked[:users], rows, strict=False):
            write(task, row)
        return rows

    return {"tasks": lambda: tasks, "score": score}


@pytest.mark.parametrize(("n_users", "written"), [(120, None), (120, 1), (40, None)])
@pytest.mark.parametrize("write", [write_target, write_index, write_relevance])
def test_tasks_that_scoring_writes_into_are_named(write, n_users, written):
    verdict = judge("tasks_not_rewritten", **writing(write, own_tasks(n_users), written))
    assert (verdict.status, verdict.fault) == (Status.FAILED, "tasks-rewritten")
    assert 1 <= verdict.measured["rewritten_tasks"] <= (written or n_users)


def test_lists_that_scoring_sorts_in_place_are_named():
    verdict = judge("tasks_not_rewritten", **writing(sort_in_place, own_tasks(lists=True)))
    assert verdict.fault == "tasks-rewritten"


def test_recall_is_that_of_the_tasks_before_they_were_written_into():
    honest = judge("recall_beats_baseline").measured
    assert judge("recall_beats_baseline", **writing(write_target, own_tasks())).measured == honest


def test_tasks_that_are_written_into_are_the_diagnosis():
    report = report_on(**writing(write_target, own_tasks()))
    assert verdicts(report)["tasks_not_rewritten"].status is Status.FAILED
    assert report.diagnosis.fault == "tasks-rewritten"


def emptied(asked):
    """score() that works on the list it is given as if it were its own."""
    rows = []
    while len(asked) and isinstance(asked, list):
        rows.append(trained().score([asked.pop(0)])[0])
    return rows or trained().score(asked)


@pytest.mark.parametrize("score", [emptied, lambda asked: trained().score(list(asked)[::-1])[::-1]])
def test_what_a_reranker_does_to_its_own_copies_is_its_own_affair(score):
    report = report_on(score=score)
    assert report.ok, [problem.check for problem in report.problems]


@pytest.mark.parametrize("lists", [True, False])
def test_tasks_that_are_left_alone_pass(lists):
    tasks = own_tasks(lists=lists)
    assert judge("tasks_not_rewritten", tasks=lambda: tasks).status is Status.PASSED
    assert judge("tasks_not_rewritten", tasks=lambda: TaskTable.of(tasks)).status is Status.PASSED


def mask_of(row, masked):
    return np.ma.masked_array(row, mask=np.arange(len(row)) < masked)


def holding_masked(row):
    return [np.ma.masked, *row[1:]]


@pytest.mark.parametrize(
    "masked",
    [
        lambda rows: [mask_of(row, 1) for row in rows],
        lambda rows: [mask_of(row, 20) for row in rows],
        lambda rows: [mask_of(row, 1) if place == 0 else row for place, row in enumerate(rows)],
        lambda rows: np.ma.masked_less(np.array(rows), float(np.median(rows))),
        lambda rows: [holding_masked(row) for row in rows],
    ],
)
def test_scores_under_a_mask_are_refused(masked):
    verdict = judge("scores_well_formed", score=lambda tasks: masked(trained().score(tasks)))
    assert (verdict.status, verdict.fault) == (Status.FAILED, "result-malformed")
    assert "mask" in verdict.evidence[0]


def test_a_masked_array_with_nothing_masked_is_an_array():
    score = {"score": lambda tasks: [mask_of(row, 0) for row in trained().score(tasks)]}
    assert judge("scores_well_formed", **score).status is Status.PASSED


def rows_once(method):
    return lambda tasks: (row for row in method(tasks))


def values_once(method):
    return lambda tasks: [iter(row.tolist()) for row in method(tasks)]


@pytest.mark.parametrize(
    "once", [rows_once, values_once, lambda method: lambda tasks: map(np.asarray, method(tasks))]
)
def test_a_generator_is_read_once_and_judged_as_a_list(once):
    named = (
        "score",
        "score_synthetic",
        "predict_proba",
        "score_reloaded",
        "score_without_adapter",
        "next_token_logits",
    )
    report = report_on(**{name: once(getattr(trained(), name)) for name in named})
    plain = report_on()
    assert report.ok, [problem.check for problem in report.problems]
    assert {v.check: v.measured for v in report.verdicts} == {v.check: v.measured for v in plain.verdicts}


@pytest.mark.parametrize("name", ["tasks", "training_tasks"])
def test_tasks_from_a_generator_are_judged_as_a_list(name):
    assert report_on(**{name: lambda: iter(getattr(trained(), name)())}).ok


@pytest.mark.parametrize("name", ["scoring_prompts", "training_prompts"])
def test_prompts_from_a_generator_are_judged_as_a_list(name):
    assert report_on(**{name: rows_once(getattr(trained(), name))}).ok
