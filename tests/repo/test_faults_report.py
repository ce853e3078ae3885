"""benchmarks/faults.md is what faults.json says, every figure that was asked for has its row, and every fault was tried."""

from __future__ import annotations

import json

import pytest
from repository import ROOT

from rerank_guard.faults import all_injectors

BENCHMARKS = ROOT / "benchmarks"

ASKED = [
    ("faults caught", "100 %"),
    ("named right, first answer", "90 %"),
    ("static faults named right", "100 %"),
    ("equivalent changes that raise anything", "0"),
    ("healthy runs that fail, 300 seeds", "0"),
    ("naive checks on the same faults", "shown beside"),
    ("time to a static verdict", "before the first training step"),
    ("the catalogue itself", "16 minutes"),
]


@pytest.fixture
def render(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks.faults import render

    return render


@pytest.fixture
def result():
    return json.loads((BENCHMARKS / "faults.json").read_text(encoding="utf-8"))


def test_the_report_is_the_figures(render, result):
    stored = (BENCHMARKS / "faults.md").read_bytes()
    assert render.markdown(result).encode() == stored, (
        "faults.md was edited, or faults.json changed after it; run `make faults`"
    )


def test_every_figure_asked_for_has_its_row(render, result):
    table = render.rows(result)
    assert [name for name, *_ in table] == [name for name, _ in ASKED]
    for (name, asked), row in zip(ASKED, table, strict=True):
        assert asked in row[1], name


def test_a_missed_figure_says_so(render, result):
    row = result["sections"]["catches"]["figures"]["faults"][0]
    row["caught"] = row["right"] = False
    text = render.summary(result)
    assert "Missed: " in text
    assert "| **no** |" in text


def test_a_figure_of_an_earlier_run_says_so(render, result):
    rows = result["sections"]["catches"]["figures"]["faults"]
    before = render.markdown(result).count("(kept)")
    next(row for row in rows if not row["naive_kept"])["naive_kept"] = True
    assert render.markdown(result).count("(kept)") == before + 1
    assert f"; {before + 1} kept from an earlier run" in render.summary(result)


def test_every_fault_of_the_catalogue_was_tried(result):
    tried = {row["id"] for row in result["sections"]["catches"]["figures"]["faults"]}
    assert tried == {injector.id for injector in all_injectors()}, "run `make faults`"
