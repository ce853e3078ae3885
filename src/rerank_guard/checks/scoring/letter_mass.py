"""Does the model expect a letter as its answer at all?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import logsumexp

from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.comparing.letter_logits import as_vocabulary_rows, letter_ids
from rerank_guard.core.check import check
from rerank_guard.core.errors import InvalidScoresError
from rerank_guard.core.faults.answer_tokens import WRONG_LETTER_VARIANT
from rerank_guard.core.faults.scoring import LETTERS_UNLIKELY
from rerank_guard.core.finding import Affected, Finding, Limit, Strength, Suspected, not_applicable
from rerank_guard.core.setting import Count, NeededShare
from rerank_guard.core.stage import Stage
from rerank_guard.core.types import FloatArray, LetterTable, RankingTask
from rerank_guard.core.verdict import MAX_EVIDENCE, Status

__all__ = ["letter_mass"]

_UNEXPECTED = Suspected(
    WRONG_LETTER_VARIANT,
    Strength.SYMPTOM,
    "The model expects anything but these letters where they are read: they are other tokens than the ones that it answers "
    "with ('A' against ' A'), or the logits are read at another position. An untrained model may show the same.",
    "Look at the tokens above: if they are the letters in another form, take the ids from prompt and letter tokenized "
    "together; if they are the middle of a text, check the position and the prompt's end.",
)


@check(
    stage=Stage.SCORING,
    claim="of the whole vocabulary the letters are what the model expects as an answer",
    can_name=(WRONG_LETTER_VARIANT,),
    looks_like=LETTERS_UNLIKELY,
)
def letter_mass(
    forward_logits: Sequence[FloatArray],
    letter_table: LetterTable,
    probed_tasks: Sequence[RankingTask],
    *,
    min_ratio: NeededShare = 0.5,
    min_share: NeededShare = 0.95,
    min_letters: Count = 4,
) -> Finding:
    """Of the whole vocabulary's probability the letters in use have at least the share of as many random tokens.

    A task's ratio is the softmax's mass on the N letters over N/V, what N tokens drawn from the vocabulary of V hold on
    average. The loss of a letter reranker may leave the other tokens alone, so a small mass is no fault by itself; FAILED
    only when the ratio is below `min_ratio` for at least `min_share` of the tasks, with N of `min_letters` and more: two or three tokens
    are unlikely often enough in a model that was never asked for letters. Exact, without statistics.

    A failure is a symptom: the letters may be another variant of the tokens that the model answers with, but an untrained
    model, or logits read at another position, show the same.

    Args:
        forward_logits: one array (V,) a task: the whole vocabulary's logits where the letter is read.
        letter_table: the letters in the order of the positions.
        probed_tasks: the tasks, in the same order.
        min_ratio: smallest ratio that counts as expected, in (0, 1]: an untrained model's ratios scatter around it.
        min_share: share of the tasks with a smaller ratio from which on the check fails, in (0, 1].
        min_letters: fewest letters of which anything is said.

    Returns:
        PASSED; NOT_APPLICABLE where a position has no letter token (see letter_tokens_found); or FAILED with
        wrong-letter-variant. Evidence shows the tokens that the model expects instead.

    Raises:
        InvalidTaskError: no tasks.
        InvalidScoresError: not one row of logits a task, a row with NaN or +inf, or one too short for a letter's id.
        SettingError: a setting out of range.
    """
    require_tasks(probed_tasks)
    lengths = [task.n_candidates for task in probed_tasks]
    claim = f"the letters are at least as likely answers as other tokens, for {len(probed_tasks)} tasks"
    ids = letter_ids(letter_table, max(lengths))
    if ids is None:
        return not_applicable(
            "some position has no letter, or its letter has no token",
            "see letter_tokens_found",
            claim=claim,
            n=len(probed_tasks),
        )
    rows = _checked(forward_logits, len(probed_tasks), max(ids))
    masses = np.array([_mass(row, sorted(set(ids[:n]))) for row, n in zip(rows, lengths, strict=True)])
    random_masses = np.array([n / len(row) for n, row in zip(lengths, rows, strict=True)])
    ratios = masses / random_masses
    judged = np.array(lengths) >= min_letters
    low = (ratios < min_ratio) & judged
    failed = bool(judged.any()) and float(low.sum()) >= min_share * len(probed_tasks)
    worst = np.flatnonzero(low)[np.argsort(ratios[low], kind="stable")][:MAX_EVIDENCE].tolist()
    return Finding(
        Status.FAILED if failed else Status.PASSED,
        claim=claim,
        measured={
            "share_of_users_below": float(low.mean()),
            "mean_mass": float(masses.mean()),
            "median_mass_over_random": float(np.median(ratios)),
            "mean_mass_of_random_tokens": float(random_masses.mean()),
        },
        limits=(Limit("share_of_users_below", "<", min_share),),
        compared_with={"median_mass_over_random": min_ratio},
        n=len(probed_tasks),
        evidence=tuple(_row(probed_tasks[task], rows[task], float(masses[task])) for task in worst)
        if failed
        else (),
        suspects=(_UNEXPECTED,) if failed else (),
        affected=Affected(int(low.sum()), len(probed_tasks)),
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


def _checked(forward_logits: Sequence[FloatArray], n_tasks: int, highest_id: int) -> list[FloatArray]:
    rows = as_vocabulary_rows(forward_logits, n_tasks, highest_id)
    for index, row in enumerate(rows):
        bad = np.isnan(row) | np.isposinf(row)
        if bad.any():
            raise InvalidScoresError(
                f"the logits of row {index} hold {row[bad][0]}; look for NaN weights, and run the pass in float32."
            )
    return rows
