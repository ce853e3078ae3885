"""Are the scores those of a plain forward pass, read at the letters' own tokens? If not, whose are they?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rerank_guard.checks._agreement import Agreement, agreement
from rerank_guard.checks._aligned import require_aligned
from rerank_guard.checks._reference_readings import Reading, letter_ids, letter_rows, wrong_readings
from rerank_guard.checks._row_pairs import require_tolerance
from rerank_guard.checks._score_shapes import shape_fault
from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks._token_search import tokens_that_fit
from rerank_guard.errors import InvalidScoresError
from rerank_guard.metrics import as_score_rows
from rerank_guard.prompts import ScoringPrompt
from rerank_guard.types import BoolArray, FloatArray, LetterTable, RankingTask
from rerank_guard.verdict import MAX_EVIDENCE, Measured, Status, Verdict

__all__ = ["check_scores_match_reference"]

_CHECK = "scores_match_reference"
_FEW_USERS = 0.1
_GROSS = 0.25
_GROSS_DISCORDANT = 0.1
_MUCH_NEARER = 0.2
_MOST = 0.9
_FEWEST_BY_ORDER = 5
_BETTER_BY = 0.3
_SEARCHED_DISCORDANT = 0.02

_NEXT_STEPS = {
    "reversed": "Rank by descending logits; drop the minus sign, or the loss that is taken for a score.",
    "label-offset": "Give slot j the logit of the letter shown before candidate j; count both from 0.",
    "wrong-letter-variant": "Read the logits at the ids that prompt and letter have when they are tokenized together.",
    "wrong-logit-position": "Read the logits behind the prompt's own last token, whatever the padding.",
    "rows-misaligned": "Keep scores and tasks together by query_id wherever tasks are sorted, batched or filtered.",
    "silent-fallback": "Raise where a letter has no logit, and read all letters' logits instead of the top few.",
    "ties-decide": "Read the letter logits in float32, and do not round before sorting.",
    "position-prior": "Look for what does not reach the model: the candidates, or a prompt that is built once and reused.",
    "letter-candidate-mismatch": "Return the scores in slot order, and build the prompt from the same list of candidates.",
    "silent-nan": "Score these users alone and in float32; check the weights for NaN and the padding mask.",
    "scores-not-from-model": (
        "Score one task by hand, and hold each step of the fast path against it: the prompt's token ids, padding, positions, "
        "cache, adapter, and what is done to the logits afterwards."
    ),
}


@dataclass(frozen=True, slots=True)
class _Found:
    fault: str
    says: str


def check_scores_match_reference(
    scores: Sequence[FloatArray],
    reference_logits: Sequence[FloatArray],
    prompts: Sequence[ScoringPrompt],
    tasks: Sequence[RankingTask],
    letters: LetterTable,
    *,
    tolerance: float = 0.05,
    variants: Mapping[str, Sequence[int]] | None = None,
    earlier: Mapping[int, Sequence[FloatArray]] | None = None,
) -> Verdict:
    """The scores are the plain forward pass's logits at the in-context ids of the letters of slots 0 to N - 1.

    A user matches when candidates whose reference logits are clearly apart (by 1 nat, or a quarter of the row's range) stand
    in that order, but for 2 % of such pairs, and are not level, but for 5 %: any scale is allowed, and half precision swaps
    only near-ties. Of a reference flatter than 4 nats a total variation within `tolerance` suffices too (flatter than 1
    nat, also logits within 0.3 nats), after the reading
    of the scores that comes nearest (see `checks._agreement`).

    FAILED when more than a tenth of the users do not match; when one is off by 0.25 and a tenth of its clear pairs; or when
    another way to read the same model comes within `tolerance` and five times nearer, while the right one does not.

    A mismatch is named after the hypothesis that gives the observed scores, tried in this order: other readings of the model
    over all users, by distance; the same over the users that do not match; shapes of the scores themselves; tokens searched
    in the whole vocabulary; other readings by their order alone.

    Args:
        scores: one array (N_u,) a task: logits, log-probabilities, probabilities or anything that ranks alike.
        reference_logits: one array (V,) a task: the whole vocabulary's logits behind the prompt's last token.
        prompts: one a task, from which the reference was made.
        tasks: the tasks, in the same order.
        letters: the letters in slot order.
        tolerance: total variation distance that is put down to rounding, in [0, 1).
        variants: letter to other ids under which it may have been read, such as that of " A"; None without.
        earlier: offset to logits as in `reference_logits`, taken so many positions after (below 0: before) the right one;
            None without.

    Returns:
        PASSED; NOT_APPLICABLE where a slot has no letter token (see letter_tokens_found); or FAILED with reversed,
        label-offset, wrong-letter-variant, wrong-logit-position, rows-misaligned, silent-fallback, ties-decide,
        position-prior, letter-candidate-mismatch, silent-nan, or scores-not-from-model when no hypothesis fits.

    Raises:
        InvalidTaskError: no tasks, or prompts of other tasks.
        InvalidScoresError: another number of rows or another length of a row than the tasks have, or reference logits that
            are not finite or have no entry for a letter's id.
        RerankGuardError: a tolerance outside [0, 1).
    """
    require_tolerance(tolerance)
    require_tasks(tasks)
    require_aligned(prompts, tasks, ("prompts", "tasks"))
    lengths = [task.n_candidates for task in tasks]
    rows = as_score_rows(scores, lengths)
    ids = letter_ids(letters, max(lengths))
    if ids is None:
        return _no_letters(len(tasks))
    vocabulary = _checked(reference_logits, tasks, ids)
    plain = letter_rows(vocabulary, ids, lengths)
    fit = agreement(rows, plain)
    unmatched = ~fit.matched(tolerance) | np.array([bool(np.isnan(row).any()) for row in rows])
    gross = (fit.apart > _GROSS) & (fit.discordant > _GROSS_DISCORDANT)
    readings = list(wrong_readings(vocabulary, letters, lengths, variants, earlier))
    fits = [agreement(rows, reading.rows) for reading in readings]
    found = None
    if float(fit.apart.mean()) > tolerance:
        found = _by_distance(readings, fits, fit, np.ones(len(rows), dtype=np.bool_), tolerance)
    if found is None and (float(unmatched.mean()) > _FEW_USERS or gross.any()):
        found = _name(rows, vocabulary, plain, readings, fits, fit, unmatched, tolerance, lengths)
    return _verdict(found, fit, unmatched, gross, rows, plain, prompts, tolerance, _nearest(readings, fits))


def _by_distance(
    readings: Sequence[Reading], fits: Sequence[Agreement], plain: Agreement, among: BoolArray, tolerance: float
) -> _Found | None:
    """The reading that comes within the tolerance, and five times nearer than the right one, for these users."""
    if not fits:
        return None
    right = float(plain.apart[among].mean())
    best = min(range(len(fits)), key=lambda i: float(fits[i].apart[among].mean()))
    distance = float(fits[best].apart[among].mean())
    if distance > min(tolerance, _MUCH_NEARER * right):
        return None
    return _Found(readings[best].fault, readings[best].says)


def _name(
    rows: Sequence[FloatArray],
    vocabulary: Sequence[FloatArray],
    plain: Sequence[FloatArray],
    readings: Sequence[Reading],
    fits: Sequence[Agreement],
    fit: Agreement,
    unmatched: BoolArray,
    tolerance: float,
    lengths: Sequence[int],
) -> _Found:
    """What the scores are, where they are not the reference."""
    if any(np.isnan(row).any() for row in rows):
        return _Found("silent-nan", "not numbers, for some users")
    if found := _by_distance(readings, fits, fit, unmatched, tolerance):
        return found
    if shape := shape_fault(rows, plain, fit, unmatched, tolerance):
        return _Found(*shape)
    everyone = np.ones(len(rows), dtype=np.bool_)
    tokens = tokens_that_fit(rows, vocabulary)
    # two letters that are read at one token are letter_tokens_found's to see
    if tokens is not None and len(set(tokens)) == len(tokens):
        shown = ", ".join(map(str, tokens[:5]))
        says = f"the logits at other tokens than the letters' (ids {shown}{', ...' * (len(tokens) > 5)})"
        searched = Reading("wrong-letter-variant", says, letter_rows(vocabulary, tokens, lengths))
        closest = agreement(rows, searched.rows)
        in_order = float((closest.discordant <= _SEARCHED_DISCORDANT).mean()) >= _MOST
        found = _by_distance([searched], [closest], fit, everyone, tolerance)
        if found is not None and in_order:  # of thousands of tokens some come near by chance
            return found
    if fits and len(rows) >= _FEWEST_BY_ORDER:
        shares = [float(other.matched(tolerance).mean()) for other in fits]
        best = int(np.argmax(shares))
        if shares[best] >= _MOST and shares[best] >= 1.0 - float(unmatched.mean()) + _BETTER_BY:
            return _Found(readings[best].fault, f"in the order of {readings[best].says}")
    return _Found("scores-not-from-model", "not those of a plain forward pass, nor of any usual misreading of one")


def _nearest(readings: Sequence[Reading], fits: Sequence[Agreement]) -> str:
    """The three readings that come nearest, with their distances."""
    order = np.argsort([float(fit.apart.mean()) for fit in fits], kind="stable")[:3].tolist()
    return "; ".join(f"{readings[i].says}: {fits[i].apart.mean():.3f}" for i in order)


def _verdict(
    found: _Found | None,
    fit: Agreement,
    unmatched: BoolArray,
    gross: BoolArray,
    rows: Sequence[FloatArray],
    plain: Sequence[FloatArray],
    prompts: Sequence[ScoringPrompt],
    tolerance: float,
    nearest: str,
) -> Verdict:
    n = len(rows)
    distance = float(fit.apart.mean())
    measured: dict[str, Measured] = {
        "share_of_users_unmatched": float(unmatched.mean()),
        "users_far_apart": int(gross.sum()),
        "mean_distance": distance,
        "mean_discordant_share": float(fit.discordant.mean()),
        "same_order_on_another_scale": found is None and distance > tolerance,
    }
    cause = ""
    evidence: tuple[str, ...] = ()
    if found is not None:
        measured["scores_are"] = found.says
        cause = f"The scores of {int(unmatched.sum()) or n} of {n} users are not the reference's; they are {found.says}."
        worst = np.argsort(-(fit.apart + fit.discordant) * (unmatched + 1e-3), kind="stable")[: MAX_EVIDENCE - 1]
        evidence = tuple(_row(prompts[user], rows[user], plain[user], fit, user) for user in worst.tolist())
        evidence += (f"nearest (mean distance; the right reading has {distance:.3f}): {nearest}",)
    return Verdict(
        check=_CHECK,
        status=Status.FAILED if found else Status.PASSED,
        claim=f"the scores of {n} users are those of a plain forward pass, read at the letters' own tokens, up to scale",
        measured=measured,
        threshold={"share_of_users_unmatched": _FEW_USERS, "users_far_apart": 0, "mean_distance": tolerance},
        n=n,
        evidence=evidence,
        cause=cause,
        next_step=_NEXT_STEPS[found.fault] if found else "",
        fault=found.fault if found else None,
    )


def _row(prompt: ScoringPrompt, row: FloatArray, plain: FloatArray, fit: Agreement, user: int) -> str:
    first, should = int(np.argmax(np.nan_to_num(row, nan=-np.inf))), int(np.argmax(plain))
    return (
        f"query {prompt.query_id!r}: distance {fit.apart[user]:.3f}, {fit.discordant[user]:.0%} of clear pairs swapped; first "
        f"is slot {first} (score {row[first]:.4g}), by the reference slot {should} (logit {plain[should]:.4g})"
    )


def _no_letters(n: int) -> Verdict:
    return Verdict(
        check=_CHECK,
        status=Status.NOT_APPLICABLE,
        claim="the scores are those of a plain forward pass, read at the letters' own tokens",
        measured={},
        threshold={},
        n=n,
        cause="some slot has no letter, or its letter has no token, so there is no logit to compare with",
        next_step="see letter_tokens_found",
    )


def _checked(
    reference_logits: Sequence[FloatArray], tasks: Sequence[RankingTask], ids: Sequence[int]
) -> list[FloatArray]:
    """The reference as float64 rows.

    Raises:
        InvalidScoresError: not one row a task, too short for a letter's id, or not finite at a letter.
    """
    if len(reference_logits) != len(tasks):
        raise InvalidScoresError(
            f"{len(reference_logits)} rows of reference logits for {len(tasks)} tasks; give one array (V,) a task."
        )
    rows = [np.asarray(row, dtype=np.float64).reshape(-1) for row in reference_logits]
    for index, row in enumerate(rows):
        if max(ids) >= len(row):
            raise InvalidScoresError(
                f"the reference logits of row {index} have {len(row)} entries, but a letter has the id {max(ids)}; give the "
                "whole vocabulary's logits."
            )
        in_use = row[np.asarray(ids[: tasks[index].n_candidates])]
        if not np.isfinite(in_use).all():
            raise InvalidScoresError(
                f"the reference logits of row {index} are {in_use[~np.isfinite(in_use)][0]} at a letter; a forward pass that "
                "gives no numbers is no reference: look for NaN weights, and run it in float32."
            )
    return rows
