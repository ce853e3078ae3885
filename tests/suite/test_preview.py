"""Preview checks are reported and do not count, unless the run says so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rerank_guard.checks.registry import all_checks
from rerank_guard.core.verdict import Status, Verdict
from rerank_guard.suite import check_reranker, planned
from rerank_guard.suite.settings import RunSettings
from suite.asked_reranker import Asked

NAME = "recall_beats_baseline"


class Raising(Asked):
    def score(self, tasks):
        raise ValueError("no letters")


@pytest.fixture(autouse=True)
def _preview(monkeypatch):
    changed = {**all_checks(), NAME: replace(all_checks()[NAME], preview=True)}
    monkeypatch.setattr(planned, "all_checks", lambda: changed)


def judged(reranker, **settings):
    report = check_reranker(reranker, RunSettings(cutoffs=(3,), select=(NAME, "gt_in_candidates"), **settings))
    return report, {each.check.partition("[")[0]: each for each in report.verdicts}[NAME]


@pytest.mark.parametrize("status", list(Status))
def test_a_preview_verdict_is_ok_whatever_it_says(status):
    made = Verdict("check", status, "it holds", {}, {}, 1, preview=True)
    assert made.ok
    assert made.excused is (status in (Status.FAILED, Status.INCONCLUSIVE))


def test_it_does_not_count():
    report, verdict = judged(Asked())
    assert verdict.status in (Status.FAILED, Status.INCONCLUSIVE)
    assert (verdict.preview, verdict.ok, report.ok, report.diagnosis) == (True, True, True, None)


def test_it_counts_where_previews_do():
    report, verdict = judged(Asked(), preview=True)
    assert (verdict.preview, verdict.ok, report.ok) == (False, False, False)


def test_it_can_be_ignored_and_expected():
    _, verdict = judged(Asked(), ignore=(NAME,))
    assert verdict.status is Status.IGNORED
    report, verdict = judged(Asked(), preview=True, expected={NAME: "known"})
    assert (verdict.expected, verdict.excused, report.ok) == ("known", True, True)


def test_what_it_asks_may_raise():
    report, verdict = judged(Raising())
    assert (verdict.status, report.errors, report.ok) == (Status.NOT_APPLICABLE, (), True)
    assert "no letters" in verdict.cause + "".join(verdict.evidence)
    assert verdict.p_failed == 1.0, "it stays in the family of the error budget"
    with pytest.raises(ValueError, match="no letters"):
        judged(Raising(), preview=True)
