"""All sources in one: the command line wins over rerank_guard.toml, and that over pyproject.toml, setting by setting."""

from __future__ import annotations

import pytest

from rerank_guard.core.config.configuration import Given, configuration_from, read_configuration
from rerank_guard.core.errors import ConfigError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "pyproject.toml").write_text(
        "[tool.rerank_guard]\nalpha = 0.01\nseed = 1\nk = [3]\nreport = 'out'\n"
        "[tool.rerank_guard.expected]\ncalibrated = 'shared'\n'recall_beats_baseline[K=20]' = 'small'\n"
        "[tool.rerank_guard.checks.calibrated]\nalpha = 0.1\nmax_excess = 0.3\n[tool.rerank_guard.checks.split_disjoint]\n"
    )
    (tmp_path / "rerank_guard.toml").write_text(
        "alpha = 0.02\nseed = 2\n[expected]\ncalibrated = 'own'\n[checks.calibrated]\nalpha = 0.2\n"
    )
    return tmp_path


def test_a_later_source_wins_and_is_named(folder):
    found = read_configuration({"alpha": 0.03, "set": ["calibrated.max_excess=0.4"]}, "", folder)
    assert found.options == {
        "alpha": Given(0.03, "--alpha"),
        "seed": Given(2, "rerank_guard.toml"),
        "k": Given((3,), "pyproject.toml"),
        "report": Given(folder / "out", "pyproject.toml"),
    }
    assert found.expected == {
        "calibrated": Given("own", "rerank_guard.toml"),
        "recall_beats_baseline[K=20]": Given("small", "pyproject.toml"),
    }
    assert found.checks == {
        "calibrated": {"alpha": Given(0.2, "rerank_guard.toml"), "max_excess": Given(0.4, "--set")},
        "split_disjoint": {},
    }
    assert found.check_origins == {"calibrated": "--set", "split_disjoint": "pyproject.toml"}
    assert (found.get("seed"), found.get("ignore", ()), found.get("target")) == (2, (), None)


def test_a_named_file_is_read_alone(folder):
    found = read_configuration({"config": "pyproject.toml"}, "", folder)
    assert {given.origin for given in found.options.values()} == {"pyproject.toml"}
    assert found.get("alpha") == 0.01


def test_from_a_file_or_a_mapping(folder):
    assert configuration_from(folder / "rerank_guard.toml").get("alpha") == 0.02
    assert configuration_from(str(folder / "pyproject.toml")).get("alpha") == 0.01
    assert configuration_from({"alpha": 0.05}).options == {"alpha": Given(0.05, "config")}
    for wrong in (3, [], None):
        with pytest.raises(ConfigError):
            configuration_from(wrong)
