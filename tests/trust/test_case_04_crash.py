"""Case 4: an exception of the user's own code ends one item, the rest is not run, and the report says so."""

from __future__ import annotations

import pytest
from fake_data import make_tasks
from fake_minimal import Minimal

from rerank_guard.core.diagnosis import UNDECIDED
from rerank_guard.suite import check_reranker

CRASHING = """
from fake_minimal import Minimal

class Crashing(Minimal):
    def score(self, tasks):
        return self.answer(tasks)

    def answer(self, tasks):
        raise ValueError("the model server said 503")

class CrashingLater(Minimal):
    calls = 0

    def score(self, tasks):
        self.calls += 1
        if self.calls > 1:
            raise ValueError("the model server said 503")
        return super().score(tasks)

def crashing(): return Crashing(name="crashing")
def crashing_later(): return CrashingLater(name="crashing later")
"""


@pytest.mark.parametrize("factory", ["crashing", "crashing_later"])
def test_one_item_has_the_error_and_the_diagnosis_says_so(folder, run, report_of, factory) -> None:
    folder.makepyfile(crashes=CRASHING)
    result = run("rerank", "--rerank-target", f"crashes:{factory}", "--rerank-k", "5")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert result.parseoutcomes()["errors"] == 1
    report = report_of()
    assert report["ok"] is False
    (error,) = report["errors"]
    assert "the model server said 503" in error["message"]
    diagnosis = report["diagnosis"]
    assert (diagnosis["fault"], diagnosis["certainty"]) == (UNDECIDED, "open")
    assert diagnosis["explains"] == [error["check"]]
    assert "No check that ran has failed" in diagnosis["cause"]
    result.stdout.fnmatch_lines(["DIAGNOSIS  undecided (open)"])


def test_a_failure_that_was_seen_is_named_before_the_exception() -> None:
    tasks = make_tasks(100)

    class Listed(Minimal):
        def score(self, given):
            raise ValueError("the model server said 503")

    from rerank_guard.faults import injector

    report = check_reranker(injector("D1").broken(Listed(ranking_tasks=tasks), seed=0))
    assert report.diagnosis is not None
    assert report.diagnosis.fault == "target-not-listed"
    assert [error.message.partition(" (")[0] for error in report.errors] == [
        "ValueError: the model server said 503"
    ]
