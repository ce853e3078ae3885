"""`rerank-guard explain` shows the settings of a check as the configuration has them, and where they were given."""

from __future__ import annotations

import json

import pytest

from rerank_guard.checks.registry import all_checks
from rerank_guard.cli.main import main
from rerank_guard.suite.configured import configured_settings
from rerank_guard.suite.settings import RunSettings

FILE = """
alpha = 0.02

[checks.target_positions_uniform]
effect = 0.2

[checks.training_target_positions_uniform]
effect = 0.3

[checks.calibrated]
alpha = 0.005
"""


def explained(capsys, name, *arguments) -> dict[str, tuple[object, str | None]]:
    """Setting to its value and origin."""
    assert main(["explain", name, "--json", "--no-examples", *arguments]) == 0
    return {
        each["name"]: (each["value"], each["set_in"]) for each in json.loads(capsys.readouterr().out)["settings"]
    }


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_a_configuration_all_is_at_its_default(here, capsys):
    for value, origin in explained(capsys, "calibrated").values():
        assert origin is None
        assert value in [each.default for each in all_checks()["calibrated"].settings.values()]


@pytest.mark.parametrize(
    ("name", "setting", "value"),
    [
        ("target_positions_uniform", "effect", 0.2),
        ("target_positions_uniform", "alpha", 0.02),
        ("training_target_positions_uniform", "effect", 0.3),
        ("calibrated", "alpha", 0.005),
        ("recall_beats_baseline[K=20]", "alpha", 0.02),
    ],
)
@pytest.mark.parametrize("arguments", [(), ("--config", "mine.toml")])
def test_settings_come_from_the_configuration(here, capsys, name, setting, value, arguments):
    (here / (arguments[-1] if arguments else "rerank_guard.toml")).write_text(FILE)
    found = explained(capsys, name, *arguments)
    assert found[setting] == (value, arguments[-1] if arguments else "rerank_guard.toml")


def test_the_runs_alpha_reaches_every_check_with_a_level(here):
    found = configured_settings(RunSettings(alpha=0.03))
    for name, check in all_checks().items():
        level = [setting.name for setting in check.settings.values() if setting.is_level]
        for each in (name, *check.variants):
            assert found[each] == dict.fromkeys(level, (0.03, "RunSettings"))


def test_what_the_run_measures_with_is_what_is_shown(here, capsys):
    """The nearest file counts, and in one folder rerank_guard.toml before pyproject.toml."""
    (here / "pyproject.toml").write_text("[tool.rerank_guard]\nalpha = 0.01\nchecks.calibrated.max_excess = 0.3\n")
    (here / "rerank_guard.toml").write_text("alpha = 0.04\n")
    found = explained(capsys, "calibrated")
    assert found["alpha"] == (0.04, "rerank_guard.toml")
    assert found["max_excess"] == (0.3, "pyproject.toml")


@pytest.mark.parametrize(
    "broken",
    ["alpa = 1\n", "alpha = 0.7\n", "x = \n", "[checks.calibrated]\nalpha = 2\n", "[checks.none]\nx = 1\n"],
)
@pytest.mark.parametrize("name", ["calibrated", "history-leak"])
def test_a_configuration_with_an_error_ends_with_2(here, capsys, broken, name):
    (here / "rerank_guard.toml").write_text(broken)
    assert main(["explain", name, "--no-examples"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "rerank_guard.toml" in told.err


def test_a_configuration_that_is_missing_ends_with_2(here, capsys):
    assert main(["explain", "calibrated", "--config", "nowhere.toml"]) == 2
    assert "nowhere.toml" in capsys.readouterr().err
