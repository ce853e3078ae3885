"""One error budget for all FAILED verdicts of a run: what chance alone may have done is withdrawn, the rest is kept."""

from __future__ import annotations

import numpy as np
import pytest

from guard.builders import make_tasks, scores_that_hit
from rerank_guard.checks.quality.recall_beats_baseline import recall_beats_baseline
from rerank_guard.core.faults.scoring import ROWS_MISALIGNED
from rerank_guard.core.finding import suspect
from rerank_guard.core.report import Report, Subject
from rerank_guard.core.verdict import Status, Verdict
from rerank_guard.suite.error_budget import within_budget


def verdict(status, p_failed, name="check"):
    failed = status is Status.FAILED
    return Verdict(
        check=name,
        status=status,
        claim="it holds",
        measured={"x": 1.0},
        threshold={"x": 2.0},
        n=100,
        evidence=("a row",),
        cause="The letters are mixed up." if failed else "",
        next_step="Sort them." if failed else "",
        suspects=(suspect(ROWS_MISALIGNED, statistical=True),) if failed else (),
        p_failed=p_failed,
    )


def passed(count, p=1.0):
    return [verdict(Status.PASSED, p, f"passed {number}") for number in range(count)]


def test_a_barely_failed_check_among_many_is_withdrawn_with_its_reason():
    (judged, *others) = within_budget([verdict(Status.FAILED, 8e-4), *passed(9)])
    assert judged.status is Status.INCONCLUSIVE
    assert (judged.fault, judged.suspects) == (None, ())
    for shown in ("0.0008", "10", "0.008", "0.001"):  # its own p, the checks, the corrected p, the level
        assert shown in judged.cause
    assert judged.cause.endswith("The letters are mixed up.")
    assert judged.next_step.endswith("Sort them.")
    assert (judged.claim, judged.measured, judged.evidence) == ("it holds", {"x": 1.0}, ("a row",))
    assert judged.p_failed == 8e-4, "its own p stays, so that correcting twice changes nothing"
    assert others == passed(9)


def test_alone_the_same_check_stays_failed():
    alone = (verdict(Status.FAILED, 8e-4),)
    assert within_budget(alone) == alone


def test_a_clear_failure_is_kept_beside_a_barely_failed_one():
    verdicts = [verdict(Status.FAILED, 1e-9, "clear"), verdict(Status.FAILED, 8e-4, "barely"), *passed(8)]
    judged = within_budget(verdicts)
    assert [each.status for each in judged[:2]] == [Status.FAILED, Status.INCONCLUSIVE]
    assert judged[0] == verdicts[0]


def test_holm_is_less_strict_than_bonferroni_once_some_have_been_rejected():
    clear = [verdict(Status.FAILED, 1e-9, f"clear {number}") for number in range(8)]
    judged = within_budget([*clear, verdict(Status.FAILED, 4e-4), *passed(1)])  # 2 * 4e-4, not 10 * 4e-4
    assert all(each.status is Status.FAILED for each in judged[:9])


def test_exact_checks_are_neither_changed_nor_counted():
    exact = [verdict(Status.FAILED, None, f"exact {number}") for number in range(20)]
    judged = within_budget([*exact, verdict(Status.FAILED, 8e-4), *passed(0)])
    assert list(judged) == [*exact, verdict(Status.FAILED, 8e-4)]
    assert within_budget([*exact, *passed(3)]) == (*exact, *passed(3))


@pytest.mark.parametrize("status", [Status.PASSED, Status.INCONCLUSIVE, Status.NOT_APPLICABLE])
def test_only_failed_verdicts_are_ever_changed(status):
    verdicts = [verdict(status, 1e-4), *passed(5)]
    assert list(within_budget(verdicts)) == verdicts


def test_the_order_of_the_verdicts_is_kept_and_correcting_twice_changes_nothing():
    verdicts = [verdict(Status.FAILED, p, f"p={p}") for p in (9e-4, 1e-12, 5e-4, 1e-4)] + passed(3)
    once = within_budget(verdicts)
    assert [each.check for each in once] == [each.check for each in verdicts]
    assert [each.status is Status.FAILED for each in once] == [False, True, False, True, *[False] * 3]
    assert within_budget(once) == once


def test_no_verdicts_and_none_that_are_statistical():
    assert within_budget([]) == ()
    exact = (verdict(Status.FAILED, None),)
    assert within_budget(exact) == exact


def test_a_report_with_a_withdrawn_failure_is_not_ok_and_names_no_fault():
    verdicts = within_budget([verdict(Status.FAILED, 8e-4), *passed(9)])
    report = Report(Subject("t", "d", "cpu", 0, {}, {}), verdicts)
    assert not report.ok
    assert [(problem.fault, problem.check) for problem in report.problems] == [(None, "check")]


def test_a_healthy_run_of_many_checks_is_failed_no_more_often_than_alpha():
    """Family-wise, with p-values that are exact, which 1/E is not: the worst case. 12 checks, fixed seed.

    4,000 runs at alpha 0.05 fail 200 times in expectation; 270 is 5 standard deviations above, a chance of 4e-7.
    """
    alpha, runs, checks = 0.05, 4000, 12
    draws = np.random.default_rng(0).random((runs, checks))
    failed = naive = 0
    for row in draws:
        verdicts = [verdict(Status.FAILED if p <= alpha else Status.PASSED, float(p)) for p in row]
        naive += any(each.status is Status.FAILED for each in verdicts)
        failed += any(each.status is Status.FAILED for each in within_budget(verdicts, alpha))
    assert failed < 270
    assert failed > 100, "it is not blind either"
    assert naive > 1600, "without the budget two fifths of the healthy runs and more would be failed"


def test_the_p_of_a_real_check_goes_through_the_budget():
    """A ranking at chance that is only just failed on 1,600 users is open among 12 checks; on 2,400 it stays failed."""
    statuses = {}
    for users in (1600, 2400):
        tasks = make_tasks([0] * users, [20] * users)
        hits = [user % 4 == 0 for user in range(users)]
        judged = recall_beats_baseline(scores_that_hit(tasks, hits), tasks, k=5, baselines={})
        assert (judged.status, judged.fault) == (Status.FAILED, "no-signal")
        assert judged.p_failed <= 1e-3
        statuses[users] = within_budget([judged, *passed(11)])[0].status
    assert statuses == {1600: Status.INCONCLUSIVE, 2400: Status.FAILED}
