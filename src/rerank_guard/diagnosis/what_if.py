"""What if the scores were read otherwise? Arithmetic on the scores at hand, with the errors of trying many accounted for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from rerank_guard.baselines import chance_recall_at_k
from rerank_guard.checks._settings import require_tasks, true_positions
from rerank_guard.core.diagnosis import Probe
from rerank_guard.core.setting import require_level
from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.metrics import as_score_rows, expected_hit_at_k
from rerank_guard.stats.bets import log_e_value_above

__all__ = ["LEAST_GAIN", "what_if_probes"]

LEAST_GAIN = 0.1
"""Least gain of Recall@K over the scores as they are."""

_NEAR = 2
"""A list rotated by at most this many positions is an offset of the label rather than another order of the candidates."""

_PEER = 3
"""How many users further on a peer is: a row moved by one user must not be there."""

_Rows = list[FloatArray]


@dataclass(frozen=True, slots=True)
class _Hypothesis:
    """One way in which scores may have been misread, undone by `undo`."""

    name: str
    fault: str
    undo: Callable[[_Rows], _Rows]
    positions: tuple[int | None, ...] | None = None


def what_if_probes(
    scores: Sequence[FloatArray], tasks: Sequence[RankingTask], k: int, *, alpha: float = 1e-6
) -> list[Probe]:
    """Ways to read the scores under which a ranking appears that was not there.

    Tried are: the sign flipped (reversed); each user ranked by the next or the previous user's row (rows-misaligned); the
    target taken at target_index instead of where target_id is, and rows moved by one or two positions (label-offset); the
    list turned by any other number of positions, or read backwards (letter-candidate-mismatch).

    A probe speaks where its ranking beats three things: chance, the ranking as it is (by at least `LEAST_GAIN`), and the same
    reading of another user's row, of the same N. The last one keeps a position preference from speaking: moved onto the positions where the targets
    are most often, it is better than chance, but no better than any other user's row moved there. Each of the three is an
    e-value of (number of readings tried)/alpha, so any of them speaks of a ranking without such a signal with probability
    alpha at most (a bet on a bounded mean, `stats.bets`; Bonferroni).

    Args:
        scores: one float64 array (N_u,) a task, higher is better.
        tasks: the tasks, in the same order.
        k: cutoff, at least 1.
        alpha: chance of any false word.

    Returns:
        The probes that spoke, the best ranking first; of equal rankings the simpler reading.

    Raises:
        InvalidTaskError: no tasks.
        InvalidScoresError: scores of another number or length than the candidates, or not finite.
        RerankGuardError: alpha out of range.
    """
    require_level("alpha", alpha)
    require_tasks(tasks)
    rows = list(as_score_rows(scores, [task.n_candidates for task in tasks]))
    positions = true_positions(tasks)
    as_is = expected_hit_at_k(rows, positions, k)
    chance = np.array([chance_recall_at_k(len(row), k) for row in rows])
    tried = list(_hypotheses(tasks, positions))
    needed = math.log(len(tried) / alpha)
    probes = []
    for hypothesis in tried:
        read_at = positions if hypothesis.positions is None else list(hypothesis.positions)
        hits = expected_hit_at_k(hypothesis.undo(rows), read_at, k)
        recall, recall_as_is = float(hits.mean()), float(as_is.mean())
        if recall < recall_as_is + LEAST_GAIN or recall <= float(chance.mean()):
            continue
        others = expected_hit_at_k(hypothesis.undo(_peers(rows)), read_at, k)
        log_e = min(
            log_e_value_above(hits, chance),
            log_e_value_above((hits - as_is + 1.0) / 2.0, 0.5),
            log_e_value_above((hits - others + 1.0) / 2.0, 0.5),
        )
        if log_e >= needed:
            says = f"With {hypothesis.name} Recall@{k} is {recall:.3f} instead of {recall_as_is:.3f}."
            probes.append(Probe(hypothesis.name, hypothesis.fault, says, log_e, recall, recall_as_is))
    return sorted(probes, key=lambda probe: -probe.recall)  # stable: what was tried first is the simpler reading


def _hypotheses(tasks: Sequence[RankingTask], positions: Sequence[int | None]) -> Iterator[_Hypothesis]:
    """The simplest first."""
    yield _Hypothesis("every score's sign flipped", "reversed", lambda rows: [-row for row in rows])
    for step, whose in ((1, "next"), (-1, "previous")):
        yield _Hypothesis(
            f"each user ranked by the {whose} user's scores",
            "rows-misaligned",
            partial(_neighbours, step=step),
        )
    declared = tuple(_inside(task) for task in tasks)
    if list(declared) != list(positions):
        yield _Hypothesis("the target taken at target_index", "label-offset", lambda rows: rows, declared)
    longest = max(task.n_candidates for task in tasks)
    steps = [step for turn in range(1, longest // 2 + 1) for step in (turn, -turn)]
    for step in steps[: longest - 1]:  # half a turn forward and back is the same
        near = abs(step) <= _NEAR
        yield _Hypothesis(
            f"the scores of each list moved by {step:+d} position{'' if abs(step) == 1 else 's'}",
            "label-offset" if near else "letter-candidate-mismatch",
            partial(_turned, step=step),
        )
    yield _Hypothesis(
        "the scores of each list read backwards",
        "letter-candidate-mismatch",
        lambda rows: [row[::-1] for row in rows],
    )


def _turned(rows: _Rows, step: int) -> _Rows:
    return [np.roll(row, step) for row in rows]


def _inside(task: RankingTask) -> int | None:
    """target_index where it names a position."""
    index = task.target_index
    return int(index) if index is not None and 0 <= index < task.n_candidates else None


def _neighbours(rows: _Rows, step: int) -> _Rows:
    """Each user's row replaced by that of the user `step` places on, in a ring; its own where N differs."""
    moved = [rows[(index + step) % len(rows)] for index in range(len(rows))]
    return [there if len(there) == len(here) else here for here, there in zip(rows, moved, strict=True)]


def _peers(rows: _Rows) -> _Rows:
    """Each user's row replaced by that of a user of the same N further on, in a ring; its own where it is the only one."""
    by_length: dict[int, list[int]] = {}
    for index, row in enumerate(rows):
        by_length.setdefault(len(row), []).append(index)
    peers = list(rows)
    for members in by_length.values():
        for place, index in enumerate(members):
            peers[index] = rows[members[(place + _PEER) % len(members)]]
    return peers
