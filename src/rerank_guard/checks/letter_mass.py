"""Does the model expect a letter as its answer at all?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import logsumexp

from rerank_guard.checks._reference_readings import letter_ids
from rerank_guard.checks._settings import require_tasks
from rerank_guard.errors import InvalidScoresError
from rerank_guard.types import FloatArray, LetterTable, RankingTask
from rerank_guard.verdict import MAX_EVIDENCE, Measured, Status, Verdict

__all__ = ["check_letter_mass"]

_CHECK = "letter_mass"
_NEARLY_ALL = 0.95
_FEWEST_LETTERS = 4

_CAUSE = (
    "The model expects anything but these letters where they are read: they are other tokens than the ones that it answers "
    "with ('A' against ' A'), or the logits are read at another position. An untrained model may show the same."
)
_NEXT_STEP = (
    "Look at the tokens above: if they are the letters in another form, take the ids from prompt and letter tokenized "
    "together; if they are the middle of a text, check the position and the prompt's end."
)


def check_letter_mass(
    reference_logits: Sequence[FloatArray],
    letters: LetterTable,
    tasks: Sequence[RankingTask],
    *,
    least: float = 0.5,
) -> Verdict:
    """Of the whole vocabulary's probability the letters in use have at least the share of as many random tokens.

    A user's ratio is the softmax's mass on the N letters over N/V, what N tokens drawn from the vocabulary of V hold on
    average. The loss of a letter reranker may leave the other tokens alone, so a small mass is no fault by itself; FAILED
    only when the ratio is below `least` for at least 95 % of the users, with N of 4 and more: two or three tokens are
    unlikely often enough in a model that was never asked for letters.

    Args:
        reference_logits: one array (V,) a task: the whole vocabulary's logits where the letter is read.
        letters: the letters in slot order.
        tasks: the tasks, in the same order.
        least: smallest ratio that passes, above 0; below 1, as an untrained model's ratios scatter around it.

    Returns:
        PASSED; NOT_APPLICABLE where a slot has no letter token (see letter_tokens_found); or FAILED with
        wrong-letter-variant. Evidence shows the tokens that the model expects instead.

    Raises:
        InvalidTaskError: no tasks.
        InvalidScoresError: not one row of logits a task, a row with NaN or +inf, or one too short for a letter's id.
    """
    require_tasks(tasks)
    lengths = [task.n_candidates for task in tasks]
    claim = f"the letters are at least as likely answers as other tokens, for {len(tasks)} users"
    ids = letter_ids(letters, max(lengths))
    if ids is None:
        return Verdict(
            check=_CHECK,
            status=Status.NOT_APPLICABLE,
            claim=claim,
            measured={},
            threshold={},
            n=len(tasks),
            cause="some slot has no letter, or its letter has no token",
            next_step="see letter_tokens_found",
        )
    rows = _checked(reference_logits, len(tasks), max(ids))
    masses = np.array([_mass(row, sorted(set(ids[:n]))) for row, n in zip(rows, lengths, strict=True)])
    ratios = np.array([m * len(row) / n for m, row, n in zip(masses, rows, lengths, strict=True)])
    judged = np.array(lengths) >= _FEWEST_LETTERS
    low = (ratios < least) & judged
    failed = bool(judged.any()) and float(low.sum()) >= _NEARLY_ALL * len(tasks)
    measured: dict[str, Measured] = {
        "share_of_users_below": float(low.mean()),
        "mean_mass": float(masses.mean()),
        "median_mass_over_random": float(np.median(ratios)),
        "mean_mass_of_random_tokens": float(np.mean([n / len(row) for n, row in zip(lengths, rows, strict=True)])),
    }
    worst = np.flatnonzero(low)[np.argsort(ratios[low], kind="stable")][:MAX_EVIDENCE].tolist()
    return Verdict(
        check=_CHECK,
        status=Status.FAILED if failed else Status.PASSED,
        claim=claim,
        measured=measured,
        threshold={"share_of_users_below": _NEARLY_ALL, "median_mass_over_random": least},
        n=len(tasks),
        evidence=tuple(_row(tasks[user], rows[user], float(masses[user])) for user in worst) if failed else (),
        cause=_CAUSE if failed else "",
        next_step=_NEXT_STEP if failed else "",
        fault="wrong-letter-variant" if failed else None,
    )


def _mass(row: FloatArray, ids: Sequence[int]) -> float:
    return float(np.exp(logsumexp(row[np.asarray(ids)]) - logsumexp(row)))


def _row(task: RankingTask, row: FloatArray, mass: float) -> str:
    top = np.argsort(-row, kind="stable")[:3]
    shares = np.exp(row[top] - logsumexp(row))
    expected = ", ".join(f"id {token} ({share:.2g})" for token, share in zip(top.tolist(), shares, strict=True))
    return (
        f"query {task.query_id!r}: {task.n_candidates} letters hold {mass:.2g}, as many of {len(row)} tokens "
        f"{task.n_candidates / len(row):.2g}; expected instead: {expected}"
    )


def _checked(reference_logits: Sequence[FloatArray], n: int, highest_id: int) -> list[FloatArray]:
    if len(reference_logits) != n:
        raise InvalidScoresError(
            f"{len(reference_logits)} rows of reference logits for {n} tasks; give one array (V,) a task."
        )
    rows = [np.asarray(row, dtype=np.float64).reshape(-1) for row in reference_logits]
    for index, row in enumerate(rows):
        if len(row) <= highest_id:
            raise InvalidScoresError(
                f"the reference logits of row {index} have {len(row)} entries, but a letter has the id {highest_id}; give the "
                "whole vocabulary's logits."
            )
        bad = np.isnan(row) | np.isposinf(row)
        if bad.any():
            raise InvalidScoresError(
                f"the reference logits of row {index} hold {row[bad][0]}; look for NaN weights, and run the pass in float32."
            )
    return rows
