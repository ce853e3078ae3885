"""Running the plugin inside a pytester folder that can import the fake rerankers."""

from __future__ import annotations

from pathlib import Path

import fake_healthy  # noqa: F401  (imported here, all inner runs of this process share its training job)
import pytest
from inner_run import QUIET, Run

from rerank_guard.report import plot


@pytest.fixture(autouse=True)
def _no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in place of the learning curve, whose drawing would take most of these tests' time."""
    monkeypatch.setattr(plot, "draw_learning_curve", lambda trace, path: path.write_text("a picture"))


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    """Run pytest in this process, in a folder of its own, with copies of the fake rerankers in it."""
    fakes = Path(__file__).parent.glob("fake_*.py")
    pytester.makepyfile(**{path.stem: path.read_text(encoding="utf-8") for path in fakes})

    def run_in_process(*args: str, cache: bool = False) -> pytest.RunResult:
        return pytester.runpytest_inprocess(*(QUIET[:-2] if cache else QUIET), *args)

    return run_in_process


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """An inner run is no xdist worker, even where the outer one is: pytest-benchmark looks at the environment."""
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT"):
        monkeypatch.delenv(name, raising=False)
