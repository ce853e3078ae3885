"""worse_of_both: which finding speaks for held-out and training tasks together."""

from __future__ import annotations

import pytest

from guard.builders import make_task
from rerank_guard.checks.data._both_sets import worse_of_both
from rerank_guard.core.faults.data import HISTORY_LEAK
from rerank_guard.core.finding import Affected, Finding, suspect
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.verdict import Status

TESTED, TRAINED = [make_task(0, 3)], [make_task(0, 3, user=1), make_task(1, 3, user=2)]


def outcome(of_tested, of_trained, *, training=TRAINED, p_values=(None, None)):
    def measure(table):
        assert isinstance(table, TaskTable)
        status, p_failed = (of_tested, p_values[0]) if len(table) == 1 else (of_trained, p_values[1])
        return Finding(
            status,
            {"n": len(table)},
            n=len(table),
            claim="it holds",
            evidence=("query 'x': a row",),
            suspects=(suspect(HISTORY_LEAK, "Why."),) if status is Status.FAILED else (),
            affected=Affected(len(table) if status is Status.FAILED else 0, len(table)),
            p_failed=p_failed,
        )

    return worse_of_both(measure, TESTED, training)


def test_the_held_out_tasks_speak_for_themselves_where_no_training_tasks_are_known():
    for training in (None, []):
        for status in Status:
            finding = outcome(status, Status.FAILED, training=training, p_values=(0.2, 0.1))
            assert (finding.status, finding.n, finding.p_failed) == (status, 1, 0.2)


@pytest.mark.parametrize("training_status", Status)
def test_a_failure_of_the_held_out_tasks_comes_first(training_status):
    finding = outcome(Status.FAILED, training_status)
    assert (finding.status, finding.n, finding.affected) == (Status.FAILED, 1, Affected(1, 1))
    assert finding.evidence == ("held-out query 'x': a row",)
    assert finding.cause == "Of the held-out tasks: Why."


@pytest.mark.parametrize("status", [Status.PASSED, Status.NOT_APPLICABLE, Status.INCONCLUSIVE])
def test_a_failure_of_the_training_tasks_alone_is_the_answer(status):
    finding = outcome(status, Status.FAILED)
    assert (finding.status, finding.n, finding.affected) == (Status.FAILED, 2, Affected(2, 2))
    assert finding.evidence == ("training query 'x': a row",)
    assert finding.cause == "Of the training tasks: Why."


def test_where_both_pass_both_count():
    finding = outcome(Status.PASSED, Status.PASSED)
    assert (finding.status, finding.n, finding.affected) == (Status.PASSED, 3, Affected(0, 3))
    assert finding.claim == "it holds; and the same of the 2 training tasks"


def test_what_passed_is_shown_where_the_other_set_says_nothing():
    assert (
        outcome(Status.NOT_APPLICABLE, Status.PASSED).status,
        outcome(Status.PASSED, Status.NOT_APPLICABLE).n,
    ) == (
        Status.PASSED,
        3,
    )
    neither = outcome(Status.NOT_APPLICABLE, Status.INCONCLUSIVE)
    assert (neither.status, neither.n) == (Status.NOT_APPLICABLE, 1)


@pytest.mark.parametrize(
    ("p_values", "together"),
    [((None, None), None), ((0.2, 0.01), 0.02), ((0.01, 0.2), 0.02), ((0.9, 0.8), 1.0), ((None, 0.3), 0.3)],
)
@pytest.mark.parametrize(
    "statuses",
    [(Status.PASSED, Status.PASSED), (Status.FAILED, Status.PASSED), (Status.NOT_APPLICABLE, Status.PASSED)],
)
def test_the_p_values_of_both_go_together(p_values, together, statuses):
    assert outcome(*statuses, p_values=p_values).p_failed == (
        together if together is None else pytest.approx(together)
    )
