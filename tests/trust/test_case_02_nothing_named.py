"""Case 2: a run of the suite that names no reranker is a usage error; the packaged demo is asked for by its name."""

from __future__ import annotations

import pytest

from rerank_guard.cli.main import main
from rerank_guard.core.errors import TargetError
from rerank_guard.suite import load_target


@pytest.mark.parametrize("where", ["", "rerank", "rerank::gt_in_candidates"])
def test_nothing_named(folder, run, where) -> None:
    folder.makepyfile("def test_mine(): pass")
    result = run("--rerank", *filter(None, [where]))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    said = result.stderr.str()
    assert all(way in said for way in ("--rerank-target", "rerank_guard.toml", "fixture rerank_target", "demo"))


def test_a_fixture_of_a_test_module_names_nothing_for_the_suite(folder, run) -> None:
    folder.makepyfile(
        """
        import pytest, small
        @pytest.fixture(scope="session")
        def rerank_target(): return small.good()
        def test_mine(rerank_target): assert rerank_target.name == "good"
        """
    )
    assert run("--rerank").ret == pytest.ExitCode.USAGE_ERROR
    assert run().ret == 0


@pytest.mark.parametrize("command", ["doctor", "selftest"])
def test_commands(folder, capsys, command) -> None:
    assert main([command]) == 2
    assert "demo" in capsys.readouterr().err


def test_the_demo_by_name_is_the_packaged_one(monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "rerank_model.targets.embedded", None)
    with pytest.raises(TargetError, match="rerank-guard\\[model\\]"):
        load_target("demo", seed=0)
