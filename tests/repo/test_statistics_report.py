"""benchmarks/statistics.md is what statistics.json says, and every figure that was asked for has its row."""

from __future__ import annotations

import json

import pytest
from repository import ROOT

BENCHMARKS = ROOT / "benchmarks"

ASKED = [
    ("a null ranker", "0.1%"),
    ("ignored, expected or preview", "unchanged"),
    ("fails or flips", "0"),
    ("inconclusive at 1,000 users", "2%"),
    ("median users to PASS", "108; 81; 94; 372"),
    ("training steps saved", "60%"),
    ("recording and testing", "1%"),
    ("1,000,000 users x 50 candidates", "60x"),
]


@pytest.fixture
def render(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks.statistics import render

    return render


@pytest.fixture
def result():
    return json.loads((BENCHMARKS / "statistics.json").read_text(encoding="utf-8"))


def test_the_report_is_the_figures(render, result):
    stored = (BENCHMARKS / "statistics.md").read_bytes()
    assert render.markdown(result).encode() == stored, (
        "statistics.md was edited, or statistics.json changed after it; run `make stats`"
    )


def test_every_figure_asked_for_has_its_row(render, result):
    rows = render.rows({name: family["figures"] for name, family in result["families"].items()})
    assert len(rows) == len(ASKED)
    for (name, asked, *_), (words, limit) in zip(rows, ASKED, strict=True):
        assert words in name
        assert limit in asked


def test_a_missed_figure_says_so(render, result):
    result["families"]["early_stop"]["figures"]["median_saved"] = 0.1
    text = render.markdown(result)
    assert "**Missed:" in text
    assert "**missed: 10% (median" in text
    assert "| **no** |" in text


def test_every_family_says_what_it_was_made_with(result):
    for name, family in result["families"].items():
        assert {"command", "seed", "device", "seconds", "versions"} <= set(family), name
        assert family["versions"], name


def test_the_pictures_are_there_and_small():
    text = (BENCHMARKS / "statistics.md").read_text(encoding="utf-8")
    for picture in ("statistics-users.png", "statistics-early-stop.png"):
        assert f"({picture})" in text
        assert (BENCHMARKS / picture).stat().st_size < 100_000, picture
