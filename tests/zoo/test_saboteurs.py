"""Each saboteur fails its own gate, under its own name; the sound twin passes all."""

from __future__ import annotations

import copy
import json

import pytest

from rerank_guard.report.report import Report
from rerank_guard.suite import check_reranker
from rerank_guard.verdict import Status
from zoo import saboteurs


def not_ok(report: Report) -> dict[str, str | None]:
    return {verdict.check: verdict.fault for verdict in report.verdicts if not verdict.ok}


def test_the_sound_twin_passes_every_gate(sound):
    assert not_ok(sound.report) == {}
    left_out = {verdict.check for verdict in sound.report.verdicts if verdict.status is not Status.PASSED}
    assert left_out == {"no_future_training_data"}, "the world has no time"
    assert sound.trace.seconds < 450, "a hang, not a timing: the job takes about half a minute on two quiet cores"


RECALL = ("recall_beats_baseline[K=5]", "recall_beats_baseline[K=20]")


@pytest.mark.parametrize(
    ("sabotage", "expected"),
    [
        (saboteurs.drop_targets, {"gt_in_candidates": "gt-missing"}),
        (saboteurs.split_letters, {"letter_tokens_found": "multi-token-letter"}),
        (
            saboteurs.flatten_scores,
            {
                "scores_well_formed": "ties-decide",
                "probabilities_not_uniform": "silent-fallback",
                **dict.fromkeys(RECALL, "no-signal"),
            },
        ),
        # In the top 5 the targets of other users, popular too, crowd out the user's own, and the model still wins.
        (saboteurs.make_targets_popular, {"recall_beats_baseline[K=20]": "baseline-not-beaten"}),
    ],
)
def test_a_fault_beside_sound_training_fails_its_gates_and_no_other(sound, sabotage, expected):
    broken = copy.copy(sound.target)
    sabotage(broken)
    report = check_reranker(broken, seed=1)
    assert not_ok(report) == expected
    assert not report.ok
    assert report.diagnosis[0].fault == next(iter(expected.values())), "the most upstream fault is named first"


@pytest.mark.parametrize(
    ("name", "check", "fault"),
    [
        ("target_dropped", "gt_in_candidates", "gt-missing"),
        ("letters_split", "letter_tokens_found", "multi-token-letter"),
        ("learning_rate_zero", "loss_below_random", "no-update"),
        ("targets_first", "loss_below_letter_prior", "position-prior"),
        ("uniform_scores", "scores_well_formed", "ties-decide"),
        ("popularity_better", "recall_beats_baseline[K=20]", "baseline-not-beaten"),
    ],
)
def test_the_command_line_names_the_fault(pytester, name, check, fault):
    result = pytester.runpytest_inprocess("--rerank-target", f"zoo.saboteurs:{name}", "-p", "no:cacheprovider")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    report = json.loads((pytester.path / "rerank-report" / "report.json").read_text())
    found = {verdict["check"]: verdict for verdict in report["verdicts"]}
    assert found[check]["status"] == "failed"
    assert found[check]["fault"] == fault
    assert found[check]["cause"]
    assert found[check]["next_step"]
    result.stdout.fnmatch_lines([f"*{fault}*"])


def test_the_untouched_base_fails(pytester):
    result = pytester.runpytest_inprocess(
        "--rerank-target", "zoo.saboteurs:untouched_base", "-k", "recall_beats or loss"
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    report = json.loads((pytester.path / "rerank-report" / "report.json").read_text())
    statuses = {verdict["check"]: verdict["status"] for verdict in report["verdicts"]}
    assert statuses["loss_below_random"] == "failed"
    assert statuses["recall_beats_baseline[K=20]"] != "passed"
