"""`rerank-guard selftest`: what was noticed, by which gate, under which name, and what does not apply."""

from __future__ import annotations

import json

import numpy as np
import pytest

from guard.fake_reranker import FakeReranker
from guard.test_faults_wrapped import Minimal
from rerank_guard.cli import main
from rerank_guard.faults import Fault, FaultStage, Wrapped, fault
from rerank_guard.selftest import Outcome, selftest, selftest_lines

FAKE = "guard.fake_reranker:make"


def small() -> FakeReranker:
    return FakeReranker(n_test=300)


def test_faults_are_noticed_by_their_gate_and_named():
    ids = ("D1", "D6", "T4", "T6d", "S4", "S8a", "M1a", "M3b", "B1a", "O6")
    report = selftest(small, faults=[fault(zoo_id) for zoo_id in ids], retrain=True)
    assert report.sound_failures == ()
    assert {each.fault.zoo_id: each.diagnosis for each in report.outcomes if not each.named_right} == {}
    by = {each.fault.zoo_id: each.noticed_by[0] for each in report.outcomes}
    assert by["D1"] == "gt_in_candidates"
    assert by["T6d"] == "prompts_match"
    assert by["M3b"] == "reported_metrics"
    assert report.ok


def test_the_job_runs_once_whatever_the_number_of_faults():
    class Counting(FakeReranker):
        jobs = 0

        def train(self, progress, monitor=None):
            Counting.jobs += 1
            return super().train(progress, monitor)

    selftest(lambda: Counting(n_test=120), faults=[fault("S4"), fault("S3a"), fault("M3a"), fault("O6")])
    assert Counting.jobs == 1


def test_faults_of_the_job_are_left_out_unless_asked_for():
    report = selftest(small, faults=[fault("O6"), fault("D1")])
    assert [each.outcome for each in report.outcomes] == [Outcome.LEFT_OUT, Outcome.NOTICED]
    assert "1 break the training job and need --retrain" in list(selftest_lines(report))[-1]


def nothing(target, severity, rng):
    return Wrapped(target)


def breaks(target, severity, rng):
    def score(tasks):
        raise ValueError("the broken target fell over")

    return Wrapped(target, score=score)


def made(inject, **more) -> Fault:
    return Fault("X1", "no-such-fault", "for a test", FaultStage.SCORING, inject, **more)


def test_a_fault_that_nothing_notices_fails_the_selftest():
    report = selftest(small, faults=[fault("D1"), made(nothing)])
    assert [each.outcome for each in report.outcomes] == [Outcome.NOTICED, Outcome.MISSED]
    assert not report.ok
    lines = list(selftest_lines(report))
    assert any("X1" in line and "NOTHING" in line for line in lines)
    assert lines[-1] == "noticed 1 of 2, named right 1"


def test_a_broken_target_that_raises_is_noticed_but_not_named():
    report = selftest(small, faults=[made(breaks), fault("D1")])
    raised, after = report.outcomes
    assert raised.outcome is Outcome.RAISED
    assert raised.noticed
    assert not raised.named_right
    assert "fell over" in raised.note
    assert after.outcome is Outcome.NOTICED, "the other faults are tried all the same"


def test_what_does_not_apply_is_listed_with_the_method_to_add():
    report = selftest(Minimal, faults=[fault("D1"), fault("D4"), fault("T1"), fault("T4"), fault("D7")])
    assert [each.outcome for each in report.outcomes] == [Outcome.NOTICED, *[Outcome.DOES_NOT_APPLY] * 4]
    lines = list(selftest_lines(report))
    assert lines[-1].endswith("4 do not apply: add to the target letter_table (2), split_times (1)")
    assert any(line.startswith("D4 does not apply: no task") for line in lines)


def test_an_unsound_target_is_told_and_its_gates_do_not_count():
    report = selftest(Minimal, faults=[fault("D1"), fault("S4")])
    assert report.sound_failures, "random scores are at chance"
    assert all(set(each.noticed_by).isdisjoint(report.sound_failures) for each in report.outcomes)
    assert "is not sound as it is" in next(selftest_lines(report))


def test_nothing_injected_is_no_success():
    assert not selftest(small, faults=[]).ok
    assert not selftest(Minimal, faults=[fault("T1")]).ok


def test_a_fault_needs_the_stored_run_of_the_sound_target():
    def worse(target, severity, rng):
        noise = np.random.default_rng(1)
        return Wrapped(
            target,
            score=lambda tasks: [row + noise.normal(scale=12.0, size=len(row)) for row in target.score(tasks)],
        )

    report = selftest(small, faults=[made(worse, needs_stored=True)])
    assert "no_regression[K=5]" in report.outcomes[0].noticed_by


def test_the_command(capsys, tmp_path):
    out = tmp_path / "selftest.json"
    status = main(["selftest", "--target", FAKE, "--only", "D1,s4, D5", "--json", str(out)])
    shown = capsys.readouterr()
    assert status == 0
    assert "noticed 6 of 6, named right 6; 1 break the training job" in shown.out
    assert all(len(line) <= 160 for line in shown.out.splitlines())
    written = json.loads(out.read_text())
    assert [each["id"] for each in written["faults"]] == ["D1", "S4", "D5a", "D5b", "D5c", "D5d", "D5e"]
    assert written["ok"] is True
    assert written["faults"][0]["noticed_by"] == ["gt_in_candidates"]


def test_the_command_ends_with_2_where_nothing_can_be_judged(capsys):
    assert main(["selftest", "--target", FAKE, "--only", "Z9"]) == 2
    assert "no fault 'Z9'" in capsys.readouterr().err
    assert main(["selftest", "--target", "no_such_module:make"]) == 2


def test_the_help_says_what_it_does(capsys):
    with pytest.raises(SystemExit):
        main(["selftest", "--help"])
    assert "--retrain" in capsys.readouterr().out
