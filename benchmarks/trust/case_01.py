"""Which reranker a fixture names."""

from __future__ import annotations

from benchmarks.trust.command import pytest_run, reports
from benchmarks.trust.record import Case, Expected

_FIXTURE = """
import pytest
import mine

@pytest.fixture(scope="session"{more})
def rerank_target({argument}):
    return {value}
"""


def _fixture(value: str, more: str = "", argument: str = "") -> str:
    return _FIXTURE.format(value=value, more=more, argument=argument)


_WRONG = Expected(exits=(1,), says=("REPORT of wrong: ok=false",), not_says=("REPORT of healthy|REPORT of demo",))
_GOOD = Expected(exits=(0,), says=("REPORT of good: ok=true",))
_BOTH = _fixture("getattr(mine, request.param)()", ', params=["good", "wrong"]', "request")
_TWO_GOOD = _fixture("getattr(mine, request.param)()", ', params=["good", "small"]', "request")
_TEST = "def test_own(rerank_target):\n    assert rerank_target.name == 'good'\n"

CASES = (
    Case(
        1,
        "a conftest overrides rerank_target with a reversed reranker; pytest --rerank",
        pytest_run("--rerank", "--rerank-report", "out", conftest=_fixture("mine.wrong()"), read=reports),
        _WRONG,
        sibling=False,
    ),
    Case(
        1,
        "the fixture has two rerankers, one of them reversed",
        pytest_run("--rerank", "--rerank-report", "out", conftest=_BOTH, read=reports),
        Expected(exits=(1,), says=("REPORT of wrong: ok=false", "REPORT of good: ok=true")),
    ),
    Case(
        1,
        "the fixture in a plugin of the project, not in the conftest",
        pytest_run(
            "--rerank",
            "--rerank-report",
            "out",
            "-p",
            "own_plugin",
            files={"own_plugin.py": _fixture("mine.wrong()")},
            read=reports,
        ),
        Expected(exits=(1, 4), not_says=("ok=true",)),
    ),
    Case(
        1,
        "the fixture in a conftest of the tests folder, pytest --rerank tests",
        pytest_run(
            "--rerank",
            "--rerank-report",
            "out",
            "tests",
            files={"tests/conftest.py": _fixture("mine.wrong()")},
            read=reports,
        ),
        Expected(exits=(1, 4), not_says=("ok=true",)),
    ),
    Case(
        1,
        "healthy: two sound rerankers, a report each",
        pytest_run("--rerank", "--rerank-report", "out", conftest=_TWO_GOOD, read=reports),
        Expected(exits=(0,), says=("REPORT of good: ok=true", "REPORT of small: ok=true")),
    ),
    Case(
        1,
        "healthy: the fixture, and a test of the user's own",
        pytest_run(
            "--rerank", "--rerank-report", "out", conftest=_fixture("mine.good()"), test=_TEST, read=reports
        ),
        _GOOD,
    ),
)
