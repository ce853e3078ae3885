"""How each user's target item is ranked: enough for the expected hit at any K, and small enough to store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rerank_guard.core.errors import InvalidTaskError, StoredRunError
from rerank_guard.core.listed import target_listing
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import BoolArray, FloatArray, IntArray, RankingTask
from rerank_guard.metrics import as_score_rows, target_standing
from rerank_guard.stored.fingerprint import require_unique_queries

__all__ = ["Standings", "standings_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Standings:
    """How the targets are ranked, in columns over U users.

    Attributes:
        query_ids: U names, each once.
        n_candidates: (U,) int64, N of each user, at least 2.
        above: (U,) int64, candidates with a score strictly above the target's; -1 where the target is not listed.
        tied: (U,) int64, candidates at the target's score, itself included; 0 where the target is not listed.

    Raises:
        StoredRunError: no users, columns of different lengths, a query_id that appears twice, or counts that no
            ranking has.
    """

    query_ids: tuple[str, ...]
    n_candidates: IntArray
    above: IntArray
    tied: IntArray

    def __post_init__(self) -> None:
        users = len(self.query_ids)
        for name in ("n_candidates", "above", "tied"):
            shape = getattr(self, name).shape
            if shape != (users,):
                raise StoredRunError(f"{name} has shape {shape} for {users} query_ids; give one value a user.")
        if users == 0:
            raise StoredRunError("there are no users; a run needs at least one.")
        if len(set(self.query_ids)) < users:
            seen: set[str] = set()
            twice = next(name for name in self.query_ids if name in seen or seen.add(name))  # type: ignore[func-returns-value]
            raise StoredRunError(
                f"query_id {twice!r} appears twice; runs are paired by it, so give each user its own."
            )
        missing = (self.above == -1) & (self.tied == 0)
        placed = (self.above >= 0) & (self.tied >= 1) & (self.above + self.tied <= self.n_candidates)
        wrong = ~((missing | placed) & (self.n_candidates >= 2))
        if bool(wrong.any()):
            row = int(np.flatnonzero(wrong)[0])
            raise StoredRunError(
                f"query_id {self.query_ids[row]!r} has {self.above[row]} candidates above and {self.tied[row]} at the "
                f"target's score, of {self.n_candidates[row]}; no ranking of 2 or more candidates has such counts."
            )

    @property
    def listed(self) -> BoolArray:
        """(U,) True where the target is among the candidates."""
        return self.above >= 0

    def hits_at(self, k: int) -> FloatArray:
        """(U,) probability that the target is in the top k, ties broken at random; 0 where it is not listed.

        clip((k - above) / tied, 0, 1), see `metrics`; k from 1 on.
        """
        share = np.clip((k - self.above) / np.maximum(self.tied, 1), 0.0, 1.0)
        return np.where(self.listed, share, 0.0)

    def ranks(self) -> FloatArray:
        """(U,) expected 1-based rank, ties broken at random; N + 1 where the target is not listed."""
        return np.where(self.listed, self.above + (self.tied + 1) / 2.0, self.n_candidates + 1.0)

    def taken(self, rows: IntArray) -> Standings:
        """The users in `rows` only, in that order."""
        return Standings(
            tuple(self.query_ids[row] for row in rows), self.n_candidates[rows], self.above[rows], self.tied[rows]
        )


def standings_of(scores: Sequence[FloatArray], tasks: Sequence[RankingTask]) -> Standings:
    """How each task's `target_id` is ranked by these scores.

    Args:
        scores: one array (N_u,) a task, higher is better.
        tasks: the tasks, in the same order, each with a query_id of its own.

    Raises:
        InvalidScoresError: malformed scores.
        InvalidTaskError: no tasks, or a query_id that appears twice.
    """
    if len(tasks) == 0:
        raise InvalidTaskError("there are no tasks to judge on; give at least one user with candidates.")
    query_ids = require_unique_queries(tasks)
    table = TaskTable.of(tasks)
    rows = as_score_rows(scores, table.n_candidates.tolist())
    # by target_id and never by target_index, which may be what is broken
    position = target_listing(table).position
    standing = target_standing(rows, position, present=position >= 0)
    return Standings(
        query_ids=tuple(query_ids),
        n_candidates=standing.n_candidates,
        above=np.where(standing.present, standing.above, -1),
        tied=standing.tied,
    )
