"""Case 1: the suite judges what a project's own fixture `rerank_target` gives, each of its parameters by itself."""

from __future__ import annotations

import pytest

CONFTEST = """
import pytest, small

@pytest.fixture(scope="session"{params})
def rerank_target({arguments}):
    return {value}
"""


def conftest(value: str = "small.good()", *, params: str = "", arguments: str = "") -> str:
    return CONFTEST.format(value=value, params=params, arguments=arguments)


@pytest.mark.parametrize("at", [".", "tests", "tests/deep"])
@pytest.mark.parametrize(("maker", "status"), [("good", 0), ("reversed_order", 1)])
def test_the_fixture_is_judged(folder, run, report_of, at, maker, status) -> None:
    place = folder.path / at
    place.mkdir(parents=True, exist_ok=True)
    (place / "conftest.py").write_text(conftest(f"small.{maker}()"))
    (place / "test_mine.py").write_text("def test_mine(rerank_target): assert rerank_target.name")
    result = run("--rerank")
    assert result.ret == status
    report = report_of()
    assert report["ok"] is (status == 0)
    assert report["target"] == maker.removesuffix("_order")


def test_each_parameter_has_its_own_run_and_report(folder, run, report_of) -> None:
    params = ', params=["good", "reversed_order"]'
    folder.makeconftest(conftest("getattr(small, request.param)()", params=params, arguments="request"))
    assert run("--rerank").ret == 1
    good, wrong = (report_of("rerankers", name) for name in ("good", "reversed_order"))
    assert (good["target"], good["ok"]) == ("good", True)
    assert (wrong["target"], wrong["ok"]) == ("reversed", False)
    assert [each["check"] for each in good["verdicts"]] == [each["check"] for each in wrong["verdicts"]]
    assert not (folder.path / "rerank-report" / "report.json").exists()
    assert run("--rerank", "-k", "good").ret == 0
    assert not (folder.path / "rerank-report" / "rerankers" / "reversed_order" / "report.json").exists()


def test_the_same_verdicts_as_for_the_named_one(folder, run, report_of) -> None:
    run("--rerank-target", "small:good", "--rerank-k", "3,5")
    named = report_of()["verdicts"]
    folder.makeconftest(conftest())
    run("--rerank", "--rerank-k", "3,5")
    assert report_of()["verdicts"] == named


@pytest.mark.parametrize(
    ("arguments", "judged"), [("", "reversed"), ("rerank_target", "good")], ids=["replaces", "wraps"]
)
def test_the_command_line_names_what_is_judged_or_wrapped(folder, run, report_of, arguments, judged) -> None:
    folder.makeconftest(conftest(arguments=arguments))
    run("--rerank-target", "small:reversed_order")
    assert report_of()["target"] == judged


def test_a_fixture_made_anew_for_each_test_is_refused(folder, run) -> None:
    folder.makeconftest(conftest().replace('scope="session"', ""))
    assert run("--rerank").ret == pytest.ExitCode.USAGE_ERROR


@pytest.mark.parametrize(
    "body", ["pytest.skip('no weights')", "pytest.xfail('known')", "pytest.exit('x', returncode=0)", "1 / 0"]
)
def test_a_fixture_that_gives_nothing_is_no_green_run(folder, run, report_of, body) -> None:
    folder.makeconftest(conftest(body))
    assert run("--rerank").ret != 0
    report = report_of()
    assert report["ok"] is False
    assert report["unjudged"] or report["errors"]
