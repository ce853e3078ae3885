"""`rerank-guard selftest`: what was noticed, by which check, under which name, and what does not apply."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from small_rerankers import Minimal

from rerank_guard.cli.main import main
from rerank_guard.core.faults.saved_model import ADAPTER_INACTIVE
from rerank_guard.core.faults.scoring import REVERSED
from rerank_guard.core.faults.training import BASE_CANNOT_LEARN
from rerank_guard.faults import Injector, Wrapped, injector
from rerank_guard.faults.healthy import HealthyReranker
from rerank_guard.faults.selftest import selftest
from rerank_guard.faults.selftest_outcome import Outcome
from rerank_guard.faults.selftest_text import selftest_lines

HEALTHY = "rerank_guard.faults.healthy:make_healthy"


def small() -> HealthyReranker:
    return HealthyReranker(n_test=300)


def test_faults_are_noticed_by_their_check_and_named():
    ids = ("D1", "D6", "T4", "T6d", "S4", "S8a", "M1a", "M3b", "B1a", "O6")
    report = selftest(small, faults=[injector(each) for each in ids], retrain=True)
    assert report.healthy_failures == ()
    assert {each.injector.id: each.diagnosis for each in report.outcomes if not each.named_right} == {}
    by = {each.injector.id: each.noticed_by for each in report.outcomes}
    assert by["D1"] == ("gt_in_candidates",)
    assert "prompts_match" in by["T6d"]
    assert by["M3b"] == ("reported_metrics_correct",)
    assert report.ok


def test_the_job_runs_once_for_any_number_of_faults():
    class Counting(HealthyReranker):
        jobs = 0

        def train(self, progress, monitor=None):
            Counting.jobs += 1
            return super().train(progress, monitor)

    selftest(lambda: Counting(n_test=120), faults=[injector(each) for each in ("S4", "S3a", "M3a", "O6")])
    assert Counting.jobs == 1


def test_faults_of_the_job_are_left_out_unless_asked_for():
    report = selftest(small, faults=[injector("O6"), injector("D1")])
    assert [each.outcome for each in report.outcomes] == [Outcome.LEFT_OUT, Outcome.NOTICED]
    assert "1 break the training job and need --retrain" in list(selftest_lines(report))[-1]


def test_progress_is_reported_for_every_fault():
    calls = []
    faults = [injector("D1"), injector("D2")]
    selftest(small, faults=faults, progress=lambda done, total, note="": calls.append((done, total)))
    assert calls == [(0, 2), (0, 2), (1, 2), (2, 2)]


def nothing(target, severity, rng):
    return Wrapped(target)


def raising(target, severity, rng):
    def score(tasks):
        raise ValueError("the broken reranker raised")

    return Wrapped(target, score=score)


def made(inject, **more) -> Injector:
    return Injector("X1", REVERSED, "for a test", inject, **more)


def made_of(fault) -> Injector:
    return Injector("X2", fault, "for a test", nothing)


@pytest.mark.parametrize("fault", ["S3b", "B3"])
def test_a_fault_that_does_too_little_on_this_reranker_is_listed_as_such(fault):
    """Well-separated scores are ranked alike when rounded, and some short calls cannot be timed well enough."""
    one = injector(fault)

    def rounded_or_slow(target, severity, rng):  # a thousandth of what the injector does
        return one.inject(target, 1e-3 * severity, rng)

    report = selftest(small, faults=[injector("S4"), replace(one, inject=rounded_or_slow)])
    assert [each.outcome for each in report.outcomes] == [Outcome.NOTICED, Outcome.BELOW_LIMIT]
    assert report.ok
    text = "\n".join(selftest_lines(report))
    assert f"{fault} is too small on this reranker to be seen: " in text
    assert f" measures {one.shows_in}" in text
    assert "noticed 1 of 1, named right 1; 1 too small to be seen here" in text


def test_a_fault_that_only_inapplicable_checks_name_does_not_apply():
    report = selftest(Minimal, faults=[injector("S4"), made_of(ADAPTER_INACTIVE)])
    unable = report.outcomes[-1]
    assert unable.outcome is Outcome.DOES_NOT_APPLY
    assert "adapter_active" in unable.note


def test_a_fault_that_no_check_names_and_none_notices_is_missed():
    """Only a diagnosis names it, so no check's inability excuses that nothing was seen."""
    report = selftest(small, faults=[injector("S4"), made_of(BASE_CANNOT_LEARN)])
    assert [each.outcome for each in report.outcomes] == [Outcome.NOTICED, Outcome.MISSED]
    assert not report.ok


def test_a_fault_that_no_check_notices_fails_the_selftest():
    report = selftest(small, faults=[injector("D1"), made(nothing)])
    assert [each.outcome for each in report.outcomes] == [Outcome.NOTICED, Outcome.MISSED]
    assert not report.ok
    lines = list(selftest_lines(report))
    assert any("X1" in line and "NOTHING" in line for line in lines)
    assert lines[-1] == "noticed 1 of 2, named right 1"


def test_a_broken_reranker_that_raises_is_noticed_but_not_named():
    report = selftest(small, faults=[made(raising), injector("D1")])
    raised, after = report.outcomes
    assert raised.outcome is Outcome.RAISED
    assert raised.noticed
    assert not raised.named_right
    assert "raised" in raised.note
    assert after.outcome is Outcome.NOTICED, "the other faults are injected anyway"


def test_what_does_not_apply_is_listed_with_the_method_to_add():
    report = selftest(Minimal, faults=[injector(each) for each in ("D1", "D4", "T1", "T4", "D7")])
    assert [each.outcome for each in report.outcomes] == [Outcome.NOTICED, *[Outcome.DOES_NOT_APPLY] * 4]
    lines = list(selftest_lines(report))
    assert lines[-1].endswith("4 do not apply: add to the reranker letter_table (2), split_times (1)")
    assert any(line.startswith("D4 does not apply: no task") for line in lines)


def test_checks_that_fail_without_a_fault_are_named_and_do_not_count():
    report = selftest(Minimal, faults=[injector("D1"), injector("S4")])
    assert report.healthy_failures, "random scores are at chance"
    assert all(set(each.noticed_by).isdisjoint(report.healthy_failures) for each in report.outcomes)
    assert report.healthy_failures[0] in next(selftest_lines(report))


def test_nothing_injected_is_no_success():
    assert not selftest(small, faults=[]).ok
    assert not selftest(Minimal, faults=[injector("T1")]).ok


def test_a_fault_is_compared_with_the_reference_run_of_the_healthy_reranker():
    def worse(target, severity, rng):
        noise = np.random.default_rng(1)
        return Wrapped(
            target,
            score=lambda tasks: [row + noise.normal(scale=12.0, size=len(row)) for row in target.score(tasks)],
        )

    report = selftest(small, faults=[made(worse, needs_reference=True)])
    assert "no_regression[K=5]" in report.outcomes[0].noticed_by


def test_a_narrow_table_is_cut():
    report = selftest(small, faults=[injector("D12a")])
    assert any(len(line) == 60 and line.endswith("...") for line in selftest_lines(report, width=60))


def test_the_command(capsys, tmp_path):
    out = tmp_path / "selftest.json"
    status = main(["selftest", "--target", HEALTHY, "--only", "D1,s4, D5", "--json", str(out)])
    shown = capsys.readouterr()
    assert status == 0
    assert "noticed 6 of 6, named right 6; 1 break the training job" in shown.out
    assert all(len(line) <= 160 for line in shown.out.splitlines())
    written = json.loads(out.read_text())
    assert [each["id"] for each in written["faults"]] == ["D1", "S4", "D5a", "D5b", "D5c", "D5d", "D5e"]
    assert written["ok"] is True
    assert written["healthy_failures"] == []
    assert written["faults"][0]["noticed_by"] == ["gt_in_candidates"]


def test_the_command_ends_with_2_where_nothing_can_be_judged(capsys):
    assert main(["selftest", "--target", HEALTHY, "--only", "Z9"]) == 2
    assert "'Z9'" in capsys.readouterr().err
    assert main(["selftest", "--target", "no_such_module:make"]) == 2


def test_the_help_lists_its_options(capsys):
    with pytest.raises(SystemExit):
        main(["selftest", "--help"])
    assert "--retrain" in capsys.readouterr().out
