"""Do scores and probabilities say anything, and does what they say depend on the input?"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import entr

from rerank_guard.checks._settings import ALPHA, require_settings, require_tasks, true_slots
from rerank_guard.checks._shared_rows import shared_rows
from rerank_guard.errors import InvalidScoresError
from rerank_guard.metrics import as_probability_matrix, as_score_rows, tied_with_target
from rerank_guard.stats.bets import log_e_value_above, log_e_value_below, p_value_of
from rerank_guard.stats.confidence import mean_confidence_sequence
from rerank_guard.stats.sample_size import samples_to_bet_above, samples_to_bet_below
from rerank_guard.types import BoolArray, FloatArray, IntArray, RankingTask
from rerank_guard.verdict import MAX_EVIDENCE, Interval, Status, Verdict

__all__ = ["check_probabilities_not_uniform", "check_scores_well_formed"]

_EXACT = 1e-9
_FEWEST_TO_TELL_FALLBACK = 4

_EXPLANATIONS = {
    "silent-fallback": (
        "Exactly equal probabilities do not come out of a forward pass: a fallback filled them in, likely because "
        "no letter was found.",
        "Raise where a letter has no logit instead of filling in 1/N, and run the letter-token check.",
    ),
    "no-signal": (
        "The model gives every letter nearly the same probability: it is likely untrained, under-trained, or its "
        "adapter is not active.",
        "Look at the learning check first; if training went well, check that the trained weights are the loaded "
        "ones.",
    ),
    "position-prior": (
        "Every user gets nearly the same letter distribution, whatever the prompt: the model prefers letters, not "
        "items.",
        "Check that the candidates reach the model (truncation, logits read at the wrong position), and that the "
        "target's slot is uniform in training.",
    ),
}


def check_probabilities_not_uniform(
    probabilities: Sequence[FloatArray],
    *,
    n_candidates: Sequence[int] | None = None,
    alpha: float = ALPHA,
    effect: float = 0.01,
) -> Verdict:
    """The letter probabilities differ from uniform, and differ from user to user.

    Measured is a user's entropy deficit d = 1 - H(p) / log N: 0 for uniform, 1 for certain, and of the same meaning
    for every N. (The standard deviation of p, often held against 0.01, has no such meaning: it is at most
    sqrt(N - 1) / N, and one and the same threshold asks for a deficit of 0.0003 at N=2 and of 0.03 at N=50.)

    Being far from uniform is not enough: a fixed preference for the letter A is too. So the part of the deficit
    that depends on the input must reach the effect as well: the generalised Jensen-Shannon divergence of the users'
    distributions (Lin 1991), entropy of the mean minus mean of the entropies, over users of the same N, divided by
    log N. That share is shown; it is tested on the divergences of disjoint pairs of users of the same N, taken in
    order, which are independent of each other and lie in [0, 1] when divided by log N. Their reference is half of
    the effect: to second order in the differences of the distributions, the divergence of m independent ones is in
    expectation (1 - 1/m) of that of all, as with a variance, so a pair's is half. As a pair's divergence cannot
    exceed log 2, the reference is at most half of log 2 / log N at the largest N, where a large effect is declared.

    - PASSED: "the mean deficit is at most the effect" and "the mean pair share is at most its reference" are both
      rejected at alpha by bets that hold at every moment (see `stats.bets`).
    - FAILED: some user's probabilities are all equal to 1e-9 (silent-fallback; told only where N is at least 4, as
      two or three half-precision logits can tie by chance); or, at alpha/2 each, "the mean deficit is at least the
      effect" or "at least half of the users have a deficit of the effect or more" is rejected (no-signal); or the
      deficit passes and, at alpha/2 each, the same is rejected of the pairs' shares and their reference
      (position-prior). The second rule of either kind is there because the bet on a mean near 0 needs thousands
      of users. So each of the two names is given to a sound reranker with probability alpha at most.
    - INCONCLUSIVE: else, with the number of users that would decide.

    Args:
        probabilities: one array (N_u,) a user: softmax over the N letters in use, N_u >= 2.
        n_candidates: (U,) N_u of each user, to refuse rows that are missing or padded; None takes each row's own
            length.
        alpha: level of either decision.
        effect: least deficit, and least input-dependent share, that counts; in [0, 1).

    Raises:
        InvalidScoresError: no users, or probabilities that are negative, not finite, of wrong shape, another number
            of rows or length of a row than `n_candidates` says, or off a sum of 1 by more than 0.01.
        RerankGuardError: alpha or effect out of range.
    """
    require_settings(alpha, effect)
    matrix, lengths = as_probability_matrix(probabilities, n_candidates)
    if len(matrix) == 0:
        raise InvalidScoresError("there are no probabilities to judge; give one array a user.")
    deficits = np.clip(1.0 - entr(matrix).sum(axis=1) / np.log(lengths), 0.0, 1.0)
    uniform = _exactly_uniform(matrix, lengths)
    share, compared = _input_dependent_share(matrix, lengths)
    pairs = _pair_shares(matrix, lengths)
    reference = min(effect, math.log(2.0) / math.log(int(lengths.max()))) / 2.0
    far, near = _is_above(deficits, effect, alpha), _is_below(deficits, effect, alpha)
    n, informed = len(deficits), int((deficits >= effect).sum())

    fault: str | None = None
    evidence: tuple[str, ...] = ()
    if uniform.any():
        status, fault = Status.FAILED, "silent-fallback"
        rows = ", ".join(map(str, np.flatnonzero(uniform)[:10]))
        evidence = (f"{int(uniform.sum())} of {n} users have N equal probabilities", f"user rows {rows}")
    elif far and _is_above(pairs, reference, alpha):
        status = Status.PASSED
    elif far and _is_below(pairs, reference, alpha):
        status, fault = Status.FAILED, "position-prior"
        evidence = ("the same letter distribution for every user", *_mean_distribution(matrix, lengths))
    elif near and not far:
        status, fault = Status.FAILED, "no-signal"
        evidence = (f"{n - informed} of {n} users have a deficit below {effect:g}",)
    else:
        status = Status.INCONCLUSIVE
    cause, next_step = _EXPLANATIONS[fault] if fault else ("", "")
    if status is Status.INCONCLUSIVE:
        if far:
            cause, next_step = _undecided_share(pairs, reference, alpha)
        else:
            cause, next_step = _undecided(deficits, effect, alpha)
    low, high = mean_confidence_sequence(deficits, 1.0 - 2.0 * alpha)
    return Verdict(
        check="probabilities_not_uniform",
        status=status,
        claim=(
            f"over {n} users the letter probabilities are not uniform, with an entropy deficit above {effect:g}, and "
            f"they depend on the input, with a Jensen-Shannon share between two users above {reference:g}"
        ),
        measured={
            "entropy_deficit": float(deficits.mean()),
            "input_dependent_share": share,
            "pair_share": float(pairs.mean()) if len(pairs) else None,
            "users_exactly_uniform": int(uniform.sum()),
            "users_compared": compared,
        },
        threshold={"entropy_deficit": effect, "pair_share": reference, "users_exactly_uniform": 0},
        n=n,
        interval=Interval(low, high, 1.0 - 2.0 * alpha, "confidence sequence"),
        evidence=evidence,
        cause=cause,
        next_step=next_step,
        fault=fault,
        p_failed=None if uniform.any() else _p_below(pairs if far else deficits, reference if far else effect),
    )


def check_scores_well_formed(
    scores: Sequence[FloatArray], tasks: Sequence[RankingTask], *, max_tie_gap: float = 0.05
) -> Verdict:
    """The scores are finite numbers, and it is they, not a sort's order, that place the target.

    Exact on these tasks. The tie gap is the share of the other candidates that tie with the target, which is the
    gap between optimistic and pessimistic Hit@K averaged over all K; a user with constant scores has a gap of 1.

    Args:
        scores: one array (N_u,) a task, higher is better.
        tasks: the tasks, in the same order.
        max_tie_gap: largest mean tie gap that passes, in [0, 1].

    Returns:
        PASSED, or FAILED with silent-nan (a score that is not finite), silent-fallback (constant scores for some
        users), rows-misaligned (one row for tasks of different candidates), or ties-decide (constant for all, or
        coarsely rounded).

    Raises:
        InvalidTaskError: no tasks.
        InvalidScoresError: another number of rows or another length of a row than the tasks have.
    """
    require_tasks(tasks)
    lengths = [task.n_candidates for task in tasks]
    claim = (
        f"the scores of {len(tasks)} users are finite, and at most {max_tie_gap:.0%} of the candidates tie with "
        "the target"
    )
    rows = as_score_rows(scores, lengths)
    broken = [(index, row) for index, row in enumerate(rows) if not np.isfinite(row).all()]
    if broken:
        return Verdict(
            check="scores_well_formed",
            status=Status.FAILED,
            claim=claim,
            measured={"users_with_non_finite_scores": len(broken)},
            threshold={"users_with_non_finite_scores": 0, "tie_gap": max_tie_gap},
            n=len(tasks),
            evidence=tuple(_non_finite_row(tasks[index], row) for index, row in broken[:MAX_EVIDENCE]),
            cause=(
                "NaN or infinite scores: likely NaN weights after training or merging, overflow in half precision, "
                "or a row that is masked out entirely."
            ),
            next_step="Score these users alone and in float32; check the weights for NaN and the padding mask.",
            fault="silent-nan",
        )
    if shared := shared_rows(rows, tasks):
        return Verdict(
            check="scores_well_formed",
            status=Status.FAILED,
            claim=claim,
            measured={"users_with_a_shared_row": len(shared)},
            threshold={"users_with_a_shared_row": 0, "tie_gap": max_tie_gap},
            n=len(tasks),
            evidence=tuple(
                f"query {tasks[index].query_id!r}: its scores are, bit by bit, those of other candidates too"
                for index in shared[:MAX_EVIDENCE]
            ),
            cause=(
                f"The same row was handed to several tasks, {len(shared)} of {len(tasks)} in all, though their candidates "
                "differ: a cache with the wrong key, or a fallback row."
            ),
            next_step="Key every cache of scores by the whole prompt, and raise where a task has no scores of its own.",
            fault="rows-misaligned",
        )
    constant = np.array([bool((row == row[0]).all()) for row in rows])
    slots = true_slots(tasks)
    present = [slot is not None for slot in slots]
    gaps = tied_with_target(rows, slots)
    gap = float(gaps.mean()) if len(gaps) else float(constant.mean())
    fault = None
    if gap > max_tie_gap:
        by_constants = constant[present].sum() if any(present) else constant.sum()
        partly = 0 < by_constants < (sum(present) or len(tasks))
        fault = "silent-fallback" if partly and by_constants >= 0.5 * float(gaps.sum()) else "ties-decide"
    return Verdict(
        check="scores_well_formed",
        status=Status.FAILED if fault else Status.PASSED,
        claim=claim,
        measured={"tie_gap": gap, "users_with_constant_scores": int(constant.sum())},
        threshold={"tie_gap": max_tie_gap},
        n=len(tasks),
        evidence=_tie_rows(tasks, rows, slots) if fault else (),
        cause={
            None: "",
            "silent-fallback": (
                "Some users get one score for all candidates: likely a fallback where no letter was found."
            ),
            "ties-decide": (
                "The order is decided by the sort, not the scores: constant, or rounded too coarsely (bfloat16 "
                "logits, few decimals)."
            ),
        }[fault],
        next_step={
            None: "",
            "silent-fallback": "Raise where a score cannot be computed, instead of filling in one value.",
            "ties-decide": "Read the letter logits in float32, and do not round before sorting.",
        }[fault],
        fault=fault,
    )


def _exactly_uniform(matrix: FloatArray, n_candidates: IntArray) -> BoolArray:
    """(U,) whether a user's N probabilities equal each other (in half precision they need not equal 1/N)."""
    padded = np.arange(matrix.shape[1]) >= n_candidates[:, None]
    smallest = np.where(padded, np.inf, matrix).min(axis=1)
    equal = matrix.max(axis=1) - smallest <= _EXACT
    fallback: BoolArray = equal & (n_candidates >= _FEWEST_TO_TELL_FALLBACK)
    return fallback


def _input_dependent_share(matrix: FloatArray, n_candidates: IntArray) -> tuple[float | None, int]:
    """Jensen-Shannon divergence over log N, averaged over the users who share their N, and their number."""
    shares, counts = [], []
    for n in np.unique(n_candidates):
        rows = matrix[n_candidates == n, :n]
        if len(rows) < 2:
            continue
        divergence = entr(rows.mean(axis=0)).sum() - entr(rows).sum(axis=1).mean()
        shares.append(max(0.0, float(divergence)) / math.log(n))
        counts.append(len(rows))
    return (float(np.average(shares, weights=counts)) if counts else None), sum(counts)


def _pair_shares(matrix: FloatArray, n_candidates: IntArray) -> FloatArray:
    """(P,) Jensen-Shannon divergence over log N of users 0 and 1, 2 and 3, ... among those who share their N."""
    shares = [np.zeros(0)]
    for n in np.unique(n_candidates):
        rows = matrix[n_candidates == n, :n]
        whole = len(rows) // 2 * 2
        first, second = rows[0:whole:2], rows[1:whole:2]
        apart = entr((first + second) / 2.0).sum(axis=1) - (entr(first) + entr(second)).sum(axis=1) / 2.0
        shares.append(np.clip(apart / math.log(n), 0.0, 1.0))
    return np.concatenate(shares)


def _is_above(values: FloatArray, reference: float, alpha: float) -> bool:
    return len(values) > 0 and log_e_value_above(values, reference) >= math.log(1.0 / alpha)


def _is_below(values: FloatArray, reference: float, alpha: float) -> bool:
    """The mean is below, or fewer than half of the values reach the reference: at alpha/2 each."""
    return _p_below(values, reference) <= alpha


def _p_below(values: FloatArray, reference: float) -> float:
    """The p-value of `_is_below`; 1.0 where neither estimate is on that side."""
    if len(values) == 0:
        return 1.0
    reached = (values >= reference).astype(np.float64)
    of_mean = log_e_value_below(values, reference) if float(values.mean()) < reference else 0.0
    of_half = log_e_value_below(reached, 0.5) if float(reached.mean()) < 0.5 else 0.0
    return min(1.0, 2.0 * p_value_of(max(of_mean, of_half)))


def _mean_distribution(matrix: FloatArray, n_candidates: IntArray) -> tuple[str, ...]:
    """The letters' mean probabilities at the commonest N, the largest first."""
    values, counts = np.unique(n_candidates, return_counts=True)
    n = int(values[counts.argmax()])
    mean = matrix[n_candidates == n, :n].mean(axis=0)
    top = ", ".join(f"slot {slot}: {mean[slot]:.3f}" for slot in np.argsort(-mean, kind="stable")[:5])
    return (f"mean probabilities at N={n} (uniform {1 / n:.3f}): {top}",)


def _undecided_share(pairs: FloatArray, reference: float, alpha: float) -> tuple[str, str]:
    if len(pairs) == 0:
        return (
            "No two users have the same number of candidates, so whether the input matters cannot be told.",
            "Give users with the same N: some ten pairs decide clear cases.",
        )
    mean = float(pairs.mean())
    if mean > reference:
        enough = samples_to_bet_above(pairs, reference, alpha)
    else:
        enough = samples_to_bet_below(pairs, reference, alpha / 2.0)
    seen = (
        f"A mean share of {mean:.4f} over {len(pairs)} pairs of users of the same N decides neither for nor against "
        f"{reference:g}, so whether the input matters is open."
    )
    if enough is None:
        return seen, "No number of users at this rate would decide; train for longer, or declare another effect."
    wanted = 2 * max(enough, len(pairs) + 1)
    return seen, f"About {wanted} users in such pairs at this rate would decide (now {2 * len(pairs)})."


def _undecided(deficits: FloatArray, effect: float, alpha: float) -> tuple[str, str]:
    n = len(deficits)
    if float(deficits.mean()) > effect:
        enough = samples_to_bet_above(deficits, effect, alpha)
    else:
        enough = samples_to_bet_below(deficits, effect, alpha / 2.0)
    seen = f"A mean deficit of {deficits.mean():.4f} over {n} users decides neither for nor against {effect:g}."
    if enough is None:
        return seen, "No number of users at this rate would decide; train for longer, or declare another effect."
    return seen, f"About {max(enough, n + 1)} users at this rate would decide (now {n})."


def _non_finite_row(task: RankingTask, row: FloatArray) -> str:
    slot = int(np.flatnonzero(~np.isfinite(row))[0])
    return (
        f"query {task.query_id!r}: score {row[slot]} at slot {slot} ({int((~np.isfinite(row)).sum())} of "
        f"{len(row)})"
    )


def _tie_rows(
    tasks: Sequence[RankingTask], rows: Sequence[FloatArray], slots: Sequence[int | None]
) -> tuple[str, ...]:
    """The users with the most candidates level with the target."""
    tied = [int((row == row[slot or 0]).sum()) for row, slot in zip(rows, slots, strict=True)]
    order = sorted(range(len(rows)), key=lambda user: -tied[user])[:MAX_EVIDENCE]
    return tuple(
        f"query {tasks[user].query_id!r}: {tied[user]} of {len(rows[user])} candidates have the score "
        f"{rows[user][slots[user] or 0]:g}"
        for user in order
    )
