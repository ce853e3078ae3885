"""scores_match_forward_pass: any scale passes, and each misreading of the logits is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.letter_logits import SPACED, in_half_precision, letters_of, log_softmax, world
from rerank_guard.checks.comparing.probability_rows import letter_probabilities
from rerank_guard.checks.scoring.scores_match_forward_pass import scores_match_forward_pass
from rerank_guard.core.errors import InvalidScoresError, InvalidTaskError, RerankGuardError
from rerank_guard.core.finding import Affected, Strength
from rerank_guard.core.types import LetterTable
from rerank_guard.core.verdict import Status

KINDS = {
    "logits": lambda row: row,
    "log-probabilities": log_softmax,
    "probabilities": letter_probabilities,
}
SCALES = {
    **KINDS,
    "temperature": lambda row: row / 3.0,
    "percent": lambda row: 100.0 * letter_probabilities(row),
    "over the vocabulary": lambda row: 1e-3 * letter_probabilities(row),
    "ranks": lambda row: np.argsort(np.argsort(row)).astype(float),
    "float16 probabilities": lambda row: letter_probabilities(row).astype(np.float16).astype(float),
    "cubes": lambda row: row**3,
}


def judge(scores, made, forward=None, **settings):
    tasks, prompts, logits, letters = made
    return scores_match_forward_pass(scores, logits, prompts, tasks, letters, forward, **settings)


@pytest.mark.parametrize(
    ("kind", "n_tasks", "n"), [*((kind, 32, 20) for kind in SCALES), *(("cubes", 1, n) for n in (2, 3, 50))]
)
def test_the_forward_pass_on_any_scale_passes(kind, n_tasks, n):
    made = world(n_tasks, n)
    verdict = judge([SCALES[kind](row) for row in letters_of(made[2], made[0])], made)
    assert (verdict.status, verdict.suspects, verdict.affected) == (Status.PASSED, (), Affected(0, n_tasks))
    assert verdict.signs == {"share_of_users_unmatched": "<=", "users_far_apart": "<="}
    assert "scores_are" not in verdict.measured


def test_a_scale_of_its_own_is_reported():
    made = world()
    for kind, other_scale in (("ranks", True), ("logits", False)):
        verdict = judge([SCALES[kind](row) for row in letters_of(made[2], made[0])], made)
        assert verdict.measured["same_order_on_another_scale"] is other_scale
        assert (verdict.measured["mean_distance"] > verdict.threshold["mean_distance"]) is other_scale


@pytest.mark.parametrize(
    ("kind", "n", "sharp"),
    [
        *(("logits", 20, sharp) for sharp in (0.1, 0.3, 1.0, 3.0)),
        ("log-probabilities", 2, 0.3),
        ("probabilities", 50, 1.0),
    ],
)
def test_half_precision_passes(kind, n, sharp):
    made = world(32, n, sharp=sharp)
    rows = in_half_precision(letters_of(made[2], made[0]), np.random.default_rng(0))
    assert judge([KINDS[kind](row) for row in rows], made).status is Status.PASSED


def test_ragged_lists_pass():
    made = world(24, [2, 3, 5, 8, 13, 21] * 4)
    assert judge([log_softmax(row) for row in letters_of(made[2], made[0])], made).status is Status.PASSED


def test_a_model_that_gives_all_letters_the_same_logit_passes_with_equal_scores():
    tasks, prompts, logits, letters = world()
    level = [np.where((np.arange(len(row)) >= 100) & (np.arange(len(row)) < 160), 1.0, row) for row in logits]
    assert judge(letters_of(level, tasks), (tasks, prompts, level, letters)).status is Status.PASSED


def top_then_input_order(row, keep, tail):
    order = np.argsort(-row)
    scores = row.copy()
    lost = np.sort(order[keep:])
    scores[lost] = tail(row[order[:keep]].min(), np.arange(len(lost)))
    return scores


def seeded(task):
    return np.random.default_rng(task)


FAULTY = {
    "reversed": ("reversed", lambda rows: [-row for row in rows]),
    "reversed ranks": ("reversed", lambda rows: [np.argsort(np.argsort(-row)).astype(float) for row in rows]),
    "next position": ("label-offset", lambda rows: [np.roll(row, 1) for row in rows]),
    "position before": ("label-offset", lambda rows: [np.roll(row, -1) for row in rows]),
    "zeros": ("silent-fallback", lambda rows: [np.zeros(len(row)) for row in rows]),
    "uniform for a third": (
        "silent-fallback",
        lambda rows: [np.full(len(row), row.mean()) if u % 3 == 0 else row for u, row in enumerate(rows)],
    ),
    "input order": ("silent-fallback", lambda rows: [-np.arange(len(row), dtype=float) for row in rows]),
    "top 8 then input order": (
        "silent-fallback",
        lambda rows: [top_then_input_order(row, 8, lambda low, j: low - 1e-3 * (j + 1)) for row in rows],
    ),
    "top 8 then a constant": (
        "silent-fallback",
        lambda rows: [top_then_input_order(row, 8, lambda low, j: low - 1.0 + 0.0 * j) for row in rows],
    ),
    "top 8 then -inf": (
        "silent-fallback",
        lambda rows: [top_then_input_order(row, 8, lambda low, j: np.full(len(j), -np.inf)) for row in rows],
    ),
    "coarse": ("ties-decide", lambda rows: [np.round(log_softmax(row) / 4.0) for row in rows]),
    "the next task's": ("rows-misaligned", lambda rows: [*rows[1:], rows[0]]),
    "shuffled tasks": ("rows-misaligned", lambda rows: [rows[u] for u in seeded(4).permutation(len(rows))]),
    "one row for all": ("position-prior", lambda rows: [rows[0] for _ in rows]),
    "positions reversed": ("letter-candidate-mismatch", lambda rows: [row[::-1].copy() for row in rows]),
    "one fixed order": (
        "letter-candidate-mismatch",
        lambda rows: [row[seeded(3).permutation(len(row))] for row in rows],
    ),
    "sorted": ("letter-candidate-mismatch", lambda rows: [np.sort(row)[::-1].copy() for row in rows]),
    "shuffled": (
        "letter-candidate-mismatch",
        lambda rows: [seeded(u).permutation(row) for u, row in enumerate(rows)],
    ),
    "random": (
        "scores-not-from-model",
        lambda rows: [seeded(u).normal(size=len(row)) for u, row in enumerate(rows)],
    ),
    "another model": (
        "scores-not-from-model",
        lambda rows: [row + seeded(u).normal(scale=4, size=len(row)) for u, row in enumerate(rows)],
    ),
    "nan": (
        "silent-nan",
        lambda rows: [np.full(len(row), np.nan) if u % 5 == 0 else row for u, row in enumerate(rows)],
    ),
}


@pytest.mark.parametrize(("fault", "spoil"), FAULTY.values(), ids=FAULTY)
def test_each_misreading_is_named(fault, spoil):
    made = world(32, 20)
    verdict = judge(spoil(letters_of(made[2], made[0])), made)
    assert verdict.status is Status.FAILED
    assert verdict.fault == fault
    # an exact comparison sees a symptom too; that nothing fits is only how it looks
    assert verdict.suspects[0].strength is (Strength.SYMPTOM if fault == "scores-not-from-model" else Strength.SEEN)
    assert verdict.measured["scores_are"] in verdict.cause
    assert (
        verdict.affected.n == round(32 * verdict.measured["share_of_users_unmatched"]) or verdict.affected.n == 32
    )
    assert len(verdict.evidence) == 5


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("name", ["next position", "positions reversed"])
def test_a_misreading_is_named_on_each_scale(name, kind):
    made = world(32, 20)
    fault, spoil = FAULTY[name]
    assert judge([kind(row) for row in spoil(letters_of(made[2], made[0]))], made).fault == fault


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_letters_read_at_another_variant_are_named(kind):
    tasks, prompts, logits, letters = world(32, 20)
    rows = [kind(row) for row in letters_of(logits, tasks, 100 + SPACED)]
    known = LetterTable(
        tuple(replace(token, scored_token_id=token.token_ids[0] + SPACED) for token in letters.letters)
    )
    found = [judge(rows, (tasks, prompts, logits, table)) for table in (known, letters)]
    assert [verdict.fault for verdict in found] == ["wrong-letter-variant"] * 2
    assert "scored_token_id" in found[0].measured["scores_are"]
    assert str(100 + SPACED) in found[1].measured["scores_are"], "searched in the vocabulary"


def test_a_single_letter_read_at_another_token_is_named():
    tasks, prompts, logits, letters = world(32, 20)
    rows = letters_of(logits, tasks)
    for row, whole in zip(rows, logits, strict=True):
        row[4] = whole[400]
    verdict = judge([log_softmax(row) for row in rows], (tasks, prompts, logits, letters))
    assert verdict.fault == "wrong-letter-variant"


def test_the_letter_after_each_candidates_own_is_an_offset():
    tasks, prompts, logits, letters = world(32, 20)
    assert judge(letters_of(logits, tasks, 101), (tasks, prompts, logits, letters)).fault == "label-offset"
    exact = LetterTable(letters.letters[:20])
    made = tasks, prompts, [row[:120] for row in logits], exact
    assert judge(letters_of(logits, tasks, 101), made).fault == "scores-not-from-model", (
        "no letter after the last one"
    )


def test_logits_of_an_earlier_position_are_named_once_the_model_can_be_asked():
    made = world(32, 20)
    _, _, before, _ = world(32, 20, seed=5)
    rows = [log_softmax(row) for row in letters_of(before, made[0])]
    assert judge(rows, made).fault == "scores-not-from-model"
    asked = []

    def forward(prompts):
        asked.append(len(prompts[0]))
        return {2: before, 1: made[2][::-1]}[len(prompts[0])]

    verdict = judge(rows, made, forward)
    assert verdict.fault == "wrong-logit-position"
    assert "1 position(s) before" in verdict.measured["scores_are"]
    assert asked == [2, 1], "as far as the prompts of three tokens go"
    asked.clear()
    assert judge(letters_of(made[2], made[0]), made, forward).status is Status.PASSED
    assert asked == [], "only after a failure"


@pytest.mark.parametrize(
    ("name", "fault"), [("reversed", None), ("random", "scores-not-from-model"), ("zeros", "silent-fallback")]
)
def test_two_candidates_suffice_to_see_a_fault(name, fault):
    made = world(32, 2)
    verdict = judge(FAULTY[name][1](letters_of(made[2], made[0])), made)
    assert verdict.status is Status.FAILED
    assert fault is None or verdict.fault == fault  # two reversed candidates are two shifted ones too


def test_one_task_far_off_among_many_is_enough():
    made = world(100, 20)
    rows = letters_of(made[2], made[0])
    rows[42] = -rows[42]
    verdict = judge(rows, made)
    assert verdict.fault == "reversed"
    assert verdict.affected == Affected(1, 100)
    assert "user-42" in verdict.evidence[0]


@pytest.mark.parametrize(("max_share", "status"), [(0.2, Status.PASSED), (0.19, Status.FAILED)])
def test_a_share_of_the_tasks_may_differ_unless_one_is_far_off(max_share, status):
    """The two least likely of four candidates are exchanged in a fifth of the tasks."""
    tasks, prompts, logits, letters = world(20, 4)
    likely, exchanged = np.array([4.0, 2.0, 0.0, -3.0]), np.array([4.0, 2.0, -3.0, 0.0])
    for row in logits:
        row[100:104] = likely
    made = tasks, prompts, logits, letters
    verdict = judge([exchanged] * 4 + [likely] * 16, made, max_share=max_share)
    assert (verdict.measured["share_of_users_unmatched"], verdict.measured["users_far_apart"]) == (0.2, 0)
    assert verdict.status is status
    far = judge([-likely] + [likely] * 19, made, max_share=max_share)
    assert (far.status, far.measured["users_far_apart"]) == (Status.FAILED, 1)


def test_without_letters_it_does_not_apply():
    tasks, prompts, logits, letters = world(8, 20)
    short = LetterTable(letters.letters[:10])
    verdict = scores_match_forward_pass(letters_of(logits, tasks), logits, prompts, tasks, short)
    assert verdict.status is Status.NOT_APPLICABLE


def test_errors():
    tasks, prompts, logits, letters = made = world(8, 20)
    rows = letters_of(logits, tasks)
    with pytest.raises(InvalidTaskError):
        scores_match_forward_pass([], [], [], [], letters)
    with pytest.raises(InvalidTaskError):
        scores_match_forward_pass(rows, logits, prompts[::-1], tasks, letters)
    with pytest.raises(InvalidScoresError, match="7 rows of logits for 8 tasks"):
        scores_match_forward_pass(rows, logits[:7], prompts, tasks, letters)
    with pytest.raises(InvalidScoresError, match="50 entries, but a letter has the id 119"):
        scores_match_forward_pass(rows, [row[:50] for row in logits], prompts, tasks, letters)
    with pytest.raises(InvalidScoresError, match="nan at a letter"):
        scores_match_forward_pass(rows, [np.full(600, np.nan)] * 8, prompts, tasks, letters)
    with pytest.raises(RerankGuardError, match="tolerance=2"):
        judge(rows, made, tolerance=2)
    with pytest.raises(RerankGuardError, match="max_share=1"):
        judge(rows, made, max_share=1)
