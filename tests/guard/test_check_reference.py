"""scores_match_reference: any scale passes, and each misreading of the logits is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.builders import LETTERS
from guard.letter_logits import SPACED, in_half_precision, letters_of, log_softmax, world
from rerank_guard.checks.explain import letter_probabilities
from rerank_guard.checks.reference import check_scores_match_reference
from rerank_guard.errors import InvalidScoresError, InvalidTaskError, RerankGuardError
from rerank_guard.types import LetterTable
from rerank_guard.verdict import Status

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


def judge(scores, made, **further):
    tasks, prompts, logits, letters = made
    return check_scores_match_reference(scores, logits, prompts, tasks, letters, **further)


@pytest.mark.parametrize("kind", SCALES.values(), ids=SCALES)
@pytest.mark.parametrize("n", [2, 3, 20, 50])
@pytest.mark.parametrize("users", [1, 32])
def test_the_reference_on_any_scale_passes(users, n, kind):
    made = world(users, n)
    verdict = judge([kind(row) for row in letters_of(made[2], made[0])], made)
    assert verdict.status is Status.PASSED, verdict
    assert verdict.fault is None


def test_a_scale_of_its_own_is_said():
    made = world()
    verdict = judge([SCALES["ranks"](row) for row in letters_of(made[2], made[0])], made)
    assert verdict.measured["same_order_on_another_scale"] is True


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("sharp", [0.1, 0.3, 1.0, 3.0])
@pytest.mark.parametrize("n", [2, 20, 50])
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_half_precision_passes(kind, n, sharp, seed):
    made = world(32, n, sharp=sharp, seed=seed)
    rng = np.random.default_rng(seed)
    rows = in_half_precision(letters_of(made[2], made[0]), rng)
    assert judge([kind(row) for row in rows], made).status is Status.PASSED


def test_half_precision_beside_other_readings_passes():
    made = world(32, 20, sharp=0.3)
    rng = np.random.default_rng(1)
    rows = in_half_precision(letters_of(made[2], made[0]), rng)
    variants = {letter: (100 + SPACED + i,) for i, letter in enumerate(LETTERS)}
    assert judge(rows, made, variants=variants, earlier={-1: made[2][::-1]}).status is Status.PASSED


def test_ragged_lists_pass():
    made = world(24, [2, 3, 5, 8, 13, 21] * 4)
    assert judge([log_softmax(row) for row in letters_of(made[2], made[0])], made).status is Status.PASSED


def equal_logits(logits):
    return [np.where((np.arange(len(row)) >= 100) & (np.arange(len(row)) < 160), 1.0, row) for row in logits]


def test_a_model_that_gives_all_letters_the_same_logit_passes_with_equal_scores():
    tasks, prompts, logits, letters = world()
    made = tasks, prompts, equal_logits(logits), letters
    assert judge(letters_of(made[2], tasks), made).status is Status.PASSED


def top_then_input_order(row, keep, tail):
    order = np.argsort(-row)
    scores = row.copy()
    lost = np.sort(order[keep:])
    scores[lost] = tail(row[order[:keep]].min(), np.arange(len(lost)))
    return scores


def coarse(row):
    return np.round(log_softmax(row) / 4.0)


SABOTEURS = {
    "reversed": ("reversed", lambda rows: [-row for row in rows]),
    "reversed ranks": ("reversed", lambda rows: [np.argsort(np.argsort(-row)).astype(float) for row in rows]),
    "next slot": ("label-offset", lambda rows: [np.roll(row, 1) for row in rows]),
    "slot before": ("label-offset", lambda rows: [np.roll(row, -1) for row in rows]),
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
    "coarse": ("ties-decide", lambda rows: [coarse(row) for row in rows]),
    "the next user's": ("rows-misaligned", lambda rows: [*rows[1:], rows[0]]),
    "shuffled users": (
        "rows-misaligned",
        lambda rows: [rows[u] for u in np.random.default_rng(4).permutation(len(rows))],
    ),
    "one row for all": ("position-prior", lambda rows: [rows[0] for _ in rows]),
    "slots reversed": ("letter-candidate-mismatch", lambda rows: [row[::-1].copy() for row in rows]),
    "one fixed order": (
        "letter-candidate-mismatch",
        lambda rows: [row[np.random.default_rng(3).permutation(len(row))] for row in rows],
    ),
    "sorted": ("letter-candidate-mismatch", lambda rows: [np.sort(row)[::-1].copy() for row in rows]),
    "shuffled": (
        "letter-candidate-mismatch",
        lambda rows: [np.random.default_rng(u).permutation(row) for u, row in enumerate(rows)],
    ),
    "random": (
        "scores-not-from-model",
        lambda rows: [np.random.default_rng(u).normal(size=len(row)) for u, row in enumerate(rows)],
    ),
    "another model": (
        "scores-not-from-model",
        lambda rows: [row + np.random.default_rng(u).normal(scale=4, size=len(row)) for u, row in enumerate(rows)],
    ),
    "nan": (
        "silent-nan",
        lambda rows: [np.full(len(row), np.nan) if u % 5 == 0 else row for u, row in enumerate(rows)],
    ),
}


@pytest.mark.parametrize(("fault", "spoil"), SABOTEURS.values(), ids=SABOTEURS)
@pytest.mark.parametrize("seed", [0, 1])
def test_each_misreading_is_named(seed, fault, spoil):
    made = world(32, 20, seed=seed)
    verdict = judge(spoil(letters_of(made[2], made[0])), made)
    assert verdict.status is Status.FAILED
    assert verdict.fault == fault, verdict.cause
    assert verdict.cause
    assert verdict.next_step
    assert 2 <= len(verdict.evidence) <= 5


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("name", ["reversed", "next slot", "the next user's", "slots reversed"])
def test_a_misreading_is_named_on_each_scale(name, kind):
    made = world(32, 20)
    fault, spoil = SABOTEURS[name]
    assert judge([kind(row) for row in spoil(letters_of(made[2], made[0]))], made).fault == fault


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_letters_read_at_another_variant_are_named(kind):
    tasks, prompts, logits, letters = world(32, 20)
    rows = [kind(row) for row in letters_of(logits, tasks, 100 + SPACED)]
    known = LetterTable(
        tuple(replace(token, scored_token_id=token.token_ids[0] + SPACED) for token in letters.letters)
    )
    variants = {token.letter: (7, token.token_ids[0] + SPACED) for token in letters.letters}
    for table, further in ((known, {}), (letters, {"variants": variants}), (letters, {})):
        verdict = check_scores_match_reference(rows, logits, prompts, tasks, table, **further)
        assert verdict.fault == "wrong-letter-variant"
        assert str(100 + SPACED) in verdict.cause or "scored_token_id" in verdict.cause


def test_a_single_letter_read_at_another_token_is_named():
    tasks, prompts, logits, letters = world(32, 20)
    rows = letters_of(logits, tasks)
    for row, whole in zip(rows, logits, strict=True):
        row[4] = whole[400]
    verdict = check_scores_match_reference([log_softmax(row) for row in rows], logits, prompts, tasks, letters)
    assert verdict.fault == "wrong-letter-variant"


def test_the_letter_after_each_candidates_own_is_an_offset():
    tasks, prompts, logits, letters = world(32, 20)
    verdict = judge(letters_of(logits, tasks, 101), (tasks, prompts, logits, letters))
    assert verdict.fault == "label-offset"


def test_logits_of_an_earlier_position_are_named_once_they_are_known():
    made = world(32, 20)
    _, _, before, _ = world(32, 20, seed=5)
    rows = [log_softmax(row) for row in letters_of(before, made[0])]
    assert judge(rows, made).fault == "scores-not-from-model"
    verdict = judge(rows, made, earlier={-2: made[2][::-1], -1: before})
    assert verdict.fault == "wrong-logit-position"
    assert "1 position(s) before" in verdict.cause


@pytest.mark.parametrize("fault", ["reversed", "random", "zeros"])
def test_two_candidates_suffice_to_see_a_fault(fault):
    made = world(32, 2)
    verdict = judge(SABOTEURS[fault][1](letters_of(made[2], made[0])), made)
    assert verdict.status is Status.FAILED
    assert (
        verdict.fault == {"random": "scores-not-from-model"}.get(fault, SABOTEURS[fault][0]) or fault == "reversed"
    )


def test_one_user_far_off_among_many_is_enough():
    made = world(100, 20)
    rows = letters_of(made[2], made[0])
    rows[42] = -rows[42]
    verdict = judge(rows, made)
    assert verdict.fault == "reversed"
    assert "user-42" in verdict.evidence[0]


def test_a_tenth_of_users_with_scores_far_off_is_enough():
    made = world(100, 20)
    rows = letters_of(made[2], made[0])
    rng = np.random.default_rng(0)
    rows = [rng.normal(size=20) if u % 10 == 0 else row for u, row in enumerate(rows)]
    assert judge(rows, made).fault == "scores-not-from-model"


def test_without_letters_it_does_not_apply():
    tasks, prompts, logits, letters = world(8, 20)
    short = LetterTable(letters.letters[:10])
    verdict = check_scores_match_reference(letters_of(logits, tasks), logits, prompts, tasks, short)
    assert verdict.status is Status.NOT_APPLICABLE


def test_errors():
    tasks, prompts, logits, letters = made = world(8, 20)
    rows = letters_of(logits, tasks)
    with pytest.raises(InvalidTaskError):
        check_scores_match_reference([], [], [], [], letters)
    with pytest.raises(InvalidTaskError):
        check_scores_match_reference(rows, logits, prompts[::-1], tasks, letters)
    with pytest.raises(InvalidScoresError, match="7 rows of reference logits for 8 tasks"):
        check_scores_match_reference(rows, logits[:7], prompts, tasks, letters)
    with pytest.raises(InvalidScoresError, match="50 entries, but a letter has the id 119"):
        check_scores_match_reference(rows, [row[:50] for row in logits], prompts, tasks, letters)
    with pytest.raises(InvalidScoresError, match="nan at a letter"):
        check_scores_match_reference(rows, [np.full(600, np.nan)] * 8, prompts, tasks, letters)
    with pytest.raises(RerankGuardError, match="tolerance=2"):
        judge(rows, made, tolerance=2)
