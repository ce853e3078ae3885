"""Faults that the observed scores show by their own shape, beside the logits that they should be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from rerank_guard.checks.comparing.agreement import Agreement, agreement
from rerank_guard.checks.comparing.filled_in import filled_in
from rerank_guard.checks.comparing.probability_rows import letter_probabilities, probability_rows, total_variation
from rerank_guard.core.fault import Fault
from rerank_guard.core.faults.prompts import LETTER_CANDIDATE_MISMATCH
from rerank_guard.core.faults.scoring import POSITION_PRIOR, ROWS_MISALIGNED, SILENT_FALLBACK, TIES_DECIDE
from rerank_guard.core.types import BoolArray, FloatArray

__all__ = ["SAME", "listed_order_tail", "same_for_all", "shape_fault"]

_MOST = 0.8
_SHORTEST_TAIL = 4
_FEWEST_IN_ORDER = 10
SAME = 0.01
"""Total variation up to which the probabilities of two tasks count as the same, where nothing else is asked for."""

_IN_ORDER = 0.02
_OF_RANGE = 0.01
_SEARCHED = 200
_MUCH_NEARER = 0.2

_Rows = Sequence[FloatArray]
_Shape = tuple[Fault, str]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the shapes are looked for in; see `shape_fault`."""

    scores: _Rows
    plain: _Rows
    fit: Agreement
    unmatched: list[int]
    tolerance: float

    def most(self, holds: Callable[[int], bool]) -> bool:
        """Whether something holds for most of the unmatched tasks."""
        return float(np.mean([holds(task) for task in self.unmatched])) >= _MOST

    def in_order(self, task: int) -> bool:
        """Whether the scores are in the order of the forward pass, ties left out."""
        return bool(self.fit.discordant[task] <= _IN_ORDER)


def shape_fault(
    scores: _Rows, plain: _Rows, plain_fit: Agreement, unmatched: BoolArray, tolerance: float
) -> tuple[Fault, str] | None:
    """The first fault whose shape most of the unmatched tasks' scores have, and it in words.

    Args:
        scores: one array (N_u,) a task, without NaN.
        plain: the letters' logits by the forward pass, of the same shapes.
        plain_fit: how they agree.
        unmatched: (U,) the tasks whose scores are not those of the forward pass, at least one.
        tolerance: total variation distance that is put down to rounding.
    """
    seen = _Seen(scores, plain, plain_fit, np.flatnonzero(unmatched).tolist(), tolerance)
    for look in _SHAPES:
        if (shape := look(seen)) is not None:
            return shape
    return None


def _constant(seen: _Seen) -> _Shape | None:
    holds = seen.most(lambda u: bool((seen.scores[u] == seen.scores[u][0]).all()))
    return (SILENT_FALLBACK, "one value for all candidates") if holds else None


def _missing(seen: _Seen) -> _Shape | None:
    holds = seen.most(lambda u: bool(np.isneginf(seen.scores[u]).any()))
    return (SILENT_FALLBACK, "some candidates with a score of -inf, which no logit has") if holds else None


def _several_ties(seen: _Seen) -> _Shape | None:
    holds = seen.most(lambda u: seen.in_order(u) and _tied_groups(seen.scores[u]) > 1)
    return (TIES_DECIDE, _ROUNDED) if holds else None


def _appended(seen: _Seen) -> _Shape | None:
    holds = seen.most(lambda u: _has_appended_tail(seen.scores[u], seen.plain[u]))
    words = "the order of the forward pass for some candidates, the input order for the rest of them"
    return (SILENT_FALLBACK, words) if holds else None


def _one_tie(seen: _Seen) -> _Shape | None:
    holds = seen.most(lambda u: seen.in_order(u) and bool(seen.fit.tied[u] > 0.0))
    return (TIES_DECIDE, _ROUNDED) if holds else None


def _filled_in(seen: _Seen) -> _Shape | None:
    says = filled_in(
        [seen.scores[u] for u in seen.unmatched], [seen.plain[u] for u in seen.unmatched], seen.tolerance
    )
    return None if says is None else (SILENT_FALLBACK, f"{says}, and those of the forward pass for the others")


def _one_permutation(seen: _Seen) -> _Shape | None:
    order = _fixed_permutation(seen)
    if order is None:
        return None
    shown = ", ".join(map(str, order[:8]))
    words = f"the forward pass's positions in the order {shown}{', ...' * (len(order) > 8)}"
    return LETTER_CANDIDATE_MISMATCH, words


def _permuted(seen: _Seen) -> _Shape | None:
    holds = seen.most(lambda u: len(seen.plain[u]) >= 4 and _close(np.sort(seen.scores[u]), np.sort(seen.plain[u])))
    words = "the forward pass's values in another order of the positions, task by task"
    return (LETTER_CANDIDATE_MISMATCH, words) if holds else None


def _input_order(seen: _Seen) -> _Shape | None:
    falls = len(seen.scores) >= _FEWEST_IN_ORDER and all(bool((np.diff(row) < 0.0).all()) for row in seen.scores)
    return (SILENT_FALLBACK, "the input order, for every task") if falls else None


def _one_row(seen: _Seen) -> _Shape | None:
    holds = same_for_all(seen.scores) and not same_for_all(seen.plain)
    return (POSITION_PRIOR, "the same scores for every task, though the forward pass differs") if holds else None


def _row_of_another(seen: _Seen) -> _Shape | None:
    holds = seen.most(lambda u: u < _SEARCHED and _of_another(seen.scores[u], seen.plain[:_SEARCHED], u))
    return (ROWS_MISALIGNED, "the forward pass of another task") if holds else None


_ROUNDED = "those of the forward pass, rounded so coarsely that candidates tie"

_SHAPES: tuple[Callable[[_Seen], _Shape | None], ...] = (
    _constant,
    _missing,
    _several_ties,  # before the next one: coarse rounding too leaves a tail that a stable sort leaves in input order
    _appended,
    _one_tie,
    _filled_in,  # after those that explain equal scores by rounding
    _one_permutation,
    _permuted,
    _input_order,
    _one_row,
    _row_of_another,
)
"""In the order in which they are looked for."""


def listed_order_tail(scores: FloatArray) -> int:
    """How many of the lowest-ranked candidates are in the order of the list, ties broken by position: at least 1."""
    order = np.argsort(-scores, kind="stable")
    falls = np.flatnonzero(np.diff(order) < 0)  # places where a later position precedes an earlier one
    return len(order) - (int(falls[-1]) + 1 if len(falls) else 0)


def same_for_all(rows: _Rows, within: float = SAME) -> bool:
    """Whether the tasks of each N, three or more, have the same probabilities, up to a total variation of `within`."""
    (given,) = probability_rows(rows)
    by_length = [[row for row in given if len(row) == n] for n in {len(row) for row in given}]
    return any(len(alike) >= 3 for alike in by_length) and all(_alike(alike, within) for alike in by_length)


def _alike(rows: _Rows, within: float) -> bool:
    mean = np.mean(rows, axis=0)
    return all(total_variation(row, mean) <= within for row in rows)


def _tied_groups(scores: FloatArray) -> int:
    """How many values come more than once; a fallback that fills in one value makes one such group."""
    _, counts = np.unique(scores, return_counts=True)
    return int((counts > 1).sum())


def _has_appended_tail(scores: FloatArray, plain: FloatArray) -> bool:
    """A long tail in input order that the forward pass has in another, under candidates in the forward pass's order."""
    tail = listed_order_tail(scores)
    if tail < _SHORTEST_TAIL or tail == len(scores):
        return False
    order = np.argsort(-scores, kind="stable")
    kept = order[: len(order) - tail]
    if len(kept) < 2:
        return True
    fit = agreement([scores[kept]], [plain[kept]])
    return bool(fit.discordant[0] <= _IN_ORDER)


def _fixed_permutation(seen: _Seen) -> list[int] | None:
    """The order of the forward pass's positions that gives the scores of all tasks of the commonest N, if there is one."""
    lengths = [len(row) for row in seen.scores]
    n = max(set(lengths), key=lengths.count)
    tasks = [task for task, length in enumerate(lengths) if length == n]
    if len(tasks) < 3 or n < 3:
        return None
    (rows,) = probability_rows([seen.scores[task] for task in tasks])
    observed = np.stack(rows)
    predicted = np.stack([letter_probabilities(row - row.max()) for row in (seen.plain[task] for task in tasks)])
    cost = np.stack([np.abs(observed[:, [j]] - predicted).sum(axis=0) for j in range(n)])
    _, order = linear_sum_assignment(cost)
    apart = float(np.abs(observed - predicted[:, order]).sum(axis=1).mean() / 2.0)
    before = float(seen.fit.apart[tasks].mean())
    fits = apart <= seen.tolerance < before and apart <= _MUCH_NEARER * before
    return [int(position) for position in order] if fits and not np.array_equal(order, np.arange(n)) else None


def _close(scores: FloatArray, logits: FloatArray) -> bool:
    """Whether log-probabilities differ by less than a hundredth of their range, on average."""
    with np.errstate(divide="ignore"):
        s, h = np.log(letter_probabilities(scores)), np.log(letter_probabilities(logits - logits.max()))
    if not (np.isfinite(s).all() and np.isfinite(h).all()):
        return False
    return float(np.abs(s - h).mean()) <= _OF_RANGE * float(np.ptp(h))


def _of_another(scores: FloatArray, plain: _Rows, task: int) -> bool:
    return len(scores) >= 3 and any(
        other != task and len(row) == len(scores) and _close(scores, row) for other, row in enumerate(plain)
    )
