"""Each saboteur fails its own gate, under its own name; the sound twin passes all."""

from __future__ import annotations

import copy
import json

import pytest

from rerank_guard.faults import fault
from rerank_guard.report.report import Report
from rerank_guard.suite import check_reranker
from rerank_guard.verdict import Status
from zoo import saboteurs


def not_ok(report: Report) -> dict[str, str | None]:
    return {verdict.check: verdict.fault for verdict in report.verdicts if not verdict.ok}


def test_the_sound_twin_passes_every_gate(sound):
    assert not_ok(sound.report) == {}
    assert [verdict.check for verdict in sound.report.verdicts if verdict.status is not Status.PASSED] == []
    assert sound.report.diagnosis is None
    assert sound.trace.seconds < 450, "a hang, not a timing: the job takes about half a minute on two quiet cores"


# One fault of each kind that needs the real model, put beside its one training job; `make zoo` runs them all.
BESIDE_TRAINING = ("T6e", "T7c", "S2b", "S4")


@pytest.mark.parametrize("zoo_id", BESIDE_TRAINING)
def test_a_fault_beside_sound_training_is_caught_and_named(sound, zoo_id):
    one = fault(zoo_id)
    report = check_reranker(one.broken(sound.target, seed=1), seed=1)
    assert not report.ok
    assert report.diagnosis is not None
    assert one.names_rightly(report.diagnosis.fault), report.diagnosis


def test_popular_targets_are_better_ranked_by_counting(sound):
    broken = copy.copy(sound.target)
    saboteurs.make_targets_popular(broken)
    report = check_reranker(broken, seed=1)
    # In the top 5 the targets of other users, popular too, crowd out the user's own, and the model still wins.
    assert not_ok(report) == {"recall_beats_baseline[K=20]": "baseline-not-beaten"}
    assert report.diagnosis is not None
    assert report.diagnosis.fault == "baseline-not-beaten"


@pytest.mark.parametrize(
    ("name", "check", "fault", "trains"),
    [
        ("target_dropped", "gt_in_candidates", "gt-missing", False),
        ("letters_split", "letter_tokens_found", "multi-token-letter", False),
        ("learning_rate_zero", "training_planned", "no-update", False),
        ("targets_first", "training_target_slots_even", "gt-position-skew", False),
        ("uniform_scores", "scores_well_formed", "ties-decide", True),
        ("popularity_better", "recall_beats_baseline[K=20]", "baseline-not-beaten", True),
    ],
)
def test_the_command_line_names_the_fault(pytester, name, check, fault, trains):
    # ten steps are too few, and are said to be before they are taken
    options = ["--rerank-keep-going"] if trains else []
    result = pytester.runpytest_inprocess(
        "--rerank-target", f"zoo.saboteurs:{name}", "-p", "no:cacheprovider", *options
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
        "--rerank-target", "zoo.saboteurs:untouched_base", "-k", "recall_beats or loss"
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    report = json.loads((pytester.path / "rerank-report" / "report.json").read_text())
    statuses = {verdict["check"]: verdict["status"] for verdict in report["verdicts"]}
    assert statuses["loss_below_random"] == "failed"
    assert statuses["recall_beats_baseline[K=20]"] != "passed"
