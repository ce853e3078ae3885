"""`make` tells what it would do, and refuses what it does not know."""

from __future__ import annotations

import sys

import pytest
from repository import make


def test_help_is_the_default_and_lists_every_target():
    shown = make()
    assert shown.returncode == 0, shown.stderr
    for target in ("install", "gate", "test", "lint", "gpu", "base", "dist", "clean"):
        assert f"make {target} " in shown.stdout, f"{target} is missing:\n{shown.stdout}"


def test_gate_judges_the_packaged_demo():
    planned = make("-n", "gate")
    assert planned.returncode == 0, planned.stderr
    assert "pytest --rerank rerank" in planned.stdout
    assert "--rerank-target demo " in planned.stdout


def test_gate_on_movielens():
    planned = make("-n", "gate", "DATA=ml-100k")
    assert planned.returncode == 0, planned.stderr
    assert "--rerank-target rerank_model.targets.ml100k:make_target" in planned.stdout


@pytest.mark.parametrize("data", ["ml-1m", "", "embedded ml-100k"])
def test_gate_refuses_other_data(data):
    planned = make("-n", "gate", f"DATA={data}")
    assert planned.returncode == 2
    assert "choose one of: embedded ml-100k" in planned.stderr
    assert "pip install" not in planned.stdout, "it must say so before it installs"


def test_an_old_python_is_refused(tmp_path):
    old = tmp_path / "python3"
    pretend = "import sys; sys.version_info = (3, 10, 13); exec(sys.argv[1])"
    old.write_text(f"#!/bin/sh\nexec {sys.executable} -c '{pretend}' \"$2\"\n")
    old.chmod(0o755)
    installed = make("install", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}")
    assert installed.returncode == 2
    assert f"Python >= 3.11 is needed, {old} is 3.10" in installed.stderr
    assert not (tmp_path / "venv").exists()


def test_gpu_needs_no_environment(tmp_path):
    planned = make("-n", "gpu", "PYTHON=python3", f"VENV={tmp_path / 'none'}")
    assert planned.stdout.strip() == "PYTHONPATH=src:. HF_HUB_OFFLINE=1 python3 -m benchmarks.gpu"


def test_test_and_gate_are_offline():
    for target in ("test", "gate"):
        assert "HF_HUB_OFFLINE=1 " in make("-n", target).stdout
