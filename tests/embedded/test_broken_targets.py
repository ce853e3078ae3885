"""Each broken reranker fails its own check, under its own name; the healthy one passes all."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from recorded import data
from recorded.compare import Tolerance, family
from recorded.replay import after_training, compared, recorded, told
from recorded.runs import kept_of
from rerank_guard.core.report import Report
from rerank_guard.core.verdict import Status
from rerank_guard.faults import Wrapped, injector
from rerank_guard.suite import RunSettings, check_reranker


def not_ok(report: Report) -> dict[str, str | None]:
    return {verdict.check: verdict.fault for verdict in report.verdicts if not verdict.ok}


SETTINGS = RunSettings(seed=1)


def test_the_healthy_embedded_reranker_passes_every_check(embedded):
    assert not_ok(embedded.report) == {}
    not_passed = {verdict.check for verdict in embedded.report.verdicts if verdict.status is not Status.PASSED}
    assert not_passed == {"recall_ceiling_of_targets", "training_follows_time"}, "one relevant item; other users"
    assert embedded.report.diagnosis is None
    assert embedded.trace.seconds < 450, (
        "a hang, not a timing: the job takes about half a minute on two quiet cores"
    )


# One fault of each kind that needs the real model and leaves its one training job as it is; `make faults` runs them all.
OUTSIDE_TRAINING = ("T6e", "T7c", "S2b", "S4")
USERS = 150
"""Held-out users on which these faults are judged."""


@pytest.mark.parametrize("injector_id", OUTSIDE_TRAINING)
def test_a_fault_outside_of_training_is_noticed_and_named(embedded, injector_id):
    one = injector(injector_id)
    report = check_reranker(one.broken(embedded.on_users(USERS), seed=1), SETTINGS)
    assert not report.ok
    assert report.diagnosis is not None
    assert one.names_rightly(report.diagnosis.fault), report.diagnosis


def test_popular_targets_are_better_ranked_by_counting(embedded):
    counts = Counter(task.target_id for task in embedded.world.test_tasks)
    broken = Wrapped(embedded.target, item_popularity=lambda: counts)
    report = check_reranker(broken, SETTINGS)
    assert "recall_beats_baseline[K=20]" in not_ok(report)
    assert set(not_ok(report).values()) == {"baseline-not-beaten"}
    assert report.diagnosis is not None
    assert report.diagnosis.fault == "baseline-not-beaten"


@pytest.mark.parametrize(
    ("name", "check", "fault", "trains"),
    [
        ("target_dropped", "gt_in_candidates", "target-not-listed", False),
        ("letters_split", "letter_tokens_found", "multi-token-letter", False),
        ("learning_rate_zero", "training_planned", "no-update", False),
        ("targets_first", "training_target_positions_uniform", "target-position-skew", False),
        ("uniform_scores", "scores_well_formed", "silent-fallback", True),
    ],
)
def test_the_command_line_names_the_fault(pytester, name, check, fault, trains):
    # ten steps are too few, which is reported before they are taken
    options = ["--rerank-continue"] if trains else []
    result = pytester.runpytest_inprocess(
        "--rerank-target", f"broken_targets:{name}", "-p", "no:cacheprovider", *options
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    report = json.loads((pytester.path / "rerank-report" / "report.json").read_text())
    found = {verdict["check"]: verdict for verdict in report["verdicts"]}
    assert found[check]["status"] == "failed"
    assert found[check]["fault"] == fault
    assert found[check]["cause"]
    assert found[check]["next_step"]
    assert (report["training"] is not None) is trains
    assert (found["loss_below_random"]["status"] == "not_run") is not trains
    result.stdout.fnmatch_lines([f"*{fault}*" if trains else f"DIAGNOSIS  {fault} (*)"])


def test_the_untouched_base_fails(pytester):
    result = pytester.runpytest_inprocess(
        "--rerank-target", "broken_targets:untouched_base", "-k", "recall_beats or loss"
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    report = json.loads((pytester.path / "rerank-report" / "report.json").read_text())
    statuses = {verdict["check"]: verdict["status"] for verdict in report["verdicts"]}
    assert statuses["loss_below_random"] == "failed"
    assert statuses["recall_beats_baseline[K=20]"] != "passed"


OTHER_PROCESSORS = Tolerance(relative=0.35, absolute=0.15, counts=30, texts=False)
"""Training makes much of the last digits, in which processors differ: without vector instructions the loss of the same job
ended 17 % lower, and the mass on the letters over that on random tokens 26 % higher. No status changed."""


def test_the_healthy_embedded_reranker_is_judged_as_recorded(embedded):
    old = recorded(data.EMBEDDED)[data.EMBEDDED]
    new = {**data.EMPTY, **kept_of(embedded.report)}
    trained = after_training()
    assert 10 < len(trained) < len(old["verdicts"])
    found = [each for each in compared(old, new) if family(each.check) not in trained]
    found += [each for each in compared(old, new, OTHER_PROCESSORS) if family(each.check) in trained]
    assert not found, told(found)
