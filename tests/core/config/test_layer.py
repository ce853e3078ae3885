"""One source of configuration: unknown keys and values of another type are refused with source, key and closest names."""

from __future__ import annotations

from pathlib import Path

import pytest

from rerank_guard.core.config.layer import layer_of_command_line, layer_of_mapping, unknown_name
from rerank_guard.core.errors import ConfigError


def layer(table):
    return layer_of_mapping(table, "a.toml", Path("/folder"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("alpha", [0.0, -0.0, 0.5, True, "0.1", float("nan"), float("inf"), 10**400, None, []]),
        ("k", [[], True, [5.0], [True], "5", [0], -1, None, {}]),
        ("seed", [-1, 1.0, True, "1", None]),
        ("select", ["data", [""], [1], {"data"}, None]),
        ("ignore", ["data", [""], {}]),
        ("preview", [0, 1, "true", None]),
        ("early_stop", [0, "no"]),
        ("continue", [0, "no"]),
        ("target", ["", 5, []]),
        ("report", ["", 5, []]),
        ("reference", ["", 5, []]),
        ("expected", ["x", ["x"], {"calibrated": ""}, {"calibrated": " "}, {"calibrated": True}]),
        ("checks", [3, [], {"calibrated": 3}, {"calibrated": [{}]}]),
    ],
)
def test_values_of_another_type(key, value):
    for each in value:
        with pytest.raises(ConfigError, match=rf"^a\.toml: {key}"):
            layer({key: each})


def test_values_as_a_run_takes_them():
    made = layer({"k": 5, "alpha": 0.01, "report": "out", "select": ["data"], "preview": True, "seed": 10**30})
    assert made.values == {
        "k": (5,),
        "alpha": 0.01,
        "report": Path("/folder/out"),
        "select": ("data",),
        "preview": True,
        "seed": 10**30,
    }
    assert set(made.origins.values()) == {"a.toml"}


@pytest.mark.parametrize(("key", "closest"), [("alpa", "alpha"), ("selekt", "select"), ("check", "checks")])
def test_an_unknown_key_is_shown_with_the_closest(key, closest):
    with pytest.raises(ConfigError, match=rf"a\.toml.*'{key}'.*{closest}"):
        layer({key: 1})


@pytest.mark.parametrize("key", [1, None, ""])
def test_keys_that_are_no_names(key):
    with pytest.raises(ConfigError, match=r"a\.toml"):
        layer({key: 1})


def test_set_options_of_the_command_line():
    made = layer_of_command_line(
        {"set": ["a.x=1", "a.y=1e-3", "b.z=true", " b.x = text "], "alpha": 0.1, "config": "f"}, "rerank-"
    )
    assert made.checks == {"a": {"x": 1, "y": 1e-3}, "b": {"z": True, "x": "text"}}
    assert (made.origins, made.setting_origin) == ({"alpha": "--rerank-alpha"}, "--rerank-set")


@pytest.mark.parametrize("text", ["", "a.x", "a.x=", "=1", ".x=1", "a.=1", "ax=1", "a[K=20].x=1"])
def test_set_options_of_another_form(text):
    with pytest.raises(ConfigError, match="--set"):
        layer_of_command_line({"set": [text]}, "")


def test_closest_names():
    many = [f"name_{number}" for number in range(30)]
    assert "name_7" in unknown_name("nme_7", many, "check")
    assert "a, b" in unknown_name("zzz", ["a", "b"], "key")
    assert "name_1" not in unknown_name("", many, "check")
