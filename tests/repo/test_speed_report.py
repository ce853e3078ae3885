"""benchmarks/speed.md is what speed.json says, and every figure that was asked for has its row."""

from __future__ import annotations

import copy
import json

import pytest
from repository import ROOT, make

BENCHMARKS = ROOT / "benchmarks"

ASKED = [
    ("scoring against the naive path, float32", ">= 35x"),
    ("the same, bfloat16 against the naive path in float32", ">= 70x"),
    ("against `logits_to_keep=1`, float32", ">= 2.5x"),
    ("against sentence-transformers, float32", ">= 2x"),
    ("whole path over its floor, float32", "<= 1.5"),
    ("whole path over its floor, bfloat16", "<= 1.5"),
    ("prompt building and tokenisation a prompt", "<= 0.05 ms"),
    ("training step against full-sequence cross-entropy", ">= 15x"),
    ("idle plugin on `pytest --collect-only`", "<= 10 ms"),
    ("`make gate`, verdicts unchanged", "<= 60 s"),
    ("H100, Qwen3-0.6B's shape, scoring", ">= 600 prompts/s"),
    ("H100, one LoRA epoch of 1,635 x 700 tokens", "<= 12 s"),
]


@pytest.fixture
def render(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks.speed import render

    return render


@pytest.fixture
def result():
    return json.loads((BENCHMARKS / "speed.json").read_text(encoding="utf-8"))


def test_the_report_is_the_figures(render, result):
    stored = (BENCHMARKS / "speed.md").read_bytes()
    assert render.markdown(result).encode() == stored, (
        "speed.md was edited, or speed.json changed after it; run `make bench`"
    )
    assert (BENCHMARKS / "speed-growth.png").read_bytes().startswith(b"\x89PNG")


def test_every_figure_asked_for_has_its_row(render, result):
    assert [(name, asked) for name, asked, *_ in render.rows(result)] == ASKED


def test_a_missed_figure_says_so(render, result):
    result["sections"]["scoring"]["figures"]["ratios"]["naive / ours, float32"]["median"] = 34.9
    missed = render.summary(result)
    assert "Missed: scoring against the naive path, float32" in missed
    assert "| **no** |" in missed


def test_a_gate_whose_verdicts_changed_does_not_count(render, result):
    changed = copy.deepcopy(result)
    changed["sections"]["gate"]["figures"]["verdicts"]["failed"] = 1
    by_name = {row[0]: row for row in render.rows(changed)}
    assert by_name["`make gate`, verdicts unchanged"][3] is False


def test_without_a_gpu_the_table_says_so_and_with_one_it_judges(render, result):
    result["gpu"] = None
    assert "no GPU was available" in render.summary(result)
    result["gpu"] = {
        "device": "a card",
        "command": "make gpu",
        "cuda": "13.0",
        "versions": {"torch": "2.13.0"},
        "shape_0_6b": {
            "prompts_per_second": 601.0,
            "tokens_per_second": 450_000,
            "tokens_per_prompt": 750.0,
            "share_of_matrix_rate": 0.5,
            "epoch": {"seconds": 12.5, "examples": 1635},
        },
    }
    by_name = {row[0]: row[3] for row in render.rows(result)}
    assert by_name["H100, Qwen3-0.6B's shape, scoring"] is True
    assert by_name["H100, one LoRA epoch of 1,635 x 700 tokens"] is False
    assert "50.0%" in render.markdown(result)


def test_make_bench_installs_the_peers_and_stays_offline():
    planned = make("-n", "bench")
    assert '-e ".[peers]"' in planned.stdout
    assert "HF_HUB_OFFLINE=1" in planned.stdout
    assert "-m benchmarks.speed" in planned.stdout
