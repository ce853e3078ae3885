"""benchmarks/zoo.md is what zoo.json says, every figure that was asked for has its row, and every fault of the zoo is in."""

from __future__ import annotations

import json

import pytest
from repository import ROOT

from rerank_guard.faults import all_faults

BENCHMARKS = ROOT / "benchmarks"

ASKED = [
    ("faults caught", "100 %"),
    ("named right, first answer", "90 %"),
    ("static faults named right", "100 %"),
    ("equivalent changes that raise anything", "0"),
    ("healthy runs that fail, 300 seeds", "0"),
    ("naive gates on the same zoo", "shown beside"),
    ("time to a static verdict", "before the first training step"),
    ("the zoo itself", "25 minutes"),
]


@pytest.fixture
def render(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks.zoo import render

    return render


@pytest.fixture
def result():
    return json.loads((BENCHMARKS / "zoo.json").read_text(encoding="utf-8"))


def test_the_report_is_the_figures(render, result):
    stored = (BENCHMARKS / "zoo.md").read_bytes()
    assert render.markdown(result).encode() == stored, (
        "zoo.md was edited, or zoo.json changed after it; run `make zoo`"
    )


def test_every_figure_asked_for_has_its_row(render, result):
    table = render.rows(result)
    assert [(name, asked) for name, asked, *_ in table] == [
        (name, next(row[1] for row in table if row[0] == name)) for name, _ in ASKED
    ]
    for (name, asked), row in zip(ASKED, table, strict=True):
        assert asked in row[1], name


def test_a_missed_figure_says_so(render, result):
    row = result["sections"]["catches"]["figures"]["faults"][0]
    row["caught"] = row["right"] = False
    text = render.summary(result)
    assert "Missed: " in text
    assert "| **no** |" in text


def test_every_fault_of_the_catalogue_was_tried(result):
    tried = {row["zoo_id"] for row in result["sections"]["catches"]["figures"]["faults"]}
    assert tried == {fault.zoo_id for fault in all_faults()}, "run `make zoo`"
