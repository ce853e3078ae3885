"""A configuration that is not usable is a usage error however pytest is started."""

from __future__ import annotations

import pytest
from inner_run import Run

STARTED = {"alone": (), "two workers": ("-n", "2"), "collection alone": ("--collect-only", "-q")}


@pytest.mark.parametrize("started", STARTED)
@pytest.mark.parametrize(
    "text",
    ["ignore = ['calibrate_d']", "alpha = 'low'", "[checks.calibrated]\nalfa = 0.1", "[checks.calibratd]", "k ="],
)
def test_ends_with_4(text, started, run: Run, pytester) -> None:
    pytester.makefile(".toml", rerank_guard=text)
    assert run("--rerank-target", "fake_targets:minimal", *STARTED[started]).ret == 4


def test_is_not_read_without_the_suite(run: Run, pytester) -> None:
    pytester.makefile(".toml", rerank_guard="alpha = 'low'")
    pytester.makepyfile(test_own="def test_own(): pass")
    assert run().ret == 0
