"""The options have one spelling in files, for pytest and for the command line, and the same values are refused."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from rerank_guard.core.config.options import OPTIONS, add_options, given_options


@pytest.fixture(params=["", "rerank-"])
def parsed(request):
    def parse(*args: str) -> dict[str, object]:
        parser = argparse.ArgumentParser(exit_on_error=False)
        add_options(parser.add_argument, request.param)
        flags = [arg.replace("--", f"--{request.param}", 1) for arg in args]
        return given_options(parser.parse_args(flags), request.param)

    return parse


def test_nothing_given_leaves_all_to_the_files(parsed):
    assert parsed() == {}


def test_every_option_is_the_key_of_a_file_with_dashes():
    assert [option.flag("rerank-") for option in OPTIONS] == [
        f"--rerank-{option.key.replace('_', '-')}" for option in OPTIONS
    ]


def test_values(parsed):
    assert parsed(
        "--k=5,20", "--alpha=1e-2", "--seed=3", "--select=data, calibrated,", "--ignore=", "--preview"
    ) == {
        "k": (5, 20),
        "alpha": 0.01,
        "seed": 3,
        "select": ("data", "calibrated"),
        "ignore": (),
        "preview": True,
    }
    assert parsed("--early-stop", "--continue", "--report=out", "--set=a.b=1", "--set=a.c=2", "--config=f") == {
        "early_stop": True,
        "continue": True,
        "report": Path.cwd() / "out",
        "set": ["a.b=1", "a.c=2"],
        "config": "f",
    }


@pytest.mark.parametrize(
    "arg",
    [
        "--k=",
        "--k=5,,6",
        "--k=0",
        "--k=5.0",
        "--k=a",
        "--alpha=0",
        "--alpha=-0.0",
        "--alpha=nan",
        "--alpha=low",
        "--alpha=1",
        "--seed=-1",
        "--seed=1e3",
        "--seed=+-1",
        "--target=",
        "--report=",
        "--reference=",
    ],
)
def test_values_that_are_refused(parsed, arg):
    with pytest.raises(argparse.ArgumentError):
        parsed(arg)
