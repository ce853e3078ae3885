"""Faults that the observed scores show by their own shape, beside the logits that they should be."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from rerank_guard.checks._agreement import Agreement, agreement
from rerank_guard.checks.explain import letter_probabilities, probability_rows, total_variation
from rerank_guard.types import BoolArray, FloatArray

__all__ = ["same_for_all", "shape_fault", "slot_order_tail"]

_MOST = 0.8
_SHORTEST_TAIL = 4
_FEWEST_IN_ORDER = 10
_SAME = 0.01
_OF_RANGE = 0.01
_SEARCHED = 200
_MUCH_NEARER = 0.2

_Rows = Sequence[FloatArray]


def shape_fault(
    scores: _Rows, plain: _Rows, plain_fit: Agreement, unmatched: BoolArray, tolerance: float
) -> tuple[str, str] | None:
    """The first fault whose shape most of the unmatched users' scores have, and it in words.

    Args:
        scores: one array (N_u,) a user, without NaN.
        plain: the letters' reference logits, of the same shapes.
        plain_fit: how they agree.
        unmatched: (U,) the users whose scores are not the reference's, at least one.
        tolerance: total variation distance that is put down to rounding.
    """
    users = np.flatnonzero(unmatched).tolist()

    def most(holds: Callable[[int], bool]) -> bool:
        return float(np.mean([holds(user) for user in users])) >= _MOST

    if most(lambda u: bool((scores[u] == scores[u][0]).all())):
        return "silent-fallback", "one value for all candidates"
    if most(lambda u: bool(np.isneginf(scores[u]).any())):
        return "silent-fallback", "some candidates with a score of -inf, which no logit has"
    # before the next one: coarse rounding too leaves a tail that a stable sort hands out in input order
    if most(lambda u: bool(plain_fit.discordant[u] <= 0.02) and _tied_groups(scores[u]) > 1):
        return "ties-decide", "the reference, rounded so coarsely that candidates tie"
    if most(lambda u: _appended(scores[u], plain[u])):
        return "silent-fallback", "the reference's order for some candidates, the input order for the rest of them"
    if most(lambda u: bool(plain_fit.discordant[u] <= 0.02 and plain_fit.tied[u] > 0.0)):
        return "ties-decide", "the reference, rounded so coarsely that candidates tie"
    if (order := _fixed_permutation(scores, plain, plain_fit, tolerance)) is not None:
        shown = ", ".join(map(str, order[:8]))
        return (
            "letter-candidate-mismatch",
            f"the reference's slots in the order {shown}{', ...' * (len(order) > 8)}",
        )
    if most(lambda u: len(plain[u]) >= 4 and _close(np.sort(scores[u]), np.sort(plain[u]))):
        return "letter-candidate-mismatch", "the reference's values in another order of the slots, user by user"
    if len(scores) >= _FEWEST_IN_ORDER and all(bool((np.diff(row) < 0.0).all()) for row in scores):
        return "silent-fallback", "the input order, for every user"
    if same_for_all(scores) and not same_for_all(plain):
        return "position-prior", "the same scores for every user, though the reference differs"
    if most(lambda u: u < _SEARCHED and _of_another(scores[u], plain[:_SEARCHED], u)):
        return "rows-misaligned", "the reference of another user"
    return None


def slot_order_tail(scores: FloatArray) -> int:
    """How many of the lowest-ranked candidates stand in slot order, ties being broken by slot: at least 1."""
    order = np.argsort(-scores, kind="stable")
    falls = np.flatnonzero(np.diff(order) < 0)  # places where a later slot precedes an earlier one
    return len(order) - (int(falls[-1]) + 1 if len(falls) else 0)


def _tied_groups(scores: FloatArray) -> int:
    """How many values come more than once; a fallback that fills in one value makes one such group."""
    _, counts = np.unique(scores, return_counts=True)
    return int((counts > 1).sum())


def _appended(scores: FloatArray, plain: FloatArray) -> bool:
    """A long tail in slot order that the reference has in another, under candidates in the reference's order."""
    tail = slot_order_tail(scores)
    if tail < _SHORTEST_TAIL or tail == len(scores):
        return False
    order = np.argsort(-scores, kind="stable")
    kept = order[: len(order) - tail]
    if len(kept) < 2:
        return True
    fit = agreement([scores[kept]], [plain[kept]])
    return bool(fit.discordant[0] <= 0.02)


def same_for_all(rows: _Rows) -> bool:
    """Whether the users of each N, three or more, have the same probabilities."""
    (given,) = probability_rows(rows)
    judged = False
    for n in {len(row) for row in given}:
        alike = [row for row in given if len(row) == n]
        mean = np.mean(alike, axis=0)
        if any(total_variation(row, mean) > _SAME for row in alike):
            return False
        judged = judged or len(alike) >= 3
    return judged


def _fixed_permutation(scores: _Rows, plain: _Rows, plain_fit: Agreement, tolerance: float) -> list[int] | None:
    """The order of the reference's slots that gives the scores of all users of the commonest N, if there is one."""
    lengths = [len(row) for row in scores]
    n = max(set(lengths), key=lengths.count)
    users = [user for user, length in enumerate(lengths) if length == n]
    if len(users) < 3 or n < 3:
        return None
    (rows,) = probability_rows([scores[user] for user in users])
    observed = np.stack(rows)
    predicted = np.stack([letter_probabilities(plain[user] - plain[user].max()) for user in users])
    cost = np.stack([np.abs(observed[:, [j]] - predicted).sum(axis=0) for j in range(n)])
    _, order = linear_sum_assignment(cost)
    apart = float(np.abs(observed - predicted[:, order]).sum(axis=1).mean() / 2.0)
    before = float(plain_fit.apart[users].mean())
    fits = apart <= tolerance < before and apart <= _MUCH_NEARER * before
    return [int(slot) for slot in order] if fits and not np.array_equal(order, np.arange(n)) else None


def _close(scores: FloatArray, logits: FloatArray) -> bool:
    """Whether log-probabilities differ by less than a hundredth of their range, on average."""
    with np.errstate(divide="ignore"):
        s, h = np.log(letter_probabilities(scores)), np.log(letter_probabilities(logits - logits.max()))
    if not (np.isfinite(s).all() and np.isfinite(h).all()):
        return False
    return float(np.abs(s - h).mean()) <= _OF_RANGE * float(np.ptp(h))


def _of_another(scores: FloatArray, plain: _Rows, user: int) -> bool:
    return len(scores) >= 3 and any(
        other != user and len(row) == len(scores) and _close(scores, row) for other, row in enumerate(plain)
    )
