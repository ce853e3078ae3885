"""A verdict as an assertion, for a test of one's own: raise with the verdict's text unless it passed."""

from __future__ import annotations

from rerank_guard.core.formats import format_verdict
from rerank_guard.core.verdict import Status, Verdict

__all__ = ["assert_passed"]


def assert_passed(verdict: Verdict) -> Verdict:
    """Assert any check: `assert_passed(no_history_leak(tasks))`; returns the verdict when it passed.

    A verdict that is inconclusive or not applicable raises too: an assertion that was asked for has to hold.

    Raises:
        AssertionError: with the verdict as text, unless it passed.
    """
    __tracebackhide__ = True
    if verdict.status is not Status.PASSED:
        raise AssertionError(format_verdict(verdict))
    return verdict
