"""Case 9: the reranker's code cannot end, skip or excuse the run, and cannot leave out what every reranker must offer."""

from __future__ import annotations

import pytest

from rerank_guard.cli.main import main
from rerank_guard.core.errors import NothingToJudgeError, NotOfferedError
from rerank_guard.faults import Wrapped
from rerank_guard.faults.healthy import make_healthy
from rerank_guard.suite import check_reranker

ENDING = """
import sys
import pytest, small
from rerank_guard.core.errors import NotOfferedError

def end():
    {how}

class Ending(small.Minimal):
    def score(self, tasks): end()

class NoTasks(small.Minimal):
    def tasks(self): end()

def factory(): end()
def score(): return Ending()
def tasks(): return NoTasks()
"""
WAYS = (
    "sys.exit(0)",
    "pytest.exit('done', returncode=0)",
    "pytest.skip('not today')",
    "pytest.xfail('known')",
    "raise NotOfferedError('not here')",
)


@pytest.mark.parametrize("where", ["factory", "tasks", "score"])
@pytest.mark.parametrize("how", WAYS)
def test_no_green_run(folder, run, report_of, how, where) -> None:
    folder.makepyfile(ending=ENDING.format(how=how))
    assert run("--rerank-target", f"ending:{where}").ret == 1
    report = report_of()
    assert report["ok"] is False
    assert report["errors"]
    assert main(["doctor", "--target", f"ending:{where}"]) == 2


def raising(error):
    def method(*args, **kwargs):
        raise error

    return method


def test_scores_cannot_be_not_offered() -> None:
    target = Wrapped(make_healthy(), score=raising(NotOfferedError("no")))
    with pytest.raises(NothingToJudgeError):
        check_reranker(target)


def test_a_job_that_is_not_offered_leaves_the_scores_to_be_judged() -> None:
    target = Wrapped(make_healthy(), train=raising(NotOfferedError("trained elsewhere")))
    statuses = {verdict.check: verdict.status.value for verdict in check_reranker(target).verdicts}
    judged = [status for check, status in statuses.items() if check.startswith("recall_beats_baseline")]
    assert judged
    assert set(judged) <= {"failed", "inconclusive", "passed"}
