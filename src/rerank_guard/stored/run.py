"""A reference run: one that was stored to compare later runs with."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rerank_guard.core.conditions import RunConditions
from rerank_guard.core.errors import StoredRunError
from rerank_guard.core.throughput import Throughput
from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.stored.fingerprint import DATA_PARTS, data_part_fingerprints, mapping_fingerprint
from rerank_guard.stored.standing import Standings, standings_of

__all__ = ["StoredRun", "stored_run_of"]

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, eq=False)
class StoredRun:
    """One run: which reranker, on what data, under which conditions, and how each user's target item was ranked.

    Attributes:
        target: name of the reranker; shown, not compared.
        created: ISO date, or date and time; shown, not compared.
        seed: of the run; shown, not compared.
        versions: package name to version; shown, not compared.
        data_parts: SHA-256 of each of `fingerprint.DATA_PARTS`.
        conditions: what the reranker declared; None when it declares nothing, and only data can be compared.
        standings: the targets' ranking, user by user; N and the number of users come from here.
        throughput: timings of scoring; None where none were taken.

    Raises:
        StoredRunError: a field of another type, an impossible date, or a hash that is not a SHA-256.
    """

    target: str
    created: str
    seed: int
    versions: Mapping[str, str]
    data_parts: Mapping[str, str]
    conditions: RunConditions | None
    standings: Standings
    throughput: Throughput | None = None

    def __post_init__(self) -> None:
        _require_text(self.target, "target")
        _require_date(self.created)
        _require_seed(self.seed)
        for name, version in self.versions.items():
            _require_text(version, f"versions[{name!r}]")
        if set(self.data_parts) != set(DATA_PARTS):
            raise StoredRunError(f"data_parts has the keys {sorted(self.data_parts)}; give {sorted(DATA_PARTS)}.")
        for part, digest in self.data_parts.items():
            _require_sha256(digest, f"data_parts[{part!r}]")
        throughput: object = self.throughput
        if throughput is not None and not isinstance(throughput, Throughput):
            raise StoredRunError(f"throughput is {throughput!r:.200}; give what measure_throughput gave, or None.")
        object.__setattr__(self, "versions", dict(self.versions))
        object.__setattr__(self, "data_parts", {part: self.data_parts[part] for part in DATA_PARTS})

    @property
    def data_hash(self) -> str:
        """The fingerprint of all data, as `data_fingerprint` of the tasks gives it."""
        return mapping_fingerprint(self.data_parts)


def stored_run_of(
    scores: Sequence[FloatArray],
    tasks: Sequence[RankingTask],
    *,
    target: str,
    created: str,
    seed: int,
    versions: Mapping[str, str],
    conditions: RunConditions | None,
    throughput: Throughput | None = None,
) -> StoredRun:
    """The run that gave `scores`, ready to be stored.

    Args:
        scores: one array (N_u,) a task, higher is better.
        tasks: the tasks, in the same order, each with a query_id of its own.
        target: name of the reranker.
        created: ISO date; passed in, so that nothing here reads a clock.
        seed: of the run.
        versions: package name to version.
        conditions: what the reranker declares, None when it declares nothing.
        throughput: timings of scoring, None where none were taken.

    Raises:
        InvalidScoresError, InvalidTaskError: malformed scores; no tasks, or a query_id that appears twice.
        StoredRunError: another argument of the wrong kind.
    """
    return StoredRun(
        target=target,
        created=created,
        seed=seed,
        versions=versions,
        data_parts=data_part_fingerprints(tasks),
        conditions=conditions,
        standings=standings_of(scores, tasks),
        throughput=throughput,
    )


def _require_date(created: object) -> None:
    try:
        if not isinstance(created, str):
            raise ValueError("not text")
        datetime.fromisoformat(created)
    except ValueError as error:
        raise StoredRunError(
            f"created is {created!r:.200} ({error}); give an ISO date such as 2026-01-31."
        ) from error


def _require_text(value: object, name: str) -> None:
    if not isinstance(value, str):
        raise StoredRunError(f"{name} is {value!r:.200}, which is not text; give it as str.")


def _require_seed(seed: object) -> None:
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise StoredRunError(f"seed is {seed!r:.200}; give a whole number from 0 on.")


def _require_sha256(digest: object, name: str) -> None:
    if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
        raise StoredRunError(f"{name} is {digest!r:.200}; give a SHA-256 of 64 hex digits.")
