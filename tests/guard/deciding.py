"""Settings that decide: a case for each, in which two values give two statuses."""

from __future__ import annotations

from rerank_guard.checks.registry import all_checks
from rerank_guard.core.verdict import Status


def settings_in(*stages):
    """Check and setting of every setting of these stages' checks but the level, which has tests of its own."""
    return {
        (name, setting)
        for name, check in all_checks().items()
        if check.stage in stages
        for setting in check.settings
        if setting != "alpha"
    }


def assert_decides(judge, setting, fails, passes, otherwise=Status.PASSED):
    """The check fails with the one value and not with the other."""
    assert judge(**{setting: fails}).status is Status.FAILED
    verdict = judge(**{setting: passes})
    assert verdict.status is otherwise, verdict
    assert not verdict.suspects
    return verdict
