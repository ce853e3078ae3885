"""The doctor's screen: the answer first, no failure cut, never more than a screen."""

from __future__ import annotations

from dataclasses import replace

from diagnosis.patterns import CHANCE, MINIMAL, bare
from diagnosis.recorded_verdicts import pattern
from rerank_guard.cli.doctor import LINES, WIDTH, doctor_lines
from rerank_guard.core.faults.quality import SLOWER
from rerank_guard.core.report import Report, RunError, Subject
from rerank_guard.core.verdict import Status
from rerank_guard.diagnosis import diagnose
from rerank_guard.report.diagnosis_text import recall_in_words

SUBJECT = Subject("mine", "films", "cpu", 0, {}, {})
MISSING = {"gt_in_candidates": "target-not-listed"}


def report_of(verdicts, *errors):
    return Report(SUBJECT, tuple(verdicts), errors, diagnose(verdicts))


def test_a_ranking_at_chance_is_answered_in_words_first():
    report = report_of(pattern({**MISSING, **CHANCE}))
    lines = list(doctor_lines(report))
    assert lines[0] == recall_in_words(report.verdicts) != ""
    assert report.diagnosis.fault in lines[1]
    assert report.diagnosis.certainty.value in lines[1]
    assert any("gt_in_candidates" in line and "FAILED" in line for line in lines)


def test_where_all_passed_it_says_so_and_nothing_is_diagnosed():
    report = report_of(pattern({}))
    lines = list(doctor_lines(report))
    passed = sum(verdict.status is Status.PASSED for verdict in report.verdicts)
    assert str(passed) in lines[-1]
    assert not any("DIAGNOSIS" in line for line in lines)
    assert len(lines) <= LINES


def test_a_screen_is_never_overrun_and_no_failure_is_cut():
    long = "word " * 400
    verdicts = [
        replace(verdict, cause=long, next_step=long, evidence=(long,) * 5) if not verdict.ok else verdict
        for verdict in [*pattern({**MISSING, **CHANCE}), bare("no_slowdown", SLOWER)]
    ]
    lines = list(doctor_lines(report_of(verdicts, RunError("x", long))))
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= WIDTH
    assert sum("FAILED" in line for line in lines) == 3
    shown = sum("PASSED" in line for line in lines)
    passed = sum(verdict.status is Status.PASSED for verdict in verdicts)
    assert 0 < shown < passed
    assert f"{passed - shown} more passed" in lines[-1]


def test_what_the_diagnosis_leaves_open_is_listed():
    report = report_of(pattern({**MISSING, "no_history_leak": "history-leak"}))
    (other,) = report.unexplained
    assert any(line.startswith(f"{other.fault} ({other.check})") for line in doctor_lines(report))


def test_checks_that_do_not_apply_are_counted_and_not_listed():
    report = report_of(pattern(CHANCE, only=MINIMAL))
    lines = list(doctor_lines(report))
    not_judged = sum(verdict.status is Status.NOT_APPLICABLE for verdict in report.verdicts)
    assert not_judged > 10
    assert f"{not_judged} not applicable" in lines[-1]
    assert not any("NOT APPLICABLE" in line for line in lines)
