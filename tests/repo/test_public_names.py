"""The public names come from `rerank_guard` itself, each imported when it is first used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import rerank_guard
from rerank_guard.checks.registry import all_checks
from rerank_guard.core.check import Check

SHOWN = (
    "Item",
    "RankingTask",
    "CallableTarget",
    "check_reranker",
    "Report",
    "Verdict",
    "Status",
    "TraceRecorder",
    "RunSettings",
    "assert_passed",
    "assert_report_ok",
)


def loaded_after(statement: str) -> set[str]:
    """What a new interpreter has loaded of the heavy dependencies."""
    script = f"import sys\n{statement}\nprint(*sorted({{'numpy', 'scipy', 'pytest'}} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    return set(ran.stdout.split())


@pytest.mark.parametrize(
    "statement",
    ["import rerank_guard", "import rerank_guard; dir(rerank_guard)", "from rerank_guard import Status"],
)
def test_the_package_alone_is_light(statement):
    assert loaded_after(statement) == set()


def test_a_name_that_needs_numpy_loads_it():
    assert "numpy" in loaded_after("from rerank_guard import recall_beats_baseline")


@pytest.mark.parametrize("name", SHOWN)
def test_a_public_name_is_there(name):
    assert getattr(rerank_guard, name).__name__ == name
    assert name in dir(rerank_guard)


@pytest.mark.parametrize("name", all_checks())
def test_a_check_is_a_public_name(name):
    assert isinstance(getattr(rerank_guard, name), Check)
    assert name in dir(rerank_guard)


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="recall_at_all"):
        _ = rerank_guard.recall_at_all
    assert not hasattr(rerank_guard, "_kinds")
