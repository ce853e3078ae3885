"""`rerank-guard checks` and `rerank-guard faults`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import rerank_guard
from rerank_guard.checks.registry import all_checks
from rerank_guard.cli.main import main
from rerank_guard.core.fault_catalogue import all_faults
from rerank_guard.core.stage import Stage

SOURCES = Path(rerank_guard.__file__).parents[1]


def names_in(text: str) -> list[str]:
    """The first word of each line that is indented by two."""
    return [line.split()[0] for line in text.splitlines() if line.startswith("  ") and line[2] != " "]


def test_all_checks_are_listed_with_their_variants(capsys):
    assert main(["checks"]) == 0
    shown = capsys.readouterr().out
    expected = [
        f"{name}{'[K]' if check.per else ''}"
        for check in all_checks().values()
        for name in (check.name, *check.variants)
    ]
    assert names_in(shown) == expected
    assert all(len(line) <= 100 for line in shown.splitlines())


def test_all_faults_are_listed_by_stage(capsys):
    assert main(["faults"]) == 0
    shown = capsys.readouterr().out
    assert names_in(shown) == list(all_faults())
    headings = [line for line in shown.splitlines() if line and not line.startswith(" ")]
    assert headings == [
        stage.folder.replace("_", " ").upper()
        for stage in Stage
        if any(fault.stage is stage for fault in all_faults().values())
    ]
    assert all(len(line) <= 100 for line in shown.splitlines())


def test_the_checks_as_json(capsys):
    assert main(["checks", "--json"]) == 0
    data = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert list(data) == [name for check in all_checks().values() for name in (check.name, *check.variants)]
    listed = data["recall_beats_baseline"]
    assert listed["once_a_cutoff"] is True
    assert listed["claim"] == all_checks()["recall_beats_baseline"].claim
    assert [each["name"] for each in listed["settings"]] == list(all_checks()["recall_beats_baseline"].settings)
    assert "failing_example" not in listed


def test_the_faults_as_json(capsys):
    assert main(["faults", "--json"]) == 0
    data = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert list(data) == list(all_faults())
    assert data["history-leak"]["fix"] == all_faults()["history-leak"].fix
    assert data["history-leak"]["named_by"] == ["no_history_leak"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a pipe that is closed early")
def test_a_reader_that_goes_away_is_no_error():
    listing = subprocess.Popen(
        [sys.executable, "-m", "rerank_guard.cli.main", "faults", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
    )
    listing.stdout.close()
    complaint = listing.stderr.read()
    assert listing.wait(timeout=60) == 0
    assert complaint == b""
