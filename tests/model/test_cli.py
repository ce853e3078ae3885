"""The command line, end to end on a small table."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from rerank_model.cli.main import build_parser, main
from rerank_model.targets.embedded import embedded_base


@pytest.fixture
def tables(tmp_path):
    rng = np.random.default_rng(4)
    items, events = tmp_path / "items.csv", tmp_path / "events.csv"
    with items.open("w", newline="") as file:
        csv.writer(file).writerows([("item", "text"), *((f"i{i}", f"Film number {i}") for i in range(40))])
    rows = [(f"u{u}", f"i{i}", t) for u in range(12) for t, i in enumerate(rng.permutation(40)[:6])]
    with events.open("w", newline="") as file:
        csv.writer(file).writerows([("user", "item", "timestamp"), *rows])
    return ["--interactions", str(events), "--items", str(items), "--n-candidates", "8", "--history-length", "3"]


def test_train_evaluate_rank(tables, tmp_path, capsys):
    out = str(tmp_path / "reranker")
    train = ["train", *tables, "--model", str(embedded_base()), "--out", out, "--max-steps", "3", "--device", "cpu"]
    assert main([*train, "--batch-size", "4", "--warmup-steps", "0"]) == 0
    printed = capsys.readouterr().out
    assert "before: Recall@2" in printed
    assert "after: Recall@2" in printed
    assert "3 steps" in printed

    assert main(["evaluate", *tables, "--model", out, "--k", "1", "2", "--device", "cpu"]) == 0
    assert "Recall@1" in capsys.readouterr().out

    rank = ["rank", "--model", out, "--history", "Film number 1", "--candidates", "Film number 2", "Film number 3"]
    assert main([*rank, "--device", "cpu", "--top-k", "1"]) == 0
    assert capsys.readouterr().out.startswith("  1 ")


def test_how_evaluate_scores_can_be_chosen(tables, capsys):
    evaluate = ["evaluate", *tables, "--model", str(embedded_base()), "--k", "1", "--device", "cpu"]
    assert main(evaluate) == 0
    expected = capsys.readouterr().out
    assert main([*evaluate, "--scoring-dtype", "float32", "--tokens-per-batch", "64"]) == 0
    assert capsys.readouterr().out == expected
    assert main([*evaluate, "--tokens-per-batch", "0"]) == 2
    assert "tokens_per_batch is 0" in capsys.readouterr().err


def test_errors_are_one_line_and_status_2(tables, tmp_path, capsys):
    assert main(["evaluate", *tables, "--model", str(tmp_path / "nowhere"), "--device", "cpu"]) == 2
    assert capsys.readouterr().err.startswith("rerank-model: error: cannot load")
    vacuous = ["evaluate", *tables, "--model", str(embedded_base()), "--k", "8", "--device", "cpu"]
    assert main(vacuous) == 2
    broken = [*tables]
    broken[1] = str(tmp_path / "missing.csv")
    assert main(["evaluate", *broken, "--model", str(embedded_base())]) == 2
    assert "missing.csv" in capsys.readouterr().err


def test_help_suffices(capsys):
    for command in ([], ["data"], ["train"], ["evaluate"], ["rank"]):
        with pytest.raises(SystemExit) as stop:
            build_parser().parse_args([*command, "--help"])
        assert stop.value.code == 0
    assert "--lora-rank" in capsys.readouterr().out
