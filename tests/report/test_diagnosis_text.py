"""A diagnosis as lines, and the recall in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from diagnosis.patterns import CHANCE, MINIMAL, bare, found
from diagnosis.recorded_verdicts import pattern
from recorded.compare import family
from rerank_guard.core.faults.data import TARGET_NOT_LISTED
from rerank_guard.core.verdict import Interval, Status
from rerank_guard.report.diagnosis_text import diagnosis_lines, recall_in_words


def ranking(recall, status, half_width=0.05, **fields):
    """The verdict of the ranking at K = 5 of 20 candidates, where chance is 0.25."""
    (verdict,) = [each for each in pattern(CHANCE) if family(each.check) == "recall_beats_baseline"]
    measured = {**verdict.measured, "recall": recall}
    interval = Interval(recall - half_width, recall + half_width, 0.998, "confidence sequence")
    claim = "over 400 users Recall@5 of 20 candidates is better than chance (0.250)"
    return replace(verdict, status=status, measured=measured, interval=interval, claim=claim, **fields)


def test_the_head_names_fault_and_certainty_and_every_part_has_a_label():
    diagnosis = found(pattern({"gt_in_candidates": "target-not-listed", "no_history_leak": "history-leak"}))
    lines = list(diagnosis_lines(diagnosis))
    assert diagnosis.fault in lines[0]
    assert diagnosis.certainty.value in lines[0]
    labels = [line.split()[0] for line in lines if line.startswith("  ") and line[2] != " "]
    for label, shown in (
        ("fix", diagnosis.fix),
        ("explains", diagnosis.explains[0]),
        ("runner-up", diagnosis.runner_up.fault),
    ):
        (line,) = [line for line in lines if line.startswith(f"  {label} ")]
        assert shown.split()[0] in line
        assert label in labels
    assert labels.count("evidence") == len(diagnosis.evidence)


def test_each_alternative_is_a_line_of_its_own():
    diagnosis = found(pattern(CHANCE, only=MINIMAL))
    shown = [line for line in diagnosis_lines(diagnosis) if line.startswith("  or ")]
    assert len(shown) == len(diagnosis.alternatives) > 1
    for line, row in zip(shown, diagnosis.alternatives, strict=True):
        assert row.split(":")[0] in line


@pytest.mark.parametrize(("width", "most"), [(60, 60), (10, 40)])
def test_a_long_word_does_not_break_the_width(width, most):
    verdict = bare("c", TARGET_NOT_LISTED, measured={"a": "y" * 300}, cause="z" * 300)
    assert max(map(len, diagnosis_lines(found([verdict]), width=width))) <= most


@pytest.mark.parametrize(
    ("recall", "status", "word"),
    [
        (0.26, Status.FAILED, "which is chance"),
        (0.26, Status.INCONCLUSIVE, "cannot be told from chance"),
        (0.10, Status.FAILED, "below"),
        (0.70, Status.FAILED, "above"),
    ],
)
def test_the_words_say_where_the_recall_is(recall, status, word):
    sentence = recall_in_words([ranking(recall, status)])
    for shown in ("Recall@5", f"{recall:.3f}", "20 candidates", "0.250", word):
        assert shown in sentence


def test_the_ends_of_the_interval_count_as_chance():
    for recall, word in ((0.25 + 0.05, "which is chance"), (0.25 + 0.06, "above"), (0.25 - 0.06, "below")):
        assert word in recall_in_words([ranking(recall, Status.FAILED)])
    no_interval = replace(ranking(0.2505, Status.FAILED), interval=None)
    assert "which is chance" in recall_in_words([no_interval])
    assert "above" in recall_in_words([replace(ranking(0.252, Status.FAILED), interval=None)])


def test_where_targets_are_missing_the_recall_of_the_others_is_said():
    suspects = bare("x", TARGET_NOT_LISTED).suspects
    verdict = ranking(0.3, Status.FAILED, suspects=suspects)
    verdict = replace(verdict, measured={**verdict.measured, "recall_where_target_is_listed": 0.6125})
    assert "0.613" in recall_in_words([verdict]) or "0.612" in recall_in_words([verdict])


def test_the_largest_cutoff_that_did_not_pass_is_spoken_of():
    small, large = (replace(ranking(0.26, Status.FAILED), check=f"recall_beats_baseline[K={k}]") for k in (5, 20))
    assert recall_in_words([small, large]).startswith("Recall@20 ")
    assert recall_in_words([small, replace(large, status=Status.PASSED)]).startswith("Recall@5 ")


def test_nothing_is_said_of_a_recall_that_passed_or_was_not_judged():
    assert recall_in_words(pattern({"gt_in_candidates": "target-not-listed"})) == ""
    assert recall_in_words(pattern({}, missing=("recall_beats_baseline",))) == ""
    assert recall_in_words([bare("recall_beats_baseline[K=5]")]) == ""
    assert recall_in_words([]) == ""
