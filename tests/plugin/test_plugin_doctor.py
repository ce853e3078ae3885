"""`rerank-guard doctor`: the target from the current directory, one screen on stdout, and an exit status to build on."""

from __future__ import annotations

import json
import re
import sys

import pytest

from rerank_guard.cli.main import main

TARGET = """
import zlib

import numpy as np

from rerank_guard.adapters.callable import CallableTarget
from rerank_guard.core.types import Item, RankingTask

rng = np.random.default_rng(0)
WORDS = ["amber", "birch", "cedar", "delta", "ember", "fjord"]
KINDS = np.array(WORDS)[rng.integers(len(WORDS), size=400)]
FILMS = [Item(f"i{i}", f"{kind} {zlib.crc32(str(i).encode()) % 10**6:06d}") for i, kind in enumerate(KINDS)]


def _task(user):
    kind = WORDS[user % len(WORDS)]
    mine = [film for film in FILMS if film.text.startswith(kind)]
    others = [film for film in FILMS if not film.text.startswith(kind)]
    liked = rng.choice(len(mine), size=3, replace=False)
    shown = [mine[liked[0]], *(others[i] for i in rng.choice(len(others), size=11, replace=False))]
    order = rng.permutation(12)
    target = shown[0]
    candidates = tuple(shown[i] for i in order)
    slot = candidates.index(target)
    return RankingTask(f"u{user}", (mine[liked[1]], mine[liked[2]]), candidates, target.item_id, slot)


TASKS = [_task(user) for user in range(300)]


def _score(history, films, sign=1.0):
    kinds = [text.split()[0] for text in history]
    return [
        sign * (kinds.count(text.split()[0]) + (zlib.crc32((text + history[0]).encode()) % 1000) / 1000) for text in films
    ]


def sound():
    return CallableTarget(_score, TASKS, name="sound")


def upside_down():
    return CallableTarget(lambda history, films: _score(history, films, -1.0), TASKS, name="upside down")


def at_chance():
    return CallableTarget(
        lambda history, films: [zlib.crc32((text + history[0]).encode()) % 1000 for text in films], TASKS, name="coin"
    )
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "doctor_patient.py").write_text(TARGET)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    sys.modules.pop("doctor_patient", None)


def test_a_sound_target_is_clear_and_ends_with_0(here, capsys) -> None:
    assert main(["doctor", "--target", "doctor_patient:sound", "--k", "3"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[-1].startswith("all checks passed: ")
    assert "scoring" in err, "progress goes to stderr"
    assert "scoring," not in out


def test_a_broken_target_is_named_on_one_screen_and_ends_with_1(here, capsys) -> None:
    assert main(["doctor", "--target", "doctor_patient:upside_down", "--k", "3", "--json", "out/report.json"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"Recall@3 is 0\.0\d\d, below the chance of 0\.250 for 12 candidates\.", lines[0])
    assert lines[1] == "DIAGNOSIS  reversed (likely)"
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 100
    report = json.loads((here / "out" / "report.json").read_text())
    assert report["schema"] == 4
    assert report["diagnosis"]["fault"] == "reversed"
    assert report["problems"][0]["check"] == "recall_beats_baseline[K=3]"


def test_a_ranking_at_chance_is_told_in_words(here, capsys) -> None:
    assert main(["doctor", "--target", "doctor_patient:at_chance", "--k", "5"]) == 1
    assert "chance for 12 candidates (0.417)" in capsys.readouterr().out.splitlines()[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--target", "doctor_patient:nobody"], "nobody"),
        (["--target", "no_such_module:make"], "no_such_module"),
        (["--target", "doctor_patient:sound", "--k", "12"], "K=12"),
    ],
)
def test_what_cannot_be_judged_ends_with_2_and_a_message(here, capsys, arguments, words) -> None:
    assert main(["doctor", *arguments]) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.out == ""


def test_the_help_says_what_the_statuses_mean(capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--help"])
    assert ended.value.code == 0
    assert "1 where it is not" in " ".join(capsys.readouterr().out.split())
