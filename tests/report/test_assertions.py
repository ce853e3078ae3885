"""`assert_passed` raises with the verdict's text unless it passed, and returns the verdict when it did."""

from __future__ import annotations

import pytest

from guard.builders import make_task
from rerank_guard.checks.data.gt_in_candidates import gt_in_candidates
from rerank_guard.core.faults.data import HISTORY_LEAK
from rerank_guard.core.finding import Finding, suspect
from rerank_guard.core.verdict import Status
from rerank_guard.core.wording import worded
from rerank_guard.report.assertions import assert_passed


@pytest.mark.parametrize("status", Status)
def test_any_verdict_is_asserted(status):
    suspects = (suspect(HISTORY_LEAK, "why not"),) if status is Status.FAILED else ()
    verdict = worded(Finding(status, suspects=suspects, cause="why not"), check="my_own", claim="the claim")
    if status is Status.PASSED:
        assert assert_passed(verdict) is verdict
        return
    with pytest.raises(AssertionError) as caught:
        assert_passed(verdict)
    for shown in ("my_own", "why not", "the claim", *(each.fault.name for each in suspects)):
        assert shown in str(caught.value)


def test_a_check_is_asserted_as_it_is_called():
    verdict = assert_passed(gt_in_candidates([make_task(1, 5)]))
    assert (verdict.check, verdict.status) == ("gt_in_candidates", Status.PASSED)
    with pytest.raises(AssertionError, match="target-not-listed"):
        assert_passed(gt_in_candidates([make_task(None, 5)]))
