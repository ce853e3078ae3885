"""Small rerankers, and pytest inside pytest, for the cases of what a verdict may be trusted with."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "plugin"))
import rerank_guard.pytest_plugin.collection
import rerank_guard.pytest_plugin.recorder  # noqa: F401  (pytester drops what is first imported inside a run)

QUIET = ("-p", "no:torch", "-p", "no:hypothesispytest", "-p", "no:anyio", "-p", "no:cacheprovider")

RERANKERS = """
import os

from fake_data import make_scores, make_tasks
from fake_minimal import Minimal

from rerank_guard.core.errors import NotOfferedError


class Raising(Minimal):
    def __init__(self, error):
        super().__init__(make_tasks(), "raising")
        self.error = error

    def score(self, tasks):
        raise self.error


class Dying(Minimal):
    def score(self, tasks):
        os._exit(9)


def good(): return Minimal(name="good")
def reversed_order(): return Minimal(name="reversed", lift=-2.0)
def dying(): return Dying(name="dying")
def interrupted(): return Raising(KeyboardInterrupt())
def not_offered(): return Raising(NotOfferedError("not in this configuration"))
"""


@pytest.fixture
def folder(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """An empty project that can import the rerankers above as `small`."""
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT"):
        monkeypatch.delenv(name, raising=False)
    plugin = Path(__file__).parents[1] / "plugin"
    for name in ("fake_data", "fake_minimal"):
        (pytester.path / f"{name}.py").write_text((plugin / f"{name}.py").read_text(encoding="utf-8"))
    (pytester.path / "small.py").write_text(RERANKERS)
    monkeypatch.chdir(pytester.path)
    monkeypatch.syspath_prepend(pytester.path)
    return pytester


@pytest.fixture
def run(folder: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """Pytest in this process, in that project."""
    return lambda *args: folder.runpytest_inprocess(*QUIET, *args)


@pytest.fixture
def report_of(folder: pytest.Pytester) -> Callable[..., dict]:
    """The report that the run has written, by its folder below rerank-report."""
    return lambda *where: json.loads(folder.path.joinpath("rerank-report", *where, "report.json").read_text())
