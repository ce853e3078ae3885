"""Case 3: with pytest-xdist one reranker is trained, once, on one worker, and the report is the same."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("xdist")

CONFTEST = """
from pathlib import Path

def pytest_runtest_logreport(report):
    if hasattr(report, "node"):
        with Path("where.log").open("a") as log:
            log.write(f"{report.nodeid.partition('::')[0]} {report.node.gateway.id}\\n")
"""
OTHERS = """
import pytest, time

@pytest.mark.parametrize("i", range(6))
def test_other(i): time.sleep(0.05)

def test_shares(rerank_scores): assert rerank_scores
"""


def plain(report: dict) -> dict:
    """A report without what is timed."""
    return {key: value for key, value in report.items() if key not in ("training", "versions")}


@pytest.fixture
def in_process_of_its_own(folder, monkeypatch):
    folder.makeconftest(CONFTEST)
    folder.makepyfile(test_others=OTHERS)
    options = ("-p", "no:torch", "-p", "no:hypothesispytest", "-p", "no:anyio", "-p", "no:cacheprovider")
    return lambda *args: folder.runpytest_subprocess(*options, *args)


@pytest.mark.parametrize("dist", ["load", "loadfile"])
def test_one_worker_and_the_same_report(folder, in_process_of_its_own, run, report_of, dist) -> None:
    target = ("--rerank-target", "small:reversed_order", "--rerank-k", "5")
    assert in_process_of_its_own("-n", "2", "--dist", dist, *target).ret == 1
    workers: dict[str, set[str]] = {}
    for line in (folder.path / "where.log").read_text().splitlines():
        name, worker = line.split()
        workers.setdefault(name, set()).add(worker)
    assert len(workers["rerank"]) == 1
    if dist == "load":
        assert len(workers["test_others.py"]) == 2, "the others spread"
    spread = report_of()
    run(*target)
    assert plain(spread) == plain(report_of())
    assert spread["diagnosis"]["certainty"] == report_of()["diagnosis"]["certainty"]


def test_each_is_refused(in_process_of_its_own) -> None:
    options = ("--dist", "each", "--tx", "2*popen", "--rerank-target", "small:good")
    assert in_process_of_its_own(*options).ret == pytest.ExitCode.USAGE_ERROR


def test_a_dead_worker_is_no_green_run(folder, in_process_of_its_own) -> None:
    assert in_process_of_its_own("rerank", "-n", "2", "--rerank-target", "small:dying").ret == 1
    report = json.loads((folder.path / "rerank-report" / "report.json").read_text())
    assert report["ok"] is False
    assert len(report["errors"]) == 1, "the check whose item was the first to score"
    assert all("crashed" in each["reason"] for each in report["unjudged"])
    assert "recall_beats_baseline[K=5]" in {each["check"] for each in report["unjudged"]}
    ran = [line for line in (folder.path / "where.log").read_text().splitlines() if line.startswith("rerank ")]
    assert len({line.split()[1] for line in ran}) == 1, "no other worker goes on with another reranker"
