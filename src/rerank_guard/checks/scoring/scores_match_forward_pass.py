"""Are the scores those of a plain forward pass, read at the letters' own tokens? If not, whose are they?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.comparing.agreement import DISCORDANT, TIED, Agreement
from rerank_guard.checks.comparing.aligned import require_aligned
from rerank_guard.checks.comparing.letter_logits import letter_ids
from rerank_guard.checks.scoring._forward_comparison import Comparison, Named, Observed, compare, what_they_are
from rerank_guard.checks.scoring._not_finite import NOT_FINITE_FIX
from rerank_guard.checks.scoring._other_prompts import OtherPrompt, TryPrompts, other_prompts
from rerank_guard.core.check import check
from rerank_guard.core.faults.answer_tokens import WRONG_LETTER_VARIANT
from rerank_guard.core.faults.data import LABEL_OFFSET
from rerank_guard.core.faults.prompts import LETTER_CANDIDATE_MISMATCH, PROMPT_SKEW
from rerank_guard.core.faults.quality import HISTORY_IGNORED
from rerank_guard.core.faults.scoring import (
    POSITION_PRIOR,
    REVERSED,
    ROWS_MISALIGNED,
    SCORE_SCALE_WRONG,
    SCORES_NOT_FROM_MODEL,
    SILENT_FALLBACK,
    TIES_DECIDE,
    WRONG_LOGIT_POSITION,
)
from rerank_guard.core.faults.training import SILENT_NAN
from rerank_guard.core.finding import Affected, Finding, Limit, Strength, Suspected, not_applicable
from rerank_guard.core.prompts import ScoringPrompt, TrainingPrompt
from rerank_guard.core.setting import Count, Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.types import FloatArray, LetterTable, RankingTask
from rerank_guard.core.verdict import MAX_EVIDENCE, Status
from rerank_guard.metrics import as_score_rows

__all__ = ["scores_match_forward_pass"]

_EARLIER = (1, 2, 3)
"""Token positions before the right one at which the logits may have been read."""

_UNEXPLAINED = (SCORES_NOT_FROM_MODEL, POSITION_PRIOR)
"""What the scores' own shape leaves open: a prompt without its history too gives every task the same."""

_MUCH_NEARER = 0.2
_FEW_SWAPPED = 0.02

_FIXES = {
    LABEL_OFFSET: "Give position j the logit of the letter shown before candidate j; count both from 0.",
    POSITION_PRIOR: "Look for what does not reach the model: the candidates, or a prompt that is built once and reused.",
    SILENT_NAN: NOT_FINITE_FIX,
}
"""Where this check knows more than the fault's record."""


@check(
    stage=Stage.SCORING,
    claim="the scores are those of a plain forward pass, read behind the prompt at the letters' own tokens",
    can_name=(
        REVERSED,
        LABEL_OFFSET,
        WRONG_LETTER_VARIANT,
        WRONG_LOGIT_POSITION,
        ROWS_MISALIGNED,
        SILENT_FALLBACK,
        TIES_DECIDE,
        LETTER_CANDIDATE_MISMATCH,
        POSITION_PRIOR,
        SILENT_NAN,
        PROMPT_SKEW,
        HISTORY_IGNORED,
        SCORE_SCALE_WRONG,
        SCORES_NOT_FROM_MODEL,
    ),
    rules_out=(
        LABEL_OFFSET,
        WRONG_LETTER_VARIANT,
        LETTER_CANDIDATE_MISMATCH,
        WRONG_LOGIT_POSITION,
        SILENT_FALLBACK,
        ROWS_MISALIGNED,
        REVERSED,
        SCORES_NOT_FROM_MODEL,
    ),
    looks_like=SCORES_NOT_FROM_MODEL,
)
def scores_match_forward_pass(
    probed_scores: Sequence[FloatArray],
    forward_logits: Sequence[FloatArray],
    scoring_prompts: Sequence[ScoringPrompt],
    probed_tasks: Sequence[RankingTask],
    letter_table: LetterTable,
    forward: Callable[[Sequence[Sequence[int]]], Sequence[FloatArray]] | None = None,
    try_prompts: TryPrompts | None = None,
    training_prompts: Sequence[TrainingPrompt] | None = None,
    *,
    tolerance: Share = 0.05,
    max_share: Share = 0.1,
    max_discordant: Share = DISCORDANT,
    max_tied: Share = TIED,
    far: Share = 0.25,
    far_discordant: Share = 0.1,
    max_far: Count = 0,
    much_nearer: Share = 0.2,
) -> Finding:
    """The scores are the plain forward pass's logits at the in-context ids of the letters of positions 0 to N - 1.

    Everything between the model and the ranking is looked at in one comparison: padding, position ids, cache, adapter,
    where the logits are read, at which tokens, and to which candidate and task they are given.

    A task matches when candidates whose logits are clearly apart (by 1 nat, or a quarter of the row's range) are scored in
    that order, but for `max_discordant` of such pairs, and are not level, but for `max_tied`: any scale is allowed, and half precision swaps
    only near-ties. Of logits flatter than 4 nats a total variation within `tolerance` suffices too (flatter than 1 nat, also
    logits within 0.3 nats), after the reading of the scores that comes nearest (see `comparing.agreement`).

    FAILED when more than `max_share` of the tasks do not match; when more than `max_far` are off by `far` and by
    `far_discordant` of their clear pairs; or when another way to read the same model comes within `tolerance` and within
    `much_nearer` of the right one's distance, while the right one is not within `tolerance`; or when a value that was filled
    in for some letters (one value in most rows, or the row's mean, median, smallest or largest score) explains all of the
    clear pairs that are swapped, in at least a tenth of the tasks. Also where the order is right but each score is a sigmoid
    of the sigmoid of its logit.
    Exact, without statistics.

    A mismatch is named after the hypothesis that gives the observed scores, tried in this order: other readings of the model
    over all tasks, by distance; the same over the tasks that do not match; shapes of the scores themselves; tokens searched
    in the whole vocabulary, where each letter that is not read at its own token is that token's by itself; other readings by their order alone. Only after a failure the forward pass is asked again: for
    the logits one to three token positions earlier; and, where the scores are still unexplained or the same for all tasks,
    for other prompts (the training prompt, without history, with a part of it, with reversed candidates, with another user's
    history), of which one has to match, be five times nearer, and have at most 2 % of the clear pairs swapped: flat scores
    are near to many, as a barely trained model's are.

    Args:
        probed_scores: one array (N_u,) a task: logits, log-probabilities, probabilities or anything that ranks alike.
        forward_logits: one array (V,) a task: the whole vocabulary's logits behind the prompt's last token.
        scoring_prompts: one a task, from which these logits were made.
        probed_tasks: the tasks, in the same order.
        letter_table: the letters in the order of the positions.
        forward: from token ids to such logits; None names a failure without asking further.
        try_prompts: from tasks to their scoring prompts, or None where the builder refuses one; None tries none.
        training_prompts: those of the tasks with a target, in the same order; None where they are not shown.
        tolerance: total variation distance that is put down to rounding, in [0, 1).
        max_share: largest share of tasks that may not match, in [0, 1).
        max_discordant: largest share of a matching task's clear pairs that may be in the other order.
        max_tied: largest share of them that may be level.
        far: total variation distance above which a task is far off, if its order is so too.
        far_discordant: share of the clear pairs in the other order above which it is.
        max_far: how many tasks may be far off.
        much_nearer: share of the right reading's distance within which another one is taken for what was read.

    Returns:
        PASSED; NOT_APPLICABLE where a position has no letter token (see letter_tokens_found); or FAILED with reversed,
        label-offset, wrong-letter-variant, wrong-logit-position, rows-misaligned, silent-fallback, ties-decide,
        position-prior, letter-candidate-mismatch, silent-nan, prompt-skew, history-ignored, score-scale-wrong, or scores-not-from-model when no
        hypothesis fits.

    Raises:
        InvalidTaskError: no tasks, or prompts of other tasks.
        InvalidScoresError: another number of rows or another length of a row than the tasks have, or logits that are not
            finite at a letter or have no entry for its id.
        SettingError: a setting out of range.
    """
    require_tasks(probed_tasks)
    require_aligned(scoring_prompts, probed_tasks, ("prompts", "tasks"))
    lengths = [task.n_candidates for task in probed_tasks]
    rows = as_score_rows(probed_scores, lengths)
    ids = letter_ids(letter_table, max(lengths))
    if ids is None:
        return not_applicable(
            "some position has no letter, or its letter has no token, so there is no logit to compare with",
            "see letter_tokens_found",
            n=len(probed_tasks),
        )
    observed = Observed(
        rows,
        letter_table,
        ids,
        tolerance,
        max_share,
        max_discordant,
        max_tied,
        far,
        far_discordant,
        max_far,
        much_nearer,
    )
    seen = compare(observed, forward_logits)
    named = what_they_are(observed, seen)
    if named is None or forward is None:
        return _finding(observed, seen, named, scoring_prompts)
    seen = compare(observed, forward_logits, _earlier(forward, scoring_prompts))
    named = what_they_are(observed, seen)
    finding = _finding(observed, seen, named, scoring_prompts)
    if named is None or named.fault not in _UNEXPLAINED:
        return finding
    for other in other_prompts(probed_tasks, scoring_prompts, try_prompts, training_prompts):
        if _are_of(observed, seen, compare(observed, forward(other.token_ids))):
            return replace(finding, suspects=(_suspect_prompt(other),))
    return finding


def _earlier(
    forward: Callable[[Sequence[Sequence[int]]], Sequence[FloatArray]], prompts: Sequence[ScoringPrompt]
) -> dict[int, Sequence[FloatArray]]:
    """The logits some token positions before the right one, as far as the shortest prompt has them."""
    shortest = min(len(prompt.token_ids) for prompt in prompts)
    return {
        -offset: forward([prompt.token_ids[:-offset] for prompt in prompts])
        for offset in _EARLIER
        if offset < shortest
    }


def _are_of(observed: Observed, shown: Comparison, other: Comparison) -> bool:
    """Whether the scores are the other prompt's beyond doubt."""
    return (
        what_they_are(observed, other) is None
        and other.distance <= _MUCH_NEARER * shown.distance
        and other.discordant <= _FEW_SWAPPED
    )


def _suspect_prompt(other: OtherPrompt) -> Suspected:
    return Suspected(
        other.fault,
        Strength.SEEN,
        f"The scores are those of {other.words}, not of the prompt that scoring_prompts() shows.",
        "Score and show by one and the same prompt builder, and train by it too.",
    )


def _suspect(named: Named) -> Suspected:
    """An exact comparison has seen a symptom as well; that no hypothesis fits is only how it looks."""
    strength = Strength.SYMPTOM if named.fault is SCORES_NOT_FROM_MODEL else Strength.SEEN
    cause = f"The scores are not those of the forward pass; they are {named.says}."
    return Suspected(named.fault, strength, cause, _FIXES.get(named.fault, ""))


def _finding(
    observed: Observed, seen: Comparison, named: Named | None, prompts: Sequence[ScoringPrompt]
) -> Finding:
    n = len(prompts)
    n_unmatched = int(seen.unmatched.sum())
    return Finding(
        Status.PASSED if named is None else Status.FAILED,
        claim=f"the scores of {n} tasks are those of a plain forward pass, read at the letters' own tokens, up to scale",
        measured={
            "share_of_users_unmatched": float(seen.unmatched.mean()),
            "users_far_apart": int(seen.gross.sum()),
            "mean_distance": seen.distance,
            "mean_discordant_share": seen.discordant,
            "same_order_on_another_scale": named is None and seen.distance > observed.tolerance,
            **({} if named is None else {"scores_are": named.says}),
        },
        limits=(
            Limit("share_of_users_unmatched", "<=", observed.max_share),
            Limit("users_far_apart", "<=", observed.max_far),
        ),
        compared_with={"mean_distance": observed.tolerance},
        n=n,
        evidence=() if named is None else _evidence(observed, seen, prompts),
        suspects=() if named is None else (_suspect(named),),
        affected=Affected(0 if named is None else n_unmatched or n, n),
    )


def _evidence(observed: Observed, seen: Comparison, prompts: Sequence[ScoringPrompt]) -> tuple[str, ...]:
    """The tasks that are furthest off, and the readings that come nearest."""
    away = (seen.fit.apart + seen.fit.discordant) * (seen.unmatched + 1e-3)
    worst = np.argsort(-away, kind="stable")[: MAX_EVIDENCE - 1].tolist()
    rows = [_row(prompts[task], observed.rows[task], seen.plain[task], seen.fit, task) for task in worst]
    nearest = f"nearest (mean distance; the right reading has {seen.distance:.3f}): {seen.nearest()}"
    return (*rows, nearest)


def _row(prompt: ScoringPrompt, row: FloatArray, plain: FloatArray, fit: Agreement, task: int) -> str:
    first, should = int(np.argmax(np.nan_to_num(row, nan=-np.inf))), int(np.argmax(plain))
    return (
        f"query {prompt.query_id!r}: distance {fit.apart[task]:.3f}, {fit.discordant[task]:.0%} of clear pairs swapped; first "
        f"is position {first} (score {row[first]:.4g}), by the forward pass position {should} (logit {plain[should]:.4g})"
    )
