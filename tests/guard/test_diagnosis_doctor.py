"""The doctor's screen: the answer first, nothing cut that matters, never more than a screen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guard.verdict_patterns import pattern
from rerank_guard.diagnosis import diagnose
from rerank_guard.diagnosis.render import diagnosis_lines, recall_in_words
from rerank_guard.doctor import LINES, WIDTH, doctor_lines
from rerank_guard.report.report import Report, RunError, Subject
from rerank_guard.verdict import Interval, Status, Verdict

SUBJECT = Subject("mine", "films", "cpu", 0, {}, {})
CHANCE: dict[str, str | None] = {"recall_beats_baseline": "no-signal"}


def report(failed: dict[str, str | None], **options: tuple[str, ...]) -> Report:
    verdicts = tuple(pattern(failed, **options))  # type: ignore[arg-type]
    return Report(SUBJECT, verdicts, diagnosis=diagnose(verdicts))


def test_a_ranking_at_chance_is_answered_in_words_first() -> None:
    lines = list(doctor_lines(report({"gt_in_candidates": "gt-missing", **CHANCE})))
    assert lines[0] == "Recall@20 is 0.406, which is chance for 50 candidates (0.400)."
    assert lines[1] == "DIAGNOSIS  gt-missing (seen)"
    assert any(line.startswith("  fix        repair gt-missing") for line in lines)
    assert any("gt_in_candidates" in line and "FAILED" in line for line in lines)


@pytest.mark.parametrize(
    ("recall", "status", "words"),
    [
        (0.406, Status.FAILED, "which is chance for 50 candidates"),
        (0.406, Status.INCONCLUSIVE, "cannot be told from chance"),
        (0.1, Status.FAILED, "below the chance of 0.400"),
        (0.7, Status.FAILED, "above the chance of 0.400"),
    ],
)
def test_the_words_say_where_the_recall_stands(recall: float, status: Status, words: str) -> None:
    verdict = pattern(CHANCE)[[v.check for v in pattern({})].index("recall_beats_baseline[K=20]")]
    measured = {**verdict.measured, "recall": recall}
    interval = Interval(recall - 0.05, recall + 0.05, 0.998, "confidence sequence")
    assert words in recall_in_words([replace(verdict, status=status, measured=measured, interval=interval)])


def test_nothing_is_said_of_a_recall_that_passed() -> None:
    assert recall_in_words(pattern({"gt_in_candidates": "gt-missing"})) == ""
    assert recall_in_words([]) == ""


def test_all_clear_says_so_and_nothing_is_diagnosed() -> None:
    lines = list(doctor_lines(report({})))
    assert lines[-1].startswith("all clear: ")
    assert not any("DIAGNOSIS" in line for line in lines)
    assert len(lines) <= LINES


def test_a_screen_is_never_overrun_and_no_failure_is_cut() -> None:
    long = "word " * 400
    verdicts = tuple(
        replace(verdict, cause=long, next_step=long, evidence=(long,) * 5) if not verdict.ok else verdict
        for verdict in pattern({"gt_in_candidates": "gt-missing", "throughput": "slower", **CHANCE})
    )
    lines = list(doctor_lines(Report(SUBJECT, verdicts, (RunError("x", long),), diagnose(verdicts))))
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= WIDTH
    assert sum("FAILED" in line for line in lines) == 4
    assert lines[-1].startswith("(")
    assert "more passed" in lines[-1]


def test_checks_that_do_not_apply_are_counted_and_not_listed() -> None:
    lines = list(
        doctor_lines(report(CHANCE, only=("gt_in_candidates", "scores_well_formed", "recall_beats_baseline")))
    )
    assert "not applicable or not run" in lines[-1]
    assert not any("NOT APPLICABLE" in line for line in lines)


def test_an_open_diagnosis_shows_what_would_settle_it() -> None:
    found = diagnose(pattern(CHANCE, only=("gt_in_candidates", "scores_well_formed", "recall_beats_baseline")))
    assert found is not None
    shown = [line for line in diagnosis_lines(found) if line.startswith("  or ")]
    assert shown
    assert all(": add " in line for line in shown)


def test_a_long_word_does_not_break_the_width() -> None:
    verdict = Verdict("c", Status.FAILED, "x", {"a": "y" * 300}, {}, n=1, cause="z" * 300, fault="gt-missing")
    found = diagnose([verdict])
    assert found is not None
    assert max(map(len, diagnosis_lines(found, width=60))) <= 60
