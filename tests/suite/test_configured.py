"""From a configuration to the settings of a run, and what of it the report shows."""

from __future__ import annotations

import pytest

from rerank_guard.core.config.configuration import configuration_from, read_configuration
from rerank_guard.core.errors import ConfigError, RerankGuardError
from rerank_guard.suite.configured import configured_settings, reference_of, run_settings_of
from rerank_guard.suite.settings import RunSettings


def settings(table, **given):
    return run_settings_of(configuration_from(table), **given)


def test_nothing_configured_is_the_default():
    assert settings({}) == RunSettings()
    assert settings({}).differing() == ()
    assert not any(configured_settings(RunSettings()).values())


def test_everything_that_is_given_is_shown_with_its_origin():
    made = settings(
        {
            "k": [5],
            "alpha": 0.01,
            "seed": 3,
            "select": ["data"],
            "ignore": ["calibrated"],
            "preview": True,
            "early_stop": True,
            "continue": True,
            "expected": {"gt_in_candidates": "known"},
            "checks": {"calibrated": {"max_excess": 0.2}},
        }
    )
    assert {each.key: each.value for each in made.differing()} == {
        "k": (5,),
        "alpha": 0.01,
        "seed": 3,
        "select": ("data",),
        "ignore": ("calibrated",),
        "preview": True,
        "early_stop": True,
        "continue": True,
        "expected.gt_in_candidates": "known",
        "checks.calibrated.max_excess": 0.2,
    }
    assert {each.origin for each in made.differing()} == {"config"}


def test_the_origin_of_each_setting_of_a_check():
    made = settings(
        {"alpha": 0.01, "checks": {"gt_in_candidates": {"max_missing": 1}, "calibrated": {"alpha": 0.1}}}
    )
    found = configured_settings(made)
    assert found["calibrated"] == {"alpha": (0.1, "config")}
    assert found["training_gt_in_candidates"] == {"max_missing": (1, "config")}
    assert found["recall_beats_baseline"] == {"alpha": (0.01, "config")}


@pytest.mark.parametrize(
    ("text", "key", "closest"),
    [
        ("ignore = ['calibrate']", "ignore", "calibrated"),
        ("[expected]\ncalibratd = 'x'", "expected", "calibrated"),
        ("[checks.calibratd]", "checks", "calibrated"),
        ("[checks.calibratd]\nalpha = 0.1", "checks", "calibrated"),
        ("[checks.calibrated]\nalfa = 0.1", r"checks\.calibrated\.alfa", "alpha"),
        ("[checks.calibrated]\nalpha = 1.0", r"checks\.calibrated\.alpha", "0.5"),
    ],
)
def test_what_is_wrong_is_said_with_file_key_and_closest_names(tmp_path, text, key, closest):
    (tmp_path / "rerank_guard.toml").write_text(text)
    with pytest.raises(ConfigError, match=rf"^rerank_guard\.toml: {key}.*{closest}"):
        run_settings_of(read_configuration({}, "", tmp_path))


def test_a_setting_of_the_command_line_is_said_with_its_check(tmp_path):
    with pytest.raises(ConfigError, match=r"--set calibrated\.alpha"):
        run_settings_of(read_configuration({"set": ["calibrated.alpha=1"]}, "", tmp_path))


def test_a_reference_run_that_is_missing(tmp_path):
    assert reference_of(configuration_from({})) is None
    with pytest.raises(RerankGuardError):
        reference_of(configuration_from({"reference": str(tmp_path / "none.json")}))


def test_what_only_the_report_shows_has_its_origin():
    made = settings({"target": "demo", "report": "there"})
    assert {each.key: each.origin for each in made.differing()} == {"target": "config", "report": "config"}
