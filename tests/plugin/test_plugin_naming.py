"""No run without a reranker of the user's own naming: neither the packaged demo nor another one is judged in its place."""

from __future__ import annotations

import importlib

import pytest
from inner_run import Run

OVERRIDE = """
import pytest
import fake_targets

@pytest.fixture(scope="session"{params})
def rerank_target({request}):
    return fake_targets.{target}()
"""


@pytest.mark.parametrize("flag", ["--rerank", "--rerank-gpu"])
def test_nothing_is_judged_where_none_is_named(run: Run, monkeypatch, flag) -> None:
    torch_device = importlib.import_module("rerank_guard.adapters.torch_device")  # as the inner run will find it
    monkeypatch.setattr(torch_device, "cuda_problem", lambda: None)
    result = run(flag)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*no reranker is named*--rerank-target*target =*demo*"])


@pytest.mark.parametrize("folder", ["", "tests"])
@pytest.mark.parametrize("parametrised", [False, True])
def test_an_overridden_fixture_is_not_ignored(run: Run, pytester: pytest.Pytester, folder, parametrised) -> None:
    text = OVERRIDE.format(
        params=", params=[0, 1]" if parametrised else "",
        request="request" if parametrised else "",
        target="sign_flipped",
    )
    place = pytester.path / folder
    place.mkdir(exist_ok=True)
    (place / "conftest.py").write_text(text)
    (place / "test_mine.py").write_text("def test_mine(): pass\n")
    result = run("--rerank")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    written = (pytester.path / "rerank-report").glob("**/report.json")
    assert len([path for path in written if '"ok": false' in path.read_text()]) == (2 if parametrised else 1)


@pytest.mark.parametrize("parametrised", [False, True])
def test_a_fixture_can_be_judged_in_a_test(run: Run, pytester: pytest.Pytester, parametrised) -> None:
    pytester.makeconftest(
        OVERRIDE.format(
            params=", params=[0, 1]" if parametrised else "",
            request="request" if parametrised else "",
            target="target_dropped",
        )
    )
    pytester.makepyfile(
        """
        from rerank_guard import assert_report_ok, check_reranker
        def test_reranker(rerank_target): assert_report_ok(check_reranker(rerank_target))
        """
    )
    result = run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(failed=2 if parametrised else 1)
    result.stdout.fnmatch_lines(["*target-not-listed*"])


def test_a_named_reranker_is_judged_beside_an_overridden_fixture(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(OVERRIDE.format(params="", request="", target="sign_flipped"))
    result = run("--rerank-target", "fake_targets:minimal", "-k", "gt_in_candidates")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*rerank-guard: target fake_targets:minimal*"])


def test_a_fixture_without_a_reranker_fails_its_test(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_mine(rerank_target): pass")
    result = run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*no reranker is named*"])


def test_an_idle_run_needs_none(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_mine(): pass")
    assert run().ret == 0
