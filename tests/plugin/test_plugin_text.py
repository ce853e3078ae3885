"""A verdict as text, a report as JSON and markdown, a bar as characters."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest

from rerank_guard.core.atomic_file import replace_text
from rerank_guard.core.fault_catalogue import fault_named
from rerank_guard.core.finding import suspect
from rerank_guard.core.formats import format_verdict
from rerank_guard.core.progress import ProgressBar
from rerank_guard.core.report import Report, RunError, Subject, TrainingSummary
from rerank_guard.core.verdict import Interval, Status, Verdict
from rerank_guard.diagnosis import diagnose
from rerank_guard.report.diagnosis_text import diagnosis_lines
from rerank_guard.report.json import dumps, report_to_json_dict, verdict_from_json_dict, verdict_to_json_dict
from rerank_guard.report.markdown import report_to_markdown
from rerank_guard.report.terminal import problem_lines, verdict_table

FAILED = Verdict(
    check="recall_beats_baseline[K=20]",
    status=Status.FAILED,
    claim="Recall@20 is above chance",
    measured={"recall": 0.401234567, "listed": True, "unknown": None},
    threshold={"chance": 0.4, "popularity": 0.81, "alpha": 1e-3},
    interval=Interval(0.35, 0.45, 0.998, "Clopper-Pearson"),
    n=943,
    evidence=("first row", "second row"),
    cause="the model says nothing",
    next_step="train it",
    suspects=(suspect(fault_named("no-signal"), "the model says nothing", statistical=True),),
    signs={"recall": ">"},
)
PASSED = Verdict("gt_in_candidates", Status.PASSED, "targets are there", {"broken": 0}, {"broken": 0}, n=943)
SUBJECT = Subject("mine", "films | <uniform>", "cpu", 0, {"numpy": "2"}, {}, TrainingSummary(1, 2, 3, 4, 5.0))


def test_format_verdict_shows_every_part_aligned() -> None:
    assert format_verdict(FAILED).splitlines() == [
        "FAILED recall_beats_baseline[K=20] [no-signal]",
        "  cause:     the model says nothing",
        "  next step: train it",
        "  claim:     Recall@20 is above chance",
        "  measured:  recall = 0.4012, listed = yes, unknown = none",
        "  against:   chance = 0.4, popularity = 0.81, alpha = 0.001",
        "  interval:  0.35 to 0.45 (99.8% Clopper-Pearson)",
        "  n:         943",
        "  evidence:  first row",
        "             second row",
    ]


def test_format_verdict_leaves_empty_parts_out() -> None:
    verdict = Verdict("check", Status.NOT_APPLICABLE, "claim", {}, {}, n=0)
    assert format_verdict(verdict).splitlines() == ["NOT APPLICABLE check", "  claim:     claim", "  n:         0"]


def test_verdict_survives_json() -> None:
    assert verdict_from_json_dict(json.loads(dumps(verdict_to_json_dict(FAILED)))) == FAILED


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float64("nan"), np.float32("inf")])
def test_values_that_json_lacks_become_null(value: float) -> None:
    data = verdict_to_json_dict(Verdict("c", Status.PASSED, "claim", {"x": value}, {}, n=1))
    assert data["measured"] == {"x": None}
    assert "null" in dumps(data)


@pytest.mark.parametrize(("value", "expected"), [(np.int64(3), 3), (np.bool_(True), True), (np.float64(0.5), 0.5)])
def test_numpy_scalars_become_plain(value: object, expected: object) -> None:
    verdict = Verdict("c", Status.PASSED, "claim", {"x": value}, {}, n=1)  # type: ignore[dict-item]
    measured = json.loads(dumps(verdict_to_json_dict(verdict)))["measured"]["x"]
    assert (measured, type(measured)) == (expected, type(expected))


def test_dumps_refuses_nan() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        dumps({"x": math.nan})


def test_report_json_has_the_agreed_keys() -> None:
    data = report_to_json_dict(Report(SUBJECT, (PASSED, FAILED)))
    agreed = ["schema", "target", "dataset", "device", "seed", "versions", "verdicts", "diagnosis", "problems"]
    assert set(agreed) <= set(data)
    assert data["schema"] == 4
    verdict_keys = {"check", "status", "claim", "measured", "threshold", "interval", "n", "evidence", "cause"}
    assert verdict_keys | {"next_step"} <= set(data["verdicts"][0])  # type: ignore[index]
    assert data["diagnosis"] is None
    assert data["problems"] == [
        {
            "fault": "no-signal",
            "check": FAILED.check,
            "cause": FAILED.cause,
            "next_step": FAILED.next_step,
        }
    ]


@pytest.mark.parametrize(
    ("status", "ok"),
    [(Status.PASSED, True), (Status.NOT_APPLICABLE, True), (Status.FAILED, False), (Status.INCONCLUSIVE, False)],
)
def test_report_is_ok_only_without_failed_or_inconclusive_verdicts(status: Status, ok: bool) -> None:
    report = Report(SUBJECT, (PASSED, Verdict("c", status, "claim", {}, {}, n=1)))
    assert report.ok is ok
    assert [problem.check for problem in report.problems] == ([] if ok else ["c"])


def test_report_with_an_error_is_not_ok() -> None:
    assert not Report(SUBJECT, (PASSED,), (RunError("loss_below_random", "boom"),)).ok


def test_markdown_escapes_and_tells_the_fault() -> None:
    text = report_to_markdown(Report(SUBJECT, (PASSED, FAILED), (RunError("x", "a|b"),)))
    assert "## rerank-guard: not passed" in text
    assert "- **no-signal** (recall_beats_baseline[K=20]): the model says nothing train it" in text
    assert "films \\| &lt;uniform>" in text
    assert "| gt_in_candidates | PASSED | broken = 0 | broken = 0 | 943 |" in text
    assert "a\\|b" in text
    assert format_verdict(FAILED) in text
    assert format_verdict(PASSED) not in text


def test_table_is_aligned_and_names_errors() -> None:
    head, *rows = [line.text for line in verdict_table((PASSED, FAILED), (RunError("loss", "boom"),))]
    assert [row.split("  ")[0] for row in rows] == [PASSED.check, FAILED.check, "loss"]
    status = head.index("status")
    assert [row[status:].split()[0] for row in rows] == ["PASSED", "FAILED", "ERROR"]
    assert "recall = 0.4012" in rows[1]
    assert "chance = 0.4, popularity = 0.81" in rows[1]
    assert len({row.rindex(row.split()[-1]) for row in rows}) == 1, "the last column begins at one place"


def test_problems_give_fault_then_next_step() -> None:
    lines = list(problem_lines(Report(SUBJECT, (PASSED, FAILED)).problems))
    assert lines == ["no-signal (recall_beats_baseline[K=20]): the model says nothing", "  -> train it"]


def test_problems_are_capped_and_the_rest_is_counted() -> None:
    lines = list(problem_lines(Report(SUBJECT, (FAILED, FAILED, FAILED)).problems, most=1))
    assert lines[-1] == "and 2 more, see the table"
    assert len(lines) == 3


def diagnosed() -> Report:
    verdicts = (PASSED, FAILED)
    return Report(SUBJECT, verdicts, diagnosis=diagnose(verdicts))


def test_the_diagnosis_goes_into_the_json() -> None:
    data = json.loads(dumps(report_to_json_dict(diagnosed())))
    assert data["diagnosis"]["fault"] == "no-signal"
    assert data["diagnosis"]["certainty"] == "open"
    assert data["diagnosis"]["explains"] == [FAILED.check]
    assert data["diagnosis"]["runner_up"]["fault"]
    assert [problem["check"] for problem in data["problems"]] == [FAILED.check]


def test_what_the_diagnosis_explains_is_no_problem_left_open() -> None:
    assert diagnosed().unexplained == ()
    assert len(Report(SUBJECT, (PASSED, FAILED)).unexplained) == 1


def test_markdown_begins_with_the_diagnosis() -> None:
    text = report_to_markdown(diagnosed())
    assert text.index("**no-signal** (open): the model says nothing") < text.index("| check |")
    assert f"- explains: {FAILED.check}" in text
    assert "- fix: train it" in text


def test_diagnosis_lines_fit_and_keep_their_labels() -> None:
    found = diagnosed().diagnosis
    assert found is not None
    lines = list(diagnosis_lines(found, width=80))
    assert lines[0] == "DIAGNOSIS  no-signal (open)"
    assert lines[1] == "  the model says nothing"
    assert max(map(len, lines)) <= 80
    labels = [line.split()[0] for line in lines[2:] if not line.startswith("   ")]
    assert labels == sorted(labels, key=["evidence", "fix", "explains", "or", "runner-up"].index)
    assert {"evidence", "fix", "explains", "or", "runner-up"} == set(labels)


def test_files_are_replaced_whole(tmp_path) -> None:
    path = tmp_path / "new" / "report.json"
    replace_text(path, "one")
    replace_text(path, "two")
    assert path.read_text() == "two"
    assert [entry.name for entry in path.parent.iterdir()] == ["report.json"]


def test_a_failed_write_leaves_the_old_file(tmp_path) -> None:
    path = tmp_path / "report.json"
    replace_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        replace_text(path, "\ud800")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]


class Clock:
    """Seconds that pass only when told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_bar_on_a_terminal_is_redrawn_with_elapsed_and_eta() -> None:
    written: list[str] = []
    clock = Clock()
    bar = ProgressBar(written.append, redraw=True, width=80, clock=clock)
    for step in range(1001):
        clock.now = step * 0.02
        bar(step, 1000, "training, loss 1.2 (chance 3.9)")
    assert "".join(written).count("\n") == 1, "the bar is one line, ended once"
    assert written[-1] == "\n"
    assert all(len(text) <= 80 for text in written)
    middle = next(text for text in written if "]  50% " in text)
    assert re.match(r"\r\[#{9,10}\.{10,11}\]  50% \d+/1000 0:10, ETA 0:10  training, loss 1\.2", middle)
    assert len(written) <= 20 / 0.1 + 3, "drawn at most every tenth of a second"


def test_bar_in_a_log_is_a_line_every_tenth() -> None:
    written: list[str] = []
    clock = Clock()
    bar = ProgressBar(written.append, redraw=False, width=80, clock=clock)
    for step in range(501):
        clock.now = float(step)
        bar(step, 500, "training")
    assert len(written) == 11
    assert written[5] == "50% 250/500 4:10, ETA 4:10  training\n"
    assert not any("\r" in text for text in written)


def test_a_short_job_does_not_fill_the_log() -> None:
    written: list[str] = []
    bar = ProgressBar(written.append, redraw=False, width=80, clock=Clock())
    for step in range(101):
        bar(step, 100)
    assert written == ["0% 0/100 0:00, ETA ?\n", "100% 100/100 0:00, ETA 0:00\n"]


def test_a_second_stage_starts_its_own_time_and_tenths() -> None:
    written: list[str] = []
    clock = Clock()
    bar = ProgressBar(written.append, redraw=False, width=80, clock=clock)
    bar(10, 10, "first")
    clock.now = 100.0
    bar(0, 10, "second")
    clock.now = 104.0
    bar(10, 10, "second")
    assert written[-1] == "100% 10/10 0:04, ETA 0:00  second\n"


def test_closing_an_open_bar_ends_its_line_once() -> None:
    written: list[str] = []
    bar = ProgressBar(written.append, redraw=True, width=80, clock=Clock())
    bar(1, 10)
    bar.close()
    bar.close()
    assert "".join(written).count("\n") == 1
